"""What the doctor prescribes, as options of `train` that exist and are not yet in force.

The doctor speaks of networks in Python, where more can be changed than by options. An option that
says what the training did already, or that could not change it, is no advice.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from chainrule.cli.job import settings_document
from chainrule.cli.options import WIDEST
from chainrule.cli.pipeline import Settings
from chainrule.glass.doctor import Verdict

__all__ = ["options_for"]

_RATE = re.compile(r"optimizer=cr\.\w+\(([\d.e+-]+)\)")
_EPOCHS = re.compile(r"epochs=(\d+)")
_BATCH = re.compile(r"batch_size=(\d+)")
_COLUMN = re.compile(r"numpy\.delete\(X, (\d+)")
_ACTIVATIONS = {
    "dead_relu": "leaky_relu",
    "vanishing_gradient": "relu",
    "saturated_units": "relu",
}
_DROPOUT = 0.2


def options_for(
    verdict: Verdict, settings: Settings, stop_reason: str = "", columns: Sequence[str] = ()
) -> dict[str, Any]:
    """Return the options of `chainrule train` that help against a fault; empty if none does.

    Parameters
    ----------
    verdict : Verdict
    settings : Settings
        Of the training.
    stop_reason : str
        Why it ended: more epochs change nothing where patience ended it.
    columns : sequence of str
        Column of the table for each feature.
    """
    found = _prescribed(verdict, settings, columns)
    if "epochs" in found and stop_reason == "patience":
        found = {"patience": 2 * settings.patience}
    if "epochs" in found and found["epochs"] <= settings.epochs:
        found = {}
    known = settings_document(settings)
    return {name: value for name, value in found.items() if known.get(name) != value}


def _prescribed(verdict: Verdict, settings: Settings, columns: Sequence[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if match := _RATE.search(verdict.code):
        found["learning-rate"] = float(match[1])
    if match := _BATCH.search(verdict.code):
        found["batch-size"] = int(match[1])
    if match := _EPOCHS.search(verdict.code):
        found["epochs"] = int(match[1])
    match = _COLUMN.search(verdict.code)
    if match and int(match[1]) < len(columns):
        found["ignore"] = [*settings.ignore, columns[int(match[1])]]
    if verdict.fault in _ACTIVATIONS and settings.hidden:
        found["activation"] = _ACTIVATIONS[verdict.fault]
    if verdict.fault == "dropout_too_strong":
        found["dropout"] = _DROPOUT if settings.dropout > _DROPOUT else 0.0
    if verdict.fault == "overfitting":
        found |= _smaller(settings)
    if verdict.fault == "underfitting" and not found:
        found["hidden"] = _wider(settings.hidden)
    return found


def _smaller(settings: Settings) -> dict[str, Any]:
    """Return what holds a network back; the best epoch is kept anyway, so patience does not."""
    if settings.dropout < _DROPOUT and settings.hidden:
        return {"dropout": _DROPOUT}
    return {"hidden": [max(width // 2, 1) for width in settings.hidden]} if settings.hidden else {}


def _wider(hidden: Sequence[int]) -> list[int]:
    return [min(2 * width, WIDEST) for width in hidden] or [64, 32]
