"""Running the steps of a plan over named tensors: forward, loss, backward, penalties.

Nothing here depends on a data type: the same walk runs in float32, float64, and in complex128 for
the complex-step derivative.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from chainrule.maths.arrays import Array, namespace
from chainrule.maths.loss import judged, objective, row_factors, row_share
from chainrule.ops.shapes import sizes
from chainrule.plan.plan import Plan
from chainrule.plan.steps import LossStep, PenaltyStep, Step, gradient_name
from chainrule.streams import Stream

__all__ = ["Walk", "draw_noise"]


def _ignore(step: Step, name: str, value: Array) -> None:
    """Observe nothing."""


class Walk:
    """One pass through a plan: holds the tensors by global name while the steps run.

    Parameters
    ----------
    plan : Plan
    parameters, running : mapping of name to array
    noise : mapping of name to array
        Noise tensors by global name; needed in training only.
    training : bool
    observe : Observer
    """

    def __init__(
        self,
        plan: Plan,
        parameters: Mapping[str, Array],
        running: Mapping[str, Array],
        noise: Mapping[str, Array],
        training: bool,
        observe: Callable[[Step, str, Array], None] = _ignore,
    ) -> None:
        self.plan = plan
        self.training = training
        self.observe = observe
        self.tensors: dict[str, Array] = {**parameters, **running, **noise}
        self.local: dict[str, dict[str, Array]] = {}
        self.new_running: dict[str, Array] = dict(running)
        self.share = 1.0

    def forward(self, X: Array) -> Array:
        """Run all forward steps and return the raw outputs."""
        self.tensors[self.plan.graph.input.name] = X
        for step in self.plan.forward_steps():
            node = step.node
            names = (*node.op.inputs(), *node.op.trainable(), *node.op.running)
            if self.training:
                names += node.op.noise
            given = {local: self.tensors[node.tensor(local)] for local in names}
            results = node.op.forward(given, self.training)
            self.local[node.name] = {**given, **results}
            for local, value in results.items():
                self._keep(step, f"{node.name}.{local}", value)
            for local in node.op.running:
                if f"new_{local}" in results:
                    self.new_running[f"{node.name}.{local}"] = results[f"new_{local}"]
        return self.tensors[self.plan.graph.output.name]

    def loss(self, Y: Array, weights: Array | None) -> Any:
        """Compute the data term and the gradient of the raw outputs; return the data term."""
        (step,) = self.plan.steps_of(LossStep)
        raw = self.tensors[step.raw]
        factors = row_factors(weights, raw.shape[0], self.plan.reduction, raw)
        values, slopes = judged(self.plan.loss, raw, Y)
        self._keep(step, "loss.values", values)
        self._keep(step, "loss.factors", factors)
        self.share = row_share(weights, raw.shape[0], self.plan.reduction)
        data = objective(values, factors)
        self._keep(step, "loss.J", data)
        self._keep(step, step.gradient, slopes * factors[:, None])
        return data

    def backward(self) -> None:
        """Run all backward steps; gradients appear in `tensors` under their names."""
        for step in self.plan.backward_steps():
            node = step.node
            dOutput = self.tensors[step.output_gradient]
            gradients = node.op.backward(self.local[node.name], dOutput, self.training)
            for target in step.targets:
                gradient = gradients[target.local]
                if target.add:
                    gradient = self.tensors[target.name] + gradient
                self._keep(step, target.name, gradient)

    def penalties(self) -> Any:
        """Return the sum of the penalties and add their gradients to the parameters' own."""
        total: Any = 0.0
        for step in self.plan.steps_of(PenaltyStep):
            W = self.tensors[step.parameter]
            share = self.share if step.penalty.shared else 1.0
            value = step.penalty.value(W) * share
            total = total + value
            label = f"{step.penalty.name}[{step.parameter}]"
            self._keep(step, f"penalty.{label}", value)
            gradient = step.penalty.gradient(W) * share
            self._keep(step, f"penalty.d{label}", gradient)
            name = gradient_name(step.parameter)
            before = self.tensors.get(name)
            self._keep(step, name, gradient if before is None else before + gradient)
        return total

    def gradient(self, like: Array) -> Array:
        """Return the flat gradient; parameters that the output does not depend on get zeros."""
        xp = namespace(like)
        parts: list[Array] = []
        for slot in self.plan.parameters.slots:
            gradient = self.tensors.get(gradient_name(slot.name))
            if gradient is None:
                gradient = xp.zeros((slot.stop - slot.start,), dtype=like.dtype)
            parts.append(xp.reshape(gradient, (-1,)))
        return xp.concat(parts) if parts else xp.zeros((0,), dtype=like.dtype)

    def _keep(self, step: Step, name: str, value: Array) -> None:
        self.tensors[name] = value
        self.observe(step, name, value)


def draw_noise(
    plan: Plan, seed: int, epoch: int, first_row: int, rows: int, progress: tuple[int, int]
) -> dict[str, Array]:
    """Return the noise tensors of a batch by global name, float64.

    `progress` is (step, total steps), for layers whose noise follows a schedule.
    """
    noise: dict[str, Array] = {}
    for node in plan.graph.nodes:
        if not node.op.noise:
            continue
        (tensor,) = node.noise.values()
        shape = sizes(tensor.shape, rows)
        per_row = 1
        for size in shape[1:]:
            per_row *= size
        schedule = getattr(node.op, "schedule", None)
        factor = 1.0 if schedule is None else schedule.factor(*progress)
        stream = Stream(seed, f"noise:{node.name}", epoch)
        drawn = node.op.draw(stream, shape, first_row * per_row, factor)
        noise.update({f"{node.name}.{local}": value for local, value in drawn.items()})
    return noise
