"""Small runs with a function as their loss."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.engine import Buffers, EpochResult, ReferenceEngine
from chainrule.estimators.losses import FunctionLoss
from chainrule.maths.losses_regression import SquaredError
from chainrule.plan import Plan
from tests.native.networks import CLOCK, first, rows_of, small_plan

__all__ = ["Function", "OwnSquaredError", "at_call", "epoch", "squares", "with_function"]

Function = Callable[[Any, Any], Any]


class OwnSquaredError(SquaredError):
    """A user's own, for all that the engine knows."""


def with_function(function: Function, **changed: Any) -> Plan:
    """Return a small plan with a function as its loss."""
    return small_plan(loss=FunctionLoss(function), **changed)


def squares(raw: Any, Y: Any) -> tuple[Any, Any]:
    """Return the squared error and its slope."""
    error = raw - Y
    return (error * error).sum(axis=1), 2.0 * error


def at_call(number: int, then: Function) -> Function:
    """Return the squared error, but something else at a call."""
    calls = iter(range(1, 1_000_000))

    def function(raw: Any, Y: Any) -> Any:
        return then(raw, Y) if next(calls) == number else squares(raw, Y)

    return function


def epoch(engine: ReferenceEngine, count: int = 60, batch: int = 10) -> tuple[Buffers, EpochResult]:
    """Return state and result after one pass from the start."""
    plan, dtype = engine.plan, engine.dtype.name
    buffers = first(plan, dtype)
    return buffers, engine.epoch(
        buffers, rows_of(plan, count, dtype), np.arange(count), batch, CLOCK
    )
