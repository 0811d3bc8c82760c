"""What the pictures of experiments share: axes, ticks, and names that do not cover each other."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.report.figures_canvas import FAINT, INK, WIDE, plain
from chainrule.report.figures_groups import worded
from chainrule.report.svg import ticks

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = [
    "abreast",
    "axis",
    "grid",
    "head",
    "limits",
    "names",
    "shape",
    "size",
    "spread",
    "titled",
]

_PANEL_WIDTH, _PANEL_HEIGHT, _FRAME = 330, 176, 62


_TITLE = 50
_LETTER = 6.4
"""Width of a letter of the small type, about."""


def abreast(titles: Sequence[str]) -> int:
    """Return how many planes may stand side by side, so that the titles have room."""
    lines = [line for title in titles for line in titled(title).split("\n")]
    return 3 if max(map(len, lines), default=0) <= 36 else 2


def titled(words: str) -> str:
    r"""Return a title in at most two lines that fit above one of two planes side by side.

    Example
    -------
    >>> from chainrule.report.figures_axes import titled
    >>> titled("batch_size 32, learning_rate 0.008386, activation relu, width 13")
    'batch_size 32, learning_rate 0.008386, activation\nrelu, width 13'
    """
    lines = textwrap.wrap(plain(words, 2 * _TITLE), _TITLE)
    return "\n".join(plain(line, _TITLE) for line in [*lines[:1], " ".join(lines[1:])] if line)


def shape(count: int, most: int = 3) -> tuple[int, int]:
    """Return rows and columns for `count` planes."""
    columns = min(count, most if count != 4 else 2)
    return -(-count // columns), columns


def size(count: int, most: int = 3, height: int = _PANEL_HEIGHT) -> tuple[int, int]:
    """Return width and height of a picture of `count` planes."""
    rows, columns = shape(count, most)
    width = WIDE if columns > 1 else 640
    return width, _FRAME + rows * (height + 34) + (110 if rows == columns == 1 else 0)


def grid(figure: Any, count: int, most: int = 3, **shared: Any) -> list[Axes]:
    """Return `count` planes, row by row; places that are left over stay empty."""
    rows, columns = shape(count, most)
    planes = list(figure.subplots(rows, columns, squeeze=False, **shared).flat)
    for plane in planes[count:]:
        plane.set_axis_off()
    for place, plane in enumerate(planes[:count]):
        below = place + columns >= count  # the last plane of its column
        plane.tick_params(labelbottom=below, labelleft=True)
    return planes[:count]


def head(figure: Any, words: str) -> None:
    """Write a line above all planes, or two where the figure is narrow."""
    room = int(72 * figure.get_figwidth() / _LETTER)
    words = "\n".join(textwrap.wrap(words, room))
    figure.suptitle(words, x=0.008, ha="left", fontsize=12, color=FAINT)


def limits(values: Sequence[float] | np.ndarray, ratio: float = 20.0) -> tuple[float, float, bool]:
    """Return the interval of an axis and whether it goes by powers of ten.

    It does so where all numbers are positive and the largest is over `ratio` times the least.
    """
    finite = np.array(values, np.float64)
    finite = finite[np.isfinite(finite)]
    if not len(finite):
        return 0.0, 1.0, False
    low, high = float(finite.min()), float(finite.max())
    log = low > 0 and high / ratio > low
    if log:
        room = (high / low) ** 0.05 if high / low < 1e200 else 10.0
        return low / room, high * room, True
    room = (high - low) * 0.05 or abs(high) * 0.1 or 0.5
    return low - room, high + room, False


def axis(which: Any, low: float, high: float, log: bool, most: int = 6) -> None:
    """Give one axis its interval, scale and ticks.

    Parameters
    ----------
    which : matplotlib Axis
    low, high : float
    log : bool
    most : int
        Ticks that there is room for, about.
    """
    plane, name = which.axes, which.axis_name
    if log:
        getattr(plane, f"set_{name}scale")("log")
    getattr(plane, f"set_{name}lim")(low, high)
    found = _powers(low, high, most) if log else ticks(low, high, most)
    which.set_ticks(found, labels=[worded(value) for value in found])
    which.set_ticks([], minor=True)


def _powers(low: float, high: float, most: int) -> list[float]:
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for factors in ((1, 2, 5), (1, 3), (1,)):
        found = [float(f"{factor}e{power}") for power in powers for factor in factors]
        inside = [value for value in found if low <= value <= high]
        if 2 <= len(inside) <= most:
            return inside
    inside = [float(f"1e{power}") for power in powers if low <= float(f"1e{power}") <= high]
    if len(inside) < 2:
        return ticks(low, high, most)
    return inside[:: -(-len(inside) // most)]


def spread(places: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Return places near the given ones, at least `gap` apart and within the interval if it holds.

    Example
    -------
    >>> from chainrule.report.figures_axes import spread
    >>> spread([5.0, 5.0, 9.0], 2.0, 0.0, 10.0)
    [5.0, 7.0, 9.0]
    """
    order = sorted(range(len(places)), key=lambda index: places[index])
    moved = [min(max(place, low), high) for place in places]
    before = -math.inf
    for index in order:
        before = moved[index] = max(moved[index], before + gap)
    after = high + gap
    for index in reversed(order):
        after = moved[index] = min(moved[index], after - gap)
    return moved


def names(
    plane: Axes, ends: Sequence[tuple[float, float, str, str]], height: float = _PANEL_HEIGHT
) -> None:
    """Write a name for each line beside the plane, joined to the line's end.

    Parameters
    ----------
    plane : Axes
        With its final limits.
    ends : sequence of (x, y, words, colour)
        Where the lines end, in data.
    height : float
        Of the plane in pixels, about.
    """
    if not ends:
        return
    to_share = plane.transData + plane.transAxes.inverted()
    with np.errstate(all="ignore"):
        found = to_share.transform([(x, y) for x, y, _, _ in ends]).tolist()
    shares = [min(max(y, 0.0), 1.0) if math.isfinite(y) else 1.0 for _, y in found]
    moved = spread(shares, 15.0 / height, 0.02, 0.98)
    for (x, _), share, place, (_, _, words, colour) in zip(found, shares, moved, ends, strict=True):
        start = min(max(x, 0.0), 1.0) if math.isfinite(x) else 1.0
        line: dict[str, Any] = {"color": colour, "linewidth": 0.7, "alpha": 0.6, "clip_on": False}
        (leader,) = plane.plot(
            [start + 0.01, 1.02],
            [share, place],
            transform=plane.transAxes,
            scalex=False,
            scaley=False,
            **line,
        )
        leader.set_in_layout(False)
        plane.text(
            1.03, place, words, transform=plane.transAxes, va="center", color=INK, fontsize=12
        )
