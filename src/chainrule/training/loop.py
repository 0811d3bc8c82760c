"""The loop: epochs of shuffled batches until a rule ends them.

What an epoch does depends on (seed, epoch) and on the state before it, on nothing else: the order
of the rows and all noise are drawn from streams that the epoch's number opens.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from chainrule.checks import AnyOf, Integer, NoneValue, check_parameters, shown
from chainrule.engine.protocol import Clock, Observer
from chainrule.engine.select import engine_for
from chainrule.errors import InvalidParameterError
from chainrule.streams import Stream
from chainrule.training.augmentation import Augmented, require_augmentable
from chainrule.training.blas import one_blas_thread
from chainrule.training.blocks_loop import require_blockwise, run_blocks
from chainrule.training.blocks_rows import BlockRows
from chainrule.training.checkpoint import Checkpoint
from chainrule.training.course import Course
from chainrule.training.events import Listener
from chainrule.training.fault import fault_of_update
from chainrule.training.lbfgs import require_plain, run_lbfgs
from chainrule.training.progress import learned_factor
from chainrule.training.recording_run import Recorder
from chainrule.training.session import Around, Outcome, Session

__all__ = ["epoch_order", "run_course", "run_epochs"]


def run_course(
    course: Course,
    on_event: Listener | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    checkpoint_every: int | None = 1,
    resume: Checkpoint | None = None,
    observer: Observer | None = None,
    note: Mapping[str, Any] | None = None,
    recorder: Recorder | None = None,
    around: Around | None = None,
) -> Outcome:
    """Train as the course says; the floor below `chainrule.train`.

    Parameters
    ----------
    course : Course
    on_event : Listener, optional
        Called with each event; what it raises ends the run.
    checkpoint : path, optional
        Where to save the state; by default the file of `resume`, if there is one.
    checkpoint_every : int or None
        Epochs between two checkpoints; None for one whenever saving took a few per cent of the time
        since the last.
    resume : Checkpoint, optional
        The state to go on from.
    observer : Observer, optional
        Receives every tensor of every training step.
    note : dict, optional
        A JSON document that the checkpoints keep for the caller.
    recorder : Recorder, optional
        Looks at some of the steps.
    around : function from a turn to a turn, optional
        Is given the function that runs an epoch, and returns one that does the same.

    Raises
    ------
    CheckpointError
        `resume` belongs to another run.
    OutputExistsError
        `checkpoint` exists and is not the file of `resume`.
    DivergenceError
        Numbers were not finite before one epoch was done.

    Example
    -------
    >>> import numpy as np
    >>> from chainrule import nn
    >>> from chainrule.engine import Rows
    >>> from chainrule.plan import make_plan
    >>> from chainrule.training.course import Course
    >>> from chainrule.training.loop import run_course
    >>> rows = Rows(np.ones((4, 1), np.float32), np.ones((4, 1), np.float32))
    >>> plan = make_plan(nn.Dense(1), (1,), "squared_error", 1)
    >>> run_course(Course(plan, rows, epochs=3)).reason
    'epochs'
    """
    check_parameters(
        {"checkpoint_every": AnyOf(NoneValue(), Integer(1))},
        {"checkpoint_every": checkpoint_every},
        str,
    )
    if on_event is not None and not callable(on_event):
        raise InvalidParameterError("on_event is not a function", got=shown(on_event))
    stepwise = course.plan.optimizer.stepwise
    if not stepwise:
        require_plain(course.plan)
    if isinstance(course.rows, BlockRows):
        require_blockwise(course, course.rows, recorder is not None)
    require_augmentable(course)
    engine = engine_for(course.plan, course.dtype, observer)
    own_products = stepwise and not engine.runs_numpy
    with nullcontext() if own_products else one_blas_thread():
        session = Session(course, engine, on_event, checkpoint, checkpoint_every, resume, note)
        session.recorder, session.around = recorder, around
        if isinstance(course.rows, BlockRows):
            return session.run(run_blocks)
        return session.run(run_epochs if stepwise else run_lbfgs)


def run_epochs(session: Session) -> Outcome:
    """Run epochs of batches, from where the session stands to its end."""
    course, engine, rows = session.course, session.engine, session.course.loaded()
    watched = session.on_event is not None or course.stopping.max_seconds is not None
    pulse = session.pulse if watched else None
    recorder = session.recorder
    turn = engine.epoch if recorder is None else partial(recorder.epoch, engine)
    turn = turn if session.around is None else session.around(turn)
    changed = Augmented(course.augment, rows, course.seed) if course.augment else None
    session.begin_epoch()
    while (reason := session.reason()) is None:
        progress = session.progress
        buffers = progress.buffers.copy()
        factor = learned_factor(course, progress)
        clock = Clock(course.seed, progress.epoch, 0, course.total_steps, factor)
        order = epoch_order(course, progress.epoch)
        if changed is not None:
            rows, order = changed.epoch(order, progress.epoch)
        result = turn(buffers, rows, order, course.batch, clock, pulse)
        if not result.finite:
            place = result.steps * course.batch
            batch = rows.take(order[place : place + course.batch])
            moment = replace(clock, first_row=place)
            return session.end_diverged(
                buffers, result, fault_of_update(engine, buffers, batch, moment)
            )
        if not result.complete:
            return session.end_within(buffers, result)
        session.end_epoch(buffers, result)
    return Outcome(session.progress, reason)


def epoch_order(course: Course, epoch: int) -> np.ndarray:
    """Return the row numbers of an epoch (counted from 0) in the order of use."""
    rows = len(course.rows)
    if not course.shuffle:
        return np.arange(rows)
    return Stream(course.seed, "shuffle", epoch).permutation(rows)
