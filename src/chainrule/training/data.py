"""What a run learns from: inputs, targets and weights, checked once and encoded as rows.

Decisions
---------
a) Everything is checked before anything is trained, and the first bad row and column are named.
b) Inputs that already have the run's type and lie row by row in memory are read where they are;
   everything else is copied once.
c) A row of weight zero is dropped at the start. It then has no part in batches, batch
   normalisation or scores either: weight zero is the same as not being there, to the bit.
d) Class weights act on the training rows only; validation scores keep the data's own balance.
"""

from __future__ import annotations

import math
import sys
from typing import Any

import numpy as np

from chainrule.checks import OneOf, check_parameters, shown
from chainrule.engine.protocol import Rows
from chainrule.errors import DataError, InvalidParameterError, TargetError, UsageError
from chainrule.frozen import frozen
from chainrule.maths.class_weights import row_weights
from chainrule.maths.loss import Loss
from chainrule.training.blocks_rows import BlockRows
from chainrule.training.names import column_names, require_names
from chainrule.training.split import split_rows
from chainrule.training.targets import Targets, fit_targets, target_array, warn_if_constant

__all__ = ["Dataset", "check_inputs", "check_weights", "prepare"]

DTYPE = OneOf(("float32", "float64"))
_AS_ROWS = "{0}.reshape(-1, 1) if each row is one number, {0}.reshape(1, -1) if it is one row"
_CHUNK = 65_536
"""Rows that are looked at together, so that a check needs little memory."""


@frozen
class Dataset:
    """The encoded rows of a run.

    Parameters
    ----------
    rows : Rows or BlockRows
        For training.
    validation : Rows, BlockRows or None
    targets : Targets
        How targets became numbers, and the class labels.
    """

    rows: Rows | BlockRows
    validation: Rows | BlockRows | None
    targets: Targets

    @property
    def sample_shape(self) -> tuple[int, ...]:
        """Shape of one sample: `(d,)` or `(T, d)`."""
        rows = self.rows
        return rows.sample_shape if isinstance(rows, BlockRows) else rows.X.shape[1:]

    @property
    def classes(self) -> list[Any] | None:
        """Class labels in the order of the outputs, or None."""
        return None if self.targets.classes is None else list(self.targets.classes)


def check_inputs(X: object, dtype: str = "float32", name: str = "X") -> np.ndarray:
    """Return the inputs as an array `(N, d)` or `(N, T, d)` of finite numbers, row by row.

    Parameters
    ----------
    X : array-like
        Array, nested list, or data frame.
    dtype : str
    name : str
        What to call it in messages.

    Raises
    ------
    DataError
        Not numbers, not 2-D or 3-D, empty, or not finite; names the first bad row and column.

    Example
    -------
    >>> from chainrule.training.data import check_inputs
    >>> check_inputs([[1, 2], [3, float("nan")]])
    Traceback (most recent call last):
    chainrule.errors.DataError: X holds a value that is not finite
      where:    row 1, column 1
      expected: a finite number that float32 can hold
      got:      nan
      do:       fill in or drop missing values; scale huge ones
    """
    array = _numbers(X, name)
    if array.ndim not in (2, 3):
        raise DataError(
            f"{name} has {array.ndim} dimension(s)",
            where=name,
            expected="(N, d), or (N, T, d) for sequences",
            got=f"shape {array.shape}",
            do=_AS_ROWS.format(name) if array.ndim == 1 else "",
        )
    if array.size == 0:
        raise DataError(f"{name} is empty", where=name, got=f"shape {array.shape}")
    with np.errstate(over="ignore", invalid="ignore"):
        converted = np.ascontiguousarray(array, dtype=dtype)
    for start in range(0, len(converted), _CHUNK):
        finite = np.isfinite(converted[start : start + _CHUNK])
        if not finite.all():
            place = tuple(int(index) for index in np.argwhere(~finite)[0])
            place = (start + place[0], *place[1:])
            raise DataError(
                f"{name} holds a value that is not finite",
                where=_place(place, X),
                expected=f"a finite number that {dtype} can hold",
                got=f"{array[place]:g}",
                do="fill in or drop missing values; scale huge ones",
            )
    return converted


def _numbers(X: object, name: str) -> np.ndarray:
    if hasattr(X, "toarray"):
        raise DataError(f"{name} is sparse", where=name, do=f"pass {name}.toarray()")
    masked = sys.modules.get("numpy.ma")  # who has a masked array has imported it
    if masked is not None and isinstance(X, masked.MaskedArray) and masked.is_masked(X):
        raise DataError(f"{name} has masked values", where=name, do="fill them in: X.filled(...)")
    try:
        array = np.asarray(X)
    except ValueError:
        raise DataError(
            f"the rows of {name} differ in length", where=name, expected="one length"
        ) from None
    except Exception as error:  # an object that cannot say what it holds
        raise DataError(f"{name} gives no array: {error}", where=name, got=shown(X)) from error
    if array.dtype.kind in "biuf":
        return array
    if array.dtype.kind == "O":
        return _from_objects(array, X, name)
    raise DataError(
        f"{name} is not made of numbers",
        where=name,
        expected="real numbers",
        got=f"dtype {array.dtype}",
        do="encode text, dates and categories as numbers first",
    )


def _from_objects(array: np.ndarray, X: object, name: str) -> np.ndarray:
    """Return a column of objects as numbers; strings are refused even if they look like numbers."""
    numbers = np.empty(array.shape, np.float64)
    for place in np.ndindex(array.shape):
        value: Any = array[place]
        try:
            numbers[place] = math.nan if value is None else _number(value)
        except (TypeError, ValueError, OverflowError):
            raise DataError(
                f"{name} holds a value that is not a number",
                where=_place(place, X),
                expected="a real number",
                got=shown(value),
                do="encode text, dates and categories as numbers first",
            ) from None
    return numbers


def _number(value: Any) -> float:
    if isinstance(value, (str, bytes)):
        raise TypeError
    return float(value)


def _place(place: tuple[int, ...], X: object) -> str:
    names = ("row", "column") if len(place) == 2 else ("row", "step", "column")
    parts = [f"{name} {index}" for name, index in zip(names, place, strict=False)]
    columns = getattr(X, "columns", None)
    if len(place) == 2 and columns is not None:
        parts[1] += f" ({columns[place[1]]!r})"
    return ", ".join(parts)


def check_weights(weights: object, rows: int, name: str = "sample_weight") -> np.ndarray:
    """Return row weights `(N,)`, float64.

    Raises
    ------
    DataError
        Another number of weights than rows; not finite, negative, or all zero.
    """
    try:
        given = np.asarray(weights)
        # A cast of complex numbers would drop the imaginary parts without an error.
        array = None if given.dtype.kind == "c" else given.astype(np.float64)
    except Exception:  # noqa: BLE001 - whatever an object raises that is asked for numbers
        array = None
    if array is None:
        raise DataError(f"{name} is not made of numbers", where=name, got=shown(weights))
    if array.shape != (rows,):
        raise DataError(
            f"{name} does not fit the rows",
            where=name,
            expected=f"shape ({rows},)",
            got=f"shape {array.shape}",
        )
    bad = ~(np.isfinite(array) & (array >= 0))
    if bad.any():
        row = int(np.argmax(bad))
        raise DataError(
            "a row weight is negative or not finite",
            where=f"{name}, row {row}",
            expected="a finite number from 0",
            got=f"{array[row]:g}",
        )
    if not array.any():
        raise DataError(f"all of {name} is zero, so no row is left", where=name)
    return array


def prepare(
    X: object,
    y: object,
    loss: Loss,
    *,
    dtype: str = "float32",
    seed: int = 0,
    sample_weight: object = None,
    class_weight: object = None,
    validation: object = None,
    validation_share: float | None = None,
) -> Dataset:
    """Check and encode the data of a run.

    Parameters are those of `chainrule.train`.

    Raises
    ------
    DataError, TargetError
        The data cannot be used; names the first bad place.
    InvalidParameterError
        `dtype` is not known, or `class_weight` or `validation_share` is not allowed.
    UsageError
        Both `validation` and `validation_share` are given.
    """
    check_parameters({"dtype": DTYPE}, {"dtype": dtype}, lambda name: name)
    inputs, target = check_inputs(X, dtype), target_array(y)
    _same_length(inputs, target, "")
    weights = None if sample_weight is None else check_weights(sample_weight, len(inputs))
    if weights is not None and not weights.all():
        kept = weights > 0
        inputs, target, weights = inputs[kept], target[kept], weights[kept]
    targets, Y = fit_targets(target, loss)
    if loss.task == "regression":
        warn_if_constant(Y)
    rows = Rows(inputs, _typed(Y, dtype), weights)
    held = None
    if validation_share is not None:
        if validation is not None:
            raise UsageError(
                "validation and validation_share contradict each other", do="pass one of the two"
            )
        codes = None if targets.classes is None else targets.codes(target)
        train, held_out = split_rows(len(rows), validation_share, seed, codes)
        rows, held = rows.take(train), rows.take(held_out)
    elif validation is not None:
        held = _validation_rows(validation, inputs.shape[1:], targets, dtype, column_names(X))
    if class_weight is not None:
        rows = _class_weighted(rows, class_weight, targets)
    return Dataset(_weights_typed(rows), None if held is None else _weights_typed(held), targets)


def _validation_rows(
    validation: object,
    sample_shape: tuple[int, ...],
    targets: Targets,
    dtype: str,
    names: tuple[str, ...] | None,
) -> Rows:
    if not isinstance(validation, (tuple, list)) or len(validation) not in (2, 3):
        raise UsageError(
            "validation is not understood",
            expected="(X, y) or (X, y, weights)",
            got=shown(validation),
        )
    require_names(names, validation[0], "validation X")
    X = check_inputs(validation[0], dtype, "validation X")
    if X.shape[1:] != sample_shape:
        raise DataError(
            "the validation rows are not like the training rows",
            where="validation X",
            expected=f"samples of shape {sample_shape}",
            got=f"{X.shape[1:]}",
        )
    try:
        target = target_array(validation[1])
        _same_length(X, target, "validation ")
        Y = _typed(targets.encode(target), dtype)
    except TargetError as error:
        parts = {**error.parts(), "where": f"validation {error.where}"}
        raise TargetError(error.what, **parts) from None
    weights = None
    if len(validation) == 3 and validation[2] is not None:
        weights = check_weights(validation[2], len(X), "validation weights")
    return Rows(X, Y, weights)


def _same_length(X: np.ndarray, y: np.ndarray, prefix: str) -> None:
    if len(X) != len(y):
        raise DataError(
            f"{prefix}X and y have different numbers of rows",
            expected=f"{len(X):,} targets, one for each row of X",
            got=f"{len(y):,}",
        )


def _typed(Y: np.ndarray, dtype: str) -> np.ndarray:
    """Return the targets in the run's type, if it can hold them."""
    with np.errstate(over="ignore"):
        typed = Y.astype(dtype)
    bad = ~np.isfinite(typed)
    if bad.any():
        row, column = (int(index) for index in np.argwhere(bad)[0])
        raise TargetError(
            f"a target is too large for {dtype}",
            where=f"y, row {row}, column {column}",
            got=f"{Y[row, column]:g}",
            do='scale the targets, or pass dtype="float64"',
        )
    return typed


def _class_weighted(rows: Rows, class_weight: Any, targets: Targets) -> Rows:
    if targets.loss.task != "classification":
        raise InvalidParameterError(
            "class_weight needs classes",
            where="class_weight",
            expected="a classification loss",
            got=f"the loss {targets.loss.name}",
        )
    weights = row_weights(rows.Y, class_weight, targets.classes, rows.weights)
    return Rows(rows.X, rows.Y, weights)


def _weights_typed(rows: Rows) -> Rows:
    if rows.weights is None:
        return rows
    return Rows(rows.X, rows.Y, rows.weights.astype(rows.X.dtype))
