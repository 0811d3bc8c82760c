"""The learning-rate finder, on problems whose best rate is known."""

from __future__ import annotations

import json
import math
import warnings
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.errors import DataError, InvalidParameterError
from chainrule.experiments.lr_find import read_off
from chainrule.experiments.recipes.arms import Arm, mlp, run_arms
from chainrule.experiments.recipes.task import task_of


def _line(rows: int = 512, scale: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    X = np.random.default_rng(0).normal(size=(rows, 6)) * scale
    return X, X @ np.arange(1.0, 7.0)


@pytest.mark.parametrize("scale", [0.1, 1.0, 10.0])
def test_it_follows_the_stability_limit_of_a_quadratic(scale: float) -> None:
    X, y = _line(scale=scale)
    found = cr.lr_find(
        nn.Dense(1), X, y, loss="squared_error", optimizer="sgd", low=1e-8, high=1e3, batch_size=64
    )
    # The mean of squares has the Hessian 2 A'A / N, A = [X, 1] for the bias, and descent is stable
    # below 2 over its largest eigenvalue.
    A = np.column_stack([X, np.ones(len(X))])
    limit = 1 / np.linalg.eigvalsh(A.T @ A / len(A))[-1]
    assert limit / 60 < found.suggestion < limit
    assert limit / 3 < found.edge < 30 * limit


@pytest.mark.parametrize("optimizer", ["momentum", "adam"])
def test_it_is_near_the_best_rate_of_a_sweep(optimizer: str) -> None:
    task = task_of("digits")
    X, y = task.cut(0)[0]
    net = mlp(task.facts.outputs)
    found = cr.lr_find(net, X, y, loss=task.facts.loss, optimizer=optimizer)
    grid = [found.suggestion * factor for factor in (1 / 64, 1 / 8, 1, 8, 64)]
    arms = [
        Arm(
            {"rate": rate},
            net,
            {
                "optimizer": cr.Momentum(rate) if optimizer == "momentum" else cr.Adam(rate),
                "epochs": 5,
                "restore_best": False,
            },
        )
        for rate in grid
    ]
    losses = [
        run.history[-1]["validation_loss"] if run.history and not run.diverged else math.inf
        for run in run_arms(task, arms, 1, workers=2)
    ]
    assert losses[2] == min(losses)


def test_the_same_seed_gives_the_same_reading() -> None:
    X, y = _line()
    first, second = (
        cr.lr_find(nn.Dense(1), X, y, loss="squared_error", seed=3, ramps=2) for _ in range(2)
    )
    assert np.array_equal(first.losses, second.losses, equal_nan=True)
    assert first.suggestion == second.suggestion


def test_the_suggestion_lies_between_its_readings() -> None:
    X, y = _line()
    found = cr.lr_find(nn.Dense(1), X, y, loss="squared_error")
    assert found.suggestion == pytest.approx(math.sqrt(found.steepest * found.tenth))
    assert f"{found.suggestion:.2g}" in found.words()
    document = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert document["ramps"] == 5


def test_easy_batches_do_not_look_like_descent() -> None:
    """Rows in four groups of very different size: batches differ, and tiny rates change nothing."""
    X, _ = _line(256)
    y = X[:, 0] + np.where(np.arange(256) % 4 == 0, 30.0, 0.0)
    found = cr.lr_find(
        nn.Dense(1), X, y, loss="squared_error", optimizer="sgd", batch_size=8, ramps=1
    )
    early = found.rates < 1e-5
    assert np.ptp(found.smoothed[early]) < 1e-2 * found.smoothed[0]
    assert found.steepest > 1e-4


def test_the_smoothing_counts_the_first_loss_fully() -> None:
    rates = np.geomspace(1e-4, 1, 50)
    level = np.where(np.arange(50) < 30, 5.0 - 0.1 * np.arange(50), 9.0)
    found = read_off(rates, level[None], smoothing=0.9)
    assert found.smoothed[0] == pytest.approx(5.0)
    weights = 0.9 ** np.arange(9, -1, -1.0)
    assert found.smoothed[9] == pytest.approx(np.sum(weights * level[:10]) / weights.sum())


def test_the_reading_ends_where_half_of_the_ramps_do() -> None:
    rates = np.geomspace(1e-4, 1, 40)
    losses = np.tile(2.0 - np.linspace(0, 1, 40), (3, 1))
    losses[0, 35:] = losses[1, 30:] = np.nan
    found = read_off(rates, losses, smoothing=0.0)
    assert len(found.rates) == 35
    assert found.edge == rates[35]


def test_what_is_wrong_is_said() -> None:
    X, y = _line()
    call: dict[str, Any] = {"network": nn.Dense(1), "X": X, "y": y, "loss": "squared_error"}
    with pytest.raises(InvalidParameterError, match="rise"):
        cr.lr_find(**call, low=1.0, high=0.1)
    with pytest.raises(InvalidParameterError, match="smoothing"):
        cr.lr_find(**call, smoothing=1.0)
    with pytest.raises(InvalidParameterError, match="step lengths"):
        cr.lr_find(**call, optimizer="lbfgs")
    with pytest.raises(DataError, match="broke out at once"):
        cr.lr_find(**call, optimizer="sgd", low=1e6, high=1e9)
    with pytest.raises(DataError, match="falls nowhere"):
        cr.lr_find(
            nn.Dense(1),
            X,
            1e-30 * (np.arange(len(X)) % 2),
            loss="absolute_error",
            low=1e3,
            high=1e4,
            optimizer="sgd",
            stop_factor=1e9,
        )


@pytest.mark.parametrize("rows", ["all", "one"])
def test_targets_whose_loss_is_not_finite_are_one_error_and_no_warning(rows: str) -> None:
    X, y = _line()
    y[slice(None) if rows == "all" else 3] *= 1e30  # its square is beyond float32
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(DataError, match="broke out at once") as error:
            cr.lr_find(nn.Dense(1), X, y, loss="squared_error", batch_size=len(X) // 2, steps=40)
    assert "sizes of inputs and targets" in error.value.do


def test_the_picture_names_its_readings() -> None:
    X, y = _line()
    picture = cr.lr_find(nn.Dense(1), X, y, loss="squared_error").picture()
    text = picture.svg()
    for words in ("suggested", "steepest descent", "learning rate", "loss of the batch"):
        assert words in text
    assert picture.png()[1:4] == b"PNG"
