"""A point at which one operation is checked alone.

The number to differentiate is `sum(C * output)` with a fixed C, so that dOutput is C.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any

import numpy as np

from chainrule.errors import ShapeError
from chainrule.frozen import frozen
from chainrule.glass.differences import Guard, Probe
from chainrule.glass.point import guard_of
from chainrule.maths.arrays import Array
from chainrule.ops.op import Op
from chainrule.ops.shapes import ROWS, Dim, Shape, sizes
from chainrule.streams import Stream

__all__ = ["OpPoint", "op_point", "sample_inputs"]


@frozen
class OpPoint:
    """One operation, as a function of its inputs and trainable tensors."""

    op: Op
    tensors: Mapping[str, np.ndarray]
    given: Mapping[str, np.ndarray]
    """Codes, running moments and noise: what has no derivative."""
    weights: np.ndarray
    """The C in `sum(C * output)`."""
    training: bool
    fixed: Mapping[str, np.ndarray] = field(default_factory=dict)

    def forward(self, tensors: Mapping[str, Array]) -> dict[str, Array]:
        """Return every tensor of the operation by local name."""
        given = {**self.given, **tensors}
        return {**given, **self.op.forward(given, self.training)}

    def value(self, tensors: Mapping[str, Array]) -> Any:
        """Return `sum(C * output)`."""
        return np.sum(self.weights * self.forward(tensors)[self.op.output])

    def probe(self, tensors: Mapping[str, Array]) -> Probe:
        """Return the value and the inputs that may sit on corners."""
        local = self.forward(tensors)
        guards: list[Guard] = guard_of(self.op.name, self.op.kinks(), local)
        return Probe(float(np.sum(self.weights * local[self.op.output])), tuple(guards))

    def gradients(self) -> Mapping[str, np.ndarray]:
        """Return what `backward` gives for dOutput = C."""
        return self.op.backward(self.forward(self.tensors), self.weights, self.training)


def sample_inputs(op: Op, seed: int = 0, sequence: bool = False) -> dict[str, np.ndarray] | None:
    """Return valid inputs of an operation by local name.

    `sequence` asks for `(N, T, d)` where the operation's own sample is `(N, d)`; None if it does
    not take that.
    """
    stream = Stream(seed, f"laws:op:{op!r}")
    drawn = op.sample_inputs(lambda shape: stream.uniform(shape))
    if not sequence:
        # Inputs of one shape would be equal: each is turned around by its place.
        return {name: np.roll(array, place, 0) for place, (name, array) in enumerate(drawn.items())}
    if any(array.ndim != 2 for array in drawn.values()):
        return None
    stacked = {
        name: np.stack([np.roll(array, turn, 0) / (1.0 + turn + place) for turn in range(3)], 1)
        for place, (name, array) in enumerate(drawn.items())
    }
    try:
        op.infer({name: _symbolic(array) for name, array in stacked.items()})
    except ShapeError:
        return None
    return stacked


def op_point(op: Op, inputs: Mapping[str, np.ndarray], training: bool, seed: int = 0) -> OpPoint:
    """Return the point of one operation for given inputs; all else is drawn from the seed."""
    rows = len(next(iter(inputs.values())))
    shapes = {name: _symbolic(array) for name, array in inputs.items()}
    output = op.infer(shapes)
    inner = op.inner_shapes({**shapes, op.output: output})
    movable = set(op.differentiable())
    tensors = {name: array for name, array in inputs.items() if name in movable}
    given = {name: array for name, array in inputs.items() if name not in movable}
    for name in op.trainable():
        tensors[name] = 1.0 + Stream(seed, f"laws:{name}").normal(sizes(inner[name], rows))
    for name in op.running:
        given[name] = 0.5 + Stream(seed, f"laws:{name}").uniform(sizes(inner[name], rows))
    if op.noise:
        shape = sizes(inner[op.noise[0]], rows)
        given.update(op.draw(Stream(seed, "laws:noise"), shape, 0, 1.0))
    weights = Stream(seed, "laws:C").normal(sizes(output, rows))
    return OpPoint(op, tensors, given, weights, training)


def _symbolic(array: np.ndarray) -> Shape:
    symbols = ("d",) if array.ndim == 2 else ("T", "d")
    dims = zip(symbols, array.shape[1:], strict=True)
    return (ROWS, *(Dim(symbol, size) for symbol, size in dims))
