"""What was not finite when a run diverged: found by computing the failed update's batch again."""

from __future__ import annotations

import math

import numpy as np

from chainrule.engine.protocol import Buffers, Clock, Evaluation, Rows
from chainrule.engine.reference import ReferenceEngine

__all__ = ["fault_in", "fault_of_update"]


def fault_of_update(engine: ReferenceEngine, buffers: Buffers, batch: Rows, clock: Clock) -> str:
    """Return what an update made not finite, from the state and the batch before it."""
    return fault_in(engine.gradient(buffers, batch, clock))


def fault_in(evaluation: Evaluation) -> str:
    """Return which number of an evaluation is not finite, or that the update's result is not.

    Example
    -------
    >>> import numpy as np
    >>> from chainrule.engine.protocol import Evaluation
    >>> fault_in(Evaluation(np.inf, 0.0, np.zeros(1), np.zeros(0), np.zeros(1), {}))
    'a loss of inf'
    """
    loss = float(evaluation.objective)
    if not math.isfinite(loss):
        return f"a loss of {loss:g}"
    with np.errstate(all="ignore"):
        norm = float(np.linalg.norm(np.asarray(evaluation.gradient, np.float64)))
    if not math.isfinite(norm):
        return f"a gradient that is not finite, at a loss of {loss:g}"
    return (
        f"weights that are not finite after the update, from a loss of {loss:g} "
        f"and a gradient of norm {norm:g}"
    )
