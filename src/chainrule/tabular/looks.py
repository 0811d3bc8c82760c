"""What the bytes of the cells of each column look like, and how the column may therefore be read.

Decisions
---------
a) Each byte belongs to one of eight classes, one bit each. The bits of a cell, joined by "or", say
   what the cell is made of; those of a column say how DuckDB may read it (`Plan`).
b) A plan is a guess where a number is meant: DuckDB converts each cell, and refuses what is none.
   That a column holds dates in one form, or commas between digits only, is looked at here in every
   cell, for DuckDB takes more than that.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np

from chainrule.frozen import frozen
from chainrule.tabular.cells import MISSING_WORDS

__all__ = ["BLANK", "OTHER", "QUOTE", "Cut", "Looks", "Plan", "classes_of"]

Plan = Literal["number", "mixed", "comma", "date", "boolean", "text"]
"""How a column is read: all numbers, numbers and words, numbers with decimal commas, all dates, all
truth values, or text that may be anything."""

_SAMPLE = 6
"""Cells that a first guess goes by."""
_INDENT = 20
"""Blanks before a number that are looked behind."""
_DIGIT, _POINT, _SIGN, _EXPONENT, QUOTE, BLANK, _COMMA, OTHER = (1 << bit for bit in range(8))
_CODE = np.uint8(_DIGIT | QUOTE | BLANK)
_BARE = np.uint8(_DIGIT | _POINT | _SIGN | _EXPONENT)
_NUMBER = np.uint8(_CODE | _POINT | _SIGN | _EXPONENT)
_DECIMAL = np.uint8(_CODE | _COMMA | _SIGN | _EXPONENT)
_MARK, _COMMA_SIGN = 34, 44
_DATE = ((4, 45), (7, 45))
_TIME = ((13, 58), (16, 58))
_WORDS = {word.encode() for word in MISSING_WORDS}


def classes_of(delimiter: int) -> bytes:
    """Return the class of each byte; delimiter and line feed have none."""
    classes = bytearray([OTHER] * 256)
    for signs, bit in (
        (b"0123456789", _DIGIT),
        (b".", _POINT),
        (b"+-", _SIGN),
        (b"eE", _EXPONENT),
        (b'"', QUOTE),
        (b" \t\v\f\r", BLANK),
        (b",", _COMMA),
    ):
        for sign in signs:
            classes[sign] = bit
    classes[delimiter] = classes[ord("\n")] = 0
    return bytes(classes)


_NUMERIC = np.array([bool(bits & _DIGIT and not bits & ~int(_NUMBER)) for bits in range(256)])
"""Whether a cell of such bytes may be a number."""


@frozen
class Cut:
    """A block of rows, cut into cells.

    Parameters
    ----------
    block : bytes
    a : (bytes,) uint8 array
        The block.
    starts, ends : (rows, width) int array
        Where cells start and end in it.
    cells : (rows, width) uint8 array
        The classes that are in each cell.
    """

    block: bytes
    a: np.ndarray
    starts: np.ndarray
    ends: np.ndarray
    cells: np.ndarray


class Looks:
    """Takes blocks of rows one after the other, and says how each column may be read.

    Parameters
    ----------
    width : int
        Columns.
    """

    def __init__(self, width: int) -> None:
        self.rows = 0
        self.doubtful = False
        """A sign stands behind another one: DuckDB takes `+-1` for a number."""
        self.enclosed = False
        """A delimiter or a line end stands between quotes, told by who cuts the cells."""
        self._seen = np.zeros(width, np.uint8)
        self._filled = np.zeros(width, np.int64)
        self._numbers = np.zeros(width, np.int64)
        self._codes = np.zeros(width, bool)
        self._grouped = np.zeros(width, bool)
        """Columns with commas that do not stand between digits."""
        self._commas: dict[int, tuple[int, str]] = {}
        self._likely: list[Plan] = []
        self._dates: list[int] = []

    def add(self, cut: Cut) -> None:
        """Look at a block of rows."""
        if not self._likely:
            self._likely = _likely_plans(cut)
            self._dates = [j for j, plan in enumerate(self._likely) if plan == "date"]
        self.doubtful = self.doubtful or (b"+" in cut.block and b"+-" in cut.block)
        cells = cut.cells
        seen = np.bitwise_or.reduce(cells, axis=0)
        if (seen & _COMMA).any():
            self._note_commas(cut, seen)
        self._seen |= seen
        filled = np.full(len(seen), len(cells))
        if not cells.all():
            filled -= np.add.reduce(cells == 0, axis=0, dtype=np.int64)
        self._filled += filled
        self._dates = [j for j in self._dates if _are_dates(cut, j)]
        numeric = seen & ~_NUMBER == 0
        self._numbers[numeric] += filled[numeric]
        for column in np.flatnonzero(~numeric):
            if self._likely[column] == "number":
                self._numbers[column] += np.count_nonzero(_NUMERIC[cells[:, column]])
        digits = np.flatnonzero((seen & ~_CODE == 0) & (seen != 0) & ~self._codes)
        self._codes[digits] = _have_codes(cut, digits)
        self.rows += len(cells)

    def plans(self) -> tuple[Plan, ...]:
        """Return how each column may be read."""
        return tuple([self._plan(column) for column in range(len(self._seen))])

    def pointed(self) -> tuple[int, ...]:
        """Return the columns with points in their cells."""
        return tuple(np.flatnonzero(self._seen & _POINT).tolist())

    def bare_numbers(self) -> Mapping[int, int]:
        """Return the columns of numbers without quotes or blanks, with their filled cells.

        Words may stand among them. There is no such column in a table where cutting at each
        delimiter would cut a cell.
        """
        if self.enclosed:
            return {}
        bare, mixed = self._seen & ~_BARE == 0, self._seen & QUOTE == 0
        plans: list[tuple[int, Plan]] = [
            (j, self._plan(j)) for j in np.flatnonzero(bare | mixed).tolist()
        ]
        return {
            j: int(self._filled[j])
            for j, plan in plans
            if plan == "mixed" or (plan == "number" and bare[j])
        }

    def commas(self) -> Mapping[int, tuple[int, str]]:
        """Return the columns that may have decimal commas, with row and text of the first."""
        return {j: found for j, found in self._commas.items() if self._plan(j) == "comma"}

    def _plan(self, column: int) -> Plan:
        if not self.rows:
            return "text"
        likely, seen = self._likely[column], self._seen[column]
        if likely == "date" and column in self._dates:
            return "date"
        if seen & _COMMA and not seen & ~_DECIMAL:
            sure = likely in ("number", "comma") and not (self._grouped[column] or self.doubtful)
            return "comma" if sure else "text"
        if likely != "number" or (self._codes[column] and not seen & ~_CODE):
            return "text"
        if not seen & ~_NUMBER:
            return "mixed" if self.doubtful else "number"
        return "mixed" if 2 * self._numbers[column] > self._filled[column] else "text"

    def _note_commas(self, cut: Cut, seen: np.ndarray) -> None:
        """Note which commas are not decimal ones, and the first that may be."""
        commas = np.flatnonzero(cut.a == _COMMA_SIGN)
        odd = commas[(cut.a[commas - 1] - 48 > 9) | (cut.a[commas + 1] - 48 > 9)]
        cell = np.searchsorted(cut.starts.ravel(), odd, side="right") - 1
        self._grouped[cell % len(seen)] = True
        for column in np.flatnonzero((seen & _COMMA != 0) & (seen & ~_DECIMAL == 0)).tolist():
            if column not in self._commas:
                row = int(np.argmax(cut.cells[:, column] & _COMMA != 0))
                text = cut.block[cut.starts[row, column] : cut.ends[row, column]].decode()
                self._commas[column] = (self.rows + row, text.strip('" \t\v\f\r'))


def _likely_plans(cut: Cut) -> list[Plan]:
    """Guess the plan of each column by its first cells: of plain numbers all columns at once."""
    first, starts, ends = cut.cells[:_SAMPLE], cut.starts[:_SAMPLE], cut.ends[:_SAMPLE]
    bare = ((first != 0) & (first & ~_BARE == 0)).all(axis=0)
    place, sign = _DATE[0]
    dated = cut.a[np.minimum(starts[0] + place, len(cut.a) - 1)] == sign
    plans: list[Plan] = []
    fields = zip(starts.T.tolist(), ends.T.tolist(), (bare & ~dated).tolist(), strict=True)
    for column, (begins, stops, plain) in enumerate(fields):
        texts = [cut.block[i:j] for i, j in zip(begins, stops, strict=True)] if plain else [b"?"]
        plans.append("number" if _are_numbers(texts) else _likely(cut, column))
    return plans


def _likely(cut: Cut, column: int) -> Plan:
    """Guess the plan of a column by its first cells."""
    rows = np.flatnonzero(cut.cells[:1000, column])[:_SAMPLE]
    if len(rows) and _are_dates(cut, column, rows):
        return "date"
    ends = zip(cut.starts[rows, column].tolist(), cut.ends[rows, column].tolist(), strict=True)
    texts = [cut.block[start:end].strip(b'" \t').lower() for start, end in ends]
    if _are_numbers([text for text in texts if text not in _WORDS]):
        return "number"
    return "comma" if _are_numbers([text.replace(b",", b".") for text in texts]) else "text"


def _are_numbers(texts: list[bytes]) -> bool:
    try:
        for text in texts:
            float(text)
    except ValueError:
        return False
    return True


def _have_codes(cut: Cut, columns: np.ndarray) -> np.ndarray:
    """Say of each column whether a cell of digits may begin with a zero before another one."""
    a, starts, ends = cut.a, cut.starts[:, columns], cut.ends[:, columns]
    begin = starts + (a[starts] == _MARK)
    for _ in range(_INDENT):
        blank = a[begin] == 32
        if not blank.any():
            break
        begin = begin + blank
    second = begin + 1
    blank, zero = a[begin] == 32, a[begin] == 48
    zero &= a[np.minimum(second, len(a) - 1)] - 48 <= 9
    return ((zero | blank) & (second < ends)).any(axis=0)


def _are_dates(cut: Cut, column: int, rows: np.ndarray | slice = slice(None)) -> bool:
    """Say whether each cell is empty, `2024-02-29`, or `2024-02-29 13:45:00`."""
    a, starts = cut.a, cut.starts[rows, column]
    quoted = a[starts] == _MARK
    begin, length = starts + quoted, cut.ends[rows, column] - starts - 2 * quoted
    long = length == 19
    if not (long | (length == 10) | (length <= 0)).all():
        return False
    days, times = begin[length > 0], begin[long]
    separated = ((a[times + 10] == 32) | (a[times + 10] == 84)).all()
    dated = _pattern(a, days, range(10), _DATE)
    return bool(separated and dated and _pattern(a, times, range(11, 19), _TIME))


def _pattern(
    a: np.ndarray, begin: np.ndarray, places: range, signs: tuple[tuple[int, int], ...]
) -> bool:
    """Say whether all fields have these signs at these places, and digits at the others."""
    wanted = dict(signs)
    for place in places:
        found = a[begin + place]
        sign = wanted.get(place)
        if not ((found - 48 <= 9) if sign is None else (found == sign)).all():
            return False
    return True
