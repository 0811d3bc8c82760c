"""A table's cells inside DuckDB: text or NULL, in parts of so many columns.

DuckDB plans a query in a time that grows with all columns of the tables it names, so a wide table
is kept as several narrow ones.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.errors import DataError
from chainrule.tabular.dialect import Dialect
from chainrule.tabular.json_lines import copied_json, survey_json
from chainrule.tabular.source import Source
from chainrule.tabular.survey import Survey, copied, survey_text
from chainrule.tabular.table import BLANKS, Kind, missing_column

__all__ = ["Cells", "load"]

PART = 256
_MOST_PARTS = 200
_LINE = 2_000_000
"""Characters of a row from which on DuckDB must be told to expect it."""


@dataclass(frozen=True)
class Cells:
    """The file inside DuckDB: tables p0, p1, ... with columns c0, c1, ... of text."""

    connection: Any
    source: str
    names: tuple[str, ...]
    rows: int
    part: int
    """Columns of one table."""
    kinds: Mapping[str, Kind] = field(default_factory=dict)
    """Kinds that the file itself states (Parquet, JSON); a text table states none."""
    dates_are_text: bool = False
    """The file has no kind for dates, so text may be dates (JSON)."""
    lines: np.ndarray | None = None
    """The line of the file of each row; None if the file has none."""
    delimiter: str = ""
    notes: tuple[str, ...] = ()

    def place(self, row: int) -> str:
        """Return where data row `row` (from 0) is, for a message."""
        if self.lines is None:
            return f"{self.source}, row {row + 1}"
        return f"{self.source}, line {self.lines[row]}"

    def table(self, cell: str) -> str:
        """Return the table that holds a column."""
        return f"p{int(cell[1:]) // self.part}"

    def first(self, cell: str, condition: str) -> tuple[str, str] | None:
        """Return place and text of the first cell of a column that meets a condition."""
        found = self.ask(
            f"SELECT rowid, {cell} FROM {self.table(cell)} WHERE {condition} ORDER BY rowid LIMIT 1"
        ).fetchone()
        return None if found is None else (self.place(found[0]), found[1])

    def ask(self, sql: str) -> Any:
        """Run a query."""
        return self.connection.execute(sql)


def load(
    connection: Any, source: Source, dialect: Dialect, wanted: Collection[str] | None
) -> Cells:
    """Bring a table's cells into DuckDB; `wanted` names the columns that must be there."""
    if source.form == "json":
        return _load_json(connection, source, wanted)
    if source.form == "parquet":
        return _load_parquet(connection, source, wanted)
    return _load_text(connection, source, dialect, wanted)


def _load_text(
    connection: Any, source: Source, dialect: Dialect, wanted: Collection[str] | None
) -> Cells:
    survey = survey_text(source, dialect)
    _require(survey.names, wanted, source)
    groups = _groups(len(survey.names))
    if survey.plain and len(groups) == 1:
        _read_csv(connection, source.local, 0, groups[0], survey.longest, survey)
    else:
        for part, path in enumerate(copied(source, survey, groups)):
            _read_csv(connection, path, part, groups[part], survey.longest)
            path.unlink()
    cells = Cells(
        connection,
        source.name,
        survey.names,
        survey.rows,
        len(groups[0]),
        lines=survey.lines,
        delimiter=survey.delimiter,
        notes=survey.notes,
    )
    _require_rows(cells, len(groups))
    return cells


def _load_json(connection: Any, source: Source, wanted: Collection[str] | None) -> Cells:
    survey = survey_json(source, wanted)
    _require(survey.names, wanted, source)
    groups = _groups(len(survey.names))
    for part, path in enumerate(copied_json(source, survey.names, groups)):
        _read_csv(connection, path, part, groups[part], _LINE + 1)
        path.unlink()
    cells = Cells(
        connection,
        source.name,
        survey.names,
        len(survey.lines),
        len(groups[0]),
        kinds=survey.kinds,
        dates_are_text=True,
        lines=survey.places(),
        notes=tuple(survey.notes),
    )
    _require_rows(cells, len(groups))
    return cells


def _groups(width: int) -> list[range]:
    """Return the columns of each part, so few parts that their files can be open at once."""
    part = max(PART, -(-width // _MOST_PARTS))
    return [range(start, min(start + part, width)) for start in range(0, width, part)]


def _require(names: tuple[str, ...], wanted: Collection[str] | None, source: Source) -> None:
    known = set(names)
    for name in wanted or ():
        if name not in known:
            raise missing_column(name, names, source.name)


def _trimmed(expression: str) -> str:
    return f"nullif(trim({expression}, '{BLANKS}'), '')"


def _read_csv(
    connection: Any,
    path: Path,
    part: int,
    group: range,
    longest: int,
    survey: Survey | None = None,
) -> None:
    """Read one part of a table: a copy without a header, or, with its survey, the file itself."""
    # A copy is trimmed already: an expression for each of many columns takes long to plan.
    trimmed = (f"{_trimmed(f'c{index}')} AS c{index}" for index in group)
    values = ", ".join(trimmed) if survey else "*"
    # Versions of DuckDB differ in how they skip empty lines before a header, so the header is
    # read as a row and left out. strict_mode=false admits line feeds of two kinds inside quotes.
    options = {
        "path": _literal_path(path),
        "columns": {f"c{index}": "VARCHAR" for index in group},
        "delim": survey.delimiter if survey else ",",
        "compression": "gzip" if path.suffix.lower() == ".gz" else "none",
    }
    longer = ""
    if longest > _LINE // 4:  # a character has four bytes at most, a field two quotes
        longer = f", max_line_size={6 * longest + 1024}"
    connection.execute(
        f"CREATE TEMP TABLE p{part} AS SELECT {values} FROM read_csv($path, columns=$columns, "
        "header=false, delim=$delim, quote='\"', escape='\"', auto_detect=false, "
        "strict_mode=false, null_padding=false, ignore_errors=false, "
        f"compression=$compression{longer}) OFFSET {1 if survey else 0}",
        options,
    )


def _require_rows(cells: Cells, parts: int) -> None:
    for part in range(parts):
        rows = cells.ask(f"SELECT count(*) FROM p{part}").fetchone()[0]
        if rows != cells.rows:
            raise DataError(
                "two independent readers disagree about the number of rows, so none is trusted",
                where=cells.source,
                got=f"{cells.rows} and {rows} rows",
                do="write the file anew as plain CSV (comma, double quotes, one kind of line end)",
            )


def _literal_path(path: Path) -> str:
    """Return the path so that DuckDB takes `*`, `?` and `[` in it for themselves."""
    return "".join(f"[{sign}]" if sign in "*?[" else sign for sign in str(path.resolve()))


def _load_parquet(connection: Any, source: Source, wanted: Collection[str] | None) -> Cells:
    parameters = {"path": _literal_path(source.local)}
    described = connection.execute("DESCRIBE FROM read_parquet($path)", parameters).fetchall()
    names = _parquet_names(connection, source, [name for name, *_ in described])
    _require(names, wanted, source)
    chosen = [index for index, name in enumerate(names) if wanted is None or name in wanted]
    kinds: dict[str, Kind] = {}
    values: list[str] = []
    for index in chosen:
        quoted = '"' + described[index][0].replace('"', '""') + '"'
        text, kind = _as_text(source, names[index], quoted, described[index][1])
        kinds[names[index]] = kind
        values.append(f"{_trimmed(text) if kind == 'text' else text} AS c{len(values)}")
    groups = _groups(len(values))
    for part, group in enumerate(groups):
        listed = ", ".join(values[group.start : group.stop])
        connection.execute(
            f"CREATE TEMP TABLE p{part} AS SELECT {listed} FROM read_parquet($path)", parameters
        )
    rows = int(connection.execute("SELECT count(*) FROM p0").fetchone()[0])
    if not rows:
        raise DataError("the table has no rows", where=source.name)
    chosen_names = tuple(names[index] for index in chosen)
    return Cells(connection, source.name, chosen_names, rows, len(groups[0]), kinds=kinds)


def _parquet_names(connection: Any, source: Source, described: list[str]) -> tuple[str, ...]:
    """Return the names as the file has them: DuckDB renames those that differ only in case."""
    parameters = {"path": _literal_path(source.local)}
    schema = connection.execute(
        "SELECT name, coalesce(num_children, 0) FROM parquet_schema($path)", parameters
    ).fetchall()
    top: list[str] = []
    inside = 0  # elements that are still to come below the last column
    for name, children in schema[1:]:
        if inside:
            inside -= 1
        else:
            top.append(name)
        inside += children
    names = tuple(top) if len(top) == len(described) else tuple(described)
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise DataError(
            f"several columns are called {twice!r}",
            where=source.name,
            do="give each column its own name",
        )
    return names


def _as_text(source: Source, name: str, quoted: str, kind: str) -> tuple[str, Kind]:
    """Return the SQL that writes a typed column as text, and its kind."""
    if kind == "BOOLEAN":
        return f"{quoted}::VARCHAR", "boolean"
    if kind.endswith("]") or kind.startswith(("STRUCT", "MAP", "UNION", "BLOB", "BIT")):
        raise DataError(
            "a column holds lists, objects or bytes, not plain values",
            where=f"{source.name}, column {name!r}",
            do="take it apart into plain columns, or leave it out",
        )
    if kind in ("FLOAT", "DOUBLE"):
        return f"{quoted}::DOUBLE::VARCHAR", "number"
    if ("INT" in kind and kind != "INTERVAL") or kind.startswith("DECIMAL"):
        return f"{quoted}::VARCHAR", "number"
    if kind == "TIMESTAMP WITH TIME ZONE":
        return f"make_timestamp(epoch_us({quoted}))::VARCHAR", "date"
    if kind == "DATE" or kind.startswith("TIMESTAMP"):
        return f"{quoted}::TIMESTAMP::VARCHAR", "date"
    return f"{quoted}::VARCHAR", "text"
