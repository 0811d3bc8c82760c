"""Checkpoints and a ledger as the first version of their formats wrote them.

    python -m tests.storage.golden_runs       writes the files that are not there yet

The reference engine writes them: the other one's bits are those of an instruction set, and a
checkpoint of one is refused on another.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np

import chainrule as cr
from chainrule import MLPClassifier, nn
from chainrule.experiments import load_sweep
from chainrule.training.checkpoint import VERSION
from tests.experiments.small import small
from tests.storage.golden import FOLDER

__all__ = ["HOME", "fit", "scores", "table", "train"]

HOME = FOLDER / f"runs-v{VERSION}"
BEFORE, AFTER = 3, 6
"""Epochs that a checkpoint has done, and those of the run that went on."""


def table() -> tuple[np.ndarray, np.ndarray]:
    """Return rows and classes, the same for ever."""
    X = (np.arange(160).reshape(40, 4) * 7 % 23) / 11 - 1
    return X, (X[:, 0] + X[:, 1] > X[:, 2]).astype(np.int64)


def train(epochs: int, **more: Any) -> cr.Run:
    """Train with an optimizer that has slots, a schedule that has a state, and running moments."""
    X, y = table()
    network = nn.Sequential(nn.Dense(4), nn.BatchNorm(), nn.ReLU(), nn.Dropout(0.2), nn.Dense(1))
    return cr.train(
        network,
        X[10:],
        y[10:],
        loss="binary_cross_entropy",
        optimizer="adam",
        schedule=cr.Plateau(patience=1),
        validation=(X[:10], y[:10]),
        batch_size=8,
        epochs=epochs,
        seed=11,
        dtype="float64",
        **more,
    )


def fit(epochs: int, **more: Any) -> MLPClassifier:
    """Fit an estimator that stops by scores of rows held out."""
    settings: dict[str, Any] = {"dropout": 0.2, "early_stopping": True, "n_iter_no_change": 99}
    estimator = MLPClassifier(3, max_iter=epochs, random_state=2, **settings, **more)
    return estimator.fit(*table())


def scores(path: Path) -> list[list[Any]]:
    """Return what a ledger tells of its runs."""
    found = load_sweep(path)
    rows = [[run.setting, run.repeat, run.score, run.stop_reason] for run in found.rows]
    return [*rows, ["best", found.best.setting]]


def main() -> None:
    """Write what is not there yet."""
    import warnings

    warnings.simplefilter("ignore")
    os.environ["CHAINRULE_ENGINE"] = "reference"
    HOME.mkdir(parents=True, exist_ok=True)
    if not (HOME / "train.checkpoint").exists():
        train(BEFORE, checkpoint=HOME / "train.checkpoint")
        went_on = train(AFTER).model
        _write("train.json", {"weights": went_on.weights.tolist(), "state": went_on.state.tolist()})
    if not (HOME / "fit.checkpoint").exists():
        estimator = fit(BEFORE, checkpoint=HOME / "fit.checkpoint")
        X, _ = table()
        _write("fit.json", {"proba": estimator.predict_proba(X[:5]).tolist()})
    if not (HOME / "sweep.jsonl").exists():
        small(out=HOME / "sweep.jsonl")
        _write("sweep.json", scores(HOME / "sweep.jsonl"))


def _write(name: str, value: Any) -> None:
    (HOME / name).write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
