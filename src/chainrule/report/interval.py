"""The picture beside a claim: a difference, its interval, and the place of no difference."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from chainrule.report.figures_canvas import plain
from chainrule.report.svg import Drawing, short, text, ticks

__all__ = ["interval_drawing"]

_WIDTH, _HEIGHT = 352, 92
_LEFT, _RIGHT = 14.0, 338.0
_BAR, _DOTS, _FLOOR = 27.0, 42.0, 54.0
_CLOSEST = 34.0
"""Pixels between two numbers of the axis, at least."""
_SIDE = 0.32
"""Of the other side: least width of the claim's."""
_LONGEST = 56
"""Letters below the axis that fit."""


def interval_drawing(
    difference: tuple[float, float, float],
    points: Sequence[float],
    words: str,
    *,
    ratio: bool = False,
    more: bool = True,
) -> Drawing:
    """Return one line with its interval, over an axis on which no difference has an upright line.

    The side of the claim is shaded, so an interval that lies within the shade supports it.

    Parameters
    ----------
    difference : (mean, low, high)
        Nothing is drawn if one is not finite. Of a ratio: values, not logarithms; above 0.
    points : sequence of float
        The same of each repeat: a dot each.
    words : str
        What the axis measures.
    ratio : bool
        Logarithmic; 1 is no difference. Otherwise 0 is.
    more : bool
        The claim is about the right side.

    Example
    -------
    >>> from chainrule.report.interval import interval_drawing
    >>> drawing = interval_drawing((2.0, 1.5, 2.6), [1.8, 2.2], "a over b", ratio=True)
    >>> drawing.startswith("<svg"), "a over b" in drawing
    (True, True)
    """
    words, even = plain(words, _LONGEST), 1.0 if ratio else 0.0
    shown = np.array([*difference, even, *points], np.float64)
    if not np.isfinite(shown).all() or (ratio and shown.min() <= 0):
        return Drawing()
    low, high = float(shown.min()), float(shown.max())
    if high <= low:
        low, high = (even / 1.1, even * 1.1) if ratio else (even - 1.0, even + 1.0)
    scale = _Scale(*_with_room(low, high, even, ratio, more), ratio)
    mean, first, last = (scale(value) for value in difference)
    line = scale(even)
    start, end = (line, float(_WIDTH)) if more else (0.0, line)
    bar = f"M{first:.1f} {_BAR}H{last:.1f}"
    parts = [
        f'<rect class="side" x="{start:.1f}" y="0" width="{end - start:.1f}" height="{_FLOOR}"/>',
        text(end - 5 if more else 5, 11, "as claimed", "end" if more else ""),
        f'<path class="axis" d="M0 {_FLOOR}H{_WIDTH}"/>',
        f'<path class="even" d="M{line:.1f} 0V{_FLOOR + 4}"/>',
        f'<path class="reach" d="{bar}"/>',
        *(f'<circle class="run" cx="{scale(p):.1f}" cy="{_DOTS}" r="2.4"/>' for p in points),
        f'<circle class="knot-0" cx="{mean:.1f}" cy="{_BAR}" r="5"/>',
        *_numbers(scale, even),
        text(_WIDTH / 2, 88, words, "mid"),
    ]
    return Drawing.framed(parts, f"{words}: the mean and its interval", _WIDTH, _HEIGHT)


def _with_room(
    low: float, high: float, even: float, ratio: bool, more: bool
) -> tuple[float, float]:
    """Return the ends of the axis, so that the claim's side is wide enough for its name."""
    if ratio:
        ends = _with_room(math.log(low), math.log(high), 0.0, False, more)
        return math.exp(ends[0]), math.exp(ends[1])
    if more:
        return low, max(high, even + _SIDE * (even - low))
    return min(low, even - _SIDE * (high - even)), high


class _Scale:
    """The way from a value to its place across."""

    def __init__(self, low: float, high: float, ratio: bool) -> None:
        self.low, self.high, self.ratio = low, high, ratio

    def __call__(self, value: float) -> float:
        low, high, value = (
            math.log(number) if self.ratio else number for number in (self.low, self.high, value)
        )
        return _LEFT + (value - low) / (high - low) * (_RIGHT - _LEFT)

    def round(self) -> list[float]:
        """Return round numbers of the axis."""
        if not self.ratio or self.high < 8 * self.low:
            return ticks(self.low, self.high, 4)
        powers = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
        factors = (1,) if len(powers) > 4 else (1, 2, 5) if len(powers) < 4 else (1, 3)
        found = [float(f"{factor}e{power}") for power in powers for factor in factors]
        return [value for value in found if self.low <= value <= self.high]


def _numbers(scale: _Scale, even: float) -> list[str]:
    """Return the numbers below the axis: no difference first, others where they have room."""
    parts: list[str] = []
    taken: list[float] = []
    for value in (even, *scale.round()):
        x = scale(value)
        if all(abs(x - other) >= _CLOSEST for other in taken):
            taken.append(x)
            said = f"{short(value)}: equal" if value == even else short(value)
            room = _CLOSEST if value == even else 12.0
            parts.append(text(min(max(x, room), _WIDTH - room), _FLOOR + 17, said, "mid"))
            if value == even:
                taken.extend((x - 28, x + 28))
    return parts
