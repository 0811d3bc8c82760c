"""The cells of columns of text inside DuckDB: each different one once, with its number.

Decisions
---------
a) What a cell means is asked of the different cells only, however many rows hold them. A column in
   which most cells differ is kept as it stands: a list without repetitions would be no shorter.
b) Several columns stand in one table, told apart by `place`: with an expression for each column,
   planning takes longer than reading.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from chainrule.tabular.cells import Profile, conversion, profile_query
from chainrule.tabular.table import BLANKS, Coded, Kind

__all__ = ["Batch", "batches"]

_CELLS = 4_000_000
"""Cells of one batch at most, unless one column has more."""
_WIDTH = 256
_FEW_ROWS = 20_000
"""Up to so many rows Python numbers the levels of a column sooner than DuckDB."""
_SHORT = 1_000
_STEP = 16
"""Of many rows, one of so many is looked at first."""
_REPEATED = 4
"""Rows for one level on average, from which on a column is said to repeat itself."""


@dataclass
class Batch:
    """Some columns of one table: rows of (place, raw, cell, n, first) in a table of its own.

    Parameters
    ----------
    connection : DuckDB connection
    table : str
        Table of the rows.
    columns : mapping of cell to column
        What a column is called by its reader, and in the table.
    rows : int
        Rows of the table.
    repeated : bool
        Each different cell stands once, `n` cells and the first of them in row `first`; otherwise
        each cell stands for itself.
    """

    connection: Any
    table: str
    columns: Mapping[str, str]
    rows: int
    repeated: bool
    _name: str = field(default="", repr=False)
    _texts: dict[str, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict, repr=False)
    """Rows and cells of columns that repeat themselves, as they stand."""

    def source(self, cell: str) -> str:
        """Return the SQL of the filled cells of a column: rows of (`cell`, n, first)."""
        place = list(self.columns).index(cell)
        return f"(SELECT cell AS {cell}, n, first FROM {self._filled()} WHERE place = {place})"

    def profiles(self, stated: Kind | None) -> dict[str, Profile]:
        """Count the cells of each kind in each column."""
        counts: list[dict[str, int]] = [{} for _ in self.columns]
        for place, kind, count in self._ask(profile_query(self._filled(), stated)).fetchall():
            counts[place][kind] = count
        found = map(Profile.from_counts, counts)
        return dict(zip(self.columns, found, strict=True))

    def profile(self, cell: str) -> Profile:
        """Count the cells of each kind in one column."""
        place = list(self.columns).index(cell)
        source = f"(FROM {self._filled()} WHERE place = {place})"
        counted = self._ask(profile_query(source, None)).fetchall()
        return Profile.from_counts({kind: count for _, kind, count in counted})

    def head(self, cell: str, digits: bool = False) -> tuple[int, str] | None:
        """Return row and text of the first filled cell of a column, or of those with a digit."""
        if self.repeated:
            rows, texts = self._as_text()[cell]
            for row, text in zip(rows, texts, strict=True):
                if text and (not digits or re.search("[0-9]", text)):
                    return int(row), text
            return None
        test = f"AND regexp_matches({cell}, '[0-9]')" if digits else ""
        return self._ask(
            f"SELECT first, {cell} FROM {self.source(cell)} WHERE {cell} IS NOT NULL {test} "
            "ORDER BY first LIMIT 1"
        ).fetchone()

    def rewrite(self, cell: str, fits: str, plain: str) -> None:
        """Write the cells that fit anew; conditions are about the column `cell`."""
        self._texts = {}
        place = list(self.columns).index(cell)
        self._ask(f"UPDATE {self._filled()} SET cell = {plain} WHERE place = {place} AND ({fits})")

    def values(self, kinds: Mapping[str, Kind]) -> Iterator[tuple[str, np.ndarray, Coded | None]]:
        """Yield the values of columns: text with None, the other kinds as float64 with NaN."""
        numbered = self._numbered(list(kinds)) if self.repeated else {}
        for kind in dict.fromkeys(kinds.values()):
            members = [cell for cell in kinds if kinds[cell] == kind]
            for cell, first, found in self._converted(members, kind):
                if self.repeated:
                    yield cell, *_spread(numbered.pop(cell), found, kind)
                else:
                    values = np.full(self.rows, None if kind == "text" else np.nan)
                    values[first] = found
                    yield cell, values, None

    def drop(self) -> None:
        """Forget the cells."""
        self._texts = {}
        if self._name:
            self._ask(f"DROP TABLE {self._name}")
            self._name = ""

    def _ask(self, sql: str) -> Any:
        return self.connection.execute(sql)

    def _filled(self) -> str:
        """Return the table of the cells, made when it is first asked for."""
        if self._name:
            return self._name
        name = f"levels_of_{self.table}_{next(iter(self.columns.values()))}"
        long = self.repeated and self.rows > _FEW_ROWS
        rows = self._by_column() if long else self._by_row()
        raw = ", raw" if long else ""
        self._ask(
            f"CREATE TEMP TABLE {name} AS SELECT place, {_TRIMMED} AS cell, n, first{raw} "
            f"FROM ({rows})"
        )
        self._name = name
        return name

    def _by_column(self) -> str:
        """Return the SQL of the levels, column by column, which is quick where rows are many."""
        return " UNION ALL ".join(
            f"SELECT {place} AS place, {column} AS raw, count(*) AS n, min(rowid) AS first "
            f"FROM {self.table} WHERE {column} IS NOT NULL GROUP BY {column}"
            for place, column in enumerate(self.columns.values())
        )

    def _by_row(self) -> str:
        """Return the SQL of the cells or levels of all columns, which has no cost per column."""
        listed = ", ".join(self.columns.values())
        cells = (
            f"(SELECT unnest([{listed}]) AS raw, unnest(range({len(self.columns)})) AS place, "
            f"rowid AS row FROM {self.table})"
        )
        few = "count(*) AS n, min(row) AS first" if self.repeated else "1 AS n, row AS first"
        group = "GROUP BY place, raw" if self.repeated else ""
        return f"SELECT place, raw, {few} FROM {cells} WHERE raw IS NOT NULL {group}"

    def _as_text(self) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Return the rows and the cells of the levels of all columns, in the order of the rows."""
        if not self._texts:
            found = self._fetched(list(self.columns), "text")
            self._texts = {cell: (rows, texts) for cell, rows, texts in found}
        return self._texts

    def _converted(
        self, cells: Sequence[str], kind: Kind
    ) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
        """Yield the rows and the values of the levels of columns, in the order of the rows."""
        if kind == "text" and self._texts:
            return ((cell, *self._texts[cell]) for cell in cells)
        return self._fetched(cells, kind)

    def _fetched(
        self, cells: Sequence[str], kind: Kind
    ) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
        places = {list(self.columns).index(cell): cell for cell in cells}
        found = self._ask(
            f"SELECT place, first, {conversion('cell', kind)} AS value FROM {self._filled()} "
            f"WHERE place IN ({', '.join(map(str, places))})"
        ).fetchnumpy()
        place, first = (np.ma.getdata(found[name]) for name in ("place", "first"))
        value = _plain(found["value"], kind)
        order = np.lexsort((first, place)) if self.repeated else np.argsort(place, kind="stable")
        ends = np.searchsorted(place[order], list(places), side="right")
        starts = np.searchsorted(place[order], list(places), side="left")
        for cell, start, end in zip(places.values(), starts, ends, strict=True):
            part = order[start:end]
            yield cell, first[part], value[part]

    def _numbered(self, cells: Sequence[str]) -> dict[str, np.ndarray]:
        """Return, for each row, the number of its cell in the order of `_converted`, or -1."""
        if self.rows > _FEW_ROWS:
            return self._enumerated(cells)
        listed = ", ".join(f"{self.columns[cell]} AS {cell}" for cell in cells)
        found = self._ask(f"SELECT {listed} FROM {self.table}").fetchnumpy()
        return {cell: Coded.of(_plain(found[cell], "text")).codes for cell in cells}

    def _enumerated(self, cells: Sequence[str]) -> dict[str, np.ndarray]:
        levels, codes = self._filled(), list[str]()
        for place, (cell, column) in enumerate(self.columns.items()):
            if cell in cells:
                self._ask(
                    f"CREATE TEMP TYPE level{place} AS ENUM (SELECT raw FROM {levels} "
                    f"WHERE place = {place} ORDER BY first)"
                )
                codes.append(f"coalesce(enum_code({column}::level{place})::INT, -1) AS {cell}")
        found = self._ask(f"SELECT {', '.join(codes)} FROM {self.table}").fetchnumpy()
        for place, cell in enumerate(self.columns):
            if cell in cells:
                self._ask(f"DROP TYPE level{place}")
        return {cell: np.ma.getdata(codes) for cell, codes in found.items()}


def _trimmed(cell: str) -> str:
    """Return the SQL of a cell without blanks at its ends, NULL if nothing is left."""
    ends = f"{cell} < '!' OR {cell} > '~' OR right({cell}, 1) < '!' OR right({cell}, 1) > '~'"
    return f"CASE WHEN {ends} THEN nullif(trim({cell}, '{BLANKS}'), '') ELSE {cell} END"


_TRIMMED = _trimmed("raw")


def _plain(found: np.ndarray, kind: Kind) -> np.ndarray:
    """Return what was fetched, with None or NaN where it is NULL."""
    mask, data = np.ma.getmask(found), np.ma.getdata(found)
    values = data.astype(object if kind == "text" else np.float64, copy=False)
    if mask is np.ma.nomask or not mask.any():
        return values
    values = values.copy()
    values[mask] = None if kind == "text" else np.nan
    return values


def _spread(codes: np.ndarray, levels: np.ndarray, kind: Kind) -> tuple[np.ndarray, Coded | None]:
    """Return the values of all rows from those of the levels."""
    if kind != "text":
        return np.append(levels, np.nan)[codes], None  # -1 is the last one
    places: dict[str, int] = {}
    moved = [-1 if level is None else places.setdefault(level, len(places)) for level in levels]
    coded = Coded(np.array([*moved, -1], np.int32)[codes], list(places))
    return coded.values(), coded


def batches(connection: Any, table: str, columns: Mapping[str, str], rows: int) -> Iterator[Batch]:
    """Yield columns of a table in batches: those that repeat themselves, then the others.

    Parameters
    ----------
    connection : DuckDB connection
    table : str
    columns : mapping of cell to column
        What a column is called by its reader, and in the table.
    rows : int
    """
    repeating = _repeating(connection, table, list(columns.values()), rows)
    most = min(max(_CELLS // max(rows, 1), 1), _WIDTH)
    for repeated in (True, False):
        cells = [cell for cell in columns if (columns[cell] in repeating) == repeated]
        for start in range(0, len(cells), most):
            part = {cell: columns[cell] for cell in cells[start : start + most]}
            yield Batch(connection, table, part, rows, repeated)


def _repeating(connection: Any, table: str, columns: list[str], rows: int) -> set[str]:
    """Return the columns in which a cell stands several times on average."""
    if rows < _SHORT:
        return set(columns)
    found: set[str] = set()
    for start in range(0, len(columns), _WIDTH):
        part = columns[start : start + _WIDTH]
        if rows > _FEW_ROWS:  # the more rows there are, the more often a level stands
            some = f"{table} WHERE rowid % {_STEP} = 0"
            found.update(_repeated_in(connection, some, part, rows // _STEP))
        others = [column for column in part if column not in found]
        found.update(_repeated_in(connection, table, others, rows) if others else ())
    return found


def _repeated_in(connection: Any, rows: str, columns: list[str], count: int) -> Iterator[str]:
    counts = ", ".join(f"approx_count_distinct({column})" for column in columns)
    levels = connection.execute(f"SELECT {counts} FROM {rows}").fetchone()
    for column, different in zip(columns, levels, strict=True):
        if _REPEATED * different <= count:
            yield column
