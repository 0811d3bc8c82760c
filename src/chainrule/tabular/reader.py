"""Read a table from a CSV, TSV, Parquet or JSON lines file.

Every cell goes into DuckDB as text (`load`) and is converted by the rules of `cells` and `forms`,
so that a file means the same in each format. A text table is first surveyed by Python's own parser
(`survey`): both must count the same rows.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.checks import shown
from chainrule.errors import DataError, MissingExtraError
from chainrule.tabular.cells import Profile, misfit
from chainrule.tabular.dialect import AS_FOUND, Dialect
from chainrule.tabular.first_guess import has_say, settled
from chainrule.tabular.intake import Intake, Plans, json_intake, text_intake
from chainrule.tabular.levels import Batch
from chainrule.tabular.load import Cells, load
from chainrule.tabular.notes import column_notes, typed_notes
from chainrule.tabular.parquet import parquet_intake
from chainrule.tabular.reading import Reading
from chainrule.tabular.rewrite import codes, plainly, rewritten
from chainrule.tabular.scan import Plan
from chainrule.tabular.source import SUFFIXES as SUFFIXES
from chainrule.tabular.source import Source, opened
from chainrule.tabular.table import Coded, Column, Kind, Table
from chainrule.tabular.typed import KIND_OF, Typed, typed_columns

__all__ = ["SUFFIXES", "read_source", "read_table"]


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
    _duckdb()
    with opened(path, dialect) as source:
        return read_source(source, expected, dialect)


def read_source(
    source: Source, expected: Mapping[str, Kind] | None = None, dialect: Dialect = AS_FOUND
) -> Table:
    """Read a table as `read_table` does, from a file that is open already."""
    duckdb = _duckdb()
    # What does not fit into memory goes to the folder that is cleared away, not beside the user's
    # files; and nothing is ever fetched from a network to read a file.
    spill = source.folder / "spill"
    with duckdb.connect(":memory:", config={**_SETTINGS, "temp_directory": str(spill)}) as run:
        try:
            # The search for common parts takes the square of the number of columns.
            run.execute("SET disabled_optimizers = 'common_subexpressions'")
            return _read(run, _intake(run, source, dialect, expected), expected, dialect)
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
    way: str = ""
    """How the cells were written, if not the plain way."""


def _intake(
    run: Any, source: Source, dialect: Dialect, expected: Mapping[str, Kind] | None
) -> Intake:
    if source.form == "json":
        return json_intake(source, expected)
    if source.form == "parquet":
        return parquet_intake(run, source, expected)
    return text_intake(source, dialect, expected)


def _read(run: Any, intake: Intake, expected: Mapping[str, Kind] | None, dialect: Dialect) -> Table:
    names = intake.names if expected is None else tuple(expected)
    numbers = {name: number for number, name in enumerate(intake.names)}
    places = {name: f"c{numbers[name]}" for name in names}
    plans = _plans(intake, places, expected, dialect)
    cells = Cells(run, intake)
    try:
        columns, text = _sure(cells, plans, places, expected)
        return _columns(cells, columns, text, places, expected, dialect)
    finally:
        cells.drop()


def _plans(
    intake: Intake,
    places: Mapping[str, str],
    expected: Mapping[str, Kind] | None,
    dialect: Dialect,
) -> dict[str, Plan]:
    """Return how each column is read first: text if something else than its look has a say."""
    plans: dict[str, Plan] = {}
    for name, cell in places.items():
        plan = intake.plans[int(cell[1:])]
        kind = KIND_OF[plan]
        wanted = None if expected is None else expected[name]
        stated = intake.kinds.get(name) is not None
        said = kind == "number" and not stated and has_say(dialect, name)
        if wanted not in (None, kind) or said:
            plan = "text"
        plans[cell] = plan
    return plans


def _sure(
    cells: Cells,
    plans: Plans,
    places: Mapping[str, str],
    expected: Mapping[str, Kind] | None,
) -> tuple[dict[str, Typed], list[tuple[Batch, Kind | None]]]:
    """Read all columns; return those that are beyond doubt, and the others as text."""
    names = {cell: name for name, cell in places.items()}
    stated: dict[str, Kind | None] = {
        cell: None if expected else _typed(cells.intake, names[cell]) for cell in plans
    }
    plans = load(cells, plans, "p0")
    mixed = {cell: f"r{cell[1:]}" for cell, plan in plans.items() if plan == "mixed"}
    cells.take("p0", mixed, dict.fromkeys(mixed))
    found = dict(typed_columns(cells, "p0", plans, names))
    text = cells.take("p0", {c: c for c, plan in plans.items() if plan == "text"}, stated)
    doubtful = {cell: cell for cell, typed in found.items() if typed is None}
    if doubtful:
        load(cells, dict.fromkeys(doubtful, "text"), "p1")
        text += cells.take("p1", doubtful, stated)
    return {cell: typed for cell, typed in found.items() if typed is not None}, text


def _columns(
    cells: Cells,
    sure: Mapping[str, Typed],
    text: Sequence[tuple[Batch, Kind | None]],
    places: Mapping[str, str],
    expected: Mapping[str, Kind] | None,
    dialect: Dialect,
) -> Table:
    names = {cell: name for name, cell in places.items()}
    general = list(cells.intake.notes)
    told: dict[str, list[str]] = {cell: [] for cell in names}
    open_ = {name: cell for name, cell in places.items() if cell not in sure}
    dialect = settled(cells, open_, dialect, general)
    columns: dict[str, Column] = {}
    ways: dict[str, str] = {}
    for cell, typed in sure.items():
        columns[cell] = typed.column
        told[cell] = typed_notes(cells, cell, typed)
    for batch, stated in text:
        found = _decided(cells, batch, stated, names, expected, dialect, told)
        for cell, values, coded in batch.values({one.cell: one.kind for one in found.values()}):
            one = found[cell]
            columns[cell] = _column(cells, one, values, coded)
            told[cell] += column_notes(cells, cell, columns[cell], one.profile)
            if one.way:
                ways[one.name] = one.way
        batch.drop()
    notes = [*general, *(note for cell in names for note in told[cell])]
    intake = cells.intake
    reading = Reading(intake.delimiter, intake.encoding, dialect.decimal, ways)
    ordered = tuple(columns[cell] for cell in names)
    return Table(ordered, intake.source, tuple(notes), intake.lines, reading)


def _decided(
    cells: Cells,
    batch: Batch,
    stated: Kind | None,
    names: Mapping[str, str],
    expected: Mapping[str, Kind] | None,
    dialect: Dialect,
    told: Mapping[str, list[str]],
) -> dict[str, _Found]:
    """Return the columns of a batch, each with its kind, which all its cells have."""
    found: dict[str, _Found] = {}
    for cell, profile in batch.profiles(stated).items():
        wanted = None if expected is None else expected[names[cell]]
        one = _Found(names[cell], cell, wanted or "text", profile)
        found[cell] = _with_kind(cells, one, dialect, wanted, told[cell])
        if not found[cell].profile.fits(found[cell].kind):
            _require_kind(cells, found[cell])
    return found


def _typed(intake: Intake, name: str) -> Kind | None:
    """Return the kind that the file states, if that settles the matter."""
    kind = intake.kinds.get(name)
    return None if kind == "text" and intake.dates_are_text else kind


def _with_kind(
    cells: Cells, one: _Found, dialect: Dialect, wanted: Kind | None, notes: list[str]
) -> _Found:
    """Return the column with its kind: wanted, stated by the file, or read off the cells."""
    name, cell, profile = one.name, one.cell, one.profile
    stated = cells.intake.kinds.get(name)
    if not profile.filled:
        return _Found(name, cell, "empty", profile)
    if wanted is None and stated is not None:
        as_text = cells.intake.dates_are_text and stated == "text"
        dates = as_text and profile.kind() == "date"
        return _Found(name, cell, "date" if dates else stated, profile)
    way = ""
    if stated in (None, "text"):  # numbers of a typed file are what they are
        profile, found, way = rewritten(cells, name, cell, profile, wanted, dialect)
        notes.extend(found)
    kind = wanted or profile.kind()
    if wanted is None and profile.coded and (note := codes(cells, name, cell, profile)):
        notes.append(note)
        kind = "text"
    return _Found(name, cell, kind, profile, way)


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


def _column(cells: Cells, one: _Found, values: np.ndarray, coded: Coded | None) -> Column:
    if one.kind != "text" and np.isinf(values).any():
        place, text = cells.first(one.cell, f"isinf(try_cast({one.cell} AS DOUBLE))") or ("", "inf")
        raise DataError(
            f"column {one.name!r} holds an infinite number",
            where=place,
            expected="a finite number, or an empty cell where it is not known",
            got=shown(text),
        )
    return Column(one.name, one.kind, values, coded)


def _unreadable(source: Source, error: Exception) -> DataError:
    first = str(error).strip().splitlines()[0]
    return DataError(
        "the file cannot be read as a table",
        where=source.name,
        got=first.split(": ", 1)[-1][:160],
        do="check that the ending of the name says what the file is",
    )
