r"""Losses that are likelihoods of numbers: Poisson counts, and a Gaussian with its own variance.

Decisions
---------
a) Raw outputs are logarithms (of the mean count, of the variance), so that no output has to be
   forced to stay positive.
b) Where a term exceeds the largest number of the type, value and gradient are infinite and silent.
   A clipped exponent would be finite, but its gradient would not be that of the stated loss.
   Training notices the infinite loss and says so.
"""

from __future__ import annotations

import math

import numpy as np

from chainrule.frozen import frozen
from chainrule.maths.arrays import Array, namespace, real
from chainrule.maths.elementary import absolute, exponential, quotient, weighted_log
from chainrule.maths.links import Exponential, GaussianLink, halves
from chainrule.maths.loss import LOSSES
from chainrule.maths.losses_regression import OVER_OUTPUTS, OutputwiseLoss
from chainrule.maths.targets import real_targets, require

__all__ = ["GaussianNLL", "Poisson"]


@LOSSES.register
@frozen
class Poisson(OutputwiseLoss):
    r"""Fit counts or rates: :math:`J_i = \sum_k e^{z_{ik}} - y_{ik} z_{ik}`, mean :math:`e^z`.

    The constant :math:`\log y!` of the negative log-likelihood is left out: it moves no gradient,
    so a perfect fit does not score 0 (the metric `poisson_deviance` does). Above z = 709.78 in
    float64, 88.72 in float32, value and gradient are infinite, without a warning.

    Shapes: raw outputs, predictions and targets `(N, K)`; targets not negative, whole or not.

    Parameters
    ----------
    over_outputs : {"sum", "mean"}
        Sum or mean over the K outputs.

    Source: McCullagh, Nelder, "Generalized linear models" (2nd edition, 1989), section 6.2.

    Example
    -------
    >>> import numpy as np
    >>> from chainrule.maths.losses_likelihood import Poisson
    >>> raw, Y = np.log(np.array([[2.0], [4.0]])), np.array([[2.0], [3.0]])
    >>> Poisson().value(raw, Y).round(6), Poisson().gradient(raw, Y).round(6)
    (array([ 0.613706, -0.158883]), array([[0.],
           [1.]]))
    """

    name = "poisson"
    rules = {"over_outputs": OVER_OUTPUTS}
    link = Exponential()
    targets = r"y \geq 0"
    latex = r"J_i = \sum_k \left(e^{z_{ik}} - y_{ik} z_{ik}\right)"
    gradient_latex = r"\frac{\partial J_i}{\partial z_{ik}} = e^{z_{ik}} - y_{ik}"
    source = "McCullagh, Nelder, Generalized linear models (1989), section 6.2"

    over_outputs: str = "sum"

    @classmethod
    def examples(cls) -> tuple[Poisson, ...]:
        """Return the sum and the mean over outputs."""
        return (cls(), cls(over_outputs="mean"))

    @classmethod
    def sample_targets(cls, uniform: np.ndarray) -> np.ndarray:
        """Return counts from 0 to 4."""
        return np.floor(5.0 * uniform)

    def encode(self, y: object, width: int | None = None) -> np.ndarray:
        Y = real_targets(y, width)
        require(
            Y >= 0.0,
            Y,
            "a count is negative",
            expected="a number from 0",
            do='choose loss="squared_error" for numbers of any sign',
        )
        return Y

    def term(self, raw: Array, Y: Array) -> Array:
        return exponential(raw) - Y * raw

    def term_slope(self, raw: Array, Y: Array) -> Array:
        return exponential(raw) - Y

    def prediction_value(self, P: Array, Y: Array) -> Array:
        return self._total(P - weighted_log(Y, P))

    def prediction_gradient(self, P: Array, Y: Array) -> Array:
        return self._shared(1.0 - quotient(Y, P), Y)


@LOSSES.register
@frozen
class GaussianNLL(OutputwiseLoss):
    r"""Predict a mean and a variance per output, by Gaussian negative log-likelihood.

    :math:`J_i = \sum_k \frac{1}{2} (s + (y - \mu)^2 e^{-s} + \log 2 \pi)`, where a row of raw
    outputs holds the K means :math:`\mu`, then the K log-variances s. The prediction is the K
    means, then the K variances.

    Shapes: raw outputs and predictions `(N, 2 K)`; targets `(N, K)`.

    Parameters
    ----------
    over_outputs : {"sum", "mean"}
        Sum or mean over the K outputs.

    Source: Nix, Weigend, "Estimating the mean and variance of the target probability distribution"
    (ICNN 1994).

    Example
    -------
    >>> import numpy as np
    >>> from chainrule.maths.losses_likelihood import GaussianNLL
    >>> raw, Y = np.array([[3.0, 0.0]]), np.array([[1.0]])
    >>> GaussianNLL().value(raw, Y).round(6), GaussianNLL().gradient(raw, Y)
    (array([2.918939]), array([[ 2. , -1.5]]))
    """

    name = "gaussian_nll"
    rules = {"over_outputs": OVER_OUTPUTS}
    link = GaussianLink()
    latex = (
        r"J_i = \sum_k \frac{1}{2} \left(s_{ik} + (y_{ik} - \mu_{ik})^2 e^{-s_{ik}}"
        r" + \log 2 \pi\right)"
    )
    gradient_latex = (
        r"\frac{\partial J_i}{\partial \mu_{ik}} = (\mu_{ik} - y_{ik}) e^{-s_{ik}}, \quad"
        r" \frac{\partial J_i}{\partial s_{ik}} ="
        r" \frac{1}{2} \left(1 - (y_{ik} - \mu_{ik})^2 e^{-s_{ik}}\right)"
    )
    source = "Nix, Weigend (ICNN 1994)"

    over_outputs: str = "sum"

    @classmethod
    def examples(cls) -> tuple[GaussianNLL, ...]:
        """Return the sum and the mean over outputs."""
        return (cls(), cls(over_outputs="mean"))

    def raw_width(self, targets: int) -> int:
        """Return 2 K: a mean and a log-variance for each target."""
        return 2 * targets

    def term(self, raw: Array, Y: Array) -> Array:
        mean, log_variance = halves(raw)
        error = mean - Y
        squares = _scaled_exponential(error * error, -log_variance)
        return 0.5 * (log_variance + squares + math.log(2.0 * math.pi))

    def term_slope(self, raw: Array, Y: Array) -> Array:
        mean, log_variance = halves(raw)
        error = mean - Y
        by_mean = _scaled_exponential(error, -log_variance)
        squares = _scaled_exponential(error * error, -log_variance)
        return namespace(raw).concat([by_mean, 0.5 * (1.0 - squares)], axis=-1)

    def prediction_value(self, P: Array, Y: Array) -> Array:
        mean, variance = halves(P)
        squares = (Y - mean) ** 2 / variance
        return self._total(0.5 * (namespace(P).log(variance) + squares + math.log(2.0 * math.pi)))

    def prediction_gradient(self, P: Array, Y: Array) -> Array:
        mean, variance = halves(P)
        error = (mean - Y) / variance
        by_variance = 0.5 * (1.0 / variance - error * error)
        return self._shared(namespace(P).concat([error, by_variance], axis=-1), Y)


def _scaled_exponential(factor: Array, exponent: Array) -> Array:
    r"""Return :math:`a e^x`, infinite and silent beyond the largest number, 0 where a is 0."""
    xp = namespace(exponent)
    # One below log(max): the estimate of the logarithm is rounded, the product must not overflow.
    limit = math.log(float(xp.finfo(exponent.dtype).max)) - 1.0
    size = absolute(real(factor))
    magnitude = xp.log(xp.where(size == 0, 1.0, size)) + real(exponent)
    nothing = factor == 0
    beyond = (magnitude > limit) & ~nothing
    # In two halves, because e^x alone may overflow where a e^x does not.
    half = exponential(xp.where(beyond | nothing, 0.0, 0.5 * exponent))
    infinite = xp.where(real(factor) < 0, -xp.inf, xp.full_like(magnitude, xp.inf))
    return xp.where(beyond, infinite, factor * half * half)
