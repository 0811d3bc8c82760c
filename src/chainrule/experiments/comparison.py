"""What a comparison says: settings by rank, every pair with its test, and the whole in words."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from chainrule.errors import UsageError
from chainrule.experiments.outcome import Sweep
from chainrule.experiments.statistics import (
    LEVEL,
    corrected_t,
    holm,
    mean_ranks,
    paired_differences,
    pairs_among,
    rank_difference,
    sign_test,
    signed_rank,
)
from chainrule.experiments.table import TableRow
from chainrule.frozen import frozen
from chainrule.storage.document import plain

__all__ = ["MOST", "Comparison", "Pair", "against_best", "compared"]

MOST = 60
"""Settings of one comparison: 1,770 pairs."""


@frozen
class Pair:
    """Two settings on the same splits.

    Parameters
    ----------
    better, worse : str
        The settings in words, by their mean score.
    difference, low, high : float
        Mean of better minus worse, and its 95 % interval by the corrected test.
    n : int
        Splits on which both have a score.
    lost : tuple of int
        Splits on which they have none: diverged or failed.
    p : float
        Of the corrected resampled t-test; NaN with less than two splits.
    p_holm : float
        The same, corrected for the number of pairs.
    p_signed_rank, p_sign : float
        Of Wilcoxon's signed-rank test and of the sign test.
    """

    better: str
    worse: str
    difference: float
    low: float
    high: float
    n: int
    lost: tuple[int, int]
    p: float
    p_holm: float
    p_signed_rank: float
    p_sign: float

    @property
    def differs(self) -> bool:
        """Whether the difference is larger than chance explains at 5 %."""
        return self.p_holm < 1 - LEVEL

    def words(self, score: str) -> str:
        """Return in one sentence what is known of the two."""
        pair = f"{self.better} against {self.worse}"
        if self.n < 2:
            return f"{pair}: too few common runs to say anything ({self.n})"
        by = f"{score} {abs(self.difference):.4g}"
        span = f"95 % interval {self.low:+.4g} to {self.high:+.4g}"
        if math.isnan(self.low):
            span = f"the same in all {self.n}, too few to be sure"
        lost = f"; runs lost: {self.lost[0]} and {self.lost[1]}" if any(self.lost) else ""
        if self.differs:
            return f"{pair}: better by {by} ({span}, p = {self.p_holm:.2g}{lost})"
        return (
            f"{pair}: no difference that {self.n} runs can show; "
            f"{by} apart ({span}, p = {self.p_holm:.2g}{lost})"
        )


@frozen
class Comparison:
    """Settings compared over the same splits and seeds.

    Parameters
    ----------
    sweep : Sweep
        The runs.
    pairs : tuple of Pair
        Every pair, those of the best setting first.
    ranks : mapping of setting to mean rank
        1 is the best; over the splits on which every setting ran.
    critical : float
        By how much two mean ranks must differ to count (Nemenyi, with the correction for splits
        that overlap); NaN without common splits.
    """

    sweep: Sweep
    pairs: tuple[Pair, ...]
    ranks: dict[str, float]
    critical: float

    def table(self) -> list[TableRow]:
        """Return one row for each setting, the best first."""
        return self.sweep.table()

    def conclusion(self) -> str:
        """Return what the best setting is better than, and what it is not told apart from."""
        rows = self.table()
        text = self._first(rows)
        text += "".join(words.format(_listed(names)) for words, names in self._rest(rows) if names)
        ill = [row for row in rows if row.diverged]
        if ill:
            text += " Diverged: " + _listed([_share(row) for row in ill]) + "."
        failed = [row.setting for row in rows if row.failed]
        return text + (f" Failed: {_listed(failed)}." if failed else "")

    def _first(self, rows: Sequence[TableRow]) -> str:
        """Return what is said of the best: it may be so only among those that lost few runs."""
        best, sign = rows[0], 1.0 if self.sweep.greater_is_better else -1.0
        if not best.scored:
            return "No run has a score."
        ahead = any(sign * (row.mean - best.mean) > 0 for row in rows if row.epochs == best.epochs)
        few = "no run" if best.scored == best.runs else "the fewest runs"
        among = f" of the settings that lost {few}" if ahead else ""
        same = [row.setting for row in self.sweep.also_best()]
        also = f", the same as {_listed(same)}" if same else ""
        return f"{best.setting} has the best mean {self.sweep.score}{among}, {best.mean:.4g}{also}."

    def _rest(self, rows: Sequence[TableRow]) -> list[tuple[str, list[str]]]:
        """Return a sentence for each kind of difference from the best, and the settings it has."""
        best = rows[0].setting
        sure, better, unshown, few = [list[str]() for _ in range(4)]
        for pair in self.pairs:
            if best not in (pair.better, pair.worse):
                continue
            other = pair.worse if pair.better == best else pair.better
            if pair.n < 2 and any(pair.lost):
                few.append(other)
            elif not pair.differs:
                unshown.append(other)
            else:
                (sure if pair.better == best else better).append(other)
        silent = [row.setting for row in rows if not row.scored]
        few = [other for other in few if other not in silent and best not in silent]
        return [
            (" It is better than {}.", sure),
            (" Where these did not lose their runs they are better: {}.", better),
            (" A difference from {} is not shown by these runs.", unshown),
            (" Too few splits are scored on both sides to tell it from {}.", few),
            (" Without any score: {}.", silent if rows[0].scored else []),
        ]

    def __str__(self) -> str:
        lines = [self.conclusion(), *(pair.words(self.sweep.score) for pair in self.pairs)]
        return "\n".join(lines)

    def document(self) -> dict[str, Any]:
        """Return everything but the histories as JSON values."""
        pairs = [{**asdict(pair), "differs": pair.differs} for pair in self.pairs]
        return plain(
            {
                **self.sweep.document(),
                "conclusion": self.conclusion(),
                "pairs": pairs,
                "ranks": self.ranks,
                "critical_rank_difference": self.critical,
            }
        )


def _listed(words: Sequence[str]) -> str:
    return "; ".join(words) if any(", " in word for word in words) else ", ".join(words)


def _share(row: TableRow) -> str:
    return f"{row.setting} ({row.diverged} of {row.runs} runs)"


def compared(sweep: Sweep) -> Comparison:
    """Compare the settings of a sweep, split by split.

    Parameters
    ----------
    sweep : Sweep
        With two settings at least, whose runs have the same splits and seeds.

    Raises
    ------
    UsageError
        There is nothing to compare, or far too much.

    Example
    -------
    >>> from chainrule.experiments.comparison import compared
    >>> from chainrule.experiments import Result, Sweep
    >>> rows = [
    ...     Result({"a": a}, r, r, r, score=0.8 + 0.1 * a + 0.01 * r * (1 + a))
    ...     for a in (0, 1)
    ...     for r in range(5)
    ... ]
    >>> found = compared(Sweep(rows, "accuracy", True, {"a": [0, 1]}, held=0.25))
    >>> found.pairs[0].better, found.pairs[0].differs, found.ranks
    ('a=1', True, {'a=1': 1.0, 'a=0': 2.0})
    """
    rows = sweep.table()
    if not 2 <= len(rows) <= MOST:
        raise UsageError(
            "these runs cannot be compared",
            expected=f"2 to {MOST} settings",
            got=f"{len(rows)} with finished runs",
        )
    scores = {row.setting: _scores(sweep, row) for row in rows}
    found = [
        _pair(sweep, one, other, scores)
        for one, other in itertools.combinations([row.setting for row in rows], 2)
    ]
    corrected = holm([pair.p for pair in found])
    pairs = tuple(replace(pair, p_holm=p) for pair, p in zip(found, corrected, strict=True))
    ranks, common = _ranks(sweep, scores)
    critical = rank_difference(len(rows), common, sweep.held) if common else math.nan
    return Comparison(sweep, pairs, ranks, critical)


def _scores(sweep: Sweep, row: TableRow) -> dict[int, float]:
    """Return the score of a setting on each split, NaN where it has none."""
    return {
        result.split: result.score
        for result in sweep.results_of(row.settings)
        if result.epochs == row.epochs
    }


def _pair(sweep: Sweep, one: str, other: str, scores: dict[str, dict[int, float]]) -> Pair:
    both = sorted(set(scores[one]) & set(scores[other]))
    pairs = np.array([(scores[one][split], scores[other][split]) for split in both]).reshape(-1, 2)
    good = np.isfinite(pairs)
    left, right = pairs[good.all(axis=1)].T
    sign = 1.0 if sweep.greater_is_better else -1.0
    ahead = paired_differences(left.tolist(), right.tolist())
    first = sign * math.fsum(ahead) >= 0
    better, worse = (one, other) if first else (other, one)
    differences = ahead if first else [0.0 - value for value in ahead]
    found = corrected_t(differences, sweep.held)
    lost = tuple(int(count) for count in len(pairs) - good.sum(axis=0))
    return Pair(
        better,
        worse,
        found.mean,
        found.low,
        found.high,
        len(differences),
        (lost[0], lost[1]) if first else (lost[1], lost[0]),
        found.p,
        math.nan,
        signed_rank(differences) if differences else math.nan,
        sign_test(differences) if differences else math.nan,
    )


def _ranks(sweep: Sweep, scores: dict[str, dict[int, float]]) -> tuple[dict[str, float], int]:
    common = sorted(set.intersection(*(set(found) for found in scores.values())))
    if not common:
        return {}, 0
    table = [[found[split] for found in scores.values()] for split in common]
    ranks = mean_ranks(table, sweep.greater_is_better)
    return dict(zip(scores, ranks, strict=True)), len(common)


def against_best(sweep: Sweep) -> list[tuple[str, Pair]]:
    """Return each setting but the best, with its test against the best.

    The best was picked by the same runs, so the p-values are corrected for the number of all pairs:
    for these alone, of a dozen equal settings one in seven sweeps would find a difference.

    Parameters
    ----------
    sweep : Sweep

    Example
    -------
    >>> from chainrule.experiments import Result, Sweep
    >>> from chainrule.experiments.comparison import against_best
    >>> rows = [Result({"a": a}, r, r, r, a + (a - 0.5) * r / 9) for a in (0, 1) for r in range(5)]
    >>> [(name, pair.differs) for name, pair in against_best(Sweep(rows, "r2", True, {}))]
    [('a=0', True)]
    """
    rows = sweep.table()
    if not rows:
        return []
    best = rows[0].setting
    scores = {row.setting: _scores(sweep, row) for row in rows if row.epochs == rows[0].epochs}
    others = [name for name in scores if name != best]
    pairs = [_pair(sweep, best, other, scores) for other in others]
    corrected = holm([pair.p for pair in pairs], pairs_among(len(scores)))
    return [
        (other, replace(pair, p_holm=p))
        for other, pair, p in zip(others, pairs, corrected, strict=True)
    ]
