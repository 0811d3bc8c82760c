"""A plan as a document: what was trained and how, in JSON values."""

from __future__ import annotations

from typing import Any

from chainrule.maths.clipping import CLIPPINGS
from chainrule.maths.loss import LOSSES
from chainrule.maths.optimizer import OPTIMIZERS
from chainrule.maths.penalty import PENALTIES
from chainrule.maths.schedule import SCHEDULES
from chainrule.nn.layer import LAYERS
from chainrule.plan.plan import GROUPS, Plan

__all__ = ["plan_document"]


def plan_document(plan: Plan) -> dict[str, Any]:
    """Return the JSON form of everything that a plan was made from.

    Example
    -------
    >>> from chainrule import nn
    >>> from chainrule.plan import make_plan
    >>> from chainrule.plan.document import plan_document
    >>> plan_document(make_plan(nn.Dense(1), (2,), "squared_error", 1))["reduction"]
    'mean'
    """
    return {
        "network": LAYERS.document(plan.network),
        "sample_shape": [int(size) for size in plan.sample_shape],
        "loss": LOSSES.document(plan.loss),
        "targets": int(plan.targets),
        "optimizer": OPTIMIZERS.document(plan.optimizer),
        "schedule": None if plan.schedule is None else SCHEDULES.document(plan.schedule),
        "penalties": [PENALTIES.document(penalty) for penalty in plan.penalties],
        "clippings": [CLIPPINGS.document(clipping) for clipping in plan.clippings],
        "reduction": plan.reduction,
        "groups": [GROUPS.document(group) for group in plan.groups],
    }
