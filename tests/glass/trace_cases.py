"""Steps that together meet every member of every registry that a trace writes down."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from itertools import cycle
from typing import Any

import numpy as np

from chainrule import nn
from chainrule.engine.protocol import Buffers, Clock, Rows
from chainrule.engine.reference import ReferenceEngine
from chainrule.errors import ShapeError
from chainrule.glass.cases import finished
from chainrule.glass.trace import Trace, trace_step
from chainrule.maths.activation import ACTIVATIONS
from chainrule.maths.clipping import CLIPPINGS
from chainrule.maths.loss import LOSSES
from chainrule.maths.optimizer import OPTIMIZERS
from chainrule.maths.penalty import PENALTIES
from chainrule.nn.layer import LAYERS, Layer, build_graph
from chainrule.plan import Plan, make_plan
from chainrule.streams import Stream

__all__ = ["ALL", "Case", "columns", "flat", "traces"]

Case = tuple[str, Plan, Rows, Buffers, Clock]
N, K = 4, 2


def examples(registry: Any) -> list[Any]:
    return [example for member in registry for example in member.examples()]


def _layers() -> Iterator[tuple[Layer, tuple[int, ...]]]:
    for layer in examples(LAYERS):
        yield layer, layer.sample_shape()
    for function in examples(ACTIVATIONS):
        yield nn.Sequential(nn.Dense(3), nn.Activation(function)), (3,)


def _cases() -> Iterator[Case]:
    """Return one step for each layer and activation; losses and the rest take turns."""
    losses, optimizers = cycle(examples(LOSSES)), cycle(examples(OPTIMIZERS))
    penalties, clippings = cycle(examples(PENALTIES)), cycle([None, *examples(CLIPPINGS)])
    longest = max(len(list(_layers())), len(examples(LOSSES)), len(examples(OPTIMIZERS)))
    turns = cycle(_layers())
    for number in range(longest):
        layer, shape = next(turns)
        loss, optimizer = next(losses), next(optimizers)
        penalty, clip = next(penalties), next(clippings)
        single = bool(optimizer.stepwise)
        plan = make_plan(
            finished(layer, shape, loss.raw_width(K)),
            shape,
            loss,
            K,
            optimizer,
            penalties=(penalty,) if single or penalty.kind == "objective" else (),
            clip=(clip,) if single and clip is not None else (),
            reduction="sum" if number % 3 == 0 else "mean",
        )
        yield repr(layer), plan, *_moment(plan, layer, shape, number)


def _moment(plan: Plan, layer: Layer, shape: tuple[int, ...], number: int) -> Any:
    X = layer.sample_inputs(Stream(number, "X").uniform((N, *shape)))
    Y = plan.loss.sample_targets(Stream(number, "Y").uniform((N, K)))
    weights = np.array([0.5, 1.0, 0.0, 2.0]) if number % 4 == 0 else None
    buffers = ReferenceEngine(plan, "float64").buffers(number)
    buffers.weights += 0.2 * (Stream(number, "w").uniform(buffers.weights.shape) - 0.5)
    buffers.running += 0.5 * Stream(number, "r").uniform(buffers.running.shape)
    if number % 2 and plan.optimizer.stepwise:
        buffers.step = 7
        for name in buffers.slots:
            buffers.slots[name] = 0.1 * Stream(number, name).uniform(buffers.weights.shape)
    return Rows(X, Y, weights), buffers, Clock(number, 0, 0, 20)


def flat(plan: Plan) -> bool:
    """Say whether a plan knows tables only."""
    try:
        return all(
            len(shape) < 3
            for shape in build_graph(plan.network, plan.sample_shape).shapes().values()
        )
    except ShapeError:
        return False


ALL = list(_cases())


def columns(number: int) -> bool:
    """Say whether a case is traced with samples as columns."""
    return number % 2 == 1


@lru_cache(maxsize=1)
def traces() -> list[Trace]:
    """Return one trace of each case, by turns with samples as rows and as columns."""
    found = []
    for number, (_, plan, rows, buffers, clock) in enumerate(ALL):
        convention = "columns" if columns(number) else "rows"
        found.append(trace_step(plan, rows, buffers, clock, convention=convention))
    return found
