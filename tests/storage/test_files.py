"""A written file is whole or absent, whatever happens while it is written."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from chainrule.errors import ChainruleError, DataError, InvalidParameterError, OutputExistsError
from chainrule.files import atomic_write, readable_file, require_writable


def test_bytes_text_and_functions_are_written(tmp_path: Path) -> None:
    assert atomic_write(tmp_path / "a", b"\x00\xff").read_bytes() == b"\x00\xff"
    assert atomic_write(tmp_path / "b", "ü\n").read_bytes() == "ü\n".encode()
    assert atomic_write(tmp_path / "c", lambda file: file.write(b"x")).read_bytes() == b"x"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b", "c"]


def test_a_new_file_has_the_usual_permissions(tmp_path: Path) -> None:
    (tmp_path / "usual").touch()
    path = atomic_write(tmp_path / "ours", "x")
    assert path.stat().st_mode == (tmp_path / "usual").stat().st_mode


def test_a_replaced_file_keeps_its_permissions(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.touch()
    path.chmod(0o640)
    atomic_write(path, "x", overwrite=True)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_a_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    atomic_write(tmp_path / "link", "new", overwrite=True)
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "new"


def test_nothing_is_replaced_without_leave(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text("old")
    with pytest.raises(OutputExistsError, match="overwrite=True"):
        atomic_write(path, "new")
    assert path.read_text() == "old"


def test_a_file_that_appears_meanwhile_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "a"

    def write(file: BinaryIO) -> None:
        path.write_text("theirs")
        file.write(b"ours")

    with pytest.raises(OutputExistsError, match="meanwhile"):
        atomic_write(path, write)
    assert [entry.name for entry in tmp_path.iterdir()] == ["a"]
    assert path.read_text() == "theirs"


def test_a_file_system_without_hard_links(tmp_path: Path, monkeypatch: Any) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, "not supported")

    monkeypatch.setattr(os, "link", refuse)
    assert atomic_write(tmp_path / "a", "x").read_text() == "x"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a"]


@pytest.mark.parametrize("failing", ["write", "fsync", "replace"])
@pytest.mark.parametrize(
    ("code", "message"),
    [
        (errno.ENOSPC, "disk is full"),
        (errno.EIO, "could not be written"),
        (errno.EACCES, "not permitted"),
    ],
)
def test_a_failure_at_any_point_keeps_the_old_file(
    tmp_path: Path, monkeypatch: Any, failing: str, code: int, message: str
) -> None:
    path = tmp_path / "a"
    path.write_text("old")

    def fail(*_: object, **__: object) -> None:
        raise OSError(code, os.strerror(code))

    if failing != "write":
        monkeypatch.setattr(os, failing, fail)
    with pytest.raises(ChainruleError, match=message):
        atomic_write(path, fail if failing == "write" else b"new", overwrite=True)
    monkeypatch.undo()
    assert [entry.name for entry in tmp_path.iterdir()] == ["a"]
    assert path.read_text() == "old"


def test_an_interrupt_leaves_no_litter(tmp_path: Path) -> None:
    def interrupted(file: BinaryIO) -> None:
        file.write(b"half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        atomic_write(tmp_path / "a", interrupted)
    assert list(tmp_path.iterdir()) == []


def test_the_writers_own_error_is_not_hidden(tmp_path: Path) -> None:
    def wrong(file: BinaryIO) -> None:
        raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        atomic_write(tmp_path / "a", wrong)


def test_file_and_folder_are_synced_in_order(tmp_path: Path, monkeypatch: Any) -> None:
    calls: list[str] = []
    real = {name: getattr(os, name) for name in ("fsync", "replace", "link")}

    def noted(name: str) -> Any:
        def call(*arguments: Any, **named: Any) -> Any:
            kind = "folder" if name == "fsync" and _is_folder(arguments[0]) else name
            calls.append(kind)
            return real[name](*arguments, **named)

        return call

    for name in real:
        monkeypatch.setattr(os, name, noted(name))
    atomic_write(tmp_path / "a", "x")
    assert calls == ["fsync", "link", "folder"]
    calls.clear()
    atomic_write(tmp_path / "a", "y", overwrite=True)
    assert calls == ["fsync", "replace", "folder"]


def _is_folder(handle: int) -> bool:
    return stat.S_ISDIR(os.fstat(handle).st_mode)


@pytest.mark.parametrize(
    ("name", "message"),
    [(".", "is a folder"), ("no/a", "mkdir -p"), ("a\0b", "zero character")],
)
def test_impossible_outputs_are_refused_early(tmp_path: Path, name: str, message: str) -> None:
    with pytest.raises(ChainruleError, match=message):
        require_writable(tmp_path / name)


def test_a_name_that_is_too_long(tmp_path: Path) -> None:
    with pytest.raises(ChainruleError, match="could not be written"):
        atomic_write(tmp_path / ("x" * 300), "x")


def test_readable_file(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    (tmp_path / "model").write_text("x")
    assert readable_file(tmp_path / "model", "table") == tmp_path / "model"
    for name, message in [
        ("empty", "is empty"),
        ("modle", "did you mean model"),
        (".", "is a folder"),
        ("no/x", "does not exist either"),
    ]:
        with pytest.raises(DataError, match=message):
            readable_file(tmp_path / name, "table")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(DataError, match="not a regular file"):
        readable_file(tmp_path / "pipe", "table")


def test_a_folder_is_told_once(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        readable_file(tmp_path, "table")
    assert caught.value.what == "the table is a folder"


def test_a_pipe_and_a_device_are_never_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path(os.devnull)):
        with pytest.raises(ChainruleError, match="no regular file"):
            atomic_write(path, "x", overwrite=True)
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)


@pytest.mark.parametrize("path", [3, b"x", None])
def test_what_is_no_path(path: Any) -> None:
    with pytest.raises(InvalidParameterError, match="not a path"):
        require_writable(path)
    with pytest.raises(InvalidParameterError, match="not a path"):
        readable_file(path, "table")


def test_the_litter_of_a_killed_process_goes_with_the_next_write(tmp_path: Path) -> None:
    program = (
        "import os, sys\nfrom chainrule.files import atomic_write\n"
        "atomic_write(sys.argv[1], lambda file: os.kill(os.getpid(), 9))"
    )
    for name in ("a", "b"):
        subprocess.run([sys.executable, "-c", program, tmp_path / name])
    (tmp_path / ".chainrule-other.tmp").touch()
    assert len(list(tmp_path.iterdir())) == 3

    def write(file: BinaryIO) -> None:
        atomic_write(tmp_path / "a", "inner")  # the outer file belongs to a living process

    with pytest.raises(OutputExistsError):
        atomic_write(tmp_path / "a", write)
    left = {entry.name for entry in tmp_path.iterdir()}
    assert {"a", ".chainrule-other.tmp"} < left
    assert [name for name in left if name.startswith(".chainrule-b-")]
    assert len(left) == 3
