"""Cut the rows of a table into training, validation and test rows, the same for the same seed."""

from __future__ import annotations

import numpy as np

from chainrule.errors import DataError
from chainrule.frozen import frozen
from chainrule.streams import Stream

__all__ = ["Split", "require_rest", "split_rows"]


@frozen
class Split:
    """Row numbers of the three parts, each in rising order; together every row once."""

    training: np.ndarray
    validation: np.ndarray
    test: np.ndarray


def require_rest(test_share: float, validation_share: float) -> None:
    """Refuse shares beside which no rows are left for training, however many there are."""
    if test_share + validation_share >= 1:
        raise DataError(
            "the shares for testing and validation leave no rows to train on",
            expected="less than 1 together",
            got=f"{test_share:g} and {validation_share:g}",
            do="make one of them smaller",
        )


def split_rows(
    rows: int,
    *,
    validation_share: float,
    test_share: float,
    seed: int,
    classes: np.ndarray | None = None,
) -> Split:
    """Draw validation and test rows at random, in each class the same share.

    Rows are ordered by class and, within a class, at random; the test rows are taken from that
    order at even distances, and then the validation rows from what is left. Of every class
    one row stays in training whatever the shares.

    Parameters
    ----------
    rows : int
        Number of rows N.
    validation_share, test_share : float
        Fractions of N, each in [0, 1). A share above 0 gives one row at least.
    seed : int
    classes : (N,) int array, optional
        Class of each row.

    Raises
    ------
    DataError
        Fewer than two rows would be left for training.

    Example
    -------
    >>> split = split_rows(10, validation_share=0.2, test_share=0.2, seed=0)
    >>> len(split.training), len(split.validation), len(split.test)
    (6, 2, 2)
    """
    shares = (test_share, validation_share)
    counts = [max(round(share * rows), 1) if share else 0 for share in shares]
    require_rest(test_share, validation_share)
    if rows - sum(counts) < 2:
        raise DataError(
            "there are too few rows to train and to test",
            expected=f"at least two rows beside {counts[0]} for testing "
            f"and {counts[1]} for validation",
            got=f"{rows} rows",
            do="give more rows, or smaller shares",
        )
    shuffled = Stream(seed, "split").permutation(rows)
    kept = np.zeros(0, np.int64)
    if classes is not None:
        shuffled = shuffled[np.argsort(classes[shuffled], kind="stable")]
        _, first = np.unique(classes[shuffled], return_index=True)
        kept, shuffled = shuffled[first], np.delete(shuffled, first)
    if len(shuffled) < sum(counts):
        raise DataError(
            "there are too few rows for so many classes",
            expected=f"more than {sum(counts) + len(kept)} rows",
            got=f"{rows} rows, {len(kept)} classes",
            do="give more rows, smaller shares, or fewer classes",
        )
    test, rest = _evenly(shuffled, counts[0])
    validation, rest = _evenly(rest, counts[1])
    return Split(np.sort(np.concatenate([kept, rest])), np.sort(validation), np.sort(test))


def _evenly(rows: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return `count` rows at even distances, and the others."""
    if not count:
        return rows[:0], rows
    picks = (2 * np.arange(count) + 1) * len(rows) // (2 * count)
    return rows[picks], np.delete(rows, picks)
