"""Data on its way in: checked, encoded, weighted, and split into rows to train on and to hold back.

Decisions
---------
a) `validate_data` of scikit-learn does the checking, so that messages, feature names and array
   types are those that its tools expect. Data frames that it refuses go through `tables` first.
b) Rows of weight zero are dropped before anything is split.
c) The split draws from `random_state` as scikit-learn's does. It is stratified for exclusive
   classes as scikit-learn's manual says; its code stratifies two classes only. Where a class has
   too few rows for that, several classes are split without it, as there.
"""

from __future__ import annotations

import numbers
from typing import Any

import numpy as np
from sklearn.model_selection import train_test_split
from sklearn.utils import check_X_y, column_or_1d
from sklearn.utils.validation import validate_data

from chainrule.checks import shown
from chainrule.errors import DataError, InvalidParameterError, UsageError
from chainrule.estimators import tables
from chainrule.estimators.faults import as_data_errors
from chainrule.estimators.located import Place, Suspects
from chainrule.estimators.rows import Source
from chainrule.frozen import frozen
from chainrule.maths.class_weights import row_weights
from chainrule.training.data import check_weights

__all__ = [
    "Intake",
    "Validation",
    "checked_inputs",
    "checked_pair",
    "split_rows",
    "strata_of",
    "weights_of",
]


_MORE_ROWS = "raise validation_fraction, pass more rows, or rows of your own as X_val and y_val"


@frozen
class Validation:
    """Validation data as the user gave it: `X_val`, `y_val`, `sample_weight_val`."""

    X: Any
    y: Any
    weights: Any = None

    @classmethod
    def of(cls, X: Any, y: Any, weights: Any) -> Validation | None:
        """Return the data, or None if nothing was given.

        Raises
        ------
        UsageError
            One of X_val and y_val is missing.
        """
        if X is None and y is None and weights is None:
            return None
        if X is None or y is None:
            raise UsageError(
                "X_val and y_val belong together",
                where="y_val" if y is None and X is not None else "X_val",
                expected="both of them, or none",
                got="X_val only" if y is None and X is not None else "no X_val",
                do="pass X_val and y_val, and weights for them as sample_weight_val",
            )
        return cls(X, y, weights)


@frozen
class Intake:
    """Rows of one fit.

    Parameters
    ----------
    train : Source
    held : Source or None
        Validation rows.
    labels : array or None
        Their targets as the user wrote them, for scorers.
    """

    train: Source
    held: Source | None = None
    labels: Any = None


def _types(estimator: Any) -> Any:
    if estimator.dtype == "auto":
        return (np.float64, np.float32)
    return np.dtype(estimator.dtype)


def checked_pair(
    estimator: Any, X: Any, y: Any, numeric: bool, reset: bool
) -> tuple[Any, np.ndarray]:
    """Return X, dense or CSR/CSC, and y, `(N,)` or `(N, K)`.

    Where `reset`, the rules of a data frame that needs some are fitted and kept in `encoder_`.
    """
    with as_data_errors(lambda: _suspects(estimator, reset, X, y, "Xy").place()):
        return _checked_pair(estimator, X, y, numeric, reset)


def _suspects(estimator: Any, reset: bool, X: Any, y: Any, checked: str) -> Suspects:
    """Return what a check refused, after it did."""
    features = None if reset else getattr(estimator, "n_features_in_", None)
    names = None if reset else getattr(estimator, "feature_names_in_", None)
    if getattr(estimator, "encoder_", None) is not None:
        checked = checked.replace("X", "")  # its rules read words and gaps
    largest = np.inf if estimator.dtype == "auto" else float(np.finfo(estimator.dtype).max)
    return Suspects(X, y, checked, estimator.has_classes, features, names, largest)


def _checked_pair(
    estimator: Any, X: Any, y: Any, numeric: bool, reset: bool
) -> tuple[Any, np.ndarray]:
    if _is_plain(estimator, X, reset) and _is_plain_target(y, len(X)):
        if estimator.dtype in ("auto", X.dtype.name):
            if reset:
                estimator.n_features_in_, estimator.encoder_ = X.shape[1], None
            return _by_rows(X), y
    X = tables.frame_of(_without_dates(X))
    if reset:
        estimator.encoder_ = None if tables.plain_numbers(X) else tables.fit_encoder(X)
    read: dict[str, Any] = {"multi_output": True, "y_numeric": numeric, "dtype": _types(estimator)}
    encoder = getattr(estimator, "encoder_", None)
    if encoder is None:
        kinds = ["csr", "csc"]
        X, y = validate_data(estimator, X, y, accept_sparse=kinds, reset=reset, **read)
    else:
        features = tables.encoded(encoder, X)
        tables.remember_columns(estimator, X, reset)
        X, y = check_X_y(features, y, estimator=estimator, **read)
    if y.ndim == 2 and y.shape[1] == 1:
        y = column_or_1d(y, warn=True)
    if numeric and y.dtype.kind not in "biuf":
        raise ValueError("the target holds no numbers")  # told of as all that is found here
    return _by_rows(X), y


def checked_inputs(estimator: Any, X: Any) -> Any:
    """Return X for prediction, dense or CSR."""
    if _is_plain(estimator, X, reset=False):
        return _by_rows(X)
    with as_data_errors(lambda: _suspects(estimator, False, X, None, "X").place()):
        return _checked_inputs(estimator, X)


def _checked_inputs(estimator: Any, X: Any) -> Any:
    X = tables.frame_of(_without_dates(X))
    encoder = getattr(estimator, "encoder_", None)
    if encoder is not None:
        features = tables.encoded(encoder, X)
        tables.remember_columns(estimator, X, reset=False)
        return features
    return _by_rows(validate_data(estimator, X, accept_sparse=["csr", "csc"], reset=False))


def _without_dates(X: Any) -> Any:
    """Return X; refuse an array of dates, which would become counts of days or nanoseconds."""
    if isinstance(X, np.ndarray) and X.dtype.kind in "mM":
        raise DataError(
            "X holds dates or durations",
            where="X",
            expected="an array of numbers, or a data frame",
            got=f"an array of {X.dtype}",
            do="pass a data frame, whose dates are read as dates, or make numbers of them",
        )
    return X


def _is_plain(estimator: Any, X: Any, reset: bool) -> bool:
    """Say whether X is an array that `validate_data` would return as it is.

    For one row that function takes several times as long as the prediction itself. Where `reset`,
    the array says how many features there are.
    """
    if type(X) is not np.ndarray or X.ndim != 2 or not X.size:
        return False
    if X.dtype.char not in "fd" or not X.dtype.isnative:
        return False
    if not reset and X.shape[1] != getattr(estimator, "n_features_in_", None):
        return False
    if hasattr(estimator, "feature_names_in_") or getattr(estimator, "encoder_", None):
        return False
    return bool(np.isfinite(X).all())


def _is_plain_target(y: Any, rows: int) -> bool:
    """Say whether y is a column of numbers that `validate_data` would return as it is."""
    if type(y) is not np.ndarray or y.shape != (rows,):
        return False
    return y.dtype.kind in "iub" or (y.dtype.char in "fd" and bool(np.isfinite(y).all()))


def _by_rows(X: Any) -> Any:
    return X.tocsr() if hasattr(X, "toarray") else np.ascontiguousarray(X)


def weights_of(
    sample_weight: Any,
    rows: int,
    Y: np.ndarray,
    class_weight: Any = None,
    classes: Any = None,
    independent: bool = False,
) -> np.ndarray | None:
    """Return the weight of each row, sample weight times class weight, or None.

    With `independent` labels the weights that a row has by each of its labels are multiplied, as
    scikit-learn's `compute_sample_weight` does; weights by number are a dict for each label.

    Raises
    ------
    DataError
        Weights are negative, not finite, all zero, or not as many as rows.
    InvalidParameterError, TargetError
        The class weights do not fit the classes.
    """
    if isinstance(sample_weight, numbers.Number):
        with as_data_errors():
            sample_weight = np.full(rows, sample_weight, dtype=np.float64)
    weights = None if sample_weight is None else check_weights(sample_weight, rows)
    if class_weight is None or (classes is not None and len(classes) < 2):
        return weights
    Y = Y.astype(np.float64)
    if independent:
        return _label_weights(Y, class_weight, weights)
    if isinstance(class_weight, str) and class_weight == "balanced":
        class_weight = _balanced(Y, classes, weights)
    return row_weights(Y, class_weight, classes, weights)


def _label_weights(Y: np.ndarray, class_weight: Any, weights: np.ndarray | None) -> np.ndarray:
    rules = [class_weight] * Y.shape[1] if class_weight == "balanced" else class_weight
    if not isinstance(rules, (list, tuple)) or len(rules) != Y.shape[1]:
        raise InvalidParameterError(
            "class_weight does not fit the labels",
            where="class_weight",
            expected=f'"balanced", or {Y.shape[1]} dicts of 0 and 1 to weight, one for each label',
            got=shown(class_weight),
            do='pass a list of such dicts, in the order of the columns of y, or "balanced"',
        )
    product = np.ones(len(Y)) if weights is None else weights.copy()
    for column, rule in zip(Y.T[:, :, np.newaxis], rules, strict=True):
        found = _balanced(column, [0, 1], weights) if rule == "balanced" else rule
        by_label = row_weights(column, found, [0, 1])
        product *= 1.0 if by_label is None else by_label
    return product


def _balanced(Y: np.ndarray, classes: Any, weights: np.ndarray | None) -> dict[Any, float]:
    """Return the weight of each class that makes all classes weigh the same in total.

    The rows' own weights count, so that a row of weight 2 is the same as two rows.
    """
    shares = np.hstack([1.0 - Y, Y]) if Y.shape[1] == 1 else Y
    masses = shares.sum(axis=0) if weights is None else weights @ shares
    present = masses > 0
    fair = masses.sum() / (np.count_nonzero(present) * np.where(present, masses, 1.0))
    return dict(zip(np.asarray(classes).tolist(), fair.tolist(), strict=True))


def split_rows(
    random_state: np.random.RandomState, rows: int, share: float, strata: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Return the numbers of the rows to train on and of those to hold back.

    Parameters
    ----------
    random_state : RandomState
    rows : int
    share : float
        Of the rows to hold back.
    strata : (N,) or (N, 1) array, optional
        Classes that both parts shall have in the same proportions.

    Raises
    ------
    DataError
        Fewer than two rows would be held back.
    """
    wanted, do = "at least 2 rows to hold back, and one of each of two classes", _MORE_ROWS
    place = Place("validation_fraction", wanted, f"{share:g} of {rows} rows", do, lines=True)
    with as_data_errors(lambda: place):
        parts: Any = train_test_split(
            np.arange(rows), random_state=random_state, test_size=share, stratify=strata
        )
    train, held = parts
    if len(held) < 2:
        raise DataError(
            "The validation set is too small. Increase 'validation_fraction' or the size of your"
            " dataset.",
            where="validation_fraction",
            expected="at least 2 rows to hold back",
            got=f"{len(held)} of {rows}",
            do=_MORE_ROWS,
        )
    return train, held


def strata_of(Y: np.ndarray, share: float) -> np.ndarray | None:
    """Return what to stratify encoded exclusive classes by; None if a class has too few rows."""
    if Y.shape[1] == 1:
        return Y.astype(bool)
    codes = np.argmax(Y, axis=1)
    counts = np.bincount(codes)
    present, held = int(np.count_nonzero(counts)), int(np.ceil(share * len(Y)))
    enough = counts[counts > 0].min() >= 2 and held >= present and len(Y) - held >= present
    return codes if enough else None
