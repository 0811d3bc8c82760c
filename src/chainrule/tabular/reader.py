"""Read a table from a CSV, TSV, Parquet or JSON lines file.

Every cell goes into DuckDB as text (`load`) and is converted by the rules of `cells` and `forms`,
so that a file means the same in each format. A text table is first surveyed by Python's own parser
(`survey`): both must count the same rows.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np

from chainrule.checks import shown
from chainrule.errors import DataError, MissingExtraError
from chainrule.tabular.cells import Profile, conversion, misfit, profile_query
from chainrule.tabular.dialect import AS_FOUND, Dialect
from chainrule.tabular.load import Cells, load
from chainrule.tabular.notes import column_notes
from chainrule.tabular.rewrite import codes, plainly, rewritten
from chainrule.tabular.source import SUFFIXES as SUFFIXES
from chainrule.tabular.source import Source, opened
from chainrule.tabular.table import Column, Kind, Table

__all__ = ["SUFFIXES", "read_table"]


def read_table(
    path: str | os.PathLike[str],
    expected: Mapping[str, Kind] | None = None,
    dialect: Dialect = AS_FOUND,
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
    duckdb = _duckdb()
    with opened(path, dialect) as source:
        # What does not fit into memory goes to the folder that is cleared away, not beside the
        # user's files; and nothing is ever fetched from a network to read a file.
        spill = source.folder / "spill"
        with duckdb.connect(":memory:", config={**_SETTINGS, "temp_directory": str(spill)}) as run:
            try:
                # The search for common parts takes the square of the number of columns.
                run.execute("SET disabled_optimizers = 'common_subexpressions'")
                return _columns(load(run, source, dialect, expected), expected, dialect)
            except duckdb.OutOfMemoryException as error:
                raise MemoryError(str(error)) from None
            except duckdb.Error as error:
                raise _unreadable(source, error) from None


_SETTINGS = {"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"}


def _duckdb() -> Any:
    try:
        import duckdb
    except ImportError:
        raise MissingExtraError(
            "reading tables needs duckdb, which is not installed",
            do='pip install "chainrule[cli]"',
        ) from None
    return duckdb


@dataclass(frozen=True)
class _Found:
    """A column on its way from text to values."""

    name: str
    cell: str
    kind: Kind
    profile: Profile


_CELLS = 4_000_000
"""Cells that one query converts at most, unless one column has more."""


def _columns(cells: Cells, expected: Mapping[str, Kind] | None, dialect: Dialect) -> Table:
    names = cells.names if expected is None else tuple(expected)
    numbers = {name: number for number, name in enumerate(cells.names)}
    places = {name: f"c{numbers[name]}" for name in names}
    profiles = _profiles(
        cells, {cell: None if expected else _typed(cells, name) for name, cell in places.items()}
    )
    notes = list(cells.notes)
    found: list[_Found] = []
    for name, cell in places.items():
        wanted = None if expected is None else expected[name]
        found.append(
            _decided(
                cells, _Found(name, cell, wanted or "text", profiles[cell]), dialect, wanted, notes
            )
        )
    columns: dict[str, Column] = {}
    for group in _groups(cells, found):
        for one in group:
            if not one.profile.fits(one.kind):
                _require_kind(cells, one)
        for one, fetched in zip(group, _fetch(cells, group), strict=True):
            column = _column(cells, one, fetched)
            notes.extend(column_notes(cells, one.cell, column, one.profile))
            columns[one.name] = column
    ordered = tuple(columns[name] for name in names)
    return Table(ordered, cells.source, tuple(notes), cells.lines)


def _typed(cells: Cells, name: str) -> Kind | None:
    """Return the kind that the file states, if that settles the matter."""
    kind = cells.kinds.get(name)
    return None if kind == "text" and cells.dates_are_text else kind


def _decided(
    cells: Cells, one: _Found, dialect: Dialect, wanted: Kind | None, notes: list[str]
) -> _Found:
    """Return the column with its kind: wanted, stated by the file, or read off the cells."""
    name, cell, profile = one.name, one.cell, one.profile
    stated = cells.kinds.get(name)
    if not profile.filled:
        return _Found(name, cell, "empty", profile)
    if wanted is None and stated is not None:
        dates = profile.kind() == "date" and cells.dates_are_text and stated == "text"
        return _Found(name, cell, "date" if dates else stated, profile)
    profile, found = rewritten(cells, name, cell, profile, wanted, dialect)
    notes.extend(found)
    kind = wanted or profile.kind()
    if wanted is None and profile.coded and (note := codes(cells, name, cell, profile)):
        notes.append(note)
        kind = "text"
    return _Found(name, cell, kind, profile)


def _profiles(cells: Cells, stated: Mapping[str, Kind | None]) -> dict[str, Profile]:
    counts: dict[str, dict[str, int]] = {cell: {} for cell in stated}
    kinds: dict[tuple[str, Kind | None], list[str]] = {}
    for cell, kind in stated.items():
        kinds.setdefault((cells.table(cell), kind), []).append(cell)
    for (table, kind), members in kinds.items():
        for place, found, count in cells.ask(profile_query(table, members, kind)).fetchall():
            counts[members[place]][found] = count
    return {cell: Profile.from_counts(found) for cell, found in counts.items()}


def _groups(cells: Cells, found: list[_Found]) -> Iterator[list[_Found]]:
    """Yield columns of one table and one kind, so many that a query is worth its planning."""
    most = max(_CELLS // cells.rows, 1)

    def alike(one: _Found) -> tuple[str, Kind]:
        return cells.table(one.cell), one.kind

    for _, members in groupby(sorted(found, key=alike), key=alike):
        listed = list(members)
        for start in range(0, len(listed), most):
            yield listed[start : start + most]


def _fetch(cells: Cells, group: list[_Found]) -> Iterator[np.ndarray]:
    """Yield the values of columns of one table and kind, masked where they are missing."""
    listed = ", ".join(one.cell for one in group)
    table, kind = cells.table(group[0].cell), group[0].kind
    # One expression for all columns: planning one for each takes longer than converting.
    fetched = cells.ask(
        f"SELECT {conversion('cell', kind)} AS value "
        f"FROM (SELECT unnest([{listed}]) AS cell FROM {table})"
    ).fetchnumpy()["value"]
    rows = fetched.reshape(cells.rows, len(group))
    for place in range(len(group)):
        yield rows[:, place]


def _require_kind(cells: Cells, one: _Found) -> None:
    row = cells.first(one.cell, misfit(one.cell, one.kind))
    if row is not None:
        place, text = row
        raise DataError(
            f"a cell of column {one.name!r} is not a {one.kind}",
            where=place,
            expected=f"a {one.kind}, or an empty cell where it is not known",
            got=repr(text[:60]),
            do=plainly(text),
        )


def _column(cells: Cells, one: _Found, fetched: np.ndarray) -> Column:
    mask = np.ma.getmaskarray(fetched)
    data = np.ma.getdata(fetched)
    if one.kind == "text":
        text = data.astype(object)  # a copy, for `data` is a part of the group's array
        text[mask] = None
        return Column(one.name, one.kind, text)
    values = np.where(mask, np.nan, data.astype(np.float64))
    infinite = np.flatnonzero(np.isinf(values))
    if len(infinite):
        text = cells.first(one.cell, f"rowid = {infinite[0]}")
        raise DataError(
            f"column {one.name!r} holds an infinite number",
            where=cells.place(int(infinite[0])),
            expected="a finite number, or an empty cell where it is not known",
            got=shown(text[1] if text else "inf"),
        )
    return Column(one.name, one.kind, values)


def _unreadable(source: Source, error: Exception) -> DataError:
    first = str(error).strip().splitlines()[0]
    return DataError(
        "the file cannot be read as a table",
        where=source.name,
        got=first.split(": ", 1)[-1][:160],
        do="check that the ending of the name says what the file is",
    )
