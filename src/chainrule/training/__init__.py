"""The training loop: data, batches, stopping, best weights, history, checkpoints, events."""

from __future__ import annotations

from chainrule.training.course import Course, choose_metrics
from chainrule.training.data import Dataset, prepare
from chainrule.training.events import EpochEnded, Event, Listener, RunEnded, RunStarted, StepsDone
from chainrule.training.history import History
from chainrule.training.loop import run_course
from chainrule.training.session import Outcome
from chainrule.training.stopping import REASONS, Stopping

__all__ = [
    "REASONS",
    "Course",
    "Dataset",
    "EpochEnded",
    "Event",
    "History",
    "Listener",
    "Outcome",
    "RunEnded",
    "RunStarted",
    "StepsDone",
    "Stopping",
    "choose_metrics",
    "prepare",
    "run_course",
]
