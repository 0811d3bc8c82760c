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
from chainrule.estimators.newton import EngineObjective, Objective, minimise
from chainrule.estimators.plain_objective import PlainObjective, plain_activation
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
    """

    def __init__(
        self,
        estimator: Any,
        engine: ReferenceEngine,
        rows: Source,
        state: OptimizerState,
        progress: Progress,
        judge: Judge | None,
    ) -> None:
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
        estimator, state, rows = self.estimator, self.state, self.rows.whole()
        self._tell(RunStarted(estimator.max_iter, 1, self.engine.plan.parameters.size))
        limit = int(estimator.max_iter)
        with np.errstate(all="ignore"):
            found = minimise(self._objective(rows), state.buffers, *self._options(), self._accepted)
        if not (math.isfinite(found.value) and np.isfinite(found.buffers.weights).all()):
            raise NonFiniteError(
                "Solver produced non-finite parameter weights. The input data may contain large"
                " values and need to be preprocessed.",
                where=f"iteration {found.iterations}",
                do="scale inputs and targets",
            )
        state.buffers = found.buffers if self.best is None else self.best
        self.iterations = found.iterations
        if not self.progress.losses or self.progress.losses[-1] != found.value:
            self.progress.note_loss(found.value, 0.0, counts=False)
        reason = "max_seconds" if self._out_of_time() else "converged"
        if not found.converged and reason == "converged":
            reason = "epochs" if found.iterations >= limit else "evaluations"
            warnings.warn(
                f"lbfgs did not converge in {found.iterations} iteration(s): {found.message}."
                " Increase max_iter or max_fun, or scale the data.",
                ConvergenceWarning,
                stacklevel=6,
            )
        self._tell(RunEnded(reason, self.best_iteration))
        return reason

    def _objective(self, rows: Rows) -> Objective:
        estimator, plan, state = self.estimator, self.engine.plan, self.state
        activation = plain_activation(estimator, plan, rows)
        if activation is not None:
            return PlainObjective(plan, rows, activation, float(estimator.alpha))
        return EngineObjective(self.engine, rows, state.buffers.running, state.seed, self.constant)

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
