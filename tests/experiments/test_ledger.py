"""The ledger: nothing finished is lost, nothing torn is believed, nothing foreign is touched."""

from __future__ import annotations

import errno
import json
import math
import os
from pathlib import Path
from typing import Any

import pytest

from chainrule.errors import ChainruleError, FileFormatError, UsageError
from chainrule.experiments import Result, load_sweep
from chainrule.experiments.ledger import FORMAT, Ledger, _line, read_ledger
from tests.experiments.small import AXES, lasting, small


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "runs.jsonl"


def run(number: int) -> Result:
    row = {"epoch": 1, "train_loss": math.inf, "validation_loss": 0.1 + number}
    return Result({"a": number}, 0, 0, 0, math.nan, history=[row], key=f"key {number}")


HEAD: dict[str, Any] = {"axes": {"a": [1, 2]}, "splits": ["x"], "repeats": 1, "score": "r2"}


def filled(path: Path, count: int = 3) -> bytes:
    with Ledger(path, HEAD) as ledger:
        ledger.add([run(number) for number in range(count)])
    return path.read_bytes()


def test_what_is_added_is_read_back(path: Path) -> None:
    filled(path)
    with Ledger(path, HEAD) as ledger:
        assert [result.to_document() for result in ledger.results.values()] == [
            run(number).to_document() for number in range(3)
        ]
        assert ledger.notes == []


def test_each_line_is_json(path: Path) -> None:
    lines = filled(path).decode().splitlines()
    assert [set(json.loads(line)) for line in lines] == [{"seal", "sweep"}] + [{"seal", "run"}] * 3


def test_a_torn_line_is_cut_off_wherever_it_is_torn(path: Path) -> None:
    whole = filled(path)
    before = whole.rstrip(b"\n").rfind(b"\n") + 1
    for end in range(before + 1, len(whole), 7):
        path.write_bytes(whole[:end])
        with Ledger(path, HEAD) as ledger:
            assert set(ledger.results) == {"key 0", "key 1"}
            assert "torn" in ledger.notes[0]
            ledger.add([run(2)])
        assert path.read_bytes() == whole


def test_a_torn_first_line_begins_anew(path: Path) -> None:
    whole = filled(path, 0)
    for end in (0, 1, 9, len(whole) - 1):
        path.write_bytes(whole[:end])
        with Ledger(path, HEAD) as ledger:
            assert ledger.results == {}
        assert path.read_bytes() == whole


@pytest.mark.parametrize("line", [0, 1, 2])
def test_a_line_damaged_within_is_an_error_that_names_it(path: Path, line: int) -> None:
    lines = filled(path).splitlines(keepends=True)
    lines[line] = lines[line].replace(b"0", b"1").replace(b"axes", b"axis")
    path.write_bytes(b"".join(lines))
    with pytest.raises(FileFormatError) as error, Ledger(path, HEAD):
        pass
    assert error.value.where == f"{path}, line {line + 1}"
    assert path.read_bytes() == b"".join(lines)


@pytest.mark.parametrize("content", [b"a,b\n1,2\n", b"hello", b"\x00\xff\n", b"{}\n"])
def test_a_foreign_file_is_refused_and_left_alone(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(FileFormatError), Ledger(path, HEAD):
        pass
    assert path.read_bytes() == content


def test_a_newer_format_is_refused_by_name(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chainrule.experiments.ledger.VERSION", 2)
    filled(path)
    monkeypatch.undo()
    with pytest.raises(FileFormatError, match="format version 2"):
        read_ledger(path)


@pytest.mark.parametrize(
    "other",
    [
        {"score": "rmse"},
        {"axes": {"a": [1]}},
        {"axes": {"b": [1, 2]}},
        {"axes": {"a": [1, 2], "b": [1]}},
        {"splits": ["y"]},
        {"extra": 1},
    ],
)
def test_another_sweep_is_refused(path: Path, other: dict[str, Any]) -> None:
    before = filled(path)
    with pytest.raises(UsageError, match="another sweep"), Ledger(path, {**HEAD, **other}):
        pass
    assert path.read_bytes() == before


def test_of_another_sweep_only_what_differs_is_shown(path: Path) -> None:
    head = {**HEAD, "arguments": {"activation": "relu", "epochs": 15}}
    with Ledger(path, head):
        pass
    other = {**HEAD, "arguments": {"activation": "relu", "epochs": 5}}
    with pytest.raises(UsageError) as caught, Ledger(path, other):
        pass
    assert (caught.value.expected, caught.value.got) == ("{'epochs': 15}", "{'epochs': 5}")


@pytest.mark.parametrize("more", [{"axes": {"a": [2, 3, 1]}}, {"repeats": 2, "splits": ["x", "y"]}])
def test_a_sweep_that_grew_goes_on(path: Path, more: dict[str, Any]) -> None:
    filled(path)
    with Ledger(path, {**HEAD, **more}) as ledger:
        assert len(ledger.results) == 3
        assert "grown" in ledger.notes[0]
    head, results = read_ledger(path)
    assert len(results) == 3
    assert {name: head[name] for name in more} == more
    with pytest.raises(UsageError), Ledger(path, HEAD):  # shrinking is another sweep
        pass


def test_two_sweeps_do_not_write_to_one_ledger(path: Path) -> None:
    pytest.importorskip("fcntl", reason="locks of files are Unix's")
    with Ledger(path, HEAD), pytest.raises(UsageError, match="writing"), Ledger(path, HEAD):
        pass


@pytest.mark.parametrize(
    ("told", "expected", "got"),
    [
        ({"score": "loss"}, "'accuracy'", "'loss'"),
        ({"repeats": 1}, "{'splits': 2}", "{'splits': 1, 'in common': 1}"),
        ({"validation_share": 0.3}, "", ""),
    ],
)
def test_what_differs_is_said_so_that_a_reader_understands(
    path: Path, told: dict[str, Any], expected: str, got: str
) -> None:
    small(out=path)
    with pytest.raises(UsageError) as error:
        small(out=path, **told)
    assert (error.value.expected, error.value.got) == (expected, got)


def test_a_folder_is_no_file_and_the_disk_need_not_be_freed(tmp_path: Path) -> None:
    for place in (tmp_path, tmp_path / "none" / "runs.jsonl", ""):
        with pytest.raises(ChainruleError) as error:
            small(out=place)
        assert error.value.do == "choose the name of a file, in a folder that is there"


def test_a_full_disk_is_an_error_and_leaves_whole_lines(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = filled(path)

    def sync(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with Ledger(path, HEAD) as ledger:
        monkeypatch.setattr("os.fsync", sync)
        with pytest.raises(ChainruleError, match="cannot be written") as error:
            ledger.add([run(9)])
        monkeypatch.undo()
        assert "No space left" in error.value.got
        assert "key 9" not in ledger.results
    assert path.read_bytes() == whole


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="there are no devices")
def test_a_device_is_not_read_to_its_end() -> None:
    for use in (read_ledger, lambda path: small(out=path)):
        with pytest.raises(UsageError, match="no plain file"):
            use("/dev/zero")


def test_a_missing_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ChainruleError, match="cannot be written"), Ledger(tmp_path / "no/x", HEAD):
        pass


def test_a_finished_sweep_repeats_nothing(path: Path) -> None:
    first = small(out=path)
    size = path.stat().st_size
    again = small(out=path)
    assert (first.found, again.found, path.stat().st_size) == (0, 8, size)
    assert lasting(again) == lasting(first)
    assert again.to_csv_text() == first.to_csv_text()


def test_a_sweep_grows_by_values_and_repeats(path: Path) -> None:
    small(out=path)
    grown = small(out=path, axes={**AXES, "width": [2, 4, 6]}, repeats=3)
    assert (grown.found, len(grown.rows)) == (8, 18)
    assert lasting(grown) == lasting(small(axes={**AXES, "width": [2, 4, 6]}, repeats=3))


def test_other_data_are_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small(out=path)
    monkeypatch.setattr("tests.experiments.small.ROWS", 50)
    with pytest.raises(UsageError, match="data"):
        small(out=path)


@pytest.mark.parametrize("told", [{"epochs": 4}, {"seed": 5}, {"loss": "cross_entropy"}])
def test_other_arguments_are_refused(path: Path, told: dict[str, Any]) -> None:
    small(out=path)
    with pytest.raises(ChainruleError):
        small(out=path, **told)


def test_another_network_is_refused(path: Path) -> None:
    from chainrule import nn

    small(out=path)
    with pytest.raises(UsageError, match="networks"):
        small(out=path, network=lambda width: nn.Sequential(nn.Dense(width), nn.Dense(2)))


def test_the_ledger_alone_gives_the_table(path: Path) -> None:
    made = small(out=path)
    found = load_sweep(path)
    assert (found.score, found.held, len(found.rows)) == ("accuracy", made.held, 8)
    assert {row.setting: row.mean for row in found.table()} == {
        row.setting: row.mean for row in made.table()
    }


@pytest.mark.parametrize(
    ("line", "what"),
    [
        (("sweep", {"format": FORMAT, "version": 1}), "does not say which sweep"),
        (("sweep", [1]), "not written by a sweep, or is damaged"),
        (("run", {"key": "x"}), "not the result of a run"),
    ],
)
def test_sealed_lines_of_a_wrong_kind_are_an_error(path: Path, line: Any, what: str) -> None:
    small(out=path)
    kept = b"" if line[0] == "sweep" else path.read_bytes()
    path.write_bytes(kept + _line(*line))
    with pytest.raises(FileFormatError, match=what) as error:
        load_sweep(path)
    assert str(path) in error.value.where


@pytest.mark.skipif(os.name == "nt", reason="an open file cannot be removed there")
def test_a_ledger_that_is_removed_meanwhile_is_an_error(path: Path) -> None:
    def remove(result: Result, done: int, planned: int) -> None:
        path.unlink(missing_ok=True)

    with pytest.raises(ChainruleError, match="cannot be written") as error:
        small(out=path, on_result=remove)
    assert "removed while the sweep ran" in error.value.got


def test_a_disk_that_fails_on_closing_is_told_with_its_file(path: Path) -> None:
    class Failing:
        def close(self) -> None:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    ledger: Any = Ledger(path, HEAD).__enter__()
    file, ledger._file = ledger._file, Failing()
    with pytest.raises(ChainruleError, match="the ledger cannot be written") as failure:
        ledger.__exit__()
    assert failure.value.where == str(path)
    ledger.__exit__()  # it is closed, whatever it said
    file.close()
