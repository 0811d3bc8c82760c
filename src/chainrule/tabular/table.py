"""What a table is: named columns of one kind each, all with the same number of rows."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Collection, Sequence
from dataclasses import field, replace
from functools import cached_property
from typing import Literal, TypeAlias

import numpy as np

from chainrule.errors import DataError
from chainrule.frozen import frozen
from chainrule.registry import suggest
from chainrule.tabular.reading import Reading

__all__ = [
    "BLANKS",
    "EXACT",
    "KINDS",
    "Coded",
    "Column",
    "Kind",
    "MissingColumnError",
    "Table",
    "apart",
    "missing_column",
    "require_ignored",
]

Kind: TypeAlias = Literal["number", "boolean", "date", "text", "empty"]
KINDS: tuple[Kind, ...] = ("number", "boolean", "date", "text", "empty")
BLANKS = " \t\r\n\v\f\u00a0\u202f\ufeff"
"""What is taken off both ends of a cell: spaces, tabs, line ends, spaces that do not break."""
_LONG = 80
"""Characters of a name that a message repeats."""
_FEW = 5
"""So many missing columns are told by name."""
EXACT = 2.0**53
"""From here on float64 does not tell all whole numbers apart."""


@frozen
class Coded:
    """A column of text as numbers: `levels[codes]`, and None where a code is -1."""

    codes: np.ndarray
    levels: list[str]

    @classmethod
    def of(cls, values: np.ndarray) -> Coded:
        """Return a column of text with its levels numbered in the order in which they come."""
        cells = values.tolist()
        levels = [level for level in dict.fromkeys(cells) if level is not None]
        places: dict[str | None, int] = {level: place for place, level in enumerate(levels)}
        places[None] = -1
        codes = np.fromiter(map(places.__getitem__, cells), np.int32, len(cells))
        return cls(codes, levels)

    def values(self) -> np.ndarray:
        """Return the cells as the reader gave them."""
        levels = np.empty(len(self.levels) + 1, dtype=object)
        levels[:-1] = self.levels
        return levels[self.codes]  # -1 is the last one, None

    def take(self, rows: np.ndarray | slice) -> Coded:
        """Return some of the cells; the levels are the same."""
        return Coded(self.codes[rows], self.levels)

    def counts(self) -> dict[str, int]:
        """Return how often each level that occurs does so, in the order of the levels."""
        counts = np.bincount(self.codes[self.codes >= 0], minlength=len(self.levels)).tolist()
        return {level: count for level, count in zip(self.levels, counts, strict=True) if count}


@frozen
class Column:
    """One column.

    Parameters
    ----------
    name : str
    kind : str
        - `"number"`: float64, NaN where a cell is missing;
        - `"boolean"`: float64, 1 for true, 0 for false, NaN where missing;
        - `"date"`: float64, days since 1970-01-01 (time of day as a fraction), NaN where missing;
        - `"text"`: an object array of strings, None where missing;
        - `"empty"`: float64, every cell missing.
    values : (N,) array
    coded : Coded, optional
        The values of a column of text as numbers too, where they repeat themselves.

    Example
    -------
    >>> import numpy as np
    >>> Column("rooms", "number", np.array([3.0, np.nan])).missing()
    array([False,  True])
    """

    name: str
    kind: Kind
    values: np.ndarray
    coded: Coded | None = field(default=None, compare=False, repr=False)

    def missing(self) -> np.ndarray:
        """Return where cells are missing, shape `(N,)`, boolean."""
        if self.coded is not None:
            return self.coded.codes < 0
        if self.kind == "text":
            return np.array([cell is None for cell in self.values.tolist()], bool)
        return np.isnan(self.values)

    def take(self, rows: np.ndarray | slice) -> Column:
        """Return the column with the given rows only."""
        coded = None if self.coded is None else self.coded.take(rows)
        return Column(self.name, self.kind, self.values[rows], coded)

    def is_whole(self) -> bool:
        """Say whether this is a column of numbers without a fraction."""
        if self.kind != "number":
            return False
        known = self.values[~self.missing()]
        return bool(np.all(known == np.floor(known)))


@frozen
class Table:
    """A table as it was read: columns in the order of the file, and what was noticed on the way.

    Parameters
    ----------
    columns : tuple of Column
        All of the same length, names distinct.
    source : str
        Where it came from, for messages.
    notes : tuple of str
        What a careful reader would want to know ("rooms: 3 cells hold NA, read as missing").
    lines : (N,) int array, optional
        The line of the file of each row, from 1, where the rows are lines of text.
    reading : Reading, optional
        How the file was written, if it was read from one.
    ignored : tuple of str
        Columns of the file that were not read, as asked.
    """

    columns: tuple[Column, ...]
    source: str = "the table"
    notes: tuple[str, ...] = field(default=())
    lines: np.ndarray | None = field(default=None, compare=False)
    reading: Reading | None = field(default=None, compare=False)
    ignored: tuple[str, ...] = field(default=(), compare=False)

    def __post_init__(self) -> None:
        if not self.columns:
            raise DataError("the table has no columns", where=self.source)
        lengths = {len(column.values) for column in self.columns}
        if len(lengths) > 1:
            raise DataError(
                "the columns differ in length", where=self.source, got=str(sorted(lengths))
            )
        if len(self._places) < len(self.columns):
            raise DataError("two columns have the same name", where=self.source)

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(self.columns[0].values)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of the columns, in order."""
        return tuple(column.name for column in self.columns)

    @cached_property
    def _places(self) -> dict[str, int]:
        return {name: place for place, name in enumerate(self.names)}

    def __contains__(self, name: object) -> bool:
        return name in self._places

    def place(self, row: int) -> str:
        """Return where a row (from 0) is, for a message: the line of its file if it has one."""
        if self.lines is None:
            return f"{self.source}, data row {row + 1}"
        return f"{self.source}, line {self.lines[row]}"

    def column(self, name: str) -> Column:
        """Return a column by name.

        Raises
        ------
        DataError
            There is none of that name; the message suggests near ones.
        """
        place = self._places.get(name)
        if place is None:
            raise missing_column(name, self.names, self.source)
        return self.columns[place]

    def take(self, rows: np.ndarray | slice) -> Table:
        """Return the table with the given rows only (indices, a mask, or a range)."""
        columns = tuple(column.take(rows) for column in self.columns)
        lines = None if self.lines is None else self.lines[rows]
        return replace(self, columns=columns, lines=lines)

    def without(self, *names: str) -> Table:
        """Return the table without some columns."""
        kept = tuple(column for column in self.columns if column.name not in names)
        return replace(self, columns=kept)


class MissingColumnError(DataError):
    """A table lacks columns; `missing` are their names."""

    missing: tuple[str, ...] = ()


def missing_column(
    name: str,
    names: tuple[str, ...],
    source: str,
    otherwise: str = "add it to the table; an empty column is read as missing",
    wanted: Collection[str] = (),
) -> MissingColumnError:
    """Return the error for a column that is not there.

    Parameters
    ----------
    name : str
    names : tuple of str
        Columns that are there.
    source : str
    otherwise : str
        What to do if no name is near.
    wanted : collection of str
        All columns that are looked for, as a model's; all that are not there are told.
    """
    known = set(names)
    lost = [other for other in wanted if other not in known] or [name]
    what = f"there is no column called {name[:_LONG]!r}"
    if len(lost) > 1:
        listed = _listed(lost, _FEW, lambda other: repr(other[:_LONG]))
        what = f"there are no columns called {listed}"
        otherwise = otherwise.replace("add it", "add them")
    error = MissingColumnError(
        what,
        where=source,
        expected=_listed(wanted) if wanted else f"a column called {_spelt(name)}",
        got=_listed(names),
        do=_meant(lost, names, rename=bool(wanted)) or _undivided(name, names) or otherwise,
    )
    error.missing = tuple(lost)
    return error


def _meant(lost: Sequence[str], names: tuple[str, ...], rename: bool) -> str:
    """Return which columns may be meant by names that are not there; nothing if none is near."""
    if len(lost) == 1:
        near = _near(lost[0], names)
        return f"{near} rename it to {_spelt(lost[0])}" if near and rename else near
    aloud = {_read_aloud(other): other for other in names}
    pairs = [(aloud[_read_aloud(other)], other) for other in lost if _read_aloud(other) in aloud]
    renamed = _listed([f"{_spelt(old)} to {_spelt(new)}" for old, new in pairs], _FEW, str)
    return f"rename {renamed}" if pairs else ""


def _listed(
    names: Collection[str], most: int = 20, spelt: Callable[[str], str] | None = None
) -> str:
    """Return names between commas, the first of them if they are many."""
    shown = ", ".join(map(spelt or _spelt, list(names)[:most]))
    return shown + (f", ... ({len(names):,} in all)" if len(names) > most else "")


def _undivided(name: str, names: tuple[str, ...]) -> str:
    """Return what to do if the name is only a part of the one field that was found."""
    if len(names) != 1 or not name:
        return ""
    before, found, behind = names[0].partition(name)
    sign = before[-1:] or behind[:1]
    if not found or not sign or sign.isalnum() or sign in "_\"'":
        return ""
    words = {" ": "space", "\t": "tab", ";": "semicolon", "|": "pipe", ",": "comma"}
    is_ = f'delimiter="{words.get(sign, sign)}"'
    return f"the header is one field; say what stands between fields: {is_}"


def apart(choice: bool) -> str:
    """Return what to do about a column of lists; there may be a choice not to read it."""
    other = ", or leave it out with ignore=" if choice else ""
    return f"take it apart into plain columns, or remove it from the file{other}"


def _spelt(name: str) -> str:
    """Return a name as it can be typed: in quotes where blanks or commas would mislead."""
    name = name if len(name) <= _LONG else name[: _LONG - 1] + "…"
    plain = name.isprintable() and name == " ".join(name.split()) and "," not in name
    return name if plain and name else repr(name)


def require_ignored(
    ignore: Sequence[str], target: str, names: tuple[str, ...], source: str
) -> None:
    """Refuse to leave out a column that is not there, or the target.

    Raises
    ------
    DataError
        The message suggests near names.
    """
    known = set(names)
    for name in ignore:
        if name not in known:
            raise missing_column(
                name, names, source, "take it off the list of columns to leave out"
            )
        if name == target:
            raise DataError(
                f"the target {name!r} cannot be left out",
                where=source,
                do="take it off the columns to leave out, or name another target",
            )


def _near(name: str, names: tuple[str, ...]) -> str:
    """Return "did you mean ...", names that read the same before any other."""
    same = [other for other in names if _read_aloud(other) == _read_aloud(name)]
    if not same:
        return suggest(name, [other for other in names if len(other) <= _LONG])
    alike = [
        unicodedata.normalize("NFC", other) == unicodedata.normalize("NFC", name) for other in same
    ]
    spelt = [
        ascii(other) if look else _spelt(other) for other, look in zip(same, alike, strict=True)
    ]
    return f"did you mean {' or '.join(spelt)}?"


def _read_aloud(name: str) -> str:
    """Return what is left of a name without case, blanks around it, and ways to write a letter."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())
