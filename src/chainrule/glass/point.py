"""A point at which a network's gradient is checked: weights, data, masks and moments, all fixed.

Decisions
---------
a) The number that is differentiated is the number that the engine reports: the same `Walk` runs,
   in float64 or in complex128, and at the point itself both are the same to the last bit. The
   gradient under test comes from the reference engine, as in training.
b) Dropout masks and running moments are part of the point, so every evaluation sees the same ones.
c) The weights are the network's own first weights, moved a little: with every bias at 0 and every
   scale at 1, a gradient that forgets one of them would look right.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any, Protocol

import numpy as np

from chainrule.engine.protocol import Buffers, Evaluation, Rows
from chainrule.engine.reference import ReferenceEngine
from chainrule.engine.walk import Walk, draw_noise
from chainrule.frozen import frozen
from chainrule.glass.differences import Guard, Probe
from chainrule.maths.arrays import Array
from chainrule.nn.graph import Node
from chainrule.plan.plan import Plan
from chainrule.plan.steps import backward_steps, gradient_name
from chainrule.streams import Stream

__all__ = ["NetworkPoint", "Point", "guard_of", "network_point", "not_analytic"]

_NUDGE = 0.1
_SHIFT = 1e-2


class Point(Protocol):
    """What a comparison needs: tensors that may move, the value, and the gradient under test."""

    @property
    def tensors(self) -> Mapping[str, np.ndarray]:
        """The tensors by name, float64."""
        ...

    @property
    def fixed(self) -> Mapping[str, np.ndarray]:
        """Entries that must not move (category codes), as masks by tensor name."""
        ...

    def value(self, tensors: Mapping[str, Array]) -> Any:
        """Return the objective, for real or complex tensors."""
        ...

    def probe(self, tensors: Mapping[str, Array]) -> Probe:
        """Return the objective and the numbers that may sit on corners."""
        ...

    def gradients(self) -> Mapping[str, np.ndarray]:
        """Return the gradient under test by tensor name."""
        ...


@frozen
class NetworkPoint:
    """One point of a plan's objective, as a function of the parameters and of X."""

    plan: Plan
    weights: np.ndarray
    running: np.ndarray
    rows: Rows
    noise: Mapping[str, np.ndarray]
    training: bool
    tensors: Mapping[str, np.ndarray] = field(init=False, repr=False)
    fixed: Mapping[str, np.ndarray] = field(init=False, repr=False)
    evaluation: Evaluation = field(init=False, repr=False)

    def __post_init__(self) -> None:
        buffers = Buffers(self.weights, {}, self.running)
        engine = ReferenceEngine(self.plan, "float64")
        evaluation = engine.evaluate(buffers, self.rows, self.training, dict(self.noise))
        name = self.plan.graph.input.name
        tensors = {**self.plan.parameters.views(self.weights), name: self.rows.X}
        object.__setattr__(self, "evaluation", evaluation)
        object.__setattr__(self, "tensors", tensors)
        object.__setattr__(self, "fixed", {name: _codes(self._walk(tensors))})

    def value(self, tensors: Mapping[str, Array]) -> Any:
        """Return data term plus penalties."""
        return self._objective(self._walk(tensors))

    def probe(self, tensors: Mapping[str, Array]) -> Probe:
        """Return the objective, the inputs of activations with corners, and the raw outputs."""
        walk = self._walk(tensors)
        return Probe(float(self._objective(walk)), tuple(self._guards(walk)))

    def gradients(self) -> Mapping[str, np.ndarray]:
        """Return the engine's gradient by each parameter and by X."""
        gradients = dict(self.plan.parameters.views(self.evaluation.gradient))
        name = self.plan.graph.input.name
        gradient = self.evaluation.tensors.get(gradient_name(name))
        gradients[name] = np.zeros_like(self.rows.X) if gradient is None else gradient
        return gradients

    def _walk(self, tensors: Mapping[str, Array]) -> Walk:
        running = self.plan.running.views(self.running)
        walk = Walk(self.plan, tensors, running, self.noise, self.training)
        with np.errstate(all="ignore"):
            walk.forward(tensors[self.plan.graph.input.name])
        return walk

    def _objective(self, walk: Walk) -> Any:
        with np.errstate(all="ignore"):
            return walk.loss(self.rows.Y, self.rows.weights) + walk.penalties()

    def _guards(self, walk: Walk) -> list[Guard]:
        guards: list[Guard] = []
        for node in self.plan.graph.nodes:
            guards.extend(guard_of(node.name, node.op.kinks(), walk.local[node.name]))
        raw = walk.tensors[self.plan.graph.output.name]
        distance = self.plan.loss.kink_distance(raw, self.rows.Y)
        if distance is not None:
            guards.append(Guard(f"loss {self.plan.loss.name}", raw, distance))
        return guards


def guard_of(
    name: str, kinks: Mapping[str, tuple[float, ...]], tensors: Mapping[str, Array]
) -> list[Guard]:
    """Return the guards of one operation: each input that has corners, and how far off they are."""
    guards: list[Guard] = []
    for local, places in kinks.items():
        if places:
            position = tensors[local]
            distance = np.min([np.abs(position - place) for place in places], axis=0)
            guards.append(Guard(f"{name}.{local}", position, distance))
    return guards


def network_point(
    plan: Plan,
    rows: Rows,
    training: bool,
    seed: int,
    weights: np.ndarray | None = None,
    attempt: int = 0,
) -> NetworkPoint:
    """Return the point of a seed; each further `attempt` moves weights and inputs off corners."""
    moved = Stream(seed, "gradcheck:weights", attempt).normal(plan.parameters.size)
    if weights is None:
        weights = plan.initial_weights(seed) + _NUDGE * moved
    elif attempt:
        weights = weights + _SHIFT * moved
    running = plan.initial_running()
    running = running + 0.5 * Stream(seed, "gradcheck:moments").uniform(running.shape)
    noise = draw_noise(plan, seed, 0, 0, len(rows), (0, 1)) if training else {}
    point = NetworkPoint(plan, weights, running, rows, noise, training)
    if not attempt:
        return point
    shift = _SHIFT * Stream(seed, "gradcheck:X", attempt).normal(rows.X.shape)
    X = np.where(point.fixed[plan.graph.input.name], rows.X, rows.X + shift)
    return NetworkPoint(plan, weights, running, Rows(X, rows.Y, rows.weights), noise, training)


def not_analytic(plan: Plan) -> tuple[str, ...]:
    """Return the parts of a plan whose formulas do not hold for complex numbers."""
    parts = [node.name for node in plan.graph.nodes if not node.op.analytic()]
    if not plan.loss.analytic:
        parts.append(f"loss {plan.loss.name}")
    terms = [penalty for penalty in plan.penalties if penalty.kind == "objective"]
    parts.extend(f"penalty {penalty.name}" for penalty in terms if not penalty.analytic)
    return tuple(parts)


def _codes(walk: Walk) -> np.ndarray:
    """Return which entries of X are codes to look up, which have no derivative."""
    X = walk.tensors[walk.plan.graph.input.name]
    codes = np.zeros(X.shape, bool)
    nodes = walk.plan.graph.nodes
    for place, node in enumerate(nodes):
        for local in set(node.op.inputs()) - set(node.op.differentiable()):
            codes |= _reaches(walk, nodes[:place], node.tensor(local)) != 0
    return codes


def _reaches(walk: Walk, nodes: tuple[Node, ...], name: str) -> np.ndarray:
    """Return the gradient by X of one tensor, weighted with numbers that do not cancel."""
    tensor = walk.tensors[name]
    weights = 1.0 + Stream(0, "gradcheck:codes").uniform(tensor.shape)
    gradients = {gradient_name(name): weights}
    for step in backward_steps(nodes, name):
        dOutput = gradients[step.output_gradient]
        parts = step.node.op.backward(walk.local[step.node.name], dOutput, walk.training)
        for target in step.targets:
            before = gradients[target.name] if target.add else 0.0
            gradients[target.name] = parts[target.local] + before
    input_name = walk.plan.graph.input.name
    zero = np.zeros(walk.tensors[input_name].shape)
    return gradients.get(gradient_name(input_name), zero)
