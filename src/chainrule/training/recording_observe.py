"""One observation: a batch through the reference operations, and the numbers that matter."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from chainrule.engine.protocol import Buffers, Evaluation
from chainrule.maths.activation import Activation
from chainrule.maths.arrays import Array
from chainrule.nn.graph import Node
from chainrule.ops.activate import Activate
from chainrule.plan.plan import Plan
from chainrule.plan.steps import ClipStep, gradient_name
from chainrule.training.recording import NodeState, ParameterState, Snapshot

__all__ = ["activation_of", "flat_elements", "observed", "updated"]

_NOTHING = float("nan")
_SPREAD_ROWS = 64
"""About so many rows of a matrix are enough to see whether its columns are copies."""


def activation_of(node: Node) -> Activation | None:
    """Return the activation that a node applies, or None."""
    return node.op.function if isinstance(node.op, Activate) else None


def flat_elements(function: Activation, Z: Array) -> np.ndarray | None:
    """Return where the slope is under 1 % of its largest, or None if it never is.

    Example
    -------
    >>> import numpy as np
    >>> from chainrule.maths.activation import ACTIVATIONS
    >>> flat_elements(ACTIVATIONS.make("relu"), np.array([[-1.0, 2.0]]))
    array([[ True, False]])
    """
    below, above = function.saturates
    if below is None and above is None:
        return None
    flat = np.zeros(Z.shape, bool)
    if below is not None:
        flat |= below >= Z
    if above is not None:
        flat |= above <= Z
    return flat


def observed(
    plan: Plan, buffers: Buffers, epoch: int, rows: int, evaluation: Evaluation
) -> Snapshot:
    """Return what an evaluation in training mode shows, before the update.

    The share of each update is not known yet: `updated` fills it in.
    """
    tensors = evaluation.tensors
    scale = rows if plan.reduction == "mean" else 1
    with np.errstate(all="ignore"):
        nodes = {node.name: _node(node, tensors, scale) for node in plan.graph.nodes}
        weights = plan.parameters.views(buffers.weights)
        slopes = plan.parameters.views(np.asarray(evaluation.gradient))
        parameters = {name: _parameter(weights[name], slopes[name]) for name in weights}
        gradient, kept = evaluation.gradient, 1.0
        for step in plan.steps_of(ClipStep):
            gradient, share = step.clipping.clip(gradient)
            kept = min(kept, float(share))
        return Snapshot(
            step=buffers.step,
            epoch=epoch,
            rows=rows,
            loss=float(evaluation.objective),
            gradient_norm=_norm(evaluation.gradient),
            kept=kept,
            entropy=_entropy(plan, np.asarray(evaluation.raw, np.float64)),
            nodes=nodes,
            parameters=parameters,
        )


def updated(
    plan: Plan, snapshot: Snapshot, before: np.ndarray, after: np.ndarray
) -> dict[str, ParameterState]:
    """Return the snapshot's parameters with the size of the update that followed."""
    with np.errstate(all="ignore"):
        change = plan.parameters.views(after - before)
    states: dict[str, ParameterState] = {}
    for name, state in snapshot.parameters.items():
        moved = _norm(change[name])
        share = moved / state.norm if state.norm else (math.inf if moved else 0.0)
        states[name] = ParameterState(
            state.norm, state.gradient, share, state.spread, state.gradient_spread
        )
    return states


def _node(node: Node, tensors: Mapping[str, Array], scale: float) -> NodeState:
    output = tensors[node.output.name]
    gradient = tensors.get(gradient_name(node.output.name))
    size = 0.0 if gradient is None else _rms(gradient) * scale
    function = activation_of(node)
    flat = None if function is None else flat_elements(function, tensors[node.tensor("Z")])
    if flat is None:
        nothing = 0.0 if function is not None else _NOTHING
        return NodeState(_rms(output), size, nothing, nothing)
    by_unit = flat.reshape(-1, flat.shape[-1]).all(axis=0)
    return NodeState(_rms(output), size, float(flat.mean()), float(by_unit.mean()))


def _parameter(W: Array, dW: Array) -> ParameterState:
    return ParameterState(_norm(W), _norm(dW), _NOTHING, _spread(W), _spread(dW))


def _spread(W: Array) -> float:
    if W.ndim != 2 or W.shape[1] < 2:
        return _NOTHING
    some = W[:: max(len(W) // _SPREAD_ROWS, 1)]
    largest = max(float(some.max()), -float(some.min()))
    return float((some.max(axis=1) - some.min(axis=1)).max()) / largest if largest else 0.0


def _norm(vector: Array) -> float:
    flat = np.reshape(vector, -1)
    with np.errstate(all="ignore"):
        norm = float(np.sqrt(np.dot(flat, flat)))
        if norm == norm and norm < math.inf:
            return norm
        return float(np.linalg.norm(np.asarray(flat, np.float64)))  # a square left float32


def _rms(tensor: Array) -> float:
    return _norm(tensor) / math.sqrt(max(tensor.size, 1))


def _entropy(plan: Plan, raw: np.ndarray) -> float:
    """Return the mean entropy of the predicted distributions over that of a uniform one."""
    if plan.loss.task != "classification":
        return _NOTHING
    P = np.asarray(plan.loss.predict(raw))
    if plan.loss.link.elementwise:
        P = np.stack([P, 1.0 - P], axis=-1)
    P = np.clip(P, 1e-300, 1.0)
    return float(-(P * np.log(P)).sum(axis=-1).mean() / math.log(P.shape[-1]))
