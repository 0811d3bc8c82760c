"""A data frame as a table: pandas, polars, PyArrow, or whatever has named columns of that kind.

Decisions
---------
a) A frame is read through three things that they all have: names, `frame[name]`, and a column's
   way to a NumPy array. So none of these packages is needed here, nor one that unites them.
b) A cell means what it means in a file: text loses the spaces around it, and an empty one is
   missing, as are None, NaN, NaT and pandas' NA.
c) Where a kind is expected, what a file would have held is taken: 0 and 1 for truth values, whole
   numbers for text, ISO 8601 text for dates. Where none is, text is text, except that a column
   of ISO 8601 dates is dates; durations are numbers of days.
d) Lazy frames and relations are brought into memory by narwhals, which newer versions of
   scikit-learn bring along.
"""

from __future__ import annotations

import datetime as dt
import importlib
import numbers
import re
from collections import Counter
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import numpy as np

from chainrule.checks import shown
from chainrule.errors import DataError, MissingExtraError
from chainrule.tabular.cells import DATE
from chainrule.tabular.table import BLANKS, Column, Kind, Table, missing_column
from chainrule.training.names import column_names

__all__ = ["narwhals_for", "table_of"]

_KINDS: dict[str, Kind] = {
    "b": "boolean",
    "i": "number",
    "u": "number",
    "f": "number",
    "M": "date",
}
"""Kinds of column by the kind of NumPy type; cells of any other type are looked at."""
_WORDED = ("Interval", "Period", "UUID")
"""Values of other packages that are names for something, as text is."""
_WORDS = {"true": True, "false": False}


def table_of(frame: Any, expected: Mapping[str, Kind] | None = None) -> Table:
    """Return columns of a data frame as a table.

    Parameters
    ----------
    frame : data frame
        Of pandas, polars, PyArrow, or whatever narwhals reads.
    expected : mapping of column name to kind, optional
        Return these columns, in this order, as these kinds: what a fitted encoder asks for. None:
        all columns, each as the kind that its type or its cells say.

    Raises
    ------
    DataError
        A column is missing, holds an infinite number, or cells of no known or of several kinds; or
        there are no rows.

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
    frame = _held(frame)
    names = _names(frame)
    wanted: Mapping[str, Kind | None] = dict.fromkeys(names) if expected is None else {**expected}
    counts = Counter(names)
    columns: list[Column] = []
    for name, kind in wanted.items():
        if not counts[name]:
            raise missing_column(name, names, "the data frame", wanted=wanted)
        if counts[name] > 1:
            raise DataError("several columns have this name", where=f"column {name!r}")
        if not name:
            raise DataError("a column has no name", where="the data frame")
        columns.append(_column(name, _array(frame[name]), kind))
    table = Table(tuple(columns), "the data frame")
    if not table.rows:
        raise DataError("the data frame has no rows", where="the data frame")
    return table


def _names(frame: Any) -> tuple[str, ...]:
    names = column_names(frame) or ()
    listed = getattr(frame, "columns", ())
    if not names and len(listed):
        raise DataError(
            "the columns of the data frame have no names, or names that are no text",
            where="the data frame",
            got=shown(list(listed)[:5]),
            do="name them: frame.columns = list(map(str, frame.columns))",
        )
    return names


def narwhals_for(frame: Any) -> Any:
    """Return narwhals' module; None where it is not installed and the frame does not need it.

    Raises
    ------
    MissingExtraError
        It is not installed, and the frame has yet to compute its cells.
    """
    try:
        return importlib.import_module("narwhals")
    except ImportError:
        if not _is_lazy(frame):
            return None
        raise MissingExtraError(
            "reading a data frame that has yet to compute its cells needs narwhals",
            where="the data frame",
            do="pip install narwhals, or pass a frame that holds its cells",
        ) from None


def _is_lazy(frame: Any) -> bool:
    return hasattr(frame, "collect") or hasattr(frame, "fetchnumpy")


def _held(frame: Any) -> Any:
    """Return a frame that holds its cells, from one that has yet to compute them."""
    if not _is_lazy(frame):
        return frame
    narwhals = narwhals_for(frame)
    found = narwhals.from_native(frame, pass_through=True)
    return found.collect().to_native() if hasattr(found, "collect") else frame


def _array(series: Any) -> np.ndarray:
    if hasattr(series, "to_pylist") and "dictionary" in str(getattr(series, "type", "")):
        # PyArrow's own way to an array gives missing categories the name of another one.
        listed = series.to_pylist()
        found = np.empty(len(listed), object)
        found[:] = listed
        return found
    try:
        return np.asarray(series.to_numpy() if hasattr(series, "to_numpy") else series)
    except Exception:
        if not hasattr(series, "to_list"):
            raise
        # NumPy has no such type: whole numbers of 128 bits
        listed = series.to_list()
        found = np.empty(len(listed), object)
        found[:] = listed
        return found


def _column(name: str, values: np.ndarray, expected: Kind | None) -> Column:
    if values.ndim != 1:
        raise DataError(
            "a column holds lists or objects, not plain values",
            where=f"the data frame, column {name!r}",
            do="take it apart into plain columns, or leave it out of the frame",
        )
    if values.dtype.kind == "m":
        values = np.where(np.isnat(values), np.nan, values / np.timedelta64(1, "D"))
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
        _require_whole(name, cells)
        text = np.empty(len(cells), object)
        text[:] = cells
        return kind, text
    if kind == "date":
        return kind, np.array([_moment(cell) for cell in cells], "datetime64[us]")
    return kind, np.array([np.nan if cell is None else _number(cell) for cell in cells])


def _require_whole(name: str, cells: list[str | None]) -> None:
    """Refuse half a character, which no file can hold."""
    try:
        "".join(cell for cell in cells if cell).encode()
    except UnicodeEncodeError:
        halves = re.compile("[\ud800-\udfff]")
        row = next(row for row, cell in enumerate(cells) if cell and halves.search(cell))
        raise DataError(
            "the text holds half a character",
            where=f"the data frame, row {row}, column {name!r}",
            got=ascii(cells[row])[:60],
        ) from None


def _number(cell: Any) -> float:
    if isinstance(cell, dt.timedelta):
        return cell / dt.timedelta(days=1)
    if isinstance(cell, np.timedelta64):
        return float(cell / np.timedelta64(1, "D"))
    try:
        return float(cell)
    except OverflowError:  # a whole number of hundreds of digits
        return np.inf


def _cell(value: Any) -> Any:
    """Return a cell, None if it is missing."""
    if isinstance(value, str):
        return value.strip(BLANKS) or None
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return None
    if isinstance(value, Decimal):  # to compare one that signals is an error
        return None if value.is_nan() else value
    if isinstance(value, np.timedelta64):
        return None if np.isnat(value) else value
    if isinstance(value, dt.time) or type(value).__name__ in _WORDED:
        return str(value)
    return None if isinstance(value, float) and value != value else value


def _kind(cell: Any) -> Kind | None:
    if isinstance(cell, str):
        return "text"
    if isinstance(cell, (bool, np.bool_)):
        return "boolean"
    if isinstance(cell, (dt.date, np.datetime64)):
        return "date"
    # Decimal is a number to everybody but the module `numbers`.
    return "number" if isinstance(cell, (numbers.Real, Decimal, dt.timedelta)) else None


def _moment(cell: Any) -> np.datetime64:
    if cell is None:
        return np.datetime64("NaT", "us")
    if isinstance(cell, dt.datetime) and cell.tzinfo is not None:
        cell = cell.astimezone(dt.timezone.utc).replace(tzinfo=None)
    return np.datetime64(cell, "us")


def _as_expected(kind: Kind, values: np.ndarray, expected: Kind | None) -> tuple[Kind, np.ndarray]:
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
        if expected in ("date", None) and (moments := _iso_dates(cells)) is not None:
            return "date", moments
    return kind, values


_OFFSET = re.compile(r"(.*:[0-9.]+) ?([+-])([0-9]{2}):?([0-9]{2})?$")


def _iso_dates(cells: list[str | None]) -> np.ndarray | None:
    """Return cells as moments in UTC; None if one of them is no date in ISO 8601."""
    moments = np.full(len(cells), np.datetime64("NaT", "us"))
    for row, cell in enumerate(cells):
        if cell is None:
            continue
        if not re.fullmatch(DATE, cell):
            return None
        plain, minutes = cell.rstrip("Z"), 0
        if found := _OFFSET.match(plain):
            plain, sign, hours, rest = found.groups()
            minutes = (60 * int(hours) + int(rest or 0)) * (1 if sign == "+" else -1)
        try:
            moments[row] = np.datetime64(plain, "us") - np.timedelta64(minutes, "m")
        except ValueError:  # the 31st of February
            return None
    return moments
