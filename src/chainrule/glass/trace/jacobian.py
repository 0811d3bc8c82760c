r"""Jacobians between records: a complex step through the printed formulas.

:math:`f(x + i h) = f(x) + i h f'(x) + O(h^2)`: with h = 1e-30 nothing is rounded away, so the
matrix is exact, and it is the derivative of the very formulas that the trace prints.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from chainrule.errors import UsageError
from chainrule.glass.complex_step import COMPLEX_STEP
from chainrule.glass.trace.record import Record, variable
from chainrule.glass.trace.space import run

if TYPE_CHECKING:
    from chainrule.glass.trace.result import Trace

__all__ = ["LIMIT", "jacobian", "path_between"]

LIMIT = 250_000
"""The most entries of a Jacobian that is written out."""


def path_between(trace: Trace, of: str, to: str) -> list[Record]:
    """Return the records that `of` is computed by from `to`, in order, `of` last."""
    depends = {to}
    between: list[Record] = []
    for record in trace.whole:
        if record.name != to and depends.intersection(record.parents):
            depends.add(record.name)
            between.append(record)
    if of not in depends:
        raise UsageError(
            f"{of} does not depend on {to}",
            where="jacobian",
            expected="a record and another that it is computed from",
            do=f"swap them: jacobian({to!r}, {of!r})" if _later(trace, to, of) else "",
        )
    needed = {of}
    chosen: list[Record] = []
    for record in reversed(between):
        if record.name in needed:
            chosen.append(record)
            needed.update(record.parents)
    return chosen[::-1]


def _later(trace: Trace, one: str, two: str) -> bool:
    return trace.places[one] > trace.places[two]


def jacobian(trace: Trace, of: str, to: str) -> np.ndarray:
    """Return the derivative of each entry of one record by each entry of another."""
    target, source = trace[of], trace[to]
    size = target.value.size * source.value.size
    if size > LIMIT:
        raise UsageError(
            "this Jacobian is too large to write out",
            where=f"{of} by {to}",
            expected=f"at most {LIMIT:,} entries",
            got=f"{target.value.size:,} x {source.value.size:,}",
            do="trace fewer rows or a smaller layer",
        )
    result = np.zeros((target.value.size, source.value.size))
    if of == to:
        result = np.eye(source.value.size)
    else:
        records = path_between(trace, of, to)
        names = {parent for record in records for parent in record.parents}
        values = {variable(name): trace[name].value for name in names}
        for place in range(source.value.size):
            moved = source.value.astype(complex)
            moved.flat[place] += 1j * COMPLEX_STEP
            found = {**values, variable(to): moved}
            for record in records:
                found[variable(record.name)] = run(record.code, found)
            result[:, place] = np.imag(found[variable(of)]).reshape(-1) / COMPLEX_STEP
    return result.reshape(target.shape + source.shape)
