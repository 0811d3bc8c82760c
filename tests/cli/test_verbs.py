"""The verbs do what they say, and say what they did."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import click
import numpy as np
import pytest

import chainrule as cr
from chainrule.cli import demo
from chainrule.cli.group import VERBS, group
from chainrule.maths.activation import ACTIVATIONS
from chainrule.maths.loss import LOSSES
from chainrule.maths.optimizer import OPTIMIZERS
from chainrule.maths.schedule import SCHEDULES
from chainrule.tabular import predict_table, read_table
from tests.cli.commands import Commands, homes, kinds

SHORT = ("--epochs", 3, "--hidden", "8", "--model-only")


def rows_of(path: str) -> list[list[str]]:
    with Path(path).open(newline="") as file:
        return list(csv.reader(file))


def test_train_and_predict_a_quantity(commands: Commands) -> None:
    commands.write("homes.csv", homes())
    words = ("train", "homes.csv", "--target", "price", "--history", "h.csv", "--patience", 0)
    result = commands.run(*words, "--epochs", 200, "--batch-size", 16)
    assert result.code == 0, result.err
    assert result.err == ""
    for shown in ("60 rows", "regression of price", "always the mean", "model.safetensors"):
        assert shown in result.out
    assert len(rows_of("h.csv")) == 201

    result = commands.run("predict", "model.safetensors", "homes.csv", "--out", "p.csv")
    assert (result.code, "60 predictions in p.csv" in result.out) == (0, True)
    predicted = np.array([float(row[0]) for row in rows_of("p.csv")[1:]])
    truth = read_table("homes.csv").column("price").values
    assert np.corrcoef(predicted, truth)[0, 1] > 0.9

    model = cr.load("model.safetensors")
    again = predict_table(model, read_table("homes.csv", dict(_expects(model))))
    assert predicted.tolist() == again.values.tolist(), "the text holds every bit"


def _expects(model: object) -> list[tuple[str, str]]:
    from chainrule.tabular.predict import encoder_of

    return list(encoder_of(model).expects().items())  # type: ignore[arg-type]


def test_train_and_predict_classes(commands: Commands) -> None:
    commands.write("kinds.csv", kinds())
    result = commands.run("train", "kinds.csv", "--target", "kind", "--epochs", 150, "--json")
    document = result.document()
    assert document["task"] == "classification"
    assert document["classes"] == ["a", "b", "c"]
    assert document["scores"]["model"]["accuracy"] > 0.9
    assert document["scores"]["baseline"]["accuracy"] == pytest.approx(1 / 3)
    assert "epoch" in result.err, "people read standard error while JSON goes to standard output"

    result = commands.run("predict", "model.safetensors", "kinds.csv")
    table = list(csv.reader(result.out.splitlines()))
    assert table[0] == ["prediction", "probability a", "probability b", "probability c"]
    assert len(table) == 91
    for row in table[1:]:
        shares = [float(cell) for cell in row[1:]]
        assert sum(shares) == pytest.approx(1, abs=1e-5)
        assert row[0] == "abc"[int(np.argmax(shares))]

    document = commands.run("predict", "model.safetensors", "kinds.csv", "--json").document()
    assert document["predictions"] == [row[0] for row in table[1:]]
    assert np.shape(document["probabilities"]) == (90, 3)


@pytest.mark.parametrize("values", [("0", "1"), ("true", "false"), ("-1.5", "2")])
def test_labels_of_every_kind(commands: Commands, values: tuple[str, str]) -> None:
    lines = "".join(f"{row % 2}.{row},{values[row % 2]}\n" for row in range(40))
    commands.write("t.csv", "x,y\n" + lines)
    words = ("train", "t.csv", "--target", "y", "--task", "classification", *SHORT)
    for loss in ("softmax_cross_entropy", "binary_cross_entropy"):
        assert commands.run(*words, "--loss", loss, "--force").code == 0
        out = commands.run("predict", "model.safetensors", "t.csv").out
        labels = {row.split(",")[0].lower() for row in out.splitlines()[1:]}
        assert labels <= set(values)


def test_the_same_command_writes_the_same_file(commands: Commands) -> None:
    commands.write("homes.csv", homes())
    for out in ("a", "b"):
        words = ("train", "homes.csv", "--target", "price", *SHORT, "--out", out)
        assert commands.run(*words, "--dropout", 0.2, "--seed", 7).code == 0
    assert Path("a").read_bytes() == Path("b").read_bytes()


@pytest.mark.parametrize("name", [m.name for m in ACTIVATIONS])
def test_every_activation(commands: Commands, name: str) -> None:
    commands.write("homes.csv", homes())
    words = ("train", "homes.csv", "--target", "price", *SHORT)
    assert commands.run(*words, "--activation", name).code == 0


@pytest.mark.parametrize("name", [m.name for m in OPTIMIZERS])
def test_every_optimizer(commands: Commands, name: str) -> None:
    commands.write("homes.csv", homes())
    words = ("train", "homes.csv", "--target", "price", *SHORT)
    assert commands.run(*words, "--optimizer", name, "--dtype", "float64").code == 0


@pytest.mark.parametrize("name", [m.name for m in LOSSES])
def test_every_loss(commands: Commands, name: str) -> None:
    commands.write("homes.csv", homes())
    target = "price" if LOSSES[name].task == "regression" else "garden"
    words = ("train", "homes.csv", "--target", target, "--drop-missing-target", *SHORT)
    result = commands.run(*words, "--loss", name)
    assert result.code == 0, result.err


@pytest.mark.parametrize("name", [m.name for m in SCHEDULES])
def test_every_schedule(commands: Commands, name: str) -> None:
    commands.write("homes.csv", homes())
    words = ("train", "homes.csv", "--target", "price", *SHORT)
    result = commands.run(*words, "--schedule", name)
    assert result.code == 0, result.err


def test_shares_of_nothing(commands: Commands) -> None:
    commands.write("homes.csv", homes())
    words = ("train", "homes.csv", "--target", "price", *SHORT, "--json")
    result = commands.run(*words, "--test-share", 0, "--validation-share", 0)
    document = result.document()
    assert document["scores"] is None
    assert document["rows"]["training"] == 60


def test_history_as_json(commands: Commands) -> None:
    commands.write("homes.csv", homes())
    words = ("train", "homes.csv", "--target", "price", *SHORT, "--history", "h.json")
    assert commands.run(*words).code == 0
    rows = json.loads(Path("h.json").read_text())
    assert [row["epoch"] for row in rows] == [1, 2, 3]


def test_a_resumed_run_ends_in_the_same_file(commands: Commands) -> None:
    commands.write("homes.csv", homes())
    words = ("train", "homes.csv", "--target", "price", "--hidden", "8", "--patience", 0)
    assert commands.run(*words, "--epochs", 6, "--out", "whole").code == 0
    first = (*words, "--checkpoint", "run.ckpt", "--out", "part")
    assert commands.run(*first, "--epochs", 2).code == 0
    result = commands.run(*words, "--resume", "run.ckpt", "--epochs", 6, "--out", "joined")
    assert result.code == 0, result.err
    assert Path("whole").read_bytes() == Path("joined").read_bytes()
    result = commands.run(*words, "--resume", "run.ckpt", "--seed", 5, "--out", "other")
    assert result.code == 1
    assert "seed" in result.err


def test_the_demo(commands: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    result = commands.run("demo", "--epochs", 4, "--json")
    assert result.code == 0, result.err
    document = result.document()
    assert document["rows"] == {
        "training": 12384,
        "validation": 4128,
        "test": 4128,
        "without_target": 0,
    }
    assert document["scores"]["model"]["r2"] > 0.7
    assert document["scores"]["baseline"]["r2"] == pytest.approx(0, abs=1e-3)
    assert Path(demo.FOLDER, "model.safetensors").is_file()
    assert Path(demo.FOLDER, "history.csv").is_file()
    assert demo._free_folder() == Path(f"{demo.FOLDER}-2")
    result = commands.run("demo", "--epochs", 1, "--out-dir", demo.FOLDER)
    assert result.code == 2
    assert "--force" in result.err


def test_inspect(commands: Commands) -> None:
    commands.write("homes.csv", homes())
    commands.run("train", "homes.csv", "--target", "price", *SHORT)
    result = commands.run("inspect", "model.safetensors")
    for shown in ("dense_1", "price (regression)", "town (text)", "homes.csv", "R² ", "RMSE "):
        assert shown in result.out
    document = commands.run("inspect", "model.safetensors", "--json").document()
    assert document["encoder"]["target"]["name"] == "price"


def test_inspect_a_model_of_arrays(commands: Commands) -> None:
    run = cr.train(cr.nn.Dense(1), [[1.0], [2.0]], [1.0, 2.0], loss="squared_error", epochs=1)
    run.model.save("m.safetensors")
    assert commands.run("inspect", "m.safetensors").code == 0
    commands.write("t.csv", "a\n1\n")
    result = commands.run("predict", "m.safetensors", "t.csv")
    assert (result.code, "trained on arrays" in result.err) == (2, True)


def test_gradcheck(commands: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    from itertools import islice

    from chainrule import glass
    from chainrule.glass.cases import CheckRow

    some = list(islice(glass.combinations(), 6))
    report = glass.run_laws(cases=some)
    monkeypatch.setattr(glass, "run_laws", lambda progress: report)
    result = commands.run("gradcheck")
    assert (result.code, "6 cases" in result.out) == (0, True)
    assert commands.run("gradcheck", "--json").document()["passed"] is True
    bad = CheckRow("a group", "a case", "", np.inf, 0.0, False, "ValueError: no", 0.0)
    report = glass.LawReport((*report.rows, bad), 1.0)
    result = commands.run("gradcheck")
    assert result.code == 1
    assert "a group: a case" in result.out
    assert commands.run("gradcheck", "--json").document()["failed"] == 1


@pytest.mark.parametrize("kind", ["activation", "losses", "optimizers", "penalties"])
def test_list_one_kind(commands: Commands, kind: str) -> None:
    result = commands.run("list", kind)
    assert result.code == 0
    (members,) = commands.run("list", kind, "--json").document().values()
    assert all(name in result.out for name in members)
    assert all(sentence.endswith(".") and ":math:" not in sentence for sentence in members.values())


def test_list_everything(commands: Commands) -> None:
    document = commands.run("list", "--json").document()
    assert set(document["activation"]) == set(ACTIVATIONS.names())


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself(commands: Commands, verb: str) -> None:
    result = commands.run(verb, "--help")
    assert result.code == 0
    assert VERBS[verb].split()[0] in result.out


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_speaks_json_and_debugs(verb: str) -> None:
    command = group.get_command(click.Context(group), verb)
    assert command is not None
    assert {"--json", "--debug"} <= {word for param in command.params for word in param.opts}


def test_help_of_all(commands: Commands) -> None:
    result = commands.run("--help")
    assert all(verb in result.out for verb in VERBS)
    assert commands.run("--version").out == f"chainrule {cr.__version__}\n"
