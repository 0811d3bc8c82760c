"""Row weights: a weight is a number of copies, and class weights are row weights."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.errors import DataError, InvalidParameterError
from tests.training.runs import assert_same_bits, labels, noisy, numbers, regress, small

FULL: dict[str, Any] = {"batch_size": None, "dtype": "float64", "epochs": 20, "shuffle": False}


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("optimizer", ["adam", "lbfgs"])
def test_weight_two_is_the_row_twice(reduction: str, optimizer: str) -> None:
    X, y = numbers()
    copies = np.where(np.arange(40) % 3 == 0, 2, 1)
    told = {**FULL, "reduction": reduction, "optimizer": optimizer, "epochs": 10}
    weighted = regress(sample_weight=copies.astype(float), **told)
    repeated = regress(X=np.repeat(X, copies, 0), y=np.repeat(y, copies), **told)
    assert np.allclose(weighted.model.weights, repeated.model.weights, rtol=1e-7, atol=1e-10)
    for name in ("train_loss", "train_r2", "gradient_norm"):
        ours, theirs = weighted.history.column(name), repeated.history.column(name)
        assert np.allclose(ours, theirs, rtol=1e-6), name


def test_weight_zero_is_no_row_to_the_bit() -> None:
    X, y = numbers()
    weights = np.where(np.arange(40) % 4 == 0, 0.0, 1.5)
    kept = weights > 0
    one = regress(network=noisy(), sample_weight=weights)
    other = regress(network=noisy(), X=X[kept], y=y[kept], sample_weight=weights[kept])
    assert_same_bits(one, other)


def test_a_class_of_weight_zero_is_no_class() -> None:
    X, y = labels()
    run = cr.train(
        small(2), X, y, loss="softmax_cross_entropy", sample_weight=(y > 0) * 1.0, epochs=1
    )
    assert run.model.classes == [1, 2]


def test_equal_weights_are_no_weights_under_the_mean() -> None:
    plain = regress(**FULL).model.weights
    assert np.allclose(regress(sample_weight=np.full(40, 7.0), **FULL).model.weights, plain)


def test_a_sum_grows_with_the_weights() -> None:
    rate = {"optimizer": cr.SGD(1e-3), "epochs": 1, "batch_size": None, "reduction": "sum"}
    one = regress(**rate).history[0]
    two = regress(sample_weight=np.full(40, 2.0), **rate).history[0]
    assert np.isclose(two["train_loss"], 2 * one["train_loss"])
    assert np.isclose(two["gradient_norm"], 2 * one["gradient_norm"])


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (np.ones(39), "does not fit the rows"),
        (np.ones((40, 1)), "does not fit the rows"),
        (np.r_[np.ones(39), -1.0], "row 39"),
        (np.r_[np.ones(39), np.nan], "row 39"),
        (np.zeros(40), "all of sample_weight is zero"),
        (["much"] * 40, "not made of numbers"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_bad_weights(weights: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        regress(sample_weight=weights)


def skewed() -> tuple[np.ndarray, np.ndarray]:
    X, y = labels(classes=2)
    keep = (y == 0) | (np.arange(40) % 4 == 0)
    return X[keep], np.array(["often", "seldom"])[y[keep]]


def test_balanced_is_one_over_the_class_size() -> None:
    X, y = skewed()
    counts = {name: np.sum(y == name) for name in ("often", "seldom")}
    by_hand = np.array([len(y) / (2 * counts[name]) for name in y])
    told: dict[str, Any] = {"loss": "binary_cross_entropy", "epochs": 3}
    balanced = cr.train(small(), X, y, class_weight="balanced", **told)
    weighted = cr.train(small(), X, y, sample_weight=by_hand, **told)
    assert_same_bits(balanced, weighted)


def test_balanced_lifts_the_rare_class() -> None:
    X, y = skewed()
    noise = np.random.default_rng(0).standard_normal(X.shape)
    net = nn.Dense(1)
    told: dict[str, Any] = {"loss": "binary_cross_entropy", "optimizer": cr.Adam(0.05)}
    plain = cr.train(net, noise, y, **told).model.predict_proba(noise)[:, 1]
    lifted = cr.train(net, noise, y, class_weight="balanced", **told).model.predict_proba(noise)
    assert np.mean(lifted[:, 1]) > np.mean(plain) + 0.1


def test_a_mapping_weighs_by_label_and_multiplies() -> None:
    X, y = skewed()
    rows = np.linspace(1, 2, len(y))
    told: dict[str, Any] = {"loss": "softmax_cross_entropy", "epochs": 3}
    mapped = cr.train(small(2), X, y, class_weight={"seldom": 3.0}, sample_weight=rows, **told)
    by_hand = rows * np.where(y == "seldom", 3.0, 1.0)
    assert_same_bits(mapped, cr.train(small(2), X, y, sample_weight=by_hand, **told))


def test_class_weights_leave_validation_alone() -> None:
    X, y = skewed()
    told: dict[str, Any] = {"loss": "binary_cross_entropy", "epochs": 1, "validation": (X, y)}
    (row,) = cr.train(small(), X, y, class_weight={"seldom": 1000.0}, **told).history
    run = cr.train(small(), X, y, **told)
    assert row["validation_loss"] != row["train_log_loss"]
    assert np.isclose(run.history[0]["validation_loss"], run.history[0]["train_log_loss"])


@pytest.mark.parametrize("class_weight", ["even", {"nowhere": 1.0}, {"seldom": -1.0}, 3], ids=str)
def test_bad_class_weights(class_weight: Any) -> None:
    X, y = skewed()
    with pytest.raises(InvalidParameterError, match="class_weight"):
        cr.train(small(), X, y, loss="binary_cross_entropy", class_weight=class_weight)


def test_class_weights_need_classes() -> None:
    with pytest.raises(InvalidParameterError, match="class_weight needs classes"):
        regress(class_weight="balanced")
