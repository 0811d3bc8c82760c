"""What a metric is: one number for predictions against targets, with weights."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np

from chainrule.errors import UsageError
from chainrule.registry import Record, new_registry

__all__ = ["METRICS", "Metric"]


class Metric(Record):
    """Base of the metrics."""

    task: ClassVar[Literal["regression", "classification"]]
    greater_is_better: ClassVar[bool] = True
    range: ClassVar[str] = ""
    adds_up: ClassVar[bool] = False
    """True if the score of all rows is the mean, by row weight, of the scores of parts of them."""

    def score(self, P: np.ndarray, Y: np.ndarray, weights: np.ndarray | None = None) -> float:
        """Return the metric of predictions `P (N, K)` for encoded targets `Y (N, K)`."""
        raise NotImplementedError

    def partial(self, P: np.ndarray, Y: np.ndarray, weights: np.ndarray | None) -> np.ndarray:
        """Return what has to be known of some rows: with that of the others it gives the score.

        Raises
        ------
        UsageError
            The metric must see all rows at once.
        """
        if not self.adds_up:
            raise UsageError(
                f"the metric {self.name} must see all rows at once",
                where="metrics",
                do="choose another metric for data that is larger than memory",
            )
        mass = float(len(Y) if weights is None else np.sum(weights))
        return np.array([mass, mass * self.score(P, Y, weights) if mass else 0.0])

    def merged(self, one: np.ndarray, other: np.ndarray) -> np.ndarray:
        """Return what is known of the rows of two parts together."""
        return one + other

    def whole(self, partial: np.ndarray) -> float:
        """Return the score of the rows that a partial result tells of."""
        mass, total = partial
        return float(total / mass) if mass else float("nan")


METRICS = new_registry("metric", Metric)
