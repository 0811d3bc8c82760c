"""JSON lines: one object a line, read by Python and handed on as plain text cells.

Decisions
---------
a) A key that a line does not have is a missing cell, as are null, NaN and an empty string.
b) A string is text, whatever it looks like, except that a column of ISO 8601 dates is dates. A
   column of numbers and strings is text.
c) Keys are told apart by case, and a key that stands twice in one object is an error.
"""

from __future__ import annotations

import csv
import json
import math
from array import array
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.errors import DataError
from chainrule.tabular.source import DAMAGE, Source, damaged, raise_not_utf8, room
from chainrule.tabular.table import BLANKS, Kind, apart

__all__ = ["JsonSurvey", "copied_json", "objects", "survey_json"]

_ONE_LINE = "write each object on a line of its own, without commas or a list around them"
_KINDS: dict[type, Kind] = {bool: "boolean", int: "number", float: "number", str: "text"}


@dataclass
class JsonSurvey:
    """What the first pass found: the columns in the order of their first line, and their kinds."""

    kinds: dict[str, Kind] = field(default_factory=dict)
    lines: array[int] = field(default_factory=lambda: array("q"))
    blank: int = 0
    notes: list[str] = field(default_factory=list)
    ignored: dict[str, None] = field(default_factory=dict)
    """Columns that are there and not to be read."""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns."""
        return tuple(self.kinds)

    def places(self) -> np.ndarray:
        """Return the line of the file of each row, from 1."""
        return np.frombuffer(self.lines, np.int64)

    def admit(self, place: str, name: str, value: Any, choice: bool = True) -> None:
        """Take one cell into account; there may be a choice not to read its column."""
        kind = _kind(place, name, value, choice)
        known = self.kinds.setdefault(name, "empty")
        if kind is None or kind == known:
            return
        if known != "empty" and known != "text":
            self.notes.append(f"{name}: a {known} before, a {kind} at {place}: read as text")
        if known != "text":
            self.kinds[name] = kind if known == "empty" else "text"


def survey_json(
    source: Source, wanted: Collection[str] | None, ignore: Collection[str] = ()
) -> JsonSurvey:
    """Read a JSON lines file once, without keeping it; columns to ignore are not looked at.

    Raises
    ------
    DataError
        A line is no JSON object, a key stands twice in it, or a value is a list or an object; with
        the file, the line and the column.
    """
    found = JsonSurvey()
    for line, place, row in objects(source):
        found.lines.append(line)
        for name, value in row.items():
            if name in ignore:
                found.ignored[name] = None
            elif wanted is None or name in wanted:
                found.admit(place, name, value, choice=wanted is None)
    if not found.lines:
        raise DataError(
            "the table has no rows", where=source.name, do="check that it is the right file"
        )
    if not found.kinds and not found.ignored and wanted is None:
        raise DataError(
            "the table has no columns: every object is empty",
            where=source.name,
            got="{}",
            do="check that it is the right file",
        )
    return found


def copied_json(source: Source, names: tuple[str, ...], groups: list[range]) -> list[Path]:
    """Write the cells as CSV, one file for each group of columns."""
    paths = [source.folder / f"columns-{number}.csv" for number in range(len(groups))]
    files: list[Any] = []
    with room(source.folder):
        try:
            files.extend(path.open("w", encoding="utf-8", newline="") for path in paths)
            writers = [csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n") for out in files]
            for _, _, row in objects(source):
                cells = [_cell(row.get(name)) for name in names]
                for writer, group in zip(writers, groups, strict=True):
                    writer.writerow(cells[group.start : group.stop])
        finally:
            for out in files:
                out.close()
    return paths


def objects(
    source: Source, read_number: Callable[[str], Any] | None = None
) -> Iterator[tuple[int, str, dict[str, Any]]]:
    """Yield line, place and object of each line that is not empty; `read_number` reads numbers."""
    try:
        with source.text() as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    place = f"{source.name}, line {number}"
                    yield number, place, _object(place, line, read_number)
    except UnicodeDecodeError:
        raise_not_utf8(source)
    except DAMAGE as error:
        raise damaged(source, error) from None


def _object(
    place: str, line: str, read_number: Callable[[str], Any] | None = None
) -> dict[str, Any]:
    def distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        row = dict(pairs)
        if len(row) < len(pairs):
            names = [name for name, _ in pairs]
            twice = next(name for name in names if names.count(name) > 1)
            raise DataError(
                "a key stands twice in one object",
                where=place,
                got=repr(twice),
                do="rename one of the two, or remove it",
            )
        return row

    try:
        row = json.loads(
            line,
            object_pairs_hook=distinct,
            parse_int=read_number or _whole,
            parse_float=read_number,
            parse_constant=read_number,
        )
    except DataError:
        raise
    except (ValueError, RecursionError) as error:
        got = "too many levels" if isinstance(error, RecursionError) else str(error)
        raise DataError(
            "the line cannot be read as JSON",
            where=place,
            expected="one JSON object on each line",
            got=got[:160],
            do=_ONE_LINE,
        ) from None
    if not isinstance(row, dict):
        such = 'such as {"rooms": 3, "town": "Ghent"}'
        got = line.strip()[:60]
        raise DataError(
            "each line must hold one JSON object", where=place, expected=such, got=got, do=_ONE_LINE
        )
    return row


def _whole(digits: str) -> int | float:
    # Python refuses to convert thousands of digits, and float64 ends at 309.
    return int(digits) if len(digits) < 400 else float(digits)


def _require_whole(place: str, name: str, value: str) -> None:
    """Refuse half a character, which JSON can spell and no encoding can hold."""
    try:
        (name + value).encode()
    except UnicodeEncodeError as error:
        raise DataError(
            "the text holds half a character",
            where=f"{place}, column {name.encode(errors='replace').decode()!r}",
            got=f"\\u{ord(error.object[error.start]):04x} without its other half",
            do="remove it, or write the character whole",
        ) from None


def _kind(place: str, name: str, value: Any, choice: bool) -> Kind | None:
    """Return the kind of a value, None for a missing one."""
    if value is None or (isinstance(value, float) and math.isnan(value)) or value == "":
        return None
    _require_whole(place, name, value if isinstance(value, str) else "")
    if not name.strip():
        raise DataError(
            "a column has no name", where=place, got=repr(name), do="give the key a name"
        )
    kind = _KINDS.get(type(value))
    if kind is None:
        raise DataError(
            "a column holds lists or objects, not plain values",
            where=f"{place}, column {name!r}",
            got=json.dumps(value)[:60],
            do=apart(choice),
        )
    return kind


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and not math.isfinite(value):
        return "" if math.isnan(value) else str(value)
    return str(value).strip(BLANKS)
