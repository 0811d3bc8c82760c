"""Threads share engines; forks, worker processes and the end of the process do no harm."""

from __future__ import annotations

import copy
import gc
import pickle
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from chainrule.engine import NativeEngine
from tests.native import beside
from tests.native.networks import CLOCK, PLANS, first, rows_of, small_plan


@pytest.mark.parametrize("scenario", beside.SCENARIOS)
def test_beside(scenario: str) -> None:
    # Python itself warns of forks beside threads; that they work here is what is tested.
    quiet = "ignore:This process:DeprecationWarning"
    program = [sys.executable, "-W", quiet, "-m", "tests.native.beside", scenario]
    result = subprocess.run(program, capture_output=True, text=True, timeout=120, check=False)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def at_once(works: list[Callable[[], bytes]]) -> list[bytes]:
    """Run works in threads that start together."""
    gate = threading.Barrier(len(works))

    def go(work: Callable[[], bytes]) -> bytes:
        gate.wait(timeout=20)
        return work()

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(go, works))


@pytest.mark.parametrize("threads", [1, 2])
def test_predictions_at_once_with_the_same_weights(threads: int) -> None:
    plan = PLANS["table"]
    engine, state = NativeEngine(plan, "float32", threads), first(plan, "float32")
    X = rows_of(plan, 700, "float32").X
    expected = NativeEngine(plan, "float32", 1).raw(state.weights, state.running, X)

    def work() -> bytes:
        parts = [engine.raw(state.weights, state.running, X[k : k + 90]) for k in range(0, 700, 90)]
        return np.concatenate(parts).tobytes()

    assert set(at_once([work] * 8)) == {expected.tobytes()}
    assert engine._predictor._holder is not None
    assert engine._predictor._holder.users == 0


def test_predictions_at_once_with_different_weights() -> None:
    plan = PLANS["norms"]
    engine, X = NativeEngine(plan, "float64"), rows_of(plan, 300, "float64").X
    states = [NativeEngine(plan, "float64").buffers(seed) for seed in range(6)]
    expected = [
        NativeEngine(plan, "float64").raw(s.weights, s.running, X).tobytes() for s in states
    ]

    def work(place: int) -> Callable[[], bytes]:
        state = states[place]

        def predict() -> bytes:
            found = {engine.raw(state.weights, state.running, X).tobytes() for _ in range(20)}
            return b"".join(found)

        return predict

    assert at_once([work(place) for place in range(6)]) == expected


@pytest.mark.parametrize("shared", [True, False], ids=["one engine", "an engine each"])
def test_trainings_at_once(shared: bool) -> None:
    plan = PLANS["table"]
    rows, one = rows_of(plan, 200, "float32"), NativeEngine(plan, "float32", 2)

    def train(seed: int, engine: NativeEngine) -> bytes:
        buffers = engine.buffers(seed)
        for _ in range(4):
            engine.epoch(buffers, rows, np.arange(200), 32, CLOCK)
            engine.raw(buffers.weights, buffers.running, rows.X)
        return buffers.weights.tobytes()

    def work(seed: int) -> Callable[[], bytes]:
        return lambda: train(seed, one if shared else NativeEngine(plan, "float32", 2))

    expected = [train(seed, NativeEngine(plan, "float32", 1)) for seed in range(5)]
    assert at_once([work(seed) for seed in range(5)]) == expected


def test_weights_that_change_in_place_are_seen() -> None:
    plan = small_plan()
    engine, state = NativeEngine(plan, "float64"), first(plan, "float64")
    X = rows_of(plan, 3, "float64").X
    before = engine.raw(state.weights, state.running, X)
    state.weights *= 2.0
    after = engine.raw(state.weights, state.running, X)
    assert not np.array_equal(before, after)
    assert np.array_equal(after, NativeEngine(plan, "float64").raw(state.weights, state.running, X))


def test_an_order_that_changes_in_place_does_not_change_the_pass(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As another thread may do; a number that is no row would be read outside of X."""
    monkeypatch.setattr("chainrule.engine.native_call.PULSE_SECONDS", 0.0)
    plan = PLANS["wide"]
    rows, found = rows_of(plan, 100, "float32"), []
    for engine in (NativeEngine(plan, "float32", 1), NativeEngine(plan, "float32", 2)):
        for change in (False, True):
            buffers, order = first(plan, "float32"), np.arange(100)

            def pulse(done: int, steps: int, order: np.ndarray = order, on: bool = change) -> bool:
                order[:] = 0 if on else order
                return True

            assert engine.epoch(buffers, rows, order, 10, CLOCK, pulse).complete
            assert order.any() != change
            found.append(buffers.weights.tobytes())
    assert len(set(found)) == 1


def test_weights_that_are_read_only_are_not_compared_again() -> None:
    plan = small_plan()
    engine, state = NativeEngine(plan, "float64"), first(plan, "float64")
    X = rows_of(plan, 3, "float64").X
    state.weights.setflags(write=False)
    before = engine.raw(state.weights, state.running, X)
    assert engine._predictor._holder is not None
    assert engine._predictor._holder.weights is state.weights
    other = state.weights * 2.0
    assert not np.array_equal(engine.raw(other, state.running, X), before)
    assert np.array_equal(engine.raw(state.weights, state.running, X), before)


@pytest.mark.parametrize(
    "copied", [copy.copy, copy.deepcopy, lambda e: pickle.loads(pickle.dumps(e))]
)
def test_an_engine_can_be_copied(copied: Callable[[NativeEngine], NativeEngine]) -> None:
    plan = PLANS["norms"]
    engine, state = NativeEngine(plan, "float64", 2), first(plan, "float64")
    X = rows_of(plan, 20, "float64").X
    expected = engine.raw(state.weights, state.running, X)
    twin = copied(engine)
    assert isinstance(twin, NativeEngine)
    assert twin is not engine
    assert (twin.dtype, twin.plan, twin._threads) == (engine.dtype, plan, 2)
    assert np.array_equal(twin.raw(state.weights, state.running, X), expected)


def test_an_engine_goes_with_its_last_user() -> None:
    """Its memory is C++'s: the collector of cycles does not see its size, and may never come."""
    plan = PLANS["norms"]
    engine, state, rows = NativeEngine(plan), first(plan, "float32"), rows_of(plan, 20, "float32")
    engine.epoch(state, rows, np.arange(20), 8, CLOCK)
    engine.raw(state.weights, state.running, rows.X)
    gone = weakref.ref(engine)
    gc.disable()
    try:
        del engine
        assert gone() is None
    finally:
        gc.enable()
