"""The picture of the depth experiment: one panel for each activation, as an SVG file of its own.

Lines differ by dashes and by names at their ends, never by colour alone, so the picture reads the
same in grey and in print.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

__all__ = ["depth_chart"]

_PANEL, _HEIGHT, _TOP, _BOTTOM, _LEFT, _NAMES = 236, 360, 64, 52, 62, 84
_FLOOR, _CEILING = -20.0, 12.0
_STROKES = (
    ("#0b7285", "", 2.4),
    ("#d9480f", "9 4", 2.4),
    ("#5f3dc4", "3 3", 2.6),
    ("#1c2430", "12 3 2 3", 2.4),
)
_FAINT = "#66707d"
Line = Sequence[tuple[float, float]]


def depth_chart(panels: Mapping[str, Mapping[str, Line]], thin: Mapping[str, Line]) -> str:
    """Return the picture.

    Parameters
    ----------
    panels : mapping of activation to mapping of scheme to (depth, share) pairs
    thin : mapping of activation to the product of the slopes alone

    Example
    -------
    >>> text = depth_chart(
    ...     {"tanh": {"He": [(2, 1.0), (50, 0.5)]}}, {"tanh": [(2, 0.5), (50, 1e-9)]}
    ... )
    >>> text.startswith("<svg"), "tanh" in text
    (True, True)
    """
    logs = [
        math.log10(max(share, 1e-300))
        for lines in (*panels.values(), thin)
        for line in lines.values()
        for _, share in line
    ]
    low = max(2 * math.floor(min(*logs, -2.0) / 2), _FLOOR)
    high = min(2 * math.ceil(max(max(logs), 0.0) / 2), _CEILING)
    deepest = max(
        depth for lines in panels.values() for line in lines.values() for depth, _ in line
    )
    width = _LEFT + len(panels) * (_PANEL + _NAMES)
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{_HEIGHT}" '
            f'viewBox="0 0 {width} {_HEIGHT}" font-family="system-ui, sans-serif" font-size="12" '
            'role="img" aria-label="What is left of a gradient, by depth and activation">'
        ),
        f'<rect width="{width}" height="{_HEIGHT}" fill="#fff"/>',
        _text(_LEFT - 48, 22, "gradient at the input, as a share of that at the output", "#1c2430"),
        _text(_LEFT - 48, 38, "circles: the product of the slopes alone", _FAINT),
    ]
    for place, (name, lines) in enumerate(panels.items()):
        left = _LEFT + place * (_PANEL + _NAMES)
        frame = _Frame(left, low, high, float(deepest))
        parts += frame.axes(name, labelled=place == 0)
        parts += frame.lines(lines, thin.get(name, ()))
    return "".join([*parts, "</svg>\n"])


def _text(x: float, y: float, words: str, colour: str, anchor: str = "start") -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" fill="{colour}" text-anchor="{anchor}"'
    return f"<text {place}>{escape(words)}</text>"


class _Frame:
    """One panel: depth across, powers of ten upwards."""

    def __init__(self, left: float, low: float, high: float, deepest: float) -> None:
        self.left, self.low, self.high, self.deepest = left, low, high, deepest

    def across(self, depth: float) -> float:
        """Return the horizontal place of a depth."""
        return self.left + depth / self.deepest * _PANEL

    def down(self, share: float) -> float:
        """Return the vertical place of a share, held within the panel."""
        power = math.log10(max(share, 1e-300))
        power = min(max(power, self.low), self.high)
        return _TOP + (self.high - power) / (self.high - self.low) * (_HEIGHT - _TOP - _BOTTOM)

    def axes(self, name: str, labelled: bool) -> list[str]:
        """Return grid, ticks and names."""
        parts = [_text(self.left, _TOP - 8, name, "#1c2430")]
        for power in range(
            int(self.low), int(self.high) + 1, 2 if self.high - self.low < 12 else 4
        ):
            y = self.down(10.0**power)
            strong = "#97a1ae" if power == 0 else "#e3e7ec"
            parts.append(f'<path d="M{self.left} {y:.1f}h{_PANEL}" stroke="{strong}"/>')
            if labelled:
                words = "1" if power == 0 else f"1e{power:+d}"
                parts.append(_text(self.left - 6, y + 4, words, _FAINT, "end"))
        for depth in range(0, int(self.deepest) + 1, 10):
            x = self.across(depth)
            parts.append(_text(x, _HEIGHT - _BOTTOM + 18, str(depth), _FAINT, "middle"))
        middle = self.left + _PANEL / 2
        parts.append(_text(middle, _HEIGHT - 12, "layers", _FAINT, "middle"))
        return parts

    def lines(self, lines: Mapping[str, Line], slopes: Line) -> list[str]:
        """Return the lines, each with its name at the end."""
        parts: list[str] = []
        ends: list[tuple[float, float, str, str]] = []
        for (name, line), (colour, dashes, pen) in zip(lines.items(), _STROKES, strict=False):
            parts.append(self.path(line, colour, dashes, pen))
            ends.append((*self.within(line)[-1], name, colour))
        circle = f'r="2.6" fill="#fff" stroke="{_FAINT}" stroke-width="1.3"'
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" {circle}/>' for x, y in self.within(slopes)]
        return parts + self.names(ends)

    def names(self, ends: list[tuple[float, float, str, str]]) -> list[str]:
        """Return the lines' names: beside the panel, or where a line leaves it above or below."""
        parts: list[str] = []
        before = -math.inf
        right = self.left + _PANEL
        left_early = sorted(end for end in ends if end[0] < right - 1)
        for x, y, name, colour in left_early:
            last = (x, y, name, colour) == left_early[-1]
            place, anchor = (x + 7, "start") if last else (x - 9, "end")
            parts.append(_text(place, y - 5 if y > _TOP + 9 else y + 12, name, colour, anchor))
        for _, y, name, colour in sorted(set(ends) - set(left_early), key=lambda end: end[1]):
            before = max(y + 4, before + 14)
            parts.append(_text(right + 5, before, name, colour))
        return parts

    def within(self, line: Line) -> list[tuple[float, float]]:
        """Return a line's points up to where it leaves the panel."""
        points: list[tuple[float, float]] = []
        before: tuple[float, float] | None = None
        for depth, share in line:
            power = math.log10(max(share, 1e-300))
            edge = min(max(power, self.low), self.high)
            if edge != power and before is not None:
                part = (edge - before[1]) / (power - before[1])
                depth = before[0] + part * (depth - before[0])
            points.append((self.across(depth), self.down(10.0**edge)))
            if edge != power:
                break
            before = depth, power
        return points

    def path(self, line: Line, colour: str, dashes: str, pen: float) -> str:
        """Return one line."""
        points = "L".join(f"{x:.1f} {y:.1f}" for x, y in self.within(line))
        style = f' stroke-dasharray="{dashes}"' if dashes else ""
        return f'<path d="M{points}" fill="none" stroke="{colour}" stroke-width="{pen}"{style}/>'
