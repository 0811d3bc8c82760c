"""A loss in Python that raises, dawdles, returns what does not fit or is not finite."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from chainrule import nn
from chainrule.engine import NativeEngine, ReferenceEngine
from chainrule.errors import ChainruleError, DataError, ShapeError
from chainrule.estimators.losses import FunctionLoss
from chainrule.maths.optimizers import SGD
from chainrule.plan import make_plan
from tests.native.calling import Function, at_call, epoch, squares, with_function
from tests.native.comparisons import apart
from tests.native.networks import CLOCK, PLANS, first, rows_of, small_plan
from tests.native.own_losses import OWN
from tests.native.test_interrupt import assert_soon, bits

ENGINES = pytest.mark.parametrize("engine", [ReferenceEngine, NativeEngine])


class OwnError(Exception):
    """A user's exception."""


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("plan_changes", [{}, {"clip": 1.0}], ids=["plain", "clipped"])
def test_what_it_raises_comes_out_as_it_is(threads: int, plan_changes: dict[str, Any]) -> None:
    trouble = OwnError("of the user")

    def fail(raw: Any, Y: Any) -> Any:
        raise trouble

    plan = with_function(at_call(4, fail), optimizer="adam", **plan_changes)
    engine, buffers = NativeEngine(plan, "float32", threads), first(plan, "float32")
    rows, before = rows_of(plan, 60, "float32"), bits(buffers)
    with pytest.raises(OwnError) as caught:
        engine.epoch(buffers, rows, np.arange(60), 10, CLOCK)
    assert caught.value is trouble
    assert (bits(buffers), buffers.step) == (before, 0)
    assert engine.epoch(buffers, rows, np.arange(60), 10, CLOCK).complete
    again = NativeEngine(with_function(squares, optimizer="adam", **plan_changes), "float32")
    assert bits(buffers) == bits(epoch(again)[0])


def test_what_it_raises_in_a_gradient_comes_out() -> None:
    def fail(raw: Any, Y: Any) -> Any:
        raise OwnError

    plan = with_function(at_call(1, fail))
    engine, rows = NativeEngine(plan, "float64", 2), rows_of(plan, 30, "float64")
    with pytest.raises(OwnError):
        engine.gradient(first(plan, "float64"), rows, CLOCK)
    found = engine.gradient(first(plan, "float64"), rows, CLOCK)
    right = ReferenceEngine(plan, "float64").gradient(first(plan, "float64"), rows, CLOCK)
    assert apart(found.gradient, right.gradient) <= 1e-12


@pytest.mark.parametrize("threads", [1, 3])
def test_an_interrupt_within_it(threads: int) -> None:
    def slow(raw: Any, Y: Any) -> Any:
        time.sleep(0.01)
        return squares(raw, Y)

    plan = with_function(slow)
    engine, buffers = NativeEngine(plan, "float32", threads), first(plan, "float32")
    rows, before = rows_of(plan, 60, "float32"), bits(buffers)
    order = np.resize(np.arange(60), 60_000)
    assert_soon(lambda: engine.epoch(buffers, rows, order, 10, CLOCK))
    assert bits(buffers) == before


BAD: dict[str, tuple[Any, type[ChainruleError], str]] = {
    "a column of values": (lambda v, g: (v[:, None], g), ShapeError, "value"),
    "one value": (lambda v, g: (v.sum(), g), ShapeError, "value"),
    "a value too few": (lambda v, g: (v[1:], g), ShapeError, "value"),
    "a flat gradient": (lambda v, g: (v, g.ravel()), ShapeError, "gradient"),
    "one column of two": (lambda v, g: (v, g[:, :1]), ShapeError, "gradient"),
    "values alone": (lambda v, g: v, ShapeError, ""),
    "three arrays": (lambda v, g: (v, g, g), ShapeError, ""),
    "nothing": (lambda v, g: None, ShapeError, ""),
    "words": (lambda v, g: (v.astype(str), g), DataError, "value"),
    "complex numbers": (lambda v, g: (v, g + 0j), DataError, "gradient"),
    "uneven lists": (lambda v, g: ([[1.0], [1.0, 2.0]], g), DataError, "value"),
}


@ENGINES
@pytest.mark.parametrize("name", BAD)
def test_what_does_not_fit_is_refused_alike(engine: Any, name: str) -> None:
    spoil, kind, where = BAD[name]
    plan = with_function(lambda raw, Y: spoil(*squares(raw, Y)))
    made, buffers = engine(plan, "float64"), first(plan, "float64")
    rows, before = rows_of(plan, 30, "float64"), bits(buffers)
    for work in (
        lambda: made.epoch(buffers, rows, np.arange(30), 10, CLOCK),
        lambda: made.gradient(buffers, rows, CLOCK),
    ):
        with pytest.raises(kind, match="the loss") as caught:
            work()
        assert caught.value.where == ", ".join(filter(None, ["loss function", where]))
        assert caught.value.expected
        assert caught.value.got
    assert bits(buffers) == before


def spoiled(place: int, value: float) -> Function:
    """Return what puts a number into the values (0) or the gradient (1)."""

    def then(raw: Any, Y: Any) -> Any:
        found = squares(raw, Y)
        found[place][(0,) * found[place].ndim] = value
        return found

    return then


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("place", [0, 1], ids=["value", "gradient"])
@pytest.mark.parametrize("normed", [False, True])
def test_numbers_that_are_not_finite_end_the_run(place: int, value: float, normed: bool) -> None:
    """At the fourth batch, whichever way it is asked: a pass may be done again up to its end."""
    rows = rows_of(small_plan(), 60, "float64")
    mark = rows.Y[30, 0]

    def loss(raw: Any, Y: Any) -> Any:
        return spoiled(place, value)(raw, Y) if mark in Y else squares(raw, Y)

    network = [nn.Dense(12), *([nn.BatchNorm()] if normed else []), nn.Dense(2)]
    plan = make_plan(nn.Sequential(*network), (5,), FunctionLoss(loss), 2, optimizer="momentum")
    (theirs, right), (ours, found) = (
        epoch(ReferenceEngine(plan, "float64")),
        epoch(NativeEngine(plan, "float64", 2)),
    )
    assert (found.steps, found.finite, found.complete) == (3, False, False)
    assert (right.steps, right.finite, right.complete) == (3, False, False)
    assert ours.step == theirs.step == 3
    assert apart(ours.weights, theirs.weights) <= 1e-12
    assert apart(ours.running, theirs.running) <= 1e-12


def strict(raw: Any, Y: Any) -> Any:
    """Return the squared error of finite numbers; refuse others."""
    if not np.isfinite(raw).all():
        raise OwnError("these are no outputs")
    return squares(raw, Y)


def ending(engine: ReferenceEngine) -> Any:
    """Return how a pass ends: its steps and weights, or that the loss refused its outputs."""
    try:
        buffers, result = epoch(engine)
    except OwnError as trouble:
        return str(trouble), np.zeros(1)
    return (result.steps, result.finite, buffers.step), buffers.weights


@pytest.mark.parametrize("normed", [False, True])
def test_a_run_that_diverges_ends_as_on_the_reference_engine(normed: bool) -> None:
    """Weights that are not finite end it there; outputs that are not are the loss's business."""
    network = [nn.Dense(12), *([nn.BatchNorm()] if normed else []), nn.Dense(2)]
    endings = set()
    for rate in (1e20, 1e100, 1e200, 1e300, 1e308):
        loss, optimizer = FunctionLoss(strict), SGD(rate)
        plan = make_plan(nn.Sequential(*network), (5,), loss, 2, optimizer=optimizer)
        right, theirs = ending(ReferenceEngine(plan, "float64"))
        found, ours = ending(NativeEngine(plan, "float64", 2))
        assert found == right, rate
        assert apart(ours, theirs) <= 1e-9
        endings.add(type(found))
    assert endings == {str, tuple}


@ENGINES
def test_a_loss_that_refuses_outputs_is_heard(engine: Any) -> None:
    plan = with_function(strict)
    rows, buffers = rows_of(plan, 60, "float64"), first(plan, "float64")
    rows.X[37] = np.nan
    with pytest.raises(OwnError):
        engine(plan, "float64").epoch(buffers, rows, np.arange(60), 10, CLOCK)
    with pytest.raises(OwnError):
        engine(plan, "float64").gradient(first(plan, "float64"), rows, CLOCK)


def test_a_code_without_a_meaning_is_said_before_the_loss_is_asked() -> None:
    plan = replace(PLANS["table"], loss=OWN["gaussian"])
    rows, state = rows_of(plan, 40, "float64"), first(plan, "float64")
    rows.X[23, 7] = 4.0
    engine = NativeEngine(plan, "float64", 2)
    for work in (
        lambda: engine.gradient(state, rows, CLOCK),
        lambda: engine.epoch(state, rows, np.arange(40), 16, CLOCK),
    ):
        with pytest.raises(DataError, match="a category code"):
            work()
