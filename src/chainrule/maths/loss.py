"""What a loss is: per-row value and derivative on raw outputs, its link, its valid targets.

Decisions
---------
a) A loss reads the *raw* outputs of the network (logits) and owns its link (sigmoid, softmax, ...).
   Fused forms are exact and stable for logits of any size, and no output activation can be paired
   with the wrong loss.
b) `value` and `gradient` are per row and unweighted. Weights and mean or sum are applied in one
   place (`objective`, `row_factors`), so that the gradient follows the reported number by
   construction.
c) The long-hand pair `prediction_value`, `prediction_gradient` works on predictions (after the
   link). It is what textbooks derive; tests and traces prove `link.backward(prediction_gradient)`
   equal to `gradient`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

import numpy as np

from chainrule.maths.activation import Activation
from chainrule.maths.arrays import Array, namespace
from chainrule.registry import Record, new_registry

__all__ = ["LOSSES", "Loss", "Reduction", "objective", "row_factors", "row_share"]

Reduction = Literal["mean", "sum"]


class Loss(Record):
    """Base of the losses on raw outputs, shape `(N, raw_width)`."""

    task: ClassVar[Literal["regression", "classification"]] = "regression"
    link: ClassVar[Activation]
    """Raw outputs to predictions."""
    targets: ClassVar[str] = r"y \in \mathbb{R}"
    """The valid targets, in LaTeX."""
    analytic: ClassVar[bool] = True
    """True if `value` holds for complex raw outputs near the real axis."""
    gradient_latex: ClassVar[str] = ""
    metrics: ClassVar[tuple[str, ...]] = ()
    """Names of the metrics that history reports by default."""

    def raw_width(self, targets: int) -> int:
        """Return the number of raw outputs for so many columns of encoded targets."""
        return targets

    def encode(self, y: object, width: int | None = None) -> np.ndarray:
        """Return the targets as a float64 array `(N, K)`, one-hot where classes are integers.

        Parameters
        ----------
        y : array-like, (N,) or (N, K)
        width : int, optional
            Number of target columns K where y cannot tell (integer class labels of one batch).

        Raises
        ------
        TargetError
            y is empty, not finite, or outside the loss's domain; names the first bad row.
        """
        raise NotImplementedError

    def value(self, raw: Array, Y: Array) -> Array:
        """Return the loss of each row, shape `(N,)`."""
        raise NotImplementedError

    def gradient(self, raw: Array, Y: Array) -> Array:
        """Return the derivative of each row's loss by its raw outputs, shape of `raw`."""
        raise NotImplementedError

    def predict(self, raw: Array) -> Array:
        """Return predictions (probabilities, means, ...) from raw outputs."""
        return self.link.value(raw)

    def scored(self, raw: Array, Y: Array) -> tuple[Array, Array]:
        """Return `value` and `predict` of the same raw outputs.

        A loss whose two formulas share their dearest part works it out once, to the same bits.
        """
        return self.value(raw, Y), self.predict(raw)

    def prediction_value(self, P: Array, Y: Array) -> Array:
        """Return the loss of each row from predictions, as the textbooks write it."""
        raise NotImplementedError

    def prediction_gradient(self, P: Array, Y: Array) -> Array:
        """Return the derivative of each row's loss by its predictions."""
        raise NotImplementedError

    def kink_distance(self, raw: Array, Y: Array) -> Array | None:
        """Return how far each raw output is from a kink of the loss, or None without kinks."""
        return None

    @classmethod
    def sample_targets(cls, uniform: np.ndarray) -> np.ndarray:
        """Map numbers in (0, 1), shape `(N, K)`, to valid encoded targets (for the laws)."""
        return 4.0 * uniform - 2.0


def row_factors(weights: Array | None, rows: int, reduction: Reduction, like: Array) -> Array:
    r"""Return the factor of each row in the objective, shape `(N,)`.

    Mean: `w_i / sum(w)`; sum: `w_i`. Without weights every `w_i` is 1. If all weights are zero the
    factors are zero.
    """
    xp = namespace(like)
    if weights is None:
        factor = 1.0 / rows if reduction == "mean" and rows else 1.0
        return xp.full((rows,), factor, dtype=like.dtype)
    factors = xp.astype(weights, like.dtype)
    if reduction == "sum":
        return factors
    total = xp.sum(factors)
    return factors / total if total != 0 else xp.zeros_like(factors)


def row_share(weights: Array | None, rows: int, reduction: Reduction) -> float:
    r"""Return what a term that is shared out over the rows is multiplied by.

    Mean: `1 / sum(w)`, 0 if all weights are zero; sum: 1.
    """
    if reduction == "sum":
        return 1.0
    total = float(rows) if weights is None else float(namespace(weights).sum(weights))
    return 1.0 / total if total else 0.0


def objective(values: Array, factors: Array) -> Array:
    r"""Return the data term of the objective, `sum_i factor_i * value_i`."""
    return namespace(values).sum(values * factors)


LOSSES = new_registry("loss", Loss)

LossSpec = str | Loss | Mapping[str, object]
