"""The class `SimpleNN` of note 004 as one function: the learner's code, which the tests examine.

Columns are samples. It computes what the note's class computes, the wrong line included.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from chainrule import nn

__all__ = ["NETWORK", "Weights", "as_columns", "as_rows", "forward", "printed_step"]

NETWORK = nn.Sequential(nn.Dense(4), nn.Sigmoid(), nn.Dense(1))
"""Its network in the library's words, up to the raw output; the loss adds the last sigmoid."""


class Weights(NamedTuple):
    """Weights in the note's shapes: `W1 (hidden, input)`, `b1 (hidden, 1)`, ..."""

    W1: np.ndarray
    b1: np.ndarray
    W2: np.ndarray
    b2: np.ndarray


def forward(weights: Weights, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the outputs of the hidden layer and of the network."""
    a1 = 1.0 / (1.0 + np.exp(-(weights.W1 @ X + weights.b1)))
    a2 = 1.0 / (1.0 + np.exp(-(weights.W2 @ a1 + weights.b2)))
    return a1, a2


def printed_step(
    weights: Weights, X: np.ndarray, y: np.ndarray, rate: float
) -> tuple[Weights, float]:
    """Return the weights after one step, and the loss that the class prints before it."""
    a1, a2 = forward(weights, X)
    samples = X.shape[1]
    dz2 = a2 - y  # "for MSE + sigmoid", says the note: this is the line in question
    dz1 = (weights.W2.T @ dz2) * a1 * (1.0 - a1)
    after = Weights(
        weights.W1 - rate / samples * (dz1 @ X.T),
        weights.b1 - rate / samples * dz1.sum(axis=1, keepdims=True),
        weights.W2 - rate / samples * (dz2 @ a1.T),
        weights.b2 - rate / samples * dz2.sum(axis=1, keepdims=True),
    )
    return after, float(np.mean((y - a2) ** 2))


def as_columns(tensors: dict[str, np.ndarray]) -> Weights:
    """Turn the library's weights into the note's: transposed, biases as columns."""
    return Weights(
        tensors["dense_1.W"].T,
        tensors["dense_1.b"][:, None],
        tensors["dense_2.W"].T,
        tensors["dense_2.b"][:, None],
    )


def as_rows(weights: Weights) -> dict[str, np.ndarray]:
    """Turn the note's weights into the library's."""
    return {
        "dense_1.W": weights.W1.T,
        "dense_1.b": weights.b1[:, 0],
        "dense_2.W": weights.W2.T,
        "dense_2.b": weights.b2[:, 0],
    }
