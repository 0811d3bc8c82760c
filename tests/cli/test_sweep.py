"""`chainrule sweep` and `chainrule compare` from words to files."""

from __future__ import annotations

import csv
import io
import json
import shlex
from pathlib import Path

import pytest

from chainrule.cli import sweep_progress
from tests.cli.commands import Commands, Result, homes, kinds

QUICK = ("--hidden", 4, "--epochs", 2, "--workers", 1)
RATES = ("--learning-rate", "0.01,0.1")


@pytest.fixture
def table(commands: Commands) -> Commands:
    commands.write("homes.csv", homes())
    commands.write("kinds.csv", kinds())
    return commands


def sweep(commands: Commands, *words: object) -> Result:
    return commands.run("sweep", "homes.csv", "--target", "price", *QUICK, *words)


def test_a_sweep_writes_ledger_table_and_page(table: Commands) -> None:
    result = sweep(table, *RATES, "--batch-size", "8:32:2x", "--repeats", 2)
    assert (result.code, result.err) == (0, "")
    assert "6, so 12 runs" in result.out
    folder = table.folder / "sweep"
    assert {path.name for path in folder.iterdir()} == {"runs.jsonl", "table.csv", "report.html"}
    rows = list(csv.DictReader(io.StringIO((folder / "table.csv").read_text())))
    assert len(rows) == 6
    assert {row["batch_size"] for row in rows} == {"8", "16", "32"}
    assert all(row["scored"] == "2" and row["test_mean"] for row in rows)
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "chainrule sweep homes.csv --target price" in page


def test_json_goes_to_standard_output_and_words_to_the_other(table: Commands) -> None:
    result = sweep(table, *RATES, "--json")
    document = result.document()
    assert document["score"] == "r2"
    assert document["axes"] == {"learning_rate": [0.01, 0.1]}
    assert (document["runs"], document["runs_from_ledger"]) == (2, 0)
    assert "is the best" in result.err


def test_the_same_command_goes_on_and_repeats_nothing(table: Commands) -> None:
    first = sweep(table, *RATES, "--json").document()
    again = sweep(table, *RATES, "--json").document()
    assert again == {**first, "runs_from_ledger": 2}
    more = sweep(table, "--learning-rate", "0.01,0.1,1", "--repeats", 2, "--json").document()
    assert (more["runs"], more["runs_from_ledger"]) == (6, 2)
    assert "grown" in more["notes"][0]


def test_another_sweep_is_refused_and_force_begins_anew(table: Commands) -> None:
    assert sweep(table, *RATES).code == 0
    other = sweep(table, *RATES, "--activation", "tanh")
    assert other.code == 2
    assert "another sweep" in other.err
    assert sweep(table, *RATES, "--activation", "tanh", "--force").code == 0


def test_files_of_somebody_else_are_not_replaced(table: Commands) -> None:
    (table.folder / "mine").mkdir()
    kept = table.write("mine/table.csv", "a,b\n")
    result = sweep(table, *RATES, "--out", "mine")
    assert (result.code, kept.read_text()) == (2, "a,b\n")
    assert "exists already" in result.err
    table.write("file", "x")
    assert sweep(table, *RATES, "--out", "file").code == 2
    assert sweep(table, *RATES, "--out", "no/such").code == 1


def test_ctrl_c_keeps_runs_and_says_how_to_go_on(
    table: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = sweep_progress.SweepProgress.__call__

    def press(self: sweep_progress.SweepProgress, result: object, done: int, planned: int) -> None:
        shown(self, result, done, planned)  # type: ignore[arg-type]
        if done == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(sweep_progress.SweepProgress, "__call__", press)
    result = sweep(table, *RATES, "--repeats", 3, "--task", "regression")
    assert result.code == 130
    monkeypatch.undo()
    monkeypatch.chdir(table.folder)
    line = next(line for line in result.out.splitlines() if "chainrule sweep" in line)
    words = shlex.split(line[line.index("chainrule") :])
    document = table.run(*words[1:], "--json").document()
    assert (document["runs"], document["runs_from_ledger"]) == (6, 3)


def test_classes_folds_and_several_networks(table: Commands) -> None:
    words = ("sweep", "kinds.csv", "--target", "kind", "--hidden", "4/3,3/none", "--folds", 3)
    result = table.run(*words, "--epochs", 2, "--activation", "relu,tanh", "--json")
    document = result.document()
    assert document["score"] == "accuracy"
    assert document["axes"]["hidden"] == ["4", "3,3", "none"]
    assert (document["runs"], document["failed"]) == (18, 0)


def test_any_field_is_set_or_varied(table: Commands) -> None:
    words = ("--set", "optimizer.beta1=0.5,0.9", "--set", "clip=1.0", "--patience", 0)
    document = sweep(table, *words, "--json").document()
    assert document["axes"] == {"optimizer.beta1": [0.5, 0.9]}
    assert document["failed"] == 0


def test_random_and_halving(table: Commands) -> None:
    rate = ("--learning-rate", "1e-4:1e-1:log")
    drawn = sweep(table, *rate, "--method", "random", "--runs", 3, "--json").document()
    assert len(drawn["table"]) == 3
    epochs = ("--epochs", "1:9:log", "--method", "random", "--runs", 4, "--out", "epochs")
    tried = {row["epochs"] for row in sweep(table, *epochs, "--json").document()["table"]}
    assert tried <= set(range(1, 10))
    halved = sweep(
        table, *rate, "--method", "halving", "--runs", 3, "--out", "halved", "--epochs", 3, "--json"
    )
    assert [row["epochs"] for row in halved.document()["table"]] == [3, 1, 1]


def test_options_come_from_a_file_too(table: Commands) -> None:
    table.write("sweep.toml", 'learning_rate = [0.01, 0.1]\nhidden = [4]\nmethod = "grid"\n')
    document = sweep(table, "--config", "sweep.toml", "--json").document()
    assert document["axes"] == {"learning_rate": [0.01, 0.1]}


@pytest.mark.parametrize(
    ("words", "match"),
    [
        ((), "nothing to vary"),
        (("--batch-size", "8,0"), "0 is not in the range"),
        (("--batch-size", "8:x:2"), "not a whole number"),
        (("--learning-rate", "1:0.1:0.1"), "not understood"),
        (("--learning-rate", "1e-4:1:log"), "needs the values"),
        (("--activation", "relu,rleu"), "did you mean relu"),
        ((*RATES, "--set", "optimizer.beta7=1"), "no field 'beta7'"),
        ((*RATES, "--set", "nonsense=1"), "no option 'nonsense'"),
        ((*RATES, "--set", "epochs=1"), "use the option --epochs"),
        ((*RATES, "--score", "accuracy"), "does not fit"),
        ((*RATES, "--score", "nonsense"), "no metric called"),
        ((*RATES, "--loss", "squared_error,poisson"), "different units"),
        ((*RATES, "--loss", "softmax_cross_entropy"), "is for classification"),
        ((*RATES, "--runs", 3), "a grid tries all"),
        ((*RATES, "--dropout", "0,1"), "not in the range"),
        (("--hidden", "4/4"), "one value twice"),
        (("--set", "=1,2"), "this sets nothing"),
        (("--set", "optimizer.beta1=0.8,0.9", "--set", "optimizer.beta1=0.7"), "set twice"),
        ((*RATES, "--set", "optimizer.learning_rate=0.3"), "told twice"),
        (("--learning-rate", "0:1:log"), "where:    --learning-rate"),
    ],
)
def test_mistakes_are_told_in_one_message(
    table: Commands, words: tuple[object, ...], match: str
) -> None:
    result = sweep(table, *words)
    assert result.code == 2
    assert match in result.err
    assert result.err.startswith("error: ")


def test_diverged_runs_are_shown(table: Commands) -> None:
    result = sweep(table, "--learning-rate", "0.01,1e30", "--optimizer", "sgd", "--json")
    document = result.document()
    assert document["diverged"] == 1
    assert (document["table"][1]["diverged"], document["table"][1]["mean"]) == (1, None)
    assert "0 (1 diverged)" in result.err


COMPARE = ("compare", "kinds.csv", "--target", "kind", *QUICK)
TWO = ("--setting", "quick: learning-rate=0.1", "--setting", "slow: learning-rate=1e-9")


def test_compare_says_who_is_better(table: Commands) -> None:
    result = table.run(*COMPARE, "--epochs", 8, *TWO, "--repeats", 5)
    assert result.code == 0
    assert "quick has the best mean accuracy" in result.out
    assert "It is better than slow." in " ".join(result.out.split())
    assert (table.folder / "comparison" / "report.html").exists()


def test_compare_says_that_a_difference_is_none(table: Commands) -> None:
    settings = ("--setting", "optimizer=adam", "--setting", "optimizer=adamw")
    document = table.run(*COMPARE, *settings, "--repeats", 4, "--json").document()
    assert [pair["differs"] for pair in document["pairs"]] == [False]
    assert "not shown by these runs" in document["conclusion"]
    assert set(document["ranks"]) == {"optimizer=adam", "optimizer=adamw"}


def test_compare_reads_the_folder_of_a_sweep(table: Commands) -> None:
    sweep(table, *RATES, "--repeats", 3)
    result = table.run("compare", "sweep", "--json")
    assert len(result.document()["pairs"]) == 1
    assert table.run("compare", "sweep/runs.jsonl").code == 0
    assert table.run("compare", "homes.csv").code == 2


@pytest.mark.parametrize(
    ("words", "match"),
    [
        (("--setting", "optimizer=adam"), "at least two"),
        (("--setting", "a: epochs=1", "--setting", "a: epochs=2"), "one name"),
        (("--setting", "adam", "--setting", "sgd"), "not understood"),
        (("--setting", "epochs=1", "--setting", "epochs=x"), "epochs: 'x'"),
        (("--setting", "epochs=1", "--setting", "magic=2"), "no option 'magic'"),
        ((*TWO, "--batch-size", "8,16"), "has one value"),
        (("--setting", "a: hidden='4", "--setting", "epochs=1"), "not understood"),
        (("--setting", "learning-rate=-1", "--setting", "epochs=1"), "where:    --setting"),
    ],
)
def test_compare_refuses(table: Commands, words: tuple[object, ...], match: str) -> None:
    result = table.run(*COMPARE, *words)
    assert result.code == 2
    assert match in result.err


def test_force_loses_nothing_for_a_sweep_that_cannot_be_made(table: Commands) -> None:
    assert sweep(table, *RATES).code == 0
    kept = (table.folder / "sweep" / "runs.jsonl").read_bytes()
    for wrong in (("--set", "nonsense=1"), ("--score", "nonsense")):
        assert sweep(table, *RATES, *wrong, "--force").code == 2
    wrong = ("--setting", "optimizer=sgd", "--setting", "nonsense=1")
    words = ("compare", "homes.csv", "--target", "price", *wrong, "--out", "sweep", "--force")
    assert table.run(*words).code == 2
    assert (table.folder / "sweep" / "runs.jsonl").read_bytes() == kept


def test_the_sweep_of_the_readme_can_be_made(table: Commands) -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    (line,) = (line for line in readme.splitlines() if line.startswith("chainrule sweep "))
    table.write("data.csv", homes())
    words = shlex.split(line, comments=True)[1:]
    result = table.run(*words, *QUICK, "--repeats", 1)
    assert result.code == 0, result.err


def test_compare_says_what_is_missing(table: Commands) -> None:
    result = table.run("compare", "nowhere")
    assert (result.code, "no such table, nor a sweep's folder" in result.err) == (2, True)


def test_the_ledger_is_json_by_line(table: Commands) -> None:
    sweep(table, *RATES)
    lines = (table.folder / "sweep" / "runs.jsonl").read_text().splitlines()
    assert [sorted(json.loads(line)) for line in lines] == [["seal", "sweep"]] + [
        ["run", "seal"]
    ] * 2
