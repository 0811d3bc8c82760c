"""The Plan: description + loss + optimizer, as ordered steps over named tensors.

Decisions
---------
a) A plan is frozen and holds no arrays. It is the narrow waist of the library: layers, losses and
   optimizers meet above it, engines below it, and both sides only know this file's vocabulary.
b) Parameters, gradients and optimizer slots are each one flat vector (`Layout`). An optimizer, a
   checkpoint, an all-reduce and a compiled engine then need no knowledge of layers.
c) The backward steps are listed, not discovered at run time: which gradient goes where, and where
   two paths are summed. The same list is executed, printed and compiled.
d) One order of one step, fixed: forward, loss, backward, penalties, clipping, update (decay, then
   the optimizer), projections.
"""

from __future__ import annotations

import fnmatch
import math
from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Any, cast

import numpy as np

from chainrule.checks import Integer, OneOf, Real, Text, check_parameters, shown
from chainrule.errors import InvalidParameterError, ShapeError
from chainrule.frozen import frozen
from chainrule.maths.clipping import CLIPPINGS, Clipping
from chainrule.maths.loss import LOSSES, Loss, Reduction
from chainrule.maths.optimizer import OPTIMIZERS, Optimizer
from chainrule.maths.penalty import PENALTIES, Penalty
from chainrule.maths.schedule import SCHEDULES, Schedule
from chainrule.nn.graph import Graph, Parameter
from chainrule.nn.layer import LAYERS, Layer, build_graph
from chainrule.ops.shapes import shape_text, sizes
from chainrule.plan.layout import Layout
from chainrule.plan.steps import (
    BackwardStep,
    ClipStep,
    ForwardStep,
    LossStep,
    PenaltyStep,
    ProjectStep,
    Step,
    UpdateStep,
    backward_steps,
    gradient_name,
)
from chainrule.registry import Record, new_registry
from chainrule.streams import Stream

__all__ = ["GROUPS", "Group", "GroupBase", "Plan", "make_plan"]


class GroupBase(Record):
    """Base of the parameter groups."""


GROUPS = new_registry("group", GroupBase)


@GROUPS.register
@frozen
class Group(GroupBase):
    """Factors on the learning rate and the decay of the parameters whose names match a pattern.

    Source: shell patterns, as in Python's fnmatch.

    Example
    -------
    >>> from chainrule.plan.plan import Group
    >>> Group("*.b", rate_factor=0.1).pattern
    '*.b'
    """

    name = "group"
    rules = {"pattern": Text(), "rate_factor": Real(0, None), "decay_factor": Real(0, None)}
    latex = r"\eta_g = f_g\, \eta,\quad \lambda_g = d_g\, \lambda"
    source = "Python standard library, fnmatch"

    pattern: str
    rate_factor: float = 1.0
    decay_factor: float = 1.0

    @classmethod
    def examples(cls) -> tuple[Group, ...]:
        """Return a slower group."""
        return (cls("dense_1.*", 0.5),)


@frozen
class Plan:
    """What one training step does. Build it with `make_plan`."""

    network: Layer
    graph: Graph
    loss: Loss
    optimizer: Optimizer
    schedule: Schedule | None
    penalties: tuple[Penalty, ...]
    clippings: tuple[Clipping, ...]
    reduction: Reduction
    targets: int
    groups: tuple[Group, ...] = ()
    parameters: Layout = field(init=False)
    running: Layout = field(init=False)
    steps: tuple[Step, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._lay_out()
        object.__setattr__(self, "steps", tuple(self._steps()))

    def _lay_out(self) -> None:
        parameters = [(entry.name, sizes(entry.shape)) for entry in self.graph.parameters]
        running = [(entry.name, sizes(entry.shape)) for entry in self.graph.running]
        object.__setattr__(self, "parameters", Layout.of(parameters))
        object.__setattr__(self, "running", Layout.of(running))

    def _steps(self) -> list[Step]:
        raw = self.graph.output.name
        penalised = [entry.name for entry in self.graph.parameters if entry.penalised]
        steps: list[Step] = [ForwardStep(node) for node in self.graph.nodes]
        steps.append(LossStep(raw, gradient_name(raw)))
        steps.extend(backward_steps(self.graph.nodes, raw))
        for penalty in self.penalties:
            if penalty.kind == "objective":
                steps.extend(PenaltyStep(penalty, name) for name in penalised)
        steps.extend(ClipStep(clipping) for clipping in self.clippings)
        steps.append(UpdateStep())
        for penalty in self.penalties:
            if penalty.kind == "projection":
                steps.extend(ProjectStep(penalty, name) for name in penalised)
        return steps

    def steps_of(self, kind: type) -> tuple[Any, ...]:
        """Return the steps of one class, in order."""
        return tuple(step for step in self.steps if isinstance(step, kind))

    def forward_steps(self) -> tuple[ForwardStep, ...]:
        """Return the forward steps."""
        return self.steps_of(ForwardStep)

    def backward_steps(self) -> tuple[BackwardStep, ...]:
        """Return the backward steps."""
        return self.steps_of(BackwardStep)

    @property
    def raw_width(self) -> int:
        """Number of raw outputs."""
        return self.graph.output.shape[-1].size or 0

    @property
    def sample_shape(self) -> tuple[int, ...]:
        """Shape of one sample: `(d,)` or `(T, d)`."""
        return sizes(self.graph.input.shape[1:])

    def initial_weights(self, seed: int) -> np.ndarray:
        """Return the flat vector of first weights, float64; each tensor has its own stream."""
        tensors = {
            entry.name: entry.initialiser.sample(
                Stream(seed, f"init:{entry.name}"),
                sizes(entry.shape),
                entry.fan_in,
                entry.fan_out,
                entry.gain,
            )
            for entry in self.graph.parameters
        }
        return self.parameters.pack(tensors, np.float64)

    def initial_running(self) -> np.ndarray:
        """Return the flat vector of first running moments, float64."""
        start = self.graph.running_start
        tensors = {
            slot.name: np.full(slot.shape, start.get(slot.name, 0.0)) for slot in self.running.slots
        }
        return self.running.pack(tensors, np.float64)

    def tensor_factors(self) -> dict[str, tuple[float, float]]:
        """Return the factors on learning rate and decay of each parameter, by name.

        They are the product of the layer's own and those of all groups that match. The decay's is
        0 where nothing is penalised.
        """
        return {entry.name: self._factors(entry) for entry in self.graph.parameters}

    def _factors(self, entry: Parameter) -> tuple[float, float]:
        rate, decay = entry.rate_factor, entry.decay_factor if entry.penalised else 0.0
        for group in self.groups:
            if fnmatch.fnmatchcase(entry.name, group.pattern):
                rate, decay = rate * group.rate_factor, decay * group.decay_factor
        return rate, decay

    def rate_factors(self) -> np.ndarray:
        """Return the learning-rate factor of every number, flat."""
        return self._spread({name: rate for name, (rate, _) in self.tensor_factors().items()})

    def decay_factors(self) -> np.ndarray:
        """Return the decay factor of every number, flat; 0 where nothing is penalised."""
        return self._spread({name: decay for name, (_, decay) in self.tensor_factors().items()})

    def _spread(self, factors: Mapping[str, float]) -> np.ndarray:
        vector = np.ones(self.parameters.size)
        for slot in self.parameters.slots:
            vector[slot.start : slot.stop] = factors[slot.name]
        return vector

    def __str__(self) -> str:
        from chainrule.plan.table import plan_table

        return plan_table(self)


def make_plan(
    network: Layer | str | Mapping[str, object],
    sample_shape: tuple[int, ...],
    loss: Loss | str,
    targets: int,
    optimizer: Optimizer | str = "adam",
    schedule: Schedule | str | None = None,
    penalties: Penalty | str | Sequence[Penalty | str] = (),
    clip: Clipping | str | float | Sequence[Clipping | str] | None = None,
    reduction: Reduction = "mean",
    groups: Sequence[Group] = (),
) -> Plan:
    """Turn a description, a loss and an optimizer into a Plan.

    Parameters
    ----------
    network : Layer
    sample_shape : tuple of int
        Shape of one sample, `(d,)` or `(T, d)`.
    loss : Loss or str
    targets : int
        Number of columns of the encoded targets.
    optimizer : Optimizer or str
    schedule : Schedule or str, optional
        Factor on the learning rate at each step.
    penalties : Penalty, or several
    clip : Clipping or several; a number is a limit for the global norm
    reduction : "mean" or "sum"
    groups : sequence of Group
        Factors for parameters by name pattern.

    Raises
    ------
    ShapeError
        Layers do not fit each other, or the output does not fit loss and targets.
    InvalidParameterError, UnknownNameError
        An argument is not what it should be.

    Example
    -------
    >>> from chainrule import nn
    >>> from chainrule.plan import make_plan
    >>> plan = make_plan(nn.Sequential(nn.Dense(3, "tanh"), nn.Dense(1)), (2,), "squared_error", 1)
    >>> plan.parameters.size
    13
    """
    layer = LAYERS.make(network)
    record = LOSSES.make(loss)
    check_parameters(_RULES, {"reduction": reduction, "targets": targets}, "make_plan.{}".format)
    graph = build_graph(layer, sample_shape)
    _check_output(graph, record, targets)
    _check_size(graph)
    return Plan(
        network=layer,
        graph=graph,
        loss=record,
        optimizer=OPTIMIZERS.make(optimizer),
        schedule=None if schedule is None else SCHEDULES.make(schedule),
        penalties=_several(PENALTIES, penalties),
        clippings=_clippings(clip),
        reduction=reduction,
        targets=targets,
        groups=_checked_groups(groups, graph.parameters),
    )


MOST_PARAMETERS = 2**40
"""More of them than any memory holds, and still a length that NumPy can say."""


def _check_size(graph: Graph) -> None:
    counts = {entry.name: math.prod(sizes(entry.shape)) for entry in graph.parameters}
    total = sum(counts.values())
    if total > MOST_PARAMETERS:
        raise InvalidParameterError(
            "the network has more parameters than any memory holds",
            where=max(counts, key=lambda name: counts[name]),
            expected=f"at most {MOST_PARAMETERS:,}",
            got=shown(total),
        )


_RULES = {"reduction": OneOf(("mean", "sum")), "targets": Integer(1)}


def _several(registry: Any, specs: Any) -> tuple[Any, ...]:
    if specs is None:
        return ()
    if isinstance(specs, (str, Record, Mapping)):
        specs = (specs,)
    if not isinstance(specs, (tuple, list)):
        raise InvalidParameterError(
            f"the {registry.kind} argument is not understood",
            expected=f"a {registry.base.__name__}, a name, or a tuple of them",
            got=shown(specs),
        )
    return tuple(registry.make(spec) for spec in specs)


def _clippings(clip: Any) -> tuple[Clipping, ...]:
    if isinstance(clip, (int, float)) and not isinstance(clip, bool):
        return (CLIPPINGS.make("clip_norm", limit=clip),)
    return _several(CLIPPINGS, clip)


def _check_output(graph: Graph, loss: Loss, targets: int) -> None:
    expected = loss.raw_width(targets)
    shape = graph.output.shape
    if len(shape) != 2 or shape[-1].size != expected:
        raise ShapeError(
            f"the network's output does not fit the loss {loss.name} and the targets",
            where=f"output {graph.output.name}",
            expected=f"(N, {expected})",
            got=shape_text(shape),
            do=f"end the network with Dense({expected})"
            + (" after Flatten()" if len(shape) == 3 else ""),
        )


def _checked_groups(groups: object, parameters: tuple[Parameter, ...]) -> tuple[Group, ...]:
    names = [parameter.name for parameter in parameters]
    if not isinstance(groups, (tuple, list)):
        raise InvalidParameterError(
            "groups is not understood", expected="a tuple of Group", got=shown(groups)
        )
    checked: list[Group] = []
    for group in cast("Sequence[object]", groups):
        if not isinstance(group, Group):
            raise InvalidParameterError(
                "this is not a parameter group", expected="a Group", got=shown(group)
            )
        if not fnmatch.filter(names, group.pattern):
            raise InvalidParameterError(
                "a group matches no parameter",
                where=f"pattern {group.pattern!r}",
                expected="a pattern for one of " + ", ".join(names),
            )
        checked.append(group)
    return tuple(checked)
