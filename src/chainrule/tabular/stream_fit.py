r"""Fitting an encoder on rows that are seen once, part by part.

Decisions
---------
a) Means and spreads are exact: parts are joined by Chan's formulas,
   :math:`M = M_a + M_b + \delta^2 n_a n_b / (n_a + n_b)`, on values divided by the largest one.
b) A column's rule is then fitted by `fit_code`, as in memory, to a small stand-in with the same
   ends, gaps, and ranking of levels. So there is one place that says what a rule is.
c) Levels are counted exactly up to `MOST_LEVELS` of them in one column. Beyond that the rarest
   are forgotten again and again (Misra and Gries): counts are then too low by at most the number
   that `LevelTally.lost` tells, and the frequent levels are found all the same.
d) Of dates a sample at even distances is kept too, for the cycles.

Sources: Chan, Golub, LeVeque, "Algorithms for computing the sample variance" (The American
Statistician 37, 1983); Misra, Gries, "Finding repeated elements" (Science of Computer Programming
2, 1982).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, fields, is_dataclass, replace

import numpy as np

from chainrule.errors import DataError, TargetError
from chainrule.tabular.codes import MAX_LEVELS, fit_code
from chainrule.tabular.coding import ColumnCode
from chainrule.tabular.table import Column, Kind
from chainrule.tabular.target import MOST_CLASSES, TargetCode, Task

__all__ = ["MOST_LEVELS", "ColumnTally", "TargetTally"]

MOST_LEVELS = 20_000
"""Levels of a column that are counted at a time."""
_SAMPLE = 4_096
_COPIES = 21
"""Times that a value stands in a stand-in that shall look as if values were few."""


@dataclass
class _Moments:
    """Count, mean, spread and ends of numbers; mean and spread in units of `size`."""

    count: int = 0
    size: float = 0.0
    mean: float = 0.0
    spread: float = 0.0
    low: float = np.inf
    high: float = -np.inf

    def add(self, values: np.ndarray) -> None:
        if not len(values):
            return
        self.low = min(self.low, float(values.min()))
        self.high = max(self.high, float(values.max()))
        size = max(abs(self.low), abs(self.high))
        if size == 0.0:
            self.count += len(values)
            return
        shrink = self.size / size
        mean, spread = self.mean * shrink, self.spread * shrink**2
        part = values / size
        count, now = self.count + len(part), float(part.mean())
        apart = now - mean
        self.spread = spread + float(np.sum((part - now) ** 2))
        self.spread += apart**2 * self.count * len(part) / count
        self.mean = mean + apart * len(part) / count
        self.size, self.count = float(size), count

    def standard(self) -> tuple[float, float]:
        """Return mean and standard deviation."""
        deviation = float(np.sqrt(self.spread / self.count)) if self.count else 0.0
        return float(self.mean * self.size), float(deviation * self.size)


class ColumnTally:
    """What has to be known of one column of the training rows.

    Parameters
    ----------
    name : str
    kind : str

    Example
    -------
    >>> tally = ColumnTally("rooms", "number")
    >>> for part in ([1.0, np.nan], [3.0, 5.0]):
    ...     tally.add(Column("rooms", "number", np.array(part)))
    >>> round(tally.code().fill, 9), tally.missing
    (3.0, 1)
    """

    def __init__(self, name: str, kind: Kind) -> None:
        self.name = name
        self.kind: Kind = kind
        self.missing = 0
        self.moments = _Moments()
        self.levels: Counter[str] = Counter()
        self.lost = 0
        """By how much a count of a level may be too low."""
        self._sample: list[np.ndarray] = []

    def add(self, column: Column) -> None:
        """Count further rows."""
        empty = column.missing()
        self.missing += int(empty.sum())
        known = column.values[~empty]
        if self.kind == "text":
            self.levels.update(known.tolist() if column.coded is None else column.coded.counts())
            self._forget()
        elif self.kind != "empty":
            self.moments.add(known)
            if self.kind == "date":
                self._keep(known)

    def _forget(self) -> None:
        if len(self.levels) > MOST_LEVELS:
            ranked = sorted(self.levels.values(), reverse=True)
            least = ranked[MOST_LEVELS // 2]
            self.lost += least
            self.levels = Counter(
                {level: count - least for level, count in self.levels.items() if count > least}
            )

    def _keep(self, known: np.ndarray) -> None:
        self._sample.append(known[:: max(len(known) // 256, 1)].copy())
        if sum(map(len, self._sample)) > 2 * _SAMPLE:
            self._sample = [np.concatenate(self._sample)[::2]]

    def stand_in(self) -> Column:
        """Return a small column to which the same rule is fitted as to all rows."""
        gaps = bool(self.missing)
        if self.kind == "text":
            ranked = sorted(self.levels.items(), key=lambda item: (-item[1], item[0]))
            ranked = ranked[: MAX_LEVELS + 1]
            cells: list[str | None] = []
            for place, (level, count) in enumerate(ranked):
                cells += [level] * (1 if count == 1 else MAX_LEVELS + 2 - place)
            if self.lost and len(ranked) <= MAX_LEVELS:
                cells += [f"\\0{number}" for number in range(MAX_LEVELS + 1)]
            values = np.array([*cells, *[None] * gaps], dtype=object)
            return Column(self.name, "text", values)
        moments, numbers = self.moments, np.zeros(0)
        if moments.count:
            numbers = np.array([moments.low, moments.high])
        if self.kind == "date" and moments.count:
            numbers = np.array([*np.concatenate(self._sample), moments.low, moments.high])
        return Column(self.name, self.kind, np.array([*numbers, *[np.nan] * gaps]))

    def code(self) -> ColumnCode | None:
        """Return the fitted rule, or None if the column tells nothing.

        Raises
        ------
        DataError
            The numbers are so far apart that their spread cannot be computed.
        """
        moments = self.moments
        mean, deviation = moments.standard()
        if moments.count and not (np.isfinite(deviation) and np.isfinite(mean)):
            raise DataError(
                f"the spread of column {self.name!r} is beyond what float64 can hold",
                got=f"{moments.low:g} to {moments.high:g}",
            )
        code = fit_code(self.stand_in())
        if code is None or not moments.count:
            return code
        exact: dict[str, float] = {"fill": mean}
        if self.kind != "boolean":
            exact["offset"] = mean
            if moments.low != moments.high:
                exact["scale"] = deviation
        return _with(code, exact)


def _with(code: ColumnCode, exact: dict[str, float]) -> ColumnCode:
    """Return a rule with those of the numbers that it has."""
    assert is_dataclass(code)
    has = {field.name for field in fields(code)}
    return replace(code, **{name: value for name, value in exact.items() if name in has})


class TargetTally:
    """What has to be known of the target: of all rows its values, of training rows mean and spread.

    Parameters
    ----------
    name : str
    kind : str
    """

    def __init__(self, name: str, kind: Kind) -> None:
        self.name = name
        self.kind: Kind = kind
        self.rows = self.training = 0
        self.moments = _Moments()
        self._values: dict[object, None] = {}

    def add(self, column: Column, training: np.ndarray) -> None:
        """Count further rows, none of them missing; a mask says which are training rows."""
        self.rows += len(column.values)
        self.training += int(training.sum())
        if len(self._values) <= MOST_CLASSES:
            found = dict.fromkeys(column.values.tolist())
            room = MOST_CLASSES + 1 - len(self._values)
            fresh = [value for value in found if value not in self._values]
            self._values.update(dict.fromkeys(fresh[:room]))
        if self.kind not in ("text", "empty"):
            self.moments.add(column.values[training])

    def _stand_in(self) -> Column:
        values = list(self._values)
        few = len(values) * _COPIES <= self.rows
        dtype = object if self.kind == "text" else np.float64
        return Column(self.name, self.kind, np.array(values * (_COPIES if few else 1), dtype))

    def code(self, task: Task | None, standardise: bool) -> TargetCode:
        """Return the target's way to numbers.

        Raises
        ------
        DataError
            There are fewer than two training rows.
        TargetError
            The column cannot be predicted.
        """
        if self.training < 2:
            raise DataError(
                "there are too few rows to train",
                expected="at least two training rows",
                got=f"{self.training} of {self.rows} rows",
                do="give more rows, or smaller shares",
            )
        code = TargetCode.fit(self._stand_in(), task, standardise)
        if code.classes is not None or not standardise:
            return code
        mean, deviation = self.moments.standard()
        if not (np.isfinite(deviation) and deviation > 0):
            raise TargetError(
                "the spread of the target cannot be used",
                where=f"target {self.name!r}",
                got=f"{self.moments.low:g} to {self.moments.high:g}",
            )
        return replace(code, mean=mean, scale=deviation)
