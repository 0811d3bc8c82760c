"""L-BFGS for the estimators: SciPy's solver on the whole data, in float64.

Decisions
---------
a) SciPy's defaults, with scikit-learn's three settings: `max_iter`, `max_fun`, `tol` as the limit
   of the gradient. The run is in float64 whatever the type of X, because the line search ends
   early in float32; the weights are rounded to the type of X at the end.
b) Dropout keeps the masks of one epoch, so that the objective is one fixed function.
c) Where SciPy stops though the gradient is not small (little was gained, or the line search met a
   kink), it starts again there with an empty memory, as often as that gains something.
d) Running moments (batch norm) move once for each accepted iteration.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.engine.protocol import Buffers, Clock, Rows
from chainrule.engine.reference import ReferenceEngine
from chainrule.training.blas import one_blas_thread

__all__ = ["Minimum", "minimise"]


_LIMIT_REACHED = 1
"""SciPy's status when the iterations or evaluations are used up."""


@dataclass(frozen=True)
class Minimum:
    """Where L-BFGS arrived.

    Parameters
    ----------
    buffers : Buffers
    value : float
        The objective there.
    iterations : int
    converged : bool
    message : str
        Why it stopped.
    """

    buffers: Buffers
    value: float
    iterations: int
    converged: bool
    message: str


class _Objective:
    """The objective as SciPy sees it."""

    def __init__(self, engine: ReferenceEngine, rows: Rows, start: Buffers, seed: int) -> None:
        self.engine, self.rows = engine, rows
        self.clock = Clock(seed, 0, 0, 1)
        self.running = self.moved = start.running

    def __call__(self, point: np.ndarray) -> tuple[float, np.ndarray]:
        buffers = Buffers(point, {}, self.running, 0)
        found = self.engine.gradient(buffers, self.rows, self.clock)
        self.moved = found.running
        return float(found.objective), found.gradient


class _Search:
    """Runs of SciPy's solver, one after the other, and what they have used up together."""

    def __init__(
        self,
        objective: _Objective,
        start: Buffers,
        accepted: Callable[[Buffers, float], bool],
    ) -> None:
        self.objective, self.accepted = objective, accepted
        self.point = start.weights.astype(np.float64)
        self.value = np.inf
        self.step = start.step
        self.iterations = self.evaluations = 0
        self.ended = self.converged = False
        self.message = ""

    def run(self, options: dict[str, float | int]) -> float:
        """Run until SciPy stops; return by how much the objective fell."""
        from scipy.optimize import minimize

        limits = {
            "maxiter": options["maxiter"] - self.iterations,
            "maxfun": options["maxfun"] - self.evaluations,
        }
        found: Any = minimize(
            self.objective,
            self.point,
            jac=True,
            method="L-BFGS-B",
            callback=self._callback,
            options={**options, **limits},
        )
        gain = self.value - float(found.fun)
        self.point, self.value = np.array(found.x), float(found.fun)
        self.iterations += int(found.nit)
        self.evaluations += int(found.nfev)
        used_up = found.status == _LIMIT_REACHED
        self.converged = not used_up and (self.converged or found.status == 0)
        self.message = str(found.message)
        steep = float(np.max(np.abs(found.jac), initial=0.0)) > options["gtol"]
        left = min(options["maxiter"] - self.iterations, options["maxfun"] - self.evaluations)
        self.ended = self.ended or used_up or not steep or left < 1
        return gain

    def _callback(self, intermediate_result: Any) -> None:
        self.step += 1
        self.objective.running = self.objective.moved
        buffers = Buffers(intermediate_result.x.copy(), {}, self.objective.running, self.step)
        if not self.accepted(buffers, float(intermediate_result.fun)):
            self.ended = True
            raise StopIteration


def minimise(
    engine: ReferenceEngine,
    rows: Rows,
    start: Buffers,
    seed: int,
    options: dict[str, float | int],
    accepted: Callable[[Buffers, float], bool],
) -> Minimum:
    """Minimise the objective over all rows.

    Parameters
    ----------
    engine : ReferenceEngine
        In float64.
    rows : Rows
    start : Buffers
    seed : int
        Of noise.
    options : dict
        SciPy's.
    accepted : callable
        Told of each accepted iteration and its objective; returning False ends the run.
    """
    objective = _Objective(engine, rows, start, seed)
    search = _Search(objective, start, accepted)
    with one_blas_thread():
        while not search.ended:
            gain = search.run(options)
            if not gain > options["ftol"] * max(1.0, abs(search.value)):
                break
    buffers = Buffers(search.point, {}, objective.running, search.step)
    return Minimum(buffers, search.value, search.iterations, search.converged, search.message)
