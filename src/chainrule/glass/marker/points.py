"""Where a learner's code is tried: random data on which different mistakes differ.

Decisions
---------
a) N, the widths and the number of outputs are all different, so a missing transpose cannot hide
   behind a square matrix. N differs from point to point, which tells N from a constant.
b) Further points have equal widths, and one of them as many rows. There a product without its
   transpose exists, so the numbers say which transpose it is; elsewhere it makes NumPy stop.
c) Biases are not zero, targets are varied, and no input of ReLU is near its corner: at a corner any
   slope between the two sides is right. At one point some probabilities are near 0 or 1.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from chainrule.glass.marker.exercise import Convention, Exercise
from chainrule.glass.marker.textbook import Point, run_pass
from chainrule.maths.activations_rows import Softmax

__all__ = ["given_point", "make_point", "make_points", "square_points"]

_ATTEMPTS = 60


def make_point(exercise: Exercise, rows: int, seed: int, confident: bool = False) -> Point:
    """Return random parameters and data, moved until every layer is alive and off its corners.

    With `confident`, some probabilities are near 0 or 1, so that a guard against log(0) shows.
    """
    confident = confident and exercise.loss.task == "classification"
    spare: Point | None = None
    for attempt in range(_ATTEMPTS):
        random = np.random.default_rng([seed, attempt])
        point = _draw(exercise, rows, random, 1.0 + 5.0 * confident * random.uniform())
        if _telling(point):
            if not confident or _confident(point):
                return point
            spare = spare or point
    return spare or _draw(exercise, rows, np.random.default_rng([seed, 0]), 1.0)


def _confident(point: Point) -> bool:
    """Say whether the boldest probability is bold, but not so bold that 1e-7 matters beside it."""
    step = run_pass(point, Convention())
    return step is not None and 0.01 <= float(np.min(np.minimum(step.P, 1 - step.P))) <= 0.06


def _draw(exercise: Exercise, rows: int, random: np.random.Generator, last: float) -> Point:
    """Draw a point; the last layer's parameters are multiplied by a number."""
    widths = exercise.network
    empty = np.zeros(0)
    W, b = [empty], [empty]
    for above, below in zip(widths[1:], widths[:-1], strict=True):
        W.append(random.normal(0.0, 1.3 / np.sqrt(below), (below, above)))
        b.append(random.normal(0.0, 0.5, above))
    W[-1], b[-1] = last * W[-1], last * b[-1]
    X = random.normal(0.0, 1.6, (rows, widths[0]))
    return Point(X, _targets(exercise, rows, random), tuple(W), tuple(b), exercise)


def _targets(exercise: Exercise, rows: int, random: np.random.Generator) -> np.ndarray:
    outputs = exercise.outputs
    if exercise.loss.task == "regression":
        if exercise.activations[-1].name == "softmax":
            return Softmax().value(random.normal(0.0, 1.0, (rows, outputs)))
        spread = 1.5 if exercise.activations[-1].name == "identity" else 0.5
        return exercise.loss.sample_targets(random.uniform(0.02, 0.98, (rows, outputs))) * spread
    if exercise.loss.link.name == "softmax":
        classes = np.concatenate([np.arange(rows) % outputs])
        return np.eye(outputs)[random.permutation(classes)]
    labels = np.arange(rows * outputs) % 2
    return random.permutation(labels).reshape(rows, outputs).astype(float)


def _telling(point: Point) -> bool:
    """Say whether slopes vary in every layer and nothing is near a corner."""
    step = run_pass(point, Convention())
    if step is None:
        return False
    for layer in range(1, step.depth + 1):
        record, Z = step.activation(layer), step.Z[layer]
        if any(np.min(np.abs(Z - kink.at)) < 1e-3 for kink in record.kinks()):
            return False
        if layer < step.depth and record.kinks():
            alive = step.value("slope", layer) > 0.5
            if not 0.25 <= alive.mean() <= 0.8:
                return False
    sizes = [float(np.max(np.abs(dW))) for dW in step.dW.values()]
    return min(sizes) > 1e-6 * max(sizes)


def make_points(exercise: Exercise, seed: int) -> tuple[Point, ...]:
    """Return two points with numbers of rows that are unlike every width."""
    taken = set(exercise.network) | {1, 2}
    free = [rows for rows in range(5, 10 + len(taken)) if rows not in taken]
    few, many = free[0], free[2]
    return (
        make_point(exercise, many, seed + many),
        make_point(exercise, few, seed + few, confident=True),
    )


def square_points(exercise: Exercise, seed: int) -> tuple[Point, ...]:
    """Return a point whose widths are equal, one where N is as well, and a last resort.

    The one output of a network with one stays one; the last resort makes it as many as the units.
    """
    even = (4,) * len(exercise.network)
    kept = even if exercise.outputs > 1 else (*even[:-1], 1)
    wanted = [(kept, 6), (kept, 4), *([(even, 6)] if kept != even else [])]
    return tuple(
        make_point(exercise.with_network(widths), rows, seed + position)
        for position, (widths, rows) in enumerate(wanted)
    )


def given_point(
    exercise: Exercise,
    X: np.ndarray,
    Y: np.ndarray,
    W: Sequence[np.ndarray],
    b: Sequence[np.ndarray],
) -> Point:
    """Return a point from data and parameters in rows layout."""
    empty = np.zeros(0)
    return Point(X, Y, (empty, *W), (empty, *b), exercise)
