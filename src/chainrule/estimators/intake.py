"""Data on its way in: checked, encoded, weighted, and split into rows to train on and to hold back.

Decisions
---------
a) `validate_data` of scikit-learn does the checking, so that messages, feature names and array
   types are those that its tools expect.
b) Rows of weight zero are dropped before anything is split.
c) The split draws from `random_state` as scikit-learn's does. It is stratified for exclusive
   classes as scikit-learn's manual says; its code stratifies two classes only. Where a class has
   too few rows for that, several classes are split without it, as there.
"""

from __future__ import annotations

import numbers
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.model_selection import train_test_split
from sklearn.utils import column_or_1d
from sklearn.utils.validation import validate_data

from chainrule.errors import DataError, UsageError
from chainrule.estimators.rows import Source
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


@dataclass(frozen=True)
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
                expected="both of them, or none",
                got="X_val only" if y is None and X is not None else "no X_val",
            )
        return cls(X, y, weights)


@dataclass(frozen=True)
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
    """Return X, dense or CSR/CSC, and y, `(N,)` or `(N, K)`."""
    X, y = validate_data(
        estimator,
        X,
        y,
        accept_sparse=["csr", "csc"],
        multi_output=True,
        y_numeric=numeric,
        dtype=_types(estimator),
        reset=reset,
    )
    if y.ndim == 2 and y.shape[1] == 1:
        y = column_or_1d(y, warn=True)
    return _by_rows(X), y


def checked_inputs(estimator: Any, X: Any) -> Any:
    """Return X for prediction, dense or CSR."""
    if not _is_plain(estimator, X):
        X = validate_data(estimator, X, accept_sparse=["csr", "csc"], reset=False)
    return _by_rows(X)


def _is_plain(estimator: Any, X: Any) -> bool:
    """Say whether X is an array that `validate_data` would return as it is.

    For one row that function takes several times as long as the prediction itself.
    """
    if type(X) is not np.ndarray or X.ndim != 2 or X.dtype.char not in "fd":
        return False
    if len(X) == 0 or X.shape[1] != getattr(estimator, "n_features_in_", None):
        return False
    return not hasattr(estimator, "feature_names_in_") and bool(np.isfinite(X).all())


def _by_rows(X: Any) -> Any:
    return X.tocsr() if hasattr(X, "toarray") else np.ascontiguousarray(X)


def weights_of(
    sample_weight: Any, rows: int, Y: np.ndarray, class_weight: Any = None, classes: Any = None
) -> np.ndarray | None:
    """Return the weight of each row, sample weight times class weight, or None.

    Raises
    ------
    DataError
        Weights are negative, not finite, all zero, or not as many as rows.
    InvalidParameterError, TargetError
        The class weights do not fit the classes.
    """
    if isinstance(sample_weight, numbers.Number):
        sample_weight = np.full(rows, sample_weight, dtype=np.float64)
    weights = None if sample_weight is None else check_weights(sample_weight, rows)
    if class_weight is None or (classes is not None and len(classes) < 2):
        return weights
    Y = Y.astype(np.float64)
    if isinstance(class_weight, str) and class_weight == "balanced":
        class_weight = _balanced(Y, classes, weights)
    return row_weights(Y, class_weight, classes, weights)


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
