"""A large text file cut into pieces of whole records, one after the other.

Decisions
---------
a) Where quotes are at their places, a record ends at a line end behind an even number of them. So
   bytes are cut without looking at each.
b) From the first piece on where quotes or line ends are otherwise, Python's CSV parser cuts. A row
   that the parser refuses ends up in a piece too, whose reader says what is wrong with it.
"""

from __future__ import annotations

import codecs
import csv
from collections.abc import Generator, Iterator
from itertools import chain, islice
from typing import Any

from chainrule.errors import DataError
from chainrule.frozen import frozen
from chainrule.tabular.dialect import Dialect
from chainrule.tabular.scan import record_end
from chainrule.tabular.source import Source, unpacked

__all__ = ["Piece", "text_pieces"]

_FAR = 3
_DELIMITERS = (",", ";", "\t", "|")


@frozen
class Piece:
    """Some records of a text file, header first.

    Parameters
    ----------
    data : bytes
        In UTF-8.
    lines : int
        How far the lines of the piece stand behind those of the file.
    """

    data: bytes
    lines: int


def text_pieces(source: Source, dialect: Dialect, size: int) -> Iterator[Piece]:
    """Yield a text table, or a file of JSON lines, in pieces of about `size` bytes; one at least.

    Raises
    ------
    UnicodeDecodeError
        The file is not UTF-8.
    DataError
        A record cannot be parsed, and the reader of its piece did not say so.
    """
    header, lines, begun, ended = b"", 0, False, False
    blocks = _blocks(source, dialect, size)
    while True:
        try:
            block = next(blocks)
        except StopIteration as stop:
            ended = stop.value
            break
        if not lines and source.form != "json":
            line = block[: block.find(b"\n") + 1]
            if not line.strip() or line.count(b'"') % 2:
                break
            header, block, lines = line, block[len(line) :], 1
        if not block.isascii():
            block.decode()
        if block or source.form == "json":
            yield Piece(header + block, lines - bool(header))
            begun = True
        lines += block.count(b"\n") + (not block.endswith(b"\n") and bool(block))
    if not (ended and begun):
        yield from _parsed(source, dialect, size, header if begun else b"", lines if begun else 0)


def _blocks(source: Source, dialect: Dialect, size: int) -> Generator[bytes, None, bool]:
    """Yield a file in blocks of whole records, and return whether that was all of it."""
    delimiter = "\n" if source.form == "json" else _delimiter(source, dialect)
    if source.form != "json" and not (dialect.quote == '"' and delimiter.isascii()):
        return False
    with unpacked(source.local) as file:
        kept = file.read(len(codecs.BOM_UTF8)).removeprefix(codecs.BOM_UTF8) + file.read(size)
        while following := file.read(1):
            end = kept.rfind(b"\n") + 1 if source.form == "json" else record_end(kept, delimiter)
            # An open quote may reach far.
            if end is None or (not end and len(kept) > _FAR * size) or not _plain(kept[:end]):
                return False
            block, kept = kept[:end], kept[end:]
            if block:
                yield block
            kept += following + file.read(size)
        if kept and _plain(kept):
            yield kept
            kept = b""
    return not kept


def _plain(block: bytes) -> bool:
    """Say whether lines end in the ways that Python and DuckDB take for the same."""
    return b"\r" not in block or block.count(b"\r") == block.count(b"\r\n")


def _parsed(
    source: Source, dialect: Dialect, size: int, header: bytes, lines: int
) -> Iterator[Piece]:
    """Yield the pieces behind the first `lines` lines, cut by Python's CSV parser."""
    begun = lines > 0
    with source.text() as file:
        rest = islice(file, lines, None)
        records = _lines(rest) if source.form == "json" else _records(rest, dialect, source)
        if not header and source.form != "json":
            for text, count, filled in records:
                lines += count
                if filled:
                    header = text.encode()
                    break
        own = header.count(b"\n") or bool(header)
        gathered = _gathered(records, size)
        # A table without rows is a piece too: its reader says so.
        first = [] if begun else [next(gathered, ("", 0))]
        for text, count in chain(first, gathered):
            yield Piece(header + text.encode(), lines - own)
            lines += count


def _gathered(records: Iterator[tuple[str, int, bool]], size: int) -> Iterator[tuple[str, int]]:
    """Yield the text of many records together, and the number of its lines."""
    texts: list[str] = []
    length = lines = 0
    for text, count, _ in records:
        if not count:  # the record before could not be parsed, and its part's reader must say so
            yield "".join(texts), lines
            raise DataError("the table cannot be split into rows")
        texts.append(text)
        length, lines = length + len(text), lines + count
        if length >= size:
            yield "".join(texts), lines
            texts, length, lines = [], 0, 0
    if lines:
        yield "".join(texts), lines


def _lines(file: Any) -> Iterator[tuple[str, int, bool]]:
    for line in file:
        yield line, 1, True


def _records(file: Any, dialect: Dialect, source: Source) -> Iterator[tuple[str, int, bool]]:
    """Yield the text of each record, the number of its lines, and whether it has fields.

    Nothing of no lines follows a record that cannot be parsed.
    """
    taken: list[str] = []

    def kept() -> Iterator[str]:
        for line in file:
            taken.append(line)
            yield line

    delimiter = dialect.delimiter or ("\t" if source.tabs else _delimiter(source, dialect))
    reader = csv.reader(kept(), delimiter=delimiter, quotechar=dialect.quote, strict=True)
    while True:
        try:
            record = next(reader)
        except StopIteration:
            return
        except csv.Error:
            yield "".join(taken), len(taken), True
            yield "", 0, False
            return
        yield "".join(taken), len(taken), bool(record)
        taken.clear()


def _delimiter(source: Source, dialect: Dialect) -> str:
    """Return the delimiter that splits the header into the most fields, as the reader does."""
    with source.text() as file:
        header = next((line for line in file if line.strip()), "")
    found = {}
    for delimiter in _DELIMITERS:
        record = next(csv.reader([header], delimiter=delimiter, quotechar=dialect.quote), [])
        found[delimiter] = len(record)
    return max(_DELIMITERS, key=found.__getitem__)
