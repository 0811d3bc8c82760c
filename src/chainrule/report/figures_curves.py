"""Loss, score and gradient along the training: a line for each setting, a band for its seeds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.errors import DataError
from chainrule.report.figures_axes import (
    abreast,
    axis,
    grid,
    head,
    limits,
    names,
    size,
    titled,
)
from chainrule.report.figures_canvas import COLOURS, DASHES, FAINT, LINE, Picture, plain
from chainrule.report.figures_groups import (
    FEW,
    Curve,
    Group,
    Panel,
    curve_of,
    groups_of,
    panels_of,
    ranked,
    worded,
)

if TYPE_CHECKING:
    from chainrule.experiments.result import Result

__all__ = ["loss_picture"]

_ACROSS = {"step": "steps (updates of the weights)", "seconds": "seconds of training"}
_ROOM, _WILD = 4.0, 10.0
"""A plane ends at so many times the highest median, unless that is so many times its like."""
_TALL = 44
"""Letters that fit beside one plane."""
_Lines = dict[int, Curve]


def loss_picture(
    results: Sequence[Result],
    *,
    across: str = "step",
    column: str = "",
    unit: str = "",
    greater_is_better: bool = True,
) -> Picture:
    """Return the loss along the training, by setting, with a band over the seeds.

    Up to five settings share a plane; more stand side by side on equal axes. A run that diverged
    ends in a cross, and the name of its line says how many did.

    Parameters
    ----------
    results : sequence of Result
    across : str
        "step" or "seconds".
    column : str, optional
        A column of the histories; without it the validation loss, or the training loss where there
        is none.
    unit : str, optional
        Of that column, for the label.
    greater_is_better : bool
        Of the scores: decides which planes are left out where there are more than 24.

    Raises
    ------
    DataError
        No history has such a column, or there is no run.

    Example
    -------
    >>> from chainrule.experiments.result import Result
    >>> from chainrule.report.figures_curves import loss_picture
    >>> history = [{"step": 10, "train_loss": 1.0}, {"step": 20, "train_loss": 0.5}]
    >>> picture = loss_picture([Result({"width": 8}, 0, 0, 0, 0.9, history=history)])
    >>> "training loss" in picture.svg()
    True
    """
    groups = groups_of(results)
    column = column or _column(results)
    curves: _Lines = {}
    for group in groups:
        if (curve := curve_of(group, column, across)) is not None:
            curves[id(group)] = curve
    if not any(len(curve.place) or curve.ends for curve in curves.values()):
        raise DataError(
            f"no run has {column!r} in its history", expected=f"a column {column!r} and {across!r}"
        )
    by, panels, missing = panels_of(groups, ranked(groups, greater_is_better))
    most = abreast([panel.title for panel in panels])
    width, height = size(len(panels), most)
    label = _label(column)

    def draw(figure: Any) -> None:
        planes = grid(figure, len(panels), most)
        bounds = _bounds(list(curves.values()))
        lost = any(curve.ends for curve in curves.values())
        crosses = "crosses: runs that diverged or failed" if lost else ""
        if by:
            head(figure, f"lines by {plain(by)}{'; ' * bool(crosses)}{crosses}")
        elif crosses:
            head(figure, crosses)
        single = all(len(panel.groups) == 1 for panel in panels)
        for plane, panel in zip(planes, panels, strict=True):
            _set_axes(plane, bounds, len(panels))
            ghosts = [c for g in groups if (c := curves.get(id(g)))] if single else []
            _panel(plane, panel, curves, ghosts if len(panels) > 1 else [], bounds)
        figure.supxlabel(_ACROSS.get(across, across), fontsize=12, color=FAINT)
        figure.supylabel(_with_unit(label, unit), fontsize=12, color=FAINT)

    return Picture(
        f"{label} against {across}s".replace("secondss", "seconds"),
        width,
        height,
        draw,
        _band([g for panel in panels for g in panel.groups]) + _above([*curves.values()]) + missing,
    )


def _band(groups: Sequence[Group]) -> str:
    """Say what lines and bands are, for as many runs as there are."""
    counts = {len(group.runs) - group.lost for group in groups} - {0}
    most, least = max(counts, default=1), min(counts, default=1)
    if most == 1:
        return "A line is one run."
    few = "from the lowest to the highest"
    many = "the middle 80 %"
    if least > FEW or most <= FEW:
        band = few if most <= FEW else many
    else:
        band = f"{few}, or {many} of more than {FEW}"
    runs = f"{most}" if least == most else f"{least} to {most}"
    return f"Line: median of the {runs} runs of a setting. Band: {band}."


def _column(results: Sequence[Result]) -> str:
    rows = [run.history[0] for run in results if run.history]
    return "validation_loss" if any("validation_loss" in row for row in rows) else "train_loss"


def _label(column: str) -> str:
    return plain(column.replace("_", " ").replace("train ", "training "))


def _with_unit(label: str, unit: str) -> str:
    said = f"{label} ({plain(unit)})" if unit else label
    return said if len(said) <= _TALL else said.replace(" (", "\n(", 1)


def _bounds(curves: Sequence[Curve]) -> tuple[tuple[float, float, bool], ...]:
    """Return the intervals of both axes; lost runs do not stretch the vertical one."""
    ends = [end for curve in curves for end in curve.ends]
    across = np.concatenate([*(curve.place for curve in curves), [x for x, _ in ends]])
    # The first epoch of a run that started badly may be far above all that follows.
    down = np.concatenate([np.concatenate((c.low, c.high)) for c in curves])
    down = np.minimum(down, _ceiling(curves))
    if not len(down):
        down = np.array([y for _, y in ends])
    left, right, log = limits(across)
    return (left if log else min(left, 0.0), right, log), limits(down, 8.0)


def _ceiling(curves: Sequence[Curve]) -> float:
    """Return where the plane ends at most: one wild run must not press all others flat."""
    tops = [float(c.middle[np.isfinite(c.middle)].max()) for c in curves if len(c.middle)]
    if not tops or not min(tops) > 0:
        return math.inf
    return _ROOM * min(max(tops), _WILD * float(np.median(tops)))


def _above(curves: Sequence[Curve]) -> str:
    """Say how far what leaves the plane goes on."""
    highest = max([float(c.high.max()) for c in curves if len(c.high)], default=-math.inf)
    if not highest > _ceiling(curves):
        return ""
    return f" What leaves the plane goes on above it, up to {worded(highest)}."


def _set_axes(plane: Any, bounds: Any, panels: int) -> None:
    most = 5 if panels > 1 else 7
    axis(plane.xaxis, *bounds[0], most=most)
    axis(plane.yaxis, *bounds[1], most=most)


def _panel(plane: Any, panel: Panel, curves: _Lines, ghosts: Sequence[Curve], bounds: Any) -> None:
    for curve in ghosts:
        plane.plot(curve.place, curve.middle, color=LINE, linewidth=1.2, zorder=1)
    plane.set_title(titled(panel.title))
    ends: list[tuple[float, float, str, str]] = []
    for group, label, number in zip(panel.groups, panel.labels, panel.strokes, strict=True):
        curve = curves.get(id(group))
        if curve is None:
            continue
        colour, dashes = COLOURS[number % 5], DASHES[(number + number // 5) % 5]
        plane.fill_between(curve.place, curve.low, curve.high, color=colour, alpha=0.11, lw=0)
        for edge in (curve.low, curve.high):  # where bands lie on each other, their edges tell
            plane.plot(curve.place, edge, color=colour, linestyle=dashes, lw=0.6, alpha=0.55)
        plane.plot(curve.place, curve.middle, color=colour, linestyle=dashes, linewidth=2)
        if len(curve.place) == 1:
            plane.plot(curve.place, curve.middle, "o", color=colour, markersize=4)
        crosses = _crosses(plane, curve, colour, bounds)
        words = ": ".join(part for part in (label, group.fate) if part)
        end = (float(curve.place[-1]), float(curve.middle[-1])) if len(curve.place) else crosses
        if words and end is not None:
            ends.append((*end, words, colour))
    names(plane, ends, 290 if not panel.title else 176)


def _crosses(plane: Any, curve: Curve, colour: str, bounds: Any) -> tuple[float, float] | None:
    """Mark where runs were lost; those beyond the plane stand on its edge."""
    (left, right, _), (low, high, _) = bounds
    places = [
        (
            min(max(x, left), right) if math.isfinite(x) else left,
            min(max(y, low), high) if math.isfinite(y) else high,
        )
        for x, y in curve.ends
    ]
    for x, y in places:
        plane.plot(x, y, "x", color=colour, markersize=8, mew=2.2, clip_on=False, zorder=4)
    return places[-1] if places else None
