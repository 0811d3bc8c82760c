"""What an augmentation is: another version of each row, drawn anew in every epoch.

Decisions
---------
a) What happens to a row is a function of (seed, epoch, position of the row in the epoch, place of
   the augmentation in the list). Numbers are read from a counter-based stream at an offset that
   the position gives, so blocks of any length, drawn by any thread in any order, give the same
   bits, and a resumed run needs no state.
b) Augmentations see encoded rows, in the type of the run, and return new arrays: what they are
   given is never written to.
c) Where rows are mixed, the partner comes from a group of neighbouring positions of the same epoch.
   The order of an epoch is random, so is the partner, and an epoch need not be held twice.
"""

from __future__ import annotations

import numpy as np

from chainrule.frozen import frozen
from chainrule.maths.loss import Loss
from chainrule.registry import Record, new_registry
from chainrule.streams import Stream

__all__ = ["AUGMENTATIONS", "Augmentation", "Draws"]

_WORD = 2.0**-32


@frozen
class Draws:
    """Random numbers of one augmentation for rows at neighbouring positions of an epoch.

    Parameters
    ----------
    seed, epoch : int
    place : int
        Of the augmentation in its list, so that two of a kind draw different numbers.
    first : int
        Position in the epoch of the first row.
    rows : int

    Example
    -------
    >>> from chainrule.maths.augmentation import Draws
    >>> whole = Draws(seed=0, epoch=3, place=0, first=0, rows=8).uniform(5)
    >>> bool((Draws(seed=0, epoch=3, place=0, first=6, rows=2).uniform(5) == whole[6:]).all())
    True
    """

    seed: int
    epoch: int
    place: int
    first: int
    rows: int

    def bits(self, width: int, use: str = "") -> np.ndarray:
        """Return `(rows, width)` words of 32 bits; another `use` draws other numbers."""
        stream = Stream(self.seed, f"augment:{self.place}:{use}", self.epoch)
        words = stream.bits(self.rows * width, start=self.first * width)
        return words.reshape(self.rows, width)

    def uniform(self, width: int, use: str = "") -> np.ndarray:
        """Return `(rows, width)` numbers in (0, 1), float64."""
        return (self.bits(width, use) + 0.5) * _WORD

    def symmetric(self, width: int, use: str = "") -> np.ndarray:
        """Return `(rows, width)` numbers in (-1, 1), float64."""
        return 2.0 * self.uniform(width, use) - 1.0

    def normal(self, width: int, use: str = "") -> np.ndarray:
        """Return `(rows, width)` standard normal numbers (Box-Muller), float64."""
        pairs = -(-width // 2)
        uniform = self.uniform(2 * pairs, use)
        radius = np.sqrt(-2.0 * np.log(uniform[:, :pairs]))
        angle = 2.0 * np.pi * uniform[:, pairs:]
        both = np.concatenate([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
        return both[:, :width]

    def keep(self, width: int, rate: float, use: str = "") -> np.ndarray:
        """Return a `(rows, width)` mask that is False with probability `rate`."""
        return self.bits(width, use) >= np.uint64(round(rate / _WORD))


class Augmentation(Record):
    """Base of the augmentations."""

    def require(self, sample_shape: tuple[int, ...], loss: Loss) -> None:
        """Raise if rows of that shape, or targets of that loss, cannot be changed so.

        Parameters
        ----------
        sample_shape : tuple of int
            `(d,)` or `(T, d)`.
        loss : Loss
        """

    def apply(self, X: np.ndarray, Y: np.ndarray, draws: Draws) -> tuple[np.ndarray, np.ndarray]:
        """Return the rows as this epoch sees them.

        Parameters
        ----------
        X : (n, d) or (n, T, d)
            Neighbouring rows of an epoch; never written to.
        Y : (n, K)
            Encoded targets; never written to.
        draws : Draws
        """
        raise NotImplementedError


AUGMENTATIONS = new_registry("augmentation", Augmentation)
