"""Marking a file: the other process, its limits, what it must not see, and the command line."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

import pytest

from chainrule.errors import DataError, UsageError
from chainrule.glass.marker import Limits, mark_file
from chainrule.glass.marker.process import read_constants
from tests.cli.commands import Commands
from tests.cli.conftest import commands as commands
from tests.glass.marker_sources import Setting, write_program

SETTING = Setting((3, 4, 2), ("tanh",), "cce", "columns", with_loss=True)
CONSTANTS = 'NETWORK = (3, 4, 2)\nACTIVATION = "tanh"\nLOSS = "cce"\nREDUCTION = "mean"\n'


def right() -> str:
    """Return a right file that states its exercise."""
    return CONSTANTS + write_program(SETTING).source()


def wrong() -> str:
    """Return a file without the slope of its hidden layer."""
    return CONSTANTS + write_program(SETTING).changed(b_dZ1="dZ1 = dH1").source()


def write(folder: Path, source: str) -> Path:
    """Write a learner's file."""
    path = folder / "student.py"
    path.write_text(source, encoding="utf-8")
    return path


def test_a_right_file_and_a_wrong_one(tmp_path: Path) -> None:
    assert mark_file(write(tmp_path, right())).right
    verdict = mark_file(write(tmp_path, wrong()))
    assert verdict.kinds == ("slope_missing",)
    assert verdict.findings[0].place == "layer 1: dZ1"


def test_what_is_stated_goes_before_the_file(tmp_path: Path) -> None:
    verdict = mark_file(write(tmp_path, right()), reduction="sum")
    assert set(verdict.kinds) == {"divided_though_summed"}


def test_constants_are_read_without_running_the_file(tmp_path: Path) -> None:
    path = write(tmp_path, "NETWORK = (2, 1)\nLOSS = print('ran')\nx = 3\nPENALTY = ('l2', 0.1)\n")
    assert read_constants(path) == {"NETWORK": (2, 1), "PENALTY": ("l2", 0.1)}
    assert read_constants(write(tmp_path, "NETWORK = (")) == {}


def test_the_process_sees_neither_secrets_nor_the_caller_s_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_TOKEN", "abc")
    seen = tmp_path / "seen.json"
    spy = (
        "import json, os, sys\n"
        f"open({str(seen)!r}, 'w').write(json.dumps([dict(os.environ), os.getcwd(),"
        " sys.stdin.read(), os.listdir('.')]))\n"
    )
    assert mark_file(write(tmp_path, right() + spy)).right
    environment, folder, typed, files = json.loads(seen.read_text())
    assert not {"SECRET_TOKEN", "PATH", "PYTHONPATH"} & set(environment)
    assert folder not in (os.getcwd(), str(tmp_path))
    assert not Path(folder).exists()
    assert (typed, files) == ("", [])


def test_a_file_that_never_ends_is_stopped(tmp_path: Path) -> None:
    started = time.monotonic()
    path = write(tmp_path, right() + "\nwhile True:\n    pass\n")
    verdict = mark_file(path, limits=Limits(seconds=1))
    assert verdict.kinds == ("code_stops",)
    assert "did not finish" in verdict.findings[0].says or "exit" in verdict.findings[0].says
    assert time.monotonic() - started < 30


def test_a_file_that_sleeps_is_stopped_with_its_children(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    source = (
        "import subprocess, sys, time\n"
        f"child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        f"open({str(pid)!r}, 'w').write(str(child.pid))\ntime.sleep(60)\n"
    )
    verdict = mark_file(write(tmp_path, right() + source), limits=Limits(seconds=0.5))
    assert "did not finish" in verdict.findings[0].says
    time.sleep(0.2)
    state = Path(f"/proc/{pid.read_text()}/stat")
    if Path("/proc").exists():
        assert not state.exists() or state.read_text().split()[2] == "Z"


def test_a_file_that_eats_memory_is_told_so(tmp_path: Path) -> None:
    path = write(tmp_path, right() + "\nx = np.ones(10**9)\n")
    verdict = mark_file(path, limits=Limits(megabytes=1500))
    if sys.platform == "linux":  # elsewhere the system does not hold the limit
        assert "Memory" in verdict.findings[0].says


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("def forward(:\n", "SyntaxError"),
        ("import no_such_module\n", "no_such_module"),
        ("raise SystemExit(3)\n", "SystemExit"),
        ("import os\nos._exit(3)\n", "without a reply"),
        ("import os\nos.kill(os.getpid(), 9)\n", "without a reply"),
        ("x = 1\n", "no function forward"),
        ("def f():\n    return f()\nf()\n", "RecursionError"),
    ],
)
def test_a_file_that_fails_is_an_answer(tmp_path: Path, source: str, said: str) -> None:
    verdict = mark_file(write(tmp_path, source), (2, 3, 1))
    assert not verdict.right
    assert said in verdict.findings[0].says


def test_prints_and_pickles_do_no_harm(tmp_path: Path) -> None:
    noisy = right().replace(
        "    N = X", "    print('x' * 10**6)\n    open('junk', 'w').write('x')\n    N = X"
    )
    assert mark_file(write(tmp_path, noisy)).right
    odd = right().replace("    return {", "    return {'W9': object(), 'dW8': [lambda: 1], ")
    assert mark_file(write(tmp_path, odd)).right


def test_missing_files_and_exercises_are_errors(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        mark_file(tmp_path / "none.py", (2, 1))
    with pytest.raises(DataError, match="cannot be read"):
        mark_file(tmp_path, (2, 1))
    with pytest.raises(UsageError, match="not stated"):
        mark_file(write(tmp_path, "x = 1\n"))
    with pytest.raises(DataError, match="too large"):
        mark_file(write(tmp_path, "#" * 2**21), (2, 1))


def test_the_verb(commands: Commands) -> None:
    commands.write("right.py", right())
    commands.write("wrong.py", wrong())
    good = commands.run("mark", "right.py")
    assert good.code == 0
    assert "every tensor is right" in good.out
    bad = commands.run("mark", "wrong.py")
    assert bad.code == 1
    assert "the slope f'(Z) is not multiplied in" in bad.out
    told = commands.run("mark", "wrong.py", "--json")
    assert told.code == 1
    assert told.document()["findings"][0]["kind"] == "slope_missing"


def test_the_verb_s_usage(commands: Commands) -> None:
    commands.write("bare.py", write_program(SETTING).source())
    assert commands.run("mark", "bare.py").code == 2
    options = ("--network", "3,4,2", "--activation", "tanh", "--loss", "cce")
    assert commands.run("mark", "bare.py", *options).code == 0
    assert commands.run("mark", "none.py", "--network", "2,1").code == 1
    assert commands.run("mark", "bare.py", "--network", "2,x").code == 2
    assert commands.run("mark", "bare.py", *options[:4], "--loss", "nonsense").code == 2
    assert commands.run("mark").code == 2


def test_a_file_that_is_no_python_says_where(tmp_path: Path) -> None:
    verdict = mark_file(write(tmp_path, "NETWORK = (2, 1)\n\ndef (:\n"))
    assert verdict.kinds == ("code_stops",)
    assert "line 3: SyntaxError" in verdict.findings[0].says
    assert "shape" not in verdict.findings[0].teaches


def test_a_computed_constant_is_asked_for_as_numbers(tmp_path: Path) -> None:
    path = write(tmp_path, "NETWORK = (3,) + (4,) * 2\nLOSS = 'mse'\n")
    with pytest.raises(UsageError, match=r"NETWORK is computed[\s\S]*line 1"):
        mark_file(path)


def test_running_out_of_time_is_no_matter_of_shapes(tmp_path: Path) -> None:
    path = write(tmp_path, "NETWORK = (2, 1)\nLOSS = 'mse'\nraise SystemExit(0)\n")
    finding = mark_file(path).findings[0]
    assert finding.kind == "code_stops"
    assert "traceback" in finding.teaches
