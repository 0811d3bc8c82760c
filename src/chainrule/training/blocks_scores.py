"""Loss and metrics over rows that are larger than memory, added up over parts of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from chainrule.engine.protocol import Buffers
from chainrule.engine.reference import ReferenceEngine
from chainrule.maths.metric import Metric
from chainrule.training.blocks_rows import BlockRows

__all__ = ["Tally", "block_scores", "rows_at_once"]


class Tally:
    """Metrics that grow with each part of the rows.

    Parameters
    ----------
    metrics : sequence of Metric

    Example
    -------
    >>> import numpy as np
    >>> from chainrule.maths.metrics import R2
    >>> tally = Tally([R2()])
    >>> Y = np.array([[1.0], [2.0], [4.0], [3.0]])
    >>> for part in (Y[:1], Y[1:]):
    ...     tally.add(part + 0.5, part)
    >>> tally.scores()
    {'r2': 0.8}
    """

    def __init__(self, metrics: Sequence[Metric]) -> None:
        self.metrics = tuple(metrics)
        self._partial: list[np.ndarray | None] = [None] * len(self.metrics)

    def add(self, P: np.ndarray, Y: np.ndarray, weights: np.ndarray | None = None) -> None:
        """Count the predictions and targets of further rows."""
        for place, metric in enumerate(self.metrics):
            before, now = self._partial[place], metric.partial(P, Y, weights)
            self._partial[place] = now if before is None else metric.merged(before, now)

    def scores(self) -> dict[str, float]:
        """Return the metrics of all rows so far by name."""
        return {
            metric.name: float("nan") if partial is None else float(metric.whole(partial))
            for metric, partial in zip(self.metrics, self._partial, strict=True)
        }


def rows_at_once(rows: BlockRows, raw_width: int) -> int:
    """Return how many rows are scored together: their outputs exist several times over."""
    bytes_of = 8 * (5 * raw_width + 3 * rows.targets.width + 4)
    return max(rows.arena.budget.scores_bytes // bytes_of, 1)


def block_scores(
    engine: ReferenceEngine,
    buffers: Buffers,
    rows: BlockRows,
    metrics: Sequence[Metric],
    with_loss: bool = True,
    whole: Callable[..., dict[str, float]] | None = None,
) -> dict[str, float]:
    """Return `loss` (if wanted) and each metric by name, as `scores` does for rows in memory.

    `whole` scores rows that all fit at once, so that those get the same bits as in memory.
    """
    at_once = rows_at_once(rows, engine.plan.raw_width)
    if whole is not None and len(rows) <= min(at_once, rows.capacity):
        return whole(engine, buffers, rows.load([(0, len(rows))]), metrics, with_loss)
    tally, loss, mass = Tally(metrics), 0.0, 0.0
    plan = engine.plan
    with np.errstate(all="ignore"):  # an overflow shows as a score that is not finite
        for P, Y, weights, raw in _predicted(engine, buffers, rows, at_once):
            if with_loss:
                values = np.asarray(plan.loss.value(raw, Y))
                loss += float(np.sum(values if weights is None else values * weights))
                mass += len(Y) if weights is None else float(np.sum(weights))
            if metrics:
                tally.add(P, Y, weights)
    mean = plan.reduction == "mean"
    found = {"loss": (loss / mass if mass else 0.0) if mean else loss} if with_loss else {}
    return {**found, **tally.scores()}


def _predicted(
    engine: ReferenceEngine, buffers: Buffers, rows: BlockRows, at_once: int
) -> Iterable[tuple[np.ndarray, np.ndarray, np.ndarray | None, np.ndarray]]:
    """Yield predictions, targets, weights and raw outputs of all rows, part by part, float64."""
    for part in rows.parts(at_once):
        raw = engine.raw(buffers.weights, buffers.running, part.X).astype(np.float64)
        weights = None if part.weights is None else part.weights.astype(np.float64)
        yield engine.plan.loss.predict(raw), part.Y.astype(np.float64), weights, raw
