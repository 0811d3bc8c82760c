"""The gradient under test against the derivative of the value: errors tensor by tensor.

Decisions
---------
a) The error is norm-wise, ||g - g*|| / (||g|| + ||g*||), not entry-wise: an entry that is zero but
   for rounding says nothing.
b) The denominator has a floor, a thousandth of (objective + norm of the whole gradient). A bias in
   front of a batch norm has a gradient of exactly zero; its rounding error must not count as 100 %.
c) By default one random direction for each tensor and a few through all of them: a wrong gradient
   agrees with the right one along a random direction with probability zero, and one direction
   costs one evaluation however many weights there are. `full` takes every coordinate.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

import numpy as np

from chainrule.frozen import frozen
from chainrule.glass.complex_step import COMPLEX_STEP, complex_step
from chainrule.glass.differences import Slope, central_difference
from chainrule.glass.point import Point
from chainrule.streams import Stream

__all__ = ["TOLERANCES", "Comparison", "Method", "TensorCheck", "compare", "json_number"]

Method = Literal["complex", "central"]
TOLERANCES: dict[str, float] = {"complex": 1e-11, "central": 1e-7, "compiled": 1e-11}
"""Largest error that passes. Rounding alone gives about 1e-15, 1e-11 and 1e-15."""

_FLOOR = 1e-3
_TOTAL_DIRECTIONS = 2

Direction = dict[str, np.ndarray]


@frozen
class TensorCheck:
    """The outcome for one tensor, or for all of them together (`"total"`)."""

    tensor: str
    shape: tuple[int, ...]
    error: float
    """||g - g*|| / max(||g|| + ||g*||, floor) over the directions."""
    checks: int
    """Number of directions, or of coordinates."""
    gradient_norm: float
    step: float
    """Smallest step that was used."""
    corners: tuple[str, ...]
    """Where a corner could not be avoided, so that only one side was compared."""
    passed: bool

    def to_dict(self) -> dict[str, Any]:
        """Return JSON numbers, strings and lists; numbers that are not finite are None."""
        return {
            "tensor": self.tensor,
            "shape": list(self.shape),
            "error": json_number(self.error),
            "checks": self.checks,
            "gradient_norm": json_number(self.gradient_norm),
            "step": self.step,
            "corners": list(self.corners),
            "passed": self.passed,
        }


@frozen
class Comparison:
    """All tensors of one point."""

    objective: float
    tensors: tuple[TensorCheck, ...]
    total: TensorCheck

    @property
    def corners(self) -> tuple[str, ...]:
        """Corners that could not be avoided."""
        checks = (*self.tensors, self.total)
        return tuple(dict.fromkeys(name for check in checks for name in check.corners))

    @property
    def worst(self) -> TensorCheck:
        """The check with the largest error, not a number counting as the largest.

        The total is named only if no single tensor failed: it does not say where to look.
        """
        guilty = not all(check.passed for check in self.tensors)
        checks = self.tensors if guilty else (*self.tensors, self.total)
        return max(checks, key=lambda check: np.inf if np.isnan(check.error) else check.error)


def compare(
    point: Point,
    method: Method,
    *,
    full: bool = False,
    seed: int = 0,
    tolerance: float | None = None,
) -> Comparison:
    """Compare the gradient under test with the derivative of the value at one point.

    Parameters
    ----------
    point : Point
    method : "complex" or "central"
    full : bool
        Every coordinate instead of random directions.
    seed : int
        Of the random directions.
    tolerance : float, optional
        By default the one of the method, `TOLERANCES`.
    """
    allowed = TOLERANCES[method] if tolerance is None else tolerance
    comparer = _Comparer(point, method, seed, allowed)
    tensors = [comparer.tensor(name, full) for name in comparer.names]
    return Comparison(comparer.objective, tuple(tensors), comparer.total())


class _Comparer:
    """Runs the directions of one point and keeps what they gave."""

    def __init__(self, point: Point, method: Method, seed: int, tolerance: float) -> None:
        self.point = point
        self.method = method
        self.seed = seed
        self.tolerance = tolerance
        self.gradients = point.gradients()
        self.free = {name: _free(name, point) for name in point.tensors}
        self.names = tuple(name for name, free in self.free.items() if free.any())
        self.objective = float(point.value(point.tensors))
        self.floor = _FLOOR * (abs(self.objective) + self._norm(self.names))

    def tensor(self, name: str, full: bool) -> TensorCheck:
        """Return the check of one tensor."""
        directions = self._coordinates(name) if full else iter([self._random((name,), name)])
        shape = self.point.tensors[name].shape
        return self._check(name, shape, (name,), directions)

    def total(self) -> TensorCheck:
        """Return the check of all tensors along common random directions."""
        directions = (self._random(self.names, f"total {k}") for k in range(_TOTAL_DIRECTIONS))
        size = sum(int(self.free[name].sum()) for name in self.names)
        return self._check("total", (size,), self.names, directions)

    def _check(
        self,
        label: str,
        shape: tuple[int, ...],
        names: tuple[str, ...],
        directions: Iterator[Direction],
    ) -> TensorCheck:
        ours: list[float] = []
        theirs: list[float] = []
        slopes: list[Slope] = []
        for direction in directions:
            slope = self._slope(direction)
            ours.append(self._along(direction))
            theirs.append(slope.nearest(ours[-1]))
            slopes.append(slope)
        error = _error(np.array(ours), np.array(theirs), self.floor)
        return TensorCheck(
            tensor=label,
            shape=shape,
            error=error,
            checks=len(slopes),
            gradient_norm=self._norm(names),
            step=min((slope.step for slope in slopes), default=0.0),
            corners=tuple(dict.fromkeys(name for slope in slopes for name in slope.corners)),
            passed=bool(error <= self.tolerance),
        )

    def _slope(self, direction: Direction) -> Slope:
        if self.method == "central":
            probe, tensors = self.point.probe, self.point.tensors
            return central_difference(probe, tensors, direction, self.floor)
        slope = complex_step(self.point.value, self.point.tensors, direction)
        return Slope(slope, slope, COMPLEX_STEP)

    def _along(self, direction: Direction) -> float:
        return float(sum(np.vdot(self.gradients[name], along) for name, along in direction.items()))

    def _norm(self, names: tuple[str, ...]) -> float:
        squares = [np.sum(np.square(self.gradients[name][self.free[name]])) for name in names]
        return float(np.sqrt(np.sum(squares)))

    def _random(self, names: tuple[str, ...], purpose: str) -> Direction:
        stream = Stream(self.seed, f"gradcheck:direction:{purpose}")
        tensors = self.point.tensors
        numbers = stream.normal(sum(tensors[name].size for name in names))
        direction: Direction = {}
        start = 0
        for name in names:
            stop = start + tensors[name].size
            direction[name] = numbers[start:stop].reshape(tensors[name].shape) * self.free[name]
            start = stop
        return direction

    def _coordinates(self, name: str) -> Iterator[Direction]:
        for index in np.argwhere(self.free[name]):
            along = np.zeros(self.point.tensors[name].shape)
            along[tuple(index)] = 1.0
            yield {name: along}


def json_number(number: float) -> float | None:
    """Return the number, or None if JSON cannot hold it."""
    return number if np.isfinite(number) else None


def _free(name: str, point: Point) -> np.ndarray:
    fixed: Mapping[str, np.ndarray] = point.fixed
    shape = point.tensors[name].shape
    return ~fixed[name] if name in fixed else np.ones(shape, bool)


def _error(ours: np.ndarray, theirs: np.ndarray, floor: float) -> float:
    scale = max(float(np.linalg.norm(ours) + np.linalg.norm(theirs)), floor)
    if scale == 0.0:
        return 0.0
    return float(np.linalg.norm(ours - theirs)) / scale
