"""A first pass over a text table that is written as most are, by arithmetic on its bytes.

Decisions
---------
a) A quote opens a field, closes it, or stands twice inside it; all rows have as many fields as the
   header; lines end in one way. Where a table is otherwise, the pass gives up: `survey` knows every
   case, and has a message for each.
b) Each byte belongs to one of eight classes, one bit each. The bits of a cell, joined by "or", say
   what the cell is made of; those of a column say how DuckDB may read it (`Plan`). That is a guess
   where a number or a date is meant: DuckDB converts each cell, and refuses what is none.
"""

from __future__ import annotations

import codecs
import csv
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Literal

import numpy as np

from chainrule.tabular.cells import MISSING_WORDS

__all__ = ["Plan", "Scan", "record_end", "scan_rows"]

Plan = Literal["number", "mixed", "date", "boolean", "text"]
"""How a column is read: all numbers, numbers and words, all dates, all truth values, or text that
may be anything."""

_BLOCK = 1 << 21
_MOST = 16 * _BLOCK
"""No record is longer than so many bytes here."""
_SAMPLE = 20
_DIGIT, _POINT, _SIGN, _EXPONENT, _QUOTE, _BLANK, _COMMA, _OTHER = (1 << bit for bit in range(8))
_NUMBER = _DIGIT | _POINT | _SIGN | _EXPONENT | _QUOTE | _BLANK
_CODE = _DIGIT | _QUOTE | _BLANK
_NEWLINE, _RETURN, _MARK = 10, 13, 34
_DATE = ((4, 45), (7, 45))
_TIME = ((13, 58), (16, 58))


@dataclass(frozen=True)
class Scan:
    """What the pass found.

    Parameters
    ----------
    header : list of str
        Fields of the first line.
    lines : (N,) int array
        The line, from 1, on which each row ends.
    blank : int
        Empty lines between the rows.
    longest : int
        Bytes of the longest row.
    plans : tuple of Plan
        One for each column.
    """

    header: list[str]
    lines: np.ndarray
    blank: int
    longest: int
    plans: tuple[Plan, ...]


class _UnusualError(Exception):
    """The table is not written as most are."""


def scan_rows(file: BinaryIO, delimiter: str) -> Scan | None:
    r"""Return what a table is like; None if it is not written in the plainest way.

    Parameters
    ----------
    file : binary file
        UTF-8, with or without a byte-order mark.
    delimiter : str

    Example
    -------
    >>> import io
    >>> scan = scan_rows(io.BytesIO(b'x,town\n1.5,"Ghent, East"\n,\n'), ",")
    >>> scan.header, scan.plans, scan.lines.tolist()
    (['x', 'town'], ('number', 'text'), [2, 3])
    """
    if not delimiter.isascii():
        return None
    try:
        rows: _Rows | None = None
        for block in _blocks(file, delimiter):
            if rows is None:
                end = block.find(b"\n") + 1
                rows = _Rows(_header(block[:end], delimiter), delimiter)
                block = block[end:]
            if block:
                rows.add(block)
        return None if rows is None else rows.found()
    except (UnicodeDecodeError, _UnusualError):
        return None


def record_end(data: bytes, delimiter: str) -> int | None:
    r"""Return how many bytes of `data` are whole records; None if a quote is at an odd place.

    Example
    -------
    >>> record_end(b'a,"b\n"\nc', ","), record_end(b'a,5" b\n5"\n', ",")
    (7, None)
    """
    if b'"' not in data:
        return data.rfind(b"\n") + 1
    a = np.frombuffer(data, np.uint8)
    newlines = np.flatnonzero(a == _NEWLINE)
    quotes = np.flatnonzero(a == _MARK)
    outside = newlines[np.searchsorted(quotes, newlines) % 2 == 0]
    end = int(outside[-1]) + 1 if len(outside) else 0
    return end if _regular(a, quotes[: np.searchsorted(quotes, end)], ord(delimiter)) else None


def _regular(a: np.ndarray, quotes: np.ndarray, delimiter: int) -> bool:
    """Say whether each quote opens a field, closes one, or stands twice inside one."""
    if len(quotes) % 2:
        return False
    opening, closing = quotes[::2], quotes[1::2]
    before, after = a[opening - 1], a[closing + 1]  # the last byte is a line end
    opens = (before == delimiter) | (before == _NEWLINE) | (opening == 0)
    closes = (after == delimiter) | (after == _NEWLINE) | (after == _RETURN)
    twice = opening[1:] == closing[:-1] + 1
    opens[1:] |= twice
    closes[:-1] |= twice
    return bool(opens.all() and closes.all())


def _blocks(file: BinaryIO, delimiter: str) -> Iterator[bytes]:
    """Yield a file in blocks that end where a line does, outside of quotes."""
    kept = file.read(len(codecs.BOM_UTF8)).removeprefix(codecs.BOM_UTF8)
    while read := file.read(_BLOCK):
        kept += read
        end = record_end(kept, delimiter)
        if end is None or (not end and len(kept) > _MOST):
            raise _UnusualError
        if end:
            yield kept[:end]
            kept = kept[end:]
    if kept:
        yield kept + (b"\n" if b"\r\n" not in kept else b"\r\n")


def _header(line: bytes, delimiter: str) -> list[str]:
    if b"\0" in line or line.count(b"\r") > line.endswith(b"\r\n"):
        raise _UnusualError
    try:
        fields = next(csv.reader([line.decode()], delimiter=delimiter, strict=True), [])
    except csv.Error:
        raise _UnusualError from None
    if len(fields) < 2:  # an empty line is a row where there is one column
        raise _UnusualError
    return fields


class _Rows:
    """Takes blocks of whole rows, and counts what is in them."""

    def __init__(self, header: list[str], delimiter: str) -> None:
        self.header = header
        self.delimiter = ord(delimiter)
        self.classes = _classes(self.delimiter)
        self.width = len(header)
        self.line = 1
        self.lines: list[np.ndarray] = []
        self.blank = self.longest = 0
        self.returns: bool | None = None
        self.seen = np.zeros(self.width, np.uint8)
        self.filled = np.zeros(self.width, np.int64)
        self.numbers = np.zeros(self.width, np.int64)
        self.codes = np.zeros(self.width, bool)
        self.doubtful = False
        self.likely: list[Plan] = []
        self.dates: list[int] = []

    def add(self, block: bytes) -> None:
        """Count a block of rows."""
        a = np.frombuffer(block, np.uint8)
        k = np.frombuffer(bytearray(block.translate(self.classes)), np.uint8)
        present = int(np.bitwise_or.reduce(k))
        self._require_plain(block, present)
        quoted = bool(present & _QUOTE)
        ends = self._separators(a, k, quoted)
        starts = np.empty_like(ends)
        starts[0], starts[1:] = 0, ends[:-1] + 1
        starts, ends = self._rows(a, starts, ends, quoted)
        if not len(starts):
            return
        cells = np.bitwise_or.reduceat(k, starts.ravel()).reshape(starts.shape)
        if self.returns:
            ends[:, -1] -= 1
            cells[starts[:, -1] == ends[:, -1], -1] = 0
        if not self.likely:
            self._guess(block, starts, ends, cells)
        self._count(a, starts, ends, cells)

    def _require_plain(self, block: bytes, present: int) -> None:
        """Give up at what is not UTF-8 text with line ends of one kind."""
        if present & _OTHER:
            if not block.isascii():
                block.decode()
            if b"\0" in block:
                raise _UnusualError
        returns = bool(present & _BLANK) and b"\r" in block
        if returns:
            pairs = block.count(b"\r\n")
            if not pairs == block.count(b"\r") == block.count(b"\n"):
                raise _UnusualError
        if self.returns not in (None, returns):
            raise _UnusualError
        self.returns = returns
        # DuckDB takes +-1 for a number.
        self.doubtful = self.doubtful or (b"+" in block and b"+-" in block)

    def _separators(self, a: np.ndarray, k: np.ndarray, quoted: bool) -> np.ndarray:
        """Return where fields end; inside of quotes their signs are made signs like others."""
        if not quoted:
            return np.flatnonzero(k == 0)
        marks = a == _MARK
        if not _regular(a, np.flatnonzero(marks), self.delimiter):
            raise _UnusualError
        inside = np.add.accumulate(marks.view(np.uint8), dtype=np.uint8) & 1  # odd stays odd
        found = k == 0
        k[found & (inside == 1)] = _OTHER
        return np.flatnonzero(found & (inside == 0))

    def _rows(
        self, a: np.ndarray, starts: np.ndarray, ends: np.ndarray, quoted: bool
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return starts and ends of the fields, `(rows, width)`, without empty lines."""
        last = a[ends] == _NEWLINE
        count = int(np.count_nonzero(last))
        newlines = ends[last]
        if count * self.width != len(ends):
            first = np.empty_like(last)
            first[0], first[1:] = True, last[:-1]
            empty = first & last & (ends - starts == int(bool(self.returns)))
            starts, ends, last = starts[~empty], ends[~empty], last[~empty]
            self.blank += int(np.count_nonzero(empty))
            count -= int(np.count_nonzero(empty))
        if count * self.width != len(ends) or not last[self.width - 1 :: self.width].all():
            raise _UnusualError
        shape = (count, self.width)
        starts, ends = starts.reshape(shape), ends.reshape(shape)
        if count:
            longest = int((ends[:, -1] - starts[:, 0]).max())
            if longest > csv.field_size_limit() < (ends - starts).max():
                raise _UnusualError
            self.longest = max(self.longest, longest)
            self._note_lines(np.flatnonzero(a == _NEWLINE) if quoted else newlines, ends[:, -1])
        return starts, ends

    def _note_lines(self, newlines: np.ndarray, ends: np.ndarray) -> None:
        """Note the line on which each row ends, from the places of all line ends."""
        before = np.arange(len(ends))
        if len(newlines) != len(ends):
            before = np.searchsorted(newlines, ends)
        self.lines.append(self.line + 1 + before)
        self.line += len(newlines)

    def _guess(self, block: bytes, starts: np.ndarray, ends: np.ndarray, cells: np.ndarray) -> None:
        """Guess the plan of each column by its first cells."""
        a = np.frombuffer(block, np.uint8)
        for column in range(self.width):
            rows = np.flatnonzero(cells[:1000, column])[:_SAMPLE]
            begin, end = starts[rows, column], ends[rows, column]
            if len(rows) and _are_dates(a, begin, end):
                self.likely.append("date")
                self.dates.append(column)
                continue
            texts = (block[i:j].strip(b'" \t').lower() for i, j in zip(begin, end, strict=True))
            fits = all(_is_number(text) or text in _WORDS for text in texts)
            self.likely.append("number" if fits else "text")

    def _count(
        self, a: np.ndarray, starts: np.ndarray, ends: np.ndarray, cells: np.ndarray
    ) -> None:
        seen = np.bitwise_or.reduce(cells, axis=0)
        self.seen |= seen
        filled = np.full(self.width, len(cells))
        if not cells.all():
            filled -= np.add.reduce(cells == 0, axis=0, dtype=np.int64)
        self.filled += filled
        self.dates = [j for j in self.dates if _are_dates(a, starts[:, j], ends[:, j])]
        numeric = seen & ~np.uint8(_NUMBER) == 0
        self.numbers[numeric] += filled[numeric]
        for column in np.flatnonzero(~numeric):
            if self.likely[column] == "number":
                self.numbers[column] += np.count_nonzero(_NUMERIC[cells[:, column]])
        for column in np.flatnonzero((seen & ~np.uint8(_CODE) == 0) & (seen != 0) & ~self.codes):
            self.codes[column] = _has_codes(a, starts[:, column], ends[:, column])

    def found(self) -> Scan | None:
        """Return what was found; None if there are no rows."""
        if not self.lines:
            return None
        plans: list[Plan] = [self._plan(column) for column in range(self.width)]
        return Scan(self.header, np.concatenate(self.lines), self.blank, self.longest, tuple(plans))

    def _plan(self, column: int) -> Plan:
        if self.likely[column] == "date" and column in self.dates:
            return "date"
        seen = int(self.seen[column])
        if self.likely[column] != "number" or (self.codes[column] and not seen & ~_CODE):
            return "text"
        if not seen & ~_NUMBER:
            return "mixed" if self.doubtful else "number"
        return "mixed" if 2 * self.numbers[column] > self.filled[column] else "text"


_WORDS = {word.encode() for word in MISSING_WORDS}


def _classes(delimiter: int) -> bytes:
    """Return the class of each byte; delimiter and line feed have none."""
    classes = bytearray([_OTHER] * 256)
    for signs, bit in (
        (b"0123456789", _DIGIT),
        (b".", _POINT),
        (b"+-", _SIGN),
        (b"eE", _EXPONENT),
        (b'"', _QUOTE),
        (b" \t\v\f\r", _BLANK),
        (b",", _COMMA),
    ):
        for sign in signs:
            classes[sign] = bit
    classes[delimiter] = classes[_NEWLINE] = 0
    return bytes(classes)


_NUMERIC = np.array([bool(bits & _DIGIT and not bits & ~_NUMBER) for bits in range(256)])
"""Whether a cell of such bytes may be a number."""


def _is_number(text: bytes) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _has_codes(a: np.ndarray, starts: np.ndarray, ends: np.ndarray) -> bool:
    """Say whether a field of digits may begin with a zero before another one."""
    begin = starts + (a[starts] == _MARK)
    for _ in range(_SAMPLE):
        blank = a[begin] == 32
        if not blank.any():
            break
        begin = begin + blank
    begin = begin[begin + 1 < ends]
    zero, blank = a[begin] == 48, a[begin] == 32
    return bool((zero & (a[begin + 1] - 48 <= 9)).any() or blank.any())


def _are_dates(a: np.ndarray, starts: np.ndarray, ends: np.ndarray) -> bool:
    """Say whether each field is empty, `2024-02-29`, or `2024-02-29 13:45:00`."""
    quoted = a[starts] == _MARK
    begin, length = starts + quoted, ends - starts - 2 * quoted
    long = length == 19
    if not (long | (length == 10) | (length <= 0)).all():
        return False
    days, times = begin[length > 0], begin[long]
    separated = np.isin(a[times + 10], (32, 84)).all()
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
