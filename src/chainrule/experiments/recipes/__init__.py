"""The course's experiments as recipes: each a question, its runs, and a conclusion from them."""

from __future__ import annotations

from importlib import import_module

from chainrule.experiments.recipes.face import lab_notes as lab_notes
from chainrule.experiments.recipes.recipe import RECIPES as RECIPES

__all__ = ["RECIPES", "lab_notes"]

for _name in (
    "batch_and_rate",
    "activations",
    "warmup",
    "relu_gradients",
    "regularisers",
    "initialisers",
    "depth",
    "optimizers",
    "batch_gd_vs_sgd",
    "large_batch",
):
    import_module(f"{__name__}.{_name}")  # registers, in the order of the course
