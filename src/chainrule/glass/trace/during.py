"""Tracing chosen steps of a training run without touching it.

The run goes on as if nobody looked. Before an epoch that holds a chosen step, its state is copied,
and the copy goes through the epoch's first batches on an engine of its own, up to that step; from
there the step is traced in float64. Nothing that the run reads is written to, so a traced run ends
in the same bits as any other, at the cost of parts of some epochs done twice.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace

import numpy as np

from chainrule.checks import Each, Integer, shown
from chainrule.engine.protocol import Buffers, Clock, EpochResult, Pulse, Rows
from chainrule.engine.select import engine_for
from chainrule.errors import DataError, InvalidParameterError, UsageError
from chainrule.glass.trace.face import trace_step
from chainrule.glass.trace.known import require_written
from chainrule.glass.trace.result import Trace
from chainrule.training.course import Course

__all__ = ["StepTracer"]

Turn = Callable[..., EpochResult]
_STEPS = Each(Integer(1), least=1)


class StepTracer:
    """Traces chosen updates of one run.

    Parameters
    ----------
    course : Course
        The run, before it starts.
    steps : sequence of int
        Updates, counted from 1 over the whole run.

    Raises
    ------
    InvalidParameterError
        `steps` are not numbers of updates that the run can reach.
    UsageError
        The run has no single updates (L-BFGS), its rows stand in blocks, or a member's formulas
        are not known.

    Example
    -------
    >>> import numpy as np
    >>> import chainrule as cr
    >>> from chainrule import nn
    >>> X, y = np.ones((4, 2)), np.arange(4.0)
    >>> run = cr.train(nn.Dense(1), X, y, loss="squared_error", epochs=2, trace_steps=[2])
    >>> run.traces[2]["optimizer.step"].value.item()
    2.0
    """

    def __init__(self, course: Course, steps: Sequence[int]) -> None:
        if not _STEPS.accepts(tuple(steps) if isinstance(steps, (list, tuple)) else steps):
            raise InvalidParameterError(
                "these are no steps to trace",
                where="trace_steps",
                expected="numbers of updates, counted from 1, such as [1, 100]",
                got=shown(steps),
            )
        if not course.plan.optimizer.stepwise or not isinstance(course.rows, Rows):
            raise UsageError(
                "this run has no single updates on rows in memory",
                where="trace_steps",
                do="trace one step of the model instead: chainrule.trace(run.model, X, y)",
            )
        if max(steps) > course.total_steps:
            raise InvalidParameterError(
                "the run ends before a step that is to be traced",
                where="trace_steps",
                expected=f"numbers up to {course.total_steps:,}",
                got=shown(max(steps)),
            )
        require_written(course.plan)
        self.course = course
        self.wanted = sorted({int(step) for step in steps})
        self.traces: dict[int, Trace] = {}

    def around(self, turn: Turn) -> Turn:
        """Return a function that runs an epoch as `turn` does, and traces steps of it before."""

        def traced(
            buffers: Buffers,
            rows: Rows,
            order: np.ndarray,
            batch: int,
            clock: Clock,
            pulse: Pulse | None = None,
        ) -> EpochResult:
            self._look(buffers.copy(), rows, order, batch, clock)
            return turn(buffers, rows, order, batch, clock, pulse)

        return traced

    def _look(
        self, buffers: Buffers, rows: Rows, order: np.ndarray, batch: int, clock: Clock
    ) -> None:
        """Go through an epoch with a copy of its state, as far as steps are to be traced."""
        start = buffers.step
        marks = [step - start - 1 for step in self.wanted]
        plan, place = self.course.plan, 0
        for mark in marks:
            if not 0 <= mark * batch < len(order):
                continue
            if mark > place:
                engine = engine_for(plan, self.course.dtype)
                part = order[place * batch : mark * batch]
                moment = replace(clock, first_row=clock.first_row + place * batch)
                if not engine.epoch(buffers, rows, part, batch, moment).finite:
                    return  # the run itself will say so
                place = mark
            here = rows.take(order[mark * batch : (mark + 1) * batch])
            moment = replace(clock, first_row=clock.first_row + mark * batch)
            number = start + mark + 1
            with suppress(DataError):  # not finite: the run itself will say so, or go on
                self.traces[number] = trace_step(
                    plan, here, buffers, moment, title=f"Update {number}"
                )
