"""Metrics of predicted numbers: squared and absolute errors, R^2, pinball and Poisson deviance."""

from __future__ import annotations

import math

import numpy as np

from chainrule.checks import Real
from chainrule.frozen import frozen
from chainrule.maths.elementary import quotient, weighted_log
from chainrule.maths.metric import METRICS, Metric
from chainrule.maths.metrics_inputs import checked, weighted_mean

__all__ = [
    "R2",
    "MeanAbsoluteError",
    "MeanPinballLoss",
    "MeanSquaredError",
    "NumberMetric",
    "PoissonDeviance",
    "RootMeanSquaredError",
]


class NumberMetric(Metric):
    """Base of the metrics of predicted numbers: a score per output, then their mean."""

    task = "regression"

    def score(self, P: np.ndarray, Y: np.ndarray, weights: np.ndarray | None = None) -> float:
        P, Y, weights = checked(P, Y, weights, allow_more=True)
        return float(np.mean(self.per_output(P, Y, weights))) if len(Y) else math.nan

    def per_output(self, P: np.ndarray, Y: np.ndarray, weights: np.ndarray | None) -> np.ndarray:
        """Return the score of each output, shape `(K,)`, of arrays whose shapes fit."""
        raise NotImplementedError


@METRICS.register
@frozen
class MeanSquaredError(NumberMetric):
    r"""Mean squared error: :math:`\frac{1}{N K} \sum_{ik} (p_{ik} - y_{ik})^2`.

    Shapes: P and Y `(N, K)`, weights `(N,)`. Unit: that of the target, squared.

    Source: scikit-learn's `mean_squared_error`.

    Example
    -------
    >>> import numpy as np
    >>> from chainrule.maths.metrics import MeanSquaredError
    >>> MeanSquaredError().score(np.array([[1.0], [2.0]]), np.array([[1.0], [4.0]]))
    2.0
    """

    name = "mse"
    adds_up = True
    latex = r"\frac{1}{K \sum_i w_i} \sum_{ik} w_i (p_{ik} - y_{ik})^2"
    greater_is_better = False
    range = r"[0, \infty)"
    source = "scikit-learn, mean_squared_error"

    def per_output(self, P: np.ndarray, Y: np.ndarray, weights: np.ndarray | None) -> np.ndarray:
        return weighted_mean((P - Y) ** 2, weights)


@METRICS.register
@frozen
class RootMeanSquaredError(NumberMetric):
    r"""Root of the mean squared error of each output, then their mean.

    :math:`\frac{1}{K} \sum_k \sqrt{\frac{1}{N} \sum_i (p_{ik} - y_{ik})^2}`

    Shapes: P and Y `(N, K)`, weights `(N,)`. Unit: that of the target.

    Source: scikit-learn's `root_mean_squared_error`.

    Example
    -------
    >>> import numpy as np
    >>> from chainrule.maths.metrics import RootMeanSquaredError
    >>> RootMeanSquaredError().score(np.array([[1.0], [1.0]]), np.array([[4.0], [-2.0]]))
    3.0
    """

    name = "rmse"
    latex = r"\frac{1}{K} \sum_k \sqrt{\frac{1}{\sum_i w_i} \sum_i w_i (p_{ik} - y_{ik})^2}"
    greater_is_better = False
    range = r"[0, \infty)"
    source = "scikit-learn, root_mean_squared_error"

    def per_output(self, P: np.ndarray, Y: np.ndarray, weights: np.ndarray | None) -> np.ndarray:
        return np.sqrt(weighted_mean((P - Y) ** 2, weights))

    def partial(self, P: np.ndarray, Y: np.ndarray, weights: np.ndarray | None) -> np.ndarray:
        P, Y, weights = checked(P, Y, weights, allow_more=True)
        mass = float(len(Y) if weights is None else np.sum(weights))
        means = weighted_mean((P - Y) ** 2, weights) if mass else np.zeros(Y.shape[1])
        return np.array([mass, *(mass * means)])

    def whole(self, partial: np.ndarray) -> float:
        mass = partial[0]
        return float(np.mean(np.sqrt(partial[1:] / mass))) if mass else float("nan")


@METRICS.register
@frozen
class MeanAbsoluteError(NumberMetric):
    r"""Mean size of the error: :math:`\frac{1}{N K} \sum_{ik} |p_{ik} - y_{ik}|`.

    Shapes: P and Y `(N, K)`, weights `(N,)`. Unit: that of the target.

    Source: scikit-learn's `mean_absolute_error`.

    Example
    -------
    >>> import numpy as np
    >>> from chainrule.maths.metrics import MeanAbsoluteError
    >>> MeanAbsoluteError().score(np.array([[1.0], [2.0]]), np.array([[1.0], [4.0]]))
    1.0
    """

    name = "mae"
    adds_up = True
    latex = r"\frac{1}{K \sum_i w_i} \sum_{ik} w_i |p_{ik} - y_{ik}|"
    greater_is_better = False
    range = r"[0, \infty)"
    source = "scikit-learn, mean_absolute_error"

    def per_output(self, P: np.ndarray, Y: np.ndarray, weights: np.ndarray | None) -> np.ndarray:
        return weighted_mean(np.abs(P - Y), weights)


@METRICS.register
@frozen
class R2(NumberMetric):
    r"""Share of the variance explained, of each output, then their mean.

    :math:`R^2_k = 1 - \sum_i (p_{ik} - y_{ik})^2 / \sum_i (y_{ik} - \bar{y}_k)^2`. A constant
    target scores 1 when it is met exactly and 0 otherwise. A single row scores NaN.

    Shapes: P and Y `(N, K)`, weights `(N,)`.

    Source: scikit-learn's `r2_score`.

    Example
    -------
    >>> import numpy as np
    >>> from chainrule.maths.metrics import R2
    >>> R2().score(np.array([[1.0], [2.0], [4.0]]), np.array([[1.0], [2.0], [3.0]]))
    0.5
    """

    name = "r2"
    latex = (
        r"\frac{1}{K} \sum_k 1 - \frac{\sum_i w_i (p_{ik} - y_{ik})^2}"
        r"{\sum_i w_i (y_{ik} - \bar{y}_k)^2}"
    )
    range = r"(-\infty, 1]"
    source = "scikit-learn, r2_score"

    def per_output(self, P: np.ndarray, Y: np.ndarray, weights: np.ndarray | None) -> np.ndarray:
        if len(Y) < 2:
            return np.full(Y.shape[1], np.nan)
        unexplained = weighted_mean((P - Y) ** 2, weights)
        # The rounded mean of equal numbers may differ from them, so they are asked directly.
        counted = Y if weights is None or not np.any(weights) else Y[weights != 0]
        constant = np.all(counted == counted[0], axis=0)
        variance = weighted_mean((Y - weighted_mean(Y, weights)) ** 2, weights)
        share = unexplained / np.where(constant, 1.0, variance)
        return 1.0 - np.where(constant, unexplained != 0.0, share)

    def partial(self, P: np.ndarray, Y: np.ndarray, weights: np.ndarray | None) -> np.ndarray:
        P, Y, weights = checked(P, Y, weights, allow_more=True)
        counted = Y if weights is None else Y[weights != 0]
        if not len(counted):
            return np.zeros((7, 0))
        mass = float(len(Y) if weights is None else np.sum(weights))
        mean = weighted_mean(Y, weights)
        spread = mass * weighted_mean((Y - mean) ** 2, weights)
        error = mass * weighted_mean((P - Y) ** 2, weights)
        ends = (counted.min(axis=0), counted.max(axis=0))
        masses, rows = np.full(len(mean), mass), np.full(len(mean), len(Y))
        return np.stack([masses, mean, spread, error, *ends, rows])

    def merged(self, one: np.ndarray, other: np.ndarray) -> np.ndarray:
        if not (one.size and other.size):
            return one if one.size else other
        mass = one[0] + other[0]
        apart = other[1] - one[1]
        mean = one[1] + apart * other[0] / mass
        spread = one[2] + other[2] + apart**2 * one[0] * other[0] / mass
        low, high = np.minimum(one[4], other[4]), np.maximum(one[5], other[5])
        return np.stack([mass, mean, spread, one[3] + other[3], low, high, one[6] + other[6]])

    def whole(self, partial: np.ndarray) -> float:
        if not partial.size or partial[6, 0] < 2:
            return float("nan")
        _, _, spread, error, low, high, _ = partial
        constant = low == high
        share = np.where(constant, error != 0.0, error / np.where(constant, 1.0, spread))
        return float(np.mean(1.0 - share))


@METRICS.register
@frozen
class MeanPinballLoss(NumberMetric):
    r"""Mean pinball loss: errors below the target weigh q, above it 1 - q.

    :math:`\frac{1}{N K} \sum_{ik} \max(q (y_{ik} - p_{ik}), (1 - q) (p_{ik} - y_{ik}))`

    Shapes: P and Y `(N, K)`, weights `(N,)`. Unit: that of the target.

    Parameters
    ----------
    quantile : float
        q in (0, 1).

    Source: Koenker, Bassett, "Regression quantiles" (Econometrica 46, 1978).

    Example
    -------
    >>> import numpy as np
    >>> from chainrule.maths.metrics import MeanPinballLoss
    >>> MeanPinballLoss(quantile=0.75).score(np.array([[1.0], [5.0]]), np.array([[3.0], [4.0]]))
    0.875
    """

    name = "pinball"
    adds_up = True
    rules = {"quantile": Real(0, 1, closed="neither")}
    latex = (
        r"\frac{1}{K \sum_i w_i} \sum_{ik} w_i"
        r" \max(q (y_{ik} - p_{ik}), (1 - q) (p_{ik} - y_{ik}))"
    )
    greater_is_better = False
    range = r"[0, \infty)"
    source = "Koenker, Bassett (Econometrica 46, 1978)"

    quantile: float = 0.5

    @classmethod
    def examples(cls) -> tuple[MeanPinballLoss, ...]:
        """Return the median and an outer quantile."""
        return (cls(), cls(quantile=0.9))

    def per_output(self, P: np.ndarray, Y: np.ndarray, weights: np.ndarray | None) -> np.ndarray:
        quantile, error = float(self.quantile), Y - P
        return weighted_mean(np.maximum(quantile * error, (quantile - 1.0) * error), weights)


@METRICS.register
@frozen
class PoissonDeviance(NumberMetric):
    r"""Mean Poisson deviance: :math:`\frac{2}{N K} \sum_{ik} y \log(y / p) - y + p`.

    0 for a perfect fit. Infinite where a positive count meets a predicted mean of 0, NaN where a
    predicted mean is negative.

    Shapes: P and Y `(N, K)`, weights `(N,)`; neither negative.

    Source: scikit-learn's `mean_poisson_deviance`.

    Example
    -------
    >>> import numpy as np
    >>> from chainrule.maths.metrics import PoissonDeviance
    >>> PoissonDeviance().score(np.array([[1.0], [3.0]]), np.array([[0.0], [3.0]]))
    1.0
    """

    name = "poisson_deviance"
    adds_up = True
    latex = (
        r"\frac{2}{K \sum_i w_i} \sum_{ik}"
        r" w_i \left(y_{ik} \log \frac{y_{ik}}{p_{ik}} - y_{ik} + p_{ik}\right)"
    )
    greater_is_better = False
    range = r"[0, \infty)"
    source = "scikit-learn, mean_poisson_deviance"

    def per_output(self, P: np.ndarray, Y: np.ndarray, weights: np.ndarray | None) -> np.ndarray:
        means = np.where(P < 0.0, np.nan, P.astype(np.float64))
        deviance = weighted_log(Y, quotient(Y, means)) - Y + means
        return 2.0 * weighted_mean(deviance, weights)
