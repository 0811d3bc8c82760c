"""The forms in which learners hold their arrays, and the way from and to the library's.

Decisions
---------
a) Four layouts: samples as rows or as columns, W as (in, out) or (out, in). A form is recognised by
   trying: with widths that are all different only one of them lets the products run.
b) The shape of the bias and of the targets is part of the form. The documented one is tried first;
   the others are the benefit of the doubt.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from chainrule.frozen import frozen
from chainrule.glass.marker.exercise import Exercise
from chainrule.glass.marker.textbook import Point
from chainrule.maths.arrays import Array

__all__ = ["Form", "forms", "from_learner", "to_learner"]


@frozen
class Form:
    """How a learner holds data and parameters."""

    columns: bool = False
    """Samples are columns: X (d, N)."""
    flipped: bool = False
    """W is (d_out, d_in)."""
    bias: str = "flat"
    """flat (d,), row (1, d) or column (d, 1)."""
    targets: str = "matrix"
    """matrix (N, K), vector (N,) or labels (N,) of class numbers."""
    base: int = 1
    """Number of the first layer in the names."""
    update: str | None = None
    """For calls of an update rule: what the gradients' names begin with."""

    @property
    def words(self) -> str:
        """The form as a phrase."""
        data = "samples are columns, X (d, N)" if self.columns else "samples are rows, X (N, d)"
        return f"{data}, W {'(d_out, d_in)' if self.flipped else '(d_in, d_out)'}"

    def document(self) -> dict[str, object]:
        """Return the form as JSON values."""
        return {
            "samples": "columns" if self.columns else "rows",
            "weights": "(d_out, d_in)" if self.flipped else "(d_in, d_out)",
            "bias": self.bias,
            "targets": self.targets,
        }


def forms(exercise: Exercise) -> Iterator[Form]:
    """Yield the forms to try, the documented ones first."""
    layouts = [
        (False, False, "flat"),
        (True, True, "column"),
        (False, True, "flat"),
        (True, False, "column"),
        (False, False, "row"),
        (False, True, "row"),
    ]
    if exercise.layout is not None:
        layouts = [entry for entry in layouts if entry[0] == (exercise.layout == "columns")]
    targets = ["matrix"]
    if exercise.loss.link.name == "softmax" and exercise.loss.task == "classification":
        targets.append("labels")
    elif exercise.outputs == 1:
        targets.append("vector")
    targets = targets if exercise.targets is None else [exercise.targets]
    for kind in targets:
        for base in (1, 0):
            for columns, flipped, bias in layouts:
                yield Form(columns, flipped, bias, kind, base)


def to_learner(point: Point, form: Form) -> tuple[dict[str, Array], Array, Array]:
    """Return fresh copies of parameters, X and y in a form."""
    parameters: dict[str, Array] = {}
    for layer in range(1, point.exercise.depth + 1):
        name = layer - 1 + form.base
        W, b = point.W[layer], point.b[layer]
        parameters[f"W{name}"] = np.array(W.T if form.flipped else W, order="C")
        shape = {"flat": (-1,), "row": (1, -1), "column": (-1, 1)}[form.bias]
        parameters[f"b{name}"] = b.reshape(shape).copy()
    X = np.array(point.X.T if form.columns else point.X, order="C")
    if form.targets == "labels":
        return parameters, X, np.argmax(point.Y, axis=1)
    if form.targets == "vector":
        return parameters, X, point.Y[:, 0].copy()
    return parameters, X, np.array(point.Y.T if form.columns else point.Y, order="C")


def from_learner(name: str, value: Array, point: Point, form: Form) -> Array:
    """Return a learner's tensor (`yhat`, `W1`, `b2`) with rows being samples.

    What has the wrong shape is turned as well and keeps its wrong shape.
    """
    value = np.asarray(value)
    if name == "yhat":
        if value.ndim == 1 and point.exercise.outputs == 1:
            return value[:, None]
        return value.T if form.columns and value.ndim == 2 else value
    if name.startswith("W"):
        return value.T if form.flipped and value.ndim == 2 else value
    expected = point.b[int(name[1:])].size
    if value.size == expected and max(value.shape, default=1) == expected:
        return value.reshape(expected)
    return value.T if form.columns and value.ndim == 2 else value
