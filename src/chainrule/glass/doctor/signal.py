"""Is there anything to learn, and does one column give it away? Answered in closed form."""

from __future__ import annotations

import numpy as np

from chainrule.frozen import frozen
from chainrule.streams import Stream

__all__ = ["Signal", "column_shares", "explained", "look_for_signal", "standardised"]

MOST_ROWS = 600
SHUFFLES = 24
_SHRINKAGE = (1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0)
_WIDTHS = (0.25, 1.0, 4.0)
"""Squared widths of the kernel, in units of the median squared distance of two rows."""
_FAR = 5.0
_IMBALANCE, _FEW = 3, 20
"""How many times the rarest class the others may be, and the rows that it counts for at least."""


@frozen
class Signal:
    """What a method that cannot fail to train finds in the rows.

    Parameters
    ----------
    kernel, linear : float
        R squared of kernel and of linear ridge regression on rows that they were not fitted to.
    chance, chance_deviation : float
        Mean and standard deviation of the same for shuffled targets.
    rows : int
    """

    kernel: float
    linear: float
    chance: float
    chance_deviation: float
    rows: int

    @property
    def surprise(self) -> float:
        """How many standard deviations the better of the two is above chance."""
        return (max(self.kernel, self.linear) - self.chance) / max(self.chance_deviation, 1e-3)


def standardised(X: np.ndarray) -> np.ndarray:
    """Return columns of mean 0 and deviation 1, outliers drawn in, constant columns left out.

    Example
    -------
    >>> standardised(np.array([[1.0, 7.0], [3.0, 7.0]]))
    array([[-1.],
           [ 1.]])
    """
    X = X.reshape(len(X), -1).astype(np.float64)
    low, high = np.quantile(X, [0.01, 0.99], axis=0)
    clipped = np.where(high > low, np.clip(X, low, high), X)
    centred = clipped - clipped.mean(axis=0)
    deviation = centred.std(axis=0)
    varied = deviation > 1e-9 * np.maximum(np.abs(X).max(axis=0), 1e-300)
    return np.clip(centred[:, varied] / deviation[varied], -_FAR, _FAR)


def explained(P: np.ndarray, Y: np.ndarray) -> float:
    """Return R squared, all columns together.

    Example
    -------
    >>> explained(np.array([[0.0], [1.0]]), np.array([[0.0], [1.0]]))
    1.0
    """
    total = float(((Y - Y.mean(axis=0)) ** 2).sum())
    return 1.0 - float(((Y - P) ** 2).sum()) / total if total > 0 else float("nan")


def look_for_signal(X: np.ndarray, Y: np.ndarray) -> Signal | None:
    """Return what ridge regressions find, or None where there is nothing to look at.

    Parameters
    ----------
    X : (N, d)
        Standardised columns.
    Y : (N, K)
    """
    rows = min(len(X), MOST_ROWS)
    if rows < 40 or not X.shape[1] or not float(np.ptp(Y, axis=0).max()):
        return None
    order = _balanced(Y, Stream(0, "doctor:rows").permutation(len(X)))[:rows]
    rows = len(order)
    X, Y = X[order], Y[order].astype(np.float64)
    fit, held = slice(0, rows // 2), slice(rows // 2, rows)
    shuffled = [Stream(0, "doctor:shuffle", turn).permutation(rows) for turn in range(SHUFFLES)]
    targets = np.concatenate([Y, *(Y[places] for places in shuffled)], axis=1)
    squares = (X**2).sum(axis=1)
    distances = np.maximum(squares[:, None] + squares - 2.0 * X @ X.T, 0.0)
    median = float(np.median(distances[fit, fit])) or 1.0
    kernels = [np.exp(-distances / (width * median)) for width in _WIDTHS]
    linear = _judged(X @ X.T / X.shape[1], targets, Y.shape[1], fit, held)
    found = max((_judged(K, targets, Y.shape[1], fit, held) for K in kernels), key=_inner)
    luck = np.array(found[2] if _inner(found) >= _inner(linear) else linear[2])
    return Signal(found[1], linear[1], float(luck.mean()), float(luck.std()), rows)


def _balanced(Y: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Return the order without some rows of frequent classes, if one class is rare.

    Among few rows of interest and many others, chance decides what looks like signal.
    """
    if not np.isin(Y, (0.0, 1.0)).all() or (Y.shape[1] > 1 and not (Y.sum(axis=1) == 1).all()):
        return order
    codes = (Y.argmax(axis=1) if Y.shape[1] > 1 else Y[:, 0].astype(int))[order]
    counts = np.bincount(codes)
    most = _IMBALANCE * max(int(counts[counts > 0].min()), _FEW)
    if counts.max() <= most:
        return order
    place = np.zeros(len(codes), int)
    for k in range(len(counts)):
        place[codes == k] = np.arange(counts[k])
    kept = order[place < most]
    return kept[Stream(0, "doctor:balanced").permutation(len(kept))]


_Judged = tuple[float, float, list[float]]
"""Quality by leave-one-out on the fitted rows, on the held rows, and there for shuffled targets."""


def _inner(judged: _Judged) -> float:
    return judged[0]


def _judged(K: np.ndarray, targets: np.ndarray, width: int, fit: slice, held: slice) -> _Judged:
    """Return how well a kernel predicts, with the shrinkage that leaving one row out prefers.

    Shuffled targets choose theirs for themselves, so that chance gets the same chance.
    """
    values, vectors = np.linalg.eigh(K[fit, fit])
    values = np.maximum(values, 0.0)
    known = targets[fit]
    mean = known.mean(axis=0)
    turned = vectors.T @ (known - mean)
    inner = np.full(targets.shape[1] // width, -np.inf)
    weights = np.zeros_like(turned)
    for shrinkage in _SHRINKAGE:
        inverse = 1.0 / (values + shrinkage * values.mean())
        tried = vectors @ (inverse[:, None] * turned)
        left_out = known - tried / ((vectors**2) @ inverse)[:, None]
        quality = _each(left_out, known, width)
        better = quality > inner
        inner = np.where(better, quality, inner)
        weights = np.where(np.repeat(better, width), tried, weights)
    outer = _each(K[held, fit] @ weights + mean, targets[held], width)
    return float(inner[0]), float(outer[0]), outer[1:].tolist()


def _each(P: np.ndarray, Y: np.ndarray, width: int) -> np.ndarray:
    """Return R squared of each block of columns: the targets themselves, then each shuffle."""
    residual = ((Y - P) ** 2).sum(axis=0).reshape(-1, width).sum(axis=1)
    total = ((Y - Y.mean(axis=0)) ** 2).sum(axis=0).reshape(-1, width).sum(axis=1)
    return 1.0 - residual / np.where(total > 0, total, np.inf)


def column_shares(X: np.ndarray, Y: np.ndarray) -> np.ndarray:
    """Return the share of the targets' variance that each column alone explains, `(d,)`.

    Rows are put into up to a hundred groups by the column's value; the share is what the
    groups' means explain, less what as many groups of shuffled rows would.
    """
    rows = len(X)
    groups = max(min(rows // 10, 100), 2)
    centred = Y - Y.mean(axis=0)
    total = float((centred**2).sum()) or 1.0
    shares = np.zeros(X.shape[1])
    for column in range(X.shape[1]):
        ranked = np.searchsorted(np.sort(X[:, column]), X[:, column])  # equal values share a rank
        place = ranked * groups // rows
        count = np.bincount(place, minlength=groups)
        between = 0.0
        for k in range(Y.shape[1]):
            sums = np.bincount(place, weights=centred[:, k], minlength=groups)
            between += float((sums[count > 0] ** 2 / count[count > 0]).sum())
        used = int((count > 0).sum())
        luck = (used - 1) / max(rows - 1, 1)
        shares[column] = (between / total - luck) / max(1.0 - luck, 1e-9)
    return shares
