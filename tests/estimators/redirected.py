"""A pytest plugin: whoever imports scikit-learn's estimators gets Chainrule's."""

from __future__ import annotations

from sklearn import neural_network

from chainrule import MLPClassifier, MLPRegressor

neural_network.MLPClassifier = MLPClassifier
neural_network.MLPRegressor = MLPRegressor
