"""Read a table from a CSV, TSV, Parquet or JSON lines file.

Every cell goes into DuckDB as text (`load`) and is converted by the rules of `cells` and `forms`,
so that a file means the same in each format. A text table is first surveyed by Python's own parser
(`survey`): both must count the same rows.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from chainrule.errors import DataError
from chainrule.tabular.columns import read_columns
from chainrule.tabular.connection import connected, need_duckdb
from chainrule.tabular.dialect import AS_FOUND, Dialect
from chainrule.tabular.intake import Intake, json_intake, text_intake
from chainrule.tabular.parquet import Relation, parquet_intake, relation_intake
from chainrule.tabular.source import SUFFIXES as SUFFIXES
from chainrule.tabular.source import Source, opened
from chainrule.tabular.table import Kind, Table

__all__ = ["SUFFIXES", "TableReader", "read_source", "read_table", "reading", "unreadable"]


def read_table(
    path: str | os.PathLike[str],
    expected: Mapping[str, Kind] | None = None,
    dialect: Dialect = AS_FOUND,
    ignore: Collection[str] = (),
) -> Table:
    r"""Read a table file into columns of numbers, truth values, dates and text.

    Parameters
    ----------
    path : path
        `.csv`, `.tsv`, `.txt` (delimiter found in the header), `.jsonl`, `.ndjson`, each also with
        `.gz` or `.zst`, or `.parquet`; `"-"` is standard input. Text is UTF-8, or UTF-16 with a
        byte-order mark, or in the encoding that the dialect states.
    expected : mapping of column name to kind, optional
        Read only these columns, as these kinds, whatever the cells look like: what a fitted
        encoder asks for.
    dialect : Dialect, optional
        Delimiter, encoding, decimal sign and quotes of a text table, where they are known.
    ignore : collection of str
        Columns that are left out, whatever they hold. `Table.ignored` tells which were there.

    Raises
    ------
    DataError
        The file is missing, empty, damaged, ragged or binary; a column is missing; a cell is
        infinite or not of the expected kind. Names file, line and column.
    MissingExtraError
        DuckDB is not installed.

    Example
    -------
    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "homes.csv"
    >>> _ = path.write_text("rooms,town\n3,Ghent\n,Bruges\n")
    >>> table = read_table(path)
    >>> [(column.name, column.kind) for column in table.columns], table.rows
    ([('rooms', 'number'), ('town', 'text')], 2)
    """
    need_duckdb()
    with opened(path, dialect) as source:
        return read_source(source, expected, dialect, ignore)


def read_source(
    source: Source,
    expected: Mapping[str, Kind] | None = None,
    dialect: Dialect = AS_FOUND,
    ignore: Collection[str] = (),
) -> Table:
    """Read a table as `read_table` does, from a file that is open already."""
    # What does not fit into memory goes to the folder that is cleared away, not beside the user's
    # files.
    with reading(source.folder / "spill") as reader:
        return reader.table(source, expected, dialect, ignore)


@contextmanager
def reading(spill: Path, **settings: str) -> Generator[TableReader, None, None]:
    """Give what reads tables one after the other, which is quicker than to begin anew for each.

    Parameters
    ----------
    spill : Path
        A folder for what does not fit into memory.
    settings
        Of DuckDB.

    Raises
    ------
    MissingExtraError
        DuckDB is not installed.
    """
    with connected(**settings, temp_directory=str(spill)) as connection:
        # The search for common parts takes the square of the number of columns.
        connection.execute("SET disabled_optimizers = 'common_subexpressions'")
        yield TableReader(connection)


class TableReader:
    """Reads tables with one connection to DuckDB.

    Parameters
    ----------
    connection : DuckDB connection
    """

    def __init__(self, connection: Any) -> None:
        self.connection = connection

    def table(
        self,
        source: Source | Relation,
        expected: Mapping[str, Kind] | None = None,
        dialect: Dialect = AS_FOUND,
        ignore: Collection[str] = (),
    ) -> Table:
        """Read a file, or rows that DuckDB has, as `read_table` does."""
        duckdb = need_duckdb()
        try:
            ignore = frozenset(ignore)
            intake = _intake(self.connection, source, dialect, expected, ignore)
            return read_columns(self.connection, intake, expected, dialect)
        except duckdb.OutOfMemoryException as error:
            raise MemoryError(str(error)) from None
        except (duckdb.Error, UnicodeDecodeError) as error:
            raise unreadable(source.name, error) from None


def _intake(
    run: Any,
    source: Source | Relation,
    dialect: Dialect,
    expected: Mapping[str, Kind] | None,
    ignore: Collection[str],
) -> Intake:
    if isinstance(source, Relation):
        return relation_intake(source, expected, ignore)
    if source.form == "json":
        return json_intake(source, expected, ignore)
    if source.form == "parquet":
        return parquet_intake(run, source, expected, ignore)
    return text_intake(source, dialect, expected, ignore)


def unreadable(source: str, error: Exception) -> DataError:
    """Return the error for a file that DuckDB cannot read, in its words where these are words."""
    lines = str(error).strip().splitlines() or [""]
    said = lines[0].split(": ", 1)[-1]
    # Of damaged bytes it says nothing, repeats them, or fails to say what it meant to.
    plain = said.isprintable() and any(map(str.isalpha, said)) and "\ufffd" not in said
    if isinstance(error, UnicodeError) or not plain:
        said = "damaged bytes, where the file says what is in it"
    return DataError(
        "the file cannot be read as a table",
        where=source,
        got=said[:160],
        do="check that the ending of the name says what the file is",
    )
