"""What goes between a sweep and its workers: few writes, and no setting read twice."""

from __future__ import annotations

import json
from collections import deque
from typing import Any

import pytest

from chainrule.experiments import job, runner
from chainrule.experiments.job import Job
from chainrule.experiments.material import Material


@pytest.mark.parametrize(
    ("left", "seconds", "collected"), [(20, 0.01, True), (4, 0.01, False), (1, 10.0, True)]
)
def test_results_are_collected_where_nobody_runs_out_of_work(
    left: int, seconds: float, collected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each write costs a worker time, but a worker that waits for its next run costs more."""

    class Busy:
        def __init__(self, count: int) -> None:
            self.busy = deque(range(count))

    processes = runner.Processes(Material({}, []), 2)
    crew: list[Any] = [Busy(left), Busy(20)]
    processes._crew[:] = crew
    processes._mean = seconds
    processes._inbox.put((crew[0], "first"))
    pauses: list[float] = []

    def sleep(wanted: float) -> None:
        pauses.append(wanted)
        processes._inbox.put((crew[1], "second"))

    monkeypatch.setattr(runner.time, "sleep", sleep)
    words = [line for _, line in processes._letters()]
    assert words == ["first", "second"][: 1 + collected]
    assert sum(pauses) <= 0.05


def test_a_worker_reads_the_arguments_of_a_setting_once(monkeypatch: pytest.MonkeyPatch) -> None:
    made = [
        Job({}, {}, 0, split, split, "r2", "", {"clip": clip})
        for split in (0, 1)
        for clip in (1.0, 2.0)
    ]
    known: dict[str, dict[str, Any]] = {}
    read = [job.read_job(json.loads(json.dumps(one.message())), known) for one in made]
    assert [one.arguments for one in read] == [{"clip": 1.0}, {"clip": 2.0}] * 2
    assert read[0].arguments is read[2].arguments
    assert [one.split for one in read] == [0, 0, 1, 1]
    monkeypatch.setattr(job, "_KNOWN", 1)
    known.clear()
    for one in made:
        assert job.read_job(one.message(), known).arguments == dict(one.document or {})
    assert len(known) == 1
