"""The loop of the estimators: epochs of batches with scikit-learn's stopping and rates.

Decisions
---------
a) `chainrule.training` has a loop of its own, with checkpoints and other stopping rules. This one
   exists because patience, rates that depend on the rows seen, and orders drawn from a NumPy
   generator are part of what scikit-learn's parameters mean, and change the weights.
b) The loss of an epoch is the mean of the batches' objectives, weighted by their rows, penalties
   included, each before its update: scikit-learn's `loss_curve_`.
c) One call of the engine is one epoch; nothing here runs per batch.
d) Training that diverged ends at once: with the best weights and a warning if validation rows chose
   some, with an error otherwise.
"""

from __future__ import annotations

import math
import sys
import time
import warnings
from typing import Protocol

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from chainrule.engine.protocol import Buffers, Clock, EpochResult
from chainrule.engine.reference import ReferenceEngine
from chainrule.errors import DivergenceError
from chainrule.estimators.judge import Judge
from chainrule.estimators.progress import OptimizerState, Progress
from chainrule.estimators.rows import Changes, Source, run_pass
from chainrule.frozen import frozen
from chainrule.training.events import EpochEnded, Event, Listener, RunEnded, RunStarted, StepsDone

__all__ = ["Keeper", "Loop", "NonFiniteError", "Settings"]

_SMALLEST_RATE = 1e-6
"""Below it, "adaptive" ends instead of dividing the rate once more."""
_EVENT_SECONDS = 0.1


class NonFiniteError(DivergenceError, ValueError):
    """Training gave weights or losses that are not finite. Scale the data, or lower the rate."""


@frozen
class Settings:
    """The parameters of an estimator that the loop reads.

    Parameters
    ----------
    max_iter : int
    batch : int
    shuffle : bool
    tol : float
    gain : float
        What an epoch must take off the reported loss: `tol`, times the outputs in a sum of them.
    patience : float
        `n_iter_no_change`.
    rate : str
        "constant", "invscaling" or "adaptive".
    power : float
    by_score : bool
        Patience watches the validation score, not the training loss.
    constants : (N,) array, optional
        Added to the reported loss of each row.
    verbose : bool
    seconds : float, optional
        `max_time`.
    single : bool
        One epoch only: `partial_fit`.
    """

    max_iter: int
    batch: int
    shuffle: bool
    tol: float
    gain: float
    patience: float
    rate: str
    power: float
    by_score: bool
    constants: np.ndarray | None
    verbose: bool
    seconds: float | None
    single: bool


class Keeper(Protocol):
    """Writes the state after whole epochs."""

    def note(self, loop: Loop, ended: str, last: bool) -> None:
        """Take a whole epoch."""
        ...

    def flush(self) -> None:
        """Write the last whole epoch."""
        ...


class Loop:
    """One call of training.

    Parameters
    ----------
    engine : ReferenceEngine
    rows : Source
    state : OptimizerState
        Changed in place.
    progress : Progress
        Changed in place.
    settings : Settings
    random_state : RandomState
        Gives the order of the rows.
    judge : Judge, optional
    listener : Listener, optional
    changes : Changes, optional
        Augmentation of the rows.
    """

    def __init__(
        self,
        engine: ReferenceEngine,
        rows: Source,
        state: OptimizerState,
        progress: Progress,
        settings: Settings,
        random_state: np.random.RandomState,
        judge: Judge | None = None,
        listener: Listener | None = None,
        changes: Changes | None = None,
    ) -> None:
        self.changes = changes
        self.saver: Keeper | None = None
        self.ended = ""
        self.engine, self.rows, self.state = engine, rows, state
        self.progress, self.settings, self.judge = progress, settings, judge
        self.random_state, self.listener = random_state, listener
        self.epochs = 0
        self.best_epoch = 0
        self.best: Buffers | None = None
        if judge is not None and math.isfinite(progress.best_score):
            self.best = _kept(state.buffers)
        starts = np.arange(0, len(rows), settings.batch)
        self.counts = np.minimum(settings.batch, len(rows) - starts).astype(np.float64)
        self.first_step = state.buffers.step
        self.began = self.told = time.perf_counter()

    @property
    def total(self) -> int:
        """The update at which a schedule ends."""
        return _horizon(self.first_step, len(self.counts), self.settings)

    def run(self) -> str:
        """Train, after the epochs that a checkpoint brought along; return why it ended.

        Raises
        ------
        NonFiniteError
            It diverged, and no validation rows had chosen weights before.
        """
        parameters = self.engine.plan.parameters.size
        planned = 1 if self.settings.single else self.settings.max_iter
        self._tell(RunStarted(planned, len(self.counts), parameters, self.state.epochs))
        try:
            reason = self.ended or self._epochs(planned)
        except KeyboardInterrupt:
            warnings.warn("Training interrupted by user.", stacklevel=4)
            reason = "interrupted"
        finally:
            if self.saver is not None:
                self.saver.flush()
        self._tell(RunEnded(reason, self.best_epoch))
        return reason

    def _epochs(self, planned: int) -> str:
        for number in range(self.epochs + 1, planned + 1):
            started = time.perf_counter()
            result = self._pass()
            if not result.finite:
                self._diverged(result)
                return "diverged"
            self.epochs = number
            event = self._note(result, started, planned)
            ended = "patience" if self._finished() else ""
            late = not result.complete or self._out_of_time()
            if self.saver is not None and result.complete:
                self.saver.note(self, ended, last=late or number == planned)
            self._tell(event)
            if ended or late:
                return ended or "max_seconds"
        return "epochs"

    def _pass(self) -> EpochResult:
        state, settings = self.state, self.settings
        clock = Clock(state.seed, state.epochs, 0, self.total, state.scale)
        pulse = self._pulse if self.listener is not None or settings.seconds is not None else None
        told = (self._order(), settings.batch, clock, pulse, self.changes)
        return run_pass(self.engine, state.buffers, self.rows, *told)

    def _order(self) -> np.ndarray:
        """Return the order of an epoch: the last one, shuffled once more, as in scikit-learn."""
        count, order = len(self.rows), self.state.order
        # Always a new array: a call that fails leaves the estimator its own.
        order = np.arange(count) if order is None or len(order) != count else order.copy()
        if self.settings.shuffle:
            self.random_state.shuffle(order)
        self.state.order = order
        return order

    def _note(self, result: EpochResult, started: float, planned: int) -> Event | None:
        """Take the numbers of an epoch; return its event if somebody listens."""
        state, settings, progress = self.state, self.settings, self.progress
        state.epochs += 1
        counts = self.counts[: result.steps]
        seen = min(result.steps * settings.batch, len(self.rows))
        loss = float(result.objectives @ counts) / seen + self._constant(counts)
        progress.seen += len(self.rows)
        if settings.rate == "invscaling":
            state.scale = (progress.seen + 1.0) ** -settings.power
        progress.note_loss(loss, settings.gain, not settings.by_score)
        self._say("Iteration {}, loss = {:.8f}", self.epochs, loss)
        better, scores = False, {}
        if self.judge is not None:
            held, score = self.judge(state.buffers)
            better = progress.note_score(held, score, settings.tol, settings.by_score)
            scores = {"validation_loss": held, "validation_score": score}
            self._say("Validation score: {:f}", score)
            if better or self.best is None:
                self.best, self.best_epoch = _kept(state.buffers), self.epochs
        if self.listener is None:
            return None
        now = time.perf_counter()
        row = {"epoch": self.epochs, "step": state.buffers.step, "train_loss": loss, **scores}
        row |= {"learning_rate": result.rate, "gradient_norm": result.gradient_norm}
        row |= {"seconds": now - started}
        return EpochEnded(row, better, planned, now - self.began)

    def _constant(self, counts: np.ndarray) -> float:
        """Return the mean over the batches of their constants, by rows as the loss itself is."""
        terms, weights, order = self.settings.constants, self.rows.weights, self.state.order
        if terms is None or order is None or not len(counts):
            return 0.0
        if weights is None:
            return float(np.mean(terms))
        ends = np.cumsum(counts.astype(np.intp))
        used, starts = order[: ends[-1]], np.append(0, ends[:-1])
        sums = np.add.reduceat(terms[used] * weights[used], starts)
        return float((sums / np.add.reduceat(weights[used], starts)) @ counts / ends[-1])

    def _finished(self) -> bool:
        """Say whether patience is at its end; "adaptive" lowers the rate first."""
        settings, progress, state = self.settings, self.progress, self.state
        if progress.stale <= settings.patience:
            return False
        what = "Validation score" if settings.by_score else "Training loss"
        message = f"{what} did not improve more than tol={settings.tol:f} for"
        message = f"{message} {settings.patience} consecutive epochs."
        if settings.rate != "adaptive":
            self._say(f"{message} Stopping.")
            return True
        if state.learning_rate <= _SMALLEST_RATE:
            self._say(f"{message} Learning rate too small. Stopping.")
            return True
        state.scale /= 5.0
        progress.stale = 0
        self._say(f"{message} Setting learning rate to {state.learning_rate:f}")
        return False

    def _diverged(self, result: EpochResult) -> None:
        epoch = self.epochs + 1
        if self.best is None:
            raise NonFiniteError(
                "Solver produced non-finite parameter weights. The input data may contain large"
                " values and need to be preprocessed.",
                where=f"epoch {epoch}, update {self.state.buffers.step + 1}",
                got=f"loss {result.objective:g}, gradient norm {result.gradient_norm:g}",
                do="scale inputs and targets, lower learning_rate_init, or clip the gradient",
            )
        self.epochs = epoch
        self.progress.note_loss(math.nan, self.settings.tol, counts=False)
        self.progress.note_score(math.nan, math.nan, self.settings.tol, self.settings.by_score)
        warnings.warn(
            f"training diverged in epoch {epoch}; the weights with the best validation score are"
            " kept",
            ConvergenceWarning,
            stacklevel=5,
        )

    def _out_of_time(self) -> bool:
        limit = self.settings.seconds
        return limit is not None and time.perf_counter() - self.began >= limit

    def _pulse(self, done: int, steps: int) -> bool:
        if self.listener is not None and time.perf_counter() - self.told >= _EVENT_SECONDS:
            self._tell(StepsDone(self.epochs + 1, done, steps))
        return not self._out_of_time()

    def _tell(self, event: Event | None) -> None:
        if self.listener is not None and event is not None:
            self.told = time.perf_counter()
            self.listener(event)

    def _say(self, text: str, *numbers: float) -> None:
        if self.settings.verbose:
            sys.stdout.write(text.format(*numbers) + "\n")


def _horizon(done: int, steps: int, settings: Settings) -> int:
    """Return the update at which a schedule ends: after `max_iter` epochs.

    They are counted from this call of `fit`, but from the first call of `partial_fit`.
    """
    planned = settings.max_iter * steps
    return max(planned, done + steps) if settings.single else done + planned


def _kept(buffers: Buffers) -> Buffers:
    """Return a copy of weights and moments: an engine writes the next epoch into its arrays."""
    return Buffers(buffers.weights.copy(), {}, buffers.running.copy(), buffers.step)
