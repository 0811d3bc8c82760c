"""What a training run tells its listener: four frozen events, each sent after it happened.

A listener is any function of one event. It runs in the thread of the training, and what it raises
ends the run: whole epochs are saved first if a checkpoint is configured. `KeyboardInterrupt` raised
in a listener ends the run as Ctrl-C does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from chainrule.frozen import frozen

__all__ = ["EpochEnded", "Event", "Listener", "RunEnded", "RunStarted", "StepsDone"]


@frozen
class RunStarted:
    """The data is checked, the network is laid out, nothing is trained yet.

    Parameters
    ----------
    epochs : int
        Epochs planned.
    steps_per_epoch : int
    parameters : int
        Numbers that are trained.
    epochs_done : int
        Epochs that a checkpoint brought along.
    """

    epochs: int
    steps_per_epoch: int
    parameters: int
    epochs_done: int = 0


@frozen
class StepsDone:
    """Some updates are done. Sent at most ten times a second, so short epochs send none.

    Parameters
    ----------
    epoch : int
        The epoch that runs, counted from 1.
    step : int
        Updates done in this epoch.
    steps_per_epoch : int
    """

    epoch: int
    step: int
    steps_per_epoch: int


@frozen
class EpochEnded:
    """An epoch is done, scored, and saved if a checkpoint was due.

    Parameters
    ----------
    row : dict
        The new row of the history.
    best : bool
        The monitored score is the best so far.
    epochs_planned : int
    seconds : float
        Since the start of this call.
    """

    row: dict[str, Any]
    best: bool
    epochs_planned: int
    seconds: float


@frozen
class RunEnded:
    """The run is over, and its last whole epoch is saved if a checkpoint is configured.

    Parameters
    ----------
    reason : str
        One of `chainrule.training.stopping.REASONS`.
    best_epoch : int
        Counted from 1; 0 if no epoch has a score.
    """

    reason: str
    best_epoch: int


Event: TypeAlias = RunStarted | StepsDone | EpochEnded | RunEnded
Listener: TypeAlias = Callable[[Event], object]
