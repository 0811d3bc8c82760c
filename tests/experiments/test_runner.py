"""Workers: what happens when they die, and when somebody presses Ctrl-C."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from chainrule.errors import ChainruleError
from chainrule.experiments import runner
from chainrule.experiments.result import Result
from tests.experiments.small import lasting, small

unix = pytest.mark.skipif(os.name == "nt", reason="signals are Unix's")


def workers_of(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Return a list that fills with the workers as they are started."""
    made: list[Any] = []

    class Seen(runner._Worker):
        def __init__(self, *told: Any) -> None:
            super().__init__(*told)
            made.append(self)

    monkeypatch.setattr(runner, "_Worker", Seen)
    return made


@unix
def test_a_killed_workers_run_is_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    made = workers_of(monkeypatch)
    killed: list[int] = []

    def kill(result: Result, done: int, planned: int) -> None:
        if not killed:
            killed.append(next(worker for worker in made if worker.ready).process.pid)
            os.kill(killed[0], signal.SIGKILL)

    found = small(workers=2, on_result=kill, epochs=40)
    assert len(made) == 3
    assert not any(result.failed for result in found.rows)
    assert lasting(found) == lasting(small(epochs=40))


@unix
def test_a_run_that_kills_each_worker_fails_with_its_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deadly = (
        "import os, signal, sys\n"
        "from chainrule.experiments import job, worker\n"
        "made = job.perform\n"
        "def perform(told, material):\n"
        "    if told.arguments['network'].layers[0].units == 6 and told.repeat == 1:\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "    return made(told, material)\n"
        "job.perform = perform\n"
        "sys.exit(worker.main(sys.argv[1:]))\n"
    )
    script = tmp_path / "deadly.py"
    script.write_text(deadly)
    start = subprocess.Popen

    def popen(words: list[str], **told: Any) -> Any:
        return start([words[0], str(script), *words[3:]], **told)

    monkeypatch.setattr("chainrule.experiments.runner.subprocess.Popen", popen)
    path = tmp_path / "runs.jsonl"
    found = small(workers=2, out=path)
    failed = [result for result in found.rows if result.failed]
    assert [(result.settings["width"], result.repeat) for result in failed] == [(6, 1), (6, 1)]
    assert "died 2 times: signal 9" in failed[0].fault
    assert found.table()[-1].failed == 1
    monkeypatch.undo()
    whole = small(workers=2, out=path)  # what failed is tried again, the others are not
    assert whole.found == 6
    assert lasting(whole) == lasting(small())


def test_workers_that_cannot_start_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    start = subprocess.Popen

    def popen(words: list[str], **told: Any) -> Any:
        return start([words[0], "-c", "raise SystemExit('no luck today')"], **told)

    monkeypatch.setattr("chainrule.experiments.runner.subprocess.Popen", popen)
    with pytest.raises(ChainruleError, match="cannot be started") as error:
        small(workers=2)
    assert "no luck today" in error.value.got


def test_ctrl_c_keeps_what_is_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = workers_of(monkeypatch)

    def press(result: Result, done: int, planned: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    path = tmp_path / "runs.jsonl"
    began = time.perf_counter()
    found = small(workers=2, on_result=press, out=path, epochs=300)
    assert found.stop_reason == "interrupted"
    assert len(found.rows) >= 3
    assert all(worker.process.poll() is not None for worker in made)
    assert time.perf_counter() - began < 30
    assert small(workers=1, out=path, epochs=300, on_result=press).found >= 3


def test_ctrl_c_in_one_worker_keeps_what_is_finished() -> None:
    def press(result: Result, done: int, planned: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    found = small(on_result=press)
    assert (found.stop_reason, len(found.rows)) == ("interrupted", 3)


@unix
def test_workers_end_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    script = (
        "from tests.experiments import small\n"
        "from chainrule.experiments import runner\n"
        "made = []\n"
        "class Seen(runner._Worker):\n"
        "    def __init__(self, *told):\n"
        "        super().__init__(*told)\n"
        "        made.append(self.process.pid)\n"
        "runner._Worker = Seen\n"
        "def told(result, done, planned):\n"
        "    if done == 1: print(*made, flush=True)\n"
        "small.small(workers=2, axes={'width': [2, 6], 'epochs': [1, 10**6]}, on_result=told)\n"
    )
    home = {**os.environ, "TMPDIR": str(tmp_path)}
    words = [sys.executable, "-c", script]
    with subprocess.Popen(words, stdout=subprocess.PIPE, env=home) as parent:
        assert parent.stdout is not None
        children = [int(word) for word in parent.stdout.readline().split()]
        parent.kill()
        parent.wait()
    assert len(children) == 2
    deadline = time.monotonic() + 20
    while any(_alive(child) for child in children) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(_alive(child) for child in children)
    assert list(tmp_path.iterdir()) == []  # nor is the data left behind


def _alive(process: int) -> bool:
    """Say whether a process runs; one that only waits to be asked for its status does not."""
    with suppress(OSError):
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return not Path("/proc/self").exists()
