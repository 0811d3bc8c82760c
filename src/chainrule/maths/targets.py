"""Targets as numbers: what every loss demands of `y` before it reads a single row.

A target that does not fit is refused with the first row that is wrong, what was expected there,
what was found, and what to do. Rows and columns are counted from 0, as NumPy does.
"""

from __future__ import annotations

import numpy as np

from chainrule.checks import shown
from chainrule.errors import TargetError

__all__ = ["class_targets", "real_targets", "require"]


def real_targets(y: object, width: int | None = None) -> np.ndarray:
    """Return the target as a new float64 array `(N, K)` of finite numbers.

    Parameters
    ----------
    y : array-like, (N,) or (N, K)
        Numbers or truth values; `(N,)` becomes one column.
    width : int, optional
        Number of columns K that y must have.

    Raises
    ------
    TargetError
        y is empty, ragged, not numeric, not finite, or has another number of columns.

    Example
    -------
    >>> from chainrule.maths.targets import real_targets
    >>> real_targets([1, 2])
    array([[1.],
           [2.]])
    """
    Y = _numbers(y)
    if Y.ndim == 1:
        Y = Y[:, None]
    if Y.ndim != 2 or Y.size == 0:
        raise TargetError(
            "the target is empty"
            if Y.size == 0
            else "the target does not have one or two dimensions",
            where="y",
            expected="shape (N,) or (N, K) with at least one row",
            got=f"shape {np.shape(Y)}",
        )
    if width is not None and Y.shape[1] != width:
        raise TargetError(
            "the target has the wrong number of columns",
            where="y",
            expected=_counted(width, "column"),
            got=_counted(Y.shape[1], "column"),
        )
    require(
        np.isfinite(Y),
        Y,
        "the target is not finite",
        expected="a finite number",
        do="fill or drop rows without a target",
    )
    return Y


def class_targets(y: object, width: int | None = None) -> np.ndarray:
    """Return classes as a float64 array `(N, K)`: one-hot rows, or the probabilities given.

    Parameters
    ----------
    y : array-like, (N,) or (N, K)
        `(N,)`: class numbers 0 .. K - 1. `(N, K)`: one probability per class, one-hot or soft.
    width : int, optional
        Number of classes K; from class numbers, the largest + 1 if it is not given.

    Raises
    ------
    TargetError
        As `real_targets`; or a class number is not whole, negative or K and above; or only one
        class exists; or probabilities leave [0, 1] or do not sum to 1.

    Example
    -------
    >>> from chainrule.maths.targets import class_targets
    >>> class_targets([0, 2, 1])
    array([[1., 0., 0.],
           [0., 0., 1.],
           [0., 1., 0.]])
    """
    if _dimensions(y) == 1:
        return _one_hot(real_targets(y), width)
    Y = real_targets(y, width)
    advice = "pass class numbers as a one-dimensional array, or one probability per class"
    require(
        (Y >= 0.0) & (Y <= 1.0),
        Y,
        "a class probability is outside [0, 1]",
        expected="a number in [0, 1]",
        do=advice,
    )
    sums = np.sum(Y, axis=1, keepdims=True)
    require(
        np.abs(sums - 1.0) <= 1e-6,
        sums,
        "the class probabilities of a row do not sum to 1",
        expected="a sum of 1",
        do=advice,
    )
    return Y


def require(
    holds: np.ndarray, shown_numbers: np.ndarray, what: str, *, expected: str, do: str
) -> None:
    """Raise `TargetError` for the first row where the `(N, K)` condition does not hold."""
    if np.all(holds):
        return
    row, column = (int(index) for index in np.argwhere(~holds)[0])
    place = f"y, row {row}" + (f", column {column}" if holds.shape[1] > 1 else "")
    raise TargetError(
        what, where=place, expected=expected, got=f"{shown_numbers[row, column]:g}", do=do
    )


def _one_hot(labels: np.ndarray, width: int | None) -> np.ndarray:
    require(
        (labels == np.floor(labels)) & (labels >= 0.0),
        labels,
        "a class number is not a whole number from 0",
        expected="whole numbers 0, 1, ..., K - 1",
        do="number the classes; train and MLPClassifier take labels of any kind",
    )
    classes = int(labels.max()) + 1 if width is None else width
    if classes < 2:
        raise TargetError(
            "the target has one class only",
            where="y",
            expected="at least two classes",
            got="class 0 in every row",
            do="give the number of classes as `width` if this is one batch of several",
        )
    require(
        labels < classes,
        labels,
        "a class number is too large",
        expected=f"whole numbers 0 to {classes - 1}",
        do="raise the number of outputs of the network, or number the classes anew",
    )
    return (labels == np.arange(classes)).astype(np.float64)


def _numbers(y: object) -> np.ndarray:
    """Return a new float64 array; text and dates are refused even where they look like numbers."""
    try:
        given = np.asarray(y)
        textual = given.dtype == object and any(
            isinstance(item, (str, bytes)) for item in given.flat
        )
        if given.dtype.kind in "buifO" and not textual:
            return np.array(given, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        pass
    raise TargetError(
        "the target is not an array of numbers",
        where="y",
        expected="numbers in rows of one length",
        got=shown(y),
        do="turn the target into numbers; train and MLPClassifier take labels of any kind "
        "where the loss is a classification",
    )


def _dimensions(y: object) -> int:
    try:
        return np.ndim(y)  # type: ignore[arg-type]
    except ValueError:  # ragged: `real_targets` says so
        return 2


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")
