"""`chainrule lab-notes` and `chainrule lr-find`."""

from __future__ import annotations

import json

import pytest

from chainrule.experiments.recipes import RECIPES
from tests.cli.commands import Commands, kinds


@pytest.fixture
def table(commands: Commands) -> str:
    commands.write("kinds.csv", kinds(240))
    return "kinds.csv"


def test_without_a_name_all_are_listed(commands: Commands) -> None:
    found = commands.run("lab-notes")
    assert found.code == 0
    assert all(name in found.out for name in RECIPES.names())
    assert set(commands.run("lab-notes", "--json").document()) == set(RECIPES.names())


def test_a_recipe_prints_its_conclusions_and_writes_its_page(commands: Commands) -> None:
    found = commands.run("lab-notes", "relu-gradients")
    assert found.code == 0
    assert "supported" in found.out
    titles = ("The four gradients for MSE", "The four gradients for cross-entropy")
    assert all(found.out.count(title) == 1 for title in titles)  # which table is which
    assert commands.files() == {"relu-gradients.html"}
    again = commands.run("lab-notes", "relu-gradients")
    assert again.code == 2
    assert "exists" in again.err
    assert commands.run("lab-notes", "relu-gradients", "--force").code == 0


def test_a_folder_holds_page_and_numbers(commands: Commands) -> None:
    assert commands.run("lab-notes", "relu-gradients", "--out", "notes/a").code == 0
    folder = commands.folder / "notes" / "a"
    assert {path.name for path in folder.iterdir()} == {
        "relu-gradients.html",
        "relu-gradients.json",
    }
    document = json.loads((folder / "relu-gradients.json").read_text("utf-8"))
    assert {found["direction"] for found in document["conclusions"]} == {"supported"}


def test_json_goes_to_standard_output_alone(commands: Commands) -> None:
    found = commands.run("lab-notes", "relu-gradients", "--json", "--repeats", 1)
    assert found.document()["repeats"] == 1
    assert "derivative" in found.err
    assert commands.files() == set()


def test_a_users_table(commands: Commands, table: str) -> None:
    words = ("--data", table, "--target", "kind", "--repeats", 2, "--quick", "--json")
    found = commands.run("lab-notes", "large-batch", *words)
    assert found.code == 0
    assert found.document()["data"]["name"] == "kinds.csv"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("warmpu",), "warmup"),
        (("warmup", "--data", "kinds.csv"), "--target"),
        (("warmup", "--target", "kind"), "--data"),
        (("warmup", "--repeats", "0"), "--repeats"),
        (("warmup", "--html", "page.pdf"), ".html"),
        (("relu-gradients", "--data", "digits"), "no data"),
        (("warmup", "--data", "none.csv", "--target", "x"), "none.csv"),
    ],
)
def test_wrong_words_are_told(
    commands: Commands, table: str, words: tuple[str, ...], said: str
) -> None:
    found = commands.run("lab-notes", *words)
    assert found.code in (1, 2)
    assert said in found.err
    assert commands.files() == {table}


def test_a_rate_is_suggested_and_drawn(commands: Commands, table: str) -> None:
    found = commands.run("lr-find", table, "--target", "kind", "--hidden", "8")
    assert found.code == 0
    assert "suggested" in found.out
    assert "chainrule train kinds.csv --target kind --hidden 8 --learning-rate" in found.out
    assert commands.files() == {table, "lr-find.svg"}
    assert commands.run("lr-find", table, "--target", "kind").code == 2  # it exists


def test_a_rate_as_json(commands: Commands, table: str) -> None:
    words = ("--target", "kind", "--optimizer", "sgd", "--json", "--out", "rate.png")
    document = commands.run("lr-find", table, *words).document()
    assert document["tenth_of_least"] > 0
    assert document["out"] == "rate.png"
    assert commands.files() == {table, "rate.png"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--low", "1", "--high", "0.1"), "rise"),
        (("--optimizer", "lbfgs"), "step lengths"),
        (("--out", "rate.pdf"), ".svg"),
        (("--steps", "3"), "--steps"),
    ],
)
def test_wrong_ramps_are_told(
    commands: Commands, table: str, words: tuple[str, ...], said: str
) -> None:
    found = commands.run("lr-find", table, "--target", "kind", *words)
    assert found.code in (1, 2)
    assert said in found.err
    assert commands.files() == {table}
