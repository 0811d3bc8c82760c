"""How a column of dates becomes numbers: a straight line through time, and the cycles in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from chainrule.checks import Boolean, Each, OneOf, Real, Rule, Text
from chainrule.frozen import frozen
from chainrule.tabular.coding import ColumnCode, gaps_note, standard
from chainrule.tabular.table import Column, Kind

__all__ = ["CYCLES", "DateCode", "fit_dates"]

CYCLES = {"year": 365.2425, "week": 7.0, "day": 1.0}
"""Cycles of the calendar and their length in days; a year is the mean of the Gregorian one."""
_ONE_PHASE = 0.999
"""Mean resultant length from which on all dates stand at one point of a cycle."""


@frozen
class DateCode(ColumnCode):
    r"""A column of dates: days on a standardised line, and their place in cycles.

    With $t$ days since 1970-01-01, the features are $(t - \mu) / \sigma$ (`offset`, `scale`) and,
    for each cycle of $c$ days, $\sin(2 \pi t / c)$ and $\cos(2 \pi t / c)$: the last day of
    December is near the first of January, and Sunday near Monday. 1970-01-01 was a Thursday.

    Parameters
    ----------
    name : str
    offset, scale : float
        Mean and standard deviation of the training rows, in days.
    fill : float
        What a missing cell becomes on the line, in days: the training mean. In cycles it becomes
        the centre, 0 and 0.
    varies : bool
        False if training saw one moment only; then the line is not a feature.
    indicator : bool
        True if training had missing cells; then "is missing" is a feature.
    cycles : tuple of str
        Of "year", "week", "day": those that training went round at least once, and whose points it
        did not always meet at the same place.

    Example
    -------
    >>> import numpy as np
    >>> code = DateCode("day", 3.0, 2.0, 3.0, varies=True, indicator=False, cycles=("week",))
    >>> code.encode(Column("day", "date", np.array([7.0, np.nan]))).round(3).tolist()
    [[2.0, 0.0, 1.0], [0.0, 0.0, 0.0]]
    """

    offset: float
    scale: float
    fill: float
    varies: bool
    indicator: bool
    cycles: tuple[str, ...]
    rules: ClassVar[Mapping[str, Rule]] = {
        "name": Text(),
        "offset": Real(),
        "scale": Real(0, closed="neither"),
        "fill": Real(),
        "varies": Boolean(),
        "indicator": Boolean(),
        "cycles": Each(OneOf(tuple(CYCLES))),
    }

    def __post_init__(self) -> None:
        if isinstance(self.cycles, list):
            object.__setattr__(self, "cycles", tuple(self.cycles))
        super().__post_init__()

    @property
    def expects(self) -> Kind:
        return "date"

    def features(self) -> tuple[str, ...]:
        round_ = tuple(
            f"{self.name}: time of {cycle}, {part}"
            for cycle in self.cycles
            for part in ("sine", "cosine")
        )
        line = (self.name,) * self.varies
        return line + round_ + (f"{self.name} is missing",) * self.indicator

    def encode(self, column: Column) -> np.ndarray:
        missing = column.missing()
        days = np.where(missing, self.fill, column.values)
        parts: list[np.ndarray] = []
        if self.varies:
            with np.errstate(over="ignore"):  # the encoder reports what overflows
                parts.append((days - self.offset) / self.scale)
        for cycle in self.cycles:
            angle = _angle(days, cycle)
            parts += [np.where(missing, 0.0, np.sin(angle)), np.where(missing, 0.0, np.cos(angle))]
        if self.indicator:
            parts.append(missing.astype(np.float64))
        return np.stack(parts, axis=1) if parts else np.zeros((len(missing), 0))

    def surprises(self, column: Column) -> list[str]:
        empty = 0 if self.indicator else int(column.missing().sum())
        return [gaps_note(empty, "read as the mean of training")] if empty else []


def _angle(days: np.ndarray, cycle: str) -> np.ndarray:
    return 2 * np.pi * np.mod(days / CYCLES[cycle], 1.0)


def fit_dates(column: Column) -> DateCode | None:
    """Fit the rule of a column of dates; None if it tells nothing.

    Example
    -------
    >>> import numpy as np
    >>> fit_dates(Column("day", "date", np.arange(30.0))).cycles
    ('week',)
    """
    missing = column.missing()
    known = column.values[~missing]
    gaps = bool(missing.any())
    varies = bool(known.min() != known.max())
    if not varies and not gaps:
        return None
    mean, deviation = standard(known)
    span = known.max() - known.min()
    cycles = tuple(
        cycle
        for cycle, length in CYCLES.items()
        if span >= length and abs(np.exp(1j * _angle(known, cycle)).mean()) < _ONE_PHASE
    )
    return DateCode(column.name, mean, deviation if varies else 1.0, mean, varies, gaps, cycles)
