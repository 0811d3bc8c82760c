"""`chainrule.trace`: one training step, every number of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.checks import AnyOf, Integer, NoneValue, OneOf, Text, check_parameters, shown
from chainrule.engine.protocol import Buffers, Clock, Rows
from chainrule.errors import DataError, ShapeError, TargetError, UsageError
from chainrule.glass.trace.moment import Moment
from chainrule.glass.trace.result import Settings, Trace, described
from chainrule.glass.trace.state import in_float64, start
from chainrule.glass.trace.step import write_step
from chainrule.maths.clipping import Clipping
from chainrule.maths.loss import LOSSES, Loss, Reduction
from chainrule.maths.optimizer import Optimizer
from chainrule.maths.penalty import Penalty
from chainrule.maths.schedule import Schedule
from chainrule.nn.layer import LAYERS, Layer, build_graph
from chainrule.ops.shapes import shape_text
from chainrule.plan.plan import Group, Plan, make_plan
from chainrule.plan.table import plan_cost
from chainrule.training.arguments import clear_arguments, require_array, require_readable
from chainrule.training.arguments import described as described_network
from chainrule.training.data import check_inputs, check_weights
from chainrule.training.targets import Targets, fit_targets, label_array, target_array

__all__ = ["trace", "trace_step"]

_RULES = {
    "convention": OneOf(("rows", "columns")),
    "reduction": AnyOf(NoneValue(), OneOf(("mean", "sum"))),
    "digits": Integer(1, 17),
    "seed": Integer(),
    "title": AnyOf(Text(), OneOf(("",))),
}


@clear_arguments
def trace(
    model_or_network: Any,
    X: Any,
    y: Any,
    *,
    loss: Loss | str | None = None,
    optimizer: Optimizer | str | None = None,
    schedule: Schedule | str | None = None,
    penalties: Penalty | str | Sequence[Penalty | str] | None = None,
    clip: Clipping | str | float | Sequence[Clipping | str] | None = None,
    groups: Sequence[Group] | None = None,
    sample_weight: Any = None,
    convention: str = "rows",
    reduction: Reduction | None = None,
    digits: int = 6,
    seed: int = 0,
    state: Mapping[str, Any] | Buffers | None = None,
    title: str = "",
) -> Trace:
    r"""Return one training step as named tensors: formula, shape, parents and numbers of each.

    Forward pass, loss, backward pass (fused and long-hand), penalties, clipping, the optimizer's
    arithmetic, weights and loss after the step: all in float64 by the reference operations. Each
    formula is NumPy that gives the printed numbers from the printed parents; each gradient of a
    parameter stands beside an independent derivative of the objective.

    Parameters
    ----------
    model_or_network : Layer, Model or Run
        A network starts from the first weights of `seed`; a model from its own, and its loss,
        optimizer and the rest are the defaults of the arguments here.
    X : array-like, (N, d) or (N, T, d)
        The rows of the step; a handful is what can be read.
    y : array-like, (N,) or (N, K)
    loss : Loss or str
        Needed unless a model is given.
    optimizer : Optimizer or str, optional
        By default Adam, as in `train`.
    schedule, penalties, clip, groups
        As in `train`.
    sample_weight : (N,), optional
    convention : "rows" or "columns"
        Whether samples are rows, `Z = X W + b`, or columns, `Z = W X + b`. A position of a
        sequence is then a column of its sample, `(N, d, T)`.
    reduction : "mean" or "sum"
    digits : int
        Significant digits that views show.
    seed : int
        Of first weights and dropout masks.
    state : mapping, optional
        Where the step starts, under the names that the trace prints: `dense_1.W`,
        `dense_1.W.mean.before`, `batch_norm_1.running_mean`; and `step`, `total_steps`, `epoch`,
        `first_row` to say when it happens.
    title : str

    Raises
    ------
    DataError, TargetError, ShapeError
        The data does not fit, or the step's numbers are not finite.
    UsageError
        There is no loss, or a member's formulas are not known.

    Source: Rumelhart, Hinton, Williams, "Learning representations by back-propagating errors"
    (Nature 323, 1986).

    Example
    -------
    >>> import chainrule as cr
    >>> from chainrule import nn
    >>> step = cr.trace(nn.Dense(1), [[1.0, 2.0]], [1.0], loss="squared_error")
    >>> step["dense_1.dW"].code, step["dense_1.dW"].dimension
    ('X.T @ dense_1_dZ', '(d_0 x N)(N x d_1) -> (d_0 x d_1) : (2 x 1)(1 x 1) -> (2 x 1)')
    >>> bool(step.check())
    True
    """
    given = {"convention": convention, "reduction": reduction, "digits": digits, "seed": seed}
    check_parameters(_RULES, {**given, "title": title}, str)
    source = getattr(model_or_network, "model", model_or_network)
    base = source if isinstance(source, Plan) else getattr(source, "plan", None)
    require_array(X)
    require_readable(y, "y")
    inputs = check_inputs(X, "float64")
    _require_fit(inputs, source, base)
    network = _network(source, base)
    record = _loss(loss, base)
    rows = _rows(inputs, y, record, network, source, sample_weight)
    plan = make_plan(
        network,
        inputs.shape[1:],
        record,
        rows.Y.shape[1],
        _chosen(optimizer, base, "optimizer", "adam"),
        _chosen(schedule, base, "schedule", None),
        _chosen(penalties, base, "penalties", ()),
        _chosen(clip, base, "clippings", None),
        _chosen(reduction, base, "reduction", "mean"),
        _chosen(groups, base, "groups", ()),
    )
    weights, running = getattr(source, "weights", None), getattr(source, "state", None)
    buffers, clock = start(plan, seed, state, weights, running)
    return trace_step(plan, rows, buffers, clock, convention=convention, digits=digits, title=title)


def trace_step(
    plan: Plan,
    rows: Rows,
    buffers: Buffers,
    clock: Clock,
    *,
    convention: str = "rows",
    digits: int = 6,
    title: str = "",
) -> Trace:
    """Return the trace of one step of a plan; `trace` is the face of this function.

    Rows and state may be of either type and are copied to float64; nothing is written to them.
    """
    weights = None if rows.weights is None else np.asarray(rows.weights, np.float64)
    exact = Rows(np.asarray(rows.X, np.float64), np.asarray(rows.Y, np.float64), weights)
    moment = Moment(plan, exact, in_float64(buffers), clock)
    book = write_step(moment, convention == "columns")
    return Trace(
        records=tuple(book.records.values()),
        network=plan.network,
        summary=_summary(plan, exact),
        loss_before=float(moment.before.objective),
        loss_after=float(moment.later.objective),
        settings=Settings(convention, plan.reduction, digits, clock.seed),
        title=title,
        symbols=book.symbol_map(),
    )


def _network(source: Any, base: Plan | None) -> Layer:
    return LAYERS.make(described_network(source)) if base is None else base.network


def _require_fit(X: np.ndarray, source: Any, base: Plan | None) -> None:
    """Refuse other inputs than those that the weights of a model were made for."""
    if base is not None and getattr(source, "weights", None) is not None:
        if X.shape[1:] != base.sample_shape:
            raise ShapeError(
                "X does not fit the model",
                where="X",
                expected=f"(N, {', '.join(map(str, base.sample_shape))})",
                got=str(X.shape),
                do="pass the columns that the model was trained on, in their order",
            )


def _loss(loss: Loss | str | None, base: Plan | None) -> Loss:
    if loss is not None:
        return LOSSES.make(loss)
    if base is None:
        raise UsageError(
            "a network alone has no loss to trace",
            where="trace",
            expected="loss=, such as loss='squared_error'",
        )
    return base.loss


def _chosen(value: Any, base: Plan | None, field: str, default: Any) -> Any:
    if value is not None:
        return value
    return default if base is None else getattr(base, field)


def _rows(
    X: np.ndarray, y: Any, loss: Loss, network: Layer, source: Any, sample_weight: Any
) -> Rows:
    target = target_array(y)
    if len(target) != len(X):
        raise TargetError(
            "X and y differ in rows", where="y", expected=f"{len(X)} rows", got=str(len(target))
        )
    classes = getattr(source, "classes", None)
    labels = label_array(target) if loss.task == "classification" else None
    if classes is not None and loss.task == "classification" and target.ndim == 1:
        Y = Targets(loss, tuple(classes), source.plan.targets).encode(y)
    elif labels is not None and labels.dtype.kind == "U":
        Y = fit_targets(target, loss)[1]
    else:
        Y = loss.encode(target, _width(network, X.shape[1:], loss))
    weights = None if sample_weight is None else check_weights(sample_weight, len(X))
    if not np.all(np.isfinite(X)):
        raise DataError("X holds a number that is not finite", where="X", got=shown(X))
    return Rows(X, Y, weights)


def _width(network: Layer, sample_shape: tuple[int, ...], loss: Loss) -> int | None:
    """Return the number of target columns that the network's output was made for, if any."""
    width = build_graph(network, sample_shape).output.shape[-1].size or 0
    return next((K for K in range(1, width + 1) if loss.raw_width(K) == width), None)


def _summary(plan: Plan, rows: Rows) -> dict[str, Any]:
    costs = {cost.node: cost.parameters for cost in plan_cost(plan).nodes}
    chain: list[dict[str, Any]] = []
    for node in plan.graph.nodes:
        function = getattr(node.op, "function", None)
        chain.append(
            {
                "name": node.name,
                "operation": node.op.name if function is None else function.name,
                "inputs": list(node.inputs.values()),
                "output": node.output.name,
                "symbolic": shape_text(node.output.shape, symbols=True),
                "shape": shape_text(node.output.shape),
                "parameters": costs[node.name],
            }
        )
    document = {
        "loss": described(plan.loss),
        "optimizer": described(plan.optimizer),
        "schedule": None if plan.schedule is None else described(plan.schedule),
        "penalties": [described(penalty) for penalty in plan.penalties],
        "clippings": [described(clipping) for clipping in plan.clippings],
        "groups": [described(group) for group in plan.groups],
        "reduction": plan.reduction,
        "targets": plan.targets,
        "sample_shape": list(plan.sample_shape),
    }
    input_shape = shape_text(plan.graph.input.shape)
    sizes = {"rows": len(rows), "parameters": plan.parameters.size, "input": input_shape}
    return {**document, **sizes, "output": plan.graph.output.name, "chain": chain}
