"""What a side offers: work that is set up, can be repeated, timed and checked."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.work import Work, data_of, exact_outputs

TRIAL_TURNS = 3
CHECKED_ROWS = 1000
ONE_THREAD_BELOW = 2e7
"""FLOPs a step below which one thread may beat several, so that both are tried."""


def cores() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class UnavailableError(Exception):
    """Raised where a side has no such thing; the text says why."""


class Runner:
    """Work that is set up. A subclass gives `turn`, `units` and `check`."""

    units = 1.0
    """Steps, calls or operations of one turn: the time is reported for one of them."""

    def __init__(self) -> None:
        self.facts: dict[str, Any] = {}
        """Which form was chosen, what compiling cost, and the like."""

    def turn(self) -> None:
        """Do the work once."""
        raise NotImplementedError

    def check(self) -> dict[str, float]:
        """Return numbers that show that the work was the same; called before any timing."""
        return {}

    def measure(self, seconds: float) -> float:
        """Repeat whole turns for at least so long and return the seconds of one unit."""
        turns = 0
        start = time.perf_counter()
        while True:
            self.turn()
            turns += 1
            elapsed = time.perf_counter() - start
            if elapsed >= seconds:
                return elapsed / (turns * self.units)


class Calls(Runner):
    """Predictions: the same function called again and again from Python."""

    def __init__(self, work: Work, function: Callable[[np.ndarray], np.ndarray]) -> None:
        super().__init__()
        self.work = work
        self.function = function
        self.units = float(work.steps)
        self.X, _ = data_of(work)

    def turn(self) -> None:
        function, X = self.function, self.X
        for _ in range(self.work.steps):
            function(X)

    def check(self) -> dict[str, float]:
        """Return the norm-wise relative error of the first outputs."""
        exact = exact_outputs(self.work, self.X[:CHECKED_ROWS])
        found = np.asarray(self.function(self.X), np.float64)[:CHECKED_ROWS].reshape(exact.shape)
        return {"error": float(np.linalg.norm(found - exact) / np.linalg.norm(exact))}


class Products(Runner):
    """One matrix product again and again; the unit is one floating-point operation."""

    def __init__(self, work: Work, function: Callable[[], object]) -> None:
        super().__init__()
        self.function = function
        self.repeats = max(1, int(2e9 / work.flops))
        self.units = self.repeats * work.flops

    def turn(self) -> None:
        for _ in range(self.repeats):
            self.function()


def fastest(forms: dict[str, Callable[[], Runner]]) -> tuple[Runner, dict[str, float]]:
    """Return a fresh runner of the form that wins a short trial, and what each form took.

    A form is set up for its trial and again for use, because a trial trains.
    """
    if len(forms) == 1:
        return next(iter(forms.values()))(), {}
    took: dict[str, float] = {}
    for name, make in forms.items():
        runner = make()
        runner.turn()
        took[name] = min(_once(runner) for _ in range(TRIAL_TURNS))
    best = min(took, key=lambda name: took[name])
    runner = forms[best]()
    runner.facts["form"] = best
    runner.facts["trial_us"] = {name: round(1e6 * seconds, 2) for name, seconds in took.items()}
    return runner, took


def _once(runner: Runner) -> float:
    start = time.perf_counter()
    runner.turn()
    return (time.perf_counter() - start) / runner.units


class Side:
    """A library. A subclass names its maker of runners for each kind of work."""

    name = ""
    kinds: dict[str, Callable[[Work], Runner]] = {}

    def versions(self) -> dict[str, str]:
        """Return the versions of the packages in use."""
        return {}

    def open(self, work: Work) -> Runner:
        """Set work up.

        Raises
        ------
        UnavailableError
            The library has no such thing.
        """
        if work.kind not in self.kinds:
            raise UnavailableError(f"{self.name} does not take part in {work.kind}")
        return self.kinds[work.kind](work)
