"""`evaluate` scores a model on rows whose answers are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, r2_score, recall_score

import chainrule as cr
from chainrule.tabular import predict_table, read_table
from tests.cli.commands import Commands, homes, kinds


@pytest.fixture
def prices(commands: Commands) -> Path:
    """Return a model of prices."""
    commands.write("homes.csv", homes(120))
    words = ("train", "homes.csv", "--target", "price", "--epochs", 60, "--model-only")
    assert commands.run(*words).code == 0
    return Path("model.safetensors")


@pytest.fixture
def classes(commands: Commands) -> Path:
    """Return a model of three kinds."""
    commands.write("kinds.csv", kinds())
    words = ("train", "kinds.csv", "--target", "kind", "--epochs", 20, "--model-only")
    assert commands.run(*words).code == 0
    return Path("model.safetensors")


def test_a_quantity(commands: Commands, prices: Path) -> None:
    commands.write("new.csv", homes(90))
    result = commands.run("evaluate", prices, "new.csv")
    assert result.code == 0, result.err
    for shown in ("90 rows", "always the mean", "RMSE", "network"):
        assert shown in result.out
    document = commands.run("evaluate", prices, "new.csv", "--json").document()
    truth = read_table("new.csv").column("price").values
    predicted = predict_table(cr.load(prices), read_table("new.csv")).values
    assert document["scores"]["model"]["r2"] == pytest.approx(r2_score(truth, predicted))
    training = read_table("homes.csv").column("price").values
    mean = np.full(90, cr.load(prices).record["guess"]["mean"])
    assert mean[0] == pytest.approx(training.mean(), rel=0.05)
    assert document["scores"]["baseline"]["r2"] == pytest.approx(r2_score(truth, mean))


def test_classes(commands: Commands, classes: Path) -> None:
    commands.write("new.csv", kinds(60))
    document = commands.run("evaluate", classes, "new.csv", "--json").document()
    table = read_table("new.csv")
    truth, predicted = table.column("kind").values, predict_table(cr.load(classes), table).values
    accuracy = accuracy_score(list(truth), list(predicted))
    assert document["scores"]["model"]["accuracy"] == pytest.approx(accuracy)
    recalls = recall_score(list(truth), list(predicted), average=None, zero_division=0)
    assert [row["recall"] for row in document["per_class"]] == pytest.approx(recalls.tolist())
    assert np.sum(document["confusion"]) == 60
    assert np.trace(document["confusion"]) == round(60 * accuracy)
    assert "precision" in commands.run("evaluate", classes, "new.csv").out


def test_the_table_of_training_is_no_test(commands: Commands, prices: Path) -> None:
    assert "not new to it" in " ".join(commands.run("evaluate", prices, "homes.csv").out.split())


def test_missing_targets_are_not_passed_over(commands: Commands, prices: Path) -> None:
    lines = homes(30).splitlines()
    lines[5] = lines[5].rpartition(",")[0] + ","
    commands.write("new.csv", "\n".join(lines) + "\n")
    result = commands.run("evaluate", prices, "new.csv")
    assert (result.code, "--drop-missing-target" in result.err) == (1, True)
    document = commands.run(
        "evaluate", prices, "new.csv", "--drop-missing-target", "--json"
    ).document()
    assert document["scores"]["rows"] == 29
    assert any("1 row without a target" in note for note in document["notes"])


def test_tables_that_cannot_be_scored(commands: Commands, classes: Path) -> None:
    commands.write("new.csv", kinds(9).replace(";c", ";d"))
    result = commands.run("evaluate", classes, "new.csv")
    assert (result.code, "not among the classes" in result.err) == (1, True)
    commands.write("new.csv", "width;length\n1;2\n")
    result = commands.run("evaluate", classes, "new.csv")
    assert (result.code, "no column called 'kind'" in result.err) == (1, True)
    result = commands.run("evaluate", "kinds.csv", classes)
    assert (result.code, "the order is MODEL DATA" in result.err) == (1, True)


def test_a_report_of_the_rows(commands: Commands, classes: Path) -> None:
    commands.write("new.csv", kinds(60))
    words = ("evaluate", classes, "new.csv", "--report", "r.html")
    assert "open it in a browser" in commands.run(*words).out
    text = Path("r.html").read_text(encoding="utf-8")
    for shown in ("60 evaluated rows", "Calibration", "model.safetensors on new.csv"):
        assert shown in text
    result = commands.run(*words)
    assert (result.code, "--force" in result.err) == (2, True)
    assert commands.run(*words, "--force", "--json").document()["report"] == "r.html"


def test_a_record_that_lies_is_not_believed(commands: Commands, prices: Path) -> None:
    model = cr.load(prices)
    for guess in ({"mean": "high"}, {"shares": [1]}, 7, {"mean": None}):
        record = {**model.record, "guess": guess, "history": [{"epoch": "x"}], "best_epoch": "y"}
        model.described(record=record).save("odd", overwrite=True)
        result = commands.run("evaluate", "odd", "homes.csv", "--report", "r.html", "--force")
        assert result.code == 0, result.err
        assert "always the mean of these rows" in result.out
    record = {**model.record, "settings": {"target": "price", "hidden": "many"}}
    model.described(record=record).save("odd", overwrite=True)
    result = commands.run("inspect", "odd", "--config")
    assert (result.code, "hidden" in result.err) == (2, True)


def test_probabilities_as_json_have_the_digits_of_their_type(
    commands: Commands, classes: Path
) -> None:
    document = commands.run("predict", classes, "kinds.csv", "--json").document()
    shares = np.array(document["probabilities"])
    assert (
        shares.astype(np.float32) == cr.load(classes).predict_proba(np.asarray(_features(classes)))
    ).all()
    texts = [repr(share).partition("e")[0].strip("0.") for share in shares.ravel().tolist()]
    assert max(map(len, texts)) <= 10


def _features(path: Path) -> np.ndarray:
    from chainrule.tabular.predict import encoder_of

    return encoder_of(cr.load(path)).encode(read_table("kinds.csv"))
