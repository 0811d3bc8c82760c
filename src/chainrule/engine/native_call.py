"""One pass over the data as the compiled engine reads it: checked arrays, numbers of steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule._version import __version__
from chainrule.checks import Integer, shown
from chainrule.engine.native_loss import NO_CALLBACK, LossCallback
from chainrule.engine.parts import pass_objective, step_masses
from chainrule.engine.protocol import Clock, EpochResult, Pulse, Rows
from chainrule.errors import DataError, InvalidParameterError, ShapeError, UsageError
from chainrule.plan.plan import Plan

__all__ = ["INTERFACE", "PULSE_SECONDS", "Call", "refuse_orphan", "require_vector", "unfit"]

_INT64 = np.dtype(np.int64)

INTERFACE = 2
"""Of names and meanings that pass to the binary: csrc/reading.hpp has the same number."""

PULSE_SECONDS = 0.05
"""Least time between two moments at which a long call asks Python whether to go on."""


def unfit(binary: Any) -> str:
    """Return why a compiled module does not belong to this package, or an empty string.

    An interface of its own, because a binary that was built before the last change of the sources
    is of the same version.
    """
    found = getattr(binary, "VERSION", ""), getattr(binary, "INTERFACE", 1)
    if found == (__version__, INTERFACE):
        return ""
    return (
        f"the compiled engine is of version {found[0] or 'unknown'} with interface {found[1]}, "
        f"the package of {__version__} with interface {INTERFACE}; reinstall chainrule"
    )


def require_vector(vector: np.ndarray, size: int, dtype: np.dtype, what: str) -> np.ndarray:
    """Return a flat vector of the engine's type, the same one if it is so already.

    Raises
    ------
    ShapeError
        It is not of the size that the plan says.
    """
    if vector.shape != (size,):
        raise ShapeError(
            "a vector does not fit the plan",
            where=what,
            expected=str((size,)),
            got=str(vector.shape),
        )
    return _laid_out(vector, dtype)


def refuse_orphan() -> None:
    """Refuse to go on in a forked child; the binary calls this.

    Raises
    ------
    UsageError
        Always: the threads that shared the work are not in the child.
    """
    raise UsageError(
        "a forked child cannot go on with the engine's call in whose middle it was forked",
        where="a loss, a progress function or a signal handler that forked",
        expected="a child that does its own work there and ends",
        do="start it with multiprocessing, or end it with os._exit; it may train and predict anew",
    )


def _laid_out(array: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Return an array as it is if the engine can read it, else a copy."""
    array = np.asarray(array)
    if array.dtype == dtype and array.flags.c_contiguous and array.flags.aligned:
        return array
    return np.require(array, dtype, ["C", "A"])


def _row_numbers(order: np.ndarray) -> np.ndarray:
    """Return a copy: it is read without the lock, so nobody else may change what was checked."""
    order = np.asarray(order)
    if order.ndim != 1 or (order.size and order.dtype.kind not in "iu"):
        raise DataError(
            "the order of rows is not a list of row numbers",
            where="order",
            expected="one axis of whole numbers",
            got=f"an array {order.shape} of {order.dtype}",
        )
    return order.astype(_INT64, "C")


def _in_rows(X: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Return X as it is if its rows stand as the engine reads them, else a copy."""
    X = np.asarray(X, dtype)
    inner = X[0] if len(X) else X
    if inner.flags.c_contiguous and X.flags.aligned and X.strides[0] % X.itemsize == 0:
        return X
    return np.array(X, order="C")


class Call:
    """The arrays of one pass, kept alive while the binary reads their addresses.

    Parameters
    ----------
    plan : Plan
    dtype : dtype
        Of the engine.
    rows : Rows
    order : (M,) int
        Row numbers in the order of use.
    batch_size : int
    clock : Clock
    step : int
        Updates done before this pass.
    called_back : bool
        The plan's loss is Python.

    Raises
    ------
    DataError
        There is no row to train on, or one that does not exist.
    ShapeError
        X, Y or the weights do not fit the plan or each other.
    """

    def __init__(
        self,
        plan: Plan,
        dtype: np.dtype,
        rows: Rows,
        order: np.ndarray,
        batch_size: int,
        clock: Clock,
        step: int,
        called_back: bool,
    ) -> None:
        self._arguments = (plan, dtype, rows, order, batch_size, clock, step, called_back)
        self.plan, self.clock, self.step = plan, clock, step
        self.X = _in_rows(rows.X, dtype)
        self.Y = _laid_out(rows.Y, dtype)
        self.weights = None if rows.weights is None else _laid_out(rows.weights, dtype)
        self.order = _row_numbers(order)
        self._check(batch_size)
        self.batch = int(min(batch_size, len(self.order)))
        self.steps = -(-len(self.order) // self.batch)
        told = np.empty((5, self.steps))
        told.fill(np.nan)
        self.objectives, self.data, self.norms, self.rates, self.decays = told
        self._set_per_step()
        self.finite = self.intact = True
        self.callback = (
            LossCallback(plan.loss, self.batch, plan.raw_width, plan.targets, dtype)
            if called_back
            else None
        )
        self.fields = self._fields()

    def _check(self, batch_size: int) -> None:
        rows, order = len(self.X), self.order
        sizes = {"X": self.X.shape, "Y": self.Y.shape}
        wanted = {"X": (rows, *self.plan.sample_shape), "Y": (rows, self.plan.targets)}
        if self.weights is not None:
            sizes["weights"], wanted["weights"] = self.weights.shape, (rows,)
        for name, size in sizes.items():
            if size != wanted[name]:
                raise ShapeError(
                    "the data does not fit the plan",
                    where=name,
                    expected=str(wanted[name]),
                    got=str(size),
                )
        if not len(order):
            raise DataError(
                "there is nothing to train on", where="order", expected="at least one row"
            )
        # As numbers without a sign those below zero are the largest.
        if order.view(np.uint64).max() >= rows:
            raise DataError(
                "the order of rows names one that does not exist",
                where="order",
                expected=f"numbers from 0 to {rows - 1}",
                got=f"{order.min()} to {order.max()}",
            )
        if not Integer(low=1).accepts(batch_size):
            raise InvalidParameterError(
                "batch_size is not allowed", expected="1 or more", got=shown(batch_size)
            )

    def _set_per_step(self) -> None:
        """Work out rates, decays, noise factors and changing optimizer numbers of every step."""
        plan, total = self.plan, self.clock.total_steps
        span = range(self.step, self.step + self.steps)
        self.rates[:] = plan.optimizer.learning_rate * self.clock.rate_scale
        if plan.schedule is not None:
            self.rates *= [plan.schedule.factor(step, total) for step in span]
        self.decays[:] = plan.optimizer.decay()
        for penalty in plan.penalties:
            if penalty.kind == "decay":
                self.decays += [penalty.decay(step, total) for step in span]
        noisy = [node.op for node in plan.graph.nodes if node.op.noise]
        self.factors = np.ones((self.steps, len(noisy)))
        for position, op in enumerate(noisy):
            schedule = op.parameters().get("schedule")
            if schedule is not None:
                self.factors[:, position] = [schedule.factor(step, total) for step in span]
        numbers: Callable[[int], list[float]] | None = getattr(plan.optimizer, "step_numbers", None)
        self.numbers = (
            None if numbers is None else np.array([numbers(step + 1) for step in span], float)
        )

    def _fields(self) -> dict[str, Any]:
        return {
            "X": self.X,
            "Y": self.Y,
            "weights": self.weights,
            "x_stride": self.X.strides[0] // self.X.itemsize,
            "y_stride": self.Y.shape[1],
            "order": self.order,
            "count": len(self.order),
            "batch": self.batch,
            "step": self.step,
            "first_row": self.clock.first_row,
            "epoch": self.clock.epoch,
            "rates": self.rates,
            "decays": self.decays,
            "factors": self.factors,
            "optimizer_numbers": self.numbers,
            "optimizer_width": 0 if self.numbers is None else self.numbers.shape[1],
            "pulse_seconds": PULSE_SECONDS,
            "tuned": False,
            "objectives": self.objectives,
            "data": self.data,
            "norms": self.norms,
            **(NO_CALLBACK if self.callback is None else self.callback.fields()),
        }

    def run(self, binary: Any, threads: int, tuned: bool, pulse: Pulse | None) -> tuple[int, bool]:
        """Do the pass; return the steps done, and whether all category codes were good.

        With `tuned` the number of threads is the most, and fewer where those are faster.
        """
        steps = self.steps
        self.fields["tuned"] = tuned
        ask = None if pulse is None else (lambda done: pulse(done, steps))
        done, self.finite, self.intact, bad_code = binary.train(self.fields, threads, ask)
        return int(done), not bad_code

    def part(self, steps: int) -> Call:
        """Return the same pass cut short after so many steps."""
        plan, dtype, rows, _, batch, clock, step, called_back = self._arguments
        order = self.order[: steps * self.batch]
        return Call(plan, dtype, rows, order, batch, clock, step, called_back)

    def raise_trouble(self) -> None:
        """Raise what the loss raised at the step after the last one, if that step was asked for."""
        if self.callback is not None and self.callback.trouble is not None:
            raise self.callback.trouble

    def result(self, steps: int, failed: bool) -> EpochResult:
        """Return the numbers of the steps that count, or of the first step if that one failed."""
        used = max(steps, 1)
        rate = float(self.rates[min(steps, self.steps - 1) if failed else used - 1])
        objectives, complete = self.objectives[:steps], steps == self.steps and not failed
        data, norms = self.data[:steps], self.norms[:steps]
        objective, norm = float(self.objectives[0]), float(self.norms[0])
        if steps:
            averaged = self.plan.reduction == "mean"
            masses = step_masses(self.weights, self.order, self.batch, steps) if averaged else None
            objective = pass_objective(objectives, data, masses)
            norm = float(np.add.reduce(norms)) / steps
        parts = (objectives, data, norms)
        return EpochResult(steps, objective, norm, rate, not failed, complete, *parts)
