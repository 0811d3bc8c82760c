"""Learned scale of each feature, `Z = X * s`."""

from __future__ import annotations

import math
from collections.abc import Mapping

from chainrule.frozen import frozen
from chainrule.maths.arrays import Array, flat_rows, namespace
from chainrule.ops.op import OPS, Op, Tensors
from chainrule.ops.shapes import Shape, expect_rank

__all__ = ["Scale"]


@OPS.register
@frozen
class Scale(Op):
    r"""Multiply each feature by a learned number: :math:`Z = X \odot s`.

    Shapes: X, Z `(N, d)` or `(N, T, d)`; s `(d,)`.

    Source: Holzmueller, Grinsztajn, Steinwart, "Better by default" (2024), scaling layer.

    Example
    -------
    >>> import numpy as np
    >>> from chainrule.ops.scale import Scale
    >>> Scale().forward({"X": np.array([[1.0, 2.0]]), "s": np.array([3.0, 0.5])}, training=True)[
    ...     "Z"
    ... ]
    array([[3., 1.]])
    """

    name = "scale"
    latex = r"Z = X \odot s"
    backward_latex = {"X": r"dX = dZ \odot s", "s": r"ds = \sum_{i=1}^{N} dZ_i \odot X_i"}
    source = "Holzmueller, Grinsztajn, Steinwart, Better by Default, NeurIPS 2024"

    def trainable(self) -> tuple[str, ...]:
        """Return s."""
        return ("s",)

    def infer(self, shapes: Mapping[str, Shape]) -> Shape:
        """Return the shape of X."""
        expect_rank(shapes, (2, 3))
        return shapes["X"]

    def inner_shapes(self, shapes: Mapping[str, Shape]) -> Mapping[str, Shape]:
        """Return `(d,)`."""
        return {"s": (shapes["X"][-1],)}

    def forward(self, tensors: Tensors, training: bool) -> dict[str, Array]:
        """Return Z."""
        return {"Z": tensors["X"] * tensors["s"]}

    def backward(self, tensors: Tensors, dOutput: Array, training: bool) -> dict[str, Array]:
        """Return dX and ds."""
        sums = namespace(dOutput).sum(flat_rows(dOutput * tensors["X"]), axis=0)
        return {"X": dOutput * tensors["s"], "s": sums}

    def flops(self, shapes: Mapping[str, tuple[int, ...]]) -> tuple[int, int]:
        """Return one product forward, two products and a sum backward."""
        elements = math.prod(shapes["X"])
        return elements, 3 * elements
