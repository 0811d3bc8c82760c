"""The history: its columns, its numbers, its CSV."""

from __future__ import annotations

import csv
import io
import math

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.errors import UnknownNameError
from chainrule.training.history import History
from tests.training.runs import labels, numbers, regress, small


def test_the_columns_in_order() -> None:
    run = regress(validation=numbers(seed=2), metrics=["r2", "mae"])
    assert run.history.columns == (
        "epoch",
        "step",
        "train_loss",
        "validation_loss",
        "train_r2",
        "train_mae",
        "validation_r2",
        "validation_mae",
        "learning_rate",
        "gradient_norm",
        "seconds",
    )
    bare = regress(metrics=(), train_metrics=False)
    assert bare.history.columns == (
        "epoch",
        "step",
        "train_loss",
        "learning_rate",
        "gradient_norm",
        "seconds",
    )
    held = regress(validation=numbers(seed=2), metrics=["r2"], train_metrics=False)
    assert "train_r2" not in held.history.columns
    assert "validation_r2" in held.history.columns


def test_the_default_metrics_are_the_loss_own() -> None:
    X, y = labels()
    run = cr.train(small(3), X, y, loss="softmax_cross_entropy", epochs=1)
    assert {"train_accuracy", "train_log_loss"} < set(run.history.columns)


def test_the_numbers_are_what_they_say() -> None:
    X, y = numbers()
    network = nn.Dense(1)
    run = regress(network=network, validation=(X, y), batch_size=None, dtype="float64", epochs=2)
    second = run.history[1]
    one = regress(network=network, batch_size=None, dtype="float64", epochs=1).model
    error = one.predict(X) - y
    assert np.isclose(second["train_loss"], np.mean(error**2))  # before the epoch's one update
    slope = np.concatenate([2 * X.T @ error, [2 * error.sum()]]) / 40
    assert np.isclose(second["gradient_norm"], np.linalg.norm(slope))
    error = run.model.predict(X) - y
    assert np.isclose(second["validation_loss"], np.mean(error**2))
    assert np.isclose(second["train_mae"], np.mean(np.abs(error)))
    assert second["learning_rate"] == 0.001
    assert second["seconds"] > 0


def test_a_short_last_batch_counts_by_its_rows() -> None:
    X, y = numbers(10)
    told = {"optimizer": cr.SGD(1e-12), "epochs": 1, "dtype": "float64"}
    full = regress(X=X, y=y, batch_size=None, **told).history[0]["train_loss"]
    parts = regress(X=X, y=y, batch_size=4, **told).history[0]
    assert parts["step"] == 3
    assert np.isclose(parts["train_loss"], full)


def test_a_batch_larger_than_the_data_is_the_data() -> None:
    one, other = regress(batch_size=1000), regress(batch_size=None)
    assert one.model.weights.tobytes() == other.model.weights.tobytes()
    assert one.model.record["batch_size"] == 40


def test_a_score_that_is_not_defined() -> None:
    X, y = numbers()
    run = regress(validation=(X[:1], y[:1]))
    assert math.isnan(run.history[0]["validation_r2"])
    assert run.best_epoch > 0


def test_csv_reads_back() -> None:
    run = regress(validation=(np.zeros((1, 5)), [0.0]))
    rows = list(csv.DictReader(io.StringIO(run.history.to_csv_text())))
    assert tuple(rows[0]) == run.history.columns
    assert [float(row["train_loss"]) for row in rows] == run.history.column("train_loss").tolist()
    assert rows[0]["validation_r2"] == ""
    assert rows[0]["epoch"] == "1"


def test_a_history_is_a_sequence_of_rows() -> None:
    run = regress()
    assert [row["epoch"] for row in run.history] == [1, 2, 3]
    assert run.history[-1] is run.history.rows[2]
    assert len(History()) == 0
    assert History().to_csv_text() == "\n"


def test_it_prints_on_one_line() -> None:
    assert str(History()) == "History of 0 epochs"
    rows = [{"epoch": 1, "train_loss": 0.5, "validation_loss": None}]
    assert str(History([*rows])) == "History of 1 epoch, train_loss 0.5 to 0.5"
    run = regress(epochs=2)
    assert str(run.history).startswith("History of 2 epochs, train_loss ")
    assert "validation_loss" not in str(run.history)


def test_an_unknown_column_is_named() -> None:
    run = regress(epochs=1)
    with pytest.raises(UnknownNameError, match="train_los") as caught:
        run.history.column("train_los")
    assert "train_loss" in caught.value.do


def test_the_record_tells_the_training() -> None:
    record = regress(seed=5).model.record
    assert record["seed"] == 5
    assert record["stop_reason"] == "epochs"
    assert [row["epoch"] for row in record["history"]] == [1, 2, 3]
    assert "seconds" not in record["history"][0]


def test_a_long_record_is_thinned_and_keeps_the_last_row() -> None:
    run = regress(epochs=1001, batch_size=None, metrics=())
    kept = [row["epoch"] for row in run.model.record["history"]]
    assert kept == list(range(1, 1002, 2))
