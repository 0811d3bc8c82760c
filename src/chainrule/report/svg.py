"""Two plain pictures as SVG text: lines over epochs, and predictions against truth."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

import numpy as np

__all__ = ["MOST_POINTS", "line_chart", "scatter_chart", "ticks"]

WIDTH, HEIGHT = 560, 320
LEFT, RIGHT, TOP, BOTTOM = 64, 16, 24, 44
LEGEND = 160
"""Room for one line's name above the plane."""
MOST_POINTS = 1500


def ticks(low: float, high: float, count: int = 5) -> list[float]:
    """Return round numbers that span an interval, about `count` of them.

    Example
    -------
    >>> ticks(0.13, 0.92)
    [0.2, 0.4, 0.6, 0.8]
    """
    if not high > low:
        return [low]
    raw = (high - low) / count
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= raw)
    first = math.ceil(low / step)
    last = math.floor(high / step)
    return [float(f"{index * step:.10g}") for index in range(first, last + 1)]


class _Plane:
    """The way from data to the picture."""

    def __init__(self, x: tuple[float, float], y: tuple[float, float]) -> None:
        self.x, self.y = _wider(x), _wider(y)

    def across(self, value: float) -> float:
        """Return the horizontal place of a value."""
        low, high = self.x
        return LEFT + (value - low) / (high - low) * (WIDTH - LEFT - RIGHT)

    def down(self, value: float) -> float:
        """Return the vertical place of a value."""
        low, high = self.y
        return HEIGHT - BOTTOM - (value - low) / (high - low) * (HEIGHT - TOP - BOTTOM)

    def frame(self, x_label: str, y_label: str) -> list[str]:
        """Return axes, grid lines, ticks and labels."""
        parts = []
        for value in ticks(*self.y):
            y = self.down(value)
            parts.append(f'<path class="grid" d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}"/>')
            parts.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" class="end">{_short(value)}</text>')
        for value in ticks(*self.x):
            x = self.across(value)
            parts.append(f'<text x="{x:.1f}" y="{HEIGHT - 24}" class="mid">{_short(value)}</text>')
        middle = (LEFT + WIDTH - RIGHT) / 2
        parts.append(f'<text x="{middle}" y="{HEIGHT - 4}" class="mid">{escape(x_label)}</text>')
        parts.append(f'<text x="4" y="11">{escape(y_label)}</text>')
        return parts


def _wider(interval: tuple[float, float]) -> tuple[float, float]:
    low, high = interval
    return (low, high) if high > low else (low - 0.5, low + 0.5)


def _short(value: float) -> str:
    if value == 0 or 1e-3 <= abs(value) < 1e4:
        return f"{value:g}"
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size and abs(value) < size * 1000:
            return f"{value / size:g}{letter}"
    return f"{value:.0e}"


def _drawing(parts: Sequence[str], title: str) -> str:
    head = f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">'
    return head + "".join(parts) + "</svg>"


def line_chart(lines: Mapping[str, Sequence[float]], x_label: str, mark: int = 0) -> str:
    """Return lines over 1, 2, 3, ...; numbers that are not finite leave a gap.

    Parameters
    ----------
    lines : mapping of name to numbers
    x_label : str
    mark : int
        Position, counted from 1, that gets a vertical line; 0 for none.
    """
    finite = [v for values in lines.values() for v in values if math.isfinite(v)]
    longest = max((len(values) for values in lines.values()), default=0)
    if not finite or longest < 2:
        return ""
    plane = _Plane((1.0, float(longest)), (min(finite), max(finite)))
    parts = plane.frame(x_label, "")
    if mark:
        x = plane.across(float(mark))
        parts.append(f'<path class="mark" d="M{x:.1f} {TOP}V{HEIGHT - BOTTOM}"/>')
    for number, (name, values) in enumerate(lines.items()):
        pen, path = "M", ""
        for position, value in enumerate(values, start=1):
            if not math.isfinite(value):
                pen = "M"
                continue
            path += f"{pen}{plane.across(position):.1f} {plane.down(value):.1f}"
            pen = "L"
        parts.append(f'<path class="line line-{number}" d="{path}"/>')
        # The legend lies above the plane: within it, it would cover lines and the mark.
        x = LEFT + LEGEND * number
        parts.append(f'<path class="line line-{number}" d="M{x} {TOP - 8}h22"/>')
        parts.append(f'<text x="{x + 28}" y="{TOP - 4}">{escape(name)}</text>')
    return _drawing(parts, " and ".join(lines))


def scatter_chart(truth: np.ndarray, predicted: np.ndarray, unit: str) -> str:
    """Return predictions (upwards) against truth (across), with the line where they agree.

    At most 1,500 points are drawn, at even distances through the rows.
    """
    if not len(truth):
        return ""
    index = np.unique(np.linspace(0, len(truth) - 1, min(len(truth), MOST_POINTS)).astype(int))
    both = np.concatenate([truth[index], predicted[index]])
    reach = (float(both.min()), float(both.max()))
    plane = _Plane(reach, reach)
    parts = plane.frame(f"{unit}, as it is", "as predicted")
    low, high = plane.x
    start = f"M{plane.across(low):.1f} {plane.down(low):.1f}"
    parts.append(
        f'<path class="mark" d="{start}L{plane.across(high):.1f} {plane.down(high):.1f}"/>'
    )
    dots = "".join(
        f"M{plane.across(float(t)):.1f} {plane.down(float(p)):.1f}h0"
        for t, p in zip(truth[index], predicted[index], strict=True)
    )
    parts.append(f'<path class="dots" d="{dots}"/>')
    return _drawing(parts, f"predicted against true {unit}")
