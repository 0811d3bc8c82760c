"""Messages to one who has not read the manual: what to choose from, and where simpler is better."""

from __future__ import annotations

import pytest

from chainrule.cli.judge import Scores
from chainrule.cli.rivals import rivals
from tests.cli.commands import Commands, homes


def test_without_a_target_the_columns_are_named(commands: Commands) -> None:
    commands.write("homes.csv", homes())
    result = commands.run("train", "homes.csv")
    assert result.code == 2
    assert "missing option '--target'" in result.err
    assert "one of rooms, garden, built, town, price" in result.err
    assert "--target price" in result.err
    assert "missing option '--target'" in commands.run("train", "none.csv").err


def test_a_missing_folder_is_that_of_the_model(commands: Commands) -> None:
    commands.write("homes.csv", homes())
    result = commands.run("train", "homes.csv", "--target", "price", "--out", "no/m.safetensors")
    assert result.code == 1
    assert "no/m.safetensors" in result.err
    assert "mkdir -p no" in result.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--learning-rate", "much"), "'much' is not a number"),
        (("--dropout", "nan"), "'nan' is not a finite number"),
        (("--learning-rate", "-1"), "-1"),
    ],
)
def test_what_is_no_number(commands: Commands, words: tuple[str, str], said: str) -> None:
    result = commands.run("train", "homes.csv", "--target", "price", *words)
    assert result.code == 2
    assert said in result.err
    assert "float range" not in result.err


def test_a_spreadsheet_is_to_be_saved_as_csv(commands: Commands) -> None:
    commands.write("homes.xlsx", b"PK")
    assert "save the sheet as CSV" in commands.run("train", "homes.xlsx", "--target", "a").err


def test_code_that_stops_has_no_share_of_tensors(commands: Commands) -> None:
    lines = ["NETWORK = (2, 2, 1)", "LOSS = 'mse'", "def forward(params, X):"]
    lines += ["    return X.dott(params['W1'])", "def backward(params, X, y):", "    return {}"]
    commands.write("work.py", "\n".join(lines) + "\n")
    result = commands.run("mark", "work.py")
    assert result.code == 1
    assert "no tensor was computed" in result.out + result.err


@pytest.mark.parametrize(
    ("own", "linear", "guess", "said"),
    [
        ({"r2": 0.8}, {"r2": 0.7}, {"r2": 0.0}, []),
        ({"r2": 0.8}, {"r2": 0.9}, {"r2": 0.0}, ["ridge is better"]),
        ({"accuracy": 0.8}, {"accuracy": 0.8}, {"accuracy": 0.7}, ["ridge is as good"]),
        ({"accuracy": 0.6}, None, {"accuracy": 0.7}, ["a guess without inputs (guess) is better"]),
        ({"mse": 2.0}, None, {"mse": 3.0}, []),
        ({"mse": 2.0}, None, {"mse": 1.0}, ["a guess without inputs (guess) is better"]),
        ({"r2": float("nan")}, {"r2": float("nan")}, {"r2": 0.0}, []),
    ],
)
def test_a_simpler_model_is_named(
    own: dict[str, float], linear: dict[str, float] | None, guess: dict[str, float], said: list[str]
) -> None:
    found = rivals(Scores(9, own, guess, "guess", linear, "ridge"))
    assert len(found) == len(said)
    assert all(text in sentence for text, sentence in zip(said, found, strict=True))


def test_it_is_said_on_the_screen_in_the_card_and_in_the_report(commands: Commands) -> None:
    commands.write("homes.csv", homes())
    words = ("--target", "price", "--learning-rate", "1e-6", "--epochs", 1)
    result = commands.run("train", "homes.csv", *words)
    assert "ridge regression is better: prefer it" in " ".join(result.out.split())
    for name in ("model.md", "model.html"):
        page = (commands.folder / name).read_text(encoding="utf-8")
        assert "By R², ridge regression is better: prefer it" in page
