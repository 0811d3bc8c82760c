"""Arrays of any layout give the same bits, are never written to, and X is never copied whole."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from chainrule.engine import Buffers, NativeEngine, Rows
from chainrule.errors import InvalidParameterError, ShapeError
from tests.native.networks import CLOCK, PLANS, first, rows_of

PLAN = PLANS["table"]
COUNT = 300


def strided(X: np.ndarray) -> np.ndarray:
    """Return every second column of a wider array."""
    wide = np.full((len(X), 2 * X.shape[1]), np.nan, X.dtype)
    wide[:, ::2] = X
    return wide[:, ::2]


def unaligned(X: np.ndarray) -> np.ndarray:
    """Return an array whose numbers begin at odd addresses."""
    memory = np.zeros(X.nbytes + 1, np.uint8)
    view = memory[1:].view(X.dtype).reshape(X.shape)
    view[...] = X
    return view


def in_records(X: np.ndarray) -> np.ndarray:
    """Return rows that are not a whole number of elements apart."""
    records = np.zeros(len(X), [("mark", np.uint8), ("x", X.dtype, X.shape[1:])])
    records["x"] = X
    return records["x"]


def read_only(X: np.ndarray) -> np.ndarray:
    """Return a copy that cannot be written to."""
    copy = X.copy()
    copy.setflags(write=False)
    return copy


LAYOUTS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "rows": np.ascontiguousarray,
    "Fortran": np.asfortranarray,
    "columns apart": strided,
    "rows apart": lambda X: np.repeat(X, 3, axis=0)[::3],
    "upside down": lambda X: X[::-1].copy()[::-1],
    "a part of wider rows": lambda X: np.hstack([X, X])[:, : X.shape[1]],
    "unaligned": unaligned,
    "records": in_records,
    "read-only": read_only,
    "other byte order": lambda X: X.astype(X.dtype.newbyteorder()),
    "float64": lambda X: X.astype(np.float64),
    "a subclass": lambda X: X.view(np.matrix),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_layout_changes_nothing(layout: str) -> None:
    rows, X = rows_of(PLAN, COUNT, "float32"), LAYOUTS[layout]
    order, engine = np.arange(COUNT)[::-1], NativeEngine(PLAN, "float32", 2)
    other = Rows(
        X(rows.X), X(rows.Y), None if rows.weights is None else X(rows.weights[:, None])[:, 0]
    )
    if layout == "a subclass":
        other = replace(other, weights=rows.weights)
    before = other.X.tobytes()
    found: list[list[bytes]] = []
    for data in (rows, other):
        buffers = first(PLAN, "float32")
        raw = engine.raw(buffers.weights, buffers.running, data.X)
        gradient = engine.gradient(buffers, data, CLOCK).gradient
        engine.epoch(buffers, data, order, 64, CLOCK)
        found.append([raw.tobytes(), gradient.tobytes(), buffers.weights.tobytes()])
    assert found[0] == found[1]
    assert other.X.tobytes() == before


def test_one_row_many_times() -> None:
    engine, state = NativeEngine(PLAN, "float32"), first(PLAN, "float32")
    X = rows_of(PLAN, 1, "float32").X
    raw = engine.raw(state.weights, state.running, np.broadcast_to(X, (500, 9)))
    assert np.array_equal(
        raw, np.broadcast_to(engine.raw(state.weights, state.running, X), raw.shape)
    )


def test_lists_and_whole_numbers_are_read() -> None:
    engine, state = NativeEngine(PLAN, "float32"), first(PLAN, "float32")
    X = np.zeros((3, 9), int)
    raw = engine.raw(state.weights, state.running, X)
    assert np.array_equal(engine.raw(state.weights, state.running, X.tolist()), raw)  # type: ignore[arg-type]


@pytest.mark.parametrize("shape", [(9,), (3, 8), (3, 9, 1), ()])
def test_a_shape_that_does_not_fit(shape: tuple[int, ...]) -> None:
    engine, state = NativeEngine(PLAN), first(PLAN, "float32")
    with pytest.raises(ShapeError, match="does not fit the network") as caught:
        engine.raw(state.weights, state.running, np.zeros(shape, np.float32))
    assert caught.value.expected == "(N, 9)"


@pytest.mark.parametrize("dtype", ["float16", "int32", "f"])
def test_a_type_that_is_not_offered(dtype: str) -> None:
    with pytest.raises(InvalidParameterError, match="dtype"):
        NativeEngine(PLAN, dtype)


def test_buffers_are_written_in_place_where_that_can_be() -> None:
    rows, engine = rows_of(PLAN, COUNT, "float32"), NativeEngine(PLAN, "float32")
    buffers = first(PLAN, "float32")
    arrays = (buffers.weights, *buffers.slots.values())
    engine.epoch(buffers, rows, np.arange(COUNT), 64, CLOCK)
    assert all(
        a is b for a, b in zip(arrays, (buffers.weights, *buffers.slots.values()), strict=True)
    )
    for change in (
        read_only,
        lambda vector: vector.astype(np.float64),
        lambda v: strided(v[:, None])[:, 0],
    ):
        plain = first(PLAN, "float32")
        slots = {name: change(slot) for name, slot in plain.slots.items()}
        other = Buffers(change(plain.weights), slots, change(plain.running))
        given = other.weights.copy()
        weights = other.weights
        engine.epoch(other, rows, np.arange(COUNT), 64, CLOCK)
        assert np.array_equal(weights, given)
        assert other.weights.dtype == np.float32
        assert other.weights.tobytes() == buffers.weights.tobytes()
        assert all(other.slots[n].tobytes() == slot.tobytes() for n, slot in buffers.slots.items())


MEMORY = """
import resource, sys
import numpy as np
from chainrule import nn
from chainrule.engine import Buffers, Clock, NativeEngine, Rows
from chainrule.plan import make_plan

clock, scale = Clock(0, 0, 0, 1000), 1 if sys.platform == "darwin" else 1024

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale / 1e6  # megabytes

def growth(work):
    before = peak()
    work()
    return peak() - before

net = nn.Sequential(nn.Dense(1000, "relu"), nn.Dense(1000, "relu"), nn.Dense(1))
plan = make_plan(net, (1000,), "squared_error", 1, optimizer="adam")
engine, batch = NativeEngine(plan, "float32", 2), 64
def vector():  # drawing first weights takes more memory than all that is measured here
    return np.full(plan.parameters.size, 1e-4, np.float32)
slots = {name: vector() for name in plan.optimizer.slots}
buffers = Buffers(vector(), slots, np.zeros(0, np.float32))
weights = plan.parameters.size * 4 / 1e6
def rows(count):
    return Rows(np.ones((count, 1000), np.float32), np.ones((count, 1), np.float32))
few = rows(batch)
def train():
    engine.epoch(buffers, few, np.arange(batch), batch, clock)
print("training", growth(train) / weights)
print("again", growth(lambda: [train() for _ in range(20)]) / weights)
many = rows(30_000)
X = many.X.nbytes / 1e6
some = np.arange(0, 30_000, 50)
def predict(X):
    engine.raw(buffers.weights, buffers.running, X)
print("an epoch", growth(lambda: engine.epoch(buffers, many, some, batch, clock)) / X)
print("predictions", (growth(lambda: predict(many.X)) - weights) / X)
other = np.asfortranarray(many.X[:15_000])
print("predictions of columns", growth(lambda: predict(other)) / X)
"""
LIMITS = {
    "training": 4.0 + 0.5,  # weights, their transpose, two slots; activations and the rest
    "again": 0.05,
    "an epoch": 0.02,
    "predictions": 0.1,
    "predictions of columns": 0.3,
}


def test_memory_is_the_parameters_and_one_batch() -> None:
    result = subprocess.run(
        [sys.executable, "-c", MEMORY], capture_output=True, text=True, timeout=120, check=False
    )
    assert result.returncode == 0, result.stderr
    found = dict(line.rsplit(" ", 1) for line in result.stdout.splitlines())
    assert {name for name, value in found.items() if float(value) > LIMITS[name]} == set(), found


def test_a_warm_engine_takes_no_more_memory() -> None:
    program = (
        "import resource, numpy as np\n"
        "from tests.native.networks import CLOCK, PLANS, first, rows_of\n"
        "from chainrule.engine import NativeEngine\n"
        "plan = PLANS['table']\n"
        "engine, rows = NativeEngine(plan, 'float32', 2), rows_of(plan, 300, 'float32')\n"
        "buffers, order = first(plan, 'float32'), np.arange(300)\n"
        "def work(times):\n"
        "    for _ in range(times):\n"
        "        engine.epoch(buffers, rows, order, 64, CLOCK)\n"
        "        engine.raw(buffers.weights, buffers.running, rows.X)\n"
        "        engine.gradient(buffers, rows, CLOCK)\n"
        "        NativeEngine(plan).raw(buffers.weights, buffers.running, rows.X[:1])\n"
        "work(20)\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "work(120)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False
    )
    assert result.returncode == 0, result.stderr
    assert int(result.stdout) < (2_000_000 if sys.platform == "darwin" else 2_000)
