"""What the formulas need from arrays, whatever library made them.

Formulas use only the array-API namespace of their inputs, so that they run on NumPy now and jitted
on an accelerator later. They must also hold for complex inputs with a tiny imaginary part (the
complex-step derivative), so they branch on the *real* part and never use `abs` or `maximum` on
values that may be complex.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

__all__ = ["Array", "erf", "erfc", "flat_rows", "is_complex", "namespace", "real", "scatter_rows"]

Array: TypeAlias = Any
"""An array of any library that follows the array-API standard; in practice a NumPy array."""


def namespace(array: Array) -> Any:
    """Return the array-API namespace of an array."""
    if isinstance(array, np.generic):
        return np  # scalars of NumPy 2.0 do not know their namespace
    return array.__array_namespace__()


def is_complex(array: Array) -> bool:
    """Say whether the array holds complex numbers."""
    return namespace(array).isdtype(array.dtype, "complex floating")


def real(array: Array) -> Array:
    """Return the real part; a real array is returned as it is."""
    return namespace(array).real(array) if is_complex(array) else array


def erf(array: Array) -> Array:
    """Return the error function, for real or complex arrays."""
    if isinstance(array, (np.ndarray, np.generic)):
        from scipy import special  # imported late: `import chainrule` stays light

        return special.erf(array)
    raise TypeError(f"erf is not known for arrays of {type(array).__module__}")


def erfc(array: Array) -> Array:
    """Return one minus the error function, exact where `erf` is nearly one."""
    if isinstance(array, (np.ndarray, np.generic)):
        from scipy import special  # imported late: `import chainrule` stays light

        return special.erfc(array)
    raise TypeError(f"erfc is not known for arrays of {type(array).__module__}")


def flat_rows(array: Array) -> Array:
    """Return the array with all but the last axis merged: `(N, T, d)` becomes `(N T, d)`."""
    return namespace(array).reshape(array, (-1, array.shape[-1]))


def scatter_rows(rows: Array, values: Array, count: int) -> Array:
    """Return `(count, d)` sums of the rows of `values (n, d)` that share a number in `rows (n,)`.

    Rows are added in the order in which they stand, so the bits are always the same.
    """
    xp = namespace(values)
    if isinstance(values, np.ndarray):
        sums = np.zeros((count, values.shape[-1]), values.dtype)
        np.add.at(sums, rows, values)
        return sums
    chosen = xp.astype(rows[None, :] == xp.arange(count)[:, None], values.dtype)
    return chosen @ values
