"""A fitted estimator as a model that stands alone, and what its file tells of the training."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule._version import __version__
from chainrule.api import TableModel
from chainrule.estimators.fitting import flat_weights
from chainrule.estimators.tables import with_classes
from chainrule.registry import Record
from chainrule.storage.model import Model

__all__ = ["model_of"]

_ROWS = 1_000
"""Epochs that the record of a model keeps; of more, evenly spaced ones."""


def model_of(estimator: Any) -> Model:
    """Return the model of a fitted estimator."""
    plan, held = estimator._plan, estimator._optimizer.buffers  # noqa: SLF001 - the estimator's own
    weights = flat_weights(estimator, plan, held.weights)
    described: dict[str, Any] = {"record": _record(estimator), "dtype": weights.dtype.name}
    several = hasattr(estimator, "classes_") and not estimator._many_labels()  # noqa: SLF001
    # A model tells two classes or more apart; with one, what it gives is the position of that one.
    labels = estimator.classes_.tolist() if several and len(estimator.classes_) > 1 else None
    encoder = getattr(estimator, "encoder_", None)
    if encoder is None:
        names = getattr(estimator, "feature_names_in_", None)
        described["feature_names"] = None if names is None else names.tolist()
        return Model(plan, weights, held.running, classes=labels, **described)
    document = with_classes(encoder, labels).document()
    return TableModel(plan, weights, held.running, encoder=document, classes=labels, **described)


def _record(estimator: Any) -> dict[str, Any]:
    """Return what a model file tells: settings that are not the defaults, and the curves."""
    defaults = type(estimator)().get_params(deep=False)
    given = estimator.get_params(deep=False)
    curves = {
        "train_loss": estimator.loss_curve_,
        "validation_loss": estimator.validation_loss_curve_,
        "validation_score": estimator.validation_scores_,
    }
    kept = {name: curve for name, curve in curves.items() if curve}
    rows = [
        {"epoch": number + 1, **{name: float(curve[number]) for name, curve in kept.items()}}
        for number in range(min(map(len, kept.values()), default=0))
    ]
    stride = -(-len(rows) // _ROWS) or 1
    return {
        "library": __version__,
        "estimator": type(estimator).__name__,
        "parameters": {
            name: _told(value) for name, value in given.items() if value is not defaults[name]
        },
        "epochs": len(rows),
        "stop_reason": estimator.stop_reason_,
        "history": [row for row in rows if (row["epoch"] - len(rows)) % stride == 0],
    }


def _told(value: Any) -> Any:
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, np.generic):
        return value.item()
    return repr(value) if isinstance(value, (Record, list, tuple, dict)) else type(value).__name__
