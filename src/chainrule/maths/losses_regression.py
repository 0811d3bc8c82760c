r"""Losses on predictions themselves: squared, absolute, Huber, pinball.

Decisions
---------
a) With K outputs a row's loss is the sum over the outputs (`over_outputs="sum"`) or their mean
   (`"mean"`); value and gradient take the same factor from one place, `_shared`.
b) At the corner of a loss the gradient is 0, which lies between the slopes on both sides: an exact
   prediction is left alone.
"""

from __future__ import annotations

import numpy as np

from chainrule.checks import OneOf, Real
from chainrule.frozen import frozen
from chainrule.maths.activations_smooth import Identity
from chainrule.maths.arrays import Array, namespace, real
from chainrule.maths.elementary import absolute, sign
from chainrule.maths.loss import LOSSES, Loss
from chainrule.maths.targets import real_targets

__all__ = ["AbsoluteError", "Huber", "IdentityLoss", "OutputwiseLoss", "Pinball", "SquaredError"]

OVER_OUTPUTS = OneOf(("sum", "mean"))


class OutputwiseLoss(Loss):
    """Base of the losses that are a sum or mean of one term per output.

    A subclass gives `term` and `term_slope` on raw outputs, and the field `over_outputs`.
    """

    metrics = ("r2", "rmse", "mae")
    over_outputs: str

    def term(self, raw: Array, Y: Array) -> Array:
        """Return the loss of each output, shape `(N, K)`."""
        raise NotImplementedError

    def term_slope(self, raw: Array, Y: Array) -> Array:
        """Return the derivative of `term` by the raw outputs, shape `(N, raw_width)`."""
        raise NotImplementedError

    def encode(self, y: object, width: int | None = None) -> np.ndarray:
        return real_targets(y, width)

    def value(self, raw: Array, Y: Array) -> Array:
        return self._total(self.term(raw, Y))

    def gradient(self, raw: Array, Y: Array) -> Array:
        return self._shared(self.term_slope(raw, Y), Y)

    def _total(self, terms: Array) -> Array:
        return self._shared(namespace(terms).sum(terms, axis=-1), terms)

    def _shared(self, values: Array, outputs: Array) -> Array:
        return values / outputs.shape[-1] if self.over_outputs == "mean" else values


class IdentityLoss(OutputwiseLoss):
    """Base of the losses whose raw outputs are the predictions."""

    link = Identity()

    def prediction_value(self, P: Array, Y: Array) -> Array:
        return self.value(P, Y)

    def prediction_gradient(self, P: Array, Y: Array) -> Array:
        return self.gradient(P, Y)


@LOSSES.register
@frozen
class SquaredError(IdentityLoss):
    r"""Square the error: :math:`J_i = s \sum_k (p_{ik} - y_{ik})^2`, with s = `scale`.

    Textbooks disagree on s: it is 1 in the mean squared error that is reported, and 1/2 where the
    gradient is to be :math:`p - y`. Both are here by name of the number.

    Shapes: raw outputs, predictions and targets `(N, K)`.

    Parameters
    ----------
    scale : float
        The factor s > 0.
    over_outputs : {"sum", "mean"}
        Sum or mean over the K outputs.

    Source: Bishop, "Pattern recognition and machine learning" (2006), section 5.2.

    Example
    -------
    >>> import numpy as np
    >>> from chainrule.maths.losses_regression import SquaredError
    >>> raw, Y = np.array([[1.0, 5.0]]), np.array([[3.0, 4.0]])
    >>> SquaredError().value(raw, Y), SquaredError(scale=0.5).gradient(raw, Y)
    (array([5.]), array([[-2.,  1.]]))
    """

    name = "squared_error"
    aliases = ("mse",)
    rules = {"scale": Real(0, None, closed="neither"), "over_outputs": OVER_OUTPUTS}
    latex = r"J_i = s \sum_k (p_{ik} - y_{ik})^2"
    gradient_latex = r"\frac{\partial J_i}{\partial z_{ik}} = 2 s \, (p_{ik} - y_{ik})"
    source = "Bishop, Pattern recognition and machine learning (2006), section 5.2"

    scale: float = 1.0
    over_outputs: str = "sum"

    @classmethod
    def examples(cls) -> tuple[SquaredError, ...]:
        """Return both customary factors, summed and averaged over outputs."""
        return (cls(), cls(scale=0.5), cls(over_outputs="mean"))

    def term(self, raw: Array, Y: Array) -> Array:
        error = raw - Y
        return float(self.scale) * error * error

    def term_slope(self, raw: Array, Y: Array) -> Array:
        return 2.0 * float(self.scale) * (raw - Y)


@LOSSES.register
@frozen
class AbsoluteError(IdentityLoss):
    r"""Take the size of the error: :math:`J_i = \sum_k |p_{ik} - y_{ik}|`.

    The gradient is the sign of the error, and 0 where the prediction is exact. The best constant
    prediction is the median.

    Shapes: raw outputs, predictions and targets `(N, K)`.

    Parameters
    ----------
    over_outputs : {"sum", "mean"}
        Sum or mean over the K outputs.

    Source: Hastie, Tibshirani, Friedman, "The elements of statistical learning" (2nd edition,
    2009), section 10.6.

    Example
    -------
    >>> import numpy as np
    >>> from chainrule.maths.losses_regression import AbsoluteError
    >>> raw, Y = np.array([[1.0, 5.0, 2.0]]), np.array([[3.0, 4.0, 2.0]])
    >>> AbsoluteError().value(raw, Y), AbsoluteError().gradient(raw, Y)
    (array([3.]), array([[-1.,  1.,  0.]]))
    """

    name = "absolute_error"
    aliases = ("mae",)
    rules = {"over_outputs": OVER_OUTPUTS}
    latex = r"J_i = \sum_k |p_{ik} - y_{ik}|"
    gradient_latex = r"\frac{\partial J_i}{\partial z_{ik}} = \mathrm{sign}(p_{ik} - y_{ik})"
    analytic = False
    source = "Hastie, Tibshirani, Friedman, The elements of statistical learning (2009), 10.6"

    over_outputs: str = "sum"

    @classmethod
    def examples(cls) -> tuple[AbsoluteError, ...]:
        """Return the sum and the mean over outputs."""
        return (cls(), cls(over_outputs="mean"))

    def term(self, raw: Array, Y: Array) -> Array:
        return absolute(raw - Y)

    def term_slope(self, raw: Array, Y: Array) -> Array:
        return sign(raw - Y)

    def kink_distance(self, raw: Array, Y: Array) -> Array | None:
        return absolute(real(raw) - Y)


@LOSSES.register
@frozen
class Huber(IdentityLoss):
    r"""Square small errors, and let large ones grow in a straight line.

    :math:`J_i = \sum_k \frac{1}{2} r^2` where :math:`|r| \leq \delta`, else
    :math:`\delta (|r| - \delta / 2)`, with :math:`r = p_{ik} - y_{ik}`. The gradient is r cut to
    :math:`[-\delta, \delta]`; it has no jump, so the loss has no corner.

    Shapes: raw outputs, predictions and targets `(N, K)`.

    Parameters
    ----------
    delta : float
        :math:`\delta > 0`, where the line begins, in units of the target.
    over_outputs : {"sum", "mean"}
        Sum or mean over the K outputs.

    Source: Huber, "Robust estimation of a location parameter" (Annals of Mathematical Statistics
    35, 1964).

    Example
    -------
    >>> import numpy as np
    >>> from chainrule.maths.losses_regression import Huber
    >>> raw, Y = np.array([[0.5, 4.0]]), np.array([[0.0, 0.0]])
    >>> Huber().value(raw, Y), Huber().gradient(raw, Y)
    (array([3.625]), array([[0.5, 1. ]]))
    """

    name = "huber"
    rules = {"delta": Real(0, None, closed="neither"), "over_outputs": OVER_OUTPUTS}
    latex = (
        r"J_i = \sum_k \begin{cases} \frac{1}{2} r^2 & |r| \leq \delta \\"
        r" \delta (|r| - \frac{\delta}{2}) & |r| > \delta \end{cases},"
        r" \quad r = p_{ik} - y_{ik}"
    )
    gradient_latex = (
        r"\frac{\partial J_i}{\partial z_{ik}} = \min(\delta, \max(-\delta, p_{ik} - y_{ik}))"
    )
    analytic = False
    source = "Huber (Annals of Mathematical Statistics 35, 1964)"

    delta: float = 1.0
    over_outputs: str = "sum"

    @classmethod
    def examples(cls) -> tuple[Huber, ...]:
        """Return the default, an early line and a late one, and the mean over outputs."""
        return (cls(), cls(delta=0.5), cls(delta=2.0), cls(over_outputs="mean"))

    @classmethod
    def sample_targets(cls, uniform: np.ndarray) -> np.ndarray:
        """Return numbers in (-3, 3): with near ones and far ones, square and line both occur."""
        return 6.0 * uniform - 3.0

    def term(self, raw: Array, Y: Array) -> Array:
        size, delta = absolute(raw - Y), float(self.delta)
        # A cut size keeps the square of a huge error from overflowing in the branch not taken.
        small = namespace(raw).where(real(size) <= delta, size, delta)
        return small * (size - 0.5 * small)

    def term_slope(self, raw: Array, Y: Array) -> Array:
        xp, error, delta = namespace(raw), raw - Y, float(self.delta)
        capped = xp.where(real(error) > delta, delta, error)
        return xp.where(real(error) < -delta, -delta, capped)


@LOSSES.register
@frozen
class Pinball(IdentityLoss):
    r"""Aim at a quantile: weigh errors below the target by q, above it by 1 - q.

    :math:`J_i = \sum_k q \, (y_{ik} - p_{ik})` where :math:`y_{ik} \geq p_{ik}`, else
    :math:`(1 - q) (p_{ik} - y_{ik})`. At q = 1/2 this is half of the absolute error. The gradient
    is 0 where the prediction is exact.

    Shapes: raw outputs, predictions and targets `(N, K)`.

    Parameters
    ----------
    quantile : float
        q in (0, 1).
    over_outputs : {"sum", "mean"}
        Sum or mean over the K outputs.

    Source: Koenker, Bassett, "Regression quantiles" (Econometrica 46, 1978).

    Example
    -------
    >>> import numpy as np
    >>> from chainrule.maths.losses_regression import Pinball
    >>> raw, Y = np.array([[1.0], [5.0]]), np.array([[3.0], [4.0]])
    >>> Pinball(quantile=0.9).value(raw, Y).round(6)
    array([1.8, 0.1])
    """

    name = "pinball"
    aliases = ("quantile",)
    rules = {"quantile": Real(0, 1, closed="neither"), "over_outputs": OVER_OUTPUTS}
    latex = (
        r"J_i = \sum_k \begin{cases} q \, (y_{ik} - p_{ik}) & y_{ik} \geq p_{ik} \\"
        r" (1 - q) (p_{ik} - y_{ik}) & y_{ik} < p_{ik} \end{cases}"
    )
    gradient_latex = (
        r"\frac{\partial J_i}{\partial z_{ik}} ="
        r" \begin{cases} -q & y_{ik} > p_{ik} \\ 1 - q & y_{ik} < p_{ik} \end{cases}"
    )
    analytic = False
    source = "Koenker, Bassett (Econometrica 46, 1978)"

    quantile: float = 0.5
    over_outputs: str = "sum"

    @classmethod
    def examples(cls) -> tuple[Pinball, ...]:
        """Return the median, two outer quantiles, and the mean over outputs."""
        return (cls(), cls(quantile=0.1), cls(quantile=0.9), cls(over_outputs="mean"))

    def term(self, raw: Array, Y: Array) -> Array:
        quantile, error = float(self.quantile), raw - Y
        return namespace(raw).where(real(error) > 0, (1.0 - quantile) * error, -quantile * error)

    def term_slope(self, raw: Array, Y: Array) -> Array:
        quantile, side = float(self.quantile), sign(raw - Y)
        return namespace(raw).where(real(side) < 0, quantile * side, (1.0 - quantile) * side)

    def kink_distance(self, raw: Array, Y: Array) -> Array | None:
        return absolute(real(raw) - Y)
