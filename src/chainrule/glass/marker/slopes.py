"""The slope of an activation as people write it: as a function of Z, or of the output H."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.maths.activation import Activation
from chainrule.maths.arrays import Array

__all__ = ["slope_of_output", "slope_of_z"]

_OF_OUTPUT: dict[str, Callable[[Any], Any]] = {
    "sigmoid": lambda H: H * (1 - H),
    "tanh": lambda H: 1 - H**2,
    "relu": lambda H: (H > 0) * 1.0,
    "softplus": lambda H: 1 - np.exp(-H),
    "leaky_relu": lambda H: np.where(H > 0, 1.0, 0.01),
    "identity": np.ones_like,
}


def slope_of_z(record: Activation, Z: Array) -> Array:
    """Return f'(Z), whatever the record reads it from.

    Example
    -------
    >>> import numpy as np
    >>> from chainrule.maths.activations import Tanh
    >>> float(slope_of_z(Tanh(), np.array(0.0)))
    1.0
    """
    return record.slope(Z, record.value(Z))


def slope_of_output(record: Activation, H: Array) -> Array:
    """Return the usual formula that reads the output: H (1 - H) for a sigmoid.

    Where no such formula is in use, H is given to the one that reads Z.

    Example
    -------
    >>> from chainrule.maths.activations import Sigmoid
    >>> slope_of_output(Sigmoid(), 0.5)
    0.25
    """
    usual = _OF_OUTPUT.get(record.name)
    return slope_of_z(record, H) if usual is None else usual(H)
