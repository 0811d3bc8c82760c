"""Activation `H = f(Z)`, element-wise or over the last axis."""

from __future__ import annotations

import math
from collections.abc import Mapping

from chainrule.frozen import frozen
from chainrule.maths.activation import ACTIVATIONS, Activation
from chainrule.maths.arrays import Array
from chainrule.ops.op import OPS, Op, Tensors
from chainrule.ops.shapes import Shape

__all__ = ["Activate"]


@OPS.register
@frozen
class Activate(Op):
    r"""Apply an activation: :math:`H = f(Z)`, backward :math:`dZ = dH \odot f'(Z)`.

    Shapes: Z and H `(N, d)` or `(N, T, d)`; learned parameters `(d,)`. Activations that mix
    elements (softmax) multiply by their Jacobian instead.

    Source: the activation's own record.

    Example
    -------
    >>> import numpy as np
    >>> from chainrule.maths.activation import ACTIVATIONS
    >>> from chainrule.ops.activate import Activate
    >>> relu = Activate(ACTIVATIONS.make("relu"))
    >>> relu.forward({"Z": np.array([[-1.0, 2.0]])}, training=True)["H"]
    array([[0., 2.]])
    """

    name = "activate"
    rules = {"function": ACTIVATIONS.any_of()}
    output = "H"
    latex = r"H = f(Z)"
    backward_latex = {"Z": r"dZ = dH \odot f'(Z)"}
    source = "chainrule.maths.activation"

    function: Activation

    @classmethod
    def examples(cls) -> tuple[Activate, ...]:
        """Return one operation for each example of each registered activation."""
        return tuple(cls(example) for member in ACTIVATIONS for example in member.examples())

    def inputs(self) -> tuple[str, ...]:
        """Return `Z`."""
        return ("Z",)

    def trainable(self) -> tuple[str, ...]:
        """Return the names of the activation's learned parameters."""
        return tuple(learned.name for learned in self.function.learned)

    def analytic(self) -> bool:
        """Say what the activation's record says."""
        return self.function.analytic

    def kinks(self) -> Mapping[str, tuple[float, ...]]:
        """Return the kinks of the activation's record."""
        return {"Z": tuple(kink.at for kink in self.function.kinks())}

    def infer(self, shapes: Mapping[str, Shape]) -> Shape:
        """Return the shape of Z."""
        return shapes["Z"]

    def inner_shapes(self, shapes: Mapping[str, Shape]) -> Mapping[str, Shape]:
        """Return `(d,)` for each learned parameter."""
        return dict.fromkeys(self.trainable(), (shapes["Z"][-1],))

    def forward(self, tensors: Tensors, training: bool) -> dict[str, Array]:
        """Return H."""
        return {"H": self.function.value(tensors["Z"], **self._learned(tensors))}

    def backward(self, tensors: Tensors, dOutput: Array, training: bool) -> dict[str, Array]:
        """Return dZ and the gradients of the learned parameters."""
        learned = self._learned(tensors)
        values = (dOutput, tensors["Z"], tensors["H"])
        return {
            "Z": self.function.backward(*values, **learned),
            **self.function.learned_gradients(*values, **learned),
        }

    def flops(self, shapes: Mapping[str, tuple[int, ...]]) -> tuple[int, int]:
        """Count one operation an element forward and two backward, as is usual."""
        elements = math.prod(shapes["Z"])
        return elements, 2 * elements

    def _learned(self, tensors: Tensors) -> dict[str, Array]:
        return {name: tensors[name] for name in self.trainable()}
