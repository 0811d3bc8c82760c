"""A data frame's names are kept with the model, and a frame with others is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.errors import DataError, ShapeError, UsageError
from chainrule.training.names import column_names, require_names
from tests.training.runs import labels, numbers, regress


def frame(*names: str) -> pd.DataFrame:
    return pd.DataFrame(numbers()[0][:, : len(names)], columns=list(names))


def test_names_of_what_has_names() -> None:
    class Arrow:
        column_names = ["a", "b"]
        columns = [np.ones(2), np.ones(2)]

    assert column_names(frame("a", "b")) == ("a", "b")
    assert column_names(Arrow()) == ("a", "b")
    assert column_names(np.ones((2, 2))) is None
    assert column_names(pd.DataFrame(np.ones((2, 2)))) is None, "numbered columns are no names"


def test_a_model_keeps_the_names(tmp_path: Path) -> None:
    X = frame("rooms", "age")
    run = regress(X=X)
    assert run.model.feature_names == ("rooms", "age")
    run.model.save(tmp_path / "m.safetensors")
    model = cr.load(tmp_path / "m.safetensors")
    assert model.feature_names == ("rooms", "age")
    assert model.described(record={}).feature_names == ("rooms", "age")
    assert np.array_equal(model.predict(X), model.predict(X.to_numpy()))
    assert regress().model.feature_names is None


CASES = {
    "reordered": (("age", "rooms"), "another order", "column 0", "X[list(model.feature_names)]"),
    "renamed": (("rooms", "years"), "not those", "column 1", "'rooms', 'age'"),
    "one too few": (("rooms",), "not those", "column 1", "'rooms', 'age'"),
    "one too many": (("rooms", "age", "x"), "not those", "column 2", "model.feature_names"),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("way", ["predict", "raw"])
def test_other_names_are_refused(case: str, way: str) -> None:
    names, what, where, do = CASES[case]
    model = regress(X=frame("rooms", "age")).model
    with pytest.raises(DataError) as caught:
        getattr(model, way)(frame(*names))
    assert what in caught.value.what
    assert where in caught.value.where
    assert do in caught.value.do


def test_probabilities_and_validation_rows_are_looked_at_too() -> None:
    X, y = labels()
    told = pd.DataFrame(X, columns=list("abcde"))
    other = told[list("bacde")]
    run = cr.train(nn.Dense(3), told, y, loss="softmax_cross_entropy", epochs=1)
    assert run.model.predict_proba(told).shape == (40, 3)
    with pytest.raises(DataError, match="another order"):
        run.model.predict_proba(other)
    with pytest.raises(DataError, match="columns of validation X"):
        cr.train(
            nn.Dense(3), told, y, loss="softmax_cross_entropy", epochs=1, validation=(other, y)
        )


def test_nothing_is_refused_where_nothing_is_known() -> None:
    require_names(None, frame("a"))
    require_names(("a", "b"), np.ones((2, 2)))


def test_a_regression_has_no_probabilities() -> None:
    with pytest.raises(UsageError, match="regression") as caught:
        regress().model.predict_proba(numbers()[0])
    assert caught.value.do == "use predict"


def test_one_row_is_told_to_become_a_table() -> None:
    with pytest.raises(ShapeError) as caught:
        regress().model.predict(np.ones(5))
    assert "reshape(1, -1)" in caught.value.do
    with pytest.raises(DataError, match="dimension") as refused:
        regress(X=np.ones(40))
    assert "reshape(1, -1)" in refused.value.do
