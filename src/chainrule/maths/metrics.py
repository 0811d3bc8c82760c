r"""Metrics: one number for predictions against encoded targets, with weights.

Decisions
---------
a) The conventions are scikit-learn's: constant targets in `r2`, clipped probabilities in
   `log_loss`, classes without a row in `balanced_accuracy`, the factor 1/2 of `brier`. Numbers of
   both libraries are the same.
b) Classes and independent labels differ in shape only by their numbers. One column is one
   yes-or-no label, decided at 0.5. Several columns are exclusive classes when every row of targets
   and every row of predictions sums to 1, decided by the largest; else they are labels of their
   own, each decided at 0.5.
c) Predictions may carry more columns after the means (a Gaussian's variances); regression metrics
   read as many columns as there are targets.
d) A score that is not defined is NaN: no rows, no weight, R^2 of a single row.
"""

from __future__ import annotations

from chainrule.maths.metrics_classification import Accuracy, BalancedAccuracy, Brier, LogLoss
from chainrule.maths.metrics_ranking import AveragePrecision, RocAuc
from chainrule.maths.metrics_regression import (
    R2,
    MeanAbsoluteError,
    MeanPinballLoss,
    MeanSquaredError,
    PoissonDeviance,
    RootMeanSquaredError,
)

__all__ = [
    "R2",
    "Accuracy",
    "AveragePrecision",
    "BalancedAccuracy",
    "Brier",
    "LogLoss",
    "MeanAbsoluteError",
    "MeanPinballLoss",
    "MeanSquaredError",
    "PoissonDeviance",
    "RocAuc",
    "RootMeanSquaredError",
]
