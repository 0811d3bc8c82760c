"""Every rule ends a run where it says, and says so."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.engine import native_call
from chainrule.errors import DivergenceError, InvalidParameterError, OutputExistsError
from chainrule.training import session
from chainrule.training.stopping import REASONS, STOPPINGS, Patience
from tests.training.runs import labels, numbers, regress, small


def stopped(stopping: cr.Stopping, **changed: Any) -> cr.Run:
    return regress(stopping=stopping, **{"epochs": 40, **changed})


def test_the_last_epoch() -> None:
    run = regress(epochs=4)
    assert (run.stop_reason, len(run.history)) == ("epochs", 4)
    assert run.history.column("epoch").tolist() == [1, 2, 3, 4]
    assert run.history.column("step").tolist() == [5, 10, 15, 20]


@pytest.mark.parametrize("optimizer", [cr.Adam(0.02), "lbfgs"], ids=["adam", "lbfgs"])
def test_a_small_loss(optimizer: Any) -> None:
    run = stopped(cr.Stopping(loss_below=0.4), optimizer=optimizer)
    losses = run.history.column("train_loss")
    assert run.stop_reason == "loss_below"
    assert losses[-1] < 0.4
    assert np.all(losses[:-1] >= 0.4)


@pytest.mark.parametrize("optimizer", [cr.Adam(0.02), "lbfgs"], ids=["adam", "lbfgs"])
def test_a_small_gradient(optimizer: Any) -> None:
    run = stopped(cr.Stopping(gradient_norm_below=0.8), optimizer=optimizer)
    norms = run.history.column("gradient_norm")
    assert run.stop_reason == "gradient_norm_below"
    assert norms[-1] < 0.8
    assert np.all(norms[:-1] >= 0.8)


@pytest.mark.parametrize("optimizer", [cr.Adam(0.05), "lbfgs"], ids=["adam", "lbfgs"])
def test_patience_waits_exactly_so_long(optimizer: Any) -> None:
    X, _ = numbers(seed=1)
    noise = np.random.default_rng(0).standard_normal(40)
    told = {"validation": (X, noise), "optimizer": optimizer, "epochs": 200}
    run = stopped(cr.Stopping(patience=3), **told)
    scores = run.history.column("validation_loss")
    assert run.stop_reason == "patience"
    assert np.argmin(scores) == len(scores) - 4
    assert run.best_epoch == len(scores) - 3


def test_small_gains_do_not_count() -> None:
    run = stopped(cr.Stopping(patience=2, minimum_improvement=1e6))
    assert (run.stop_reason, len(run.history)) == ("patience", 3)
    assert run.best_epoch == 3  # the best weights are still those of the lowest loss


def test_small_gains_add_up() -> None:
    counter = Patience()
    for score in (1.0, 0.7, 0.4):
        counter = counter.after(score, 0.5)
    assert counter == Patience(0.4, 0)
    assert counter.after(math.nan, 0.5) == Patience(0.4, 1)


def test_any_score_can_be_watched() -> None:
    X, y = labels()
    told: dict[str, Any] = {"loss": "softmax_cross_entropy", "optimizer": cr.Adam(0.05)}
    run = cr.train(
        small(3),
        X,
        y,
        epochs=300,
        validation=(X, y),
        stopping=cr.Stopping(patience=4, monitor="validation_accuracy"),
        **told,
    )
    scores = run.history.column("validation_accuracy")
    assert run.stop_reason == "patience"
    assert run.best_epoch == np.argmax(scores) + 1 == len(scores) - 4


@pytest.mark.parametrize(
    ("monitor", "column", "sign"),
    [
        ("validation_loss", "train_loss", 1),
        ("train_loss", "train_loss", 1),
        ("train_r2", "train_r2", -1),
        ("train_mae", "train_mae", 1),
        ("gradient_norm", "gradient_norm", 1),
    ],
)
def test_what_is_best_follows_the_column(monitor: str, column: str, sign: int) -> None:
    run = regress(epochs=8, stopping=cr.Stopping(monitor=monitor), optimizer=cr.Adam(0.1))
    assert run.best_epoch == np.argmin(sign * run.history.column(column)) + 1


@pytest.mark.parametrize("monitor", ["validation_r2", "seconds", "epoch", "train_accuracy", "loss"])
def test_a_column_that_is_not_there_cannot_be_watched(monitor: str) -> None:
    with pytest.raises(InvalidParameterError, match=r"Stopping\.monitor"):
        regress(stopping=cr.Stopping(monitor=monitor))


def test_time_runs_out_between_epochs_or_within(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "_EVENT_SECONDS", 0.0)
    monkeypatch.setattr(native_call, "PULSE_SECONDS", 0.0)
    slow = {"on_event": lambda event: time.sleep(0.02), "epochs": 10_000}
    between = stopped(cr.Stopping(max_seconds=0.15), **slow)
    assert between.stop_reason == "max_seconds"
    assert 1 <= len(between.history) <= 8
    X, y = numbers(4000)
    slow = {"on_event": lambda event: time.sleep(0.001)}
    within = stopped(cr.Stopping(max_seconds=0.05), X=X, y=y, batch_size=1, **slow)
    (row,) = within.history
    assert within.stop_reason == "max_seconds"
    assert 0 < row["step"] < 4000
    assert math.isfinite(row["train_r2"])
    assert within.best_epoch == 1


def test_time_runs_out_in_lbfgs() -> None:
    slow = {"on_event": lambda event: time.sleep(0.05), "epochs": 10_000}
    run = stopped(cr.Stopping(max_seconds=0.12), optimizer="lbfgs", **slow)
    assert run.stop_reason == "max_seconds"
    assert 1 <= len(run.history) <= 3


def test_a_loss_that_grows_too_much_has_diverged() -> None:
    network = nn.Dense(1, initialiser="zeros")
    told = {"network": network, "optimizer": cr.SGD(1.2), "batch_size": None}
    free = stopped(cr.Stopping(), **told)
    limited = stopped(cr.Stopping(divergence_factor=10.0), **told)
    losses = free.history.column("train_loss")
    assert limited.stop_reason == "diverged"
    assert len(limited.history) == np.argmax(losses > 10 * losses[0]) + 1


@pytest.mark.parametrize("restore_best", [True, False])
def test_numbers_that_are_not_finite_end_the_run(restore_best: bool) -> None:
    X, y = numbers()
    told = {"X": X, "y": y, "optimizer": cr.SGD(5.0), "network": nn.Dense(1), "batch_size": 10}
    run = stopped(cr.Stopping(), restore_best=restore_best, validation=(X, y), **told)
    assert run.stop_reason == "diverged"
    assert 1 < len(run.history) < 40
    assert np.isfinite(run.model.weights).all()
    assert math.isnan(run.history[-1]["validation_loss"])
    scores = run.history.column("validation_loss")
    assert run.best_epoch == np.nanargmin(scores) + 1
    best = np.mean((run.model.predict(X) - y) ** 2)
    assert np.isclose(best, np.nanmin(scores), rtol=1e-4) == restore_best


def test_a_run_without_one_finite_epoch_raises() -> None:
    with pytest.raises(DivergenceError, match="before one epoch") as caught:
        regress(optimizer=cr.SGD(1e30))
    assert "epoch 1, update" in caught.value.where
    assert "learning rate" in caught.value.do


def test_lbfgs_at_an_infinite_start_raises() -> None:
    X, _ = numbers()
    with pytest.raises(DivergenceError):
        regress(X=1e30 * X, network=nn.Dense(1), optimizer="lbfgs")


def test_the_first_reason_in_line_is_given() -> None:
    rows = [{"epoch": 2, "train_loss": 0.1, "gradient_norm": 0.1}]
    rule = cr.Stopping(patience=1, loss_below=1.0, gradient_norm_below=1.0)
    assert rule.reason(rows, 5, epochs=2) == "loss_below"
    assert cr.Stopping(patience=1).reason(rows, 5, epochs=2) == "patience"
    assert cr.Stopping().reason(rows, 5, epochs=2) == "epochs"
    assert cr.Stopping().reason(rows, 5, epochs=3) is None
    assert cr.Stopping(patience=1).reason([], 5, epochs=2) is None


@pytest.mark.parametrize("reason", REASONS)
def test_reasons_are_words(reason: str) -> None:
    assert reason.replace("_", "").isalpha()


def test_the_rule_is_a_record() -> None:
    rule = cr.Stopping(patience=3, monitor="train_loss")
    assert STOPPINGS.make(STOPPINGS.document(rule)) == rule


@pytest.mark.parametrize(
    ("changed", "found"),
    [
        ({"optimizer": cr.SGD(1e30)}, "not finite"),
        ({"optimizer": cr.SGD(1e39), "batch_size": None}, "weights that are not finite after"),
        ({"optimizer": "lbfgs", "X": 1e30 * numbers()[0]}, "a loss of inf"),
    ],
)
def test_a_divergence_says_what_was_not_finite(changed: dict[str, Any], found: str) -> None:
    with pytest.raises(DivergenceError) as caught:
        regress(network=nn.Dense(1), **changed)
    assert found in caught.value.got or caught.value.got.startswith("a loss of")
    assert caught.value.do.startswith("lower the learning rate first")


def test_a_late_divergence_is_told_with_the_run() -> None:
    X, y = numbers()
    run = regress(X=X, y=y, optimizer=cr.SGD(5.0), network=nn.Dense(1), batch_size=10, epochs=40)
    assert run.fault.startswith(f"epoch {len(run.history)}, update ")
    assert "finite" in run.fault or "a loss of" in run.fault
    assert regress().fault == ""


def test_patience_given_as_a_number_is_explained() -> None:
    with pytest.raises(InvalidParameterError, match="not a number of epochs") as caught:
        regress(stopping=5)
    assert caught.value.do == "pass Stopping(patience=5)"


def test_a_checkpoint_that_exists_can_be_resumed(tmp_path: Path) -> None:
    path = tmp_path / "run.ckpt"
    regress(checkpoint=path)
    with pytest.raises(OutputExistsError) as caught:
        regress(checkpoint=path)
    assert f"resume={str(path)!r}" in caught.value.do
