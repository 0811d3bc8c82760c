"""Traces of every kind of member, small enough to look at all of their records."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import numpy as np

import chainrule as cr
from chainrule import nn
from chainrule.errors import ChainruleError
from chainrule.glass.trace import Trace
from chainrule.maths.activation import ACTIVATIONS
from chainrule.maths.loss import LOSSES
from chainrule.maths.optimizer import OPTIMIZERS
from chainrule.maths.penalty import PENALTIES

X = np.random.default_rng(3).normal(size=(3, 2))
TARGETS = (np.array([0.5, 1.0, 2.0]), np.array([0, 1, 1]), np.array([0, 1, 2]))


@lru_cache(maxsize=1)
def three_layers() -> Trace:
    """Return a step of three layers with eight rows, with a penalty, clipping and Adam."""
    draw = np.random.default_rng(0)
    network = nn.Sequential(nn.Dense(8), nn.ReLU(), nn.Dense(6), nn.Tanh(), nn.Dense(3))
    return cr.trace(
        network,
        draw.normal(size=(8, 5)),
        draw.integers(0, 3, 8),
        loss="softmax_cross_entropy",
        penalties="l2",
        clip=0.1,
        title="Three layers, eight rows",
    )


@lru_cache(maxsize=1)
def every_member() -> tuple[Trace, ...]:
    """Return one trace with each activation, loss, optimizer, penalty and kind of layer."""
    return tuple(_every_member())


def _every_member() -> Iterator[Trace]:
    y = TARGETS[0]
    for activation in ACTIVATIONS:
        yield _step(nn.Sequential(nn.Dense(3, activation=activation.name), nn.Dense(1)), y)
    for loss in LOSSES:
        yield _with_loss(loss.name)
    for optimizer in OPTIMIZERS:
        yield _step(nn.Dense(1), y, optimizer=optimizer.name)
    for penalty in PENALTIES:
        yield _step(nn.Dense(1), y, penalties=penalty.examples()[0])
    for clip in ("clip_norm", "clip_value"):
        yield _step(nn.Dense(1), y, clip=clip)
    for layer in (nn.BatchNorm(), nn.LayerNorm(), nn.Dropout(0.5), nn.Residual(nn.Dense(4))):
        for convention in ("rows", "columns"):
            network = nn.Sequential(nn.Dense(4), layer, nn.Dense(1))
            yield _step(network, y, convention=convention, optimizer="sgd")
    yield _step(nn.Sequential(nn.Concat(nn.Dense(2), nn.Dense(3)), nn.Dense(1)), y)
    sequences = np.random.default_rng(1).normal(size=(2, 3, 4))
    network = nn.Sequential(nn.TransformerBlock(heads=2), nn.Flatten(), nn.Dense(1))
    yield cr.trace(network, sequences, [0.5, 1.0], loss="squared_error", optimizer="sgd")


def _step(network: nn.Layer, y: np.ndarray, **words: object) -> Trace:
    return cr.trace(network, X, y, loss="squared_error", **words)


def _with_loss(name: str) -> Trace:
    """Trace a loss with the first target and number of outputs that it takes."""
    tried = (_try(name, y, units) for y in TARGETS for units in (1, 2, 3))
    return next(trace for trace in tried if trace is not None)


def _try(name: str, y: np.ndarray, units: int) -> Trace | None:
    try:
        return cr.trace(nn.Dense(units), X, y, loss=name, optimizer="sgd")
    except ChainruleError:
        return None
