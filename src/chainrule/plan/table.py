"""The plan as a table: shapes, parameters, FLOPs and bytes of one training step."""

from __future__ import annotations

import math

from chainrule.frozen import frozen
from chainrule.nn.graph import Node
from chainrule.ops.shapes import shape_text, sizes
from chainrule.plan.plan import Plan

__all__ = ["Cost", "PlanCost", "plan_cost", "plan_table"]


@frozen
class Cost:
    """Cost of one node for one batch. FLOPs count multiplications and additions."""

    node: str
    shape: str
    parameters: int
    forward_flops: int
    backward_flops: int
    activation_bytes: int


@frozen
class PlanCost:
    """Cost of one training step for one batch."""

    rows: int
    nodes: tuple[Cost, ...]
    parameters: int
    update_bytes: int
    """Weights, gradient and optimizer slots."""

    @property
    def forward_flops(self) -> int:
        """FLOPs of the forward pass."""
        return sum(node.forward_flops for node in self.nodes)

    @property
    def backward_flops(self) -> int:
        """FLOPs of the backward pass."""
        return sum(node.backward_flops for node in self.nodes)

    @property
    def activation_bytes(self) -> int:
        """Bytes of all activations of the batch, the input not counted."""
        return sum(node.activation_bytes for node in self.nodes)


def plan_cost(plan: Plan, rows: int = 1, itemsize: int = 4) -> PlanCost:
    """Return FLOPs, activation bytes and parameters of one step.

    Parameters
    ----------
    plan : Plan
    rows : int
        Batch size N.
    itemsize : int
        Bytes of a number: 4 for float32, 8 for float64.

    Example
    -------
    >>> from chainrule import nn
    >>> from chainrule.plan import make_plan, plan_cost
    >>> plan = make_plan(nn.Dense(1), (3,), "squared_error", 1)
    >>> plan_cost(plan, rows=10).forward_flops
    70
    """
    shapes = {name: sizes(shape, rows) for name, shape in plan.graph.shapes().items()}
    nodes = tuple(_node_cost(node, shapes, itemsize) for node in plan.graph.nodes)
    vectors = 2 + len(plan.optimizer.slots)
    return PlanCost(rows, nodes, plan.parameters.size, vectors * plan.parameters.size * itemsize)


def _node_cost(node: Node, shapes: dict[str, tuple[int, ...]], itemsize: int) -> Cost:
    local = {key: shapes[name] for key, name in node.inputs.items()}
    local[node.op.output] = shapes[node.output.name]
    local.update({key: shapes[name] for key, name in node.trainable.items()})
    forward, backward = node.op.flops(local)
    parameters = sum(math.prod(shapes[name]) for name in node.trainable.values())
    kept = math.prod(shapes[node.output.name])
    kept += sum(math.prod(shapes[tensor.name]) for tensor in node.noise.values())
    return Cost(
        node.name, shape_text(node.output.shape), parameters, forward, backward, kept * itemsize
    )


def _readable(number: float, unit: str) -> str:
    for prefix in ("", "k", "M", "G", "T"):
        if abs(number) < 1000 or prefix == "T":
            digits = f"{number:.0f}" if prefix == "" else f"{number:.3g}"
            return f"{digits} {prefix}{unit}".rstrip()
        number /= 1000
    raise AssertionError  # the loop always returns


def _aligned(rows: list[tuple[str, ...]]) -> str:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "  ".join(
            cell.ljust(width) if column < 3 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    lines.insert(1, "-" * max(len(line) for line in lines))
    return "\n".join(lines)


def plan_table(plan: Plan, rows: int = 1, itemsize: int = 4) -> str:
    """Return the plan as text: one line per operation, then the totals and the update."""
    cost = plan_cost(plan, rows, itemsize)
    operations = {node.name: node.op.name for node in plan.graph.nodes}
    head = ("layer", "operation", "output", "parameters", "forward", "backward", "activations")
    lines = [head, ("X", "input", shape_text(plan.graph.input.shape), "", "", "", "")]
    lines.extend(
        (
            node.node,
            operations[node.node],
            node.shape,
            f"{node.parameters:,}" if node.parameters else "",
            _readable(node.forward_flops, "FLOP"),
            _readable(node.backward_flops, "FLOP"),
            _readable(node.activation_bytes, "B"),
        )
        for node in cost.nodes
    )
    lines.append(
        (
            "total",
            "",
            f"N = {rows}",
            f"{cost.parameters:,}",
            _readable(cost.forward_flops, "FLOP"),
            _readable(cost.backward_flops, "FLOP"),
            _readable(cost.activation_bytes, "B"),
        )
    )
    return _aligned(lines) + "\n" + "\n".join(_footer(plan, cost))


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")


def _footer(plan: Plan, cost: PlanCost) -> list[str]:
    def listed(records: tuple[object, ...]) -> str:
        return ", ".join(str(record) for record in records) or "none"

    slots = _count(len(plan.optimizer.slots), "optimizer slot")
    targets = _count(plan.targets, "target column")
    size = _readable(cost.update_bytes, "B")
    return [
        f"loss:      {plan.loss} ({plan.reduction} over rows), {targets}",
        f"optimizer: {plan.optimizer}",
        f"schedule:  {plan.schedule or 'constant'}",
        f"penalties: {listed(plan.penalties)}",
        f"clipping:  {listed(plan.clippings)}",
        f"vectors:   {size} for weights, gradient and {slots}",
    ]
