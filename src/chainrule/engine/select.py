"""Which engine runs a plan: the one place where that is decided.

Decisions
---------
a) A plan runs compiled wherever it can. Only the reference engine can be observed, so tracing asks
   for that one by bringing an observer.
b) What keeps a plan from running compiled, a missing binary or a user's own record, is said once in
   a process, as a warning of its own category: `chainrule.errors.ReferenceEngineWarning`. Importing
   the package says nothing.
c) CHAINRULE_ENGINE=reference or =native forces one; a plan that cannot run there is an error then.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar

from chainrule.checks import shown
from chainrule.engine.native import NativeEngine, default_threads, reason_for_reference
from chainrule.engine.protocol import Observer
from chainrule.engine.reference import ReferenceEngine
from chainrule.errors import InvalidParameterError, ReferenceEngineWarning
from chainrule.plan.plan import Plan
from chainrule.registry import suggest

__all__ = ["engine_for", "threads_here", "threads_of_engines", "warn_once"]

_CHOICES = ("auto", "native", "reference")
_THREADS: ContextVar[int | None] = ContextVar("threads of new engines", default=None)


@contextmanager
def threads_of_engines(count: int) -> Generator[None, None, None]:
    """Give engines that are made in a `with` block, in this thread, a fixed number of threads.

    Example
    -------
    >>> from chainrule.engine.select import threads_of_engines
    >>> with threads_of_engines(1):
    ...     pass
    """
    token = _THREADS.set(count)
    try:
        yield
    finally:
        _THREADS.reset(token)


def threads_here() -> int:
    """Return the number of threads that an engine made here would have for large batches."""
    stated = _THREADS.get()
    return default_threads() if stated is None else stated


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
        `dtype` is neither of the two, CHAINRULE_ENGINE is none of auto, native and reference, or it
        asks for the compiled engine and the plan cannot run there.

    Example
    -------
    >>> from chainrule import nn
    >>> from chainrule.engine import engine_for
    >>> from chainrule.plan import make_plan
    >>> plan = make_plan(nn.Dense(1), (2,), "squared_error", 1)
    >>> engine_for(plan, observer=lambda step, name, value: None).name
    'reference'
    """
    wanted = os.environ.get("CHAINRULE_ENGINE", "") or "auto"
    if wanted not in _CHOICES:
        raise InvalidParameterError(
            "CHAINRULE_ENGINE names no engine",
            expected="one of " + ", ".join(_CHOICES),
            got=repr(wanted),
            do=suggest(wanted, _CHOICES),
        )
    if observer is not None and not callable(observer):
        raise InvalidParameterError(
            "the observer cannot be called",
            expected="a function of (step, name, value)",
            got=shown(observer),
        )
    if observer is not None or wanted == "reference":
        return ReferenceEngine(plan, dtype, observer)
    reason = reason_for_reference(plan)
    if not reason or wanted == "native":
        return NativeEngine(plan, dtype, threads=_THREADS.get())
    warn_once(reason)
    return ReferenceEngine(plan, dtype)


def warn_once(reason: str) -> None:
    """Say, once for each reason, that a plan runs on the reference engine."""
    if reason in _SAID:
        return
    _SAID.add(reason)
    warnings.warn(
        f"{reason}; running on the reference engine, which is right but slow",
        ReferenceEngineWarning,
        stacklevel=_outside(),
    )


_SAID: set[str] = set()


def _outside() -> int:
    """Return the stack level of the first caller outside of the package, for a warning."""
    frame, level = sys._getframe(1), 1  # noqa: SLF001 - the only way to look at the callers
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("chainrule."):
        frame, level = frame.f_back, level + 1
    return level
