"""What makes a run this run and no other: everything that its weights depend on, as a document.

Two runs with equal identities and the same number of planned epochs have the same weights, to the
bit. When to stop is not part of it, except for what the stored patience counter and best weights
were measured with.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any

import numpy as np

from chainrule.checks import shown
from chainrule.engine.native import info
from chainrule.engine.protocol import Buffers, Rows
from chainrule.errors import CheckpointError
from chainrule.maths.augmentation import AUGMENTATIONS
from chainrule.maths.metric import METRICS
from chainrule.maths.schedule import Schedule
from chainrule.plan.document import plan_document
from chainrule.plan.plan import Plan
from chainrule.training.blocks_rows import BlockRows
from chainrule.training.course import Course

__all__ = ["identity", "require_same", "require_same_course"]

_CHUNK = 65_536
_NATIVE = "native"
"""The engine whose bits depend on the instruction set."""
_SETS = ("v2", "v3", "v4")
_PROBES = 1_000
"""Steps at which two plans of a schedule are compared."""


def identity(course: Course, engine: str) -> dict[str, Any]:
    """Return all that the weights of a run depend on, apart from the number of epochs.

    Parameters
    ----------
    course : Course
    engine : str
        Name of the engine; another one may round differently.
    """
    document = {
        **plan_document(course.plan),
        "dtype": course.dtype,
        "engine": engine,
        **({"instruction_set": info()["instruction_set"]} if engine == _NATIVE else {}),
        "seed": int(course.seed),
        "batch_size": course.batch,
        "shuffle": bool(course.shuffle),
        "data": _fingerprint(course.rows, course.batch),
        "validation": None
        if course.validation is None
        else _fingerprint(course.validation, course.batch),
        "start": None if course.start is None else _digest(_vectors(course.start)),
        "metrics": [METRICS.document(metric) for metric in course.metrics],
        "train_metrics": bool(course.train_metrics),
        "monitor": course.stopping.monitor,
        "minimum_improvement": float(course.stopping.minimum_improvement),
        **_augmentation(course),
    }
    return json.loads(json.dumps(document))


def _augmentation(course: Course) -> dict[str, Any]:
    """Return an entry where there is one, so that checkpoints of plain runs are what they were."""
    documents = [AUGMENTATIONS.document(member) for member in course.augment]
    return {"augment": documents} if documents else {}


def require_same(saved: dict[str, Any], now: dict[str, Any], where: str) -> None:
    """Raise if a checkpoint's identity is not that of the run which wants to go on from it.

    Raises
    ------
    CheckpointError
        Names all that differs, and shows the first difference.
    """
    sets = [document.get("instruction_set") for document in (saved, now)]
    if sets[0] in _SETS and sets[0] != sets[1] and saved == {**now, "instruction_set": sets[0]}:
        raise CheckpointError(
            "the checkpoint was written with another instruction set, which rounds differently",
            where=f"{where}, instruction_set",
            expected=shown(sets[0]),
            got=shown(sets[1]),
            do=f"set CHAINRULE_ISA={sets[0]} to continue with the same bits, "
            "on a processor that has it",
        )
    names = [name for name in {**saved, **now} if saved.get(name) != now.get(name)]
    if names:
        raise CheckpointError(
            "the checkpoint belongs to another run: "
            + " and ".join(", ".join(names).rsplit(", ", 1))
            + (" differ" if len(names) > 1 else " differs"),
            where=f"{where}, {names[0]}",
            expected=shown(saved.get(names[0]), 300),
            got=shown(now.get(names[0]), 300),
            do="resume with the settings and the data of the first call, or train anew",
        )


def require_same_course(plan: Plan, done: int, before: int, after: int, where: str) -> None:
    """Raise if a changed number of epochs would have changed the updates that are done.

    Parameters
    ----------
    plan : Plan
    done : int
        Updates done.
    before, after : int
        Updates planned in all: then and now.
    where : str

    Raises
    ------
    CheckpointError
        A schedule of the learning rate, a decay or a dropout depends on the length of the run.
    """
    if before == after or not done:
        return
    probes = np.unique(np.linspace(0, done - 1, _PROBES).astype(np.int64)).tolist()
    for label, factor in _factors(plan):
        if any(factor(step, before) != factor(step, after) for step in probes):
            raise CheckpointError(
                f"{label} is stretched over the planned epochs, and their number has changed",
                where=where,
                expected=f"{before:,} planned updates",
                got=f"{after:,}",
                do="resume with the planned number of epochs, or train anew",
            )


def _factors(plan: Plan) -> Iterator[tuple[str, Any]]:
    if plan.schedule is not None:
        yield f"the schedule {plan.schedule.name}", plan.schedule.factor
    for penalty in plan.penalties:
        yield f"the penalty {penalty.name}", penalty.decay
    for node in plan.graph.nodes:
        schedule = getattr(node.op, "schedule", None)
        if isinstance(schedule, Schedule):
            yield f"the schedule of {node.name}", schedule.factor


def _fingerprint(rows: Rows | BlockRows, batch: int) -> dict[str, Any]:
    if isinstance(rows, BlockRows):
        return rows.fingerprint(batch)
    arrays = [rows.X, rows.Y] + ([] if rows.weights is None else [rows.weights])
    return {
        "shapes": [list(array.shape) for array in arrays],
        "digest": _digest(arrays),
    }


def _vectors(buffers: Buffers) -> list[np.ndarray]:
    slots = [buffers.slots[name] for name in sorted(buffers.slots)]
    return [buffers.weights, buffers.running, *slots, np.array([buffers.step])]


def _digest(arrays: list[np.ndarray]) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for array in arrays:
        for start in range(0, len(array), _CHUNK):
            part = np.ascontiguousarray(array[start : start + _CHUNK])
            digest.update(part.astype(part.dtype.newbyteorder("<"), copy=False).data)
    return digest.hexdigest()
