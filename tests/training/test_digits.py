"""Handwritten digits: two layers, half a minute of nobody's time, 97 % of unseen digits right."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_digits

import chainrule as cr
from chainrule import nn


@pytest.mark.parametrize(
    ("optimizer", "epochs"), [(cr.Adam(2e-3), 40), ("lbfgs", 150)], ids=["adam", "lbfgs"]
)
def test_held_out_digits(optimizer: object, epochs: int) -> None:
    X, y = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(X))
    train, held = order[:1400], order[1400:]
    run = cr.train(
        nn.Sequential(nn.Dense(64, "relu"), nn.Dense(10)),
        X[train] / 16,
        y[train],
        loss="softmax_cross_entropy",
        optimizer=optimizer,
        penalties=cr.L2(1e-4),
        epochs=epochs,
        validation_share=0.1,
    )
    assert np.mean(run.model.predict(X[held] / 16) == y[held]) >= 0.97
