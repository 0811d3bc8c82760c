"""Where data that scikit-learn's checks refuse are at fault, and what can be done about it.

Decisions
---------
a) scikit-learn's checks say what is wrong, and mostly not where. What they say stays; the place is
   found by a second look at the data, which only a call that fails pays for.
b) Nothing here raises: of data that cannot even be looked at there is no place to tell.
c) Rows and columns are counted from 0, as NumPy does, and columns named where they have names.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.checks import shown
from chainrule.frozen import frozen

__all__ = ["Place", "Suspects"]

_TABLE = "a row for each sample and a column for each feature, (N, d)"
_WORDS = "make numbers of the words, as sklearn.preprocessing.OneHotEncoder does"
_GAPS = "fill the gaps, as sklearn.impute.SimpleImputer does"
_FRAMES = {
    False: "pass a data frame, of which fit reads words and gaps, or ",
    True: "fit on rows that have such cells too, or ",
}


@frozen
class Place:
    """A fault that was found.

    Parameters
    ----------
    where, expected, got, do : str
        Parts of the message.
    in_target : bool
        It is one of the targets.
    lines : bool
        All lines of what was said count, not the first one only.
    """

    where: str
    expected: str
    got: str
    do: str
    in_target: bool = False
    lines: bool = False

    def parts(self) -> dict[str, str]:
        """Return the parts of the message."""
        return {"where": self.where, "expected": self.expected, "got": self.got, "do": self.do}


@frozen
class Suspects:
    """Data that a check refused.

    Parameters
    ----------
    X, y : array-like
    checked : str
        Which of them: "X", "y", or "Xy".
    classes : bool
        y are labels, not numbers.
    features : int, optional
        Columns that X must have.
    names : array of str, optional
        Their names, if they had some in `fit`.
    largest : float
        The largest number that the type of the run holds.
    """

    X: Any = None
    y: Any = None
    checked: str = "Xy"
    classes: bool = True
    features: int | None = None
    names: Any = None
    largest: float = np.inf

    def place(self) -> Place | None:
        """Return the first fault, or None.

        Example
        -------
        >>> from chainrule.estimators.located import Suspects
        >>> place = Suspects([[1.0], ["two"]], checked="X").place()
        >>> place.where, place.got
        ('X, row 1, column 0', "'two'")
        """
        try:
            return self._place()
        except Exception:  # noqa: BLE001 - objects raise what they like when they are read
            return None

    def _place(self) -> Place | None:
        found = self._in_names()
        if found is None and "X" in self.checked:
            found = _in_rows(self.X, self.features, self.largest)
        if found is None and self.checked == "Xy" and self.y is not None:
            found = _in_lengths(self.X, self.y)
        if found is None and "y" in self.checked:
            found = _in_targets(self.y, self.classes)
        return found

    def _in_names(self) -> Place | None:
        names = _names(self.X)
        if names is None:
            return None
        kinds = {type(name).__name__ for name in names}
        if len(kinds) > 1 and "str" in kinds:
            do = "make words of them: X.columns = X.columns.astype(str)"
            return Place("X", "columns whose names are words", " and ".join(sorted(kinds)), do)
        if self.names is None or names == list(self.names):
            return None
        return Place("X", "", "", "pick the columns of fit: X[model.feature_names_in_]", lines=True)


def _names(X: Any) -> list[Any] | None:
    """Return the names of a data frame's columns; None of anything else, and of a lazy one."""
    if not hasattr(X, "shape"):
        return None
    names = getattr(X, "column_names", None)  # a PyArrow table's `columns` are its data
    names = names if isinstance(names, list) else getattr(X, "columns", None)
    return None if names is None else list(names)


def _count(values: Any) -> int:
    return values.shape[0] if hasattr(values, "shape") else len(values)


def _in_lengths(X: Any, y: Any) -> Place | None:
    if hasattr(X, "collect"):
        return None
    rows, targets = _count(X), _count(y)
    if rows == targets:
        return None
    expected = f"{rows} targets, one for each row of X"
    return Place("y", expected, f"{targets} targets", "pick the same rows of X and y", True)


def _in_rows(given: object, features: int | None, largest: float) -> Place | None:
    X: Any = given
    wanted = "an array of numbers, a data frame or a sparse matrix"
    if given is None or isinstance(given, (str, bytes, os.PathLike)):
        do = "read the file first, as with pandas.read_csv; the command chainrule train reads files"
        return Place("X", wanted, shown(X), "pass X" if X is None else do)
    if hasattr(X, "collect"):
        return None  # a lazy frame; its rows were not kept
    if isinstance(given, (list, tuple)) and (row := _ragged(X)):
        return Place(f"X, row {row[0]}", *row[1:], "fill or drop that row")
    if hasattr(X, "tocoo"):
        return _in_shape(X, features) or _in_sparse(X.tocoo(), largest)
    values, columns = np.asarray(X), _names(X)
    return _in_shape(values, features) or _in_cells(values, columns, largest)


def _ragged(rows: Sequence[Any]) -> tuple[int, str, str] | None:
    """Return the first row that is not as long as the first one, that length, and its own."""
    lengths = [len(row) for row in rows if hasattr(row, "__len__")]
    row = next((row for row, length in enumerate(lengths) if length != lengths[0]), None)
    if row is None:
        return None
    return row, f"a length of {lengths[0]}, as in row 0", f"a length of {lengths[row]}"


def _in_shape(values: Any, features: int | None) -> Place | None:
    shape = f"an array of shape {values.shape}"
    if values.dtype.names:
        do = "pass the fields as columns: np.column_stack([X[name] for name in X.dtype.names])"
        return Place("X", "an array of numbers", "an array with named fields", do)
    if values.ndim == 1:
        do = "Reshape your data: X.reshape(-1, 1) is one feature, X.reshape(1, -1) one row"
        return Place("X", _TABLE, shape, do)
    if values.ndim != 2:
        do = "Reshape your data: X.reshape(len(X), -1) makes one row of each sample"
        return Place("X", _TABLE, shape, do if values.ndim else "pass X as a table")
    if not all(values.shape):
        return Place("X", "at least one row and one column", shape, "look at how X was made")
    if features not in (None, values.shape[1]):
        do = "pass the columns that fit was given, or fit again"
        return Place("X", f"{features} features, as in fit", f"{values.shape[1]} features", do)
    return None


def _in_cells(values: np.ndarray, columns: Any, largest: float) -> Place | None:
    if values.dtype.kind == "c":
        do = "pass both parts as columns: np.hstack([X.real, X.imag])"
        return Place("X", "real numbers", f"an array of {values.dtype}", do)
    at = _first(values, _no_number)
    if at is not None:
        do = _FRAMES[columns is not None] + _WORDS
        return Place(_cell("X", at, columns), "a number", shown(_plain(values[at])), do)
    at, others = _not_finite(values, largest)
    if at is None:
        return None
    number = np.nan if values[at] is None else float(values[at])
    gap = _FRAMES[columns is not None] + _GAPS
    do = gap if np.isnan(number) else "drop the row, or scale or clip its numbers"
    return Place(_cell("X", at, columns), _finite(largest), _told(values[at], others), do)


def _in_sparse(X: Any, largest: float) -> Place | None:
    if X.data.dtype.kind == "c":
        return _in_cells(X.data, None, largest)
    at, others = _not_finite(X.data, largest)
    if at is None:
        return None
    cell = _cell("X", (int(X.row[at]), int(X.col[at])), None)
    return Place(cell, _finite(largest), _told(X.data[at], others), "fill it, or drop its row")


def _finite(largest: float) -> str:
    return "a finite number" + (f" up to {largest:.2g}" if np.isfinite(largest) else "")


def _in_targets(given: object, classes: bool) -> Place | None:
    y: Any = given
    wanted = "a label for each row" if classes else "a number for each row"
    if y is None:
        return Place("y", wanted, "None", "pass y", in_target=True)
    if isinstance(given, (list, tuple)) and (row := _ragged(y)):
        return Place(f"y, row {row[0]}", *row[1:], "fill or drop that row", in_target=True)
    values: np.ndarray = np.asarray(y.toarray() if hasattr(y, "toarray") else y)
    if values.ndim == 0 or values.ndim > 2 or not values.size:
        shape = f"an array of shape {values.shape}"
        return Place("y", f"{wanted}, (N,) or (N, K)", shape, "reshape y", in_target=True)
    if values.dtype.kind == "c":
        do = "pass the real part, or both parts as columns"
        return Place("y", "real numbers", f"an array of {values.dtype}", do, in_target=True)
    at, expected, do = _wrong_label(values) if classes else _wrong_number(values)
    if at is None:
        return None
    return Place(_cell("y", at, None), expected, shown(_plain(values[at])), do, in_target=True)


_Wrong = tuple[tuple[int, ...] | None, str, str]


def _wrong_number(values: np.ndarray) -> _Wrong:
    start = (0,) * values.ndim
    if values.dtype.kind in "mM":
        do = "make numbers of them: (y - y.min()) / np.timedelta64(1, 'D')"
        return start, "a number", do
    at = _first(values, _no_number)
    if at is not None or values.dtype.kind in "US":
        do = "make it a number, as y.astype(float) does; labels are for MLPClassifier"
        return at or start, "a number", do
    return _not_finite(values, np.inf)[0], _finite(np.inf), "fill or drop rows without a target"


def _wrong_label(values: np.ndarray) -> _Wrong:
    at = _first(values, _missing)
    if at is not None:
        return at, "a label", "drop rows without a label, or give them a label of their own"
    at = _first(values, lambda label: isinstance(label, bytes))
    if at is not None:
        return at, "a word or a whole number", "decode the labels: y.astype(str)"
    words = isinstance(_plain(values.flat[0]), str)
    at = _first(values, lambda label: isinstance(_plain(label), str) != words)
    if at is not None:
        first = shown(_plain(values.flat[0]))
        return at, f"labels of one kind, as {first} in row 0", "make all of them words: str(label)"
    at = _first(values, _fraction)
    if at is not None or values.dtype.kind not in "OmM":
        do = "use MLPRegressor for numbers, or make classes of them: pandas.cut, numpy.digitize"
        return at, "a whole number or a word", do
    at = _first(values, lambda label: not _plain_label(_plain(label)))
    return at, "a word, or a whole number of 64 bits", "make words of the labels: str(label)"


def _first(values: np.ndarray, wrong: Callable[[Any], bool]) -> tuple[int, ...] | None:
    if values.dtype.kind in "biu" or (values.dtype.kind == "f" and wrong is _no_number):
        return None
    return next((at for at, value in np.ndenumerate(values) if wrong(value)), None)


def _no_number(value: Any) -> bool:
    if value is None:
        return False  # becomes NaN
    try:
        float(value)
    except Exception:  # noqa: BLE001 - an object that is asked for its value
        return True
    return False


def _missing(value: Any) -> bool:
    return value is None or type(value).__name__ in ("NAType", "NaTType") or value != value


def _plain_label(value: Any) -> bool:
    return isinstance(value, (str, bool, float)) or (
        isinstance(value, int) and -(2**63) <= value < 2**63
    )


def _fraction(value: Any) -> bool:
    return isinstance(value, (float, np.floating)) and not (np.isfinite(value) and value % 1 == 0)


def _not_finite(values: np.ndarray, largest: float) -> tuple[tuple[int, ...] | None, int]:
    """Return where the first number stands that is not finite, and how many others there are."""
    numbers = values.astype(np.float64)
    bad = ~(np.isfinite(numbers) & (np.abs(numbers) <= largest))
    count = int(np.count_nonzero(bad))
    at = np.unravel_index(int(np.argmax(bad)), bad.shape) if count else None
    return None if at is None else tuple(int(axis) for axis in at), count - 1


def _told(value: Any, others: int) -> str:
    return shown(_plain(value)) + (f", and {others} more such cells" if others else "")


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _cell(name: str, at: tuple[int, ...], columns: Any) -> str:
    place = f"{name}, row {at[0]}"
    if len(at) < 2:
        return place
    return f"{place}, column {at[1]}" if columns is None else f"{place}, column {columns[at[1]]!r}"
