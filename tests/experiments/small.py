"""A small table and the sweep that most tests make of it."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule import nn
from chainrule.experiments import Sweep, sweep

ROWS = 60


def table() -> tuple[np.ndarray, np.ndarray]:
    """Return rows and words as labels."""
    generator = np.random.default_rng(3)
    X = generator.normal(size=(ROWS, 4)).astype(np.float32)
    return X, np.where(X[:, 0] - X[:, 1] > 0, "yes", "no")


def network(width: int = 4) -> nn.Sequential:
    """Return a network for two classes."""
    return nn.Sequential(nn.Dense(width), nn.ReLU(), nn.Dense(2))


AXES: dict[str, Any] = {"width": [2, 6], "learning_rate": [0.01, 0.1]}


def small(**told: Any) -> Sweep:
    """Sweep over the table; one worker, in this process, unless something else is told."""
    X, y = table()
    asked: dict[str, Any] = {
        "axes": AXES,
        "loss": "softmax_cross_entropy",
        "epochs": 3,
        "repeats": 2,
        "workers": 1,
        **told,
    }
    if "epochs" in asked["axes"]:
        del asked["epochs"]
    return sweep(asked.pop("network", network), X, y, **asked)


def lasting(found: Sweep) -> list[dict[str, Any]]:
    """Return everything about a sweep's runs but the times."""
    documents = [result.to_document() for result in found.rows]
    for document in documents:
        del document["seconds"]
        place = document["history"]["columns"]
        if "seconds" in place:
            column = place.index("seconds")
            for row in document["history"]["rows"]:
                del row[column]
    return documents
