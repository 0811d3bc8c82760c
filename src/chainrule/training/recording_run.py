"""The recorder of a run: it splits the engine's passes at chosen steps and looks."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from importlib import import_module
from typing import Any

import numpy as np

from chainrule.engine.parts import joined, step_masses
from chainrule.engine.protocol import Buffers, Clock, EpochResult, Pulse, Rows
from chainrule.engine.reference import ReferenceEngine
from chainrule.maths.clipping import ClipNorm
from chainrule.plan.steps import ClipStep
from chainrule.plan.table import plan_cost
from chainrule.training.course import Course
from chainrule.training.progress import Progress
from chainrule.training.recording import Recording, Sample, Series, Snapshot
from chainrule.training.recording_observe import observed, updated

__all__ = ["Recorder", "observation_steps"]

MOST_ROWS = 64
"""Rows of a batch that are observed; half as many where the network is large, and four times as
many with batch norm, whose moments need them."""
LARGE = 30_000
SAMPLE_ROWS, SAMPLE_NUMBERS = 1024, 400_000
SERIES = 500
"""Steps whose loss is kept."""
FEWEST, MOST = 8, 40
_SHARE = 0.025
"""Part of the training time that observing may take, by the model below."""
_STEP_SECONDS, _ENGINE_FLOPS = 3e-6, 4e11
_LOOK_SECONDS, _REFERENCE_FLOPS, _NUMBER_SECONDS = 4e-4, 3e10, 8e-9
"""A rough model of time: of one update, and of one observation with its two engine calls. It only
has to keep the share small; a clock would make recordings differ from run to run."""


def observation_steps(planned: int, count: int) -> tuple[int, ...]:
    """Return the steps (counted from 0) at which a run of so many updates is observed.

    About a third of them lie in the first steps, at powers of four; the others at even distances.

    Example
    -------
    >>> observation_steps(1000, 8)
    (0, 1, 4, 16, 249, 499, 749, 999)
    """
    early = {4**power for power in range(max(count // 3, 1) + 1) if 4**power < planned / 4}
    even = np.linspace(0, planned - 1, max(count - len(early), 2)).astype(int)
    return tuple(sorted({0, *early, *(int(step) for step in even)}))


class Recorder:
    """Watches one run.

    Parameters
    ----------
    course : Course
    names : tuple of str, optional
        Of the columns of X.
    """

    def __init__(self, course: Course, names: tuple[str, ...] | None = None) -> None:
        self.course, self.names = course, names
        self.reference = ReferenceEngine(course.plan, course.dtype)
        normed = any(node.op.running for node in course.plan.graph.nodes)
        self.one_thread = _one_thread()
        rows = MOST_ROWS if course.plan.parameters.size < LARGE else MOST_ROWS // 2
        self.rows = min(course.batch, MOST_ROWS * 4 if normed else rows)
        self.wanted = observation_steps(course.total_steps, self._count())
        self.snapshots: list[Snapshot] = []
        self.parts: list[tuple[int, EpochResult]] = []
        self.first: Buffers | None = None

    def _count(self) -> int:
        course = self.course
        flops = _flops(course, course.batch)
        step = _STEP_SECONDS + flops / _ENGINE_FLOPS
        look = _LOOK_SECONDS + _flops(course, self.rows) / _REFERENCE_FLOPS
        look += _NUMBER_SECONDS * course.plan.parameters.size
        affordable = _SHARE * course.total_steps * step / look
        return int(min(max(affordable, FEWEST), MOST))

    def epoch(
        self,
        engine: ReferenceEngine,
        buffers: Buffers,
        rows: Rows,
        order: np.ndarray,
        batch: int,
        clock: Clock,
        pulse: Pulse | None = None,
    ) -> EpochResult:
        """Run one pass as the engine does, to the same bits, and look at some of its steps."""
        if self.first is None:
            self.first = buffers.copy()
        steps = -(-len(order) // batch)
        work = _Pass(engine, buffers, rows, order, batch, clock, pulse, steps)
        start = buffers.step
        marks = [step - start for step in self.wanted if start <= step < start + steps]
        for mark in marks:
            if work.place < mark:
                work.run(mark)
            if work.stopped:
                break
            self._look(work, mark)
        if not work.stopped and work.place < steps:
            work.run(steps)
        masses = None
        if self.course.plan.reduction == "mean":
            masses = step_masses(rows.weights, order, batch, steps)
        result = joined(work.parts, masses, work.place == steps and not work.stopped)
        self.parts.append((start, result))
        return result

    def _look(self, work: _Pass, mark: int) -> None:
        """Observe the next batch, let the engine do its update, and see what that changed."""
        buffers = work.buffers
        snapshot = self._observation(buffers, work.batch_at(mark, self.rows), work.clock_at(mark))
        before = buffers.weights.copy()
        work.run(mark + 1)
        states = updated(self.course.plan, snapshot, before, buffers.weights)
        self.snapshots.append(replace(snapshot, parameters=states))

    def _observation(self, buffers: Buffers, batch: Rows, clock: Clock) -> Snapshot:
        with self.one_thread():
            noise = self.reference.noise(clock, len(batch), buffers.step)
            evaluation = self.reference.evaluate(buffers, batch, training=True, noise=noise)
        return observed(self.course.plan, buffers, clock.epoch + 1, len(batch), evaluation)

    def whole(self, before: Buffers, after: Buffers, result: EpochResult) -> None:
        """Take note of an iteration of a method that uses all rows at once (L-BFGS)."""
        if self.first is None:
            self.first = before.copy()
        numbers = np.array([result.objective]), np.array([result.gradient_norm])
        kept = replace(result, objectives=numbers[0], data=numbers[0], norms=numbers[1])
        self.parts.append((after.step - 1, kept))
        if after.step - 1 in self.wanted:
            batch = self.course.loaded().take(slice(0, self.rows))
            clock = Clock(self.course.seed, 0, 0, self.course.total_steps)
            snapshot = self._observation(before, batch, clock)
            states = updated(self.course.plan, snapshot, before.weights, after.weights)
            self.snapshots.append(replace(snapshot, step=after.step - 1, parameters=states))

    def recording(self, progress: Progress, reason: str, fault: str) -> Recording:
        """Return what was recorded, once the run is over."""
        course = self.course
        best = progress.best
        facts: dict[str, Any] = {
            "rows": len(course.rows),
            "validation_rows": 0 if course.validation is None else len(course.validation),
            "batch": course.batch,
            "steps_per_epoch": course.steps_per_epoch,
            "epochs": course.epochs,
            "seed": int(course.seed),
            "dtype": course.dtype,
            "weighted": course.loaded().weights is not None,
            "stop_reason": reason,
            "fault": fault,
            "best_epoch": 0 if best is None else best.epoch,
            "names": None if self.names is None else list(self.names),
        }
        history = [
            {key: value for key, value in row.items() if key != "seconds"} for row in progress.rows
        ]
        sample = self._sample(progress)
        return Recording(course.plan, facts, history, self.snapshots, self._series(), sample)

    def _sample(self, progress: Progress) -> Sample:
        course, last = self.course, progress.buffers
        first = last if self.first is None else self.first
        held = _some(course.validation) if isinstance(course.validation, Rows) else None
        chosen = progress.chosen(course.restore_best)
        return Sample(_some(course.loaded()), held, first, last, chosen)

    def _series(self) -> Series:
        steps = [start + np.arange(len(part.objectives)) for start, part in self.parts]
        losses = [part.objectives for _, part in self.parts]
        norms = [part.norms for _, part in self.parts]
        if not steps:
            return Series(np.zeros(0, np.int64), np.zeros(0), np.zeros(0))
        step, loss, norm = (np.concatenate(parts) for parts in (steps, losses, norms))
        clipped = math.nan
        for clip in self.course.plan.steps_of(ClipStep):
            if isinstance(clip.clipping, ClipNorm) and len(norm):
                clipped = float(np.mean(norm > clip.clipping.limit))
        kept = np.unique(np.linspace(0, len(step) - 1, min(len(step), SERIES)).astype(int))
        return Series(step[kept], loss[kept], norm[kept], clipped)


def _one_thread() -> Callable[[], AbstractContextManager[Any]]:
    """Return what makes contexts in which BLAS runs on one thread.

    Looking for the BLAS libraries of the process takes longer than an observation, so it is done
    once. More threads than one would wait for those of the compiled engine.
    """
    try:
        found: Any = import_module("threadpoolctl")
    except ImportError:
        return nullcontext
    controller = found.ThreadpoolController()
    return lambda: controller.limit(limits=1, user_api="blas")


class _Pass:
    """One pass over the rows, done in parts."""

    def __init__(
        self,
        engine: ReferenceEngine,
        buffers: Buffers,
        rows: Rows,
        order: np.ndarray,
        batch: int,
        clock: Clock,
        pulse: Pulse | None,
        steps: int,
    ) -> None:
        self.engine, self.buffers, self.rows = engine, buffers, rows
        self.order, self.batch, self.clock, self.pulse = order, batch, clock, pulse
        self.steps, self.place, self.stopped = steps, 0, False
        self.parts: list[EpochResult] = []

    def clock_at(self, step: int) -> Clock:
        """Return when a step of this pass happens."""
        return replace(self.clock, first_row=self.clock.first_row + step * self.batch)

    def batch_at(self, step: int, most: int) -> Rows:
        """Return the first rows of a step's batch."""
        start = step * self.batch
        return self.rows.take(self.order[start : start + min(self.batch, most)])

    def run(self, stop: int) -> None:
        """Run the engine from where the pass stands up to a step."""
        start, steps, pulse = self.place, self.steps, self.pulse
        ask = None if pulse is None else (lambda done, _: pulse(start + done, steps))
        order = self.order[start * self.batch : stop * self.batch]
        part = self.engine.epoch(
            self.buffers, self.rows, order, self.batch, self.clock_at(start), ask
        )
        self.parts.append(part)
        self.place += part.steps
        self.stopped = not (part.finite and part.complete)


def _flops(course: Course, rows: int) -> float:
    cost = plan_cost(course.plan, rows=rows)
    return float(cost.forward_flops + cost.backward_flops)


def _some(rows: Rows) -> Rows:
    """Return at most a thousand rows, fewer where they are wide, at even distances, as a copy."""
    wide = max(int(np.prod(rows.X.shape[1:])), 1)
    most = min(len(rows), max(min(SAMPLE_ROWS, SAMPLE_NUMBERS // wide), SAMPLE_ROWS // 4))
    return rows.take(np.unique(np.linspace(0, len(rows) - 1, most).astype(int)))
