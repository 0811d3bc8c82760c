"""Workers: what happens when they die, and when somebody presses Ctrl-C."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from chainrule.errors import ChainruleError
from chainrule.experiments import nursery, runner
from chainrule.experiments.job import Job
from chainrule.experiments.material import Material
from chainrule.experiments.result import Result
from chainrule.experiments.waiting import Waiting
from tests.experiments.small import lasting, small

WAYS = ["copies", "new"] if sys.platform == "linux" else ["new"]
unix = pytest.mark.skipif(os.name == "nt", reason="signals are Unix's")


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Start workers as copies of the nursery, or each anew."""
    if request.param == "new":
        monkeypatch.setattr(runner, "nursery", lambda: None)
    return request.param


@pytest.fixture
def fresh() -> Any:
    """Start with no nursery, and leave none that was meddled with."""
    nursery._close()
    yield
    nursery._close()


def workers_of(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Return a list that fills with the workers as they are started."""
    made: list[Any] = []

    class Seen(runner.Worker):
        def __init__(self, *told: Any) -> None:
            super().__init__(*told)
            made.append(self)

    monkeypatch.setattr(runner, "Worker", Seen)
    return made


@unix
@pytest.mark.usefixtures("way")
def test_a_killed_workers_run_is_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    made = workers_of(monkeypatch)
    killed: list[int] = []

    def kill(result: Result, done: int, planned: int) -> None:
        if not killed:
            killed.append(next(worker for worker in made if worker.ready).pid)
            os.kill(killed[0], signal.SIGKILL)

    found = small(workers=2, on_result=kill, epochs=40)
    assert len(made) == 3
    assert not any(result.failed for result in found.rows)
    assert lasting(found) == lasting(small(epochs=40))


@unix
@pytest.mark.usefixtures("way", "fresh")
def test_a_run_that_kills_each_worker_fails_with_its_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deadly = (
        "import importlib, os, signal, sys\n"
        "from chainrule.experiments import job\n"
        "made = job.perform\n"
        "def perform(told, material):\n"
        "    layers = getattr(told.arguments['network'], 'layers', ())\n"
        "    if layers and layers[0].units == 6 and told.repeat == 1:\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "    return made(told, material)\n"
        "job.perform = perform\n"
        "started = importlib.import_module(sys.argv[1])\n"
        "sys.exit(started.main(*[sys.argv[2:]] * (len(sys.argv) > 2)))\n"
    )
    script = tmp_path / "deadly.py"
    script.write_text(deadly)
    start = subprocess.Popen

    def popen(words: list[str], **told: Any) -> Any:
        return start([words[0], str(script), *words[2:]], **told)

    monkeypatch.setattr("subprocess.Popen", popen)
    path = tmp_path / "runs.jsonl"
    found = small(workers=2, out=path)
    failed = [result for result in found.rows if result.failed]
    assert [(result.settings["width"], result.repeat) for result in failed] == [(6, 1), (6, 1)]
    assert "died 2 times: signal 9" in failed[0].fault
    assert found.table()[-1].failed == 1
    monkeypatch.undo()
    nursery._close()
    whole = small(workers=2, out=path)  # what failed is tried again, the others are not
    assert whole.found == 6
    assert lasting(whole) == lasting(small())


@pytest.mark.usefixtures("way", "fresh")
def test_workers_that_cannot_start_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    start = subprocess.Popen

    def popen(words: list[str], **told: Any) -> Any:
        return start([words[0], "-c", "raise SystemExit('no luck today')"], **told)

    monkeypatch.setattr("subprocess.Popen", popen)
    with pytest.raises(ChainruleError, match="cannot be started") as error:
        small(workers=2)
    assert "no luck today" in error.value.got


@pytest.mark.usefixtures("way")
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
    assert not any(_alive(worker.pid) for worker in made if worker.ready)
    assert time.perf_counter() - began < 30
    assert small(workers=1, out=path, epochs=300, on_result=press).found >= 3


def test_ctrl_c_in_one_worker_keeps_what_is_finished() -> None:
    def press(result: Result, done: int, planned: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    found = small(on_result=press)
    assert (found.stop_reason, len(found.rows)) == ("interrupted", 3)


@unix
def test_workers_end_with_a_parent_that_is_killed(tmp_path: Path, way: str) -> None:
    script = (
        "import threading, time\n"
        "from tests.experiments import small\n"
        "from chainrule.experiments import nursery, runner\n"
        "made = []\n"
        "class Seen(runner.Worker):\n"
        "    def __init__(self, *told):\n"
        "        super().__init__(*told)\n"
        "        made.append(self)\n"
        "runner.Worker = Seen\n"
        f"if {way!r} == 'new': runner.nursery = lambda: None\n"
        "def watch():\n"
        "    while len(made) < 2 or not all(worker.ready for worker in made): time.sleep(0.01)\n"
        "    others = [ours._process.pid for ours in nursery._OURS]\n"
        "    print(*[worker.pid for worker in made], *others, flush=True)\n"
        "threading.Thread(target=watch, daemon=True).start()\n"
        "small.small(workers=2, epochs=10**6)\n"
    )
    home = {**os.environ, "TMPDIR": str(tmp_path)}
    words = [sys.executable, "-c", script]
    with subprocess.Popen(words, stdout=subprocess.PIPE, env=home) as parent:
        assert parent.stdout is not None
        children = [int(word) for word in parent.stdout.readline().split()]
        parent.kill()
        parent.wait()
    assert len(children) == (3 if way == "copies" else 2)
    deadline = time.monotonic() + 20
    while any(_alive(child) for child in children) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(_alive(child) for child in children)
    assert list(tmp_path.iterdir()) == []  # nor is the data left behind


@unix
@pytest.mark.usefixtures("fresh")
def test_a_parent_that_is_killed_before_its_workers_have_started_leaves_no_data(
    tmp_path: Path, way: str
) -> None:
    script = (
        "import os, signal\n"
        "from tests.experiments import small\n"
        "from chainrule.experiments import material, runner\n"
        f"if {way!r} == 'new': runner.nursery = lambda: None\n"
        "write = material.Material.write\n"
        "def killed(self, folder):\n"
        "    write(self, folder)\n"
        "    print(folder, flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "material.Material.write = killed\n"
        "small.small(workers=2)\n"
    )
    home = {**os.environ, "TMPDIR": str(tmp_path)}
    words = [sys.executable, "-c", script]
    told = subprocess.run(words, stdout=subprocess.PIPE, env=home, text=True, check=False)
    assert Path(told.stdout.strip()).parent == tmp_path
    deadline = time.monotonic() + 20
    while any(tmp_path.iterdir()) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("way")
def test_data_that_cannot_be_handed_over_is_an_error_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Material, folder: Path) -> None:
        (folder / "X.npy").write_bytes(b"half of it")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(Material, "write", full)
    with pytest.raises(ChainruleError, match="cannot be handed") as error:
        small(workers=2)
    assert error.value.got == "No space left on device"
    assert list(tmp_path.iterdir()) == []


copies = pytest.mark.skipif(WAYS == ["new"], reason="the nursery is Linux's")


@copies
@pytest.mark.usefixtures("fresh")
def test_one_nursery_serves_all_sweeps_and_ends_when_it_is_told() -> None:
    small(workers=2)
    first = nursery.nursery()
    assert first is not None
    small(workers=2, epochs=4)
    assert nursery.nursery() is first
    assert first.close() == "exit status 0"
    assert not first.alive
    assert lasting(small(workers=2)) == lasting(small())
    assert nursery.nursery() is not first


@copies
@pytest.mark.usefixtures("fresh")
def test_a_nursery_that_was_killed_is_replaced() -> None:
    first = nursery.nursery()
    assert first is not None
    os.kill(first._process.pid, signal.SIGKILL)
    first._process.wait()
    assert lasting(small(workers=2)) == lasting(small())


@copies
@pytest.mark.usefixtures("fresh")
def test_settings_of_the_environment_reach_new_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    first = nursery.nursery()
    monkeypatch.setenv("UNRELATED", "1")
    assert nursery.nursery() is first
    monkeypatch.setenv("CHAINRULE_ISA", "x86-64-v2")
    second = nursery.nursery()
    assert second is not first


@copies
@pytest.mark.usefixtures("fresh")
def test_a_fork_of_this_process_has_a_nursery_of_its_own() -> None:
    first = nursery.nursery()
    process = os.fork()
    if not process:
        status = 1
        with suppress(BaseException):
            status = int(bool(nursery._OURS) or lasting(small(workers=2)) != lasting(small()))
            nursery._close()
        os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 0
    assert nursery.nursery() is first
    assert lasting(small(workers=2)) == lasting(small())


def test_long_jobs_are_dealt_one_by_one_and_short_ones_several_at_a_time() -> None:
    class Idle:
        def __init__(self) -> None:
            self.busy, self.ready = deque[int](), True

        def send(self, line: str) -> None:
            assert len(json.loads(line)) == len(self.busy)

    def dealt(seconds: float) -> list[int]:
        jobs = [Job({}, {}, 0, 0, 0, "r2", "", {}) for _ in range(100)]
        crew: list[Any] = [Idle(), Idle()]
        processes = runner.Processes(Material({}, []), 2)
        processes._crew[:] = crew
        processes._mean, processes._done = seconds, int(seconds > 0)
        left = Waiting(jobs)
        for worker in crew:
            processes._deal(worker, jobs, left)
        return [len(worker.busy) for worker in crew]

    assert dealt(0.0) == [1, 1]  # nothing is known yet
    assert dealt(5.0) == [1, 1]
    assert dealt(0.02) == [11, 11]
    assert dealt(0.001) == [25, 19]  # the rest is for whoever is done first


def waiting(*told: tuple[int, dict[str, Any]]) -> Waiting:
    return Waiting(
        [Job(arguments, arguments, split, split, split, "r2", "") for split, arguments in told]
    )


def test_jobs_wait_split_by_split_and_the_longest_is_first() -> None:
    runs = [{"epochs": 5}, {"epochs": 50}, {"epochs": 5, "batch_size": 1}, {"epochs": 5}]
    found = waiting(*[(split, run) for split in (0, 1) for run in runs])
    assert found.take(5) == [1, 2, 0, 3, 5]
    assert len(found) == 3
    found.give_back([5, 0])
    assert found.take(9) == [5, 0, 6, 4, 7]
    assert (len(found), found.take(1)) == (0, [])


def test_what_was_measured_counts_more_than_what_was_guessed() -> None:
    found = waiting(*[(split, {"epochs": epochs}) for split in (0, 1) for epochs in (5, 50, 20)])
    assert found.take(3) == [1, 2, 0]
    found.learn(0, 9.0)
    found.learn(2, 2.0)  # 0.1 s an epoch, so 50 epochs are guessed to take 5 s
    assert found.take(3) == [3, 4, 5]


def _alive(process: int) -> bool:
    """Say whether a process runs; one that only waits to be asked for its status does not."""
    with suppress(OSError):
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return not Path("/proc/self").exists()


@unix
@pytest.mark.usefixtures("way")
def test_ctrl_c_right_after_a_start_leaves_no_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    processes = runner.Processes(Material({}, []), 2)
    started: list[int] = []

    class Pressed(runner.Worker):
        def __init__(self, *told: Any) -> None:
            super().__init__(*told)
            started.append(json.loads(processes._inbox.get()[1])["ready"])
            raise KeyboardInterrupt

    monkeypatch.setattr(runner, "Worker", Pressed)
    with pytest.raises(KeyboardInterrupt), processes:
        processes.run([Job({}, {}, 0, 0, 0, "r2", "")], lambda found: None)
    assert not _alive(started[0])
