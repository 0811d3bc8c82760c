"""Inverted dropout `H = X * M`."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from chainrule.checks import AnyOf, NoneValue, Real
from chainrule.frozen import frozen
from chainrule.maths.arrays import Array, namespace
from chainrule.maths.schedule import SCHEDULES, Schedule
from chainrule.ops.op import OPS, Op, Tensors
from chainrule.ops.shapes import Shape
from chainrule.streams import Stream

__all__ = ["Dropout"]


@OPS.register
@frozen
class Dropout(Op):
    r"""Drop elements at random while training: :math:`H = X \odot M`.

    :math:`M_{ij}` is 0 with probability `rate` and :math:`1 / (1 - rate)` otherwise, so the mean is
    kept and prediction uses X unchanged. The rate at a step is `rate` times the schedule's factor.

    Shapes: X, M, H `(N, d)` or `(N, T, d)`.

    Source: Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting"
    (JMLR 2014), section 10 (inverted scaling).

    Example
    -------
    >>> import numpy as np
    >>> from chainrule.ops.dropout import Dropout
    >>> Dropout(0.5).forward({"X": np.ones((1, 2)), "M": np.array([[0.0, 2.0]])}, training=True)[
    ...     "H"
    ... ]
    array([[0., 2.]])
    """

    name = "dropout"
    rules = {"rate": Real(0, 1, closed="left"), "schedule": AnyOf(NoneValue(), SCHEDULES.any_of())}
    output = "H"
    noise = ("M",)
    latex = r"H = X \odot M,\quad M_{ij} \in \{0, 1/(1 - p)\}"
    backward_latex = {"X": r"dX = dH \odot M"}
    source = "Srivastava et al., Dropout, JMLR 15, 2014"

    rate: float = 0.5
    schedule: Schedule | None = None

    @classmethod
    def examples(cls) -> tuple[Dropout, ...]:
        """Return a light and a heavy dropout."""
        return (cls(0.2), cls(0.5))

    def inner_shapes(self, shapes: Mapping[str, Shape]) -> Mapping[str, Shape]:
        """Return the shape of the mask."""
        return {"M": shapes["X"]}

    def draw(
        self, stream: Stream, shape: tuple[int, ...], start: int, factor: float
    ) -> dict[str, Array]:
        """Return the scaled mask M."""
        rate = self.rate * factor
        kept = stream.keep(shape, rate, start)
        return {"M": np.where(kept, 1.0 / (1.0 - rate), 0.0)}

    def rest(self, shape: tuple[int, ...], like: Array) -> dict[str, Array]:
        """Return a mask of ones."""
        return {"M": namespace(like).ones(shape, dtype=like.dtype)}

    def forward(self, tensors: Tensors, training: bool) -> dict[str, Array]:
        """Return H; in prediction X passes unchanged."""
        return {"H": tensors["X"] * tensors["M"] if training else tensors["X"]}

    def backward(self, tensors: Tensors, dOutput: Array, training: bool) -> dict[str, Array]:
        """Return dX."""
        return {"X": dOutput * tensors["M"] if training else dOutput}

    def flops(self, shapes: Mapping[str, tuple[int, ...]]) -> tuple[int, int]:
        """Return one product an element, each way."""
        elements = math.prod(shapes["X"])
        return elements, elements
