"""The columns of a table: converted by DuckDB at once where that is safe, else cell by cell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from chainrule.checks import shown
from chainrule.errors import DataError
from chainrule.frozen import frozen
from chainrule.tabular.cells import Profile, misfit
from chainrule.tabular.dialect import Dialect
from chainrule.tabular.first_guess import decimal_comma, has_say, settled
from chainrule.tabular.intake import Intake, Plans
from chainrule.tabular.levels import Batch
from chainrule.tabular.load import Cells, load
from chainrule.tabular.looks import Plan
from chainrule.tabular.notes import column_notes, typed_notes, words_note
from chainrule.tabular.reading import Reading
from chainrule.tabular.rewrite import codes, plainly, rewritten
from chainrule.tabular.table import Column, Kind, Table
from chainrule.tabular.typed import KIND_OF, typed_columns

__all__ = ["read_columns"]

_MEND = "mend the cell, or leave it empty"


def read_columns(
    connection: Any, intake: Intake, expected: Mapping[str, Kind] | None, dialect: Dialect
) -> Table:
    """Read the columns of a table, all of them or those that are expected, as those kinds.

    Raises
    ------
    DataError
        A cell is infinite, or not of the expected kind.
    """
    names = intake.names if expected is None else tuple(expected)
    names = tuple(name for name in names if name not in intake.ignored)
    numbers = {name: number for number, name in enumerate(intake.names)}
    places = {name: f"c{numbers[name]}" for name in names}
    cells = Cells(connection, intake)
    try:
        return _Columns(cells, places, expected, dialect).read()
    finally:
        cells.drop()


@frozen
class _Found:
    """A column on its way from text to values."""

    name: str
    cell: str
    kind: Kind
    profile: Profile
    way: str = ""
    """How the cells were written, if not the plain way."""


@dataclass
class _Columns:
    """What is read: columns by name, with their kinds if these are expected; and what was found."""

    cells: Cells
    places: Mapping[str, str]
    expected: Mapping[str, Kind] | None
    dialect: Dialect
    columns: dict[str, Column] = field(default_factory=dict)
    notes: dict[str, list[str]] = field(default_factory=dict)
    ways: dict[str, str] = field(default_factory=dict)
    faults: dict[str, DataError] = field(default_factory=dict)
    """What is wrong with columns: the first of them is told, in whatever order they are read."""

    def read(self) -> Table:
        """Read the columns."""
        intake = self.cells.intake
        general = list(intake.notes)
        self.notes = {name: [] for name in self.places}
        plans = load(self.cells, self._many(self._plans()), "p0")
        batches = self._take("p0", {cell for cell, plan in plans.items() if plan == "text"})
        text = {name: cell for name, cell in self.places.items() if plans.get(cell) == "text"}
        self.dialect = settled(self.cells, text, self.dialect, general)
        doubtful = self._convert(plans)
        if doubtful:
            load(self.cells, dict.fromkeys(doubtful, "text"), "p1")
            batches += self._take("p1", doubtful)
        for batch, stated in batches:
            self._look(batch, stated)
            batch.drop()
        if self.faults:
            raise self.faults[next(name for name in self.places if name in self.faults)]
        notes = [*general, *(note for told in self.notes.values() for note in told)]
        reading = Reading(intake.delimiter, intake.encoding, self.dialect.decimal, self.ways)
        columns = tuple(self.columns[name] for name in self.places)
        return Table(columns, intake.source, tuple(notes), intake.lines, reading, intake.ignored)

    def _plans(self) -> Plans:
        """Return how each column is read first: text if something else than its look has a say."""
        intake = self.cells.intake
        plans: dict[str, Plan] = {}
        for name, cell in self.places.items():
            plan = intake.plans[int(cell[1:])]
            kind = KIND_OF[plan]
            said = cell in intake.pointed and has_say(self.dialect, name)
            if self._wanted(name) not in (None, kind) or said:
                plan = "text"
            plans[cell] = plan
        return plans

    def _many(self, plans: Plans) -> Plans:
        """Take over numbers of very many columns, and return the plans of the other columns."""
        cells = self.cells
        if cells.intake.wide is None:
            return plans
        numbers: dict[str, Plan] = {
            cell: plan for cell, plan in plans.items() if plan in ("number", "mixed")
        }
        names = {cell: name for name, cell in self.places.items()}
        left = dict(plans)
        for found in cells.intake.wide.numbers(cells.connection, numbers):
            del left[found.cell]
            name, words = names[found.cell], sum(found.words.values())
            kind: Kind = "number" if found.count or words else "empty"
            column = self.columns[name] = Column(name, kind, found.values)
            if words:
                self.notes[name].append(words_note(column, words, list(found.words)))
        return left

    def _wanted(self, name: str) -> Kind | None:
        return None if self.expected is None else self.expected[name]

    def _take(self, table: str, chosen: set[str]) -> list[tuple[Batch, Kind | None]]:
        """Take columns of a table as text, with the kinds that the file states."""
        stated: dict[str, Kind | None] = {
            cell: None if self.expected else self._stated(name)
            for name, cell in self.places.items()
            if cell in chosen
        }
        return self.cells.take(table, {cell: cell for cell in stated}, stated)

    def _stated(self, name: str) -> Kind | None:
        """Return the kind that the file states, if that settles the matter."""
        intake = self.cells.intake
        kind = intake.kinds.get(name)
        return None if kind == "text" and intake.dates_are_text else kind

    def _convert(self, plans: Plans) -> set[str]:
        """Take over what DuckDB converted, and return what is in doubt."""
        mixed = {cell: f"r{cell[1:]}" for cell, plan in plans.items() if plan == "mixed"}
        self.cells.take("p0", mixed, dict.fromkeys(mixed))
        names = {cell: name for name, cell in self.places.items()}
        doubtful: set[str] = set()
        for cell, typed in typed_columns(self.cells, "p0", plans, names):
            name = names[cell]
            if typed is None or (plans[cell] == "comma" and not self._comma(name, cell)):
                doubtful.add(cell)
                continue
            self.columns[name] = typed.column
            self.notes[name] += typed_notes(self.cells, cell, typed)
        return doubtful

    def _comma(self, name: str, cell: str) -> bool:
        """Say whether commas are decimal beyond doubt, and if so, note it."""
        row, text = self.cells.intake.commas[cell]
        found = decimal_comma(self.dialect, self.cells.delimiter, name, text)
        if found is not None:
            way, since = found
            place = self.cells.place(row)
            self.notes[name].append(f"{name}: {way}{since}, such as {text[:40]!r} ({place})")
            self.ways[name] = way
        return found is not None

    def _look(self, batch: Batch, stated: Kind | None) -> None:
        """Look at the cells of columns of text, and convert them."""
        found: dict[str, _Found] = {}
        names = {cell: name for name, cell in self.places.items()}
        for cell, profile in batch.profiles(stated).items():
            one = found[cell] = self._with_kind(names[cell], cell, profile)
            if not one.profile.fits(one.kind) and (fault := self._misfit(one)):
                self.faults[one.name] = fault
        sound: dict[str, Kind] = {
            one.cell: one.kind for one in found.values() if one.name not in self.faults
        }
        for cell, values, coded in batch.values(sound) if sound else ():
            one = found[cell]
            if one.kind != "text" and np.isinf(values).any():
                self.faults[one.name] = self._infinite(one)
                continue
            column = self.columns[one.name] = Column(one.name, one.kind, values, coded)
            self.notes[one.name] += column_notes(self.cells, cell, column, one.profile)
            if one.way:
                self.ways[one.name] = one.way

    def _with_kind(self, name: str, cell: str, profile: Profile) -> _Found:
        """Return a column with its kind: wanted, stated by the file, or read off the cells."""
        intake, wanted = self.cells.intake, self._wanted(name)
        stated = intake.kinds.get(name)
        if not profile.filled:
            return _Found(name, cell, "empty", profile)
        if wanted is None and stated is not None:
            as_text = intake.dates_are_text and stated == "text"
            dates = as_text and profile.kind() == "date"
            return _Found(name, cell, "date" if dates else stated, profile)
        way = ""
        if stated in (None, "text"):  # numbers of a typed file are what they are
            profile, notes, way = rewritten(self.cells, name, cell, profile, wanted, self.dialect)
            self.notes[name] += notes
        kind = wanted or profile.kind()
        if wanted is None and profile.coded and (note := codes(self.cells, name, cell, profile)):
            self.notes[name].append(note)
            kind = "text"
        return _Found(name, cell, kind, profile, way)

    def _misfit(self, one: _Found) -> DataError | None:
        """Return the error for the first cell that is not of the kind of its column."""
        row = self.cells.first(one.cell, misfit(one.cell, one.kind))
        if row is None:
            return None
        place, text = row
        return DataError(
            f"a cell of column {one.name!r} is not a {one.kind}",
            where=place,
            expected=f"a {one.kind}, or an empty cell where it is not known",
            got=repr(text[:60]),
            do=plainly(text) or _MEND,
        )

    def _infinite(self, one: _Found) -> DataError:
        """Return the error for the first number without end."""
        infinite = self.cells.first(one.cell, f"isinf(try_cast({one.cell} AS DOUBLE))")
        place, text = infinite or (self.cells.source, "inf")
        return DataError(
            f"column {one.name!r} holds an infinite number",
            where=place,
            expected="a finite number, or an empty cell where it is not known",
            got=shown(text),
            do=_MEND,
        )
