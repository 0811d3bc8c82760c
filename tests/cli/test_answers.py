"""What a message advises can be done, and what is shown is what was used."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import chainrule as cr
from chainrule.errors import ChainruleError
from tests.cli.commands import Commands, Result, homes, kinds

TRAIN = ("train", "homes.csv", "--target", "price", "--epochs", 3, "--hidden", "8")


@pytest.fixture
def model(commands: Commands) -> str:
    commands.write("homes.csv", homes())
    assert commands.run(*TRAIN, "--model-only").code == 0
    return "model.safetensors"


def answers(result: Result) -> dict[str, str]:
    """Return the answers of an error by their question."""
    pairs = (line.strip().split(":", 1) for line in result.err.splitlines() if ":" in line)
    return {name: text.strip() for name, text in pairs}


def without(column: str) -> str:
    frame = pd.read_csv("homes.csv")
    return frame.drop(columns=column.split(",")).to_csv(index=False)


def test_a_missing_column_is_expected_and_those_of_the_table_are_found(
    commands: Commands, model: str
) -> None:
    commands.write("new.csv", without("garden,price"))
    told = answers(commands.run("predict", model, "new.csv"))
    assert told["error"] == "there is no column called 'garden'"
    assert told["expected"] == "rooms, garden, built, town"
    assert told["got"] == "rooms, built, town"
    commands.write("new.csv", without("garden,town,price"))
    told = answers(commands.run("predict", model, "new.csv"))
    assert told["error"] == "there are no columns called 'garden', 'town'"
    assert told["do"] == "add them to the table; an empty column is read as missing"


def test_columns_in_other_letters_are_to_be_renamed(commands: Commands, model: str) -> None:
    text = without("price")
    commands.write("new.csv", text.replace("garden", "Garden", 1))
    assert (
        "did you mean Garden? rename it to garden" in commands.run("predict", model, "new.csv").err
    )
    commands.write("new.csv", text.replace("rooms,garden", "Rooms,GARDEN", 1))
    told = answers(commands.run("predict", model, "new.csv"))
    assert told["do"] == "rename Rooms to rooms, GARDEN to garden"


def test_many_missing_columns_are_shortened(commands: Commands) -> None:
    names = [f"c{number}" for number in range(300)]
    rows = np.random.default_rng(0).normal(size=(40, 301))
    pd.DataFrame(rows, columns=[*names, "y"]).to_csv("wide.csv", index=False)
    words = ("train", "wide.csv", "--target", "y", "--epochs", 1, "--model-only")
    assert commands.run(*words).code == 0
    commands.write("new.csv", "a,b\n1,2\n")
    told = answers(commands.run("predict", "model.safetensors", "new.csv"))
    assert told["error"].endswith("'c4', ... (300 in all)")
    assert told["expected"].endswith("c19, ... (300 in all)")
    assert told["got"] == "a, b"


def test_a_target_that_is_not_there_is_named_anew(commands: Commands) -> None:
    commands.write("homes.csv", homes())
    for extra in ((), ("--drop-missing-target",)):
        told = answers(commands.run("train", "homes.csv", "--target", "zz", *extra))
        assert told["expected"] == "a column called zz"
        assert told["do"] == "name the column to predict"


@pytest.mark.parametrize("gap", ["no column", "no cell"])
def test_a_table_without_answers_is_predicted(commands: Commands, model: str, gap: str) -> None:
    text = without("price")
    if gap == "no cell":
        lines = text.splitlines()
        text = "\n".join([lines[0] + ",price", *(line + "," for line in lines[1:])]) + "\n"
    commands.write("new.csv", text)
    for extra in ((), ("--drop-missing-target",)):
        result = commands.run("evaluate", model, "new.csv", *extra)
        assert result.code == 1
        assert "the table has no answers" in result.err
        command = answers(result)["do"].partition("needs none: ")[2]
    words = shlex.split(command)
    assert words[0] == "chainrule"
    assert commands.run(*words[1:]).code == 0
    assert Path("predictions.csv").read_text().count("\n") == 61


@pytest.mark.parametrize("task", [(), ("--task", "regression")])
def test_a_bad_cell_of_the_target_has_its_line(commands: Commands, task: tuple[str, ...]) -> None:
    lines = homes().splitlines()
    lines[17] = lines[17].rpartition(",")[0] + ",abc"
    commands.write("homes.csv", "\n".join(lines) + "\n")
    told = answers(commands.run("train", "homes.csv", "--target", "price", *task))
    assert told["where"] == "homes.csv, line 18, target 'price'"
    assert told["got"] == "'abc'"
    larger = ("train", "homes.csv", "--target", "price", "--memory", "256MB")
    told = answers(commands.run(*larger, *task))
    assert told["where"] == "homes.csv, target 'price'", "what is read in parts has no line here"


def test_the_first_word_of_a_target_for_regression_has_its_line(commands: Commands) -> None:
    lines = ["x,y", "1,2", *(f"{row},{'ab'[row % 2]}" for row in range(9))]
    commands.write("t.csv", "\n".join(lines) + "\n")
    told = answers(commands.run("train", "t.csv", "--target", "y", "--task", "regression"))
    assert (told["where"], told["got"]) == ("t.csv, line 3, target 'y'", "'a'")


def test_inspect_shows_what_train_chose(commands: Commands, model: str) -> None:
    words = re.sub(" +", " ", commands.run("inspect", model).out)
    assert "optimizer adam, learning rate 0.001\n" in words
    assert "batch-size 16 chosen by train\n" in words
    assert "learning-rate 0.001 chosen by train\n" in words
    chosen = commands.run("inspect", model, "--json").document()["chosen"]
    assert (chosen["batch-size"], chosen["learning-rate"]) == (16, 0.001)
    assert "# chosen by train: batch-size = 16" in commands.run("inspect", model, "--config").out
    stated = (*TRAIN, "--batch-size", 7, "--learning-rate", 0.01, "--out", "s", "--model-only")
    assert commands.run(*stated).code == 0
    chosen = commands.run("inspect", "s", "--json").document()["chosen"]
    assert set(chosen) == {"task", "loss", "schedule"}


def test_what_was_chosen_gives_the_same_bits_when_stated(commands: Commands, model: str) -> None:
    chosen = commands.run("inspect", model, "--json").document()["chosen"]
    words = [word for name, value in chosen.items() for word in (f"--{name}", value)]
    assert commands.run(*TRAIN, *words, "--out", "again", "--model-only").code == 0
    assert (cr.load("again").weights == cr.load(model).weights).all()


def test_a_download_that_failed_leaves_no_folder(
    commands: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> bytes:
        raise ChainruleError("no network")

    monkeypatch.setattr("chainrule.images.mnist._fetched", fail)
    assert commands.run("data", "mnist", "--out", "a/b").code == 1
    assert commands.files() == set()
    Path("mine").mkdir()
    assert commands.run("data", "mnist", "--out", "mine").code == 1
    assert commands.files() == {"mine"}


def test_sentences_are_told_from_names(commands: Commands) -> None:
    draw = np.random.default_rng(3)
    words = ["good", "bad", "nice", "fine", "great", "poor", "cheap", "dear", "fast", "slow"]
    lines = ["review,brand,code,x,y"]
    for row in range(600):
        review = " ".join(draw.choice(words, 5))
        lines.append(f"{review},b{draw.integers(150)},k{row},{row % 9},{row % 7}")
    commands.write("t.csv", "\n".join(lines) + "\n")
    told = commands.run("train", "t.csv", "--target", "y", "--epochs", 1, "--model-only").out
    told = " ".join(told.split())
    assert "review: nearly every row has its own value, and the words in it are not read" in told
    assert "brand: 64 frequent levels have a feature each, all others one" in told
    assert "code: nearly every row has its own value; so not used" in told
    assert "in 0 %" not in told


def test_predictions_have_the_digits_of_their_type(commands: Commands, model: str) -> None:
    assert commands.run("predict", model, "homes.csv", "--out", "p.csv").code == 0
    cells = Path("p.csv").read_text().split()[1:]
    assert max(len(cell.replace(".", "").lstrip("-0")) for cell in cells) <= 10
    found = cr.load(model).predict(pd.read_csv("homes.csv"))
    assert [float(cell) for cell in cells] == found.tolist()
    whole = cr.load(model)
    raw = np.asarray(whole.raw(pd.read_csv("homes.csv")))[:, 0].astype(np.float64)
    target = whole.encoder["target"]
    assert np.abs(found - (raw * target["scale"] + target["mean"])).max() < 1e-8 * target["scale"]
    words = (*TRAIN, "--dtype", "float64", "--out", "d", "--model-only")
    assert commands.run(*words).code == 0
    assert commands.run("predict", "d", "homes.csv", "--out", "d.csv").code == 0
    exact = max(len(cell) for cell in Path("d.csv").read_text().split())
    assert exact >= 16, "a float64 keeps its own"


def test_the_best_setting_comes_as_a_command(commands: Commands) -> None:
    commands.write("kinds.csv", kinds())
    words = ("sweep", "kinds.csv", "--target", "kind", "--epochs", 4, "--batch-size", "8,32")
    more = ("--hidden", "8/none", "--patience", "0,3", "--ignore", "width", "--seed", 5)
    result = commands.run(*words, *more)
    assert result.code == 0
    assert "batch_size" not in result.out
    assert "patience=None" not in result.out
    (line,) = [line for line in result.out.splitlines() if line.startswith("  next")]
    command = shlex.split(line)[2:]
    assert command[:4] == ["train", "kinds.csv", "--target", "kind"]
    assert tuple(command[command.index("--seed") :][:2]) == ("--seed", "5")
    assert commands.run(*command, "--model-only").code == 0
    best = pd.read_csv("sweep/table.csv", keep_default_na=False).iloc[0]
    settings = commands.run("inspect", "model.safetensors", "--json").document()["record"][
        "settings"
    ]
    assert settings["batch_size"] == int(best["batch_size"])
    assert ",".join(map(str, settings["hidden"])) == best["hidden"].replace("none", "")
    assert settings["patience"] == int(best["patience"] or 0)
    assert (settings["epochs"], settings["ignore"], settings["seed"]) == (4, ["width"], 5)


def test_a_comparison_too_ends_in_a_command(commands: Commands) -> None:
    commands.write("kinds.csv", kinds())
    words = ("compare", "kinds.csv", "--target", "kind", "--repeats", 2, "--epochs", 3)
    settings = ("--setting", "slow: learning-rate=1e-7", "--setting", "batch-size=8 hidden=16")
    result = commands.run(*words, *settings)
    assert result.code == 0
    assert "batch_size" not in result.out
    (line,) = [line for line in result.out.splitlines() if line.startswith("  next")]
    assert "--hidden 16 --batch-size 8" in line or "--batch-size 8" in line
    assert commands.run(*shlex.split(line)[2:], "--model-only").code == 0


def test_what_train_does_not_take_is_said(commands: Commands) -> None:
    commands.write("kinds.csv", kinds())
    words = ("sweep", "kinds.csv", "--target", "kind", "--epochs", 2)
    result = commands.run(*words, "--set", "optimizer.beta1=0.8,0.9")
    assert "optimizer.beta1 is no option of train" in " ".join(result.out.split())
