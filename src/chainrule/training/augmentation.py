"""Augmented epochs: the rows of an epoch, changed anew each time, in the order of their use.

Decisions
---------
a) The rows are changed before they go to the engine, so every engine, and whatever looks on, trains
   on plain rows. One copy of the training rows is kept for that and written again in each epoch.
b) Blocks of `GROUP` positions are changed by several threads. A row's numbers depend on its
   position alone, so threads and blocks change no bits.
c) Scores of the training rows are of the rows as they were given.
d) A method that looks at the whole data at once (L-BFGS) compares objectives between iterations;
   they would be of different rows, so augmentation is refused there. So it is for rows in files,
   whose memory is stated and would not hold for a second copy.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import numpy as np

from chainrule.checks import shown
from chainrule.engine.protocol import Rows
from chainrule.engine.select import threads_here
from chainrule.errors import InvalidParameterError, UsageError
from chainrule.maths.augmentation import AUGMENTATIONS, Augmentation, Draws
from chainrule.maths.augmentations_image import Geometric, resampled
from chainrule.maths.augmentations_table import GROUP
from chainrule.training.blocks_rows import BlockRows
from chainrule.training.course import Course

__all__ = ["Augmented", "augmented", "choose_augmentations", "require_augmentable"]


def choose_augmentations(
    specs: Augmentation | str | Sequence[Augmentation | str] | None,
) -> tuple[Augmentation, ...]:
    """Return the augmentations of a run, in their order.

    Raises
    ------
    InvalidParameterError, UnknownNameError
        One is none.

    Example
    -------
    >>> from chainrule.training.augmentation import choose_augmentations
    >>> choose_augmentations(["noise"])
    (Noise(deviation=0.1),)
    """
    if isinstance(specs, (str, Augmentation)):
        specs = (specs,)
    if not isinstance(specs, (tuple, list, type(None))):
        raise InvalidParameterError(
            "augment is not understood",
            where="augment",
            expected="names or augmentations in a list",
            got=shown(specs),
        )
    return tuple(AUGMENTATIONS.make(spec) for spec in specs or ())


def require_augmentable(course: Course) -> None:
    """Refuse augmentation where a run cannot have it.

    Raises
    ------
    UsageError
        The optimizer looks at all rows at once, or the rows stand in a file.
    ShapeError
        An augmentation of pictures, and the rows are none.
    """
    if not course.augment:
        return
    optimizer = course.plan.optimizer
    if not optimizer.stepwise:
        raise UsageError(
            f"{optimizer.name} compares the whole objective between iterations, and augmentation "
            "changes it",
            where="augment",
            expected="an optimizer that works in batches, such as adam",
            got=optimizer.name,
        )
    if isinstance(course.rows, BlockRows):
        raise UsageError(
            "rows in blocks cannot be augmented",
            where="augment",
            do="augment the rows where the blocks are written, or train on rows in memory",
        )
    for member in course.augment:
        member.require(course.rows.X.shape[1:], course.plan.loss)


class Augmented:
    """The training rows of a course, as each epoch sees them.

    Parameters
    ----------
    course : Course
    """

    def __init__(self, course: Course) -> None:
        self.course = course
        self.threads = threads_here()
        rows = course.loaded()
        self.room = Rows(np.empty_like(rows.X), np.empty_like(rows.Y))

    def epoch(self, order: np.ndarray, epoch: int) -> tuple[Rows, np.ndarray]:
        """Return changed rows in the order of use, and that order of them.

        Parameters
        ----------
        order : (N,)
            Row numbers in the order of use.
        epoch : int
            Counted from 0.
        """
        rows, room = self.course.loaded(), self.room

        def change(first: int) -> None:
            block = rows.take(order[first : first + GROUP])
            X, Y = augmented(self.course.augment, block, self.course.seed, epoch, first)
            room.X[first : first + len(block)] = X
            room.Y[first : first + len(block)] = Y

        starts = range(0, len(order), GROUP)
        if self.threads == 1 or len(starts) == 1:
            for start in starts:
                change(start)
        else:
            from concurrent.futures import ThreadPoolExecutor  # drags in logging

            with ThreadPoolExecutor(self.threads) as pool:
                list(pool.map(change, starts))
        weights = None if rows.weights is None else rows.weights[order]
        return Rows(room.X, room.Y, weights), np.arange(len(order))


def augmented(
    members: Sequence[Augmentation], rows: Rows, seed: int, epoch: int, first: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return inputs and targets of neighbouring rows of an epoch, after all augmentations.

    Parameters
    ----------
    members : sequence of Augmentation
    rows : Rows
    seed, epoch : int
    first : int
        Position in the epoch of the first row.

    Example
    -------
    >>> import numpy as np
    >>> from chainrule.engine import Rows
    >>> from chainrule.maths.augmentations_table import Noise
    >>> from chainrule.training.augmentation import augmented
    >>> rows = Rows(np.zeros((2, 1)), np.ones((2, 1)))
    >>> X, Y = augmented([Noise(1.0)], rows, seed=0, epoch=0, first=0)
    >>> X.shape, bool(X.any()), Y.tolist()
    ((2, 1), True, [[1.0], [1.0]])
    """
    X, Y = rows.X, rows.Y
    placed = [
        (member, Draws(seed, epoch, place, first, len(rows)))
        for place, member in enumerate(members)
    ]
    # Neighbours that move pixels of pictures of one shape are one map.
    for shape, run in groupby(placed, lambda pair: _shape(pair[0])):
        if shape is None:
            for member, draws in run:
                X, Y = member.apply(X, Y, draws)
        else:
            X = resampled(X, [(m, draws) for m, draws in run if isinstance(m, Geometric)])
    return X, Y


def _shape(member: Augmentation) -> tuple[int, ...] | str | None:
    if not isinstance(member, Geometric):
        return None
    return "square" if member.shape is None else tuple(member.shape)
