"""How far a run has come: one frozen value, replaced as a whole after each epoch.

Because a new value is made and then put in place by one assignment, an interrupt at any instruction
finds either the state before an epoch or the one after it. The arrays inside are never written to
again: the next epoch works on a copy.
"""

from __future__ import annotations

import math
import time
from dataclasses import replace
from typing import Any

from chainrule.engine.protocol import Buffers, EpochResult
from chainrule.engine.reference import ReferenceEngine
from chainrule.frozen import frozen
from chainrule.training.course import Course
from chainrule.training.scores import scores
from chainrule.training.stopping import Patience

__all__ = ["Best", "Progress", "advanced", "diverged", "first_progress", "learned_factor"]


@frozen
class Best:
    """The best epoch so far, its score (lower is better), weights and moments; no slots."""

    epoch: int
    score: float
    buffers: Buffers


@frozen
class Progress:
    """The state of a run between two epochs.

    Parameters
    ----------
    buffers : Buffers
    epoch : int
        Epochs done.
    rows : tuple of dict
        The history.
    patience : Patience
    plateau : dict
        State of a schedule that watches the score; empty for others.
    best : Best or None
    """

    buffers: Buffers
    epoch: int
    rows: tuple[dict[str, Any], ...]
    patience: Patience
    plateau: dict[str, float]
    best: Best | None

    def chosen(self, restore_best: bool) -> Buffers:
        """Return the buffers to keep at the end: the best ones, or the last."""
        return self.best.buffers if restore_best and self.best is not None else self.buffers


def first_progress(course: Course, engine: ReferenceEngine) -> Progress:
    """Return the state before the first epoch."""
    buffers = engine.buffers(course.seed) if course.start is None else course.start.copy()
    schedule = course.plan.schedule
    plateau = {} if schedule is None else dict(schedule.initial_state())
    return Progress(buffers, 0, (), Patience(), plateau, None)


def learned_factor(course: Course, progress: Progress) -> float:
    """Return the factor on the learning rate that comes from the scores seen so far."""
    schedule = course.plan.schedule
    if schedule is None or not schedule.needs_score:
        return 1.0
    return schedule.state_factor(progress.plateau)


def advanced(
    course: Course,
    engine: ReferenceEngine,
    progress: Progress,
    buffers: Buffers,
    result: EpochResult,
    started: float,
) -> Progress:
    """Return the state after an epoch: its row, the best weights, patience and plateau.

    `started` is the clock (`time.perf_counter`) at the start of the epoch. `buffers` belongs to the
    new state: the caller must not write to it any more.
    """
    row = _row(course, progress.epoch + 1, buffers, result)
    if course.metrics and course.train_metrics:
        found = scores(engine, buffers, course.rows, course.metrics, with_loss=False)
        row.update({f"train_{name}": value for name, value in found.items()})
    if course.validation is not None:
        found = scores(engine, buffers, course.validation, course.metrics)
        row.update({f"validation_{name}": value for name, value in found.items()})
    column, sign = course.watched
    score = sign * row[column]
    best = progress.best
    if math.isfinite(score) and (best is None or score < best.score):
        kept = Buffers(buffers.weights, {}, buffers.running, buffers.step)
        best = Best(row["epoch"], score, kept)
    schedule, plateau = course.plan.schedule, progress.plateau
    if schedule is not None and schedule.needs_score:
        plateau = dict(schedule.observe(plateau, score))
    row["seconds"] = time.perf_counter() - started
    return Progress(
        buffers,
        row["epoch"],
        (*progress.rows, row),
        progress.patience.after(score, course.stopping.minimum_improvement),
        plateau,
        best,
    )


def diverged(
    course: Course, progress: Progress, buffers: Buffers, result: EpochResult, started: float
) -> Progress:
    """Return the state after an epoch that broke off: one more row, without scores."""
    row = _row(course, progress.epoch + 1, buffers, result)
    row["seconds"] = time.perf_counter() - started
    return replace(progress, buffers=buffers, epoch=row["epoch"], rows=(*progress.rows, row))


def _row(course: Course, epoch: int, buffers: Buffers, result: EpochResult) -> dict[str, Any]:
    row: dict[str, Any] = dict.fromkeys(course.columns, math.nan)
    row.update(
        epoch=epoch,
        step=buffers.step,
        train_loss=float(result.objective),
        learning_rate=float(result.rate),
        gradient_norm=float(result.gradient_norm),
    )
    return row
