"""The compiled engine beside forks, threads, worker processes and the end of a process.

A program of its own, because these things would disturb the process that runs the tests: the first
argument is the name of the scenario. It exits with 0 if all is well.
"""

from __future__ import annotations

import atexit
import multiprocessing
import os
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from chainrule.engine import NativeEngine, native_call
from chainrule.engine.native import load_binary
from chainrule.errors import UsageError
from chainrule.estimators.losses import FunctionLoss
from tests.native.networks import CLOCK, PLANS, first, rows_of

PLAN = PLANS["norms"]
ROWS = rows_of(PLAN, 256, "float32")


def train(threads: int = 2, engine: NativeEngine | None = None) -> bytes:
    """Return the weights after some steps."""
    buffers = first(PLAN, "float32")
    engine = engine or NativeEngine(PLAN, "float32", threads)
    engine.epoch(buffers, ROWS, np.arange(256), 64, CLOCK)
    return buffers.weights.tobytes()


def predict(engine: NativeEngine | None = None) -> bytes:
    """Return the outputs for all rows."""
    buffers = first(PLAN, "float32")
    engine = engine or NativeEngine(PLAN, "float32", 2)
    return engine.raw(buffers.weights, buffers.running, ROWS.X).tobytes()


def long_training(engine: NativeEngine) -> threading.Thread:
    """Start training in a thread, for as long as the process lives."""
    order = np.resize(np.arange(256), 500_000)

    def go_on() -> None:
        buffers = first(PLAN, "float32")
        while True:
            engine.epoch(buffers, ROWS, order, 64, CLOCK)

    thread = threading.Thread(target=go_on, daemon=True)
    thread.start()
    time.sleep(0.2)
    return thread


def child_of_fork(work: Callable[[], bool]) -> int:
    """Return the exit status of a forked child that does some work; -1 if it hangs."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            status = 0 if work() else 2
        finally:
            os._exit(status)
    return ended(child)


def ended(child: int) -> int:
    """Return the exit status of a forked child; -1 if it hangs."""
    deadline = time.monotonic() + 20.0
    while time.monotonic() < deadline:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return status
        time.sleep(0.01)
    os.kill(child, 9)
    os.waitpid(child, 0)
    return -1


def fork_after() -> None:
    """A pool of threads exists when the process forks; parent, child and grandchild go on."""
    engine = NativeEngine(PLAN, "float32", 3)
    trained, predicted = train(engine=engine), predict(engine)

    def again() -> bool:
        return train(engine=engine) == trained and predict(engine) == predicted

    assert child_of_fork(again) == 0
    assert child_of_fork(lambda: again() and child_of_fork(again) == 0) == 0
    assert again()


def fork_while() -> None:
    """Another thread trains and predicts with the same engine at the moment of the fork."""
    engine = NativeEngine(PLAN, "float32", 2)
    trained, predicted = train(engine=engine), predict(engine)
    long_training(engine)
    stop = threading.Event()

    def keep_predicting() -> None:
        while not stop.is_set():
            predict(engine)

    busy = [threading.Thread(target=keep_predicting) for _ in range(2)]
    for thread in busy:
        thread.start()
    statuses = [
        child_of_fork(lambda: train(engine=engine) == trained and predict(engine) == predicted)
        for _ in range(10)
    ]
    stop.set()
    for thread in busy:
        thread.join()
    assert statuses == [0] * 10, statuses


class LeftError(Exception):
    """What a child raises to leave the callback that forked it."""


def child_of_callback(place: str, ending: str, threads: int) -> list[int]:
    """Return the exit status of a child that a callback forked, and the steps the parent lacks."""
    parent, expected, statuses = os.getpid(), train(2), list[int]()

    def fork(*arguments: Any) -> Any:
        if os.getpid() == parent and not statuses:
            child = os.fork()
            if child:
                statuses.append(ended(child))
            elif ending == "ends":
                os._exit(0 if train(2) == expected else 2)
            elif ending == "leaves":
                raise LeftError
        return place == "pulse" or ((arguments[0] ** 2).sum(axis=1), 2.0 * arguments[0])

    plan = replace(PLAN, loss=FunctionLoss(fork)) if place == "loss" else PLAN
    engine, buffers, refused = NativeEngine(plan, "float32", threads), first(PLAN, "float32"), ""
    order = np.resize(np.arange(256), 256 * 20)
    try:
        engine.epoch(buffers, ROWS, order, 64, CLOCK, fork if place == "pulse" else None)
    except (LeftError, UsageError) as error:
        refused = type(error).__name__
    if os.getpid() != parent:
        wanted = {"leaves": "LeftError", "returns": "UsageError" if threads > 1 else ""}[ending]
        right = refused == wanted and buffers.step == (0 if wanted else 80)
        os._exit(0 if right and train(2) == expected else 3)
    return [*statuses, 80 - buffers.step]


def fork_in_a_callback() -> None:
    """A child ends within the callback that forked it, leaves it by an error, or comes back."""
    native_call.PULSE_SECONDS = 0.0
    for place in ("loss", "pulse"):
        for ending in ("ends", "leaves", "returns"):
            for threads in (1, 2):
                found = child_of_callback(place, ending, threads)
                assert found == [0, 0], (place, ending, threads, found)


def train_in_process(threads: int) -> bytes:
    """Train, for a worker process."""
    return train(threads)


def processes() -> None:
    """Worker processes by fork and by spawn, while this process has a pool."""
    expected = train(2)
    for method in ("fork", "spawn"):
        with multiprocessing.get_context(method).Pool(2) as pool:
            results = pool.map_async(train_in_process, [1, 2, 3, 4]).get(timeout=60)
        assert set(results) == {expected}, method


def joblib_backends() -> None:
    """Joblib's three ways to run things at once."""
    import joblib

    expected = train(2)
    for backend in ("loky", "multiprocessing", "threading"):
        results = joblib.Parallel(n_jobs=2, backend=backend, timeout=60)(
            joblib.delayed(train_in_process)(threads) for threads in (1, 2, 3, 4)
        )
        assert set(results) == {expected}, backend


def end_with_pool() -> None:
    """The process ends while the workers sleep."""
    train(4)


def end_while_training() -> None:
    """The process ends in the middle of another thread's training."""
    long_training(NativeEngine(PLAN, "float32", 2))


def end_while_judging() -> None:
    """The process ends while other threads are in a loss in Python that uses an engine itself."""
    engine = NativeEngine(PLAN, "float32", 2)

    def slow(raw: np.ndarray, Y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        total = 0.0
        for _ in range(20_000):  # the lock goes round meanwhile
            total += 1e-9
        predict(engine)
        return (raw * raw).sum(axis=1) + total, 2.0 * raw

    for _ in range(3):
        plan = replace(PLAN, loss=FunctionLoss(slow))
        long_training(NativeEngine(plan, "float32", 2))


def use_at_the_end() -> None:
    """What Python calls last, after the engine's own farewell, may still train."""

    def last() -> None:
        os._exit(0 if train(2) == expected else 3)

    atexit.register(last)
    assert load_binary.cache_info().misses == 0
    expected = train(2)


SCENARIOS = {
    scenario.__name__: scenario
    for scenario in (
        fork_after,
        fork_while,
        fork_in_a_callback,
        processes,
        joblib_backends,
        end_with_pool,
        end_while_training,
        end_while_judging,
        use_at_the_end,
    )
}

if __name__ == "__main__":
    SCENARIOS[sys.argv[1]]()
