"""Mistakes where the way back begins: the loss's derivative and the output's activation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from chainrule.glass.marker.exercise import Exercise
from chainrule.glass.marker.kind import Hypothesis, at, kind, proposes
from chainrule.glass.marker.kinds_backward import SLOPE_EXTRA, SLOPE_MISSING
from chainrule.glass.marker.textbook import Change, Pass
from chainrule.maths.arrays import Array

__all__: list[str] = []

P_MINUS_Y = kind(
    "p_minus_y",
    "p - y is used, with a loss whose derivative it is not",
    "p - y is what softmax and cross-entropy give together; with any other loss the softmax "
    "Jacobian stays: dZ = P * (dP - (dP * P).sum(axis=1)).",
    "dZ = P - y   # softmax with squared error",
    "dZ = P * (dP - (dP * P).sum(axis=1, keepdims=True))",
)
JACOBIAN_DIAGONAL = kind(
    "softmax_diagonal",
    "softmax is differentiated element by element, as if it were a sigmoid",
    "Each probability depends on every logit of its row, so the Jacobian is dense: its diagonal "
    "P (1 - P) is only a part of it.",
    "dZ = dP * P * (1 - P)",
    "dZ = P * (dP - (dP * P).sum(axis=1, keepdims=True))",
)
TARGET_FORGOTTEN = kind(
    "target_forgotten",
    "the target (or the prediction) is missing from the error",
    "The error at the output is the difference of prediction and target; without y the network is "
    "only taught to output nothing.",
    "dZ = P",
    "dZ = P - y",
)
OTHER_LOSS = kind(
    "other_loss",
    "the derivative is another loss's",
    "The gradient has to be the derivative of the loss that is reported, or training lowers "
    "something else.",
    "dP = np.sign(P - y)",
    "dP = 2 * (P - y)",
    1.2,
)
EPSILON = kind(
    "epsilon",
    "a guard against division by zero is so large that it changes the gradient",
    "A small number in log(p + eps) keeps it finite; from 1e-5 on it bends the gradient: take "
    "1e-12, or p - y, which needs none.",
    "dP = -y / (P + 0.01)",
    "dP = -y / P",
    1.2,
)
BROADCASTING = kind(
    "broadcasting",
    "(N,) and (N, 1) are mixed, so that every prediction meets every target",
    "NumPy subtracts (N,) from (N, 1) as a table of N x N differences: give both the same shape "
    "before you subtract.",
    "error = yhat.ravel() - y   # (N,) - (N, 1) is (N, N)",
    "error = yhat - y           # (N, 1) - (N, 1)",
)
EPSILONS = (0.1, 0.05, 0.01, 0.005, 0.001, 5e-4, 1e-4, 1e-5)


@proposes
def _unmatched(exercise: Exercise) -> Iterator[Hypothesis]:
    last, record = (exercise.depth,), exercise.activations[-1]
    if exercise.matched or record.name == "identity":
        return
    errors = (
        at("dZ", last, lambda s, n: s.value("dP", n)),
        at("dZ", last, lambda s, _: (s.P - s.Y) * _share(s)),
    )
    for change in errors:
        kind = SLOPE_MISSING if record.elementwise else P_MINUS_Y
        yield Hypothesis(kind, last, "dZ{l}", (change,))
    if not record.elementwise:
        diagonal = at("dZ", last, lambda s, n: s.value("dP", n) * s.P * (1 - s.P))
        yield Hypothesis(JACOBIAN_DIAGONAL, last, "dZ{l}", (diagonal,))


def _share(step: Pass) -> float:
    """Return the mean or sum over rows alone, as p - y is usually written."""
    return 1.0 / step.rows if step.convention.reduction == "mean" else 1.0


@proposes
def _matched(exercise: Exercise) -> Iterator[Hypothesis]:
    last, record = (exercise.depth,), exercise.activations[-1]
    if not exercise.matched:
        return
    bare = at("dZ", last, lambda s, n: s.value("dP", n))
    if record.elementwise:
        if record.name == "identity":
            return
        extra = at("dZ", last, lambda s, n: (s.P - s.Y) * s.unit * s.slope(n))
        yield Hypothesis(SLOPE_MISSING, last, "dZ{l}", (bare,))
        yield Hypothesis(SLOPE_EXTRA, last, "dZ{l}", (extra,))
        double = at("dZ", last, lambda s, n: 2 * (s.P - s.Y) * s.unit * s.slope(n))
        detail = "2 (P - y) f'(Z) is the squared error's"
        yield Hypothesis(OTHER_LOSS, last, "dZ{l}", (double,), detail)
    else:
        extra = at("dZ", last, lambda s, n: record.backward((s.P - s.Y) * s.unit, s.Z[n], s.P))
        double = at("dZ", last, lambda s, n: record.backward(2 * (s.P - s.Y) * s.unit, s.Z[n], s.P))
        times = at("dZ", last, lambda s, _: (s.P - s.Y) * s.unit * s.P * (1 - s.P))
        diagonal = at("dZ", last, lambda s, n: s.value("dP", n) * s.P * (1 - s.P))
        yield Hypothesis(SLOPE_EXTRA, last, "dZ{l}", (extra,))
        yield Hypothesis(SLOPE_EXTRA, last, "dZ{l}", (times,))
        yield Hypothesis(OTHER_LOSS, last, "dZ{l}", (double,), "it is the squared error's")
        yield Hypothesis(SLOPE_MISSING, last, "dZ{l}", (bare,))
        yield Hypothesis(JACOBIAN_DIAGONAL, last, "dZ{l}", (diagonal,))
    for epsilon in EPSILONS:
        for change in _guards(exercise, epsilon):
            yield Hypothesis(EPSILON, last, "dZ{l}", (change,), f"it is {epsilon:g}")


def _guards(exercise: Exercise, epsilon: float) -> Iterator[Change]:
    last, record = (exercise.depth,), exercise.activations[-1]

    def added(step: Pass, layer: int) -> Array:
        P, Y = step.P, step.Y
        dP = -Y / (P + epsilon)
        if record.elementwise:
            dP = dP + (1 - Y) / (1 - P + epsilon)
        return record.backward(dP * step.unit, step.Z[layer], P)

    def ratio(step: Pass, _: int) -> Array:
        P = step.P
        return (P - step.Y) * step.unit * P * (1 - P) / (P * (1 - P) + epsilon)

    def clipped(step: Pass, _: int) -> Array:
        return (np.clip(step.P, epsilon, 1 - epsilon) - step.Y) * step.unit

    def clipped_long(step: Pass, layer: int) -> Array:
        P, Y = np.clip(step.P, epsilon, 1 - epsilon), step.Y
        dP = -Y / P + ((1 - Y) / (1 - P) if record.elementwise else 0.0)
        return record.backward(dP * step.unit, step.Z[layer], step.P)

    for rule in (added, clipped, clipped_long):
        yield at("dZ", last, rule)
    if record.elementwise:
        yield at("dZ", last, ratio)


@proposes
def _targets(exercise: Exercise) -> Iterator[Hypothesis]:
    last = (exercise.depth,)

    def without(attribute: str) -> Any:
        def rule(step: Pass, _: int, value: Any) -> Array:
            kept = getattr(step, attribute)
            setattr(step, attribute, np.zeros_like(kept))
            try:
                return value()
            finally:
                setattr(step, attribute, kept)

        return rule

    for attribute, detail in (("Y", "y is missing"), ("P", "the prediction is missing")):
        change = Change("dZ", last, without(attribute))
        if exercise.matched or exercise.loss.task == "regression":
            yield Hypothesis(TARGET_FORGOTTEN, last, "dZ{l}", (change,), detail)
    if exercise.loss.task == "regression":
        others = (
            ("it is the absolute error's", lambda s, _: np.sign(s.P - s.Y) * s.unit),
            ("it is the squared error's", lambda s, _: 2 * (s.P - s.Y) * s.unit),
        )
        for (detail, rule), name in zip(others, ("absolute_error", "squared_error"), strict=True):
            if exercise.loss.name != name:
                yield Hypothesis(OTHER_LOSS, last, "dP", (at("dP", last, rule),), detail)


@proposes
def _tables(exercise: Exercise) -> Iterator[Hypothesis]:
    if exercise.outputs != 1:
        return
    last = (exercise.depth,)
    tables: tuple[Any, ...] = (lambda s: s.P - s.Y.T, lambda s: s.P.T - s.Y)
    reduced: tuple[Any, ...] = (
        lambda table: table,
        lambda table: table.mean(axis=1, keepdims=True),
        lambda table: table.mean(axis=0, keepdims=True).T,
        lambda table: table.sum(axis=1, keepdims=True),
        lambda table: table.sum(axis=0, keepdims=True).T,
    )
    for table in tables:
        for reduce in reduced:
            yield Hypothesis(
                BROADCASTING, last, "dZ{l}", (at("dZ", last, _table(exercise, table, reduce)),)
            )


def _table(exercise: Exercise, table: Any, reduce: Any) -> Any:
    def rule(step: Pass, layer: int) -> Array:
        error = reduce(table(step)) * step.unit
        if exercise.matched:
            return error
        return 2 * error * step.slope(layer)

    return rule
