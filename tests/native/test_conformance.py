"""The compiled engine gives the numbers of the reference engine, for generated plans.

`CHAINRULE_EXAMPLES=2000 pytest tests/native/test_conformance.py` draws 2000 plans.
"""

from __future__ import annotations

import os
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, event, given, settings

from chainrule import nn
from chainrule.engine import Evaluation, NativeEngine, ReferenceEngine, Rows, info
from chainrule.engine.native import reason_for_reference
from chainrule.maths.losses_regression import Pinball
from chainrule.plan import make_plan
from tests.native.comparisons import (
    TOLERANCES,
    Trained,
    apart,
    both,
    clock_of,
    idle,
    start,
    trained,
    unsteady,
)
from tests.native.networks import CLOCK, first
from tests.native.plans import Case, cases

EXAMPLES = int(os.environ.get("CHAINRULE_EXAMPLES", "150"))
NUDGES = tuple(range(1, 25))
"""Runs of the reference engine itself that are looked at where a plan amplifies roundings."""

generated = settings(
    max_examples=EXAMPLES,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def assert_close(found: float, dtype: str, own: float, what: str) -> None:
    """Hold a distance against the tolerance, or against the reference engine's own if larger."""
    allowed = max(TOLERANCES[dtype], 4.0 * own)
    if found > TOLERANCES[dtype]:
        event(f"{what}, {dtype}: within 4 times the reference engine's own distance")
    assert found <= allowed, f"{what} in {dtype}: {found:.2e}, allowed {allowed:.2e}"


def evaluations(case: Case, engine: ReferenceEngine, training: bool, nudge: int = 0) -> Evaluation:
    """Return objective, gradient, outputs and moments of all rows."""
    buffers = start(case, engine.dtype.name, nudge)
    rows = case.rows_as(engine.dtype.name)
    if nudge:
        rows, engine = replace(rows, X=rows.X.copy()), unsteady(engine, nudge)
    return engine.gradient(buffers, rows, clock_of(case), training)


@generated
@given(cases())
def test_outputs_and_gradients(case: Case) -> None:
    assert reason_for_reference(case.plan) == ""
    for training in (True, False):
        truth = evaluations(case, ReferenceEngine(case.plan, "float64"), training)
        assert np.isfinite(truth.gradient).all()
        for dtype in TOLERANCES:
            reference, native = both(case, dtype)
            found = evaluations(case, native, training)
            for name in ("raw", "gradient", "running", "objective"):
                right = getattr(truth, name)
                distance, own = apart(getattr(found, name), right), 0.0
                if distance > TOLERANCES[dtype]:
                    others = [
                        evaluations(case, reference, training, nudge) for nudge in (0, *NUDGES)
                    ]
                    own = max(apart(getattr(other, name), right) for other in others)
                assert_close(distance, dtype, own, name)


def assert_same_training(case: Case, dtype: str, truth: Trained) -> None:
    """Hold ten steps of the compiled engine against the truth."""
    reference, native = both(case, dtype)
    found = trained(case, native)
    if not truth.result.finite:  # when it overflows depends on the type; test_failures has more
        event("the run diverges")
        assert not found.result.finite
        assert np.isfinite(found.buffers.weights).all()
        return
    largest = max(float(np.abs(tensor).max(initial=0.0)) for tensor in truth.tensors().values())
    if largest > float(np.finfo(dtype).max) ** 0.5:  # only float64 gets so far
        event("beyond what the type can hold")
        assert np.isfinite(found.buffers.weights).all()
        return
    assert (found.result.steps, found.result.finite) == (truth.result.steps, True)
    assert found.buffers.step == truth.buffers.step
    distances = {name: apart(a, truth.tensors()[name]) for name, a in found.tensors().items()}
    others = []
    if max(distances.values()) > TOLERANCES[dtype]:
        others = [trained(case, reference, nudge).tensors() for nudge in (0, *NUDGES)]
    for name, distance in distances.items():
        own = max((apart(other[name], truth.tensors()[name]) for other in others), default=0.0)
        assert_close(distance, dtype, own, name)


@generated
@given(cases())
def test_ten_training_steps(case: Case) -> None:
    case = case.frozen(idle(case))
    truth = trained(case, ReferenceEngine(case.plan, "float64"))
    for dtype in TOLERANCES:
        assert_same_training(case, dtype, truth)


def test_what_a_number_near_one_leaves() -> None:
    plan = make_plan(nn.Dense(3), (5,), Pinball(0.999), 3)
    random = np.random.default_rng(0)
    rows = Rows(random.normal(size=(40, 5)).astype("f4"), np.full((40, 3), -1e4, "f4"))
    found = NativeEngine(plan).gradient(first(plan, "float32"), rows, CLOCK).gradient
    exact = Rows(rows.X.astype(float), rows.Y.astype(float))
    truth = ReferenceEngine(plan, "float64").gradient(first(plan, "float64"), exact, CLOCK).gradient
    assert apart(found, truth) <= TOLERANCES["float32"]


@pytest.mark.parametrize("isa", info()["instruction_sets"])
def test_sums_of_many_inputs(isa: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A single chain of 60,000 products in float32 is 2.2e-6 off."""
    monkeypatch.setenv("CHAINRULE_ISA", isa)
    plan = make_plan(nn.Dense(30), (60_000,), "squared_error", 30)
    state = first(plan, "float32")
    X = np.random.default_rng(0).normal(size=(30, 60_000)).astype("f4")
    found = NativeEngine(plan).raw(state.weights, state.running, X)
    truth = ReferenceEngine(plan, "float64").raw(state.weights, state.running, X)
    assert apart(found, truth) <= 1e-6
