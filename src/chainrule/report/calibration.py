"""Whether predictions mean what they say: probabilities as shares, predicted means as means."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from chainrule.frozen import frozen

__all__ = ["Bin", "calibration_error", "group_means", "reliability"]

_Z = 1.959964
"""Quantile of the normal distribution for a 95 % interval."""


@frozen
class Bin:
    """Rows whose probability lies in one interval.

    Parameters
    ----------
    low, high : float
        The interval.
    rows : int
    said : float
        Mean probability of these rows.
    seen : float
        Share of them in which it happened.
    lowest, highest : float
        Wilson's 95 % interval of that share.
    """

    low: float
    high: float
    rows: int
    said: float
    seen: float
    lowest: float
    highest: float


def reliability(probabilities: np.ndarray, happened: np.ndarray, bins: int = 10) -> list[Bin]:
    r"""Group rows by probability, in intervals of equal width; empty groups are left out.

    Wilson's interval of a share :math:`s` of :math:`n` rows, with :math:`z = 1.96`:
    :math:`\left(s + \frac{z^2}{2n} \pm z \sqrt{\frac{s(1-s)}{n} + \frac{z^2}{4n^2}}\right) /
    \left(1 + \frac{z^2}{n}\right)`.

    Parameters
    ----------
    probabilities : (N,) array
        s is compared with their mean, group by group.
    happened : (N,) bool array
    bins : int

    Source: DeGroot, Fienberg, "The comparison and evaluation of forecasters" (The Statistician 32,
    1983); Wilson (Journal of the American Statistical Association 22, 1927).

    Example
    -------
    >>> import numpy as np
    >>> (group,) = reliability(np.array([0.72, 0.78]), np.array([True, False]))
    >>> group.rows, round(group.said, 2), group.seen
    (2, 0.75, 0.5)
    """
    place = np.clip((probabilities * bins).astype(np.int64), 0, bins - 1)
    rows = np.bincount(place, minlength=bins)
    said = np.bincount(place, probabilities, bins)
    seen = np.bincount(place, happened.astype(np.float64), bins)
    return [
        Bin(
            index / bins,
            (index + 1) / bins,
            int(count),
            float(said[index] / count),
            float(seen[index] / count),
            *_wilson(float(seen[index] / count), int(count)),
        )
        for index, count in enumerate(rows)
        if count
    ]


def _wilson(share: float, rows: int) -> tuple[float, float]:
    middle = share + _Z**2 / (2 * rows)
    half = _Z * math.sqrt(share * (1 - share) / rows + (_Z / (2 * rows)) ** 2)
    whole = 1 + _Z**2 / rows
    return max((middle - half) / whole, 0.0), min((middle + half) / whole, 1.0)


def calibration_error(bins: Sequence[Bin]) -> float:
    r"""Return the expected calibration error :math:`\sum_b \frac{n_b}{N} |said_b - seen_b|`.

    Source: Naeini, Cooper, Hauskrecht, "Obtaining well calibrated probabilities using Bayesian
    binning" (AAAI 2015).

    Example
    -------
    >>> round(calibration_error([Bin(0.7, 0.8, 4, 0.75, 0.5, 0.0, 1.0)]), 2)
    0.25
    """
    rows = sum(group.rows for group in bins)
    return sum(group.rows / rows * abs(group.said - group.seen) for group in bins) if rows else 0.0


def group_means(
    predicted: np.ndarray, truth: np.ndarray, groups: int = 10
) -> list[tuple[float, float]]:
    """Return mean prediction and mean truth of groups of rows of like prediction.

    The groups are of equal size; fewer than two rows each make none.

    Example
    -------
    >>> import numpy as np
    >>> group_means(np.array([1.0, 2.0, 3.0, 4.0]), np.array([0.0, 2.0, 3.0, 5.0]), groups=2)
    [(1.5, 1.0), (3.5, 4.0)]
    """
    if len(truth) < 2 * groups:
        return []
    order = np.argsort(predicted, kind="stable")
    return [
        (float(predicted[part].mean()), float(truth[part].mean()))
        for part in np.array_split(order, groups)
    ]
