"""Batches whose gradient is made in parts, beside batches of the same run whose gradient is not."""

from __future__ import annotations

import numpy as np
import pytest

from chainrule import nn
from chainrule.engine import Buffers, NativeEngine, Rows
from chainrule.engine.reference import ReferenceEngine
from chainrule.plan import make_plan
from tests.native.networks import CLOCK, first

ROWS, CUT = 203, 150
"""A pass is one batch in parts and one of 53 rows, too few for that."""


@pytest.mark.parametrize("clip", [None, 0.01])
@pytest.mark.parametrize("threads", [1, 2, 3, 5])
def test_sums_over_weights_are_of_this_step(threads: int, clip: float | None) -> None:
    """Norms and penalties hold nothing of a step that cut the parameters otherwise."""
    network = nn.Sequential(nn.Dense(70, "relu"), nn.Dense(33, "tanh"), nn.Dense(3))
    plan = make_plan(network, (9,), "softmax_cross_entropy", 3, penalties=("l1", "l2"), clip=clip)
    generator = np.random.default_rng(4)
    rows = Rows(generator.normal(size=(ROWS, 9)), np.eye(3)[generator.integers(0, 3, ROWS)])
    order = generator.permutation(ROWS)

    def told(engine: ReferenceEngine) -> list[np.ndarray]:
        buffers: Buffers = first(plan, "float64")
        results = []
        for _ in range(3):
            for part, batch in ((order, CUT), (order[:53], 53), (order[:CUT], CUT)):
                found = engine.epoch(buffers, rows, part, batch, CLOCK)
                results.append(np.array([*found.objectives, found.objective, found.gradient_norm]))
        return [*results, buffers.weights]

    expected = told(ReferenceEngine(plan, "float64"))
    for found, wanted in zip(told(NativeEngine(plan, "float64", threads)), expected, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-11)
