"""Data frames with words, truth values, dates or missing cells, on their way to numbers.

Decisions
---------
a) A frame of numbers only, none missing, is what scikit-learn takes, and is taken as it takes it:
   nothing is scaled. Any other frame goes through the fitted rules of `chainrule.tabular`: numbers
   and dates standardised, a feature for each level of a column of words, missing cells filled and
   told of, columns with one value left out.
b) The rules are fitted on the rows of `fit`, kept in `encoder_` as plain data, and stored in model
   files. Levels that training never saw are read as none, or as the rare ones.
c) A frame is whatever has named columns that become arrays: pandas, polars, PyArrow. Others
   (DuckDB's, lazy ones) come through narwhals, which newer versions of scikit-learn bring along.
d) Categories are words, whatever they are made of.
"""

from __future__ import annotations

import numbers
from contextlib import suppress
from typing import Any

import numpy as np
from sklearn.utils.validation import validate_data

from chainrule.errors import DataError, MissingExtraError
from chainrule.tabular.codes import fit_code
from chainrule.tabular.encoder import Encoder
from chainrule.tabular.frames import narwhals_for, table_of
from chainrule.tabular.table import Column, Kind, Table
from chainrule.tabular.target import TargetCode

__all__ = [
    "encoded",
    "fit_encoder",
    "frame_of",
    "plain_numbers",
    "remember_columns",
    "with_classes",
]

_PLAIN = "biuf"
_CATEGORIES = ("category", "categorical", "enum", "dictionary")


class _Frame:
    """Named columns of any kind of frame."""

    def __init__(self, columns: dict[str, Any]) -> None:
        self._columns = columns
        self.columns = list(columns)

    def __getitem__(self, name: str) -> Any:
        return self._columns[name]


def frame_of(X: Any) -> Any:
    """Return X, a lazy or foreign data frame as one that holds its cells.

    Frames of pandas, polars and PyArrow, arrays, lists and sparse matrices come back as they are.
    """
    if isinstance(X, (np.ndarray, list, tuple)) or hasattr(X, "toarray") or hasattr(X, "iloc"):
        return X
    narwhals = narwhals_for(X)
    if narwhals is None:
        return X
    frame = narwhals.from_native(X, pass_through=True)
    return _collected(frame) if hasattr(frame, "collect") else X


def _collected(frame: Any) -> Any:
    """Return the cells of a lazy frame, in PyArrow or whatever is there to hold them."""
    for backend in (None, "pandas", "polars"):
        with suppress(ImportError):
            return frame.collect(backend).to_native()
    raise MissingExtraError(
        "reading this data frame needs PyArrow, pandas or polars, and none is installed",
        where="X",
        do="pip install pyarrow",
    )


def _arrays(X: Any) -> dict[str, np.ndarray] | None:
    """Return the columns of a data frame as arrays; None for anything else."""
    names = getattr(X, "column_names", None)  # a PyArrow table's `columns` are its data
    names = names if isinstance(names, list) else getattr(X, "columns", None)
    if names is None or isinstance(X, np.ndarray) or not hasattr(X, "shape"):
        return None
    listed = [str(name) for name in names]
    if len(set(listed)) < len(listed):
        twice = next(name for name in listed if listed.count(name) > 1)
        raise DataError(
            "two columns of the data frame have the same name",
            where="X",
            expected="a name for each column",
            got=repr(twice),
            do="rename one of them, or pass one of them only",
        )
    if hasattr(X, "iloc"):
        parts = (X.iloc[:, place] for place in range(len(listed)))
    else:
        parts = (X[name] for name in names)
    return {name: _array(part) for name, part in zip(listed, parts, strict=True)}


def _array(column: Any) -> np.ndarray:
    """Return a column as an array; categories as words."""
    kind = str(getattr(column, "dtype", getattr(column, "type", ""))).lower()
    if not kind.startswith(_CATEGORIES):
        return np.asarray(column.to_numpy() if hasattr(column, "to_numpy") else column)
    # PyArrow's own way to an array gives missing categories the name of another one.
    listed = column.to_pylist() if hasattr(column, "to_pylist") else list(column)
    words = np.empty(len(listed), object)
    words[:] = [_word(value) for value in listed]
    return words


def _word(value: Any) -> str | None:
    missing = value is None or value != value or type(value).__name__ in ("NAType", "NaTType")
    return None if missing else str(value)


def plain_numbers(X: Any) -> bool:
    """Say whether X is for scikit-learn's own reading: no frame, or one of numbers throughout."""
    arrays = _arrays(X)
    if not arrays:
        return True
    return all(_is_plain(values) for values in arrays.values())


def _is_plain(values: np.ndarray) -> bool:
    if values.dtype.kind == "O" and all(isinstance(value, numbers.Real) for value in values.flat):
        values = values.astype(np.float64)
    if values.dtype.kind == "f":
        return not np.isnan(values).any()
    return values.dtype.kind in _PLAIN


def fit_encoder(X: Any) -> Encoder:
    """Return the rules of a frame's columns, fitted on its rows; the target is a placeholder.

    Raises
    ------
    DataError
        No column tells rows apart, or one holds what no rule reads.
    """
    table = _table(X, None)
    fitted = (fit_code(column) for column in table.columns)
    codes = tuple(code for code in fitted if code is not None)
    if not codes:
        listed = [f"{column.name!r} has {_why_useless(column)}" for column in table.columns]
        raise DataError(
            "there is no column to predict from",
            where="X",
            expected="a column that tells rows apart, or words that repeat",
            got=", ".join(listed[:5]) + (f", and {len(listed) - 5} more" if listed[5:] else ""),
            do="pass columns that vary; of long words, what they have in common",
        )
    return Encoder(codes, TargetCode(_unused(table.names), "number", "regression"))


def _why_useless(column: Column) -> str:
    missing = column.missing()
    if missing.all():
        return "no value"
    varied = column.kind == "text" and len(set(column.values[~missing].tolist())) > 1
    return "words of which none is there twice" if varied else "one value in every row"


def encoded(encoder: Encoder, X: Any) -> np.ndarray:
    """Return the features of a frame, `(N, d)` float64.

    Raises
    ------
    DataError
        X is no data frame, or a column is missing or of another kind than in `fit`.
    """
    return encoder.encode(_table(X, encoder.expects()))


def _table(X: Any, expected: dict[str, Kind] | None) -> Table:
    arrays = _arrays(X)
    if arrays is None:
        raise DataError(
            "the estimator was fitted on a data frame, and reads data frames only",
            where="X",
            expected=f"a frame with the columns of fit, {', '.join(list(expected or ())[:20])}",
            got=type(X).__name__,
            do="pass a frame, or fit on an array of numbers",
        )
    return table_of(_Frame(arrays), expected)


def _unused(names: tuple[str, ...]) -> str:
    name = "target"
    while name in names:
        name += "_"
    return name


def with_classes(encoder: Encoder, classes: list[Any] | None) -> Encoder:
    """Return the rules with these classes as their target; without any, numbers as they are."""
    if classes is None:
        return encoder
    kind: Kind = "number"
    if isinstance(classes[0], (str, bool)):
        kind = "text" if isinstance(classes[0], str) else "boolean"
    name = encoder.target.name
    return Encoder(encoder.codes, TargetCode(name, kind, "classification", tuple(classes)))


def remember_columns(estimator: Any, X: Any, reset: bool) -> None:
    """Set or compare the names and the number of columns, as scikit-learn does."""
    validate_data(estimator, X, reset=reset, skip_check_array=True)
