"""Small tables that the tests of the estimators learn."""

from __future__ import annotations

import numpy as np
from sklearn.datasets import make_classification, make_multilabel_classification, make_regression

__all__ = ["classes", "counts", "labels", "numbers"]


def classes(count: int, rows: int = 90, dtype: str = "float64") -> tuple[np.ndarray, np.ndarray]:
    """Return rows of so many classes."""
    X, y = make_classification(
        rows, 6, n_informative=4, n_redundant=0, n_classes=count, random_state=count
    )
    return X.astype(dtype), y


def labels(rows: int = 90) -> tuple[np.ndarray, np.ndarray]:
    """Return rows with four independent labels."""
    X, Y = make_multilabel_classification(rows, 6, n_classes=4, random_state=4)
    return (X - X.mean(axis=0)) / X.std(axis=0), Y


def numbers(outputs: int = 1, rows: int = 90) -> tuple[np.ndarray, np.ndarray]:
    """Return rows with one or several numbers as targets, about 1 in size."""
    X, y = make_regression(rows, 6, n_targets=outputs, noise=5.0, random_state=outputs)
    return X, y / y.std(axis=0)


def counts(rows: int = 90) -> tuple[np.ndarray, np.ndarray]:
    """Return rows with counts as targets."""
    generator = np.random.default_rng(5)
    X = generator.normal(size=(rows, 6))
    return X, generator.poisson(np.exp(0.5 * X[:, 0])).astype(float)
