"""What a mistake is: a kind with its words, and hypotheses that say what it would have computed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from chainrule.frozen import frozen
from chainrule.glass.marker.exercise import Exercise
from chainrule.glass.marker.textbook import Change, Pass
from chainrule.maths.arrays import Array

__all__ = [
    "KINDS",
    "Hypothesis",
    "Kind",
    "Proposer",
    "all_hypotheses",
    "at",
    "kind",
    "layers",
    "proposes",
    "spread",
]


@frozen
class Kind:
    """A kind of mistake, in words and as code.

    Parameters
    ----------
    name : str
    says : str
        What was done, as the end of "layer 2, dW2: ...".
    teaches : str
        One sentence on why the right line is right.
    wrong, right : str
        The line as it was written and as it should be, rows being samples.
    cost : float
        How far-fetched the kind is: of two that predict the same numbers the lower is named first.
    """

    name: str
    says: str
    teaches: str
    wrong: str
    right: str
    cost: float = 1.0


KINDS: dict[str, Kind] = {}
"""Every kind by name. The search, the docs' table and the proof iterate it."""


def kind(name: str, says: str, teaches: str, wrong: str, right: str, cost: float = 1.0) -> Kind:
    """Enter a kind into the table."""
    if name in KINDS:
        raise ValueError(f"the kind {name!r} is taken")
    KINDS[name] = Kind(name, says, teaches, wrong, right, cost)
    return KINDS[name]


@frozen
class Hypothesis:
    """One mistake at one place: it predicts every gradient.

    With `fitted` the changes have one unknown number, on which the first tensor that they touch
    depends linearly; the search finds it by least squares, and `named` says what it means.
    """

    kind: Kind
    layers: tuple[int, ...]
    tensor: str
    changes: tuple[Change, ...] = ()
    detail: str = ""
    fitted: Callable[[float], tuple[Change, ...]] | None = None
    named: Callable[[Sequence[tuple[float, Any]]], Any] | None = None
    also: tuple[str, ...] = ()
    """Names of other kinds that its number would mean as well."""
    extra: float = 0.0
    """Added to the kind's cost."""

    @property
    def cost(self) -> float:
        """How far-fetched the hypothesis is."""
        return self.kind.cost + self.extra + (0.05 if len(self.layers) > 1 else 0.0)

    @property
    def place(self) -> str:
        """Where, in words."""
        where = "layers " if len(self.layers) > 1 else "layer "
        return where + ", ".join(map(str, self.layers)) + ": " + self.worded(self.tensor)

    def worded(self, text: str) -> str:
        """Return a text with the layer's number in the names of tensors."""
        layer = self.layers[0]
        several = len(self.layers) > 1
        return text.format(l="" if several else layer, up="" if several else layer + 1)

    def described(self, kind: Kind, detail: str, also: tuple[str, ...] = ()) -> Hypothesis:
        """Return the hypothesis under the kind that its number turned out to mean."""
        return replace(self, kind=kind, detail=detail, also=also)


Proposer = Callable[[Exercise], Iterable[Hypothesis]]
_PROPOSERS: list[Proposer] = []


def proposes(function: Proposer) -> Proposer:
    """Enter a function that yields hypotheses for an exercise."""
    _PROPOSERS.append(function)
    return function


def all_hypotheses(exercise: Exercise) -> list[Hypothesis]:
    """Return every hypothesis for an exercise, the simplest first."""
    found = [hypothesis for propose in _PROPOSERS for hypothesis in propose(exercise)]
    return sorted(found, key=lambda hypothesis: hypothesis.cost)


def layers(first: int, last: int) -> Iterator[tuple[int, ...]]:
    """Return each layer from one to another, then all of them if they are several."""
    for layer in range(first, last + 1):
        yield (layer,)
    if last > first:
        yield tuple(range(first, last + 1))


Rule = Callable[[Pass, int], Array]


def at(site: str, where: tuple[int, ...], rule: Rule) -> Change:
    """Return a change that puts something else at a site."""
    return Change(site, where, lambda step, number, _: rule(step, number), wraps=False)


def spread(
    kind: Kind,
    tensor: str,
    site: str,
    where: Iterable[tuple[int, ...]],
    rules: Iterable[tuple[str, Rule]],
) -> Iterator[Hypothesis]:
    """Yield one hypothesis for each layer and each variant (detail, rule) of one site."""
    variants = tuple(rules)
    for layer in where:
        for detail, rule in variants:
            yield Hypothesis(kind, layer, tensor, (at(site, layer, rule),), detail)
