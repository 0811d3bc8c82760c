"""A name is a name: no pattern, no address, and nothing of it becomes a column."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import duckdb
import pytest

from chainrule.errors import ChainruleError
from chainrule.tabular import read_table
from chainrule.tabular.stream import stream_table
from tests.cli.commands import Commands

COLUMNS = ("x", "y")
ROWS = [(row % 7, row * 0.5 + 0.25) for row in range(40)]
TEXT = "x,y\n" + "".join(f"{x},{y}\n" for x, y in ROWS)
NAMES = (
    b"it's",
    b'"a b"',
    b"[x]*?",
    b"**",
    b"100%20",
    b"back\\slash",
    b"back\\[x]*",
    b"\xe9t\xe9",  # Latin-1, and no UTF-8
    "\u00e9 \u5bb6 e\u0301".encode(),
    b"{a,b};$HOME",
    b"new\nline\t\x1b[31m",
    b"year=2024",
    b"-dash",
    b"~root",
    b"s3:",
    b"-",
)
FOLDERS = (b"year=2024", b"[a]*?", b"\xfe", b"http:/example.org", b"~", b"a\\b*")


def write_parquet(path: str) -> None:
    rows = "SELECT (i % 7)::INT AS x, i * 0.5 + 0.25 AS y FROM range(40) r(i)"
    with duckdb.connect() as connection:
        connection.execute(f"COPY ({rows}) TO '{path}' (FORMAT parquet)")


def contents() -> dict[bytes, bytes]:
    """Return the same table in each form, by the ending of its name."""
    with tempfile.TemporaryDirectory() as folder:
        write_parquet(f"{folder}/t.parquet")
        parquet = Path(folder, "t.parquet").read_bytes()
    lines = "".join(f'{{"x": {x}, "y": {y}}}\n' for x, y in ROWS)
    packed = gzip.compress(TEXT.encode())
    return {
        b".csv": TEXT.encode(),
        b".csv.gz": packed,
        b".jsonl": lines.encode(),
        b".parquet": parquet,
    }


def placed(stem: bytes, ending: bytes, content: bytes) -> str:
    """Write a file below the working directory."""
    name = stem + ending
    if os.path.dirname(name):
        os.makedirs(os.path.dirname(name), exist_ok=True)
    with open(name, "wb") as file:
        file.write(content)
    return os.fsdecode(name)


def decoys() -> None:
    """Write what the patterns would find."""
    for name in ("x.csv", "x.csv.gz", "x.parquet", "x.jsonl"):
        Path(name).write_text("other\n1\n")


@pytest.mark.parametrize("name", NAMES)
def test_any_name_is_read(commands: Commands, name: bytes) -> None:
    decoys()
    for ending, content in contents().items():
        table = read_table(placed(name, ending, content))
        assert (table.names, table.rows) == (COLUMNS, 40), ending
        assert table.column("y").values.tolist() == [y for _, y in ROWS]


@pytest.mark.parametrize("folder", FOLDERS)
def test_any_folder_is_read_from(commands: Commands, folder: bytes) -> None:
    for ending, content in contents().items():
        table = read_table(placed(folder + b"/it's", ending, content))
        assert (table.names, table.rows) == (COLUMNS, 40), ending


def test_a_folder_does_not_change_a_column(tmp_path: Path) -> None:
    folder = tmp_path / "y=7"
    folder.mkdir()
    write_parquet(f"{folder}/t.parquet")
    assert read_table(folder / "t.parquet").column("y").values.tolist() == [y for _, y in ROWS]


@pytest.mark.parametrize("name", [b"year=2024/t", b"back\\[x]*", b"\xfe/\xe9t\xe9"])
def test_any_name_from_training_to_kept_columns(commands: Commands, name: bytes) -> None:
    options = ("--target", "y", "--epochs", "1", "--hidden", "none", "--model-only", "--force")
    for ending in (b".csv", b".parquet"):
        path = placed(name, ending, contents()[ending])
        trained = commands.run("train", path, *options)
        assert trained.code == 0, trained.err
        for out in (os.fsdecode(name) + "-out.csv", os.fsdecode(name) + "-out.parquet"):
            words = ("predict", "model.safetensors", path, "--keep", "all", "--out", out)
            done = commands.run(*words, "--force")
            assert done.code == 0, done.err
            kept = read_table(out)
            assert kept.names == (*COLUMNS, "prediction")
            assert [float(y) for y in kept.column("y").values] == [y for _, y in ROWS]


def test_a_name_that_is_not_utf_8_everywhere(commands: Commands) -> None:
    name = os.fsdecode(b"\xe9")
    path = placed(b"\xe9", b".csv", TEXT.encode())
    outputs = [f"{name}.{ending}" for ending in ("safetensors", "ckpt", "history.csv", "html")]
    words = ["--out", "--checkpoint", "--history", "--report"]
    options = [word for pair in zip(words, outputs, strict=True) for word in pair]
    done = commands.run("train", path, "--target", "y", "--epochs", "1", *options, "--json")
    assert done.code == 0, done.err
    assert done.document()["model"] == outputs[0]
    assert set(outputs) < commands.files()
    judged = commands.run("evaluate", outputs[0], path, "--json")
    assert judged.code == 0, judged.err
    assert judged.document()["data"] == "\\xe9.csv"


@pytest.mark.parametrize("name", [b"year=2024/t", b"back\\[x]*", b"\xe9t\xe9"])
def test_any_name_is_read_in_parts(commands: Commands, name: bytes) -> None:
    for folder in ("plain", "it's [x]*=1"):
        Path(folder).mkdir()
        for ending in (b".csv", b".parquet"):
            path = placed(name, ending, contents()[ending])
            with stream_table(path, "y", memory="128MB", folder=folder) as table:
                assert (table.rows, table.encoder.features) == (40, ("x",))
            assert os.listdir(folder) == []


@pytest.mark.parametrize("name", [b"\xff", b"a\\[b]", b"a?"])
def test_a_temporary_folder_that_duckdb_cannot_name(
    commands: Commands, monkeypatch: pytest.MonkeyPatch, name: bytes
) -> None:
    path = placed(name + b"/t", b".csv", TEXT.encode())
    with pytest.raises(ChainruleError, match="choose another folder"):
        stream_table(path, "y", memory="128MB", folder=os.fsdecode(name))
    monkeypatch.setattr(tempfile, "tempdir", os.fsdecode(name))
    with pytest.raises(ChainruleError, match="set TMPDIR"):
        read_table(path)
    assert os.listdir(os.fsdecode(name)) == ["t.csv"]


def test_nothing_is_printed_where_there_is_no_script(tmp_path: Path) -> None:
    code = (
        "from chainrule.tabular.connection import connected\n"
        "with connected() as connection:\n"
        "    asked = \"SELECT current_setting('enable_progress_bar')\"\n"
        "    print(connection.execute(asked).fetchone())\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "(False,)\n"
