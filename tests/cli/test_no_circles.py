"""Advice that leads somewhere: nothing that is refused next, and something for every wrong word."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.commands import Commands, homes, kinds

HOMES = ("train", "homes.csv", "--target", "price")


@pytest.fixture
def tables(commands: Commands) -> Commands:
    commands.write("homes.csv", homes())
    commands.write("kinds.csv", kinds())
    return commands


def test_a_loss_for_another_task_does_not_send_words_to_a_regression(tables: Commands) -> None:
    result = tables.run("train", "kinds.csv", "--target", "kind", "--loss", "squared_error")
    assert "do:       leave --loss out\n" in result.err
    result = tables.run(*HOMES, "--loss", "softmax_cross_entropy")
    assert "--task classification if the numbers are classes" in result.err


@pytest.mark.parametrize(
    ("words", "where", "do"),
    [
        (("--memory", "lots"), "--memory", "see: chainrule train --help"),
        (("--encoding", "klingon"), "--encoding", "see: chainrule train --help"),
        (("--decimal", "x"), "--decimal", "see: chainrule train --help"),
        (("--report", "r.pdf"), "r.pdf", "see: chainrule train --help"),
        (("--schedule", "qqq"), "--schedule", "see: chainrule list schedule"),
        (("--augment", "qqq=1"), "--augment", "see: chainrule list augmentation"),
        (("--augment", "noise=x"), "chainrule train, --augment", "see: chainrule train --help"),
        (("--hidden", "64x32"), "chainrule train, --hidden", "see: chainrule train --help"),
        (("--image-size", "8x8"), "--image-size", "leave it out"),
    ],
)
def test_every_wrong_word_has_its_place_and_a_next_step(
    tables: Commands, words: tuple[str, ...], where: str, do: str
) -> None:
    result = tables.run(*HOMES, *words)
    assert result.code == 2
    assert f"  where:    {where}\n" in result.err
    assert f"  do:       {do}\n" in result.err


def test_a_folder_of_pictures_has_no_target(tables: Commands) -> None:
    result = tables.run("train", ".", "--target", "price")
    assert "do:       name the file of a table, or leave --target out" in result.err


@pytest.mark.parametrize("verb", ["sweep", "compare"])
def test_what_cannot_be_run_leaves_no_folder(tables: Commands, verb: str) -> None:
    before = tables.files()
    wrong: tuple[str, ...] = ("--learning-rate", "1e-3:1e-1:log")
    if verb == "compare":
        wrong = ("--setting", "qq=1", "--setting", "qq=2")
    assert tables.run(verb, *HOMES[1:], *wrong).code != 0
    assert tables.files() == before
    Path("mine").mkdir()
    (Path("mine") / "notes").write_text("mine")
    assert tables.run(verb, *HOMES[1:], *wrong, "--out", "mine").code != 0
    assert (Path("mine") / "notes").exists()


def test_settings_are_told_by_the_names_of_options(tables: Commands) -> None:
    words = ("compare", *HOMES[1:], "--setting", "batch-sise=8", "--setting", "batch-sise=16")
    result = tables.run(*words)
    assert result.code == 2
    assert "there is no option 'batch-sise'" in result.err
    assert "do:       did you mean batch-size?" in result.err
    assert "on_event" not in result.err


def test_a_model_is_not_called_a_stopped_run(tables: Commands) -> None:
    assert tables.run(*HOMES, "--epochs", 1, "--model-only").code == 0
    words = (*HOMES, "--out", "m", "--checkpoint", "model.safetensors")
    result = tables.run(*words)
    assert result.code == 2
    assert "the output file exists already" in result.err
    assert "chainrule resume" not in result.err


def test_what_is_to_be_resumed_is_looked_at_first(tables: Commands) -> None:
    assert tables.run(*HOMES, "--epochs", 1, "--model-only").code == 0
    result = tables.run(*HOMES, "--out", "m", "--resume", "model.safetensors")
    assert (result.code, result.out) == (1, "")
    assert "this is a model, not a checkpoint" in result.err
    result = tables.run(*HOMES, "--out", "m", "--resume", "none")
    assert (result.code, result.out) == (1, "")
    assert "do:       name a checkpoint" in result.err


def test_a_trace_without_answers_is_told_so(tables: Commands) -> None:
    assert tables.run(*HOMES, "--epochs", 1, "--model-only").code == 0
    rows = [line.rpartition(",")[0] for line in homes().splitlines()]
    tables.write("new.csv", "\n".join(rows) + "\n")
    result = tables.run("trace", "model.safetensors", "new.csv")
    assert "the table has no answers" in result.err
    result = tables.run("doctor", "model.safetensors", "new.csv")
    assert "do:       pass the table of its training: homes.csv" in result.err
