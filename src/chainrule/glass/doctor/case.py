"""A recording as the rules read it: the questions that several faults ask of it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any

import numpy as np

from chainrule.nn.graph import Node
from chainrule.ops.activate import Activate
from chainrule.plan.plan import Plan
from chainrule.training.recording import Recording, Snapshot

__all__ = ["Case", "middle", "percent"]

_NORMS = ("batch_norm", "layer_norm")
_TRANSPARENT = ("scale", "dropout", "flatten", "activate")


def middle(values: Iterable[float]) -> float:
    """Return the median of the finite values, NaN if there are none.

    Example
    -------
    >>> middle([1.0, float("nan"), 3.0])
    2.0
    """
    finite = [value for value in values if math.isfinite(value)]
    return float(np.median(finite)) if finite else math.nan


def percent(share: float) -> str:
    """Return a share of the target as words; what is worse than a constant explains nothing.

    Example
    -------
    >>> percent(0.5), percent(-3.0)
    ('50%', 'nothing')
    """
    return f"{share:.0%}" if share > 0 else "nothing"


class Case:
    """A recorded run, and answers to what rules ask.

    Parameters
    ----------
    recording : Recording
        With its findings, where there are any.
    """

    def __init__(self, recording: Recording) -> None:
        self.recording = recording
        self.plan: Plan = recording.plan
        self.facts = recording.facts
        self.snapshots: list[Snapshot] = list(recording.snapshots)

    def found(self, *path: str, default: float = math.nan) -> Any:
        """Return a finding by its path, or the default."""
        place: Any = self.recording.findings or {}
        for key in path:
            if not isinstance(place, Mapping) or key not in place or place[key] is None:
                return default
            place = place[key]
        return place

    @cached_property
    def nodes(self) -> dict[str, Node]:
        """Nodes by name."""
        return {node.name: node for node in self.plan.graph.nodes}

    @cached_property
    def dense(self) -> list[Node]:
        """The affine nodes in order; the last one is the output layer."""
        return [node for node in self.plan.graph.nodes if node.op.name == "affine"]

    @property
    def hidden(self) -> list[Node]:
        """The affine nodes before the output layer."""
        return self.dense[:-1]

    def readers(self, node: Node) -> list[Node]:
        """Return the nodes that read a node's output."""
        return [
            other for other in self.plan.graph.nodes if node.output.name in other.inputs.values()
        ]

    def normed(self, node: Node) -> bool:
        """Say whether a norm makes up for the scale of a node's output."""
        readers = self.readers(node)
        if any(reader.op.name in _NORMS for reader in readers):
            return True
        return any(
            self.normed(reader)
            for reader in readers
            if reader.op.name in _TRANSPARENT and not isinstance(reader.op, Activate)
        )

    @cached_property
    def inputs_normed(self) -> bool:
        """Whether every reader of X is a norm."""
        name = self.plan.graph.input.name
        readers = [node for node in self.plan.graph.nodes if name in node.inputs.values()]
        return bool(readers) and all(node.op.name in _NORMS for node in readers)

    def activations(self) -> list[tuple[Node, Any]]:
        """Return the activation nodes before the output, with their records."""
        output = self.plan.graph.output.name
        return [
            (node, node.op.function)
            for node in self.plan.graph.nodes
            if isinstance(node.op, Activate) and node.output.name != output
        ]

    def gain(self, node: Node) -> float:
        """Return what the first weights multiply a signal by: their norm over sqrt(units)."""
        if not self.snapshots:
            return math.nan
        name = f"{node.name}.W"
        state = self.snapshots[0].parameters.get(name)
        slot = self.plan.parameters.places.get(name)
        return math.nan if state is None or slot is None else state.norm / math.sqrt(slot.shape[1])

    @cached_property
    def flow(self) -> float:
        """Gradient at the first dense layer over that at the output layer, in the first steps."""
        if len(self.dense) < 2:
            return math.nan
        return self.flow_of(self.snapshots[: max(len(self.snapshots) // 2, 1)])

    def flow_of(self, snapshots: list[Snapshot]) -> float:
        """Return the ratio of the gradients at the first dense layer and at the output layer."""
        first, last = self.dense[0].name, self.dense[-1].name
        ratios: list[float] = []
        for snapshot in snapshots:
            low, high = snapshot.nodes[first].gradient, snapshot.nodes[last].gradient
            ratios.append(low / high if high > 0 else math.nan)
        return middle(ratios)

    @cached_property
    def growth(self) -> float:
        """Size of the output layer's result over that of the first dense layer, at the start."""
        if len(self.dense) < 2 or not self.snapshots:
            return math.nan
        nodes = self.snapshots[0].nodes
        first, last = nodes[self.dense[0].name].output, nodes[self.dense[-1].name].output
        return last / first if first > 0 else math.nan

    @cached_property
    def updates(self) -> list[float]:
        """The largest update of a weight matrix over its norm, for each snapshot.

        A matrix that shrinks towards zero counts with its first norm: it is meant to be small.
        """
        largest: list[float] = []
        for snapshot in self.snapshots:
            shares: list[float] = []
            for name, state in snapshot.parameters.items():
                first = self.snapshots[0].parameters[name].norm
                norm = max(state.norm, first)
                if name.endswith(".W") and norm > 0 and math.isfinite(state.update):
                    shares.append(state.update * state.norm / norm)
            largest.append(max(shares, default=math.nan))
        return largest

    @property
    def shrunk(self) -> bool:
        """Whether penalties drew most weight matrices to a small part of their first norm."""
        held = bool(self.plan.penalties) or self.plan.optimizer.decay() > 0
        return held and float(self.found("network", "size")) < 0.3

    @cached_property
    def loss(self) -> np.ndarray:
        """The loss of the steps, averaged over stretches of a fortieth of the run."""
        values = self.recording.series.loss
        if not len(values):
            return values
        size = max(len(values) // 40, 1)
        whole = len(values) // size * size
        with np.errstate(all="ignore"):
            return values[:whole].reshape(-1, size).mean(axis=1)

    @property
    def diverged(self) -> bool:
        """Whether numbers stopped being finite, or the loss left its bounds."""
        return self.facts["stop_reason"] == "diverged"

    @cached_property
    def learnable(self) -> float:
        """R squared of the better ridge regression on rows that it has not seen."""
        return max(self.found("signal", "kernel"), self.found("signal", "linear"))

    @cached_property
    def learned(self) -> float:
        """R squared of the returned network on the training rows."""
        return float(self.found("network", "train", "explained"))

    @cached_property
    def generalises(self) -> float:
        """R squared of the returned network on the validation rows, else on the training rows."""
        return float(self.found("network", "validation", "explained", default=self.learned))

    @property
    def learned_last(self) -> float:
        """R squared of the last weights on the training rows."""
        return float(self.found("network", "last", "explained"))

    @property
    def lost(self) -> float:
        """How much less of the targets the last weights explain than a ridge regression does."""
        return self.learnable - self.learned_last

    @property
    def missed(self) -> float:
        """How much less of the targets the network explains than a ridge regression does."""
        return self.learnable - self.learned

    @cached_property
    def rate(self) -> float:
        """The learning rate."""
        return float(self.plan.optimizer.learning_rate)

    def optimizer_code(self, factor: float) -> str:
        """Return the line that sets another learning rate."""
        record = type(self.plan.optimizer).__name__
        return f"cr.train(..., optimizer=cr.{record}({self.rate * factor:.1g}))"

    def epochs_code(self, factor: int) -> str:
        """Return the line that trains for so many times the epochs that were done."""
        return f"cr.train(..., epochs={factor * max(len(self.recording.history), 1)})"

    def called(self, column: float) -> str:
        """Return the name of a column of X, or its number."""
        names = self.facts.get("names")
        place = int(column)
        return str(names[place]) if names and place < len(names) else f"column {place}"

    def column(self, name: str) -> np.ndarray:
        """Return a column of the history; empty if there is none."""
        rows = [row for row in self.recording.history if name in row]
        return np.array([row[name] for row in rows], np.float64)
