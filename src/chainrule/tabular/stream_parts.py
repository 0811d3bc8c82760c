"""A large table file cut into small table files, one after the other.

Decisions
---------
a) Each part is a table file by itself that `read_table` reads. What a cell means is thereby decided
   in one place, however large the file is.
b) Text is cut by Python's CSV parser, never inside a quoted field; a row that the parser refuses
   ends up in a part too, whose reader says what is wrong with it.
c) Parquet is stored by columns, in groups of rows that may be larger than memory. DuckDB copies
   it first into a database of its own on the disk, so many columns at a time as fit.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from chainrule.errors import ChainruleError, DataError, MissingExtraError
from chainrule.tabular.dialect import Dialect
from chainrule.tabular.source import DAMAGE, Source, damaged, opened, unpacked
from chainrule.training.blocks_folder import said
from chainrule.training.blocks_memory import Budget

__all__ = ["FilePart", "file_parts"]

_DELIMITERS = (",", ";", "\t", "|")


@dataclass(frozen=True)
class FilePart:
    """Some rows of a table, in a file of their own.

    Parameters
    ----------
    path : Path
        The file; it is removed when the next part is asked for.
    source : str
        What the whole table is called.
    lines : int or None
        How far the lines of the part stand behind those of the whole; None where rows are counted.
    first_row : int
        Data rows before this part, where rows are counted.
    """

    path: Path
    source: str
    lines: int | None
    first_row: int = 0


def file_parts(path: Path, dialect: Dialect, folder: Path, budget: Budget) -> Iterator[FilePart]:
    """Yield the parts of a table file.

    Parameters
    ----------
    path : Path
    dialect : Dialect
    folder : Path
        Room for one part at a time, and for a copy of what has to be unpacked first.
    budget : Budget

    Raises
    ------
    DataError
        The file is missing, empty, damaged, or of no known kind.
    """
    with opened(path, dialect) as source:
        try:
            if source.form == "parquet":
                yield from _parquet_parts(source, folder, budget)
            else:
                yield from _text_parts(source, dialect, folder, budget.part_bytes)
        except UnicodeDecodeError:
            _raise_not_utf8(source)
        except DAMAGE as error:
            raise damaged(source, error) from None


def _raise_not_utf8(source: Source) -> NoReturn:
    """Say where the first byte is that is not UTF-8."""
    with unpacked(source.local) as file:
        odd = ((number, _odd(line)) for number, line in enumerate(file, start=1))
        number, byte = next((found for found in odd if found[1] is not None), (1, None))
    raise DataError(
        "the file is not UTF-8 text",
        where=f"{source.name}, line {number}",
        got="half a character" if byte is None else f"byte 0x{byte:02x}",
        do='say which encoding it has, such as encoding="latin-1", or save it as UTF-8',
    )


def _odd(line: bytes) -> int | None:
    """Return the first byte that is not UTF-8, or None."""
    try:
        line.decode()
    except UnicodeDecodeError as error:
        return line[error.start]
    return None


def _text_parts(source: Source, dialect: Dialect, folder: Path, size: int) -> Iterator[FilePart]:
    lines = source.form == "json"
    part = folder / ("part.jsonl" if lines else "part.tsv" if source.tabs else "part.csv")
    header, taken = "", 0
    with source.text() as file:
        records = _lines(file) if lines else _records(file, dialect, source)
        if not lines:
            for text, count, filled in records:
                taken += count
                if filled:
                    header = text
                    break
        header_lines = header.count("\n") or (1 if header else 0)
        rest = _gathered(records, size)
        # A table without rows is a part too: its reader says so.
        for text, count in chain([next(rest, ("", 0))], rest):
            _write(part, header + text)
            yield FilePart(part, source.name, taken - header_lines)
            taken += count


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8", newline="")
    except OSError as error:
        raise said(error, path.parent) from error


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


def _parquet_parts(source: Source, folder: Path, budget: Budget) -> Iterator[FilePart]:
    try:
        import duckdb
    except ImportError:
        raise MissingExtraError(
            "reading tables needs duckdb, which is not installed",
            do='pip install "chainrule[cli]"',
        ) from None
    limit = budget.spare
    settings: dict[str, Any] = {
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
        "temp_directory": str(folder / "spill"),
        "memory_limit": f"{limit}B",
        "threads": "1",
    }
    part = folder / "part.parquet"
    try:
        with closing(duckdb.connect(str(folder / "copy.db"), config=settings)) as connection:
            copy = _Copy(connection, source, limit)
            # From here on parts are read by others, who need the memory.
            connection.execute(f"SET memory_limit = '{max(limit // 4, 8_000_000)}B'")
            step = max(int(budget.part_bytes * copy.rows / max(copy.bytes, 1)), 1)
            for first in range(0, copy.rows, step):
                copy.write(part, first, min(first + step, copy.rows))
                yield FilePart(part, source.name, None, first)
    except duckdb.OutOfMemoryException as error:
        raise _too_little(source, budget, str(error)) from None
    except duckdb.Error as error:
        got = str(error).strip().splitlines()[0][:160]
        raise DataError("the file cannot be read as a table", where=source.name, got=got) from None


def _too_little(source: Source, budget: Budget, got: str) -> ChainruleError:
    return ChainruleError(
        "so little memory does not hold one column of a group of rows of this Parquet file",
        where=source.name,
        expected=f"row groups that fit into {budget.spare / 1e6:.0f} MB",
        got=got.strip().splitlines()[0][:160],
        do="allow more memory, or write the file anew with smaller row groups",
    )


class _Copy:
    """A Parquet file in DuckDB's own database: tables p0, p1, ... of neighbouring columns."""

    def __init__(self, connection: Any, source: Source, limit: int) -> None:
        self.connection = connection
        # What is read ahead would be a whole row group, all columns of it.
        connection.execute("SET disable_parquet_prefetching = true")
        # What would be a pattern in a name stands for itself.
        path = re.sub(r"[*?[]", r"[\g<0>]", str(source.local.resolve()))
        file = _quoted(path)
        described = connection.execute(f"DESCRIBE SELECT * FROM read_parquet({file})").fetchall()
        names = ['"' + name.replace('"', '""') + '"' for name, *_ in described]
        sizes, self.rows, self.bytes = self._sizes(file, len(names))
        if not self.rows:
            raise DataError("the table has no rows", where=source.name)
        self.tables = 0
        for group in _groups(sizes, limit // 3):
            columns = ", ".join(names[place] for place in group)
            connection.execute(
                f"CREATE TABLE p{self.tables} AS SELECT {columns} FROM read_parquet({file})"
            )
            self.tables += 1

    def _sizes(self, file: str, columns: int) -> tuple[list[int], int, int]:
        """Return the bytes of each column's largest piece, the rows, and the bytes in all."""
        found = self.connection.execute(
            "SELECT path_in_schema, max(total_uncompressed_size), sum(total_uncompressed_size), "
            f"min(column_id) FROM parquet_metadata({file}) GROUP BY path_in_schema"
        ).fetchall()
        count = f"SELECT sum(num_rows) FROM parquet_file_metadata({file})"
        rows = int(self.connection.execute(count).fetchone()[0] or 0)
        sizes = [int(largest) for _, largest, _, _ in sorted(found, key=lambda row: row[3])]
        if len(sizes) != columns:  # nested columns: the reader refuses them by name
            sizes = [max(sizes, default=0)] * columns
        # Values of Parquet are dense; as text and as numbers of eight bytes they take more.
        return sizes, rows, 2 * sum(int(row[2]) for row in found)

    def write(self, path: Path, first: int, last: int) -> None:
        """Write rows `first` to `last - 1` into a Parquet file."""
        where = f"WHERE rowid >= {first} AND rowid < {last}"
        tables = [f"(SELECT * FROM p{place} {where}) AS t{place}" for place in range(self.tables)]
        joined = " POSITIONAL JOIN ".join(tables)
        self.connection.execute(
            f"COPY (SELECT * FROM {joined}) TO {_quoted(str(path))} (FORMAT parquet)"
        )


def _groups(sizes: list[int], limit: int) -> Iterator[range]:
    """Yield neighbouring columns, so many that their largest pieces fit together."""
    start = 0
    ends = np.cumsum(sizes)
    while start < len(sizes):
        before = int(ends[start - 1]) if start else 0
        stop = max(int(np.searchsorted(ends, before + limit, side="right")), start + 1)
        yield range(start, stop)
        start = stop


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
