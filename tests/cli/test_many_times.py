"""Options that stand several times, names that stand twice, and numbers that nobody means."""

from __future__ import annotations

from pathlib import Path

import pytest

from chainrule.tabular import Dialect, read_table
from chainrule.tabular.keep import kept_columns
from chainrule.tabular.source import opened
from tests.cli.commands import Commands

TRAIN = ("train", "t.csv", "--target", "y", "--hidden", "none", "--model-only", "--json")
ROWS = "id,x,z,y\n" + "".join(f"{row},{row % 7},{row % 3},{row}.5\n" for row in range(40))
TOO_MANY = str(2**63)


@pytest.fixture
def table(commands: Commands) -> Path:
    """Return a table of four columns."""
    return commands.write("t.csv", ROWS)


def columns(commands: Commands, *words: object) -> list[str]:
    result = commands.run(*TRAIN, "--epochs", 1, "--force", *words)
    assert result.code == 0, result.err
    return list(result.document()["columns"])


def test_ignore_given_twice_ignores_both(commands: Commands, table: Path) -> None:
    assert columns(commands, "--ignore", "id", "--ignore", "z,id") == ["x", "y"]
    config = commands.run("inspect", "model.safetensors", "--config").out
    assert 'ignore = ["id", "z"]' in config
    commands.write("run.toml", config)
    assert columns(commands, "--config", "run.toml") == ["x", "y"]
    assert columns(commands, "--config", "run.toml", "--ignore", "x") == ["id", "z", "y"]
    assert columns(commands) == ["id", "x", "z", "y"]


def test_keep_given_twice_keeps_both_and_each_once(commands: Commands, table: Path) -> None:
    columns(commands, "--ignore", "id,z")
    commands.write("new.csv", "id,x\n7,2\n")
    words = ("predict", "model.safetensors", "new.csv", "--keep", "id,x,id", "--keep", "x")
    assert commands.run(*words).out.startswith("id,x,prediction\n7,2,")


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_a_column_is_kept_once(commands: Commands, ending: str) -> None:
    text = ROWS if ending == "csv" else '{"id": 1, "x": 2}\n'
    path = commands.write(f"t.{ending}", text)
    with opened(path, Dialect()) as source:
        kept = kept_columns(source, read_table(path), ("id", "x", "id"), Dialect())
    assert kept.names == ("id", "x")
    assert len(kept.columns) == 2


@pytest.mark.parametrize("option", ["--epochs", "--batch-size", "--patience", "--checkpoint-every"])
def test_no_count_is_larger_than_machines_count(
    commands: Commands, table: Path, option: str
) -> None:
    for number in (TOO_MANY, str(10**40)):
        result = commands.run(*TRAIN, option, number)
        assert result.code == 2
        assert result.err.count("error: ") == 1
        words = " ".join(result.err.split())
        assert option in words
        assert "cannot be meant: 9,223,372,036,854,775,807 is the most" in words
    assert commands.files() == {"t.csv"}


def test_nor_in_a_file_of_settings(commands: Commands, table: Path) -> None:
    commands.write("run.toml", f"\nepochs = {10**40}\n")
    result = commands.run(*TRAIN, "--config", "run.toml")
    assert result.code == 2
    assert "run.toml, line 2" in result.err
    assert "epochs" in result.err


def test_words_of_a_file_for_an_option_that_stands_several_times(
    commands: Commands, table: Path
) -> None:
    words = '["optimizer.beta1=0.8,0.9", "optimizer.beta2=0.99"]'
    commands.write("run.toml", f'target = "y"\nset = {words}\n')
    result = commands.run(
        *("sweep", "t.csv", "--config", "run.toml", "--epochs", 1, "--hidden", "none", "--json")
    )
    assert result.code == 0, result.err
    assert len(result.document()["table"]) == 2
