"""Chainrule trains multilayer perceptrons by exact, explicit backpropagation.

Everything public is reachable from here and loaded when it is first touched, so that
`import chainrule` costs little more than importing NumPy.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from chainrule._version import __version__ as __version__

if TYPE_CHECKING:
    from chainrule import errors as errors
    from chainrule import nn as nn
    from chainrule import training as training
    from chainrule.api import Run as Run
    from chainrule.api import load as load
    from chainrule.api import train as train
    from chainrule.estimators import MLPClassifier as MLPClassifier
    from chainrule.estimators import MLPRegressor as MLPRegressor
    from chainrule.glass import gradcheck as gradcheck
    from chainrule.maths.schedules import warmup_cosine as warmup_cosine
    from chainrule.parallel import train_many as train_many
    from chainrule.plan import Group as Group
    from chainrule.training import Stopping as Stopping

_HOMES = {
    "Group": "chainrule.plan",
    "MLPClassifier": "chainrule.estimators",
    "MLPRegressor": "chainrule.estimators",
    "Run": "chainrule.api",
    "Stopping": "chainrule.training",
    "gradcheck": "chainrule.glass",
    "load": "chainrule.api",
    "train": "chainrule.api",
    "train_many": "chainrule.parallel",
}
_PACKAGES = ("errors", "nn", "training")
_RECORD_KINDS = ("optimizer", "loss", "schedule", "penalty", "clipping", "initialiser", "metric")
_FUNCTIONS = {"warmup_cosine": "chainrule.maths.schedules"}

__all__ = [
    "Group",
    "MLPClassifier",
    "MLPRegressor",
    "Run",
    "Stopping",
    "__version__",
    "errors",
    "gradcheck",
    "load",
    "nn",
    "train",
    "train_many",
    "training",
    "warmup_cosine",
]


def _record(name: str) -> Any:
    """Return the registered record class of that name: `cr.Adam`, `cr.Huber`, `cr.Cosine`."""
    importlib.import_module("chainrule.maths")
    from chainrule.registry import REGISTRIES

    for kind in _RECORD_KINDS:
        for member in REGISTRIES.get(kind, ()):
            if member.__name__ == name:
                return member
    return None


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    if name in _FUNCTIONS:
        return getattr(importlib.import_module(_FUNCTIONS[name]), name)
    if name in _PACKAGES:
        return importlib.import_module(f"chainrule.{name}")
    record = _record(name) if name[0].isupper() else None
    if record is not None:
        return record
    raise AttributeError(f"module 'chainrule' has no attribute {name!r}")


def __dir__() -> list[str]:
    importlib.import_module("chainrule.maths")
    from chainrule.registry import REGISTRIES

    records = (member for kind in _RECORD_KINDS for member in REGISTRIES.get(kind, ()))
    return sorted({*__all__, *(member.__name__ for member in records)})
