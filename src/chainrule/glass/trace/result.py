"""The trace of one training step: its records, the proof of each, and its outputs."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import field, replace
from fnmatch import fnmatchcase
from typing import Any

import numpy as np

from chainrule.checks import Boolean, Integer, OneOf, check_parameters, shown
from chainrule.errors import InvalidParameterError, UnknownNameError
from chainrule.files import atomic_write
from chainrule.frozen import frozen
from chainrule.glass.trace.error_signals import ErrorSignals, error_signals
from chainrule.glass.trace.explain import explain
from chainrule.glass.trace.jacobian import jacobian
from chainrule.glass.trace.record import ROLES, Explanation, Record, variable
from chainrule.glass.trace.space import relative_error, run, size_of_terms
from chainrule.nn.layer import Layer
from chainrule.registry import Record as RecordOfLibrary
from chainrule.registry import suggest, to_document

__all__ = ["FORMAT", "TOLERANCE", "Proof", "Settings", "Trace", "described"]

TOLERANCE = 1e-12
"""Largest relative difference between a formula, run on its parents' values, and its value."""
FORMAT = "chainrule-trace/1"


@frozen
class Settings:
    """How a step was traced."""

    convention: str = "rows"
    reduction: str = "mean"
    digits: int = 6
    seed: int = 0

    def to_document(self) -> dict[str, Any]:
        """Return JSON values."""
        return {
            "convention": self.convention,
            "reduction": self.reduction,
            "digits": self.digits,
            "seed": self.seed,
        }


@frozen
class Proof:
    """What `Trace.check` found; true in a condition if everything holds."""

    formulas: int
    """Formulas that were run."""
    worst: float
    """Largest relative difference of a formula."""
    where: str
    """The record with it."""
    mismatches: tuple[str, ...]
    """Records whose formula does not give their value."""
    gradients: int
    """Gradients with an independent check."""
    failed_gradients: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether every formula gives its value, and every gradient agrees with its check."""
        return not self.mismatches and not self.failed_gradients

    def __bool__(self) -> bool:
        return self.passed

    def __str__(self) -> str:
        said = f"{self.formulas} formulas run, worst error {self.worst:.1e} in {self.where}; "
        said += f"{self.gradients} gradients beside an independent derivative"
        wrong = (*self.mismatches, *self.failed_gradients)
        return f"trace {'does not hold: ' + ', '.join(wrong) + ';' if wrong else 'holds:'} {said}"

    def to_document(self) -> dict[str, Any]:
        """Return JSON values."""
        return {
            "passed": self.passed,
            "formulas": self.formulas,
            "worst": self.worst,
            "where": self.where,
            "mismatches": list(self.mismatches),
            "gradients": self.gradients,
            "failed_gradients": list(self.failed_gradients),
        }


@frozen
class Trace:
    """One training step as an ordered list of records. Make it with `chainrule.trace`.

    `trace["dense_1.dW"]` is a record, iterating gives all in order. Formulas run on the values of
    the records that they name, where dots are underscores: `dense_1.dW` is `dense_1_dW`.
    """

    records: tuple[Record, ...]
    network: Layer
    summary: Mapping[str, Any]
    """Loss, optimizer, penalties, clippings, rows, parameters of the plan."""
    loss_before: float
    loss_after: float
    settings: Settings
    title: str = ""
    symbols: Mapping[str, str] = field(default_factory=dict, repr=False)
    """The LaTeX symbol of each record."""
    whole: tuple[Record, ...] = field(default=(), repr=False)
    """All records of the step, where `records` are those chosen to be shown (`only`)."""
    places: Mapping[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not self.whole:
            object.__setattr__(self, "whole", self.records)
        places = {record.name: place for place, record in enumerate(self.whole)}
        object.__setattr__(self, "places", places)

    def only(self, *patterns: str) -> Trace:
        """Return the trace with the records shown whose names match; all are still known to it.

        Parameters
        ----------
        *patterns : str
            Names with `*` and `?`: `"dense_1.*"`, `"*.dW"`. A role, `"backward"`, means all of it.

        Raises
        ------
        UnknownNameError
            A pattern matches nothing.

        Example
        -------
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> step = cr.trace(nn.Dense(1), [[1.0, 2.0]], [1.0], loss="squared_error")
        >>> step.only("X", "*.d?").names
        ('X', 'dense_1.dZ', 'dense_1.db', 'dense_1.dW')
        """
        chosen: set[str] = set()
        for pattern in patterns:
            found = {
                record.name
                for record in self.whole
                if isinstance(pattern, str)  # pyright: ignore[reportUnnecessaryIsInstance]
                and (fnmatchcase(record.name, pattern) or record.role == pattern)
            }
            if not found:
                raise UnknownNameError(
                    "the trace has no record of that name",
                    expected="names with * and ?, or a role: " + ", ".join(ROLES),
                    got=shown(pattern),
                    do=suggest(pattern, self.places) or f"there are {self.listed()}",
                )
            chosen |= found
        return replace(self, records=tuple(r for r in self.whole if r.name in chosen))

    def __getitem__(self, name: str) -> Record:
        known = isinstance(name, str)  # pyright: ignore[reportUnnecessaryIsInstance]
        place = self.places.get(name) if known else None
        if place is None:
            raise UnknownNameError(
                f"the trace has no record {shown(name)}",
                expected=f"one of its {len(self.whole)} names, such as X or objective",
                got=shown(name),
                do=suggest(name, self.places) or f"there are {self.listed()}",
            )
        return self.whole[place]

    def __contains__(self, name: object) -> bool:
        return name in self.places

    def __iter__(self) -> Iterator[Record]:
        return iter(self.records)

    def __len__(self) -> int:
        return len(self.records)

    def __repr__(self) -> str:
        name = f" {self.title!r}" if self.title else ""
        return (
            f"<Trace{name} of {len(self.records)} records, "
            f"loss {self.loss_before:.6g} -> {self.loss_after:.6g}>"
        )

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the records in order."""
        return tuple(record.name for record in self.records)

    def listed(self, most: int = 24) -> str:
        """Return the names of all records in one line for a message, the first `most` of them."""
        names = [record.name for record in self.whole]
        more = f", ... and {len(names) - most} more: trace.names" if len(names) > most else ""
        return ", ".join(names[:most]) + more

    def of_role(self, role: str) -> tuple[Record, ...]:
        """Return the records of one role, in order; a word that is no role is refused."""
        check_parameters({"role": OneOf(ROLES)}, {"role": role}, str)
        return tuple(record for record in self.records if record.role == role)

    def variables(self) -> dict[str, np.ndarray]:
        """Return the values by variable, as formulas read them."""
        return {variable(record.name): record.value for record in self.whole}

    def check(self) -> Proof:
        """Run every formula on its parents' values, and look at every gradient's own check."""
        variables = self.variables()
        worst, where, count = 0.0, "", 0
        wrong: list[str] = []
        for record in self.whole:
            if not record.code:
                continue
            count += 1
            error = _error(
                record, {variable(name): variables[variable(name)] for name in record.parents}
            )
            if error > worst:
                worst, where = error, record.name
            if not error <= TOLERANCE:
                wrong.append(record.name)
        checked = [record for record in self.whole if record.check is not None]
        failed = [
            record.name
            for record in checked
            if record.check is not None and not record.check.passed
        ]
        return Proof(count, worst, where, tuple(wrong), len(checked), tuple(failed))

    def explain(self, path: str) -> Explanation:
        """Return where one number comes from: `step.explain("dense_1.dW[0, 1]")`.

        Raises
        ------
        UnknownNameError, UsageError
            There is no such record, or no such entry in it.
        """
        return explain(self, path)

    def jacobian(self, of: str, to: str) -> np.ndarray:
        r"""Return :math:`\partial\,\text{of} / \partial\,\text{to}`, shape of `of` then of `to`.

        Exact to rounding: a complex step through the printed formulas.

        Raises
        ------
        UsageError
            `of` does not depend on `to`, or the two are too large to write out.
        """
        return jacobian(self, of, to)

    def error_signals(self) -> ErrorSignals:
        """Return the view of a sigmoid network as errors `Err_j` and weight changes `l Err_j O_i`.

        Raises
        ------
        UsageError
            The network is no chain of dense sigmoid layers.
        """
        return error_signals(self)

    def to_document(self) -> dict[str, Any]:
        """Return JSON values; nothing is lost but the arrays' type."""
        return {
            "format": FORMAT,
            "title": self.title,
            "network": described(self.network),
            "summary": dict(self.summary),
            "settings": self.settings.to_document(),
            "loss_before": self.loss_before,
            "loss_after": self.loss_after,
            "proof": self.check().to_document(),
            "symbols": dict(self.symbols),
            "records": [record.to_document() for record in self.records],
        }

    def to_json(self, indent: int | None = None) -> str:
        """Return the document as JSON text."""
        return json.dumps(self.to_document(), indent=indent, allow_nan=False)

    # Views: built elsewhere, from this object alone.

    def to_html(self, path: str | os.PathLike[str] | None = None) -> str:
        """Return one self-contained page, and write it to `path` if one is given."""
        from chainrule.glass.views import html

        text = html.page(self)
        if path is not None:
            atomic_write(path, text.encode(), overwrite=True)
        return text

    def to_markdown(self) -> str:
        """Return the hand-out as Markdown."""
        from chainrule.glass.views import markdown

        return markdown.text(self)

    def to_latex(self) -> str:
        """Return the hand-out as a LaTeX document."""
        from chainrule.glass.views import latex

        return latex.text(self)

    def to_worksheet(self, answers: bool = False) -> str:
        """Return a worksheet with blanks, or its answer key."""
        from chainrule.glass.views import worksheet

        check_parameters({"answers": Boolean()}, {"answers": answers}, str)
        return worksheet.text(self, answers)

    def to_text(self, width: int = 100) -> str:
        """Return the step for a terminal."""
        from chainrule.glass.views import terminal

        check_parameters({"width": Integer(1)}, {"width": width}, str)
        return terminal.text(self, width)

    def to_svg(self) -> str:
        """Return a picture of the network with shapes and parameter counts."""
        from chainrule.glass.views import picture

        return picture.svg(self)

    def _repr_html_(self) -> str:
        from chainrule.glass.views import html

        return html.fragment(self)  # a whole page would spill its styles over the notebook

    def __str__(self) -> str:
        return self.to_text()


def described(record: RecordOfLibrary) -> dict[str, Any]:
    """Return the document of a record; of one that is in no registry, its kind of name alone."""
    try:
        return to_document(record)
    except InvalidParameterError:
        return {"record": f"?/{record.name or type(record).__name__}", "shown": repr(record)}


def _error(record: Record, parents: dict[str, np.ndarray]) -> float:
    found = run(record.code, parents)
    error = relative_error(found, record.value)
    if error <= TOLERANCE:
        return error
    return relative_error(found, record.value, size_of_terms(record.code, parents))
