"""Read a table from a CSV, TSV, Parquet or JSON lines file.

Every cell goes into DuckDB as text and is converted by the rules of `cells`, so that a file means
the same in each format. A text table is first surveyed by Python's own parser (`survey`): both must
count the same rows.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.checks import shown
from chainrule.errors import DataError, MissingExtraError
from chainrule.files import readable_file
from chainrule.tabular.cells import (
    DECIMAL_COMMA,
    MISSING_WORDS,
    Profile,
    conversion,
    misfit,
    profile_query,
)
from chainrule.tabular.survey import Survey, line_of_row, open_binary, survey_text
from chainrule.tabular.table import Column, Kind, Table, missing_column

__all__ = ["SUFFIXES", "read_table"]

TEXT_SUFFIXES = (".csv", ".tsv", ".txt")
JSON_SUFFIXES = (".jsonl", ".ndjson")
SUFFIXES = (*TEXT_SUFFIXES, *JSON_SUFFIXES, ".parquet")


@dataclass(frozen=True)
class _Cells:
    """The file inside DuckDB: table `cells`, columns c0, c1, ... of text, empty cells NULL."""

    connection: Any
    path: Path
    names: tuple[str, ...]
    rows: int
    kinds: Mapping[str, Kind]
    """Kinds that the file itself states (Parquet, JSON); a text table states none."""
    survey: Survey | None
    notes: tuple[str, ...]

    def place(self, row: int) -> str:
        """Return where data row `row` (from 0) is, for a message."""
        if self.survey is None:
            return f"{self.path}, row {row + 1}"
        return f"{self.path}, line {line_of_row(self.path, self.survey, row)}"

    def ask(self, sql: str) -> Any:
        return self.connection.execute(sql)


def read_table(path: str | os.PathLike[str], expected: Mapping[str, Kind] | None = None) -> Table:
    r"""Read a table file into columns of numbers, truth values, dates and text.

    Parameters
    ----------
    path : path
        `.csv`, `.tsv`, `.txt` (delimiter found in the header), `.jsonl`, `.ndjson`, each also with
        `.gz`, or `.parquet`. Text is UTF-8, with or without a byte-order mark.
    expected : mapping of column name to kind, optional
        Read only these columns, as these kinds, whatever the cells look like: what a fitted
        encoder asks for.

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
    path = readable_file(path, "table")
    duckdb = _duckdb()
    with duckdb.connect(":memory:", config=_SETTINGS) as connection:
        try:
            # The search for common parts of expressions takes the square of the number of columns.
            connection.execute("SET disabled_optimizers = 'common_subexpressions'")
            cells = _load(connection, path)
            return _columns(cells, expected)
        except duckdb.Error as error:
            raise _unreadable(path, error) from None


_SETTINGS = {"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"}
"""Nothing is ever fetched from a network to read a file."""


def _duckdb() -> Any:
    try:
        import duckdb
    except ImportError:
        raise MissingExtraError(
            "reading tables needs duckdb, which is not installed",
            do='pip install "chainrule[cli]"',
        ) from None
    return duckdb


def _load(connection: Any, path: Path) -> _Cells:
    suffixes = [suffix.lower() for suffix in path.suffixes]
    packed = suffixes[-1:] == [".gz"]
    suffix = (suffixes[:-1] if packed else suffixes)[-1:]
    if suffix and suffix[0] in TEXT_SUFFIXES:
        return _load_text(connection, path)
    if suffix and suffix[0] in JSON_SUFFIXES:
        return _load_json(connection, path)
    if suffix == [".parquet"] and not packed:
        return _load_typed(connection, path, "read_parquet($path)")
    raise DataError(
        "this kind of file is not a table that can be read",
        where=str(path),
        expected="a name that ends in " + ", ".join(SUFFIXES) + " (text also with .gz)",
        got=path.name,
    )


def _literal_path(path: Path) -> str:
    """Return the path so that DuckDB takes `*`, `?` and `[` in it for themselves."""
    return "".join(f"[{sign}]" if sign in "*?[" else sign for sign in str(path.resolve()))


def _trimmed(expression: str) -> str:
    return f"nullif(trim({expression}, E' \\t\\r\\n'), '')"


def _load_text(connection: Any, path: Path) -> _Cells:
    survey = survey_text(path)
    width = len(survey.names)
    cells = ", ".join(f"{_trimmed(f'c{index}')} AS c{index}" for index in range(width))
    # The survey has parsed every line strictly; strict_mode=false only admits mixed line ends.
    # Versions of DuckDB differ in how they skip empty lines before a header, so the header is
    # read as a row and left out; in a table of one column each empty line is a row too.
    before = 1 + (survey.skipped if width == 1 else 0)
    connection.execute(
        f"CREATE TEMP TABLE cells AS SELECT {cells} FROM read_csv($path, columns=$columns, "
        "header=false, delim=$delim, quote='\"', escape='\"', auto_detect=false, "
        "strict_mode=false, null_padding=false, ignore_errors=false, compression=$compression) "
        f"OFFSET {before}",
        {
            "path": _literal_path(path),
            "columns": {f"c{index}": "VARCHAR" for index in range(width)},
            "delim": survey.delimiter,
            "compression": "gzip" if path.suffix.lower() == ".gz" else "none",
        },
    )
    rows = _count(connection)
    if rows != survey.rows:
        raise DataError(
            "two independent readers disagree about the number of rows, so none is trusted",
            where=str(path),
            got=f"{survey.rows} and {rows} rows",
            do="write the file anew as plain CSV (comma, double quotes, one kind of line end)",
        )
    return _Cells(connection, path, survey.names, rows, {}, survey, survey.notes)


def _load_json(connection: Any, path: Path) -> _Cells:
    try:
        with open_binary(path) as file:
            lines = sum(1 for line in file if line.strip())
    except (EOFError, OSError) as error:
        raise DataError("the file is damaged or cut off", where=str(path), got=str(error)) from None
    source = "read_json($path, format='newline_delimited', sample_size=-1, maximum_depth=2)"
    cells = _load_typed(connection, path, source)
    if cells.rows != lines:
        raise DataError(
            "each line must hold one JSON object",
            where=str(path),
            expected=f"{lines} objects, one per line that is not empty",
            got=f"{cells.rows} objects",
        )
    return cells


def _load_typed(connection: Any, path: Path, source: str) -> _Cells:
    parameters = {"path": _literal_path(path)}
    described = connection.execute(f"DESCRIBE SELECT * FROM {source}", parameters).fetchall()
    kinds: dict[str, Kind] = {}
    cells = []
    for index, (name, kind, *_) in enumerate(described):
        quoted = '"' + name.replace('"', '""') + '"'
        if kind == "JSON":  # values of several types, or nothing but null
            nested = f"SELECT max(json_type({quoted})) FROM {source} WHERE json_type({quoted}) IN"
            found = connection.execute(f"{nested} ('ARRAY', 'OBJECT')", parameters).fetchone()
            kind = "STRUCT" if found[0] else kind
        text, kinds[name] = _as_text(path, name, quoted, kind)
        cells.append(f"{_trimmed(text)} AS c{index}")
    connection.execute(
        f"CREATE TEMP TABLE cells AS SELECT {', '.join(cells)} FROM {source}", parameters
    )
    rows = _count(connection)
    if not rows:
        raise DataError("the table has no rows", where=str(path))
    names = tuple(name for name, *_ in described)
    return _Cells(connection, path, names, rows, kinds, None, ())


def _as_text(path: Path, name: str, quoted: str, kind: str) -> tuple[str, Kind]:
    """Return the SQL that writes a typed column as text, and its kind."""
    if kind == "BOOLEAN":
        return f"{quoted}::VARCHAR", "boolean"
    if kind.endswith("[]") or kind.startswith(("STRUCT", "MAP", "UNION", "BLOB", "BIT")):
        raise DataError(
            "a column holds lists, objects or bytes, not plain values",
            where=f"{path}, column {name!r}",
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
    if kind == "JSON":
        return f"{quoted}->>'$'", "text"
    return f"{quoted}::VARCHAR", "text"


def _count(connection: Any) -> int:
    return int(connection.execute("SELECT count(*) FROM cells").fetchone()[0])


def _columns(cells: _Cells, expected: Mapping[str, Kind] | None) -> Table:
    names = cells.names if expected is None else tuple(expected)
    for name in names:
        if name not in cells.names:
            raise missing_column(name, cells.names, str(cells.path))
    numbers = {name: number for number, name in enumerate(cells.names)}
    places = {name: f"c{numbers[name]}" for name in names}
    stated: dict[str, Kind | None] = {
        cell: cells.kinds.get(name) if expected is None else None for name, cell in places.items()
    }
    profiles = _profiles(cells, stated)
    found: list[tuple[str, str, Kind, Profile]] = []
    for name, cell in places.items():
        wanted = stated[cell] if expected is None else expected[name]
        profile = profiles[cell]
        found.append((name, cell, wanted if wanted and profile.filled else profile.kind(), profile))
    columns: list[Column] = []
    notes = list(cells.notes)
    for start in range(0, len(found), _TOGETHER):
        group = found[start : start + _TOGETHER]
        for name, cell, kind, profile in group:
            if not profile.fits(kind):
                _require_kind(cells, name, cell, kind)
        fetched = _fetch(cells, {cell: kind for _, cell, kind, _ in group})
        for name, cell, kind, profile in group:
            column = _column(cells, name, cell, kind, fetched[cell])
            notes.extend(_notes(cells, cell, column, profile))
            columns.append(column)
    return Table(tuple(columns), str(cells.path), tuple(notes))


_TOGETHER = 16
"""Columns that one query converts: each query has a price that grows with all columns."""


def _profiles(cells: _Cells, stated: Mapping[str, Kind | None]) -> dict[str, Profile]:
    counts: dict[str, dict[str, int]] = {cell: {} for cell in stated}
    for kind in dict.fromkeys(stated.values()):
        members = [cell for cell in stated if stated[cell] == kind]
        for place, found, count in cells.ask(profile_query(members, kind)).fetchall():
            counts[members[place]][found] = count
    return {cell: Profile.from_counts(found) for cell, found in counts.items()}


def _fetch(cells: _Cells, kinds: Mapping[str, Kind]) -> Mapping[str, Any]:
    values = ", ".join(f"{conversion(cell, kind)} AS {cell}" for cell, kind in kinds.items())
    return cells.ask(f"SELECT {values} FROM cells").fetchnumpy()


def _require_kind(cells: _Cells, name: str, cell: str, kind: Kind) -> None:
    row = _first(cells, cell, misfit(cell, kind))
    if row is not None:
        place, text = row
        raise DataError(
            f"a cell of column {name!r} is not a {kind}",
            where=place,
            expected=f"a {kind}, or an empty cell where it is not known",
            got=repr(text[:60]),
            do=_WITH_POINT if re.fullmatch(DECIMAL_COMMA, text) else "",
        )


def _first(cells: _Cells, cell: str, condition: str) -> tuple[str, str] | None:
    """Return place and text of the first cell that meets a condition."""
    found = cells.ask(
        f"SELECT rowid, {cell} FROM cells WHERE {condition} ORDER BY rowid LIMIT 1"
    ).fetchone()
    return None if found is None else (cells.place(found[0]), found[1])


def _notes(cells: _Cells, cell: str, column: Column, profile: Profile) -> list[str]:
    name, kind = column.name, column.kind
    if kind not in ("text", "empty") and profile.word:
        listed = ", ".join(f"'{word}'" for word in MISSING_WORDS)
        found = cells.ask(f"SELECT DISTINCT {cell} FROM cells WHERE lower({cell}) IN ({listed})")
        words = ", ".join(sorted(repr(word) for (word,) in found.fetchall()))
        return [f"{name}: {profile.word:,} cells hold {words}, read as missing"]
    if kind == "text" and (comma := _decimal_comma(cells, cell, column.values)):
        return [
            f"{name}: {comma[1]!r} ({comma[0]}) has a decimal comma: read as text; {_WITH_POINT}"
        ]
    nearly = profile.nearly() if kind == "text" else None
    if nearly:
        odd = _first(cells, cell, misfit(cell, nearly))
        place, text = odd if odd else (str(cells.path), "")
        share = f"{getattr(profile, nearly):,} of {profile.filled:,} cells are {nearly}s"
        return [f"{name}: {share}, but {text[:40]!r} ({place}) is not: read as text"]
    return []


_WITH_POINT = "write such numbers with a point, 3.5 and not 3,5"


def _decimal_comma(cells: _Cells, cell: str, values: np.ndarray) -> tuple[str, str] | None:
    """Return place and text of the first decimal comma, if all filled cells are such numbers."""
    number = f"({DECIMAL_COMMA}|[+-]?[0-9]+)"
    first = next((value for value in values if value is not None), None)
    if first is None or not re.fullmatch(number, first):  # most text ends the search here
        return None
    odd = f"{cell} IS NOT NULL AND NOT regexp_full_match({cell}, '{number}')"
    if _first(cells, cell, odd):
        return None
    return _first(cells, cell, f"contains({cell}, ',')")


def _column(cells: _Cells, name: str, cell: str, kind: Kind, fetched: np.ndarray) -> Column:
    mask = np.ma.getmaskarray(fetched)
    data = np.ma.getdata(fetched)
    if kind == "text":
        text = data.astype(object)
        text[mask] = None
        return Column(name, kind, text)
    values = np.where(mask, np.nan, data.astype(np.float64))
    infinite = np.flatnonzero(np.isinf(values))
    if len(infinite):
        raise DataError(
            f"column {name!r} holds an infinite number",
            where=cells.place(int(infinite[0])),
            expected="a finite number, or an empty cell where it is not known",
            got=shown(_first(cells, cell, f"rowid = {infinite[0]}")[1]),  # type: ignore[index]
        )
    return Column(name, kind, values)


def _unreadable(path: Path, error: Exception) -> DataError:
    first = str(error).strip().splitlines()[0]
    return DataError(
        "the file cannot be read as a table",
        where=str(path),
        got=first.split(": ", 1)[-1][:160],
        do="check that the ending of the name says what the file is",
    )
