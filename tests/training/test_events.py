"""What a listener is told, when, and what happens when it fails."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import chainrule as cr
from chainrule.engine import native_call
from chainrule.training import session
from chainrule.training.checkpoint import read_checkpoint
from chainrule.training.events import EpochEnded, RunEnded, RunStarted, StepsDone
from tests.training.runs import assert_same_bits, interrupt_after, numbers, regress


@pytest.fixture
def every_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """Send an event for each update."""
    monkeypatch.setattr(session, "_EVENT_SECONDS", 0.0)
    monkeypatch.setattr(native_call, "PULSE_SECONDS", 0.0)


def test_the_story_of_a_run(every_step: None) -> None:
    events: list[Any] = []
    run = regress(epochs=2, batch_size=20, on_event=events.append)
    assert [type(event) for event in events] == [
        RunStarted,
        *[StepsDone, StepsDone, EpochEnded] * 2,
        RunEnded,
    ]
    assert events[0] == RunStarted(2, 2, run.model.weights.size)
    assert events[1:3] == [StepsDone(1, 1, 2), StepsDone(1, 2, 2)]
    assert events[3].row == run.history[0]
    assert (events[3].best, events[3].epochs_planned) == (True, 2)
    assert 0 < events[3].seconds < events[6].seconds
    assert events[-1] == RunEnded("epochs", run.best_epoch)


def test_events_within_an_epoch_are_rare() -> None:
    events: list[Any] = []
    regress(epochs=5, batch_size=1, on_event=events.append)
    assert sum(isinstance(event, StepsDone) for event in events) < 20


def test_lbfgs_tells_each_iteration() -> None:
    events: list[Any] = []
    run = regress(optimizer="lbfgs", epochs=4, on_event=events.append)
    assert [event.row for event in events[1:-1]] == run.history.rows
    assert events[0].steps_per_epoch == 1


def test_best_says_whether_the_score_improved() -> None:
    events: list[Any] = []
    X, y = numbers(seed=3)
    told = {"epochs": 20, "optimizer": cr.Adam(0.1), "validation": (X, y)}
    scores = regress(on_event=events.append, **told).history.column("validation_loss")
    said = [event.best for event in events if isinstance(event, EpochEnded)]
    assert said == [score < min([*scores[:row], float("inf")]) for row, score in enumerate(scores)]
    assert not all(said)


def test_a_listener_changes_nothing() -> None:
    def meddle(event: object) -> None:
        if isinstance(event, EpochEnded):
            event.row.clear()

    assert_same_bits(regress(on_event=meddle), regress())


def test_a_failing_listener_loses_nothing(tmp_path: Path) -> None:
    def fail(event: object) -> None:
        if isinstance(event, EpochEnded) and event.row["epoch"] == 3:
            raise LookupError("the listener's own trouble")

    path = tmp_path / "run.ckpt"
    told = {"epochs": 5, "checkpoint_every": 100}
    with pytest.raises(LookupError, match="own trouble"):
        regress(on_event=fail, checkpoint=path, **told)
    assert read_checkpoint(path).document["epoch"] == 3
    assert_same_bits(regress(resume=path, **told), regress(**told))


def test_a_listener_that_fails_within_an_epoch(tmp_path: Path, every_step: None) -> None:
    def fail(event: object) -> None:
        if isinstance(event, StepsDone) and (event.epoch, event.step) == (3, 2):
            raise LookupError

    path = tmp_path / "run.ckpt"
    with pytest.raises(LookupError):
        regress(on_event=fail, checkpoint=path, checkpoint_every=100, epochs=5)
    assert read_checkpoint(path).document["epoch"] == 2
    assert_same_bits(regress(resume=path, epochs=5), regress(epochs=5))


@pytest.mark.parametrize("optimizer", ["adam", "lbfgs"])
def test_an_interrupt_returns_what_is_done(optimizer: str) -> None:
    told = {"optimizer": optimizer, "restore_best": False}
    events: list[Any] = []

    def listener(event: object) -> None:
        events.append(event)
        interrupt_after(2)(event)

    run = regress(epochs=50, on_event=listener, **told)
    assert (run.stop_reason, len(run.history)) == ("interrupted", 2)
    assert run.model.weights.tobytes() == regress(epochs=2, **told).model.weights.tobytes()
    assert events[-1] == RunEnded("interrupted", run.best_epoch)


def test_an_interrupt_before_anything_is_done(every_step: None) -> None:
    def stop(event: object) -> None:
        if isinstance(event, StepsDone):
            raise KeyboardInterrupt

    run = regress(on_event=stop)
    assert (run.stop_reason, run.best_epoch, len(run.history)) == ("interrupted", 0, 0)
    assert run.model.predict(numbers()[0]).shape == (40,)


def test_an_interrupt_within_an_epoch_goes_back_to_its_start(every_step: None) -> None:
    def stop(event: object) -> None:
        if isinstance(event, StepsDone) and (event.epoch, event.step) == (3, 4):
            raise KeyboardInterrupt

    run = regress(on_event=stop, restore_best=False)
    assert len(run.history) == 2
    assert (
        run.model.weights.tobytes() == regress(epochs=2, restore_best=False).model.weights.tobytes()
    )


def test_an_observer_sees_the_tensors_of_a_step() -> None:
    names: set[str] = set()
    regress(epochs=1, observer=lambda step, name, value: names.add(name))
    assert {"dense_1.Z", "dense_2.dW", "loss.J"} <= names
