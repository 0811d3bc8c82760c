"""One call of training: where it stands, what it saves, whom it tells, and how it ends.

Decisions
---------
a) `Session.progress` is whole at any instruction (see `progress.py`). Everything that ends a run
   before its time, Ctrl-C, a listener's exception, a full disk, finds it there and saves it.
b) An epoch is saved before its event is sent, so a listener that fails loses nothing.
c) The first checkpoint is written before the first epoch: a path that cannot be written is
   found at once, and a run that is killed in its first epoch can be resumed too.
d) Ctrl-C ends the run as a rule would: the state after the last whole epoch is returned. Time that
   runs out within an epoch keeps the updates done, and scores them as one more row; the checkpoint
   stays at the last whole epoch, from which a resumed run repeats the same bits.
e) How often the state is saved changes no bit of a run. By default the command line saves by time:
   an interval of epochs costs many times the training where an epoch takes a millisecond, and loses
   hours where it takes one. What a kill can lose is a second, or 33 times what one save takes.
f) Numbers that are not finite end the run with the reason "diverged" and a last row that shows
   them. The weights are those before the bad update, or the best ones. If not even one epoch was
   finite there is nothing to return, and `DivergenceError` is raised.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from typing import Any

from chainrule.engine.protocol import Buffers, EpochResult
from chainrule.engine.reference import ReferenceEngine
from chainrule.errors import DivergenceError, OutputExistsError
from chainrule.files import require_writable
from chainrule.frozen import frozen
from chainrule.training.checkpoint import Checkpoint, write_checkpoint
from chainrule.training.course import Course
from chainrule.training.events import EpochEnded, Event, Listener, RunEnded, RunStarted, StepsDone
from chainrule.training.identity import identity
from chainrule.training.progress import Progress, advanced, diverged, first_progress
from chainrule.training.recording_run import Recorder

__all__ = ["Around", "Outcome", "Session"]

_EVENT_SECONDS = 0.1
"""Least time between two events within an epoch."""

_SAVE_SHARE, _SAVE_SECONDS = 0.03, 1.0
"""Saving by time takes at most this share of it, and is not done more often than so."""

Driver = Callable[["Session"], "Outcome"]
Around = Callable[[Callable[..., EpochResult]], Callable[..., EpochResult]]
"""From the function that runs an epoch to one that does the same and looks on."""


@frozen
class Outcome:
    """How a run ended, and where it stood.

    Parameters
    ----------
    progress : Progress
    reason : str
        One of `chainrule.training.stopping.REASONS`.
    fault : str
        Where a run diverged, and what was not finite.
    """

    progress: Progress
    reason: str
    fault: str = ""


class Session:
    """The state of one call of training.

    Parameters
    ----------
    course : Course
    engine : ReferenceEngine
    on_event : Listener, optional
    checkpoint : path, optional
        Where to save; by default the file that the run resumes from, if any.
    checkpoint_every : int or None
        Epochs between two checkpoints; None for one whenever saving took a few per cent of the time
        since the last. The last whole epoch is always saved.
    resume : Checkpoint, optional
    note : dict, optional
        What the checkpoints keep for the caller; by default what that of `resume` kept.
    """

    def __init__(
        self,
        course: Course,
        engine: ReferenceEngine,
        on_event: Listener | None = None,
        checkpoint: str | os.PathLike[str] | None = None,
        checkpoint_every: int | None = 1,
        resume: Checkpoint | None = None,
        note: Mapping[str, Any] | None = None,
    ) -> None:
        self.course = course
        self.engine = engine
        self.on_event = on_event
        self.every = checkpoint_every
        self.path = checkpoint if checkpoint is not None or resume is None else resume.path
        self.note = resume.note if note is None and resume is not None else note
        self.recorder: Recorder | None = None
        self.around: Around | None = None
        self.saved: int | None = None
        self.saving = self.saved_at = 0.0
        self.own_file = False
        self.identity = {} if self.path is None else identity(course, engine.name)
        self.first: Buffers | None = None
        self._start_from(resume)
        self.began = self.epoch_began = self.told = time.perf_counter()

    def _start_from(self, resume: Checkpoint | None) -> None:
        if resume is not None:
            self.progress, self.first = resume.restore(self.course, self.engine)
        else:
            self.progress = first_progress(self.course, self.engine)
            if not self.course.plan.optimizer.stepwise:
                self.first = self.progress.buffers
        if resume is not None and self.path is not None:
            self.own_file = os.path.realpath(self.path) == os.path.realpath(resume.path)
        if self.path is not None:
            self._require_place(self.path)

    def _require_place(self, path: str | os.PathLike[str]) -> None:
        try:
            require_writable(path, overwrite=self.own_file)
        except OutputExistsError as error:
            error.do = "choose another name, or go on from it: resume=" + repr(os.fspath(path))
            raise

    def run(self, drive: Driver) -> Outcome:
        """Train to the end, however it comes.

        Raises
        ------
        DivergenceError
            Numbers were not finite before one epoch was done.
        """
        self.save()
        try:
            self.tell(self._started())
            outcome = drive(self)
        except KeyboardInterrupt:
            outcome = Outcome(self.progress, "interrupted")
        except BaseException:
            self.save()
            raise
        self.save()
        best = outcome.progress.best
        self.tell(RunEnded(outcome.reason, 0 if best is None else best.epoch))
        return outcome

    def _started(self) -> RunStarted:
        course = self.course
        parameters = course.plan.parameters.size
        return RunStarted(course.epochs, course.steps_per_epoch, parameters, self.progress.epoch)

    def reason(self) -> str | None:
        """Return why the run ends here, between two epochs, or None."""
        progress, course = self.progress, self.course
        waited = progress.patience.waited
        reason = course.stopping.reason(progress.rows, waited, course.epochs)
        return "max_seconds" if reason is None and self.out_of_time() else reason

    def seconds(self) -> float:
        """Return the time since this call began."""
        return time.perf_counter() - self.began

    def out_of_time(self) -> bool:
        """Say whether `max_seconds` are over."""
        limit = self.course.stopping.max_seconds
        return limit is not None and self.seconds() >= limit

    def begin_epoch(self) -> None:
        """Start the clock of an epoch."""
        self.epoch_began = time.perf_counter()

    def end_epoch(self, buffers: Buffers, result: EpochResult) -> None:
        """Score a whole epoch, put the new state in place, save it, and tell of it."""
        before = self.progress
        if self.recorder is not None and not self.course.plan.optimizer.stepwise:
            self.recorder.whole(before.buffers, buffers, result)
        self.progress = advanced(
            self.course, self.engine, before, buffers, result, self.epoch_began
        )
        if self._is_due():
            self.save()
        self.tell_epoch(self.progress)
        self.begin_epoch()

    def _is_due(self) -> bool:
        """Say whether the state is to be saved after this epoch."""
        if self.every is not None:
            return self.progress.epoch % self.every == 0
        waited = time.perf_counter() - self.saved_at
        return waited >= max(_SAVE_SECONDS, self.saving / _SAVE_SHARE)

    def end_within(self, buffers: Buffers, result: EpochResult) -> Outcome:
        """Return the outcome of an epoch that ran out of time."""
        began = self.epoch_began
        last = advanced(self.course, self.engine, self.progress, buffers, result, began)
        self.tell_epoch(last)
        return Outcome(last, "max_seconds")

    def end_diverged(self, buffers: Buffers, result: EpochResult, fault: str) -> Outcome:
        """Return the outcome of an epoch that broke off with numbers that are not finite.

        Raises
        ------
        DivergenceError
            No epoch before it was finite; `fault` says which number was not.
        """
        place = f"epoch {self.progress.epoch + 1}, update {buffers.step + 1}"
        if self.progress.epoch == 0:
            error = DivergenceError(
                "training diverged before one epoch was done",
                where=place,
                expected="finite loss, gradient and weights",
                got=fault,
                do="lower the learning rate first; then look at the sizes of inputs and targets",
            )
            if self.recorder is not None:
                said = f"{place}: {fault}"
                error.recording = self.recorder.recording(self.progress, "diverged", said)
            raise error
        last = diverged(self.course, self.progress, buffers, result, self.epoch_began)
        self.tell_epoch(last)
        return Outcome(last, "diverged", f"{place}: {fault}")

    def save(self) -> None:
        """Write the checkpoint if one is configured and the file is older than the state."""
        progress = self.progress
        if self.path is None or self.saved == progress.epoch:
            return
        run, own, note = self.identity, self.own_file, self.note
        began = time.perf_counter()
        write_checkpoint(self.path, run, self.course, progress, self.first, own, note)
        self.saved, self.own_file = progress.epoch, True
        self.saved_at = time.perf_counter()
        self.saving = self.saved_at - began

    def tell(self, event: Event) -> None:
        """Send an event to the listener, if there is one."""
        self.told = time.perf_counter()
        if self.on_event is not None:
            self.on_event(event)

    def tell_epoch(self, progress: Progress) -> None:
        """Send the event of the last row, if there is a listener."""
        if self.on_event is None:
            return
        best = progress.best is not None and progress.best.epoch == progress.epoch
        row = dict(progress.rows[-1])
        self.tell(EpochEnded(row, best, self.course.epochs, self.seconds()))

    def pulse(self, done: int, steps: int) -> bool:
        """Tell of the updates done, now and then; return False when the time is over."""
        if self.on_event is not None and time.perf_counter() - self.told >= _EVENT_SECONDS:
            self.tell(StepsDone(self.progress.epoch + 1, done, steps))
        return not self.out_of_time()
