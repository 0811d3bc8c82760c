"""Whole fits of scikit-learn's estimators and of ours: the same class, with the import changed.

Everything that `fit` does is in the time: checking the data, encoding the classes, drawing the
first weights, every epoch, setting the attributes. Both do the same number of epochs, in float64,
and must come to the same loss.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np

from benchmarks.runner import Runner
from benchmarks.work import Work

DIGITS = 1797
"""Rows of scikit-learn's table of digits."""


def table_of(work: Work) -> tuple[np.ndarray, np.ndarray]:
    """Return rows and classes: the digits, or normal numbers of two classes."""
    if work.rows == DIGITS:
        from sklearn.datasets import load_digits

        X, y = load_digits(return_X_y=True)
        return X / 16.0, y
    generator = np.random.default_rng(3)
    X = generator.normal(size=(work.rows, work.widths[0]))
    scores = X @ generator.normal(size=work.widths[0]) + generator.normal(size=work.rows)
    return X, (scores > 0).astype(np.int64)


class Fit(Runner):
    """A classifier with its defaults, fitted for a number of epochs.

    Parameters
    ----------
    work : Work
    estimator : type
        `MLPClassifier` of one of the two.
    limits : function, optional
        Makes a context in which it is fitted.
    """

    def __init__(
        self,
        work: Work,
        estimator: Callable[..., Any],
        limits: Callable[[], AbstractContextManager[Any]] = nullcontext,
    ) -> None:
        super().__init__()
        self.X, self.y = table_of(work)
        self.estimator, self.limits = estimator, limits
        self.settings = {"max_iter": work.steps, "n_iter_no_change": math.inf, "random_state": 0}

    def fitted(self) -> Any:
        """Return a fitted classifier."""
        with self.limits(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the number of epochs is the point
            return self.estimator(**self.settings).fit(self.X, self.y)

    def turn(self) -> None:
        self.fitted()

    def check(self) -> dict[str, float]:
        """Return the loss of the last epoch."""
        return {"loss": float(self.fitted().loss_)}
