"""Metrics of class probabilities: accuracy, balanced accuracy, log loss, Brier score."""

from __future__ import annotations

import math

import numpy as np

from chainrule.errors import TargetError
from chainrule.frozen import frozen
from chainrule.maths.metric import METRICS, Metric
from chainrule.maths.metrics_inputs import checked, weighted_mean

__all__ = [
    "Accuracy",
    "BalancedAccuracy",
    "Brier",
    "ClassMetric",
    "LogLoss",
    "class_numbers",
    "is_exclusive",
]


def is_exclusive(P: np.ndarray, Y: np.ndarray) -> bool:
    """Say whether the columns are exclusive classes: every row of P and of Y sums to 1."""
    if Y.shape[1] < 2:
        return False
    sums = np.concatenate([np.einsum("ij->i", P), np.einsum("ij->i", Y)])  # quick on short rows
    return bool(np.all(np.abs(sums - 1.0) <= 1e-5))


def class_numbers(P: np.ndarray, Y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return predicted and true class of each row, of exclusive classes or of one label."""
    if is_exclusive(P, Y):
        return np.argmax(P, axis=1), np.argmax(Y, axis=1)
    if Y.shape[1] == 1:
        return (P[:, 0] > 0.5).astype(int), (Y[:, 0] > 0.5).astype(int)
    raise TargetError(
        "this metric needs exclusive classes",
        where="metric balanced_accuracy",
        expected="one label, or classes whose probabilities sum to 1",
        got=f"{Y.shape[1]} labels of their own",
        do="choose accuracy, log_loss or brier for several labels",
    )


class ClassMetric(Metric):
    """Base of the metrics of class probabilities `P (N, K)`."""

    task = "classification"

    def score(self, P: np.ndarray, Y: np.ndarray, weights: np.ndarray | None = None) -> float:
        P, Y, weights = checked(P, Y, weights, allow_more=False)
        return float(self.score_rows(P, Y, weights)) if len(Y) else math.nan

    def score_rows(self, P: np.ndarray, Y: np.ndarray, weights: np.ndarray | None) -> float:
        """Return the score of arrays whose shapes fit, with at least one row."""
        raise NotImplementedError


@METRICS.register
@frozen
class Accuracy(ClassMetric):
    r"""Share of rows predicted right: :math:`\frac{1}{N} \sum_i [\hat{c}_i = c_i]`.

    Of independent labels a row is right if all its labels are (subset accuracy). A probability of
    exactly 0.5 decides for "no", as the first of two equal classes wins.

    Shapes: P and Y `(N, K)`, weights `(N,)`.

    Source: scikit-learn's `accuracy_score`.

    Example
    -------
    >>> import numpy as np
    >>> from chainrule.maths.metrics import Accuracy
    >>> P, Y = np.array([[0.9], [0.2], [0.4], [0.7]]), np.array([[1.0], [0.0], [1.0], [1.0]])
    >>> Accuracy().score(P, Y)
    0.75
    """

    name = "accuracy"
    adds_up = True
    latex = r"\frac{1}{\sum_i w_i} \sum_i w_i \, [\hat{c}_i = c_i]"
    range = "[0, 1]"
    source = "scikit-learn, accuracy_score"

    def score_rows(self, P: np.ndarray, Y: np.ndarray, weights: np.ndarray | None) -> float:
        if is_exclusive(P, Y):
            right = np.argmax(P, axis=1) == np.argmax(Y, axis=1)
        else:
            right = np.all((P > 0.5) == (Y > 0.5), axis=1)
        return float(weighted_mean(right.astype(np.float64), weights))


@METRICS.register
@frozen
class BalancedAccuracy(ClassMetric):
    r"""Mean over the classes of the share predicted right: :math:`\frac{1}{C} \sum_c r_c`.

    :math:`r_c` is the accuracy within the rows of class c; classes without a row are left out, so
    that always guessing one of C classes scores 1 / C.

    Shapes: P and Y `(N, K)`, weights `(N,)`.

    Raises
    ------
    TargetError
        The columns are independent labels.

    Source: Brodersen, Ong, Stephan, Buhmann, "The balanced accuracy and its posterior
    distribution" (ICPR 2010); scikit-learn's `balanced_accuracy_score`.

    Example
    -------
    >>> import numpy as np
    >>> from chainrule.maths.metrics import BalancedAccuracy
    >>> BalancedAccuracy().score(np.array([[0.9], [0.8], [0.7]]), np.array([[1.0], [1.0], [0.0]]))
    0.5
    """

    name = "balanced_accuracy"
    latex = (
        r"\frac{1}{C} \sum_c"
        r" \frac{\sum_{i: c_i = c} w_i [\hat{c}_i = c]}{\sum_{i: c_i = c} w_i}"
    )
    range = "[0, 1]"
    source = "Brodersen, Ong, Stephan, Buhmann (ICPR 2010)"

    def score_rows(self, P: np.ndarray, Y: np.ndarray, weights: np.ndarray | None) -> float:
        predicted, true = class_numbers(P, Y)
        weights = np.ones(len(Y)) if weights is None else weights
        totals = np.bincount(true, weights)
        right = np.bincount(true, weights * (predicted == true))
        return self.whole(np.stack([totals, right]))

    def partial(self, P: np.ndarray, Y: np.ndarray, weights: np.ndarray | None) -> np.ndarray:
        P, Y, weights = checked(P, Y, weights, allow_more=False)
        classes = max(Y.shape[1], 2)
        if not len(Y):
            return np.zeros((2, classes))
        predicted, true = class_numbers(P, Y)
        weights = np.ones(len(Y)) if weights is None else weights
        counts = [
            np.bincount(true, mass, classes) for mass in (weights, weights * (predicted == true))
        ]
        return np.stack(counts)

    def whole(self, partial: np.ndarray) -> float:
        totals, right = partial
        present = totals > 0
        return float(np.mean(right[present] / totals[present])) if present.any() else math.nan


@METRICS.register
@frozen
class LogLoss(ClassMetric):
    r"""Mean cross-entropy: :math:`-\frac{1}{N} \sum_i \sum_k y_{ik} \log p_{ik}`.

    One column counts both sides, :math:`y \log p + (1 - y) \log(1 - p)`, and so does each of
    several independent labels, summed. Probabilities are clipped to
    :math:`[\varepsilon, 1 - \varepsilon]` with the rounding unit of their type, so that one sure
    and wrong row does not make the score infinite.

    Shapes: P and Y `(N, K)`, weights `(N,)`.

    Source: scikit-learn's `log_loss`.

    Example
    -------
    >>> import numpy as np
    >>> from chainrule.maths.metrics import LogLoss
    >>> round(LogLoss().score(np.array([[0.5], [0.5]]), np.array([[1.0], [0.0]])), 6)
    0.693147
    """

    name = "log_loss"
    adds_up = True
    latex = r"-\frac{1}{\sum_i w_i} \sum_i w_i \sum_k y_{ik} \log p_{ik}"
    greater_is_better = False
    range = r"[0, \infty)"
    source = "scikit-learn, log_loss"

    def score_rows(self, P: np.ndarray, Y: np.ndarray, weights: np.ndarray | None) -> float:
        epsilon = np.finfo(P.dtype).eps
        other = np.clip(1.0 - P, epsilon, 1.0 - epsilon).astype(np.float64)
        P_clipped = np.clip(P, epsilon, 1.0 - epsilon).astype(np.float64)
        terms = Y * np.log(P_clipped)
        if not is_exclusive(P, Y):
            terms = terms + (1.0 - Y) * np.log(other)
        return float(weighted_mean(-np.sum(terms, axis=1), weights))


@METRICS.register
@frozen
class Brier(ClassMetric):
    r"""Mean squared error of probabilities: :math:`\frac{1}{N} \sum_i \sum_k (p_{ik} - y_{ik})^2`.

    Halved for two exclusive classes, so that it equals the score of the same model with one column.
    Of independent labels it is the sum over the labels.

    Shapes: P and Y `(N, K)`, weights `(N,)`.

    Source: Brier, "Verification of forecasts expressed in terms of probability" (Monthly Weather
    Review 78, 1950); scikit-learn's `brier_score_loss`.

    Example
    -------
    >>> import numpy as np
    >>> from chainrule.maths.metrics import Brier
    >>> round(Brier().score(np.array([[0.1], [0.9]]), np.array([[0.0], [1.0]])), 6)
    0.01
    """

    name = "brier"
    adds_up = True
    latex = r"\frac{1}{\sum_i w_i} \sum_i w_i \sum_k (p_{ik} - y_{ik})^2"
    greater_is_better = False
    range = "[0, K]"
    source = "Brier (Monthly Weather Review 78, 1950)"

    def score_rows(self, P: np.ndarray, Y: np.ndarray, weights: np.ndarray | None) -> float:
        factor = 0.5 if Y.shape[1] == 2 and is_exclusive(P, Y) else 1.0
        return factor * float(weighted_mean(np.sum((P - Y) ** 2, axis=1), weights))
