"""Small data, small networks, and what it means that two runs are the same."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

import chainrule as cr
from chainrule import nn
from chainrule.training.checkpoint import read_checkpoint
from chainrule.training.events import EpochEnded

ROWS = 40


def numbers(rows: int = ROWS, columns: int = 5, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return inputs and a smooth target with some noise, float64."""
    generator = np.random.default_rng(seed)
    X = generator.standard_normal((rows, columns))
    return X, np.sin(X[:, 0]) + 0.5 * X[:, 1] + 0.1 * generator.standard_normal(rows)


def labels(rows: int = ROWS, classes: int = 3, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return inputs and classes that depend on them, none of them rare."""
    X, _ = numbers(rows, seed=seed)
    order = np.argsort(X[:, 0] + 0.3 * X[:, 1])
    y = np.empty(rows, int)
    y[order] = np.arange(rows) * classes // rows
    return X, y


def small(outputs: int = 1) -> nn.Sequential:
    """Return a network of two layers."""
    return nn.Sequential(nn.Dense(6, "tanh"), nn.Dense(outputs))


def noisy(outputs: int = 1) -> nn.Sequential:
    """Return a network with running moments and noise."""
    return nn.Sequential(nn.Dense(7), nn.BatchNorm(), nn.ReLU(), nn.Dropout(0.2), nn.Dense(outputs))


def regress(**changed: Any) -> cr.Run:
    """Train the small network on numbers, a few epochs."""
    X, y = numbers()
    network = changed.pop("network", small())
    told: dict[str, Any] = {"loss": "squared_error", "epochs": 3, "batch_size": 8, **changed}
    return cr.train(network, told.pop("X", X), told.pop("y", y), **told)


def interrupt_after(epoch: int) -> Any:
    """Return a listener that stops the run as Ctrl-C does, after so many epochs."""

    def listener(event: object) -> None:
        if isinstance(event, EpochEnded) and event.row["epoch"] == epoch:
            raise KeyboardInterrupt

    return listener


def timeless(run: cr.Run) -> list[dict[str, Any]]:
    """Return the rows without the seconds; numbers that are not defined compare equal."""
    return [
        {
            name: "nan" if value != value else value
            for name, value in row.items()
            if name != "seconds"
        }
        for row in run.history
    ]


def assert_same_bits(one: cr.Run, other: cr.Run) -> None:
    """Compare weights, running moments, history and the way it ended."""
    assert one.model.weights.tobytes() == other.model.weights.tobytes()
    assert one.model.state.tobytes() == other.model.state.tobytes()
    assert timeless(one) == timeless(other)
    assert (one.stop_reason, one.best_epoch) == (other.stop_reason, other.best_epoch)


def assert_same_checkpoint(one: Path, other: Path) -> None:
    """Compare all vectors of two checkpoints, optimizer slots included, and the counters."""
    first, second = read_checkpoint(one), read_checkpoint(other)
    assert first.tensors.keys() == second.tensors.keys()
    for name, tensor in first.tensors.items():
        assert tensor.tobytes() == second.tensors[name].tobytes(), name
    for name in first.document.keys() - {"rows"}:
        assert first.document[name] == second.document[name], name


def digest(run: cr.Run) -> str:
    """Return a fingerprint of the weights and moments."""
    content = run.model.weights.tobytes() + run.model.state.tobytes()
    return hashlib.blake2b(content, digest_size=8).hexdigest()


def program(*words: str, folder: Path) -> subprocess.Popen[str]:
    """Start a fresh interpreter that sees the same packages as this one."""
    path = os.pathsep.join(entry for entry in sys.path if entry)
    return subprocess.Popen(
        [sys.executable, *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
