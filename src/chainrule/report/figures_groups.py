"""From runs to what is drawn of them: one group for each setting, its curve, its panel."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.errors import DataError
from chainrule.frozen import frozen
from chainrule.report.figures_canvas import plain

if TYPE_CHECKING:
    from chainrule.experiments.result import Result

__all__ = [
    "FEW",
    "Curve",
    "Group",
    "Panel",
    "curve_of",
    "groups_of",
    "horizon",
    "left_out",
    "panels_of",
    "ranked",
    "varying",
    "worded",
]

MOST_LINES = 5
"""Lines in one plane that the eye can follow."""
MOST_MEMBERS = 8
"""Lines in one of many planes, each with its name beside it."""
MOST_PANELS = 24
MOST_ALONE = 12
FEW = 7
"""Up to so many runs a band goes from the lowest to the highest."""


@frozen
class Group:
    """The runs of one setting.

    Parameters
    ----------
    settings : mapping of axis to value
    runs : tuple of Result
    name : str
        The axes that vary, in words.
    place : int
        Number of its first run.
    """

    settings: Mapping[str, Any]
    runs: tuple[Result, ...]
    name: str
    place: int = 0

    @property
    def scores(self) -> np.ndarray:
        """Scores of the runs that have one."""
        found = [run.score for run in self.runs if not _lost(run)]
        return np.array(found, np.float64)

    @property
    def mean(self) -> float:
        """Mean of the scores; NaN if no run has one."""
        return float(self.scores.mean()) if len(self.scores) else math.nan

    def interval(self, held: float = 0.0) -> tuple[float, float]:
        """Return the 95 % interval of the mean; NaN for fewer than two scores."""
        from chainrule.experiments.statistics import mean_interval

        found = mean_interval(self.scores.tolist(), held)
        return found.low, found.high

    @property
    def epochs(self) -> int:
        """Epochs planned."""
        return max(run.epochs for run in self.runs)

    @property
    def lost(self) -> int:
        """Number of runs without a score."""
        return sum(_lost(run) for run in self.runs)

    @property
    def fate(self) -> str:
        """What became of the lost runs in words; empty if there are none."""
        diverged = sum(run.diverged for run in self.runs)
        parts = [(diverged, "diverged"), (self.lost - diverged, "failed")]
        return ", ".join(f"{n} of {len(self.runs)} {word}" for n, word in parts if n > 0)


@frozen
class Curve:
    """One quantity of one group along the training.

    Parameters
    ----------
    place : (E,)
        Steps or seconds: median over the runs.
    middle, low, high : (E,)
        Median, and the band of the runs.
    ends : tuple of (float, float)
        Place and last finite value of each run that was lost; the value may be NaN.
    """

    place: np.ndarray
    middle: np.ndarray
    low: np.ndarray
    high: np.ndarray
    ends: tuple[tuple[float, float], ...]


@frozen
class Panel:
    """One plane of a picture.

    Parameters
    ----------
    title : str
    groups : tuple of Group
    labels : tuple of str
        A word for each group.
    strokes : tuple of int
        Number of each group's stroke: the same label has the same stroke in every plane.
    """

    title: str
    groups: tuple[Group, ...]
    labels: tuple[str, ...]
    strokes: tuple[int, ...]


def _lost(run: Result) -> bool:
    return run.diverged or run.failed or not math.isfinite(run.score)


def worded(value: Any) -> str:
    """Return a value of an axis as a label shows it.

    Example
    -------
    >>> from chainrule.report.figures_groups import worded
    >>> worded(1e-4), worded(250000), worded(0.1), worded("relu")
    ('1e-4', '250k', '0.1', 'relu')
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return plain(value, 28)
    size = abs(value)
    if size >= 1e4 and math.isfinite(value):
        for unit, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
            if unit <= size < unit * 1000:
                return f"{value / unit:.4g}{letter}"
    if 0 < size < 1e-3 or size >= 1e4:
        digits, _, power = f"{value:.3e}".partition("e")
        return f"{digits.rstrip('0').rstrip('.')}e{int(power)}" if power else str(value)
    return f"{value:.4g}"


def varying(results: Iterable[Result]) -> dict[str, list[Any]]:
    """Return the axes that take more than one value, numbers in order, others as they came."""
    seen: dict[str, dict[str, Any]] = {}
    for run in results:
        for name, value in run.settings.items():
            seen.setdefault(name, {}).setdefault(repr(value), value)
    return {name: _ordered(list(found.values())) for name, found in seen.items() if len(found) > 1}


def _ordered(values: list[Any]) -> list[Any]:
    numbers = [v for v in values if isinstance(v, (int, float)) and not isinstance(v, bool)]
    return sorted(values) if len(numbers) == len(values) else values


def groups_of(results: Sequence[Result]) -> list[Group]:
    """Return one group for each setting, in the order of the axes' values.

    Of a setting that was trained to several lengths, only the longest runs count.

    Raises
    ------
    DataError
        There is no run.
    """
    if not results:
        raise DataError("there is no finished run to draw", do="let at least one run finish")
    axes = varying(results)
    found: dict[tuple[int, ...], list[Result]] = {}
    first: dict[tuple[int, ...], int] = {}
    order = {name: [repr(value) for value in values] for name, values in axes.items()}
    for number, run in enumerate(results):
        key = tuple(
            order[name].index(repr(run.settings[name])) if name in run.settings else -1
            for name in axes
        )
        found.setdefault(key, []).append(run)
        first.setdefault(key, number)
    return [_group(runs, axes, first[key]) for key, runs in sorted(found.items())]


def _group(runs: Sequence[Result], axes: Mapping[str, Any], place: int) -> Group:
    longest = max(run.epochs for run in runs)
    kept = tuple(run for run in runs if run.epochs == longest)
    return Group(kept[0].settings, kept, _name(kept[0], axes), place)


def ranked(groups: Sequence[Group], greater_is_better: bool) -> list[Group]:
    """Return the groups as a sweep's table has them: longest trained, without losses, best mean."""
    sign = -1.0 if greater_is_better else 1.0

    def key(group: Group) -> tuple[float, ...]:
        score = sign * group.mean if math.isfinite(group.mean) else math.inf
        trained = 0 if "epochs" in group.settings else -group.epochs
        return trained, group.lost, score, group.place

    return sorted(groups, key=key)


def horizon(groups: Sequence[Group], greater_is_better: bool) -> float:
    """Return the worst mean that a picture need show; NaN where that is every one.

    One setting with an r2 of -3000 must not press all others into one place. It is beyond where the
    means reach over ten times as far as their median is large, and twenty times as far as the best
    is from it. Positive means, which powers of ten can show, have none.
    """
    means = np.array([group.mean for group in groups if len(group.scores)])
    if len(means) < 3 or means.min() > 0:
        return math.nan
    best = float(means.max() if greater_is_better else means.min())
    middle = float(np.median(means))
    usual = max(abs(middle), 2 * abs(best - middle))
    if not 0 < 10 * usual < float(np.ptp(means)):
        return math.nan
    return best - 2 * usual if greater_is_better else best + 2 * usual


def _name(run: Result, axes: Mapping[str, Any]) -> str:
    shown = {name: value for name, value in run.settings.items() if name in axes}
    if len(shown) == 1:
        return worded(next(iter(shown.values())))
    words = ", ".join(f"{plain(name)} {worded(value)}" for name, value in shown.items())
    return words or "the only setting"


def panels_of(groups: Sequence[Group], better: Sequence[Group]) -> tuple[str, list[Panel], str]:
    """Return the axis that tells lines apart (or ""), the panels, and what was left out in words.

    Up to five groups share one plane. With more, one axis of at most eight values tells the lines
    of a plane apart, and each choice of the others gets a plane of its own. Where most planes would
    hold one line, as with settings drawn at random, the best twelve settings get one each.

    Parameters
    ----------
    groups : sequence of Group
    better : the same, best first
        Where planes must be left out, those that hold the best stay.
    """
    axes = varying(run for group in groups for run in group.runs)
    if len(groups) <= MOST_LINES:
        by = next(iter(axes)) if len(axes) == 1 else ""
        return by, [_all(groups)], ""
    few = {name: len(values) for name, values in axes.items() if len(values) <= MOST_MEMBERS}
    if "learning_rate" in few:
        by = "learning_rate"
    else:
        by = max(few, key=few.__getitem__, default="")
    rest = [name for name in axes if name != by]
    found: dict[tuple[str, ...], list[Group]] = {}
    for group in groups:
        key = tuple(f"{plain(name)} {worded(group.settings.get(name))}" for name in rest)
        found.setdefault(key, []).append(group)
    if not by or 2 * len(found) > len(groups):
        alone = [Panel(group.name, (group,), ("",), (0,)) for group in better[:MOST_ALONE]]
        return "", alone, left_out(better[MOST_ALONE:])
    ranked = {id(group): place for place, group in enumerate(better)}
    keys = sorted(found, key=lambda key: min(ranked[id(group)] for group in found[key]))
    kept = set(keys[:MOST_PANELS])
    panels = [
        _panel(", ".join(key), members, by, [repr(value) for value in axes.get(by, ())])
        for key, members in found.items()
        if key in kept
    ]
    return by, panels, left_out([group for key in keys[MOST_PANELS:] for group in found[key]])


def left_out(groups: Sequence[Group]) -> str:
    """Say how many settings a picture has no room for, and that no lost run hides among them."""
    if not groups:
        return ""
    lost = sum(group.lost for group in groups)
    fate = f"; {lost} of their runs diverged or failed" if lost else ""
    return f" {len(groups)} settings, none better than those shown, are left out{fate}."


def _all(groups: Sequence[Group]) -> Panel:
    names = tuple(group.name for group in groups)
    return Panel("", tuple(groups), names, tuple(range(len(groups))))


def _panel(title: str, groups: Sequence[Group], by: str, order: Sequence[str]) -> Panel:
    values = [group.settings.get(by) for group in groups]
    strokes = tuple(order.index(repr(v)) if repr(v) in order else len(order) for v in values)
    return Panel(title, tuple(groups), tuple(map(worded, values)), strokes)


def curve_of(group: Group, column: str, across: str) -> Curve | None:
    """Return one column of the histories along steps or seconds; None without any number.

    The line goes as far as at least half of the runs that came to their end go.

    Parameters
    ----------
    group : Group
    column : str
        A column of the history.
    across : str
        "step" or "seconds".
    """
    whole, ends = [], []
    for run in group.runs:
        places, values = _series(run, column, across)
        if _lost(run):
            finite = np.flatnonzero(np.isfinite(values))
            last = float(values[finite[-1]]) if len(finite) else math.nan
            ends.append((float(places[-1]) if len(places) else math.nan, last))
        elif len(places):
            whole.append((places, values))
    if not whole and not ends:
        return None
    longest = sorted((len(places) for places, _ in whole), reverse=True)
    length = longest[(len(longest) - 1) // 2] if longest else 0
    rows = [
        [(places[k], values[k]) for places, values in whole if k < len(places)]
        for k in range(length)
    ]
    place = [float(np.median([x for x, _ in row])) for row in rows]
    levels = (0.0, 0.5, 1.0) if len(whole) <= FEW else (0.1, 0.5, 0.9)
    bands = [np.quantile([y for _, y in row], levels) for row in rows]
    low, middle, high = np.array(bands).reshape(-1, 3).T
    return Curve(np.array(place), middle, low, high, tuple(ends))


def _series(run: Result, column: str, across: str) -> tuple[np.ndarray, np.ndarray]:
    rows = [row for row in run.history if column in row and across in row]
    values = np.array([math.nan if row[column] is None else row[column] for row in rows], float)
    places = np.array([row[across] for row in rows], float)
    return (np.cumsum(places) if across == "seconds" else places), values
