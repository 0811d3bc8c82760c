"""Loss and metrics of a network as it stands, in prediction mode."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from chainrule.engine.protocol import Buffers, Rows
from chainrule.engine.reference import ReferenceEngine
from chainrule.maths.arrays import Array
from chainrule.maths.loss import objective, row_factors
from chainrule.maths.metric import Metric
from chainrule.training.blocks_rows import BlockRows
from chainrule.training.blocks_scores import block_scores

__all__ = ["scores"]


def scores(
    engine: ReferenceEngine,
    buffers: Buffers,
    rows: Rows | BlockRows,
    metrics: Sequence[Metric],
    with_loss: bool = True,
) -> dict[str, float]:
    """Return `loss` (if wanted) and each metric by name.

    The loss is the data term alone, reduced as the plan says: validation data has no part in
    penalties. Raw outputs are computed in the engine's type, and scored in float64.
    """
    if isinstance(rows, BlockRows):
        return block_scores(engine, buffers, rows, metrics, with_loss, scores)
    plan = engine.plan
    raw = engine.raw(buffers.weights, buffers.running, rows.X).astype(np.float64)
    Y = rows.Y.astype(np.float64)
    weights = None if rows.weights is None else rows.weights.astype(np.float64)

    def mean(values: Array) -> float:
        return float(objective(values, row_factors(weights, len(rows), plan.reduction, raw)))

    with np.errstate(all="ignore"):  # an overflow shows as a score that is not finite
        if not metrics:
            return {"loss": mean(plan.loss.value(raw, Y))} if with_loss else {}
        found: dict[str, float] = {}
        if with_loss:
            values, P = plan.loss.scored(raw, Y)
            found["loss"] = mean(values)
        else:
            P = plan.loss.predict(raw)
        found.update({metric.name: float(metric.score(P, Y, weights)) for metric in metrics})
    return found
