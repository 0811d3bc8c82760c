"""Inside the network along the training: gradient norms, dead units, saturated outputs by layer."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.errors import DataError
from chainrule.report.figures_axes import abreast, axis, grid, limits, names, size, titled
from chainrule.report.figures_canvas import COLOURS, DASHES, FAINT, Picture, plain
from chainrule.report.figures_curves import loss_picture
from chainrule.report.figures_groups import Group, groups_of, ranked, varying, worded

if TYPE_CHECKING:
    from chainrule.experiments.result import Result

__all__ = ["gradient_picture", "health_picture"]

MOST_PLANES = 12
_STEPS = "steps (updates of the weights)"
_OUTPUT, _GRADIENT, _FLAT, _DEAD = range(4)
"""Places of a node's numbers in the document of a recording."""
_DEAD_WORDS = " Dead: the unit's slope is next to nothing in every row that was looked at."
_FLAT_WORDS = (
    " Saturated: the slope is under 1 % of its largest in a row; for ReLU that is each negative "
    "input, so about half is usual."
)
_Line = tuple[np.ndarray, np.ndarray]


def gradient_picture(
    results: Sequence[Result], *, by: str = "", greater_is_better: bool = True
) -> Picture:
    """Return the norm of the gradient of each layer's weights along the steps.

    A plane for each setting, or for the best setting of each value of `by`. Runs without a
    recording give the norm of the whole gradient, from their histories.

    Parameters
    ----------
    results : sequence of Result
    by : str, optional
        An axis; without it the axis `activation` where there are more than 12 settings.
    greater_is_better : bool

    Example
    -------
    >>> from chainrule.experiments.result import Result
    >>> from chainrule.report.figures_health import gradient_picture
    >>> history = [{"step": 10 * e, "gradient_norm": 1 / e} for e in (1, 2)]
    >>> picture = gradient_picture([Result({"width": 8}, 0, 0, 0, 0.9, history=history)])
    >>> "gradient norm" in picture.svg()
    True
    """
    if not any(run.recording for run in results):
        return loss_picture(results, column="gradient_norm", greater_is_better=greater_is_better)
    chosen, why = _chosen(results, by, greater_is_better)
    lines = {name: _norms(group) for name, group in chosen.items()}
    return _picture("gradient norm of each layer", lines, chosen, why, share=False)


def health_picture(
    results: Sequence[Result],
    *,
    what: str = "dead",
    by: str = "",
    greater_is_better: bool = True,
) -> Picture:
    """Return the share of dead units, or of saturated outputs, of each activation along the steps.

    Dead: the slope is under 1 % of its largest in every observed row. Saturated: in this row.

    Parameters
    ----------
    results : sequence of Result
    what : str
        "dead" or "saturated".
    by : str, optional
        As in `gradient_picture`.
    greater_is_better : bool

    Raises
    ------
    DataError
        No run was recorded.

    Example
    -------
    >>> from chainrule.experiments.result import Result
    >>> from chainrule.report.figures_health import health_picture
    >>> nodes = {"relu_1": [1.0, 0.1, 0.5, 0.25]}
    >>> snapshots = [{"step": s, "nodes": nodes, "parameters": {}} for s in (0, 9)]
    >>> run = Result({}, 0, 0, 0, 0.9, recording={"snapshots": snapshots})
    >>> "dead" in health_picture([run]).svg()
    True
    """
    if not any(run.recording for run in results):
        raise DataError(
            "no run was recorded, so nobody looked at its units", do="repeat with record=True"
        )
    chosen, why = _chosen(results, by, greater_is_better)
    place, label = (_DEAD, "dead units") if what == "dead" else (_FLAT, "saturated outputs")
    lines = {name: _shares(group, place) for name, group in chosen.items()}
    why += _DEAD_WORDS if what == "dead" else _FLAT_WORDS
    return _picture(f"share of {label} of each layer", lines, chosen, why, share=True)


def _chosen(
    results: Sequence[Result], by: str, greater_is_better: bool
) -> tuple[dict[str, Group], str]:
    """Return the groups that get a plane, by title, and how they were chosen."""
    groups = groups_of([run for run in results if run.recording])
    axes = varying(results)
    if not by and len(groups) > MOST_PLANES:
        by = "activation" if "activation" in axes else ""
    order = ranked(groups, greater_is_better)
    if by in axes:
        found: dict[str, Group] = {}
        for group in order:
            found.setdefault(worded(group.settings.get(by)), group)
        kept = {worded(value): found[worded(value)] for value in axes[by] if worded(value) in found}
        titles = {f"{name}: {plain(group.name, 34)}": group for name, group in kept.items()}
        return titles, f" Of each {plain(by)}, the best setting."
    if len(groups) > MOST_PLANES:
        kept = {group.name: group for group in order[: MOST_PLANES // 2]}
        kept |= {group.name: group for group in order[-MOST_PLANES // 2 :]}
        return kept, f" Of {len(groups)} settings, the best six and the worst six."
    return {group.name: group for group in groups}, ""


def _snapshots(group: Group) -> list[Mapping[str, Any]]:
    return [row for run in group.runs if run.recording for row in run.recording["snapshots"]]


def _medians(pairs: Mapping[str, list[tuple[float, float]]]) -> dict[str, _Line]:
    """Return for each name the median over the runs at each step."""
    lines: dict[str, _Line] = {}
    for name, points in pairs.items():
        steps = sorted({step for step, _ in points})
        at = {step: [value for other, value in points if other == step] for step in steps}
        lines[name] = np.array(steps, float), np.array([np.median(at[step]) for step in steps])
    return lines


def _norms(group: Group) -> dict[str, _Line]:
    pairs: dict[str, list[tuple[float, float]]] = {}
    for row in _snapshots(group):
        for name, state in row["parameters"].items():
            if name.rpartition(".")[2] in ("W", "weight") or name.endswith("W"):
                pairs.setdefault(name, []).append((row["step"], _number(state[1])))
    return _medians(pairs)


def _shares(group: Group, place: int) -> dict[str, _Line]:
    pairs: dict[str, list[tuple[float, float]]] = {}
    for row in _snapshots(group):
        for name, state in row["nodes"].items():
            value = _number(state[place])
            if math.isfinite(value):
                pairs.setdefault(name, []).append((row["step"], 100.0 * value))
    return _medians(pairs)


def _number(value: Any) -> float:
    return math.nan if value is None else float(value)


def _picture(
    label: str,
    lines: Mapping[str, Mapping[str, _Line]],
    groups: Mapping[str, Group],
    why: str,
    share: bool,
) -> Picture:
    finite = [
        values[np.isfinite(values) & (values > 0)]
        for layers in lines.values()
        for _, values in layers.values()
    ]
    together = np.concatenate([*finite, []])
    # A share of a few percent would lie on the floor of a plane up to 100 %.
    top = min(max(10.0, 1.15 * float(together.max(initial=0.0))), 103.0)
    down = (-0.03 * top, top, False) if share else limits(together)
    lengths = {title: _length(layers) for title, layers in lines.items()}
    longest = max(lengths.values())
    # Settings of very different numbers of steps would leave most of their planes empty.
    shared = longest <= 2 * min(
        (lengths[title] for title in lines if lines[title]), default=longest
    )
    titles = [
        titled(f"{title} ({groups[title].fate})" if groups[title].fate else title)
        for title in lines
    ]
    most = abreast(titles)
    width, height = size(len(lines), most)

    def draw(figure: Any) -> None:
        planes = grid(figure, len(lines), most)
        for plane, title, (name, layers) in zip(planes, titles, lines.items(), strict=True):
            axis(plane.xaxis, 0.0, 1.03 * (longest if shared else 100.0), False, most=4)
            axis(plane.yaxis, *down, most=5)
            plane.set_title(title)
            drawn = _floored(layers, 0.0 if share else down[0], 1.0 if shared else lengths[name])
            _layers(plane, drawn, 290 if len(lines) == 1 else 176)
        across = _STEPS if shared else "share of the training's steps, %"
        figure.supxlabel(across, fontsize=12, color=FAINT)
        figure.supylabel(f"{label}{', %' if share else ''}", fontsize=12, color=FAINT)

    caption = f"Median of the repeats, by layer, first to last.{why}"
    if not share and any((v == 0).any() for layers in lines.values() for _, v in layers.values()):
        caption += " A line along the floor: the gradient is 0."
    return Picture(f"{label} along the steps", width, height, draw, caption)


def _length(layers: Mapping[str, _Line]) -> float:
    """Return the last step of any layer; 1 without one."""
    return max([float(steps[-1]) for steps, _ in layers.values() if len(steps)], default=0.0) or 1.0


def _floored(layers: Mapping[str, _Line], floor: float, length: float) -> dict[str, _Line]:
    """Return lines that do not leave the plane where they are 0, along steps or their share."""
    scale = 1.0 if length == 1.0 else 100.0 / length
    return {
        name: (steps * scale, np.where(values == 0, floor, values))
        for name, (steps, values) in layers.items()
    }


def _layers(plane: Any, layers: Mapping[str, _Line], height: float) -> None:
    """Draw one line for each layer; of many, only the first and the last have a name."""
    ends: list[tuple[float, float, str, str]] = []
    for number, (name, (steps, values)) in enumerate(layers.items()):
        few = len(layers) <= len(COLOURS)
        edge = number in (0, len(layers) - 1)
        colour = COLOURS[number if few else (0 if number == 0 else 1 if edge else 3)]
        style = DASHES[number] if few else DASHES[0 if edge else 2]
        plane.plot(steps, values, color=colour, linestyle=style, lw=2 if few or edge else 0.9)
        finite = np.flatnonzero(np.isfinite(values))
        if (few or edge) and len(finite):
            last = finite[-1]
            ends.append((float(steps[last]), float(values[last]), plain(name, 20), colour))
    if not layers:
        middle = {"transform": plane.transAxes, "ha": "center", "va": "center", "color": FAINT}
        plane.text(0.5, 0.5, "no such layer", **middle)
    names(plane, ends, height)
