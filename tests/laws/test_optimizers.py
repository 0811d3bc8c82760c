"""Every optimizer: it descends, it is pure, and it keeps the type of the weights."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from chainrule.errors import UsageError
from chainrule.maths.optimizer import OPTIMIZERS, Optimizer
from tests.laws.members import every, named

MEMBERS = [example for member in OPTIMIZERS for example in member.examples()]
STEPWISE = named(record for record in MEMBERS if record.stepwise)
WHOLE = named(record for record in MEMBERS if not record.stepwise)
RATES = (1e-3, 1e-2, 1e-1)

Function = Callable[[np.ndarray], tuple[float, np.ndarray]]


def bowl(w: np.ndarray) -> tuple[float, np.ndarray]:
    """Return a quadratic ten times as steep along one axis, and its gradient."""
    steepness = np.array([1.0, 10.0])
    return 0.5 * float(np.sum(steepness * w * w)), steepness * w


def valley(w: np.ndarray) -> tuple[float, np.ndarray]:
    """Return a bent valley in the manner of Rosenbrock, and its gradient."""
    x, y = w
    bend = y - x * x
    value = (1.0 - x) ** 2 + 10.0 * bend**2
    return float(value), np.array([-2.0 * (1.0 - x) - 40.0 * x * bend, 20.0 * bend])


STARTS: dict[str, tuple[Function, np.ndarray]] = {
    "bowl": (bowl, np.array([1.0, -1.0])),
    "valley": (valley, np.array([-1.0, 0.5])),
}


def slots_of(record: Optimizer, like: np.ndarray) -> dict[str, np.ndarray]:
    """Return the slots before the first step."""
    starts = {name: record.initial_slot(name) for name in record.slots}
    return {name: np.full(like.shape, start, like.dtype) for name, start in starts.items()}


def course(
    record: Optimizer, function: Function, w: np.ndarray, rate: float, steps: int
) -> list[float]:
    """Return the objective before each step and at the end."""
    slots, values = slots_of(record, w), []
    for step in range(1, steps + 1):
        value, gradient = function(w)
        values.append(value)
        w, slots = record.update(w, gradient, slots, step, rate)
    return [*values, function(w)[0]]


@pytest.mark.parametrize("record", STEPWISE)
@pytest.mark.parametrize("name", sorted(STARTS))
def test_it_descends(record: Optimizer, name: str) -> None:
    function, start = STARTS[name]
    falls = {}
    for rate in RATES:
        with np.errstate(all="ignore"):
            values = course(record, function, start, rate, 3000)
        if np.all(np.isfinite(values)) and max(values) <= 1.5 * values[0]:
            falls[rate] = values[0] / max(np.mean(values[-20:]), 1e-300)
    assert falls, "no rate kept the objective below one and a half times its start"
    assert max(falls.values()) >= 100.0, falls


@pytest.mark.parametrize("record", STEPWISE)
@pytest.mark.parametrize("name", sorted(STARTS))
def test_a_small_first_step_goes_downhill(record: Optimizer, name: str) -> None:
    function, start = STARTS[name]
    before, after = course(record, function, start, 1e-5, 1)
    assert after < before


@pytest.mark.parametrize("record", STEPWISE)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_it_is_pure_and_keeps_the_type(record: Optimizer, dtype: type) -> None:
    w = np.array([1.0, -2.0, 0.5], dtype)
    gradient = np.array([0.3, 1e-3, -4.0], dtype)
    slots = slots_of(record, w)
    for step in range(1, 4):
        arrays = [w, gradient, *slots.values()]
        for array in arrays:
            array.flags.writeable = False
        before = [array.tobytes() for array in arrays]
        new, new_slots = record.update(w, gradient, slots, step, 0.01)
        assert [array.tobytes() for array in arrays] == before
        assert set(new_slots) == set(record.slots)
        assert all(slot.shape == w.shape for slot in new_slots.values())
        assert {array.dtype for array in (new, *new_slots.values())} == {np.dtype(dtype)}
        assert np.all(np.isfinite(new))
        w, slots = new, new_slots


@pytest.mark.parametrize("record", STEPWISE)
def test_a_rate_for_each_weight_is_the_same_as_one_for_all(record: Optimizer) -> None:
    w, gradient = np.array([1.0, -2.0, 0.5]), np.array([0.3, 1e-3, -4.0])
    slots = slots_of(record, w)
    one, one_slots = record.update(w, gradient, slots, 1, 0.01)
    each, each_slots = record.update(w, gradient, slots, 1, np.full(3, 0.01))
    assert np.array_equal(one, each)
    assert all(np.array_equal(one_slots[name], each_slots[name]) for name in one_slots)
    still, _ = record.update(w, gradient, slots, 1, np.array([0.01, 0.0, 0.01]))
    assert still[1] == w[1]


@pytest.mark.parametrize("record", STEPWISE)
def test_a_gradient_of_zero_from_rest_moves_nothing(record: Optimizer) -> None:
    w = np.array([1.0, -2.0, 0.5])
    new, _ = record.update(w, np.zeros(3), slots_of(record, w), 1, 0.1)
    assert np.array_equal(new, w)


@pytest.mark.parametrize("record", every(OPTIMIZERS))
def test_the_record_is_complete(record: Optimizer) -> None:
    assert record.learning_rate > 0.0
    assert record.decay() >= 0.0
    assert record.update_latex


@pytest.mark.parametrize("record", WHOLE)
@pytest.mark.parametrize("name", sorted(STARTS))
def test_a_whole_data_method_descends(record: Optimizer, name: str) -> None:
    from scipy.optimize import minimize

    function, start = STARTS[name]
    options = record.scipy_options(iterations=200)  # type: ignore[attr-defined]
    found = minimize(function, start, jac=True, method="L-BFGS-B", options=options)
    assert found.fun <= 1e-6 * function(start)[0]
    with pytest.raises(UsageError):
        record.update(start, start, {}, 1, 1.0)
