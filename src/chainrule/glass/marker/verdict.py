"""What the marker says: right or wrong for each tensor, which mistake, where, why."""

from __future__ import annotations

import textwrap
from typing import Any

from chainrule.frozen import frozen

__all__ = ["Finding", "TensorMark", "Verdict"]


@frozen
class TensorMark:
    """One tensor of the learner's."""

    name: str
    status: str
    """right, wrong, shape or missing."""
    difference: float
    """Largest difference, relative to the largest right number; of the worst point."""
    shape: tuple[int, ...] = ()
    expected: tuple[int, ...] = ()


@frozen
class Finding:
    """One mistake, with its evidence."""

    kind: str
    """Name of the kind; "" for a verdict of place only."""
    place: str
    says: str
    teaches: str
    wrong: str = ""
    right: str = ""
    before: float | None = None
    """Largest relative difference from the right numbers."""
    after: float | None = None
    """The same from the numbers that this mistake (with the others found) predicts."""
    also: tuple[str, ...] = ()
    """Other kinds that predict the same numbers on this data."""
    certain: bool = True
    """False where it explains a part of the numbers only."""

    @property
    def sentence(self) -> str:
        """Where and what, in one sentence."""
        return f"{self.place}: {self.says}." if self.place else f"{self.says}."

    def document(self) -> dict[str, Any]:
        """Return the finding as JSON values."""
        numbers = {"before": _number(self.before), "after": _number(self.after)}
        return {
            "kind": self.kind or None,
            "place": self.place,
            "says": self.says,
            "teaches": self.teaches,
            "wrong": self.wrong,
            "right": self.right,
            **numbers,
            "also": list(self.also),
            "certain": self.certain,
        }


@frozen
class Verdict:
    """The mark: true in a condition if everything is right. `print` shows it in full.

    Example
    -------
    >>> from chainrule.glass.marker import mark
    >>> class right:
    ...     def forward(params, X):
    ...         return X @ params["W1"] + params["b1"]
    ...
    ...     def backward(params, X, y):
    ...         error = (X @ params["W1"] + params["b1"] - y) / len(X)
    ...         return {"dW1": X.T @ error, "db1": error.sum(axis=0)}
    >>> bool(mark(right.__dict__, (3, 2), loss="mse"))
    True
    """

    right: bool
    tensors: tuple[TensorMark, ...]
    findings: tuple[Finding, ...]
    convention: str
    layout: str
    notes: tuple[str, ...] = ()
    exercise: str = ""

    def __bool__(self) -> bool:
        return self.right

    @property
    def kinds(self) -> tuple[str, ...]:
        """Names of the kinds that were found."""
        return tuple(finding.kind for finding in self.findings if finding.kind)

    def to_dict(self) -> dict[str, Any]:
        """Return JSON numbers, strings, lists and dictionaries."""
        return {
            "right": self.right,
            "exercise": self.exercise,
            "layout": self.layout,
            "convention": self.convention,
            "tensors": [
                {
                    "name": tensor.name,
                    "status": tensor.status,
                    "difference": _number(tensor.difference),
                    "shape": list(tensor.shape),
                    "expected": list(tensor.expected),
                }
                for tensor in self.tensors
            ],
            "findings": [finding.document() for finding in self.findings],
            "notes": list(self.notes),
        }

    def __str__(self) -> str:
        lines = ["right" if self.right else "not right yet"]
        lines += [f"  read as: {text}" for text in (self.layout, self.convention) if text]
        for tensor in self.tensors:
            shape = (
                "" if tensor.status != "shape" else f" {tensor.shape}, expected {tensor.expected}"
            )
            size = (
                "" if tensor.status in ("missing", "shape") else f"  off by {tensor.difference:.1e}"
            )
            lines.append(f"  {tensor.name:<5} {tensor.status}{shape}{size}")
        for finding in self.findings:
            lines += ["", *textwrap.wrap(finding.sentence, 96)]
            if finding.wrong:
                lines += [f"  instead of   {finding.right}", f"  it computes  {finding.wrong}"]
            lines += textwrap.wrap(finding.teaches, 96, initial_indent="  ", subsequent_indent="  ")
            if finding.before is not None and finding.after is not None:
                size = f"off by {finding.before:.1e}; by {finding.after:.1e}"
                lines.append(f"  evidence: {size} from what this mistake predicts")
            if finding.also:
                lines.append(f"  these numbers would also come from: {', '.join(finding.also)}")
        lines += [f"  note: {note}" for note in self.notes]
        return "\n".join(lines)


def _number(value: float | None) -> float | None:
    """Return a number that JSON knows."""
    return value if value is not None and value == value and abs(value) != float("inf") else None
