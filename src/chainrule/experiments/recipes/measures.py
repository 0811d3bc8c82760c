"""Measures of a run that several recipes share."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.experiments.recipes.evidence import Evidence
from chainrule.experiments.result import Result

__all__ = ["WOBBLE", "best_arms", "wobble"]

WOBBLE = "Wobble: by how much the loss changes from one step to the next, beside its trend."


def best_arms(
    evidence: Evidence, axis: str, by: Callable[[Result], float] | None = None
) -> dict[Any, dict[str, Any]]:
    """Return, for each value of an axis, its arm with the best mean validation score.

    Parameters
    ----------
    evidence : Evidence
    axis : str
    by : function of Result, optional
        Of which more is better, instead; a claim about speed needs the rates that are fastest.
    """
    arms = evidence.arms()
    values = dict.fromkeys(arm[axis] for arm in arms)
    return {
        value: evidence.best([arm for arm in arms if arm[axis] == value], by) for value in values
    }


def wobble(run: Result) -> float:
    """Return the root mean square of the noise in the steps' losses, over the second half.

    The recording keeps single steps at even distances. A trend cancels in second differences, of
    which noise that is independent from step to step makes six times its own variance.

    Example
    -------
    >>> from chainrule.experiments.recipes.measures import wobble
    >>> from chainrule.experiments.result import Result
    >>> falling = {"series": {"loss": [9.0, 8.0, 7.0, 6.0, 5.0, 4.0, 3.0, 2.0]}}
    >>> wobble(Result({}, 0, 0, 0, 0.9, recording=falling))
    0.0
    """
    losses = [] if run.recording is None else run.recording["series"]["loss"]
    late = np.array(losses[len(losses) // 2 :], np.float64)
    if len(late) < 3 or not np.all(np.isfinite(late)):
        return math.nan
    return float(np.sqrt(np.mean(np.square(late[2:] - 2 * late[1:-1] + late[:-2])) / 6))
