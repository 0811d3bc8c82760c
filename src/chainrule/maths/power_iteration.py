r"""The largest singular value of a matrix and its two vectors, by power iteration.

Decisions
---------
a) Converged, not warm-started. Many libraries do one iteration a step and carry the vector along;
   then the reported value is not the norm and its gradient is not the derivative of what is
   reported. Here both are functions of the matrix alone.
b) Plain iterations `v <- W^T W v` first, 64 at most: cheap, and enough when the second singular
   value is below about 0.8 of the first. If they do not settle, the Gram matrix is squared
   instead: k squarings equal 2^k iterations, so the number of products grows with the logarithm
   of the gap. Random matrices of a few hundred rows need about 10 squarings.
c) The start is a fixed pseudo-random vector, so a top vector perpendicular to it (as `(1, -1)` is
   to a vector of ones) does not occur in practice. The squaring needs no start: it ends at
   `v v^T`, and its largest column is never perpendicular to `v`.
d) Singular values that agree to about 12 digits count as tied. The norm has no derivative there;
   the result is one of its subgradients, always the same one. Vectors of values that are closer
   than that to each other are not determined by the matrix's own digits.
e) Work is done in float64 on `W / max |W|`, so neither large nor tiny weights overflow or vanish,
   and float32 weights lose nothing.
"""

from __future__ import annotations

import math

from chainrule.maths.arrays import Array, namespace
from chainrule.streams import Stream

__all__ = ["top_singular"]

PLAIN_ITERATIONS = 64
SQUARINGS = 60
"""2^60 iterations resolve any gap that float64 can hold."""
SETTLED = 1e-14
"""Change of the unit vector between two plain iterations that counts as none."""
TIED = 1e-12
"""Change of the squared matrix, relative to its largest entry, that counts as none."""


def top_singular(W: Array) -> tuple[float, Array, Array]:
    r"""Return `(sigma, u, v)` with `W v = sigma u`, `W^T u = sigma v`, `sigma` the largest.

    Parameters
    ----------
    W : (d_in, d_out)

    Returns
    -------
    sigma : float
        The spectral norm. 0 for a zero matrix; infinite or NaN if `W` holds such entries.
    u, v : (d_in,) and (d_out,), float64
        Unit vectors; zeros for a zero matrix, NaN if `W` is not finite.

    Source: Golub, Van Loan, "Matrix Computations" (4th edition, 2013), section 7.3.1.

    Example
    -------
    >>> import numpy as np
    >>> from chainrule.maths.power_iteration import top_singular
    >>> sigma, u, v = top_singular(np.array([[3.0, 0.0], [4.0, 0.0]]))
    >>> round(sigma, 12), float(np.round(abs(u @ [0.6, 0.8]), 12))
    (5.0, 1.0)
    """
    xp = namespace(W)
    d_in, d_out = W.shape
    largest = float(xp.max(xp.abs(W))) if d_in and d_out else 0.0
    if largest == 0.0 or not math.isfinite(largest):
        filler = 0.0 if largest == 0.0 else math.nan
        return largest, xp.full(d_in, filler), xp.full(d_out, filler)
    scaled = xp.astype(W, xp.float64) / largest
    tall = scaled if d_in >= d_out else scaled.T  # the vector lives on the smaller side
    right = _plain(tall)
    if right is None:
        right = _squared(tall)
    left = _unit(tall @ right)
    right = tall.T @ left
    sigma = _length(right)
    right = right / sigma
    u, v = (left, right) if d_in >= d_out else (right, left)
    return largest * sigma, u, v


def _plain(tall: Array) -> Array | None:
    """Return the top right vector by plain iterations, or None if they do not settle."""
    vector = _unit(namespace(tall).asarray(Stream(0, "power_iteration").normal(tall.shape[1])))
    for _ in range(PLAIN_ITERATIONS):
        image = tall.T @ (tall @ vector)
        if _length(image) == 0.0:
            return None
        image = _unit(image)
        change = _length(image - vector)
        vector = image
        if change <= SETTLED:
            return vector
    return None


def _squared(tall: Array) -> Array:
    """Return the top right vector by squaring the Gram matrix until it stops changing."""
    xp = namespace(tall)
    power = tall.T @ tall
    power = power / xp.linalg.trace(power)
    for _ in range(SQUARINGS):
        square = power @ power
        square = square / xp.linalg.trace(square)
        change = float(xp.max(xp.abs(square - power)))
        power = square
        if change <= TIED * float(xp.max(xp.abs(square))):
            break
    heaviest = int(xp.argmax(xp.sum(power * power, axis=0)))
    return _unit(power[:, heaviest])


def _length(vector: Array) -> float:
    return math.sqrt(float(namespace(vector).sum(vector * vector)))


def _unit(vector: Array) -> Array:
    return vector / _length(vector)
