"""What a trace is made of: records with a formula that can be run, and the sum behind one number.

Decisions
---------
a) A record holds its formula twice: in LaTeX for reading, and as a NumPy expression over the
   records named in `parents`. Running the expression gives `value`; `Trace.check` does so for all.
b) In expressions a record's dots are underscores: `dense_1.dW` is the variable `dense_1_dW`.
c) Values are read-only float64 arrays, so a page, a test and a person see the same numbers.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.frozen import frozen

__all__ = ["ROLES", "Check", "Explanation", "Record", "Term", "json_values", "variable"]

ROLES = (
    "input",
    "parameter",
    "forward",
    "loss",
    "backward",
    "penalty",
    "clipping",
    "optimizer",
    "update",
    "after",
)
"""What a record is for, in the order of a training step."""


def variable(name: str) -> str:
    """Return the variable that stands for a record in expressions: dots become underscores.

    Example
    -------
    >>> from chainrule.glass.trace.record import variable
    >>> variable("dense_1.W.after")
    'dense_1_W_after'
    """
    return "".join(letter if letter.isalnum() else "_" for letter in name)


def json_values(array: np.ndarray) -> Any:
    """Return nested lists of numbers; numbers that are not finite become strings, as in JSON.

    Example
    -------
    >>> import numpy as np
    >>> from chainrule.glass.trace.record import json_values
    >>> json_values(np.array([1.5, np.inf]))
    [1.5, 'inf']
    """
    if array.ndim:
        return [json_values(part) for part in array]
    number = float(array)
    return number if np.isfinite(number) else str(number)


@frozen
class Check:
    """An independent check of a gradient: the derivative of the reported objective.

    `error` is the largest relative difference, ||g - g*|| / (||g|| + ||g*||).
    """

    method: str
    """"complex step" or "central difference"."""
    error: float
    passed: bool
    corners: tuple[str, ...] = ()
    """Corners (ReLU at exactly 0) at which only one side could be compared."""

    @property
    def value(self) -> float:
        """The largest relative difference."""
        return self.error

    def to_document(self) -> dict[str, Any]:
        """Return JSON values."""
        return {
            "method": self.method,
            "error": float(self.error),
            "passed": bool(self.passed),
            "corners": list(self.corners),
        }


@frozen
class Record:
    """One tensor of a training step, with its formula, its parents and its numbers."""

    name: str
    """`X`, `dense_1.dW`, `dense_1.W.mean`, `dense_1.W.after`, `loss.J`, ..."""
    role: str
    """One of `ROLES`."""
    layer: str
    """The layer that it belongs to, "" where there is none."""
    shape: tuple[int, ...]
    symbolic: str
    """The shape in symbols: `(N x d_1)`; "" for a single number."""
    latex: str
    """The formula for reading."""
    code: str
    """The formula in NumPy over the parents' variables; "" for what is given, not computed."""
    parents: tuple[str, ...]
    value: np.ndarray
    dimension: str = ""
    """For products: the dimensions in symbols, then in numbers."""
    note: str = ""
    """One sentence that teaches, "" where there is nothing to say."""
    flags: tuple[str, ...] = ()
    """"kink", "dropout mask", "long-hand", "stable form", "line search", ..."""
    check: Check | None = None

    @property
    def norm(self) -> float:
        """The Euclidean norm of all entries."""
        largest = float(np.max(np.abs(self.value))) if self.value.size else 0.0
        if largest == 0.0 or not np.isfinite(largest):
            return largest
        return largest * float(np.sqrt(np.sum((self.value / largest) ** 2)))

    @property
    def minimum(self) -> float:
        """The smallest entry."""
        return float(np.min(self.value)) if self.value.size else 0.0

    @property
    def maximum(self) -> float:
        """The largest entry."""
        return float(np.max(self.value)) if self.value.size else 0.0

    @property
    def zero_share(self) -> float:
        """The share of entries that are exactly zero."""
        return float(np.mean(self.value == 0.0)) if self.value.size else 0.0

    def to_document(self) -> dict[str, Any]:
        """Return JSON values; everything but the array's type."""
        return {
            "name": self.name,
            "role": self.role,
            "layer": self.layer,
            "shape": list(self.shape),
            "symbolic": self.symbolic,
            "latex": self.latex,
            "code": self.code,
            "variable": variable(self.name),
            "parents": list(self.parents),
            "value": json_values(self.value),
            "norm": json_values(np.asarray(self.norm)),
            "minimum": json_values(np.asarray(self.minimum)),
            "maximum": json_values(np.asarray(self.maximum)),
            "zero_share": self.zero_share,
            "dimension": self.dimension,
            "note": self.note,
            "flags": list(self.flags),
            "check": None if self.check is None else self.check.to_document(),
        }


@frozen
class Term:
    """One term of a sum: its text with numbers, the parents' numbers in it, and what it gives."""

    text: str
    factors: tuple[tuple[str, float], ...]
    """Path and value of each number of a parent: `("X[3, 0]", 0.5)`."""
    product: float


@frozen
class Explanation:
    """Where one number comes from: the terms whose sum it is."""

    path: str
    """`dense_1.dW[0, 1]`."""
    index: tuple[int, ...]
    value: float
    latex: str
    terms: tuple[Term, ...]
    total: float
    """The sum of the terms, equal to `value` but for rounding."""

    def to_document(self) -> dict[str, Any]:
        """Return JSON values."""
        return {
            "path": self.path,
            "index": list(self.index),
            "value": self.value,
            "latex": self.latex,
            "terms": [
                {
                    "text": term.text,
                    "factors": [[path, number] for path, number in term.factors],
                    "product": term.product,
                }
                for term in self.terms
            ],
            "total": self.total,
        }

    def __str__(self) -> str:
        lines = [f"{self.path} = {self.value:.9g}"]
        for sign, term in zip(("= ", *["+ "] * len(self.terms)), self.terms, strict=False):
            lines.append(f"  {sign}{term.text} = {term.product + 0.0:.9g}")  # no -0
        return "\n".join(lines)
