"""`chainrule doctor` and `chainrule depth`."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.glass.depth import SCHEMES
from tests.cli.commands import Commands, kinds

TRAIN = ("--target", "kind", "--epochs", 25, "--hidden", "8")


@pytest.fixture
def table(commands: Commands) -> str:
    commands.write("kinds.csv", kinds(240))
    return "kinds.csv"


def test_the_training_of_a_model_is_done_again_and_watched(commands: Commands, table: str) -> None:
    train = ("train", table, *TRAIN, "--learning-rate", 0.02)
    assert commands.run(*train, "--out", "m.safetensors").code == 0
    before = commands.files()
    found = commands.run("doctor", "m.safetensors", table, "--json")
    assert commands.files() == before
    document = found.document()
    assert document["same_weights"] is True
    assert document["healthy"] is (found.code == 0)
    assert "to the same weights" in found.err


def test_a_fault_is_told_with_its_line_of_code(commands: Commands, table: str) -> None:
    train = ("train", table, *TRAIN, "--learning-rate", 1e-7)
    assert commands.run(*train, "--out", "m.safetensors").code == 0
    found = commands.run("doctor", "m.safetensors", table)
    assert found.code == 1
    assert "learning rate too low" in found.out
    assert "cr.Adam(1e-06)" in found.out
    assert "follows from" in found.out


def test_another_table_gives_other_weights(commands: Commands, table: str) -> None:
    assert commands.run("train", table, *TRAIN, "--out", "m.safetensors").code == 0
    commands.write("other.csv", kinds(150))
    found = commands.run("doctor", "m.safetensors", "other.csv", "--json")
    assert found.document()["same_weights"] is False
    assert "not the model's" in found.err


def test_a_model_without_a_recording_wants_its_table(commands: Commands, table: str) -> None:
    assert commands.run("train", table, *TRAIN, "--out", "m.safetensors").code == 0
    found = commands.run("doctor", "m.safetensors")
    assert found.code == 2
    assert "not recorded" in found.err
    assert f"chainrule doctor m.safetensors {table}" in found.err


def test_a_recorded_model_of_arrays(commands: Commands, table: str) -> None:
    X = np.random.default_rng(0).normal(size=(120, 3))
    network = nn.Sequential(nn.Dense(8, "relu"), nn.Dense(2), nn.Softmax())
    run = cr.train(network, X, X[:, 0] > 0, loss="softmax_cross_entropy", epochs=3, record=True)
    run.model.save(commands.folder / "a.safetensors")
    found = commands.run("doctor", "a.safetensors", "--json")
    assert found.code == 1
    assert found.document()["verdicts"][0]["fault"] == "double_softmax"
    assert found.document()["same_weights"] is None
    with_table = commands.run("doctor", "a.safetensors", table)
    assert with_table.code == 2
    assert "record=True" in with_table.err


def test_a_file_that_is_no_model_is_refused(commands: Commands, table: str) -> None:
    assert commands.run("doctor", table).code == 1
    assert commands.run("doctor", "nothing.safetensors").code == 1


def test_depth_draws_and_tells(commands: Commands) -> None:
    options = ("depth", "--width", 4, "--seeds", 1, "--depths", "2,9", "--out", "d.svg")
    result = commands.run(*options, "--json")
    assert result.code == 0
    assert len(result.document()["points"]) == 3 * len(SCHEMES) * 2
    assert (commands.folder / "d.svg").read_text().startswith("<svg")
    assert commands.run(*options).code == 2
    again = commands.run(*options, "--force")
    assert again.code == 0
    assert all(word in again.out for word in ("sigmoid", "relu", "Xavier", "residual", "d.svg"))
