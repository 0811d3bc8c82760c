"""Checkpoints: one safetensors file from which a run goes on to the same bits.

Decisions
---------
a) Random numbers are functions of (seed, purpose, epoch, position), so vectors, counters and
   scores are the whole state; there is no generator to save.
b) A checkpoint holds the state between two epochs. A run that is stopped within one repeats that
   epoch from its start, and draws the same order and the same noise again.
c) The file carries the identity of its run. Another network, loss, optimizer, seed, batch size
   or data is refused by name: it would train, and to other weights.
d) The number of epochs is not identity. A changed number is allowed if it would not have changed
   any update done so far, which is so unless a schedule is stretched over the run.
e) Written through a temporary file, fsynced and renamed: a crash leaves the old one or the new.
f) A digest covers the document and every tensor. A flipped bit would train on, and to other
   weights; so a file whose digest does not fit, or that has none, is refused.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from chainrule._version import __version__
from chainrule.checks import shown
from chainrule.engine.protocol import Buffers
from chainrule.engine.reference import ReferenceEngine
from chainrule.errors import CheckpointError, FileFormatError
from chainrule.files import atomic_write, readable_file
from chainrule.frozen import frozen
from chainrule.training.course import Course
from chainrule.training.document import (
    cell,
    fault_in_document,
    fault_in_state,
    number,
    seal,
)
from chainrule.training.identity import identity, require_same, require_same_course
from chainrule.training.progress import Best, Progress
from chainrule.training.stopping import Patience

__all__ = ["FORMAT", "VERSION", "Checkpoint", "read_checkpoint", "write_checkpoint"]

FORMAT = "chainrule-checkpoint"
VERSION = 1
_KEY = "chainrule"
_SEAL = "digest"


@frozen
class Checkpoint:
    """A file that was read and is a checkpoint; of which run is still to be asked.

    Parameters
    ----------
    path : Path
    document : dict
    tensors : dict of str to array
    """

    path: Path
    document: dict[str, Any]
    tensors: dict[str, np.ndarray]

    @property
    def epochs(self) -> int:
        """Epochs that the run was planned for."""
        return self.document["epochs"]

    @property
    def note(self) -> dict[str, Any]:
        """What the caller of the run wanted to find again; empty if nothing."""
        return self.document.get("note", {})

    def restore(self, course: Course, engine: ReferenceEngine) -> tuple[Progress, Buffers | None]:
        """Return the state to go on from; for methods that replay, the state before the first too.

        Raises
        ------
        CheckpointError
            The checkpoint belongs to another run, is further than the epochs asked for, or is
            damaged.
        """
        where, document = str(self.path), self.document
        require_same(document["run"], identity(course, engine.name), where)
        schedule = course.plan.schedule
        plateau = {} if schedule is None else schedule.initial_state()
        _require_whole(fault_in_state(document, course.columns, plateau), where)
        before, after = document["total_steps"], course.total_steps
        require_same_course(course.plan, document["step"], before, after, where)
        if document["epoch"] > course.epochs:
            raise CheckpointError(
                "the checkpoint is further than the epochs asked for",
                where=where,
                expected=f"at least {document['epoch']} epochs",
                got=str(course.epochs),
            )
        replayed = not course.plan.optimizer.stepwise
        first = self._buffers("first", course, engine, 0) if replayed else None
        buffers = self._buffers("now", course, engine, document["step"])
        best = document["best"]
        if best is not None:
            at = self._buffers("best", course, engine, best["step"])
            best = Best(best["epoch"], number(best["score"]), at)
        rows = tuple({key: number(value) for key, value in row.items()} for row in document["rows"])
        patience = Patience(
            number(document["patience"]["reference"]), document["patience"]["waited"]
        )
        progress = Progress(buffers, document["epoch"], rows, patience, document["plateau"], best)
        return progress, first

    def _buffers(self, label: str, course: Course, engine: ReferenceEngine, step: int) -> Buffers:
        sizes = {"weights": course.plan.parameters.size, "running": course.plan.running.size}
        slots = course.plan.optimizer.slots if label == "now" else ()
        sizes.update({f"slot.{name}": course.plan.parameters.size for name in slots})
        vectors = {
            name: self._vector(f"{label}.{name}", size, engine.dtype)
            for name, size in sizes.items()
        }
        kept = {name: vectors[f"slot.{name}"] for name in slots}
        return Buffers(vectors["weights"], kept, vectors["running"], step)

    def _vector(self, name: str, size: int, dtype: np.dtype[Any]) -> np.ndarray:
        if size == 0:
            return np.zeros(0, dtype)
        vector = self.tensors.get(name)
        if vector is None or vector.shape != (size,) or vector.dtype != dtype:
            raise FileFormatError(
                "a tensor of the checkpoint is missing or does not fit",
                where=f"{self.path}, tensor {name}",
                expected=f"({size},) of {dtype}",
                got="none" if vector is None else f"{vector.shape} of {vector.dtype}",
            )
        if not np.isfinite(vector).all():
            raise FileFormatError(
                "a tensor of the checkpoint is not finite", where=f"{self.path}, tensor {name}"
            )
        return vector.copy()


def write_checkpoint(
    path: str | os.PathLike[str],
    run: Mapping[str, Any],
    course: Course,
    progress: Progress,
    first: Buffers | None,
    overwrite: bool,
    note: Mapping[str, Any] | None = None,
) -> None:
    """Write the state of a run, whole or not at all.

    Parameters
    ----------
    path : path
    run : dict
        The identity of the run.
    course : Course
    progress : Progress
    first : Buffers or None
        The state before the first epoch, for methods that resume by replay.
    overwrite : bool
    note : dict, optional
        A JSON document of the caller's, kept and not read.

    Raises
    ------
    OutputExistsError
        The file exists and `overwrite` is false.
    """
    from safetensors.numpy import save

    best = progress.best
    document = {
        "format": FORMAT,
        "version": VERSION,
        "library": __version__,
        "run": run,
        "epochs": course.epochs,
        "total_steps": course.total_steps,
        "epoch": progress.epoch,
        "step": progress.buffers.step,
        "rows": [{key: cell(value) for key, value in row.items()} for row in progress.rows],
        "patience": {
            "reference": cell(progress.patience.reference),
            "waited": progress.patience.waited,
        },
        "plateau": progress.plateau,
        "best": None
        if best is None
        else {"epoch": best.epoch, "score": cell(best.score), "step": best.buffers.step},
        **({"note": dict(note)} if note else {}),
    }
    tensors = {
        **({} if first is None else _tensors("first", first, ())),
        **_tensors("now", progress.buffers, course.plan.optimizer.slots),
        **({} if best is None else _tensors("best", best.buffers, ())),
    }
    text = json.dumps(document, allow_nan=False)
    content = save(tensors, metadata={_KEY: text, _SEAL: seal(text, tensors)})
    atomic_write(path, content, overwrite=overwrite)


def _tensors(label: str, buffers: Buffers, slots: tuple[str, ...]) -> dict[str, np.ndarray]:
    vectors = {"weights": buffers.weights, "running": buffers.running}
    vectors.update({f"slot.{name}": buffers.slots[name] for name in slots})
    return {f"{label}.{name}": vector for name, vector in vectors.items() if vector.size}


def read_checkpoint(path: str | os.PathLike[str]) -> Checkpoint:
    """Read a checkpoint; whose it is, `Checkpoint.restore` finds out.

    Raises
    ------
    CheckpointError
        There is no such file, it cannot be opened, or what it holds is damaged.
    FileFormatError
        It is not a checkpoint, is no whole file, or was written by another version.
    """
    from safetensors import SafetensorError, safe_open

    path = readable_file(path, "checkpoint", CheckpointError)
    try:
        with safe_open(path, framework="np") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        text = metadata.get(_KEY, "null")
        document = json.loads(text)
    except (SafetensorError, ValueError, RecursionError, KeyError, TypeError) as error:
        raise FileFormatError(
            "the checkpoint is damaged, or not a checkpoint", where=str(path), got=shown(str(error))
        ) from None
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        got = document.get("format") if isinstance(document, dict) else None
        raise FileFormatError(
            "the file is not a checkpoint",
            where=str(path),
            expected=f"format {FORMAT!r}",
            got=shown(got),
        )
    if document.get("version") != VERSION:
        raise FileFormatError(
            "the checkpoint is of another version",
            where=str(path),
            expected=f"version {VERSION} (Chainrule {__version__})",
            got=shown(document.get("version")),
            do="resume with the library that wrote it",
        )
    found = seal(text, tensors)
    if metadata.get(_SEAL) != found:
        raise _damaged(str(path), f"digest {shown(metadata.get(_SEAL))}", found)
    _require_whole(fault_in_document(document), str(path))
    return Checkpoint(path, document, tensors)


def _require_whole(fault: str, where: str) -> None:
    if fault:
        raise _damaged(f"{where}, {fault}")


def _damaged(where: str, expected: str = "", got: str = "") -> CheckpointError:
    return CheckpointError(
        "the checkpoint is damaged",
        where=where,
        expected=expected,
        got=got,
        do="resume from a copy of the file, or train anew",
    )
