"""Class labels on their way to numbers and back, as scikit-learn's classifiers treat them."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils.multiclass import type_of_target, unique_labels

from chainrule.errors import TargetError, UsageError
from chainrule.maths.loss import Loss

__all__ = ["first_classes", "one_hot", "reading", "require_known"]


def reading(y: Any) -> LabelBinarizer:
    """Return the reader of labels such as y: classes, or columns of independent labels.

    Raises
    ------
    TargetError
        Several columns of classes: one network gives the classes of one column, or any number of
        labels that are true or false.
    ValueError
        Numbers that are no labels.
    """
    found = _plain_reading(y)
    if found is not None:
        return found
    try:
        return LabelBinarizer().fit(y)
    except ValueError:
        if type_of_target(y) != "multiclass-multioutput":
            raise
    raise TargetError(
        "Multioutput target data is not supported with label binarization",
        where="y",
        expected="one column of classes, or columns of 0 and 1 for independent labels",
        got=f"{np.shape(y)[1]} columns of classes",
        do="fit one for each column: sklearn.multioutput.MultiOutputClassifier(estimator)",
    )


def _plain_reading(y: Any) -> LabelBinarizer | None:
    """Return what `LabelBinarizer().fit(y)` returns, if y is a column of whole numbers.

    scikit-learn finds the same out in several passes with checks of their own, which take longer
    than some epochs. Where there are more classes than half the rows, some of its versions warn.
    """
    if type(y) is not np.ndarray or y.ndim != 1:
        return None
    if y.dtype.kind not in "iub" or not y.dtype.isnative:
        return None
    classes = np.unique(y)
    if not 0 < len(classes) <= len(y) // 2:
        return None
    binarizer = LabelBinarizer()
    binarizer.y_type_ = "multiclass" if len(classes) > 2 else "binary"
    binarizer.sparse_input_ = False
    binarizer.classes_ = classes
    return binarizer


def first_classes(classes: Any, y: Any, known: np.ndarray | None) -> LabelBinarizer | None:
    """Return the reader for the first call of `partial_fit`; None for a later one.

    Raises
    ------
    UsageError
        The first call names no classes, or a later one names others.
    """
    if known is None:
        if classes is None:
            raise UsageError(
                "classes must be passed on the first call to partial_fit.",
                where="classes",
                do="pass classes=, all labels that will come",
            )
        multilabel = type_of_target(y).startswith("multilabel")
        return reading(y) if multilabel else reading(unique_labels(classes))
    # The second question takes a third of a small `partial_fit`, and is rarely needed.
    if classes is None or np.array_equal(known, classes):
        return None
    if not np.array_equal(known, unique_labels(classes)):
        raise UsageError(
            f"`classes={classes!r}` is not the same as on last call to partial_fit, was: {known!r}",
            where="classes",
            do="leave classes out after the first call, or start anew with another estimator",
        )
    return None


def require_known(y: Any, known: np.ndarray, all_of_them: bool) -> None:
    """Refuse labels that are not among the classes, or (`all_of_them`) that are not all of them.

    Raises
    ------
    TargetError
        Names the classes on both sides.
    """
    classes = unique_labels(y)
    if all_of_them:
        if set(classes) != set(known):
            raise TargetError(
                "warm_start can only be used where `y` has the same classes as in the previous"
                f" call to fit. Previously got {known}, `y` has {classes}",
                where="y",
                do="fit with warm_start=False, or call partial_fit, which takes any of them",
            )
    elif len(np.setdiff1d(classes, known, assume_unique=True)):
        raise TargetError(
            f"`y` has classes not in `self.classes_`. `self.classes_` has {known}. 'y' has"
            f" {classes}.",
            where="y",
            do="drop the rows of new classes, or fit anew with rows of all classes",
        )


def one_hot(binarizer: LabelBinarizer, y: Any, loss: Loss, all_of_them: bool) -> np.ndarray:
    """Return targets `(N, K)` of truth values as the loss reads them.

    Two classes are one column, of the second class, unless the loss compares classes (softmax).

    Raises
    ------
    TargetError
        A label is not among the classes, or one of them does not occur where all must.
    """
    codes = _codes(y, binarizer.classes_, all_of_them)
    if codes is None or binarizer.y_type_.startswith("multilabel"):
        require_known(y, binarizer.classes_, all_of_them)
        Y = np.asarray(binarizer.transform(y)).astype(bool)
    elif len(binarizer.classes_) > 2:
        Y = codes[:, None] == np.arange(len(binarizer.classes_))
    else:
        Y = (codes == 1)[:, None]
    if Y.shape[1] == 1 and not loss.link.elementwise:
        Y = np.hstack([~Y, Y])
    return Y


def _codes(y: Any, classes: np.ndarray, all_of_them: bool) -> np.ndarray | None:
    """Return the number of each label's class, or None if anything is not as it should be.

    It is what scikit-learn's functions find out in several passes with checks of their own, which
    would take longer than an epoch of a small `partial_fit`.
    """
    if not isinstance(y, np.ndarray) or y.ndim != 1 or y.dtype.kind != classes.dtype.kind:
        return None
    try:
        codes = np.searchsorted(classes, y)
    except TypeError:  # labels of several kinds cannot be compared
        return None
    if not np.array_equal(classes[np.minimum(codes, len(classes) - 1)], y):
        return None
    if all_of_them and not np.bincount(codes, minlength=len(classes)).all():
        return None
    return codes
