"""The ground of every picture: SVG text that is known to be safe, and the way from data to it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from html import escape

__all__ = [
    "BOTTOM",
    "HEIGHT",
    "LEFT",
    "RIGHT",
    "TOP",
    "WIDTH",
    "Drawing",
    "Plane",
    "short",
    "text",
    "ticks",
]

WIDTH, HEIGHT = 560, 320
LEFT, RIGHT, TOP, BOTTOM = 64, 16, 28, 44
_FIRST_STEPS = (1, 2, 5)


class Drawing(str):
    """Markup made by this package: the only text that a page passes on as it is."""

    __slots__ = ()

    @classmethod
    def framed(cls, parts: Iterable[str], title: str, width: float, height: float) -> Drawing:
        """Return parts as one picture with a name for those who cannot see it."""
        size = f'width="{width:.0f}" height="{height:.0f}" viewBox="0 0 {width:.0f} {height:.0f}"'
        head = f'<svg {size} role="img" aria-label="{escape(title)}">'
        return cls(head + "".join(parts) + "</svg>")


def text(x: float, y: float, words: str, kind: str = "") -> str:
    """Return one line of text, escaped; `kind` is a class of the style sheet."""
    marked = f' class="{kind}"' if kind else ""
    return f'<text x="{x:.1f}" y="{y:.1f}"{marked}>{escape(words)}</text>'


def ticks(low: float, high: float, count: int = 5) -> list[float]:
    """Return round numbers that span an interval, about `count` of them.

    Example
    -------
    >>> ticks(0.13, 0.92)
    [0.2, 0.4, 0.6, 0.8]
    """
    if not high > low:
        return [low]
    raw = high / count - low / count
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= raw)
    first = math.ceil(low / step)
    last = math.floor(high / step)
    return [float(f"{index * step:.10g}") for index in range(first, last + 1)]


def _log_ticks(low: float, high: float) -> list[float]:
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    found = [factor * 10.0**power for power in powers for factor in _FIRST_STEPS]
    inside = [float(f"{value:.6g}") for value in found if low <= value <= high]
    return inside if len(inside) <= 8 else [v for v in inside if f"{v:e}".startswith("1.0")]


class Plane:
    """The way from data to the picture.

    Parameters
    ----------
    x, y : pairs of numbers
        The intervals that are shown; one of length 0 is widened.
    log : bool
        The vertical axis is logarithmic; both ends of `y` are above 0.
    """

    def __init__(
        self, x: tuple[float, float], y: tuple[float, float], *, log: bool = False
    ) -> None:
        self.log = log
        self.x, self.y = _wider(x), y if log and y[1] > y[0] else _wider(y)
        self._low, self._high = (self._scaled(value) for value in self.y)

    def _scaled(self, value: float) -> float:
        return math.log10(value) if self.log else value

    def across(self, value: float) -> float:
        """Return the horizontal place of a value."""
        low, high = self.x
        return LEFT + (value / 2 - low / 2) / (high / 2 - low / 2) * (WIDTH - LEFT - RIGHT)

    def down(self, value: float) -> float:
        """Return the vertical place of a value."""
        low, high = self._low / 2, self._high / 2  # halves: their difference cannot overflow
        share = (self._scaled(value) / 2 - low) / (high - low)
        return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)

    def frame(self, x_label: str, y_label: str, whole: bool = False) -> list[str]:
        """Return grid lines, ticks and labels of the axes; `whole` numbers only across."""
        parts = []
        for value in _log_ticks(*self.y) if self.log else ticks(*self.y):
            y = self.down(value)
            parts.append(f'<path class="grid" d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}"/>')
            parts.append(text(LEFT - 8, y + 4, short(value), "end"))
        parts += [
            text(self.across(value), HEIGHT - 26, short(value), "mid")
            for value in ticks(*self.x)
            if not whole or value.is_integer()
        ]
        parts.append(text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 6, x_label, "mid label"))
        parts.append(text(4, 12, y_label, "label"))
        return parts


def _wider(interval: tuple[float, float]) -> tuple[float, float]:
    low, high = interval
    return (low, high) if high > low else (low - 0.5, low + 0.5)


def short(value: float) -> str:
    """Return a number for an axis: at most five or six characters.

    Example
    -------
    >>> short(0.25), short(250_000.0), short(1e-7)
    ('0.25', '250k', '1e-07')
    """
    if value == 0 or 1e-3 <= abs(value) < 1e4:
        return f"{value:.6g}"
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if size <= abs(value) < size * 1000:
            return f"{value / size:g}{letter}"
    return f"{value:.0e}"
