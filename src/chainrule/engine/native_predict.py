"""The compiled engine that predicts, shared by all threads that want the same weights."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.engine.native_call import address

__all__ = ["Holder", "Predictors"]


class Holder:
    """A compiled engine, the weights in it, and how many calls are using them."""

    __slots__ = ("engine", "running", "users", "weights")

    def __init__(self, engine: Any) -> None:
        self.engine = engine
        self.users = 0
        self.weights: np.ndarray | None = None
        self.running: np.ndarray | None = None

    def holds(self, weights: np.ndarray, running: np.ndarray) -> bool:
        """Say whether these are the weights in the engine; arrays that are read-only stay so."""
        if weights is self.weights and running is self.running:
            return True
        if not self.engine.holds(weights, running):
            return False
        self._remember(weights, running)
        return True

    def fill(self, weights: np.ndarray, running: np.ndarray) -> None:
        """Copy weights into the engine."""
        self.engine.import_vector(-1, address(weights))
        if running.size:
            self.engine.import_running(address(running))
        self._remember(weights, running)

    def _remember(self, weights: np.ndarray, running: np.ndarray) -> None:
        fixed = not (weights.flags.writeable or (running.size and running.flags.writeable))
        self.weights, self.running = (weights, running) if fixed else (None, None)


class Predictors:
    """Hands out the engine that holds some weights.

    A call that wants other weights than the calls that are still running gets a new engine; theirs
    goes when they end.

    Parameters
    ----------
    make : callable
        Makes a compiled engine for predictions.
    """

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._holder: Holder | None = None
        _ALL.add(self)

    def take(self, weights: np.ndarray, running: np.ndarray) -> Holder:
        """Return an engine with these weights; give it back when the call is done."""
        with self._lock:
            holder = self._holder
            if holder is None or not holder.holds(weights, running):
                if holder is None or holder.users:
                    holder = self._holder = Holder(self._make())
                holder.fill(weights, running)
            holder.users += 1
        return holder

    def give_back(self, holder: Holder) -> None:
        """Say that a call is done."""
        with self._lock:
            holder.users -= 1

    def renew_lock(self) -> None:
        """Forget who had the lock: in a forked child its holder may not exist."""
        self._lock = threading.Lock()


_ALL: weakref.WeakSet[Predictors] = weakref.WeakSet()


def _after_fork() -> None:
    for predictors in list(_ALL):
        predictors.renew_lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
