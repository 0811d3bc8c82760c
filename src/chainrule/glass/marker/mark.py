"""`cr.mark`: a learner's functions or gradients against the truth.

Decisions
---------
a) Every form that runs is judged, and the best judgement counts: a learner who is right in his own
   layout is right.
b) The loss that is reported decides the convention; prediction and gradients are judged together
   against it, since a slip of the forward pass shows in both.
c) The code is called by `call_student`; for files the same calls are made in another process. This
   module sees what came back and nothing else.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np

from chainrule.checks import Integer, check_parameters, shown
from chainrule.errors import DataError, InvalidParameterError, UsageError
from chainrule.glass.marker.calling import Returned, Student, call_student, find_student
from chainrule.glass.marker.exercise import Exercise, as_exercise, require_known
from chainrule.glass.marker.forms import Form, forms
from chainrule.glass.marker.judgement import NOTHING, TOLERANCE, Judgement, judge, reach
from chainrule.glass.marker.names import flat_items, match_names
from chainrule.glass.marker.points import given_point, make_points, square_points
from chainrule.glass.marker.textbook import Point
from chainrule.glass.marker.updates import judge_updates
from chainrule.glass.marker.verdict import Verdict
from chainrule.training.arguments import clear_arguments
from chainrule.training.targets import target_array

__all__ = [
    "CONSTANTS",
    "Caller",
    "best_judgement",
    "exercise_from",
    "mark",
    "mark_calls",
    "plan_calls",
]

Caller = Callable[[Sequence[tuple[Point, Form]]], Sequence[Returned]]
"""Makes the calls: in this process or in another one."""

PAIR_SECONDS = 8.0
"""How long two mistakes at once are sought."""
_PAIR_FORMS = 3

CONSTANTS = {
    "NETWORK": "network",
    "ACTIVATION": "activation",
    "ACTIVATIONS": "activation",
    "OUTPUT": "output",
    "LOSS": "loss",
    "REDUCTION": "reduction",
    "PENALTY": "penalty",
    "LAYOUT": "layout",
    "TARGETS": "targets",
    "OPTIMIZER": "optimizer",
}


def exercise_from(
    constants: Mapping[str, Any], reference: object, stated: dict[str, Any]
) -> Exercise:
    """Return the exercise from a reference, what is stated, and a file's constants."""
    require_known(stated)
    if isinstance(reference, Exercise):
        return as_exercise(reference, **stated)
    told = {CONSTANTS[name]: value for name, value in constants.items() if name in CONSTANTS}
    rate = constants.get("LEARNING_RATE")
    if isinstance(told.get("optimizer"), str) and rate is not None:
        told["optimizer"] = {"record": f"optimizer/{told['optimizer']}", "learning_rate": rate}
    if isinstance(told.get("penalty"), (tuple, list)):
        told["penalty"] = _penalty(told["penalty"])
    told.update({name: value for name, value in stated.items() if value is not None})
    if isinstance(reference, Mapping):
        told = {**told, **cast("Mapping[str, Any]", reference)}
    elif reference is not None:
        told["network"] = reference
    if "network" not in told:
        raise UsageError(
            "the network is not stated",
            expected="widths, inputs first",
            do="write NETWORK = (2, 3, 1) at the top of the file, or pass the widths",
        )
    return as_exercise(told)


def _penalty(stated: Sequence[Any]) -> dict[str, Any]:
    """Return the document of a penalty that a file states as a pair."""
    if len(stated) != 2 or not isinstance(stated[1], (int, float)):
        raise InvalidParameterError(
            "the penalty is not understood",
            where="PENALTY",
            expected="a name and a strength: ('l2', 0.1)",
            got=shown(stated),
        )
    return {"record": f"penalty/{stated[0]}", "strength": float(stated[1])}


@clear_arguments
def mark(
    student: object,
    reference: object = None,
    *,
    X: object = None,
    y: object = None,
    params: object = None,
    seed: int = 0,
    **stated: Any,
) -> Verdict:
    """Say whether a learner's backpropagation is right, and if not, which mistake was made where.

    Parameters
    ----------
    student : module, object, class, mapping of functions, or mapping of gradients
        Functions `forward(params, X)` and `backward(params, X, y[, cache])`, either one, and
        optionally `loss(yhat, y)`. Or gradients: `{"dW1": ..., "db1": ...}`, names as you like. Or
        the path of a file, which runs in another process.
    reference : Exercise, widths, or mapping, optional
        The exercise; constants of the student's module (`NETWORK`, `LOSS`, ...) count as well.
    X, y, params : arrays, and a mapping of arrays
        Where gradients were taken; needed if gradients are handed in.
    seed : int
        Of the random data on which functions are tried.
    stated : other parameters of `Exercise`
        `activation`, `loss`, `output`, `reduction`, `penalty`, `layout`, `targets`,
        `optimizer`.

    Returns
    -------
    Verdict
        True in a condition if everything is right; `print` shows it in full.

    Raises
    ------
    UsageError, InvalidParameterError, DataError
        There is nothing to mark, or the exercise is not understood.

    Source: each kind of mistake predicts numbers; the one whose numbers agree was made.

    Example
    -------
    >>> import numpy as np
    >>> import chainrule as cr
    >>> random = np.random.default_rng(0)
    >>> X, y = random.normal(size=(5, 3)), random.normal(size=(5, 1))
    >>> params = {"W1": random.normal(size=(3, 1)), "b1": np.zeros(1)}
    >>> error = (X @ params["W1"] + params["b1"] - y) / 5
    >>> wrong = {"dW1": X.T @ error, "db1": error.mean(axis=0)}
    >>> verdict = cr.mark(wrong, (3, 1), loss="half_mse", reduction="mean", X=X, y=y, params=params)
    >>> verdict.kinds
    ('bias_averaged',)
    """
    check_parameters({"seed": Integer()}, {"seed": seed}, str)
    if isinstance(student, (str, Path)):
        from chainrule.glass.marker.process import mark_file

        return mark_file(student, reference, seed=seed, **stated)
    if isinstance(student, Mapping) and not _functions(cast("Mapping[str, Any]", student)):
        exercise = exercise_from({}, reference, stated)
        return _mark_gradients(cast("Mapping[str, Any]", student), exercise, X, y, params)
    found = student if isinstance(student, Student) else find_student(student)
    if found is None:
        raise InvalidParameterError(
            "there is nothing to mark",
            where="student",
            expected="functions forward and backward, a class with both, or a mapping of gradients",
            got=type(student).__name__,
        )
    exercise = exercise_from(found.constants, reference, stated)
    return mark_calls(exercise, lambda calls: [call_student(found, *c) for c in calls], seed)


def _functions(student: Mapping[str, Any]) -> bool:
    return any(callable(value) for value in student.values())


def plan_calls(exercise: Exercise, seed: int) -> list[list[Point]]:
    """Return the groups of points: all widths different, then all equal."""
    return [list(make_points(exercise, seed)), *([p] for p in square_points(exercise, seed + 50))]


def mark_calls(exercise: Exercise, caller: Caller, seed: int = 0) -> Verdict:
    """Make the calls for every form, judge each form that ran, and return the best verdict."""
    groups = plan_calls(exercise, seed)
    listed = list(forms(exercise))
    # All forms at the first points, then the rest: code that keeps arrays from call to call (a
    # mistake that is looked for) stops once the widths have changed.
    calls = [(point, form) for group in groups for form in listed for point in group]
    trials = [Form(update="d"), Form(update="")] if exercise.optimizer is not None else []
    results = iter(caller([*calls, *((groups[0][0], form) for form in trials)]))
    answers = [[[(point, next(results)) for point in group] for _ in listed] for group in groups]
    returned = [(form, [part[n] for part in answers]) for n, form in enumerate(listed)]
    best = max(reach(parts) for _, parts in returned)
    candidates = [(form, parts) for form, parts in returned if reach(parts) == best]
    verdict = best_judgement(exercise, candidates, True).verdict
    if not trials:
        return verdict
    if best == NOTHING:  # an update rule alone
        verdict = replace(verdict, right=True, findings=(), layout="")
    updates = judge_updates(groups[0][0], [(form, next(results)) for form in trials], TOLERANCE)
    found = (*verdict.findings, *updates)
    return replace(verdict, right=verdict.right and not updates, findings=found)


def best_judgement(exercise: Exercise, candidates: Sequence[Any], functions: bool) -> Judgement:
    """Return the best judgement of several forms: right, one mistake, two, or a place."""
    best: dict[int, Judgement] = {}
    chosen = list(range(len(candidates)))
    until = float("inf")
    for search in ("none", "singles", "pairs"):
        for number in chosen:
            form, parts = candidates[number]
            judgement = judge(exercise, form, parts, functions, search, until)
            if judgement.verdict.right:
                return judgement
            if number not in best or judgement.rank > best[number].rank:
                best[number] = judgement
        chosen.sort(key=lambda number: best[number].rank, reverse=True)
        if best[chosen[0]].rank[2]:
            break
        chosen = chosen[:_PAIR_FORMS] if search == "singles" else chosen
        until = time.monotonic() + PAIR_SECONDS
    return best[chosen[0]]


def _mark_gradients(
    student: Mapping[str, Any], exercise: Exercise, X: object, y: object, params: object
) -> Verdict:
    if X is None or y is None or params is None:
        raise UsageError(
            "gradients can be marked only where they were taken",
            expected="X, y and params beside the gradients",
            do="pass X=..., y=..., params={'W1': ..., 'b1': ...}, or hand in the functions",
        )
    inputs = _numbers(X, "X")
    target = target_array(y)
    parameters = _named(params, exercise, "params")
    for name, array in {"X": inputs, **parameters}.items():
        if not np.isfinite(array).all():
            raise DataError(
                "gradients can be marked at finite numbers only", where=name, got=shown(array)
            )
    given = _named(student, exercise, "gradients")
    candidates: list[Any] = []
    for form in forms(exercise):
        if form.targets != "matrix" or form.base != 1:
            continue
        point = _point(exercise, form, inputs, target, parameters)
        if point is None:
            continue
        candidates.append((form, [[(point, Returned(form, dict(given)))]]))
    if not candidates:
        raise DataError(
            "the data and parameters fit no layout",
            where="X, y, params",
            expected=f"arrays for the widths {exercise.network}, samples as rows or as columns",
            got=f"X {inputs.shape}, y {target.shape}, "
            f"W1 {np.shape(parameters.get('W1', ()))}, b1 {np.shape(parameters.get('b1', ()))}",
        )
    return best_judgement(exercise, candidates, False).verdict


def _named(source: object, exercise: Exercise, what: str) -> dict[str, Any]:
    items = dict(flat_items(source))
    names = match_names(list(items), exercise.depth)
    if not names:
        raise DataError(
            f"no name of the {what} is understood",
            where=what,
            expected="names such as dW1, db1, W2_grad, dense_1.dW",
            got=", ".join(list(items)[:6]) or "nothing",
        )
    return {key: _numbers(items[name], f"{what}, {name}") for key, name in names.items()}


def _numbers(value: object, where: str) -> np.ndarray:
    """Return an array of real numbers.

    Raises
    ------
    DataError
        It is none.
    """
    with suppress(TypeError, ValueError, OverflowError):
        array = np.asarray(value)
        if array.dtype.kind in "biufO":
            return array.astype(float)
    raise DataError(
        "this is no array of numbers", where=where, expected="real numbers", got=shown(value)
    )


def _point(
    exercise: Exercise, form: Form, X: Any, y: np.ndarray, parameters: Mapping[str, Any]
) -> Point | None:
    """Return the point in rows layout, or None if the arrays do not fit the form."""
    widths = exercise.network
    X = X.T if form.columns else X
    if X.ndim != 2 or X.shape[1] != widths[0]:
        return None
    Y: Any = y.T if y.ndim == 2 and form.columns else y
    if len(Y) != len(X) or (Y.ndim == 2 and Y.shape[1] not in (1, exercise.outputs)):
        return None
    Y = exercise.loss.encode(Y, exercise.outputs)
    W: list[Any] = []
    b: list[Any] = []
    for layer, shape in enumerate(itertools.pairwise(widths), 1):
        if f"W{layer}" not in parameters:
            return None
        weights = parameters[f"W{layer}"]
        weights = weights.T if form.flipped else weights
        bias = np.reshape(parameters.get(f"b{layer}", np.zeros(shape[1])), -1)
        if weights.shape != shape or bias.shape != shape[1:]:
            return None
        W.append(weights)
        b.append(bias)
    fits = Y.shape == (len(X), exercise.outputs)
    return given_point(exercise, X, Y, W, b) if fits else None
