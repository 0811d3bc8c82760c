r"""Means, intervals and tests for scores of repeated runs.

Decisions
---------
a) Runs on repeated splits of one table are not independent: their training rows overlap. The usual
   paired t-test then finds differences that are none, and Student's 95 % interval of a mean of ten
   repeats holds it in 75 % of tables (simulated; 93 % to 96 % with the correction). The corrected
   resampled t-test widens the variance by the share of held rows, in tests and in intervals.
b) With few repeats a t-test leans on its assumption of normal differences, so the signed-rank
   test stands beside it; it assumes symmetry alone. With less than six pairs it cannot find
   anything at 5 %, and says so by its p-value.
c) Scores that count rows are coarse, so a few repeats may all score, or differ by, the same number.
   A t-test takes that for certainty; the sign test, which only counts, stands in for it there.
d) Many pairs are many chances to be fooled: p-values are corrected by Holm's method.
e) 0.3 - 0.2 and 0.2 - 0.1 are one difference and two floats. Tests that rank or count would take
   them for two, so numbers that agree but for rounding are made the same number before.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from chainrule.errors import DataError
from chainrule.frozen import frozen

__all__ = [
    "Interval",
    "corrected_t",
    "holm",
    "mean_interval",
    "mean_ranks",
    "paired_differences",
    "pairs_among",
    "rank_difference",
    "sign_test",
    "signed_rank",
]

LEVEL = 0.95
"""Share of the intervals that hold what they are of."""
_SAME = 1e-12
"""Relative size of what is rounding alone: a deviation, or the distance of two numbers."""
_COUNTED = 50
"""So many differences have 2^50 choices of signs at most, which float64 counts exactly."""


@frozen
class Interval:
    """A mean and the interval around it; NaN where there are too few numbers."""

    mean: float
    low: float
    high: float
    deviation: float
    """Standard deviation of the numbers."""
    p: float = math.nan
    """Of the hypothesis that the true mean is 0."""


def paired_differences(first: Sequence[float], second: Sequence[float]) -> list[float]:
    """Return first minus second, pair by pair, without what is rounding alone.

    A difference of two scores is uncertain by the roundings of the scores. One that is no larger is
    0, and such as lie no farther apart are the same number.

    Example
    -------
    >>> from chainrule.experiments.statistics import paired_differences
    >>> 0.3 - 0.2 == 0.2 - 0.1
    False
    >>> sorted(set(paired_differences([0.3, 0.2, 0.1 + 0.2], [0.2, 0.1, 0.3])))
    [0.0, 0.09999999999999998]
    """
    one, other = np.asarray(first, np.float64), np.asarray(second, np.float64)
    grain = _SAME * np.maximum(np.abs(one), np.abs(other))
    values = one - other
    sizes = np.where(np.abs(values) <= grain, 0.0, np.abs(values))
    return (np.sign(values) * _merged(sizes, grain) + 0.0).tolist()


def _merged(sizes: np.ndarray, grain: np.ndarray) -> np.ndarray:
    """Return sizes, those that lie within their grain of the next smaller one as that one."""
    order = np.argsort(sizes, kind="stable")
    ranked, grain = sizes[order], grain[order]
    with np.errstate(invalid="ignore"):  # infinities are the same
        apart = np.diff(ranked) > np.minimum(grain[1:], grain[:-1])
    first = np.maximum.accumulate(np.r_[0, np.where(apart, np.arange(1, len(ranked)), 0)])
    merged = np.empty_like(sizes)
    merged[order] = ranked[first] if len(ranked) else ranked
    return merged


def mean_interval(values: Sequence[float], held: float = 0.0, level: float = LEVEL) -> Interval:
    r"""Return the mean of numbers and its interval by Student's t, for scores of repeated splits.

    .. math:: \bar x \pm t_{n-1} \, s \sqrt{1/n + n_h / n_t}

    with :math:`\bar x`, :math:`s` mean and standard deviation of `values`, :math:`n` their number
    and :math:`n_h / n_t` = `held` as in `corrected_t`; 0 is Student's own interval. Fewer than six
    numbers that are all the same have none: scores that count rows are coarse, so two of them on 48
    rows agree in one sweep of seven, wherever their mean is. From six on it has no width.

    Source: Student, "The probable error of a mean" (Biometrika 1908); Nadeau, Bengio, "Inference
    for the generalization error" (Machine Learning 2003).

    Example
    -------
    >>> from chainrule.experiments.statistics import mean_interval
    >>> found = mean_interval([1.0, 2.0, 3.0])
    >>> found.mean, round(found.low, 3)
    (2.0, -0.484)
    """
    found = corrected_t(values, held, level)
    if not found.deviation <= _SAME * abs(found.mean):
        return found
    end = found.mean if _sure(len(values), level) else math.nan
    return replace(found, low=end, high=end)


def _sure(count: int, level: float) -> bool:
    """Say whether so many numbers that are all the same are no accident of coarse scores."""
    return 2 * 0.5**count < 1 - level


def corrected_t(differences: Sequence[float], held: float, level: float = LEVEL) -> Interval:
    r"""Return the mean of paired differences, its interval and p-value, for repeated splits.

    .. math:: t = \frac{\bar d}{\sqrt{(1/n + n_h / n_t) \, s^2}}, \quad n - 1 \text{ degrees}

    with :math:`d` = `differences`, :math:`n` their number, :math:`s^2` their variance and
    :math:`n_h / n_t` = `held`.

    Parameters
    ----------
    differences : sequence of float
    held : float
        Held rows over training rows of one split; 0 for runs that are independent, which is
        Student's paired test.
    level : float
        Share of the intervals that hold the true mean.

    Where all differences are the same, 0 too, there is no variance to go by: p is that of the sign
    test, and the interval is NaN for fewer than six.

    Source: Nadeau, Bengio, "Inference for the generalization error" (Machine Learning 2003), with
    Bouckaert, Frank (PAKDD 2004) for repeated folds.

    Example
    -------
    >>> from chainrule.experiments.statistics import corrected_t
    >>> differences = [0.02, 0.01, 0.03, 0.02, 0.00]
    >>> round(corrected_t(differences, 0.0).p, 3), round(corrected_t(differences, 0.25).p, 3)
    (0.035, 0.105)
    """
    from scipy import special  # quicker to import than scipy.stats

    values = np.asarray(differences, np.float64)
    count = len(values)
    if not count:
        return Interval(math.nan, math.nan, math.nan, math.nan)
    mean = float(values.mean())
    if count == 1:
        return Interval(mean, math.nan, math.nan, math.nan)
    deviation = float(values.std(ddof=1))
    error = deviation * math.sqrt(1 / count + held)
    reach = float(special.stdtrit(count - 1, 0.5 + level / 2)) * error
    if deviation <= _SAME * abs(mean):
        end = mean if _sure(count, level) else math.nan
        return Interval(mean, end, end, deviation, sign_test(values))
    p = float(2 * special.stdtr(count - 1, -abs(mean) / error))
    return Interval(mean, mean - reach, mean + reach, deviation, p)


def signed_rank(differences: Sequence[float]) -> float:
    """Return the two-sided p-value of Wilcoxon's signed-rank test; 1 if all differences are 0.

    Differences of 0 take ranks and then no part (Pratt); those equal but for rounding share their
    ranks (those of scores come from `paired_differences`). With up to 50 differences p counts all
    choices of signs for these ranks, so it is exact with ties too; with more it is that of the
    normal approximation.

    Source: Wilcoxon, "Individual comparisons by ranking methods" (1945); Pratt (1959) for zeros.

    Example
    -------
    >>> from chainrule.experiments.statistics import signed_rank
    >>> round(signed_rank([0.3, 0.1, 0.2, 0.4, 0.5, 0.6]), 4)
    0.0312
    """
    values = np.asarray(differences, np.float64)
    if not values.any():
        return 1.0
    sizes = np.abs(values)
    values = np.sign(values) * _merged(sizes, _SAME * sizes)
    if len(values) <= _COUNTED:
        return _counted(values)
    from scipy import stats

    zeros = "pratt" if (values == 0).any() else "wilcox"
    found: Any = stats.wilcoxon(values, zero_method=zeros, method="approx")
    return float(found.pvalue)


def _counted(values: np.ndarray) -> float:
    """Return the two-sided p-value of a rank sum among the sums of all choices of signs."""
    _, place, counts = np.unique(np.abs(values), return_inverse=True, return_counts=True)
    ranks = (2 * counts.cumsum() - counts + 1)[place]  # twice the mean rank, so a whole number
    ways = np.ones(1)  # by sum; whole numbers below 2^53
    for rank in ranks[values != 0].tolist():
        ways = np.pad(ways, (0, rank)) + np.pad(ways, (rank, 0))
    found = int(ranks[values > 0].sum())
    tail = min(ways[: found + 1].sum(), ways[found:].sum())
    return float(min(2 * tail / ways.sum(), 1.0))


def sign_test(differences: Sequence[float] | np.ndarray) -> float:
    """Return the two-sided p-value of the sign test: how often one side was ahead, no more.

    Source: Arbuthnot (1710); Conover, "Practical nonparametric statistics" (1999), 3.4.

    Example
    -------
    >>> from chainrule.experiments.statistics import sign_test
    >>> sign_test([1.0, 2.0, 0.5, 0.1, 3.0])
    0.0625
    """
    from scipy import stats

    values = np.asarray(differences, np.float64)
    ahead, behind = int((values > 0).sum()), int((values < 0).sum())
    if ahead + behind == 0:
        return 1.0
    return float(stats.binomtest(ahead, ahead + behind).pvalue)


def holm(p_values: Sequence[float], of: int | None = None) -> list[float]:
    """Return p-values corrected for their number by Holm's method; NaN stays NaN and counts.

    Parameters
    ----------
    p_values : sequence of float
    of : int, optional
        Number of all that these were picked out of after a look at the data; theirs without.

    Source: Holm, "A simple sequentially rejective multiple test procedure" (1979).

    Example
    -------
    >>> from chainrule.experiments.statistics import holm
    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    count, least = of or len(p_values), 0.0
    corrected = [math.nan] * len(p_values)
    known = [place for place in range(len(p_values)) if not math.isnan(p_values[place])]
    for turn, place in enumerate(sorted(known, key=lambda place: p_values[place])):
        least = max(least, min(1.0, (count - turn) * p_values[place]))
        corrected[place] = least
    return corrected


def pairs_among(settings: int) -> int:
    """Return the number of pairs that settings make; who is best is known after a look at all."""
    return max(math.comb(settings, 2), 1)


def mean_ranks(table: Sequence[Sequence[float]], greater_is_better: bool) -> list[float]:
    """Return the mean rank of each column over the rows; rank 1 is the best, ties share.

    A score that is not finite ranks last.

    Parameters
    ----------
    table : (repeats, settings) numbers
    greater_is_better : bool

    Source: Demsar, "Statistical comparisons of classifiers over multiple data sets" (JMLR 2006).

    Example
    -------
    >>> from chainrule.experiments.statistics import mean_ranks
    >>> mean_ranks([[0.9, 0.8, 0.8], [0.7, 0.8, 0.6]], greater_is_better=True)
    [1.5, 1.75, 2.75]
    """
    from scipy import stats

    scores = np.asarray(table, np.float64)
    if scores.ndim != 2 or not scores.size:
        raise DataError("ranks need a score of each setting in each repeat")
    lower = -scores if greater_is_better else scores
    lower = np.where(np.isfinite(lower), lower, np.inf)
    same = [_merged(row, _SAME * np.abs(row)) for row in lower]
    return [float(rank) for rank in stats.rankdata(same, axis=1).mean(axis=0)]


def rank_difference(settings: int, repeats: int, held: float = 0.0, level: float = LEVEL) -> float:
    r"""Return by how much two mean ranks must differ to count, by Nemenyi's test.

    .. math:: q_{\alpha, k} \sqrt{\frac{k (k + 1)}{6} \left(\frac1n + \frac{n_h}{n_t}\right)}

    with :math:`k` = `settings`, :math:`n` = `repeats`, :math:`q` the quantile of the studentised
    range over :math:`\sqrt 2`, and :math:`n_h / n_t` = `held` as in `corrected_t`: ranks of
    repeats on splits of one table are not independent either, and without it two equal settings
    are told apart three times as often as promised.

    Source: Nemenyi (1963); Demsar, "Statistical comparisons of classifiers over multiple data
    sets" (JMLR 2006), table 5.

    Example
    -------
    >>> from chainrule.experiments.statistics import rank_difference
    >>> round(rank_difference(4, 14), 2)
    1.25
    """
    from scipy import stats

    quantile = float(stats.studentized_range.ppf(level, settings, np.inf)) / math.sqrt(2)
    return quantile * math.sqrt(settings * (settings + 1) / 6 * (1 / repeats + held))
