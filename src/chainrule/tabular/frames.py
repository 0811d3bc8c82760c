"""A data frame as a table: pandas, polars, PyArrow, or whatever has named columns of that kind.

Decisions
---------
a) A frame is read through three things that they all have: names, `frame[name]`, and a column's
   way to a NumPy array. So none of these packages is needed here, nor one that unites them.
b) A cell means what it means in a file: text loses the spaces around it, and an empty one is
   missing, as are None, NaN, NaT and pandas' NA.
c) Where a kind is expected, what a file would have held is taken: 0 and 1 for truth values, whole
   numbers for text, ISO 8601 text for dates.
"""

from __future__ import annotations

import datetime as dt
import numbers
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from chainrule.checks import shown
from chainrule.errors import DataError
from chainrule.tabular.cells import DATE
from chainrule.tabular.table import Column, Kind, Table, missing_column
from chainrule.training.names import column_names

__all__ = ["table_of"]

_KINDS: dict[str, Kind] = {
    "b": "boolean",
    "i": "number",
    "u": "number",
    "f": "number",
    "M": "date",
}
"""Kinds of column by the kind of NumPy type; cells of any other type are looked at."""
_WORDS = {"true": True, "false": False}


def table_of(frame: Any, expected: Mapping[str, Kind]) -> Table:
    """Return the expected columns of a data frame as a table, in any order of the frame's.

    Raises
    ------
    DataError
        A column is missing, holds an infinite number, or cells of no known or of several kinds.

    Example
    -------
    >>> import numpy as np
    >>> class Frame(dict):
    ...     columns = property(list)
    >>> homes = Frame(town=np.array(["Ghent", ""], object), rooms=np.array([3, 4]))
    >>> table = table_of(homes, {"rooms": "number", "town": "text"})
    >>> table.column("town").values.tolist(), table.column("rooms").values.tolist()
    (['Ghent', None], [3.0, 4.0])
    """
    names = column_names(frame) or ()
    columns = []
    for name, kind in expected.items():
        if name not in names:
            raise missing_column(name, names, "the data frame")
        columns.append(_column(name, _array(frame[name]), kind))
    return Table(tuple(columns), "the data frame")


def _array(series: Any) -> np.ndarray:
    found = series.to_numpy() if hasattr(series, "to_numpy") else series
    return np.asarray(found)


def _column(name: str, values: np.ndarray, expected: Kind) -> Column:
    if values.ndim != 1:
        raise DataError("several columns have this name", where=f"column {name!r}")
    if values.dtype.kind in _KINDS:
        kind, values = _as_expected(_KINDS[values.dtype.kind], values, expected)
    else:
        kind, values = _as_expected(*_of_objects(name, values), expected)
    if kind == "text":
        return Column(name, kind, values)
    if values.dtype.kind == "M":
        unknown = np.isnat(values)
        days = values.astype("datetime64[us]").astype("int64") / 86_400_000_000
        return Column(name, kind, np.where(unknown, np.nan, days))
    numbers_ = values.astype(np.float64)
    infinite = np.flatnonzero(np.isinf(numbers_))
    if len(infinite):
        raise DataError(
            f"column {name!r} holds an infinite number",
            where=f"the data frame, row {infinite[0]}",
            expected="a finite number, or a missing one where it is not known",
            got=f"{numbers_[infinite[0]]}",
        )
    return Column(name, kind, numbers_)


def _of_objects(name: str, values: np.ndarray) -> tuple[Kind, np.ndarray]:
    """Return a column of Python objects as values of the one kind that they share."""
    cells = [_cell(value) for value in values.tolist()]
    kinds: dict[Kind | None, int] = {
        _kind(cell): row for row, cell in enumerate(cells) if cell is not None
    }
    if len(kinds) > 1 or None in kinds:
        row = max(kinds.values())
        raise DataError(
            f"the cells of column {name!r} are of several kinds, or of none that is known",
            where=f"the data frame, row {row}",
            expected="numbers, truth values, dates or text throughout",
            got=shown(cells[row]),
        )
    kind: Kind = "empty"
    for found in kinds:
        kind = found or kind
    if kind == "text":
        text = np.empty(len(cells), object)
        text[:] = cells
        return kind, text
    if kind == "date":
        return kind, np.array([_moment(cell) for cell in cells], "datetime64[us]")
    return kind, np.array([np.nan if cell is None else float(cell) for cell in cells])


def _cell(value: Any) -> Any:
    """Return a cell, None if it is missing."""
    if isinstance(value, str):
        return value.strip(" \t\r\n") or None
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return None
    return None if isinstance(value, float) and value != value else value


def _kind(cell: Any) -> Kind | None:
    if isinstance(cell, str):
        return "text"
    if isinstance(cell, (bool, np.bool_)):
        return "boolean"
    if isinstance(cell, (dt.date, np.datetime64)):
        return "date"
    # decimal.Decimal is a number to everybody but the module `numbers`.
    known = isinstance(cell, numbers.Real) or type(cell).__name__ == "Decimal"
    return "number" if known else None


def _moment(cell: Any) -> np.datetime64:
    if cell is None:
        return np.datetime64("NaT", "us")
    if isinstance(cell, dt.datetime) and cell.tzinfo is not None:
        cell = cell.astimezone(dt.timezone.utc).replace(tzinfo=None)
    return np.datetime64(cell, "us")


def _as_expected(kind: Kind, values: np.ndarray, expected: Kind) -> tuple[Kind, np.ndarray]:
    """Return kind and values, in the expected kind where a file would have been read as it."""
    if kind == "number":
        known = values[~np.isnan(values)] if values.dtype.kind == "f" else values
        if expected == "boolean" and np.isin(known, (0, 1)).all():
            return "boolean", values
        if expected == "text" and (known == np.floor(known)).all():
            text = np.empty(len(values), object)
            text[:] = [None if value != value else str(int(value)) for value in values.tolist()]
            return "text", text
    if kind == "text":
        cells = values.tolist()
        known = [cell for cell in cells if cell is not None]
        if expected == "boolean" and all(cell.lower() in _WORDS for cell in known):
            return "boolean", np.array(
                [np.nan if cell is None else _WORDS[cell.lower()] for cell in cells], np.float64
            )
        if expected == "date" and all(re.fullmatch(DATE, cell) for cell in known):
            moments = [_moment(cell and np.datetime64(cell.rstrip("Z"), "us")) for cell in cells]
            return "date", np.array(moments, "datetime64[us]")
    return kind, values
