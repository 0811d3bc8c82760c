"""The compiled engine: the only module that imports `_engine`.

Decisions
---------
a) Vectors stay flat NumPy arrays in the Plan's order on this side. A call hands over addresses;
   this module checks types, shapes and layout first and keeps the arrays alive during the call.
b) A pass over the data is one call without the GIL. What depends on the step (rates, decays,
   dropout factors) is worked out before the call, so no Python runs per step.
c) The state after a pass that met a number that is not finite is the state before the bad step, as
   in the reference engine: the pass is repeated up to there, which gives the same bits.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from functools import lru_cache
from types import ModuleType
from typing import Any

import numpy as np

from chainrule._version import __version__
from chainrule.engine.compile import program_of, reason_against
from chainrule.engine.protocol import Buffers, Clock, EpochResult, Pulse, Rows
from chainrule.engine.reference import ReferenceEngine
from chainrule.errors import InvalidParameterError
from chainrule.maths.arrays import Array
from chainrule.plan.plan import Plan
from chainrule.plan.table import plan_cost

__all__ = ["NativeEngine", "info", "load_binary", "reason_for_reference"]

_FLOPS_FOR_TEAM = 2_000_000
"""Below so many FLOPs a step one thread is faster than two that meet twice."""


@lru_cache(maxsize=1)
def load_binary() -> tuple[ModuleType | None, str]:
    """Return the compiled module, or None and the reason why it cannot be used."""
    try:
        from chainrule.engine import _engine  # type: ignore[attr-defined]
    except ImportError as error:
        return None, f"the compiled engine is not installed ({error})"
    if _engine.VERSION != __version__:
        return None, (
            f"the compiled engine is of version {_engine.VERSION}, the package of {__version__}; "
            "reinstall chainrule"
        )
    return _engine, ""


def instruction_set() -> str:
    """Return the instruction set in use: the best, or the one that CHAINRULE_ISA names."""
    binary, reason = load_binary()
    if binary is None:
        raise ImportError(reason)
    offered = binary.instruction_sets()
    wanted = os.environ.get("CHAINRULE_ISA", "")
    if wanted and wanted not in offered:
        raise InvalidParameterError(
            "CHAINRULE_ISA names an instruction set that this processor or binary lacks",
            expected="one of " + ", ".join(offered),
            got=repr(wanted),
        )
    return wanted or offered[0]


def default_threads() -> int:
    """Return the number of threads: CHAINRULE_THREADS, or the cores this process may use."""
    stated = os.environ.get("CHAINRULE_THREADS", "")
    if stated:
        if not stated.isdecimal() or int(stated) < 1:
            raise InvalidParameterError(
                "CHAINRULE_THREADS is not a number of threads", expected="1 or more", got=repr(stated)
            )
        return int(stated)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@lru_cache(maxsize=1)
def _known() -> dict[str, frozenset[str]]:
    binary, _ = load_binary()
    if binary is None:
        return {}
    return {
        "activations": frozenset(binary.activations()),
        "losses": frozenset(binary.losses()),
        "optimizers": frozenset(binary.optimizers()),
    }


def reason_for_reference(plan: Plan) -> str:
    """Return why a plan runs on the reference engine, or an empty string if it need not."""
    binary, reason = load_binary()
    return reason if binary is None else reason_against(plan, _known())


def info(plan: Plan | None = None) -> dict[str, Any]:
    """Return which engine runs, with which instruction set and threads, and why.

    Example
    -------
    >>> from chainrule.engine import info
    >>> sorted(info())
    ['available', 'engine', 'instruction_set', 'instruction_sets', 'reason', 'threads', 'version']
    """
    binary, reason = load_binary()
    if binary is not None and plan is not None:
        reason = reason_against(plan, _known())
    compiled = binary is not None and not reason
    return {
        "engine": "native" if compiled else "reference",
        "available": binary is not None,
        "instruction_set": None if binary is None else instruction_set(),
        "instruction_sets": [] if binary is None else list(binary.instruction_sets()),
        "threads": default_threads() if compiled else 1,
        "version": __version__,
        "reason": reason,
    }


def _address(array: np.ndarray | None) -> int:
    return 0 if array is None else array.ctypes.data


class NativeEngine(ReferenceEngine):
    """Run a plan with the compiled engine; same interface and same numbers as the reference.

    Parameters
    ----------
    plan : Plan
        One that `reason_for_reference` has nothing against.
    dtype : str
        `"float32"` or `"float64"`.
    threads : int, optional
        By default all cores for steps that are large enough, else one.

    Example
    -------
    >>> from chainrule.engine import engine_for
    >>> from chainrule import nn
    >>> from chainrule.plan import make_plan
    >>> engine_for(make_plan(nn.Dense(1), (2,), "squared_error", 1), "float32").dtype
    dtype('float32')
    """

    name = "native"

    def __init__(self, plan: Plan, dtype: str = "float32", threads: int | None = None) -> None:
        super().__init__(plan, dtype)
        binary, reason = load_binary()
        if binary is None:
            raise ImportError(reason)
        self._binary = binary
        self._set = instruction_set()
        self._threads = threads
        self._seed: int | None = None
        self._engine: Any = None
        self._flops_per_row = self._row_flops()

    def _row_flops(self) -> float:
        cost = plan_cost(self.plan, rows=1)
        return float(cost.forward_flops + cost.backward_flops)

    def threads_for(self, rows: int) -> int:
        """Return the number of threads for a batch of so many rows."""
        if self._threads is not None:
            return self._threads
        return default_threads() if rows * self._flops_per_row > _FLOPS_FOR_TEAM else 1

    def _opened(self, seed: int | None) -> Any:
        """Return the binary's engine; the seed matters only for noise."""
        if self._engine is None or (seed is not None and seed != self._seed):
            self._seed = 0 if seed is None else seed
            program = program_of(self.plan, self._seed)
            self._engine = self._binary.Engine(program, self._set, self.dtype == np.float64)
        return self._engine

    def raw(self, weights: np.ndarray, running: np.ndarray, X: np.ndarray) -> np.ndarray:
        """Return the raw outputs `(N, raw_width)` in prediction mode."""
        engine = self._opened(None)
        self._import(engine, Buffers(weights, {}, running))
        X = self._samples(X)
        raw = np.empty((len(X), self.plan.raw_width), self.dtype)
        if len(X):
            engine.predict(_address(X), _stride(X), len(X), _address(raw), self.threads_for(len(X)))
        self._check_codes(engine, X)
        return raw

    def _samples(self, X: np.ndarray) -> np.ndarray:
        X = np.asarray(X, self.dtype)
        if X.shape[1:] != self.plan.sample_shape:
            # The reference engine's operations name the layer; here only the input can be wrong.
            raise self._shape_error(X)
        inner = X[0] if len(X) else X
        return X if inner.flags.c_contiguous and X.dtype.isnative else np.ascontiguousarray(X)

    def _shape_error(self, X: np.ndarray) -> Exception:
        from chainrule.errors import ShapeError

        return ShapeError(
            "the input does not fit the network",
            where="X",
            expected=str(("N", *self.plan.sample_shape)).replace("'", ""),
            got=str(X.shape),
        )

    def _check_codes(self, engine: Any, X: np.ndarray) -> None:
        if engine.bad_code():
            # The reference operation finds the place and says it.
            ReferenceEngine.raw(self, np.zeros(self.plan.parameters.size), self._zeros(), X)

    def _zeros(self) -> np.ndarray:
        return np.zeros(self.plan.running.size, self.dtype)

    def _import(self, engine: Any, buffers: Buffers) -> None:
        weights = self._vector(buffers.weights)
        engine.import_vector(-1, _address(weights))
        for position, name in enumerate(self.plan.optimizer.slots):
            if name in buffers.slots:
                engine.import_vector(position, _address(self._vector(buffers.slots[name])))
        if self.plan.running.size:
            engine.import_running(_address(self._vector(buffers.running)))

    def _vector(self, vector: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray(vector, self.dtype)

    def _export(self, engine: Any, buffers: Buffers) -> None:
        weights = np.empty(self.plan.parameters.size, self.dtype)
        engine.export_vector(-1, _address(weights))
        slots: dict[str, np.ndarray] = {}
        for position, name in enumerate(self.plan.optimizer.slots):
            slots[name] = np.empty_like(weights)
            engine.export_vector(position, _address(slots[name]))
        running = self._zeros()
        if running.size:
            engine.export_running(_address(running))
        buffers.weights, buffers.slots, buffers.running = weights, slots, running

    def gradient(
        self, buffers: Buffers, rows: Rows, clock: Clock, training: bool = True
    ) -> tuple[float, np.ndarray, np.ndarray]:
        """Return objective, flat gradient and raw outputs of one batch."""
        engine = self._opened(clock.seed)
        self._import(engine, buffers)
        call = _Call(self, rows, np.arange(len(rows)), len(rows), clock, buffers.step)
        flat = np.empty(self.plan.parameters.size, self.dtype)
        raw = np.empty((len(rows), self.plan.raw_width), self.dtype)
        threads = self.threads_for(len(rows))
        engine.gradient(call.fields, training, _address(flat), _address(raw), threads)
        return float(call.objectives[0]), flat, raw

    def epoch(
        self,
        buffers: Buffers,
        rows: Rows,
        order: np.ndarray,
        batch_size: int,
        clock: Clock,
        pulse: Pulse | None = None,
    ) -> EpochResult:
        """Run one pass over the rows in the given order, in place."""
        engine = self._opened(clock.seed)
        self._import(engine, buffers)
        call = _Call(self, rows, order, batch_size, clock, buffers.step)
        done = call.run(engine, self.threads_for(min(batch_size, len(order))), pulse)
        self._check_codes(engine, call.X)
        after = buffers.copy()
        self._export(engine, after)
        steps = done
        if not _sound(after) or not np.isfinite(call.objectives[done - 1 : done]).all():
            steps = self._last_good(engine, buffers, call, done)
            after = buffers.copy()
            self._rerun(engine, after, call, steps)
        failed = steps < done or not call.finite
        buffers.weights, buffers.slots, buffers.running = after.weights, after.slots, after.running
        buffers.step += steps
        return call.result(steps, failed)

    def _rerun(self, engine: Any, buffers: Buffers, call: _Call, steps: int) -> None:
        self._import(engine, buffers)
        if steps:
            call.part(steps).run(engine, self.threads_for(call.batch), None)
            self._export(engine, buffers)

    def _last_good(self, engine: Any, start: Buffers, call: _Call, done: int) -> int:
        """Return the largest number of steps after which all numbers are finite."""
        good, bad = 0, done
        while bad - good > 1:
            middle = (good + bad) // 2
            trial = start.copy()
            self._rerun(engine, trial, call, middle)
            if _sound(trial):
                good = middle
            else:
                bad = middle
        return good


def _sound(buffers: Buffers) -> bool:
    return bool(np.isfinite(buffers.weights).all() and np.isfinite(buffers.running).all())


def _stride(X: np.ndarray) -> int:
    return X.strides[0] // X.itemsize


class _Call:
    """The arrays of one pass, kept alive while the binary reads their addresses."""

    def __init__(
        self,
        engine: NativeEngine,
        rows: Rows,
        order: np.ndarray,
        batch: int,
        clock: Clock,
        step: int,
    ) -> None:
        self.arguments = (engine, rows, order, batch, clock, step)
        self.engine, self.clock, self.step = engine, clock, step
        self.batch = int(min(batch, max(len(order), 1)))
        self.X = engine._samples(rows.X)  # noqa: SLF001 - one module, two classes
        self.Y = np.ascontiguousarray(rows.Y, engine.dtype)
        self.weights = (
            None if rows.weights is None else np.ascontiguousarray(rows.weights, engine.dtype)
        )
        self.order = np.ascontiguousarray(order, np.int64)
        self.steps = -(-len(self.order) // self.batch)
        self.per_step()
        self.objectives = np.full(self.steps, np.nan)
        self.data = np.full(self.steps, np.nan)
        self.norms = np.full(self.steps, np.nan)
        self.finite = True
        self.fields = self._fields()

    def per_step(self) -> None:
        """Work out rates, decays, noise factors and changing optimizer numbers of every step."""
        plan, total = self.engine.plan, self.clock.total_steps
        span = range(self.step, self.step + self.steps)
        self.rates = np.full(self.steps, self.engine.rate(self.step, self.clock))
        if plan.schedule is not None:
            self.rates[:] = [self.engine.rate(step, self.clock) for step in span]
        own = plan.optimizer.decay()
        self.decays = np.full(self.steps, own)
        for penalty in plan.penalties:
            if penalty.kind == "decay":
                self.decays += [penalty.decay(step, total) for step in span]
        noisy = [node.op for node in plan.graph.nodes if node.op.noise]
        self.factors = np.ones((self.steps, len(noisy)))
        for position, op in enumerate(noisy):
            schedule = op.parameters().get("schedule")
            if schedule is not None:
                self.factors[:, position] = [schedule.factor(step, total) for step in span]
        numbers: Callable[[int], list[float]] | None = getattr(
            plan.optimizer, "step_numbers", None
        )
        self.numbers = (
            None if numbers is None else np.array([numbers(step + 1) for step in span], float)
        )

    def _fields(self) -> dict[str, Any]:
        return {
            "X": _address(self.X),
            "Y": _address(self.Y),
            "weights": _address(self.weights),
            "x_stride": _stride(self.X),
            "y_stride": self.Y.shape[1],
            "order": _address(self.order),
            "count": len(self.order),
            "batch": self.batch,
            "step": self.step,
            "first_row": self.clock.first_row,
            "epoch": self.clock.epoch,
            "rates": _address(self.rates),
            "decays": _address(self.decays),
            "factors": _address(self.factors),
            "optimizer_numbers": _address(self.numbers),
            "optimizer_width": 0 if self.numbers is None else self.numbers.shape[1],
            "objectives": _address(self.objectives),
            "data": _address(self.data),
            "norms": _address(self.norms),
        }

    def run(self, binary: Any, threads: int, pulse: Pulse | None) -> int:
        """Do the pass and return the number of steps done."""
        if not len(self.order):
            return 0
        ask = None if pulse is None else (lambda done: bool(pulse(done, self.steps)))
        done, self.finite = binary.train(self.fields, threads, ask)
        return int(done)

    def part(self, steps: int) -> _Call:
        """Return the same pass cut short after so many steps."""
        engine, rows, order, batch, clock, step = self.arguments
        return _Call(engine, rows, order[: steps * self.batch], batch, clock, step)

    def result(self, steps: int, failed: bool) -> EpochResult:
        """Return the numbers of the steps that count."""
        used = max(steps, 1)
        mass = self._mass(used)
        data, objectives = self.data[:used], self.objectives[:used]
        if self.engine.plan.reduction == "mean":
            mean = float(np.sum(data * mass) / mass.sum()) if mass.sum() else float(data.mean())
        else:
            mean = float(data.sum())
        objective = mean + float(np.mean(objectives - data)) if steps else float(objectives[0])
        norm = float(np.mean(self.norms[:used]))
        complete = steps == self.steps and not failed
        rate = float(self.rates[used - 1])
        return EpochResult(steps, objective, norm, rate, not failed, complete, objectives[:steps])

    def _mass(self, steps: int) -> Array:
        starts = np.arange(steps) * self.batch
        if self.weights is None:
            return np.minimum(self.batch, len(self.order) - starts).astype(float)
        weights = self.weights[self.order[: steps * self.batch]].astype(float)
        return np.add.reduceat(weights, starts)


def warn_once(reason: str) -> None:
    """Say, once for each reason, that a plan runs on the reference engine."""
    if reason not in _SAID:
        _SAID.add(reason)
        warnings.warn(f"running on the reference engine: {reason}", stacklevel=3)


_SAID: set[str] = set()
