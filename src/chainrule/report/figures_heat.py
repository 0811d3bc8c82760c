"""The heat map of a sweep: two axes, a cell for each setting with its mean score in numbers."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.errors import DataError
from chainrule.report.figures_axes import head, shape
from chainrule.report.figures_canvas import BOLD, FAINT, INK, PAPER, SECOND, WIDE, Picture, plain
from chainrule.report.figures_groups import (
    Group,
    groups_of,
    horizon,
    left_out,
    ranked,
    varying,
    worded,
)

if TYPE_CHECKING:
    from chainrule.experiments.result import Result

__all__ = ["heat_axes", "heat_picture", "score_text"]

MOST_CELLS = 12
"""Values of an axis that have room side by side."""
MOST_MAPS = 9
_RAMP = ("#eaf4f6", "#9fcbd5", "#4f9db0", "#0b7085", "#06343f")
"""Light to dark evenly, so that the map reads the same in grey."""
_ON_LIGHT, _ON_DARK = "#10181f", "#ffffff"
_Cells = Mapping[tuple[str, str], Group]


def heat_axes(results: Sequence[Result]) -> tuple[str, str] | None:
    """Return the axes (across, down) that a heat map shows best, or None if there is none.

    Rate and batch size come first, then the axes with the most values. An axis of more than 12
    values has no room, and maps of which more than half would be empty show nothing.
    """
    axes = {name: values for name, values in varying(results).items() if len(values) <= MOST_CELLS}
    if len(axes) < 2:
        return None
    wanted = [name for name in ("learning_rate", "batch_size") if name in axes]
    others = sorted((name for name in axes if name not in wanted), key=lambda n: -len(axes[n]))
    for pair in itertools.combinations([*wanted, *others], 2):
        groups = groups_of(results)
        cells = len(_maps(groups, pair, groups, most=len(groups))[0]) * math.prod(
            len(axes[name]) for name in pair
        )
        if 2 * len(groups) >= cells:
            return pair
    return None


def score_text(value: float, spread: float = math.nan) -> str:
    """Return a score with the digits that tell it from its neighbours.

    Example
    -------
    >>> from chainrule.report.figures_heat import score_text
    >>> score_text(0.98123), score_text(0.98123, spread=0.002), score_text(1234.5)
    ('0.981', '0.9812', '1234')
    """
    if not math.isfinite(value):
        return "-"
    if abs(value) >= 1000 or 0 < abs(value) < 1e-3:
        return worded(float(f"{value:.4g}"))
    digits = 3 if abs(value) < 10 else 1
    return f"{value:.{digits + 1 if spread < 0.01 * max(abs(value), 1e-9) else digits}f}"


def heat_picture(
    results: Sequence[Result],
    *,
    across: str = "",
    down: str = "",
    score: str = "score",
    greater_is_better: bool = True,
) -> Picture:
    """Return the mean score of each setting on two axes; further axes give a map for each value.

    The darker a cell, the better; the best one has a frame. A setting whose runs all diverged is
    hatched and says so; where some did, the cell says how many.

    Parameters
    ----------
    results : sequence of Result
    across, down : str, optional
        Names of two axes; without them rate and batch size, or the two with the most values.
    score : str
        What the numbers are.
    greater_is_better : bool

    Raises
    ------
    DataError
        Fewer than two axes vary, or one of them has more than 12 values.

    Example
    -------
    >>> from chainrule.experiments.result import Result
    >>> from chainrule.report.figures_heat import heat_picture
    >>> runs = [
    ...     Result({"batch_size": b, "learning_rate": r}, 0, 0, 0, score=r * b)
    ...     for b in (16, 32)
    ...     for r in (0.01, 0.02)
    ... ]
    >>> "batch_size" in heat_picture(runs).svg()
    True
    """
    found = (across, down) if across and down else heat_axes(results)
    score = plain(score)
    axes = varying(results)
    if found is None or any(not 1 < len(axes.get(name, ())) <= MOST_CELLS for name in found):
        raise DataError(
            "a heat map needs two axes",
            expected=f"two axes of 2 to {MOST_CELLS} values",
            got=", ".join(f"{name}: {len(values)}" for name, values in axes.items()) or "none",
        )
    groups = groups_of(results)
    ranking = ranked(groups, greater_is_better)
    maps, missing = _maps(groups, found, ranking)
    columns, rows = ([worded(value) for value in axes[name]] for name in found)
    places = shape(len(maps), 3 if len(columns) <= 4 else 2)
    width = WIDE if places[1] > 1 else min(WIDE, 250 + 92 * len(columns))
    height = 90 + places[0] * (58 + max(46 * len(rows), 90))
    scale = _scale(groups, greater_is_better)

    def draw(figure: Any) -> None:
        hatched = "; hatched: diverged or failed" if any(group.lost for group in groups) else ""
        head(figure, f"mean {score}: darker is better, the best has a frame{hatched}")
        planes = list(figure.subplots(*places, squeeze=False).flat)
        for plane in planes[len(maps) :]:
            plane.set_axis_off()
        for plane, (title, cells) in zip(planes, maps.items(), strict=False):
            plane.set_title(title)
            _frame(plane, columns, rows, found)
            for (x, y), group in cells.items():
                _cell(plane, (columns.index(x), rows.index(y)), group, scale, group is ranking[0])

    return Picture(
        f"heat map: mean {score} by {found[0]} and {found[1]}",
        width,
        height,
        draw,
        f"Mean {score} over the repeats that came to their end.{missing}",
    )


def _maps(
    groups: Sequence[Group],
    shown: tuple[str, str],
    ranking: Sequence[Group],
    most: int = MOST_MAPS,
) -> tuple[dict[str, _Cells], str]:
    """Return the cells of each map, by title, and what was left out in words."""
    axes = varying(run for group in groups for run in group.runs)
    rest = [name for name in axes if name not in shown]
    maps: dict[str, dict[tuple[str, str], Group]] = {}
    for group in groups:
        title = ", ".join(f"{plain(name)} {worded(group.settings.get(name))}" for name in rest)
        place = worded(group.settings.get(shown[0])), worded(group.settings.get(shown[1]))
        maps.setdefault(title, {})[place] = group
    order = {id(group): place for place, group in enumerate(ranking)}

    def best(title: str) -> int:
        return min(order[id(group)] for group in maps[title].values())

    kept = set(sorted(maps, key=best)[:most])
    gone = [group for title in maps if title not in kept for group in maps[title].values()]
    return {title: cells for title, cells in maps.items() if title in kept}, left_out(gone)


def _scale(groups: Sequence[Group], greater_is_better: bool) -> Any:
    """Return how dark a mean is, from 0 to 1, and the spread of the means."""
    means = np.array([group.mean for group in groups if math.isfinite(group.mean)])
    edge = horizon(groups, greater_is_better)
    if math.isfinite(edge):
        means = np.clip(means, edge, None) if greater_is_better else np.clip(means, None, edge)
    log = bool(len(means) and means.min() > 0 and means.max() / 20 > means.min())
    means = np.log(means) if log else means
    low, high = (float(means.min()), float(means.max())) if len(means) else (0.0, 1.0)

    def dark(mean: float) -> float:
        value = math.log(mean) if log else mean
        share = min(max((value - low) / (high - low), 0.0), 1.0) if high > low else 1.0
        return share if greater_is_better else 1.0 - share

    return dark, math.nan if log else high - low


def _frame(plane: Any, columns: Sequence[str], rows: Sequence[str], names: Sequence[str]) -> None:
    plane.grid(False)
    for side in plane.spines.values():
        side.set_visible(False)
    plane.set_xlim(-0.5, len(columns) - 0.5)
    plane.set_ylim(len(rows) - 0.5, -0.5)
    plane.tick_params(length=0)
    plane.set_xticks(range(len(columns)), labels=columns)
    plane.set_yticks(range(len(rows)), labels=rows)
    plane.set_xlabel(plain(names[0]))
    plane.set_ylabel(plain(names[1]))


def _cell(plane: Any, place: tuple[int, int], group: Group, scale: Any, best: bool) -> None:
    from matplotlib.colors import LinearSegmentedColormap
    from matplotlib.patches import Rectangle

    dark, spread = scale
    x, y = place
    box: dict[str, Any] = {"xy": (x - 0.48, y - 0.47), "width": 0.96, "height": 0.94}
    words = {"ha": "center", "va": "center"}
    if not math.isfinite(group.mean):
        edge: dict[str, Any] = {"edgecolor": FAINT, "hatch": "///", "linewidth": 0.8}
        plane.add_patch(Rectangle(**box, facecolor=PAPER, **edge))
        paper = {"facecolor": PAPER, "edgecolor": "none", "boxstyle": "round,pad=0.2"}
        plane.text(x, y, _fate(group), color=INK, fontsize=11, bbox=paper, **words)
        return
    share = dark(group.mean)
    colour = LinearSegmentedColormap.from_list("ramp", _RAMP)(share)
    plane.add_patch(Rectangle(**box, facecolor=colour, linewidth=0))
    ink = _ON_DARK if share > 0.5 else _ON_LIGHT
    weight = BOLD if best else None
    number = score_text(group.mean, spread)
    plane.text(x, y - 0.15 * bool(group.lost), number, color=ink, fontweight=weight, **words)
    if group.lost:
        strip: dict[str, Any] = {**box, "xy": (x - 0.48, y + 0.33), "height": 0.14}
        plane.add_patch(Rectangle(**strip, fill=False, edgecolor=ink, hatch="/////", linewidth=0))
        plane.text(x, y + 0.16, _fate(group), color=ink, fontsize=10, **words)
    if best:
        plane.add_patch(Rectangle(**box, fill=False, edgecolor=SECOND, linewidth=3.2, zorder=3))


def _fate(group: Group) -> str:
    diverged = sum(run.diverged for run in group.runs)
    word = "diverged" if diverged == group.lost else "failed" if not diverged else "lost"
    return f"{group.lost}/{len(group.runs)} {word}"
