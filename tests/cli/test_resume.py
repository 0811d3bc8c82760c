"""A stopped training goes on, told by nothing but its checkpoint, to the same bits."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import chainrule as cr
from chainrule.cli import progress
from chainrule.training import EpochEnded, RunStarted, session
from tests.cli.commands import Commands, Result, homes

WORDS = ("train", "homes.csv", "--target", "price", "--hidden", "8", "--patience", 0)
RUN = (*WORDS, "--epochs", 8, "--dropout", 0.1)


@contextmanager
def interrupted_after(epoch: int) -> Iterator[None]:
    """Press Ctrl-C when an epoch has ended."""
    shown = progress.TrainingProgress.__call__

    def listen(self: progress.TrainingProgress, event: object) -> None:
        shown(self, event)
        if isinstance(event, EpochEnded) and event.row["epoch"] == epoch:
            raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(progress.TrainingProgress, "__call__", listen)
        yield


def interrupt(commands: Commands, *words: object, after: int = 3) -> Result:
    with interrupted_after(after):
        result = commands.run(*words)
    assert (result.code, result.err.strip()) == (130, "interrupted")
    return result


@pytest.fixture
def whole(commands: Commands) -> bytes:
    """Return the model of the run that nobody interrupts."""
    commands.write("homes.csv", homes())
    assert commands.run(*RUN, "--out", "whole", "--model-only").code == 0
    return Path("whole").read_bytes()


@pytest.mark.parametrize("extra", [(), ("--checkpoint", "run.ckpt", "--checkpoint-every", 2)])
def test_the_printed_command_goes_on_from_any_folder(
    commands: Commands, whole: bytes, tmp_path: Path, extra: tuple[object, ...]
) -> None:
    result = interrupt(commands, *RUN, "--out", "m.safetensors", *extra)
    (line,) = [line for line in result.out.splitlines() if line.startswith("  next")]
    words = shlex.split(line)[1:]
    assert words[:2] == ["chainrule", "resume"]
    assert len(words) == 3
    assert cr.load("m.safetensors").record["stop_reason"] == "interrupted"
    assert not Path("m.html").exists()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    os.chdir(elsewhere)
    result = commands.run(*words[1:])
    assert result.code == 0, result.err
    assert not list(elsewhere.iterdir())
    os.chdir(tmp_path)
    assert Path("m.safetensors").read_bytes() == whole
    assert Path("m.html").exists()
    assert Path("m.checkpoint").exists() is False
    assert Path("run.ckpt").exists() is bool(extra)


def test_a_run_stopped_before_its_first_epoch_leaves_nothing(commands: Commands) -> None:
    commands.write("homes.csv", homes())
    with pytest.MonkeyPatch.context() as patch:

        def listen(self: progress.TrainingProgress, event: object) -> None:
            if isinstance(event, RunStarted):
                raise KeyboardInterrupt

        patch.setattr(progress.TrainingProgress, "__call__", listen)
        assert commands.run(*RUN).code == 130
    assert commands.files() == {"homes.csv"}


def test_it_can_be_stopped_again(commands: Commands, whole: bytes) -> None:
    interrupt(commands, *RUN, "--out", "m")
    interrupt(commands, "resume", "m.checkpoint", after=6)
    assert commands.run("resume", "m.checkpoint").code == 0
    assert Path("m").read_bytes() == whole


def test_a_killed_run_goes_on(commands: Commands, whole: bytes) -> None:
    program = (
        "import os, sys\nfrom chainrule.cli import progress\nfrom chainrule.cli.main import main\n"
        "shown = progress.TrainingProgress.__call__\n"
        "def listen(self, event):\n"
        "    if getattr(event, 'row', {}).get('epoch') == 5: os.kill(os.getpid(), 9)\n"
        "progress.TrainingProgress.__call__ = listen\nmain(sys.argv[1:])"
    )
    words = [*map(str, RUN), "--out", "m", "--checkpoint-every", "2"]
    killed = subprocess.run([sys.executable, "-c", program, *words], capture_output=True)
    assert killed.returncode == -9
    assert not Path("m").exists()
    result = commands.run("resume", "m.checkpoint")
    assert result.code == 0, result.err
    assert Path("m").read_bytes() == whole
    assert commands.files() == {"homes.csv", "whole", "m", "m.md", "m.html"}


def test_a_table_that_has_moved(commands: Commands, whole: bytes) -> None:
    interrupt(commands, *RUN, "--out", "m")
    Path("homes.csv").rename("moved.csv")
    result = commands.run("resume", "m.checkpoint")
    assert (result.code, "no such table" in result.err) == (1, True)
    assert commands.run("resume", "m.checkpoint", "moved.csv", "--out", "n").code == 0
    assert cr.load("n").weights.tobytes() == cr.load("whole").weights.tobytes()
    assert Path("n.md").exists()


def test_another_table_is_refused(commands: Commands, whole: bytes) -> None:
    interrupt(commands, *RUN, "--out", "m")
    commands.write("homes.csv", homes().replace(".5", ".6"))
    result = commands.run("resume", "m.checkpoint")
    assert (result.code, "belongs to another run" in result.err) == (1, True)


def test_more_epochs(commands: Commands) -> None:
    commands.write("homes.csv", homes())
    assert commands.run(*WORDS, "--epochs", 6, "--out", "whole").code == 0
    words = (*WORDS, "--epochs", 2, "--out", "m", "--checkpoint", "run.ckpt")
    assert commands.run(*words).code == 0
    result = commands.run("resume", "run.ckpt", "--epochs", 6)
    assert (result.code, "exists already" in result.err) == (2, True), "it is no half of a run"
    assert commands.run("resume", "run.ckpt", "--epochs", 6, "--force").code == 0
    assert Path("m").read_bytes() == Path("whole").read_bytes()


def test_a_model_of_somebody_else_is_not_replaced(commands: Commands, whole: bytes) -> None:
    interrupt(commands, *RUN, "--out", "m")
    Path("m").write_bytes(whole)
    result = commands.run("resume", "m.checkpoint")
    assert (result.code, "--force" in result.err) == (2, True)
    assert Path("m").read_bytes() == whole
    Path("m").unlink()
    commands.write("m.html", "mine")
    result = commands.run("resume", "m.checkpoint")
    assert (result.code, "m.html" in result.err) == (2, True)


def test_a_new_run_does_not_tread_on_a_stopped_one(commands: Commands, whole: bytes) -> None:
    interrupt(commands, *RUN, "--out", "m")
    before = Path("m.checkpoint").read_bytes()
    result = commands.run(*RUN, "--out", "m")
    assert result.code == 2
    assert "go on with it: chainrule resume m.checkpoint" in result.err
    assert Path("m.checkpoint").read_bytes() == before
    assert commands.run(*RUN, "--out", "m", "--force").code == 0
    assert Path("m").read_bytes() == whole
    assert not Path("m.checkpoint").exists()


def test_what_is_no_checkpoint_of_ours(commands: Commands) -> None:
    X, y = [[1.0], [2.0]], [1.0, 2.0]
    cr.train(cr.nn.Dense(1), X, y, loss="squared_error", epochs=1, checkpoint="python.ckpt")
    result = commands.run("resume", "python.ckpt")
    assert (result.code, "from Python" in result.err) == (1, True)
    commands.write("junk", b"junk")
    assert commands.run("resume", "junk").code == 1
    result = commands.run("resume", "no.ckpt")
    assert (result.code, "no such checkpoint" in result.err) == (1, True)
    note = {"verb": "train", "options": {"data": "x.csv", "target": "y", "epochs": "many"}}
    cr.train(cr.nn.Dense(1), X, y, loss="squared_error", epochs=1, checkpoint="odd", note=note)
    result = commands.run("resume", "odd")
    assert (result.code, "epochs: 'many'" in result.err) == (2, True), result.err


def test_a_diverged_run_leaves_nothing(commands: Commands) -> None:
    commands.write("homes.csv", homes())
    words = (*WORDS, "--optimizer", "sgd", "--learning-rate", 30, "--epochs", 50)
    assert commands.run(*words).code == 1
    assert commands.files() == {"homes.csv"}


def test_a_finished_run_says_how_to_train_longer(commands: Commands) -> None:
    commands.write("homes.csv", homes())
    words = (*WORDS, "--epochs", 2, "--out", "m", "--checkpoint", "run.ckpt", "--model-only")
    assert commands.run(*words).code == 0
    result = commands.run("resume", "run.ckpt")
    assert (result.code, "all 2 epochs of the run are done" in result.err) == (2, True)
    command = result.err.partition("replace the model: ")[2]
    assert shlex.split(command)[:5] == ["chainrule", "resume", "run.ckpt", "--epochs", "4"]
    assert commands.run(*shlex.split(command)[1:]).code == 0
    assert len(cr.load("m").record["history"]) == 4
    result = commands.run("resume", "run.ckpt", "--epochs", 1)
    assert (result.code, "expected: at least 4" in " ".join(result.err.split())) == (2, True)
    Path("m").unlink()
    result = commands.run("resume", "run.ckpt")
    assert (result.code, "nothing to train" in result.out) == (0, True)
    assert Path("m").exists()


def test_a_run_that_patience_ended_gets_more_of_it(commands: Commands) -> None:
    commands.write("homes.csv", homes())
    words = (*WORDS[:-2], "--patience", 1, "--learning-rate", 0.05, "--epochs", 500)
    words = (*words, "--out", "m", "--checkpoint", "run.ckpt", "--model-only")
    assert commands.run(*words).code == 0
    before = cr.load("m").record["epochs"]
    result = commands.run("resume", "run.ckpt")
    assert (result.code, "without improvement" in result.err) == (2, True)
    command = shlex.split(result.err.partition("replace the model: ")[2])
    assert command[3:] == ["--patience", "2", "--force"]
    assert commands.run(*command[1:]).code == 0
    assert cr.load("m").record["epochs"] > before


def test_the_checkpoint_of_a_finished_run_is_gone(commands: Commands) -> None:
    commands.write("homes.csv", homes())
    assert commands.run(*WORDS, "--epochs", 2, "--out", "m.safetensors", "--model-only").code == 0
    for path in ("m.checkpoint", "m.safetensors"):
        result = commands.run("resume", path)
        assert result.code == 1
        config, train = result.err.partition("keep the state: ")[2].split(" and then ")
        assert shlex.split(config)[1:3] == ["inspect", "m.safetensors"]
        commands.write("run.toml", commands.run(*shlex.split(config)[1:4]).out)
        words = [*shlex.split(train)[1:], "--force", "--model-only"]
        words[words.index("--epochs") + 1] = "3"
        assert commands.run(*words).code == 0
        assert Path("longer.checkpoint").exists()


@pytest.mark.parametrize(
    ("extra", "saved"),
    [
        ((), [0, 30]),
        (("--checkpoint", "run.ckpt"), [0, 30]),
        (("--checkpoint-every", 20), [0, 20, 30]),
    ],
)
def test_short_epochs_are_not_saved_one_by_one(
    commands: Commands, monkeypatch: pytest.MonkeyPatch, extra: tuple[object, ...], saved: list[int]
) -> None:
    found: list[int] = []
    write = session.write_checkpoint

    def noted(path: Any, run: Any, course: Any, progress: Any, *rest: Any) -> None:
        found.append(progress.epoch)
        write(path, run, course, progress, *rest)

    monkeypatch.setattr(session, "write_checkpoint", noted)
    monkeypatch.setattr(session, "_SAVE_SECONDS", 1e9)
    commands.write("homes.csv", homes())
    assert commands.run(*WORDS, "--epochs", 30, *extra, "--model-only").code == 0
    assert found == saved
