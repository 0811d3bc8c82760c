"""Metrics: the same numbers as scikit-learn, and what happens at the edges."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from sklearn import metrics as oracle

from chainrule.errors import ShapeError, TargetError
from chainrule.maths.losses_likelihood import GaussianNLL
from chainrule.maths.metric import METRICS, Metric
from chainrule.maths.metrics import (
    R2,
    Accuracy,
    AveragePrecision,
    BalancedAccuracy,
    Brier,
    LogLoss,
    MeanAbsoluteError,
    MeanPinballLoss,
    MeanSquaredError,
    PoissonDeviance,
    RocAuc,
    RootMeanSquaredError,
)

MEMBERS = [example for cls in METRICS for example in cls.examples()]
GENERATOR = np.random.default_rng(8)
ROWS = 60
WEIGHTS = [None, GENERATOR.uniform(size=ROWS), GENERATOR.integers(0, 3, size=ROWS).astype(float)]

Oracle = Callable[..., float]

NUMBERS: list[tuple[Metric, Oracle]] = [
    (R2(), oracle.r2_score),
    (RootMeanSquaredError(), oracle.root_mean_squared_error),
    (MeanSquaredError(), oracle.mean_squared_error),
    (MeanAbsoluteError(), oracle.mean_absolute_error),
    (
        MeanPinballLoss(quantile=0.3),
        lambda y, p, **weights: oracle.mean_pinball_loss(y, p, alpha=0.3, **weights),
    ),
]


def probabilities(columns: int) -> np.ndarray:
    """Return rows that sum to 1; one column is the probability of the second class."""
    raw = GENERATOR.normal(size=(ROWS, max(columns, 2))) * 2.0
    P = np.exp(raw) / np.exp(raw).sum(axis=1, keepdims=True)
    return P[:, 1:] if columns == 1 else P


def one_hot(labels: np.ndarray, columns: int) -> np.ndarray:
    return labels[:, None].astype(float) if columns == 1 else np.eye(columns)[labels]


@pytest.mark.parametrize("weights", WEIGHTS, ids=["none", "uniform", "counts"])
@pytest.mark.parametrize("columns", [1, 3])
@pytest.mark.parametrize(("metric", "expected"), NUMBERS, ids=lambda item: str(item)[:20])
def test_numbers_equal_scikit_learn(
    metric: Metric, expected: Oracle, columns: int, weights: np.ndarray | None
) -> None:
    Y = GENERATOR.normal(size=(ROWS, columns))
    P = Y + GENERATOR.normal(size=(ROWS, columns))
    assert metric.score(P, Y, weights) == pytest.approx(
        expected(Y, P, sample_weight=weights), rel=1e-12, abs=1e-12
    )


@pytest.mark.parametrize("weights", WEIGHTS, ids=["none", "uniform", "counts"])
def test_poisson_deviance_equals_scikit_learn(weights: np.ndarray | None) -> None:
    Y = GENERATOR.poisson(2.0, size=(ROWS, 1)).astype(float)
    P = GENERATOR.uniform(0.1, 5.0, size=(ROWS, 1))
    expected = oracle.mean_poisson_deviance(Y[:, 0], P[:, 0], sample_weight=weights)
    assert PoissonDeviance().score(P, Y, weights) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("weights", WEIGHTS, ids=["none", "uniform", "counts"])
@pytest.mark.parametrize("columns", [1, 2, 4])
def test_classes_equal_scikit_learn(columns: int, weights: np.ndarray | None) -> None:
    classes = max(columns, 2)
    P, labels = probabilities(columns), GENERATOR.integers(0, classes, size=ROWS)
    Y = one_hot(labels, columns)
    predicted = np.argmax(P, axis=1) if columns > 1 else (P[:, 0] > 0.5).astype(int)
    for metric, expected in (
        (Accuracy(), oracle.accuracy_score(labels, predicted, sample_weight=weights)),
        (
            BalancedAccuracy(),
            oracle.balanced_accuracy_score(labels, predicted, sample_weight=weights),
        ),
        (LogLoss(), oracle.log_loss(labels, P, sample_weight=weights, labels=np.arange(classes))),
    ):
        assert metric.score(P, Y, weights) == pytest.approx(expected, rel=1e-12, abs=1e-12)
    if classes == 2:
        expected = oracle.brier_score_loss(labels, P[:, -1], sample_weight=weights)
        assert Brier().score(P, Y, weights) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("weights", WEIGHTS, ids=["none", "uniform", "counts"])
@pytest.mark.parametrize("columns", [1, 2, 4])
def test_rankings_equal_scikit_learn(columns: int, weights: np.ndarray | None) -> None:
    labels = GENERATOR.integers(0, max(columns, 2), size=ROWS)
    P, Y = np.round(probabilities(columns), 1), one_hot(labels, columns)  # many are equal
    averages = {"average": "macro", "sample_weight": weights}
    for metric, expected in (
        (RocAuc(), oracle.roc_auc_score(Y, P, **averages)),
        (AveragePrecision(), oracle.average_precision_score(Y, P, **averages)),
    ):
        assert metric.score(P, Y, weights) == pytest.approx(expected, rel=1e-12, abs=1e-12)


def test_rankings_leave_out_classes_that_no_row_or_every_row_belongs_to() -> None:
    P = np.array([[0.6, 0.3, 0.1], [0.2, 0.7, 0.1], [0.5, 0.4, 0.1]])
    Y = np.eye(3)[[0, 1, 0]]
    for metric in (RocAuc(), AveragePrecision()):
        assert metric.score(P, Y) == 1.0
        assert math.isnan(metric.score(P[:1], Y[:1]))
        assert math.isnan(metric.score(P[:, :1], np.ones((3, 1))))
        assert math.isnan(metric.score(P[:, :1], Y[:, :1], np.array([1.0, 0.0, 1.0])))


def test_brier_of_several_classes_is_the_sum_over_them() -> None:
    P = np.array([[0.8, 0.1, 0.1], [0.2, 0.7, 0.1], [0.2, 0.2, 0.6]])
    assert Brier().score(P, np.eye(3)) == pytest.approx(0.146666666666666667, rel=1e-12)
    two = np.array([[0.9, 0.1], [0.4, 0.6]])
    assert Brier().score(two, np.eye(2)) == pytest.approx(
        Brier().score(two[:, 1:], np.eye(2)[:, 1:])
    )


def test_independent_labels_are_right_only_all_together() -> None:
    P = np.array([[0.9, 0.8], [0.9, 0.2], [0.1, 0.7]])
    Y = np.array([[1.0, 1.0], [1.0, 1.0], [0.0, 1.0]])
    assert Accuracy().score(P, Y) == oracle.accuracy_score(Y, P > 0.5)
    by_label = -np.log(np.where(Y == 1.0, P, 1.0 - P))
    assert LogLoss().score(P, Y) == pytest.approx(by_label.sum() / 3.0, rel=1e-14)
    assert Brier().score(P, Y) == pytest.approx(np.sum((P - Y) ** 2) / 3.0, rel=1e-14)
    with pytest.raises(TargetError, match="exclusive classes"):
        BalancedAccuracy().score(P, Y)


def test_labels_with_one_true_each_are_not_taken_for_classes() -> None:
    # No probability is above 0.5: as classes the first row would be right, as labels it is not.
    P, Y = np.array([[0.4, 0.3], [0.3, 0.4]]), np.eye(2)
    assert Accuracy().score(P, Y) == 0.0


def test_a_tie_goes_to_the_first_class() -> None:
    assert Accuracy().score(np.array([[0.5]]), np.array([[0.0]])) == 1.0
    assert Accuracy().score(np.array([[0.5, 0.5]]), np.array([[1.0, 0.0]])) == 1.0


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_log_loss_clips_at_the_rounding_unit_of_the_type(dtype: type) -> None:
    P, Y = np.array([[1.0], [0.0]], dtype), np.array([[0.0], [1.0]])
    expected = oracle.log_loss([0, 1], np.hstack([1 - P, P]))
    assert LogLoss().score(P, Y) == pytest.approx(expected, rel=1e-6)
    assert LogLoss().score(P, Y) == pytest.approx(-math.log(np.finfo(dtype).eps), rel=1e-6)


def test_log_loss_of_soft_labels_is_their_cross_entropy() -> None:
    P, Y = np.array([[0.2, 0.8]]), np.array([[0.5, 0.5]])
    assert LogLoss().score(P, Y) == pytest.approx(-0.5 * math.log(0.2 * 0.8))


@pytest.mark.parametrize(
    ("P", "Y", "expected"),
    [
        ([[3.0], [3.0]], [[3.0], [3.0]], 1.0),
        ([[3.0], [4.0]], [[3.0], [3.0]], 0.0),
        ([[0.1], [0.1], [0.2]], [[0.1], [0.1], [0.1]], 0.0),
        ([[3.0, 0.0], [4.0, 1.0]], [[3.0, 0.0], [3.0, 1.0]], 0.5),
    ],
)
def test_r2_of_a_constant_target(P: list, Y: list, expected: float) -> None:
    assert R2().score(np.array(P), np.array(Y)) == expected


def test_r2_of_a_target_that_is_constant_where_it_counts() -> None:
    P, Y, weights = np.array([[3.0], [3.0], [9.0]]), np.array([[3.0], [3.0], [7.0]]), [1, 1, 0]
    assert R2().score(P, Y, np.array(weights)) == 1.0


def test_balanced_accuracy_leaves_absent_classes_out() -> None:
    P = np.array([[0.1, 0.8, 0.1], [0.8, 0.1, 0.1], [0.1, 0.8, 0.1]])
    Y = np.array([[0.0, 1.0, 0.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
    assert BalancedAccuracy().score(P, Y) == 0.25
    assert BalancedAccuracy().score(P, Y, np.array([1.0, 1.0, 0.0])) == 0.5


def test_poisson_deviance_at_its_edges() -> None:
    deviance = PoissonDeviance()
    assert deviance.score(np.array([[0.0]]), np.array([[0.0]])) == 0.0
    assert deviance.score(np.array([[0.0]]), np.array([[2.0]])) == math.inf
    assert math.isnan(deviance.score(np.array([[-1.0]]), np.array([[2.0]])))


def test_variances_after_the_means_are_not_scored() -> None:
    raw, Y = GENERATOR.normal(size=(9, 4)), GENERATOR.normal(size=(9, 2))
    P = GaussianNLL().predict(raw)
    for name in GaussianNLL.metrics:
        metric = METRICS.make(name)
        assert metric.score(P, Y) == metric.score(raw[:, :2], Y)


@pytest.mark.parametrize("metric", MEMBERS, ids=str)
def test_a_score_of_nothing_is_nan(metric: Metric) -> None:
    assert math.isnan(metric.score(np.zeros((0, 1)), np.zeros((0, 1))))
    P, Y = np.array([[0.2], [0.7]]), np.array([[0.0], [1.0]])
    assert math.isnan(metric.score(P, Y, np.zeros(2)))
    assert not math.isnan(metric.score(P, Y, np.ones(2)))


def test_r2_of_one_row_is_nan() -> None:
    assert math.isnan(R2().score(np.array([[1.0]]), np.array([[1.0]])))


@pytest.mark.parametrize("metric", MEMBERS, ids=str)
def test_shapes_are_checked(metric: Metric) -> None:
    Y = np.zeros((3, 2))
    for P in (np.zeros((3, 1)), np.zeros((2, 2)), np.zeros(3)):
        with pytest.raises(ShapeError):
            metric.score(P, Y)
    with pytest.raises(ShapeError, match="weights"):
        metric.score(Y, Y, np.ones(4))
    if metric.task == "classification":
        with pytest.raises(ShapeError):
            metric.score(np.zeros((3, 4)), Y)


@pytest.mark.parametrize("metric", MEMBERS, ids=str)
def test_better_is_on_the_stated_side(metric: Metric) -> None:
    Y = np.array([[0.0], [1.0], [1.0], [0.0]])
    perfect, worse = metric.score(Y, Y), metric.score(np.full((4, 1), 0.4), Y)
    assert (perfect > worse) == metric.greater_is_better
    assert perfect == pytest.approx(1.0 if metric.greater_is_better else 0.0, abs=1e-12)
