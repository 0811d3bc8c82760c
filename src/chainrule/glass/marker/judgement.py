"""From what came back to a verdict: forward, reported loss, gradients, and what to say of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from chainrule.frozen import frozen
from chainrule.glass.marker.calling import Returned, Trouble, canonical
from chainrule.glass.marker.exercise import Convention, Exercise
from chainrule.glass.marker.forms import Form, to_learner
from chainrule.glass.marker.kind import Kind, kind
from chainrule.glass.marker.kinds import KINDS
from chainrule.glass.marker.places import place_finding
from chainrule.glass.marker.reported import judge_loss
from chainrule.glass.marker.search import Case, Explanation, Judge, predicted
from chainrule.glass.marker.textbook import Change, Point
from chainrule.glass.marker.verdict import Finding, TensorMark, Verdict

__all__ = ["Judgement", "judge", "reach"]

NOTHING = 0.5
"""How far code came that neither stopped nor returned anything."""
TOLERANCE, TOLERANCE_SINGLE = 2e-5, 1e-3
"""Allowed relative difference for float64, and for anything less."""

STOPS = kind(
    "code_stops",
    "the code stops with an error",
    "Write the shape of every factor beside the line: the inner two must agree, and the outer two "
    "are the result's.",
    "a product of shapes that do not fit",
    "a product of shapes that fit",
)
RUN_IT = "Run it by yourself first, on three rows: the traceback's last line says why it stops."
SHAPE = kind(
    "gradient_shape",
    "the gradient has another shape than its parameter",
    "An update subtracts the gradient from the parameter; with another shape NumPy stretches both "
    "to a larger array without a word (keepdims=True keeps a sum in shape).",
    "db = dZ.sum(axis=1)",
    "db = dZ.sum(axis=1, keepdims=True)",
)
NOT_FINITE = kind(
    "not_finite",
    "there are numbers that are nan or infinite",
    "log(0), a division by zero or exp of a large number: subtract the largest logit before exp, "
    "and use P - y, which divides by nothing.",
    "np.exp(Z)",
    "np.exp(Z - Z.max(axis=1, keepdims=True))",
)
PREDICTION = kind(
    "prediction_shape",
    "the prediction has the wrong shape",
    "Each sample has one prediction for each output: (N, K), or (K, N) where samples are columns.",
    "return yhat.sum()",
    "return yhat",
)
MISSING = kind(
    "gradient_missing",
    "no gradient is returned",
    "Every parameter needs its gradient, or it is never trained.",
    "return {'dW2': dW2, 'db2': db2}",
    "return {'dW1': dW1, 'db1': db1, 'dW2': dW2, 'db2': db2}",
)

Group = Sequence[tuple[Point, Returned]]


@frozen
class Judgement:
    """A verdict on one form, and how it compares with those on the others."""

    rank: tuple[float, ...]
    verdict: Verdict


def reach(form_groups: Sequence[Group]) -> float:
    """Return how far the code came where all widths differ, before anything is judged."""
    reached: list[float] = []
    for point, returned in form_groups[0]:
        if _ran(returned, point):
            reached.append(4.0)
            continue
        trouble = returned.trouble
        places = {"backward": 2.0, "loss": 1.5, "forward": 1.0}
        value = NOTHING if trouble is None else places.get(trouble.place, 0.0)
        if "yhat" in returned.tensors:
            value += canonical(returned, point)["yhat"].shape == point.Y.shape
        reached.append(value)
    return min(reached)


def judge(
    exercise: Exercise,
    form: Form,
    groups: Sequence[Group],
    functions: bool = True,
    search: str = "pairs",
    until: float = float("inf"),
) -> Judgement:
    """Judge what came back in one form.

    Parameters
    ----------
    exercise : Exercise
    form : Form
    groups : the points with what came back; the first group decides, the others help
    functions : bool
        False if gradients were handed in, so that the shapes of parameters are not known.
    search : str
        How far to look for mistakes: none, singles or pairs.
    until : float
        When the search for pairs ends, on the monotonic clock.
    """
    ran = [list(group) for group in groups if all(_ran(entry[1], entry[0]) for entry in group)]
    kept = [group for group in ran if group[0][0].exercise.outputs == exercise.outputs]
    ran = kept if exercise.outputs == 1 and kept else ran  # the last resort is one
    trouble = next((r.trouble for _, r in groups[0] if r.trouble is not None), None)
    if not ran:
        return _stopped(exercise, form, groups, trouble)
    entries = [entry for group in ran for entry in group]
    best: Judgement | None = None
    for logits in (False, True) if exercise.matched else (False,):
        for again in (False, True) if _repeats_differ(entries) else (False,):
            bench = _Bench(exercise, form, entries, functions, logits, again, search, until)
            found = bench.judgement(trouble)
            best = found if best is None or found.rank > best.rank else best
    assert best is not None
    return best


def _ran(returned: Returned, point: Point) -> bool:
    """Say whether something with the right number of samples came back."""
    if returned.trouble is not None or not returned.tensors:
        return False
    yhat = returned.tensors.get("yhat")
    return yhat is None or canonical(returned, point)["yhat"].shape == point.Y.shape


def _stopped(
    exercise: Exercise, form: Form, groups: Sequence[Group], trouble: Trouble | None
) -> Judgement:
    """Return the verdict on code that ran nowhere."""
    point, returned = groups[0][0]
    findings: list[Finding] = []
    if trouble is not None:
        findings.append(_trouble_finding(trouble, point))
    elif "yhat" in returned.tensors:
        shape = canonical(returned, point)["yhat"].shape
        says = f"the prediction has the shape {shape} where {point.Y.shape} is expected"
        findings.append(_finding(PREDICTION, "yhat", says))
    else:
        findings.append(
            _finding(MISSING, "backward", "nothing that looks like a gradient came back")
        )
    verdict = Verdict(False, (), tuple(findings), "", form.words, (), _words(exercise))
    return Judgement((0, 0, 0, 0, 0, 0), verdict)


def _trouble_finding(trouble: Trouble, point: Point) -> Finding:
    place = f"line {trouble.line}" if trouble.line else trouble.place
    code = f" at `{trouble.text}`" if trouble.text else ""
    says = f"the code stops{code}: {trouble.error}: {trouble.message}"
    table = [name for name, shape in trouble.shapes.items() if shape == (point.rows,) * 2]
    if table and point.exercise.outputs == 1:
        found = KINDS["broadcasting"]
        detail = f"{found.says}: {', '.join(table)} is ({point.rows}, {point.rows}); then {says}"
        return _finding(found, place, detail)
    shapes = ", ".join(f"{name} {shape}" for name, shape in list(trouble.shapes.items())[:12])
    teaches = STOPS.teaches if trouble.error in ("ValueError", "IndexError") else RUN_IT
    return Finding(STOPS.name, place, says, teaches + (f" Here: {shapes}." if shapes else ""))


def _finding(kind: Kind, place: str, says: str = "", **more: Any) -> Finding:
    words = (says or kind.says, kind.teaches, kind.wrong, kind.right)
    return Finding(kind.name, place, *words, **more)


def _words(exercise: Exercise) -> str:
    layers = ", ".join(record.name for record in exercise.activations)
    widths = "-".join(map(str, exercise.network))
    return f"{widths}, {layers}, {exercise.loss.name}"


def _repeats_differ(entries: Group) -> bool:
    for _, returned in entries:
        for name, value in returned.again.items():
            first = returned.tensors[name]
            if first.shape != value.shape or not np.allclose(first, value, 1e-6, 1e-300):
                return first.shape == value.shape
    return False


@dataclass
class _Bench:
    """The judgement of entries that ran, in one reading of them."""

    exercise: Exercise
    form: Form
    entries: Group
    functions: bool
    logits: bool
    again: bool
    search: str
    until: float

    def __post_init__(self) -> None:
        self.cases: list[Case] = []
        single = False
        for point, returned in self.entries:
            tensors = dict(returned.tensors)
            if self.again:
                tensors |= {n: v - returned.tensors[n] for n, v in returned.again.items()}
            given = canonical(replace(returned, tensors=tensors), point)
            single |= any(v.dtype.kind == "f" and v.dtype.itemsize < 8 for v in given.values())
            given = {name: value.astype(float) for name, value in given.items()}
            self.cases.append(Case(point, given, self.logits))
        self.tolerance = TOLERANCE_SINGLE if single else TOLERANCE

    def judgement(self, trouble: Trouble | None) -> Judgement:
        """Return the verdict and its rank."""
        losses, conventions = judge_loss(self.exercise, self.entries, self.cases, self.tolerance)
        bench = Judge(self.cases, self.exercise, self.tolerance, until=self.until)
        infinite = [n for n in bench.names if not all(map(np.isfinite, self._numbers(n)))]
        explanation = bench.explain(conventions, "none" if infinite else self.search)
        if explanation is None:
            explanation = Explanation(conventions[0], (), frozenset(), whole=False)
        marks = self._marks(bench, explanation.convention)
        findings = [*losses, *self._findings(bench, explanation, marks)]
        if infinite:
            places = ", ".join(n if n == "yhat" else f"d{n}" for n in infinite)
            findings = [*losses, _finding(NOT_FINITE, places)]
        if self.again:
            findings.append(_finding(KINDS["accumulated"], "every call adds to the one before"))
        if trouble is not None:
            findings += (
                [] if explanation.mistakes else [_trouble_finding(trouble, self.cases[0].point)]
            )
        right = not findings and all(mark.status == "right" for mark in marks)
        notes = self._notes(trouble)
        verdict = Verdict(
            right, tuple(marks), tuple(findings), explanation.convention.words(self.exercise),
            self.form.words, notes, _words(self.exercise),
        )  # fmt: skip
        correct = sum(mark.status == "right" for mark in marks)
        plain = -len(explanation.mistakes) - (1 if self.again or self.logits else 0) - len(losses)
        known = len(explanation.explained)
        return Judgement((right, 1, explanation.whole, known, plain, correct), verdict)

    def _numbers(self, name: str) -> list[float]:
        """Return the sum of a tensor at every case: not finite if one number is not."""
        return [float(np.sum(np.abs(case.given[name]))) for case in self.cases]

    def _marks(self, bench: Judge, convention: Convention) -> list[TensorMark]:
        """Return the mark of each tensor: the worst over all points."""
        names = ["yhat"] if "yhat" in self.cases[0].given else []
        wanted = self.functions or any(name[0] in "Wb" for name in self.cases[0].given)
        backward = any(name != "yhat" for case in self.cases for name in case.given)
        owed = any(returned.asked for _, returned in self.entries)
        if owed or (backward and wanted):
            for layer in range(1, self.exercise.depth + 1):
                names += [f"W{layer}", f"b{layer}"]
        truths = [predicted(case, convention, ()) for case in self.cases]
        return [self._mark(bench, name, truths) for name in names]

    def _mark(self, bench: Judge, name: str, truths: Sequence[Any]) -> TensorMark:
        label = name if name == "yhat" else f"d{name}"
        worst, status = 0.0, "right"
        for case, truth in zip(self.cases, truths, strict=True):
            if name not in case.given:
                return TensorMark(label, "missing", float("inf"))
            if case.given[name].shape != truth[name].shape:
                return self._misshapen(label, name, case, truth)
            off = Judge([case], self.exercise, self.tolerance, hypotheses=bench.hypotheses)
            value = off.differences(case, truth)[name]
            worst = max(worst, value)
        if worst > self.tolerance:
            status = "wrong"
        elif name != "yhat" and self.functions and self._stretches(name):
            returned = self.entries[0][1].tensors[name]
            return TensorMark(label, "shape", worst, returned.shape, self._own(name).shape)
        return TensorMark(label, status, worst)

    def _misshapen(self, label: str, name: str, case: Case, truth: Any) -> TensorMark:
        """Return a mark that shows the shapes as the learner sees them."""
        given, expected = case.given[name].shape, truth[name].shape
        if (self.form.columns if name == "yhat" else self.form.flipped) and len(given) == 2:
            given, expected = given[::-1], expected[::-1]
        return TensorMark(label, "shape", float("inf"), given, expected)

    def _own(self, name: str) -> Any:
        """Return the parameter as it was handed to the learner."""
        parameters, _, _ = to_learner(self.entries[0][0], self.form)
        return parameters[f"{name[0]}{int(name[1:]) - 1 + self.form.base}"]

    def _stretches(self, name: str) -> bool:
        """Say whether subtracting the gradient would change the parameter's shape."""
        own, given = self._own(name).shape, self.entries[0][1].tensors[name].shape
        try:
            return np.broadcast_shapes(own, given) != own
        except ValueError:
            return True

    def _findings(
        self, bench: Judge, explanation: Explanation, marks: Sequence[TensorMark]
    ) -> list[Finding]:
        found: list[Finding] = []
        missing = [mark.name for mark in marks if mark.status == "missing"]
        if missing:
            none = len(missing) == 2 * self.exercise.depth
            says = f"{MISSING.says}: nothing that is named or shaped like dW1, db1, ... came back"
            found.append(_finding(MISSING, ", ".join(missing), says if none else ""))
        stretched = [m.name for m in marks if m.status == "shape" and m.difference < 1]
        if stretched:
            mark = next(mark for mark in marks if mark.name == stretched[0])
            says = f"{SHAPE.says}: {mark.shape} where {mark.expected} is expected"
            found.append(_finding(SHAPE, ", ".join(stretched), says))
        before = self._worst(bench, explanation.convention, ())
        if explanation.whole or explanation.mistakes:
            found += self._mistakes(bench, explanation, before)
        if not explanation.whole and bench.names:
            cut, wrong = self._whole_numbers(), {m.name for m in marks if m.status == "wrong"}
            if wrong and wrong <= cut and not explanation.mistakes:
                found.append(_finding(KINDS["integer_truncation"], ", ".join(sorted(wrong))))
            else:
                found.append(place_finding(self.exercise, explanation, bench.names, before))
        return found

    def _mistakes(
        self, bench: Judge, explanation: Explanation, before: float | None
    ) -> list[Finding]:
        after = self._after(bench, explanation) if explanation.whole else None
        found: list[Finding] = []
        for position, mistake in enumerate(explanation.mistakes):
            named = mistake.kind
            if self._whole_numbers() and named.name in ("gradient_zero", "factor"):
                named = KINDS["integer_truncation"]
            says = named.says + (f": {mistake.worded(mistake.detail)}" if mistake.detail else "")
            also = tuple(
                dict.fromkeys(mistake.also)
                | dict.fromkeys(
                    other[position].kind.name for other in explanation.others
                    if other[position].kind.name != named.name
                )
            )  # fmt: skip
            evidence = {"before": before, "after": after, "certain": explanation.whole}
            found.append(_finding(named, mistake.place, says, also=also, **evidence))
        return found

    def _whole_numbers(self) -> set[str]:
        """Return the gradients that came back in arrays of an integer type."""
        tensors = [item for _, returned in self.entries for item in returned.tensors.items()]
        return {f"d{n}" for n, v in tensors if n != "yhat" and v.dtype.kind in "iub"}

    def _after(self, bench: Judge, explanation: Explanation) -> float | None:
        """Return the worst difference from what the mistakes predict."""
        _, named = bench.tried(explanation.mistakes, explanation.convention)
        if not named:
            return None
        listed = bench.fitted_changes(named, explanation.convention)
        worst = [
            self._worst(bench, explanation.convention, changes, position) or 0.0
            for position, changes in enumerate(listed)
        ]
        return max(worst)

    def _worst(
        self,
        bench: Judge,
        convention: Convention,
        changes: Sequence[Change],
        only: int | None = None,
    ) -> float | None:
        worst = 0.0
        for position, case in enumerate(self.cases):
            if only is None or only == position:
                expected = predicted(case, convention, changes)
                worst = max([worst, *bench.differences(case, expected).values()])
        return worst if np.isfinite(worst) else None

    def _notes(self, trouble: Trouble | None) -> tuple[str, ...]:
        notes: list[str] = []
        if any(returned.changed for _, returned in self.entries):
            notes.append("backward changes the parameters that it is given")
        if self.logits:
            notes.append("forward returns logits: the activation is taken to be in the loss")
        if trouble is not None and trouble.line:
            notes.append(
                f"with widths that are all different it stops in line {trouble.line}: "
                f"{trouble.error}: {trouble.message}"[:300]
            )
        if _repeats_differ(self.entries) and not self.again:
            notes.append("a second call with the same arguments gave other numbers")
        if self.form.targets == "vector":
            notes.append("y was handed in as (N,)")
        return tuple(notes)
