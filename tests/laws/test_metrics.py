"""Every metric: a weight counts repetitions, and a perfect prediction is the best."""

from __future__ import annotations

import numpy as np
import pytest

from chainrule.errors import ShapeError
from chainrule.maths.metric import METRICS, Metric
from chainrule.streams import Stream
from tests.laws.members import every

ROWS, WIDTH = 12, 3


def sample(metric: Metric) -> tuple[np.ndarray, np.ndarray]:
    """Return predictions and targets that are valid for every metric of the task."""
    P = Stream(0, "P").uniform((ROWS, WIDTH), 0.1, 2.0)
    if metric.task == "regression":
        return P, np.floor(Stream(0, "Y").uniform((ROWS, WIDTH), 1.0, 5.0))
    classes = np.arange(ROWS) % WIDTH
    return P / P.sum(axis=1, keepdims=True), np.eye(WIDTH)[classes]


@pytest.mark.parametrize("metric", every(METRICS))
def test_a_weight_is_a_number_of_repetitions(metric: Metric) -> None:
    P, Y = sample(metric)
    counts = np.arange(ROWS) % 4
    weighted = metric.score(P, Y, counts.astype(float))
    repeated = metric.score(np.repeat(P, counts, axis=0), np.repeat(Y, counts, axis=0))
    assert np.isfinite(weighted)
    assert weighted == pytest.approx(repeated, rel=1e-12)
    assert metric.score(P, Y) == pytest.approx(metric.score(P, Y, np.full(ROWS, 7.0)), rel=1e-12)


@pytest.mark.parametrize("metric", every(METRICS))
def test_a_perfect_prediction_is_the_best(metric: Metric) -> None:
    P, Y = sample(metric)
    best, other = metric.score(Y.copy(), Y), metric.score(P, Y)
    assert best > other if metric.greater_is_better else best < other
    assert metric.range


@pytest.mark.parametrize("metric", every(METRICS))
def test_the_order_of_rows_does_not_matter(metric: Metric) -> None:
    P, Y = sample(metric)
    order = Stream(0, "order").permutation(ROWS)
    assert metric.score(P[order], Y[order]) == pytest.approx(metric.score(P, Y), rel=1e-12)


@pytest.mark.parametrize("metric", every(METRICS))
def test_nothing_is_written_to(metric: Metric) -> None:
    P, Y = sample(metric)
    for array in (P, Y):
        array.flags.writeable = False
    assert isinstance(metric.score(P, Y), float)


@pytest.mark.parametrize("metric", every(METRICS))
def test_what_does_not_fit_is_refused(metric: Metric) -> None:
    P, Y = sample(metric)
    for arguments in ((P[:-1], Y), (P[:, :1], Y), (P, Y, np.ones(ROWS - 1))):
        with pytest.raises(ShapeError):
            metric.score(*arguments)
