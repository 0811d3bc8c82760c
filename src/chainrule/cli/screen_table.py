"""How wide the columns of a table are where the screen is narrow: words fold, numbers stay whole.

Decisions
---------
a) A number that is cut, or broken between two of its digits, reads as another number. So columns of
   numbers give way at blanks only: first in their heads, then in their cells (`0.931 ± 0.041`).
b) A table that does not fit even so is written row by row, a line for each cell.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len

__all__ = ["FIRST", "GAP", "widths_of"]

FIRST = 16
"""Least width of the first column of a table that has longer names."""
GAP = 3
"""Blanks between two columns: two that belong to the left one, and one for the rule."""
_LEAST = 12
"""Least width of a further column of words."""
_WORD = 24
"""Words up to this long stay whole as long as numbers can give way at blanks."""


def widths_of(
    heads: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[int], room: int
) -> list[int] | None:
    """Return the width of each column, so that all of them fit; None where none does.

    Parameters
    ----------
    heads : names of the columns
    rows : cells, as text
    right : positions of the columns of numbers
    room : characters of a line

    Example
    -------
    >>> from chainrule.cli.screen_table import widths_of
    >>> rows = [("a", "0.931 ± 0.041", "12")]
    >>> widths_of(["x", "test accuracy", "rows"], rows, (1, 2), 40)
    [1, 13, 4]
    >>> widths_of(["x", "test accuracy", "rows"], rows, (1, 2), 19)
    [1, 8, 4]
    >>> widths_of(["x", "test accuracy", "rows"], rows, (1, 2), 12)
    """
    columns = [[head, *(row[place] for row in rows)] for place, head in enumerate(heads)]
    widths = [max(map(cell_len, column)) for column in columns]
    over = sum(widths) + GAP * (len(widths) - 1) - room
    for least in _stages(columns, widths, right):
        # The widest column gives way first: a line more there costs the reader least.
        while over > 0 and (wide := max(w - m for w, m in zip(widths, least, strict=True))) > 0:
            place = next(p for p, w in enumerate(widths) if w - least[p] == wide)
            widths[place] -= 1
            over -= 1
    return None if over > 0 else widths


def _stages(
    columns: Sequence[Sequence[str]], widths: Sequence[int], right: Sequence[int]
) -> list[list[int]]:
    """Return least widths: where heads give way, then names at blanks, then numbers, then all."""
    names, folded = list(widths), list(widths)
    for place, width in enumerate(widths):
        if place not in right:
            folded[place] = min(width, _LEAST if place else FIRST)
            longest = _longest(" ".join(columns[place]).split())
            names[place] = min(width, max(folded[place], min(longest, _WORD)))
    heads, cells = list(widths), list(names)
    for place in right:
        head = _longest(columns[place][0].split())
        heads[place] = names[place] = max(head, *map(cell_len, columns[place][1:]), 1)
        numbers = " ".join(columns[place][1:]).replace(" ±", "±±").split()  # one sign, one blank
        cells[place] = max(head, _longest(numbers), 1)
    last = [cells[place] if place in right else least for place, least in enumerate(folded)]
    return [heads, names, cells, last]


def _longest(words: Sequence[str]) -> int:
    return max(map(cell_len, words), default=0)
