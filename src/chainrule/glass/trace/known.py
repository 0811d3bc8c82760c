"""Whether every member of a plan has written formulas: asked before a long run, not at its end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chainrule.errors import UsageError
from chainrule.glass.trace import write_attend as write_attend
from chainrule.glass.trace import write_normalise as write_normalise
from chainrule.glass.trace import write_ops as write_ops
from chainrule.glass.trace.pen import writer_of
from chainrule.glass.trace.write_activate import slope_codes, value_codes
from chainrule.glass.trace.write_loss import LOSS_TEXTS
from chainrule.glass.trace.write_optimizer import OPTIMIZER_TEXTS
from chainrule.glass.trace.write_penalty import CLIPPING_TEXTS, PENALTY_TEXTS
from chainrule.plan.plan import Plan

__all__ = ["require_written"]


def require_written(plan: Plan) -> None:
    """Refuse a plan with a member whose formulas nobody has written down.

    Raises
    ------
    UsageError
        Names the member, and where its formulas would be added.

    Example
    -------
    >>> from chainrule import nn
    >>> from chainrule.glass.trace.known import require_written
    >>> from chainrule.plan import make_plan
    >>> require_written(make_plan(nn.Dense(1), (2,), "squared_error", 1))
    """
    for node in plan.graph.nodes:
        writer_of(node.op)
        function = getattr(node.op, "function", None)
        if function is not None and function.elementwise:
            value_codes(function)
            slope_codes(function)
    _demand(plan.loss, LOSS_TEXTS, "loss")
    _demand(plan.optimizer, OPTIMIZER_TEXTS, "optimizer")
    for penalty in plan.penalties:
        _demand(penalty, PENALTY_TEXTS, "penalty")
    for clipping in plan.clippings:
        _demand(clipping, CLIPPING_TEXTS, "clipping")


def _demand(record: Any, texts: Mapping[Any, object], kind: str) -> None:
    if not any(cls in texts for cls in type(record).__mro__):
        raise UsageError(
            f"the trace does not know the formulas of the {kind} {record.name}",
            where=type(record).__name__,
            do=f"add its text to the table of {kind} texts in chainrule.glass.trace",
        )
