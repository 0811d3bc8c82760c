"""Metrics of how well probabilities put rows in order: area under the ROC curve, average precision.

Decisions
---------
a) They read the order of the probabilities only: another threshold, another calibration and other
   shares of the classes leave them as they are (the average precision knows the shares).
b) One column is one yes-or-no label. Several columns, exclusive classes or independent labels, are
   scored one against the rest, and the scores averaged: every class counts alike.
c) A class that no row or every row belongs to cannot be put in order and is left out, as
   `balanced_accuracy` leaves out classes without a row. If none is left the score is NaN.
"""

from __future__ import annotations

import math

import numpy as np

from chainrule.frozen import frozen
from chainrule.maths.metric import METRICS
from chainrule.maths.metrics_classification import ClassMetric

__all__ = ["AveragePrecision", "RankMetric", "RocAuc"]


class RankMetric(ClassMetric):
    """Base of the metrics of one class against the rest."""

    def score_rows(self, P: np.ndarray, Y: np.ndarray, weights: np.ndarray | None) -> float:
        weights = np.ones(len(Y)) if weights is None else np.asarray(weights, np.float64)
        scores = [
            self.of_counts(*counts)
            for column in range(Y.shape[1])
            if (counts := _counts(P[:, column], Y[:, column] > 0.5, weights)) is not None
        ]
        return float(np.mean(scores)) if scores else math.nan

    def of_counts(self, positive: np.ndarray, negative: np.ndarray) -> float:
        """Return the score of one class.

        Parameters
        ----------
        positive, negative : (M,)
            Weight of the rows of the class, and of the others, with each of the M different
            probabilities, the largest first.
        """
        raise NotImplementedError


def _counts(
    p: np.ndarray, truth: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray] | None:
    """Return what `of_counts` reads; None where the rows are all on one side."""
    yes = np.where(truth, weights, 0.0)
    if not (yes.any() and (weights > yes).any()) or np.isnan(p).any():
        return None
    falling = np.argsort(-p, kind="stable")
    p, yes, all_rows = p[falling], yes[falling], weights[falling]
    starts = np.flatnonzero(np.concatenate([[True], p[1:] != p[:-1]]))
    positive, both = np.add.reduceat(yes, starts), np.add.reduceat(all_rows, starts)
    return positive, both - positive


@METRICS.register
@frozen
class RocAuc(RankMetric):
    r"""Area under the ROC curve: the chance that a row of the class is rated above another row.

    :math:`\frac{\sum_{i: y_i = 1} \sum_{j: y_j = 0} w_i w_j
    \left([p_i > p_j] + \frac{1}{2} [p_i = p_j]\right)}{\sum_{i: y_i = 1} w_i
    \sum_{j: y_j = 0} w_j}`, averaged over the classes, one against the rest. Guessing gives 1/2.

    Shapes: P and Y `(N, K)`, weights `(N,)`.

    Source: Hanley and McNeil, "The meaning and use of the area under a receiver operating
    characteristic (ROC) curve" (Radiology 143, 1982); scikit-learn's `roc_auc_score`.

    Example
    -------
    >>> import numpy as np
    >>> from chainrule.maths.metrics import RocAuc
    >>> P, Y = np.array([[0.9], [0.4], [0.6], [0.1]]), np.array([[1.0], [1.0], [0.0], [0.0]])
    >>> RocAuc().score(P, Y)
    0.75
    """

    name = "roc_auc"
    latex = (
        r"\frac{\sum_{i: y_i = 1} \sum_{j: y_j = 0} w_i w_j"
        r" \left([p_i > p_j] + \frac{1}{2} [p_i = p_j]\right)}"
        r"{\sum_{i: y_i = 1} w_i \sum_{j: y_j = 0} w_j}"
    )
    range = "[0, 1]"
    source = "Hanley and McNeil (Radiology 143, 1982)"

    def of_counts(self, positive: np.ndarray, negative: np.ndarray) -> float:
        below = negative.sum() - np.cumsum(negative)
        pairs = float(positive @ (below + 0.5 * negative))
        return pairs / float(positive.sum() * negative.sum())


@METRICS.register
@frozen
class AveragePrecision(RankMetric):
    r"""Mean precision over the rows of a class: :math:`\sum_n (R_n - R_{n-1}) \, P_n`.

    :math:`P_n` and :math:`R_n` are precision and recall if the rows with the n largest different
    probabilities are taken for the class; averaged over the classes, one against the rest. Guessing
    gives the share of the class: the metric for rare classes.

    Shapes: P and Y `(N, K)`, weights `(N,)`.

    Source: Zhu, "Recall, precision and average precision" (University of Waterloo, 2004);
    scikit-learn's `average_precision_score`.

    Example
    -------
    >>> import numpy as np
    >>> from chainrule.maths.metrics import AveragePrecision
    >>> P, Y = np.array([[0.9], [0.4], [0.6], [0.1]]), np.array([[1.0], [1.0], [0.0], [0.0]])
    >>> round(AveragePrecision().score(P, Y), 4)
    0.8333
    """

    name = "average_precision"
    latex = r"\sum_n (R_n - R_{n-1}) \, P_n"
    range = "[0, 1]"
    source = "Zhu (University of Waterloo, 2004)"

    def of_counts(self, positive: np.ndarray, negative: np.ndarray) -> float:
        found, taken = np.cumsum(positive), np.cumsum(positive + negative)
        at = positive > 0  # elsewhere the recall stays
        return float(positive[at] @ (found[at] / taken[at])) / float(found[-1])
