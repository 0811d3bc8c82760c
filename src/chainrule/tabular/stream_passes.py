"""The three passes over a table that is larger than memory: read, fit, encode."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from chainrule.errors import ChainruleError, DataError, TargetError
from chainrule.frozen import frozen
from chainrule.tabular.dialect import Dialect
from chainrule.tabular.encoder import Encoder
from chainrule.tabular.reading import Reading
from chainrule.tabular.stream_cache import ColumnCache
from chainrule.tabular.stream_fit import MOST_LEVELS, ColumnTally, TargetTally
from chainrule.tabular.stream_parts import FilePart, file_parts
from chainrule.tabular.table import Kind, Table, missing_column, require_ignored
from chainrule.tabular.target import TargetCode, Task
from chainrule.training.blocks_folder import require_space
from chainrule.training.blocks_memory import Budget
from chainrule.training.blocks_writer import BlocksWriter, part_of_rows

__all__ = ["Fitted", "ReadTable", "Told", "encode", "fit", "read"]

Told = Callable[[str, int], object]
"""Is told what is being done, and how many rows of it are done."""
_MOST_NOTES = 20


@frozen
class ReadTable:
    """A table after the first pass: its columns in parts on the disk.

    Parameters
    ----------
    cache : ColumnCache
    kinds : dict of str to str
        Kind of each column, in the order of the file.
    target : str
    budget : Budget
    told : function
    notes : tuple of str
    reading : Reading or None
        How all parts of the file are written.
    """

    cache: ColumnCache
    kinds: Mapping[str, Kind]
    target: str
    budget: Budget
    told: Told
    notes: tuple[str, ...]
    reading: Reading | None = None

    @property
    def rows(self) -> int:
        """Rows of the file."""
        return sum(self.cache.rows)

    def parts(self, doing: str) -> Iterator[Table]:
        """Yield the table part by part, telling what is being done with it."""
        done = 0
        for part in range(len(self.cache)):
            table = self.cache.load(part, self.kinds)
            yield table
            done += table.rows
            self.told(doing, done)

    def with_target(self, table: Table) -> Table:
        """Return the rows of a part that have a target."""
        missing = table.column(self.target).missing()
        return table.take(~missing) if missing.any() else table


def read(
    path: Path,
    target: str,
    dialect: Dialect,
    room: Path,
    budget: Budget,
    told: Told | None = None,
    ignore: Sequence[str] = (),
) -> ReadTable:
    """Read a table file once, in parts, and keep its columns on the disk.

    Raises
    ------
    DataError
        The file cannot be read, or has no column of the name of the target or of one to ignore.
    ChainruleError
        The disk is too full.
    """
    # Numbers of eight bytes and numbered levels take about as much as the text that they stood in.
    require_space(room, path.stat().st_size, "the columns of the table")
    tell = told or _silent
    cache = ColumnCache(room, str(path))
    notes: dict[str, str] = {}
    done = 0
    readings: list[Reading | None] = []
    left: dict[str, None] = {}
    for part in file_parts(path, dialect, room, budget, ignore):
        with _whole(part):
            table = part.read(None)
        readings.append(table.reading)
        left.update(dict.fromkeys(table.ignored))
        if not done and not part.name.endswith(".jsonl"):
            _require_columns(target, ignore, (*table.names, *left), str(path))
        cache.add(_placed(table, part))
        for note in table.notes:
            notes.setdefault(re.sub(r"[0-9][0-9,]*", "0", note), _told(note, part))
        done += table.rows
        del table  # before the next one is read
        tell("reading", done)
    kinds = cache.kinds()
    _require_columns(target, ignore, (*kinds, *left), str(path))
    changed = _read_again(path, dialect, room, budget, cache, kinds)
    listed = [note for note in notes.values() if note.partition(":")[0] not in changed]
    listed = listed[:_MOST_NOTES] + [f"{name}: {_MIXED}" for name in sorted(changed)]
    ways = {name: way for name, way in cache.ways().items() if name not in changed}
    reading = _joined(readings, dialect, ways)
    return ReadTable(cache, kinds, target, budget, tell, tuple(listed), reading)


def _joined(
    readings: Sequence[Reading | None], dialect: Dialect, ways: Mapping[str, str]
) -> Reading | None:
    """Return how the whole is written; the parts are in UTF-8, whatever it is in."""
    reading = Reading.joined(readings)
    if reading is None:
        return None
    return replace(reading, ways=ways, encoding=dialect.encoding or reading.encoding)


def _require_columns(
    target: str, ignore: Sequence[str], names: tuple[str, ...], source: str
) -> None:
    if target not in names:
        raise missing_column(target, names, source)
    require_ignored(ignore, target, names, source)


_MIXED = "cells of several kinds, so read as text"


def _read_again(
    path: Path,
    dialect: Dialect,
    room: Path,
    budget: Budget,
    cache: ColumnCache,
    kinds: Mapping[str, Kind],
) -> set[str]:
    """Read as text what parts were read as something else, and the whole is not; name it."""
    misread = [cache.misread(part, kinds) for part in range(len(cache))]
    if any(misread):
        parts = file_parts(path, dialect, room, budget)
        for number, (part, names) in enumerate(zip(parts, misread, strict=True)):
            if names:
                with _whole(part):
                    expected: dict[str, Kind] = dict.fromkeys(names, "text")
                    cache.amend(number, part.read(expected))
    return {name for names in misread for name in names}


def _silent(doing: str, rows: int) -> None:
    """Tell nobody."""


def _placed(table: Table, part: FilePart) -> Table:
    lines = table.lines
    if part.lines is not None and lines is not None:
        lines = lines + part.lines
    return replace(table, source=part.source, notes=(), lines=lines)


@contextmanager
def _whole(part: FilePart) -> Generator[None, None, None]:
    """Let errors about a part speak of the whole table."""
    try:
        yield
    except ChainruleError as error:
        told = {key: _told(text, part) for key, text in error.parts().items()}
        raise type(error)(_told(error.what, part), **told) from None


def _told(text: str, part: FilePart) -> str:
    """Return what was said of a part, with the name and the lines of the whole."""
    name = re.escape(part.name)
    before = part.first_row if part.lines is None else part.lines

    def moved(found: re.Match[str]) -> str:
        return f"{part.source}{found[1]}{int(found[2]) + before}"

    text = re.sub(rf"{name}(, (?:line|row|data row) )([0-9]+)", moved, text)
    return text.replace(part.name, part.source).replace(Path(part.name).name, part.source)


@dataclass
class Fitted:
    """What the second pass counts."""

    columns: dict[str, ColumnTally]
    target: TargetTally
    source: str
    dropped: int = 0
    first_dropped: str = field(default="", repr=False)

    def target_code(self, task: Task | None, standardise: bool) -> TargetCode:
        """Return the target's way to numbers.

        Raises
        ------
        TargetError, DataError
            The target cannot be learned.
        """
        try:
            return self.target.code(task, standardise)
        except TargetError as error:
            error.where = f"{self.source}, {error.where}"
            raise

    def encoder(self, task: Task, standardise: bool, ignore: Sequence[str] = ()) -> Encoder:
        """Return the encoder that is fitted to the training rows, of all columns but some.

        Raises
        ------
        TargetError, DataError
            The target cannot be learned, or no column tells anything.
        """
        code = self.target_code(task, standardise)
        left = {code.name, *ignore}
        fitted = (tally.code() for name, tally in self.columns.items() if name not in left)
        codes = tuple(code for code in fitted if code is not None)
        if not codes:
            raise DataError(
                "there is no column to predict from",
                where=self.source,
                got="besides the target, only columns with one value in every row, or words that "
                "are another in each",
                do="add a column that tells something of the target",
            )
        return Encoder(codes, code)

    def notes(self) -> list[str]:
        """Return what a careful reader would want to know of the counts."""
        return [
            f"{tally.name}: more than {MOST_LEVELS:,} levels, so the rare ones were not counted to "
            f"the end (counts may be {tally.lost:,} too low)"
            for tally in self.columns.values()
            if tally.lost
        ]


def fit(table: ReadTable, writer: BlocksWriter, drop_missing: bool) -> Fitted:
    """Count what the encoder needs to know, on the training rows that a writer will choose.

    Raises
    ------
    TargetError
        Rows have no target, and they are not to be left out; or none has one.
    """
    kinds = table.kinds
    columns = {name: ColumnTally(name, kind) for name, kind in kinds.items()}
    target = TargetTally(table.target, kinds[table.target])
    fitted = Fitted(columns, target, table.cache.source)
    seen = 0
    for whole in table.parts("counting"):
        part = table.with_target(whole)
        missing = whole.rows - part.rows
        if missing and not fitted.dropped:
            first = int(np.argmax(whole.column(table.target).missing()))
            fitted.first_dropped = whole.place(first)
        fitted.dropped += missing
        if not part.rows:
            continue
        training = part_of_rows(writer.seed, seen, part.rows, *writer.shares) == 0
        seen += part.rows
        target.add(part.column(table.target), training)
        rows = part.take(training)
        for column in rows.columns:
            columns[column.name].add(column)
    _require_targets(table, fitted, drop_missing)
    return fitted


def _require_targets(table: ReadTable, fitted: Fitted, drop_missing: bool) -> None:
    if fitted.dropped == table.rows:
        raise TargetError(
            f"the target {table.target!r} is missing in every row",
            where=fitted.source,
            expected="a value where it is known",
            do="fill it in, or name another column as the target",
        )
    if fitted.dropped and not drop_missing:
        raise TargetError(
            f"the target {table.target!r} is missing in {fitted.dropped:,} of {table.rows:,} rows",
            where=f"{fitted.first_dropped}, the first of them",
            do="fill them in, or leave those rows out: drop_missing_target=True",
        )


def encode(table: ReadTable, encoder: Encoder, writer: BlocksWriter) -> tuple[int, ...] | None:
    """Encode all rows into blocks; return how many training rows each class has.

    The columns on the disk are removed as their rows are written.

    Raises
    ------
    DataError
        A number is too far outside what training saw.
    ChainruleError
        The disk is too full.
    """
    width = len(encoder.features)
    size = (width + 1) * np.dtype(writer.dtype).itemsize
    require_space(writer.folder, table.rows * size, "the encoded rows")
    step = max(table.budget.part_bytes // (8 * width), 1)
    target = encoder.target
    counts = np.zeros(len(target.classes or ()), np.int64)
    for number, whole in enumerate(table.parts("encoding")):
        part = table.with_target(whole)
        for start in range(0, part.rows, step):
            rows = part.take(slice(start, start + step))
            y = target.encode(rows.column(target.name))
            drawn = part_of_rows(writer.seed, writer.seen, rows.rows, *writer.shares)
            if target.classes is not None:
                counts += np.bincount(y[drawn == 0], minlength=len(counts))
            writer.add(encoder.encode(rows), y, where=table.cache.source)
        table.cache.remove(number)
    return tuple(counts.tolist()) if target.classes is not None else None
