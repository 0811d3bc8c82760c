"""What an optimizer is: named slots and one pure update of a flat vector.

Decisions
---------
a) Weights, gradient and each slot are flat vectors of the same length. Layers do not exist here.
b) `update` is pure: it returns new weights and new slots, so that the same code runs observed,
   jitted, or as the truth that the compiled engine is compared with.
c) `rate` is a number or a vector (learning rate x schedule x per-group factor). Decoupled decay,
   clipping and projections compose around the optimizer and are not its business.
d) `step` counts updates from 1, for bias corrections; no optimizer keeps a hidden counter.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from chainrule.maths.arrays import Array
from chainrule.registry import Record, new_registry

__all__ = ["OPTIMIZERS", "Optimizer"]


class Optimizer(Record):
    """Base of the optimizers. Subclasses declare a `learning_rate` field."""

    slots: ClassVar[tuple[str, ...]] = ()
    """Names of the state vectors, each starting at zero unless `initial_slot` says otherwise."""
    stepwise: ClassVar[bool] = True
    """False for methods that drive whole-data evaluations themselves (L-BFGS)."""
    update_latex: ClassVar[tuple[str, ...]] = ()
    """The recurrence, one line per assignment."""
    learning_rate: float

    def initial_slot(self, name: str) -> float:
        """Return the value that fills a slot before the first step."""
        return 0.0

    def update(
        self,
        weights: Array,
        gradient: Array,
        slots: Mapping[str, Array],
        step: int,
        rate: Array | float,
    ) -> tuple[Array, dict[str, Array]]:
        """Return new weights and new slots.

        Parameters
        ----------
        weights, gradient : (P,)
        slots : mapping of slot name to (P,)
        step : int
            Number of this update, counted from 1.
        rate : float or (P,)
            Learning rate of this step.
        """
        raise NotImplementedError

    def decay(self) -> float:
        """Return the coefficient of decoupled weight decay that is part of the method."""
        return 0.0


OPTIMIZERS = new_registry("optimizer", Optimizer)
