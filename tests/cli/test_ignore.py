"""Columns that the network is not to see: in memory, in parts, from a file, in every later verb."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import chainrule as cr
from chainrule.cli.options import Columns, listed
from tests.cli.commands import Commands

TRAIN = ("train", "homes.csv", "--target", "price", "--epochs", 3, "--hidden", "8")


@pytest.fixture
def table(commands: Commands) -> Path:
    """Return a table with a number of the row, and a column whose name has a comma."""
    lines = ['number,"town, street",rooms,price']
    lines += [
        f"{n + 1},{'abcd'[n % 4]},{1 + n % 6},{100 + 30 * (n % 6) + n % 7}" for n in range(80)
    ]
    return commands.write("homes.csv", "\n".join(lines) + "\n")


def test_a_column_that_numbers_the_rows_is_named(commands: Commands, table: Path) -> None:
    result = commands.run(*TRAIN)
    words = " ".join(result.out.split())
    assert "number: nearly every row has its own value" in words
    assert "--ignore number leaves it out" in words
    assert "rooms: nearly" not in words


def test_what_is_ignored_is_not_needed_later(commands: Commands, table: Path) -> None:
    result = commands.run(*TRAIN, "--ignore", 'number, "town, street"')
    assert result.code == 0, result.err
    words = " ".join(result.out.split())
    assert "number, town, street: left out, as asked" in words
    assert "own value" not in words
    assert "the same in every" not in words
    commands.write("new.csv", "rooms\n3\n4\n")
    assert commands.run("predict", "model.safetensors", "new.csv").code == 0
    again = commands.run("doctor", "model.safetensors", "homes.csv", "--json").document()
    assert again["same_weights"] is True
    assert commands.run("report", "model.safetensors", "homes.csv", "--force").code == 0


def test_a_config_file_ignores_the_same(commands: Commands, table: Path) -> None:
    commands.run(*TRAIN, "--ignore", 'number,"town, street"', "--out", "a.safetensors")
    config = commands.run("inspect", "a.safetensors", "--config").out
    assert 'ignore = ["number", "town, street"]' in config
    commands.write("run.toml", config)
    result = commands.run("train", "--config", "run.toml", "homes.csv", "--out", "b.safetensors")
    assert result.code == 0, result.err
    one, other = cr.load("a.safetensors"), cr.load("b.safetensors")
    assert one.input_shape == other.input_shape == (1,)
    assert np.array_equal(one.weights, other.weights)


@pytest.mark.parametrize(
    ("ignore", "said"),
    [
        ("romos", "did you mean rooms?"),
        ("Number", "did you mean number?"),
        ("price", "the target 'price' cannot be left out"),
        ('number,rooms,"town, street"', "the target is the only column"),
    ],
)
def test_what_cannot_be_ignored(commands: Commands, table: Path, ignore: str, said: str) -> None:
    result = commands.run(*TRAIN, "--ignore", ignore)
    assert result.code == 1
    assert said in result.err


def test_a_table_larger_than_memory(commands: Commands, table: Path) -> None:
    larger = (*TRAIN, "--memory", "256MB", "--ignore")
    result = commands.run(*larger, "number")
    assert result.code == 0, result.err
    assert cr.load("model.safetensors").input_shape == (5,)
    missing = commands.run(*larger, "numbers", "--force")
    assert missing.code == 1
    assert "did you mean number?" in missing.err


def test_a_list_goes_through_text() -> None:
    for names in ((), ("a",), ("a, b", 'say "c"', "d e")):
        assert Columns().convert(listed(names) or "none", None, None) == names
