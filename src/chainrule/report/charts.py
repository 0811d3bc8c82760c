"""The pictures of a report that have two axes: lines, dots, and shares beside probabilities."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from chainrule.report.calibration import Bin, group_means
from chainrule.report.svg import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, Drawing, Plane, text

__all__ = ["MOST_POINTS", "line_chart", "reliability_chart", "residual_chart", "scatter_chart"]

MOST_POINTS = 1500
_LOG_RATIO = 50.0
"""From this ratio of the largest to the least loss on, an axis by powers of ten shows more."""
_LETTER = 6.3
"""Width of a letter, about, where the style sheet's font is 12 px high."""


def line_chart(
    lines: Mapping[str, Sequence[float]],
    x_label: str,
    mark: int = 0,
    steps: Sequence[float] | None = None,
) -> Drawing:
    """Return lines over 1, 2, 3, ...; numbers that are not finite leave a gap.

    Where all numbers are positive and far apart, the vertical axis is logarithmic.

    Parameters
    ----------
    lines : mapping of name to numbers
    x_label : str
    mark : int
        Place on the horizontal axis that gets a vertical line; 0 for none.
    steps : sequence of float, optional
        Places of the numbers on the horizontal axis, instead of 1, 2, 3, ...
    """
    finite = [v for values in lines.values() for v in values if math.isfinite(v)]
    longest = max((len(values) for values in lines.values()), default=0)
    if not finite or longest < 2:
        return Drawing()
    places = steps or range(1, longest + 1)
    low, high = min(finite), max(finite)
    log = low > 0 and high / _LOG_RATIO > low
    plane = Plane((1.0, float(places[longest - 1])), (low, high), log=log)
    parts = plane.frame(x_label, "", whole=True)
    if mark:
        x = plane.across(float(mark))
        parts.append(f'<path class="mark" d="M{x:.1f} {TOP}V{HEIGHT - BOTTOM}"/>')
    start = float(LEFT)
    for number, (name, values) in enumerate(lines.items()):
        parts.append(f'<path class="line line-{number}" d="{_path(plane, places, values)}"/>')
        # The legend lies above the plane: within it, it would cover lines and the mark.
        parts.append(f'<path class="line line-{number}" d="M{start:.0f} {TOP - 14}h22"/>')
        parts.append(text(start + 28, TOP - 10, name))
        start += 62 + _LETTER * len(name)
    return Drawing.framed(parts, " and ".join(lines), WIDTH, HEIGHT)


def _path(plane: Plane, places: Sequence[float], values: Sequence[float]) -> str:
    pen, path = "M", ""
    for place, value in zip(places, values, strict=False):
        if not math.isfinite(value):
            pen = "M"
            continue
        path += f"{pen}{plane.across(place):.1f} {plane.down(value):.1f}"
        pen = "L"
    return path


def scatter_chart(truth: np.ndarray, predicted: np.ndarray, unit: str) -> Drawing:
    """Return the truth (upwards) over predictions (across), and where they agree.

    At most 1,500 rows are drawn, at even distances. The line joins ten groups of rows of like
    prediction: for a calibrated model their mean truth lies on the dashed line.
    """
    if not len(truth):
        return Drawing()
    index = _even(len(truth))
    reach = _reach(np.concatenate([truth[index], predicted[index]]))
    plane = Plane(reach, reach)
    low, high = plane.x
    parts = plane.frame(f"{unit}, predicted", f"{unit}, true")
    start = f"M{plane.across(low):.1f} {plane.down(low):.1f}"
    end = f"L{plane.across(high):.1f} {plane.down(high):.1f}"
    parts.append(_dots(plane, predicted[index], truth[index]))
    parts.append(f'<path class="mark" d="{start}{end}"/>')
    groups = group_means(predicted, truth)
    path = "".join(
        f"{'L' if place else 'M'}{plane.across(x):.1f} {plane.down(y):.1f}"
        for place, (x, y) in enumerate(groups)
    )
    parts.append(f'<path class="line line-1" d="{path}"/>')
    parts += [_knot(plane, x, y) for x, y in groups]
    return Drawing.framed(parts, f"{unit} against its prediction", WIDTH, HEIGHT)


def residual_chart(truth: np.ndarray, predicted: np.ndarray, unit: str) -> Drawing:
    """Return what is left of the truth (upwards) over predictions (across)."""
    if not len(truth):
        return Drawing()
    index = _even(len(truth))
    left = truth[index] - predicted[index]
    size = float(np.abs(left).max())
    plane = Plane(_reach(predicted[index]), (-size, size))
    parts = plane.frame(f"{unit}, predicted", "truth less prediction")
    parts.append(_dots(plane, predicted[index], left))
    parts.append(f'<path class="mark" d="M{LEFT} {plane.down(0.0):.1f}H{WIDTH - RIGHT}"/>')
    return Drawing.framed(parts, f"residuals of {unit}", WIDTH, HEIGHT)


def reliability_chart(bins: Sequence[Bin], x_label: str, y_label: str) -> Drawing:
    """Return how often it happened (upwards) over how likely it was said to be (across).

    Upright lines are 95 % intervals of the share; grey bars say how many rows each group holds.
    """
    if not bins:
        return Drawing()
    plane = Plane((0.0, 1.0), (0.0, 1.0))
    parts = plane.frame(x_label, y_label)
    most = max(group.rows for group in bins)
    for group in bins:
        left, right = plane.across(group.low) + 1, plane.across(group.high) - 1
        tall = 60 * group.rows / most
        box = f'x="{left:.1f}" y="{HEIGHT - BOTTOM - tall:.1f}"'
        size = f'width="{right - left:.1f}" height="{tall:.1f}"'
        title = f"<title>{group.rows:,} rows</title>"
        parts.append(f'<rect class="shade" {box} {size}>{title}</rect>')
    corners = (
        f"M{plane.across(0):.1f} {plane.down(0):.1f}L{plane.across(1):.1f} {plane.down(1):.1f}"
    )
    parts.append(f'<path class="mark" d="{corners}"/>')
    path = ""
    for group in bins:
        x, low, high = plane.across(group.said), plane.down(group.lowest), plane.down(group.highest)
        parts.append(f'<path class="line line-0 thin" d="M{x:.1f} {low:.1f}V{high:.1f}"/>')
        path += f"{'L' if path else 'M'}{x:.1f} {plane.down(group.seen):.1f}"
    parts.append(f'<path class="line line-0" d="{path}"/>')
    parts += [_knot(plane, group.said, group.seen, 0) for group in bins]
    return Drawing.framed(parts, f"{y_label} over {x_label}", WIDTH, HEIGHT)


def _even(count: int) -> np.ndarray:
    return np.unique(np.linspace(0, count - 1, min(count, MOST_POINTS)).astype(int))


def _reach(values: np.ndarray) -> tuple[float, float]:
    return float(values.min()), float(values.max())


def _dots(plane: Plane, x: np.ndarray, y: np.ndarray) -> str:
    pairs = zip(x.tolist(), y.tolist(), strict=True)
    path = "".join(f"M{plane.across(a):.1f} {plane.down(b):.1f}h0" for a, b in pairs)
    return f'<path class="dots" d="{path}"/>'


def _knot(plane: Plane, x: float, y: float, number: int = 1) -> str:
    place = f'cx="{plane.across(x):.1f}" cy="{plane.down(y):.1f}"'
    return f'<circle class="knot-{number}" {place} r="3.5"/>'
