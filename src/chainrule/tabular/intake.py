"""A table's file before its cells are read: what is known of it, and the queries that read it.

Decisions
---------
a) A column is read as what its bytes look like (`scan`) or as what the file states, and DuckDB
   converts the cells while it reads. What it refuses is read as text, which may be anything.
b) DuckDB plans an expression for each of many columns in a time that grows with their square; so
   columns for which there is nothing to compute are named only.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import field
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.frozen import frozen
from chainrule.tabular.cells import is_number
from chainrule.tabular.dialect import Dialect
from chainrule.tabular.json_lines import copied_json, survey_json
from chainrule.tabular.looks import Looks, Plan
from chainrule.tabular.paths import literal_path
from chainrule.tabular.reading import UTF8
from chainrule.tabular.source import Source, plain_copy
from chainrule.tabular.survey import Survey, copied, survey_text
from chainrule.tabular.table import Kind, missing_column
from chainrule.tabular.wide import MANY, Wide

__all__ = ["Intake", "Plans", "json_intake", "require_columns", "text_intake"]

Plans = Mapping[str, Plan]
"""How columns are read: `c0`, `c1`, ... in the order of the names."""

_NOWHERE = "\x1f"
"""A delimiter of lines that shall stay whole. Where it stands in a line, the line is not read."""
_LINE = 2_000_000
"""Characters of a row from which on DuckDB must be told to expect it."""
_LINES = 16
"""Lines of that length for which DuckDB makes room, unless it is told how much."""


@frozen
class Intake:
    """What is known of a table's file before its cells are read.

    Parameters
    ----------
    source : str
    names : tuple of str
    rows : int
    plans : tuple of Plan
        How each column is best read.
    query : function
        Takes columns with plans and returns SQL that reads them, and its parameters. A mixed
        column `c3` comes as numbers, `c3`, and as the cells that are none, `r3`.
    refused : Plan
        How columns are read whose cells DuckDB does not take for the numbers that they look like.
    """

    source: str
    names: tuple[str, ...]
    rows: int
    plans: tuple[Plan, ...]
    query: Callable[[Plans], tuple[str, dict[str, Any]]]
    refused: Plan = "mixed"
    kinds: Mapping[str, Kind] = field(default_factory=dict)
    """Kinds that the file itself states (Parquet, JSON); a text table states none."""
    binary: frozenset[str] = frozenset()
    """Columns that the file holds as binary fractions, so that reading them rounds nothing."""
    pointed: frozenset[str] = frozenset()
    """Columns (`c3`) of a text table with points in their numbers."""
    commas: Mapping[str, tuple[int, str]] = field(default_factory=dict)
    """Columns that look like numbers with decimal commas: row and text of one."""
    dates_are_text: bool = False
    """The file has no kind for dates, so text may be dates (JSON)."""
    lines: np.ndarray | None = None
    """The line of the file of each row; None if the file has none."""
    delimiter: str = ""
    """Of a text table; empty for another file."""
    encoding: str = UTF8
    notes: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    """Columns that are not to be read."""
    wide: Wide | None = None
    """Columns of numbers that may be read together, where a text table has so many."""

    def place(self, row: int) -> str:
        """Return where data row `row` (from 0) is, for a message."""
        if self.lines is None:
            return f"{self.source}, row {row + 1}"
        return f"{self.source}, line {self.lines[row]}"


def text_intake(
    source: Source,
    dialect: Dialect,
    wanted: Collection[str] | None,
    ignore: Collection[str] = (),
) -> Intake:
    """Return what is known of a text table.

    Parameters
    ----------
    source : Source
    dialect : Dialect
    wanted : collection of str, optional
        Columns that must be there; no others are looked at.
    ignore : collection of str
        Columns that are not looked at either.
    """
    survey = survey_text(source, dialect)
    require_columns(survey.names, wanted, source.name)
    width = len(survey.names)
    if survey.plain:
        first = "line" if survey.looks else "row"
        file = _Csv(plain_copy(source), width, survey.delimiter, survey.longest, first)
    else:
        (path,) = copied(source, survey, [range(width)])
        file = _Csv(path, width, ",", survey.longest)
    looks = survey.looks or Looks(width)
    return Intake(
        source.name,
        survey.names,
        survey.rows,
        looks.plans(),
        file.query,
        pointed=frozenset(f"c{column}" for column in looks.pointed()),
        commas={f"c{column}": found for column, found in looks.commas().items()},
        lines=survey.lines,
        delimiter=survey.delimiter,
        encoding=source.written,
        notes=survey.notes,
        ignored=tuple(name for name in survey.names if name in ignore),
        wide=_wide(file, survey) if survey.plain else None,
    )


def _wide(file: _Csv, survey: Survey) -> Wide | None:
    filled = {} if survey.looks is None else survey.looks.bare_numbers()
    if len(filled) < MANY:
        return None
    lines, told = file.lines()
    named = {f"c{column}": count for column, count in filled.items()}
    return Wide(lines, told, file.delimiter, file.width, survey.rows, named)


def json_intake(
    source: Source, wanted: Collection[str] | None, ignore: Collection[str] = ()
) -> Intake:
    """Return what is known of a file of JSON lines, whose cells are copied as a text table."""
    survey = survey_json(source, wanted, ignore)
    require_columns(survey.names, wanted, source.name)
    width = len(survey.names)
    (path,) = copied_json(source, survey.names, [range(width)])
    plans: list[Plan] = [
        "number" if survey.kinds[name] == "number" else "text" for name in survey.names
    ]
    return Intake(
        source.name,
        survey.names,
        len(survey.lines),
        tuple(plans),
        _Csv(path, width, ",", _LINE + 1).query,
        kinds=survey.kinds,
        encoding=source.written,
        dates_are_text=True,
        lines=survey.places(),
        notes=tuple(survey.notes),
        ignored=tuple(survey.ignored),
    )


def require_columns(names: tuple[str, ...], wanted: Collection[str] | None, source: str) -> None:
    """Refuse a table that lacks a column."""
    known = set(names)
    for name in wanted or ():
        if name not in known:
            raise missing_column(name, names, source, wanted=wanted or ())


_TYPES: dict[Plan, str] = {"number": "DOUBLE", "date": "TIMESTAMP"}


@frozen
class _Csv:
    """A text table that DuckDB reads: a copy without a header, or the file itself."""

    path: Path
    width: int
    delimiter: str
    longest: int
    header: str = ""
    """`"line"`: the first line. `"row"`: read as a row and left out, for versions of DuckDB differ
    in how they skip empty lines before it."""

    def query(self, plans: Plans) -> tuple[str, dict[str, Any]]:
        """Return the SQL that reads columns, and its parameters."""
        columns = {f"c{index}": "VARCHAR" for index in range(self.width)}
        columns |= {cell: _TYPES.get(plan, "VARCHAR") for cell, plan in plans.items()}
        # strict_mode=false admits line feeds of two kinds inside quotes.
        file, told = self._file(columns, self.delimiter, '"')
        after = " OFFSET 1" if self.header == "row" else ""
        return _selected(plans, file, self.width) + after, told

    def lines(self) -> tuple[str, dict[str, Any]]:
        """Return the SQL of the lines as they stand, behind FROM, and its parameters."""
        return self._file({"line": "VARCHAR"}, _NOWHERE, "")

    def _file(
        self, columns: dict[str, str], delimiter: str, quote: str
    ) -> tuple[str, dict[str, Any]]:
        told = {
            "path": literal_path(self.path),
            "columns": columns,
            "delim": delimiter,
            "quote": quote,
        }
        longest, size = _LINE, self.path.stat().st_size
        if self.longest > _LINE // 4:  # a character has four bytes at most, a field two quotes
            longest = 6 * self.longest + 1024
        room = "" if longest == _LINE else f", max_line_size={longest}"
        if 0 < size < _LINES * longest:  # which older versions of DuckDB take for any file
            room = f", max_line_size={min(longest, size)}, buffer_size={size}"
        file = (
            "read_csv($path, columns=$columns, header=false, delim=$delim, quote=$quote, "
            "escape=$quote, auto_detect=false, strict_mode=false, null_padding=false, "
            f"ignore_errors=false, skip={int(self.header == 'line')}, "
            f"compression='none', hive_partitioning=false{room})"
        )
        return file, told


def _selected(plans: Plans, file: str, width: int) -> str:
    mixed = [cell for cell, plan in plans.items() if plan == "mixed"]
    if not mixed:
        if len(plans) == width and "comma" not in plans.values():
            return f"SELECT * FROM {file}"
        return (
            f"SELECT {', '.join(_read_as(cell, plan) for cell, plan in plans.items())} FROM {file}"
        )
    inner = [
        f"{cell} AS t_{cell}, try_cast({cell} AS DOUBLE) AS v_{cell}" if plan == "mixed" else cell
        for cell, plan in plans.items()
    ]
    outer = [_read_as(cell, plan) for cell, plan in plans.items() if plan != "mixed"]
    for cell in mixed:
        number = is_number(f"t_{cell}", f"v_{cell}")
        outer.append(f"CASE WHEN {number} THEN v_{cell} END AS {cell}")
        outer.append(f"CASE WHEN NOT {number} THEN t_{cell} END AS r{cell[1:]}")
    return f"SELECT {', '.join(outer)} FROM (SELECT {', '.join(inner)} FROM {file})"


def _read_as(cell: str, plan: Plan) -> str:
    return f"replace({cell}, ',', '.')::DOUBLE AS {cell}" if plan == "comma" else cell
