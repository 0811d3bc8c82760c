"""The floor below `train`: first weights from elsewhere, and what a course works out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.engine.protocol import Rows
from chainrule.errors import CheckpointError
from chainrule.plan import make_plan
from chainrule.training import Course, run_course
from chainrule.training.checkpoint import read_checkpoint
from tests.training.runs import numbers, small


def course(optimizer: Any = "adam", **changed: Any) -> Course:
    X, y = numbers()
    rows = Rows(X.astype(np.float32), y[:, None].astype(np.float32))
    plan = make_plan(small(), (5,), "squared_error", 1, optimizer)
    return Course(plan, rows, **{"epochs": 3, **changed})


def test_steps_are_counted() -> None:
    assert (course(batch_size=16).steps_per_epoch, course(batch_size=16).total_steps) == (3, 9)
    assert course(batch_size=None).steps_per_epoch == 1
    assert course("lbfgs", batch_size=16).steps_per_epoch == 1


@pytest.mark.parametrize("optimizer", ["adam", "lbfgs"])
def test_a_run_starts_from_given_weights(optimizer: str) -> None:
    first = run_course(course(optimizer)).progress
    weights = first.buffers.weights.copy()
    told = {"start": first.buffers, "stopping": cr.Stopping()}
    second = run_course(course(optimizer, **told)).progress
    assert second.rows[0]["train_loss"] < first.rows[-1]["train_loss"]
    assert np.array_equal(first.buffers.weights, weights), "the given state was written to"


def test_the_start_is_part_of_the_run(tmp_path: Path) -> None:
    start = run_course(course()).progress.buffers
    run_course(course(start=start), checkpoint=tmp_path / "run")
    saved = read_checkpoint(tmp_path / "run")
    whole = run_course(course(start=start, epochs=5)).progress
    resumed = run_course(course(start=start, epochs=5), resume=saved).progress
    assert np.array_equal(resumed.buffers.weights, whole.buffers.weights)
    assert resumed.buffers.step == whole.buffers.step == start.step + 10
    with pytest.raises(CheckpointError, match="start differs"):
        run_course(course(epochs=5), resume=saved)


def test_a_schedule_goes_on_after_the_start() -> None:
    start = run_course(course()).progress.buffers
    X, y = numbers()
    plan = make_plan(small(), (5,), "squared_error", 1, "adam", "cosine")
    rows = Rows(X.astype(np.float32), y[:, None].astype(np.float32))
    told = Course(plan, rows, epochs=3, start=start)
    assert told.total_steps == start.step + 6
    assert 0 < run_course(told).progress.rows[0]["learning_rate"] < 0.001
