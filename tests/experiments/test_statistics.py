"""Statistics against SciPy's, and against tables in print."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy import stats

from chainrule.errors import ChainruleError
from chainrule.experiments import Result, Sweep
from chainrule.experiments.comparison import against_best, compared
from chainrule.experiments.statistics import (
    corrected_t,
    holm,
    mean_interval,
    mean_ranks,
    paired_differences,
    rank_difference,
    sign_test,
    signed_rank,
)

VALUES = np.random.default_rng(1).normal(0.3, 1.0, 12)


def test_the_interval_is_students() -> None:
    found = mean_interval(VALUES.tolist())
    low, high = stats.t.interval(0.95, 11, VALUES.mean(), stats.sem(VALUES))
    assert (found.low, found.high) == pytest.approx((low, high))
    assert found.p == pytest.approx(stats.ttest_1samp(VALUES, 0).pvalue)


def test_the_corrected_test_widens_the_variance() -> None:
    plain, corrected = corrected_t(VALUES.tolist(), 0.0), corrected_t(VALUES.tolist(), 0.25)
    factor = math.sqrt((1 / 12 + 0.25) / (1 / 12))
    assert (corrected.high - corrected.mean) / (plain.high - plain.mean) == pytest.approx(factor)
    t = VALUES.mean() / (VALUES.std(ddof=1) * math.sqrt(1 / 12 + 0.25))
    assert corrected.p == pytest.approx(2 * stats.t.sf(abs(t), 11))


def test_few_numbers_give_no_interval() -> None:
    assert math.isnan(mean_interval([]).mean)
    assert (mean_interval([2.0]).mean, mean_interval([2.0]).p) == (
        2.0,
        pytest.approx(math.nan, nan_ok=True),
    )
    assert corrected_t([0.0, 0.0, 0.0], 0.2).p == 1.0


@pytest.mark.parametrize("count", [2, 5, 6, 9])
def test_differences_that_are_all_the_same_are_counted(count: int) -> None:
    """Three repeats that are all one row of twelve apart prove nothing."""
    differences = [5 / 12 - 4 / 12, 10 / 12 - 9 / 12, 3 / 12 - 2 / 12] * 3
    found = corrected_t(differences[:count], 0.25)
    assert found.p == pytest.approx(2 * 0.5**count)
    assert math.isfinite(found.low) == math.isfinite(found.high) == (count >= 6)
    assert mean_interval([0.75] * count).low == pytest.approx(
        0.75 if count >= 6 else math.nan, nan_ok=True
    )
    better = [value + 1 / 12 for value in differences[:count]]
    words = str(compared(made({"a": better, "b": differences[:count]})))
    assert ("no difference" in words) == (count < 6)
    assert ("the same in all" in words) == (count < 6)


def test_the_signed_rank_test_is_scipys() -> None:
    assert signed_rank(VALUES.tolist()) == pytest.approx(stats.wilcoxon(VALUES).pvalue)
    assert signed_rank([0.0, 0.0]) == 1.0
    many = np.random.default_rng(2).integers(-3, 5, 60).astype(float)
    theirs = stats.wilcoxon(many, zero_method="pratt", method="approx").pvalue
    assert signed_rank(many.tolist()) == pytest.approx(theirs)
    theirs = stats.wilcoxon(many[:50], zero_method="pratt", method="approx").pvalue
    assert signed_rank(many[:50].tolist()) == pytest.approx(theirs, rel=0.05)


@pytest.mark.parametrize(
    "values",
    [
        [0.0, 1.0, 1.0, -2.0, 3.0, 3.0],
        [0.5, 0.5],
        [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, -1.0],
        [0.0, 0.0, 0.0, 4.0],
        [2.0, -1.0, 3.0, 5.0, -4.0, 7.0, 6.0, 8.0],
    ],
)
def test_the_signed_rank_test_counts_all_signs(values: list[float]) -> None:
    ranks = stats.rankdata(np.abs(values))
    taken = [(rank, value > 0) for rank, value in zip(ranks, values, strict=True) if value]
    found = sum(rank for rank, ahead in taken if ahead)
    signs = itertools.product((0, 1), repeat=len(taken))
    sums = np.array(
        [sum(s * rank for s, (rank, _) in zip(row, taken, strict=True)) for row in signs]
    )
    p = min(1, 2 * min(np.mean(sums <= found), np.mean(sums >= found)))
    assert signed_rank(values) == p
    assert signed_rank([-value for value in values]) == p


def test_the_sign_test_counts() -> None:
    assert sign_test([1, 2, 3, -1, 0]) == pytest.approx(stats.binomtest(3, 4).pvalue)
    assert sign_test([0.0]) == 1.0


def test_holm_is_monotone_and_at_most_bonferroni() -> None:
    values = [0.01, 0.04, 0.03, 0.005, math.nan]
    found = holm(values)
    assert found[:4] == pytest.approx([0.04, 0.09, 0.09, 0.025])
    assert math.isnan(found[4])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([0.03, 0.001], of=6) == pytest.approx([0.15, 0.006])


def test_the_critical_difference_is_demsars() -> None:
    # Demsar (2006), table 5: q of 0.05 is 2.343 for 3 and 3.164 for 10 settings.
    assert rank_difference(3, 1) == pytest.approx(2.343 * math.sqrt(3 * 4 / 6), abs=2e-3)
    assert rank_difference(10, 1) == pytest.approx(3.164 * math.sqrt(10 * 11 / 6), abs=4e-3)
    assert rank_difference(4, 14, 0.25) == pytest.approx(rank_difference(4, 14) * 4.5**0.5)


@pytest.mark.parametrize("scale", [1 / 360, 1 / 12, 1e9 / 7])
def test_differences_equal_but_for_rounding_tie(scale: float) -> None:
    """Shares of rows are whole numbers to these tests: 4 rows more are as many as 4 rows less."""
    generator = np.random.default_rng(7)
    one, other = (generator.integers(300, 312, (80, 12)) for _ in range(2))
    floats = (
        [(left * scale).tolist() for left in one],
        [(right * scale).tolist() for right in other],
    )
    split = 0
    for whole, left, right in zip(one - other, *floats, strict=True):
        split += len(set(np.abs(np.subtract(left, right)))) > len(set(np.abs(whole)))
        differences = paired_differences(left, right)
        assert signed_rank(differences) == signed_rank(whole.tolist())
        assert sign_test(differences) == sign_test(whole)
        assert differences == pytest.approx(np.subtract(left, right), rel=1e-9, abs=1e-9)
        shifted = [value + 1e-3 * scale for value in right]
        assert 0.0 not in paired_differences(left, shifted)
    assert split > 40
    assert signed_rank([0.3 - 0.2, 0.1 - 0.2, 0.5, 0.7]) == signed_rank([1, -1, 5, 7])
    assert signed_rank([0.3 - 0.2, 0.1 - 0.2] * 30) == 1.0


@pytest.mark.parametrize("count", [2, 5, 6])
def test_a_few_ties_are_no_proof_of_equality(count: int) -> None:
    found = corrected_t([0.0] * count, 0.25)
    assert (found.mean, found.p) == (0.0, 1.0)
    assert math.isfinite(found.low) == (count >= 6)
    words = str(compared(made({"a": [0.8] * count, "b": [0.8] * count})))
    assert (f"the same in all {count}, too few to be sure" in words) == (count < 6)


def test_one_huge_score_makes_no_other_difference_a_rounding() -> None:
    found = paired_differences([1e30, 2.0, 3.0, 1e30], [1e30, 1.5, 2.5, 1.0])
    assert found == [0.0, 0.5, 0.5, 1e30]
    assert paired_differences([], []) == []


def test_scores_equal_but_for_rounding_are_no_difference() -> None:
    """Weighted shares of one size, added up in another order."""
    one, other = [0.1 + 0.2, 0.7, 0.6] * 3, [0.3, 0.7, 0.1 + 0.2 + 0.3] * 3
    found = compared(made({"a": one, "b": other}))
    assert found.ranks == {"a": 1.5, "b": 1.5}
    assert (found.pairs[0].difference, found.pairs[0].p, found.pairs[0].p_sign) == (0.0, 1.0, 1.0)
    assert mean_ranks([[0.3, math.inf, 0.1 + 0.2, math.nan]], False) == [1.5, 3.5, 1.5, 3.5]


def test_ranks_share_ties_and_put_lost_runs_last() -> None:
    assert mean_ranks([[0.9, math.nan, 0.9]], True) == [1.5, 3.0, 1.5]
    assert mean_ranks([[0.9, 0.1]], False) == [2.0, 1.0]
    with pytest.raises(ChainruleError):
        mean_ranks([], True)


def made(scores: dict[str, list[float]], held: float = 0.25) -> Sweep:
    rows = [
        Result({"setting": name}, place, place, place, score=value)
        for name, values in scores.items()
        for place, value in enumerate(values)
    ]
    return Sweep(rows, "accuracy", True, {}, held)


def test_false_alarms_are_as_rare_as_promised_even_for_overlapping_splits() -> None:
    generator = np.random.default_rng(0)
    alarms = 0
    for _ in range(200):
        shared = generator.normal(0, 0.02, (2, 10)) + generator.normal(0, 0.005, (2, 1))
        found = compared(made({"a": shared[0].tolist(), "b": shared[1].tolist()}))
        alarms += found.pairs[0].differs
    assert alarms <= 20


@pytest.mark.parametrize("settings", [2, 5, 12])
def test_of_equal_settings_the_best_is_seldom_told_from_another(settings: int) -> None:
    """The best is picked by the same runs, and more settings are more chances to be fooled."""
    generator = np.random.default_rng(settings)
    alarms = ranked = 0
    reach = rank_difference(settings, 6, 0.25)
    for _ in range(100):
        table = generator.normal(0, 0.02, (settings, 6))
        table += generator.normal(0, 0.005, (settings, 1))  # what sharing rows does
        found = made({str(name): row.tolist() for name, row in enumerate(table)})
        alarms += any(pair.differs for _, pair in against_best(found))
        ranks = mean_ranks(table.T.tolist(), True)
        ranked += max(ranks) - min(ranks) >= reach
    assert alarms <= 8
    assert ranked <= 8


def test_settings_that_differ_in_the_seventh_digit_are_not_one() -> None:
    rows = [
        Result({"rate": rate}, place, place, place, score=rate + place)
        for rate in (0.10000001, 0.10000002, 0.1)
        for place in range(3)
    ]
    found = compared(Sweep(rows, "accuracy", True, {}))
    assert len(found.ranks) == 3
    assert [row.setting for row in found.table()][-1] == "rate=0.1"


def test_an_interval_holds_the_mean_as_often_as_it_says() -> None:
    """Ten splits of one table: what they share is in all of them."""
    generator = np.random.default_rng(1)
    covered = {0.0: 0, 0.25: 0}
    for _ in range(600):
        shared = generator.normal(0, 0.25**0.5)
        scores = shared + generator.normal(size=10)
        for held in covered:
            found = mean_interval(scores.tolist(), held)
            covered[held] += found.low <= 0 <= found.high
    assert covered[0.0] < 0.85 * 600
    assert covered[0.25] > 0.93 * 600
    table = made({"a": scores.tolist(), "b": scores.tolist()}).table()[0]
    assert (table.low, table.high) == (found.low, found.high)


@pytest.mark.parametrize("rows", [20, 48, 360])
@pytest.mark.parametrize("repeats", [2, 3, 6])
def test_an_interval_of_coarse_scores_holds_the_mean_too(rows: int, repeats: int) -> None:
    """Two scores on 48 rows are often the same: an interval of no width would be believed."""
    generator = np.random.default_rng(rows + repeats)
    held = told = 0
    for _ in range(1000):
        found = mean_interval((generator.binomial(rows, 0.9, repeats) / rows).tolist())
        told += math.isfinite(found.low)
        held += found.low <= 0.9 <= found.high
    assert told > 700
    assert held >= 0.93 * told


def test_a_clear_difference_is_found_and_said() -> None:
    steps = [0.001 * place for place in range(8)]
    scores = {"good": [0.9 + step for step in steps], "bad": [0.7 - step for step in steps]}
    found = compared(made(scores))
    assert found.pairs[0].differs
    assert "good has the best mean accuracy" in str(found)
    assert "It is better than bad." in found.conclusion()
    assert found.ranks == {"good": 1.0, "bad": 2.0}


def test_no_difference_is_said_to_be_none() -> None:
    found = compared(made({"a": [0.8, 0.9, 0.7], "b": [0.81, 0.88, 0.71]}))
    assert not found.pairs[0].differs
    assert "no difference that 3 runs can show" in str(found)
    assert "is not shown by these runs" in found.conclusion()


def test_lost_runs_are_left_out_of_a_pair_and_named() -> None:
    nan = math.nan
    found = compared(made({"a": [0.8, 0.9, 0.7], "b": [0.5, nan, nan]}))
    assert (found.pairs[0].n, found.pairs[0].lost) == (1, (0, 2))
    assert "too few common runs" in str(found)
    assert "diverged" not in found.conclusion().lower()  # these have no score for another reason


def test_a_setting_that_lost_all_its_runs_is_said_to_have_no_score() -> None:
    found = compared(made({"a": [0.8, 0.81, 0.8], "b": [math.nan] * 3})).conclusion()
    assert "a has the best mean accuracy, 0.8033." in found
    assert "Without any score: b." in found
    assert "difference" not in found


def test_a_better_setting_that_lost_a_run_is_said_to_be_better_without_it() -> None:
    found = compared(made({"a": [0.8, 0.81, 0.8, 0.79], "b": [0.95, 0.97, 0.95, math.nan]}))
    assert found.table()[0].setting == "a"
    assert "the best mean accuracy of the settings that lost no run, 0.8." in found.conclusion()
    assert "Where these did not lose their runs they are better: b." in found.conclusion()
    assert "not shown" not in found.conclusion()
    assert "runs lost: 1 and 0" in str(found)


def test_too_few_common_splits_are_said_to_be_too_few() -> None:
    nan = math.nan
    found = compared(made({"a": [0.8, 0.9, 0.7], "b": [0.5, nan, nan], "c": [0.8, 0.9, 0.6]}))
    assert "Too few splits are scored on both sides to tell it from b." in found.conclusion()
    assert "A difference from c is not shown" in found.conclusion()


def test_no_score_at_all_is_said() -> None:
    found = compared(made({"a": [math.nan] * 2, "b": [math.nan] * 2})).conclusion()
    assert found == "No run has a score."


def test_one_setting_cannot_be_compared() -> None:
    with pytest.raises(ChainruleError, match="cannot be compared"):
        compared(made({"a": [0.8]}))


def test_the_others_are_tested_against_the_best() -> None:
    scores = {"a": [0.8, 0.81, 0.82, 0.8], "b": [0.5, 0.52, 0.51, 0.5], "c": [0.8, 0.8, 0.83, 0.8]}
    found = {name: pair.differs for name, pair in against_best(made(scores))}
    assert found in ({"a": False, "b": True}, {"c": False, "b": True})
    surest = min((pair for _, pair in against_best(made(scores))), key=lambda pair: pair.p)
    assert surest.p_holm == pytest.approx(3 * surest.p)  # of three pairs the best was picked
