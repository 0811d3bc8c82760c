"""What a metric is: one number for predictions against targets, with weights."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np

from chainrule.registry import Record, new_registry

__all__ = ["METRICS", "Metric"]


class Metric(Record):
    """Base of the metrics."""

    task: ClassVar[Literal["regression", "classification"]]
    greater_is_better: ClassVar[bool] = True
    range: ClassVar[str] = ""

    def score(self, P: np.ndarray, Y: np.ndarray, weights: np.ndarray | None = None) -> float:
        """Return the metric of predictions `P (N, K)` for encoded targets `Y (N, K)`."""
        raise NotImplementedError


METRICS = new_registry("metric", Metric)
