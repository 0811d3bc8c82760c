"""`train --memory`: a table that need not fit into memory, on the command line."""

from __future__ import annotations

import pytest

import chainrule as cr
from tests.cli.commands import Commands
from tests.tabular.test_stream import ROWS, text


def test_train_with_a_stated_memory(commands: Commands) -> None:
    commands.write("homes.csv", text())
    words = ["train", "homes.csv", "--target", "class", "--memory", "128MB", "--epochs", "3"]
    first = commands.run(*words, "--history", "h.csv", "--json")
    assert first.code == 0, first.err
    document = first.document()
    assert sum(document["rows"][part] for part in ("training", "validation", "test")) == ROWS
    assert document["scores"]["rows"] == document["rows"]["test"]
    assert commands.files() == {"homes.csv", "model.safetensors", "h.csv"}
    before = (commands.folder / "model.safetensors").read_bytes()
    assert commands.run(*words, "--force").code == 0
    assert (commands.folder / "model.safetensors").read_bytes() == before
    predicted = commands.run("predict", "model.safetensors", "homes.csv", "--out", "p.csv")
    assert predicted.code == 0, predicted.err


def test_a_stopped_run_is_resumed_to_the_same_bits(commands: Commands) -> None:
    commands.write("homes.csv", text())
    words = ["train", "homes.csv", "--target", "price", "--memory", "128MB"]
    words += ["--checkpoint", "state", "--out"]
    assert commands.run(*words, "whole", "--epochs", "4").code == 0
    (commands.folder / "state").unlink()
    assert commands.run(*words, "part", "--epochs", "2").code == 0
    told = ["--resume", "state", "--force", "--epochs", "4"]
    assert commands.run(*words, "part", *told).code == 0
    weights = [cr.load(commands.folder / name).weights.tobytes() for name in ("whole", "part")]
    assert weights[0] == weights[1]


def test_resume_goes_on_with_the_same_memory(
    commands: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands.write("homes.csv", text())
    words = ["train", "homes.csv", "--target", "price", "--memory", "128MB", "--epochs", "4"]
    assert commands.run(*words, "--out", "whole").code == 0
    from chainrule.cli.progress import TrainingProgress

    real = TrainingProgress.__call__

    def stopped(self: TrainingProgress, event: object) -> None:
        real(self, event)
        if getattr(event, "row", {}).get("epoch") == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(TrainingProgress, "__call__", stopped)
    result = commands.run(*words, "--out", "part")
    assert result.code == 130
    assert "chainrule resume" in " ".join(result.out.split())
    monkeypatch.setattr(TrainingProgress, "__call__", real)
    result = commands.run("resume", "part.checkpoint")
    assert result.code == 0, result.err
    weights = [cr.load(commands.folder / name).weights.tobytes() for name in ("whole", "part")]
    assert weights[0] == weights[1]
    assert commands.files() == {"homes.csv", "whole", "part"}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--memory", "10MB"], "at least 128MB"),
        (["--memory", "lots"], "no amount of memory"),
        (["--memory", "1GB", "--report", "r.html"], "--report is not written with --memory"),
        (["--memory", "1GB", "--optimizer", "lbfgs"], "all rows at once"),
        (["--memory", "1GB", "--batch-size", "9", "--hidden", "3000,30000"], "does not fit"),
    ],
)
def test_what_train_cannot_do_with_a_stated_memory(
    words: list[str], message: str, commands: Commands
) -> None:
    commands.write("homes.csv", text())
    result = commands.run("train", "homes.csv", "--target", "price", *words)
    assert result.code in (1, 2)
    assert message in " ".join(result.err.split())
    assert commands.files() == {"homes.csv"}


@pytest.mark.parametrize(
    ("data", "message"), [("-", "the table is a file"), ("none.csv", "there is no such table")]
)
def test_the_table_must_be_a_file(data: str, message: str, commands: Commands) -> None:
    result = commands.run("train", data, "--target", "y", "--memory", "128MB")
    assert result.code in (1, 2)
    assert message in result.err
    assert commands.files() == set()
