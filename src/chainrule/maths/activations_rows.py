"""Activations that mix the elements of a row: softmax and log-softmax over the last axis.

Their derivative is a dense matrix per row, so they give `backward` (its product with a vector, from
the left) and `jacobian` (the matrix itself, of one row) instead of a slope.
"""

from __future__ import annotations

from chainrule.frozen import frozen
from chainrule.maths.activation import ACTIVATIONS, Activation
from chainrule.maths.arrays import Array, namespace
from chainrule.maths.elementary import log_softmax, softmax

__all__ = ["LogSoftmax", "Softmax"]


@ACTIVATIONS.register
@frozen
class Softmax(Activation):
    r"""Turn a row of scores into probabilities: :math:`h_k = e^{z_k} / \sum_j e^{z_j}`.

    The derivative :math:`\partial h_k / \partial z_j = h_k (\delta_{kj} - h_j)` is not diagonal:
    each output depends on every score of its row. Hence
    :math:`dz = h \odot (dh - \sum_k dh_k h_k)`.

    Shapes: Z and H `(N, d)` or `(N, T, d)`; over the last axis.

    Source: Bridle, "Probabilistic interpretation of feedforward classification network outputs"
    (1990).

    Example
    -------
    >>> import numpy as np
    >>> from chainrule.maths.activations import Softmax
    >>> H = Softmax().value(np.log(np.array([[1.0, 2.0, 5.0]])))
    >>> H
    array([[0.125, 0.25 , 0.625]])
    >>> Softmax().jacobian(None, H[0])
    array([[ 0.109375, -0.03125 , -0.078125],
           [-0.03125 ,  0.1875  , -0.15625 ],
           [-0.078125, -0.15625 ,  0.234375]])
    """

    name = "softmax"
    elementwise = False
    latex = r"h_k = \frac{e^{z_k}}{\sum_j e^{z_j}}"
    slope_latex = r"\frac{\partial h_k}{\partial z_j} = h_k \left(\delta_{kj} - h_j\right)"
    numpy = "np.exp(Z) / np.exp(Z).sum(axis=-1, keepdims=True)"
    slope_numpy = "np.diag(H) - np.outer(H, H)"
    domain = r"\mathbb{R}^d"
    range = r"(0, 1)^d, \; \sum_k h_k = 1"
    needs = "output"
    source = "Bridle (1990)"

    def value(self, Z: Array, **learned: Array) -> Array:
        return softmax(Z)

    def backward(self, dH: Array, Z: Array, H: Array, **learned: Array) -> Array:
        return H * (dH - namespace(H).sum(dH * H, axis=-1, keepdims=True))

    def jacobian(self, z_row: Array, h_row: Array) -> Array:
        r"""Return :math:`\partial h_k / \partial z_j`, shape `(d, d)`, of one row `(d,)`."""
        xp = namespace(h_row)
        identity = xp.eye(h_row.shape[0], dtype=h_row.dtype)
        return h_row[:, None] * (identity - h_row[None, :])


@ACTIVATIONS.register
@frozen
class LogSoftmax(Activation):
    r"""Turn a row of scores into log-probabilities: :math:`h_k = z_k - \log \sum_j e^{z_j}`.

    The derivative is :math:`\partial h_k / \partial z_j = \delta_{kj} - e^{h_j}`, hence
    :math:`dz = dh - e^h \sum_k dh_k`. A log-probability near 0 keeps its digits.

    Shapes: Z and H `(N, d)` or `(N, T, d)`; over the last axis.

    Source: Goodfellow, Bengio, Courville, "Deep learning" (2016), equation 6.30.

    Example
    -------
    >>> import numpy as np
    >>> from chainrule.maths.activations import LogSoftmax
    >>> LogSoftmax().value(np.array([[0.0, -50.0], [1000.0, 1000.0]]))
    array([[-1.92874985e-22, -5.00000000e+01],
           [-6.93147181e-01, -6.93147181e-01]])
    """

    name = "log_softmax"
    elementwise = False
    latex = r"h_k = z_k - \log \sum_j e^{z_j}"
    slope_latex = r"\frac{\partial h_k}{\partial z_j} = \delta_{kj} - e^{h_j}"
    numpy = "Z - np.log(np.exp(Z).sum(axis=-1, keepdims=True))"
    slope_numpy = "np.eye(len(H)) - np.exp(H)"
    domain = r"\mathbb{R}^d"
    range = r"(-\infty, 0)^d"
    needs = "output"
    source = "Goodfellow, Bengio, Courville, Deep learning (2016), equation 6.30"

    def value(self, Z: Array, **learned: Array) -> Array:
        return log_softmax(Z)

    def backward(self, dH: Array, Z: Array, H: Array, **learned: Array) -> Array:
        xp = namespace(H)
        return dH - xp.exp(H) * xp.sum(dH, axis=-1, keepdims=True)

    def jacobian(self, z_row: Array, h_row: Array) -> Array:
        r"""Return :math:`\partial h_k / \partial z_j`, shape `(d, d)`, of one row `(d,)`."""
        xp = namespace(h_row)
        return xp.eye(h_row.shape[0], dtype=h_row.dtype) - xp.exp(h_row)[None, :]
