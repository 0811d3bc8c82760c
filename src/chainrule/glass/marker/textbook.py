"""One step as a textbook writes it, each line a site that a hypothesis may replace.

Decisions
---------
a) A mistake is generative: a `Change` replaces the value of one line of the step (a *site*) by what
   the mistaken line would have given, and all that follows is computed from it. So a hypothesis
   predicts every number of a learner's result, and nothing is guessed from looks.
b) Changes compose. A change is handed the value that stands at its site (a function that makes it),
   so two mistakes at one line are two changes.
c) The pass keeps the library's layout: rows are samples. A learner's tensors are brought into it
   first, and transposed where he works in columns.
d) Shapes are NumPy's business. A mistake that gives a wrong shape gives it here as well, and one
   that makes NumPy stop makes this pass stop.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from chainrule.frozen import frozen
from chainrule.glass.marker.exercise import Convention, Exercise
from chainrule.maths.arrays import Array

__all__ = ["FORWARD_SITES", "SITES", "Change", "Pass", "Point", "gradients", "run_pass"]


FORWARD_SITES = frozenset({"X", "Z", "H"})


@frozen
class Point:
    """Data and parameters at which a learner's code is tried, rows being samples.

    `W` and `b` have an empty entry in front, so that `W[1]` belongs to layer 1.
    """

    X: Array
    Y: Array
    W: tuple[Array, ...]
    b: tuple[Array, ...]
    exercise: Exercise
    """The exercise with this point's widths."""

    @property
    def rows(self) -> int:
        """Number of samples N."""
        return len(self.X)


class Change(NamedTuple):
    """What stands at a site of some layers instead."""

    site: str
    layers: tuple[int, ...]
    rule: Callable[[Pass, int, Callable[[], Array]], Array]
    wraps: bool = True
    """Whether the rule keeps what stood there (a factor) or replaces it."""


class Pass:
    """The tensors of one step, by layer; `SITES` holds the lines.

    Parameters
    ----------
    point : Point
    convention : Convention
    changes : sequence of Change
    """

    def __init__(self, point: Point, convention: Convention, changes: Sequence[Change]) -> None:
        self.point, self.convention, self.changes = point, convention, changes
        self.exercise = point.exercise
        self.W, self.b, self.Y = point.W, point.b, point.Y
        self.depth, self.rows = self.exercise.depth, point.rows
        self.unit = convention.factor(self.rows, self.exercise.outputs)
        self.X: Array = None
        self.P: Array = None
        self.Z: dict[int, Array] = {}
        self.H: dict[int, Array] = {}
        self.dH: dict[int, Array] = {}
        self.dZ: dict[int, Array] = {}
        self.dW: dict[int, Array] = {}
        self.db: dict[int, Array] = {}
        self.slopes: dict[int, Array] = {}

    def value(self, site: str, layer: int) -> Array:
        """Return what stands at a site, changes included."""
        line = SITES[site]
        make: Callable[[], Array] = lambda: line(self, layer)  # noqa: E731
        for change in self.changes:
            if change.site == site and layer in change.layers:
                make = _bound(change.rule, self, layer, make)
        return make()

    def activation(self, layer: int) -> Any:
        """Return the activation of a layer."""
        return self.exercise.activations[layer - 1]

    def slope(self, layer: int) -> Array:
        """Return what stands for the slope, and remember it."""
        self.slopes[layer] = self.value("slope", layer)
        return self.slopes[layer]

    def forward(self) -> None:
        """Compute Z, H and the prediction P."""
        self.X = self.H[0] = self.value("X", 1)
        for layer in range(1, self.depth + 1):
            self.Z[layer] = self.value("Z", layer)
            self.H[layer] = self.value("H", layer)
        self.P = self.H[self.depth]

    def backward(self) -> None:
        """Compute every gradient, from the last layer to the first."""
        for layer in range(self.depth, 0, -1):
            if layer < self.depth:
                self.dH[layer] = self.value("dH", layer)
            self.dZ[layer] = self.value("dZ", layer)
            self.dW[layer] = self.value("gW", layer)
            self.db[layer] = self.value("gb", layer)


def _error(step: Pass, layer: int) -> Array:
    """Return dZ: at the output what follows from the loss, elsewhere `dH * f'(Z)`."""
    if layer < step.depth:
        return step.dH[layer] * step.slope(layer)
    if step.exercise.matched:
        return (step.P - step.Y) * step.unit
    dP = step.value("dP", layer)
    if step.activation(layer).elementwise:
        return dP * step.slope(layer)
    return step.activation(layer).backward(dP, step.Z[layer], step.P)


def _penalty(step: Pass, layer: int) -> Array:
    penalty = step.exercise.penalty
    if penalty is None:
        return np.zeros_like(step.W[layer])
    return penalty.gradient(step.W[layer]) * step.convention.decay_factor(step.rows)


def _weights(step: Pass, layer: int) -> Array:
    product = step.value("dW", layer)
    return product if step.exercise.penalty is None else product + step.value("penalty", layer)


SITES: dict[str, Callable[[Pass, int], Array]] = {
    "X": lambda step, _: step.point.X,
    "Z": lambda step, n: step.H[n - 1] @ step.W[n] + step.b[n],
    "H": lambda step, n: step.activation(n).value(step.Z[n]),
    "dP": lambda step, _: step.exercise.loss.prediction_gradient(step.P, step.Y) * step.unit,
    "slope": lambda step, n: step.activation(n).slope(step.Z[n], step.H[n]),
    "dZ": _error,
    "dH": lambda step, n: step.dZ[n + 1] @ step.W[n + 1].T,
    "dW": lambda step, n: step.H[n - 1].T @ step.dZ[n],
    "db": lambda step, n: step.dZ[n].sum(axis=0),
    "penalty": _penalty,
    "gW": _weights,
    "gb": lambda step, n: step.value("db", n),
}
"""The lines of a step: inputs, both lines of the forward pass, and those of the way back. `dW` and
`db` are without the penalty, `gW` and `gb` with everything."""


def _bound(rule: Any, step: Pass, layer: int, make: Callable[[], Array]) -> Callable[[], Array]:
    return lambda: rule(step, layer, make)


def run_pass(
    point: Point, convention: Convention, changes: Sequence[Change] = (), known: Pass | None = None
) -> Pass | None:
    """Return the step under some changes, or None if NumPy stops at one of them.

    `known` is a step at the same point whose forward pass is taken over if no change touches it.
    """
    step = Pass(point, convention, changes)
    with np.errstate(all="ignore"):
        try:
            if known is None or any(change.site in FORWARD_SITES for change in changes):
                step.forward()
            else:
                step.X, step.P, step.Z, step.H = known.X, known.P, known.Z, known.H
            step.backward()
        except (ValueError, IndexError, TypeError, ZeroDivisionError, ArithmeticError, KeyError):
            return None
    return step


def gradients(step: Pass) -> dict[str, Array]:
    """Return the gradients by name, the last layer first: `W3`, `b3`, `W2`, ..."""
    found: dict[str, Array] = {}
    for layer in range(step.depth, 0, -1):
        found[f"W{layer}"] = step.dW[layer]
        found[f"b{layer}"] = step.db[layer]
    return found
