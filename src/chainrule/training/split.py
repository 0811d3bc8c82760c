"""Holding rows back for validation: a split that depends on the seed and the labels alone."""

from __future__ import annotations

import numpy as np

from chainrule.checks import Integer, Real, check_parameters
from chainrule.errors import DataError
from chainrule.streams import Stream

__all__ = ["SEED", "held_counts", "split_rows"]

SEED = Integer(-(2**127), 2**128 - 1)
"""Rule of a seed: 128 bits, with or without a sign."""


def split_rows(
    rows: int, share: float, seed: int, codes: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return the numbers of the training rows and of the rows held back, each in rising order.

    Parameters
    ----------
    rows : int
    share : float
        Share of the rows to hold back, in (0, 1); at least one row on either side.
    seed : int
        See `SEED`.
    codes : (N,) int, optional
        Class of each row. Every class is then held back in proportion, and keeps at least one
        training row.

    Raises
    ------
    DataError
        There is one row only, or one row in every class.

    Example
    -------
    >>> import numpy as np
    >>> from chainrule.training.split import split_rows
    >>> train, held = split_rows(8, 0.25, seed=0, codes=np.array([0, 0, 0, 0, 1, 1, 1, 1]))
    >>> len(train), len(held), int(np.sum(held < 4))
    (6, 2, 1)
    """
    check_parameters(
        {"validation_share": Real(0, 1, closed="neither"), "seed": SEED},
        {"validation_share": share, "seed": seed},
        lambda name: name,
    )
    if rows < 2:
        raise DataError("one row cannot be split", expected="at least 2 rows", got=str(rows))
    wanted = min(max(1, round(share * rows)), rows - 1)
    order = Stream(seed, "validation").permutation(rows)
    if codes is None:
        held = order[:wanted]
    else:
        shuffled = codes[order]
        counts = held_counts(np.bincount(codes), wanted)
        held = np.concatenate(
            [order[shuffled == code][:count] for code, count in enumerate(counts)]
        )
    if not len(held):
        raise DataError(
            "no row can be held back",
            where="validation_share",
            expected="a class with at least 2 rows",
            do="pass validation=(X, y)",
        )
    mask = np.zeros(rows, bool)
    mask[held] = True
    return np.flatnonzero(~mask), np.flatnonzero(mask)


def held_counts(counts: np.ndarray, wanted: int) -> np.ndarray:
    """Share out `wanted` rows over the classes by largest remainder, one row kept in each class.

    Example
    -------
    >>> import numpy as np
    >>> from chainrule.training.split import held_counts
    >>> held_counts(np.array([90, 9, 1]), 10)
    array([9, 1, 0])
    """
    quotas = wanted * counts / counts.sum()
    most = np.maximum(counts - 1, 0)
    held = np.minimum(np.floor(quotas).astype(np.int64), most)
    by_remainder = np.argsort(-(quotas - held), kind="stable")
    while held.sum() < min(wanted, int(most.sum())):
        for code in by_remainder:
            if held[code] < most[code] and held.sum() < wanted:
                held[code] += 1
    return held
