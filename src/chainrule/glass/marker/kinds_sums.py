"""Mistakes of the sums: over rows, for the bias, of rows that get lost, of what is never filled."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from chainrule.glass.marker.exercise import Exercise
from chainrule.glass.marker.kind import Hypothesis, at, kind, layers, proposes, spread
from chainrule.glass.marker.textbook import Change
from chainrule.maths.arrays import Array

__all__: list[str] = []

BIAS_NOT_SUMMED = kind(
    "bias_not_summed",
    "the bias gradient is not summed over the rows",
    "One bias was added to every row, so it gathers the errors of all rows: db has the shape of b.",
    "db = dZ",
    "db = dZ.sum(axis=0)",
)
BIAS_AXIS = kind(
    "bias_wrong_axis",
    "the bias gradient is summed over the wrong axis",
    "There is one bias for each unit, so the sum runs over the samples and leaves the units.",
    "db = dZ.sum(axis=1)",
    "db = dZ.sum(axis=0)",
)
BIAS_PARENT = kind(
    "bias_wrong_tensor",
    "the bias gradient is the sum of another tensor",
    "The bias stands inside of the activation, so its gradient is the sum of this layer's dZ.",
    "db1 = dZ2.sum(axis=0)",
    "db1 = dZ1.sum(axis=0)",
)
ROWS_LOST = kind(
    "rows_lost",
    "one row's gradient stands for all: the loop overwrites instead of adding",
    "The loss is a sum over the samples and so is its gradient: += in the loop, and set to zero "
    "before it.",
    "for i in range(N): dW = outer(H[i], dZ[i])",
    "for i in range(N): dW += outer(H[i], dZ[i])",
)
ZERO = kind(
    "gradient_zero",
    "the gradient is zero: it is never computed, or overwritten",
    "A tensor with a zero gradient never learns: compute it and return that array.",
    "dW = np.zeros_like(W)",
    "dW = H.T @ dZ",
    0.8,
)


@proposes
def _bias(exercise: Exercise) -> Iterator[Hypothesis]:
    depth = exercise.depth
    where = list(layers(1, depth))
    whole = [("", lambda s, n: s.dZ[n])]
    yield from spread(BIAS_NOT_SUMMED, "db{l}", "db", where, whole)
    axes: list[tuple[str, Any]] = [
        ("", lambda s, n: s.dZ[n].sum(axis=1)),
        ("", lambda s, n: s.dZ[n].sum(axis=1, keepdims=True)),
        ("", lambda s, n: s.dZ[n].mean(axis=1)),
        ("", lambda s, n: s.dZ[n].mean(axis=1, keepdims=True)),
        ("over both axes", lambda s, n: np.broadcast_to(s.dZ[n].sum(), s.b[n].shape)),
        ("over both axes", lambda s, n: s.dZ[n].sum()),
        ("over both axes", lambda s, n: np.broadcast_to(s.dZ[n].mean(), s.b[n].shape)),
        ("over both axes", lambda s, n: s.dZ[n].mean()),
    ]
    yield from spread(BIAS_AXIS, "db{l}", "db", where, axes)
    for layer in range(1, depth + 1):
        for other in range(1, depth + 1):
            if other > layer:
                rule = lambda s, _, o=other: s.dZ[o].sum(axis=0)  # noqa: E731
                yield Hypothesis(
                    BIAS_PARENT, (layer,), "db{l}", (at("db", (layer,), rule),), f"of dZ{other}"
                )
        for detail, rule in (
            ("of H{l}", lambda s, n: s.H[n].sum(axis=0)),
            ("of Z{l}", lambda s, n: s.Z[n].sum(axis=0)),
            ("of f'(Z{l})", lambda s, n: s.slopes[n].sum(axis=0)),
        ):
            yield Hypothesis(BIAS_PARENT, (layer,), "db{l}", (at("db", (layer,), rule),), detail)


@proposes
def _lost(exercise: Exercise) -> Iterator[Hypothesis]:
    def row(position: int, mean: bool, tensor: str) -> Any:
        def rule(step: Any, layer: int) -> Array:
            factor = 1 if mean or step.convention.reduction == "sum" else step.rows
            dZ = step.dZ[layer][[position]] * factor
            return step.H[layer - 1][[position]].T @ dZ if tensor == "W" else dZ.sum(axis=0)

        return rule

    for position, detail in ((-1, "the last row's"), (0, "the first row's")):
        for mean in (True, False):
            for layer in layers(1, exercise.depth):
                changes = tuple(
                    at(f"d{tensor}", layer, row(position, mean, tensor)) for tensor in "Wb"
                )
                yield Hypothesis(ROWS_LOST, layer, "dW{l}, db{l}", changes, detail)
                for change, tensor in zip(changes, ("dW{l}", "db{l}"), strict=True):
                    yield Hypothesis(ROWS_LOST, layer, tensor, (change,), detail, extra=0.1)


@proposes
def _zero(exercise: Exercise) -> Iterator[Hypothesis]:
    for layer in layers(1, exercise.depth):
        for site, tensor in (("gW", "dW{l}"), ("gb", "db{l}")):
            zero = Change(site, layer, lambda _, __, value: np.zeros_like(value()))
            yield Hypothesis(ZERO, layer, tensor, (zero,))
        if len(layer) == 1 and layer[0] < exercise.depth:
            gone = Change("dH", layer, lambda _, __, value: np.zeros_like(value()))
            yield Hypothesis(ZERO, layer, "dH{l}", (gone,))
