"""Naive Bayes, a decision tree and a network on the same tables: time, data, accuracy, overfitting.

Decisions
---------
a) All three see the same encoded rows, fitted on the training rows of each split, and the same
   splits. The network gives a fifth of its training rows away to choose its epoch, as
   `chainrule train` does; the others need none.
b) Nobody is tuned: the tree grows to its end as scikit-learn's default does, naive Bayes has no
   setting to speak of, and the network is the default of `chainrule train`.
c) Time is processor time, so that a busy machine does not favour anybody.
d) Naive Bayes takes every number as normal and every level as yes or no, within each class.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule import nn
from chainrule.api import train
from chainrule.checks import Integer, Real, check_parameters
from chainrule.experiments.methods_data import MethodTable, bundled_tables
from chainrule.frozen import frozen
from chainrule.streams import Stream
from chainrule.tabular import Encoder, split_rows
from chainrule.tabular.codes import LevelCode
from chainrule.tabular.target import TargetCode
from chainrule.training import Stopping

__all__ = ["METHODS", "Fit", "Methods", "compare_methods"]

METHODS = ("naive Bayes", "decision tree", "network")
_EPOCHS, _PATIENCE = 100, 10
_LEAST = 20
_RULES = {"repeats": Integer(1), "rows": Integer(50), "test_share": Real(0, 1, closed="neither")}
Predictor = Callable[[np.ndarray], np.ndarray]
"""From encoded rows to positions of classes."""


@frozen
class Fit:
    """One method, fitted once.

    Parameters
    ----------
    table, method : str
    rows : int
        Training rows.
    repeat : int
        Number of the split.
    seconds : float
        Processor time of the fit.
    train_accuracy, test_accuracy : float
    """

    table: str
    method: str
    rows: int
    repeat: int
    seconds: float
    train_accuracy: float
    test_accuracy: float


@frozen
class Methods:
    """All fits, with the tables that they were made on."""

    tables: tuple[MethodTable, ...]
    fits: tuple[Fit, ...]
    repeats: int
    test_share: float = 0.2

    def sizes(self, table: str) -> list[int]:
        """Return the numbers of training rows of a table, in rising order."""
        return sorted({fit.rows for fit in self.fits if fit.table == table})

    def of(self, table: str, method: str, rows: int) -> list[Fit]:
        """Return the fits of one method on so many rows, one for each repeat."""
        return [
            fit for fit in self.fits if (fit.table, fit.method, fit.rows) == (table, method, rows)
        ]


def compare_methods(
    tables: Sequence[MethodTable] | None = None,
    *,
    repeats: int = 5,
    rows: int = 10_000,
    test_share: float = 0.2,
    seed: int = 0,
    on_fit: Callable[[int, int], object] | None = None,
) -> Methods:
    """Fit the three methods on growing numbers of rows of each table.

    Parameters
    ----------
    tables : sequence of MethodTable, optional
        By default the four of `bundled_tables`.
    repeats : int
        Splits into training and test rows.
    rows : int
        The most training rows.
    test_share : float
    seed : int
    on_fit : function of (done, in all), optional

    Raises
    ------
    InvalidParameterError
        A parameter breaks its rule.

    Source: lecture note 004, section 10, whose table this measures.

    Example
    -------
    >>> from chainrule.experiments.methods import compare_methods
    >>> from chainrule.experiments.methods_data import bundled_tables
    >>> found = compare_methods(bundled_tables()[3:], repeats=1)
    >>> found.sizes("wine"), len(found.fits)
    ([20, 53, 142], 9)
    """
    told = {"repeats": repeats, "rows": rows, "test_share": test_share}
    check_parameters(_RULES, told, lambda name: f"compare_methods.{name}")
    chosen = tuple(bundled_tables() if tables is None else tables)
    _warm()
    jobs = [(data, repeat) for data in chosen for repeat in range(repeats)]
    fits: list[Fit] = []
    for done, (data, repeat) in enumerate(jobs):
        fits += _split(data, repeat, seed + repeat, rows, test_share)
        if on_fit is not None:
            on_fit(done + 1, len(jobs))
    return Methods(chosen, tuple(fits), repeats, test_share)


def _warm() -> None:
    """Import what the methods need, so that the first fit is not charged for it."""
    X, y = np.array([[0.0, 0.0], [1.0, 1.0]] * 4), np.array([0, 1] * 4)
    for fit in _FITTERS.values():
        fit(X, y, np.array([False, True]), 0)


def _split(data: MethodTable, repeat: int, seed: int, most: int, test_share: float) -> list[Fit]:
    table, target = data.table, TargetCode.fit(data.table.column(data.target), "classification")
    codes = target.encode(table.column(data.target))
    parts = split_rows(
        table.rows, validation_share=0.0, test_share=test_share, seed=seed, classes=codes
    )
    order = _mixed(parts.training, codes, seed)[:most]
    fits: list[Fit] = []
    for count in _counts(len(order), len(target.classes or ())):
        chosen = table.take(np.sort(order[:count]))
        encoder = Encoder.fit(chosen, data.target, "classification")
        levels = _levels(encoder)
        X, y = encoder.encode(chosen), codes[np.sort(order[:count])]
        test_X, test_y = encoder.encode(table.take(parts.test)), codes[parts.test]
        for method in METHODS:
            began = time.process_time()
            predict = _FITTERS[method](X, y, levels, seed)
            seconds = time.process_time() - began
            known, new = (np.mean(predict(A) == b) for A, b in ((X, y), (test_X, test_y)))
            fits.append(Fit(data.name, method, count, repeat, seconds, float(known), float(new)))
    return fits


def _mixed(rows: np.ndarray, codes: np.ndarray, seed: int) -> np.ndarray:
    """Return rows in random order, one of each class in front, so that any beginning has all."""
    order = rows[Stream(seed, "methods").permutation(len(rows))]
    first = np.sort(np.unique(codes[order], return_index=True)[1])
    return np.concatenate([order[first], np.delete(order, first)])


def _counts(most: int, classes: int) -> list[int]:
    """Return numbers of rows between a few and all, each about three times the one before."""
    least = max(_LEAST, 2 * classes)
    if most <= 2 * least:
        return [most]
    steps = max(round(np.log(most / least) / np.log(3)), 1)
    return np.unique(np.rint(np.geomspace(least, most, steps + 1)).astype(int)).tolist()


def _levels(encoder: Encoder) -> np.ndarray:
    """Return which features are levels: 0 or 1."""
    flags = [isinstance(code, LevelCode) for code in encoder.codes for _ in code.features()]
    return np.array(flags)


def _bayes(X: np.ndarray, y: np.ndarray, levels: np.ndarray, _: int) -> Predictor:
    from sklearn.naive_bayes import BernoulliNB, GaussianNB

    parts: list[tuple[Any, np.ndarray]] = []
    if not levels.all():
        parts.append((GaussianNB().fit(X[:, ~levels], y), ~levels))
    if levels.any():
        parts.append((BernoulliNB().fit(X[:, levels], y), levels))
    classes = parts[0][0].classes_
    prior = np.log(np.bincount(y)[classes] / len(y))

    def predict(A: np.ndarray) -> np.ndarray:
        # Each part holds the prior once; it counts once.
        logs = [model.predict_log_proba(A[:, columns]) for model, columns in parts]
        return classes[np.argmax(sum(logs) - (len(logs) - 1) * prior, axis=1)]

    return predict


def _tree(X: np.ndarray, y: np.ndarray, _: np.ndarray, seed: int) -> Predictor:
    from sklearn.tree import DecisionTreeClassifier

    return DecisionTreeClassifier(random_state=seed % 2**32).fit(X, y).predict


def _network(X: np.ndarray, y: np.ndarray, _: np.ndarray, seed: int) -> Predictor:
    network = nn.Sequential(
        nn.Dense(64), nn.ReLU(), nn.Dense(32), nn.ReLU(), nn.Dense(len(np.unique(y)))
    )
    batch = 2 ** max(len(X) // 100, 1).bit_length() // 2
    run = train(
        network,
        X,
        y,
        loss="softmax_cross_entropy",
        batch_size=min(max(batch, 16), 256),
        epochs=_EPOCHS,
        validation_share=0.2,
        stopping=Stopping(patience=_PATIENCE),
        metrics=(),
        train_metrics=False,
        seed=seed,
    )
    return run.model.predict


_FITTERS: dict[str, Callable[[np.ndarray, np.ndarray, np.ndarray, int], Predictor]] = {
    "naive Bayes": _bayes,
    "decision tree": _tree,
    "network": _network,
}
