"""What the networks of a recipe learn: a table or digits, cut anew for each repeat."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.checks import shown
from chainrule.errors import InvalidParameterError, TargetError
from chainrule.experiments.material import Material, Part, SplitPlan
from chainrule.frozen import frozen
from chainrule.maths.loss import LOSSES
from chainrule.streams import Stream
from chainrule.tabular.encoder import Encoder
from chainrule.tabular.split import split_rows
from chainrule.tabular.table import Table
from chainrule.tabular.target import TargetCode, require_target
from chainrule.training.data import check_inputs

__all__ = ["BUNDLED", "Facts", "Task", "task_of"]

BUNDLED = ("digits", "housing")
SHARE = 0.2
"""Of the rows: as many for validation, and as many for the test."""
MOST_ROWS = 4_000
"""Of a table: more would not change what a recipe shows, only how long it takes."""
Parts = tuple[tuple[np.ndarray, np.ndarray], ...]


@frozen
class Facts:
    """What a reader has to know of the data; plain values.

    Parameters
    ----------
    name : str
    metric : str
        `accuracy` or `r2`: higher is better for both.
    rows, training, validation, test : int
        Of the whole, and of each repeat's parts.
    features, outputs : int
    chance_score, chance_loss : float
        What guessing the most frequent class, or the mean, gets: a diverged run counts as that.
    loss : str
    """

    name: str
    metric: str
    rows: int
    training: int
    validation: int
    test: int
    features: int
    outputs: int
    chance_score: float
    chance_loss: float
    loss: str

    @property
    def overlap(self) -> float:
        """Test rows over training rows."""
        return self.test / self.training

    @property
    def unit(self) -> str:
        """Unit of the loss."""
        if self.metric == "accuracy":
            return "cross-entropy, nats"
        return "squared error, standardised target"

    def words(self) -> str:
        """Return the facts in a sentence."""
        kind = f"{self.outputs} classes" if self.metric == "accuracy" else "a quantity"
        return (
            f"{self.name}: {self.rows:,} rows of {self.features} numbers, {kind}; each repeat "
            f"trains on {self.training:,}, chooses on {self.validation:,}, tests on {self.test:,}"
        )


@frozen
class Task:
    """The data of a recipe: parts of each repeat, and the facts."""

    facts: Facts
    cut: Callable[[int], Parts]
    """From the number of a repeat to (X, y) of training, validation and test rows."""

    def material(self, repeats: int, training: int | None = None) -> Material:
        """Return the arrays of all repeats; `training` rows only, if fewer are wanted."""
        arrays: dict[str, np.ndarray] = {}
        splits: list[SplitPlan] = []
        for repeat in range(repeats):
            parts: list[Part] = []
            for name, (X, y) in zip(
                ("training", "validation", "test"), self.cut(repeat), strict=True
            ):
                if name == "training" and training is not None and training < len(X):
                    kept = Stream(repeat, "recipe:rows").permutation(len(X))[:training]
                    X, y = X[kept], y[kept]
                arrays[f"{name}_X_{repeat}"] = np.ascontiguousarray(X, np.float32)
                arrays[f"{name}_y_{repeat}"] = y
                parts.append(Part(f"{name}_X_{repeat}", f"{name}_y_{repeat}"))
            splits.append(SplitPlan(*parts))
        return Material(arrays, splits)


def task_of(
    data: Any = "digits", target: Any = None, *, seed: int = 0, quick: bool = False
) -> Task:
    """Return the task of a name, a table's file, or arrays.

    Parameters
    ----------
    data : str, path, Table, or array (N, d)
        `"digits"` (8 x 8 pixels, scikit-learn's), `"housing"` (Californian districts, bundled), a
        table's file, or numbers.
    target : str or array (N,), optional
        The column to predict, or the targets of an array.
    seed : int
        Of the splits, and of the rows that are kept of a large table.
    quick : bool
        Keep at most half as many rows.

    Raises
    ------
    DataError, TargetError
        The table cannot be read or learned from.
    InvalidParameterError
        `target` is missing.

    Example
    -------
    >>> from chainrule.experiments.recipes.task import task_of
    >>> task_of("digits").facts.words()
    'digits: 1,797 rows of 64 numbers, 10 classes; each repeat trains on 1,079, ...'
    """
    if isinstance(data, str) and data == "digits":
        return _digits(seed, quick)
    if isinstance(data, str) and data == "housing":
        from chainrule.data import california_housing

        return _table(california_housing(), "median_house_value", "housing", seed, quick)
    if target is None:
        raise InvalidParameterError(
            "the target is not named",
            where="target",
            expected="a column of the table, or the targets of the rows",
            do="pass target= (on the command line --target COLUMN)",
        )
    if isinstance(data, (str, os.PathLike, Table)):
        name = Path(data.source).name if isinstance(data, Table) else Path(data).name
        return _table(data, target, name, seed, quick)
    X, y = check_inputs(data, "float32", "data"), np.asarray(target)
    if X.ndim != 2 or len(X) != len(y):
        raise InvalidParameterError(
            "the data are not understood",
            where="data",
            expected="numbers (N, d) and N targets, a table's file, or " + " or ".join(BUNDLED),
            got=shown(X.shape),
        )
    return _arrays(X, y, "your arrays", seed, quick, y.dtype.kind in "OUSb" or _few(y))


def _few(y: np.ndarray) -> bool:
    whole = y.dtype.kind in "iu" or bool(np.all(np.mod(y, 1) == 0))
    return whole and len(np.unique(y)) <= min(20, max(2, len(y) // 20))


def _kept(rows: int, most: int, seed: int) -> np.ndarray:
    if rows <= most:
        return np.arange(rows)
    return np.sort(Stream(seed, "recipe:sample").permutation(rows)[:most])


def _digits(seed: int, quick: bool) -> Task:
    from sklearn.datasets import load_digits

    loaded: Any = load_digits()
    X = loaded.data.astype(np.float32) / np.float32(16)  # pixels are 0 to 16
    return _arrays(X, loaded.target, "digits", seed, quick, True)


def _arrays(X: np.ndarray, y: np.ndarray, name: str, seed: int, quick: bool, classes: bool) -> Task:
    kept = _kept(len(X), MOST_ROWS // 2 if quick else MOST_ROWS, seed)
    X, y = X[kept], y[kept]
    codes = np.unique(y, return_inverse=True)[1] if classes else None

    def cut(repeat: int) -> Parts:
        split = split_rows(
            len(X), validation_share=SHARE, test_share=SHARE, seed=seed + repeat, classes=codes
        )
        parts = [(X[rows], y[rows]) for rows in (split.training, split.validation, split.test)]
        return tuple(parts) if classes else _scaled(parts)

    return Task(_facts(name, cut(0), len(X), classes), cut)


def _scaled(parts: list[tuple[np.ndarray, np.ndarray]]) -> Parts:
    """Return the parts with targets in units of the training targets' spread."""
    y = parts[0][1].astype(np.float64)
    centre, size = y.mean(), y.std() or 1.0
    return tuple((X, (part - centre) / size) for X, part in parts)


def _table(data: Any, target: str, name: str, seed: int, quick: bool) -> Task:
    from chainrule.tabular.reader import read_table

    whole = data if isinstance(data, Table) else read_table(data)
    require_target(whole, target)
    most = MOST_ROWS // 2 if quick else MOST_ROWS
    table = whole.take(_kept(whole.rows, most, seed))
    code = TargetCode.fit(table.column(target))
    if code.classes is not None and len(code.classes) > table.rows // 10:
        raise TargetError(
            "the target has too many classes for so few rows",
            where=f"target {target!r}",
            got=f"{len(code.classes)} classes, {table.rows} rows",
        )
    codes = code.encode(table.column(target)) if code.classes else None

    def cut(repeat: int) -> Parts:
        split = split_rows(
            table.rows, validation_share=SHARE, test_share=SHARE, seed=seed + repeat, classes=codes
        )
        encoder = Encoder.fit(table.take(split.training), target, code.task)
        parts = (table.take(rows) for rows in (split.training, split.validation, split.test))
        return tuple(
            (encoder.encode(part), encoder.target.encode(part.column(target))) for part in parts
        )

    return Task(_facts(name, cut(0), table.rows, code.classes is not None), cut)


def _facts(name: str, parts: Parts, rows: int, classes: bool) -> Facts:
    (X, y), (_, held), (_, tested) = parts
    if classes:
        shares = np.unique(y, return_counts=True)[1] / len(y)
        score, loss = float(shares.max()), float(-np.sum(shares * np.log(shares)))
    else:
        score, loss = 0.0, float(np.mean(np.square(y - y.mean())))
    record = LOSSES.make("softmax_cross_entropy" if classes else "squared_error")
    return Facts(
        name=name,
        metric="accuracy" if classes else "r2",
        rows=rows,
        training=len(X),
        validation=len(held),
        test=len(tested),
        features=X.shape[1],
        outputs=len(np.unique(y)) if classes else 1,
        chance_score=score,
        chance_loss=loss,
        loss=record.name,
    )
