"""Training on blocks: every row once, the same bits again and after a stop, nothing left behind."""

from __future__ import annotations

import errno
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import (
    ChainruleError,
    CheckpointError,
    DataError,
    DivergenceError,
    InvalidParameterError,
    TargetError,
    UsageError,
)
from chainrule.streams import Stream
from chainrule.training import blocks_rows
from chainrule.training.blocks_file import PartWriter
from chainrule.training.blocks_folder import passing_folder, require_space
from chainrule.training.blocks_memory import LEAST, Budget
from chainrule.training.blocks_order import row_order, turns
from chainrule.training.blocks_writer import part_of_rows
from tests.training.runs import (
    assert_same_bits,
    assert_same_checkpoint,
    interrupt_after,
    noisy,
    numbers,
    program,
    small,
)

ROWS = 300
LOSSES = ("squared_error", "softmax_cross_entropy", "binary_cross_entropy")


def chunks(loss: str = "squared_error", size: int = 64, weights: bool = False) -> Iterator[Any]:
    X, y = numbers(ROWS)
    if loss == "softmax_cross_entropy":
        y = np.digitize(y, [-0.5, 0.5]) + 3
    elif loss != "squared_error":
        y = (y > 0).astype(int)
    w = 1.0 + np.arange(ROWS) % 4
    for start in range(0, ROWS, size):
        part = slice(start, start + size)
        yield (X[part], y[part], w[part]) if weights else (X[part], y[part])


def gathered(folder: Path, **changed: Any) -> cr.Blocks:
    told = {"memory": "128MB", "validation_share": 0.2, "seed": 3, **changed}
    source = told.pop("chunks", None)
    return cr.Blocks.gather(chunks() if source is None else source, folder=folder, **told)


def fit(blocks: cr.Blocks, **changed: Any) -> cr.Run:
    network = changed.pop("network", noisy())
    told = {"loss": "squared_error", "epochs": 4, "batch_size": 16, **changed}
    return cr.train(network, blocks, **told)


def loaded(blocks: cr.Blocks, part: str) -> np.ndarray:
    rows = np.empty((blocks.rows[part], blocks.form.width), blocks.form.dtype)
    blocks.files[part].read([(0, len(rows))], rows)
    return rows


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no more than 70 rows be in memory, in blocks of 5 at most, and 33 be scored at a time."""
    monkeypatch.setattr(blocks_rows.Arena, "capacity", lambda self, width: 70)
    monkeypatch.setattr(blocks_rows, "_BLOCK_BYTES", 5 * 6 * 4)
    monkeypatch.setattr(blocks_rows, "_BLOCKS", 1)
    monkeypatch.setattr("chainrule.training.blocks_scores.rows_at_once", lambda rows, raw: 33)


@pytest.mark.parametrize("rows", [1, 7, 97, 500])
@pytest.mark.parametrize("block", [1, 4, 33])
@pytest.mark.parametrize("window", [8, 96, 600])
@pytest.mark.parametrize("shuffle", [True, False])
def test_every_row_is_seen_once_an_epoch(rows: int, block: int, window: int, shuffle: bool) -> None:
    for epoch in range(3):
        seen: list[int] = []
        for turn in turns(rows, block, window, 5, epoch, shuffle):
            assert turn.first == len(seen)
            assert len(turn) == min(window, rows - turn.first)
            for first, count in turn.pieces:
                seen += range(first, first + count)
        assert sorted(seen) == list(range(rows))
        if not shuffle:
            assert seen == list(range(rows))


def test_epochs_differ_in_order_and_in_cuts() -> None:
    orders = [[turn.pieces for turn in turns(90, 10, 30, 0, epoch)] for epoch in range(4)]
    assert len({str(order) for order in orders}) == 4
    assert len({piece[0] % 10 for order in orders for pieces in order for piece in pieces}) > 4


def test_windows_mix_a_sorted_file() -> None:
    """The mean of each window is near that of all rows: the blocks come from everywhere."""
    for turn in turns(100_000, 100, 10_000, 0, 0):
        places = np.concatenate([np.arange(first, first + count) for first, count in turn.pieces])
        assert abs(places.mean() - 50_000) < 4 * 28_868 / np.sqrt(100)


def test_the_order_within_a_window_is_the_stream_s_permutation() -> None:
    drawn = row_order(70_001, 3, 2, 5)
    assert np.array_equal(drawn, Stream(3, "shuffle", 2, 5).permutation(70_001))


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("weights", [False, True])
def test_what_fits_into_memory_trains_to_the_bits_of_memory(
    loss: str, weights: bool, tmp_path: Path
) -> None:
    with gathered(tmp_path, chunks=chunks(loss, weights=weights)) as blocks:
        width = {"softmax_cross_entropy": 3}.get(loss, 1)
        run = fit(blocks, loss=loss, network=noisy(width))
        parts = [loaded(blocks, part) for part in ("training", "validation")]
    split = [
        (rows[:, :5], rows[:, 5] if loss == "squared_error" else rows[:, 5].astype(int))
        + ((rows[:, 6],) if weights else ())
        for rows in parts
    ]
    told: dict[str, Any] = {"sample_weight": split[0][2]} if weights else {}
    told.update(loss=loss, validation=split[1], epochs=4, batch_size=16)
    assert_same_bits(run, cr.train(noisy(width), *split[0][:2], **told))


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("weights", [False, True])
def test_the_same_bits_again_in_windows(loss: str, weights: bool, tmp_path: Path) -> None:
    width = {"softmax_cross_entropy": 3}.get(loss, 1)
    runs = []
    for _ in range(2):
        with gathered(tmp_path, chunks=chunks(loss, weights=weights)) as blocks:
            runs.append(fit(blocks, loss=loss, network=noisy(width)))
    assert_same_bits(*runs)
    assert runs[0].history.rows[-1]["step"] == 4 * -(-blocks.rows["training"] // 16)


@pytest.mark.usefixtures("few")
def test_scores_in_parts_are_those_of_all_rows(tmp_path: Path) -> None:
    told: dict[str, Any] = {"metrics": ("r2", "rmse", "mae", "mse", "pinball"), "shuffle": False}
    with gathered(tmp_path, chunks=chunks(weights=True), dtype="float64") as blocks:
        run = fit(blocks, dtype="float64", network=small(), **told)
        parts = [loaded(blocks, part) for part in ("training", "validation")]
    (X, y, w), held = [(rows[:, :5], rows[:, 5], rows[:, 6]) for rows in parts]
    told.update(loss="squared_error", epochs=4, batch_size=16, dtype="float64")
    whole = cr.train(small(), X, y, sample_weight=w, validation=held, **told)
    assert run.model.weights.tobytes() == whole.model.weights.tobytes()  # no shuffle, same batches
    for mine, theirs in zip(run.history, whole.history, strict=True):
        for name in set(mine) - {"seconds"}:
            assert mine[name] == pytest.approx(theirs[name], rel=1e-12), name


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize("optimizer", ["adam", "momentum"])
def test_a_resumed_run_has_the_same_bits(optimizer: str, tmp_path: Path) -> None:
    told: dict[str, Any] = {"optimizer": optimizer, "epochs": 5}
    with gathered(tmp_path) as blocks:
        whole = fit(blocks, **told, checkpoint=tmp_path / "whole")
    with gathered(tmp_path) as blocks:
        fit(blocks, **told, checkpoint=tmp_path / "part", on_event=interrupt_after(2))
    with gathered(tmp_path) as blocks:
        assert_same_bits(fit(blocks, **told, resume=tmp_path / "part"), whole)
    assert_same_checkpoint(tmp_path / "part", tmp_path / "whole")


def test_another_budget_or_other_rows_are_not_resumed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with gathered(tmp_path) as blocks:
        fit(blocks, checkpoint=tmp_path / "run")
    with gathered(tmp_path, seed=4) as blocks, pytest.raises(CheckpointError, match="data"):
        fit(blocks, resume=tmp_path / "run")
    monkeypatch.setattr(blocks_rows.Arena, "capacity", lambda self, width: 64)
    with gathered(tmp_path) as blocks, pytest.raises(CheckpointError, match="data"):
        fit(blocks, resume=tmp_path / "run")


@pytest.mark.usefixtures("few")
def test_a_run_that_diverges_says_where(tmp_path: Path) -> None:
    with (
        gathered(tmp_path) as blocks,
        pytest.raises(DivergenceError, match="diverged before one"),
    ):
        fit(blocks, network=small(), optimizer=cr.SGD(1e30))


@pytest.mark.usefixtures("few")
def test_time_runs_out_within_an_epoch(tmp_path: Path) -> None:
    with gathered(tmp_path) as blocks:
        run = fit(blocks, epochs=10_000, stopping=cr.Stopping(max_seconds=0.2))
    assert run.stop_reason == "max_seconds"
    assert run.history.rows[-1]["step"] == run.model.record["updates"]


def test_nothing_is_left_behind(tmp_path: Path) -> None:
    with gathered(tmp_path) as blocks:
        assert len(list(tmp_path.iterdir())) == 1
        fit(blocks)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(DataError, match="not there any more"):
        fit(blocks)

    def failing() -> Iterator[Any]:
        yield from chunks(size=100)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        gathered(tmp_path, chunks=failing())
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_process_left_is_removed_by_the_next(tmp_path: Path) -> None:
    code = (
        "import os, signal\n"
        "from pathlib import Path\n"
        "from tests.training.test_blocks import gathered\n"
        "blocks = gathered(Path('.'))\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    process = program("-c", code, folder=tmp_path)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL, errors
    (left,) = tmp_path.iterdir()
    with gathered(tmp_path) as mine, gathered(tmp_path) as beside:
        assert not left.exists()
        assert len(list(tmp_path.iterdir())) == 2  # what is in use is not touched
        assert mine.rows == beside.rows
    assert list(tmp_path.iterdir()) == []


def test_parts_are_drawn_row_by_row(tmp_path: Path) -> None:
    drawn = part_of_rows(9, 0, 5000, 0.2, 0.1)
    assert np.abs(np.bincount(drawn) / 5000 - [0.7, 0.2, 0.1]).max() < 0.02
    with (
        gathered(tmp_path, test_share=0.3) as one,
        gathered(tmp_path, test_share=0.3, chunks=chunks(size=17)) as other,
    ):
        for part in ("training", "validation", "test"):
            assert loaded(one, part).tobytes() == loaded(other, part).tobytes()


@pytest.mark.parametrize(
    ("stated", "bytes_"),
    [("256MB", 256 * 10**6), ("1GiB", 2**30), ("0.5 gb", 5 * 10**8), (LEAST, LEAST)],
)
def test_amounts_of_memory(stated: object, bytes_: int) -> None:
    assert Budget.of(stated).total == bytes_


@pytest.mark.parametrize("stated", ["much", "12XB", "-5GB", None, True, 1.5, "64MB", 0])
def test_amounts_that_are_refused(stated: object) -> None:
    with pytest.raises(InvalidParameterError, match="memory"):
        Budget.of(stated)


@pytest.mark.parametrize(
    ("told", "error", "message"),
    [
        ({"optimizer": "lbfgs"}, UsageError, "all rows at once"),
        ({"y": np.zeros(3)}, UsageError, "y cannot be told"),
        ({"validation_share": 0.2}, UsageError, "validation_share cannot be told"),
        ({"class_weight": "balanced"}, UsageError, "class_weight cannot be told"),
        ({"dtype": "float64"}, InvalidParameterError, "another type"),
        ({"record": True}, UsageError, "recorded"),
        ({"loss": "softmax_cross_entropy"}, TargetError, "class number"),
    ],
)
def test_what_cannot_be_asked_of_blocks(
    told: dict[str, Any], error: type[ChainruleError], message: str, tmp_path: Path
) -> None:
    with gathered(tmp_path) as blocks, pytest.raises(error, match=message):
        fit(blocks, **told)


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ([], DataError, "nothing to train on"),
        ([(np.ones((3, 2)), np.ones(4))], DataError, "different numbers of rows"),
        ([(np.ones((3, 2)), ["a", "b", "c"])], TargetError, "numbers"),
        ([(np.ones((3, 2)), [1.0, np.nan, 2.0])], TargetError, "finite"),
        ([(np.full((3, 2), np.inf), np.ones(3))], DataError, "finite"),
        ([(np.ones((9, 2)), np.ones(9)), (np.ones((9, 3)), np.ones(9))], DataError, "first one"),
        ([(np.ones((1, 2)), np.ones(1))], DataError, "none is left"),
        ([np.ones((3, 2))], DataError, "chunk is not understood"),
    ],
)
def test_chunks_that_are_refused(
    given: list[Any], error: type[ChainruleError], message: str, tmp_path: Path
) -> None:
    with pytest.raises(error, match=message):
        gathered(tmp_path, chunks=given)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("few")
def test_a_batch_or_a_network_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    with gathered(tmp_path) as blocks:
        with pytest.raises(InvalidParameterError, match="one batch does not fit"):
            fit(blocks, batch_size=100)
        with pytest.raises(InvalidParameterError, match="the network does not fit"):
            fit(blocks, network=cr.nn.Sequential(cr.nn.Dense(200_000), cr.nn.Dense(1)))


def test_a_full_disk_is_told(tmp_path: Path) -> None:
    with pytest.raises(ChainruleError, match="too full for the rows"):
        require_space(tmp_path, 10**18, "the rows")
    with (
        pytest.raises(ChainruleError, match="cannot be used"),
        passing_folder(tmp_path / "missing"),
    ):
        pass


def test_a_disk_that_fills_up_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Full:
        """A file on a disk that is full after some bytes."""

        def __init__(self, file: Any) -> None:
            self.file = file

        def write(self, content: bytes) -> None:
            if self.file.tell() > 1000:
                raise OSError(errno.ENOSPC, "no space left")
            self.file.write(content)

        def close(self) -> None:
            self.file.close()

    real = PartWriter.__init__

    def full(self: Any, path: Path, form: Any) -> None:
        real(self, path, form)
        self._file = Full(self._file)

    monkeypatch.setattr(PartWriter, "__init__", full)
    with pytest.raises(ChainruleError, match="disk is full"):
        gathered(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "told",
    [
        *({"seed": seed} for seed in (None, "3", 1.5, float("nan"), 10**5000)),
        *({"folder": folder} for folder in (None, 3, b"folder", "a\0b", "half a pair \ud800")),
        *({"chunks": several} for several in (None, 3, len)),
        *({"memory": amount} for amount in (None, 256.5, object())),
    ],
    ids=lambda told: " ".join(f"{name} {type(value).__name__}" for name, value in told.items()),
)
def test_arguments_of_gather(told: dict[str, Any], tmp_path: Path) -> None:
    arguments: dict[str, Any] = {"chunks": chunks(), "memory": "128MB", "folder": tmp_path}
    with pytest.raises(InvalidParameterError):
        cr.Blocks.gather(**{**arguments, **told})
    assert list(tmp_path.iterdir()) == []


def test_chunks_that_are_no_rows(tmp_path: Path) -> None:
    for X in (3, None, "rows"):
        with pytest.raises(DataError):
            cr.Blocks.gather([(X, [1.0])], memory="128MB", folder=tmp_path)
    assert list(tmp_path.iterdir()) == []
