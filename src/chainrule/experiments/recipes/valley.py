"""Optimizers in Rosenbrock's valley: the library's own records, on two numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.frozen import frozen
from chainrule.maths.optimizer import Optimizer
from chainrule.streams import Stream

__all__ = ["CLOSE", "Walk", "rosenbrock", "start_of", "walks"]

CLOSE = 1e-4
"""The valley's floor is reached where the function is at most this."""
_FAR = 1e6
"""A walk that is so far away is lost."""
_KEPT = 120
"""Points of a path that are kept."""


def rosenbrock(x: Any, y: Any) -> tuple[Any, Any, Any]:
    r"""Return the value of Rosenbrock's function and its two derivatives.

    .. math:: f(x, y) = (1 - x)^2 + 100 (y - x^2)^2

    with :math:`x` = `x` and :math:`y` = `y`. Its floor is a bent valley whose lowest point is
    (1, 1); across the valley it is hundreds of times steeper than along.

    Source: Rosenbrock, "An automatic method for finding the greatest or least value of a function"
    (The Computer Journal 3, 1960).

    Example
    -------
    >>> from chainrule.experiments.recipes.valley import rosenbrock
    >>> rosenbrock(1.0, 1.0), rosenbrock(-1.0, 1.0)
    ((0.0, 0.0, 0.0), (4.0, -4.0, 0.0))
    """
    across = y - x * x
    value = (1 - x) ** 2 + 100 * across * across
    return value, -2 * (1 - x) - 400 * x * across + 0.0, 200 * across + 0.0


@frozen
class Walk:
    """Where an optimizer went.

    Parameters
    ----------
    steps : int
        Updates until the function was at most `CLOSE`; one more than allowed if it never was.
    value : float
        The function where the walk ended.
    path : list of (x, y)
        At even distances.
    """

    steps: int
    value: float
    path: list[tuple[float, float]]

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values."""
        value = self.value if math.isfinite(self.value) else None
        return {"steps": self.steps, "value": value, "path": [list(point) for point in self.path]}


def start_of(seed: int) -> tuple[float, float]:
    """Return where a walk starts: on the far side of the bend, near (-1.2, 1)."""
    moved = Stream(seed, "recipe:valley").uniform(2, -0.3, 0.3)
    return -1.2 + float(moved[0]), 1.0 + float(moved[1])


def walks(
    optimizer: Optimizer,
    rates: Sequence[float],
    starts: Sequence[tuple[float, float]],
    most: int,
) -> list[list[Walk]]:
    """Follow an optimizer's updates from each start at each rate; one list for each rate.

    All walks are one vector of weights: updates act on each number alone, and `rate` may be a
    vector. A walk that has arrived, or left the map, stands still.

    Parameters
    ----------
    optimizer : Optimizer
        One that acts on each weight alone.
    rates : sequence of float
    starts : sequence of (x, y)
    most : int
        Updates at most.

    Example
    -------
    >>> from chainrule.experiments.recipes.valley import walks
    >>> from chainrule.maths.optimizers import Adam
    >>> walks(Adam(), [0.1], [(-1.2, 1.0)], 5000)[0][0].value <= 1e-4
    True
    """
    weights = np.tile(np.array(starts, np.float64).ravel(), len(rates))
    rate = np.repeat(np.array(rates, np.float64), 2 * len(starts))
    slots = {name: np.full(len(weights), optimizer.initial_slot(name)) for name in optimizer.slots}
    steps = np.full(len(weights) // 2, most + 1)
    going = np.ones(len(steps), bool)
    seen: list[np.ndarray] = []
    for step in range(most + 1):
        seen.append(weights)
        value, gradient = _surface(weights)
        steps = np.where(going & (value <= CLOSE), step, steps)
        going &= (value > CLOSE) & (np.abs(weights.reshape(-1, 2)).max(axis=1) < _FAR)
        if step == most or not going.any():
            break
        new, slots = optimizer.update(weights, gradient, slots, step + 1, rate)
        weights = np.where(np.repeat(going, 2), new, weights)
    value, _ = _surface(weights)
    paths = np.array(seen).reshape(len(seen), -1, 2)
    found = [
        Walk(int(count), float(value[place]), _thin(paths[: int(count) + 1, place]))
        for place, count in enumerate(steps)
    ]
    return [found[first : first + len(starts)] for first in range(0, len(found), len(starts))]


def _surface(weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the function at each walk's point, and the gradient of all numbers."""
    x, y = weights[0::2], weights[1::2]
    value, dx, dy = rosenbrock(x, y)
    return value, np.stack([dx, dy], axis=1).ravel()


def _thin(path: np.ndarray) -> list[tuple[float, float]]:
    picked = np.unique(np.geomspace(1, len(path), _KEPT).astype(int)) - 1
    return [(round(float(x), 4), round(float(y), 4)) for x, y in path[picked]]
