"""The search: which mistake, or which two, predict every number that a learner returned.

Decisions
---------
a) A hypothesis wins only if it reproduces all tensors at all points to `tolerance`. Random numbers
   do not agree to five digits by chance, so there is no scoring and no threshold of likelihood.
b) Of several that do, the least far-fetched is named first and the others beside it.
c) Two mistakes are sought where the first one alone makes more tensors right than none: the way
   back runs from the last layer to the first, so each mistake frees the tensors down to the next.
d) Where nothing explains the numbers, the search says which tensors are right and claims no more.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from chainrule.frozen import frozen
from chainrule.glass.marker.exercise import Convention, Exercise
from chainrule.glass.marker.kinds import Hypothesis, all_hypotheses
from chainrule.glass.marker.textbook import (
    FORWARD_SITES,
    Change,
    Pass,
    Point,
    gradients,
    run_pass,
)
from chainrule.maths.arrays import Array

__all__ = ["Case", "Explanation", "Judge", "difference", "predicted"]

_PAIR_STARTS = 24


@frozen
class Case:
    """What a learner returned at a point: tensors by name (`yhat`, `W1`, `b1`, ...), rows first."""

    point: Point
    given: Mapping[str, Array]
    logits: bool = False
    """Whether `yhat` is Z of the last layer."""

    @cached_property
    def known(self) -> Pass | None:
        """The right step, whose forward pass the others take over."""
        return run_pass(self.point, Convention())


@frozen
class Explanation:
    """Mistakes that predict the numbers, or the most that one mistake explains."""

    convention: Convention
    mistakes: tuple[Hypothesis, ...]
    explained: frozenset[str]
    whole: bool
    others: tuple[tuple[Hypothesis, ...], ...] = ()
    """Other kinds that predict the same numbers on this data."""

    @property
    def cost(self) -> float:
        """How far-fetched the explanation is."""
        return sum(hypothesis.cost for hypothesis in self.mistakes) + len(self.mistakes)


def difference(given: Array, expected: Array, floor: float = 0.0) -> float:
    """Return the largest difference relative to the largest expected number.

    Example
    -------
    >>> import numpy as np
    >>> difference(np.array([1.0, 2.5]), np.array([1.0, 2.0]))
    0.25
    """
    given, expected = np.asarray(given), np.asarray(expected)
    if given.shape != expected.shape:
        return float("inf")
    with np.errstate(all="ignore"):
        scale = max(float(np.max(np.abs(expected), initial=0.0)), floor, 1e-300)
        worst = float(np.max(np.abs(given - expected), initial=0.0)) / scale
    return worst if worst == worst else float("inf")


def predicted(case: Case, convention: Convention, changes: Sequence[Change]) -> dict[str, Array]:
    """Return the tensors that a hypothesis predicts; none if it makes NumPy stop."""
    step = run_pass(case.point, convention, changes, case.known)
    return {} if step is None else _tensors(step, case)


def _tensors(step: Pass, case: Case) -> dict[str, Array]:
    found = gradients(step)
    for layer in range(1, step.depth + 1):  # a bias counts as right in any orientation
        value, units = np.asarray(found[f"b{layer}"]), step.b[layer].size
        if value.size == units == max(value.shape, default=1):
            found[f"b{layer}"] = value.reshape(units)
    found["yhat"] = step.Z[step.depth] if case.logits else step.P
    return found


@dataclass
class Judge:
    """Compares hypotheses with what a learner returned at several points."""

    cases: Sequence[Case]
    exercise: Exercise
    tolerance: float
    names: tuple[str, ...] = ()
    hypotheses: list[Hypothesis] = field(default_factory=list)
    until: float = float("inf")
    """When the search for pairs ends, on the monotonic clock."""

    def __post_init__(self) -> None:
        held = [set(case.given) for case in self.cases]
        order = ["yhat"]
        for layer in range(self.exercise.depth, 0, -1):
            order += [f"W{layer}", f"b{layer}"]
        self.names = tuple(n for n in order if held and all(n in names for names in held))
        if not self.hypotheses:
            self.hypotheses = all_hypotheses(self.exercise)

    def differences(self, case: Case, expected: Mapping[str, Array]) -> dict[str, float]:
        """Return the difference of each tensor."""
        sizes = [np.max(np.abs(expected[n]), initial=0.0) for n in self.names if n in expected]
        floor = 1e-7 * float(max(sizes, default=0.0))
        return {
            name: difference(case.given[name], expected[name], floor)
            if name in expected
            else float("inf")
            for name in self.names
        }

    def matches(
        self, changes: Sequence[Sequence[Change]], convention: Convention, least: int = 0
    ) -> frozenset[str]:
        """Return the tensors that changes (one list for each case) predict at every point.

        Gives up when no more than `least` are left.
        """
        matched = frozenset(self.names)
        for case, listed in zip(self.cases, changes, strict=True):
            differences = self.differences(case, predicted(case, convention, listed))
            matched &= {name for name, value in differences.items() if value <= self.tolerance}
            if len(matched) <= least:
                break
        return matched

    def right(self, convention: Convention) -> frozenset[str]:
        """Return the tensors that are right under a convention."""
        return self.matches([()] * len(self.cases), convention)

    def tried(
        self, hypotheses: Sequence[Hypothesis], convention: Convention, least: int = 0
    ) -> tuple[frozenset[str], tuple[Hypothesis, ...]]:
        """Return what hypotheses predict together, their numbers found and named."""
        listed, named = self._with_numbers(hypotheses, convention, least)
        if not named:
            return frozenset(), ()
        return self.matches([_ordered(c) for c in listed], convention, least), named

    def fitted_changes(
        self, hypotheses: Sequence[Hypothesis], convention: Convention
    ) -> list[list[Change]]:
        """Return the changes of hypotheses at every case, their numbers found."""
        return [_ordered(changes) for changes in self._with_numbers(hypotheses, convention, 0)[0]]

    def _with_numbers(
        self, hypotheses: Sequence[Hypothesis], convention: Convention, least: int
    ) -> tuple[list[list[Change]], tuple[Hypothesis, ...]]:
        listed: list[list[Change]] = [[] for _ in self.cases]
        for hypothesis in hypotheses:
            for changes in listed:
                changes += hypothesis.changes
        named: list[Hypothesis] = []
        for hypothesis in hypotheses:
            if hypothesis.fitted is None:
                named.append(hypothesis)
                continue
            found = self._fit(hypothesis, listed, convention, least)
            if found is None:
                return listed, ()
            named.append(found)
        return listed, tuple(named)

    def _fit(
        self, hypothesis: Hypothesis, listed: list[list[Change]], convention: Convention, least: int
    ) -> Hypothesis | None:
        """Find the number of a hypothesis at every case, add its changes, and name it."""
        assert hypothesis.fitted is not None
        found: list[tuple[float, Pass]] = []
        made: list[tuple[Change, ...]] = []
        for case, changes in zip(self.cases, listed, strict=True):
            fit = _least_squares(case, convention, changes, hypothesis.fitted, self.names)
            if fit is None:
                return None
            made.append(hypothesis.fitted(fit[0]))
            found.append(fit)
            if len(found) == 1 and len(self.cases) > 1:
                expected = predicted(case, convention, _ordered([*changes, *made[0]]))
                differences = self.differences(case, expected).values()
                if sum(value <= self.tolerance for value in differences) <= least:
                    return None
        for changes, more in zip(listed, made, strict=True):
            changes += more
        if hypothesis.named is None:
            numbers = [number for number, _ in found]
            if max(map(abs, numbers)) < 1e-9 or np.ptp(numbers) > 1e-3 * max(map(abs, numbers)):
                return None
            return hypothesis.described(hypothesis.kind, f"the factor is {numbers[0]:.6g}")
        meaning = hypothesis.named(found)
        return None if meaning is None else hypothesis.described(*meaning)

    def singles(self, convention: Convention, least: int) -> list[tuple[frozenset[str], Any]]:
        """Return every hypothesis that makes more tensors right than `least`."""
        better: list[tuple[frozenset[str], Any]] = []
        for hypothesis in self.hypotheses:
            matched, named = self.tried((hypothesis,), convention, least)
            if len(matched) > least and named:
                better.append((matched, named[0]))
        return better

    def explain(
        self, conventions: Iterable[Convention], search: str = "pairs"
    ) -> Explanation | None:
        """Return the simplest explanation; None if there is nothing to explain.

        `search` is none (only whether all is right), singles, or pairs.
        """
        bases = sorted(
            ((self.right(convention), convention) for convention in conventions),
            key=lambda base: -len(base[0]),
        )
        if bases and len(bases[0][0]) == len(self.names):
            return Explanation(bases[0][1], (), bases[0][0], whole=True)
        if search == "none" or not self.names:
            return None
        if bases and "yhat" in bases[0][0]:
            self.hypotheses = [h for h in self.hypotheses if not _forward(h)]
        found: list[tuple[frozenset[str], Convention, list[Any]]] = []
        whole: list[Explanation] = []
        for base, convention in bases:
            singles = self.singles(convention, len(base))
            found.append((base, convention, singles))
            whole = [
                Explanation(convention, (hypothesis,), matched, whole=True)
                for matched, hypothesis in singles
                if len(matched) == len(self.names)
            ]
            if whole:  # under another convention it would take a factor more
                break
        if not whole and search == "pairs":
            whole = self._pairs(found)
        return _simplest(whole) if whole else _partial(found, self.names)

    def _pairs(self, found: Sequence[Any]) -> list[Explanation]:
        whole: list[Explanation] = []
        order = [(convention, *single) for _, convention, singles in found for single in singles]
        order.sort(key=lambda entry: (-len(entry[1]), entry[2].cost))
        for convention, matched, first in order[:_PAIR_STARTS]:
            for second in self.hypotheses:
                if time.monotonic() > self.until:
                    return whole
                if _same_line(first, second):
                    continue
                both, named = self.tried((first, second), convention, len(matched))
                if named and len(both) == len(self.names):
                    whole.append(Explanation(convention, named, both, whole=True))
            if whole:
                return whole
        return whole


def _forward(hypothesis: Hypothesis) -> bool:
    return any(change.site in FORWARD_SITES for change in hypothesis.changes)


def _same_line(first: Hypothesis, second: Hypothesis) -> bool:
    """Say whether two hypotheses replace the same line, so that one of them would be lost."""
    lines = {(c.site, layer) for c in first.changes if not c.wraps for layer in c.layers}
    again = {(c.site, layer) for c in second.changes if not c.wraps for layer in c.layers}
    return first is second or bool(lines & again)


def _ordered(changes: Sequence[Change]) -> list[Change]:
    """Return replacements first, so that a factor acts on what replaces."""
    return sorted(changes, key=lambda change: change.wraps)


def _simplest(whole: list[Explanation]) -> Explanation:
    whole = sorted(whole, key=lambda explanation: explanation.cost)
    best, others, seen = whole[0], [], {tuple(m.kind.name for m in whole[0].mistakes)}
    for explanation in whole[1:]:
        kinds = tuple(mistake.kind.name for mistake in explanation.mistakes)
        if kinds not in seen and explanation.cost - best.cost < 1.0:
            seen.add(kinds)
            others.append(explanation.mistakes)
    return Explanation(best.convention, best.mistakes, best.explained, True, tuple(others[:3]))


def _partial(found: Sequence[Any], names: Sequence[str]) -> Explanation | None:
    """Return what is right without any mistake, or with one that frees a whole layer."""
    base, convention, singles = max(found, key=lambda entry: len(entry[0]))
    best = Explanation(convention, (), base, whole=False)
    for base, convention, singles in found:
        for matched, hypothesis in singles:
            gained = matched - base
            layer = any(f"W{n[1:]}" in gained and f"b{n[1:]}" in gained for n in gained)
            much = layer and matched >= base and len(matched) > len(best.explained) + 1
            if much and hypothesis.kind.name != "factor":
                best = Explanation(convention, (hypothesis,), matched, whole=False)
    return best if names else None


def _least_squares(
    case: Case, convention: Convention, changes: Sequence[Change], fitted: Any, names: Sequence[str]
) -> tuple[float, Pass] | None:
    """Return the number that fits the first tensor that depends on it, and the step."""
    zero = run_pass(case.point, convention, _ordered([*changes, *fitted(0.0)]), case.known)
    one = run_pass(case.point, convention, _ordered([*changes, *fitted(1.0)]), case.known)
    if zero is None or one is None:
        return None
    at_zero, at_one = _tensors(zero, case), _tensors(one, case)
    for name in names:
        if name == "yhat" or at_zero[name].shape != np.shape(case.given[name]):
            continue
        slope = at_one[name] - at_zero[name]
        square = float(np.sum(slope * slope))
        if square <= 1e-24 * float(np.sum(at_one[name] ** 2)) or not np.isfinite(square):
            continue
        number = float(np.sum((case.given[name] - at_zero[name]) * slope)) / square
        return (number, one) if np.isfinite(number) else None
    return None
