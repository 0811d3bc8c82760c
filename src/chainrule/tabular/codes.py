"""How one column becomes numbers: the fitted rule of a column, as plain data.

Decisions
---------
a) A number is standardised with mean and standard deviation of the training rows; a truth value
   stays 0 or 1. A missing cell becomes the training mean, and a column that had missing cells in
   training gets a second feature, 1 where the cell is missing. Dates: see `dates`.
b) A text column becomes one feature per level (one-hot). With more than `MAX_LEVELS` levels the
   most frequent of those that occur twice at least are kept, and the rest share the level "other";
   where none occurs twice (names, identifiers) the levels tell nothing. A missing cell is a level
   of its own if training had missing cells, otherwise all features are 0.
c) A level that training never saw is "other" where there is one (it is as rare as they were), and
   otherwise all zeros.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np

from chainrule.checks import Boolean, Each, OneOf, Real, Rule, Text
from chainrule.errors import DataError, InvalidParameterError
from chainrule.frozen import frozen
from chainrule.tabular.coding import ColumnCode, cells_note, gaps_note, standard
from chainrule.tabular.dates import fit_dates
from chainrule.tabular.table import Coded, Column, Kind

__all__ = [
    "MAX_LEVELS",
    "LevelCode",
    "NumberCode",
    "fit_code",
    "is_plain",
    "mark",
    "plain_numbers",
    "standard",
]

MAX_LEVELS = 64
"""So many levels of a text column get a feature of their own; rarer ones share one."""


@frozen
class NumberCode(ColumnCode):
    """A column of numbers or truth values: `(x - offset) / scale`.

    Parameters
    ----------
    name : str
    kind : str
        `"number"` or `"boolean"`; `"date"` in model files of the first version.
    offset, scale : float
        Mean and standard deviation of the training rows; 0 and 1 for truth values.
    fill : float
        What a missing cell becomes, before standardising: the training mean.
    varies : bool
        False if training saw one value only; then the value is not a feature.
    indicator : bool
        True if training had missing cells; then "is missing" is a feature.

    Example
    -------
    >>> import numpy as np
    >>> code = NumberCode("rooms", "number", 3.0, 2.0, 3.0, varies=True, indicator=True)
    >>> code.encode(Column("rooms", "number", np.array([5.0, np.nan])))
    array([[1., 0.],
           [0., 1.]])
    """

    kind: Kind
    offset: float
    scale: float
    fill: float
    varies: bool
    indicator: bool
    rules: ClassVar[Mapping[str, Rule]] = {
        "name": Text(),
        "kind": OneOf(("number", "boolean", "date")),
        "offset": Real(),
        "scale": Real(0, closed="neither"),
        "fill": Real(),
        "varies": Boolean(),
        "indicator": Boolean(),
    }

    @property
    def expects(self) -> Kind:
        return self.kind

    def features(self) -> tuple[str, ...]:
        return (self.name,) * self.varies + (f"{self.name} is missing",) * self.indicator

    def encode(self, column: Column) -> np.ndarray:
        missing = column.missing()
        parts = []
        if self.varies:
            values = np.where(missing, self.fill, column.values)
            with np.errstate(over="ignore"):  # the encoder reports what overflows
                parts.append((values - self.offset) / self.scale)
        if self.indicator:
            parts.append(missing.astype(np.float64))
        return np.stack(parts, axis=1) if parts else np.zeros((len(missing), 0))

    def surprises(self, column: Column) -> list[str]:
        empty = 0 if self.indicator else int(column.missing().sum())
        return [gaps_note(empty, "read as the mean of training")] if empty else []


def is_plain(code: ColumnCode) -> bool:
    """Say whether a rule makes one feature of numbers, by their offset and scale."""
    return isinstance(code, NumberCode) and code.varies and not code.indicator


def plain_numbers(codes: Sequence[ColumnCode], columns: Sequence[np.ndarray]) -> np.ndarray:
    """Return the features of many columns, `(N, columns)`, whose rules are plain (`is_plain`).

    The numbers are those of `NumberCode.encode`, to the bit.
    """
    rules = [code for code in codes if isinstance(code, NumberCode)]
    offset, scale, fill = (
        np.array([[getattr(rule, name)] for rule in rules]) for name in ("offset", "scale", "fill")
    )
    values = np.array(columns, np.float64)
    missing = np.isnan(values)
    if missing.any():
        values = np.where(missing, fill, values)
    with np.errstate(over="ignore"):  # the encoder reports what overflows
        return ((values - offset) / scale).T


@frozen
class LevelCode(ColumnCode):
    """A column of text: one feature per level.

    Parameters
    ----------
    name : str
    levels : tuple of str
        The levels with a feature of their own, sorted.
    other : bool
        True if rarer levels share a feature.
    missing : bool
        True if training had missing cells; then "missing" is a level.

    Example
    -------
    >>> import numpy as np
    >>> code = LevelCode("town", ("Bruges", "Ghent"), other=False, missing=True)
    >>> code.encode(Column("town", "text", np.array(["Ghent", None, "Oslo"], dtype=object)))
    array([[0., 1., 0.],
           [0., 0., 1.],
           [0., 0., 0.]])
    """

    levels: tuple[str, ...]
    other: bool
    missing: bool
    rules: ClassVar[Mapping[str, Rule]] = {
        "name": Text(),
        "levels": Each(Text()),
        "other": Boolean(),
        "missing": Boolean(),
    }

    def __post_init__(self) -> None:
        if isinstance(self.levels, list):
            object.__setattr__(self, "levels", tuple(self.levels))
        super().__post_init__()
        if len(set(self.levels)) < len(self.levels):
            raise InvalidParameterError("two levels are the same", where=f"column {self.name!r}")

    @property
    def expects(self) -> Kind:
        return "text"

    def features(self) -> tuple[str, ...]:
        own = tuple(f"{self.name} = {level}" for level in self.levels)
        other = (f"{self.name}: another level",) * self.other
        return own + other + (f"{self.name} is missing",) * self.missing

    def encode(self, column: Column) -> np.ndarray:
        features = np.zeros((len(column.values), len(self.features())))
        mark(self.places(column), features)
        return features

    def places(self, column: Column) -> np.ndarray:
        """Return the feature that is 1 for each cell, or -1."""
        missing = len(self.levels) + self.other if self.missing else -1
        unseen = len(self.levels) if self.other else -1
        place = {level: index for index, level in enumerate(self.levels)}
        coded = column.coded or Coded.of(column.values)
        places = [*(place.get(level, unseen) for level in coded.levels), missing]
        return np.array(places, np.int32)[coded.codes]

    def surprises(self, column: Column) -> list[str]:
        known = set(self.levels)
        counts = _counts(column)
        strange = Counter({level: n for level, n in counts.items() if level not in known})
        empty = 0 if self.missing else int(column.missing().sum())
        found = []
        if strange:
            listed = ", ".join(level[:40] for level in list(strange)[:3])
            more = ", ..." if len(strange) > 3 else ""
            which = "saw rarely or never" if self.other else "never saw"
            hold = cells_note(strange.total(), "holds", "hold")
            found.append(f"{hold} a level that training {which} ({listed}{more})")
        return found + ([gaps_note(empty, "read as none of the levels")] if empty else [])


def mark(places: np.ndarray, features: np.ndarray) -> None:
    """Write a one where each row has its place, if it has one, into features that are zeros."""
    somewhere = np.flatnonzero(places >= 0)
    features[somewhere, places[somewhere]] = 1.0


def fit_code(column: Column) -> ColumnCode | None:
    """Fit the rule of one column on training rows; None if the column tells nothing.

    Raises
    ------
    DataError
        The numbers are so far apart that their spread cannot be computed.
    """
    missing = column.missing()
    gaps = bool(missing.any())
    if column.kind == "empty" or missing.all():
        return None
    if column.kind == "text":
        return _fit_levels(column.name, _counts(column), gaps)
    known = column.values[~missing]
    if column.kind == "date":
        return fit_dates(column)
    varies = bool(known.min() != known.max())
    if not varies and not gaps:
        return None
    mean, deviation = standard(known)
    if varies and not (np.isfinite(deviation) and deviation > 0):
        raise DataError(
            f"the spread of column {column.name!r} is beyond what float64 can hold",
            got=f"{known.min():g} to {known.max():g}",
        )
    if column.kind == "boolean":
        return NumberCode(column.name, "boolean", 0.0, 1.0, mean, varies, gaps)
    scale = deviation if varies else 1.0
    return NumberCode(column.name, column.kind, mean, scale, mean, varies, gaps)


def _counts(column: Column) -> Mapping[str, int]:
    """Return how often each level of a column of text occurs."""
    if column.coded is not None:
        return column.coded.counts()
    counts = Counter(column.values.tolist())
    del counts[None]
    return counts


def _fit_levels(name: str, counts: Mapping[str, int], gaps: bool) -> LevelCode | None:
    if len(counts) == 1 and not gaps:
        return None
    if len(counts) > MAX_LEVELS:
        repeated = [level for level, count in counts.items() if count > 1]
        ranked = sorted(repeated, key=lambda level: (-counts[level], level))[:MAX_LEVELS]
        if not ranked and not gaps:
            return None
        return LevelCode(name, tuple(sorted(ranked)), bool(ranked), gaps)
    return LevelCode(name, tuple(sorted(counts)), False, gaps)
