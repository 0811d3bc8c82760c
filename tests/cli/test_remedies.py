"""What the doctor prescribes exists in the command line, and is not in force already."""

from __future__ import annotations

import shlex
from typing import Any

import pytest

from chainrule.cli import train
from chainrule.cli.again import option_words
from chainrule.cli.config import parsed
from chainrule.cli.pipeline import Settings
from chainrule.cli.remedies import options_for
from chainrule.glass.doctor import FAULTS, Verdict
from tests.cli.commands import Commands, homes, kinds

EPOCHS = "cr.train(..., epochs=50)"
STOPPED = "cr.train(..., stopping=cr.Stopping(patience=5), penalties=cr.L2(1e-3))"


def verdict(fault: str, code: str = "") -> Verdict:
    return Verdict(fault, fault, ("seen",), 0.9, "do", code)


@pytest.mark.parametrize(
    ("fault", "code", "changed", "reason", "found"),
    [
        ("overfitting", STOPPED, {}, "epochs", {"dropout": 0.2}),
        ("overfitting", STOPPED, {"dropout": 0.2}, "epochs", {"hidden": [32, 16]}),
        ("overfitting", STOPPED, {"hidden": ()}, "epochs", {}),
        ("underfitting", EPOCHS, {"epochs": 25}, "epochs", {"epochs": 50}),
        ("underfitting", EPOCHS, {"epochs": 100}, "patience", {"patience": 20}),
        ("underfitting", EPOCHS, {"epochs": 100}, "epochs", {}),
        ("underfitting", "nn.Sequential(...)", {"hidden": (8,)}, "epochs", {"hidden": [16]}),
        ("underfitting", "nn.Sequential(...)", {"hidden": ()}, "epochs", {"hidden": [64, 32]}),
        ("vanishing_gradient", "", {"activation": "sigmoid"}, "epochs", {"activation": "relu"}),
        ("vanishing_gradient", "", {}, "epochs", {}),
        ("dead_relu", "nn.LeakyReLU()", {}, "epochs", {"activation": "leaky_relu"}),
        ("dropout_too_strong", "", {"dropout": 0.8}, "epochs", {"dropout": 0.2}),
        (
            *("learning_rate_too_high", "cr.train(..., optimizer=cr.Adam(0.1))"),
            *({"learning_rate": 1.0}, "epochs", {"learning-rate": 0.1}),
        ),
        ("leaking_column", "X = numpy.delete(X, 2, axis=1)", {}, "", {"ignore": ["town"]}),
        ("class_imbalance", 'cr.train(..., class_weight="balanced")', {}, "", {}),
    ],
)
def test_a_remedy_is_an_option_that_changes_something(
    fault: str, code: str, changed: dict[str, Any], reason: str, found: dict[str, Any]
) -> None:
    assert fault in FAULTS.names()
    settings = Settings("y", **changed)
    options = options_for(verdict(fault, code), settings, reason, ("rooms", "town", "town"))
    assert options == found
    words = parsed(train.command, {"data": "t.csv", "target": "y", **options}, "here")
    if options:
        name = next(iter(options)).replace("-", "_")
        assert words[name] != getattr(settings, name)


def test_the_doctor_prints_a_command_that_runs(commands: Commands) -> None:
    commands.write("kinds.csv", kinds(240))
    words = ("train", "kinds.csv", "--target", "kind", "--epochs", 25, "--hidden", "8")
    assert commands.run(*words, "--learning-rate", 1e-7, "--model-only").code == 0
    result = commands.run("doctor", "model.safetensors", "kinds.csv")
    (line,) = [line for line in result.out.splitlines() if line.startswith("  next")]
    command = shlex.split(line)[2:]
    assert tuple(command[command.index("--learning-rate") :][:2]) == ("--learning-rate", "1e-06")
    assert command[-1] == "model-better.safetensors"
    assert commands.run(*command).code == 0
    found = commands.run("doctor", "model.safetensors", "kinds.csv", "--json").document()
    assert found["options"]["learning_rate_too_low"] == {"learning-rate": 1e-6}


def test_the_doctor_says_where_something_simpler_is_better(commands: Commands) -> None:
    commands.write("homes.csv", homes(300))
    words = ("train", "homes.csv", "--target", "price", "--epochs", 8, "--model-only")
    trained = commands.run(*words)
    told = "by R², ridge regression is better"
    assert told in trained.out
    result = commands.run("doctor", "model.safetensors", "homes.csv")
    if result.code == 0:
        assert told in " ".join(result.out.split())


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"learning-rate": 1e5}, ["--learning-rate", "100000"]),
        ({"learning-rate": 0.1 + 0.2}, ["--learning-rate", "0.30000000000000004"]),
        ({"hidden": []}, ["--hidden", "none"]),
        ({"ignore": ["a, b", "c"]}, ["--ignore", '"a, b",c']),
        ({"drop-missing-target": False}, []),
    ],
)
def test_options_are_written_as_they_are_read(options: dict[str, Any], words: list[str]) -> None:
    assert option_words(options) == words
