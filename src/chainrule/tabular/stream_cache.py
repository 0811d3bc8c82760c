"""Columns of a table on the disk, part by part: what was read once need not be read again."""

from __future__ import annotations

import json
from collections.abc import Generator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.tabular.cells import MISSING_WORDS
from chainrule.tabular.forms import COMMA, GROUPS
from chainrule.tabular.table import KINDS, Coded, Column, Kind, Table
from chainrule.training.blocks_folder import said

__all__ = ["ColumnCache"]


_MARKS = (*KINDS, "words")
"""Kinds of a part's column; "words": text that holds nothing but words for missing cells."""


class ColumnCache:
    """The parts of a table as they were read, in a folder.

    Parameters
    ----------
    folder : Path
    source : str
        What the table is called.
    """

    def __init__(self, folder: Path, source: str) -> None:
        self.folder = folder
        self.source = source
        self.names: dict[str, int] = {}
        self.rows: list[int] = []
        self._lines = False
        self._marks: list[bytes] = []
        """Of each part: the mark of each column, as its place in `_MARKS`."""
        self._ways: list[Mapping[str, str]] = []
        """Of each part: columns whose cells were not written the plain way, and how (`forms`)."""

    def __len__(self) -> int:
        return len(self.rows)

    def add(self, table: Table) -> None:
        """Append a part. Columns may be new (JSON lines), or missing from it."""
        for name in table.names:
            self.names.setdefault(name, len(self.names))
        marks = bytearray(len(self.names))
        with self._opened(len(self), "xb") as file:
            if table.lines is not None:
                file.write(np.ascontiguousarray(table.lines, np.int64))
            for name, place in self.names.items():
                mark = _save(file, table.column(name)) if name in table else "empty"
                marks[place] = _MARKS.index(mark)
        self._lines = table.lines is not None
        self.rows.append(table.rows)
        self._marks.append(bytes(marks))
        self._ways.append({} if table.reading is None else table.reading.ways)

    def ways(self) -> dict[str, str]:
        """Return the ways of columns in which no part had another."""
        found: dict[str, set[str]] = {}
        for ways in self._ways:
            for name, way in ways.items():
                found.setdefault(name, set()).add(way)
        return {name: way for name, (way, *others) in found.items() if not others}

    def kinds(self) -> dict[str, Kind]:
        """Return the kind that all filled cells of a column share, and text where they differ."""
        kinds, ways = self._kinds(), self.ways()
        for name in {name for part in self._ways for name in part}:
            if name not in ways or not self._agree(name, kinds[name], ways[name]):
                kinds[name] = "text"
        return kinds

    def _agree(self, name: str, kind: Kind, way: str) -> bool:
        """Say whether the parts that were read the plain way fit the way of the others, too."""
        if way == GROUPS.name or kind == "text":
            return True
        plain = [
            part
            for part, marks in enumerate(self._marks)
            if name not in self._ways[part] and self._mark(marks, name) in ("number", "date")
        ]
        return not plain or (
            way == COMMA.name
            and all(self.load(part, self._kinds()).column(name).is_whole() for part in plain)
        )

    def _mark(self, marks: bytes, name: str) -> str:
        place = self.names[name]
        return _MARKS[marks[place]] if place < len(marks) else "empty"

    def _kinds(self) -> dict[str, Kind]:
        seen: list[set[int]] = [set() for _ in self.names]
        for marks in self._marks:
            for place, mark in enumerate(marks):
                seen[place].add(mark)
        return {name: _shared({_MARKS[m] for m in seen[at]}) for name, at in self.names.items()}

    def misread(self, part: int, kinds: Mapping[str, Kind]) -> list[str]:
        """Return the columns of a part that were read as another kind than that of the whole."""
        marks = self._marks[part]
        return [
            name
            for name, place in self.names.items()
            if place < len(marks) and _MARKS[marks[place]] not in ("empty", "words", kinds[name])
        ]

    def amend(self, part: int, table: Table) -> None:
        """Keep the columns of a part that was read again as text."""
        with self._opened(part, "xb", ".again") as file:
            for column in table.columns:
                _save(file, Column(column.name, "text", column.values))

    def load(self, part: int, kinds: Mapping[str, Kind]) -> Table:
        """Return a part as a table whose columns are of these kinds."""
        marks, rows = self._marks[part], self.rows[part]
        again = set(self.misread(part, kinds))
        columns: list[Column] = []
        with ExitStack() as stack:
            file = stack.enter_context(self._opened(part, "rb"))
            second = stack.enter_context(self._opened(part, "rb", ".again")) if again else file
            lines = _array(file, rows, np.int64) if self._lines else None
            for name in self.names:
                mark = self._mark(marks, name)
                read = _column(file, name, mark, kinds[name], rows)
                columns.append(
                    _column(second, name, "text", "text", rows) if name in again else read
                )
        return Table(tuple(columns), self.source, (), lines)

    def remove(self, part: int) -> None:
        """Remove the files of a part."""
        for ending in ("", ".again"):
            self._path(part, ending).unlink(missing_ok=True)

    def _path(self, part: int, ending: str) -> Path:
        return self.folder / f"columns-{part}{ending}"

    @contextmanager
    def _opened(self, part: int, mode: str, ending: str = "") -> Generator[Any, None, None]:
        try:
            with self._path(part, ending).open(mode) as file:
                yield file
        except OSError as error:
            raise said(error, self.folder) from error


def _shared(seen: set[str]) -> Kind:
    kinds: list[Kind] = [kind for kind in KINDS if kind in seen and kind != "empty"]
    if len(kinds) == 1:
        return kinds[0]
    return "text" if kinds or "words" in seen else "empty"


def _save(file: Any, column: Column) -> str:
    """Write the values of a column, and return its mark."""
    if column.kind == "empty":
        return "empty"
    if column.kind != "text":
        file.write(np.ascontiguousarray(column.values, np.float64))
        return column.kind
    coded = column.coded or Coded.of(column.values)
    levels = json.dumps(coded.levels).encode()
    file.write(np.ascontiguousarray(coded.codes, np.int32))
    file.write(len(levels).to_bytes(8, "little"))
    file.write(levels)
    words = all(level.lower() in MISSING_WORDS for level in coded.levels)
    return "words" if coded.levels and words else "text"


def _array(file: Any, rows: int, dtype: type) -> np.ndarray:
    return np.frombuffer(file.read(rows * np.dtype(dtype).itemsize), dtype)


def _column(file: Any, name: str, mark: str, kind: Kind, rows: int) -> Column:
    """Read the next column, which was written with a mark, as of a kind."""
    if mark not in ("empty", "words", "text"):
        return Column(name, kind, _array(file, rows, np.float64))
    coded = Coded(np.full(rows, -1, np.int32), [])
    if mark != "empty":
        codes = _array(file, rows, np.int32)
        size = int.from_bytes(file.read(8), "little")
        coded = Coded(codes, json.loads(file.read(size)))
    if kind != "text":
        return Column(name, kind, np.full(rows, np.nan))
    return Column(name, "text", coded.values(), coded)
