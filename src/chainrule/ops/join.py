"""Joining tensors: sum (residual connections) and concatenation (dense connections)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from chainrule.checks import Integer
from chainrule.frozen import frozen
from chainrule.maths.arrays import Array, namespace
from chainrule.ops.op import OPS, Op, Tensors
from chainrule.ops.shapes import Dim, Shape, expect_rank, expect_same

__all__ = ["Add", "Concat"]


def _numbered(terms: int) -> tuple[str, ...]:
    return tuple(f"X{term}" for term in range(terms))


@OPS.register
@frozen
class Add(Op):
    r"""Add tensors of one shape: :math:`Z = \sum_k X_k`; each term receives dZ.

    Shapes: X0, X1, ... and Z all `(N, d)` or `(N, T, d)`.

    Source: He, Zhang, Ren, Sun, "Deep residual learning for image recognition" (2016).

    Example
    -------
    >>> import numpy as np
    >>> from chainrule.ops.join import Add
    >>> Add().forward({"X0": np.ones((1, 2)), "X1": np.ones((1, 2))}, training=True)["Z"]
    array([[2., 2.]])
    """

    name = "add"
    rules = {"terms": Integer(2)}
    latex = r"Z = X_0 + X_1 + \dots"
    backward_latex = {"X0": r"dX_k = dZ"}
    source = "He, Zhang, Ren, Sun, Deep Residual Learning for Image Recognition, CVPR 2016"

    terms: int = 2

    @classmethod
    def examples(cls) -> tuple[Add, ...]:
        """Return a sum of two and sums of more."""
        return (cls(), cls(3), cls(4))

    def inputs(self) -> tuple[str, ...]:
        """Return X0, X1, ..."""
        return _numbered(self.terms)

    def infer(self, shapes: Mapping[str, Shape]) -> Shape:
        """Return the common shape."""
        expect_same(shapes)
        return shapes["X0"]

    def forward(self, tensors: Tensors, training: bool) -> dict[str, Array]:
        """Return Z, summed from left to right."""
        first, *others = (tensors[name] for name in self.inputs())
        for other in others:
            first = first + other
        return {"Z": first}

    def backward(self, tensors: Tensors, dOutput: Array, training: bool) -> dict[str, Array]:
        """Return dZ for each term."""
        return dict.fromkeys(self.inputs(), dOutput)

    def flops(self, shapes: Mapping[str, tuple[int, ...]]) -> tuple[int, int]:
        """Return one sum an element and term beyond the first, each way."""
        elements = math.prod(shapes["X0"]) * (self.terms - 1)
        return elements, elements


@OPS.register
@frozen
class Concat(Op):
    r"""Put tensors side by side along the last axis: :math:`Z = [X_0, X_1, \dots]`.

    Shapes: Xk `(N, d_k)` or `(N, T, d_k)`, Z with `d_0 + d_1 + ...`.

    Source: Huang, Liu, van der Maaten, Weinberger, "Densely connected convolutional networks"
    (2017).

    Example
    -------
    >>> import numpy as np
    >>> from chainrule.ops.join import Concat
    >>> Concat().forward({"X0": np.ones((1, 2)), "X1": np.zeros((1, 1))}, training=True)["Z"]
    array([[1., 1., 0.]])
    """

    name = "concat"
    rules = {"terms": Integer(2)}
    latex = r"Z = [X_0, X_1, \dots]"
    backward_latex = {"X0": r"dX_k = dZ_{:,\, \text{columns of } k}"}
    source = "Huang et al., Densely Connected Convolutional Networks, CVPR 2017"

    terms: int = 2

    @classmethod
    def examples(cls) -> tuple[Concat, ...]:
        """Return two tensors side by side and more."""
        return (cls(), cls(3), cls(4))

    def inputs(self) -> tuple[str, ...]:
        """Return X0, X1, ..."""
        return _numbered(self.terms)

    def sample_inputs(self, uniform: Callable[[tuple[int, ...]], Array]) -> dict[str, Array]:
        """Return tensors of different widths."""
        return {
            name: 4.0 * uniform((5, 2 + place % 3)) - 2.0
            for place, name in enumerate(self.inputs())
        }

    def infer(self, shapes: Mapping[str, Shape]) -> Shape:
        """Return the shape of Z."""
        expect_rank(shapes, (2, 3))
        expect_same(shapes, last=False)
        last = [shapes[name][-1] for name in self.inputs()]
        symbol = " + ".join(dim.symbol for dim in last)
        return (*shapes["X0"][:-1], Dim(symbol, sum(dim.size or 0 for dim in last)))

    def forward(self, tensors: Tensors, training: bool) -> dict[str, Array]:
        """Return Z."""
        parts = [tensors[name] for name in self.inputs()]
        return {"Z": namespace(parts[0]).concat(parts, axis=-1)}

    def backward(self, tensors: Tensors, dOutput: Array, training: bool) -> dict[str, Array]:
        """Return the columns of dZ that belong to each term."""
        gradients: dict[str, Array] = {}
        start = 0
        for name in self.inputs():
            width = tensors[name].shape[-1]
            gradients[name] = dOutput[..., start : start + width]
            start += width
        return gradients

    def flops(self, shapes: Mapping[str, tuple[int, ...]]) -> tuple[int, int]:
        """Return nothing: values are copied, not computed."""
        return 0, 0
