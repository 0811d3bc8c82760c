"""How well a model predicts rows whose targets are known, beside what needs no network."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.frozen import frozen
from chainrule.maths.metric import METRICS
from chainrule.storage import Model
from chainrule.tabular import Encoder, Table
from chainrule.tabular.target import TargetCode, Task

__all__ = [
    "SCORES",
    "Judgement",
    "Scores",
    "fit_linear",
    "guess_of",
    "guessed",
    "judge",
    "known_guess",
    "scored",
]

SCORES: dict[Task, tuple[str, ...]] = {
    "regression": ("r2", "rmse", "mae"),
    "classification": ("accuracy", "balanced_accuracy", "roc_auc", "log_loss"),
}
"""What is reported; the first one also during training."""
MOST_NUMBERS = 20_000_000
"""Rows times features times classes that the linear model is fitted on: a few seconds."""
_WIDE = 1500
"""From so many features on, ridge regression is solved by iteration."""


@frozen
class Judgement:
    """Predictions of a model for rows whose targets are known.

    Parameters
    ----------
    target : TargetCode
    X : (N, d) array
        Encoded features.
    truth : (N,) array
        Numbers in the units of the target, or positions of classes.
    P : (N, K) array
        Predicted means in the units of the target (K = 1), or probabilities of the classes.
    """

    target: TargetCode
    X: np.ndarray
    truth: np.ndarray
    P: np.ndarray

    def __len__(self) -> int:
        return len(self.truth)

    def encoded(self) -> np.ndarray:
        """Return the truth in the shape of `P`: numbers, or a matrix of 0 and 1."""
        if self.target.classes is None:
            return self.truth[:, None]
        return np.eye(self.P.shape[1])[self.truth]

    def take(self, rows: np.ndarray) -> Judgement:
        """Return some of the rows."""
        return Judgement(self.target, self.X[rows], self.truth[rows], self.P[rows])

    def confusion(self) -> np.ndarray:
        """Return how many rows of each class (down) are predicted as each class (across)."""
        size = self.P.shape[1]
        pairs = np.bincount(self.truth * size + self.P.argmax(axis=1), minlength=size * size)
        return pairs.reshape(size, size)


def judge(model: Model, encoder: Encoder, table: Table) -> Judgement:
    """Predict the rows of a table and put their targets beside.

    Raises
    ------
    TargetError, DataError
        A row cannot be encoded, or its label was not among the classes of training.
    """
    target = encoder.target
    column = table.column(target.name)
    X = encoder.encode(table)
    if target.classes is None:
        return Judgement(target, X, column.values, target.decode(model.predict(X))[:, None])
    P = np.asarray(model.predict_proba(X), np.float64)
    return Judgement(target, X, target.encode(column, table), P)


def scored(P: np.ndarray, judged: Judgement, names: Sequence[str]) -> dict[str, float]:
    """Return metrics of predictions by name."""
    Y = judged.encoded()
    with np.errstate(all="ignore"):  # what overflows shows as a score that is not finite
        return {name: float(METRICS.make(name).score(P, Y)) for name in names}


@frozen
class Scores:
    """Metrics by name: of the model, of a guess that ignores the inputs, of a linear model."""

    rows: int
    model: dict[str, float]
    baseline: dict[str, float]
    baseline_name: str
    linear: dict[str, float] | None = None
    linear_name: str = ""
    linear_note: str = ""
    """On which rows the linear model was fitted, if not on all that train."""


def guess_of(target: TargetCode, values: np.ndarray) -> dict[str, Any]:
    """Return the best guess without inputs: the mean, or the shares of the classes."""
    if target.classes is None:
        return {"mean": float(values.mean())}
    shares = np.bincount(values, minlength=len(target.classes)) / len(values)
    return {"shares": shares.tolist()}


def known_guess(target: TargetCode, record: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the guess that a model's record holds, if it is one."""
    guess = record.get("guess")
    if not isinstance(guess, Mapping):
        return None
    numbers = [guess.get("mean")] if target.classes is None else guess.get("shares")
    wanted = 1 if target.classes is None else len(target.classes)
    if not isinstance(numbers, list) or len(numbers) != wanted:
        return None
    usual = all(isinstance(number, (int, float)) and np.isfinite(number) for number in numbers)
    return dict(guess) if usual else None


def guessed(guess: Mapping[str, Any], judged: Judgement) -> tuple[np.ndarray, str]:
    """Return a guess for each row, and its name."""
    if "mean" in guess:
        return np.full_like(judged.P, guess["mean"]), "always the mean"
    return np.tile(np.asarray(guess["shares"]), (len(judged), 1)), "most frequent class"


def fit_linear(
    X: np.ndarray, y: np.ndarray, target: TargetCode
) -> tuple[Callable[[np.ndarray], np.ndarray], str, str]:
    """Fit scikit-learn's ridge or logistic regression, with its defaults, on encoded rows.

    Parameters
    ----------
    X : (N, d) array
    y : (N,) array
        As the network learns it: standardised numbers, or positions of classes.
    target : TargetCode

    Returns
    -------
    function, name, note
        From features to what `Judgement.P` holds; the note tells the rows used if not all.
    """
    from sklearn.linear_model import LogisticRegression, Ridge

    classes = len(target.classes or ())
    most = max(MOST_NUMBERS // (X.shape[1] * max(classes, 1)), 1000)
    rows = np.unique(np.linspace(0, len(X) - 1, min(len(X), most)).astype(np.int64))
    if classes:  # each class keeps a row, as in the split
        rows = np.union1d(rows, np.unique(y, return_index=True)[1])
    name = "logistic regression" if classes else "ridge regression"
    few = f"{name} was fitted on {len(rows):,} of the {len(X):,} training rows, to save time"
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # of iterations that end early: it is a baseline
        if classes:
            model: Any = LogisticRegression(max_iter=300).fit(X[rows], y[rows])
        else:
            model = Ridge(solver="lsqr" if X.shape[1] > _WIDE else "auto").fit(X[rows], y[rows])

    def predict(features: np.ndarray) -> np.ndarray:
        if classes:
            return model.predict_proba(features)
        return target.decode(model.predict(features))[:, None]

    return predict, name, "" if len(rows) == len(X) else few
