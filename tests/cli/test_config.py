"""A run as a file: what it may say, what wins, and what is told of a wrong line."""

from __future__ import annotations

import importlib
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from chainrule.cli import train
from chainrule.cli.config import toml_text
from chainrule.cli.main import main
from chainrule.cli.pipeline import Settings
from tests.cli.commands import Commands, homes

RUN = """# a run
target = "price"
hidden = [8, 4]
epochs = 3
learning-rate = 1e-2
patience = 0
model_only = true
"""


@pytest.fixture
def table(commands: Commands) -> Path:
    return commands.write("homes.csv", homes())


def test_a_file_says_what_a_command_says(commands: Commands, table: Path) -> None:
    commands.write("run.toml", RUN)
    assert commands.run("train", table, "--config", "run.toml", "--out", "a").code == 0
    words = ("--hidden", "8,4", "--epochs", 3, "--learning-rate", 0.01, "--patience", 0)
    assert commands.run("train", table, "--target", "price", *words, "--out", "b").code == 0
    assert Path("a").read_bytes() == Path("b").read_bytes()
    assert not Path("a.md").exists()
    assert Path("b.md").exists()


def test_the_command_line_wins(commands: Commands, table: Path) -> None:
    commands.write("run.toml", RUN)
    words = ("train", table, "--epochs", 2, "--config", "run.toml", "--json")
    assert commands.run(*words).document()["epochs"] == 2


def test_paths_count_from_the_file(commands: Commands, table: Path) -> None:
    folder = commands.folder / "there"
    folder.mkdir()
    table.rename(folder / "homes.csv")
    (folder / "run.toml").write_text(RUN + 'data = "homes.csv"\nout = "m.safetensors"\n')
    assert commands.run("train", "--config", "there/run.toml").code == 0
    assert {path.name for path in folder.iterdir()} == {"homes.csv", "run.toml", "m.safetensors"}


WRONG: dict[str, tuple[str, tuple[str, ...]]] = {
    "unknown key": ('target = "price"\nhiden = 8', ("line 2", "'hiden'", "did you mean hidden?")),
    "a word for a number": ('target = "price"\n\nepochs = "many"', ("line 3", "'many'")),
    "a fraction for a count": ("epochs = 2.5", ("line 1", "2.5")),
    "out of range": ("epochs = 0", ("line 1", "0 is not in the range")),
    "truth for a number": ("seed = true", ("line 1", "a number or a string", "true")),
    "not finite": ("learning-rate = nan", ("line 1", "nan")),
    "a word for truth": ('drop-missing-target = "yes"', ("line 1", "true or false")),
    "a date": ("seed = 1979-05-27", ("line 1", "date")),
    "a section": ('[train]\ntarget = "price"', ("line 1", "'train'")),
    "unknown member": ('activation = "rleu"', ("line 1", "did you mean relu")),
    "bad widths": ('hidden = [8, "x"]', ("line 1", "not a list of widths")),
    "another config": ('config = "a.toml"', ("line 1", "'config'")),
    "not TOML": ('target = "price"\nepochs 3', ("line 2", "not TOML")),
    "the same key twice": ("epochs = 2\nepochs = 3", ("line", "not TOML")),
    "both spellings": ("batch-size = 2\nbatch_size = 3", ("line 2", "twice")),
    "nothing": ("", ("0 bytes",)),
    "deep": ("x = " + "[" * 5000, ("not TOML",)),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_file_gives_one_message(commands: Commands, table: Path, case: str) -> None:
    text, messages = WRONG[case]
    commands.write("run.toml", text)
    result = commands.run("train", table, "--target", "price", "--config", "run.toml")
    assert result.code == 2, result
    assert result.err.count("error: ") == 1
    assert "run.toml" in result.err
    for message in messages:
        assert message in result.err, result.err
    assert commands.files() == {"homes.csv", "run.toml"}


def test_files_that_cannot_be_read(commands: Commands, table: Path) -> None:
    commands.write("latin.toml", 'target = "Göteborg"'.encode("latin-1"))
    for name, message in {
        "no.toml": "no such config file",
        ".": "folder",
        "latin.toml": "UTF-8",
    }.items():
        result = commands.run("train", table, "--config", name)
        assert (result.code, message in result.err) == (2, True), result.err


def test_without_a_reader_of_toml_the_install_command_is_told(
    commands: Commands, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands.write("run.toml", RUN)
    for name in ("tomllib", "tomli"):
        monkeypatch.setitem(sys.modules, name, None)
    result = commands.run("train", table, "--config", "run.toml")
    assert (result.code, "pip install tomli" in result.err) == (2, True)


def test_a_model_prints_the_file_that_repeats_it(commands: Commands, table: Path) -> None:
    words = ("train", table, "--target", "price", "--epochs", 2, "--seed", 3, "--hidden", "none")
    assert commands.run(*words, "--dropout", 0.25, "--out", "m.safetensors").code == 0
    printed = commands.run("inspect", "m.safetensors", "--config")
    commands.write("run.toml", printed.out)
    result = commands.run("train", "--config", "run.toml", "--out", "again.safetensors")
    assert result.code == 0, result.err
    assert Path("m.safetensors").read_bytes() == Path("again.safetensors").read_bytes()
    document = commands.run("inspect", "m.safetensors", "--config", "--json").document()
    assert document["seed"] == 3
    assert document["hidden"] == "none"
    shown = commands.run("inspect", "m.safetensors").out
    assert "dropout" in shown
    assert "0.25" in shown


@pytest.mark.parametrize("text", ['a "b" \\ c', "zwei\nZeilen", "家 🏠", "\x7f\x01", "=#[]"])
def test_what_is_written_as_toml_is_read_back(text: str) -> None:
    library = importlib.import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
    document = {"target": text, "list": [1, 2], "small": 1e-07, "yes": True, "odd key": "x"}
    assert library.loads(toml_text(document, "a\nb")) == document


def test_every_setting_is_an_option() -> None:
    names = {param.name for param in train.command.params}
    assert {field.name for field in fields(Settings)} <= names


def test_the_help_of_train_is_in_sections(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--help"]) == 0
    out = capsys.readouterr().out
    heads = [line for line in out.splitlines() if line.endswith(":") and line[:1] != " "]
    assert heads == ["Table:", "Pictures:", "Network:", "Training:", "Files:", "Others:"]
    options = [max(p.opts, key=len) for p in train.command.params if p.name != "data"]
    assert [option for option in options if f"{option} " not in out] == []
