"""Writing the checkpoints of an estimator's `fit`; what they are, `checkpoints` tells."""

from __future__ import annotations

import json
from collections.abc import Mapping
from copy import copy
from dataclasses import replace
from typing import Any

import numpy as np

from chainrule._version import __version__
from chainrule.engine.protocol import Buffers
from chainrule.estimators.loop import Loop
from chainrule.estimators.progress import OptimizerState, Progress
from chainrule.files import atomic_write
from chainrule.frozen import frozen
from chainrule.training.document import cell, seal

__all__ = ["FORMAT", "KEY", "SEAL", "VERSION", "Saver"]

FORMAT = "chainrule-estimator-checkpoint"
VERSION = 1
KEY = "chainrule"
SEAL = "digest"
"""Keys of the file's metadata."""


class Saver:
    """Writes the state of a fit after whole epochs.

    Parameters
    ----------
    path : path
    every : int
        Epochs between two files.
    run : dict
        The identity.
    overwrite : bool
        The first file may replace one: that of the run which goes on.
    """

    def __init__(self, path: Any, every: int, run: Mapping[str, Any], overwrite: bool) -> None:
        self.path, self.every, self.run, self.overwrite = path, every, run, overwrite
        self._pending: _Moment | None = None

    def note(self, loop: Loop, ended: str, last: bool) -> None:
        """Take a whole epoch; write it if it is due, or the last one, else keep a copy."""
        moment = _Moment.of(loop, ended)
        if last or ended or loop.epochs % self.every == 0:
            self._pending = None
            self._write(moment)
        else:
            self._pending = moment.copy()

    def flush(self) -> None:
        """Write the last whole epoch if that is still to be done."""
        pending, self._pending = self._pending, None
        if pending is not None:
            self._write(pending)

    def _write(self, moment: _Moment) -> None:
        from safetensors.numpy import save

        text = json.dumps(moment.document(self.run), allow_nan=False)
        tensors = moment.tensors()
        content = save(tensors, metadata={KEY: text, SEAL: seal(text, tensors)})
        atomic_write(self.path, content, overwrite=self.overwrite)
        self.overwrite = True


@frozen
class _Moment:
    """All that a fit goes on from."""

    state: OptimizerState
    progress: Progress
    random: Any
    ended: str
    iterations: int
    first_step: int
    total_steps: int
    best_epoch: int
    best: Buffers | None

    @classmethod
    def of(cls, loop: Loop, ended: str) -> _Moment:
        """Return the moment in which a loop is, which the next epoch changes."""
        random = loop.random_state.get_state(legacy=False)
        counts = (loop.epochs, loop.first_step, loop.total, loop.best_epoch)
        return cls(loop.state, loop.progress, random, ended, *counts, loop.best)

    def copy(self) -> _Moment:
        """Return a moment that stays."""
        progress = copy(self.progress)
        progress.losses = list(progress.losses)
        progress.scores = None if progress.scores is None else list(progress.scores)
        held = progress.validation_losses
        progress.validation_losses = None if held is None else list(held)
        state = replace(self.state, buffers=self.state.buffers.copy())
        return replace(self, state=state, progress=progress)

    def document(self, run: Mapping[str, Any]) -> dict[str, Any]:
        """Return everything but the vectors."""
        state, progress, random = self.state, self.progress, self.random
        return {
            "format": FORMAT,
            "version": VERSION,
            "library": __version__,
            "run": dict(run),
            "ended": self.ended,
            "iterations": self.iterations,
            "first_step": self.first_step,
            "total_steps": self.total_steps,
            "step": state.buffers.step,
            "seed": state.seed,
            "epochs": state.epochs,
            "scale": state.scale,
            "random": [random["state"]["pos"], random["has_gauss"], cell(random["gauss"])],
            "losses": _cells(progress.losses),
            "scores": _cells(progress.scores),
            "validation_losses": _cells(progress.validation_losses),
            "best_loss": cell(progress.best_loss),
            "best_score": cell(progress.best_score),
            "stale": progress.stale,
            "seen": progress.seen,
            "best": None if self.best is None else [self.best_epoch, self.best.step],
        }

    def tensors(self) -> dict[str, np.ndarray]:
        """Return the vectors, without those that are empty."""
        buffers, state = self.state.buffers, self.state
        found = {"weights": buffers.weights, "running": buffers.running}
        found["random"] = self.random["state"]["key"]
        found.update({f"slot.{name}": slot for name, slot in buffers.slots.items()})
        if self.best is not None:
            found.update({"best.weights": self.best.weights, "best.running": self.best.running})
        if state.order is not None:
            found["order"] = np.asarray(state.order, np.int64)
        if state.split is not None:
            train, held = (np.asarray(part, np.int64) for part in state.split)
            found.update({"split.train": train, "split.held": held})
        return {name: np.ascontiguousarray(tensor) for name, tensor in found.items() if tensor.size}


def _cells(values: list[float] | None) -> list[float | str] | None:
    return None if values is None else [cell(float(value)) for value in values]
