"""Schedules: ranges, joins, ends, durations, the state of the one that listens."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from chainrule.errors import InvalidParameterError
from chainrule.maths.durations import DURATION, progress, updates_of
from chainrule.maths.schedule import SCHEDULES, Schedule
from chainrule.maths.schedules import (
    ConstantRate,
    Cosine,
    CosineLog,
    Exponential,
    FlatCosine,
    InverseScaling,
    OneCycle,
    Plateau,
    Polynomial,
    StepDecay,
    Warmup,
    warmup_cosine,
)

MEMBERS = [example for cls in SCHEDULES for example in cls.examples()]


def curve(schedule: Schedule, total: int) -> np.ndarray:
    return np.array([schedule.factor(step, total) for step in range(total + 1)])


@pytest.mark.parametrize("total", [0, 1, 2, 7, 1000])
@pytest.mark.parametrize("member", MEMBERS, ids=repr)
def test_factors_are_between_0_and_1(member: Schedule, total: int) -> None:
    factors = curve(member, total)
    assert np.all(factors >= 0.0)
    assert np.all(factors <= 1.0)


@pytest.mark.parametrize("total", [0, 1, 10])
@pytest.mark.parametrize("member", MEMBERS, ids=repr)
def test_past_the_end_nothing_moves(member: Schedule, total: int) -> None:
    assert {member.factor(total + extra, total) for extra in (0, 1, 10**9)} == {
        member.factor(total, total)
    }


@pytest.mark.parametrize("member", MEMBERS, ids=repr)
def test_factors_are_python_floats(member: Schedule) -> None:
    assert all(type(member.factor(step, 10)) is float for step in range(12))


@pytest.mark.parametrize(
    "member",
    [
        Polynomial(),
        Polynomial(2.0, end=0.1),
        Cosine(),
        FlatCosine(),
        FlatCosine(0.9),
        OneCycle(),
        OneCycle(2000),
        Warmup(1000, then="cosine"),
        Warmup(0.1, then="polynomial"),
        Warmup(0.1, then=FlatCosine()),
        Exponential(),
    ],
    ids=repr,
)
def test_no_jump_at_the_joins(member: Schedule) -> None:
    steps = np.diff(curve(member, 10_000))
    assert np.max(np.abs(steps)) < 2e-3


def test_ends() -> None:
    assert Cosine().factor(100, 100) == 0.0
    assert Cosine(end=0.25).factor(100, 100) == 0.25
    assert Polynomial(3.0, end=0.25).factor(100, 100) == 0.25
    assert FlatCosine().factor(100, 100) == 0.0
    assert CosineLog().factor(100, 100) == pytest.approx(0.0, abs=1e-12)
    assert OneCycle(end_division=1e3).factor(100, 100) == pytest.approx(1e-3, rel=1e-12)
    assert Exponential(0.1, every=0.5).factor(100, 100) == pytest.approx(0.01, rel=1e-12)
    assert [m.factor(0, 100) for m in (Cosine(), Polynomial(), FlatCosine(), StepDecay())] == [
        1.0
    ] * 4


def test_step_decay_by_hand() -> None:
    factors = curve(StepDecay(0.1, every=0.25), 8)[:8]
    assert factors == pytest.approx([1, 1, 0.1, 0.1, 0.01, 0.01, 0.001, 0.001])
    assert StepDecay(0.5, every=3).factor(8, 100) == 0.25
    assert SCHEDULES["step_decay"] is StepDecay


def test_exponential_meets_step_decay_at_its_steps() -> None:
    smooth, stairs = Exponential(0.3, every=10), StepDecay(0.3, every=10)
    for step in range(0, 100, 10):
        assert smooth.factor(step, 100) == pytest.approx(stairs.factor(step, 100), rel=1e-12)
    assert Exponential(0.999, every=1).factor(500, 1000) == pytest.approx(0.999**500, rel=1e-12)


def test_inverse_scaling_by_hand() -> None:
    assert [InverseScaling().factor(step, 100) for step in (0, 3, 15)] == [1.0, 0.5, 0.25]
    assert InverseScaling(power=0.0).factor(50, 100) == 1.0
    assert ConstantRate().factor(50, 100) == 1.0


def test_flat_cosine_is_the_published_one() -> None:
    for step in range(101):
        t = step / 100
        expected = 1.0 if t < 0.5 else 0.5 * (1.0 + math.cos(math.pi * (2.0 * t - 1.0)))
        assert FlatCosine().factor(step, 100) == pytest.approx(expected, abs=1e-15)


def test_cosine_log_is_the_published_one() -> None:
    for step in range(101):
        expected = 0.5 * (1.0 - math.cos(2.0 * math.pi * math.log2(1.0 + 15.0 * step / 100)))
        assert CosineLog().factor(step, 100) == pytest.approx(expected, abs=1e-13)


def test_cosine_log_has_its_number_of_peaks() -> None:
    for cycles in (1, 2, 4):
        factors = curve(CosineLog(cycles), 5000)
        inner = factors[1:-1]
        peaks = np.sum((inner > factors[:-2]) & (inner >= factors[2:]))
        assert peaks == cycles


def test_one_cycle_by_hand() -> None:
    cycle = OneCycle(peak=0.5, start_division=4.0, end_division=8.0)
    factors = [cycle.factor(step, 8) for step in (0, 2, 4, 6, 8)]
    assert factors == pytest.approx([0.25, 0.625, 1.0, 0.5625, 0.125])
    assert OneCycle(peak=100).factor(10, 10) < 0.1  # the run ends on the way up


def test_warmup_by_hand() -> None:
    schedule = Warmup(4, then="polynomial")
    assert curve(schedule, 8).tolist() == [0.25, 0.5, 0.75, 1.0, 1.0, 0.75, 0.5, 0.25, 0.0]


def test_warmup_of_no_steps_is_the_schedule_itself() -> None:
    assert np.array_equal(curve(Warmup(0, then="cosine"), 20), curve(Cosine(), 20))


def test_a_run_shorter_than_its_warmup() -> None:
    assert curve(Warmup(10, then="cosine"), 4).tolist() == [0.1, 0.2, 0.3, 0.4, 0.5]
    assert Warmup(10, then="cosine").factor(10, 10) == 1.0
    assert Warmup(10, then="cosine").factor(0, 0) == 0.1


def test_warmup_takes_names_and_records_alike() -> None:
    assert Warmup(5, then="cosine") == Warmup(5, then=Cosine())
    assert SCHEDULES.make("warmup", steps=5, then="cosine") == Warmup(5, then=Cosine())
    nested = Warmup(5, then=Warmup(2, then=Plateau(0.5)))
    assert SCHEDULES.make(json.loads(json.dumps(SCHEDULES.document(nested)))) == nested


def test_warmup_cosine() -> None:
    assert warmup_cosine() == Warmup(200, then=Cosine())
    assert warmup_cosine(warmup=0.1, end=0.2) == Warmup(0.1, then=Cosine(0.2))


@pytest.mark.parametrize(
    ("duration", "total", "updates"),
    [(1, 10, 1), (200, 10, 200), (0.25, 8, 2), (0.5, 0, 1), (0.001, 10, 1)],
)
def test_durations(duration: float, total: int, updates: int) -> None:
    assert DURATION.accepts(duration)
    assert updates_of(duration, total) == updates


def test_numpy_durations_mean_the_same() -> None:
    assert updates_of(np.int64(3), 10) == 3  # pyright: ignore[reportArgumentType]
    assert updates_of(np.float32(0.5), 10) == 5  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("bad", [0, 1.0, 0.0, 1.5, -3, True, "10", math.nan])
def test_what_is_no_duration(bad: object) -> None:
    assert not DURATION.accepts(bad)
    with pytest.raises(InvalidParameterError):
        StepDecay(every=bad)  # pyright: ignore[reportArgumentType]


def test_progress() -> None:
    assert [progress(step, 4) for step in (-1, 0, 2, 4, 5)] == [0.0, 0.0, 0.5, 1.0, 1.0]
    assert progress(3, 0) == 0.0


def watched(schedule: Schedule, scores: list[float]) -> list[float]:
    """Return the factor after each score."""
    state = schedule.initial_state()
    factors = []
    for score in scores:
        before = dict(state)
        new = schedule.observe(state, score)
        assert state == before  # pure
        state = json.loads(json.dumps(new, allow_nan=False))
        assert state == new
        factors.append(schedule.state_factor(state))
    return factors


def test_plateau_falls_after_its_patience() -> None:
    schedule = Plateau(0.5, patience=2, threshold=0.0)
    assert watched(schedule, [3.0, 2.0, 2.0, 2.5, 2.0, 2.0]) == [1, 1, 1, 0.5, 0.5, 0.25]


def test_plateau_forgets_when_the_score_improves() -> None:
    schedule = Plateau(0.5, patience=2, threshold=0.0)
    assert watched(schedule, [3.0, 3.0, 2.0, 2.0, 1.0, 1.0]) == [1.0] * 6


def test_plateau_threshold_is_relative_and_works_below_zero() -> None:
    strict = Plateau(0.5, patience=1, threshold=0.1)
    assert watched(strict, [10.0, 9.5, 8.5]) == [1.0, 0.5, 0.5]
    assert watched(strict, [-10.0, -10.5, -12.0]) == [1.0, 0.5, 0.5]


def test_plateau_rests_after_a_fall() -> None:
    schedule = Plateau(0.5, patience=1, threshold=0.0, cooldown=2)
    assert watched(schedule, [1.0] * 8) == [1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.125]


def test_plateau_stops_at_its_minimum() -> None:
    schedule = Plateau(0.1, patience=1, threshold=0.0, minimum=0.05)
    assert watched(schedule, [1.0] * 4) == pytest.approx([1.0, 0.1, 0.05, 0.05])


def test_plateau_counts_scores_that_are_not_finite() -> None:
    schedule = Plateau(0.5, patience=2, threshold=0.0)
    assert watched(schedule, [math.nan, math.inf, 1.0, math.nan]) == [1.0, 0.5, 0.5, 0.5]


def test_plateau_behind_a_warmup() -> None:
    plain, behind = Plateau(0.5, patience=1), Warmup(10, then=Plateau(0.5, patience=1))
    assert (plain.needs_score, behind.needs_score) == (True, True)
    assert not Warmup(10, then="cosine").needs_score
    assert not Warmup.needs_score
    assert behind.initial_state() == plain.initial_state()
    assert watched(behind, [1.0, 1.0, 1.0]) == watched(plain, [1.0, 1.0, 1.0]) == [1, 0.5, 0.25]
    assert behind.factor(4, 100) == 0.5


def test_schedules_without_scores_have_no_state() -> None:
    for member in MEMBERS:
        if not member.needs_score:
            assert member.observe(member.initial_state(), 1.0) == {}
            assert member.state_factor({}) == 1.0
