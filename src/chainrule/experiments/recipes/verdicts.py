"""A conclusion as the page shows it: claim, verdict, numbers, and the difference with its interval.

The picture is drawn from the numbers that the sentences hold, so the two cannot differ.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from chainrule.experiments.recipes.evidence import DIRECTIONS, Conclusion
from chainrule.report.interval import interval_drawing
from chainrule.report.page import Verdict
from chainrule.report.svg import Drawing

__all__ = ["capital", "verdict_of"]

_KINDS: dict[str, str] = dict(zip(DIRECTIONS, ("yes", "no", "open"), strict=True))
_MOST = 690.0
"""Logarithm of the largest ratio that is drawn."""


def verdict_of(conclusion: Conclusion) -> Verdict:
    """Return a conclusion for the page.

    Example
    -------
    >>> from chainrule.experiments.recipes.evidence import compared
    >>> from chainrule.experiments.recipes.verdicts import verdict_of
    >>> found = compared("a wins", ("a", "b"), ([3.0, 4.0], [1.0, 2.1]), "marks", overlap=0.0)
    >>> verdict = verdict_of(found)
    >>> verdict.claim, verdict.kind, "a less b" in verdict.drawing
    ('A wins', 'yes', True)
    """
    return Verdict(
        capital(conclusion.claim),
        conclusion.direction,
        _KINDS[conclusion.direction],
        tuple(capital(words) for words in conclusion.sentences),
        _drawing(conclusion.numbers),
    )


def capital(words: str) -> str:
    """Return words with a capital letter in front."""
    return words[:1].upper() + words[1:]


def _drawing(numbers: Mapping[str, Any]) -> Drawing:
    found = numbers.get("difference")
    if found is None or found["low"] is None:
        return Drawing()
    ratio, first, second = found["ratio"], numbers["first"], numbers["second"]
    pairs = list(zip(first["values"], second["values"], strict=True))
    ends = [found["mean"], found["low"], found["high"]]
    if ratio:
        if any(abs(value) > _MOST for value in ends) or any(min(pair) <= 0 for pair in pairs):
            return Drawing()
        points = [one / other for one, other in pairs]
        ends = [math.exp(value) for value in ends]
    else:
        points = [one - other for one, other in pairs]
    return interval_drawing(
        (ends[0], ends[1], ends[2]),
        points,
        f"{first['name']} {'over' if ratio else 'less'} {second['name']}",
        ratio=ratio,
        more=numbers["more"],
    )
