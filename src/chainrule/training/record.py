"""What a model file tells of its training, beside weights and network."""

from __future__ import annotations

from typing import Any

from chainrule._version import __version__
from chainrule.maths.augmentation import AUGMENTATIONS
from chainrule.maths.metric import METRICS
from chainrule.training.course import Course
from chainrule.training.session import Outcome
from chainrule.training.stopping import STOPPINGS

__all__ = ["record_of"]

_RECORDED_ROWS = 1_000
"""Rows of the history that a model's record keeps; a longer one is thinned out evenly."""


def record_of(course: Course, outcome: Outcome) -> dict[str, Any]:
    """Return what a model file tells of its training: the same for the same bits, so no times."""
    progress = outcome.progress
    rows, changed = progress.rows, course.augment
    stride = -(-len(rows) // _RECORDED_ROWS) or 1
    kept = [row for row in rows if (row["epoch"] - len(rows)) % stride == 0]
    return {
        "library": __version__,
        "seed": int(course.seed),
        "rows": len(course.rows),
        "validation_rows": 0 if course.validation is None else len(course.validation),
        "batch_size": course.batch,
        "shuffle": bool(course.shuffle),
        "epochs_planned": course.epochs,
        "epochs": len(rows),
        "updates": progress.buffers.step,
        "stop_reason": outcome.reason,
        "best_epoch": 0 if progress.best is None else progress.best.epoch,
        "restore_best": bool(course.restore_best),
        **({"augment": [AUGMENTATIONS.document(one) for one in changed]} if changed else {}),
        "stopping": STOPPINGS.document(course.stopping),
        "metrics": [METRICS.document(metric) for metric in course.metrics],
        "history": [
            {name: value for name, value in row.items() if name != "seconds"} for row in kept
        ],
    }
