"""Encoding: fitted on training rows, exact on others, the same after a trip through JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from chainrule.errors import DataError, FileFormatError, TargetError, UsageError
from chainrule.tabular import Column, Encoder, Table, predict_table
from chainrule.tabular.codes import MAX_LEVELS, fit_code, standard
from chainrule.tabular.target import (
    MOST_CLASSES,
    TargetCode,
    drop_missing_target,
    guess_task,
    require_target,
)

NAN = np.nan


def number(name: str, *cells: float) -> Column:
    return Column(name, "number", np.array(cells, float))


def text(name: str, *cells: str | None) -> Column:
    return Column(name, "text", np.array(cells, object))


TRAINING = Table(
    (
        number("n", 1, 2, NAN, 5),
        Column("b", "boolean", np.array([1.0, 0.0, 1.0, 1.0])),
        text("t", "x", None, "y", "x"),
        number("constant", 7, 7, 7, 7),
        number("gaps", 7, NAN, 7, 7),
        Column("empty", "empty", np.full(4, NAN)),
        number("price", 10.5, 20, 30, 40),
    )
)


def test_features_of_training() -> None:
    encoder = Encoder.fit(TRAINING, "price")
    assert encoder.features == (
        "n",
        "n is missing",
        "b",
        "t = x",
        "t = y",
        "t is missing",
        "gaps is missing",
    )
    X = encoder.encode(TRAINING)
    known = np.array([1, 2, 5])
    np.testing.assert_allclose(X[[0, 1, 3], 0], (known - known.mean()) / known.std())
    assert X[2, :2].tolist() == [0.0, 1.0]
    assert X[:, 2].tolist() == [1, 0, 1, 1]
    assert X[:, 3:6].tolist() == [[1, 0, 0], [0, 0, 1], [0, 1, 0], [1, 0, 0]]
    assert X[:, 6].tolist() == [0, 1, 0, 0]
    assert encoder.unused(TRAINING) == ("constant", "empty")


def test_new_rows() -> None:
    encoder = Encoder.fit(TRAINING, "price")
    new = Table(
        (
            text("t", "z", None),
            number("n", NAN, 8 / 3),
            Column("b", "boolean", np.array([NAN, 0.0])),
            Column("gaps", "empty", np.full(2, NAN)),
        )
    )
    X = encoder.encode(new)
    assert X[0].tolist() == [0, 1, 0.75, 0, 0, 0, 1]
    assert X[1].tolist() == pytest.approx([0, 0, 0, 0, 0, 1, 1])


def test_a_missing_cell_where_training_had_none_becomes_the_mean() -> None:
    code = fit_code(number("n", 1, 3))
    assert code is not None
    assert code.encode(number("n", NAN)).tolist() == [[0.0]]


def test_rare_levels_share_a_feature() -> None:
    cells = [f"common {index:03}" for index in range(MAX_LEVELS)] * 2
    code = fit_code(text("t", *cells, "rare a", "rare b"))
    assert code is not None
    assert len(code.features()) == MAX_LEVELS + 1
    X = code.encode(text("t", "rare a", "never seen", "common 000"))
    assert X[:, -1].tolist() == [1, 1, 0]
    assert X.sum() == 3


def test_levels_that_occur_once_share_a_feature_or_tell_nothing() -> None:
    assert fit_code(text("id", *(f"id {row}" for row in range(MAX_LEVELS + 1)))) is None
    few = fit_code(text("t", *(f"level {row}" for row in range(MAX_LEVELS))))
    assert few is not None
    assert len(few.features()) == MAX_LEVELS
    some = fit_code(text("t", *(f"id {row}" for row in range(MAX_LEVELS)), "often", "often"))
    assert some is not None
    assert some.features() == ("t = often", "t: another level")
    gaps = fit_code(text("id", None, *(f"id {row}" for row in range(MAX_LEVELS + 1))))
    assert gaps is not None
    assert gaps.features() == ("id is missing",)


def test_a_number_outside_has_the_line_of_its_file() -> None:
    encoder = Encoder.fit(TRAINING, "price")
    bad = TRAINING.column("n").values.copy()
    bad[3] = 1e300
    columns = (Column("n", "number", bad), *TRAINING.without("n").columns)
    table = Table(columns, "homes.csv", lines=np.array([2, 3, 7, 9]))
    with pytest.raises(DataError, match="column 'n' is too large") as caught:
        encoder.encode(table.take(np.array([1, 3])))
    assert caught.value.where == "homes.csv, line 9"


def test_a_matrix_beyond_memory_is_refused_first(monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = Encoder.fit(TRAINING, "price")
    monkeypatch.setattr("os.sysconf", lambda _: 4)
    with pytest.raises(DataError, match="does not fit into memory"):
        encoder.encode(TRAINING)


def test_labels_that_cannot_be() -> None:
    rows = [*range(MOST_CLASSES + 1)] * 2
    for column in (number("y", *rows), text("y", *map(str, rows))):
        with pytest.raises(TargetError, match="too many classes"):
            TargetCode.fit(column, "classification")
    with pytest.raises(TargetError, match="cannot be told apart"):
        TargetCode.fit(number("y", 2.0**53, 1, 2.0**53, 1), "classification")


@pytest.mark.parametrize("size", [1e-300, 1.0, 1e308])
def test_standard_of_any_size(size: float) -> None:
    mean, deviation = standard(np.array([1.0, 1.5]) * size)
    assert mean == pytest.approx(1.25 * size)
    assert deviation == pytest.approx(0.25 * size)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda table: table.without("n"), "no column called 'n'"),
        (
            lambda table: Table((*table.without("n").columns, text("n", *"abcd"))),
            "another kind",
        ),
        (
            lambda table: Table((*table.without("n").columns, number("n", 1, 2, 3, 1e300))),
            "data row 4",
        ),
    ],
)
def test_bad_tables_are_named(change: Callable[[Table], Table], message: str) -> None:
    with pytest.raises(DataError, match=message):
        Encoder.fit(TRAINING, "price").encode(change(TRAINING))


def test_the_document_gives_the_same_bits_back() -> None:
    odd = Table((*TRAINING.without("n").columns, number("n", 0.1, 1 / 3, NAN, 2**0.5)))
    for target in ("price", "b"):
        encoder = Encoder.fit(odd, target)
        document = json.loads(json.dumps(encoder.document()))
        back = Encoder.from_document(document)
        assert back == encoder
        assert back.encode(odd).tobytes() == encoder.encode(odd).tobytes()


def changed(change: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    document = json.loads(json.dumps(Encoder.fit(TRAINING, "price").document()))
    change(document)
    return document


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        {},
        changed(lambda d: d.update(width=3)),
        changed(lambda d: d.update(columns=[])),
        changed(lambda d: d.update(columns={})),
        changed(lambda d: d.update(more=1)),
        changed(lambda d: d["columns"].append(d["columns"][0])),
        changed(lambda d: d["columns"].append(3)),
        changed(lambda d: d["columns"][0].update(code="os")),
        changed(lambda d: d["columns"][0].update(code=[])),
        changed(lambda d: d["columns"][0].update(scale=0)),
        changed(lambda d: d["columns"][0].update(scale=10**400)),
        changed(lambda d: d["columns"][0].update(offset="x")),
        changed(lambda d: d["columns"][0].update(name="price")),
        changed(lambda d: d["columns"][0].update(kind="text")),
        changed(lambda d: d["columns"][2].update(levels=3)),
        changed(lambda d: d["columns"][2].update(levels=[1, 2])),
        changed(lambda d: d["columns"][2].update(levels=["x", "x"])),
        changed(lambda d: d["target"].update(task="guess")),
        changed(lambda d: d["target"].update(classes=["a", "b"])),
        changed(lambda d: d["target"].update(task="classification", classes=["b", "a"])),
        changed(lambda d: d["target"].update(task="classification", classes=["a", 1])),
        changed(lambda d: d["target"].pop("name")),
    ],
)
def test_a_crafted_document_is_refused(document: object) -> None:
    with pytest.raises(FileFormatError):
        Encoder.from_document(document)


@pytest.mark.parametrize(
    ("column", "task"),
    [
        (text("y", "a", "b"), "classification"),
        (Column("y", "boolean", np.array([0.0, 1.0])), "classification"),
        (number("y", 0, 1, 1), "classification"),
        (number("y", 1, 2, 3), "regression"),
        (number("y", *range(20), *range(20)), "regression"),
        (number("y", *list(range(10)) * 20), "classification"),
        (number("y", *list(range(21)) * 30), "regression"),
        (number("y", 0.5, 1.5), "regression"),
    ],
)
def test_the_task_is_read_off_the_target(column: Column, task: str) -> None:
    assert guess_task(column) == task


def test_labels_come_back_as_they_were() -> None:
    for column, labels in [
        (text("y", "b", "a", "b"), ["a", "b"]),
        (number("y", 3, -1, 3), [-1, 3]),
        (number("y", 0.5, 2, 0.5), [0.5, 2]),
        (Column("y", "boolean", np.array([1.0, 0.0, 1.0])), [False, True]),
    ]:
        code = TargetCode.fit(column, "classification")
        assert code.classes == tuple(labels)
        assert [type(label) for label in code.classes] == [type(label) for label in labels]
        codes = code.encode(column)
        assert code.decode(codes).tolist() == [labels[index] for index in codes]


def test_a_quantity_comes_back_in_its_units() -> None:
    column = number("y", 10, 20, 60)
    code = TargetCode.fit(column, "regression")
    y = code.encode(column)
    assert (y.mean(), y.std()) == pytest.approx((0, 1))
    np.testing.assert_allclose(code.decode(y), column.values)
    plain = TargetCode.fit(column, "regression", standardise=False)
    assert plain.encode(column).tolist() == [10, 20, 60]


@pytest.mark.parametrize(
    ("column", "task", "message"),
    [
        (Column("y", "date", np.array([1.0, 2.0])), None, "dates"),
        (Column("y", "empty", np.full(2, NAN)), None, "empty cells"),
        (text("y", "a", "a"), None, "one class only"),
        (text("y", "a", "b"), "regression", "needs numbers"),
        (number("y", 2, 2, 2), "regression", "same value"),
        (number("y", 1.5, 2.5, 3.5), "classification", "class of its own"),
    ],
)
def test_targets_that_cannot_be_learned(column: Column, task: Any, message: str) -> None:
    with pytest.raises(TargetError, match=message):
        TargetCode.fit(column, task)


def test_an_unknown_label_is_named() -> None:
    code = TargetCode.fit(text("y", "a", "b"))
    with pytest.raises(TargetError, match="data row 2"):
        code.encode(text("y", "a", "c"))


def test_missing_targets() -> None:
    table = Table((number("x", 1, 2, 3), number("y", 1, NAN, NAN)))
    with pytest.raises(TargetError, match="missing in 2 of 3 rows") as caught:
        require_target(table, "y")
    assert "data row 2" in str(caught.value)
    assert drop_missing_target(table, "y").column("x").values.tolist() == [1]
    with pytest.raises(TargetError, match="every row"):
        drop_missing_target(table.take(np.array([1, 2])), "y")


class FakeModel:
    """Predicts the first feature, and the shares of two classes from it."""

    def __init__(self, encoder: Encoder | None) -> None:
        self.encoder = None if encoder is None else encoder.document()
        self.classes = None if encoder is None else encoder.target.classes

    def predict(self, X: np.ndarray) -> np.ndarray:
        return X[:, 0]

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        share = (X[:, :1] > 0).astype(float)
        return np.concatenate([1 - share, share], axis=1)


def test_predictions_for_a_table() -> None:
    table = Table((number("x", 1, 2, 6), number("y", 10, 20, 60)))
    found = predict_table(FakeModel(Encoder.fit(table, "y")), table)
    np.testing.assert_allclose(found.values, table.column("y").values)
    table = Table((number("x", 1, 2, 6), text("y", "low", "low", "high")))
    found = predict_table(FakeModel(Encoder.fit(table, "y")), table)
    assert found.classes == ("high", "low")
    assert found.values.tolist() == ["high", "high", "low"]
    with pytest.raises(UsageError, match="trained on arrays"):
        predict_table(FakeModel(None), table)


def test_tables_check_themselves() -> None:
    with pytest.raises(DataError, match="differ in length"):
        Table((number("a", 1), number("b", 1, 2)))
    with pytest.raises(DataError, match="same name"):
        Table((number("a", 1), number("a", 2)))
    with pytest.raises(DataError, match="no columns"):
        Table(())
