"""Columns of a table on the disk, part by part: what was read once need not be read again."""

from __future__ import annotations

import json
from collections.abc import Generator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.tabular.cells import MISSING_WORDS
from chainrule.tabular.table import KINDS, Column, Kind, Table
from chainrule.training.blocks_folder import said

__all__ = ["Coded", "ColumnCache"]


@dataclass(frozen=True)
class Coded:
    """A column of text as numbers: `levels[codes]`, and None where a code is -1."""

    codes: np.ndarray
    levels: list[str]

    @classmethod
    def of(cls, values: np.ndarray) -> Coded:
        """Return a column of text with its levels numbered in the order in which they come."""
        places: dict[str, int] = {}
        codes = [-1 if cell is None else places.setdefault(cell, len(places)) for cell in values]
        return cls(np.array(codes, np.int32), list(places))

    def values(self) -> np.ndarray:
        """Return the cells as the reader gave them."""
        levels = np.empty(len(self.levels) + 1, dtype=object)
        levels[:-1] = self.levels
        return levels[self.codes]  # -1 is the last one, None

    def only_words(self) -> bool:
        """Say whether no cell holds more than a word for a missing one."""
        return all(level.lower() in MISSING_WORDS for level in self.levels)


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
        self._marks: list[bytes] = []
        """Of each part: the mark of each column, as its place in `_MARKS`."""

    def __len__(self) -> int:
        return len(self.rows)

    def add(self, table: Table) -> None:
        """Append a part. Columns may be new (JSON lines), or missing from it."""
        for name in table.names:
            self.names.setdefault(name, len(self.names))
        marks = bytearray(len(self.names))
        with self._opened(len(self), "xb") as file:
            lines = np.zeros(0, np.int64) if table.lines is None else table.lines
            np.save(file, lines, allow_pickle=False)
            for name, place in self.names.items():
                mark = _save(file, table.column(name)) if name in table else "empty"
                marks[place] = _MARKS.index(mark)
        self.rows.append(table.rows)
        self._marks.append(bytes(marks))

    def kinds(self) -> dict[str, Kind]:
        """Return the kind that all filled cells of a column share, and text where they differ."""
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
            lines = np.load(file, allow_pickle=False)
            for name, place in self.names.items():
                mark = _MARKS[marks[place]] if place < len(marks) else "empty"
                values = _load(file, mark)
                if name in again:
                    mark, values = "text", _load(second, "text")
                columns.append(_column(name, kinds[name], mark, values, rows))
        return Table(tuple(columns), self.source, (), lines if len(lines) else None)

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
        np.save(file, column.values, allow_pickle=False)
        return column.kind
    coded = Coded.of(column.values)
    np.save(file, coded.codes, allow_pickle=False)
    np.save(file, np.frombuffer(json.dumps(coded.levels).encode(), np.uint8), allow_pickle=False)
    return "words" if coded.levels and coded.only_words() else "text"


def _load(file: Any, mark: str) -> np.ndarray | None:
    if mark == "empty":
        return None
    values = np.load(file, allow_pickle=False)
    if mark not in ("text", "words"):
        return values
    levels = json.loads(np.load(file, allow_pickle=False).tobytes())
    return Coded(values, levels).values()


def _column(name: str, kind: Kind, mark: str, values: np.ndarray | None, rows: int) -> Column:
    if values is None or (mark == "words" and kind != "text"):
        empty = np.full(rows, None, object) if kind == "text" else np.full(rows, np.nan)
        return Column(name, kind, empty)
    return Column(name, kind, values)
