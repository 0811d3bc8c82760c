"""How much worse a model predicts when one column of its inputs tells nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from chainrule.frozen import frozen
from chainrule.streams import Stream

__all__ = ["Importance", "affordable", "permutation_importance"]

MOST_ROWS = 2_000
MOST_REPEATS = 5
LEAST_ROWS = 200
BUDGET = 2e10
"""Arithmetic operations for all columns: a second or two."""


@frozen
class Importance:
    """What shuffling one column did.

    Parameters
    ----------
    name : str
    change : float
        Mean loss of score over the repeats: positive where the model uses the column.
    spread : float
        Standard deviation over the repeats.
    """

    name: str
    change: float
    spread: float


def affordable(columns: int, rows: int, cost: float) -> tuple[int, int, int]:
    """Return how many columns, rows and repeats fit into the budget.

    Repeats are given up first, then rows down to 200, then columns.

    Parameters
    ----------
    columns, rows : int
        As many as there are.
    cost : float
        Arithmetic operations of one prediction.

    Example
    -------
    >>> affordable(10, 50_000, 10_000.0)
    (10, 2000, 5)
    >>> affordable(10_000, 50_000, 1_000_000.0)
    (100, 200, 1)
    """
    rows = min(rows, MOST_ROWS)
    each = BUDGET / max(columns * max(cost, 1.0), 1.0)  # rows times repeats that fit
    if rows * MOST_REPEATS <= each:
        return columns, rows, MOST_REPEATS
    if rows <= each:
        return columns, rows, max(int(each // rows), 1)
    rows = min(rows, max(int(each), LEAST_ROWS))
    return max(min(columns, int(BUDGET / (rows * max(cost, 1.0)))), 1), rows, 1


def permutation_importance(
    score: Callable[[np.ndarray], float],
    X: np.ndarray,
    blocks: Mapping[str, slice],
    *,
    repeats: int = MOST_REPEATS,
    seed: int = 0,
) -> list[Importance]:
    r"""Shuffle the features of one column at a time, and see what the score loses.

    :math:`I_j = S(X) - \frac{1}{R} \sum_r S(X^{(j, r)})`, where :math:`X^{(j, r)}` has the rows of
    block j in another order. Columns that say the same are each less important than both together.

    Parameters
    ----------
    score : function of X
        S, of which more is better.
    X : (N, d) array
    blocks : mapping of name to slice
        The features that one column of the table became.
    repeats : int
        R.
    seed : int

    Returns
    -------
    list of Importance
        The most important first.

    Source: Breiman, "Random forests" (Machine Learning 45, 2001), section 10; Fisher, Rudin,
    Dominici, "All models are wrong, but many are useful" (JMLR 20, 2019).

    Example
    -------
    >>> import numpy as np
    >>> X = np.array([[0.0, 5.0], [1.0, 5.0], [2.0, 5.0], [3.0, 5.0]])
    >>> score = lambda X: -float(np.mean((X[:, 0] - np.arange(4)) ** 2))
    >>> [row.name for row in permutation_importance(score, X, {"b": slice(1, 2), "a": slice(0, 1)})]
    ['a', 'b']
    """
    whole = score(X)
    shuffled = X.copy()
    found = []
    orders = [Stream(seed, "importance", turn).permutation(len(X)) for turn in range(repeats)]
    for name, block in blocks.items():
        lost = []
        for order in orders:
            shuffled[:, block] = X[order, block]
            lost.append(whole - score(shuffled))
        shuffled[:, block] = X[:, block]
        found.append(Importance(name, float(np.mean(lost)), float(np.std(lost))))
    return sorted(found, key=lambda row: -row.change)
