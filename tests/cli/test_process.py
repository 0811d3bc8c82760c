"""The command as a process: start-up time, signals, pipes, colours, and what is not installed."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import chainrule as cr
from chainrule.cli.group import VERBS
from tests.cli.commands import homes

QUICK = ("--model-only", "--test-share", "0")
"""Nothing to score or to draw, so scikit-learn is not imported."""
COMMAND = [sys.executable, "-m", "chainrule"]
INTERRUPTIBLE = (
    "import signal, sys\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n"
    "from chainrule.cli.main import main\nsys.exit(main())"
)
"""The command where the tests' own parent ignores interrupts, which a child inherits."""


def run(*words: str, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *words], capture_output=True, text=True, **options)  # type: ignore[call-overload,no-any-return]


@pytest.mark.parametrize("words", [("--help",), *((verb, "--help") for verb in VERBS)])
def test_help_needs_neither_numpy_nor_rich(words: tuple[str, ...]) -> None:
    program = (
        "import sys\nfrom chainrule.cli.main import main\n"
        f"main({list(words)!r})\n"
        "print(sorted({'numpy', 'rich', 'duckdb', 'scipy'} & set(sys.modules)), file=sys.stderr)"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert result.stderr == "[]\n"


def test_without_click_the_install_command_is_told() -> None:
    program = (
        "import sys\nsys.modules['click'] = None\nfrom chainrule.cli.main import main\n"
        "sys.exit(main(['demo']))"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert result.returncode == 2
    assert 'pip install "chainrule[cli]"' in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("missing", ["rich", "duckdb"])
def test_without_an_extra_the_install_command_is_told(tmp_path: Path, missing: str) -> None:
    (tmp_path / "t.csv").write_text(homes())
    program = (
        f"import sys\nsys.modules['{missing}'] = None\nfrom chainrule.cli.main import main\n"
        "sys.exit(main(['train', 't.csv', '--target', 'price']))"
    )
    command = [sys.executable, "-c", program]
    result = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert result.returncode == 2
    assert 'pip install "chainrule[cli]"' in result.stderr
    assert "Traceback" not in result.stderr


def test_a_fault_of_ours_is_told_without_a_traceback() -> None:
    program = (
        "import sys\nimport chainrule.api\ndef load(path): return 1 / 0\n"
        "chainrule.api.load = load\nfrom chainrule.cli.main import main\n"
        "sys.exit(main(sys.argv[1:]))"
    )
    command = [sys.executable, "-c", program, "inspect", "m"]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 1
    assert "ZeroDivisionError" in result.stderr
    assert "--debug" in result.stderr
    assert "Traceback" not in result.stderr
    result = subprocess.run([*command, "--debug"], capture_output=True, text=True)
    assert "Traceback" in result.stderr


def test_an_interrupt_keeps_what_was_learned(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(homes())
    words = ["train", "t.csv", "--target", "price", "--epochs", "1000000", "--patience", "0"]
    process = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTIBLE, *words, "--checkpoint", "run.ckpt"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        for line in process.stdout:
            if "epoch" in line and "/1000000" in line:
                break
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 130, err
    assert err.strip() == "interrupted"
    assert f"chainrule resume {tmp_path / 'run.ckpt'}\n" in out
    assert cr.load(tmp_path / "model.safetensors").record["stop_reason"] == "interrupted"


def test_an_interrupt_that_python_lost() -> None:
    program = (
        "import signal, sys, time, weakref\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from chainrule.cli import main as command\n"
        "class Thing: pass\n"
        "def lost(_): raise KeyboardInterrupt\n"
        "def run(words):\n"
        "    thing = Thing()\n"
        "    keep = weakref.ref(thing, lost)\n"
        "    del thing\n"
        "    time.sleep(20)\n"
        "command._run = run\n"
        "sys.exit(command.main(['list']))"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (result.returncode, result.stderr) == (130, "interrupted\n")


def test_an_interrupt_while_a_table_is_read() -> None:
    program = (
        "import os, signal, sys, threading\n"
        "import duckdb\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from chainrule.cli import main as command\n"
        "from chainrule.tabular.source import interrupts\n"
        "def run(words):\n"
        # One thread: with more, DuckDB's caller may wait for the others and hear nothing meanwhile.
        "    with interrupts(), duckdb.connect(config={'threads': 1}) as connection:\n"
        "        threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()\n"
        "        connection.execute('SELECT sum(hash(a.i * b.i)) FROM range(1000000) a(i), '\n"
        "                           'range(1000000) b(i)')\n"
        "command._run = run\n"
        "sys.exit(command.main(['list']))"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (result.returncode, result.stderr) == (130, "interrupted\n")


def test_a_reader_that_leaves_early(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(homes())
    words = ["train", "t.csv", "--target", "price", "--epochs", "1", *QUICK]
    assert run(*words, cwd=tmp_path).returncode == 0
    process = subprocess.Popen(
        [*COMMAND, "predict", "model.safetensors", "t.csv"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    process.stdout.close()
    process.stdout = None
    try:
        _, err = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
    assert (process.returncode, err) == (1, b"")


def on_a_terminal(words: list[str], folder: Path, **variables: str) -> str:
    """Run a command on a terminal of its own and return all that it wrote."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "80", **variables}
    process = subprocess.Popen(
        [*COMMAND, *words], cwd=folder, stdout=theirs, stderr=theirs, env=environment
    )
    os.close(theirs)
    shown = b""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        if select.select([ours], [], [], 0.1)[0]:
            try:
                piece = os.read(ours, 65536)
            except OSError:  # the other side is closed
                break
            if not piece:
                break
            shown += piece
    os.close(ours)
    try:
        process.wait(60)
    finally:
        process.kill()
    return shown.decode()


def test_colours_and_a_live_bar_on_a_terminal(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(homes())
    words = ["train", "t.csv", "--target", "price", "--epochs", "3", *QUICK]
    shown = on_a_terminal(words, tmp_path)
    assert "\x1b[36m" in shown
    assert "\x1b[?25l" in shown, "the live bar hides the cursor"
    assert "\x1b[?25h" in shown, "and shows it again"
    shown = on_a_terminal([*words, "--force"], tmp_path, NO_COLOR="1")
    assert "\x1b[36m" not in shown
    shown = on_a_terminal(["train", "no.csv", "--target", "x", "--force"], tmp_path)
    assert "no such table" in shown


def test_no_escape_codes_in_a_pipe(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(homes())
    result = run("train", "t.csv", "--target", "price", "--epochs", "3", *QUICK, cwd=tmp_path)
    assert "\x1b" not in result.stdout + result.stderr
    assert sum(" 3/3 " in line for line in result.stdout.splitlines()) == 1


def test_a_terminal_of_ascii_only(tmp_path: Path) -> None:
    (tmp_path / "ü.csv").write_text(homes(), encoding="utf-8")
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    words = ("train", "ü.csv", "--target", "price", "--epochs", "3", *QUICK)
    result = run(*words, cwd=tmp_path, env=environment)
    assert result.returncode == 0, result.stderr
    assert result.stdout.isascii()
