"""A data frame means what the same table means in a file."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import chainrule as cr
from chainrule.errors import DataError
from chainrule.tabular import predict_table, read_table
from chainrule.tabular.frames import table_of
from chainrule.tabular.table import Kind
from tests.cli.commands import Commands, homes, kinds

EXPECTED: dict[str, Kind] = {"x": "number"}


class Frame(dict[str, Any]):
    """What frames have in common: names, and columns by name."""

    @property
    def columns(self) -> list[str]:
        return list(self)


@pytest.fixture
def model(commands: Commands) -> Any:
    """Return a model that was trained on a table of every kind of column."""
    commands.write("homes.csv", homes())
    words = ("train", "homes.csv", "--target", "price", "--epochs", 2, "--hidden", "8")
    assert commands.run(*words).code == 0
    return cr.load("model.safetensors")


FRAMES = {
    "as it is read": lambda: pd.read_csv("homes.csv"),
    "with dates": lambda: pd.read_csv("homes.csv", parse_dates=["built"]),
    "with types that know NA": lambda: pd.read_csv("homes.csv").convert_dtypes(),
    "as text": lambda: pd.read_csv("homes.csv").astype({"garden": "string", "built": "string"}),
    "with truth values as numbers": lambda: pd.read_csv("homes.csv").assign(
        garden=lambda table: table.garden.map({True: 1.0, False: 0.0}).astype(float)
    ),
    "with categories": lambda: pd.read_csv("homes.csv").astype({"town": "category"}),
    "in another order": lambda: pd.read_csv("homes.csv").iloc[:, ::-1],
    "without the target": lambda: pd.read_csv("homes.csv").drop(columns="price"),
}


@pytest.mark.parametrize("case", FRAMES)
def test_a_frame_predicts_what_its_file_does(model: Any, case: str) -> None:
    from chainrule.tabular.predict import encoder_of

    expected = predict_table(model, read_table("homes.csv", encoder_of(model).expects()))
    assert model.predict(FRAMES[case]()).tolist() == expected.values.tolist()
    assert model.raw(FRAMES[case]()).shape == (60, 1)


def test_classes_and_their_probabilities(commands: Commands) -> None:
    commands.write("kinds.csv", kinds())
    words = ("train", "kinds.csv", "--target", "kind", "--epochs", 30)
    assert commands.run(*words).code == 0
    model = cr.load("model.safetensors")
    frame = pd.read_csv("kinds.csv", sep=";")
    found = predict_table(model, read_table("kinds.csv"))
    assert model.predict(frame).tolist() == found.values.tolist()
    assert model.predict_proba(frame).tolist() == found.probabilities.tolist()  # type: ignore[union-attr]


def test_a_model_read_plainly_says_where_tables_are_read(model: Any) -> None:
    from chainrule.storage import Model

    plain = Model.load(Path("model.safetensors"))
    with pytest.raises(DataError) as caught:
        plain.predict(pd.read_csv("homes.csv"))
    assert "predict_table(model, read_table(path))" in caught.value.do


def test_cells_of_every_kind() -> None:
    utc = dt.timezone(dt.timedelta(hours=2))
    frame = Frame(
        number=np.array([Decimal("1.5"), None, 3], object),
        date=np.array([dt.date(1970, 1, 2), None, dt.datetime(1970, 1, 1, 2, tzinfo=utc)], object),
        text=np.array(["1970-01-03", "", "1970-01-01T12:00:00Z"], object),
        code=np.array([7.0, np.nan, 8.0]),
        empty=np.array([None, None, None], object),
    )
    wanted: dict[str, Kind] = {
        "number": "number",
        "date": "date",
        "text": "date",
        "code": "text",
        "empty": "number",
    }
    table = table_of(frame, wanted)
    assert table.column("number").values.tolist()[::2] == [1.5, 3.0]
    assert table.column("date").values.tolist()[::2] == [1.0, 0.0]
    assert table.column("text").values.tolist()[::2] == [2.0, 0.5]
    assert table.column("code").values.tolist() == ["7", None, "8"]
    assert table.column("empty").kind == "empty"
    assert all(column.missing()[1] for column in table.columns)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.array([1.0, np.inf]), "infinite"),
        (np.array([1, "a"], object), "several kinds"),
        (np.array([1, [2]], object), "none that is known"),
        (np.ones((2, 2)), "several columns"),
    ],
)
def test_what_cannot_be_used_is_named(values: np.ndarray, message: str) -> None:
    with pytest.raises(DataError, match=message):
        table_of(Frame(x=values), EXPECTED)
    with pytest.raises(DataError, match="no column called 'x'"):
        table_of(Frame(y=values), EXPECTED)
