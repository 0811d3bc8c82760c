"""What a newcomer reads: lines that fit a terminal, no names of types, and where to go on."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import chainrule as cr
from chainrule.cli.outcome import ended_rows
from chainrule.cli.progress import fitting
from chainrule.cli.understood import column_rows
from chainrule.tabular import Encoder, read_table
from tests.cli.commands import Commands, homes, kinds
from tests.cli.test_process import on_a_terminal
from tests.report.html import require_harmless

_CODES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
MISTAKE = "def forward(params, X):\n    return X\n\n\ndef backward(X, y, params, cache, more):\n"


def shown(text: str) -> list[str]:
    """Return the lines that were written to a terminal, the rewritten ones too."""
    return re.split(r"[\r\n]+", _CODES.sub("", text))


def test_no_line_about_an_epoch_is_wider_than_the_terminal(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(kinds())
    words = ["train", "t.csv", "--target", "kind", "--epochs", "120", "--patience", "0"]
    lines = shown(on_a_terminal([*words, "--schedule", "cosine"], tmp_path))
    kept = [line for line in lines if re.match(r"  epoch +\d+/120  loss", line)]
    assert len(kept) == 12
    assert all(len(line) < 80 for line in lines if "epoch" in line)
    assert all("accuracy" in line and " left" not in line for line in kept)


def test_what_matters_least_goes_first_where_the_line_is_narrow() -> None:
    facts = {"loss": "loss 1", "held out": "held out 2", "score": "r2 3", "rate": "rate 4"}
    assert fitting(facts, 80) == "loss 1  held out 2  r2 3  rate 4"
    assert fitting(facts, 31) == "loss 1  held out 2  r2 3"
    assert fitting(facts, 10) == "loss 1"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("train", "t.csv", "--epochs", "ten"), "'ten' is not a whole number"),
        (("train", "t.csv", "--config", "run.toml"), "epochs: 'ten' is not a whole number"),
        (("data",), "missing argument '{mnist}'. Choose from: mnist\n"),
        (("data", "mnst"), "did you mean mnist?"),
        (("completion", "zhs"), "did you mean zsh?"),
        (("inspect", "t.csv"), "name a model; chainrule train writes one"),
    ],
)
def test_no_names_of_types(commands: Commands, words: tuple[str, ...], said: str) -> None:
    commands.write("t.csv", homes())
    commands.write("run.toml", 'epochs = "ten"\n')
    result = commands.run(*words)
    assert result.code != 0
    assert said in result.err
    assert "integer" not in result.err
    assert "\ufffd" not in result.err


@pytest.mark.parametrize("verb", ["demo", "trace", "mark", "depth", "train", "resume"])
def test_help_says_what_a_value_is(commands: Commands, verb: str) -> None:
    result = commands.run(verb, "--help")
    assert result.code == 0
    told = result.out
    assert not re.search(r"INTEGER|FLOAT|TEXT|RANGE| PATH\b(?!  )", told)
    assert not re.search(r"--\S+ [A-Z]+ +\[default", told), "an option without a sentence"


def test_help_of_mark_tells_what_to_write(commands: Commands) -> None:
    told = commands.run("mark", "--help").out
    assert "forward(params, X)" in told
    assert "backward(params, X, y, cache)" in told


def test_both_ends_of_a_range_are_written_alike(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("".join(["year,area,y\n", "1950,1300,1\n", "2010,215245,2\n", "1999,9,3\n"]))
    table = read_table(path)
    rows = {row[0]: row[3] for row in column_rows(table, Encoder.fit(table, "y"))}
    assert rows["year"] == "1950 to 2010"
    assert rows["area"] == "9 to 215,245"
    path.write_text("area,y\n" + "".join(f"{1121.87 + 40 * k},{k}\n" for k in range(400)))
    table = read_table(path)
    assert column_rows(table, Encoder.fit(table, "y"))[0][3].startswith("1,121.87 to 17,")


def test_columns_keep_to_one_line_each(tmp_path: Path) -> None:
    level = "a-level-of-many-letters"
    lines = [f"{level[: 18 + k % 3]},{k},{k % 5}" for k in range(90)]
    head = "a_name_of_column,another,target\n"
    (tmp_path / "t.csv").write_text(head + "\n".join(lines) + "\n")
    words = ["train", "t.csv", "--target", "target", "--epochs", "2", "--model-only"]
    lines = shown(on_a_terminal(words, tmp_path))
    (line,) = [line for line in lines if "3 levels" in line]
    assert "a-level… in 33 %" in line


def test_few_missing_cells_are_not_none(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a,y\n,1\n" + "".join(f"{k},{k % 7}\n" for k in range(3000)))
    table = read_table(path)
    assert column_rows(table, Encoder.fit(table, "y"))[0][2] == "1 (<0.1 %)"


@pytest.mark.parametrize(
    ("reason", "best", "schedule", "hint"),
    [
        ("epochs", 9, None, True),
        ("epochs", 9, "cosine", False),
        ("epochs", 8, None, False),
        ("patience", 9, None, False),
    ],
)
def test_a_run_that_still_improved_says_so(
    reason: str, best: int, schedule: str | None, hint: bool
) -> None:
    rows = [{"epoch": k, "validation_loss": 1 / k} for k in range(1, 10)]
    record = {"epochs": 9, "best_epoch": best, "stop_reason": reason}
    told = ended_rows(rows, {**record, "settings": {"schedule": schedule}}, lambda _: "")
    assert ("--epochs" in told["trained"]) is hint


def test_a_large_loss_is_shortened() -> None:
    rows = [{"epoch": k, "validation_loss": 2.4e7 / k} for k in (1, 2)]
    record = {"epochs": 2, "best_epoch": 2, "stop_reason": "epochs"}
    assert (
        ended_rows(rows, record, lambda _: "")["loss"] == "validation loss 24,000,000 to 12,000,000"
    )


def test_where_a_line_does_better_the_doctor_is_named(commands: Commands) -> None:
    lines = [f"{k},{k * k % 17},{3 * k + 2 * (k * k % 17)}" for k in range(80)]
    commands.write("line.csv", "a,b,y\n" + "\n".join(lines) + "\n")
    result = commands.run("train", "line.csv", "--target", "y", "--epochs", "2")
    assert "ridge regression is better" in result.out
    assert "chainrule doctor model.safetensors line.csv" in result.out


def test_a_healthy_run_is_called_so_once(commands: Commands) -> None:
    commands.write("t.csv", kinds())
    commands.run("train", "t.csv", "--target", "kind", "--epochs", "40")
    told = commands.run("doctor", "model.safetensors", "t.csv")
    assert told.code == 0
    assert told.out.count("no fault found") == 1


def test_a_model_is_no_checkpoint(commands: Commands) -> None:
    commands.write("t.csv", kinds())
    commands.run("train", "t.csv", "--target", "kind", "--epochs", "2")
    assert "this is a model, not a checkpoint" in commands.run("resume", "model.safetensors").err


def test_scores_are_in_the_order_of_training(commands: Commands) -> None:
    commands.write("homes.csv", homes())
    commands.run("train", "homes.csv", "--target", "price", "--epochs", "2")
    told = commands.run("evaluate", "model.safetensors", "homes.csv", "--report", "e.html").out
    places = [told.index(name) for name in ("R² (", "RMSE (", "MAE (", "mean squared error")]
    assert places == sorted(places)
    page = require_harmless((commands.folder / "e.html").read_text(encoding="utf-8"))
    text = " | ".join(page.words)
    scores, columns = text.index("| Scores |"), text.index("| Columns |")
    assert scores < text.index("most rows are not new to it") < columns
    assert "validation R²" in text
    assert "validation r2" not in text


def test_a_long_finding_hangs_under_its_number(tmp_path: Path) -> None:
    (tmp_path / "work.py").write_text(MISTAKE + "    return {}\n")
    words = ["mark", "work.py", "--network", "2,3,1", "--loss", "mse"]
    lines = shown(on_a_terminal(words, tmp_path))
    assert any(re.match(r"  1\.  backward", line) for line in lines)
    assert all(not line or line.startswith("  ") for line in lines)


def test_the_doctor_names_options_of_the_command_line(commands: Commands) -> None:
    commands.write("homes.csv", homes())
    commands.run("train", "homes.csv", "--target", "price", "--learning-rate", "5", "--epochs", "9")
    told = commands.run("doctor", "model.safetensors", "homes.csv")
    assert told.code == 1
    rate = re.search(r"optimizer=cr\.Adam\(([\d.e+-]+)\)", told.out)
    assert rate is not None
    assert f"--learning-rate {rate[1]}\n" in told.out


def test_a_model_of_the_command_line_takes_a_data_frame(commands: Commands) -> None:
    commands.write("homes.csv", homes())
    commands.run("train", "homes.csv", "--target", "price", "--epochs", "2")
    commands.run("predict", "model.safetensors", "homes.csv", "--out", "p.csv")
    frame = pd.read_csv(commands.folder / "homes.csv")
    said = cr.load(commands.folder / "model.safetensors").predict(frame)
    written = pd.read_csv(commands.folder / "p.csv")["prediction"]
    assert np.allclose(said, written, rtol=1e-6)
