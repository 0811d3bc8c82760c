"""What must not change a single bit, checked under one instruction set; a program of its own.

Prints, as JSON, the instruction set and the names of the results that differ where they must not.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from chainrule import nn
from chainrule.engine import Buffers, EpochResult, NativeEngine, Rows, info
from chainrule.maths.activation import ACTIVATIONS
from chainrule.maths.loss import LOSSES
from chainrule.plan import Plan, make_plan
from tests.native.networks import CLOCK, PLANS, first, rows_of

THREADS = (1, 2, 3, 4, 8)
ROWS, BATCH = 203, 64
IN_PARTS = 150
"""A batch whose gradient is made in parts, if the weights are few; the other rows' is not."""


def digest(*results: Any) -> str:
    """Return a hash of arrays and numbers."""
    found = hashlib.sha256()
    for result in results:
        found.update(np.ascontiguousarray(result).tobytes())
    return found.hexdigest()


def state(buffers: Buffers, result: EpochResult) -> str:
    """Return a hash of all that a pass leaves behind."""
    slots = [buffers.slots[name] for name in sorted(buffers.slots)]
    numbers = (result.objective, result.gradient_norm, result.rate, buffers.step)
    return digest(buffers.weights, *slots, buffers.running, numbers, result.objectives)


def order_of(rows: Rows) -> np.ndarray:
    """Return the rows in another order."""
    return np.random.default_rng(3).permutation(len(rows))


def trained(
    plan: Plan, dtype: str, threads: int | None, batch: int = BATCH, passes: int = 1
) -> str:
    """Return the state after some passes."""
    rows, buffers = rows_of(plan, ROWS, dtype), first(plan, dtype)
    engine = NativeEngine(plan, dtype, threads)
    results = [engine.epoch(buffers, rows, order_of(rows), batch, CLOCK) for _ in range(passes)]
    return state(buffers, results[-1])


def resumed(plan: Plan, dtype: str, steps: int) -> str:
    """Return the weights after the same pass in two calls, with copied buffers and new engines."""
    rows, buffers = rows_of(plan, ROWS, dtype), first(plan, dtype)
    order = order_of(rows)
    for part, clock in (
        (order[: steps * BATCH], CLOCK),
        (order[steps * BATCH :], replace(CLOCK, first_row=steps * BATCH)),
    ):
        NativeEngine(plan, dtype).epoch(buffers, rows, part, BATCH, clock)
        buffers = buffers.copy()
    return digest(buffers.weights, buffers.running, *buffers.slots.values())


def whole(plan: Plan, dtype: str, pulse: bool = False) -> str:
    """Return the weights after one pass in one call."""
    rows, buffers = rows_of(plan, ROWS, dtype), first(plan, dtype)
    asked = (lambda done, steps: True) if pulse else None
    NativeEngine(plan, dtype).epoch(buffers, rows, order_of(rows), BATCH, CLOCK, asked)
    return digest(buffers.weights, buffers.running, *buffers.slots.values())


def gradient(plan: Plan, dtype: str, threads: int, training: bool) -> str:
    """Return objective, gradient and outputs of one batch."""
    rows, buffers = rows_of(plan, ROWS, dtype), first(plan, dtype)
    found = NativeEngine(plan, dtype, threads).gradient(buffers, rows, CLOCK, training)
    return digest(found.objective, found.gradient, found.running, found.raw)


def predictions(plan: Plan, dtype: str) -> Iterator[str]:
    """Return hashes of the same predictions, made in different company."""
    rows, buffers, count = rows_of(plan, 600, dtype), first(plan, dtype), 600
    X, state = rows.X, (buffers.weights, buffers.running)
    together = NativeEngine(plan, dtype, 1).raw(*state, X)
    for threads in THREADS:
        yield digest(NativeEngine(plan, dtype, threads).raw(*state, X))
    engine = NativeEngine(plan, dtype, 2)
    yield digest(engine.raw(*state, X[::-1])[::-1])
    yield digest(
        np.concatenate([engine.raw(*state, X[start : start + 7]) for start in range(0, count, 7)])
    )
    alone = [engine.raw(*state, X[row : row + 1])[0] for row in (0, 1, 13, 255, 256, 599)]
    yield (
        digest(together)
        if digest(*alone) == digest(*together[[0, 1, 13, 255, 256, 599]])
        else "alone"
    )


def each_member() -> Iterator[tuple[str, Plan]]:
    """Return a small plan for each activation and each loss of the registries."""
    for member in ACTIVATIONS:
        for function in member.examples():
            network = nn.Sequential(nn.Dense(21), nn.Activation(function), nn.Dense(2))
            yield str(function), make_plan(network, (9,), "squared_error", 2)
    for member in LOSSES:
        for loss in member.examples():
            yield str(loss), make_plan(nn.Dense(loss.raw_width(3)), (9,), loss, 3)


def differing() -> Iterator[str]:
    """Return the name of each result that is not the same."""
    for name, plan in PLANS.items():
        for dtype in ("float32", "float64"):
            results = {
                "threads": [trained(plan, dtype, threads) for threads in THREADS],
                "parts": [trained(plan, dtype, threads, IN_PARTS) for threads in THREADS],
                "tuned": [trained(plan, dtype, threads, IN_PARTS, 9) for threads in (1, 3, None)],
                "resume": [
                    whole(plan, dtype),
                    whole(plan, dtype, pulse=True),
                    *(resumed(plan, dtype, steps) for steps in (1, 2, 3)),
                ],
                "gradient": [gradient(plan, dtype, threads, True) for threads in THREADS],
                "gradient in prediction": [gradient(plan, dtype, n, False) for n in THREADS],
                "predictions": list(predictions(plan, dtype)),
            }
            yield from (
                f"{name} {dtype} {what}" for what, found in results.items() if len(set(found)) > 1
            )
    for name, plan in each_member():
        if len({trained(plan, "float32", threads) for threads in (1, 3)}) > 1:
            yield f"{name} threads"
        if len(set(predictions(plan, "float32"))) > 1:
            yield f"{name} predictions"


if __name__ == "__main__":
    json.dump({"set": info()["instruction_set"], "differing": list(differing())}, sys.stdout)
