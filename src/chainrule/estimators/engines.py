"""The engines of estimators, kept beside them: made once for a plan, used by fit and predict."""

from __future__ import annotations

import threading
import weakref
from typing import Any

from chainrule.engine.reference import ReferenceEngine
from chainrule.engine.select import engine_for
from chainrule.plan.plan import Plan

__all__ = ["engine_of"]

_ENGINES: weakref.WeakKeyDictionary[Any, tuple[Plan, ReferenceEngine]] = weakref.WeakKeyDictionary()
_LOCK = threading.Lock()


def engine_of(estimator: Any, plan: Plan, dtype: str) -> ReferenceEngine:
    """Return the engine of an estimator's plan, made on first use; any thread may use it."""
    with _LOCK:
        before, engine = _ENGINES.get(estimator, (None, None))
        if engine is None or before is not plan or engine.dtype.name != dtype:
            engine = engine_for(plan, dtype)
            _ENGINES[estimator] = (plan, engine)
        return engine
