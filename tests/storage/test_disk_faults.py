"""A disk that is full or broken at any operation leaves the old file, or the whole new one."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import chainrule as cr
from chainrule import MLPClassifier, nn
from chainrule.errors import ChainruleError
from chainrule.estimators.checkpoints import Saved
from chainrule.storage import Model
from chainrule.training.checkpoint import read_checkpoint
from tests.storage.disk import CODES, Disk, failing
from tests.storage.models import small_model

X = np.random.default_rng(0).normal(size=(40, 3))
y = (X[:, 0] > 0).astype(int)


def save_a_model(path: Path) -> None:
    small_model("float64").save(path, overwrite=True)


def train(path: Path) -> None:
    """Go on from the checkpoint for two epochs, a file after each."""
    network = nn.Sequential(nn.Dense(3, "tanh"), nn.Dense(1))
    told = {"loss": "binary_cross_entropy", "epochs": 1 + 2 * path.exists()}
    cr.train(network, X, y, **told, **{"resume" if path.exists() else "checkpoint": path})


def fit(path: Path) -> None:
    """The same with an estimator."""
    told = {"resume" if path.exists() else "checkpoint": path}
    epochs = 1 + 2 * path.exists()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        MLPClassifier(3, max_iter=epochs, random_state=0, **told).fit(X, y)


def first_model(path: Path) -> None:
    small_model("float32").save(path)


WRITERS: dict[str, tuple[Callable[[Path], None], Callable[[Path], None], Callable[[Path], object]]]
WRITERS = {
    "model": (first_model, save_a_model, Model.load),
    "checkpoint of train": (train, train, read_checkpoint),
    "checkpoint of fit": (fit, fit, Saved.read),
}


@pytest.mark.parametrize("what", WRITERS)
@pytest.mark.parametrize("code", CODES)
def test_every_operation_may_fail(what: str, code: int, tmp_path: Path) -> None:
    first, again, read = WRITERS[what]
    path = tmp_path / "file"
    first(path)
    old = path.read_bytes()
    whole = Disk()
    with failing(whole):
        again(path)
    assert {"create", "write", "flush", "fsync", "close", "replace"} <= set(whole.done)
    for number, operation in enumerate(whole.done, 1):
        path.write_bytes(old)
        try:
            with failing(Disk(number, code)):
                again(path)
            assert operation in ("open", "fsync")  # of the folder, after the file was renamed
        except ChainruleError as error:
            assert error.what.startswith(("the disk is full", "the file could not be written"))  # noqa: PT017
            saved_before = whole.done[: number - 1].count("replace")
            assert saved_before or path.read_bytes() == old, operation
        read(path)
        assert [entry.name for entry in tmp_path.iterdir()] == ["file"], operation


@pytest.mark.parametrize("code", CODES)
def test_a_first_file_is_whole_or_absent(code: int, tmp_path: Path) -> None:
    whole = Disk()
    with failing(whole):
        first_model(tmp_path / "model")
    assert "link" in whole.done
    for number in range(1, len(whole.done) + 1):
        path = tmp_path / str(number)
        try:
            with failing(Disk(number, code)):
                first_model(path)
        except ChainruleError:
            assert not path.exists()
        else:
            Model.load(path)
    assert {entry.name for entry in tmp_path.iterdir()} <= {"model", *map(str, range(1, 20))}
