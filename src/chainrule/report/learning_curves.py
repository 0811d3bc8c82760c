"""Curves over numbers of rows: one line for each method, told apart by dashes and marks too."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from chainrule.frozen import frozen
from chainrule.report.svg import (
    HEIGHT,
    LEFT,
    RIGHT,
    TOP,
    WIDTH,
    Drawing,
    Plane,
    text,
)

__all__ = ["Point", "learning_chart"]

_DASHES = ("", "7 4", "2 3")
_LETTER = 6.4


@frozen
class Point:
    """A mean over repeats at a number of rows, with the least and the largest of them."""

    rows: int
    mean: float
    low: float
    high: float


def learning_chart(
    lines: Mapping[str, Sequence[Point]],
    y_label: str,
    reach: tuple[float, float] | None = None,
    title: str = "",
) -> Drawing:
    """Return means over numbers of rows, which stand on a logarithmic scale.

    Upright lines go from the least to the largest of the repeats. At most three lines.

    Parameters
    ----------
    lines : mapping of name to points
    y_label : str
    reach : (low, high), optional
        Of the upright axis; by default that of the points.
    title : str
        For those who cannot see it.
    """
    points = [point for line in lines.values() for point in line]
    if not points:
        return Drawing()
    low, high = reach or (min(p.low for p in points), max(p.high for p in points))
    sizes = sorted({point.rows for point in points})
    plane = Plane((math.log10(sizes[0]), math.log10(sizes[-1])), (low, high))
    # The plane's own ticks across would be of logarithms, so it draws them outside of its span.
    parts = [part for part in plane.frame("", y_label) if f'y="{HEIGHT - 26:.1f}"' not in part]
    parts.append(text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 6, "training rows", "mid label"))
    parts += [
        text(
            plane.across(math.log10(size)) + 6 * (size == sizes[-1]),
            HEIGHT - 26,
            f"{size:,}",
            "end" if size == sizes[-1] else "mid",
        )
        for size in sizes
    ]
    start = float(LEFT) + _LETTER * len(y_label) - 40
    for number, (name, line) in enumerate(lines.items()):
        # Lines stand a little apart, so that their upright lines do not cover each other.
        aside = 3.0 * (number - (len(lines) - 1) / 2)
        places = [(plane.across(math.log10(p.rows)) + aside, p) for p in line]
        dash = f' stroke-dasharray="{_DASHES[number]}"' if _DASHES[number] else ""
        path = "".join(
            f"{'L' if place else 'M'}{x:.1f} {plane.down(point.mean):.1f}"
            for place, (x, point) in enumerate(places)
        )
        parts.append(f'<path class="line line-{number}"{dash} d="{path}"/>')
        for x, point in places:
            span = f"M{x:.1f} {plane.down(point.low):.1f}V{plane.down(point.high):.1f}"
            parts.append(f'<path class="line thin line-{number}" d="{span}"/>')
            parts.append(_mark(number, x, plane.down(point.mean)))
        parts.append(f'<path class="line line-{number}"{dash} d="M{start:.0f} {TOP - 20}h26"/>')
        parts.append(_mark(number, start + 13, TOP - 20))
        parts.append(text(start + 32, TOP - 16, name, "ink"))
        start += 56 + _LETTER * len(name)
    return Drawing.framed(parts, title or y_label, WIDTH, HEIGHT)


def _mark(number: int, x: float, y: float) -> str:
    """Return a disc, a square or a triangle."""
    if number == 0:
        shape = f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4"'
    elif number == 1:
        shape = f'<path d="M{x - 4:.1f} {y - 4:.1f}h8v8h-8z"'
    else:
        shape = f'<path d="M{x:.1f} {y - 5:.1f}l5 9h-10z"'
    return f'{shape} fill="{_FILLS[number]}"/>'


_FILLS = ("var(--first)", "var(--second)", "var(--faint)")
