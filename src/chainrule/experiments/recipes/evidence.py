"""What a recipe found: its runs and measurements, and the conclusions that follow from them alone.

Decisions
---------
a) A conclusion is a function of the evidence and of nothing else: no expected result stands in
   the code that judges. The claim is what the course says; the numbers decide.
b) Claims are judged by a difference within each repeat. Its 95 % interval is that of the corrected
   resampled t-test. An interval that holds no difference is called "no difference".
c) A run that diverged is not dropped: it counts as a network that guesses.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from typing import Any

import numpy as np

from chainrule.errors import DataError
from chainrule.experiments.recipes.task import Facts
from chainrule.experiments.result import Result
from chainrule.experiments.statistics import corrected_t
from chainrule.frozen import frozen

__all__ = ["DIRECTIONS", "Conclusion", "Evidence", "compared", "worded"]

DIRECTIONS = ("supported", "not supported", "no difference")
_SAME = 1e-12
"""Relative size below which a difference is rounding."""


@frozen
class Conclusion:
    """One claim, and what this run's numbers say of it.

    Parameters
    ----------
    claim : str
    direction : str
        One of `DIRECTIONS`.
    sentences : tuple of str
        The numbers, in words.
    numbers : mapping
        The same as values.
    """

    claim: str
    direction: str
    sentences: tuple[str, ...]
    numbers: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values."""
        return {
            "claim": self.claim,
            "direction": self.direction,
            "sentences": list(self.sentences),
            "numbers": dict(self.numbers),
        }


@frozen
class Evidence:
    """All that one call of a recipe measured.

    Parameters
    ----------
    facts : Facts, optional
        Of the data, if networks were trained.
    results : tuple of Result
        In the order of the arms, then of the repeats.
    measured : mapping
        What is no training run: JSON values.
    """

    facts: Facts | None = None
    results: tuple[Result, ...] = ()
    measured: Mapping[str, Any] = field(default_factory=dict)

    @property
    def known(self) -> Facts:
        """Facts of the data.

        Raises
        ------
        DataError
            No network was trained.
        """
        if self.facts is None:
            raise DataError("this recipe trained no network")
        return self.facts

    def of(self, **settings: Any) -> list[Result]:
        """Return the runs with these settings, by repeat.

        Raises
        ------
        DataError
            There is none.
        """
        found = [
            result
            for result in self.results
            if all(result.settings.get(name) == value for name, value in settings.items())
        ]
        if not found:
            raise DataError("no run has these settings", got=str(settings))
        return sorted(found, key=lambda result: result.split)

    def arms(self) -> list[dict[str, Any]]:
        """Return the settings that were run, in order."""
        seen = {result.setting: dict(result.settings) for result in self.results}
        return list(seen.values())

    def score(self, result: Result) -> float:
        """Return the test score; that of guessing for a run that diverged."""
        return _or(result.test_score, self.known.chance_score)

    def held(self, result: Result) -> float:
        """Return the validation score; that of guessing for a run that diverged."""
        return _or(result.score, self.known.chance_score)

    def last(self, result: Result, column: str) -> float:
        """Return a loss of the last epoch; that of guessing for a run that diverged."""
        value = float(result.history[-1].get(column, math.nan)) if result.history else math.nan
        # The last number before the end may be 1e35: one such run would be the mean of all.
        return self.known.chance_loss if result.diverged else _or(value, self.known.chance_loss)

    def trained(self, result: Result) -> float:
        """Return the training score of the last epoch; that of guessing if the run diverged."""
        if result.diverged or not result.history:
            return self.known.chance_score
        row = result.history[-1]
        return _or(float(row.get(f"train_{self.known.metric}", math.nan)), self.known.chance_score)

    def epochs_to(self, result: Result, column: str, level: float, below: bool = False) -> float:
        """Return when a level is reached, on the line between two epochs; one more if it is not.

        Whole epochs are so coarse that few repeats may all say the same.
        """
        before = math.nan
        for row in result.history:
            value = float(row.get(column, math.nan))
            if value <= level if below else value >= level:
                past = (value - level) / (value - before) if value != before else 0.0
                return float(row["epoch"]) - (past if math.isfinite(past) else 0.0)
            before = value
        return float(result.epochs + 1)

    def best(
        self, arms: Sequence[Mapping[str, Any]], by: Callable[[Result], float] | None = None
    ) -> dict[str, Any]:
        """Return the arm with the best mean validation score; the test rows have no say."""
        means = [np.mean(self.values(arm, by or self.held)) for arm in arms]
        return dict(arms[int(np.argmax(means))])

    def values(self, arm: Mapping[str, Any], measure: Callable[[Result], float]) -> list[float]:
        """Return one number for each repeat of an arm."""
        return [measure(result) for result in self.of(**arm)]

    def lost(self) -> int:
        """Return the number of runs that diverged."""
        return sum(result.diverged for result in self.results)


def _or(value: float, otherwise: float) -> float:
    return value if math.isfinite(value) else otherwise


def worded(value: float) -> str:
    """Return a number to three or four digits.

    Example
    -------
    >>> from chainrule.experiments.recipes.evidence import worded
    >>> worded(0.91234), worded(12.0), worded(3.1e-9), worded(14300.0)
    ('0.912', '12', '3.1e-09', '14,300')
    """
    if not math.isfinite(value):
        return str(value)
    if value == 0 or 1e-3 <= abs(value) < 1:
        return f"{value:.3f}"
    if abs(value) < 1e-3 or abs(value) >= 1e7:
        return f"{value:.2g}"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def compared(
    claim: str,
    names: tuple[str, str],
    values: tuple[Sequence[float], Sequence[float]],
    what: str,
    *,
    overlap: float,
    more: bool = True,
    ratio: bool = False,
) -> Conclusion:
    r"""Judge the claim that one setting has more (or less) of something than another.

    .. math:: d_r = a_r - b_r \quad\text{or}\quad d_r = \log a_r - \log b_r

    with :math:`a, b` = `values`, one for each repeat r. The claim is supported where the whole
    interval of the mean of :math:`d` lies on its side of 0, and not supported on the other.

    Parameters
    ----------
    claim : str
    names : two str
    values : two sequences of float
    what : str
        What the numbers are, such as "test accuracy".
    overlap : float
        For scores of held rows, test rows over training rows: repeats share rows, and the claim is
        about fresh data. 0 for the course of training, whose claim is about this table and fresh
        seeds, and for measurements without data.
    more : bool
        The claim says that the first has more.
    ratio : bool
        Compare logarithms, for positive numbers of very different size; says how many times.

    Source: the interval is that of `chainrule.experiments.statistics.corrected_t`.

    Example
    -------
    >>> from chainrule.experiments.recipes.evidence import compared
    >>> found = compared(
    ...     "a beats b", ("a", "b"), ([3.0, 4.0, 5.0], [1.0, 2.1, 2.9]), "marks", overlap=0.0
    ... )
    >>> found.direction, found.sentences[0]
    ('supported', 'marks: a 4, b 2 (means of 3 repeats).')
    """
    sides = np.array([list(side) for side in values], np.float64)
    whole: np.ndarray = np.asarray(np.isfinite(sides).all(axis=0))
    first, second = sides[:, whole]
    if not whole.any():
        return Conclusion(claim, DIRECTIONS[2], (f"No repeat has a number for: {what}.",))
    if ratio:
        tiny = 1e-300
        pairs = np.log(np.maximum(first, tiny)) - np.log(np.maximum(second, tiny))
        means = [float(np.exp(np.mean(np.log(np.maximum(s, tiny))))) for s in (first, second)]
    else:
        pairs, means = first - second, [float(first.mean()), float(second.mean())]
    scale = 1.0 if ratio else max(float(np.abs(first).max()), float(np.abs(second).max()))
    pairs = np.where(np.abs(pairs) <= _SAME * scale, 0.0, pairs)
    found = corrected_t(pairs.tolist(), overlap)
    sign = 0 if not math.isfinite(found.low) else int(found.low > 0) - int(found.high < 0)
    wanted = 1 if more else -1
    direction = DIRECTIONS[2] if sign == 0 else DIRECTIONS[0 if sign == wanted else 1]
    kind = "geometric means" if ratio else "means"
    lost = len(whole) - len(pairs)
    more_words = f"; {lost} more had no number on one side" if lost else ""
    sentences = (
        (
            f"{what}: {names[0]} {worded(means[0])}, {names[1]} {worded(means[1])} "
            f"({kind} of {len(pairs)} repeats{more_words})."
        ),
        _difference(found.mean, found.low, found.high, names, ratio, sign),
    )
    ends = [value if math.isfinite(value) else None for value in (found.low, found.high)]
    numbers = {
        "what": what,
        "first": {"name": names[0], "mean": means[0], "values": first.tolist()},
        "second": {"name": names[1], "mean": means[1], "values": second.tolist()},
        "difference": {"mean": found.mean, "low": ends[0], "high": ends[1], "ratio": ratio},
        "more": more,
        "repeats": len(pairs),
    }
    return Conclusion(claim, direction, sentences, numbers)


def _difference(
    mean: float, low: float, high: float, names: tuple[str, str], ratio: bool, sign: int
) -> str:
    if not math.isfinite(low):
        return "These repeats are too few for an interval, so no difference is shown."
    if abs(mean) <= _SAME * (high - low):  # differences that cancel but for rounding
        mean = 0.0
    even, pair = ("1", "ratio") if ratio else ("0", "difference")
    numbers = [math.exp(min(value, 690.0)) if ratio else value for value in (mean, low, high)]
    signed = [worded(value) if ratio else _signed(value) for value in numbers]
    place = f"holds {even}" if sign == 0 else f"lies {'above' if sign > 0 else 'below'} {even}"
    between = f"{names[0]} {'over' if ratio else 'less'} {names[1]}"
    return (
        f"The {pair} ({between}, repeat by repeat) is {signed[0]}; "
        f"its 95 % interval, {signed[1]} to {signed[2]}, {place}."
    )


def _signed(value: float) -> str:
    return f"{'+' if value > 0 else ''}{worded(value) if value else '0'}"
