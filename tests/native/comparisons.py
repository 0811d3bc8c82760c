"""How far two results are apart, and how far the compiled engine's may be.

Decisions
---------
a) The truth is the reference engine in float64, for both types of the compiled engine. What is
   stored in float32 (data, first weights) is exact in it.
b) Distances are norm-wise: |a - b| / (|a| + |b|) over a whole vector.
c) A bias in front of a batch norm and the key bias of attention have a gradient of exactly 0. What
   is computed is rounding noise, and optimizers that divide by the gradient's size take full steps
   along it, in any implementation. Such tensors are found by their gradient (below 1e-10 of the
   whole) and frozen by a parameter group for the ten steps, in both engines.
d) Some plans amplify roundings: a single output may be the small difference of large terms, a batch
   norm over one row divides by the square root of its epsilon, a relu may fall on the other side of
   0, the terms of a gradient may cancel to nothing or to rounding noise, which Adam then divides by
   its own size. No bound holds there for any implementation. So a distance beyond the tolerance
   is held against the reference engine's own distance from the truth in the same type, the largest
   of some runs whose first weights, and whose inputs at each place of the order, differ by as much
   as summing n terms in another order does: sqrt(n) roundings, n being the plan's longest sum. In
   these runs each value of an activation is off by up to one rounding as well, as those of any
   other exp and tanh are: of the slope of a sigmoid at 15, H (1 - H), seven digits are left.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from unittest import mock

import numpy as np

from chainrule.engine import Buffers, Clock, EpochResult, NativeEngine, ReferenceEngine, info
from chainrule.ops.activate import Activate
from chainrule.plan.steps import ForwardStep
from tests.native.plans import Case

__all__ = [
    "TOLERANCES",
    "Trained",
    "apart",
    "both",
    "clock_of",
    "idle",
    "start",
    "trained",
    "unsteady",
]

TOLERANCES = {"float64": 1e-12, "float32": 2e-6}
STEPS = 10
IDLE = 1e-10


def apart(a: np.ndarray, b: np.ndarray) -> float:
    """Return |a - b| / (|a| + |b|): 0 for equal ones, infinite where a number is not finite."""
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if np.array_equal(a, b):
        return 0.0
    largest = max(np.max(np.abs(a)), np.max(np.abs(b)))
    if not np.isfinite(largest):
        return np.inf
    a, b = a / largest, b / largest  # a run that grows beyond 1e154 has no squares
    return float(np.linalg.norm(a - b) / (np.linalg.norm(a) + np.linalg.norm(b)))


def clock_of(case: Case) -> Clock:
    """Return a moment within a run."""
    return Clock(case.seed, 3, 17, total_steps=40)


def start(case: Case, dtype: str, nudge: int = 0) -> Buffers:
    """Return buffers away from their start, exact in float32; a nudge moves weights a little."""
    first = ReferenceEngine(case.plan, "float64").buffers(case.seed)
    random = np.random.default_rng(case.seed)
    weights = first.weights + 0.1 * random.normal(size=first.weights.size)
    running = first.running + random.uniform(size=first.running.size)
    weights, running = (
        weights.astype(np.float32).astype(dtype),
        running.astype(np.float32).astype(dtype),
    )
    if nudge:
        weights = nudged(case, weights, nudge)
    slots = {name: slot.astype(dtype) for name, slot in first.slots.items()}
    return Buffers(weights, slots, running, step=5)


def nudged(case: Case, numbers: np.ndarray, nudge: int) -> np.ndarray:
    """Return numbers that each differ a little; whole ones, which may be codes, stay."""
    size = np.finfo(numbers.dtype).eps * np.sqrt(longest_sum(case))
    shift = np.random.default_rng([nudge, numbers.ndim]).uniform(-size, size, numbers.shape)
    moved = (numbers * (1.0 + shift)).astype(numbers.dtype)
    return np.where(numbers == np.round(numbers), numbers, moved)


def unsteady(engine: ReferenceEngine, nudge: int) -> ReferenceEngine:
    """Return an engine whose activations are off by a rounding; the same one without a nudge.

    It writes into what activations return, which may be its input: give it one of its own.
    """
    if not nudge:
        return engine
    random = np.random.default_rng([nudge, 3])

    def move(step: object, _: str, value: np.ndarray) -> None:
        if isinstance(step, ForwardStep) and isinstance(step.node.op, Activate):
            value *= 1.0 + np.finfo(value.dtype).eps * random.integers(-1, 2, value.shape)

    return ReferenceEngine(engine.plan, engine.dtype.name, observer=move)


def longest_sum(case: Case) -> int:
    """Return the number of terms of the longest sum: over a layer's inputs, or over rows."""
    inputs = [slot.shape[0] for slot in case.plan.parameters.slots if len(slot.shape) == 2]
    steps = case.plan.sample_shape[0] if len(case.plan.sample_shape) == 2 else 1
    return max(*inputs, len(case.rows) * steps)


def idle(case: Case) -> list[str]:
    """Return the names of parameters whose gradient is 0 but for rounding."""
    buffers, rows = start(case, "float64"), case.rows_as("float64")
    found = ReferenceEngine(case.plan, "float64").gradient(buffers, rows, clock_of(case)).gradient
    limit = IDLE * float(np.linalg.norm(found))
    slots = case.plan.parameters.slots
    return [slot.name for slot in slots if np.linalg.norm(found[slot.start : slot.stop]) <= limit]


def steps(case: Case) -> np.ndarray:
    """Return the order of rows of ten steps, some rows twice, the last batch not full."""
    batch = min(case.batch, len(case.rows))
    order = np.random.default_rng(case.seed).integers(0, len(case.rows), STEPS * batch)
    return order[: len(order) - batch // 3]


@dataclass(frozen=True)
class Trained:
    """What ten steps lead to."""

    buffers: Buffers
    result: EpochResult
    raw: np.ndarray

    def tensors(self) -> dict[str, np.ndarray]:
        """Return what is compared."""
        numbers = np.array([self.result.objective, self.result.gradient_norm])
        return {
            "weights": self.buffers.weights,
            "running": self.buffers.running,
            "raw": self.raw,
            "objective and norm": numbers,
        }


def trained(case: Case, engine: ReferenceEngine, nudge: int = 0) -> Trained:
    """Return ten steps of an engine."""
    dtype = engine.dtype.name
    buffers, rows, order = start(case, dtype, nudge), case.rows_as(dtype), steps(case)
    seen, places = rows, order
    if nudge:  # a row that is drawn twice is two rows
        drawn = rows.take(order)
        seen, places = replace(drawn, X=nudged(case, drawn.X, nudge)), np.arange(len(order))
        engine = unsteady(engine, nudge)
    result = engine.epoch(buffers, seen, places, case.batch, clock_of(case))
    assert {vector.dtype.name for vector in (buffers.weights, buffers.running)} == {dtype}
    return Trained(buffers, result, engine.raw(buffers.weights, buffers.running, rows.X))


def both(case: Case, dtype: str) -> tuple[ReferenceEngine, NativeEngine]:
    """Return the two engines of a plan; threads take turns with the seed, and so do instruction
    sets where the environment asks for none.
    """
    asked = os.environ.get("CHAINRULE_ISA", "")
    offered = [asked] if asked else info()["instruction_sets"]
    chosen = {"CHAINRULE_ISA": offered[case.seed % len(offered)]}
    with mock.patch.dict(os.environ, chosen):
        native = NativeEngine(case.plan, dtype, 1 + case.seed % 4)
    return ReferenceEngine(case.plan, dtype), native
