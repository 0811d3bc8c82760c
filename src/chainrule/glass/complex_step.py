r"""The complex-step derivative: exact to rounding, because nothing is subtracted.

For a real-analytic function, :math:`f(x + i h) = f(x) + i h f'(x) + O(h^2)`, so the imaginary part
over h is the derivative, with an error of :math:`h^2`. With h = 1e-30 that error is below every
rounding, and no two nearly equal numbers are subtracted, as differences do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from chainrule.errors import UsageError
from chainrule.maths.arrays import Array

__all__ = ["COMPLEX_STEP", "complex_step", "shifted"]

COMPLEX_STEP = 1e-30
"""Its square vanishes beside 1, and products with it stay normal numbers."""


def shifted(
    tensors: Mapping[str, np.ndarray], direction: Mapping[str, np.ndarray], step: complex
) -> dict[str, Array]:
    """Return the tensors moved by `step` along a direction; those without one stay."""
    moved: dict[str, Array] = dict(tensors)
    for name, along in direction.items():
        moved[name] = tensors[name] + step * along
    return moved


def complex_step(
    value: Callable[[Mapping[str, Array]], Array],
    tensors: Mapping[str, np.ndarray],
    direction: Mapping[str, np.ndarray],
) -> float:
    r"""Return the derivative of `value` along a direction, :math:`\mathrm{Im} f(x + i h d) / h`.

    Parameters
    ----------
    value : callable
        From tensors by name to one number; must hold for complex tensors.
    tensors : mapping of name to array
        The point x.
    direction : mapping of name to array
        The direction d; tensors without an entry stay where they are.

    Raises
    ------
    UsageError
        `value` refuses complex numbers.

    Source: Squire, Trapp, "Using complex variables to estimate derivatives of real functions"
    (SIAM Review 40, 1998).

    Example
    -------
    >>> import numpy as np
    >>> from chainrule.glass.complex_step import complex_step
    >>> point, along = {"x": np.array(1.5)}, {"x": np.array(1.0)}
    >>> slope = complex_step(lambda tensors: np.exp(tensors["x"]), point, along)
    >>> slope == float(np.exp(1.5))
    True
    """
    try:
        moved = value(shifted(tensors, direction, 1j * COMPLEX_STEP))
    except TypeError as error:
        raise UsageError(
            "a formula cannot be evaluated for complex numbers",
            expected="formulas that hold near the real axis, or `analytic = False` on the record",
            got=str(error),
            do='declare the record as not analytic, or pass method="central"',
        ) from error
    return float(np.imag(moved)) / COMPLEX_STEP
