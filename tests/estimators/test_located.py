"""Data that cannot be used: the message says where, what was expected, and what to do."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from chainrule import MLPClassifier, MLPRegressor
from chainrule.errors import DataError, TargetError
from chainrule.estimators.located import Suspects
from tests.estimators import data

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
X, NUMBERS = data.numbers(rows=30)
LABELS = (NUMBERS > 0).astype(int)
FRAME = pd.DataFrame(X, columns=list("abcdef"))
MAKERS: dict[str, Callable[..., Any]] = {
    "X": MLPClassifier,
    "X32": partial(MLPClassifier, dtype="float32"),
    "labels": MLPClassifier,
    "y": MLPRegressor,
}


def changed(values: np.ndarray, at: Any, value: Any) -> np.ndarray:
    """Return the values with another one at a place."""
    other = values.astype(object)
    other[at] = value
    return other


FAULTS: dict[str, tuple[str, Any, str, str]] = {
    "a gap": ("X", changed(X, (19, 3), None).astype(float), "X, row 19, column 3", "nan"),
    "infinite": ("X", np.where(np.arange(6) == 2, np.inf, X), "X, row 0, column 2", "29 more"),
    "too large": ("X32", changed(X, (2, 2), 1e39).astype(float), "X, row 2, column 2", "1e+39"),
    "a word": ("X", changed(X, (4, 1), "twelve"), "X, row 4, column 1", "'twelve'"),
    "a dict": ("X", changed(X, (0, 5), {}), "X, row 0, column 5", "{}"),
    "words": ("X", np.full(X.shape, "ab"), "X, row 0, column 0", "'ab'"),
    "complex": ("X", X + 1j, "X", "complex128"),
    "one feature": ("X", X[:, 0], "X", "(30,)"),
    "three axes": ("X", X[:, :, None], "X", "(30, 6, 1)"),
    "no rows": ("X", X[:0], "X", "(0, 6)"),
    "no X": ("X", None, "X", "None"),
    "a path": ("X", "table.csv", "X", "'table.csv'"),
    "ragged": ("X", [*X[:-1].tolist(), [1.0]], "X, row 29", "a length of 1"),
    "named fields": ("X", np.zeros(30, [("a", float)]), "X", "named fields"),
    "a gap in a frame": ("X", FRAME.assign(c=np.inf), "X, row 0, column 'c'", "inf"),
    "names of two kinds": ("X", FRAME.rename(columns={"b": 1}), "X", "int and str"),
    "sparse": (
        "X",
        sparse.csr_array(np.where(np.arange(180).reshape(30, 6) == 44, np.nan, X)),
        "X, row 7, column 2",
        "nan",
    ),
    "words for numbers": ("y", np.array(["a", "b"])[LABELS], "y, row 0", "'"),
    "one word": ("y", changed(NUMBERS, 7, "n/a"), "y, row 7", "'n/a'"),
    "a number is missing": ("y", np.where(np.arange(30) == 9, np.nan, NUMBERS), "y, row 9", "nan"),
    "dates": ("y", np.datetime64("2020-01-01") + np.arange(30), "y, row 0", "date"),
    "complex numbers": ("y", NUMBERS + 1j, "y", "complex128"),
    "too few": ("y", NUMBERS[:9], "y", "9 targets"),
    "three axes of y": ("y", np.zeros((30, 2, 2)), "y", "(30, 2, 2)"),
    "no y": ("y", None, "y", "None"),
    "ragged y": ("y", [[1.0]] * 29 + [[1.0, 2.0]], "y, row 29", "a length of 2"),
    "a label is missing": ("labels", changed(LABELS, 3, None), "y, row 3", "None"),
    "no label": ("labels", np.where(np.arange(30) == 8, np.nan, LABELS), "y, row 8", "nan"),
    "NA": (
        "labels",
        pd.Series([*"ab"] * 15, dtype="string").mask(np.arange(30) == 4),
        "y, row 4",
        "NA",
    ),
    "labels of two kinds": ("labels", changed(LABELS, 5, "a"), "y, row 5", "'a'"),
    "too large labels": ("labels", LABELS.astype(object) + 2**70, "y, row 0", "1180591620717411"),
    "labels of a kind of their own": (
        "labels",
        np.array([complex, float], dtype=object)[LABELS],
        "y, row 0",
        "class",
    ),
    "fractions": ("labels", LABELS + np.where(np.arange(30) == 2, 0.5, 0), "y, row 2", ".5"),
}


def used(fault: str) -> tuple[Any, Any, Any]:
    """Return an estimator, and rows and targets of which one is at fault."""
    kind, bad, _, _ = FAULTS[fault]
    model = MAKERS[kind](hidden_layer_sizes=3, max_iter=2)
    return (model, bad, LABELS) if kind.startswith("X") else (model, X, bad)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_located(fault: str) -> None:
    kind, _, where, got = FAULTS[fault]
    model, rows, targets = used(fault)
    with pytest.raises(DataError if kind.startswith("X") else TargetError) as caught:
        model.fit(rows, targets)
    error = caught.value
    assert error.where == where
    assert got in error.got
    assert error.expected
    assert error.do
    assert len(str(error)) < 700
    assert "array(" not in str(error)
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_in_validation_is_located(fault: str) -> None:
    kind, _, where, _ = FAULTS[fault]
    model, rows, targets = used(fault)
    good = NUMBERS if kind == "y" else LABELS
    frame = FRAME if hasattr(rows, "columns") else X
    if rows is None or targets is None or fault == "names of two kinds":
        return  # nothing was given, or nothing to be compared with
    with pytest.raises(DataError) as caught:
        model.fit(frame, good, X_val=rows, y_val=targets)
    name, comma, rest = where.partition(",")
    assert caught.value.where == f"{name}_val{comma}{rest}"


@pytest.mark.parametrize("fault", [fault for fault, told in FAULTS.items() if told[0] == "X"])
def test_a_fault_in_prediction_is_located(fault: str) -> None:
    rows = FAULTS[fault][1]
    fitted = FRAME if hasattr(rows, "columns") else X
    model = MLPClassifier(hidden_layer_sizes=3, max_iter=2).fit(fitted, LABELS)
    with pytest.raises(DataError) as caught:
        model.predict(rows)
    assert caught.value.where == FAULTS[fault][2]
    assert caught.value.do


def test_rows_that_are_not_those_of_fit() -> None:
    model = MLPRegressor(hidden_layer_sizes=3, max_iter=2).fit(FRAME, NUMBERS)
    with pytest.raises(DataError, match="seen at fit time, yet now missing") as caught:
        model.predict(FRAME[list("abcde")])
    assert "feature_names_in_" in caught.value.do
    model = MLPRegressor(hidden_layer_sizes=3, max_iter=2).fit(X, NUMBERS)
    with pytest.raises(DataError, match="expecting 6 features") as caught:
        model.predict(X[:, :2])
    assert caught.value.got == "2 features"


def test_gaps_that_rules_read_are_no_faults() -> None:
    """What is at fault is y, whose rows stand beside words and gaps."""
    frame = FRAME.assign(a="word", b=np.nan, c=["x", None] * 15)
    with pytest.raises(TargetError) as caught:
        MLPClassifier().fit(frame, changed(LABELS, 6, None))
    assert caught.value.where == "y, row 6"


def test_a_frame_that_tells_nothing() -> None:
    words = [f"number {place}" for place in range(100)]
    frame = pd.DataFrame({"id": words, "one": 1, "none": [None] * 100})
    with pytest.raises(DataError, match="no column to predict from") as caught:
        MLPClassifier().fit(frame, [0, 1] * 50)
    said = "'id' has words of which none is there twice, 'one' has one value in every row"
    assert caught.value.got == f"{said}, 'none' has no value"


def test_targets_of_validation_have_the_columns_of_fit() -> None:
    with pytest.raises(TargetError) as caught:
        MLPRegressor(max_iter=2).fit(X, NUMBERS, X_val=X, y_val=np.c_[NUMBERS, NUMBERS])
    assert (caught.value.where, caught.value.expected, caught.value.got) == ("y_val", "1", "2")


def test_a_frame_of_validation_is_named() -> None:
    frame = FRAME.assign(a=["x", "y", "z"] * 10)
    model = MLPRegressor(max_iter=2)
    with pytest.raises(DataError) as caught:
        model.fit(frame, NUMBERS, X_val=frame.drop(columns="b"), y_val=NUMBERS)
    assert caught.value.where.startswith("the data frame X_val")


def test_weights_of_validation_are_named() -> None:
    with pytest.raises(DataError, match="sample_weight_val does not fit") as caught:
        MLPRegressor(max_iter=2).fit(X, NUMBERS, X_val=X, y_val=NUMBERS, sample_weight_val=[1.0])
    assert caught.value.where == "sample_weight_val"


class Table:
    """A table as PyArrow has them, and (without a shape) a lazy one."""

    def __init__(self, values: np.ndarray, lazy: bool) -> None:
        self.columns, self.column_names, self._values = list(values.T), list("abcdef"), values
        if lazy:
            self.collect = self.__array__
        else:
            self.shape = values.shape

    def __array__(self, dtype: object = None, copy: object = None) -> np.ndarray:
        return self._values


@pytest.mark.parametrize("lazy", [False, True])
def test_tables_of_other_libraries(lazy: bool) -> None:
    told = {"names": list("abcdef"), "features": 6}
    place = Suspects(Table(X, lazy), changed(LABELS, 4, None), **told)._place()
    assert place is not None
    assert place.where == "y, row 4"
    bad = Suspects(Table(changed(X, (1, 2), "word"), lazy), LABELS, **told)._place()
    assert (bad is None) == lazy  # a lazy frame is not read twice
    assert bad is None or bad.where == "X, row 1, column 'c'"


def test_good_data_have_no_fault() -> None:
    for rows in (X, X.tolist(), FRAME, sparse.coo_array(X), X.astype(object)):
        for labels, classes in ((LABELS, True), (NUMBERS, False), (list("ab") * 15, True)):
            assert Suspects(rows, labels, classes=classes, features=6)._place() is None
