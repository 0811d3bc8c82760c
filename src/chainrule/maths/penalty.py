"""What a penalty is: a term of the objective, a decay of the weights, or a projection after a step.

Three kinds exist because they act at three places, and only the first is part of the loss:

- `objective`: `value` is added to the reported objective and `gradient` to its gradient;
- `decay`: each update first multiplies the weights by `1 - rate * decay`;
- `projection`: after each update the weights are moved to the nearest allowed point.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from chainrule.maths.arrays import Array
from chainrule.registry import Record, new_registry

__all__ = ["PENALTIES", "Penalty"]


class Penalty(Record):
    """Base of the penalties on one weight tensor, stored as `(d_in, d_out)`."""

    kind: ClassVar[Literal["objective", "decay", "projection"]] = "objective"
    analytic: ClassVar[bool] = True
    gradient_latex: ClassVar[str] = ""
    shared: ClassVar[bool] = False
    """True if the term is divided by what the data term is divided by: for a mean over rows, the
    sum of the batch's row weights."""

    def value(self, W: Array) -> Array:
        """Return the term of the objective, a scalar (0 for decays and projections)."""
        raise NotImplementedError

    def gradient(self, W: Array) -> Array:
        """Return the derivative of `value` by W."""
        raise NotImplementedError

    def decay(self, step: int, total: int) -> float:
        """Return the coefficient of a decoupled decay at a step, before the group factor."""
        return 0.0

    def project(self, W: Array) -> Array:
        """Return the allowed point nearest to W."""
        return W


PENALTIES = new_registry("penalty", Penalty)
