"""Derivatives by differences, for formulas with corners.

Decisions
---------
a) Five-point central differences: the error is h^4 times a fifth derivative plus rounding over h,
   so steps from 1e-3 to 1e-6 all reach far below the tolerance of 1e-7 on a smooth stretch.
b) The step is chosen without looking at the gradient under test. Steps shrink until two in a row
   agree; if none do, the pair that agrees best is taken. This also copes with jumps of a higher
   derivative that no record declares (ELU, Huber).
c) A stencil that crosses a declared corner is never used. Corners are found by watching the
   numbers that may sit on one (`Guard`) at every point of the stencil.
d) If even the smallest step crosses a corner, the point is on it. Then both one-sided derivatives
   are computed, each from points on its own side only, and the caller is told which corner.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.frozen import frozen
from chainrule.glass.complex_step import shifted
from chainrule.maths.arrays import Array

__all__ = ["Guard", "Probe", "Slope", "central_difference"]

STEPS = (1e-3, 1e-4, 1e-5, 1e-6)
_AGREEMENT = 1e-9
_PLACES = (-2, -1, 1, 2)
_CENTRAL = np.array([1.0, -8.0, 8.0, -1.0]) / 12.0
# The slope at 0 of the polynomial through five points at 1, 2, ..., 5.
_ASIDE = np.linalg.solve(np.vander(np.arange(1.0, 6.0), increasing=True).T, np.eye(5)[1])


@frozen
class Guard:
    """Numbers that may sit on a corner: where they are, and how far each is from the nearest."""

    name: str
    position: np.ndarray
    distance: np.ndarray

    def crossed(self, other: Guard) -> np.ndarray:
        """Say which numbers lie on another side of a corner in `other`, or left a corner."""
        moved = np.abs(other.position - self.position)
        # A number that moves away from its corner ends farther from it than it moved.
        return (moved > 0) & (moved >= self.distance) & (other.distance <= moved)


@frozen
class Probe:
    """The objective at one point, with its guards."""

    value: float
    guards: tuple[Guard, ...] = ()


@frozen
class Slope:
    """A derivative from the left and from the right; both are the same on a smooth stretch."""

    left: float
    right: float
    step: float
    corners: tuple[str, ...] = ()
    """Names of the guards that no step kept off their corners."""

    def nearest(self, slope: float) -> float:
        """Return the number between the one-sided derivatives that is nearest to `slope`."""
        if np.isnan(self.left) or np.isnan(self.right):
            return np.nan
        return min(max(slope, min(self.left, self.right)), max(self.left, self.right))


@frozen
class _Line:
    """A function along a line through the point."""

    probe: Callable[[Mapping[str, Array]], Probe]
    tensors: Mapping[str, np.ndarray]
    direction: Mapping[str, np.ndarray]

    def at(self, place: float) -> Probe:
        return self.probe(shifted(self.tensors, self.direction, place))


def central_difference(
    probe: Callable[[Mapping[str, Array]], Probe],
    tensors: Mapping[str, np.ndarray],
    direction: Mapping[str, np.ndarray],
    floor: float = 1e-3,
) -> Slope:
    r"""Return the derivative along a direction by central differences of a step that fits.

    .. math:: f'(0) \approx \frac{f(-2h) - 8 f(-h) + 8 f(h) - f(2h)}{12 h}

    Parameters
    ----------
    probe : callable
        From tensors by name to the value and its guards.
    tensors, direction : mapping of name to array
        The point, and the direction; tensors without an entry stay where they are.
    floor : float
        Derivatives far below this count as zero when two steps are compared.

    Source: Abramowitz, Stegun, "Handbook of mathematical functions" (1964), table 25.2.

    Example
    -------
    >>> import numpy as np
    >>> from chainrule.glass.differences import Guard, Probe, central_difference
    >>> def relu(tensors):
    ...     z = tensors["z"]
    ...     return Probe(float(np.maximum(z, 0)), (Guard("relu.Z", z, np.abs(z)),))
    >>> along = {"z": np.array(1.0)}
    >>> round(central_difference(relu, {"z": np.array(0.5)}, along).left, 9)
    1.0
    >>> corner = central_difference(relu, {"z": np.array(0.0)}, along)
    >>> abs(round(corner.left, 9)), round(corner.right, 9), corner.corners
    (0.0, 1.0, ('relu.Z',))
    """
    line = _Line(probe, tensors, direction)
    start = line.at(0.0)
    best: tuple[float, Slope] | None = None
    previous: float | None = None
    crossed: _Crossed = {}
    for step in STEPS:
        probes = [line.at(place * step) for place in _PLACES]
        crossed = _crossed(start, probes)
        if crossed:
            previous = None
            continue
        slope = _weighted(_CENTRAL, probes) / step
        gap = np.inf if previous is None else abs(slope - previous)
        if best is None or gap < best[0]:
            best = (gap, Slope(slope, slope, step))
        if gap <= _AGREEMENT * max(abs(slope), floor):
            break
        previous = slope
    return _one_sided(line, start, crossed) if best is None else best[1]


_Crossed = dict[str, np.ndarray]


def _one_sided(line: _Line, start: Probe, corners: _Crossed) -> Slope:
    """Return both one-sided derivatives, with the largest step that meets no further corner."""
    slopes = {-1: np.nan, 1: np.nan}
    for side in slopes:
        for step in STEPS[1:]:
            probes = [line.at(side * place * step) for place in range(1, 6)]
            further = _crossed(start, probes, known=corners)
            if not further and not _crossed(probes[0], probes[1:]):
                slopes[side] = _weighted(_ASIDE, probes) / (side * step)
                break
    return Slope(slopes[-1], slopes[1], STEPS[-1], tuple(corners))


def _crossed(start: Probe, probes: Sequence[Probe], known: _Crossed | None = None) -> _Crossed:
    """Return, by guard, which numbers cross a corner between the start and another probe."""
    crossed: _Crossed = {}
    for place, guard in enumerate(start.guards):
        which = np.zeros(guard.position.shape, bool)
        for probe in probes:
            which |= guard.crossed(probe.guards[place])
        if known is not None and guard.name in known:
            which &= ~known[guard.name]
        if which.any():
            crossed[guard.name] = which
    return crossed


def _weighted(weights: np.ndarray, probes: Sequence[Probe]) -> float:
    values: Any = np.array([probe.value for probe in probes])
    return float(weights @ values)
