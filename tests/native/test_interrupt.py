"""Ctrl-C, and a caller's own function, end a long call soon and leave the buffers whole."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

from chainrule import nn
from chainrule.engine import Buffers, Clock, NativeEngine, Rows, info
from chainrule.engine.reference import ReferenceEngine
from chainrule.plan import make_plan
from tests.native.networks import CLOCK, PLANS, first, rows_of, small_plan

PATIENCE = 0.2
BUSY = float(os.environ.get("CHAINRULE_SLACK", "30"))
"""Allowance, in seconds, for a machine that does other things; 0.4 proves the patience itself."""


@contextmanager
def alarm(seconds: float) -> Iterator[list[float]]:
    """Raise KeyboardInterrupt in this thread after a while; yields when that happened."""
    moments: list[float] = []

    def interrupt(number: int, frame: object) -> None:
        moments.append(time.perf_counter())
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield moments
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def bits(buffers: Buffers) -> bytes:
    """Return all numbers of a state."""
    slots = b"".join(slot.tobytes() for slot in buffers.slots.values())
    return buffers.weights.tobytes() + slots + buffers.running.tobytes()


def assert_soon(work: Callable[[], Any], after: float = 0.1) -> None:
    """Interrupt some work that would take seconds."""
    began = time.perf_counter()
    with alarm(after), pytest.raises(KeyboardInterrupt):
        work()
    assert time.perf_counter() - began < after + PATIENCE + BUSY


@pytest.fixture
def slow() -> NativeEngine:
    """Return an engine whose steps take long."""
    network = nn.Sequential(
        nn.Dense(700, "relu"), nn.BatchNorm(), nn.Dense(700, "tanh"), nn.Dense(1)
    )
    return NativeEngine(make_plan(network, (300,), "squared_error", 1), "float64", threads=2)


def large(engine: NativeEngine, count: int) -> Rows:
    """Return many rows."""
    X = np.ones((count, *engine.plan.sample_shape), engine.dtype)
    return Rows(X, np.ones((count, engine.plan.targets), engine.dtype))


def test_between_steps() -> None:
    engine = NativeEngine(PLANS["wide"], "float32", threads=1)
    rows, buffers = rows_of(PLANS["wide"], 512, "float32"), engine.buffers(0)
    order, before = np.resize(np.arange(512), 5_000_000), bits(buffers)
    assert_soon(lambda: engine.epoch(buffers, rows, order, 8, CLOCK))
    assert bits(buffers) == before


def test_within_one_step(slow: NativeEngine) -> None:
    rows, buffers = large(slow, 40_000), slow.buffers(0)
    before = bits(buffers)
    assert_soon(lambda: slow.epoch(buffers, rows, np.arange(len(rows)), len(rows), CLOCK))
    assert bits(buffers) == before


def test_within_a_gradient(slow: NativeEngine) -> None:
    rows, buffers = large(slow, 40_000), slow.buffers(0)
    assert_soon(lambda: slow.gradient(buffers, rows, CLOCK))


def test_within_predictions(slow: NativeEngine) -> None:
    buffers = slow.buffers(0)
    X = np.broadcast_to(large(slow, 1).X, (200_000, 300))
    assert_soon(lambda: slow.raw(buffers.weights, buffers.running, X))


@pytest.fixture
def widest(monkeypatch: pytest.MonkeyPatch) -> NativeEngine:
    """Return an engine whose single products take a good part of a second."""
    monkeypatch.setenv("CHAINRULE_ISA", info()["instruction_sets"][-1])
    plan = make_plan(nn.Dense(6000), (6000,), "squared_error", 6000)
    return NativeEngine(plan, "float64", threads=1)


def seconds_of(work: Callable[[], Any], share: float = 0.0) -> float:
    """Return the processor time of some work, which is interrupted after so many seconds of it."""

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    before, began = signal.signal(signal.SIGPROF, interrupt), time.process_time()
    try:
        signal.setitimer(signal.ITIMER_PROF, share)
        work()
        signal.setitimer(signal.ITIMER_PROF, 0)
    except KeyboardInterrupt:
        pass
    finally:
        signal.signal(signal.SIGPROF, before)
    return time.process_time() - began


def test_within_one_product(widest: NativeEngine) -> None:
    """Each interrupt saves some of the work that is left, measured in the processor's time."""
    buffers = widest.buffers(0)
    buffers.weights.setflags(write=False)
    X = large(widest, 64).X

    def work() -> None:
        widest.raw(buffers.weights, buffers.running, X)

    work()
    whole = min(seconds_of(work) for _ in range(3))
    for share in (0.2, 0.4):
        used = min(seconds_of(work, share * whole) for _ in range(3))
        assert used < (share + 0.45) * whole, share


def test_within_the_products_of_a_gradient(widest: NativeEngine) -> None:
    rows, buffers = large(widest, 1000), widest.buffers(0)
    assert_soon(lambda: widest.gradient(buffers, rows, CLOCK))
    assert_soon(lambda: widest.gradient(buffers, rows, CLOCK), after=0.8)


@pytest.mark.parametrize(("work", "count"), [("raw", 14), ("epoch", 6)])
def test_within_the_attention_of_a_long_sequence(work: str, count: int) -> None:
    """Each interrupt saves some of the work that is left, measured in the processor's time.

    Samples enough for several times the 50 ms that may pass between two questions.
    """
    network = nn.Sequential(nn.MultiHeadSelfAttention(1), nn.Flatten(), nn.Dense(1))
    plan = make_plan(network, (2500, 16), "squared_error", 1)
    engine = NativeEngine(plan, "float64", threads=1)
    rows, buffers = large(engine, count), engine.buffers(0)

    def go() -> None:
        if work == "raw":
            engine.raw(buffers.weights, buffers.running, rows.X)
        else:
            engine.epoch(buffers, rows, np.arange(count), count, CLOCK)

    go()
    whole = min(seconds_of(go) for _ in range(3))
    for share in (0.2, 0.4):
        used = min(seconds_of(go, share * whole) for _ in range(3))
        assert used < (share + 0.45) * whole, share


def test_while_another_thread_looks_for_a_spectral_norm() -> None:
    network = nn.Sequential(nn.Dense(2500), nn.Dense(2500), nn.Dense(7))
    plan = make_plan(network, (12,), "squared_error", 7, penalties="spectral")
    engine = NativeEngine(plan, "float32", threads=2)
    rows, buffers = large(engine, 8), engine.buffers(0)
    order = np.resize(np.arange(8), 800)
    # The norm of the large matrix takes ten times as long.
    assert seconds_of(lambda: engine.epoch(buffers, rows, order, 8, CLOCK), 0.3) < 3.0


def test_an_engine_goes_on_after_an_interrupt() -> None:
    plan = PLANS["norms"]
    rows, order = rows_of(plan, 200, "float32"), np.arange(200)
    engine, fresh = NativeEngine(plan), NativeEngine(plan)
    with alarm(0.05), pytest.raises(KeyboardInterrupt):
        engine.epoch(first(plan, "float32"), rows, np.resize(order, 50_000_000 // 8), 50, CLOCK)
    ours, theirs = first(plan, "float32"), first(plan, "float32")
    engine.epoch(ours, rows, order, 50, CLOCK)
    fresh.epoch(theirs, rows, order, 50, CLOCK)
    assert bits(ours) == bits(theirs)


def test_interrupts_at_any_moment_leave_a_whole_state() -> None:
    plan = small_plan(optimizer="adam")
    rows, order = rows_of(plan, 64, "float32"), np.resize(np.arange(64), 640)
    engine = NativeEngine(plan)
    buffers, copy = engine.buffers(0), engine.buffers(0)
    for attempt in range(12):
        step = buffers.step
        try:
            with alarm(0.0005 + 0.0011 * attempt):
                while True:
                    engine.epoch(buffers, rows, order, 64, Clock(0, 0, 0, 100))
        except KeyboardInterrupt:
            assert (buffers.step - step) % 10 == 0
    while copy.step < buffers.step:
        engine.epoch(copy, rows, order, 64, Clock(0, 0, 0, 100))
    assert buffers.step > 0
    assert bits(copy) == bits(buffers)


def test_a_pulse_is_asked_seldom_and_told_the_steps() -> None:
    plan = PLANS["wide"]
    asked: list[tuple[int, int]] = []

    def pulse(done: int, steps: int) -> bool:
        asked.append((done, steps))
        return len(asked) < 4

    rows, buffers = rows_of(plan, 512, "float32"), first(plan, "float32")
    order, began = np.resize(np.arange(512), 3_000_000), time.perf_counter()
    result = NativeEngine(plan, "float32", 1).epoch(buffers, rows, order, 16, CLOCK, pulse)
    assert len(asked) == 4
    assert time.perf_counter() - began >= 4 * 0.05
    assert {steps for _, steps in asked} == {187_500}
    assert (result.steps, result.complete, result.finite) == (asked[-1][0], False, True)
    assert buffers.step == result.steps == len(result.objectives)
    again = first(plan, "float32")
    NativeEngine(plan).epoch(again, rows, order[: 16 * result.steps], 16, CLOCK)
    assert bits(again) == bits(buffers)


def test_a_pulse_may_be_asked_after_each_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chainrule.engine.native_call.PULSE_SECONDS", 0.0)
    plan = PLANS["norms"]
    rows, order = rows_of(plan, 100, "float64"), np.arange(100)
    for limit in (1, 3, 10, 11):
        asked: list[int] = []

        def pulse(done: int, steps: int, asked: list[int] = asked, limit: int = limit) -> bool:
            asked.append(done)
            return done < limit

        ours, theirs = first(plan, "float64"), first(plan, "float64")
        found = NativeEngine(plan, "float64", 2).epoch(ours, rows, order, 10, CLOCK, pulse)
        heard = list(asked)
        asked.clear()
        right = ReferenceEngine(plan, "float64").epoch(theirs, rows, order, 10, CLOCK, pulse)
        assert heard == asked == list(range(1, min(limit, 10) + 1))
        assert (found.steps, found.complete) == (right.steps, right.complete)
        assert ours.step == theirs.step


def test_what_a_pulse_raises_comes_out() -> None:
    plan = PLANS["wide"]
    rows, buffers = rows_of(plan, 512, "float32"), first(plan, "float32")
    engine, before = NativeEngine(plan), bits(buffers)

    def fail(done: int, steps: int) -> bool:
        raise LookupError("the caller's own trouble")

    with pytest.raises(LookupError, match="own trouble"):
        engine.epoch(buffers, rows, np.resize(np.arange(512), 3_000_000), 16, CLOCK, fail)
    assert bits(buffers) == before


def test_a_pulse_may_answer_with_any_truth() -> None:
    plan = PLANS["wide"]
    rows = rows_of(plan, 512, "float32")
    order = np.resize(np.arange(512), 1_000_000)
    engine = NativeEngine(plan, "float32", 1)
    stopped = engine.epoch(first(plan, "float32"), rows, order, 16, CLOCK, lambda *_: [])  # type: ignore[arg-type,return-value]
    assert not stopped.complete


def test_a_pulse_may_use_the_same_engine() -> None:
    plan = PLANS["norms"]
    rows, order = rows_of(plan, 300, "float32"), np.resize(np.arange(300), 6_000_000)
    engine, seen = NativeEngine(plan, "float32", 2), []

    def pulse(done: int, steps: int) -> bool:
        state = first(plan, "float32")
        seen.append(engine.raw(state.weights, state.running, rows.X).tobytes())
        engine.epoch(state, rows, np.arange(300), 100, CLOCK)
        seen.append(bits(state))
        return len(seen) < 6

    engine.epoch(first(plan, "float32"), rows, order, 100, CLOCK, pulse)
    assert len(seen) in (2, 4, 6)
    assert set(seen[::2]) == {seen[0]}
    assert set(seen[1::2]) == {seen[1]}
