"""Augmented training on rows in a file: in place, by position, within the stated memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.engine.protocol import Rows
from chainrule.engine.select import threads_of_engines
from chainrule.errors import CheckpointError, InvalidParameterError, ShapeError
from chainrule.maths.augmentations_table import GROUP
from chainrule.training import blocks_rows
from chainrule.training.augmentation import augment_in_place, augmented
from tests.training.runs import assert_same_bits, interrupt_after, labels, noisy, numbers

MIXED = [cr.Noise(0.2), cr.Mixup(0.4), cr.FeatureDropout(0.2)]
ROWS = 2 * GROUP + 300
WINDOW = 1200


def gathered(folder: Path, rows: int = ROWS, classes: bool = False, **changed: Any) -> cr.Blocks:
    X, y = labels(rows) if classes else numbers(rows)

    def chunks() -> Iterator[Any]:
        for start in range(0, rows, 500):
            yield X[start : start + 500], y[start : start + 500]

    return cr.Blocks.gather(chunks(), folder=folder, **{"memory": "128MB", "seed": 3, **changed})


def fit(blocks: cr.Blocks, **changed: Any) -> cr.Run:
    told = {"loss": "squared_error", "epochs": 3, "batch_size": 100, "augment": MIXED, **changed}
    return cr.train(told.pop("network", noisy()), blocks, **told)


@pytest.fixture
def windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no more than 1,200 rows be in memory, in blocks of 40 at most."""
    monkeypatch.setattr(blocks_rows.Arena, "capacity", lambda self, width: WINDOW)
    monkeypatch.setattr(blocks_rows, "_BLOCK_BYTES", 40 * 6 * 4)
    monkeypatch.setattr(blocks_rows, "_BLOCKS", 1)


@pytest.mark.parametrize("classes", [False, True])
@pytest.mark.parametrize("shuffle", [False, True])
def test_what_fits_into_memory_trains_to_the_bits_of_memory(
    classes: bool, shuffle: bool, tmp_path: Path
) -> None:
    loss = "softmax_cross_entropy" if classes else "squared_error"
    told: dict[str, Any] = {"loss": loss, "shuffle": shuffle}
    told["network"] = noisy(3 if classes else 1)
    with gathered(tmp_path, classes=classes) as blocks:
        run = fit(blocks, **told)
    X, y = labels(ROWS) if classes else numbers(ROWS)
    network, shared = told.pop("network"), {"epochs": 3, "batch_size": 100, "augment": MIXED}
    assert_same_bits(run, cr.train(network, X.astype("float32"), y, **told, **shared))


@pytest.mark.usefixtures("windows")
def test_windows_in_file_order_change_rows_as_memory_does(tmp_path: Path) -> None:
    """Noise and dropped features are drawn by position, wherever windows begin and end."""
    told: dict[str, Any] = {"shuffle": False, "augment": [cr.Noise(0.2), cr.FeatureDropout(0.2)]}
    with gathered(tmp_path) as blocks:
        run = fit(blocks, train_metrics=False, **told)
    X, y = numbers(ROWS)
    told.update(loss="squared_error", epochs=3, batch_size=100, train_metrics=False)
    memory = cr.train(noisy(), X.astype("float32"), y, **told)
    assert run.model.weights.tobytes() == memory.model.weights.tobytes()


@pytest.mark.usefixtures("windows")
@pytest.mark.parametrize("at", [1, 2])
def test_a_resumed_run_is_the_run_that_was_never_stopped(at: int, tmp_path: Path) -> None:
    path = tmp_path / "state"
    with gathered(tmp_path) as blocks:
        whole = fit(blocks)
        fit(blocks, checkpoint=path, on_event=interrupt_after(at))
        assert_same_bits(fit(blocks, resume=path), whole)
        with pytest.raises(CheckpointError, match="augment"):
            fit(blocks, resume=path, augment=MIXED[:2])


@pytest.mark.usefixtures("windows")
def test_threads_change_no_bits_and_scores_are_of_the_given_rows(tmp_path: Path) -> None:
    with gathered(tmp_path) as blocks:
        with threads_of_engines(1):
            one = fit(blocks, restore_best=False)
        with threads_of_engines(3):
            assert_same_bits(one, fit(blocks, restore_best=False))
        plain = fit(blocks, restore_best=False, augment=())
    assert one.model.weights.tobytes() != plain.model.weights.tobytes()
    X, y = numbers(ROWS)
    found = np.sqrt(np.mean((one.model.predict(X.astype("float32")) - y) ** 2))
    assert one.history.rows[-1]["train_rmse"] == pytest.approx(found, rel=1e-4)


def test_a_window_is_cut_at_the_groups_of_the_epoch() -> None:
    generator = np.random.default_rng(0)
    X, Y = generator.random((ROWS, 3)), generator.random((ROWS, 2))
    order = generator.permutation(ROWS)
    whole = Rows(X.copy(), Y.copy())
    augment_in_place(MIXED, whole, order, 7, 2, 0)
    for first in range(0, ROWS, GROUP):
        part = order[first : first + GROUP]
        expected = augmented(MIXED, Rows(X, Y).take(part), 7, 2, first)
        assert np.array_equal(whole.X[part], expected[0])
        assert np.array_equal(whole.Y[part], expected[1])
    late = Rows(X[: GROUP + 9].copy(), Y[: GROUP + 9].copy())
    places = np.arange(GROUP + 9)[::-1]
    augment_in_place(MIXED, late, places, 7, 2, GROUP - 5)
    begin = augmented(MIXED, Rows(X, Y).take(places[:5]), 7, 2, GROUP - 5)
    assert np.array_equal(late.X[places[:5]], begin[0])
    middle = augmented(MIXED, Rows(X, Y).take(places[5 : GROUP + 5]), 7, 2, GROUP)
    assert np.array_equal(late.Y[places[5 : GROUP + 5]], middle[1])


def test_what_cannot_be_is_refused_before_training(tmp_path: Path) -> None:
    none = pytest.raises(ShapeError, match="rows are none of that shape")
    with gathered(tmp_path) as blocks, none:
        fit(blocks, augment="shift")
    wide = [(np.ones((30, 700)), np.ones(30))]
    with cr.Blocks.gather(wide, memory="128MB", folder=tmp_path) as blocks:
        with pytest.raises(InvalidParameterError, match=r"memory[\s\S]*at least (\d+) MB") as error:
            fit(blocks, network=nn.Dense(1))
        assert fit(blocks, network=nn.Dense(1), augment=()).stop_reason == "epochs"
    enough = f"{int(error.value.expected.split()[2]) + 1}MB"
    with cr.Blocks.gather(wide, memory=enough, folder=tmp_path) as blocks:
        assert fit(blocks, network=nn.Dense(1)).stop_reason == "epochs"


def test_the_working_memory_is_no_less_than_what_is_used(tmp_path: Path) -> None:
    import tracemalloc

    from chainrule.training.augmentation import working_bytes

    generator = np.random.default_rng(0)
    for dtype in ("float32", "float64"):
        X = generator.random((GROUP, 64)).astype(dtype)
        Y = generator.random((GROUP, 3)).astype(dtype)
        members = [*MIXED, cr.Shift(2), cr.Rotation(5)]
        rows = Rows(X, Y)
        augment_in_place(members, rows, np.arange(GROUP), 0, 0, 0)
        tracemalloc.start()
        augment_in_place(members, rows, np.arange(GROUP), 0, 1, 0)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak <= working_bytes(64 + 3)
