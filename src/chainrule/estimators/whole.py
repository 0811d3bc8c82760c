"""Fitting with L-BFGS: curves, best weights and warnings around the minimiser."""

from __future__ import annotations

import math
import sys
import time
import warnings
from typing import Any, cast

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from chainrule.engine.protocol import Buffers, Rows
from chainrule.engine.reference import ReferenceEngine
from chainrule.estimators.judge import Judge
from chainrule.estimators.loop import NonFiniteError
from chainrule.estimators.losses import constant_term
from chainrule.estimators.newton import EngineObjective, Minimum, Objective, minimise
from chainrule.estimators.plain_objective import plain_activation, plain_objectives
from chainrule.estimators.progress import OptimizerState, Progress
from chainrule.estimators.rows import Source
from chainrule.maths.optimizers_lbfgs import LBFGS
from chainrule.training.events import EpochEnded, RunEnded, RunStarted

__all__ = ["WholeFit"]

_MEMORY = 20
"""Steps that a search remembers which goes on where SciPy stopped: more gains a little more."""


class WholeFit:
    """One run of L-BFGS for an estimator.

    Parameters
    ----------
    estimator : BasePerceptron
    engine : ReferenceEngine
    rows : Source
    state : OptimizerState
        Changed in place.
    progress : Progress
        Changed in place.
    judge : Judge, optional
    given : Rows
        All rows, those of weight zero too, in the types that were given; X may be sparse.
    """

    def __init__(
        self,
        estimator: Any,
        engine: ReferenceEngine,
        rows: Source,
        state: OptimizerState,
        progress: Progress,
        judge: Judge | None,
        given: Rows,
    ) -> None:
        self.given = given
        self.estimator, self.engine, self.rows = estimator, engine, rows
        self.state, self.progress, self.judge = state, progress, judge
        self.constant = constant_term(engine.plan.loss, rows.Y, rows.weights)
        self.best: Buffers | None = None
        self.best_iteration = self.iterations = 0
        self.began = time.perf_counter()

    def run(self) -> str:
        """Minimise; return why it ended.

        Raises
        ------
        NonFiniteError
            Weights or objective are not finite.
        """
        estimator, state = self.estimator, self.state
        self._tell(RunStarted(estimator.max_iter, 1, self.engine.plan.parameters.size))
        with np.errstate(all="ignore"):
            objective, lead = self._objectives()
            told = (*self._options(), self._accepted, lead)
            found = minimise(objective, state.buffers, *told)
        if not (math.isfinite(found.value) and np.isfinite(found.buffers.weights).all()):
            raise NonFiniteError(
                "Solver produced non-finite parameter weights. The input data may contain large"
                " values and need to be preprocessed.",
                where=f"iteration {found.iterations}",
                do="scale inputs and targets",
            )
        state.buffers = found.buffers if self.best is None else self.best
        self.iterations = found.iterations
        self._note_last(found)
        reason = self._reason(found)
        self._tell(RunEnded(reason, self.best_iteration))
        return reason

    def _reason(self, found: Minimum) -> str:
        """Return why it ended; warn where that was not at a minimum."""
        if self._out_of_time():
            return "max_seconds"
        count = found.iterations
        if found.used_up:
            said = f"did not converge in {count} iteration(s)", "Increase max_iter or max_fun, or"
        elif not found.converged:
            said = f"found no lower point after {count} iteration(s)", "Lower points may exist:"
        else:
            return "converged"
        warnings.warn(
            f"lbfgs {said[0]}: {found.message.strip(' :.')}. {said[1]} scale the data.",
            ConvergenceWarning,
            stacklevel=7,
        )
        if not found.used_up:
            return "converged"
        return "epochs" if count >= self.estimator.max_iter else "evaluations"

    def _objectives(self) -> tuple[Objective, Objective | None]:
        """Return what is minimised, and what leads there."""
        estimator, plan, state = self.estimator, self.engine.plan, self.state
        activation = plain_activation(estimator, plan)
        if activation is not None:
            return plain_objectives(plan, self.given, activation, estimator.alpha)
        whole = self.rows.whole()
        rows = Rows(whole.X.astype(np.float64, copy=False), whole.Y, whole.weights)
        running, seed = state.buffers.running, state.seed
        return EngineObjective(self.engine, rows, running, seed, self.constant), None

    def _note_last(self, found: Minimum) -> None:
        """Let the curve end with the objective of the weights that were found."""
        losses = self.progress.losses
        if self.iterations and found.iterations == found.led:
            losses[-1] = found.value  # what led there told it up to its own rounding
        elif not losses or losses[-1] != found.value:
            self.progress.note_loss(found.value, 0.0, counts=False)

    def _options(self) -> tuple[dict[str, float | int], dict[str, float | int]]:
        """Return the options of the first run and of those that go on."""
        options = cast(LBFGS, self.state.optimizer).scipy_options(int(self.estimator.max_iter))
        return options, {**options, "maxcor": max(_MEMORY, int(options["maxcor"]))}

    def _accepted(self, buffers: Buffers, value: float) -> bool:
        self.iterations += 1
        self.progress.note_loss(value, 0.0, counts=False)
        row = {"epoch": self.iterations, "step": buffers.step, "train_loss": value}
        better = False
        if self.judge is not None:
            held, score = self.judge(buffers)
            better = self.progress.note_score(held, score, 0.0, counts=False)
            row |= {"validation_loss": held, "validation_score": score}
            if better or self.best is None:
                self.best, self.best_iteration = buffers, self.iterations
        if self.estimator.verbose:
            sys.stdout.write(f"Iteration {self.iterations}, loss = {value:.8f}\n")
        seconds = time.perf_counter() - self.began
        self._tell(EpochEnded(row, better, int(self.estimator.max_iter), seconds))
        return not self._out_of_time()

    def _out_of_time(self) -> bool:
        limit = self.estimator.max_time
        return limit is not None and time.perf_counter() - self.began >= limit

    def _tell(self, event: Any) -> None:
        if self.estimator.on_event is not None:
            self.estimator.on_event(event)
