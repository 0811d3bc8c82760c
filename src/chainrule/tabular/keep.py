"""Columns of a table as they stand in its file, to be written out again beside predictions.

Decisions
---------
a) A cell comes out as it went in: `007`, `1.50`, an id of forty digits, blanks around a word. So
   cells of a text table stay text in every form, numbers of JSON keep their digits, and columns of
   Parquet keep their type in Parquet.
b) The file is read a second time, cell by cell, because the reader of features trims and converts.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from chainrule.errors import DataError
from chainrule.frozen import frozen
from chainrule.tabular.connection import connected
from chainrule.tabular.dialect import Dialect
from chainrule.tabular.json_lines import objects
from chainrule.tabular.parquet import ZONED, parquet_names
from chainrule.tabular.paths import parquet_rows
from chainrule.tabular.source import Source
from chainrule.tabular.survey import named_rows
from chainrule.tabular.table import Table, missing_column

__all__ = ["EVERYTHING", "NOTHING", "Digits", "Kept", "json_text", "kept_columns"]

EVERYTHING = ("all",)
"""The name that stands for all columns."""
_NUMBERS = r"U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|FLOAT|DOUBLE|DECIMAL\(.*\)"
_TOGETHER = 64
"""Columns of Parquet that one query reads; planning takes the square of their number."""


class Digits(str):
    """A number, as the file writes it."""

    __slots__ = ()

    def number(self) -> int | float | str:
        """Return it as Python has it, or its text where Python would lose it."""
        number: int | float = float(self)
        if self.lstrip("-").isdigit():
            try:
                number = int(self)
            except ValueError:  # thousands of digits
                return str(self)
        return number if isinstance(number, int) or math.isfinite(number) else str(self)

    def is_double(self) -> bool:
        """Say whether a double is this very number."""
        number = float(self)
        return math.isfinite(number) and Decimal(repr(number)) == Decimal(self)


@frozen
class Kept:
    """Columns of an input table.

    Parameters
    ----------
    names : tuple of str
    columns : tuple of list
        Cells: text, `Digits`, truth values, None where one is missing, and what JSON nests.
    parquet : (path, names in SQL) or None
        The columns in the Parquet file that they come from.
    """

    names: tuple[str, ...] = ()
    columns: tuple[list[Any], ...] = ()
    parquet: tuple[Path, tuple[str, ...]] | None = None

    def texts(self) -> list[list[str]]:
        """Return the columns as CSV has them: a missing cell is empty.

        Raises
        ------
        DataError
            A cell holds half a character, which no encoding can write.
        """
        return [
            [_text(name, cell) for cell in column]
            for name, column in zip(self.names, self.columns, strict=True)
        ]

    def plain(self) -> dict[str, list[Any]]:
        """Return the columns as values of a JSON document."""
        columns = zip(self.names, self.columns, strict=True)
        return {name: [_value(cell) for cell in column] for name, column in columns}

    def sql_types(self) -> list[str]:
        """Return the type of each column that loses nothing: text, unless all cells are alike."""
        return [_sql_type(column) for column in self.columns]


NOTHING = Kept()


def json_text(value: Any) -> str:
    r"""Return a cell as JSON, numbers digit by digit.

    Example
    -------
    >>> json_text({"id": Digits("1.50"), "name": "é"})
    '{"id": 1.50, "name": "é"}'
    """
    if isinstance(value, Digits):
        return str(value)
    if isinstance(value, dict):
        pairs = (f"{json_text(str(name))}: {json_text(cell)}" for name, cell in value.items())
        return "{" + ", ".join(pairs) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(json_text, value)) + "]"
    return json.dumps(value, ensure_ascii=isinstance(value, str) and not _is_whole(value))


def _is_whole(text: str) -> bool:
    """Say whether a text can be encoded: JSON can spell half a character, and UTF-8 cannot."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _text(name: str, cell: Any) -> str:
    if cell is None:
        return ""
    text = cell if isinstance(cell, str) else json_text(cell)
    if not _is_whole(text):
        raise DataError(
            "the text holds half a character",
            where=f"column {name!r}",
            got=ascii(text)[:60],
            do="write to .jsonl, or leave the column out of --keep",
        )
    return str(text)


def _value(cell: Any) -> Any:
    if isinstance(cell, Digits):
        return cell.number()
    if isinstance(cell, dict):
        return {_value(name): _value(part) for name, part in cell.items()}
    if isinstance(cell, list):
        return [_value(part) for part in cell]
    return cell if not isinstance(cell, str) or _is_whole(cell) else ascii(cell)[1:-1]


def _sql_type(column: Sequence[Any]) -> str:
    kinds = {type(cell) for cell in column if cell is not None}
    if kinds == {bool}:
        return "BOOLEAN"
    if kinds != {Digits}:
        return "VARCHAR"
    digits: list[Digits] = [cell for cell in column if cell is not None]
    numbers = (cell.number() for cell in digits)
    if all(isinstance(number, int) and -(2**63) <= number < 2**63 for number in numbers):
        return "BIGINT"
    return "DOUBLE" if all(cell.is_double() for cell in digits) else "VARCHAR"


def kept_columns(source: Source, table: Table, names: Sequence[str], dialect: Dialect) -> Kept:
    """Return columns of the file that a table was read from, every cell as it stands.

    Parameters
    ----------
    source : Source
    table : Table
        What was read from it; its `reading` tells the delimiter.
    names : sequence of str
        In the order in which they are wanted, each once; `("all",)` for all of them.
    dialect : Dialect
        With which the table was read.

    Raises
    ------
    DataError
        There is no such column, or the file changed meanwhile.
    """
    if not names:
        return NOTHING
    if source.form == "parquet":
        kept = _of_parquet(source, names)
    elif source.form == "json":
        kept = _of_json(source, names)
    else:
        delimiter = "" if table.reading is None else table.reading.delimiter
        rows = named_rows(source, delimiter, dialect.quote)
        kept = _gathered(source, rows, names)
    if any(len(column) != table.rows for column in kept.columns):
        raise DataError("the file was changed while it was read", where=source.name)
    return kept


def _gathered(source: Source, rows: Iterator[Sequence[Any]], names: Sequence[str]) -> Kept:
    """Take columns from rows, the first of which holds the names."""
    known = tuple(next(rows))
    chosen = _chosen(names, known, source)
    where = {name: place for place, name in enumerate(known)}
    places = [where[name] for name in chosen]
    columns: tuple[list[Any], ...] = tuple([] for _ in places)
    for row in rows:
        for column, place in zip(columns, places, strict=True):
            column.append(row[place])
    return Kept(chosen, columns)


def _chosen(names: Sequence[str], known: tuple[str, ...], source: Source) -> tuple[str, ...]:
    if tuple(names) == EVERYTHING:
        return known
    present = set(known)
    for name in names:
        if name not in present:
            raise missing_column(name, known, source.name, "take it off the columns to keep")
    return tuple(dict.fromkeys(names))


def _of_json(source: Source, names: Sequence[str]) -> Kept:
    known: dict[str, None] = {}
    for _, _, row in objects(source, Digits):
        known.update(dict.fromkeys(row))
    chosen = _chosen(names, tuple(known), source)
    for name in chosen:
        _text(name, name)  # no form of output can hold half a character in a name
    columns: tuple[list[Any], ...] = tuple([] for _ in chosen)
    for _, _, row in objects(source, Digits):
        for name, column in zip(chosen, columns, strict=True):
            column.append(row.get(name))
    return Kept(chosen, columns)


def _of_parquet(source: Source, names: Sequence[str]) -> Kept:
    file = parquet_rows(source.local)
    with connected() as connection:
        described = connection.execute(f"DESCRIBE FROM {file}").fetchall()
        known = parquet_names(connection, source, [name for name, *_ in described])
        chosen = _chosen(names, known, source)
        where = {name: place for place, name in enumerate(known)}
        kinds = [str(described[where[name]][1]) for name in chosen]
        quoted = ['"' + described[where[name]][0].replace('"', '""') + '"' for name in chosen]
        columns: list[list[Any]] = []
        for start in range(0, len(chosen), _TOGETHER):
            part = slice(start, start + _TOGETHER)
            casts = ", ".join(map(_cast, quoted[part], kinds[part]))
            rows = connection.execute(f"SELECT {casts} FROM {file}").fetchall()
            for place, kind in enumerate(kinds[part]):
                columns.append([_cell(row[place], kind) for row in rows])
    return Kept(chosen, tuple(columns), (source.local, tuple(quoted)))


def _cast(quoted: str, kind: str) -> str:
    if kind in ZONED:  # whatever the zone of this machine is
        return f"make_timestamp(epoch_us({quoted}::TIMESTAMPTZ))::VARCHAR || '+00'"
    return f"{quoted}::VARCHAR"


def _cell(text: str | None, kind: str) -> Any:
    if text is None:
        return None
    if kind == "BOOLEAN":
        return text == "true"
    finite = text.lstrip("-") not in ("nan", "inf")
    return Digits(text) if finite and re.fullmatch(_NUMBERS, kind) else text
