"""Claims as data: which two settings, which measure, which side; and their judgement."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from chainrule.experiments.recipes.evidence import Conclusion, Evidence, compared
from chainrule.experiments.result import Result
from chainrule.frozen import frozen

__all__ = ["Claim", "Measure", "judged"]


@frozen
class Measure:
    """What is compared.

    Parameters
    ----------
    what : str
        In words, as a sentence begins.
    of : function of a run
    ratio : bool
        Compare how many times, not by how much.
    held : bool
        Of held rows: the claim is about fresh data, and the interval is widened for it. The course
        of training is about this table and fresh seeds.
    """

    what: str
    of: Callable[[Result], float]
    ratio: bool = False
    held: bool = True


@frozen
class Claim:
    """The claim that one setting has more (or less) of a measure than another.

    Parameters
    ----------
    words : str
    first, second : str
        Names of two settings.
    measure : str
        Name of a measure.
    more : bool
        The first has more.
    """

    words: str
    first: str
    second: str
    measure: str
    more: bool = True


def judged(
    claims: Sequence[Claim],
    arms: Mapping[str, Mapping[str, Any]],
    measures: Mapping[str, Measure],
    evidence: Evidence,
) -> tuple[Conclusion, ...]:
    """Return the conclusion of each claim.

    Parameters
    ----------
    claims : sequence of Claim
    arms : mapping of name to settings
    measures : mapping of name to Measure
    evidence : Evidence
    """
    found: list[Conclusion] = []
    for claim in claims:
        measure = measures[claim.measure]
        first, second = (
            evidence.values(arms[name], measure.of) for name in (claim.first, claim.second)
        )
        found.append(
            compared(
                claim.words,
                (claim.first, claim.second),
                (first, second),
                measure.what,
                overlap=evidence.known.overlap if measure.held else 0.0,
                more=claim.more,
                ratio=measure.ratio,
            )
        )
    return tuple(found)
