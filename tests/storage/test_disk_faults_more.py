"""The same disk under predictions, reports, and the ledger of a sweep."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

import pytest

from chainrule.errors import ChainruleError
from chainrule.experiments import Result, ledger
from chainrule.experiments.ledger import Ledger, read_ledger
from tests.cli.commands import Commands
from tests.storage.disk import CODES, Disk, failing
from tests.tabular.conftest import commands as commands
from tests.tabular.nasty_parts import table

TRAIN = (
    "--target",
    "y",
    "--epochs",
    "1",
    "--hidden",
    "none",
    "--model-only",
    "--out",
    "m.safetensors",
)
WRITERS: dict[str, tuple[str, tuple[str, ...]]] = {
    "predictions": ("p.csv", ("predict", "m.safetensors", "t.csv", "--out", "p.csv")),
    "a report": ("r.html", ("evaluate", "m.safetensors", "t.csv", "--report", "r.html")),
}


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("what", WRITERS)
def test_every_operation_of_an_output_may_fail(
    what: str,
    code: int,
    commands: Commands,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    # What killed processes left in the folder that all share is removed at any time.
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path_factory.mktemp("room")))
    name, words = WRITERS[what]
    commands.write("t.csv", table())
    assert commands.run("train", "t.csv", *TRAIN).code == 0
    place = commands.write(name, "old")
    assert commands.run(*words, "--force").code == 0  # what is imported now is not imported below
    whole = Disk()
    with failing(whole):
        assert commands.run(*words, "--force").code == 0
    new = place.read_bytes()
    assert {"create", "write", "flush", "fsync", "close", "replace"} <= set(whole.done)
    for number, operation in enumerate(whole.done, 1):
        place.write_text("old")
        with failing(Disk(number, code)):
            result = commands.run(*words, "--force")
        assert commands.files() == {"t.csv", "m.safetensors", name}, operation
        if result.code == 0:  # the folder, after the file was renamed
            assert operation in ("open", "fsync")
            assert len(place.read_bytes()) == len(new)
            continue
        assert (result.code, result.err.count("error: ")) == (1, 1), operation
        assert place.read_text() == "old", operation


HEAD: dict[str, Any] = {"axes": {"a": [1, 2]}, "splits": ["x"], "repeats": 1, "score": "r2"}


class _File:
    """A ledger's file on a disk that may fail: half of a line is written then."""

    def __init__(self, file: Any, disk: Disk) -> None:
        self._file, self._disk = file, disk

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def write(self, content: memoryview) -> int:
        try:
            self._disk.operate("write")
        except OSError:
            self._file.write(content[: len(content) // 2])
            raise
        return self._file.write(content)


def fill(path: Path, disk: Disk) -> None:
    """Add three runs, those that are there already left out, each line by itself."""

    def opened(*arguments: Any, **named: Any) -> _File:
        disk.operate("create")
        return _File(open(*arguments, **named), disk)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ledger, "open", opened, raising=False)
        patch.setattr(os, "fsync", disk.counted("fsync", os.fsync))
        with Ledger(path, HEAD) as found:
            for number in range(3):
                if f"key {number}" not in found.results:
                    found.add([Result({"a": number}, 0, 0, 0, 0.5, key=f"key {number}")])


@pytest.mark.parametrize("code", CODES)
def test_every_operation_of_a_ledger_may_fail(code: int, tmp_path: Path) -> None:
    whole = Disk()
    fill(tmp_path / "whole", whole)
    assert whole.done.count("write") == 4
    assert whole.done.count("fsync") >= 4
    lines = (tmp_path / "whole").read_bytes()
    for number in range(1, len(whole.done) + 1):
        path = tmp_path / f"{number}"
        try:
            fill(path, Disk(number, code))
        except ChainruleError as error:
            assert error.where == str(path)  # noqa: PT017
        if path.exists() and path.read_bytes():
            _, runs = read_ledger(path)
            assert [run.key for run in runs] == [f"key {n}" for n in range(len(runs))]
            assert all(json.loads(line) for line in path.read_bytes().splitlines())
        fill(path, Disk())
        assert path.read_bytes() == lines
