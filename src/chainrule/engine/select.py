"""Which engine runs a plan: the one place where that is decided."""

from __future__ import annotations

from chainrule.engine.protocol import Observer
from chainrule.engine.reference import ReferenceEngine
from chainrule.plan.plan import Plan

__all__ = ["engine_for"]


def engine_for(
    plan: Plan, dtype: str = "float32", observer: Observer | None = None
) -> ReferenceEngine:
    """Return the fastest engine that can run a plan here.

    Parameters
    ----------
    plan : Plan
    dtype : str
        `"float32"` or `"float64"`.
    observer : Observer, optional
        Receives every tensor of every step; only the reference engine can be observed.

    Raises
    ------
    InvalidParameterError
        `dtype` is neither of the two.

    Example
    -------
    >>> from chainrule import nn
    >>> from chainrule.engine.select import engine_for
    >>> from chainrule.plan import make_plan
    >>> engine_for(make_plan(nn.Dense(1), (2,), "squared_error", 1)).name
    'reference'
    """
    return ReferenceEngine(plan, dtype, observer)
