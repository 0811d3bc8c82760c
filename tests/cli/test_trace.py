"""`chainrule trace`: examples, models on tables, files, proofs, and what it refuses."""

from __future__ import annotations

import json

import pytest

from chainrule.glass.trace.examples import EXAMPLES
from tests.cli.commands import Commands, homes, kinds


def test_mazur_as_a_document(commands: Commands) -> None:
    document = commands.run("trace", "--example", "mazur", "--json").document()
    values = {record["name"]: record["value"] for record in document["records"]}
    assert f"{values['objective']:.9f}" == "0.298371109"
    assert f"{values['dense_1.W.after'][0][0]:.9f}" == "0.149780716"
    assert document["proof"]["passed"]


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_example_is_shown_and_proved(commands: Commands, name: str) -> None:
    shown = commands.run("trace", "--example", name)
    assert shown.code == 0
    assert "dense_1.dW" in shown.out
    checked = commands.run("trace", "--example", name, "--check")
    assert "0 mismatches" in checked.out


def test_random_networks(commands: Commands) -> None:
    result = commands.run("trace", "--random", "3", "--check")
    assert result.code == 0
    assert "0 mismatches" in result.out
    assert "worst error" in result.out
    document = commands.run("trace", "--random", "2", "--seed", "9", "--json").document()
    assert document["networks"] == 2
    assert document["mismatches"] == []
    assert document["worst"] <= 1e-12


def test_a_number_is_explained(commands: Commands) -> None:
    result = commands.run("trace", "--example", "mazur", "--explain", "dense_1.dW[0,1]")
    assert result.out.splitlines()[0] == "dense_1.dW[0, 1] = 0.000497712735"
    columns = commands.run(
        "trace", "--example", "mazur", "--columns", "--explain", "dense_1.dW[1,0]"
    )
    assert columns.out.splitlines()[0] == "dense_1.dW[1, 0] = 0.000497712735"
    words = ("trace", "--example", "mazur", "--explain", "dense_1.dW[0,1]", "--json")
    assert commands.run(*words).document()["explanation"]["index"] == [0, 1]


def test_the_switches(commands: Commands) -> None:
    words = ("trace", "--example", "note-000", "--only", "*.dW", "--only", "update", "--json")
    document = commands.run(*words, "--sum").document()
    names = [record["name"] for record in document["records"]]
    assert {"dense_1.dW", "dense_2.dW", "dense_1.W.after"} < set(names)
    assert "X" not in names
    assert document["settings"]["reduction"] == "sum"
    mean = commands.run(*words).document()
    assert document["loss_before"] == pytest.approx(6 * mean["loss_before"], rel=1e-14)
    short = commands.run("trace", "--example", "mazur", "--only", "dense_1.W", "--digits", "2")
    assert "0.15" in short.out
    assert "dense_2" not in short.out
    assert commands.run("trace", "--example", "mazur", "--only", "nothing").code != 0


@pytest.mark.parametrize("table", ["homes", "kinds"])
def test_a_model_on_rows_of_a_table(commands: Commands, table: str) -> None:
    text, target = (homes(), "price") if table == "homes" else (kinds(), "kind")
    commands.write("table.csv", text)
    words = ("--target", target, "--epochs", 2, "--hidden", "4", "--out", "model.safetensors")
    trained = commands.run("train", "table.csv", *words)
    assert trained.code == 0, trained.err
    words = ("table.csv", "--rows", "1,5,8", "--check", "--json")
    document = commands.run("trace", "model.safetensors", *words).document()
    assert document["proof"]["passed"]
    assert document["summary"]["rows"] == 3
    assert document["title"] == "model.safetensors, rows 1,5,8 of table.csv"
    outside = commands.run("trace", "model.safetensors", "--data", "table.csv", "--rows", "999")
    assert outside.code == 2
    assert "--rows" in outside.err


def test_the_files(commands: Commands) -> None:
    names = {
        "--html": "step.html",
        "--markdown": "step.md",
        "--latex": "step.tex",
        "--worksheet": "sheet.md",
        "--answers": "answers.md",
        "--svg": "net.svg",
    }
    words = [word for pair in names.items() for word in pair]
    assert commands.run("trace", "--example", "mazur", *words).code == 0
    assert set(names.values()) <= commands.files()
    assert all((commands.folder / name).stat().st_size > 500 for name in names.values())
    again = commands.run("trace", "--example", "mazur", "--html", "step.html")
    assert again.code != 0
    assert "exists" in again.err
    assert commands.run("trace", "--example", "mazur", "--html", "step.html", "--force").code == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "nothing to trace"),
        (("--example", "mazzur"), "did you mean mazur"),
        (("--example", "mazur", "--data", "table.csv"), "of its own"),
        (("--random", "2", "--example", "mazur"), "says nothing here"),
        (("--random", "0"), "--random"),
        (("--example", "mazur", "--explain", "dense_1.dX[0]"), "dense_1.dX"),
        (("--example", "mazur", "--html", "step.pdf"), "does not write .pdf"),
        (("--example", "mazur", "--digits", "0"), "--digits"),
        (("model.safetensors", "--data", "table.csv"), "no such model file"),
        (("model.safetensors", "table.csv"), "no such model file"),
        (("model.safetensors", "table.csv", "--data", "table.csv"), "stated twice"),
    ],
)
def test_what_it_refuses(commands: Commands, words: tuple[str, ...], said: str) -> None:
    result = commands.run("trace", *words)
    assert result.code != 0
    assert said in result.err
    assert not json.dumps(result.out).count("Traceback")
