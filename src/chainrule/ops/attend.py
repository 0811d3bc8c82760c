"""Scaled dot-product attention over several heads."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from chainrule.checks import Boolean, Integer
from chainrule.errors import ShapeError
from chainrule.frozen import frozen
from chainrule.maths.arrays import Array, namespace, real
from chainrule.ops.op import OPS, Op, Tensors
from chainrule.ops.shapes import Shape, expect_rank, expect_same, shape_text

__all__ = ["Attend"]


@OPS.register
@frozen
class Attend(Op):
    r"""Mix the values of a sequence by the match of queries and keys.

    .. math::
        A = \operatorname{softmax}\left(\frac{Q K^\top}{\sqrt{d_k}}\right), \qquad Z = A V

    The last axis is cut into `heads` equal parts of :math:`d_k` features that attend on their own.
    With `causal`, position t sees positions up to t only.

    Shapes: Q, K, V, Z `(N, T, d)`; A `(N, heads, T, T)`.

    Source: Vaswani et al., "Attention is all you need" (2017), equation 1.

    Example
    -------
    >>> import numpy as np
    >>> from chainrule.ops.attend import Attend
    >>> X = np.array([[[1.0, 0.0], [0.0, 1.0]]])
    >>> Attend(heads=1, causal=True).forward({"Q": X, "K": X, "V": X}, training=True)["A"][0, 0, 0]
    array([1., 0.])
    """

    name = "attend"
    rules = {"heads": Integer(1), "causal": Boolean()}
    latex = r"Z = \operatorname{softmax}\left(Q K^\top / \sqrt{d_k}\right) V"
    backward_latex = {
        "V": r"dV = A^\top dZ",
        "Q": r"dQ = dS\, K / \sqrt{d_k},\quad dA = dZ\, V^\top,"
        r"\quad dS = A \odot \left(dA - \textstyle\sum_j dA_j A_j\right)",
        "K": r"dK = dS^\top Q / \sqrt{d_k}",
    }
    source = "Vaswani et al., Attention Is All You Need, NeurIPS 2017"

    heads: int = 1
    causal: bool = False

    @classmethod
    def examples(cls) -> tuple[Attend, ...]:
        """Return one head, several heads, and causal attention."""
        return (cls(1), cls(2), cls(2, causal=True))

    def inputs(self) -> tuple[str, ...]:
        """Return Q, K, V."""
        return ("Q", "K", "V")

    def sample_inputs(self, uniform: Callable[[tuple[int, ...]], Array]) -> dict[str, Array]:
        """Return sequences of three steps."""
        return {name: 4.0 * uniform((5, 3, 4)) - 2.0 for name in self.inputs()}

    def infer(self, shapes: Mapping[str, Shape]) -> Shape:
        """Return the shape of V."""
        expect_rank(shapes, (3,))
        expect_same(shapes)
        if (shapes["Q"][-1].size or 0) % self.heads:
            raise ShapeError(
                "the features cannot be shared equally among the heads",
                where="Q",
                expected=f"a last axis divisible by {self.heads} heads",
                got=shape_text(shapes["Q"]),
            )
        return shapes["V"]

    def forward(self, tensors: Tensors, training: bool) -> dict[str, Array]:
        """Return Z and the attention weights A."""
        Q, K, V = (self._split(tensors[name]) for name in ("Q", "K", "V"))
        xp = namespace(Q)
        scores = (Q @ xp.matrix_transpose(K)) / math.sqrt(Q.shape[-1])
        if self.causal:
            length = scores.shape[-1]
            position = xp.arange(length)
            later = position[None, :] > position[:, None]
            scores = xp.where(later, xp.asarray(-xp.inf, dtype=real(scores).dtype), scores)
        largest = xp.max(real(scores), axis=-1, keepdims=True)
        powers = xp.exp(scores - largest)
        weights = powers / xp.sum(powers, axis=-1, keepdims=True)
        return {"A": weights, "Z": self._merge(weights @ V)}

    def backward(self, tensors: Tensors, dOutput: Array, training: bool) -> dict[str, Array]:
        """Return dQ, dK and dV."""
        Q, K, V = (self._split(tensors[name]) for name in ("Q", "K", "V"))
        xp = namespace(Q)
        weights = tensors["A"]
        dHeads = self._split(dOutput)
        dWeights = dHeads @ xp.matrix_transpose(V)
        mean = xp.sum(dWeights * weights, axis=-1, keepdims=True)
        dScores = weights * (dWeights - mean) / math.sqrt(Q.shape[-1])
        return {
            "Q": self._merge(dScores @ K),
            "K": self._merge(xp.matrix_transpose(dScores) @ Q),
            "V": self._merge(xp.matrix_transpose(weights) @ dHeads),
        }

    def flops(self, shapes: Mapping[str, tuple[int, ...]]) -> tuple[int, int]:
        """Return two products of N T T d forward and four backward, plus the softmax."""
        rows, length, width = shapes["Q"]
        product = 2 * rows * length * length * width
        softmax = 5 * rows * self.heads * length * length
        return 2 * product + softmax, 4 * product + softmax

    def _split(self, array: Array) -> Array:
        xp = namespace(array)
        rows, length, width = array.shape
        parts = xp.reshape(array, (rows, length, self.heads, width // self.heads))
        return xp.permute_dims(parts, (0, 2, 1, 3))

    def _merge(self, array: Array) -> Array:
        xp = namespace(array)
        rows, heads, length, width = array.shape
        return xp.reshape(xp.permute_dims(array, (0, 2, 1, 3)), (rows, length, heads * width))
