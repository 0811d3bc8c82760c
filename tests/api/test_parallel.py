"""Networks trained side by side are the networks that would be trained one after the other."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.errors import InvalidParameterError, TargetError


def job(seed: int, **changes: Any) -> dict[str, Any]:
    """Return a small job whose data and start depend on the seed."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(64, 3))
    return {
        "network": nn.Sequential(nn.Dense(8, "tanh"), nn.Dropout(0.1), nn.Dense(1)),
        "X": X,
        "y": X @ [1.0, -2.0, 0.5],
        "loss": "squared_error",
        "epochs": 4,
        "seed": seed,
        **changes,
    }


def test_each_run_has_the_bits_of_a_run_alone() -> None:
    jobs = [job(seed) for seed in range(5)]
    together = cr.train_many(jobs, workers=3)
    for one, run in zip(jobs, together, strict=True):
        assert run.model.weights.tobytes() == cr.train(**one).model.weights.tobytes()


def test_jobs_may_come_one_by_one() -> None:
    assert len(cr.train_many(job(seed) for seed in range(2))) == 2


@pytest.mark.parametrize("jobs", [None, 3, job])
def test_jobs_that_are_no_sequence(jobs: Any) -> None:
    with pytest.raises(InvalidParameterError, match="jobs"):
        cr.train_many(jobs)


def test_no_jobs_give_no_runs() -> None:
    assert cr.train_many([]) == []


def test_events_arrive() -> None:
    seen: list[str] = []
    cr.train_many([job(0, on_event=lambda event: seen.append(type(event).__name__))])
    assert seen.count("EpochEnded") == 4


def test_the_first_fault_is_raised_and_the_rest_is_dropped() -> None:
    begun: list[int] = []
    lock = threading.Lock()

    def counted(event: object) -> None:
        with lock:
            begun.append(1)

    bad = job(0, y=np.full(64, np.nan))
    rest = [job(seed, epochs=50, on_event=counted) for seed in range(1, 40)]
    with pytest.raises(TargetError):
        cr.train_many([bad, *rest], workers=1)
    assert len(begun) < 50 * 39


@pytest.mark.parametrize("jobs", [[{"X": 1}], [3], [[("network", 1)]]])
def test_what_is_not_a_job_is_named(jobs: list[Any]) -> None:
    with pytest.raises(InvalidParameterError, match="job 0"):
        cr.train_many(jobs)


@pytest.mark.parametrize("workers", [0, -1, 1.5, "2"])
def test_workers_must_be_a_number(workers: Any) -> None:
    with pytest.raises(InvalidParameterError, match="workers"):
        cr.train_many([job(0)], workers=workers)
