"""The loop over data that is larger than memory: an epoch is one call of the engine per window."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from chainrule.engine.parts import joined, step_masses
from chainrule.engine.protocol import Buffers, Clock, EpochResult, Pulse
from chainrule.errors import InvalidParameterError, UsageError
from chainrule.plan.table import plan_cost
from chainrule.training.augmentation import augment_in_place
from chainrule.training.blocks_order import row_order
from chainrule.training.blocks_rows import BlockRows
from chainrule.training.course import Course
from chainrule.training.fault import fault_of_update
from chainrule.training.progress import learned_factor
from chainrule.training.session import Outcome, Session

__all__ = ["require_blockwise", "run_blocks"]


@dataclass
class _Epoch:
    """How an epoch went; `fault` says what was not finite."""

    result: EpochResult
    fault: str = ""


def run_blocks(session: Session) -> Outcome:
    """Run epochs over the windows of a course, from where the session stands to its end.

    Raises
    ------
    UsageError
        The optimizer needs all rows at once.
    """
    session.begin_epoch()
    while (reason := session.reason()) is None:
        buffers = session.progress.buffers.copy()
        epoch = _epoch(session, buffers)
        if not epoch.result.finite:
            return session.end_diverged(buffers, epoch.result, epoch.fault)
        if not epoch.result.complete:
            return session.end_within(buffers, epoch.result)
        session.end_epoch(buffers, epoch.result)
    return Outcome(session.progress, reason)


def _epoch(session: Session, buffers: Buffers) -> _Epoch:
    course, engine, progress = session.course, session.engine, session.progress
    data, batch = course.rows, course.batch
    assert isinstance(data, BlockRows)
    factor = learned_factor(course, progress)
    clock = Clock(course.seed, progress.epoch, 0, course.total_steps, factor)
    parts: list[EpochResult] = []
    masses: list[np.ndarray] = []
    fault = ""
    for turn in data.turns(batch, course.seed, progress.epoch, course.shuffle):
        rows = data.load(turn.pieces)
        order = row_order(len(turn), course.seed, progress.epoch, turn.position, course.shuffle)
        if course.augment:
            room = data.arena.budget.scores_bytes  # nothing is scored within an epoch
            told = (course.seed, progress.epoch, turn.first, room)
            augment_in_place(course.augment, rows, order, *told)
        moment = replace(clock, first_row=turn.first)
        pulse = _pulse(session, turn.first // batch, course.steps_per_epoch)
        result = engine.epoch(buffers, rows, order, batch, moment, pulse)
        parts.append(result)
        masses.append(step_masses(rows.weights, order, batch, -(-len(order) // batch)))
        if not result.finite:
            place = result.steps * batch
            failed = rows.take(order[place : place + batch])
            at = replace(moment, first_row=turn.first + place)
            fault = fault_of_update(engine, buffers, failed, at)
        if not (result.finite and result.complete):
            break
    averaged = course.plan.reduction == "mean"
    whole = joined(parts, np.concatenate(masses) if averaged else None, parts[-1].complete)
    return _Epoch(whole, fault)


def _pulse(session: Session, before: int, steps: int) -> Pulse | None:
    """Return what tells of the updates of a window as updates of the epoch."""
    if session.on_event is None and session.course.stopping.max_seconds is None:
        return None
    return lambda done, _: session.pulse(before + done, steps)


def require_blockwise(course: Course, data: BlockRows, recorded: bool) -> None:
    """Refuse, before anything is made, what cannot be done over blocks.

    Raises
    ------
    UsageError
        The optimizer needs all rows at once, or the run shall be recorded.
    InvalidParameterError
        One batch, or the network, takes more memory than there is for it.
    """
    _require_stepwise(course)
    data.window(course.batch)
    _require_room(course, data)
    if recorded:
        raise UsageError(
            "a run over blocks cannot be recorded",
            where="record",
            do="record a run on as many rows as fit into memory",
        )


def _require_room(course: Course, data: BlockRows) -> None:
    size = np.dtype(course.dtype).itemsize
    slots = len(course.plan.optimizer.slots)
    # Weights and slots exist before and during an epoch and inside the engine, weights of the best
    # epoch too; activations and their gradients for one batch.
    state = course.plan.parameters.size * size * (3 * (1 + slots) + 4)
    needed = state + 2 * plan_cost(course.plan, course.batch, size).activation_bytes
    room = data.arena.budget.network_bytes
    if needed > room:
        raise InvalidParameterError(
            "the network does not fit into its share of the memory that was stated",
            where="memory",
            expected=f"at most {room / 1e6:.1f} MB for weights, optimizer state and one batch",
            got=f"{needed / 1e6:.1f} MB",
            do="allow more memory, or choose smaller layers or batches",
        )


def _require_stepwise(course: Course) -> None:
    optimizer = course.plan.optimizer
    if not optimizer.stepwise:
        raise UsageError(
            f"{optimizer.name} looks at all rows at once, and they do not fit into memory",
            where="optimizer",
            expected="an optimizer that works in batches, such as adam",
            got=optimizer.name,
        )
