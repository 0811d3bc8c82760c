"""A marker that is killed: its folder goes with the next one, the learner's process by an alarm."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from chainrule.errors import ChainruleError
from chainrule.glass.marker import Limits, mark_file

CONSTANTS = "NETWORK = (2, 1)\nLOSS = 'mse'\n"
MARKER = (
    "import sys; from chainrule.glass.marker import mark_file, Limits; "
    "mark_file(sys.argv[1], limits=Limits(seconds=40))"
)


def sleeping(folder: Path, name: str) -> tuple[Path, Path]:
    """Write a learner's file that says where it runs, and sleeps."""
    told, path = folder / f"{name}.told", folder / f"{name}.py"
    path.write_text(
        CONSTANTS + "import os, time\n"
        f"open({str(told) + '.new'!r}, 'w').write(f'{{os.getpid()}} {{os.getcwd()}}')\n"
        f"os.rename({str(told) + '.new'!r}, {str(told)!r})\ntime.sleep(60)\n"
    )
    return path, told


def started(path: Path, told: Path, temporary: Path) -> tuple[subprocess.Popen[bytes], int, Path]:
    """Return a marker of that file, with process and folder of the learner, once it runs."""
    environment = {**os.environ, "TMPDIR": str(temporary), "PYTHONPATH": os.pathsep.join(sys.path)}
    marker = subprocess.Popen([sys.executable, "-c", MARKER, str(path)], env=environment)
    until = time.monotonic() + 60.0
    while not told.exists() and time.monotonic() < until:
        time.sleep(0.05)
    number, folder = told.read_text().split(" ", 1)
    return marker, int(number), Path(folder).parent


def stop(marker: subprocess.Popen[bytes], learner: int) -> None:
    """Kill both at once."""
    marker.kill()
    marker.wait()
    os.kill(learner, signal.SIGKILL)


def test_the_folder_of_a_killed_marker_goes_with_the_next_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = tmp_path / "temporary"
    (temporary / "chainrule-mark-of-somebody").mkdir(parents=True)
    marker, learner, left = started(*sleeping(tmp_path, "one"), temporary)
    stop(marker, learner)
    assert (left / "request.json").exists()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    quick = tmp_path / "quick.py"
    quick.write_text(CONSTANTS + "raise SystemExit(0)\n")
    mark_file(quick)
    assert [entry.name for entry in temporary.iterdir()] == ["chainrule-mark-of-somebody"]


def test_the_folder_of_a_marker_at_work_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    marker, learner, folder = started(*sleeping(tmp_path, "one"), temporary)
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    quick = tmp_path / "quick.py"
    quick.write_text(CONSTANTS + "raise SystemExit(0)\n")
    mark_file(quick)
    kept = (folder / "request.json").exists()
    stop(marker, learner)
    assert kept


def test_the_learners_process_ends_by_an_alarm_of_its_own() -> None:
    program = (
        "import sys, time; sys.path[:] = sys.argv[1].split(chr(10)); "
        "from chainrule.glass.marker import worker; worker._GRACE_SECONDS = 0; "
        "worker._limit(1, 4096); time.sleep(60)"
    )
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", program, "\n".join(sys.path)], check=False, timeout=50
    )
    assert done.returncode == -signal.SIGALRM
    assert time.monotonic() - began < 40.0


def test_no_place_for_temporary_files_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "student.py"
    path.write_text(CONSTANTS)

    def nowhere() -> str:
        raise FileNotFoundError("No usable temporary directory found")

    monkeypatch.setattr("tempfile.gettempdir", nowhere)
    with pytest.raises(ChainruleError, match="TMPDIR"):
        mark_file(path, limits=Limits(seconds=1))
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path / "missing"))
    with pytest.raises(ChainruleError, match="temporary files cannot be used"):
        mark_file(path, limits=Limits(seconds=1))
