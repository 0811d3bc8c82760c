"""Training that goes on gives the bits of training that was never stopped."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

from chainrule import Adam, MLPClassifier, MLPRegressor
from tests.estimators import data

pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning"  # a few epochs never converge
)
WAYS: dict[str, dict[str, Any]] = {
    "defaults": {},
    "batches": {"batch_size": 32},
    "momentum": {"solver": "sgd", "batch_size": 32},
    "invscaling": {"solver": "sgd", "learning_rate": "invscaling", "learning_rate_init": 0.1},
    "adaptive": {"solver": "sgd", "learning_rate": "adaptive", "tol": 0.1, "n_iter_no_change": 1},
    "dropout": {"dropout": 0.3, "batch_size": 32},
    "batch norm": {"normalization": "batch"},
    "another optimizer": {"optimizer": "nadam", "batch_size": 50},
    "no shuffling": {"shuffle": False, "batch_size": 32},
}


def made(**parameters: Any) -> MLPClassifier:
    """Return a small classifier."""
    common: dict[str, Any] = {"hidden_layer_sizes": 6, "random_state": 1}
    return MLPClassifier(**{"n_iter_no_change": np.inf, **common, **parameters})


def same(one: Any, other: Any) -> None:
    """Demand the same weights to the bit, and the same curve."""
    for a, b in zip(one.coefs_ + one.intercepts_, other.coefs_ + other.intercepts_, strict=True):
        assert np.array_equal(a, b)
    assert one.loss_curve_ == other.loss_curve_
    assert one.t_ == other.t_


@pytest.mark.parametrize("way", WAYS)
def test_warm_start(way: str) -> None:
    X, y = data.classes(3)
    whole = made(max_iter=12, **WAYS[way]).fit(X, y)
    parts = made(max_iter=4, warm_start=True, **WAYS[way])
    for _ in range(3):
        parts.fit(X, y)
    same(whole, parts)


@pytest.mark.parametrize("way", WAYS)
def test_partial_fit(way: str) -> None:
    """With a detour through pickle, which must lose nothing."""
    X, y = data.classes(3)
    whole = made(max_iter=6, **WAYS[way]).fit(X, y)
    parts = made(**WAYS[way])
    for _ in range(6):
        parts = pickle.loads(pickle.dumps(parts.partial_fit(X, y, classes=[0, 1, 2])))
    same(whole, parts)


def test_partial_fit_follows_a_schedule() -> None:
    X, y = data.classes(3)
    whole = made(max_iter=6, schedule="cosine", batch_size=32).fit(X, y)
    parts = made(max_iter=6, schedule="cosine", batch_size=32)
    for _ in range(6):
        parts.partial_fit(X, y, classes=[0, 1, 2])
    same(whole, parts)


def test_the_split_is_kept() -> None:
    X, y = data.classes(2)
    model = made(max_iter=3, warm_start=True, early_stopping=True).fit(X, y)
    split = model._optimizer.split
    assert split is not None
    model.fit(X, y)
    assert model._optimizer.split is split
    assert len(model.validation_scores_) == 6


def test_weights_that_a_user_sets_are_the_start() -> None:
    X, y = data.numbers()
    model = MLPRegressor(hidden_layer_sizes=3, max_iter=1, random_state=0, warm_start=True)
    model.fit(X, y)
    model.coefs_ = [np.zeros_like(W) for W in model.coefs_]
    model.intercepts_[1][:] = 7.0
    assert np.all(model.predict(X) == 7.0)
    assert np.abs(model.fit(X, y).coefs_[0]).max() < 0.01


def test_another_network_is_refused() -> None:
    X, y = data.classes(2)
    model = made(max_iter=2, warm_start=True).fit(X, y)
    with pytest.raises(ValueError, match="do not fit the network"):
        model.set_params(hidden_layer_sizes=(3, 3)).fit(X, y)


def test_another_optimizer_starts_afresh() -> None:
    X, y = data.classes(2)
    model = made(max_iter=2, warm_start=True).fit(X, y)
    before = [W.copy() for W in model.coefs_]
    model.set_params(optimizer=Adam(1e-8)).fit(X, y)
    for a, b in zip(before, model.coefs_, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-7)


def test_fit_without_warm_start_starts_afresh() -> None:
    X, y = data.classes(2)
    model = made(max_iter=3).fit(X, y)
    same(made(max_iter=3).fit(X, y), model.fit(X, y))
