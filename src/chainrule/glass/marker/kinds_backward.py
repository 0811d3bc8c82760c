"""Mistakes of the way back: slopes, products, transposes, parents, weights."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from chainrule.glass.marker.exercise import Exercise
from chainrule.glass.marker.kind import Hypothesis, at, kind, layers, proposes, spread
from chainrule.glass.marker.slopes import slope_of_output, slope_of_z
from chainrule.glass.marker.textbook import Pass
from chainrule.maths.activation import ACTIVATIONS
from chainrule.maths.arrays import Array

__all__ = ["slope_layers"]

TRANSPOSE = kind(
    "transpose",
    "a transpose is missing or in the wrong place",
    "Each product must sum over what its two factors share: dW = H^T dZ sums over the samples, "
    "dH = dZ W^T over the units of the layer above; write the shapes beside it.",
    "dH = dZ @ W; dW = H @ dZ",
    "dH = dZ @ W.T; dW = H.T @ dZ",
)
HADAMARD = kind(
    "hadamard",
    "an element-wise product stands where a matrix product belongs, or the reverse",
    "A unit feels every unit that it feeds, so dH needs the sum of a matrix product; an activation "
    "acts on each element alone, so its slope is multiplied element by element.",
    "dH = dZ * W.T",
    "dH = dZ @ W.T",
    1.1,
)
SLOPE_MISSING = kind(
    "slope_missing",
    "the slope f'(Z) is not multiplied in",
    "The signal went forward through f, so the error comes back through f': dZ = dH * f'(Z).",
    "dZ = dH",
    "dZ = dH * f'(Z)",
)
SLOPE_EXTRA = kind(
    "slope_extra",
    "the slope is multiplied in once too often",
    "Each activation is passed once on the way back, so its slope is one factor; with "
    "cross-entropy the last one has cancelled already: dZ = P - y.",
    "dZ = (P - y) * P * (1 - P)",
    "dZ = P - y",
)
SLOPE_PLACE = kind(
    "slope_at_wrong_place",
    "the slope is evaluated at the wrong tensor",
    "f' belongs to the Z that went into f; a formula such as H (1 - H) wants the output H, and "
    "s(Z) (1 - s(Z)) wants Z: give each what it is written for.",
    "dZ = dH * f_prime(H)",
    "dZ = dH * f_prime(Z)",
)
SLOPE_VALUE = kind(
    "activation_for_slope",
    "the activation itself is used in place of its derivative",
    "The chain rule asks how fast H changes with Z, which is f'(Z) and not f(Z).",
    "dZ = dH * f(Z)",
    "dZ = dH * f'(Z)",
)
SLOPE_OTHER = kind(
    "slope_of_other_function",
    "the slope is another function's",
    "The derivative must be that of the activation that went forward: sigmoid has H (1 - H), tanh "
    "1 - H^2, ReLU 1 where Z > 0.",
    "dZ = dH * g_prime(Z)",
    "dZ = dH * f_prime(Z)",
    1.1,
)
RELU_MASK = kind(
    "relu_mask",
    "the mask of ReLU is taken from the wrong tensor",
    "What ReLU let through is decided by its own input: the mask is Z > 0 of the same layer, "
    "whatever the sign of the error that comes back.",
    "dZ = dH * (dH > 0)",
    "dZ = dH * (Z > 0)",
    0.9,
)
WRONG_PARENT = kind(
    "wrong_parent",
    "the product takes another tensor than the layer's own input",
    "dW = H^T dZ with the H that this layer multiplied in the forward pass: the output of the "
    "layer before it, after its activation.",
    "dW2 = X.T @ dZ2",
    "dW2 = H1.T @ dZ2",
)
WRONG_WEIGHTS = kind(
    "wrong_weights",
    "the error is sent back through another layer's weights",
    "The error of layer l + 1 returns by the path it came, through W of layer l + 1.",
    "dH1 = dZ2 @ W1.T",
    "dH1 = dZ2 @ W2.T",
)
WEIGHTS_MISSING = kind(
    "weights_missing",
    "the error is sent back without the weights",
    "A unit's share of the error above is weighted by its connections: dH = dZ W^T.",
    "dH1 = dZ2",
    "dH1 = dZ2 @ W2.T",
)
UPDATED_WEIGHTS = kind(
    "updated_weights",
    "weights that were updated already are used on the way back",
    "All gradients belong to the weights of the forward pass: finish the backward pass first, then "
    "update.",
    "W2 -= lr * dW2; dH1 = dZ2 @ W2.T",
    "dH1 = dZ2 @ W2.T; ...; W2 -= lr * dW2",
)


@proposes
def _products(exercise: Exercise) -> Iterator[Hypothesis]:
    depth = exercise.depth
    results = [
        ("the result is transposed", lambda s, n: (s.H[n - 1].T @ s.dZ[n]).T),
        ("H is not transposed", lambda s, n: s.H[n - 1] @ s.dZ[n]),
        ("H is not transposed", lambda s, n: (s.H[n - 1] @ s.dZ[n]).T),
        ("both are transposed", lambda s, n: s.H[n - 1].T @ s.dZ[n].T),
        ("the factors are swapped", lambda s, n: s.dZ[n] @ s.H[n - 1]),
        ("dZ is transposed in place of H", lambda s, n: s.H[n - 1] @ s.dZ[n].T),
        ("the factors are swapped", lambda s, n: s.dZ[n] @ s.H[n - 1].T),
    ]
    yield from spread(TRANSPOSE, "dW{l}", "dW", layers(1, depth), results)
    returns = [
        ("W{up} is not transposed", lambda s, n: s.dZ[n + 1] @ s.W[n + 1]),
        ("dZ{up} is transposed", lambda s, n: s.dZ[n + 1].T @ s.W[n + 1]),
        ("dZ{up} is transposed", lambda s, n: s.dZ[n + 1].T @ s.W[n + 1].T),
        ("the result is transposed", lambda s, n: s.W[n + 1] @ s.dZ[n + 1].T),
        ("the factors are swapped", lambda s, n: s.W[n + 1] @ s.dZ[n + 1]),
        ("the factors are swapped", lambda s, n: s.W[n + 1].T @ s.dZ[n + 1]),
        ("the factors are swapped", lambda s, n: s.W[n + 1].T @ s.dZ[n + 1].T),
    ]
    yield from spread(TRANSPOSE, "dH{l}", "dH", layers(1, depth - 1), returns)


@proposes
def _elementwise(exercise: Exercise) -> Iterator[Hypothesis]:
    depth = exercise.depth
    returns = [
        ("", lambda s, n: s.dZ[n + 1] * s.W[n + 1].T),
        ("", lambda s, n: s.dZ[n + 1] * s.W[n + 1]),
    ]
    yield from spread(HADAMARD, "dH{l}", "dH", layers(1, depth - 1), returns)
    results = [
        ("", lambda s, n: s.H[n - 1] * s.dZ[n]),
        ("", lambda s, n: s.H[n - 1].T * s.dZ[n]),
        ("", lambda s, n: s.H[n - 1] * s.dZ[n].T),
        ("", lambda s, n: (s.H[n - 1] * s.dZ[n]).T),
    ]
    yield from spread(HADAMARD, "dW{l}", "dW", layers(1, depth), results)
    slopes = [
        ("matrix product with the slope", lambda s, n: s.dH[n] @ s.slope(n)),
        ("matrix product with the slope", lambda s, n: s.dH[n] @ s.slope(n).T),
        ("matrix product with the slope", lambda s, n: s.dH[n].T @ s.slope(n)),
        ("matrix product with the slope", lambda s, n: s.slope(n) @ s.dH[n]),
        ("matrix product with the slope", lambda s, n: (s.dH[n].T @ s.slope(n)).T),
        ("matrix product with the slope", lambda s, n: s.slope(n).T @ s.dH[n]),
        ("matrix product with the slope", lambda s, n: s.slope(n) @ s.dH[n].T),
    ]
    yield from spread(HADAMARD, "dZ{l}", "dZ", layers(1, depth - 1), slopes)


def slope_layers(exercise: Exercise) -> list[tuple[int, ...]]:
    """Return each layer whose slope is a factor of dZ, then all of them."""
    last = exercise.activations[-1]
    slanted = not exercise.matched and last.elementwise and last.name != "identity"
    return list(layers(1, exercise.depth if slanted else exercise.depth - 1))


@proposes
def _slopes(exercise: Exercise) -> Iterator[Hypothesis]:
    where = slope_layers(exercise)
    one = [("", lambda s, n: np.ones_like(s.Z[n]))]
    square = [("", lambda s, n: s.activation(n).slope(s.Z[n], s.H[n]) ** 2)]
    value = [("", lambda s, n: s.activation(n).value(s.Z[n]))]
    yield from spread(SLOPE_MISSING, "dZ{l}", "slope", where, one)
    yield from spread(SLOPE_EXTRA, "dZ{l}", "slope", where, square)
    yield from spread(SLOPE_VALUE, "dZ{l}", "slope", where, value)
    for number in range(1, exercise.depth):
        layer = (number,)
        below = at("dH", layer, lambda s, n: _unsloped(s, n + 1) @ s.W[n + 1].T)
        if (number + 1,) in where:
            detail = f"it is in dW{number + 1}, not in what goes down"
            place = f"dH{number}"
            yield Hypothesis(SLOPE_MISSING, (number + 1,), place, (below,), detail, extra=0.2)
        weights = (
            at("dW", layer, lambda s, n: s.H[n - 1].T @ s.dH[n]),
            at("db", layer, lambda s, n: s.dH[n].sum(axis=0)),
        )
        if number > 1:
            detail = "it is in what goes down, not in dW{l}"
            yield Hypothesis(SLOPE_MISSING, layer, "dW{l}", weights, detail, extra=0.2)
        for change, name in zip(weights, ("dW{l}", "db{l}"), strict=True):
            yield Hypothesis(SLOPE_MISSING, layer, name, (change,), extra=0.3)


def _unsloped(step: Pass, layer: int) -> Array:
    return step.dH[layer] if layer < step.depth else step.value("dP", layer)


@proposes
def _places(exercise: Exercise) -> Iterator[Hypothesis]:
    depth, where = exercise.depth, slope_layers(exercise)
    places = [("it is evaluated at H{l}", _at_output), ("the formula for H is given Z{l}", _from_z)]
    yield from spread(SLOPE_PLACE, "dZ{l}", "slope", where, places)
    for layer in where:
        if len(layer) > 1:
            continue
        for other in range(1, depth + 1):
            if other not in layer and exercise.activations[other - 1].elementwise:
                rule = at(
                    "slope", layer, lambda s, n, o=other: s.activation(n).slope(s.Z[o], s.H[o])
                )
                detail = f"it is evaluated in layer {other}"
                yield Hypothesis(SLOPE_PLACE, layer, "dZ{l}", (rule,), detail, extra=0.1)
        for name, rule in _inputs():
            yield Hypothesis(
                SLOPE_PLACE, layer, "dZ{l}", (at("slope", layer, rule),), name, extra=0.2
            )


def _inputs() -> list[tuple[str, Any]]:
    def read(at_input: Any) -> Any:
        return lambda s, n: s.activation(n).slope(
            at_input(s, n), s.activation(n).value(at_input(s, n))
        )

    return [
        ("it is evaluated at the layer's input", read(lambda s, n: s.H[n - 1])),
        ("it is evaluated at dH{l}", read(lambda s, n: s.dH[n])),
    ]


def _at_output(step: Pass, layer: int) -> Array:
    return slope_of_z(step.activation(layer), step.H[layer])


def _from_z(step: Pass, layer: int) -> Array:
    """Return the formula that reads the output, given Z: Z (1 - Z) for sigmoid."""
    return slope_of_output(step.activation(layer), step.Z[layer])


@proposes
def _other_slopes(exercise: Exercise) -> Iterator[Hypothesis]:
    formulas: dict[str, list[Any]] = {
        "sigmoid": [lambda s, n: s.H[n] * (1 - s.H[n])],
        "tanh": [
            lambda s, n: 1 - s.H[n] ** 2,
            lambda s, n: 1 - s.H[n],
            lambda s, n: 1 - s.Z[n] ** 2,
        ],
        "relu": [lambda s, n: (s.Z[n] > 0) * 1.0],
    }
    wheres = slope_layers(exercise)
    for layer in wheres:
        own = {exercise.activations[number - 1].name for number in layer}
        for name, rules in formulas.items():
            for position, rule in enumerate(rules):
                if name in own and position == 0:
                    continue
                detail = "the square is missing" if name in own and position == 1 else f"{name}'s"
                change = at("slope", layer, rule)
                yield Hypothesis(SLOPE_OTHER, layer, "dZ{l}", (change,), detail)
        for name in ("leaky_relu", "softplus", "sigmoid", "tanh"):
            if name not in own:
                record = ACTIVATIONS.make(name)
                change = at("slope", layer, _slope_of(record))
                yield Hypothesis(SLOPE_OTHER, layer, "dZ{l}", (change,), f"{name}'s", extra=0.1)


def _slope_of(record: Any) -> Any:
    return lambda s, n: slope_of_z(record, s.Z[n])


@proposes
def _masks(exercise: Exercise) -> Iterator[Hypothesis]:
    for layer in slope_layers(exercise):
        if any(exercise.activations[number - 1].name != "relu" for number in layer):
            continue
        rules: list[tuple[str, Any]] = [
            ("it is taken from dH{l}", lambda s, n: (s.dH[n] > 0) * 1.0),
            ("it is inverted", lambda s, n: (s.Z[n] <= 0) * 1.0),
            ("it is taken from the layer's input", lambda s, n: (s.H[n - 1] > 0) * 1.0),
            ("it is taken from the layer above", lambda s, n: (s.Z[n + 1] > 0) * 1.0),
        ]
        if layer != (1,):
            rules.append(("it is taken from the layer below", lambda s, n: (s.Z[n - 1] > 0) * 1.0))
        yield from spread(RELU_MASK, "dZ{l}", "slope", (layer,), rules)


@proposes
def _wrong_parents(exercise: Exercise) -> Iterator[Hypothesis]:
    depth = exercise.depth
    for layer in layers(1, depth):
        rules: list[tuple[str, Any]] = [("H{l} is taken", lambda s, n: s.H[n].T @ s.dZ[n])]
        if layer != (1,):
            before = lambda s, n: s.Z.get(n - 1, s.X).T @ s.dZ[n]  # noqa: E731
            rules.append(("Z is taken, before its activation", before))
            rules.append(("X is taken", lambda s, n: s.X.T @ s.dZ[n]))
        if layer[0] > 2:
            rules.append(("the H before it is taken", lambda s, n: s.H[n - 2].T @ s.dZ[n]))
        rules.append(("the Z of this layer is taken", lambda s, n: s.Z[n].T @ s.dZ[n]))
        yield from spread(WRONG_PARENT, "dW{l}", "dW", (layer,), rules)


@proposes
def _wrong_weights(exercise: Exercise) -> Iterator[Hypothesis]:
    depth = exercise.depth
    for number in range(1, depth):
        layer = (number,)
        for other in range(1, depth + 1):
            if other == number + 1:
                continue
            for form, rule in (
                (".T", lambda s, n, o=other: s.dZ[n + 1] @ s.W[o].T),
                ("", lambda s, n, o=other: s.dZ[n + 1] @ s.W[o]),
            ):
                detail = f"W{other}{form} is taken"
                yield Hypothesis(WRONG_WEIGHTS, layer, "dH{l}", (at("dH", layer, rule),), detail)
    missing: list[tuple[str, Any]] = [
        ("", lambda s, n: s.dZ[n + 1]),
        ("", lambda s, n: s.dZ[n + 1].sum(axis=1, keepdims=True) * np.ones(s.H[n].shape)),
        ("", lambda s, n: s.dZ[n + 1] * np.ones(s.H[n].shape)),
    ]
    yield from spread(WEIGHTS_MISSING, "dH{l}", "dH", layers(1, depth - 1), missing)


@proposes
def _updated(exercise: Exercise) -> Iterator[Hypothesis]:
    def changes(layer: tuple[int, ...]) -> Any:
        def rule(rate: float, step: Pass, number: int) -> Array:
            above = step.W[number + 1] - rate * step.dW[number + 1]
            return step.dZ[number + 1] @ above.T

        return lambda rate: (at("dH", layer, lambda s, n: rule(rate, s, n)),)

    def named(found: Any) -> Any:
        rates = [rate for rate, _ in found]
        same = np.ptp(rates) <= 1e-4 * max(map(abs, rates)) and abs(rates[0]) < 100
        return (UPDATED_WEIGHTS, f"with a learning rate of {rates[0]:.4g}") if same else None

    for layer in layers(1, exercise.depth - 1):
        yield Hypothesis(
            UPDATED_WEIGHTS, layer, "dH{l}", fitted=changes(layer), named=named,
            extra=0.0 if exercise.depth - 1 in layer else 0.1,
        )  # fmt: skip
