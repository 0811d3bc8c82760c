"""The network as a list of operations over named tensors, before any array exists."""

from __future__ import annotations

from dataclasses import field

from chainrule.frozen import frozen
from chainrule.maths.initialiser import Initialiser
from chainrule.ops.op import Op
from chainrule.ops.shapes import Shape

__all__ = ["Graph", "Node", "Parameter", "Tensor"]


@frozen
class Tensor:
    """A named tensor and its symbolic shape: `dense_1.Z (N, 64)`."""

    name: str
    shape: Shape


@frozen
class Parameter:
    """A trainable tensor and how it starts and moves.

    `penalised` marks weights that penalties and decays act on (weight matrices, not biases, shifts
    or scales). `rate_factor` and `decay_factor` multiply the learning rate and the decay.
    """

    name: str
    shape: Shape
    initialiser: Initialiser
    fan_in: int
    fan_out: int
    gain: float = 1.0
    penalised: bool = False
    rate_factor: float = 1.0
    decay_factor: float = 1.0


@frozen
class Node:
    """One use of an operation: which global tensor each local name stands for."""

    name: str
    op: Op
    inputs: dict[str, str]
    output: Tensor
    trainable: dict[str, str] = field(default_factory=dict)
    running: dict[str, Tensor] = field(default_factory=dict)
    noise: dict[str, Tensor] = field(default_factory=dict)

    def tensor(self, local: str) -> str:
        """Return the global name of a local tensor."""
        if local in self.inputs:
            return self.inputs[local]
        return f"{self.name}.{local}"

    def gradient(self, local: str) -> str:
        """Return the global name of the gradient of a local tensor of this node."""
        return f"{self.name}.d{local}"


@frozen
class Graph:
    """A whole network: its input, its operations in order, its parameters and its output."""

    input: Tensor
    nodes: tuple[Node, ...]
    parameters: tuple[Parameter, ...]
    running: tuple[Tensor, ...]
    output: Tensor
    running_start: dict[str, float] = field(default_factory=dict)

    def shapes(self) -> dict[str, Shape]:
        """Return the shape of every tensor by global name."""
        shapes = {self.input.name: self.input.shape}
        shapes.update({node.output.name: node.output.shape for node in self.nodes})
        shapes.update({parameter.name: parameter.shape for parameter in self.parameters})
        shapes.update({tensor.name: tensor.shape for tensor in self.running})
        for node in self.nodes:
            shapes.update({tensor.name: tensor.shape for tensor in node.noise.values()})
        return shapes
