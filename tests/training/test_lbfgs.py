"""L-BFGS: exact minima, honest limits, one row for each iteration."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.errors import InvalidParameterError
from tests.training.runs import noisy, numbers, regress


def test_a_linear_fit_is_the_least_squares_solution() -> None:
    X, y = numbers()
    optimizer = cr.LBFGS(tolerance=1e-10, objective_tolerance=0.0)
    run = regress(network=nn.Dense(1), optimizer=optimizer, epochs=200, dtype="float64")
    design = np.column_stack([X, np.ones(40)])
    exact = np.linalg.lstsq(design, y, rcond=None)[0]
    assert run.stop_reason == "converged"
    assert np.allclose(run.model.weights, exact, atol=1e-8)


def test_several_outputs_descend_the_loss_that_is_reported() -> None:
    X, y = numbers()
    Y = np.column_stack([y, -y, y**2])
    told: dict[str, Any] = {"optimizer": "lbfgs", "epochs": 500, "dtype": "float64"}
    run = cr.train(nn.Dense(3), X, Y, loss="squared_error", **told)
    losses = run.history.column("train_loss")
    assert np.all(np.diff(losses) < 0)
    design = np.column_stack([X, np.ones(40)])
    residual = Y - design @ np.linalg.lstsq(design, Y, rcond=None)[0]
    assert np.isclose(losses[-1], np.mean(np.sum(residual**2, 1)), rtol=1e-6)


def test_a_row_for_each_iteration() -> None:
    run = regress(optimizer="lbfgs", epochs=7)
    assert run.stop_reason == "epochs"
    assert run.history.column("epoch").tolist() == [1, 2, 3, 4, 5, 6, 7]
    assert run.history.column("step").tolist() == [1, 2, 3, 4, 5, 6, 7]
    assert set(run.history.column("learning_rate")) == {1.0}


def test_the_row_describes_the_accepted_weights() -> None:
    X, y = numbers()
    run = regress(optimizer="lbfgs", epochs=6, dtype="float64", restore_best=False)
    assert np.isclose(run.history[-1]["train_loss"], np.mean((run.model.predict(X) - y) ** 2))


def test_noise_is_fixed_so_the_objective_always_falls() -> None:
    run = regress(network=noisy(), optimizer="lbfgs", epochs=30, dtype="float64")
    assert np.all(np.diff(run.history.column("train_loss")) < 0)


def test_running_moments_move_once_an_iteration() -> None:
    network = nn.Sequential(nn.BatchNorm(momentum=0.5), nn.Dense(1))
    X, _ = numbers()
    told = {"network": network, "optimizer": "lbfgs", "dtype": "float64", "restore_best": False}
    for epochs in (1, 3):
        state = regress(epochs=epochs, **told).model.state
        assert np.allclose(state[:5], X.mean(0) * (1 - 0.5**epochs))


def test_evaluations_are_limited() -> None:
    run = regress(optimizer=cr.LBFGS(evaluations=3), epochs=100)
    assert run.stop_reason == "evaluations"
    assert len(run.history) < 5


def test_float32_ends_where_rounding_hides_progress() -> None:
    run = regress(optimizer=cr.LBFGS(tolerance=0.0, objective_tolerance=0.0), epochs=5000)
    assert run.stop_reason == "converged"


def test_penalties_of_the_objective_work() -> None:
    X, y = numbers()
    told = {"network": nn.Dense(1, bias=False), "optimizer": "lbfgs", "dtype": "float64"}
    run = regress(penalties=cr.L2(0.5), epochs=100, **told)
    ridge = np.linalg.solve(X.T @ X / 40 + 0.25 * np.eye(5), X.T @ y / 40)
    assert np.allclose(run.model.weights, ridge, atol=1e-4)


@pytest.mark.parametrize(
    "changed",
    [
        {"clip": 1.0},
        {"penalties": cr.WeightDecay(0.1)},
        {"penalties": (cr.L2(0.1), cr.MaxNorm(1.0))},
        {"schedule": "cosine"},
        {"groups": (cr.Group("*.W", 0.5),)},
    ],
    ids=str,
)
def test_what_acts_on_single_updates_is_refused(changed: dict[str, Any]) -> None:
    (where,) = changed
    with pytest.raises(InvalidParameterError, match="acts on single updates") as caught:
        regress(optimizer="lbfgs", **changed)
    assert caught.value.where == where
