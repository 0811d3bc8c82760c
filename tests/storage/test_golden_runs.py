"""Checkpoints and ledgers that were written once are read, and go on to the same numbers."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from chainrule.estimators.checkpoints import Saved
from chainrule.training.checkpoint import read_checkpoint
from tests.experiments.small import small
from tests.storage.golden_runs import AFTER, BEFORE, HOME, fit, scores, table, train


@pytest.fixture(autouse=True)
def _reference(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHAINRULE_ENGINE", "reference")


def kept(name: str) -> Any:
    return json.loads((HOME / name).read_text(encoding="utf-8"))


def test_a_run_goes_on_from_its_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "train.checkpoint"
    shutil.copy(HOME / "train.checkpoint", path)
    checkpoint = read_checkpoint(path)
    assert checkpoint.document["epoch"] == BEFORE
    assert {"now.weights", "now.running"} < set(checkpoint.tensors)
    assert sum(name.startswith("now.slot.") for name in checkpoint.tensors) == 2
    model = train(AFTER, resume=path).model
    for name, values in kept("train.json").items():
        found = model.weights if name == "weights" else model.state
        np.testing.assert_allclose(found, values, rtol=1e-9, atol=1e-12)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_fit_goes_on_from_its_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "fit.checkpoint"
    shutil.copy(HOME / "fit.checkpoint", path)
    saved = Saved.read(path)
    assert (saved.document["iterations"], saved.document["run"]["estimator"]) == (
        3,
        "MLPClassifier",
    )
    assert sum(name.startswith("slot.") for name in saved.tensors) == 2
    X, _ = table()
    found = fit(BEFORE, resume=path).predict_proba(X[:5])
    np.testing.assert_allclose(found, kept("fit.json")["proba"], rtol=1e-9, atol=1e-12)
    assert fit(AFTER, resume=path).n_iter_ == AFTER


def test_a_ledger_tells_the_same_scores(tmp_path: Path) -> None:
    expected = kept("sweep.json")
    for found, row in zip(scores(HOME / "sweep.jsonl"), expected, strict=True):
        assert found == pytest.approx(row) if isinstance(row[-1], float) else found == row


def test_a_sweep_goes_on_in_its_ledger(tmp_path: Path) -> None:
    path = tmp_path / "sweep.jsonl"
    shutil.copy(HOME / "sweep.jsonl", path)
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-2]))
    found = small(out=path)
    assert found.found == len(found.rows) - 2
    assert [row[:2] for row in scores(path)[:-1]] == [row[:2] for row in kept("sweep.json")[:-1]]
