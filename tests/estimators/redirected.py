"""A pytest plugin: whoever imports scikit-learn's estimators gets Chainrule's."""

from __future__ import annotations

__all__ = ["pytest_configure"]


def pytest_configure() -> None:
    """Change the names before any test module is imported; importing this file changes nothing."""
    from sklearn import neural_network

    from chainrule import MLPClassifier, MLPRegressor

    neural_network.MLPClassifier = MLPClassifier
    neural_network.MLPRegressor = MLPRegressor
