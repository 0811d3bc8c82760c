"""The steps of a plan: what one training step does, in order, over named tensors."""

from __future__ import annotations

from typing import TypeAlias

from chainrule.frozen import frozen
from chainrule.maths.clipping import Clipping
from chainrule.maths.penalty import Penalty
from chainrule.nn.graph import Node

__all__ = [
    "BackwardStep",
    "ClipStep",
    "ForwardStep",
    "GradientTarget",
    "LossStep",
    "PenaltyStep",
    "ProjectStep",
    "Step",
    "UpdateStep",
    "backward_steps",
    "gradient_name",
]


@frozen
class ForwardStep:
    """Run one operation forward."""

    node: Node


@frozen
class LossStep:
    """Compute the data term of the objective and the gradient of the raw outputs."""

    raw: str
    gradient: str


@frozen
class GradientTarget:
    """Where one gradient of an operation goes; `add` if another one is there already."""

    local: str
    name: str
    add: bool


@frozen
class BackwardStep:
    """Run one operation backward."""

    node: Node
    output_gradient: str
    targets: tuple[GradientTarget, ...]


@frozen
class PenaltyStep:
    """Add a penalty of one parameter to the objective and its gradient."""

    penalty: Penalty
    parameter: str


@frozen
class ClipStep:
    """Clip the flat gradient."""

    clipping: Clipping


@frozen
class UpdateStep:
    """Decay the weights and let the optimizer move them."""


@frozen
class ProjectStep:
    """Move one parameter to the nearest allowed point."""

    penalty: Penalty
    parameter: str


Step: TypeAlias = (
    ForwardStep | LossStep | PenaltyStep | BackwardStep | ClipStep | UpdateStep | ProjectStep
)


def gradient_name(tensor: str) -> str:
    """Return the name of a tensor's gradient: `dense_1.Z` -> `dense_1.dZ`, `X` -> `dX`."""
    owner, dot, local = tensor.rpartition(".")
    return f"{owner}{dot}d{local}"


def backward_steps(nodes: tuple[Node, ...], output: str) -> tuple[BackwardStep, ...]:
    """Return the backward steps in order: nodes reversed, gradients summed where paths meet.

    Operations whose result does not reach the output have no gradient and no step.
    """
    reached = {output}
    steps: list[BackwardStep] = []
    for node in reversed(nodes):
        if node.output.name not in reached:
            continue
        targets: list[GradientTarget] = []
        for local in (*node.op.differentiable(), *node.op.trainable()):
            name = node.tensor(local)
            targets.append(GradientTarget(local, gradient_name(name), name in reached))
            reached.add(name)
        steps.append(BackwardStep(node, gradient_name(node.output.name), tuple(targets)))
    return tuple(steps)
