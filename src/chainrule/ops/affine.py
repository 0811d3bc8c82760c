"""Affine map `Z = X W + b`."""

from __future__ import annotations

import math
from collections.abc import Mapping

from chainrule.checks import Boolean, Integer
from chainrule.frozen import frozen
from chainrule.maths.arrays import Array, flat_rows, namespace
from chainrule.ops.op import OPS, Op, Tensors
from chainrule.ops.shapes import Dim, Shape, expect_rank

__all__ = ["Affine"]


@OPS.register
@frozen
class Affine(Op):
    r"""Multiply by a weight matrix and add a bias: :math:`Z = X W + b`.

    Shapes: X `(N, d_in)` or `(N, T, d_in)`, W `(d_in, d_out)`, b `(d_out,)`, Z as X with `d_out`.
    The bias was added to every row, so its gradient is the sum of dZ over the rows.

    Source: Rumelhart, Hinton, Williams, "Learning representations by back-propagating errors"
    (1986).

    Example
    -------
    >>> import numpy as np
    >>> from chainrule.ops.affine import Affine
    >>> t = {"X": np.array([[1.0, 2.0]]), "W": np.array([[3.0], [4.0]]), "b": np.array([0.5])}
    >>> Affine(1).forward(t, training=True)["Z"]
    array([[11.5]])
    >>> Affine(1).backward(t, np.array([[2.0]]), training=True)["W"]
    array([[2.],
           [4.]])
    """

    name = "affine"
    rules = {"units": Integer(1), "bias": Boolean()}
    latex = r"Z = X W + b"
    backward_latex = {
        "X": r"dX = dZ\, W^\top",
        "W": r"dW = X^\top dZ",
        "b": r"db = \sum_{i=1}^{N} dZ_i",
    }
    source = (
        "Rumelhart, Hinton, Williams, Learning representations by back-propagating errors, 1986"
    )

    units: int
    bias: bool = True

    @classmethod
    def examples(cls) -> tuple[Affine, ...]:
        """Return one map with a bias and one without."""
        return (cls(2), cls(3, bias=False))

    def trainable(self) -> tuple[str, ...]:
        """Return `W` and, with a bias, `b`."""
        return ("W", "b") if self.bias else ("W",)

    def infer(self, shapes: Mapping[str, Shape]) -> Shape:
        """Return the shape of Z."""
        expect_rank(shapes, (2, 3))
        return (*shapes["X"][:-1], Dim("d_out", self.units))

    def inner_shapes(self, shapes: Mapping[str, Shape]) -> Mapping[str, Shape]:
        """Return the shapes of W and b."""
        d_out = Dim("d_out", self.units)
        inner = {"W": (shapes["X"][-1], d_out)}
        return {**inner, "b": (d_out,)} if self.bias else inner

    def forward(self, tensors: Tensors, training: bool) -> dict[str, Array]:
        """Return Z."""
        product = tensors["X"] @ tensors["W"]
        return {"Z": product + tensors["b"] if self.bias else product}

    def backward(self, tensors: Tensors, dOutput: Array, training: bool) -> dict[str, Array]:
        """Return dX, dW and db."""
        xp = namespace(dOutput)
        rows = flat_rows(dOutput)
        gradients = {"X": dOutput @ tensors["W"].T, "W": flat_rows(tensors["X"]).T @ rows}
        if self.bias:
            gradients["b"] = xp.sum(rows, axis=0)
        return gradients

    def flops(self, shapes: Mapping[str, tuple[int, ...]]) -> tuple[int, int]:
        """Return 2 N d_in d_out forward and twice that backward, plus the bias."""
        products = 2 * math.prod(shapes["X"]) * self.units
        sums = math.prod(shapes["Z"]) if self.bias else 0
        return products + sums, 2 * products + sums
