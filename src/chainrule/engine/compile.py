"""From a Plan to the list of numbers that the compiled engine reads.

`program_of` is the only place that knows the order of an operation's numbers; `reason_against` says
why a plan must run on the reference engine instead. A loss is never a reason: one that the binary
does not know, `calls_back`, is called by it (see `native_loss.py`).
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import Any

from chainrule.maths.clipping import Clipping
from chainrule.maths.penalty import Penalty
from chainrule.nn.graph import Node
from chainrule.ops.shapes import sizes
from chainrule.plan.plan import Plan
from chainrule.registry import Record
from chainrule.streams import Stream

__all__ = ["calls_back", "program_of", "reason_against"]

_NUMBERS = {
    "dropout": ("rate",),
    "batch_norm": ("momentum", "epsilon"),
    "layer_norm": ("epsilon",),
    "attend": ("heads", "causal"),
}
_INTEGERS = {"columns": "picked", "embed": "levels"}
_PLAIN = ("affine", "activate", "add", "concat", "scale", "flatten")
_OPS = {*_NUMBERS, *_INTEGERS, *_PLAIN}
_PENALTIES = {"l1", "l2", "l2_shared", "max_norm", "spectral", "weight_decay"}
_CLIPPINGS = {"clip_norm", "clip_value"}


def _own(record: Record) -> bool:
    """Say whether a record is the library's own, not a user's of the same name."""
    return type(record).__module__.startswith("chainrule.")


def reason_against(plan: Plan, known: Mapping[str, Collection[str]]) -> str:
    """Return why the compiled engine cannot run a plan, or an empty string.

    Parameters
    ----------
    plan : Plan
    known : dict
        Names that the binary knows, by "activations", "losses", "optimizers".
    """
    for node in plan.graph.nodes:
        if node.op.name not in _OPS or not _own(node.op):
            return f"the operation {node.op.name} of layer {node.name} has no compiled form"
        if node.op.name == "activate":
            function = node.op.parameters()["function"]
            if function.name not in known["activations"] or not _own(function):
                return f"the activation {function.name} of layer {node.name} has no compiled form"
    # A method that is not stepwise asks for gradients only, and does its updates itself.
    optimizer = plan.optimizer
    if optimizer.stepwise and (optimizer.name not in known["optimizers"] or not _own(optimizer)):
        return f"the optimizer {optimizer.name} has no compiled form"
    for penalty in plan.penalties:
        if penalty.name not in _PENALTIES or not _own(penalty):
            return f"the penalty {penalty.name} has no compiled form"
    for clipping in plan.clippings:
        if clipping.name not in _CLIPPINGS or not _own(clipping):
            return f"the clipping {clipping.name} has no compiled form"
    return ""


def calls_back(plan: Plan, known: Mapping[str, Collection[str]]) -> bool:
    """Say whether the compiled engine must call Python for a plan's loss, `known` as above."""
    return plan.loss.name not in known["losses"] or not _own(plan.loss)


def program_of(plan: Plan, seed: int, called_back: bool) -> dict[str, Any]:
    """Return the program: tensors, parameters, nodes, loss, optimizer, penalties, clippings.

    The seed is part of it because the keys of the noise streams are. With `called_back` it names no
    loss.
    """
    numbers = {plan.graph.input.name: 0}
    shapes = [plan.graph.input.shape]
    for node in plan.graph.nodes:
        numbers[node.output.name] = len(shapes)
        shapes.append(node.output.shape)
    entries = {entry.name: position for position, entry in enumerate(plan.graph.parameters)}
    gradients = _gradients(plan)
    return {
        "tensors": [_tensor(sizes(shape[1:])) for shape in shapes],
        "parameters": _parameters(plan),
        "nodes": [
            _node(plan, node, numbers, entries, gradients.get(node.name), seed)
            for node in plan.graph.nodes
        ],
        "output": numbers[plan.graph.output.name],
        "running_size": plan.running.size,
        "targets": plan.targets,
        "loss": "" if called_back else plan.loss.name,
        "loss_numbers": [] if called_back else _record_numbers(plan.loss),
        "mean_reduction": plan.reduction == "mean",
        "optimizer": plan.optimizer.name if plan.optimizer.stepwise else "sgd",
        "optimizer_numbers": _optimizer_numbers(plan),
        "penalties": [_penalty(penalty) for penalty in plan.penalties],
        "clippings": [_clipping(clipping) for clipping in plan.clippings],
    }


def _tensor(shape: tuple[int, ...]) -> dict[str, int]:
    return {"rows": math.prod(shape[:-1]), "width": shape[-1]}


def _parameters(plan: Plan) -> list[dict[str, Any]]:
    factors = plan.tensor_factors()
    penalised = {entry.name: entry.penalised for entry in plan.graph.parameters}
    spectral = any(penalty.name == "spectral" for penalty in plan.penalties)
    return [
        {
            "name": slot.name,
            "rows": slot.shape[0] if len(slot.shape) == 2 else 1,
            "columns": slot.shape[-1],
            "rate_factor": factors[slot.name][0],
            "decay_factor": factors[slot.name][1],
            "penalised": penalised[slot.name],
            "start": _first_vector(slot.shape) if spectral and penalised[slot.name] else [],
        }
        for slot in plan.parameters.slots
    ]


def _first_vector(shape: tuple[int, ...]) -> list[float]:
    """Return where power iteration starts, as in `chainrule.maths.power_iteration`."""
    rows = shape[0] if len(shape) == 2 else 1
    return Stream(0, "power_iteration").normal(min(rows, shape[-1])).tolist()


def _gradients(plan: Plan) -> dict[str, list[list[bool]]]:
    """Return (wanted, add) for each input of each node that has a backward step.

    A gradient is wanted only if something trainable lies before it.
    """
    live: dict[str, bool] = {plan.graph.input.name: False}
    for node in plan.graph.nodes:
        before = any(live[name] for name in node.inputs.values())
        live[node.output.name] = before or bool(node.trainable)
    given: set[str] = set()
    gradients: dict[str, list[list[bool]]] = {}
    for step in plan.backward_steps():
        node = step.node
        differentiable = node.op.differentiable()
        flags: list[list[bool]] = []
        for local, name in node.inputs.items():
            wanted = live[name] and local in differentiable
            flags.append([wanted, wanted and name in given])
            if wanted:
                given.add(name)
        gradients[node.name] = flags
    return gradients


def _node(
    plan: Plan,
    node: Node,
    numbers: dict[str, int],
    entries: dict[str, int],
    gradients: list[list[bool]] | None,
    seed: int,
) -> dict[str, Any]:
    fields = node.op.parameters()
    function = fields.get("function")
    name = node.op.name
    return {
        "op": name,
        "function": "" if function is None else function.name,
        "inputs": [numbers[tensor] for tensor in node.inputs.values()],
        "output": numbers[node.output.name],
        "parameters": [entries[tensor] for tensor in node.trainable.values()],
        "running": [plan.running.places[tensor.name].start for tensor in node.running.values()],
        "gradients": gradients or [[False, False] for _ in node.inputs],
        "reached": gradients is not None,
        "numbers": _record_numbers(function)
        if function is not None
        else [float(fields[field]) for field in _NUMBERS.get(name, ())],
        "integers": [int(value) for value in fields[_INTEGERS[name]]] if name in _INTEGERS else [],
        "key": list(Stream(seed, f"noise:{node.name}").key()),
    }


def _record_numbers(record: Record) -> list[float]:
    """Return a record's fields as numbers; "sum" is 0 and "mean" is 1."""
    words = {"sum": 0.0, "mean": 1.0}
    values = record.parameters().values()
    return [words[value] if isinstance(value, str) else float(value) for value in values]


def _optimizer_numbers(plan: Plan) -> list[float]:
    fields = plan.optimizer.parameters()
    order = ("momentum", "smoothing", "beta1", "beta2", "epsilon")
    return [float(fields[name]) for name in order if name in fields]


def _penalty(penalty: Penalty) -> dict[str, Any]:
    fields = penalty.parameters()
    strength = float(fields.get("strength", fields.get("limit", 0.0)))
    if penalty.name == "l2" and not fields["half"]:
        strength *= 2.0
    return {"name": penalty.name, "numbers": [strength]}


def _clipping(clipping: Clipping) -> dict[str, Any]:
    return {"name": clipping.name, "numbers": [float(clipping.parameters()["limit"])]}
