"""Mistakes of the forward pass: bias, activations, softmax, inputs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from chainrule.glass.marker.exercise import Exercise
from chainrule.glass.marker.kind import Hypothesis, at, kind, layers, proposes, spread
from chainrule.glass.marker.slopes import slope_of_output, slope_of_z
from chainrule.glass.marker.textbook import Change, Pass
from chainrule.maths.activation import ACTIVATIONS
from chainrule.maths.activations_rows import Softmax
from chainrule.maths.arrays import Array

__all__: list[str] = []

BIAS_FORGOTTEN = kind(
    "bias_forgotten",
    "the bias is not added in the forward pass",
    "Z = H W + b: without b the layer's units can only turn about the origin, and db has nothing "
    "to be the derivative of.",
    "Z = H @ W",
    "Z = H @ W + b",
)
BIAS_AFTER = kind(
    "bias_after_activation",
    "the bias is added after the activation",
    "The bias belongs to the linear part: it shifts Z, so that f is read at another place; added "
    "behind f it shifts the output only.",
    "H = f(H @ W) + b",
    "H = f(H @ W + b)",
)
ACTIVATION_FORGOTTEN = kind(
    "activation_forgotten",
    "the activation is not applied in the forward pass",
    "Without f between them two linear maps are one linear map, whatever their widths.",
    "H = Z",
    "H = f(Z)",
)
OUTPUT_FORGOTTEN = kind(
    "output_activation_forgotten",
    "the output's activation is not applied",
    "The loss of this exercise reads f(Z) of the last layer; Z itself is not bounded to what the "
    "loss compares with y.",
    "yhat = Z",
    "yhat = f(Z)",
)
OUTPUT_ADDED = kind(
    "output_activation_added",
    "an activation is applied to the output, where none belongs",
    "A regression's target may be any real number, so the last layer is left linear: a squashed "
    "output cannot reach it.",
    "yhat = f(Z)",
    "yhat = Z",
)
OTHER_ACTIVATION = kind(
    "other_activation",
    "another activation than the exercise's is applied",
    "Forward and backward pass must use one function f and its own f'.",
    "H = g(Z)",
    "H = f(Z)",
    1.3,
)
SOFTMAX_AXIS = kind(
    "softmax_axis",
    "softmax is taken over the samples instead of the classes",
    "The probabilities of one sample must sum to 1, so the sum in the denominator runs over the "
    "classes of that sample.",
    "P = E / E.sum(axis=0)",
    "P = E / E.sum(axis=1, keepdims=True)",
)
SOFTMAX_TWICE = kind(
    "softmax_twice",
    "softmax is applied twice",
    "A softmax of a softmax squeezes all probabilities towards 1/K: a loss that takes logits "
    "applies softmax itself, so hand it Z.",
    "P = softmax(softmax(Z))",
    "P = softmax(Z)",
)
INPUTS_TRUNCATED = kind(
    "integer_truncation",
    "numbers are cut to whole numbers",
    "An array made with an integer type keeps whole numbers only, silently: make it with "
    "dtype=float, or np.zeros_like of a float array.",
    "np.zeros(W.shape, dtype=int)",
    "np.zeros(W.shape)",
)
HARD_PREDICTION = kind(
    "hard_prediction",
    "the predicted class is used where the probability belongs",
    "Rounding has slope 0 almost everywhere: the loss is a function of the probability, and only "
    "that can be differentiated.",
    "dZ = (P > 0.5) - y",
    "dZ = P - y",
)


def _ones(step: Pass, layer: int) -> Array:
    return np.ones_like(step.Z[layer])


@proposes
def _biases(exercise: Exercise) -> Iterator[Hypothesis]:
    where = list(layers(1, exercise.depth))
    if exercise.depth > 2:  # all hidden ones: the output layer is often written by itself
        where.append(tuple(range(1, exercise.depth)))
    yield from spread(BIAS_FORGOTTEN, "Z{l}", "Z", where, [("", lambda s, n: s.H[n - 1] @ s.W[n])])
    for layer in where:
        changes = (
            at("Z", layer, lambda s, n: s.H[n - 1] @ s.W[n]),
            at("H", layer, lambda s, n: s.activation(n).value(s.Z[n]) + s.b[n]),
        )
        for slope in _textbook(layer):
            yield Hypothesis(BIAS_AFTER, layer, "H{l}", (*changes, slope))


def _textbook(layer: tuple[int, ...]) -> Iterator[Change]:
    """Yield the slope of the exercise's activation, as a function of Z and of the output."""
    yield at("slope", layer, lambda s, n: slope_of_z(s.activation(n), s.Z[n]))
    yield at("slope", layer, lambda s, n: slope_of_output(s.activation(n), s.H[n]))


@proposes
def _hidden(exercise: Exercise) -> Iterator[Hypothesis]:
    for layer in layers(1, exercise.depth - 1):
        forgotten = at("H", layer, lambda s, n: s.Z[n])
        yield Hypothesis(
            ACTIVATION_FORGOTTEN, layer, "H{l}", (forgotten, at("slope", layer, _ones))
        )
        for slope in _textbook(layer):
            yield Hypothesis(ACTIVATION_FORGOTTEN, layer, "H{l}", (forgotten, slope))
        for name in ("sigmoid", "tanh", "relu", "leaky_relu", "softplus"):
            if any(record.name == name for record in exercise.activations[:-1]):
                continue
            yield from _other(name, layer)


def _other(name: str, layer: tuple[int, ...]) -> Iterator[Hypothesis]:
    record = ACTIVATIONS.make(name)
    value = at("H", layer, lambda s, n: record.value(s.Z[n]))
    slope = at("slope", layer, lambda s, n: record.slope(s.Z[n], s.H[n]))
    for changes in ((value, slope), *((value, textbook) for textbook in _textbook(layer))):
        yield Hypothesis(OTHER_ACTIVATION, layer, "H{l}", changes, f"{name} was used")


@proposes
def _output(exercise: Exercise) -> Iterator[Hypothesis]:
    last, record = (exercise.depth,), exercise.activations[-1]
    if record.name != "identity":
        forgotten = at("H", last, lambda s, n: s.Z[n])
        straight = at("dZ", last, lambda s, n: s.value("dP", n))
        yield Hypothesis(OUTPUT_FORGOTTEN, last, "yhat", (forgotten,))
        if not exercise.matched:
            yield Hypothesis(OUTPUT_FORGOTTEN, last, "yhat", (forgotten, straight))
        return
    names = {record.name for record in exercise.activations[:-1]} | {"sigmoid", "tanh", "relu"}
    for name in sorted(names - {"identity"}):
        other = ACTIVATIONS.make(name)
        value = at("H", last, _valued(other))
        slope = at("slope", last, _sloped(other))
        for changes in ((value, slope), (value,)):
            yield Hypothesis(OUTPUT_ADDED, last, "yhat", changes, f"{name} was applied")
    if exercise.outputs > 1:
        softmax = at("H", last, _valued(Softmax()))
        exact = at("dZ", last, lambda s, n: Softmax().backward(s.value("dP", n), s.Z[n], s.P))
        for changes in ((softmax, exact), (softmax,)):
            yield Hypothesis(OUTPUT_ADDED, last, "yhat", changes, "softmax was applied")


def _valued(record: Any) -> Any:
    return lambda step, layer: record.value(step.Z[layer])


def _sloped(record: Any) -> Any:
    return lambda step, layer: record.slope(step.Z[layer], step.H[layer])


@proposes
def _softmax(exercise: Exercise) -> Iterator[Hypothesis]:
    last = (exercise.depth,)
    if exercise.activations[-1].name != "softmax":
        return
    softmax = Softmax()
    yield Hypothesis(
        SOFTMAX_AXIS, last, "yhat", (at("H", last, lambda s, n: softmax.value(s.Z[n].T).T),)
    )
    twice = at("H", last, lambda s, n: softmax.value(softmax.value(s.Z[n])))

    def outer(step: Pass, layer: int) -> Array:
        once = softmax.value(step.Z[layer])
        again = softmax.value(once)
        error = (again - step.Y) * step.unit
        return softmax.backward(error, step.Z[layer], once)

    def whole(step: Pass, layer: int) -> Array:
        once = softmax.value(step.Z[layer])
        dP = step.value("dP", layer)
        return softmax.backward(softmax.backward(dP, once, step.P), step.Z[layer], once)

    yield Hypothesis(SOFTMAX_TWICE, last, "yhat", (twice,))
    yield Hypothesis(SOFTMAX_TWICE, last, "yhat", (twice, at("dZ", last, whole)))
    if exercise.matched:
        again = at("dZ", last, lambda s, _: (softmax.value(s.P) - s.Y) * s.unit)
        yield Hypothesis(SOFTMAX_TWICE, last, "dZ{l}", (at("dZ", last, outer),), "in the loss")
        yield Hypothesis(SOFTMAX_TWICE, last, "dZ{l}", (again,), "in the loss")


@proposes
def _cut(exercise: Exercise) -> Iterator[Hypothesis]:
    cut = Change("X", (1,), lambda _, __, value: np.trunc(value()))
    yield Hypothesis(INPUTS_TRUNCATED, (1,), "X", (cut,), "of X")
    for layer in layers(1, exercise.depth):
        for site, tensor in (("gW", "dW{l}"), ("gb", "db{l}")):
            change = Change(site, layer, lambda _, __, value: np.trunc(value()))
            yield Hypothesis(INPUTS_TRUNCATED, layer, tensor, (change,), extra=0.1)
    whole = tuple(range(1, exercise.depth + 1))
    both = tuple(
        Change(site, whole, lambda _, __, value: np.trunc(value())) for site in ("gW", "gb")
    )
    yield Hypothesis(INPUTS_TRUNCATED, whole, "dW{l} and db{l}", both)
    last = (exercise.depth,)
    if exercise.loss.task == "classification":
        yield Hypothesis(HARD_PREDICTION, last, "dZ{l}", (at("dZ", last, _hard),))


def _hard(step: Pass, layer: int) -> Array:
    if step.P.shape[1] == 1 or step.activation(layer).elementwise:
        chosen = step.P > 0.5
    else:
        chosen = step.P.max(axis=1, keepdims=True) <= step.P
    return (chosen - step.Y) * step.unit


@proposes
def _parents(exercise: Exercise) -> Iterator[Hypothesis]:
    from chainrule.glass.marker.kinds_backward import TRANSPOSE, WRONG_PARENT

    where = list(layers(1, exercise.depth))
    flipped = [("W is transposed", lambda s, n: s.H[n - 1] @ s.W[n].T + s.b[n])]
    yield from spread(TRANSPOSE, "Z{l}", "Z", where, flipped)
    inputs = [("X is multiplied", lambda s, n: s.X @ s.W[n] + s.b[n])]
    yield from spread(
        WRONG_PARENT, "Z{l}", "Z", [(n,) for n in range(2, exercise.depth + 1)], inputs
    )
