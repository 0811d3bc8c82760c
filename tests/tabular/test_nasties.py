"""Each nasty table gives the right model or one clear message, and leaves nothing half done."""

from __future__ import annotations

import errno
import io
import os
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

import chainrule
from chainrule import files
from chainrule.tabular import Dialect, predict_table, read_table
from chainrule.tabular.predict import encoder_of
from tests.cli.commands import Commands
from tests.tabular.nasties import NASTIES as FIRST
from tests.tabular.nasties import PLAIN
from tests.tabular.nasties_more import MORE
from tests.tabular.nasties_third import THIRD
from tests.tabular.nasty_parts import Bad, Good, table, wide

TRAIN = ("--target", "y", "--epochs", "1", "--hidden", "none", "--model-only", "--json")
NASTIES = FIRST | MORE | THIRD
GOOD = [name for name, case in NASTIES.items() if isinstance(case, Good)]
BAD = [name for name, case in NASTIES.items() if isinstance(case, Bad)]


def place(commands: Commands, case: Good | Bad) -> Path:
    path = commands.folder / case.name
    if callable(case.content):
        case.content(path)
    else:
        commands.write(case.name, case.content)
    return path


def flat(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize("name", BAD)
def test_one_clear_message(commands: Commands, name: str) -> None:
    case = NASTIES[name]
    assert isinstance(case, Bad)
    path = place(commands, case)
    result = commands.run("train", path, *TRAIN, *case.options)
    assert result.code in (1, 2), result
    assert result.err.count("error: ") == 1
    for piece in case.says:
        assert flat(piece) in flat(result.err), result.err
    assert len(result.err) < 1000
    assert "\n  do:  " in result.err, "it says what to do"
    assert "\x1b" not in result.err
    assert "fault of Chainrule" not in result.err
    told = result.err[result.err.index("error: ") :]
    assert all(line.isprintable() for line in told.splitlines()), told
    assert commands.files() == {case.name}


@pytest.mark.parametrize("name", GOOD)
def test_the_right_model(commands: Commands, name: str) -> None:
    case = NASTIES[name]
    assert isinstance(case, Good)
    path = place(commands, case)
    result = commands.run("train", path, *TRAIN, *case.options)
    assert result.code == 0, result.err
    told = result.document()
    used = told["rows"]["training"] + told["rows"]["validation"] + told["rows"]["test"]
    assert (used, told["rows"]["without_target"]) == (case.rows, case.dropped)
    kinds = {column: about["kind"] for column, about in told["columns"].items()}
    assert kinds | case.kinds == kinds
    for column, missing in case.missing.items():
        assert told["columns"][column]["missing"] == missing
    said = flat(" ".join(told["notes"]))
    for piece in case.notes:
        assert piece in said, said
    assert case.features in (None, told["features"])
    assert commands.files() == {case.name, "model.safetensors"}
    model = chainrule.load("model.safetensors")
    words = [word.removeprefix("--") for word in case.options if word != "--drop-missing-target"]
    options = dict(zip(words[::2], words[1::2], strict=True))
    for name in ("task", "ignore"):
        options.pop(name, None)
    dialect = Dialect(**options)
    predicted = predict_table(model, read_table(path, encoder_of(model).expects(), dialect))
    assert len(predicted.values) == case.rows + case.dropped
    numbers = predicted.values if predicted.classes is None else predicted.probabilities
    assert np.isfinite(numbers).all()


def test_there_are_many() -> None:
    assert len(NASTIES) == len(FIRST) + len(MORE) + len(THIRD) > 220


def test_a_folder_and_pipes(commands: Commands) -> None:
    (commands.folder / "t.csv").mkdir()
    os.mkfifo(commands.folder / "pipe.csv")
    for name, message in (("t.csv", "is a folder"), ("pipe.csv", "not a regular file")):
        result = commands.run("train", name, *TRAIN)
        assert result.code in (1, 2), result
        assert message in result.err
    assert commands.files() == {"t.csv", "pipe.csv"}


def test_no_permission(commands: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    path = commands.write("t.csv", PLAIN)

    def refuse(_: Path) -> bytes:
        raise PermissionError(errno.EACCES, "Permission denied", "t.csv")

    if os.geteuid() == 0:  # who may read everything
        monkeypatch.setattr(files, "_first_byte", refuse)
    else:
        path.chmod(0)
    result = commands.run("train", "t.csv", *TRAIN)
    assert result.code == 1
    assert "reading the table is not permitted" in result.err
    assert commands.files() == {"t.csv"}


@pytest.mark.parametrize("fault", [errno.ENOSPC, errno.EIO])
def test_a_full_or_failing_disk_leaves_no_model(
    commands: Commands, monkeypatch: pytest.MonkeyPatch, fault: int
) -> None:
    commands.write("t.csv", PLAIN)

    def fail(*_: object) -> None:
        raise OSError(fault, os.strerror(fault))

    monkeypatch.setattr(files, "_write", fail)
    result = commands.run("train", "t.csv", *TRAIN)
    assert result.code == 1
    assert result.err.count("error: ") == 1
    assert ("the disk is full" if fault == errno.ENOSPC else "could not be written") in result.err
    assert commands.files() == {"t.csv"}


def test_no_room_for_a_copy(commands: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    commands.write("t.csv", PLAIN.encode("utf-16"))

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("chainrule.tabular.source._recode", full)
    result = commands.run("train", "t.csv", *TRAIN)
    assert result.code == 1
    assert "no room for a copy" in result.err
    assert "TMPDIR" in result.err
    assert commands.files() == {"t.csv"}


def test_an_output_that_is_a_device(commands: Commands) -> None:
    commands.write("t.csv", PLAIN)
    result = commands.run("train", "t.csv", *TRAIN, "--out", "/dev/full", "--force")
    assert result.code == 1
    assert "no regular file" in result.err
    assert commands.files() == {"t.csv"}


@pytest.mark.parametrize("name", ["t.csv", "t.parquet", "t.jsonl", "t.csv.zst", "u.csv.gz", "e"])
def test_standard_input(commands: Commands, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    content = b""
    if name != "e":
        kept = (
            next(case for case in NASTIES.values() if isinstance(case, Good) and case.name == name)
            if name != "u.csv.gz"
            else NASTIES["gzip of two members"]
        )
        path = place(commands, kept)
        content = path.read_bytes()
        path.unlink()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
    result = commands.run("train", "-", *TRAIN)
    if not content:
        assert "standard input" in result.err
        assert "empty" in result.err
        return
    assert result.code == 0, result.err
    assert sum(result.document()["rows"].values()) == 40


def test_a_fault_in_standard_input_has_its_line(
    commands: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"x,y\n1,2\ninf,3\n")))
    result = commands.run("train", "-", *TRAIN)
    assert "standard input, line 3" in result.err


def test_ten_thousand_columns_take_seconds(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text(wide(10_000))
    began = time.process_time()
    read = read_table(path)
    assert time.process_time() - began < 8  # half of it on an idle machine
    assert (read.rows, len(read.columns)) == (20, 10_001)
    assert read.column("c9999").values[:3].tolist() == [9.0, 6.0, 3.0]


def test_many_categories_take_little_memory(tmp_path: Path) -> None:
    from chainrule.tabular import Encoder

    path = tmp_path / "t.csv"
    path.write_text(table(lambda row: f"id{row // 2}", count=200_000))
    read = read_table(path)
    tracemalloc.start()
    encoder = Encoder.fit(read, "y")
    X = encoder.encode(read)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert X.shape == (200_000, 65)
    assert peak < 3 * X.nbytes


def test_nothing_is_left_in_the_temporary_folder(
    commands: Commands, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import tempfile

    room = tmp_path / "room"
    room.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(room))
    for name in ("utf-16, big end first", "line ends mixed", "zstd cut off", "JSON lines, nested"):
        place(commands, NASTIES[name])
        commands.run("train", NASTIES[name].name, *TRAIN, "--force")
        assert list(room.iterdir()) == []


def test_the_copy_of_a_killed_process_is_removed_by_the_next(tmp_path: Path) -> None:
    room, path = tmp_path / "room", tmp_path / "t.csv"
    room.mkdir()
    path.write_text("x,y\n1,2\n3,4\n", encoding="utf-16")
    begin = "import os, signal, sys\nfrom chainrule.tabular.source import opened\n"
    begin += "from chainrule.tabular.dialect import AS_FOUND\n"
    begin += "with opened(sys.argv[1], AS_FOUND):\n"
    environment = {**os.environ, "TMPDIR": str(room)}
    for last, left in (("os.kill(os.getpid(), signal.SIGKILL)", 1), ("pass", 0)):
        program = f"{begin}    {last}"
        subprocess.run([sys.executable, "-c", program, path], env=environment, check=not left)
        assert len(list(room.iterdir())) == left
