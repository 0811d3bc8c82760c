"""scikit-learn's MLP.

Its loop cannot be called without `fit`, so a step's time is that of a long `fit` less that of a
short one, on the same rows; both set up alike, with memory that a fit before them has warmed.
Without that the short one alone paid for it, and a step of the widest row seemed to be faster than
the processor can be.
"""

from __future__ import annotations

import time
import warnings
from typing import Any

import numpy as np
import sklearn
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier, MLPRegressor
from threadpoolctl import threadpool_limits

from benchmarks.fits import Fit
from benchmarks.runner import (
    ONE_THREAD_BELOW,
    Calls,
    Products,
    Runner,
    Side,
    UnavailableError,
    fastest,
)
from benchmarks.work import RATE, Work, data_of, order_of, parameters_of

warnings.simplefilter("ignore", ConvergenceWarning)  # the number of epochs is the point
LEAST_STEPS = 2
MOST_FLOPS = 4e10
"""Work of one epoch at most: rows beyond that are left out, which changes no step."""


def estimator(work: Work, epochs: int, **others: Any) -> Any:
    """Return an unfitted network."""
    kind = MLPRegressor if work.regression else MLPClassifier
    settings = {"alpha": 0.0, "learning_rate_init": RATE, "random_state": 0, "tol": 0.0}
    return kind(
        hidden_layer_sizes=work.widths[1:-1],
        batch_size=work.batch,
        max_iter=epochs,
        n_iter_no_change=epochs + 1,
        **{**settings, **others},
    )


class Training(Runner):
    """Epochs of `fit`."""

    def __init__(self, work: Work, threads: int | None = None) -> None:
        super().__init__()
        if work.variant != "plain":
            raise UnavailableError(
                "scikit-learn has no norms, dropout, residuals, AdamW or clipping"
            )
        self.work = work
        self.threads = threads
        self.X, self.y = data_of(work)
        fitting = max(LEAST_STEPS, int(MOST_FLOPS / work.flops)) * work.batch
        rows = min(len(self.X), fitting)
        self.X, self.y = self.X[:rows], self.y[:rows]
        if not work.regression:
            self.y[: work.widths[-1]] = np.arange(work.widths[-1])  # every class occurs
        self.steps = rows // work.batch
        self.units = float(self.steps)

    def fitting(self, epochs: int) -> float:
        """Return the seconds of a `fit`."""
        with threadpool_limits(self.threads):
            model = estimator(self.work, epochs)
            start = time.perf_counter()
            model.fit(self.X, self.y)
            return time.perf_counter() - start

    def turn(self) -> None:
        self.fitting(1)

    def measure(self, seconds: float) -> float:
        """Return the seconds of one step."""
        self.fitting(1)  # the first one after a pause also fetches its memory back
        short = self.fitting(1)
        more = max(2, round(seconds / short))
        return (self.fitting(1 + more) - short) / (more * self.steps)

    def check(self) -> dict[str, float]:
        """Return the loss of the step after `check_steps` steps from the common first weights."""
        order = order_of(self.work, self.work.check_steps + 1).reshape(-1)
        X, y = data_of(self.work)
        stop = self.work.check_steps * self.work.batch
        model = estimator(self.work, 1, shuffle=False)
        present = np.arange(self.work.widths[-1])
        if self.work.regression:
            model.fit(X[: self.work.batch], y[: self.work.batch])
        else:
            model.partial_fit(X[: self.work.batch], y[: self.work.batch], classes=present)
        parameters = parameters_of(self.work)
        model.coefs_, model.intercepts_ = parameters[::2], parameters[1::2]
        for part in (order[:stop], order[stop:]):
            model.__dict__.pop("_optimizer", None)
            self._one_pass(model, X[part], y[part], present)
        return {"loss": float(model.loss_) * (2 if self.work.regression else 1)}

    def _one_pass(self, model: Any, X: np.ndarray, y: np.ndarray, classes: np.ndarray) -> None:
        if self.work.regression:
            model.partial_fit(X, y)
        else:
            model.partial_fit(X, y, classes=classes)


def training(work: Work) -> Runner:
    """Return a training with the number of BLAS threads that is faster."""
    forms = {"all threads": lambda: Training(work)}
    if work.flops < ONE_THREAD_BELOW and work.variant == "plain":
        forms["one thread"] = lambda: Training(work, 1)
    return fastest(forms)[0]


class Table(Runner):
    """One epoch of `fit`, from arrays to a model."""

    def __init__(self, work: Work) -> None:
        super().__init__()
        self.work = work
        self.X, self.y = data_of(work)

    def turn(self) -> None:
        estimator(self.work, 1).fit(self.X, self.y)

    def check(self) -> dict[str, float]:
        """Return the mean squared error afterwards."""
        model = estimator(self.work, 1).fit(self.X, self.y)
        return {"epoch_loss": float(np.mean((model.predict(self.X) - self.y) ** 2))}


def predictions(work: Work) -> Runner:
    """Return calls of `predict`, as a regressor, whose outputs are the raw ones."""
    X, _ = data_of(work)
    few = np.repeat(X[:1], work.widths[-1] + 1, axis=0)
    model = MLPRegressor(hidden_layer_sizes=work.widths[1:-1], max_iter=1)
    model.fit(few, np.zeros((len(few), work.widths[-1]), np.float32).squeeze())
    parameters = parameters_of(work)
    model.coefs_, model.intercepts_ = parameters[::2], parameters[1::2]
    return Calls(work, model.predict)


def product(work: Work) -> Runner:
    """Return NumPy's product: the BLAS that scikit-learn uses."""
    m, k, n = work.widths
    A, B, C = (np.ones(shape, np.float32) for shape in ((m, k), (k, n), (m, n)))
    return Products(work, lambda: np.matmul(A, B, out=C))


def fits(work: Work) -> Runner:
    """Return a fit with the number of BLAS threads that is faster."""
    forms = {
        "all threads": lambda: Fit(work, MLPClassifier),
        "one thread": lambda: Fit(work, MLPClassifier, lambda: threadpool_limits(1)),
    }
    return fastest(forms)[0]


class ScikitLearn(Side):
    """scikit-learn."""

    name = "scikit-learn"
    kinds = {
        "train": training,
        "table": Table,
        "fit": fits,
        "predict": predictions,
        "product": product,
    }

    def versions(self) -> dict[str, str]:
        """Return the version."""
        return {"scikit-learn": sklearn.__version__}


SIDE = ScikitLearn
