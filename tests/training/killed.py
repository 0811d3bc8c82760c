"""A training run that kills itself, uncatchably, at a given moment; a program of its own.

Arguments: the moment and the optimizer. The checkpoint is the file `run` in the current folder.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from chainrule import files
from chainrule.engine import native_call
from chainrule.training import session
from chainrule.training.events import EpochEnded, RunStarted, StepsDone
from tests.training.runs import noisy, numbers, regress

X, y = numbers()
TOLD: dict[str, Any] = {"network": noisy(), "epochs": 6, "validation": (X[:10], y[:10])}


def die() -> None:
    """End this process as a power cut would."""
    os.kill(os.getpid(), signal.SIGKILL)


def at_call(name: str, number: int) -> None:
    """Die just before a call of a function of `os`, counted from 1."""
    real: Callable[..., Any] = getattr(os, name)
    calls = 0

    def counting(*arguments: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == number:
            die()
        return real(*arguments)

    setattr(files.os, name, counting)


def listener(moment: str) -> Callable[[object], None]:
    """Return a listener that dies at an event."""

    def listen(event: object) -> None:
        now = {
            "start": isinstance(event, RunStarted),
            "epoch": isinstance(event, EpochEnded) and event.row["epoch"] == 3,
            "step": isinstance(event, StepsDone) and (event.epoch, event.step) == (4, 2),
        }
        if now.get(moment):
            die()

    return listen


def main(moment: str, optimizer: str) -> None:
    """Train until the moment comes."""
    session._EVENT_SECONDS = native_call.PULSE_SECONDS = 0.0
    if moment in ("fsync", "replace"):
        # Saves: one before the first epoch (by a link, not a replacement), then one an epoch.
        at_call(moment, 6 if moment == "fsync" else 3)
    regress(**TOLD, optimizer=optimizer, checkpoint="run", on_event=listener(moment))


if __name__ == "__main__":
    main(*sys.argv[1:])
