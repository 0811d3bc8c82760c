"""Small models that the storage tests write and damage."""

from __future__ import annotations

import numpy as np

from chainrule import nn
from chainrule.nn import LAYERS, Layer
from chainrule.plan import make_plan
from chainrule.storage import Model


def small_model(dtype: str = "float32", **kept: object) -> Model:
    """Return a network of two inputs and three units with fixed weights."""
    network = nn.Sequential(nn.Dense(3), nn.BatchNorm(), nn.Activation("relu"), nn.Dense(1))
    plan = make_plan(network, (2,), "squared_error", 1)
    weights = plan.initial_weights(seed=1)
    state = plan.initial_running() + 0.25
    return Model(plan, weights, state, dtype=dtype, **kept)  # type: ignore[arg-type]


def tiny_model() -> Model:
    """Return the smallest file: one layer."""
    plan = make_plan(nn.Dense(1), (1,), "squared_error", 1)
    return Model(plan, np.array([0.5, -1.0]), dtype="float32")


def example_networks() -> list[tuple[Layer, tuple[int, ...]]]:
    """Return every example of every layer that reads samples of its own shape."""
    return [(example, example.sample_shape()) for member in LAYERS for example in member.examples()]
