"""The pages of a run: what they tell, and that no name of a table becomes markup."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from markdown_it import MarkdownIt  # rich needs it, so it is there

from tests.cli.commands import Commands, homes, kinds
from tests.report.html import PAYLOADS, require_harmless

HOMES = ("train", "homes.csv", "--target", "price", "--epochs", 3)


def read(path: str) -> str:
    return Path(path).read_text(encoding="utf-8")


@pytest.mark.parametrize("payload", PAYLOADS[:-1])
def test_names_and_labels_of_a_table(commands: Commands, payload: str) -> None:
    quoted = '"' + payload.replace('"', '""') + '"'
    rows = "".join(f"{row % 7},{quoted if row % 2 else 'b'},{row % 3}\n" for row in range(120))
    commands.write("t.csv", f"x,y,{quoted}\n{rows}")
    assert commands.run("train", "t.csv", "--target", "y", "--epochs", 2, "--out", "m").code == 0
    elements = require_harmless(read("m.html"))
    assert "".join(elements.words).count(payload) > 5
    card = MarkdownIt("commonmark").enable("table").render(read("m.md"))
    assert not re.search(r"<(script|a|img|svg|style)[ >]", card)
    assert commands.run("evaluate", "m", "t.csv", "--report", "e.html").code == 0
    require_harmless(read("e.html"))


def test_the_pages_of_a_quantity(commands: Commands) -> None:
    commands.write("homes.csv", homes(200))
    result = commands.run(*HOMES)
    assert result.code == 0, result.err
    assert commands.files() == {"homes.csv", "model.safetensors", "model.md", "model.html"}
    for shown in ("the model card", "open it in a browser", "ridge regression"):
        assert shown in result.out
    text = read("model.html")
    require_harmless(text)
    shown = ("homes.csv", "always the mean", "ridge regression", "validation loss", "Residuals")
    assert [word for word in shown if word not in text] == []
    assert "price, predicted" in text
    assert "mean of 5 orders on 40 validation rows" in text
    assert "hidden = [64, 32]" in text
    assert "http" not in text.replace("http-equiv", ""), "it needs no network"
    card = read("model.md")
    for shown in ("## Scores", "ridge regression", "## Data", "| rooms | number |", "## Limits"):
        assert shown in card
    assert "40 test rows only" in card


def test_the_pages_of_classes(commands: Commands) -> None:
    commands.write("kinds.csv", kinds(150))
    words = ("train", "kinds.csv", "--target", "kind", "--epochs", 40, "--out", "m.safetensors")
    document = commands.run(*words, "--json").document()
    assert (document["card"], document["report"]) == ("m.md", "m.html")
    assert document["scores"]["linear_name"] == "logistic regression"
    assert document["scores"]["linear"]["accuracy"] > 0.9
    text = read("m.html")
    for shown in ("Calibration", "predicted b: ", "logistic regression", "log loss rises"):
        assert shown in text


def test_importance_names_the_column_that_matters(commands: Commands) -> None:
    lines = "".join(f"{row * 7 % 5},{row % 11},{row % 11 * 2.5}\n" for row in range(300))
    commands.write("t.csv", "noise,cause,y\n" + lines)
    assert commands.run("train", "t.csv", "--target", "y", "--epochs", 60, "--out", "m").code == 0
    part = read("m.md").partition("What the model uses")[2]
    assert part.index("| cause |") < part.index("| noise |")


def test_the_same_run_gives_the_same_card(commands: Commands) -> None:
    commands.write("homes.csv", homes())
    for name in ("a", "b"):
        assert (
            commands.run(*HOMES, "--out", f"{name}.safetensors", "--card", f"{name}.md").code == 0
        )
    assert read("a.md").replace("a.safetensors", "b.safetensors") == read("b.md")


def test_where_the_pages_go(commands: Commands) -> None:
    commands.write("homes.csv", homes())
    words = (*HOMES, "--out", "m.safetensors")
    assert commands.run(*words, "--model-only").code == 0
    assert commands.files() == {"homes.csv", "m.safetensors"}
    assert commands.run(*words, "--force", "--report", "r.html", "--card", "c.md").code == 0
    assert commands.files() == {"homes.csv", "m.safetensors", "r.html", "c.md"}
    result = commands.run(*HOMES, "--report", "r.html")
    assert (result.code, "r.html" in result.err) == (2, True)
    result = commands.run(*HOMES, "--card", "c.pdf")
    assert (result.code, ".md" in result.err) == (2, True)


def test_scores_that_are_not_defined(commands: Commands) -> None:
    commands.write("homes.csv", homes())
    assert commands.run(*HOMES, "--test-share", 0.001, "--out", "m").code == 0
    assert ">R²</span><b>-</b>" in read("m.html")
    assert not re.search(r"\b(nan|inf)\b", read("m.html") + read("m.md"))


@pytest.mark.parametrize("size", ["e300", "e-300"])
def test_targets_at_the_ends_of_float64(commands: Commands, size: str) -> None:
    rows = "".join(f"{row % 7},{row * 37 % 11 - 5}{size}\n" for row in range(200))
    commands.write("t.csv", f"x,y\n{rows}")
    result = commands.run("train", "t.csv", "--target", "y", "--epochs", 2, "--out", "m")
    assert "fault" not in result.err
    assert result.code == 0, result.err
    require_harmless(read("m.html"))


def test_without_test_rows(commands: Commands) -> None:
    commands.write("homes.csv", homes())
    assert commands.run(*HOMES, "--test-share", 0, "--out", "m").code == 0
    assert ">Scores<" not in read("m.html")
    assert "None: no rows were kept" in read("m.md")


def test_the_page_again(commands: Commands) -> None:
    commands.write("homes.csv", homes(200))
    assert commands.run(*HOMES, "--out", "m.safetensors").code == 0
    result = commands.run("report", "m.safetensors", "homes.csv")
    assert (result.code, "--force" in result.err) == (2, True)
    result = commands.run("report", "m.safetensors", "homes.csv", "--out", "again.html", "--json")
    assert result.document() == {"report": "again.html", "table_of_training": True}

    def timeless(text: str) -> str:
        return re.sub(r"(3 epochs)( in \d\S* m?s)?", r"\1", text)

    assert timeless(read("again.html")) == timeless(read("m.html"))


def test_the_page_of_another_table(commands: Commands) -> None:
    commands.write("homes.csv", homes(200))
    commands.write("new.csv", homes(90))
    assert commands.run(*HOMES, "--out", "m.safetensors").code == 0
    result = commands.run("report", "m.safetensors", "new.csv", "--out", "new.html")
    assert result.code == 0, result.err
    assert "not the table of the training" in result.out
    assert "90 evaluated rows" in read("new.html")
    result = commands.run("report", "m.safetensors", "m.html", "--out", "x.html")
    assert result.code == 1
    assert not Path("x.html").exists()


def test_a_wide_table_makes_a_small_page(commands: Commands) -> None:
    names = ",".join(f"column_{place}" for place in range(300))
    rows = "".join(
        ",".join(str(row * place % 7) for place in range(300)) + f",{row % 5}.5\n"
        for row in range(80)
    )
    commands.write("t.csv", f"{names},y\n{rows}")
    assert commands.run("train", "t.csv", "--target", "y", "--epochs", 2, "--out", "m").code == 0
    assert Path("m.html").stat().st_size < 200_000
    assert "are left out" in read("m.html")
    assert "more columns" in read("m.md")
