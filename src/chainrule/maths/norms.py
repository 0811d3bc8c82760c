r"""Euclidean norms that neither overflow nor underflow.

Squaring first would turn `1e200` into infinity and `1e-200` into zero. So the largest magnitude is
taken out before squaring, `||x|| = m * ||x / m||` with `m = max |x_i|`, and the second factor is
between 1 and the square root of the number of entries.
"""

from __future__ import annotations

import math

from chainrule.maths.arrays import Array, namespace

__all__ = ["column_norm_parts", "norm", "norm_parts"]


def norm_parts(array: Array) -> tuple[float, float]:
    r"""Return `(m, ||array / m||)` over all entries, with `m` the largest magnitude.

    The norm is their product, which may overflow only if the norm itself does. A zero, empty or
    non-finite array gives `(m, 1.0)`, with `m` 0, infinite or NaN.

    Example
    -------
    >>> import numpy as np
    >>> from chainrule.maths.norms import norm_parts
    >>> norm_parts(np.array([3e200, 4e200]))
    (4e+200, 1.25)
    """
    xp = namespace(array)
    if math.prod(array.shape) == 0:
        return 0.0, 1.0
    largest = float(xp.max(xp.abs(array)))
    if largest == 0.0 or not math.isfinite(largest):
        return largest, 1.0
    scaled = array / largest
    return largest, math.sqrt(float(xp.sum(scaled * scaled)))


def norm(array: Array) -> float:
    r"""Return the Euclidean (Frobenius) norm of all entries of `array`.

    Example
    -------
    >>> import numpy as np
    >>> from chainrule.maths.norms import norm
    >>> norm(np.array([3e-200, 4e-200])) == 5e-200
    True
    """
    largest, relative = norm_parts(array)
    return largest * relative


def column_norm_parts(W: Array) -> tuple[Array, Array]:
    r"""Return `(m, ||W / m||)` of each unit's incoming weights, both broadcastable to `W`.

    The last axis counts the units; the norm runs over all others. A vector is one unit. A column
    of zeros gives `m = 1` and norm 0.
    """
    xp = namespace(W)
    axes = tuple(range(W.ndim - 1)) if W.ndim > 1 else None
    largest = xp.max(xp.abs(W), axis=axes, keepdims=True)
    largest = xp.where(largest == 0, xp.ones_like(largest), largest)
    scaled = W / largest
    return largest, xp.sqrt(xp.sum(scaled * scaled, axis=axes, keepdims=True))
