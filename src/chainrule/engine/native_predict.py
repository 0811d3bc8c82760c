"""The compiled engine that predicts, shared by all threads that want the same weights."""

from __future__ import annotations

import math
import os
import threading
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.engine.native_call import require_vector
from chainrule.plan.plan import Plan

__all__ = ["Holder", "Predictor"]

_FLOPS_OF_FEW = 500_000
"""Up to so many FLOPs a prediction is over before another Python thread could start."""
_FLOPS_OF_PART = 1_000_000_000
"""About so many FLOPs are predicted between two chances for Ctrl-C; a copy of X is never larger."""


class Holder:
    """A compiled engine, the weights in it, and how many calls are using them.

    Arrays that nobody can write to are remembered: who brings them again need not compare.
    """

    __slots__ = ("engine", "running", "users", "weights")

    def __init__(self, engine: Any) -> None:
        self.engine = engine
        self.users = 0
        self.weights: np.ndarray | None = None
        self.running: np.ndarray | None = None

    def holds(self, weights: np.ndarray, running: np.ndarray) -> bool:
        """Say whether these are the weights in the engine."""
        if not self.engine.holds(weights, running):
            return False
        self._remember(weights, running)
        return True

    def fill(self, weights: np.ndarray, running: np.ndarray) -> None:
        """Copy weights into the engine."""
        self.weights = self.running = None
        self.engine.import_vector(-1, weights)
        if running.size:
            self.engine.import_running(running)
        self._remember(weights, running)

    def _remember(self, weights: np.ndarray, running: np.ndarray) -> None:
        fixed = _fixed(weights) and (not running.size or _fixed(running))
        self.weights, self.running = (weights, running) if fixed else (None, None)


def _fixed(vector: np.ndarray) -> bool:
    """Say whether nobody writes to an array: it is read-only, and no view of another."""
    return not vector.flags.writeable and vector.base is None


class Predictor:
    """Computes raw outputs, for any number of threads at once.

    A call that wants other weights than the calls that are still running gets a new compiled
    engine; theirs goes when they end.

    Parameters
    ----------
    make : callable
        Makes a compiled engine for predictions.
    plan : Plan
    dtype : dtype
    flops : float
        Of one row.
    threads : callable
        The number of threads for a number of FLOPs.
    """

    def __init__(
        self,
        make: Callable[[], Any],
        plan: Plan,
        dtype: np.dtype,
        flops: float,
        threads: Callable[[float], int],
    ) -> None:
        self._make, self._dtype, self._flops, self._threads = make, dtype, flops, threads
        self._width = plan.raw_width
        self._sizes = plan.parameters.size, plan.running.size
        self._few = int(_FLOPS_OF_FEW / flops)
        self._part = max(int(_FLOPS_OF_PART / flops), 64 * threads(math.inf))
        self._lock = threading.Lock()
        self._holder: Holder | None = None
        _ALL.add(self)

    def raw(self, weights: np.ndarray, running: np.ndarray, X: np.ndarray) -> np.ndarray | None:
        """Return the raw outputs, or None if a category code was out of range.

        X is an array of samples of the plan's shape, of any type and layout.
        """
        count = len(X)
        raw = np.empty((count, self._width), self._dtype)
        holder = self._take(weights, running)
        try:
            if count <= self._few and X.dtype is self._dtype:
                good = holder.engine.predict(X, raw, 1, False)
                if good is not None:
                    return raw if good else None
            for start in range(0, count, self._part):
                part = slice(start, start + self._part)
                if not self._predict(holder.engine, X[part], raw[part]):
                    return None
            return raw
        finally:
            with self._lock:
                holder.users -= 1

    def _predict(self, engine: Any, X: np.ndarray, raw: np.ndarray) -> bool:
        X = np.asarray(X, self._dtype)
        threads = self._threads(len(X) * self._flops)
        good = engine.predict(X, raw, threads, True)
        if good is None:  # its rows do not stand as the engine reads them
            good = engine.predict(np.array(X, order="C"), raw, threads, True)
        return good

    def _take(self, weights: np.ndarray, running: np.ndarray) -> Holder:
        """Return an engine with these weights, and count one more user of it."""
        with self._lock:
            holder = self._holder
            if holder is None or holder.weights is not weights or holder.running is not running:
                holder = self._filled(weights, running)
            holder.users += 1
        return holder

    def _filled(self, weights: np.ndarray, running: np.ndarray) -> Holder:
        weights = require_vector(weights, self._sizes[0], self._dtype, "weights")
        running = require_vector(running, self._sizes[1], self._dtype, "running")
        holder = self._holder
        if holder is None or not holder.holds(weights, running):
            if holder is None or holder.users:
                holder = self._holder = Holder(self._make())
            holder.fill(weights, running)
        return holder

    def renew_lock(self) -> None:
        """Forget who had the lock: in a forked child its holder may not exist."""
        self._lock = threading.Lock()


_ALL: weakref.WeakSet[Predictor] = weakref.WeakSet()


def _after_fork() -> None:
    for predictor in list(_ALL):
        predictor.renew_lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
