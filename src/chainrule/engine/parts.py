"""The numbers of a pass from the numbers of its steps, by one formula for every engine.

A pass that was done in several calls thereby reports the same bits as one that was done in one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np

from chainrule.engine.protocol import EpochResult

__all__ = ["joined", "pass_objective", "step_masses"]


def step_masses(
    weights: np.ndarray | None, order: np.ndarray, batch: int, steps: int
) -> np.ndarray:
    """Return the sum of the row weights of each step of a pass, `(steps,)`.

    Example
    -------
    >>> step_masses(None, np.arange(5), 2, 3)
    array([2., 2., 1.])
    """
    if weights is None:
        return _counts(len(order), batch, steps)
    starts = np.arange(steps) * batch
    return np.add.reduceat(weights[order[: steps * batch]].astype(float), starts)


@lru_cache(maxsize=64)  # every pass of a run asks for the same
def _counts(rows: int, batch: int, steps: int) -> np.ndarray:
    counts = np.minimum(batch, rows - np.arange(steps) * batch).astype(float)
    counts.flags.writeable = False
    return counts


def pass_objective(objectives: np.ndarray, data: np.ndarray, masses: np.ndarray | None) -> float:
    """Return the objective over a pass.

    Parameters
    ----------
    objectives, data : (steps,)
        Of each step, with and without penalties.
    masses : (steps,) or None
        By which the data terms are averaged; None where they are summed.
    """
    total = np.add.reduce  # as np.sum, at a third of the cost for a few steps
    if masses is None:
        mean = float(total(data))
    else:
        mean = float(total(data * masses)) / (float(total(masses)) or 1.0)
    return mean + float(total(objectives - data)) / len(data)


def joined(parts: Sequence[EpochResult], masses: np.ndarray | None, complete: bool) -> EpochResult:
    """Return several calls that make one pass as the result of one call.

    Parameters
    ----------
    parts : sequence of EpochResult
        In order; only the last may have failed or been stopped.
    masses : (steps,) or None
        As for `pass_objective`, for at least the steps that were done.
    complete : bool
        The pass went to its end.
    """
    last = parts[-1]
    done = [part for part in parts if part.steps]
    if not done:
        return last
    objectives = np.concatenate([part.objectives for part in done])
    data = np.concatenate([part.data for part in done])
    norms = np.concatenate([part.norms for part in done])
    steps = len(objectives)
    return replace(
        last,
        steps=steps,
        objective=pass_objective(objectives, data, None if masses is None else masses[:steps]),
        gradient_norm=float(np.mean(norms)),
        complete=complete and last.finite,
        objectives=objectives,
        data=data,
        norms=norms,
    )
