"""The scikit-learn estimators: `MLPClassifier` and `MLPRegressor`."""

from __future__ import annotations

from chainrule.estimators.classifier import MLPClassifier
from chainrule.estimators.regressor import MLPRegressor

__all__ = ["MLPClassifier", "MLPRegressor"]
