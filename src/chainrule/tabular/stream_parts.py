"""A large table file cut into small table files, one after the other.

Decisions
---------
a) Each part is a table by itself, read by what reads whole tables. What a cell means is thereby
   decided in one place, however large the file is.
b) Text is cut between records (`stream_text`), and each piece written into a file of its own.
c) Parquet is stored by columns, in groups of rows that may be larger than memory. DuckDB copies
   it first into a database of its own on the disk, so many columns at a time as fit. The more
   columns, the smaller its blocks.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.errors import ChainruleError, DataError
from chainrule.frozen import frozen
from chainrule.tabular.dialect import Dialect
from chainrule.tabular.forms import sql_text
from chainrule.tabular.parquet import Relation, parquet_columns
from chainrule.tabular.paths import literal_path, parquet_rows, require_plain
from chainrule.tabular.reader import TableReader, reading, unreadable
from chainrule.tabular.source import DAMAGE, Source, damaged, opened, raise_not_utf8
from chainrule.tabular.stream_text import text_pieces
from chainrule.tabular.table import Kind, Table
from chainrule.training.blocks_folder import said
from chainrule.training.blocks_memory import Budget

__all__ = ["FilePart", "file_parts"]

_BLOCKS = (262_144, 131_072, 65_536, 32_768, 16_384)
"""Bytes of a block of the copy that DuckDB knows. It keeps a note of every block in memory, and one
block of every column while rows are read."""
_BLOCKS_SHARE = 8


@frozen
class FilePart:
    """Some rows of a table.

    Parameters
    ----------
    name : str
        What the part is called by its reader.
    source : str
        What the whole table is called.
    read : function
        Reads the part, with the kinds that are expected if they are not to be found out. It is to
        be called before the next part is asked for.
    lines : int or None
        How far the lines of the part stand behind those of the whole; None where rows are counted.
    first_row : int
        Data rows before this part, where rows are counted.
    """

    name: str
    source: str
    read: Callable[[Mapping[str, Kind] | None], Table]
    lines: int | None
    first_row: int = 0


def file_parts(
    path: Path, dialect: Dialect, folder: Path, budget: Budget, ignore: Collection[str] = ()
) -> Iterator[FilePart]:
    """Yield the parts of a table file.

    Parameters
    ----------
    path : Path
    dialect : Dialect
    folder : Path
        Room for one part at a time, and for a copy of what has to be unpacked first.
    budget : Budget
    ignore : collection of str
        Columns that are left out.

    Raises
    ------
    DataError
        The file is missing, empty, damaged, or of no known kind.
    """
    limit = f"{budget.spare}B"
    require_plain(folder, "choose another folder")
    with (
        opened(path, dialect) as source,
        reading(folder / "spill", memory_limit=limit, threads="1") as reader,
    ):
        try:
            if source.form == "parquet":
                yield from _parquet_parts(source, folder, budget, reader, ignore)
            else:
                size = budget.part_bytes
                yield from _text_parts(source, dialect, folder, size, reader, ignore)
        except UnicodeDecodeError:
            raise_not_utf8(source)
        except DAMAGE as error:
            raise damaged(source, error) from None


def _text_parts(
    source: Source,
    dialect: Dialect,
    folder: Path,
    size: int,
    reader: TableReader,
    ignore: Collection[str],
) -> Iterator[FilePart]:
    part = folder / ("part.jsonl" if source.form == "json" else "part.csv")
    own = replace(source, name=str(part), local=part, folder=folder)
    for piece in text_pieces(source, dialect, size):
        try:
            part.write_bytes(piece.data)
        except OSError as error:
            raise said(error, folder) from error
        read = partial(reader.table, own, dialect=dialect, ignore=ignore)
        yield FilePart(str(part), source.name, read, piece.lines)


def _parquet_parts(
    source: Source, folder: Path, budget: Budget, reader: TableReader, ignore: Collection[str]
) -> Iterator[FilePart]:
    import duckdb

    name, file = str(folder / "part.parquet"), folder / "copy.db"
    try:
        copy = _Copy(reader.connection, source, file, budget.spare, ignore)
        step = max(int(budget.part_bytes * copy.rows / max(copy.bytes, 1)), 1)
        for first in range(0, copy.rows, step):
            part = copy.part(name, first, min(first + step, copy.rows))
            read = partial(reader.table, part, ignore=ignore)
            yield FilePart(name, source.name, read, None, first)
        copy.remove()
    except duckdb.OutOfMemoryException as error:
        raise _too_little(source, budget, str(error)) from None
    except (duckdb.Error, UnicodeDecodeError) as error:
        raise unreadable(source.name, error) from None


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

    def __init__(
        self, connection: Any, source: Source, file: Path, limit: int, ignore: Collection[str]
    ) -> None:
        self.connection, self.file = connection, file
        # What is read ahead would be a whole row group, all columns of it.
        connection.execute("SET disable_parquet_prefetching = true")
        self.columns = parquet_columns(connection, source)
        copied = [column for column in self.columns if column[0] not in ignore]
        block = _block(len(copied), limit)
        connection.execute(f"ATTACH {sql_text(str(file))} AS copy (BLOCK_SIZE {block})")
        sizes, self.rows, self.bytes = self._sizes(source.local, [c[0] for c in copied])
        if not self.rows:
            raise DataError("the table has no rows", where=source.name)
        self.tables, whole = 0, parquet_rows(source.local)
        for group in _groups(sizes, limit // 3):
            columns = ", ".join(copied[place][1] for place in group)
            connection.execute(f"CREATE TABLE copy.p{self.tables} AS SELECT {columns} FROM {whole}")
            self.tables += 1

    def _sizes(self, path: Path, columns: list[str]) -> tuple[list[int], int, int]:
        """Return the bytes of each column's largest piece, the rows, and the bytes in all."""
        file = sql_text(literal_path(path))
        found = self.connection.execute(
            "SELECT path_in_schema, max(total_uncompressed_size), sum(total_uncompressed_size) "
            f"FROM parquet_metadata({file}) GROUP BY path_in_schema"
        ).fetchall()
        count = f"SELECT sum(num_rows) FROM parquet_file_metadata({file})"
        rows = int(self.connection.execute(count).fetchone()[0] or 0)
        largest = {str(name): int(size) for name, size, _ in found}
        # Pieces of nested columns have other names; the reader refuses such columns.
        most = max(largest.values(), default=0)
        sizes = [largest.get(name, most) for name in columns]
        # Values of Parquet are dense; as text and as numbers of eight bytes they take more.
        chosen = [int(size) for name, _, size in found if str(name) in columns]
        return sizes, rows, 2 * sum(chosen)

    def part(self, name: str, first: int, last: int) -> Relation:
        """Return rows `first` to `last - 1`."""
        where = f"WHERE rowid >= {first} AND rowid < {last}"
        tables = [f"(SELECT * FROM copy.p{n} {where}) AS t{n}" for n in range(self.tables)]
        return Relation(name, " POSITIONAL JOIN ".join(tables), self.columns, last - first)

    def remove(self) -> None:
        """Remove the copy from the disk."""
        self.connection.execute("DETACH copy")
        self.file.unlink(missing_ok=True)


def _block(columns: int, limit: int) -> int:
    """Return the bytes of a block, such that one of each column takes a small share of `limit`."""
    most = limit // _BLOCKS_SHARE // max(columns, 1)
    return next((size for size in _BLOCKS if size <= most), _BLOCKS[-1])


def _groups(sizes: list[int], limit: int) -> Iterator[range]:
    """Yield neighbouring columns, so many that their largest pieces fit together."""
    start = 0
    ends = np.cumsum(sizes)
    while start < len(sizes):
        before = int(ends[start - 1]) if start else 0
        stop = max(int(np.searchsorted(ends, before + limit, side="right")), start + 1)
        yield range(start, stop)
        start = stop
