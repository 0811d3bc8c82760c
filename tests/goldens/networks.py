"""What the golden tests share: a network with given weights, evaluated once or trained a little."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

from chainrule.engine import Buffers, Clock, Evaluation, ReferenceEngine, Rows
from chainrule.engine.select import engine_for
from chainrule.plan import Plan
from chainrule.streams import Stream

__all__ = [
    "ENGINES",
    "MakeEngine",
    "evaluate",
    "numbers",
    "predict",
    "random_weights",
    "same",
    "train",
]

MakeEngine = Callable[[Plan, str], ReferenceEngine]
ENGINES = [pytest.param(ReferenceEngine, id="reference"), pytest.param(engine_for, id="fastest")]
"""Ways to run a plan: the one that defines the truth, and the one that the library would choose."""


def numbers(*shape: int, seed: int = 0) -> np.ndarray:
    """Return standard normal numbers, the same each time."""
    return Stream(seed, f"goldens:{shape}").normal(shape)


def random_weights(plan: Plan, seed: int = 0) -> dict[str, np.ndarray]:
    """Return weights by name, none of them 0, so that no term of a formula drops out."""
    flat = plan.initial_weights(seed) + 0.1 * numbers(plan.parameters.size, seed=seed)
    return plan.parameters.views(flat)


def _rows(X: Any, Y: Any) -> Rows:
    return Rows(np.asarray(X, np.float64), np.asarray(Y, np.float64))


def evaluate(
    plan: Plan,
    weights: Mapping[str, Any],
    X: Any,
    Y: Any,
    training: bool = False,
    noise: dict[str, np.ndarray] | None = None,
) -> Evaluation:
    """Return objective, gradient and every tensor at the given weights, float64."""
    flat = plan.parameters.pack(weights, np.float64)
    buffers = Buffers(flat, {}, plan.initial_running())
    return ReferenceEngine(plan, "float64").evaluate(buffers, _rows(X, Y), training, noise)


def train(
    plan: Plan,
    weights: Mapping[str, Any],
    X: Any,
    Y: Any,
    updates: int = 1,
    make_engine: MakeEngine = ReferenceEngine,
) -> dict[str, np.ndarray]:
    """Return the weights by name after updates that each see all rows, in order, float64."""
    engine, rows = make_engine(plan, "float64"), _rows(X, Y)
    buffers = engine.buffers(seed=0)
    buffers.weights = plan.parameters.pack(weights, np.float64)
    order = np.tile(np.arange(len(rows)), updates)
    result = engine.epoch(buffers, rows, order, len(rows), Clock(0, 0, 0, updates))
    assert result.steps == updates
    return plan.parameters.views(buffers.weights)


def predict(plan: Plan, weights: Mapping[str, Any], X: Any) -> np.ndarray:
    """Return the raw outputs in prediction mode."""
    flat = plan.parameters.pack(weights, np.float64)
    inputs = np.asarray(X, np.float64)
    return ReferenceEngine(plan, "float64").raw(flat, plan.initial_running(), inputs)


def same(actual: Any, expected: Any, rtol: float = 1e-12) -> None:
    """Demand equal shapes and numbers that are equal but for rounding."""
    assert np.shape(actual) == np.shape(expected)
    np.testing.assert_allclose(actual, expected, rtol=rtol, atol=1e-15)
