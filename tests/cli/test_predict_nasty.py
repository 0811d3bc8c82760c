"""Tables to predict as they come: the right predictions or one message, and no file half done."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.commands import Commands, homes
from tests.tabular.nasty_parts import parquet

HEAD = "rooms,garden,built,town\n"
ROW = "3,true,1990-01-15,Ghent\n"
Content = str | bytes | Callable[[Path], object]


def lines(**changed: object) -> str:
    return json.dumps(
        {"rooms": 3, "garden": True, "built": "1990-01-15", "town": "Ghent"} | changed
    )


def typed(rooms: str = "3", garden: str = "true", built: str = "DATE '1990-01-15'") -> Content:
    return parquet(
        f"SELECT {rooms} AS rooms, {garden} AS garden, {built} AS built, 'Ghent' AS town"
    )


SAME: dict[str, tuple[Content, str]] = {
    "another column, infinite": (HEAD[:-1] + ",more\n" + ROW[:-1] + ",inf\n", "d.csv"),
    "another order": ("town,built,garden,rooms\nGhent,1990-01-15,true,3\n", "d.csv"),
    "truth as a number": (HEAD + "3,1,1990-01-15,Ghent\n", "d.csv"),
    "truth in capitals": (HEAD + "3,TRUE,1990-01-15,Ghent\n", "d.csv"),
    "blanks around": (HEAD + " 3 , true ,\t1990-01-15, Ghent \n", "d.csv"),
    "an empty line": (HEAD + "\n" + ROW, "d.csv"),
    "another dialect": ("\ufeff" + (HEAD + ROW).replace(",", ";").replace("\n", "\r\n"), "d.csv"),
    "utf-16": ((HEAD + ROW).encode("utf-16"), "d.csv"),
    "JSON": (lines(), "d.jsonl"),
    "JSON, numbers and truth as words": (lines(rooms="3", garden="true"), "d.jsonl"),
    "JSON, truth as a number": (lines(garden=1), "d.jsonl"),
    "JSON, another key of lists": (lines(more=[1, {"a": 2}]), "d.jsonl"),
    "Parquet": (typed(), "d.parquet"),
    "Parquet of words": (typed("'3'", "'true'", "'1990-01-15'"), "d.parquet"),
    "Parquet of other types": (
        typed("3::DECIMAL(9, 3)", "1", "TIMESTAMPTZ '1990-01-15 02:00:00+02'"),
        "d.parquet",
    ),
}
REFUSED: dict[str, tuple[Content, str, tuple[str, ...]]] = {
    "a name in capitals": (HEAD.replace("r", "R", 1) + ROW, "d.csv", ("did you mean Rooms?",)),
    "yes for true": (HEAD + "3,yes,,\n", "d.csv", ("not a boolean", "line 2", "'yes'")),
    "a day or a month": (HEAD + "3,true,01/02/1990,\n", "d.csv", ("not a date", "line 2")),
    "a day of Excel": (HEAD + "3,true,36526,\n", "d.csv", ("not a date", "'36526'")),
    "money": (HEAD + "$3,true,,\n", "d.csv", ("not a number", "'$3'")),
    "a thousand or a decimal": (HEAD + '"1,234",true,,\n', "d.csv", ("--decimal",)),
    "400 digits": (HEAD + "1" * 400 + ",true,,\n", "d.csv", ("infinite", "line 2")),
    "a name twice": (HEAD[:-1] + ",rooms\n", "d.csv", ("several columns", "columns 1, 5")),
    "JSON, truth for a number": (lines(rooms=True), "d.jsonl", ("not a number", "'true'")),
    "JSON, seconds for a date": (lines(built=631152000), "d.jsonl", ("not a date", "line 1")),
    "JSON, lists": (lines(rooms=[3]), "d.jsonl", ("lists or objects", "'rooms'")),
    "Parquet, truth for a number": (typed("true"), "d.parquet", ("not a number", "row 1")),
    "Parquet, a date for a number": (typed("DATE '1990-01-15'"), "d.parquet", ("not a number",)),
    "Parquet, a number for a date": (typed(built="7000"), "d.parquet", ("not a date", "'7000'")),
    "Parquet, lists": (typed("[3]"), "d.parquet", ("column 'rooms'", "remove")),
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Return a model of prices."""
    folder = tmp_path_factory.mktemp("trained")
    (folder / "homes.csv").write_text(homes())
    words = ["train", "homes.csv", "--target", "price", "--epochs", "2", "--hidden", "none"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-m", "chainrule", *words, "--model-only"]
    subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)
    return (folder / "model.safetensors").read_bytes()


@pytest.fixture
def model(commands: Commands, trained: bytes) -> Path:
    return commands.write("m.safetensors", trained)


def place(commands: Commands, content: Content, name: str) -> None:
    if callable(content):
        content(commands.folder / name)
    else:
        commands.write(name, content)


@pytest.mark.parametrize("case", SAME)
def test_the_same_row_in_another_dress(commands: Commands, model: Path, case: str) -> None:
    commands.write("plain.csv", HEAD + ROW)
    expected = commands.run("predict", model, "plain.csv")
    assert expected.code == 0, expected.err
    place(commands, *SAME[case])
    result = commands.run("predict", model, SAME[case][1])
    assert result.code == 0, result.err
    assert result.out == expected.out


@pytest.mark.parametrize("case", REFUSED)
def test_another_row_is_refused(commands: Commands, model: Path, case: str) -> None:
    content, name, says = REFUSED[case]
    place(commands, content, name)
    before = commands.files()
    result = commands.run("predict", model, name, "--out", "p.csv")
    assert result.code in (1, 2), result
    assert result.err.count("error: ") == 1
    assert all(piece in " ".join(result.err.split()) for piece in says), result.err
    assert commands.files() == before


def test_links_that_lead_nowhere(commands: Commands, model: Path) -> None:
    commands.write("d.csv", HEAD + ROW)
    for name in ("loop.csv", "away.csv"):
        (commands.folder / name).symlink_to("loop.csv" if name == "loop.csv" else "no/where.csv")
    os.mkfifo("pipe.csv")
    before = commands.files()
    for words in (
        ("loop.csv",),
        ("away.csv",),
        ("d.csv", "--out", "away.csv", "--force"),
        ("d.csv", "--out", "pipe.csv", "--force"),
    ):
        result = commands.run("predict", model, *words)
        assert result.code in (1, 2), result
        assert result.err.count("error: ") == 1
        assert "fault of" not in result.err
    assert commands.files() == before


@pytest.mark.parametrize("option", [(), ("--json",)])
def test_standard_output_is_full(commands: Commands, model: Path, option: tuple[str, ...]) -> None:
    commands.write("d.csv", HEAD + ROW)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-m", "chainrule", "predict", str(model), "d.csv", *option]
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            command, env=environment, stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == 1
    assert "No space left" in done.stderr
    assert "Traceback" not in done.stderr
