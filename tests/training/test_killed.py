"""Runs that are killed without warning leave a whole checkpoint, and resume to the same bits."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest

from chainrule.training.checkpoint import read_checkpoint
from tests.training.killed import TOLD
from tests.training.runs import assert_same_bits, digest, program, regress


@pytest.mark.parametrize(
    ("moment", "optimizer", "epoch"),
    [
        ("start", "adam", 0),
        ("epoch", "adam", 3),
        ("step", "momentum", 3),
        ("fsync", "adam", 2),
        ("replace", "adam", 2),
        ("epoch", "lbfgs", 3),
    ],
)
def test_killed_at_a_moment(moment: str, optimizer: str, epoch: int, tmp_path: Path) -> None:
    process = program("-m", "tests.training.killed", moment, optimizer, folder=tmp_path)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL, errors
    assert read_checkpoint(tmp_path / "run").document["epoch"] == epoch
    told = {**TOLD, "optimizer": optimizer}
    assert_same_bits(regress(**told, resume=tmp_path / "run"), regress(**told))


def test_killed_from_outside_at_any_time(tmp_path: Path) -> None:
    code = (
        "from tests.training.killed import TOLD\n"
        "from tests.training.runs import regress\n"
        "regress(**{**TOLD, 'epochs': 100_000}, checkpoint='run')"
    )
    process = program("-c", code, folder=tmp_path)
    deadline = time.monotonic() + 30
    while not (tmp_path / "run").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.2)
    process.kill()
    _, errors = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL, errors
    done = read_checkpoint(tmp_path / "run").document["epoch"]
    told = {**TOLD, "epochs": done + 2}
    assert_same_bits(regress(**told, resume=tmp_path / "run"), regress(**told))


# Between making a file and holding it, an interrupt leaves it to Python to close: it warns of that,
# and of an interrupt that falls into a callback of a weak reference.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_interrupted_at_any_instruction(tmp_path: Path) -> None:
    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    told = {**TOLD, "epochs": 25}
    whole = regress(**told)
    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        for attempt in range(8):
            path = tmp_path / str(attempt)
            try:
                signal.setitimer(signal.ITIMER_REAL, 0.004 + 0.0131 * attempt)
                regress(**told, checkpoint=path)
            except KeyboardInterrupt:  # it came before the first epoch or after the last
                pass
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
            if path.exists():
                assert_same_bits(regress(**told, resume=path), whole)
    finally:
        signal.signal(signal.SIGALRM, before)


def test_a_fresh_process_gives_the_same_bits(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from tests.training.killed import TOLD\n"
        "from tests.training.runs import digest, regress\n"
        "sys.stdout.write(digest(regress(**TOLD)))"
    )
    output, errors = program("-c", code, folder=tmp_path).communicate(timeout=60)
    assert output == digest(regress(**TOLD)), errors
