"""Pure functions over arrays: the members of every registry that computes something."""

from __future__ import annotations

# Importing a module registers its members.
from chainrule.maths import (
    activations,
    augmentations_image,
    augmentations_table,
    clipping,
    initialisers,
    losses_classification,
    losses_likelihood,
    losses_regression,
    metrics,
    optimizers,
    penalties,
    schedules,
)

__all__ = [
    "activations",
    "augmentations_image",
    "augmentations_table",
    "clipping",
    "initialisers",
    "losses_classification",
    "losses_likelihood",
    "losses_regression",
    "metrics",
    "optimizers",
    "penalties",
    "schedules",
]
