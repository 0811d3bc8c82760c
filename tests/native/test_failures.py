"""Numbers that are not finite, data that is not there, wrong codes, memory that ends."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from chainrule import nn
from chainrule.engine import Buffers, EpochResult, NativeEngine, ReferenceEngine, Rows
from chainrule.errors import ChainruleError, DataError, InvalidParameterError, ShapeError
from chainrule.maths.optimizers import SGD, Adam, Momentum
from chainrule.maths.penalties import L2
from chainrule.plan import Plan, make_plan
from tests.native import short_of_memory
from tests.native.comparisons import apart
from tests.native.networks import CLOCK, PLANS, first, rows_of, small_plan

BATCH, COUNT = 10, 100
NOT_A_NUMBER, INFINITY = float("nan"), float("inf")
PLAN = small_plan()
NORMED = nn.Sequential(nn.Dense(12), nn.BatchNorm(), nn.ReLU(), nn.Dense(2))


@dataclass(frozen=True)
class Trouble:
    """What is wrong with a run, and the number of its good steps (None: as the reference says)."""

    name: str
    steps: int | None
    spoil: Callable[[Rows, Buffers], None] = lambda rows, buffers: None
    plan: Plan = PLAN


def at_row(row: int, value: float, target: bool = False) -> Callable[[Rows, Buffers], None]:
    """Return what puts a number into the data."""

    def spoil(rows: Rows, buffers: Buffers) -> None:
        (rows.Y if target else rows.X)[row, 0] = value

    return spoil


def in_weights(value: float, place: int = 0) -> Callable[[Rows, Buffers], None]:
    """Return what puts a number into the weights."""

    def spoil(rows: Rows, buffers: Buffers) -> None:
        buffers.weights[place] = value

    return spoil


def scaled(factor: float) -> Callable[[Rows, Buffers], None]:
    """Return what makes all inputs and targets larger."""

    def spoil(rows: Rows, buffers: Buffers) -> None:
        rows.X[:] *= factor
        rows.Y[:] *= factor

    return spoil


def linear(**changed: Any) -> Plan:
    """Return a plan of one layer."""
    return make_plan(nn.Dense(2), (5,), "squared_error", 2, **changed)


NORMED_PLAN = make_plan(NORMED, (5,), "squared_error", 2, optimizer="momentum")
CLIPPED = small_plan(clip="clip_value")
WILD = [
    Trouble("rate 1e30", None, plan=small_plan(optimizer=SGD(1e30))),
    Trouble("rate 1e30 behind a norm", None, plan=replace(NORMED_PLAN, optimizer=Momentum(1e30))),
    Trouble("rate 1e8", None, plan=linear(optimizer=SGD(1e8))),
    Trouble("rate 1e300 of adam", None, plan=small_plan(optimizer=Adam(1e300))),
    Trouble("decay", None, plan=linear(optimizer=SGD(1e20), penalties="weight_decay")),
    Trouble("penalty", None, plan=linear(optimizer=SGD(1e40), penalties="l2")),
]
TROUBLES = [
    Trouble("nan in X", 3, at_row(37, NOT_A_NUMBER)),
    Trouble("infinity in X", 9, at_row(99, INFINITY)),
    Trouble("nan in X, norm", 3, at_row(37, NOT_A_NUMBER), NORMED_PLAN),
    Trouble("nan in the first row", 0, at_row(0, NOT_A_NUMBER), NORMED_PLAN),
    Trouble("nan in Y", 5, at_row(50, NOT_A_NUMBER, target=True)),
    Trouble("infinity in Y, clipped", 5, at_row(50, -INFINITY, target=True), CLIPPED),
    Trouble("nan in weights", 0, in_weights(NOT_A_NUMBER)),
    Trouble("infinity in weights", 0, in_weights(INFINITY, 3), NORMED_PLAN),
    Trouble("nan in a bias, clipped", 0, in_weights(NOT_A_NUMBER, 100), CLIPPED),
    *WILD,
]
"""Each ends in a step that is not finite."""


def runs(trouble: Trouble, dtype: str) -> list[tuple[EpochResult, Buffers]]:
    """Return result and state of the reference engine and of the compiled one."""
    found: list[tuple[EpochResult, Buffers]] = []
    for engine in (
        ReferenceEngine(trouble.plan, dtype),
        NativeEngine(trouble.plan, dtype, threads=2),
    ):
        rows, buffers = rows_of(trouble.plan, COUNT, dtype), first(trouble.plan, dtype)
        with np.errstate(over="ignore"):
            trouble.spoil(rows, buffers)
        found.append((engine.epoch(buffers, rows, np.arange(COUNT), BATCH, CLOCK), buffers))
    return found


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("trouble", TROUBLES, ids=lambda trouble: trouble.name)
def test_the_last_good_state_is_kept(trouble: Trouble, dtype: str) -> None:
    (right, theirs), (found, ours) = runs(trouble, dtype)
    assert (found.finite, found.complete) == (right.finite, right.complete)
    assert found.steps == right.steps == (right.steps if trouble.steps is None else trouble.steps)
    assert ours.step == theirs.step == found.steps == len(found.objectives)
    assert found.rate == pytest.approx(right.rate)
    assert np.isfinite(found.objective) == np.isfinite(right.objective)
    if not found.steps:
        assert ours.weights.tobytes() == theirs.weights.tobytes()
        assert ours.running.tobytes() == theirs.running.tobytes()
        return
    tolerance = 1e-12 if dtype == "float64" else 1e-5
    for name in ("weights", "running"):
        assert apart(getattr(theirs, name), getattr(ours, name)) <= tolerance
    for name, slot in theirs.slots.items():
        assert apart(slot, ours.slots[name]) <= tolerance
    assert found.objective == pytest.approx(right.objective, rel=1e-4)


def test_there_are_runs_that_fail_late_and_early() -> None:
    results = [runs(trouble, "float32")[0][0] for trouble in TROUBLES]
    assert not any(result.finite for result in results)
    assert {0, 1, 3, 5, 9} <= {result.steps for result in results}


@pytest.mark.parametrize(
    "optimizer", [SGD(1e-33), Adam(1e-3), Momentum(1e-33)], ids=lambda o: o.name
)
@pytest.mark.parametrize("clip", [None, 1.0, "clip_value"])
def test_a_gradient_whose_squares_overflow_is_still_finite(optimizer: Any, clip: Any) -> None:
    plan = linear(optimizer=optimizer, clip=clip)
    (right, theirs), (found, ours) = runs(Trouble("", None, scaled(3e11), plan), "float32")
    assert right.finite
    assert (found.finite, found.steps) == (True, right.steps)
    assert found.gradient_norm == pytest.approx(right.gradient_norm, rel=1e-5)
    assert found.gradient_norm > 1e20
    assert apart(theirs.weights, ours.weights) <= 1e-6


@pytest.mark.parametrize("clip", [None, 1.0, "clip_value"])
@pytest.mark.parametrize("size", [1e-30, 1e-20, 1e-13])
def test_a_gradient_whose_squares_vanish_has_a_norm(size: float, clip: Any) -> None:
    plan = linear(optimizer=SGD(0.1), clip=clip)
    (right, _), (found, _) = runs(Trouble("", None, scaled(size), plan), "float32")
    assert 0.0 < found.gradient_norm < 1e3 * size
    assert found.gradient_norm == pytest.approx(right.gradient_norm, rel=1e-5)


def test_a_gradient_too_large_keeps_its_penalties_until_it_is_clipped() -> None:
    plan = linear(optimizer=SGD(0.1), clip=1.0, penalties=L2(1e21))
    (right, theirs), (found, ours) = runs(Trouble("", None, scaled(3e11), plan), "float32")
    assert found.steps == right.steps
    assert found.gradient_norm == pytest.approx(right.gradient_norm, rel=1e-5)
    assert apart(theirs.weights, ours.weights) <= 1e-6


@pytest.mark.parametrize("value", [NOT_A_NUMBER, INFINITY])
@pytest.mark.parametrize(
    "plan", [NORMED_PLAN, small_plan(), PLANS["norms"]], ids=["bn", "small", "all"]
)
def test_an_engine_goes_on_after_a_failure(plan: Plan, value: float) -> None:
    """Nothing of it stays behind, not even in the padding of a row."""
    rows, order = rows_of(plan, COUNT, "float64"), np.arange(COUNT)
    spoiled = Rows(rows.X.copy(), rows.Y)
    spoiled.X[55] = value
    engine, results = NativeEngine(plan, "float64"), []
    for _ in range(2):
        buffers = first(plan, "float64")
        assert engine.epoch(buffers, rows, order, BATCH, CLOCK).finite
        found = engine.gradient(buffers, rows, CLOCK).gradient
        results.append((buffers.weights.tobytes(), found.tobytes()))
        assert not engine.epoch(buffers.copy(), spoiled, order, BATCH, CLOCK).finite
        assert not np.isfinite(engine.gradient(buffers, spoiled, CLOCK).gradient).all()
    assert results[0] == results[1]


def test_predictions_of_numbers_that_are_not_finite() -> None:
    plan = small_plan()
    state, X = first(plan, "float64"), rows_of(plan, 4, "float64").X
    X[1], X[2] = NOT_A_NUMBER, INFINITY
    right = ReferenceEngine(plan, "float64").raw(state.weights, state.running, X)
    found = NativeEngine(plan, "float64").raw(state.weights, state.running, X)
    assert np.isnan(found[1]).all()
    assert np.allclose(found[[0, 3]], right[[0, 3]], rtol=1e-12)
    assert np.array_equal(np.isfinite(found), np.isfinite(right))


@pytest.mark.parametrize("engine", [ReferenceEngine, NativeEngine])
def test_no_rows(engine: type[ReferenceEngine]) -> None:
    plan = PLANS["norms"]
    rows, buffers = rows_of(plan, 0, "float32"), first(plan, "float32")
    made, before = engine(plan, "float32"), buffers.weights.tobytes()
    with pytest.raises(DataError, match="nothing to train on"):
        made.epoch(buffers, rows, np.arange(0), 8, CLOCK)
    assert made.raw(buffers.weights, buffers.running, rows.X).shape == (0, 3)
    assert buffers.weights.tobytes() == before


@pytest.mark.parametrize(
    ("width", "count", "batch", "targets"),
    [(1, 1, 1, 1), (1, 3, 1000, 1), (5, 2, 3, 2), (1, 300, 299, 1), (7, 1, 50, 1)],
)
@pytest.mark.parametrize("loss", ["squared_error", "softmax_cross_entropy", "binary_cross_entropy"])
def test_the_smallest_sizes(width: int, count: int, batch: int, targets: int, loss: str) -> None:
    plan = make_plan(nn.Sequential(nn.Dense(1, "relu"), nn.Dense(targets)), (width,), loss, targets)
    rows, order = rows_of(plan, count, "float64"), np.arange(count)
    ours, theirs = first(plan, "float64"), first(plan, "float64")
    found = NativeEngine(plan, "float64", 4).epoch(ours, rows, order, batch, CLOCK)
    right = ReferenceEngine(plan, "float64").epoch(theirs, rows, order, batch, CLOCK)
    assert apart(ours.weights, theirs.weights) <= 1e-12
    assert found.steps == right.steps == -(-count // batch)
    assert found.objective == pytest.approx(right.objective, rel=1e-12)


BAD_CODES = [4.0, -1.0, 0.5, 1e30, -1e30, NOT_A_NUMBER, INFINITY]


@pytest.mark.parametrize("code", BAD_CODES)
def test_a_code_without_a_meaning(code: float) -> None:
    plan = PLANS["table"]
    rows, state = rows_of(plan, 40, "float64"), first(plan, "float64")
    engine, before = NativeEngine(plan, "float64", 2), state.weights.tobytes()
    rows.X[23, 7] = code
    for work in (
        lambda: engine.raw(state.weights, state.running, rows.X),
        lambda: engine.gradient(state, rows, CLOCK),
        lambda: engine.epoch(state, rows, np.arange(40), 16, CLOCK),
    ):
        with pytest.raises(DataError, match="a category code") as caught:
            work()
        assert caught.value.where == "row 23, column 0"
    assert (state.weights.tobytes(), state.step) == (before, 0)
    rows.X[23, 7] = -0.0
    assert np.isfinite(engine.raw(state.weights, state.running, rows.X)).all()
    assert engine.epoch(state, rows, np.arange(40), 16, CLOCK).finite


@pytest.mark.parametrize("engine", [ReferenceEngine, NativeEngine])
def test_a_code_far_down_is_named_by_its_row(engine: type[ReferenceEngine]) -> None:
    plan = PLANS["table"]
    X, state = rows_of(plan, 20_000, "float32").X, first(plan, "float32")
    X[17_001, 8] = 3.0
    with pytest.raises(DataError) as caught:
        engine(plan, "float32").raw(state.weights, state.running, X)
    assert caught.value.where == "row 17001, column 1"


@pytest.mark.parametrize(
    ("changed", "kind", "where"),
    [
        ({"X": np.zeros((30, 4))}, ShapeError, "X"),
        ({"X": np.zeros((30, 5, 1))}, ShapeError, "X"),
        ({"Y": np.zeros((29, 2))}, ShapeError, "Y"),
        ({"Y": np.zeros((30, 1))}, ShapeError, "Y"),
        ({"Y": np.zeros(30)}, ShapeError, "Y"),
        ({"weights": np.ones(29)}, ShapeError, "weights"),
        ({"order": np.array([0, 30])}, DataError, "order"),
        ({"order": np.array([-1, 3])}, DataError, "order"),
        ({"order": np.array([2**62, 2**63 - 1])}, DataError, "order"),
        ({"order": np.array([2**63], np.uint64)}, DataError, "order"),
        ({"order": np.array([0.5, 3.0])}, DataError, "order"),
        ({"order": np.ones(30, bool)}, DataError, "order"),
        ({"order": np.array(3)}, DataError, "order"),
        ({"order": np.arange(30)[:, None]}, DataError, "order"),
        ({"batch": 0}, InvalidParameterError, ""),
        ({"batch": 1.5}, InvalidParameterError, ""),
        ({"batch": None}, InvalidParameterError, ""),
    ],
)
def test_data_that_does_not_fit(
    changed: dict[str, Any], kind: type[ChainruleError], where: str
) -> None:
    plan = small_plan()
    rows, buffers = rows_of(plan, 30, "float64"), first(plan, "float64")
    data = {"X": rows.X, "Y": rows.Y, "weights": rows.weights, **changed}
    order, batch = changed.get("order", np.arange(30)), changed.get("batch", 8)
    with pytest.raises(kind) as caught:
        NativeEngine(plan, "float64").epoch(
            buffers, Rows(data["X"], data["Y"], data["weights"]), order, batch, CLOCK
        )
    assert caught.value.where == where


@pytest.mark.parametrize(
    ("name", "value"), [("epoch", 2**32), ("epoch", 0.5), ("first_row", 2**63)]
)
def test_a_number_that_the_engine_cannot_hold_is_named(name: str, value: Any) -> None:
    plan = small_plan()
    rows, buffers = rows_of(plan, 30, "float64"), first(plan, "float64")
    with pytest.raises(ValueError, match=f"cannot hold this {name}"):
        NativeEngine(plan, "float64").gradient(buffers, rows, replace(CLOCK, **{name: value}))


@pytest.mark.parametrize("name", ["weights", "running", "slots"])
def test_buffers_that_do_not_fit(name: str) -> None:
    plan = PLANS["norms"]
    rows, buffers = rows_of(plan, 30, "float32"), first(plan, "float32")
    if name == "slots":
        buffers.slots = {slot: vector[:-1] for slot, vector in buffers.slots.items()}
    else:
        setattr(buffers, name, getattr(buffers, name)[:-1])
    with pytest.raises(ShapeError, match="does not fit the plan"):
        NativeEngine(plan).epoch(buffers, rows, np.arange(30), 8, CLOCK)
    if name != "slots":
        with pytest.raises(ShapeError, match="does not fit the plan"):
            NativeEngine(plan).raw(buffers.weights, buffers.running, rows.X)


OUT_OF_MEMORY = """
import resource, sys
import numpy as np
from chainrule import nn
from chainrule.engine import Clock, NativeEngine, Rows
from chainrule.plan import make_plan

clock = Clock(0, 0, 0, 10)
def plan_of(*layers):
    return make_plan(nn.Sequential(*layers, nn.Dense(1)), (4,), "squared_error", 1)

small = plan_of(nn.Dense(50, "relu"), nn.BatchNorm())
engine = NativeEngine(small, "float32", 2)
few = Rows(np.ones((60, 4), np.float32), np.ones((60, 1), np.float32))
many = Rows(np.ones((400_000, 4), np.float32), np.ones((400_000, 1), np.float32))
buffers = engine.buffers(0)
engine.epoch(buffers, few, np.arange(60), 20, clock)
expected = buffers.weights.tobytes()
wide = plan_of(nn.Dense(3500), nn.Dense(3500))
wide_engine = NativeEngine(wide, "float32", 2)
wide_buffers = wide_engine.buffers(0)
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 20_000_000,) * 2)

def refused(work):
    try:
        work()
    except MemoryError:
        return
    sys.exit("it fitted")

start = engine.buffers(0)
for _ in range(2):
    refused(lambda: wide_engine.epoch(wide_buffers, few, np.arange(60), 20, clock))
    refused(lambda: wide_engine.raw(wide_buffers.weights, wide_buffers.running, few.X))
    refused(lambda: engine.epoch(start, many, np.arange(400_000), 400_000, clock))
    refused(lambda: engine.gradient(start, many, clock))
    assert start.step == 0
    buffers = engine.buffers(0)
    engine.epoch(buffers, few, np.arange(60), 20, clock)
    assert buffers.weights.tobytes() == expected
    assert engine.raw(buffers.weights, buffers.running, many.X).shape == (400_000, 1)
"""


if sys.platform.startswith("linux"):  # where a process can limit its own memory

    def test_memory_that_ends() -> None:
        program = [sys.executable, "-c", OUT_OF_MEMORY]
        result = subprocess.run(program, capture_output=True, text=True, timeout=120, check=False)
        assert (result.returncode, result.stderr) == (0, "")

    COMPILER = shutil.which("cc") if platform.libc_ver()[0] == "glibc" else None

    @pytest.mark.skipif(COMPILER is None, reason="takes a C compiler, and glibc's other names")
    def test_memory_that_ends_anywhere(tmp_path: Path) -> None:
        source, library = tmp_path / "memory.c", str(tmp_path / "memory.so")
        source.write_text(short_of_memory.SOURCE, encoding="ascii")
        subprocess.run([str(COMPILER), "-shared", "-fPIC", "-o", library, source], check=True)
        program = [sys.executable, "-W", "ignore", "-m", "tests.native.short_of_memory", library]
        loaded = {**os.environ, "LD_PRELOAD": library}
        result = subprocess.run(
            program, capture_output=True, text=True, timeout=300, check=False, env=loaded
        )
        assert (result.returncode, result.stderr) == (0, "")
