"""Every schedule: a finite factor that is not negative, for any step of any run."""

from __future__ import annotations

import json
import math

import pytest

from chainrule.maths.schedule import SCHEDULES, Schedule
from tests.laws.members import every, named

MEMBERS = [example for member in SCHEDULES for example in member.examples()]
LISTENING = named(record for record in MEMBERS if record.needs_score)
DEAF = named(record for record in MEMBERS if not record.needs_score)


@pytest.mark.parametrize("record", every(SCHEDULES))
@pytest.mark.parametrize("total", [0, 1, 2, 7, 100])
def test_the_factor_is_finite_and_at_most_one(record: Schedule, total: int) -> None:
    steps = [*range(total + 2), 10 * total + 9]
    factors = [record.factor(step, total) for step in steps]
    assert all(isinstance(factor, (float, int)) for factor in factors)
    assert all(math.isfinite(factor) and 0.0 <= factor <= 1.0 + 1e-12 for factor in factors)


@pytest.mark.parametrize("record", every(SCHEDULES))
def test_the_factor_depends_on_its_arguments_alone(record: Schedule) -> None:
    forth = [record.factor(step, 50) for step in range(50)]
    back = [record.factor(step, 50) for step in reversed(range(50))]
    assert forth == back[::-1]
    assert any(factor > 0.0 for factor in forth)


@pytest.mark.parametrize("record", LISTENING)
def test_a_listening_schedule_falls_without_improvement(record: Schedule) -> None:
    state = record.initial_state()
    factors = [record.state_factor(state)]
    for _ in range(500):
        before = dict(state)
        state = record.observe(state, 1.0)
        assert record.observe(before, 1.0) == state
        assert json.loads(json.dumps(state, allow_nan=False)) == state
        factors.append(record.state_factor(state))
    assert factors[0] == 1.0
    assert factors == sorted(factors, reverse=True)
    assert 0.0 <= factors[-1] < 1.0


@pytest.mark.parametrize("record", LISTENING)
def test_a_listening_schedule_rests_while_scores_improve(record: Schedule) -> None:
    state = record.initial_state()
    for turn in range(100):
        state = record.observe(state, 100.0 - turn)
        assert record.state_factor(state) == 1.0
    for score in (math.nan, math.inf, -math.inf):
        assert math.isfinite(record.state_factor(record.observe(state, score)))


@pytest.mark.parametrize("record", DEAF)
def test_other_schedules_keep_no_state(record: Schedule) -> None:
    state = record.initial_state()
    assert state == {}
    assert record.observe(state, 1.0) == {}
    assert record.state_factor(state) == 1.0
