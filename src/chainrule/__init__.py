"""Chainrule trains multilayer perceptrons by exact, explicit backpropagation.

Everything public is reachable from here and loaded when it is first touched, so that
`import chainrule` costs little more than importing NumPy.
"""

from __future__ import annotations

import importlib

from chainrule._version import __version__ as __version__

TYPE_CHECKING = False  # `typing` is most of what the command imports before it listens to Ctrl-C
if TYPE_CHECKING:
    from typing import Any

    from chainrule import errors as errors
    from chainrule import nn as nn
    from chainrule import training as training
    from chainrule.api import Run as Run
    from chainrule.api import load as load
    from chainrule.api import train as train
    from chainrule.estimators import MLPClassifier as MLPClassifier
    from chainrule.estimators import MLPRegressor as MLPRegressor
    from chainrule.experiments.compare import compare as compare
    from chainrule.experiments.lr_find import lr_find as lr_find
    from chainrule.experiments.recipes import lab_notes as lab_notes
    from chainrule.experiments.sweep import sweep as sweep
    from chainrule.glass import gradcheck as gradcheck
    from chainrule.glass.doctor import diagnose as diagnose
    from chainrule.glass.marker import mark as mark
    from chainrule.glass.trace import trace as trace
    from chainrule.images import Images as Images
    from chainrule.images import read_images as read_images
    from chainrule.maths.schedules import warmup_cosine as warmup_cosine
    from chainrule.parallel import train_many as train_many
    from chainrule.plan import Group as Group
    from chainrule.training import Stopping as Stopping
    from chainrule.training.blocks import Blocks as Blocks

_HOMES = {
    "Blocks": "chainrule.training.blocks",
    "Group": "chainrule.plan",
    "Images": "chainrule.images",
    "MLPClassifier": "chainrule.estimators",
    "MLPRegressor": "chainrule.estimators",
    "Run": "chainrule.api",
    "Stopping": "chainrule.training",
    "compare": "chainrule.experiments.compare",
    "diagnose": "chainrule.glass.doctor",
    "gradcheck": "chainrule.glass",
    "lab_notes": "chainrule.experiments.recipes",
    "load": "chainrule.api",
    "lr_find": "chainrule.experiments.lr_find",
    "mark": "chainrule.glass.marker",
    "read_images": "chainrule.images",
    "trace": "chainrule.glass.trace",
    "sweep": "chainrule.experiments.sweep",
    "train": "chainrule.api",
    "train_many": "chainrule.parallel",
}
_PACKAGES = ("errors", "nn", "training")
_RECORD_KINDS = (
    *("optimizer", "loss", "schedule", "penalty", "clipping", "initialiser", "metric"),
    "augmentation",
)
_FUNCTIONS = {"warmup_cosine": "chainrule.maths.schedules"}

__all__ = [
    "Blocks",
    "Group",
    "Images",
    "MLPClassifier",
    "MLPRegressor",
    "Run",
    "Stopping",
    "__version__",
    "compare",
    "diagnose",
    "errors",
    "gradcheck",
    "lab_notes",
    "load",
    "lr_find",
    "mark",
    "nn",
    "read_images",
    "sweep",
    "trace",
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
