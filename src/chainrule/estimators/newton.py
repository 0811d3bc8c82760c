"""L-BFGS for the estimators: SciPy's solver on the whole data, in float64.

Decisions
---------
a) SciPy's defaults, with scikit-learn's three settings: `max_iter`, `max_fun`, `tol` as the limit
   of the gradient. The run is in float64 whatever the type of X, because the line search ends
   early in float32; the weights are rounded to the type of X at the end. A network that
   scikit-learn has goes its way to the bit (`plain_objective`): where that way is not the
   objective's own, the first run follows a lead, and the objective goes on from its end.
b) Dropout keeps the masks of one epoch, so that the objective is one fixed function.
c) Where SciPy stops though the gradient is not small (little was gained, or the line search met a
   kink), it starts again there with an empty memory, which may grow larger than the first, as often
   as that gains something. The lowest point counts.
d) Running moments (batch norm) move once for each accepted iteration.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np

from chainrule.engine.protocol import Buffers, Clock, Rows
from chainrule.engine.reference import ReferenceEngine
from chainrule.frozen import frozen
from chainrule.training.blas import one_blas_thread

__all__ = ["EngineObjective", "Minimum", "Objective", "minimise"]


_CONVERGED = 0
_LIMIT_REACHED = 1
"""SciPy's status when the iterations or evaluations are used up."""


@frozen
class Minimum:
    """Where L-BFGS arrived.

    Parameters
    ----------
    buffers : Buffers
    value : float
        The objective there.
    iterations : int
    converged : bool
    used_up : bool
        There were no iterations or evaluations left.
    message : str
        Why it stopped.
    led : int
        How many of the iterations followed a lead.
    """

    buffers: Buffers
    value: float
    iterations: int
    converged: bool
    used_up: bool
    message: str
    led: int


class Objective(Protocol):
    """What is minimised, as SciPy sees it."""

    value: float
    """Of the objective at the last point: what is told, also of a lead."""

    def __call__(self, point: np.ndarray) -> tuple[float, np.ndarray]:
        """Return value and gradient at a point."""
        ...

    def enter(self, flat: np.ndarray) -> np.ndarray:
        """Return the point of a plan's flat vector of weights."""
        ...

    def leave(self, point: np.ndarray) -> np.ndarray:
        """Return the plan's flat vector of a point."""
        ...


class EngineObjective:
    """The objective over all rows, evaluated by an engine.

    Parameters
    ----------
    engine : ReferenceEngine
        In float64.
    rows : Rows
    running : (R,) array
        Running moments at the start.
    seed : int
        Of noise.
    constant : float
        Added to the value.
    """

    def __init__(
        self,
        engine: ReferenceEngine,
        rows: Rows,
        running: np.ndarray,
        seed: int,
        constant: float = 0.0,
    ) -> None:
        self.engine, self.rows, self.constant = engine, rows, constant
        self.clock = Clock(seed, 0, 0, 1)
        self.running = self.moved = running
        self.value = np.inf

    def __call__(self, point: np.ndarray) -> tuple[float, np.ndarray]:
        """Return value and gradient at a point."""
        found = self.engine.gradient(Buffers(point, {}, self.running, 0), self.rows, self.clock)
        self.moved = found.running
        self.value = float(found.objective) + self.constant
        return self.value, found.gradient

    def enter(self, flat: np.ndarray) -> np.ndarray:
        """Return the vector as it is."""
        return flat

    def leave(self, point: np.ndarray) -> np.ndarray:
        """Return the point as it is."""
        return point


class _Search:
    """Runs of SciPy's solver, one after the other, and what they have used up together."""

    def __init__(
        self,
        objective: Objective,
        start: Buffers,
        accepted: Callable[[Buffers, float], bool],
    ) -> None:
        self.objective, self.accepted = objective, accepted
        self.point = objective.enter(start.weights.astype(np.float64))
        self.running = start.running
        self.value = np.inf
        self.step = start.step
        self.iterations = self.evaluations = self.led = 0
        self.raised: StopIteration | None = None
        self.ended = self.converged = self.used_up = False
        self.message = ""

    def follow(self, lead: Objective, options: Mapping[str, float | int]) -> None:
        """Go where another objective leads, unless ours is not finite there."""
        start = lead.enter(self.objective.leave(self.point))
        found = self._scipy(lead, start, options)
        self.led = self.iterations
        point = np.array(found.x, dtype=np.float64)
        value, slopes = self.objective(point)
        if np.isfinite(value) and np.isfinite(slopes).all():
            self.point, self.value = point, value
        self._judge(found, slopes, options)

    def run(self, options: Mapping[str, float | int]) -> float:
        """Run until SciPy stops; return by how much the objective fell."""
        found = self._scipy(self.objective, self.point, options)
        value, slopes = float(found.fun), found.jac
        if found.status not in (_CONVERGED, _LIMIT_REACHED):
            value, slopes = self.objective(found.x)  # SciPy tells of the last trial, not of x
        gain = self.value - value
        if not gain <= 0:  # also where a number is not finite
            self.point, self.value = np.array(found.x), value
        self._judge(found, slopes, options)
        return gain

    def _scipy(
        self, followed: Objective, start: np.ndarray, options: Mapping[str, float | int]
    ) -> Any:
        from scipy.optimize import minimize

        def accept(intermediate_result: Any) -> None:
            self._accept(intermediate_result.x, followed.value)

        limits = {
            "maxiter": options["maxiter"] - self.iterations,
            "maxfun": options["maxfun"] - self.evaluations,
        }
        found: Any = minimize(
            followed,
            start,
            jac=True,
            method="L-BFGS-B",
            callback=accept,
            options={**options, **limits},
        )
        if self.raised is not None:
            raise self.raised
        self.iterations += int(found.nit)
        self.evaluations += int(found.nfev)
        return found

    def _judge(self, found: Any, slopes: np.ndarray, options: Mapping[str, float | int]) -> None:
        """Say whether the search is at its end, and whether it got where it should."""
        self.used_up = found.status == _LIMIT_REACHED
        self.converged = not self.used_up and (self.converged or found.status == _CONVERGED)
        self.message = str(found.message)
        steep = not float(np.max(np.abs(slopes), initial=0.0)) <= options["gtol"]
        left = min(options["maxiter"] - self.iterations, options["maxfun"] - self.evaluations)
        self.ended = self.ended or self.used_up or not steep or left < 1

    def _accept(self, point: np.ndarray, value: float) -> None:
        self.step += 1
        if isinstance(self.objective, EngineObjective):
            self.running = self.objective.running = self.objective.moved
        weights = np.array(self.objective.leave(point))
        try:
            goes_on = self.accepted(Buffers(weights, {}, self.running, self.step), value)
        except StopIteration as error:  # SciPy takes it for its own
            self.raised = error
            raise
        if not goes_on:
            self.ended = True
            raise StopIteration

    def found(self) -> Minimum:
        """Return where the search stands."""
        weights = np.array(self.objective.leave(self.point))
        buffers = Buffers(weights, {}, self.running, self.step)
        told = (self.converged, self.used_up, self.message, self.led)
        return Minimum(buffers, self.value, self.iterations, *told)


def minimise(
    objective: Objective,
    start: Buffers,
    options: Mapping[str, float | int],
    later: Mapping[str, float | int],
    accepted: Callable[[Buffers, float], bool],
    lead: Objective | None = None,
) -> Minimum:
    """Minimise an objective.

    Parameters
    ----------
    objective : Objective
    start : Buffers
    options : dict
        SciPy's, for the first run.
    later : dict
        SciPy's, for starts from where the run before stopped; limits count from the beginning.
    accepted : callable
        Told of each accepted iteration and its objective; returning False ends the run.
    lead : Objective, optional
        What the first run follows instead, with points of the same order.
    """
    search = _Search(objective, start, accepted)
    with one_blas_thread():
        if lead is not None:
            search.follow(lead, options)
            options = later
        gain = np.inf if search.ended else search.run(options)
        while not search.ended and gain > options["ftol"] * max(1.0, abs(search.value)):
            gain = search.run(later)
    return search.found()
