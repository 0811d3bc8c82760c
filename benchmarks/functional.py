"""The network as a function of its parameters, for the libraries that differentiate functions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

from benchmarks.work import Layer


class Maths(Protocol):
    """What a library must offer."""

    def dense(self, X: Any, W: Any, b: Any) -> Any:
        """Return X W + b."""
        ...

    def relu(self, X: Any) -> Any:
        """Return max(X, 0)."""
        ...

    def moments(self, X: Any, axis: int) -> tuple[Any, Any]:
        """Return mean and biased variance along an axis, that axis kept."""
        ...

    def scaled(self, X: Any, mean: Any, variance: Any, gamma: Any, beta: Any) -> Any:
        """Return the normalised, scaled and shifted X."""
        ...

    def dropout(self, X: Any, rate: float) -> Any:
        """Return X with a share of its entries dropped and the others scaled up."""
        ...


def forward(
    layers: tuple[Layer, ...],
    parameters: Iterator[Any],
    moments: list[Any],
    X: Any,
    maths: Maths,
) -> Any:
    """Return the output in training mode; new batch moments are appended to `moments`."""
    for layer in layers:
        kind = layer[0]
        if kind == "dense":
            X = maths.dense(X, next(parameters), next(parameters))
        elif kind == "relu":
            X = maths.relu(X)
        elif kind == "dropout":
            X = maths.dropout(X, layer[1])
        elif kind == "residual":
            X = X + forward(layer[1], parameters, moments, X, maths)
        else:
            mean, variance = maths.moments(X, 0 if kind == "batch_norm" else 1)
            X = maths.scaled(X, mean, variance, next(parameters), next(parameters))
            if kind == "batch_norm":
                moments += [mean[0], variance[0]]
    return X
