"""A learner's update rule: several steps of it against the library's optimizer.

The rule is called `update(params, grads, state)` with gradients that are the same at each call of a
trial and differ from step to step. A mistake is a rule of its own here, so it too predicts numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from chainrule.frozen import frozen
from chainrule.glass.marker.calling import Returned
from chainrule.glass.marker.forms import Form
from chainrule.glass.marker.kind import Kind, kind
from chainrule.glass.marker.textbook import Point
from chainrule.glass.marker.trial import STEPS, gradients_of_step
from chainrule.glass.marker.verdict import Finding
from chainrule.maths.arrays import Array

__all__ = ["Rule", "judge_updates", "path_of", "wrong_rules"]

Rule = Callable[[Array, Array, dict[str, Array], int], Array]
"""Weights, gradient, memory (changed in place) and number of the step to new weights."""

UPHILL = kind(
    "step_uphill",
    "the update goes up the gradient",
    "The gradient points to where the loss grows, so the update subtracts it.",
    "W += lr * dW",
    "W -= lr * dW",
)
RATE = kind(
    "rate_missing",
    "the learning rate is missing from the update",
    "The learning rate sets the length of the step; without it that is the gradient's own length.",
    "W -= dW",
    "W -= lr * dW",
)
STATE = kind(
    "state_not_kept",
    "what is remembered from step to step is lost",
    "Running means live as long as the training: make them once, hand them from step to step.",
    "v = 0; v = mu * v - lr * dW",
    "v = mu * v - lr * dW",
)
CORRECTION = kind(
    "bias_correction_missing",
    "the correction for means that start at zero is missing",
    "m and v start at 0 and are too small at first: divide them by 1 - beta^t, t = 1, 2, ...",
    "W -= lr * m / (np.sqrt(v) + eps)",
    "W -= lr * (m / (1 - b1**t)) / (np.sqrt(v / (1 - b2**t)) + eps)",
)
COUNT = kind(
    "step_not_counted",
    "the number of the step does not grow",
    "The correction 1 - beta^t fades as t grows: add 1 to t at each step, once, from 1 on.",
    "t = 1",
    "t += 1",
)
ROOT = kind(
    "root_missing",
    "the square root of the mean square is missing",
    "The step is divided by a length, and a mean of squares is a length only after its root.",
    "W -= lr * m / (v + eps)",
    "W -= lr * m / (np.sqrt(v) + eps)",
)
SWAPPED = kind(
    "betas_swapped",
    "the two decay rates are swapped",
    "beta1 = 0.9 is the memory of the mean, beta2 = 0.999 the longer one of the mean square.",
    "m = b2 * m + (1 - b2) * g",
    "m = b1 * m + (1 - b1) * g",
)
INSIDE = kind(
    "epsilon_in_root",
    "epsilon is added under the root",
    "Under the root 1e-8 acts as 1e-4: add it to the root.",
    "np.sqrt(v + eps)",
    "np.sqrt(v) + eps",
)
DAMPED = kind(
    "momentum_damped",
    "the new gradient is multiplied by 1 - momentum",
    "v = mu v - lr g adds the whole gradient; with (1 - mu) g every step is shorter.",
    "v = mu * v + (1 - mu) * dW; W -= lr * v",
    "v = mu * v - lr * dW; W += v",
)
OTHER = kind(
    "other_update",
    "the update is none that this marker knows",
    "Write the rule's lines beside the textbook's and compare the first two steps by hand.",
    "another rule",
    "the rule of the exercise",
)


@frozen
class _Adam:
    """Adam with switches for what is done wrong."""

    rate: float
    beta1: float
    beta2: float
    epsilon: float
    correct: tuple[bool, bool] = (True, True)
    counted: bool = True
    root: bool = True
    inside: bool = False
    kept: bool = True

    def __call__(self, w: Array, g: Array, memory: dict[str, Array], step: int) -> Array:
        t = step if self.counted else 1
        zero = np.zeros_like(w)
        m = self.beta1 * memory.get("m", zero) + (1 - self.beta1) * g
        v = self.beta2 * memory.get("v", zero) + (1 - self.beta2) * g * g
        if self.kept:
            memory.update(m=m, v=v)
        m = m / (1 - self.beta1**t) if self.correct[0] else m
        v = v / (1 - self.beta2**t) if self.correct[1] else v
        if self.inside:
            return w - self.rate * m / np.sqrt(v + self.epsilon)
        return w - self.rate * m / ((np.sqrt(v) if self.root else v) + self.epsilon)


def wrong_rules(optimizer: Any) -> Iterator[tuple[Kind, str, Rule]]:
    """Yield the mistakes in an optimizer: kind, detail and the rule that was followed."""
    rate, name = float(optimizer.learning_rate), optimizer.name
    right = _right(optimizer)
    yield UPHILL, "", lambda w, g, memory, step: right(w, -g, memory, step)
    if name in ("sgd", "momentum", "nesterov"):
        yield RATE, "", lambda w, g, memory, step: w + (right(w, g, memory, step) - w) / rate
    if name != "sgd":
        yield STATE, "", lambda w, g, _, step: right(w, g, {}, step)
        yield STATE, "", lambda w, g, _, __: right(w, g, {}, 1)
    if name in ("momentum", "nesterov"):
        yield DAMPED, "", _damped(rate, float(optimizer.momentum))
    if name == "adam":
        yield from _wrong_adams(optimizer)
    if name in ("rmsprop", "adagrad"):
        yield ROOT, "", _rootless(optimizer)


def _wrong_adams(optimizer: Any) -> Iterator[tuple[Kind, str, Rule]]:
    rate, b1, b2 = optimizer.learning_rate, optimizer.beta1, optimizer.beta2
    given = (rate, b1, b2, optimizer.epsilon)
    yield CORRECTION, "", _Adam(*given, correct=(False, False))
    yield CORRECTION, "of m", _Adam(*given, correct=(False, True))
    yield CORRECTION, "of v", _Adam(*given, correct=(True, False))
    yield COUNT, "", _Adam(*given, counted=False)
    yield ROOT, "", _Adam(*given, root=False)
    yield SWAPPED, "", _Adam(rate, b2, b1, optimizer.epsilon)
    yield INSIDE, "", _Adam(*given, inside=True)


def _damped(rate: float, momentum: float) -> Rule:
    def rule(w: Array, g: Array, memory: dict[str, Array], _: int) -> Array:
        memory["v"] = momentum * memory.get("v", np.zeros_like(w)) + (1 - momentum) * g
        return w - rate * memory["v"]

    return rule


def _rootless(optimizer: Any) -> Rule:
    def rule(w: Array, g: Array, memory: dict[str, Array], _: int) -> Array:
        before = memory.get("s", np.zeros_like(w))
        smoothing = getattr(optimizer, "smoothing", None)
        square = g * g
        memory["s"] = (
            before + square if smoothing is None else smoothing * before + (1 - smoothing) * square
        )
        return w - optimizer.learning_rate * g / (memory["s"] + optimizer.epsilon)

    return rule


def _right(optimizer: Any) -> Rule:
    """Return the library's own optimizer as a rule."""

    def rule(w: Array, g: Array, memory: dict[str, Array], step: int) -> Array:
        start = {name: np.full_like(w, optimizer.initial_slot(name)) for name in optimizer.slots}
        new, slots = optimizer.update(w, g, {**start, **memory}, step, optimizer.learning_rate)
        memory.update(slots)
        return new

    return rule


def path_of(rule: Rule, point: Point) -> dict[str, Array]:
    """Return the parameters after each step, by `1.W1`, `1.b1`, ..., `4.b2`."""
    held = {
        f"{r}{n}": getattr(point, r)[n] for n in range(1, point.exercise.depth + 1) for r in "Wb"
    }
    memories: dict[str, dict[str, Array]] = {name: {} for name in held}
    path: dict[str, Array] = {}
    with np.errstate(all="ignore"):
        for step in range(1, STEPS + 1):
            for name, gradient in gradients_of_step(point, step).items():
                held[name] = rule(held[name], gradient, memories[name], step)
                path[f"{step}.{name}"] = held[name]
    return path


def judge_updates(
    point: Point, answers: Sequence[tuple[Form, Returned]], tolerance: float
) -> list[Finding]:
    """Return what is wrong with an update rule; nothing if one of the ways to call it is right."""
    optimizer = point.exercise.optimizer
    truths = [path_of(_right(one), point) for one in _with_epsilons(optimizer)]
    best: Finding | None = None
    for _, returned in answers:
        if not returned.tensors:
            trouble = returned.trouble
            said = "it returns no parameters" if trouble is None else (
                f"line {trouble.line}: {trouble.error}: {trouble.message}"
            )  # fmt: skip
            best = best or _finding(OTHER, f"update gives no parameters: {said}", None, None)
            continue
        off = min(_distance(returned.tensors, truth, point) for truth in truths)
        if off <= tolerance:
            return []
        found = _explained(returned.tensors, point, off, tolerance)
        best = found if best is None or found.kind != OTHER.name else best
    return [] if best is None else [best]


def _with_epsilons(optimizer: Any) -> list[Any]:
    """Return the optimizer with the epsilons in use: which one is no mistake."""
    if not hasattr(optimizer, "epsilon"):
        return [optimizer]
    return [optimizer, *(replace(optimizer, epsilon=value) for value in (1e-7, 1e-8, 1e-10, 1e-12))]


def _explained(given: Mapping[str, Array], point: Point, off: float, tolerance: float) -> Finding:
    for found, detail, rule in wrong_rules(point.exercise.optimizer):
        after = _distance(given, path_of(rule, point), point)
        if after <= tolerance:
            return _finding(found, found.says + (f": {detail}" if detail else ""), off, after)
    return _finding(OTHER, OTHER.says, off, None)


def _finding(kind: Kind, says: str, before: float | None, after: float | None) -> Finding:
    before = before if before is not None and np.isfinite(before) else None
    words = (says, kind.teaches, kind.wrong, kind.right)
    return Finding(kind.name, "update", *words, before=before, after=after)


def _distance(given: Mapping[str, Array], expected: Mapping[str, Array], point: Point) -> float:
    """Return the worst difference relative to how far the step moved."""
    if set(given) != set(expected):
        return float("inf")
    worst = 0.0
    for name, value in expected.items():
        start = getattr(point, name[2])[int(name[3:])]
        if given[name].shape != value.shape:
            return float("inf")
        moved = float(np.max(np.abs(value - start)))
        worst = max(worst, float(np.max(np.abs(given[name] - value))) / max(moved, 1e-300))
    return worst if worst == worst else float("inf")
