"""Mistakes that are a factor: N, outputs, 2, signs, logarithms, penalties.

The factor is found by least squares and then named: what it is must be the same expression at every
point, and the points differ in N.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from chainrule.glass.marker.exercise import Exercise
from chainrule.glass.marker.kind import Hypothesis, Kind, at, kind, layers, proposes
from chainrule.glass.marker.textbook import Change, Pass

__all__ = ["Meaning", "name_factor", "same"]

Found = Sequence[tuple[float, Pass]]
"""The number and the step at every point."""

SIGN = kind(
    "sign",
    "the sign is flipped",
    "The gradient points uphill and the update subtracts it: the error is prediction minus target "
    "(or the update adds, but not both).",
    "dZ = y - P",
    "dZ = P - y",
    0.9,
)
TWICE = kind(
    "divided_twice",
    "it is divided by N twice",
    "A mean over N rows has one factor 1/N: put it where the way back begins, and nowhere else.",
    "dZ = (P - y) / N; dW = H.T @ dZ / N",
    "dZ = (P - y) / N; dW = H.T @ dZ",
)
NEVER = kind(
    "not_divided",
    "it is not divided by N",
    "The loss is a mean over the rows, and so is its gradient; the sum is N times as long, and a "
    "learning rate means something else for each batch.",
    "dW = H.T @ (P - y)",
    "dW = H.T @ (P - y) / N",
)
SUMMED = kind(
    "divided_though_summed",
    "it is divided by N, though the loss is a sum",
    "The loss is a sum over the rows, so its gradient is the plain sum.",
    "dW = H.T @ dZ / N",
    "dW = H.T @ dZ",
)
BIAS_AVERAGED = kind(
    "bias_averaged",
    "the bias gradient is averaged over the rows instead of summed",
    "dZ holds the factor 1/N already; db is the sum of its rows, as dW is the sum over rows in "
    "H^T dZ.",
    "db = dZ.mean(axis=0)",
    "db = dZ.sum(axis=0)",
    0.9,
)
WRONG_NUMBER = kind(
    "divided_by_wrong_number",
    "it is divided by the wrong number",
    "The mean runs over the samples: N is the number of rows of X (of columns where samples are "
    "columns), not of features, units or outputs.",
    "N = X.shape[1]",
    "N = X.shape[0]",
)
LOSS_FACTOR = kind(
    "loss_factor",
    "a factor 2 or 1/2 does not follow the loss",
    "(P - y)^2 has the derivative 2 (P - y), and 1/2 (P - y)^2 has P - y: loss and gradient must "
    "tell the same story.",
    "loss = ((P - y)**2).mean(); dP = (P - y) / N",
    "loss = ((P - y)**2).mean(); dP = 2 * (P - y) / N",
)
LOG_BASE = kind(
    "log_base",
    "the logarithm has another base",
    "d log2(p)/dp is 1/(p ln 2): cross-entropy is taken in natural logarithms, or the factor "
    "1/ln(base) has to stand in loss and gradient.",
    "loss = -np.log2(p).mean()",
    "loss = -np.log(p).mean()",
)
ACCUMULATED = kind(
    "accumulated",
    "gradients of earlier calls are still in it",
    "Each step needs the gradient of its own batch: set the arrays to zero (or make new ones) at "
    "the start of each backward pass.",
    "grads['W1'] += dW1",
    "grads['W1'] = dW1",
    1.1,
)
FACTOR = kind(
    "factor",
    "it is off by a factor",
    "Every number in a gradient comes from the chain rule: look for a factor that has no place in "
    "it.",
    "dW = 0.3 * H.T @ dZ",
    "dW = H.T @ dZ",
    1.5,
)
PENALTY_FORGOTTEN = kind(
    "penalty_forgotten",
    "the penalty is missing from the gradient",
    "The penalty is a term of the objective, so its derivative (lambda W for lambda/2 |W|^2) is "
    "added to dW.",
    "dW = H.T @ dZ",
    "dW = H.T @ dZ + lam * W",
    0.9,
)
PENALTY_BIAS = kind(
    "penalty_on_bias",
    "the bias is penalised as well",
    "The penalty keeps the function from growing steep; a bias only shifts it and is left alone.",
    "db = dZ.sum(axis=0) + lam * b",
    "db = dZ.sum(axis=0)",
    0.9,
)
PENALTY_FACTOR = kind(
    "penalty_factor",
    "the penalty's gradient has the wrong factor",
    "lambda/2 |W|^2 has the derivative lambda W, lambda |W|^2 has 2 lambda W; divide by N only if "
    "the loss does.",
    "dW = H.T @ dZ + 2 * lam * W",
    "dW = H.T @ dZ + lam * W",
    0.9,
)
PENALTY_OTHER = kind(
    "penalty_of_other_kind",
    "the penalty's gradient is another penalty's",
    "|W| has the derivative sign(W), W^2 has one in proportion to W.",
    "dW += lam * np.sign(W)",
    "dW += lam * W",
)
TOLERANCE = 3e-4


def same(found: Found, expression: Callable[[Pass], float]) -> bool:
    """Say whether a number is an expression at every point."""
    for number, step in found:
        expected = expression(step)
        if not abs(number - expected) <= TOLERANCE * abs(expected):
            return False
    return True


class Meaning(NamedTuple):
    """What a number means."""

    kind: Kind
    detail: str = ""
    also: tuple[str, ...] = ()
    """Names of other kinds that it would mean as well on this data."""


def name_factor(found: Found, whole: bool, bias: bool) -> Meaning | None:
    """Return what a factor means, or None if it is 1.

    Parameters
    ----------
    whole : bool
        The factor is on every gradient.
    bias : bool
        The factor is on bias gradients alone.
    """
    if same(found, lambda _: 1.0):
        return None
    meanings = list(_meanings(found, whole, bias))
    if not meanings:
        numbers = ", ".join(f"{number:.6g}" for number, _ in found)
        return Meaning(FACTOR, f"the factor is {numbers}")
    first = meanings[0]
    names = dict.fromkeys(meaning.kind.name for meaning in meanings)
    return first._replace(also=tuple(name for name in names if name != first.kind.name))


def _meanings(found: Found, whole: bool, bias: bool) -> Iterator[Meaning]:
    """Yield everything that a factor may mean, the likeliest first."""
    mean = found[0][1].convention.reduction == "mean"
    if same(found, lambda _: -1.0):
        yield Meaning(SIGN)
    if same(found, lambda step: 1.0 / step.rows):
        yield Meaning(BIAS_AVERAGED if bias else TWICE if mean else SUMMED)
    if mean and same(found, lambda step: float(step.rows)):
        yield Meaning(NEVER)
    if mean and same(found, lambda step: step.rows**-2.0):
        yield Meaning(TWICE, "and once more")
    yield from _widths(found)
    for factor, base in ((math.log(2), "2"), (math.log(10), "10")):
        if whole and any(same(found, lambda _, f=f: f) for f in (factor, 1 / factor)):
            yield Meaning(LOG_BASE, f"it is {base}")
    for factor in (2.0, 0.5, 4.0, 0.25):
        if same(found, lambda _, f=factor: f):
            yield Meaning(LOSS_FACTOR if whole else FACTOR, f"the factor is {factor:g}")
    if whole and any(same(found, lambda _, f=f: f) for f in (2.0, 3.0, 4.0, 5.0)):
        yield Meaning(ACCUMULATED, f"{found[0][0]:.0f} times the same")
    if any(same([(-number, step) for number, step in found], e) for e in _usual()):
        yield Meaning(SIGN, f"and the factor is {-found[0][0]:.6g}")


def _usual() -> list[Callable[[Pass], float]]:
    return [lambda p: float(p.rows), lambda p: 1.0 / p.rows, lambda _: 2.0, lambda _: 0.5]


def _widths(found: Found) -> Iterator[Meaning]:
    """Name a factor that is made of a width of the network."""
    depth = found[0][1].depth
    for layer in (depth, *range(depth)):
        words = "inputs" if layer == 0 else f"units of layer {layer}"
        words = "outputs" if layer == depth else words
        width = partial(_width_of, layer=layer)
        if all(width(step) == 1 for _, step in found):
            continue
        if same(found, lambda step, w=width: step.rows / w(step)):
            yield Meaning(WRONG_NUMBER, f"by the number of {words} instead of N")
        if layer == depth and same(found, lambda step, w=width: 1.0 / w(step)):
            yield Meaning(WRONG_NUMBER, "also by the number of outputs")
        if layer == depth and same(found, lambda step, w=width: float(w(step))):
            yield Meaning(WRONG_NUMBER, "it is multiplied by the number of outputs")
    if same(found, lambda step: step.rows / (step.rows - 1.0)):
        yield Meaning(WRONG_NUMBER, "by N - 1")


def _width_of(step: Pass, layer: int) -> int:
    return step.exercise.network[layer]


def _scaled(site: str, layer: tuple[int, ...]) -> Any:
    def changes(number: float) -> tuple[Change, ...]:
        return (Change(site, layer, lambda _, __, value: number * value()),)

    return changes


def _both(sites: tuple[str, ...], layer: tuple[int, ...]) -> Any:
    return lambda number: tuple(change for s in sites for change in _scaled(s, layer)(number))


@proposes
def _factors(exercise: Exercise) -> Iterator[Hypothesis]:
    depth = exercise.depth
    everything = partial(name_factor, whole=True, bias=False)
    part = partial(name_factor, whole=False, bias=False)
    on_bias = partial(name_factor, whole=False, bias=True)
    whole = tuple(range(1, depth + 1))
    begin = _scaled("dZ", (depth,))
    yield Hypothesis(FACTOR, whole, "all gradients", fitted=begin, named=everything, extra=-0.8)
    if exercise.penalty is not None:
        both = _both(("gW", "gb"), whole)
        yield Hypothesis(FACTOR, whole, "all gradients", fitted=both, named=everything, extra=-0.7)
    for layer in layers(1, depth):
        yield Hypothesis(FACTOR, layer, "dW{l}", fitted=_scaled("dW", layer), named=part)
        yield Hypothesis(
            FACTOR, layer, "db{l}", fitted=_scaled("db", layer), named=on_bias, extra=-0.5
        )
        tensors = "dW{l}, db{l}"
        fitted = _both(("dW", "db"), layer)
        yield Hypothesis(FACTOR, layer, tensors, fitted=fitted, named=part, extra=0.1)
    for layer in layers(1, depth - 1):
        yield Hypothesis(FACTOR, layer, "dH{l}", fitted=_scaled("dH", layer), named=part)


@proposes
def _penalties(exercise: Exercise) -> Iterator[Hypothesis]:
    penalty = exercise.penalty
    if penalty is None:
        return

    def named(found: Found) -> Meaning | None:
        if all(abs(number) < TOLERANCE for number, _ in found):
            return Meaning(PENALTY_FORGOTTEN)
        if same(found, lambda _: 1.0):
            return None
        for words, expression in (
            ("-1", lambda _: -1.0),
            ("1/N", lambda p: 1.0 / p.rows),
            ("N", lambda p: float(p.rows)),
            ("2/N", lambda p: 2.0 / p.rows),
        ):
            if same(found, expression):
                return Meaning(PENALTY_FACTOR, f"the factor is {words}")
        return Meaning(PENALTY_FACTOR, f"the factor is {found[0][0]:.6g}")

    def on_bias(layer: tuple[int, ...]) -> Any:
        def rule(number: float, step: Any, n: int, value: Any) -> Any:
            return value() + number * penalty.gradient(step.b[n][:, None])[:, 0]

        return lambda number: (Change("gb", layer, partial(rule, number)),)

    for layer in layers(1, exercise.depth):
        fitted = _scaled("penalty", layer)
        yield Hypothesis(PENALTY_FACTOR, layer, "dW{l}", fitted=fitted, named=named)
        biased = Hypothesis(PENALTY_BIAS, layer, "db{l}", fitted=on_bias(layer))
        yield biased
        other = at("penalty", layer, lambda s, n: penalty.strength * np.sign(s.W[n]))
        if penalty.name == "l1":
            other = at("penalty", layer, lambda s, n: penalty.strength * s.W[n])
        yield Hypothesis(PENALTY_OTHER, layer, "dW{l}", (other,))
