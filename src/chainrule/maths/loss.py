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
from typing import Any, ClassVar, Literal, cast

import numpy as np

from chainrule.checks import shown
from chainrule.errors import DataError, ShapeError
from chainrule.maths.activation import Activation
from chainrule.maths.arrays import Array, is_complex, namespace
from chainrule.registry import Record, new_registry

__all__ = ["LOSSES", "Loss", "Reduction", "judged", "objective", "row_factors", "row_share"]

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

    def value_and_gradient(self, raw: Array, Y: Array) -> tuple[Array, Array]:
        """Return `value` and `gradient`, which is what training asks for once a step.

        A loss that gets both from one computation overrides it.
        """
        return self.value(raw, Y), self.gradient(raw, Y)

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


def judged(loss: Loss, raw: Array, Y: Array) -> tuple[Array, Array]:
    """Return the loss of each row `(N,)` and its derivative by the raw outputs, fit for a step.

    Raises
    ------
    ShapeError
        The loss returns something else than these two, or in other shapes.
    DataError
        It returns what is no number.

    Example
    -------
    >>> import numpy as np
    >>> from chainrule.maths.loss import LOSSES, judged
    >>> judged(LOSSES.make("squared_error"), np.array([[3.0]]), np.array([[1.0]]))
    (array([4.]), array([[4.]]))
    """
    found: Any = loss.value_and_gradient(raw, Y)
    if not isinstance(found, (tuple, list)) or len(cast("list[Any]", found)) != 2:
        raise ShapeError(
            "the loss does not return two arrays",
            where=f"loss {loss.name}",
            expected="the loss of each row, and its derivative by the raw outputs",
            got=shown(found),
        )
    values, gradient = cast("tuple[Array, Array]", found)
    return (
        _of_shape(values, raw.shape[:1], raw, f"loss {loss.name}, value"),
        _of_shape(gradient, raw.shape, raw, f"loss {loss.name}, gradient"),
    )


def _of_shape(found: Any, shape: tuple[int, ...], raw: Array, where: str) -> Array:
    """Return what a loss has found in the type of raw, if it is an array of such numbers."""
    if getattr(found, "shape", None) == shape and found.dtype == raw.dtype:
        return found
    try:
        array = np.asarray(found)
    except ValueError:  # lists of unequal lengths
        array = np.asarray(None)
    if array.dtype.kind not in ("fiubc" if is_complex(raw) else "fiub"):
        raise DataError(
            "the loss returns what is no number",
            where=where,
            expected=f"numbers, {shape}",
            got=shown(found),
        )
    if array.shape != shape:
        raise ShapeError(
            "the loss returns an array that does not fit the batch",
            where=where,
            expected=f"{shape}, as the raw outputs are {raw.shape}",
            got=str(array.shape),
            do="sum a row's loss over its outputs, and leave weights and the mean to the library",
        )
    return array.astype(raw.dtype, copy=False)  # a step in float32 stays one


def objective(values: Array, factors: Array) -> Array:
    r"""Return the data term of the objective, `sum_i factor_i * value_i`."""
    return namespace(values).sum(values * factors)


LOSSES = new_registry("loss", Loss)

LossSpec = str | Loss | Mapping[str, object]
