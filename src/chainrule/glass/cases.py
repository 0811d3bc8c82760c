"""One case of the laws: a network with a loss, or an operation alone, checked at one point."""

from __future__ import annotations

import dataclasses
from typing import Any, Protocol

import numpy as np

from chainrule.checks import shown
from chainrule.engine.protocol import Rows
from chainrule.frozen import frozen
from chainrule.glass.comparison import TOLERANCES, Comparison, Method, compare, json_number
from chainrule.glass.gradcheck import check_plan, choose_method
from chainrule.glass.op_point import op_point, sample_inputs
from chainrule.maths.loss import Loss, Reduction
from chainrule.maths.penalty import Penalty
from chainrule.nn.combine import Sequential
from chainrule.nn.dense import Dense
from chainrule.nn.layer import Layer, build_graph
from chainrule.nn.sequence import Flatten
from chainrule.ops.op import Op
from chainrule.plan.plan import Plan, make_plan
from chainrule.registry import Record
from chainrule.streams import Stream

__all__ = ["Case", "CheckRow", "NetworkCase", "OpCase", "finished", "title"]

ROW_COUNT = 5
TARGETS = 2


@frozen
class CheckRow:
    """The outcome of one case."""

    group: str
    name: str
    method: str
    """"complex", "central", "compiled" (against the reference engine), or "" if the case could not
    be evaluated."""
    error: float
    tolerance: float
    passed: bool
    where: str
    """The tensor with the largest error, or the exception."""
    gradient_norm: float
    corners: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return JSON numbers, strings and lists; an error that is not finite is None."""
        row = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return {**row, "error": json_number(self.error), "corners": list(self.corners)}


class Case(Protocol):
    """One thing to check."""

    @property
    def group(self) -> str:
        """The family of combinations that the case belongs to."""
        ...

    @property
    def name(self) -> str:
        """What is combined."""
        ...

    def check(self) -> CheckRow:
        """Compare gradient and derivative."""
        ...


def title(record: Record) -> str:
    """Return a record's name with the fields that are not at their defaults: `elu(alpha=0.5)`."""
    given = [
        f"{field.name}={_shown(getattr(record, field.name))}"
        for field in dataclasses.fields(record)  # type: ignore[arg-type]
        if getattr(record, field.name) != field.default
    ]
    return f"{record.name}({', '.join(given)})" if given else record.name


def _shown(value: object) -> str:
    if isinstance(value, Record):
        return title(value)
    if isinstance(value, tuple):
        return "[" + ", ".join(_shown(item) for item in value) + "]"
    return shown(value)


def finished(layer: Layer, sample_shape: tuple[int, ...], width: int) -> Sequential:
    """Return the layer with a linear head of `width` raw outputs."""
    flat = (Flatten(),) if len(build_graph(layer, sample_shape).output.shape) == 3 else ()
    return Sequential(layer, *flat, Dense(width))


@frozen
class NetworkCase:
    """A layer with a linear head, under a loss."""

    group: str
    layer: Layer
    loss: Loss
    sample_shape: tuple[int, ...] | None = None
    penalties: tuple[Penalty, ...] = ()
    reduction: Reduction = "mean"
    weighted: bool = False
    training: bool = True

    @property
    def name(self) -> str:
        """What is combined."""
        parts = [title(self.layer), title(self.loss), *map(title, self.penalties)]
        if self.sample_shape is not None:
            parts.append(f"samples {self.sample_shape}")
        parts.extend(["sum"] if self.reduction == "sum" else [])
        parts.extend(["weighted"] if self.weighted else [])
        parts.extend([] if self.training else ["prediction"])
        return " | ".join(parts)

    def plan(self) -> Plan:
        """Return the plan of the network."""
        shape = self.sample_shape or self.layer.sample_shape()
        network = finished(self.layer, shape, self.loss.raw_width(TARGETS))
        return make_plan(
            network,
            shape,
            self.loss,
            TARGETS,
            penalties=self.penalties,
            reduction=self.reduction,
        )

    def rows(self) -> Rows:
        """Return valid inputs and targets; with weights, the first row's is zero.

        The weights do not sum to the number of rows, so dividing by the one is not dividing by the
        other.
        """
        shape = self.sample_shape or self.layer.sample_shape()
        X = self.layer.sample_inputs(Stream(0, "laws:X").uniform((ROW_COUNT, *shape)))
        Y = self.loss.sample_targets(Stream(0, "laws:Y").uniform((ROW_COUNT, TARGETS)))
        weights = np.linspace(0.0, 3.0, ROW_COUNT) if self.weighted else None
        return Rows(X, Y, weights)

    def check(self) -> CheckRow:
        """Check the gradient of every parameter and of X."""
        plan = self.plan()
        method = choose_method(plan)
        report = check_plan(plan, self.rows(), method, training=self.training)
        return _row(self, method, report.comparison)


@frozen
class OpCase:
    """One operation alone."""

    op: Op
    training: bool = True
    sequence: bool = False

    @property
    def group(self) -> str:
        """The family of combinations that the case belongs to."""
        return "operation"

    @property
    def name(self) -> str:
        """What is combined."""
        sequence = " | sequence" if self.sequence else ""
        return title(self.op) + sequence + ("" if self.training else " | prediction")

    def check(self) -> CheckRow:
        """Check the gradient of every input and trainable tensor."""
        inputs = sample_inputs(self.op, sequence=self.sequence) or {}
        method: Method = "complex" if self.op.analytic() else "central"
        comparison = compare(op_point(self.op, inputs, self.training), method)
        return _row(self, method, comparison)


def _row(case: Case, method: Method, comparison: Comparison) -> CheckRow:
    worst = comparison.worst
    return CheckRow(
        group=case.group,
        name=case.name,
        method=method,
        error=worst.error,
        tolerance=TOLERANCES[method],
        passed=comparison.total.passed and all(check.passed for check in comparison.tensors),
        where=worst.tensor,
        gradient_norm=comparison.total.gradient_norm,
        corners=comparison.corners,
    )
