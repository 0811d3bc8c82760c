"""What an initialiser is: a stated distribution of first weights."""

from __future__ import annotations

import numpy as np

from chainrule.registry import Record, new_registry
from chainrule.streams import Stream

__all__ = ["INITIALISERS", "Initialiser"]


class Initialiser(Record):
    """Base of the initialisers of `W (fan_in, fan_out)` and of vectors."""

    def sample(
        self, stream: Stream, shape: tuple[int, ...], fan_in: int, fan_out: int, gain: float
    ) -> np.ndarray:
        """Return first values, float64.

        Parameters
        ----------
        stream : Stream
            Where the random numbers come from.
        shape : tuple of int
        fan_in, fan_out : int
            Number of inputs and outputs of a unit.
        gain : float
            Factor on the standard deviation, from the following activation's record.
        """
        raise NotImplementedError

    def variance(self, fan_in: int, fan_out: int, gain: float) -> float:
        """Return the variance of one weight that `sample` promises."""
        raise NotImplementedError

    def mean(self) -> float:
        """Return the mean of one weight that `sample` promises."""
        return 0.0


INITIALISERS = new_registry("initialiser", Initialiser)
