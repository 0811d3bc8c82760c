"""What a schedule is: a factor as a function of the step.

The same type drives the learning rate, the dropout rate and the weight decay: the quantity at a
step is its base value times `factor(step, total)`. Steps count updates from 0; `total` is the
number of updates planned for the whole run, so a resumed run continues on the same curve.
"""

from __future__ import annotations

from typing import ClassVar

from chainrule.registry import Record, new_registry

__all__ = ["SCHEDULES", "Schedule"]


class Schedule(Record):
    """Base of the schedules."""

    needs_score: ClassVar[bool] = False
    """True if the factor depends on validation scores (`observe`), not on the step alone."""

    def factor(self, step: int, total: int) -> float:
        """Return the factor for update number `step` (from 0) of `total`."""
        raise NotImplementedError

    def initial_state(self) -> dict[str, float]:
        """Return the state before the first score; JSON numbers only."""
        return {}

    def observe(self, state: dict[str, float], score: float) -> dict[str, float]:
        """Return the state after a validation score (lower is better)."""
        return state

    def state_factor(self, state: dict[str, float]) -> float:
        """Return the part of the factor that comes from the scores seen so far."""
        return 1.0


SCHEDULES = new_registry("schedule", Schedule)
