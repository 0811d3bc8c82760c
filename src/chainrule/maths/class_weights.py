r"""Class weights: from a rule about classes to one weight per row.

The rows' weights multiply the sample weights, and the loss is the weighted mean over rows, so the
reported objective and its gradient follow them by themselves.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import TypeAlias, TypeGuard

import numpy as np

from chainrule.checks import Real, shown
from chainrule.errors import InvalidParameterError, ShapeError, TargetError
from chainrule.registry import suggest

__all__ = ["ClassWeight", "row_weights"]

ClassWeight: TypeAlias = "str | Mapping[Hashable, float] | Sequence[float] | np.ndarray | None"
"""None, "balanced", a weight for each label, or a sequence of weights in the order of classes."""

WEIGHT = Real(0)


def row_weights(
    targets: object,
    class_weight: ClassWeight,
    classes: Sequence[Hashable] | np.ndarray | None = None,
    sample_weight: object = None,
) -> np.ndarray | None:
    r"""Return the weight of each row, or None when every row weighs 1.

    :math:`w_i = s_i \sum_c y_{ic} v_c`, with :math:`s_i` = `sample_weight`, :math:`y_{ic}` the
    membership of row i in class c, and :math:`v_c` the weight of the class. For "balanced",
    :math:`v_c = N / (C n_c)`: N rows, C classes that have rows, :math:`n_c` rows in class c, so
    that the classes weigh the same in total and the mean weight is 1.

    Parameters
    ----------
    targets : array-like, (N,) or (N, K)
        Labels, or encoded targets: one column of the probability of the second class, or one
        column per class (soft labels weigh by their shares).
    class_weight : None, "balanced", mapping or sequence
        A mapping gives weights by label, and 1 to labels it leaves out.
    classes : sequence, optional
        The labels in the order of the columns. By default the sorted labels, or column numbers.
    sample_weight : array-like, (N,), optional
        Weights of the rows themselves.

    Returns
    -------
    (N,) float64, or None

    Raises
    ------
    InvalidParameterError
        A weight is negative or not finite, a label is unknown, the number of weights is not that
        of the classes, or the weights leave no row.
    TargetError
        A target is not among `classes`, or the columns are independent labels.
    ShapeError
        `sample_weight` does not have one number per row.

    Source: King, Zeng, "Logistic regression in rare events data" (Political Analysis 9, 2001),
    section 4.2.

    Example
    -------
    >>> from chainrule.maths.class_weights import row_weights
    >>> row_weights(["cat", "dog", "dog", "dog"], {"cat": 3})
    array([3., 1., 1., 1.])
    >>> row_weights([0, 1, 1, 1], "balanced")
    array([2.        , 0.66666667, 0.66666667, 0.66666667])
    """
    given = _target_array(targets)
    samples = _sample_weights(sample_weight, len(given))
    if class_weight is None:
        return samples
    membership, labels = _membership(given, classes)
    weights = membership @ _weights_of_classes(class_weight, labels, membership)
    weights = weights if samples is None else weights * samples
    if not np.any(weights > 0.0):
        raise InvalidParameterError(
            "the class weights leave no row to train on",
            where="class_weight",
            expected="a positive weight for at least one class with rows",
            got=shown(class_weight),
        )
    return weights


def _target_array(targets: object) -> np.ndarray:
    given = np.asarray(targets)
    if given.ndim not in (1, 2) or given.size == 0:
        raise TargetError(
            "the target is empty"
            if given.size == 0
            else "the target does not have one or two dimensions",
            where="y",
            expected="shape (N,) or (N, K) with at least one row",
            got=f"shape {given.shape}",
        )
    return given


def _membership(
    targets: np.ndarray, classes: Sequence[Hashable] | np.ndarray | None
) -> tuple[np.ndarray, list[Hashable]]:
    """Return the `(N, C)` shares of each class in each row, and the labels of the columns."""
    if targets.ndim == 2:
        shares = np.asarray(targets, dtype=np.float64)
        shares = np.hstack([1.0 - shares, shares]) if shares.shape[1] == 1 else shares
        _demand_exclusive(shares)
        labels = _listed(np.arange(shares.shape[1]) if classes is None else classes)
        if len(labels) != shares.shape[1]:
            raise InvalidParameterError(
                "the classes do not fit the columns of the targets",
                where="classes",
                expected=f"{shares.shape[1]} labels",
                got=f"{len(labels)} labels",
            )
        return shares, labels
    given = _listed(targets)
    labels = sorted(set(given), key=_sorting_key) if classes is None else _listed(classes)
    column = {label: index for index, label in enumerate(labels)}
    unknown = next((row for row, label in enumerate(given) if label not in column), None)
    if unknown is not None:
        raise TargetError(
            "a label is not among the classes",
            where=f"y, row {unknown}",
            expected="one of " + shown(labels),
            got=shown(given[unknown]),
            do=suggest(given[unknown], labels),
        )
    return np.eye(len(labels))[[column[label] for label in given]], labels


def _sorting_key(label: Hashable) -> tuple[str, object]:
    """Return a key that sorts numbers and words of one column without comparing one to another."""
    return ("number", label) if isinstance(label, (bool, int, float)) else ("word", str(label))


def _demand_exclusive(shares: np.ndarray) -> None:
    wrong = np.flatnonzero(np.abs(np.sum(shares, axis=1) - 1.0) > 1e-6)
    if len(wrong):
        raise TargetError(
            "class weights need exclusive classes",
            where=f"y, row {int(wrong[0])}",
            expected="a row that sums to 1",
            got=shown(shares[wrong[0]].tolist()),
            do="weigh the rows with sample_weight where labels are independent",
        )


def _weights_of_classes(
    class_weight: ClassWeight, labels: list[Hashable], membership: np.ndarray
) -> np.ndarray:
    if isinstance(class_weight, str):
        return _balanced(class_weight, membership)
    if isinstance(class_weight, Mapping):
        return _from_mapping(class_weight, labels)
    return _from_sequence(class_weight, labels)


def _balanced(word: str, membership: np.ndarray) -> np.ndarray:
    if word != "balanced":
        raise InvalidParameterError(
            "class_weight is not allowed",
            where="class_weight",
            expected='None, "balanced", a mapping of label to weight, or one weight per class',
            got=shown(word),
            do=suggest(word, ("balanced",)),
        )
    counts = np.sum(membership, axis=0)
    present = counts > 0.0
    weights = len(membership) / (np.sum(present) * np.where(present, counts, 1.0))
    return np.where(present, weights, 0.0)


def _from_mapping(class_weight: Mapping[Hashable, float], labels: list[Hashable]) -> np.ndarray:
    for label in class_weight:
        if label not in labels:
            raise InvalidParameterError(
                "class_weight names a label that is not among the classes",
                where=f"class_weight[{shown(label)}]",
                expected="one of " + shown(labels),
                got=shown(label),
                do=suggest(label, labels),
            )
    return np.array(
        [_weight(class_weight.get(label, 1.0), label) for label in labels], dtype=np.float64
    )


def _from_sequence(class_weight: object, labels: list[Hashable]) -> np.ndarray:
    weights = list(class_weight) if _is_list(class_weight) else None
    if weights is None or len(weights) != len(labels):
        raise InvalidParameterError(
            "class_weight does not fit the classes",
            where="class_weight",
            expected=f"one weight for each of {shown(labels)}",
            got=shown(class_weight),
        )
    return np.array([_weight(weight, label) for weight, label in zip(weights, labels, strict=True)])


def _weight(weight: object, label: Hashable) -> float:
    if not WEIGHT.accepts(weight):
        raise InvalidParameterError(
            "a class weight is not allowed",
            where=f"class_weight[{shown(label)}]",
            expected=WEIGHT.describe(),
            got=shown(weight),
        )
    return float(weight)  # type: ignore[arg-type]


def _listed(labels: Sequence[Hashable] | np.ndarray) -> list[Hashable]:
    return [label.item() if isinstance(label, np.generic) else label for label in labels]


def _sample_weights(sample_weight: object, rows: int) -> np.ndarray | None:
    if sample_weight is None:
        return None
    try:
        weights = np.array(sample_weight, dtype=np.float64)
    except (TypeError, ValueError):
        weights = np.empty(())
    if weights.shape != (rows,):
        raise ShapeError(
            "sample_weight does not fit the targets",
            where="sample_weight",
            expected=f"one number for each of {rows} rows",
            got=f"shape {weights.shape}" if weights.ndim else shown(sample_weight),
        )
    wrong = np.flatnonzero(~(np.isfinite(weights) & (weights >= 0.0)))
    if len(wrong):
        raise InvalidParameterError(
            "a sample weight is not allowed",
            where=f"sample_weight, row {int(wrong[0])}",
            expected=WEIGHT.describe(),
            got=f"{weights[wrong[0]]:g}",
        )
    return weights


def _is_list(value: object) -> TypeGuard[Sequence[object]]:
    return isinstance(value, (list, tuple)) or (isinstance(value, np.ndarray) and value.ndim == 1)
