r"""Losses for classes: cross-entropy of one or several yes-or-no labels, and of K classes.

Decisions
---------
a) Both read logits and are fused with their link: no probability is rounded to 0 or 1 before its
   logarithm is taken, so any finite logit gives a finite loss.
b) The fused gradients are p - y, as everyone derives them, but computed without the subtraction of
   two numbers near 1: a confident right answer has a small gradient, not 0.
c) Label smoothing changes the targets and nothing else. The formulas hold for targets of any sum,
   so rounding in soft labels does not break the gradient.
"""

from __future__ import annotations

import numpy as np

from chainrule.checks import Real
from chainrule.frozen import frozen
from chainrule.maths.activations_rows import Softmax
from chainrule.maths.activations_smooth import Sigmoid
from chainrule.maths.arrays import Array, namespace, real
from chainrule.maths.elementary import (
    absolute,
    log_softmax,
    logistic,
    quotient,
    softmax,
    softmax_pair,
    weighted_log,
)
from chainrule.maths.loss import LOSSES, Loss
from chainrule.maths.targets import class_targets, real_targets, require

__all__ = ["BinaryCrossEntropy", "SoftmaxCrossEntropy"]


@LOSSES.register
@frozen
class BinaryCrossEntropy(Loss):
    r"""Fit yes-or-no labels: :math:`J_i = -\sum_k y \log p + (1 - y) \log(1 - p)`.

    :math:`p = \sigma(z)`. From logits, each term is :math:`\log(1 + e^{-|z|})` plus
    :math:`y \max(0, -z) + (1 - y) \max(0, z)`. The gradient is :math:`p - y`. Several columns are
    labels of their own, any number of which may be true.

    Shapes: raw outputs, predictions and targets `(N, K)`, summed over K; targets in [0, 1].

    Source: Bishop, "Pattern recognition and machine learning" (2006), equations 5.21 and 5.22.

    Example
    -------
    >>> import numpy as np
    >>> from chainrule.maths.losses_classification import BinaryCrossEntropy
    >>> raw, Y = np.array([[0.0], [-1000.0]]), np.array([[1.0], [1.0]])
    >>> BinaryCrossEntropy().value(raw, Y), BinaryCrossEntropy().gradient(raw, Y)
    (array([6.93147181e-01, 1.00000000e+03]), array([[-0.5],
           [-1. ]]))
    """

    name = "binary_cross_entropy"
    task = "classification"
    link = Sigmoid()
    targets = r"y \in [0, 1]"
    latex = (
        r"J_i = -\sum_k \left(y_{ik} \log p_{ik} + (1 - y_{ik}) \log(1 - p_{ik})\right),"
        r" \quad p_{ik} = \sigma(z_{ik})"
    )
    gradient_latex = r"\frac{\partial J_i}{\partial z_{ik}} = p_{ik} - y_{ik}"
    metrics = ("accuracy", "log_loss")
    source = "Bishop, Pattern recognition and machine learning (2006), equations 5.21, 5.22"

    @classmethod
    def sample_targets(cls, uniform: np.ndarray) -> np.ndarray:
        """Return 0, 1 and, for the middle third, a soft label between them."""
        return np.where(uniform < 1 / 3, 0.0, np.where(uniform > 2 / 3, 1.0, uniform))

    def encode(self, y: object, width: int | None = None) -> np.ndarray:
        Y = real_targets(y, width)
        require(
            (Y >= 0.0) & (Y <= 1.0),
            Y,
            "a yes-or-no label is outside [0, 1]",
            expected="0, 1, or a probability between them",
            do='number two classes 0 and 1; choose loss="softmax_cross_entropy" for more',
        )
        return Y

    def value(self, raw: Array, Y: Array) -> Array:
        xp = namespace(raw)
        above = xp.where(real(raw) > 0, raw, 0.0)
        wrong_way = (1.0 - Y) * above + Y * (above - raw)
        return xp.sum(wrong_way + xp.log1p(xp.exp(-absolute(raw))), axis=-1)

    def gradient(self, raw: Array, Y: Array) -> Array:
        return (1.0 - Y) * logistic(raw) - Y * logistic(-raw)

    def prediction_value(self, P: Array, Y: Array) -> Array:
        terms = weighted_log(Y, P) + weighted_log(1.0 - Y, 1.0 - P)
        return -namespace(P).sum(terms, axis=-1)

    def prediction_gradient(self, P: Array, Y: Array) -> Array:
        return quotient(1.0 - Y, 1.0 - P) - quotient(Y, P)


@LOSSES.register
@frozen
class SoftmaxCrossEntropy(Loss):
    r"""Fit one of K classes: :math:`J_i = -\sum_k y'_k \log p_k` with :math:`p` = softmax(z).

    The targets are smoothed first, :math:`y' = (1 - \epsilon) y + \epsilon / K` with
    :math:`\epsilon` = `label_smoothing`. The gradient is :math:`p - y'` when the targets of a row
    sum to 1, and :math:`p \sum_j y'_j - y'` in general.

    Shapes: raw outputs, predictions and encoded targets `(N, K)`. `encode` takes class numbers
    `(N,)`, one-hot rows, or soft labels.

    Parameters
    ----------
    label_smoothing : float
        :math:`\epsilon` in [0, 1), the share of each target that is spread over all classes.

    Source: Bishop, "Pattern recognition and machine learning" (2006), equations 5.24 and 5.25;
    Szegedy et al., "Rethinking the Inception architecture" (CVPR 2016), section 7.

    Example
    -------
    >>> import numpy as np
    >>> from chainrule.maths.losses_classification import SoftmaxCrossEntropy
    >>> loss = SoftmaxCrossEntropy()
    >>> raw, Y = np.log(np.array([[1.0, 2.0, 5.0]])), loss.encode([2], width=3)
    >>> loss.value(raw, Y).round(6), loss.gradient(raw, Y)
    (array([0.470004]), array([[ 0.125,  0.25 , -0.375]]))
    """

    name = "softmax_cross_entropy"
    aliases = ("categorical_cross_entropy",)
    task = "classification"
    link = Softmax()
    rules = {"label_smoothing": Real(0, 1, closed="left")}
    targets = r"y_k \in [0, 1], \; \sum_k y_k = 1"
    latex = (
        r"J_i = -\sum_k y'_{ik} \log p_{ik}, \quad p_{ik} = \frac{e^{z_{ik}}}{\sum_j e^{z_{ij}}},"
        r" \quad y'_{ik} = (1 - \epsilon) y_{ik} + \frac{\epsilon}{K}"
    )
    gradient_latex = r"\frac{\partial J_i}{\partial z_{ik}} = p_{ik} - y'_{ik}"
    metrics = ("accuracy", "log_loss")
    source = "Bishop, Pattern recognition and machine learning (2006), equations 5.24, 5.25"

    label_smoothing: float = 0.0

    @classmethod
    def examples(cls) -> tuple[SoftmaxCrossEntropy, ...]:
        """Return the plain and a smoothed cross-entropy."""
        return (cls(), cls(label_smoothing=0.1))

    @classmethod
    def sample_targets(cls, uniform: np.ndarray) -> np.ndarray:
        """Return rows by turns: one-hot, the largest number's class, and soft, in proportion."""
        hard = np.argmax(uniform, axis=1)[:, None] == np.arange(uniform.shape[1])
        soft = uniform / uniform.sum(axis=1, keepdims=True)
        return np.where(np.arange(len(uniform))[:, None] % 2 == 0, hard.astype(float), soft)

    def encode(self, y: object, width: int | None = None) -> np.ndarray:
        return class_targets(y, width)

    def smoothed(self, Y: Array) -> Array:
        r"""Return the targets after smoothing, :math:`(1 - \epsilon) y + \epsilon / K`."""
        share = float(self.label_smoothing)
        return (1.0 - share) * Y + share / Y.shape[-1] if share else Y

    def value(self, raw: Array, Y: Array) -> Array:
        return -namespace(raw).sum(self.smoothed(Y) * log_softmax(raw), axis=-1)

    def scored(self, raw: Array, Y: Array) -> tuple[Array, Array]:
        logarithms, P = softmax_pair(raw)
        return -namespace(raw).sum(self.smoothed(Y) * logarithms, axis=-1), P

    def gradient(self, raw: Array, Y: Array) -> Array:
        xp, Y = namespace(raw), self.smoothed(Y)
        others = xp.sum(Y, axis=-1, keepdims=True) - Y
        # p (sum of y) - y, with p - 1 taken from log p.
        return others * softmax(raw) + Y * xp.expm1(log_softmax(raw))

    def prediction_value(self, P: Array, Y: Array) -> Array:
        return -namespace(P).sum(weighted_log(self.smoothed(Y), P), axis=-1)

    def prediction_gradient(self, P: Array, Y: Array) -> Array:
        return -quotient(self.smoothed(Y), P)
