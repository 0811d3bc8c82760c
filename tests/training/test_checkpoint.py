"""A run that was stopped and resumed is the run that was never stopped, to the bit."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.engine import native_call
from chainrule.errors import (
    ChainruleError,
    CheckpointError,
    OutputExistsError,
)
from chainrule.maths.optimizer import OPTIMIZERS, Optimizer
from chainrule.maths.schedule import SCHEDULES, Schedule
from chainrule.training import identity, session
from chainrule.training.checkpoint import read_checkpoint
from tests.training.runs import (
    assert_same_bits,
    assert_same_checkpoint,
    interrupt_after,
    labels,
    noisy,
    numbers,
    regress,
)

EVERY_OPTIMIZER = [example for cls in OPTIMIZERS for example in cls.examples()]
EVERY_SCHEDULE = [example for cls in SCHEDULES for example in cls.examples()]


def interrupted_and_resumed(told: dict[str, Any], folder: Path, at: int = 4) -> None:
    """Compare ten epochs with four, an interrupt, and six more; slots included."""
    whole = regress(**told, checkpoint=folder / "whole", checkpoint_every=3)
    path = folder / "parts"
    part = regress(**told, checkpoint=path, on_event=interrupt_after(at))
    assert (part.stop_reason, len(part.history)) == ("interrupted", at)
    rest = regress(**{**told, "epochs": None}, resume=path)
    assert_same_bits(rest, whole)
    assert_same_checkpoint(path, folder / "whole")


@pytest.mark.parametrize("optimizer", EVERY_OPTIMIZER, ids=str)
def test_every_optimizer_resumes_to_the_same_bits(optimizer: Optimizer, tmp_path: Path) -> None:
    told: dict[str, Any] = {"network": noisy(), "optimizer": optimizer, "epochs": 10}
    told["validation"] = numbers(15, seed=5)
    told["stopping"] = cr.Stopping(patience=6)
    if optimizer.stepwise:
        told["schedule"] = cr.Plateau(multiplier=0.5, patience=1)
        told["clip"] = 1.0
        told["penalties"] = (cr.L2(1e-3), cr.WeightDecay(0.01))
    interrupted_and_resumed(told, tmp_path)


@pytest.mark.parametrize("schedule", EVERY_SCHEDULE, ids=str)
def test_every_schedule_resumes_to_the_same_bits(schedule: Schedule, tmp_path: Path) -> None:
    interrupted_and_resumed({"schedule": schedule, "epochs": 10}, tmp_path)


@pytest.mark.parametrize(
    "changed",
    [
        {"dtype": "float64"},
        {"batch_size": None},
        {"shuffle": False},
        {"reduction": "sum"},
        {"validation_share": 0.2, "sample_weight": np.linspace(0, 1, 40)},
        {"train_metrics": False, "metrics": ()},
        {"groups": (cr.Group("dense_1.*", 0.1),)},
        {"network": nn.Sequential(nn.Dropout(0.5, schedule="cosine"), nn.Dense(1))},
        {"stopping": cr.Stopping(monitor="train_r2")},
    ],
    ids=str,
)
def test_every_setting_resumes_to_the_same_bits(changed: dict[str, Any], tmp_path: Path) -> None:
    interrupted_and_resumed({"epochs": 10, **changed}, tmp_path, at=1)


def test_a_classification_resumes_to_the_same_bits(tmp_path: Path) -> None:
    X, codes = labels()
    names = np.array(["a", "b", "c"])[codes]
    told: dict[str, Any] = {
        "loss": "softmax_cross_entropy",
        "epochs": 6,
        "class_weight": "balanced",
    }
    whole = cr.train(noisy(3), X, names, **told)
    path = tmp_path / "run"
    cr.train(noisy(3), X, names, **told, checkpoint=path, on_event=interrupt_after(2))
    rest = cr.train(noisy(3), X, names, **told, resume=path)
    assert_same_bits(rest, whole)
    assert rest.model.classes == ["a", "b", "c"]


def test_a_run_resumes_twice(tmp_path: Path) -> None:
    path = tmp_path / "run"
    regress(epochs=9, checkpoint=path, on_event=interrupt_after(2))
    regress(epochs=9, resume=path, on_event=interrupt_after(5))
    assert_same_bits(regress(epochs=9, resume=path), regress(epochs=9))


def test_a_resumed_run_can_write_elsewhere(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    regress(epochs=5, checkpoint=first, on_event=interrupt_after(2))
    before = first.read_bytes()
    regress(epochs=5, resume=first, checkpoint=second)
    assert first.read_bytes() == before
    assert read_checkpoint(second).document["epoch"] == 5


@pytest.mark.parametrize(
    ("stopping", "optimizer"),
    [
        (cr.Stopping(patience=2), cr.Adam(0.2)),
        (cr.Stopping(loss_below=0.5), cr.Adam(0.05)),
        (cr.Stopping(divergence_factor=3.0), cr.SGD(0.9)),
        (cr.Stopping(patience=2), "lbfgs"),
        (cr.Stopping(), cr.LBFGS(objective_tolerance=1e-3)),
    ],
    ids=str,
)
def test_a_finished_run_does_not_go_on(
    stopping: cr.Stopping, optimizer: Any, tmp_path: Path
) -> None:
    told = {"stopping": stopping, "optimizer": optimizer, "epochs": 60}
    told["validation"] = numbers(15, seed=5)
    path = tmp_path / "run"
    whole = regress(**told, checkpoint=path)
    assert whole.stop_reason != "epochs"
    assert_same_bits(regress(**told, resume=path), whole)


def test_a_diverged_run_diverges_again(tmp_path: Path) -> None:
    told = {"optimizer": cr.SGD(5.0), "network": nn.Dense(1), "epochs": 60}
    whole = regress(**told, checkpoint=tmp_path / "run")
    again = regress(**told, resume=tmp_path / "run")
    assert whole.stop_reason == "diverged"
    assert_same_bits(again, whole)


def test_time_within_an_epoch_is_repeated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "_EVENT_SECONDS", 0.0)
    monkeypatch.setattr(native_call, "PULSE_SECONDS", 0.0)
    X, y = numbers(3000)
    told = {"X": X, "y": y, "batch_size": 1, "epochs": 1, "metrics": ()}
    slow = {"on_event": lambda event: time.sleep(0.002)}
    path = tmp_path / "run"
    run = regress(**told, **slow, checkpoint=path, stopping=cr.Stopping(max_seconds=0.8))
    assert run.stop_reason == "max_seconds"
    assert run.history[0]["step"] < 3000
    assert read_checkpoint(path).document["epoch"] == 0
    assert_same_bits(regress(**told, resume=path), regress(**told))


def test_more_epochs_than_planned(tmp_path: Path) -> None:
    path = tmp_path / "run"
    regress(network=noisy(), epochs=4, checkpoint=path)
    assert_same_bits(
        regress(network=noisy(), epochs=10, resume=path), regress(network=noisy(), epochs=10)
    )
    with pytest.raises(CheckpointError, match="further than the epochs"):
        regress(network=noisy(), epochs=3, resume=path)


@pytest.mark.parametrize("schedule", [cr.StepDecay(0.5, every=3), cr.Plateau(), None], ids=str)
def test_more_epochs_where_no_schedule_is_stretched(schedule: Any, tmp_path: Path) -> None:
    path = tmp_path / "run"
    regress(schedule=schedule, epochs=4, checkpoint=path)
    assert_same_bits(
        regress(schedule=schedule, epochs=8, resume=path), regress(schedule=schedule, epochs=8)
    )


@pytest.mark.parametrize(
    ("changed", "name"),
    [
        ({"schedule": "cosine"}, "the schedule cosine"),
        ({"penalties": cr.WeightDecay(0.1, schedule="cosine")}, "the penalty weight_decay"),
        (
            {"network": nn.Sequential(nn.Dropout(0.5, schedule="cosine"), nn.Dense(1))},
            "the schedule of dropout_1",
        ),
    ],
    ids=str,
)
def test_more_epochs_where_a_schedule_is_stretched(
    changed: dict[str, Any], name: str, tmp_path: Path
) -> None:
    path = tmp_path / "run"
    regress(**changed, epochs=4, checkpoint=path)
    with pytest.raises(CheckpointError, match=name):
        regress(**changed, epochs=8, resume=path)


X0, Y0 = numbers()


@pytest.mark.parametrize(
    ("changed", "name"),
    [
        ({"network": nn.Dense(1)}, "network"),
        ({"loss": "huber"}, "loss"),
        ({"optimizer": cr.Adam(0.1)}, "optimizer"),
        ({"schedule": "cosine"}, "schedule"),
        ({"penalties": "l2"}, "penalties"),
        ({"clip": 1.0}, "clippings"),
        ({"groups": (cr.Group("*.b"),)}, "groups"),
        ({"reduction": "sum"}, "reduction"),
        ({"seed": 1}, "seed"),
        ({"dtype": "float64"}, "dtype"),
        ({"batch_size": 9}, "batch_size"),
        ({"shuffle": False}, "shuffle"),
        ({"X": X0[:-1], "y": Y0[:-1]}, "data"),
        ({"X": X0[::-1]}, "data"),
        ({"y": Y0 + 1e-3}, "data"),
        ({"sample_weight": np.linspace(1, 2, 40)}, "data"),
        ({"validation": (X0, Y0)}, "validation"),
        ({"metrics": ("r2",)}, "metrics"),
        ({"train_metrics": False}, "train_metrics"),
        ({"stopping": cr.Stopping(monitor="train_r2")}, "monitor"),
        ({"stopping": cr.Stopping(minimum_improvement=1.0)}, "minimum_improvement"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_another_run_is_refused_by_name(changed: dict[str, Any], name: str, tmp_path: Path) -> None:
    path = tmp_path / "run"
    regress(epochs=4, checkpoint=path, on_event=interrupt_after(2))
    content = path.read_bytes()
    with pytest.raises(CheckpointError, match=f"belongs to another run: .*{name}") as caught:
        regress(**changed, epochs=4, resume=path)
    assert str(path) in caught.value.where
    assert path.read_bytes() == content


def test_other_stopping_rules_are_the_same_run(tmp_path: Path) -> None:
    path = tmp_path / "run"
    regress(epochs=60, optimizer=cr.Adam(0.2), stopping=cr.Stopping(patience=1), checkpoint=path)
    told = {"epochs": 60, "optimizer": cr.Adam(0.2), "stopping": cr.Stopping(patience=4)}
    assert_same_bits(regress(**told, resume=path), regress(**told))


def test_an_existing_file_is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "run"
    regress(epochs=2, checkpoint=path)
    content = path.read_bytes()
    with pytest.raises(OutputExistsError):
        regress(epochs=2, checkpoint=path)
    other = tmp_path / "other"
    regress(epochs=4, checkpoint=other, on_event=interrupt_after(2))
    with pytest.raises(OutputExistsError):
        regress(epochs=4, checkpoint=path, resume=other)
    assert path.read_bytes() == content


def test_a_folder_that_is_missing_is_found_before_training(tmp_path: Path) -> None:
    told: list[object] = []
    with pytest.raises(ChainruleError, match="folder"):
        regress(checkpoint=tmp_path / "nowhere" / "run", on_event=told.append)
    assert told == []


def test_nothing_else_is_left_in_the_folder(tmp_path: Path) -> None:
    regress(epochs=5, checkpoint=tmp_path / "run")
    assert [entry.name for entry in tmp_path.iterdir()] == ["run"]


def test_no_such_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no such checkpoint"):
        regress(resume=tmp_path / "run")


@pytest.mark.parametrize(("saved", "now"), [("v2", "v3"), ("v3", "v2")])
def test_another_instruction_set_is_refused(
    saved: str, now: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "run"
    monkeypatch.setattr(identity, "info", lambda: {"instruction_set": saved})
    monkeypatch.setattr(identity, "_NATIVE", "reference")
    monkeypatch.setenv("CHAINRULE_ENGINE", "reference")
    regress(epochs=4, checkpoint=path, on_event=interrupt_after(2))
    monkeypatch.setattr(identity, "info", lambda: {"instruction_set": now})
    with pytest.raises(CheckpointError, match="another instruction set") as caught:
        regress(epochs=4, resume=path)
    assert (caught.value.expected, caught.value.got) == (repr(saved), repr(now))
    assert f"CHAINRULE_ISA={saved} " in caught.value.do
    monkeypatch.setattr(identity, "info", lambda: {"instruction_set": saved})
    assert len(regress(epochs=4, resume=path).history) == 4
