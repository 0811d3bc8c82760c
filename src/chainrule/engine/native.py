"""The compiled engine: the only module that imports `_engine`.

Decisions
---------
a) Vectors stay flat NumPy arrays in the Plan's order on this side. The binary asks an array for its
   address and for nothing else; `native_call.py` checks types, shapes and layout first and keeps
   the arrays alive meanwhile.
b) A pass over the data is one call without the GIL. What depends on the step (rates, decays,
   dropout factors) is worked out before the call, so no Python runs per step, unless the plan's
   loss is Python itself (see `native_loss.py`).
c) The state after a pass that met a number that is not finite is the state before the bad step, as
   in the reference engine: the pass is repeated up to there, which gives the same bits.
d) The buffers change in one moment at the end of a pass; whatever ends it before leaves them alone.
e) One object may be used by many threads. Each pass has a compiled engine of its own, which the
   next one takes over; predictions share one as long as they want the same weights.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import lru_cache, partial
from importlib.util import find_spec
from types import ModuleType
from typing import Any

import numpy as np

from chainrule._version import __version__
from chainrule.checks import Integer, shown
from chainrule.engine.compile import calls_back, program_of, reason_against
from chainrule.engine.cores import at_most, default_threads
from chainrule.engine.native_call import Call, require_vector, unfit
from chainrule.engine.native_predict import Predictor
from chainrule.engine.protocol import Buffers, Clock, EpochResult, Evaluation, Pulse, Rows
from chainrule.engine.reference import ReferenceEngine
from chainrule.errors import InvalidParameterError, MissingExtraError, ShapeError
from chainrule.plan.plan import Plan
from chainrule.plan.table import plan_cost

__all__ = [
    "NativeEngine",
    "default_threads",
    "info",
    "instruction_set",
    "load_binary",
    "reason_for_reference",
]

_FLOPS_FOR_TEAM = 700_000
"""Below so many FLOPs a step (float64 counts twice) one thread is faster than two that meet."""
_FLOPS_FOR_ALL = 100_000_000
"""From so many on all threads are faster than one, and a trial of one would be felt."""
_FLOPS_TO_PREDICT = 4_000_000
"""Below so many FLOPs a prediction waits longer for a second thread than it gains."""


@lru_cache(maxsize=1)
def load_binary() -> tuple[ModuleType | None, str]:
    """Return the compiled module, or None and the reason why it cannot be used."""
    try:
        from chainrule.engine import _engine
    except ImportError as error:
        if find_spec("chainrule.engine._engine") is None:
            return None, (
                "the compiled engine is not installed: it was not built for this Python, "
                "which takes a C++20 compiler"
            )
        return None, f"the compiled engine cannot be loaded ({error})"
    reason = unfit(_engine)
    return (None, reason) if reason else (_engine, "")


def instruction_set() -> str:
    """Return the instruction set in use: the best, or the one that CHAINRULE_ISA names.

    Raises
    ------
    MissingExtraError
        There is no compiled engine.
    InvalidParameterError
        CHAINRULE_ISA names none that this processor and binary have.
    """
    offered = _required().instruction_sets()
    wanted = os.environ.get("CHAINRULE_ISA", "")
    if wanted and wanted not in offered:
        raise InvalidParameterError(
            "CHAINRULE_ISA names an instruction set that this processor or binary lacks",
            expected="one of " + ", ".join(offered),
            got=repr(wanted),
        )
    return wanted or offered[0]


def _required() -> ModuleType:
    binary, reason = load_binary()
    if binary is None:
        raise MissingExtraError(
            "the compiled engine cannot be used",
            got=reason,
            do="reinstall chainrule where a C++20 compiler is at hand, or use the reference engine",
        )
    return binary


@lru_cache(maxsize=1)
def _known() -> dict[str, frozenset[str]]:
    binary = _required()
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

    Parameters
    ----------
    plan : Plan, optional
        Asks about this plan instead of any whose parts are all the library's own.

    Example
    -------
    >>> from chainrule.engine import info
    >>> sorted(info())[:6]
    ['available', 'called_back', 'engine', 'instruction_set', 'instruction_sets', 'reason']
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
        "called_back": _called_back(plan) if compiled and plan is not None else "",
    }


def _called_back(plan: Plan) -> str:
    """Return what the compiled engine calls in Python, once a step, or an empty string."""
    return f"the loss {plan.loss.name}" if calls_back(plan, _known()) else ""


class NativeEngine(ReferenceEngine):
    """Run a plan with the compiled engine; same interface and same numbers as the reference.

    Parameters
    ----------
    plan : Plan
        One that `reason_for_reference` has nothing against.
    dtype : str
        `"float32"` or `"float64"`.
    threads : int, optional
        The most there may be. By default all cores for steps that are large enough, else one.

    Raises
    ------
    MissingExtraError
        There is no compiled engine.
    InvalidParameterError
        The plan has a part without a compiled form, or `threads` is no such number.

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
        reason = reason_against(plan, _known())
        if reason:
            raise InvalidParameterError("the compiled engine cannot run this plan", got=reason)
        self._called_back = self.runs_numpy = calls_back(plan, _known())
        self._threads = None if threads is None else _checked(threads)
        self._idle: list[tuple[int, Any]] = []
        self._sample_shape = plan.sample_shape
        cost = plan_cost(plan, rows=1)
        forward = max(float(cost.forward_flops), 1.0)
        self._flops_per_row = forward + float(cost.backward_flops)
        # Nothing here refers back to this object, so its memory is free when its last user is gone.
        self._make = partial(_compiled, plan, self.dtype, instruction_set(), self._called_back)
        make, team = partial(self._make, 0, False), partial(_team, self._threads, _FLOPS_TO_PREDICT)
        self._predictor = Predictor(make, plan, self.dtype, forward, team)

    def __reduce__(self) -> tuple[Callable[..., ReferenceEngine], tuple[Any, ...]]:
        return _remade, (self.plan, self.dtype.name, self._threads)

    def _borrow(self, seed: int) -> Any:
        """Return a compiled engine that nobody uses; its dropout streams are those of the seed."""
        try:
            made_for, engine = self._idle.pop()
        except IndexError:
            return self._make(seed, learns=True)
        return engine if made_for == seed else self._make(seed, learns=True)

    def threads_for(self, rows: int) -> int:
        """Return the number of threads for training with a batch of so many rows."""
        return _team(self._threads, _FLOPS_FOR_TEAM, self._flops(rows))

    def _flops(self, rows: int) -> float:
        return rows * self._flops_per_row * self.dtype.itemsize / 4

    def _call(self, rows: Rows, order: np.ndarray, batch: int, clock: Clock, step: int) -> Call:
        return Call(self.plan, self.dtype, rows, order, batch, clock, step, self._called_back)

    def _run(self, engine: Any, call: Call, pulse: Pulse | None) -> tuple[int, bool]:
        tuned = self._threads is None and self._flops(call.batch) < _FLOPS_FOR_ALL
        return call.run(engine, self.threads_for(call.batch), tuned, pulse)

    def raw(self, weights: np.ndarray, running: np.ndarray, X: np.ndarray) -> np.ndarray:
        """Return the raw outputs `(N, raw_width)` in prediction mode."""
        X = np.asarray(X)
        self._check_shape(X)
        raw = self._predictor.raw(weights, running, X)
        if raw is None:
            self._explain_codes(X)
            raise AssertionError("the compiled engine refuses codes that the operation takes")
        return raw

    def _check_shape(self, X: np.ndarray) -> None:
        if X.shape[1:] != self._sample_shape:
            # The reference engine's operations name the layer; here only the input can be wrong.
            raise ShapeError(
                "the input does not fit the network",
                where="X",
                expected=str(("N", *self._sample_shape)).replace("'", ""),
                got=str(X.shape),
            )

    def _explain_codes(self, X: np.ndarray) -> None:
        """Let the reference operation find the category code that is out of range, and say it."""
        weights = np.zeros(self.plan.parameters.size, self.dtype)
        ReferenceEngine.raw(self, weights, self._zeros(), X)

    def _zeros(self) -> np.ndarray:
        return np.zeros(self.plan.running.size, self.dtype)

    def _import(self, engine: Any, buffers: Buffers, slots: bool) -> None:
        size, dtype = self.plan.parameters.size, self.dtype
        weights = require_vector(buffers.weights, size, dtype, "weights")
        engine.import_vector(-1, weights)
        for which, name in enumerate(self.plan.optimizer.slots if slots else ()):
            slot = require_vector(buffers.slots[name], size, dtype, f"slot {name}")
            engine.import_vector(which, slot)
        if self.plan.running.size:
            running = require_vector(buffers.running, self.plan.running.size, dtype, "running")
            engine.import_running(running)

    def _export(self, engine: Any, buffers: Buffers, steps: int) -> None:
        """Put the new state into the buffers, into their own arrays where these can take it."""
        size = self.plan.parameters.size
        weights = self._home(buffers.weights, size)
        slots = {name: self._home(buffers.slots[name], size) for name in self.plan.optimizer.slots}
        running = self._home(buffers.running, self.plan.running.size)
        state = {
            "weights": weights,
            "slots": slots,
            "running": running,
            "step": buffers.step + steps,
        }
        engine.export_state([weights, *slots.values()], running, vars(buffers), state)

    def _home(self, vector: np.ndarray, size: int) -> np.ndarray:
        flags = vector.flags
        fits = vector.dtype == self.dtype and flags.c_contiguous and flags.aligned
        return vector if fits and flags.writeable else np.empty(size, self.dtype)

    def gradient(
        self, buffers: Buffers, rows: Rows, clock: Clock, training: bool = True
    ) -> Evaluation:
        """Return objective and gradient of all rows as one batch, without the tensors between."""
        if not len(rows):
            return super().gradient(buffers, rows, clock, training)
        call = self._call(rows, np.arange(len(rows)), len(rows), clock, buffers.step)
        flat = np.empty(self.plan.parameters.size, self.dtype)
        raw = np.empty((len(rows), self.plan.raw_width), self.dtype)
        running = self._zeros()
        engine = self._borrow(clock.seed)
        self._import(engine, buffers, slots=False)
        threads = self.threads_for(len(rows))
        good = engine.gradient(call.fields, training, flat, raw, threads)
        engine.export_running(running)
        self._idle.append((clock.seed, engine))
        if not good:
            self._explain_codes(rows.X)
        call.raise_trouble()
        objective, data = float(call.objectives[0]), float(call.data[0])
        return Evaluation(objective, data, flat, running, raw, {})

    def epoch(
        self,
        buffers: Buffers,
        rows: Rows,
        order: np.ndarray,
        batch_size: int,
        clock: Clock,
        pulse: Pulse | None = None,
    ) -> EpochResult:
        """Run one pass over the rows in the given order, in place.

        The buffers' arrays are written to if they are of the engine's type. `pulse` is asked about
        every 50 ms, after a step.
        """
        if not self.plan.optimizer.stepwise:  # has no single updates, and says so
            return super().epoch(buffers, rows, order, batch_size, clock, pulse)
        call = self._call(rows, order, batch_size, clock, buffers.step)
        engine = self._borrow(clock.seed)
        self._import(engine, buffers, slots=True)
        done, good = self._run(engine, call, pulse)
        if not good:
            self._explain_codes(rows.X)
        steps = done
        if not (call.intact and engine.finite()):
            steps = self._rerun_to_last_good(engine, buffers, call, done)
        if steps == done:
            call.raise_trouble()
        result = call.result(steps, failed=steps < done or not call.finite)
        self._export(engine, buffers, steps)
        # Given back only here: what an exception ended is thrown away whole.
        self._idle.append((clock.seed, engine))
        return result

    def _rerun(self, engine: Any, buffers: Buffers, call: Call, steps: int) -> bool:
        """Repeat a pass up to a step and return whether all numbers are finite then."""
        self._import(engine, buffers, slots=True)
        if steps:
            self._run(engine, call.part(steps), None)
        return engine.finite()

    def _rerun_to_last_good(self, engine: Any, buffers: Buffers, call: Call, done: int) -> int:
        """Repeat a pass up to the last step after which all numbers are finite."""
        if self._rerun(engine, buffers, call, done):
            return done
        good, bad = 0, done
        while bad - good > 1:
            middle = (good + bad) // 2
            if self._rerun(engine, buffers, call, middle):
                good = middle
            else:
                bad = middle
        self._rerun(engine, buffers, call, good)
        return good


def _compiled(
    plan: Plan, dtype: np.dtype, instructions: str, called_back: bool, seed: int, learns: bool
) -> Any:
    """Return a compiled engine; with `learns` it has room for gradients and slots."""
    program = program_of(plan, seed, called_back)
    return _required().Engine(program, instructions, dtype == np.float64, learns)


def _team(stated: int | None, least: float, flops: float) -> int:
    """Return the number of threads for so many FLOPs, of which `least` are worth a second one."""
    if stated is not None:
        return stated
    return default_threads() if flops > least else 1


def _checked(threads: int) -> int:
    rule = Integer(low=1)
    if not rule.accepts(threads):
        raise InvalidParameterError(
            "threads is not allowed", expected=f"None or {rule.describe()}", got=shown(threads)
        )
    return at_most(int(threads))


def _remade(plan: Plan, dtype: str, threads: int | None) -> ReferenceEngine:
    """Return the engine of a copied or unpickled object, as good as this process has one."""
    if reason_for_reference(plan):
        return ReferenceEngine(plan, dtype)
    return NativeEngine(plan, dtype, threads)
