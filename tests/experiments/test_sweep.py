"""Sweeps: the runs are those of `train`, paired, complete, and refused before they start."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.errors import ChainruleError, UnknownNameError
from chainrule.experiments import Span
from chainrule.experiments.splits import Scheme, fold_rows
from chainrule.maths.activation import ACTIVATIONS
from chainrule.maths.activations_piecewise import ReLU
from tests.experiments.small import AXES, lasting, network, small, table


def test_a_run_has_the_bits_of_train() -> None:
    X, y = table()
    result = small(validation_share=0.25).rows[-1]
    run = cr.train(
        network(6),
        X,
        y,
        loss="softmax_cross_entropy",
        optimizer=cr.Adam(0.1),
        epochs=3,
        validation_share=0.25,
        seed=result.seed,
    )
    assert result.seed == 1
    for row, other in zip(result.history, run.history.rows, strict=True):
        assert {**row, "seconds": 0} == {**other, "seconds": 0}
    assert result.score == run.history[run.best_epoch - 1]["validation_accuracy"]


def test_the_grid_is_whole_and_paired() -> None:
    found = small(repeats=3)
    settings = {result.setting for result in found.rows}
    assert len(settings) == 4
    for setting in settings:
        runs = [result for result in found.rows if result.setting == setting]
        assert [(run.repeat, run.split, run.seed) for run in runs] == [(n, n, n) for n in range(3)]
    assert len({result.key for result in found.rows}) == 12


def test_the_table_is_of_the_rows() -> None:
    found = small()
    table = found.table()
    for row in table:
        scores = [result.score for result in found.results_of(row.settings)]
        assert (row.mean, row.scored, row.runs) == (pytest.approx(np.mean(scores)), 2, 2)
    assert [row.mean for row in table] == sorted((row.mean for row in table), reverse=True)
    assert found.best == table[0]
    assert found.to_csv_text().count("\n") == 5


def test_folds_hold_every_row_once() -> None:
    codes = np.array([0] * 11 + [1] * 6 + [2])
    held = fold_rows(18, 3, 0, codes)
    assert sorted(np.concatenate(held).tolist()) == list(range(17))  # row 17 is a class of its own
    assert all(2 <= np.sum(codes[rows] == 1) <= 2 for rows in held)
    found = small(folds=3)
    assert len(found.rows) == 4 * 2 * 3
    assert sorted({(run.repeat, run.split) for run in found.rows})[3] == (1, 3)


def test_given_validation_rows_leave_the_seed_alone_to_vary() -> None:
    X, y = table()
    found = small(validation=(X[:20], y[:20]))
    assert found.held == 0.0
    assert {result.seed for result in found.rows} == {0, 1}


def test_test_rows_are_scored_and_not_seen() -> None:
    X, y = table()
    shared = small(test=0.25)
    assert all(math.isfinite(result.test_score) for result in shared.rows)
    given = small(test=(X, np.where(y == "yes", "no", "yes")))  # wrong answers all
    right = small(test=(X, y))
    for one, other in zip(given.rows, right.rows, strict=True):
        assert one.test_score == pytest.approx(1 - other.test_score)
        assert one.score == other.score


def test_weights_of_the_rows_reach_the_runs() -> None:
    X, y = table()
    weights = np.where(np.arange(len(y)) < 30, 1.0, 0.0)
    found = small(sample_weight=weights, validation=(X, y))
    _, half = X, y
    other = cr.sweep(
        network,
        X[:30],
        half[:30],
        axes=AXES,
        validation=(X, y),
        loss="softmax_cross_entropy",
        epochs=3,
        repeats=2,
        workers=1,
    )
    assert [run.score for run in found.rows] == pytest.approx([run.score for run in other.rows])


def test_processes_threads_and_one_worker_agree() -> None:
    alone = lasting(small())
    assert lasting(small(workers=2)) == alone
    heard: list[Any] = []
    threaded = small(workers=2, on_event=heard.append)
    assert lasting(threaded) == alone
    assert heard


def test_a_diverged_run_is_a_result() -> None:
    found = small(axes={"learning_rate": [0.01, 1e30]}, optimizer="sgd", epochs=5)
    lost = [result for result in found.rows if result.diverged]
    assert len(lost) == 2
    assert all(math.isnan(result.score) and result.fault for result in lost)
    rows = found.table()
    assert (rows[-1].diverged, rows[-1].scored, math.isnan(rows[-1].mean)) == (2, 0, True)
    assert found.best.settings["learning_rate"] == 0.01


@dataclass(frozen=True)
class Mine(ReLU):
    """A user's own activation."""

    name = "mine"
    aliases = ()


def test_a_layer_of_the_users_own_runs_in_threads(tmp_path: Path) -> None:
    with ACTIVATIONS.temporary(Mine), pytest.warns(cr.errors.ReferenceEngineWarning):
        found = small(
            network=lambda width: nn.Sequential(
                nn.Dense(width), nn.Activation("mine"), nn.Dense(2)
            ),
            workers=2,
            out=tmp_path / "runs.jsonl",
        )
    assert [result.stop_reason for result in found.rows] == ["epochs"] * 8


def test_records_are_values_of_an_axis() -> None:
    found = small(
        axes={"optimizer": [cr.SGD(0.1), cr.Adam(0.1, beta1=0.5)], "clip": [None, 1.0]},
        network=network(),
    )
    labels = {result.settings["optimizer"] for result in found.rows}
    assert labels == {"sgd(learning_rate=0.1)", "adam(learning_rate=0.1, beta1=0.5)"}


def test_fields_are_axes_by_their_dotted_names() -> None:
    found = small(axes={"optimizer.beta1": [0.0, 0.9], "stopping.patience": [1, None]}, epochs=6)
    one = small(axes={"optimizer": [cr.Adam(beta1=0.0)]}, epochs=6)
    same = [run for run in found.rows if list(run.settings.values()) == [0.0, None]]
    assert [run.score for run in same] == [run.score for run in one.rows]


@pytest.mark.parametrize(
    ("told", "match"),
    [
        ({"axes": {"learnign_rate": [1.0]}}, "no argument 'learnign_rate'"),
        ({"axes": {"optimizer.momentum": [0.9]}}, "no field 'momentum'"),
        ({"axes": {"learning_rate": [0.1, -1.0]}}, "learning_rate is not allowed"),
        ({"axes": {"batch_size": [8, 0]}}, "batch_size is not allowed"),
        ({"axes": {"seed": [1, 2]}}, "seed cannot be varied"),
        ({"axes": {"schedule.warmup": [1]}}, "needs one schedule"),
        ({"axes": {"depth": [1]}}, "no argument 'depth'"),
        ({"network": lambda depth: network(), "axes": {"epochs": [1]}}, "needs 'depth'"),
        ({"network": nn.Dense(5), "axes": {"epochs": [1]}}, "width|classes|output"),
        ({"score": "r2"}, "r2 does not fit"),
        ({"score": "loss", "axes": {"reduction": ["mean", "sum"]}}, "different kinds"),
        ({"validation_share": 0.2, "folds": 3}, "told twice"),
        ({"folds": 1}, "folds"),
        ({"repeats": 0}, "repeats"),
        ({"workers": 0}, "workers"),
        ({"method": "magic"}, "method"),
        ({"runs": 3}, "a grid tries all"),
        ({"axes": {"learning_rate": Span(0.1, 1)}}, "needs the values"),
        ({"loss": None}, "needs a loss"),
        ({"checkpoint": "x"}, "checkpoint cannot be"),
        ({"epochs": "ten"}, "epochs is not allowed"),
        ({"epochs": math.nan}, "epochs is not allowed"),
        ({"epochs": 2.5}, "epochs is not allowed"),
        ({"test": 1.0}, "test is not allowed"),
        ({"test": True}, "test is not allowed"),
        ({"on_result": 3}, "on_result is not a function"),
        ({"out": 3}, "out is not a path"),
        ({"axes": {"learning_rate": b"12"}}, "are a list"),
        ({"batch_size": 8, "axes": {"batch_size": [16]}}, "told twice"),
        ({"learning_rate": 0.1, "axes": {"optimizer.learning_rate": [0.2]}}, "told twice"),
        ({"axes": {"patience": [1], "stopping.patience": [2]}}, "told twice"),
    ],
)
def test_mistakes_are_found_before_anything_runs(
    told: dict[str, Any], match: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chainrule.experiments.runner.perform", lambda *_: pytest.fail("it ran"))
    with pytest.raises(ChainruleError, match=match):
        small(**told)


def test_a_near_name_is_suggested() -> None:
    with pytest.raises(UnknownNameError) as error:
        small(axes={"batch_sizes": [1]})
    assert error.value.do == "did you mean batch_size?"


@pytest.mark.parametrize("y", [[1, "a"] * 30, [None] * 60, np.full(60, "x", object)])
def test_bad_targets_are_refused(y: Any) -> None:
    X, _ = table()
    with pytest.raises(ChainruleError):
        cr.sweep(network, X, y, axes=AXES, loss="softmax_cross_entropy")


def test_a_run_that_cannot_be_made_is_a_failed_result() -> None:
    axes: dict[str, Any] = {"optimizer": ["adam", "lbfgs"], "augment": [(), "noise"]}
    found = small(axes=axes, repeats=1)  # each value stands, and two of them not together
    failed = [run for run in found.rows if run.failed]
    assert [run.settings for run in failed] == [{"optimizer": "lbfgs", "augment": "noise"}]
    assert "augmentation changes it" in failed[0].fault
    assert found.table()[-1].failed == 1


@pytest.mark.parametrize("part", ["validation", "test"])
def test_labels_that_training_has_not_are_named_before_anything_runs(part: str) -> None:
    X, y = table()
    with pytest.raises(ChainruleError, match="not among the training labels") as error:
        small(**{part: (X[:2], [y[0], "rare"])}, on_result=lambda *_: pytest.fail("it ran"))
    assert error.value.where == f"{part} y, row 1"


def test_a_run_that_cannot_be_scored_is_a_failed_result(monkeypatch: pytest.MonkeyPatch) -> None:
    def scores(*_: Any, **__: Any) -> Any:
        raise ChainruleError("no score today")

    monkeypatch.setattr("chainrule.experiments.job.scores", scores)
    found = small(test=0.2)
    assert {run.fault for run in found.rows} == {"no score today"}


def test_seeds_move_with_the_sweeps_seed() -> None:
    assert [Scheme(2, 10, folds=2).seed_of(split) for split in range(4)] == [10, 10, 11, 11]
    moved = small(seed=1, repeats=1)
    both = small(seed=0, repeats=2)
    assert [run.score for run in moved.rows] == [run.score for run in both.rows if run.repeat == 1]


def test_a_recorded_sweep_keeps_its_recordings(tmp_path: Path) -> None:
    found = small(record=True, axes={"width": [2, 3]}, repeats=1, out=tmp_path / "x", workers=2)
    again = small(record=True, axes={"width": [2, 3]}, repeats=1, out=tmp_path / "x", workers=2)
    assert found.rows[0].recording is not None
    assert found.rows[0].recording["snapshots"]
    assert again.rows[0].recording == found.rows[0].recording


def test_two_settings_that_are_one_run_are_made_once(tmp_path: Path) -> None:
    path = tmp_path / "runs.jsonl"
    found = small(axes={"width": [2, 6]}, network=lambda width: network(min(width, 2)), out=path)
    assert [run.settings["width"] for run in found.rows] == [2, 2, 6, 6]
    assert path.read_text().count('"run"') == 2
    assert found.rows[0].score == found.rows[2].score


def test_values_that_read_alike_are_refused() -> None:
    with pytest.raises(ChainruleError, match="one value twice"):
        small(axes={"optimizer": ["adam", cr.Adam()]})
