"""The weights that a run returns: those of the best epoch, with the moments that belong to them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import chainrule as cr
from tests.training.runs import noisy, numbers, regress, small

HELD = numbers(30, seed=9)


def overfitted(**changed: Any) -> cr.Run:
    X, y = numbers()
    y = y + np.random.default_rng(3).standard_normal(40)
    told = {"X": X, "y": y, "optimizer": cr.Adam(0.1), "epochs": 30, "validation": HELD}
    return regress(**{**told, "dtype": "float64", **changed})


def validation_loss(run: cr.Run) -> float:
    X, y = HELD
    return float(np.mean((run.model.predict(X) - y) ** 2))


@pytest.mark.parametrize("network", [small(), noisy()], ids=["plain", "moments and noise"])
@pytest.mark.parametrize("optimizer", [cr.Adam(0.1), "lbfgs"], ids=["adam", "lbfgs"])
def test_the_best_epoch_is_restored(network: Any, optimizer: Any) -> None:
    run = overfitted(network=network, optimizer=optimizer)
    scores = run.history.column("validation_loss")
    assert 0 < np.argmin(scores) < len(scores) - 1, "the last epoch should not be the best"
    assert run.best_epoch == np.argmin(scores) + 1
    assert np.isclose(validation_loss(run), scores.min(), rtol=1e-9)


@pytest.mark.parametrize("network", [small(), noisy()], ids=["plain", "moments and noise"])
def test_or_the_last_one_is_kept(network: Any) -> None:
    run = overfitted(network=network, restore_best=False)
    scores = run.history.column("validation_loss")
    assert run.best_epoch == np.argmin(scores) + 1
    assert np.isclose(validation_loss(run), scores[-1], rtol=1e-9)


def test_the_best_weights_are_those_of_a_shorter_run() -> None:
    run = overfitted(network=noisy())
    shorter = overfitted(network=noisy(), epochs=run.best_epoch, restore_best=False)
    assert run.model.weights.tobytes() == shorter.model.weights.tobytes()
    assert run.model.state.tobytes() == shorter.model.state.tobytes()


def test_validation_has_no_part_in_training() -> None:
    seen = overfitted(restore_best=False)
    unseen = overfitted(restore_best=False, validation=None)
    assert seen.model.weights.tobytes() == unseen.model.weights.tobytes()


def test_validation_weights_count() -> None:
    X, y = HELD
    weights = np.where(np.arange(30) < 10, 1.0, 0.0)
    some = overfitted(validation=(X[:10], y[:10]), epochs=2).history[-1]["validation_loss"]
    weighted = overfitted(validation=(X, y, weights), epochs=2).history[-1]["validation_loss"]
    assert np.isclose(some, weighted, rtol=1e-12)


def test_penalties_are_part_of_the_training_loss_only() -> None:
    X, y = numbers()
    (row,) = regress(
        epochs=1, batch_size=None, validation=(X, y), penalties=cr.L2(10.0), dtype="float64"
    ).history
    assert row["train_loss"] > 2 * row["validation_loss"]


def test_a_plateau_lowers_the_rate() -> None:
    plateau = cr.Plateau(multiplier=0.5, patience=2)
    run = overfitted(schedule=plateau, optimizer=cr.Adam(0.2))
    rates = run.history.column("learning_rate")
    state = plateau.initial_state()
    for row, score in enumerate(run.history.column("validation_loss")):
        assert np.isclose(rates[row], 0.2 * plateau.state_factor(state))
        state = plateau.observe(state, score)
    assert rates[-1] < 0.05


def test_a_schedule_spans_the_run() -> None:
    run = regress(schedule="cosine", optimizer=cr.SGD(0.1), epochs=4)
    rates = run.history.column("learning_rate")
    steps = np.array([4, 9, 14, 19]) / 20
    assert np.allclose(rates, 0.1 * 0.5 * (1 + np.cos(np.pi * steps)))
