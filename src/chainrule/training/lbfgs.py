"""L-BFGS on the whole data, driven by SciPy; one row of the history for each accepted iteration.

Decisions
---------
a) The objective must be a fixed function, or its line searches mean nothing. So there are no
   batches, and dropout keeps the masks of the first epoch for the whole run: a different thing from
   dropout with other optimizers, but one whose gradient is exact.
b) SciPy works on a float64 vector; the engine rounds it to its own type, evaluates, and hands
   float64 back. In float32 the line search ends when rounding hides further progress; choose
   float64 for exact minima.
c) Running moments move once for each accepted iteration, at its weights.
d) Clipping, decoupled decay, projections, schedules and parameter groups act on a single update,
   which does not exist here, and are refused. Penalties that are part of the objective work.
   Rate factors that layers bring along have no meaning here and are not read.
e) SciPy's solver keeps its memory to itself, so a checkpoint cannot hold it. To resume, the run is
   replayed from the first weights, and must arrive at the checkpoint's weights to the bit.
   Cost: the evaluations of all iterations done so far, about one pass forward and backward over
   the data for each; their scores are not computed again. It always gives the bits of the run
   that was never stopped, which a restart with an empty memory would not.
f) The run ends with the reason "converged" when SciPy finds no further progress: gradient or
   decrease below the optimizer's tolerances, or a line search that finds no lower point.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import numpy as np

from chainrule.engine.protocol import Buffers, Clock, EpochResult, Evaluation
from chainrule.errors import CheckpointError, InvalidParameterError
from chainrule.maths.optimizers_lbfgs import LBFGS
from chainrule.plan.plan import Plan
from chainrule.training.fault import fault_in
from chainrule.training.session import Outcome, Session

__all__ = ["require_plain", "run_lbfgs"]

_LIMIT_REACHED = 1
"""SciPy's status when the iterations or evaluations are used up."""


def require_plain(plan: Plan) -> None:
    """Refuse what acts on single updates.

    Raises
    ------
    InvalidParameterError
        Clipping, a decoupled decay, a projection, a schedule, or a parameter group.
    """
    acting = [(f"the clipping {clipping.name}", "clip") for clipping in plan.clippings]
    acting += [
        (f"the penalty {penalty.name}", "penalties")
        for penalty in plan.penalties
        if penalty.kind != "objective"
    ]
    if plan.schedule is not None:
        acting.append((f"the schedule {plan.schedule.name}", "schedule"))
    if plan.groups:
        acting.append(("a parameter group", "groups"))
    for what, where in acting:
        raise InvalidParameterError(
            f"{what} acts on single updates, which {plan.optimizer.name} does not have",
            where=where,
            do="leave it out, or choose another optimizer; the penalty l2 works with both",
        )


class _Ended(Exception):  # noqa: N818 - not an error: it leads out of SciPy
    """Leads out of SciPy with an outcome."""

    def __init__(self, outcome: Outcome) -> None:
        self.outcome = outcome
        super().__init__(outcome.reason)


def run_lbfgs(session: Session) -> Outcome:
    """Minimise from the first weights to the session's end, replaying what is done already."""
    from scipy.optimize import minimize

    reason = session.reason()
    if reason is not None:
        return Outcome(session.progress, reason)
    search = _Search(session)
    optimizer = cast(LBFGS, session.course.plan.optimizer)
    session.begin_epoch()
    try:
        found = minimize(
            search.value_and_gradient,
            search.first.weights.astype(np.float64),
            jac=True,
            method="L-BFGS-B",
            callback=search.accepted,
            options=optimizer.scipy_options(session.course.epochs),
        )
    except _Ended as ended:
        return ended.outcome
    if found.status != _LIMIT_REACHED:
        reason = "converged"
    else:
        reason = "epochs" if found.nit >= session.course.epochs else "evaluations"
    return Outcome(session.progress, reason)


class _Search:
    """The objective as SciPy sees it, and what happens at each accepted point."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.first = cast(Buffers, session.first)
        self.running = self.first.running
        self.iterations = 0
        self.replayed = session.progress.epoch
        course = session.course
        self.clock = Clock(course.seed, 0, 0, course.total_steps)
        self.point: np.ndarray = np.zeros(0)
        self.evaluation: Evaluation | None = None

    def evaluate(self, point: np.ndarray) -> Evaluation:
        """Return the evaluation at a point, computed once if it is asked for twice in a row."""
        if self.evaluation is None or not np.array_equal(point, self.point):
            session = self.session
            weights = point.astype(session.engine.dtype)
            buffers = Buffers(weights, {}, self.running)  # at step 0, whose masks stay
            self.evaluation = session.engine.gradient(buffers, session.course.loaded(), self.clock)
            self.point = point.copy()
        return self.evaluation

    def value_and_gradient(self, point: np.ndarray) -> tuple[float, np.ndarray]:
        """Return objective and gradient in float64, or leave if the run ends here."""
        evaluation = self.evaluate(point)
        gradient = evaluation.gradient.astype(np.float64)
        value = float(evaluation.objective)
        session = self.session
        if not (np.isfinite(value) and np.isfinite(gradient).all()):
            result = replace(self.result(evaluation), finite=False)
            raise _Ended(session.end_diverged(self.last(), result, fault_in(evaluation)))
        if session.out_of_time():
            raise _Ended(Outcome(session.progress, "max_seconds"))
        return value, gradient

    def last(self) -> Buffers:
        """Return the state at the last accepted point."""
        return self.session.progress.buffers

    def result(self, evaluation: Evaluation) -> EpochResult:
        """Return an evaluation as the result of an epoch of one step."""
        norm = float(np.linalg.norm(evaluation.gradient.astype(np.float64)))
        rate = self.session.course.plan.optimizer.learning_rate
        return EpochResult(1, float(evaluation.objective), norm, rate, finite=True, complete=True)

    def accepted(self, point: np.ndarray) -> None:
        """Take an accepted iteration; end SciPy's work if a rule says so."""
        evaluation = self.evaluate(point)
        self.iterations += 1
        self.running = evaluation.running
        weights = point.astype(self.session.engine.dtype)
        buffers = Buffers(weights, {}, self.running, self.iterations)
        if self.iterations <= self.replayed:
            self.compare(buffers)
            return
        self.session.end_epoch(buffers, self.result(evaluation))
        reason = self.session.reason()
        if reason is not None:
            raise _Ended(Outcome(self.session.progress, reason))

    def compare(self, buffers: Buffers) -> None:
        """Compare the replayed run with the checkpoint when it arrives there."""
        if self.iterations < self.replayed:
            return
        saved: Any = self.session.progress.buffers
        same = np.array_equal(saved.weights, buffers.weights)
        if not (same and np.array_equal(saved.running, buffers.running)):
            raise CheckpointError(
                "the replayed run did not arrive at the checkpoint's weights",
                where=f"iteration {self.iterations}",
                expected="the same bits as before",
                do="resume on the machine and with the SciPy that wrote the checkpoint",
            )
        self.session.begin_epoch()
