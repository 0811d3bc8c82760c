"""Elementary functions that several formulas share, exact in their tails.

Typed as in a textbook they overflow or lose digits: `log(1 + exp(z))` is infinite at 1000 and zero
at -50. Here none of them gives a warning for any finite input, real or complex.
"""

from __future__ import annotations

import math

from chainrule.maths.arrays import Array, namespace, real

__all__ = [
    "absolute",
    "exponential",
    "log_softmax",
    "logistic",
    "quotient",
    "sign",
    "softmax",
    "softmax_pair",
    "softplus",
    "weighted_log",
]


def absolute(array: Array) -> Array:
    """Return the array with the sign of its real part removed (`abs` has no complex derivative)."""
    return namespace(array).where(real(array) < 0, -array, array)


def sign(array: Array) -> Array:
    """Return the sign of the real part: -1, 0 or 1 in the type of the array."""
    xp = namespace(array)
    return xp.sign(real(array)) * xp.ones_like(array)


def exponential(array: Array) -> Array:
    r"""Return :math:`e^z`, infinite (and silent) above the largest number of the type.

    The limit is z = 709.78 in float64 and 88.72 in float32.
    """
    xp = namespace(array)
    kind = xp.finfo(array.dtype)
    # One rounding below log(max), so that exp() itself never has to overflow.
    limit = math.log(float(kind.max)) * (1.0 - float(kind.eps))
    beyond = real(array) > limit
    return xp.where(beyond, xp.inf, xp.exp(xp.where(beyond, 0.0, array)))


def logistic(array: Array) -> Array:
    r"""Return :math:`\sigma(z) = 1 / (1 + e^{-z})` without overflow."""
    xp = namespace(array)
    tail = xp.exp(-absolute(array))
    larger = 1.0 / (1.0 + tail)
    return xp.where(real(array) >= 0, larger, tail * larger)


def softplus(array: Array) -> Array:
    r"""Return :math:`\log(1 + e^z)` without overflow, exact for z far below 0."""
    xp = namespace(array)
    return xp.where(real(array) > 0, array, 0.0) + xp.log1p(xp.exp(-absolute(array)))


def softmax(array: Array) -> Array:
    r"""Return :math:`e^{z_k} / \sum_j e^{z_j}` over the last axis, without overflow."""
    _, powers, rest = _below_top(array)
    return powers / (1.0 + rest)


def log_softmax(array: Array) -> Array:
    r"""Return :math:`z_k - \log \sum_j e^{z_j}` over the last axis, exact where it is nearly 0."""
    shifted, _, rest = _below_top(array)
    return shifted - namespace(array).log1p(rest)


def softmax_pair(array: Array) -> tuple[Array, Array]:
    r"""Return `log_softmax` and `softmax` of one array, which share their differences and sums."""
    shifted, powers, rest = _below_top(array)
    return shifted - namespace(array).log1p(rest), powers / (1.0 + rest)


def weighted_log(weight: Array, array: Array) -> Array:
    r"""Return :math:`w \log p`, where :math:`0 \log 0 = 0`; infinite and silent at p = 0 else."""
    xp = namespace(array)
    nothing = array == 0
    logarithm = xp.where(nothing, -xp.inf, xp.log(xp.where(nothing, 1.0, array)))
    return weight * xp.where(nothing & (weight == 0), 0.0, logarithm)


def quotient(weight: Array, array: Array) -> Array:
    r"""Return :math:`w / p` for weights from 0, where 0 / 0 = 0; infinite and silent at p = 0."""
    xp = namespace(array)
    nothing = array == 0
    at_nothing = xp.where(weight > 0, xp.full_like(array, xp.inf), 0.0)
    return xp.where(nothing, at_nothing, weight / xp.where(nothing, 1.0, array))


def _below_top(array: Array) -> tuple[Array, Array, Array]:
    """Return the rows less their largest element, exp of that, and the sum of it over the others.

    The largest contributes exactly 1 to the sum, so log(1 + rest) keeps the digits of a small rest.
    """
    xp = namespace(array)
    top = xp.argmax(real(array), axis=-1, keepdims=True)
    is_top = xp.arange(array.shape[-1]) == top
    shifted = array - xp.take_along_axis(array, top, axis=-1)
    powers = xp.exp(shifted)
    rest = xp.sum(xp.where(is_top, 0.0, powers), axis=-1, keepdims=True)
    return shifted, powers, rest
