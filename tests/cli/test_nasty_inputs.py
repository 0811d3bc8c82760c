"""Bad input gives one clear message, an exit code, and no file."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest

from tests.cli.commands import Commands, homes, kinds

GOOD = homes()
ROWS = "1,2\n3,4\n5,6\n7,8\n9,10\n11,12\n"

TABLES: dict[str, tuple[str, str | bytes, str]] = {
    "empty file": ("a.csv", "", "empty"),
    "only empty lines": ("a.csv", "\n\n\n", "no header"),
    "header only": ("a.csv", "x,price\n", "no rows"),
    "too few rows": ("a.csv", "x,price\n1,2\n2,3\n", "too few rows"),
    "no header": ("a.csv", ROWS, "not column names"),
    "a row too short": ("a.csv", "x,price\n1,2\n3\n4,5\n", "line 3"),
    "a row too long": ("a.csv", "x,price\n1,2\n3,4\n5,6,7\n", "line 4"),
    "open quote": ("a.csv", 'x,price\n1,2\n"3,4\n5,6\n', "cannot be split"),
    "text after a quote": ("a.csv", 'x,price\n1,2\n"3"x,4\n', "line 3"),
    "column twice": ("a.csv", "x,price,x\n1,2,3\n", "several columns are called 'x'"),
    "latin-1": ("a.csv", "x,price\n1,2\nGöteborg,3\n".encode("latin-1"), "line 3"),
    "utf-16 without its mark": ("a.csv", "x,price\n1,2\n".encode("utf-16-le"), "not a text"),
    "zero bytes": ("a.csv", b"x,price\n1,\x00\n", "not a text file"),
    "random bytes": ("a.csv", bytes(range(256)) * 20, "text"),
    "infinite number": ("a.csv", "x,price\n1,2\ninf,3\n" + ROWS, "line 3"),
    "number beyond float64": ("a.csv", "x,price\n1,2\n2,1e999\n" + ROWS, "line 3"),
    "spread below float64": ("a.csv", "x,price\n" + "5e-324,2\n0,3.5\n" * 5, "spread"),
    "target missing in a row": ("a.csv", "x,price\n1,2\n2,\n" + ROWS, "--drop-missing-target"),
    "target missing everywhere": ("a.csv", "x,price\n1,\n2,\n3,\n", "missing in every row"),
    "target constant": ("a.csv", "x,price\n1,2.5\n2,2.5\n3,2.5\n4,2.5\n", "same value"),
    "one class": ("a.csv", "x,price\n1,a\n2,a\n3,a\n4,a\n5,a\n6,a\n", "one class only"),
    "a class for each row": ("a.csv", "x,price\n1,a\n2,b\n3,c\n4,d\n5,e\n6,f\n", "too few rows"),
    "target of dates": (
        "a.csv",
        "x,price\n" + "".join(f"{day},2024-01-0{day}\n" for day in range(1, 9)),
        "dates",
    ),
    "only the target": ("a.csv", "price\n1.5\n2.5\n3.5\n4.5\n5.5\n6.5\n", "only column"),
    "nothing to learn from": ("a.csv", "x,price\n" + "7,1.5\n7,2.5\n7,3\n" * 5, "no column to"),
    "cut gzip": ("a.csv.gz", gzip.compress(GOOD.encode())[:-30], "damaged"),
    "gzip in name only": ("a.csv.gz", GOOD, "damaged"),
    "csv in name only": ("a.csv", gzip.compress(GOOD.encode()), "text"),
    "parquet in name only": ("a.parquet", GOOD, "cannot be read"),
    "parquet cut off": ("a.parquet", b"PAR1" + b"\0" * 40 + b"PAR1", "cannot be read"),
    "unknown ending": ("a.xlsx", b"PK\x03\x04", "not a table that can be read"),
    "broken json": ("a.jsonl", '{"x":1,"price":2}\n{"x":\n', "cannot be read"),
    "json list": ("a.jsonl", "[1,2]\n[3,4]\n", "object"),
    "nested json": ("a.jsonl", '{"x":[1],"price":2}\n{"x":[2],"price":3}\n', "lists"),
    "no such column": ("a.csv", homes().replace("price", "prise"), "did you mean prise"),
    "control characters": ("a.csv", "x,pri\x1b[31mce\n1,2\n" + ROWS, "no column called"),
}


@pytest.mark.parametrize("case", TABLES)
def test_a_bad_table_gives_one_message(commands: Commands, case: str) -> None:
    name, content, message = TABLES[case]
    path = commands.write(name, content)
    result = commands.run("train", path, "--target", "price", "--epochs", 1)
    assert result.code in (1, 2), result
    assert result.err.count("error: ") == 1
    assert message in result.err, result.err
    assert "\x1b" not in result.err
    assert commands.files() == {name}


OPTIONS: dict[str, tuple[tuple[str, ...], str]] = {
    "no target": (("--epochs", "1"), "--target"),
    "unknown option": (("--target", "price", "--epoch", "1"), "--epoch"),
    "unknown activation": (
        ("--target", "price", "--activation", "rleu"),
        "did you mean relu",
    ),
    "unknown optimizer": (("--target", "price", "--optimizer", "adamm"), "did you mean adam"),
    "unknown loss": (("--target", "price", "--loss", "mean"), "no loss called"),
    "loss of the other task": (
        ("--target", "price", "--loss", "softmax_cross_entropy"),
        "--task classification",
    ),
    "bad widths": (("--target", "price", "--hidden", "64,x"), "not a list of widths"),
    "width of zero": (("--target", "price", "--hidden", "0"), "not a list of widths"),
    "no epochs": (("--target", "price", "--epochs", "0"), "--epochs"),
    "negative rate": (("--target", "price", "--learning-rate", "-1"), "--learning-rate"),
    "rate is not a number": (("--target", "price", "--learning-rate", "fast"), "fast"),
    "rate is nan": (("--target", "price", "--learning-rate", "nan"), "learning"),
    "all rows for testing": (
        ("--target", "price", "--test-share", "0.6", "--validation-share", "0.6"),
        "make one of them smaller",
    ),
    "share of one": (("--target", "price", "--test-share", "1"), "--test-share"),
    "dropout of one": (("--target", "price", "--dropout", "1"), "--dropout"),
    "words for regression": (("--target", "town", "--task", "regression"), "town"),
    "folder that is missing": (("--target", "price", "--out", "no/m.safetensors"), "mkdir -p no"),
    "output is a folder": (("--target", "price", "--out", "."), "is a folder"),
    "output over the input": (("--target", "price", "--out", "a.csv", "--force"), "same file"),
    "two outputs in one": (
        ("--target", "price", "--out", "m", "--history", "m"),
        "same file",
    ),
    "resume from nothing": (("--target", "price", "--resume", "no.ckpt"), "no.ckpt"),
}


@pytest.mark.parametrize("case", OPTIONS)
def test_bad_options_give_one_message(commands: Commands, case: str) -> None:
    options, message = OPTIONS[case]
    path = commands.write("a.csv", GOOD)
    result = commands.run("train", path, *options)
    assert result.code in (1, 2), result
    assert result.err.count("error: ") == 1
    assert message in result.err, result.err
    assert commands.files() == {"a.csv"}
    assert path.read_text() == GOOD


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("trian",), "did you mean train"),
        (("--no-such",), "--no-such"),
        (("list", "activatoins"), "did you mean activation"),
        (("predict", "m.safetensors"), "DATA"),
        (("inspect", "m.safetensors"), "no such model file"),
        (("train", "no.csv", "--target", "x"), "no such table"),
        (("train", ".", "--target", "x"), "is a folder"),
        (("train", "no/where.csv", "--target", "x"), "folder no does not exist"),
        (("train", "", "--target", "x"), "error: "),
        (("demo", "--epochs", "many"), "many"),
    ],
)
def test_wrong_usage(commands: Commands, words: tuple[str, ...], message: str) -> None:
    result = commands.run(*words)
    assert result.code in (1, 2)
    assert result.err.count("error: ") == 1
    assert message in result.err
    assert commands.files() == set()


@pytest.mark.parametrize("name", ["homes.csv", "a b.csv", "[x]*?.csv", "ü 家.csv", "it's.csv"])
def test_odd_names_of_files(commands: Commands, name: str) -> None:
    path = commands.write(name, GOOD)
    commands.write("x.csv", "other,price\n1,2\n")  # what the pattern [x]* would find
    result = commands.run("train", path, "--target", "price", "--epochs", 1)
    assert result.code == 0, result.err
    assert "60 rows" in result.out


def test_a_near_name_is_suggested(commands: Commands) -> None:
    commands.write("homes.csv", GOOD)
    assert "did you mean homes.csv" in commands.run("train", "home.csv", "--target", "x").err


@pytest.fixture
def model(commands: Commands) -> Path:
    """Return a trained model of prices."""
    path = commands.write("homes.csv", GOOD)
    result = commands.run("train", path, "--target", "price", "--epochs", 2)
    assert result.code == 0, result.err
    return commands.folder / "model.safetensors"


TO_PREDICT: dict[str, tuple[str, str]] = {
    "column missing": ("rooms,garden,town\n1,true,Ghent\n", "no column called 'built'"),
    "word for a number": (
        "rooms,garden,built,town\n1,true,1990-01-01,Ghent\nmany,true,,Ghent\n",
        "line 3",
    ),
    "number for a truth value": (
        "rooms,garden,built,town\n1,7,1990-01-01,Ghent\n",
        "not a boolean",
    ),
    "word for a date": ("rooms,garden,built,town\n1,true,long ago,Ghent\n", "not a date"),
    "infinite": ("rooms,garden,built,town\ninf,true,1990-01-01,Ghent\n", "infinite"),
    "absurdly large": ("rooms,garden,built,town\n1e300,true,1990-01-01,Ghent\n", "too large"),
    "header only": ("rooms,garden,built,town\n", "no rows"),
}


@pytest.mark.parametrize("case", TO_PREDICT)
def test_bad_rows_to_predict(commands: Commands, model: Path, case: str) -> None:
    content, message = TO_PREDICT[case]
    path = commands.write("new.csv", content)
    before = commands.files()
    result = commands.run("predict", model, path, "--out", "p.csv")
    assert result.code == 1
    assert message in result.err, result.err
    assert commands.files() == before


def test_outputs_are_not_replaced(commands: Commands, model: Path) -> None:
    content = model.read_bytes()
    result = commands.run("train", "homes.csv", "--target", "price")
    assert result.code == 2
    assert "--force" in result.err
    assert "epoch" not in result.out, "refused before training, not after"
    commands.write("p.csv", "mine")
    result = commands.run("predict", model, "homes.csv", "--out", "p.csv")
    assert (result.code, Path("p.csv").read_text()) == (2, "mine")
    for clobbered in (model, "homes.csv"):
        result = commands.run("predict", model, "homes.csv", "--out", clobbered, "--force")
        assert (result.code, "same file" in result.err) == (2, True)
    assert model.read_bytes() == content


@pytest.mark.parametrize("damage", [b"", b"junk", b"\x80\x04\x95cposix\nsystem\n"])
def test_a_file_that_is_no_model(commands: Commands, damage: bytes) -> None:
    path = commands.write("m.safetensors", damage)
    data = commands.write("a.csv", GOOD)
    for words in (("inspect", path), ("predict", path, data)):
        result = commands.run(*words)
        assert result.code == 1
        assert result.err.count("error: ") == 1


def test_model_and_table_in_the_wrong_order(commands: Commands, model: Path) -> None:
    result = commands.run("predict", "homes.csv", model)
    assert result.code == 1
    assert "not a Chainrule model file" in result.err
    assert "the order is MODEL DATA" in result.err


def test_a_folder_without_permission(commands: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    commands.write("a.csv", GOOD)
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may write anywhere
    result = commands.run("train", "a.csv", "--target", "price")
    assert result.code == 1
    assert "not permitted" in result.err


def test_mixed_line_ends_and_a_mark_are_read(commands: Commands) -> None:
    lines = kinds().splitlines()
    ends = ("\n", "\r\n", "\r")
    text = "".join(line + ends[i % 3] for i, line in enumerate(lines))
    path = commands.write("a.csv", b"\xef\xbb\xbf" + text.encode())
    result = commands.run("train", path, "--target", "kind", "--epochs", 1, "--json")
    assert result.document()["rows"] == {
        "training": 54,
        "validation": 18,
        "test": 18,
        "without_target": 0,
    }


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--test-share", "nan", "not a finite number"),
        ("--validation-share", "nan", "not a finite number"),
        ("--learning-rate", "inf", "not a finite number"),
        ("--hidden", "99999999999999999999", "wider than"),
        ("--checkpoint", "model.safetensors", "--checkpoint and --out are the same file"),
        ("--checkpoint", "./t.csv", "--checkpoint and DATA are the same file"),
    ],
)
def test_values_no_run_can_use(commands: Commands, option: str, value: str, message: str) -> None:
    commands.write("t.csv", homes())
    words = ("--force",) if value != "./t.csv" else ("--resume", value)
    result = commands.run("train", "t.csv", "--target", "price", option, value, *words)
    assert result.code == 2, result.err
    assert message in " ".join(result.err.split())
    assert commands.files() == {"t.csv"}


@pytest.mark.parametrize(
    ("content", "words", "message"),
    [
        ("x,price\n" + "a" * 140_000 + ",1\n", (), "more than 131,072 characters"),
        ("x,price\n" + "9" * 400 + ",1\n1,2\n", (), "infinite number"),
        ("x,price\n" + "1,7\n" * 9, ("--task", "regression"), "same value"),
        ("x,price\n" + "1,7\n" * 9, (), "same value"),
    ],
)
def test_the_fault_is_called_by_its_name(
    commands: Commands, content: str, words: tuple[str, ...], message: str
) -> None:
    commands.write("t.csv", content)
    result = commands.run("train", "t.csv", "--target", "price", *words)
    assert result.code == 1
    assert message in " ".join(result.err.split())
    assert len(result.err) < 600
