"""Targets on their way to numbers: class labels of any kind, or what the loss reads itself.

Decisions
---------
a) For a classification loss, a one-dimensional target (or a single column) holds labels: strings,
   truth values, whole numbers. They are numbered in sorted order and the labels are kept, so that
   a model predicts labels again.
b) A matrix of several columns is one-hot, soft, or multi-label, and a column with fractions is
   soft: the loss reads both itself and no labels are kept.
c) Labels of mixed kinds are refused. NumPy would turn `[1, "a"]` into two strings, so lists are
   looked at before NumPy sees them.
d) Labels that are all the same are refused: no loss can tell one class apart. A quantity that is
   the same in every row is learned all the same, as scikit-learn does, but nobody wants that
   unknowingly, so it is said.
"""

from __future__ import annotations

import numbers
import warnings
from typing import Any

import numpy as np

from chainrule.checks import shown
from chainrule.errors import ConstantTargetWarning, TargetError
from chainrule.frozen import frozen
from chainrule.maths.loss import Loss

__all__ = ["Targets", "fit_targets", "label_array", "target_array", "warn_if_constant"]


def target_array(y: object) -> np.ndarray:
    """Return the target as an array; lists with strings in them stay lists of objects.

    Raises
    ------
    TargetError
        y is missing, ragged, or holds one value alone.
    """
    if y is None:
        raise TargetError("there is no target", where="y", do="pass one target for each row of X")
    try:
        array = np.asarray(y)
        if array.dtype.kind in "US" and not hasattr(y, "dtype"):
            array = np.asarray(y, dtype=object)
    except ValueError:
        raise TargetError(
            "the rows of the target differ in length", where="y", got=shown(y)
        ) from None
    except Exception as error:  # an object that cannot say what it holds
        raise TargetError(f"y gives no array: {error}", where="y", got=shown(y)) from error
    if array.ndim == 0:
        raise TargetError("the target is not an array", where="y", got=shown(y))
    return array


def label_array(y: np.ndarray) -> np.ndarray | None:
    """Return labels `(N,)` that can be sorted, or None if the loss reads the target itself.

    Raises
    ------
    TargetError
        A label is missing, or labels are of mixed or unknown kinds.

    Example
    -------
    >>> import numpy as np
    >>> from chainrule.training.targets import label_array
    >>> label_array(np.array([[2.0], [0.0]])), label_array(np.array([0.3, 1.0]))
    (array([2., 0.]), None)
    """
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.ndim != 1 or y.size == 0:
        return None
    if y.dtype.kind in "OT":
        y = _of_one_kind(y)
    if y.dtype.kind == "f":
        whole = np.isfinite(y) & (y == np.floor(y))
        return y if whole.all() else None
    if y.dtype.kind in "biuU":
        return y
    raise TargetError(
        "labels of this type are not understood",
        where="y",
        expected="strings, whole numbers or truth values",
        got=f"dtype {y.dtype}",
    )


def _of_one_kind(y: np.ndarray) -> np.ndarray:
    labels = y.tolist()
    kinds: dict[str, int] = {}
    for row, label in enumerate(labels):
        kind = _kind(label)
        if kind is None:
            raise TargetError(
                "a label is missing, or of no known kind",
                where=f"y, row {row}",
                expected="a string, a number, or a truth value",
                got=shown(label),
                do="drop the rows without a label",
            )
        kinds.setdefault(kind, row)
    if len(kinds) > 1:
        (first, row), (second, other) = list(kinds.items())[:2]
        raise TargetError(
            "the labels are of different kinds",
            where="y",
            expected="all strings, all numbers, or all truth values",
            got=f"a {first} in row {row}, a {second} in row {other}",
        )
    return np.array(labels, dtype=str) if "string" in kinds else np.array(labels)


def _kind(label: object) -> str | None:
    if isinstance(label, str):
        return "string"
    if isinstance(label, (bool, np.bool_)):
        return "truth value"
    if isinstance(label, numbers.Real) and label == label:  # NaN differs from itself
        return "number"
    return None


@frozen
class Targets:
    """How the targets of a run become numbers.

    Parameters
    ----------
    loss : Loss
    classes : tuple or None
        The labels in sorted order, as Python values; None where the loss reads targets itself.
    width : int
        Number of target columns K.
    """

    loss: Loss
    classes: tuple[Any, ...] | None
    width: int

    def encode(self, y: object) -> np.ndarray:
        """Return further targets as `(N, K)`, float64.

        Raises
        ------
        TargetError
            A label that was not seen, or targets that the loss refuses.
        """
        array = target_array(y)
        if self.classes is None:
            return self.loss.encode(array, self.width)
        return self.loss.encode(self.codes(array), self.width)

    def codes(self, y: np.ndarray) -> np.ndarray:
        """Return the number of each row's class.

        Raises
        ------
        TargetError
            Names the first row whose label is none of the classes.
        """
        labels = label_array(y)
        known = np.array(self.classes)
        comparable = labels is not None and (labels.dtype.kind == "U") == (known.dtype.kind == "U")
        if labels is None or not comparable:
            raise TargetError(
                "the labels are not of the training labels' kind",
                where="y",
                expected="labels such as " + shown(self.classes),
                got=shown(y.tolist()),
            )
        places = np.searchsorted(known, labels)
        found = known[np.minimum(places, len(known) - 1)] == labels
        if not found.all():
            row = int(np.argmin(found))
            raise TargetError(
                "a label is not among the training labels",
                where=f"y, row {row}",
                expected="one of " + shown(self.classes),
                got=shown(labels[row].item()),
            )
        return places


def fit_targets(y: np.ndarray, loss: Loss) -> tuple[Targets, np.ndarray]:
    """Return how targets are encoded, and the encoded targets `(N, K)`.

    Raises
    ------
    TargetError
        The loss refuses the targets, or all labels are the same.

    Example
    -------
    >>> import numpy as np
    >>> from chainrule.maths.loss import LOSSES
    >>> from chainrule.training.targets import fit_targets
    >>> targets, Y = fit_targets(np.array(["no", "yes", "no"]), LOSSES.make("binary_cross_entropy"))
    >>> targets.classes, Y.ravel()
    (('no', 'yes'), array([0., 1., 0.]))
    """
    labels = label_array(y) if loss.task == "classification" else None
    if labels is None:
        Y = loss.encode(y)
        return Targets(loss, None, Y.shape[1]), Y
    classes, codes = np.unique(labels, return_inverse=True)
    if len(classes) < 2:
        raise TargetError(
            "the target is constant: it has one class only, so there is nothing to learn",
            where="y",
            expected="at least two classes",
            got=f"{shown(classes[0].item())} in every row",
            do="look at how the target is made: a filter or a join may have left one value",
        )
    try:
        Y = loss.encode(codes)
    except TargetError as error:
        raise TargetError(
            f"the loss {loss.name} cannot tell {len(classes)} classes apart",
            where="y",
            expected=error.expected,
            got=shown(classes.tolist()),
            do=error.do,
        ) from None
    return Targets(loss, tuple(classes.tolist()), Y.shape[1]), Y


def warn_if_constant(Y: np.ndarray) -> None:
    """Warn if the quantity to predict, `(N, K)`, is the same in every row, of which N > 1.

    Example
    -------
    >>> import warnings
    >>> import numpy as np
    >>> from chainrule.training.targets import warn_if_constant
    >>> with warnings.catch_warnings(record=True) as said:
    ...     warnings.simplefilter("always")
    ...     warn_if_constant(np.full((3, 1), 2.5))
    >>> str(said[0].message)
    'the target is constant: 2.5 in every row, so there is nothing else to learn'
    """
    if len(Y) < 2 or not np.array_equal(Y[0], Y[-1]) or not (Y[0] == Y).all():
        return
    value = shown(Y[0].item() if Y.shape[1] == 1 else Y[0].tolist())
    warnings.warn(
        f"the target is constant: {value} in every row, so there is nothing else to learn",
        ConstantTargetWarning,
        stacklevel=6,  # the caller of chainrule.train
    )
