"""Traces of random networks, to prove formulas where nobody chose the case."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import numpy as np

from chainrule import nn
from chainrule.engine.protocol import Buffers, Clock, Rows
from chainrule.engine.reference import ReferenceEngine
from chainrule.errors import DataError, ShapeError
from chainrule.frozen import frozen
from chainrule.glass.cases import finished, title
from chainrule.glass.trace.face import trace_step
from chainrule.glass.trace.record import json_values
from chainrule.glass.trace.result import Proof, Trace
from chainrule.glass.trace.state import in_float64
from chainrule.maths.clipping import CLIPPINGS
from chainrule.maths.loss import LOSSES
from chainrule.maths.optimizer import OPTIMIZERS
from chainrule.maths.penalty import PENALTIES
from chainrule.maths.schedule import SCHEDULES
from chainrule.nn.layer import LAYERS, Layer, build_graph
from chainrule.plan.plan import Group, Plan, make_plan
from chainrule.streams import Stream

__all__ = ["RandomReport", "RandomRow", "check_random", "random_step"]

Item = TypeVar("Item")
_ATTEMPTS = 20


@frozen
class RandomRow:
    """One random network: what it was, and what its trace's proof says."""

    number: int
    name: str
    records: int
    proof: Proof


@frozen
class RandomReport:
    """The proofs of many random networks."""

    rows: tuple[RandomRow, ...]

    @property
    def mismatches(self) -> tuple[RandomRow, ...]:
        """Networks of which a formula or a gradient does not hold."""
        return tuple(row for row in self.rows if not row.proof)

    @property
    def formulas(self) -> int:
        """Formulas that were run, over all networks."""
        return sum(row.proof.formulas for row in self.rows)

    @property
    def gradients(self) -> int:
        """Gradients with an independent check, over all networks."""
        return sum(row.proof.gradients for row in self.rows)

    @property
    def worst(self) -> RandomRow:
        """The network with the largest error of a formula."""
        return max(self.rows, key=lambda row: row.proof.worst)

    def to_document(self) -> dict[str, Any]:
        """Return JSON values."""
        return {
            "networks": len(self.rows),
            "formulas": self.formulas,
            "gradients": self.gradients,
            "mismatches": [
                {"network": row.number, "name": row.name, **row.proof.to_document()}
                for row in self.mismatches
            ],
            "worst": json_values(np.asarray(self.worst.proof.worst)),
            "where": f"{self.worst.name}: {self.worst.proof.where}",
        }


class _Draw:
    """Choices from a stream, the same each time."""

    def __init__(self, seed: int, number: int) -> None:
        self.stream = Stream(seed, "trace:random", number)
        self.used = 0

    def uniform(self, shape: tuple[int, ...] = ()) -> np.ndarray:
        count = int(np.prod(shape))
        numbers = self.stream.uniform((self.used + count,))[self.used :]
        self.used += count
        return numbers.reshape(shape)

    def whole(self, below: int) -> int:
        return min(int(self.uniform() * below), below - 1)

    def one(self, items: Sequence[Item]) -> Item:
        return items[self.whole(len(items))]

    def chance(self, share: float) -> bool:
        return bool(self.uniform() < share)


def _examples(registry: Any) -> list[Any]:
    return [example for member in registry for example in member.examples()]


def _network(draw: _Draw) -> tuple[Layer, tuple[int, ...]]:
    """Return random layers, one after the other, that fit."""
    everything = _examples(LAYERS)
    first = draw.one(everything)
    shape = first.sample_shape()
    layers = [first]
    for _ in range(draw.whole(3)):
        for _ in range(_ATTEMPTS):
            following = draw.one([nn.Dense(3, draw.one(_activations())), *everything])
            try:
                build_graph(nn.Sequential(*layers, following), shape)
            except (ShapeError, DataError):
                continue
            if _reads_codes(following):
                continue
            layers.append(following)
            break
    return nn.Sequential(*layers), shape


def _activations() -> list[str]:
    from chainrule.maths.activation import ACTIVATIONS

    return list(ACTIVATIONS.names())


def _reads_codes(layer: Layer) -> bool:
    graph = build_graph(layer, layer.sample_shape())
    return any(not node.op.differentiable() for node in graph.nodes)


def random_step(seed: int, number: int) -> tuple[str, Trace]:
    """Return the name and the trace of one random network.

    Layers, loss, optimizer, penalties, clipping, schedule, row weights, state and convention are
    drawn from the registries.
    """
    draw = _Draw(seed, number)
    network, shape = _network(draw)
    loss, K, N = draw.one(_examples(LOSSES)), 2 + draw.whole(2), 2 + draw.whole(5)
    whole = finished(network, shape, loss.raw_width(K))
    optimizer = draw.one(_examples(OPTIMIZERS))
    single = bool(optimizer.stepwise)  # without single updates nothing can act on them
    known = [each for each in _examples(PENALTIES) if single or each.kind == "objective"]
    penalties = tuple(draw.one(known) for _ in range(draw.whole(3)))
    clip = (draw.one(_examples(CLIPPINGS)),) if draw.chance(0.5) and single else ()
    graph = build_graph(whole, shape)
    pattern = draw.one([parameter.name for parameter in graph.parameters])
    plan = make_plan(
        whole,
        shape,
        loss,
        K,
        optimizer,
        draw.one(_examples(SCHEDULES)) if draw.chance(0.3) and single else None,
        penalties,
        clip,
        "sum" if draw.chance(0.3) else "mean",
        (Group(pattern, 0.5, 2.0),) if draw.chance(0.3) and single else (),
    )
    X = network.layers[0].sample_inputs(draw.uniform((N, *shape)))  # type: ignore[attr-defined]
    Y = loss.sample_targets(draw.uniform((N, K)))
    weights = np.linspace(0.0, 2.0, N) if draw.chance(0.3) else None
    buffers, clock = _state(plan, draw, seed + number)
    step = trace_step(
        plan,
        Rows(X, Y, weights),
        buffers,
        clock,
        convention="columns" if draw.chance(0.5) else "rows",
    )
    parts = [title(loss), title(optimizer), *map(title, (*penalties, *clip))]
    return " | ".join([" ".join(repr(network).split()), *parts]), step


def _state(plan: Plan, draw: _Draw, seed: int) -> tuple[Buffers, Clock]:
    buffers = in_float64(ReferenceEngine(plan, "float64").buffers(seed))
    buffers.weights = buffers.weights + 0.2 * (draw.uniform(buffers.weights.shape) - 0.5)
    buffers.running = buffers.running + 0.5 * draw.uniform(buffers.running.shape)
    if draw.chance(0.5) and plan.optimizer.stepwise:
        buffers.step = draw.whole(50)
        for name, slot in buffers.slots.items():
            buffers.slots[name] = slot + 0.1 * draw.uniform(slot.shape)
    return buffers, Clock(seed, 0, 0, 100)


def check_random(
    count: int, seed: int = 0, progress: Callable[[int, int], None] | None = None
) -> RandomReport:
    """Trace random networks and run every formula of every record.

    Parameters
    ----------
    count : int
    seed : int
    progress : callable, optional
        Called with (networks done, networks in all).

    Example
    -------
    >>> from chainrule.glass.trace.random_steps import check_random
    >>> len(check_random(1).mismatches)
    0
    """
    return RandomReport(tuple(_rows(count, seed, progress)))


def _rows(
    count: int, seed: int, progress: Callable[[int, int], None] | None
) -> Iterator[RandomRow]:
    for number in range(count):
        name, step = random_step(seed, number)
        yield RandomRow(number, name, len(step), step.check())
        if progress is not None:
            progress(number + 1, count)
