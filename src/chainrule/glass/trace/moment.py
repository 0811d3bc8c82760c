"""The step that is traced, as the reference engine does it: before, on the way, and after."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np

from chainrule.engine.protocol import Buffers, Clock, Evaluation, Rows
from chainrule.engine.reference import ReferenceEngine
from chainrule.errors import DataError, ShapeError
from chainrule.frozen import frozen
from chainrule.glass.comparison import compare
from chainrule.glass.gradcheck import choose_method
from chainrule.glass.point import NetworkPoint
from chainrule.glass.trace.record import Check
from chainrule.maths.arrays import Array
from chainrule.plan.plan import Plan
from chainrule.plan.steps import gradient_name
from chainrule.training.lbfgs import require_plain

__all__ = ["Moment"]

_FULL = 64
"""Up to so many numbers a cheap check takes every coordinate, above it random directions."""
_METHODS = {"complex": "complex step", "central": "central difference"}


@frozen
class Moment:
    """A plan at one state, with the rows of one step. Nothing here writes to the state.

    Parameters
    ----------
    plan : Plan
    rows : Rows
        Encoded, float64.
    buffers : Buffers
        The state before the step, float64.
    clock : Clock
        When the step happens: it decides the masks and the rate.
    """

    plan: Plan
    rows: Rows
    buffers: Buffers
    clock: Clock

    @cached_property
    def engine(self) -> ReferenceEngine:
        """The reference engine in float64."""
        return ReferenceEngine(self.plan, "float64")

    @cached_property
    def noise(self) -> dict[str, Array]:
        """The dropout masks of the step."""
        return self.engine.noise(self.clock, len(self.rows), self.buffers.step)

    @cached_property
    def before(self) -> Evaluation:
        """Forward, loss and backward at the state before the step.

        Raises
        ------
        DataError
            The objective or its gradient is not finite, so there is no step to look at.
        """
        found = self._evaluated(self.buffers.weights)
        if not (np.isfinite(float(found.objective)) and np.all(np.isfinite(found.gradient))):
            raise DataError(
                "the step cannot be traced: loss or gradient is not a finite number",
                got=f"a loss of {float(found.objective):g}",
                do="scale X and y, or start from smaller weights",
            )
        return found

    @cached_property
    def after(self) -> Buffers:
        """The state after the step."""
        if not self.plan.optimizer.stepwise:
            return self._line_search()
        buffers = self.buffers.copy()
        result = self.engine.step(buffers, self.rows, self.clock)
        if not result.finite:
            raise DataError(
                "the step cannot be traced: the weights after it are not finite numbers",
                do="lower the learning rate",
            )
        return buffers

    @cached_property
    def later(self) -> Evaluation:
        """The same rows and masks at the weights after the step."""
        return self._evaluated(self.after.weights)

    @property
    def rate(self) -> float:
        """The learning rate of the step."""
        return float(self.engine.rate(self.buffers.step, self.clock))

    def parameters(self, flat: np.ndarray) -> dict[str, Array]:
        """Return a flat vector's tensors by name."""
        return self.plan.parameters.views(flat)

    def checks(self) -> Mapping[str, Check]:
        """Return the independent check of each gradient, by the gradient's name."""
        method = choose_method(self.plan)
        noise = dict(self.noise)
        point = NetworkPoint(
            self.plan, self.buffers.weights, self.buffers.running, self.rows, noise, True
        )
        size = self.plan.parameters.size + self.rows.X.size
        full = method == "complex" and size <= _FULL
        comparison = compare(point, method, full=full)
        return {
            gradient_name(check.tensor): Check(
                _METHODS[method], float(check.error), bool(check.passed), check.corners
            )
            for check in comparison.tensors
        }

    def _evaluated(self, weights: np.ndarray) -> Evaluation:
        buffers = Buffers(weights, {}, self.buffers.running)
        if self.rows.X.shape[1:] != self.plan.sample_shape:
            raise ShapeError(
                "X does not fit the network",
                where="X",
                expected=f"(N, {', '.join(map(str, self.plan.sample_shape))})",
                got=str(self.rows.X.shape),
            )
        return self.engine.evaluate(buffers, self.rows, True, dict(self.noise))

    def _line_search(self) -> Buffers:
        require_plain(self.plan)
        from scipy import optimize  # imported late: `import chainrule` stays light

        def value(flat: np.ndarray) -> tuple[float, np.ndarray]:
            found = self._evaluated(flat)
            return float(found.objective), np.asarray(found.gradient)

        optimizer: Any = self.plan.optimizer
        found = optimize.minimize(
            value,
            self.buffers.weights,
            jac=True,
            method="L-BFGS-B",
            options=optimizer.scipy_options(1),
        )
        return Buffers(np.asarray(found.x), {}, self.buffers.running, self.buffers.step + 1)
