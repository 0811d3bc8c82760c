"""What a newcomer stumbles over is said: odd rows, odd files, odd orders of words."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path

import duckdb
import numpy as np
import pytest

import chainrule as cr
from chainrule.cli.progress import TrainingProgress
from chainrule.cli.screen import Screen
from chainrule.cli.words import duration, folded
from chainrule.training.events import EpochEnded, RunStarted
from tests.cli.commands import Commands, homes, kinds

TRAIN = ("train", "homes.csv", "--target", "price", "--epochs", 2, "--hidden", "8", "--model-only")


@pytest.fixture
def model(commands: Commands) -> Path:
    """Return a model of a table without a gap."""
    lines = ["rooms,garden,built,town,price"]
    for row in range(60):
        garden, town = ("true", "false")[row % 2], ("Ghent", "Bruges", "Genk")[row % 3]
        lines.append(f"{1 + row % 6},{garden},{1950 + row}-01-15,{town},{100.5 + row % 9}")
    commands.write("homes.csv", "\n".join(lines) + "\n")
    result = commands.run(*TRAIN)
    assert result.code == 0, result.err
    return commands.folder / "model.safetensors"


def test_levels_and_gaps_that_training_never_saw(commands: Commands, model: Path) -> None:
    lines = ["rooms,garden,built,town"]
    lines += [f"3,true,1990-01-01,{town}" for town in ("mars", "mars", "", "Ghent", "venus")]
    lines.append(",true,1990-01-01,Ghent")
    commands.write("new.csv", "\n".join(lines) + "\n")
    result = commands.run("predict", model, "new.csv", "--out", "p.csv")
    assert result.code == 0, result.err
    words = " ".join(result.err.split())
    assert "note town: 3 cells hold a level that training never saw (mars, venus)" in words
    assert "town: 1 cell is missing, and in training none was" in words
    assert "rooms: 1 cell is missing, and in training none was" in words
    document = commands.run("predict", model, "new.csv", "--json").document()
    assert [note.split(":")[0] for note in document["notes"]] == ["rooms", "town", "town"]


def test_nothing_is_said_of_rows_like_those_of_training(commands: Commands, model: Path) -> None:
    assert commands.run("predict", model, "homes.csv").err == ""
    assert commands.run("predict", model, "homes.csv", "--json").document()["notes"] == []


def rows_of(path: str) -> list[tuple[object, ...]]:
    with duckdb.connect(":memory:") as connection:
        return connection.execute(f"SELECT * FROM '{path}'").fetchall()


@pytest.mark.parametrize("ending", ["jsonl", "parquet"])
def test_predictions_in_other_formats(commands: Commands, model: Path, ending: str) -> None:
    for name in ("p.csv", f"p.{ending}"):
        assert commands.run("predict", model, "homes.csv", "--out", name).code == 0
    assert rows_of(f"p.{ending}") == rows_of("p.csv")
    commands.write("kinds.csv", kinds())
    words = ("train", "kinds.csv", "--target", "kind", "--out", "k", "--epochs", 2)
    assert commands.run(*words).code == 0
    for name in ("k.csv", f"k.{ending}"):
        assert commands.run("predict", "k", "kinds.csv", "--out", name).code == 0
    found, known = rows_of(f"k.{ending}"), rows_of("k.csv")
    assert [row[0] for row in found] == [row[0] for row in known]
    shares, plain = (np.array([row[1:] for row in rows], np.float32) for rows in (found, known))
    assert np.array_equal(shares, plain)


def test_labels_that_differ_in_case_do_not_fit_parquet(commands: Commands) -> None:
    commands.write("kinds.csv", kinds().replace(";b", ";A"))
    words = ("train", "kinds.csv", "--target", "kind", "--out", "k", "--epochs", 1)
    assert commands.run(*words).code == 0
    result = commands.run("predict", "k", "kinds.csv", "--out", "k.parquet")
    assert (result.code, "differ only in case" in result.err) == (1, True)
    assert commands.run("predict", "k", "kinds.csv", "--out", "k.jsonl").code == 0
    first = json.loads(Path("k.jsonl").read_text().splitlines()[0])
    assert list(first) == ["prediction", "probability A", "probability a", "probability c"]


def test_probabilities_have_no_digits_that_say_nothing(commands: Commands) -> None:
    commands.write("kinds.csv", kinds())
    words = ("train", "kinds.csv", "--target", "kind", "--epochs", 2)
    assert commands.run(*words).code == 0
    out = commands.run("predict", "model.safetensors", "kinds.csv").out
    cells = [cell for row in list(csv.reader(out.splitlines()))[1:] for cell in row[1:]]
    assert max(len(cell.partition("e")[0].strip("0.")) for cell in cells) <= 9
    model = cr.load("model.safetensors")
    assert model.dtype == "float32"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("predict", "model.safetensors", "homes.csv", "--out", "p.xlsx"), ".parquet"),
        ((*TRAIN[:-1], "--out", "m", "--report", "r.pdf"), ".html"),
        ((*TRAIN, "--out", "m", "--report", "r.html"), "--model-only"),
        ((*TRAIN, "--out", "m", "--history", "h.xyz"), ".json"),
    ],
)
def test_an_ending_that_is_not_written(
    commands: Commands, model: Path, words: tuple[object, ...], message: str
) -> None:
    before = commands.files()
    result = commands.run(*words)
    assert (result.code, result.out) == (2, "")
    assert message in result.err
    assert commands.files() == before
    assert ".parquet" in commands.run("predict", "--help").out


def test_words_in_the_wrong_order(commands: Commands, model: Path) -> None:
    result = commands.run("predict", "homes.csv", model)
    assert "the order is MODEL DATA" in result.err
    assert commands.run(*TRAIN, "--force", "--checkpoint", "run.ckpt").code == 0
    result = commands.run("inspect", "run.ckpt")
    assert (result.code, "chainrule resume" in result.err) == (1, True)
    result = commands.run(*TRAIN, "--out", "other", "--checkpoint", "run.ckpt")
    assert (result.code, "chainrule resume run.ckpt" in result.err) == (2, True)


def test_the_command_alone_helps(commands: Commands) -> None:
    result = commands.run()
    assert (result.code, result.err) == (0, "")
    assert "gradcheck" in result.out


def test_a_name_in_another_case(commands: Commands) -> None:
    commands.write("homes.csv", homes())
    result = commands.run("train", "homes.csv", "--target", "PRICE")
    assert "did you mean price?" in result.err
    lines = homes().splitlines()
    commands.run(*TRAIN)
    commands.write("new.csv", "\n".join(["rooms,garden,x,town,price", *lines[1:]]))
    result = commands.run("predict", "model.safetensors", "new.csv")
    assert "an empty column is read as missing" in result.err


def european(text: str) -> str:
    return text.replace(",", ";").replace(".", ",")


def test_decimal_commas(commands: Commands) -> None:
    commands.write("homes.csv", european(homes()))
    result = commands.run(*TRAIN)
    assert result.code == 0, result.err
    assert "decimal comma, such as '120,0' (homes.csv, line 2)" in " ".join(result.out.split())
    commands.write("homes.csv", homes())
    assert commands.run(*TRAIN, "--out", "with_points").code == 0
    one, other = (cr.load(name) for name in ("model.safetensors", "with_points"))
    assert (one.weights == other.weights).all()


def test_what_is_shown_of_a_run(commands: Commands) -> None:
    commands.write("homes.csv", homes())
    name = "a-rather-long-name-of-a-model-that-does-not-fit-into-one-line.safetensors"
    result = commands.run(*TRAIN, "--out", name)
    lines = result.out.splitlines()
    assert all(line == line.rstrip() for line in lines)
    following = next(line for line in lines if line.startswith("  next"))
    assert following.endswith(f"chainrule predict {name} NEW.csv --out predictions.csv")
    assert "adam, learning rate 0.001, batches of 16" in result.out
    starts = {line[12:13] != " " for line in lines if line.startswith(("  task", "  trained"))}
    assert starts == {True}, "the values of all blocks begin in one column"
    result = commands.run(*TRAIN, "--force", "--optimizer", "lbfgs", "--out", "m")
    assert "lbfgs, whole data" in result.out
    assert "batches of" not in result.out
    assert "lbfgs" in commands.run("inspect", "m").out


def test_shares_of_the_classes_are_told_apart_from_their_names(commands: Commands) -> None:
    commands.write("t.csv", "x,y\n" + "".join(f"{row}.5,{row % 2}\n" for row in range(40)))
    result = commands.run("train", "t.csv", "--target", "y", "--epochs", 1)
    assert "0 (50 %), 1 (50 %)" in result.out


def test_a_divergence_advises_an_option_that_exists(commands: Commands) -> None:
    commands.write("homes.csv", homes())
    result = commands.run(*TRAIN, "--learning-rate", 1e30)
    assert result.code == 1
    assert "--learning-rate" in result.err
    assert "clip" not in result.err
    result = commands.run(*TRAIN, "--optimizer", "sgd", "--learning-rate", 30, "--epochs", 50)
    assert result.code == 1
    assert "expected: finite" in result.err
    assert "got:      " in result.err


def test_the_time_left_counts_the_epochs_of_this_call(capsys: pytest.CaptureFixture[str]) -> None:
    with TrainingProgress(Screen(), "r2") as listener:
        listener(RunStarted(100, 1, 10, epochs_done=90))
        row = {"epoch": 91, "train_loss": 1.0, "seconds": 2.0}
        listener(EpochEnded(row, True, 100, seconds=60.0))
        listener(EpochEnded({**row, "epoch": 100}, True, 100, seconds=62.0))
    first, last = capsys.readouterr().out.splitlines()
    assert "18 s left" in first
    assert "left" not in last
    assert " s" not in last, "the time of the run is told once, below"


def test_short_times_and_long_names() -> None:
    assert duration(0.0004) == "1 ms"
    assert math.isclose(float(duration(0.05).split()[0]), 50)
    name = "sequential(layers=[dense(units=4), layer_norm]) | binary_cross_entropy: dense_2.W"
    lines = folded(name, 24).split("\n")
    assert max(map(len, lines)) <= 24
    assert "".join(lines).replace(" ", "") == name.replace(" ", "")
    assert folded("classes: a (33.3 %)", 17) == "classes: a\n(33.3 %)"


def test_the_time_left_counts_what_stands_between_epochs(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with TrainingProgress(Screen(), "r2") as listener:
        listener(RunStarted(100, 1, 1, 0))
        for epoch in (1, 2):  # of two seconds an epoch, one saves the state
            row = {"epoch": epoch, "train_loss": 1.0, "seconds": 1.0}
            listener(EpochEnded(row, False, 100, 2.0 * epoch))
    _, last = capsys.readouterr().out.splitlines()
    assert "2 min 27 s left" in last, "98 epochs, of 1.5 seconds so far"
