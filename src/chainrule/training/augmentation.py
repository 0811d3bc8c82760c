"""Augmented epochs: the rows of an epoch, changed anew each time, in the order of their use.

Decisions
---------
a) The rows are changed before they go to the engine, so every engine, and whatever looks on, trains
   on plain rows. One copy of the training rows is kept for that and written again in each epoch.
b) Blocks of `GROUP` positions are changed by several threads. A row's numbers depend on its
   position alone, so threads and blocks change no bits.
c) Scores of the training rows are of the rows as they were given.
d) A method that looks at the whole data at once (L-BFGS) compares objectives between iterations;
   they would be of different rows, so augmentation is refused there.
e) Rows in a file are read anew for each window, so they are changed where they lie: the memory that
   was stated need not hold a second copy, only the few thousand rows that are worked on. Where all
   rows fit into one window, the bits are those of training in memory. A group that a window's end
   cuts in two is two groups for mixing.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import NoReturn

import numpy as np

from chainrule.checks import shown
from chainrule.engine.protocol import Rows
from chainrule.engine.select import threads_here
from chainrule.errors import InvalidParameterError, UsageError
from chainrule.maths.augmentation import AUGMENTATIONS, Augmentation, Draws
from chainrule.maths.augmentations_image import Geometric, resampled
from chainrule.maths.augmentations_table import GROUP
from chainrule.maths.optimizer import Optimizer
from chainrule.training.blocks_rows import BlockRows
from chainrule.training.course import Course

__all__ = [
    "Augmented",
    "augment_in_place",
    "augmented",
    "choose_augmentations",
    "refuse_whole",
    "require_augmentable",
    "working_bytes",
]

_BYTES_OF = 64
"""Most bytes that changing one number of a row takes meanwhile: draws in float64, and copies."""


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
        The optimizer looks at all rows at once.
    ShapeError
        An augmentation of pictures, and the rows are none.
    InvalidParameterError
        The rows stand in a file, and changing a group of them takes more memory than was stated.
    """
    if not course.augment:
        return
    if not course.plan.optimizer.stepwise:
        refuse_whole(course.plan.optimizer)
    rows = course.rows
    blocks = isinstance(rows, BlockRows)
    sample_shape = rows.sample_shape if blocks else rows.X.shape[1:]
    for member in course.augment:
        member.require(sample_shape, course.plan.loss)
    if blocks:
        _require_room(rows)


def refuse_whole(optimizer: Optimizer) -> NoReturn:
    """Refuse augmentation to an optimizer that looks at all rows at once.

    Raises
    ------
    UsageError
    """
    raise UsageError(
        f"{optimizer.name} compares the whole objective between iterations, and augmentation "
        "changes it",
        where="augment",
        expected="an optimizer that works in batches, such as adam",
        got=optimizer.name,
        do="a line search needs one fixed objective: choose another optimizer, or change the rows "
        "once, before training",
    )


def working_bytes(numbers: int) -> int:
    """Return the bytes that changing a group of rows of so many numbers takes meanwhile."""
    return GROUP * numbers * _BYTES_OF


def _room(rows: BlockRows) -> tuple[int, int]:
    """Return the bytes that a group takes, and those that there are: while no scores are made."""
    numbers = rows.file.form.inputs + rows.targets.width
    return working_bytes(numbers), rows.arena.budget.scores_bytes


def _require_room(rows: BlockRows) -> None:
    needed, room = _room(rows)
    if needed > room:
        budget = rows.arena.budget
        more = budget.total + (needed - room) * budget.spare // max(room, 1)
        raise InvalidParameterError(
            "changing rows takes more memory than its share of what was stated",
            where="memory",
            expected=f"at least {more / 1e6:.0f} MB for rows of this width",
            got=f"{budget.total / 1e6:.0f} MB",
            do="allow more memory, or train without augment",
        )


class Augmented:
    """Training rows as each epoch sees them.

    Parameters
    ----------
    members : sequence of Augmentation
    rows : Rows
        As they were given; never written to.
    seed : int
    """

    def __init__(self, members: Sequence[Augmentation], rows: Rows, seed: int) -> None:
        self.members, self.rows, self.seed = tuple(members), rows, seed
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
        rows, room = self.rows, self.room

        def change(first: int, last: int) -> None:
            block = rows.take(order[first:last])
            X, Y = augmented(self.members, block, self.seed, epoch, first)
            room.X[first:last], room.Y[first:last] = X, Y

        _in_groups(change, 0, len(order), threads_here())
        weights = None if rows.weights is None else rows.weights[order]
        return Rows(room.X, room.Y, weights), np.arange(len(order))


def augment_in_place(
    members: Sequence[Augmentation],
    rows: Rows,
    order: np.ndarray,
    seed: int,
    epoch: int,
    first: int,
    room: int | None = None,
) -> None:
    """Change a window of an epoch where it lies; weights stay as they are.

    Parameters
    ----------
    members : sequence of Augmentation
    rows : Rows
        Written to.
    order : (N,)
        Row numbers in the order of use, each once.
    seed, epoch : int
    first : int
        Position in the epoch of the window's first row.
    room : int, optional
        Bytes that may be used meanwhile.

    Example
    -------
    >>> import numpy as np
    >>> from chainrule.engine import Rows
    >>> from chainrule.maths.augmentations_table import FeatureDropout
    >>> from chainrule.training.augmentation import augment_in_place
    >>> rows = Rows(np.ones((4, 2)), np.ones((4, 1)))
    >>> augment_in_place([FeatureDropout(0.5)], rows, np.arange(4), seed=0, epoch=0, first=0)
    >>> sorted(set(rows.X.ravel().tolist()))
    [0.0, 1.0]
    """

    def change(begin: int, end: int) -> None:
        places = order[begin:end]
        X, Y = augmented(members, rows.take(places), seed, epoch, first + begin)
        rows.X[places], rows.Y[places] = X, Y

    threads = threads_here()
    if room is not None:
        numbers = math.prod(rows.X.shape[1:]) + rows.Y.shape[1]
        threads = min(threads, max(room // working_bytes(numbers), 1))
    _in_groups(change, first, len(order), threads)


def _in_groups(change: Callable[[int, int], None], first: int, count: int, threads: int) -> None:
    """Call a function for each group of positions of an epoch that is in a window, or in part.

    `change(begin, end)` is told places within the window, which begins at position `first`.
    """
    inner = range(-(-first // GROUP) * GROUP - first, count, GROUP)
    edges = sorted({0, count, *inner})
    spans = [(begin, end) for begin, end in itertools.pairwise(edges) if begin >= 0]
    if threads == 1 or len(spans) == 1:
        for span in spans:
            change(*span)
        return
    from concurrent.futures import ThreadPoolExecutor  # drags in logging

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(lambda span: change(*span), spans))


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
    for shape, run in itertools.groupby(placed, lambda pair: _shape(pair[0])):
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
