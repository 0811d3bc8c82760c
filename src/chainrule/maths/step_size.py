"""The learning rate of one step, in a form that leaves the weights' dtype alone."""

from __future__ import annotations

import numpy as np

from chainrule.maths.arrays import Array, namespace

__all__ = ["step_size"]


def step_size(rate: Array | float, weights: Array) -> Array | float:
    """Return `rate` as a Python float, or as a vector of the dtype of `weights`.

    A NumPy scalar is a float64 that would turn float32 weights into float64 ones; a Python float
    takes the dtype of what it meets.

    Example
    -------
    >>> import numpy as np
    >>> from chainrule.maths.step_size import step_size
    >>> weights = np.ones(2, np.float32)
    >>> (np.float64(0.1) * weights).dtype, (step_size(np.float64(0.1), weights) * weights).dtype
    (dtype('float64'), dtype('float32'))
    """
    if isinstance(rate, (int, float, np.generic)):
        return float(rate)
    return namespace(weights).astype(rate, weights.dtype)
