"""The compiled engine's gradient against the reference engine's, which the other cases prove.

Decisions
---------
a) Both engines get one point: the same weights, running moments, rows and dropout masks, in
   float64. So they differ by rounding alone.
b) Where there is no compiled engine, or it cannot run a plan, there is no case: what runs there is
   the reference engine itself.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from chainrule.engine.native import NativeEngine, reason_for_reference
from chainrule.engine.protocol import Buffers, Clock
from chainrule.frozen import frozen
from chainrule.glass.cases import CheckRow, NetworkCase
from chainrule.glass.comparison import TOLERANCES
from chainrule.glass.point import network_point

__all__ = ["CompiledCase", "runs_compiled"]

_FLOOR = 1e-3
_SEED = 0


@frozen
class CompiledCase:
    """A network with a loss, on both engines."""

    case: NetworkCase

    @property
    def group(self) -> str:
        """The family of combinations that the case belongs to."""
        return "compiled engine"

    @property
    def name(self) -> str:
        """What is combined, and in which group."""
        return f"{self.case.group}: {self.case.name}"

    def check(self) -> CheckRow:
        """Compare the objective and the gradient of every parameter."""
        plan, training = self.case.plan(), self.case.training
        point = network_point(plan, self.case.rows(), training, _SEED)
        buffers = Buffers(point.weights, {}, point.running)
        clock = Clock(_SEED, epoch=0, first_row=0, total_steps=1)
        engine = NativeEngine(plan, "float64", threads=1)
        found = engine.gradient(buffers, point.rows, clock, training)
        errors = _errors(
            plan.parameters.views(found.gradient), plan.parameters.views(point.evaluation.gradient)
        )
        reported = np.array(float(found.objective))
        errors["objective"] = _error(reported, np.array(float(point.evaluation.objective)), 0.0)
        # What is not a number is the largest error of all.
        where = max(errors, key=lambda name: (np.isnan(errors[name]), errors[name]))
        return CheckRow(
            group=self.group,
            name=self.name,
            method="compiled",
            error=errors[where],
            tolerance=TOLERANCES["compiled"],
            passed=bool(errors[where] <= TOLERANCES["compiled"]),
            where=where,
            gradient_norm=float(np.linalg.norm(point.evaluation.gradient)),
        )


def runs_compiled(case: NetworkCase) -> bool:
    """Say whether the compiled engine is here and can run a case's plan."""
    try:
        return not reason_for_reference(case.plan())
    except Exception:  # noqa: BLE001 - a member that fails while a plan is made fails in its own case
        return False


def _errors(
    found: Mapping[str, np.ndarray], expected: Mapping[str, np.ndarray]
) -> dict[str, float]:
    # A gradient that is zero but for rounding is measured against all of them together.
    total = float(np.sqrt(sum(np.sum(array * array) for array in expected.values())))
    return {name: _error(found[name], expected[name], _FLOOR * total) for name in expected}


def _error(found: np.ndarray, expected: np.ndarray, floor: float) -> float:
    scale = max(float(np.linalg.norm(found)) + float(np.linalg.norm(expected)), floor)
    difference = float(np.linalg.norm(found - expected))
    return difference / scale if difference else 0.0
