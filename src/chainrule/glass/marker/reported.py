"""The loss that a learner reports: it decides the convention that his gradient must follow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.glass.marker.calling import Returned
from chainrule.glass.marker.exercise import Convention, Exercise
from chainrule.glass.marker.kind import KINDS, Kind
from chainrule.glass.marker.kinds_scale import name_factor
from chainrule.glass.marker.search import Case
from chainrule.glass.marker.textbook import Pass, Point
from chainrule.glass.marker.verdict import Finding
from chainrule.maths.arrays import Array

__all__ = ["judge_loss", "loss_value"]


def judge_loss(
    exercise: Exercise,
    entries: Sequence[tuple[Point, Returned]],
    cases: Sequence[Case],
    tolerance: float,
) -> tuple[list[Finding], list[Convention]]:
    """Return what is wrong with the reported loss, and which conventions the gradient may follow.

    Without a reported loss every convention that the exercise leaves open is allowed.
    """
    free = list(exercise.conventions())
    values = [returned.loss for _, returned in entries]
    if any(value is None for value in values) or any("yhat" not in case.given for case in cases):
        return [], free
    given = np.array(values, dtype=float)
    followed: list[Convention] = []
    for convention in exercise.conventions(reported=True):
        for penalised in (True, False) if exercise.penalty is not None else (False,):
            expected = np.array([loss_value(case, convention, penalised) for case in cases])
            close = np.all(np.abs(given - expected) <= 10 * tolerance * np.abs(expected) + 1e-12)
            if close and (penalised or convention.decay == "1"):
                followed.append(convention)
    if followed:
        return [], followed
    return [_loss_finding(given, cases, free[0])], free


def loss_value(case: Case, convention: Convention, penalised: bool) -> float:
    """Return the loss of a learner's own prediction under a convention."""
    point, exercise = case.point, case.point.exercise
    yhat = case.given["yhat"]
    with np.errstate(all="ignore"):
        rows = (
            exercise.loss.value(yhat, point.Y)
            if case.logits
            else exercise.loss.prediction_value(yhat, point.Y)
        )
        value = float(np.sum(rows)) * convention.factor(point.rows, exercise.outputs)
        if penalised:
            terms = [float(exercise.penalty.value(W)) for W in point.W[1:]]
            value += sum(terms) * convention.decay_factor(point.rows)
    return value


def _loss_finding(given: Array, cases: Sequence[Case], convention: Convention) -> Finding:
    expected = np.array([loss_value(case, convention, False) for case in cases])
    with np.errstate(all="ignore"):
        off = float(np.max(np.abs(given - expected) / np.abs(expected)))
        steps = [Pass(case.point, convention, ()) for case in cases]
        ratios: list[Any] = list(zip((given / expected).tolist(), steps, strict=True))
    tables = [_table(case) for case in cases]
    if np.allclose(given, tables, rtol=1e-4) and cases[0].point.exercise.outputs == 1:
        return _told(KINDS["broadcasting"], "", off)
    meaning = name_factor(ratios, whole=True, bias=False)
    if meaning is not None and meaning.kind.name != "factor":
        return _told(meaning.kind, meaning.detail, off)
    return _told(KINDS["other_loss"], "its value is none that the exercise's loss can have", off)


def _table(case: Case) -> float:
    """Return the mean over all pairs of predictions and targets."""
    yhat, Y, loss = case.given["yhat"], case.point.Y, case.point.exercise.loss
    pairs = [float(np.mean(loss.prediction_value(yhat, np.full_like(Y, one)))) for one in Y[:, 0]]
    return float(np.mean(pairs))


def _told(kind: Kind, detail: str, off: float) -> Finding:
    says = kind.says + (f": {detail}" if detail else "")
    off = off if np.isfinite(off) else float("inf")
    return Finding(
        kind.name, "the reported loss", says, kind.teaches, kind.wrong, kind.right, before=off
    )
