"""A few plans that use everything at once, and their data."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule import nn
from chainrule.engine import Buffers, Clock, Rows
from chainrule.engine.reference import ReferenceEngine
from chainrule.plan import Plan, make_plan
from tests.native.own_losses import OWN

__all__ = ["CLOCK", "PLANS", "first", "rows_of", "small_plan"]

CLOCK = Clock(seed=11, epoch=2, first_row=0, total_steps=100)
LEVELS = (4, 3)


def _norms() -> Plan:
    network = nn.Sequential(
        nn.Dense(37),
        nn.BatchNorm(),
        nn.GELU(),
        nn.Dropout(0.3, schedule="cosine"),
        nn.Residual(nn.LayerNorm(), nn.Dense(37, "tanh"), nn.Dropout(0.1)),
        nn.Dense(50, "swish_beta"),
        nn.BatchNorm(),
        nn.Dense(3),
    )
    return make_plan(
        network,
        (9,),
        "softmax_cross_entropy",
        3,
        penalties=("l1", "l2", "weight_decay"),
        clip=0.5,
        schedule="one_cycle",
    )


def _table() -> Plan:
    categories = nn.Sequential(
        nn.Columns(7, 8),
        nn.Embedding(LEVELS, 6),
        nn.TransformerBlock(2, dropout=0.2, causal=True),
        nn.Flatten(),
    )
    network = nn.Sequential(
        nn.Concat(nn.Columns(0, 1, 2, 3, 4, 5, 6), categories),
        nn.Scale(),
        nn.SkipStack(nn.Dense(33, "selu"), nn.Dense(40, "softmax"), nn.Dense(33, "mish")),
        nn.DenseConnection(nn.Dense(17, "prelu"), nn.LayerNorm()),
        nn.Dense(4),
    )
    return make_plan(
        network,
        (9,),
        "gaussian_nll",
        2,
        optimizer="nadam",
        penalties=("max_norm", "spectral"),
        clip=("clip_value", "clip_norm"),
        reduction="sum",
    )


def _wide() -> Plan:
    network = nn.Sequential(nn.Dense(300, "relu"), nn.Dense(130, "elu"), nn.Dense(1))
    return make_plan(network, (9,), "huber", 1, optimizer="momentum", clip="clip_value")


def small_plan(**changed: Any) -> Plan:
    """Return a plan of two layers."""
    told: dict[str, Any] = {"loss": "squared_error", "targets": 2, **changed}
    return make_plan(nn.Sequential(nn.Dense(20, "tanh"), nn.Dense(2)), (5,), **told)


def _own() -> Plan:
    network = nn.Sequential(
        nn.Dense(29), nn.BatchNorm(), nn.Dropout(0.2), nn.GELU(), nn.Dense(40, "tanh"), nn.Dense(3)
    )
    return make_plan(network, (9,), OWN["together"], 3, penalties="l2_shared", clip=0.5)


PLANS = {"norms": _norms(), "table": _table(), "wide": _wide(), "own": _own()}
"""The last one's loss is Python, and its rows depend on each other."""


def rows_of(plan: Plan, count: int, dtype: str, weighted: bool = True) -> Rows:
    """Return data; where there are nine columns, the last two are category codes."""
    random = np.random.default_rng(count)
    X = random.normal(size=(count, *plan.sample_shape)).astype(dtype)
    if plan.sample_shape == (9,):
        X[:, 7:] = random.integers(0, LEVELS, (count, 2))
    Y = plan.loss.sample_targets(random.uniform(0.05, 0.95, (count, plan.targets)))
    weights = random.uniform(0.5, 2.0, count).astype(dtype) if weighted else None
    return Rows(X, np.asarray(Y, dtype), weights)


def first(plan: Plan, dtype: str) -> Buffers:
    """Return the state before the first step, with running moments that are not neutral."""
    buffers = ReferenceEngine(plan, dtype).buffers(seed=5)
    buffers.running += np.random.default_rng(1).uniform(0.0, 1.0, buffers.running.size)
    return buffers
