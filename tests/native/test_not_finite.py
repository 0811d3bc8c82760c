"""Raw outputs and inputs that are not finite: the compiled engine says what the reference says.

Each row of a table of weights is one combination of infinities, NaN and a number, looked up by its
own code. So one pass gives the values of all of them, and what a row's gradient is.
"""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from chainrule import nn
from chainrule.engine import Buffers, Evaluation, NativeEngine, ReferenceEngine, Rows, info
from chainrule.maths.activation import ACTIVATIONS, Activation
from chainrule.maths.loss import LOSSES, Loss
from chainrule.plan import Plan, make_plan
from tests.native.networks import CLOCK

TARGETS = 3
NUMBERS = (np.inf, -np.inf, np.nan, 0.5)
ROWS = np.array(list(product(NUMBERS, repeat=TARGETS)))
LOSS_EXAMPLES = [example for member in LOSSES for example in member.examples()]
ACTIVATION_EXAMPLES = [example for member in ACTIVATIONS for example in member.examples()]


def judged_by(loss: Loss) -> Plan:
    """Return a plan whose raw outputs are rows of a table."""
    table = nn.Embedding((len(ROWS),), loss.raw_width(TARGETS))
    return make_plan(nn.Sequential(table, nn.Flatten()), (1,), loss, TARGETS, reduction="sum")


def found(engine: ReferenceEngine) -> Evaluation:
    """Return what an engine says where a few raw outputs of each row are not finite."""
    plan, dtype = engine.plan, engine.dtype
    table = np.full((len(ROWS), plan.raw_width), 0.25, dtype)
    table[:, :TARGETS] = ROWS
    if plan.raw_width > TARGETS:  # in every second row the others
        table[1::2] = table[1::2, ::-1]
    drawn = np.random.default_rng(0).uniform(0.05, 0.95, (len(ROWS), TARGETS))
    Y = np.asarray(plan.loss.sample_targets(drawn), dtype)
    rows = Rows(np.arange(len(ROWS), dtype=dtype)[:, None], Y)
    buffers = Buffers(table.ravel(), {}, np.zeros(0, dtype))
    return engine.gradient(buffers, rows, CLOCK)


@pytest.fixture(params=info()["instruction_sets"])
def isa(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return each instruction set, which the engines then use."""
    monkeypatch.setenv("CHAINRULE_ISA", request.param)
    return request.param


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("loss", LOSS_EXAMPLES, ids=str)
def test_gradients_of_losses(loss: Loss, dtype: str, isa: str) -> None:
    plan = judged_by(loss)
    right = found(ReferenceEngine(plan, dtype)).gradient.reshape(len(ROWS), -1)
    ours = found(NativeEngine(plan, dtype, 1)).gradient.reshape(len(ROWS), -1)
    assert np.isnan(right).any()
    np.testing.assert_allclose(ours, right, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("function", ACTIVATION_EXAMPLES, ids=str)
def test_values_of_activations(function: Activation, dtype: str, isa: str) -> None:
    plan = make_plan(nn.Activation(function), (TARGETS,), "squared_error", TARGETS)
    state = ReferenceEngine(plan, dtype).buffers(0)
    X = ROWS.astype(dtype)
    right = ReferenceEngine(plan, dtype).raw(state.weights, state.running, X)
    ours = NativeEngine(plan, dtype, 1).raw(state.weights, state.running, X)
    np.testing.assert_allclose(ours, right, rtol=1e-5, atol=1e-6)
