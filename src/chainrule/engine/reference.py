"""The reference engine: the operations, one after the other, in NumPy. Slow, always there, right.

Decisions
---------
a) It executes the plan's own list of steps (`Walk`) and adds nothing to it, so what is printed,
   proved and trained is the same list.
b) An update either happens wholly or not at all: new weights, slots and moments are computed
   first, checked for finite numbers, and only then put into the buffers.
c) Floating-point overflow is not reported by NumPy warnings but by the finite check, which can say
   at which step it happened.
"""

from __future__ import annotations

import math
import re
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np

from chainrule.engine.parts import pass_objective, step_masses
from chainrule.engine.protocol import (
    Buffers,
    Clock,
    EpochResult,
    Evaluation,
    Observer,
    Pulse,
    Rows,
    StepResult,
)
from chainrule.engine.walk import Walk, draw_noise
from chainrule.errors import DataError, InvalidParameterError
from chainrule.maths.arrays import Array
from chainrule.plan.plan import Plan
from chainrule.plan.steps import ClipStep, ProjectStep, UpdateStep

__all__ = ["ReferenceEngine"]

_PREDICTION_ROWS = 8192


class ReferenceEngine:
    """Run a plan with NumPy.

    Parameters
    ----------
    plan : Plan
    dtype : str
        `"float32"` or `"float64"`.
    observer : Observer, optional
        Receives every tensor of every training step.

    Example
    -------
    >>> import numpy as np
    >>> from chainrule import nn
    >>> from chainrule.engine import ReferenceEngine, Rows
    >>> from chainrule.plan import make_plan
    >>> engine = ReferenceEngine(make_plan(nn.Dense(1), (2,), "squared_error", 1), "float64")
    >>> buffers = engine.buffers(seed=0)
    >>> rows = Rows(np.ones((4, 2)), np.zeros((4, 1)))
    >>> engine.evaluate(buffers, rows).gradient.shape
    (3,)
    """

    name = "reference"
    runs_numpy = True
    """True if NumPy's products may decide the bits of a step."""

    def __init__(
        self, plan: Plan, dtype: str = "float32", observer: Observer | None = None
    ) -> None:
        if dtype not in ("float32", "float64"):
            raise InvalidParameterError(
                "dtype is not supported", expected="'float32' or 'float64'", got=repr(dtype)
            )
        self.plan = plan
        self.dtype = np.dtype(dtype)
        self.observer = observer

    @cached_property
    def _rate_factors(self) -> np.ndarray | None:
        vector = self.plan.rate_factors()
        return None if np.all(vector == 1.0) else vector.astype(self.dtype)

    @cached_property
    def _decay_factors(self) -> np.ndarray:
        return self.plan.decay_factors().astype(self.dtype)

    def buffers(self, seed: int) -> Buffers:
        """Return the state before the first step."""
        optimizer = self.plan.optimizer
        weights = self.plan.initial_weights(seed).astype(self.dtype)
        slots = {
            name: np.full(weights.shape, optimizer.initial_slot(name), self.dtype)
            for name in optimizer.slots
        }
        return Buffers(weights, slots, self.plan.initial_running().astype(self.dtype))

    def raw(self, weights: np.ndarray, running: np.ndarray, X: np.ndarray) -> np.ndarray:
        """Return the raw outputs `(N, raw_width)` in prediction mode."""
        X = np.asarray(X, self.dtype)
        parameters = self.plan.parameters.views(np.asarray(weights, self.dtype))
        moments = self.plan.running.views(np.asarray(running, self.dtype))
        parts: list[Array] = []
        with np.errstate(all="ignore"):
            for start in range(0, max(len(X), 1), _PREDICTION_ROWS):
                walk = Walk(self.plan, parameters, moments, {}, training=False)
                try:
                    parts.append(walk.forward(X[start : start + _PREDICTION_ROWS]))
                except DataError as error:
                    raise _further_down(error, start) from None
        return np.concatenate(parts) if len(parts) > 1 else parts[0]

    def evaluate(
        self,
        buffers: Buffers,
        rows: Rows,
        training: bool = False,
        noise: dict[str, Array] | None = None,
    ) -> Evaluation:
        """Return the objective and its gradient at the buffers' weights.

        Arrays keep their own types (complex numbers pass through), so this is also the function
        that gradient checks differentiate.
        """
        plan = self.plan
        parameters = plan.parameters.views(buffers.weights)
        running = plan.running.views(buffers.running)
        observing = {} if self.observer is None else {"observe": self.observer}
        walk = Walk(plan, parameters, running, noise or {}, training, **observing)
        with np.errstate(all="ignore"):
            raw = walk.forward(rows.X)
            data = walk.loss(rows.Y, rows.weights)
            walk.backward()
            penalty = walk.penalties()
            gradient = walk.gradient(buffers.weights)
        moments = plan.running.pack(walk.new_running, gradient.dtype)
        return Evaluation(data + penalty, data, gradient, moments, raw, walk.tensors)

    def gradient(
        self, buffers: Buffers, rows: Rows, clock: Clock, training: bool = True
    ) -> Evaluation:
        """Return objective and gradient of all rows as one batch.

        An engine may leave out the tensors between.

        Parameters
        ----------
        buffers : Buffers
            Its slots are not read.
        rows : Rows
        clock : Clock
            When the batch happens, for the noise.
        training : bool
        """
        noise = self.noise(clock, len(rows), buffers.step) if training else None
        return self.evaluate(buffers, rows, training, noise)

    def noise(self, clock: Clock, rows: int, step: int) -> dict[str, Array]:
        """Return the noise of a batch in the engine's type."""
        progress = (step, clock.total_steps)
        drawn = draw_noise(self.plan, clock.seed, clock.epoch, clock.first_row, rows, progress)
        return {name: value.astype(self.dtype) for name, value in drawn.items()}

    def step(self, buffers: Buffers, batch: Rows, clock: Clock) -> StepResult:
        """Do one update in place; leave the buffers untouched if a number is not finite."""
        noise = self.noise(clock, len(batch), buffers.step)
        evaluation = self.evaluate(buffers, batch, training=True, noise=noise)
        with np.errstate(all="ignore"):
            norm = float(np.linalg.norm(evaluation.gradient.astype(np.float64)))
        objective, data = float(evaluation.objective), float(evaluation.data)
        rate = self.rate(buffers.step, clock)
        if not (math.isfinite(objective) and math.isfinite(norm)):
            return StepResult(objective, data, norm, rate, finite=False)
        with np.errstate(all="ignore"):
            weights, slots = self._updated(buffers, evaluation.gradient, rate, clock)
        if not (np.all(np.isfinite(weights)) and np.all(np.isfinite(evaluation.running))):
            return StepResult(objective, data, norm, rate, finite=False)
        buffers.weights, buffers.slots, buffers.running = weights, slots, evaluation.running
        buffers.step += 1
        return StepResult(objective, data, norm, rate, finite=True)

    def rate(self, step: int, clock: Clock) -> float:
        """Return the learning rate of an update, before group factors."""
        schedule = self.plan.schedule
        factor = 1.0 if schedule is None else schedule.factor(step, clock.total_steps)
        return self.plan.optimizer.learning_rate * factor * clock.rate_scale

    def _updated(
        self, buffers: Buffers, gradient: Array, rate: float, clock: Clock
    ) -> tuple[np.ndarray, dict[str, Array]]:
        plan = self.plan
        for step in plan.steps_of(ClipStep):
            gradient, kept = step.clipping.clip(gradient)
            self._observe(step, "clipping.kept", kept)
            self._observe(step, "clipping.gradient", gradient)
        rates: Any = rate if self._rate_factors is None else rate * self._rate_factors
        weights = buffers.weights
        decay = plan.optimizer.decay() + sum(
            penalty.decay(buffers.step, clock.total_steps) for penalty in plan.penalties
        )
        if decay:
            weights = weights * (1.0 - rates * (decay * self._decay_factors))
        weights, slots = plan.optimizer.update(
            weights, gradient, buffers.slots, buffers.step + 1, rates
        )
        (update,) = plan.steps_of(UpdateStep)
        for name, slot in slots.items():
            self._observe(update, f"optimizer.{name}", slot)
        weights = self._projected(weights)
        self._observe(update, "weights", weights)
        return weights, slots

    def _projected(self, weights: np.ndarray) -> np.ndarray:
        steps = self.plan.steps_of(ProjectStep)
        if not steps:
            return weights
        weights = weights.copy()
        views = self.plan.parameters.views(weights)
        for step in steps:
            views[step.parameter][...] = step.penalty.project(views[step.parameter])
        return weights

    def _observe(self, step: Any, name: str, value: Array) -> None:
        if self.observer is not None:
            self.observer(step, name, value)

    def epoch(
        self,
        buffers: Buffers,
        rows: Rows,
        order: np.ndarray,
        batch_size: int,
        clock: Clock,
        pulse: Pulse | None = None,
    ) -> EpochResult:
        """Run one pass over the rows in the given order, in place.

        Parameters
        ----------
        buffers : Buffers
        rows : Rows
        order : (M,) int
            Row numbers in the order of use.
        batch_size : int
        clock : Clock
            `first_row` is where in the epoch `order` begins.
        pulse : callable, optional
            Called after each step with (steps done, steps in all); returning False stops.
        """
        starts = range(0, len(order), batch_size)
        averaged = self.plan.reduction == "mean"
        masses = step_masses(rows.weights, order, batch_size, len(starts)) if averaged else None
        tally = _Tally(masses)
        for done, start in enumerate(starts, 1):
            batch = rows.take(order[start : start + batch_size])
            moment = replace(clock, first_row=clock.first_row + start)
            result = self.step(buffers, batch, moment)
            if not result.finite:
                return tally.result(done - 1, result, finite=False, complete=False)
            tally.add(result)
            stopped = pulse is not None and not pulse(done, len(starts))
            if stopped or done == len(starts):
                return tally.result(done, result, finite=True, complete=done == len(starts))
        raise DataError("there is nothing to train on", where="order", expected="at least one row")


def _further_down(error: DataError, rows: int) -> DataError:
    """Return an error about a part of the data with the row's number in the whole."""
    where = re.sub(r"^row (\d+)", lambda found: f"row {int(found[1]) + rows}", error.where)
    return DataError(error.what, **{**error.parts(), "where": where})


class _Tally:
    """Numbers of the steps of one pass."""

    def __init__(self, masses: np.ndarray | None) -> None:
        self.masses = masses
        self.steps: list[tuple[float, float, float]] = []

    def add(self, result: StepResult) -> None:
        """Count one step."""
        self.steps.append((result.objective, result.data, result.gradient_norm))

    def result(self, steps: int, last: StepResult, finite: bool, complete: bool) -> EpochResult:
        """Return the epoch's numbers; those of the failed step if it was the first."""
        if not steps:
            return EpochResult(0, last.objective, last.gradient_norm, last.rate, finite, complete)
        objectives, data, norms = np.array(self.steps).T.copy()
        masses = None if self.masses is None else self.masses[:steps]
        objective = pass_objective(objectives, data, masses)
        norm = float(np.mean(norms))
        parts = (objectives, data, norms)
        return EpochResult(steps, objective, norm, last.rate, finite, complete, *parts)
