"""A first pass over a text table that is written as most are, by arithmetic on its bytes.

Decisions
---------
a) A quote opens a field, closes it, or stands twice inside it; all rows have as many fields as the
   header; lines end in one way. Where a table is otherwise, the pass gives up: `survey` knows every
   case, and has a message for each.
"""

from __future__ import annotations

import codecs
import csv
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np

from chainrule.frozen import frozen
from chainrule.tabular.looks import BLANK, OTHER, QUOTE, Cut, Looks, classes_of

__all__ = ["Scan", "record_end", "scan_rows"]

_BLOCK = 1 << 19
_MOST = 64 * _BLOCK
"""No record is longer than so many bytes here."""
_NEWLINE, _RETURN, _MARK = 10, 13, 34


@frozen
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
    looks : Looks
        Of the columns.
    """

    header: list[str]
    lines: np.ndarray
    blank: int
    longest: int
    looks: Looks


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
    >>> scan.header, scan.looks.plans(), scan.lines.tolist()
    (['x', 'town'], ('number', 'text'), [2, 3])
    """
    if not delimiter.isascii() or delimiter == " ":  # DuckDB passes over blanks beside quotes
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
    if kept.endswith(b"\n"):
        raise _UnusualError
    if kept:
        yield kept + (b"\n" if b"\r\n" not in kept else b"\r\n")


def _header(line: bytes, delimiter: str) -> list[str]:
    plain = b"\0" not in line and line.count(b"\r") == line.endswith(b"\r\n")
    if not plain or record_end(line, delimiter) != len(line):
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
        self.classes = classes_of(self.delimiter)
        self.width = len(header)
        self.looks = Looks(self.width)
        self.line = 1
        self.lines: list[np.ndarray] = []
        self.blank = self.longest = 0
        self.returns: bool | None = None

    def add(self, block: bytes) -> None:
        """Count a block of rows."""
        a = np.frombuffer(block, np.uint8)
        k = np.frombuffer(bytearray(block.translate(self.classes)), np.uint8)
        present = int(np.bitwise_or.reduce(k))
        self._require_plain(block, present)
        quoted = bool(present & QUOTE)
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
        self.looks.add(Cut(block, a, starts, ends, cells))

    def _require_plain(self, block: bytes, present: int) -> None:
        """Give up at what is not UTF-8 text with line ends of one kind."""
        if present & OTHER:
            if not block.isascii():
                block.decode()
            if b"\0" in block:
                raise _UnusualError
        returns = bool(present & BLANK) and b"\r" in block
        if returns:
            pairs = block.count(b"\r\n")
            if not pairs == block.count(b"\r") == block.count(b"\n"):
                raise _UnusualError
        if self.returns not in (None, returns):
            raise _UnusualError
        self.returns = returns

    def _separators(self, a: np.ndarray, k: np.ndarray, quoted: bool) -> np.ndarray:
        """Return where fields end; inside of quotes their signs are made signs like others."""
        if not quoted:
            return np.flatnonzero(k == 0)
        marks = a == _MARK
        if not _regular(a, np.flatnonzero(marks), self.delimiter):
            raise _UnusualError
        inside = np.add.accumulate(marks.view(np.uint8), dtype=np.uint8) & 1  # odd stays odd
        found = k == 0
        enclosed = found & (inside == 1)
        k[enclosed] = OTHER
        self.looks.enclosed = self.looks.enclosed or bool(enclosed.any())
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
            newlines = np.flatnonzero(a == _NEWLINE) if quoted else newlines
        self._note_lines(newlines, ends[:, -1])
        return starts, ends

    def _note_lines(self, newlines: np.ndarray, ends: np.ndarray) -> None:
        """Note the line on which each row ends, from the places of all line ends."""
        before = np.arange(len(ends))
        if len(newlines) != len(ends):
            before = np.searchsorted(newlines, ends)
        self.lines.append(self.line + 1 + before)
        self.line += len(newlines)

    def found(self) -> Scan | None:
        """Return what was found; None if there are no rows."""
        lines = np.concatenate(self.lines) if self.lines else np.zeros(0, np.int64)
        if not len(lines):
            return None
        return Scan(self.header, lines, self.blank, self.longest, self.looks)
