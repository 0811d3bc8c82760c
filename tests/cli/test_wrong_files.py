"""A file of another kind than the verb wants: the message says what it seems to be."""

from __future__ import annotations

import gzip
import io
import pickle
import zipfile
from pathlib import Path

import pytest

from chainrule.cli.file_kind import kind_of
from tests.cli.commands import Commands, homes

TRAIN = ("train", "homes.csv", "--target", "price", "--epochs", 2)


def archive(member: str) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as file:
        file.writestr(member, b"x")
    return content.getvalue()


KINDS = {
    "m.csv": (homes().encode(), "a table (CSV)"),
    "m.txt": (b"a;b\n1;2\n", "a table (CSV with semicolons)"),
    "m.tsv": (b"a\tb\n1\t2\n", "a table (TSV)"),
    "m.parquet": (b"PAR1" + bytes(60), "a Parquet table"),
    "m.csv.gz": (gzip.compress(homes().encode()), "a file packed by gzip"),
    "m.png": (b"\x89PNG\r\n\x1a\n" + bytes(90), "a picture (PNG)"),
    "m.pkl": (pickle.dumps({"a": 1}), "a pickle, which Chainrule never loads"),
    "m.onnx": (b"\x08\x07\x12\x07pytorch" + bytes(90), "an ONNX model"),
    "m.pt": (archive("archive/data.pkl"), "a file of PyTorch's"),
    "m.npz": (archive("w.npy"), "arrays of NumPy's"),
    "m.zip": (archive("readme"), "a zip archive"),
    "m.h5": (b"\x89HDF\r\n\x1a\n" + bytes(60), "an HDF5 file"),
    "m.html": (b"<!doctype html><p>report</p>", "a web page"),
    "m.md": (b"# Model card\n\nWritten, by train\n", "plain text"),
    "m.json": (b'{"a": 1, "b": 2}', "JSON"),
    "m.bin": (bytes(range(128, 256)) * 20, "bytes of an unknown kind"),
}


@pytest.mark.parametrize("name", KINDS)
def test_what_is_no_model_is_called_by_its_kind(commands: Commands, name: str) -> None:
    content, kind = KINDS[name]
    path = commands.write(name, content)
    data = commands.write("homes.csv", homes())
    assert kind_of(path).startswith(kind)
    for words in (("inspect", path), ("predict", path, data), ("evaluate", path, data)):
        result = commands.run(*words)
        assert result.code == 1
        assert "this is not a Chainrule model file" in result.err
        assert f"got:      it looks like {kind}" in result.err
        assert "header" not in result.err
        assert "do:       " in result.err
    ordered = "the order is MODEL DATA" in commands.run("predict", path, data).err
    assert ordered is name.endswith((".csv", ".txt", ".tsv", ".parquet", ".gz"))
    assert "the order is" not in commands.run("inspect", path).err, "it takes no table"


def test_a_model_that_is_cut_off_is_called_so(commands: Commands) -> None:
    commands.write("homes.csv", homes())
    assert commands.run(*TRAIN, "--model-only").code == 0
    whole = Path("model.safetensors").read_bytes()
    for size in (100, len(whole) - 10):
        commands.write("cut.safetensors", whole[:size])
        result = commands.run("inspect", "cut.safetensors")
        assert "the file is cut off" in result.err
        assert "do:       copy it again" in result.err
        assert "header length" not in result.err


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    import os

    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
    assert kind_of(tmp_path / "pipe") == kind_of(tmp_path) == kind_of(tmp_path / "none") == ""


@pytest.mark.parametrize("name", ["m.csv", "m.png", "m.pkl", "m.bin"])
def test_what_is_no_checkpoint_is_called_by_its_kind(commands: Commands, name: str) -> None:
    content, kind = KINDS[name]
    result = commands.run("resume", commands.write(name, content))
    assert result.code == 1
    assert "this is not a checkpoint" in result.err
    assert f"it looks like {kind}" in result.err


def test_a_model_is_no_table(commands: Commands) -> None:
    commands.write("homes.csv", homes())
    assert commands.run(*TRAIN, "--model-only").code == 0
    result = commands.run("predict", "model.safetensors", "model.safetensors")
    assert "this is a model: name the table" in result.err


@pytest.mark.parametrize("name", ["a.pkl", "a.onnx", "a.csv", "a.html", "a.md", "a.JSON"])
def test_a_model_has_no_other_ending(commands: Commands, name: str) -> None:
    commands.write("homes.csv", homes())
    for extra in ((), ("--force",)):
        result = commands.run(*TRAIN, "--out", name, *extra)
        assert result.code == 2
        assert "do:       --out a.safetensors" in result.err
        assert (result.out, commands.files()) == ("", {"homes.csv"})
    assert commands.run(*TRAIN, "--out", "v1.2", "--model-only").code == 0


def test_only_files_that_can_be_meant_are_suggested(commands: Commands) -> None:
    for name in ("homes.csv", "homes.html", "homes.csv.bak", "homes.safetensors", "home.md"):
        commands.write(name, homes())
    told = commands.run("train", "homes2.csv", "--target", "x").err
    assert "do:       did you mean homes.csv?\n" in told
    told = commands.run("inspect", "home.safetensors").err
    assert "do:       did you mean homes.safetensors?\n" in told
    told = commands.run("train", "quite-another.csv", "--target", "x").err
    assert "did you mean" not in told
    assert "do:       check the path" in told


def test_a_packed_table_that_is_cut_off(commands: Commands) -> None:
    commands.write("homes.csv.gz", gzip.compress(homes().encode())[:-30])
    result = commands.run("train", "homes.csv.gz", "--target", "price")
    assert result.code == 1
    assert "damaged or cut off" in result.err
    assert "do:       copy or download it again" in result.err
