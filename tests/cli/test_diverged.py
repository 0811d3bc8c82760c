"""A training that diverges leaves no model, and is told why."""

from __future__ import annotations

import pytest

from chainrule.cli import diagnosis
from tests.cli.commands import Commands, homes

TRAIN = ("train", "homes.csv", "--target", "price", "--hidden", "8", "--optimizer", "sgd")
TOO_HIGH = ("--learning-rate", 1e6)


@pytest.fixture(autouse=True)
def table(commands: Commands) -> None:
    commands.write("homes.csv", homes(120))


@pytest.mark.parametrize("memory", [(), ("--memory", "256MB")])
def test_the_cause_is_told_where_nothing_was_written(
    commands: Commands, memory: tuple[str, ...]
) -> None:
    before = commands.files()
    result = commands.run(*TRAIN, *TOO_HIGH, *memory)
    assert result.code == 1
    assert commands.files() == before
    assert "diverged" in result.err
    assert "do:       learning rate too high" in result.err
    words = " ".join(result.out.split())
    assert "done again" in words
    assert "of their norm; 0.001 is usual" in words
    assert "cr.SGD(1e+05)" in words


def test_json_leaves_standard_output_to_one_document(commands: Commands) -> None:
    result = commands.run(*TRAIN, *TOO_HIGH, "--json")
    assert result.code == 1
    told = result.document()["error"]
    assert (told["kind"], "learning rate too high" in told["do"]) == ("DivergenceError", True)
    assert "learning rate too high" in result.err


def test_a_run_that_diverges_later_is_told_too(commands: Commands) -> None:
    lines = ["x,y"] + [f"{row % 10},{row % 10}" for row in range(200)]
    commands.write("line.csv", "\n".join(lines) + "\n")
    words = ("train", "line.csv", "--target", "y", "--task", "regression", "--hidden", "none")
    rate = ("--optimizer", "sgd", "--learning-rate", 1.25, "--batch-size", 200, "--patience", 0)
    result = commands.run(*words, *rate, "--epochs", 1000, "--model-only")
    assert result.code == 1, result.out
    assert "no model is written" in result.err
    assert "where:    epoch 1\n" not in result.err
    assert "learning rate too high" in result.err
    assert "model.safetensors" not in commands.files()


def test_names_of_columns_and_pixels(commands: Commands) -> None:
    import numpy as np

    commands.folder.joinpath("p").mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (40, 3, 3)).astype(np.uint8)
    np.save("p/images.npy", pixels)
    np.save("p/labels.npy", np.arange(40) % 2)
    words = ("train", "p", "--hidden", "8,8", "--optimizer", "sgd", "--learning-rate", 1e20)
    result = commands.run(*words)
    assert (result.code, "learning rate too high" in result.err) == (1, True)
    sane = ("train", "p", "--hidden", "8", "--epochs", 3, "--model-only", "--out", "m")
    assert commands.run(*sane).code == 0
    again = commands.run("doctor", "m", "p", "--json")
    assert again.document()["same_weights"] is True
    wrong = commands.run("doctor", "m", "homes.csv")
    assert (wrong.code, "another kind" in wrong.err) == (2, True)


def test_what_took_long_is_not_done_again(
    commands: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(diagnosis, "MOST_SECONDS", 0.0)
    result = commands.run(*TRAIN, *TOO_HIGH)
    assert result.code == 1
    words = " ".join(result.out.split())
    assert "too long to do it again" in words
    assert "evidence" not in words
    assert "--learning-rate" in result.err


def test_ctrl_c_leaves_the_diagnosis_out(
    commands: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    def pressed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(diagnosis, "recording_of", pressed)
    result = commands.run(*TRAIN, *TOO_HIGH)
    assert result.code == 1
    assert "diverged before one epoch" in result.err


def test_other_rows_may_be_to_blame(commands: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    from chainrule.cli import larger

    lines = ["x,y"] + [f"{row % 10},{row % 7}.5" for row in range(400)]
    commands.write("odd.csv", "\n".join([*lines, "3,3e38"]) + "\n")
    monkeypatch.setattr(larger, "_WATCHED_ROWS", 40)
    words = ("train", "odd.csv", "--target", "y", "--loss", "poisson", "--memory", "256MB")
    result = commands.run(*words, "--optimizer", "sgd", "--test-share", 0)
    assert result.code == 1, result.out
    assert "look at the size of the numbers in the other rows" in " ".join(result.out.split())
