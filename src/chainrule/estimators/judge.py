"""Loss and score of the validation rows, at the end of each epoch."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from chainrule.engine.protocol import Buffers
from chainrule.engine.reference import ReferenceEngine
from chainrule.estimators.losses import constant_term
from chainrule.estimators.rows import Source, dense_blocks
from chainrule.frozen import frozen
from chainrule.maths.loss import Loss, objective, row_factors
from chainrule.maths.metrics_regression import R2

__all__ = ["Judge", "Judged", "accuracy", "coefficient_of_determination", "raw_outputs"]


@frozen
class Judged:
    """What a score may look at: raw outputs and loss of the validation rows, and the weights."""

    raw: np.ndarray
    loss: float
    buffers: Buffers


Score = Callable[[Judged], float]
"""A number that shall rise."""


def raw_outputs(engine: ReferenceEngine, buffers: Buffers, X: object) -> np.ndarray:
    """Return the raw outputs of dense or sparse rows."""
    parts = [engine.raw(buffers.weights, buffers.running, block) for block in dense_blocks(X)]
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


class Judge:
    """Scores weights on the validation rows.

    Parameters
    ----------
    engine : ReferenceEngine
    rows : Source
    score : callable
    """

    def __init__(self, engine: ReferenceEngine, rows: Source, score: Score) -> None:
        self.engine, self.rows, self.score = engine, rows, score
        self.loss: Loss = engine.plan.loss
        self.constant = constant_term(self.loss, rows.Y, rows.weights)

    def __call__(self, buffers: Buffers) -> tuple[float, float]:
        """Return loss (without penalties) and score; NaN if an output is not finite."""
        raw = raw_outputs(self.engine, buffers, self.rows.X)
        factors = row_factors(self.rows.weights, len(self.rows), "mean", raw)
        with np.errstate(all="ignore"):
            values = self.loss.value(raw, self.rows.Y)
            loss = float(objective(values, factors)) + self.constant
            finite = bool(np.isfinite(raw).all())
            return loss, float(self.score(Judged(raw, loss, buffers))) if finite else float("nan")


def accuracy(loss: Loss, raw: np.ndarray, Y: np.ndarray, weights: np.ndarray | None) -> float:
    """Return the weighted share of rows whose labels are all met.

    Exclusive classes (softmax, or one column) are met where the largest output, or the side of
    one half, is the target's; independent labels where each is.
    """
    if loss.link.elementwise:
        met = ((loss.predict(raw) > 0.5) == (Y > 0.5)).all(axis=1)
    else:
        met = np.argmax(raw, axis=1) == np.argmax(Y, axis=1)
    return float(np.average(met, weights=weights))


def coefficient_of_determination(
    loss: Loss, raw: np.ndarray, Y: np.ndarray, weights: np.ndarray | None
) -> float:
    """Return R^2, the mean over the outputs; NaN if a prediction is not finite."""
    P = loss.predict(raw)[:, : Y.shape[1]].astype(np.float64)
    if not np.isfinite(P).all():
        return float("nan")
    weights = None if weights is None else weights.astype(np.float64)
    return R2().score(P, Y.astype(np.float64), weights)
