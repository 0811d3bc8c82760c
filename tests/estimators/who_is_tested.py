"""Run by test_sklearn_suite.py: what scikit-learn's tests import is the library's."""

from __future__ import annotations

from sklearn.neural_network import MLPClassifier, MLPRegressor


def test_who_is_tested() -> None:
    assert MLPClassifier.__module__ == "chainrule.estimators.classifier"
    assert MLPRegressor.__module__ == "chainrule.estimators.regressor"
