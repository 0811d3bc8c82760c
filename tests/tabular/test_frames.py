"""A data frame means what the same table means in a file."""

from __future__ import annotations

import datetime as dt
import sys
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

import chainrule as cr
from chainrule.errors import DataError, MissingExtraError
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


@pytest.mark.parametrize(
    ("cells", "kind"), [(("0", "1"), "i"), (("true", "false"), "b"), (("no", "yes"), "O")]
)
def test_classes_that_are_numbers_come_as_numbers(
    commands: Commands, cells: tuple[str, str], kind: str
) -> None:
    from sklearn.metrics import accuracy_score

    lines = (f"{row % 7},{cells[row % 7 > 3]}" for row in range(60))
    commands.write("t.csv", "x,answer\n" + "\n".join(lines) + "\n")
    words = ("train", "t.csv", "--target", "answer", "--task", "classification")
    assert commands.run(*words, "--epochs", 50, "--learning-rate", "0.05").code == 0
    frame = pd.read_csv("t.csv")
    found = cr.load("model.safetensors").predict(frame)
    assert found.dtype.kind == kind
    assert accuracy_score(frame.answer, found) == 1.0


def test_a_model_read_plainly_says_where_tables_are_read(model: Any) -> None:
    from chainrule.storage import Model

    plain = Model.load(Path("model.safetensors"))
    with pytest.raises(DataError) as caught:
        plain.predict(pd.read_csv("homes.csv"))
    assert "predict_table(model, read_table(path))" in caught.value.do
    assert "pass a data frame" in caught.value.do


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
        (np.ones((2, 2)), "lists or objects"),
    ],
)
def test_what_cannot_be_used_is_named(values: np.ndarray, message: str) -> None:
    with pytest.raises(DataError, match=message):
        table_of(Frame(x=values), EXPECTED)
    with pytest.raises(DataError, match="no column called 'x'"):
        table_of(Frame(y=values), EXPECTED)


def test_a_frame_says_its_own_kinds() -> None:
    frame = pd.DataFrame(
        {
            "whole": [1, 2, 3],
            "flag": [True, None, False],
            "word": ["a", None, "NA"],
            "day": pd.to_datetime(["2024-01-01", None, "2024-01-03"]),
            "zone": pd.to_datetime(["2024-01-01", "2024-01-02", None]).tz_localize("UTC"),
            "iso": ["2024-01-01", "2024-01-01T02:00:00+02:00", None],
            "no_day": ["2024-02-30", "2024-01-01", "2024-01-01"],
            "lasts": pd.to_timedelta(["12h", None, "2D"]),
            "money": [Decimal("1.5"), Decimal("NaN"), None],
            "kind": pd.Categorical(["a", None, "b"]),
            "nothing": [None, None, None],
        }
    )
    table = table_of(frame)
    kinds = {column.name: column.kind for column in table.columns}
    assert kinds == {
        "whole": "number",
        "flag": "boolean",
        "word": "text",
        "day": "date",
        "zone": "date",
        "iso": "date",
        "no_day": "text",
        "lasts": "number",
        "money": "number",
        "kind": "text",
        "nothing": "empty",
    }
    assert table.column("iso").values.tolist()[:2] == [19723.0, 19723.0]
    assert table.column("lasts").values.tolist()[::2] == [0.5, 2.0]
    assert table.column("money").missing().tolist() == [False, True, True]
    assert table.column("kind").values.tolist() == ["a", None, "b"]
    assert table.column("zone").missing().tolist() == [False, False, True]


def test_categories_of_arrow_keep_their_gaps() -> None:
    class Dictionary:
        type = "dictionary<values=string, indices=int32, ordered=0>"

        def to_pylist(self) -> list[str | None]:
            return ["a", None, "b"]

        def to_numpy(self) -> np.ndarray:
            return np.array(["a", "b", "b"], object)

    table = table_of(Frame(x=Dictionary()))
    assert table.column("x").values.tolist() == ["a", None, "b"]


def test_a_lazy_frame_is_collected(monkeypatch: pytest.MonkeyPatch) -> None:
    class Lazy:
        columns = ("n", "t")

        def collect(self) -> Lazy:
            return self

        def to_native(self) -> Frame:
            return Frame(n=np.array([1, 2]), t=np.array(["a", "b"], object))

    narwhals = SimpleNamespace(from_native=lambda frame, pass_through: frame)
    monkeypatch.setitem(sys.modules, "narwhals", narwhals)
    table = table_of(Lazy())
    assert [column.kind for column in table.columns] == ["number", "text"]
    assert table.rows == 2
    monkeypatch.setitem(sys.modules, "narwhals", None)
    with pytest.raises(MissingExtraError, match="needs narwhals"):
        table_of(Lazy())


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.zeros(0), "no rows"),
        (np.array([10**400, 1], object), "infinite"),
        (np.array([1 + 2j]), "none that is known"),
        (np.array([b"bytes"]), "none that is known"),
    ],
)
def test_what_no_column_can_be(values: np.ndarray, message: str) -> None:
    with pytest.raises(DataError, match=message):
        table_of(Frame(x=values))


@pytest.mark.parametrize(
    ("cells", "kind", "read"),
    [
        ([Decimal("1.5"), Decimal("sNaN")], "number", [1.5, None]),
        ([np.timedelta64(36, "h"), np.timedelta64("NaT", "h")], "number", [1.5, None]),
        ([dt.time(10, 30), None], "text", ["10:30:00", None]),
        (pd.cut(np.array([1.0, 9.0]), [0, 5, 10]), "text", ["(0, 5]", "(5, 10]"]),
        (pd.period_range("2024-01", periods=2, freq="M"), "text", ["2024-01", "2024-02"]),
    ],
    ids=["signalling", "numpy's durations", "times of day", "intervals", "periods"],
)
def test_cells_of_odd_types(cells: Any, kind: str, read: list[Any]) -> None:
    values = pd.Series(cells, dtype=object) if isinstance(cells, list) else cells
    column = table_of(pd.DataFrame({"x": values})).column("x")
    assert column.kind == kind
    gaps = column.missing().tolist()
    cells = zip(column.values, gaps, strict=True)
    assert [None if gap else cell for cell, gap in cells] == read


class Stubborn:
    """A column of numbers that NumPy has no type for, as polars' of 128 bits."""

    def to_numpy(self) -> Any:
        raise TypeError("cannot convert i128 to NumPy")

    def to_list(self) -> list[int | None]:
        return [2**100, None]


def test_a_column_that_numpy_has_no_type_for() -> None:
    class Frame(dict[str, Any]):
        columns = property(list)

    values = table_of(Frame(x=Stubborn())).column("x").values
    assert values[0] == 2.0**100
    assert np.isnan(values[1])


@pytest.mark.parametrize(
    ("frame", "said"),
    [
        (pd.DataFrame(np.ones((3, 2))), ("names that are no text", "[0, 1]", "map(str,")),
        (
            pd.DataFrame(np.ones((3, 1)), columns=pd.MultiIndex.from_tuples([("a", "x")])),
            ("names that are no text", "('a', 'x')"),
        ),
        (pd.DataFrame(np.ones((3, 2)), columns=["a", "a"]), ("several columns", "'a'")),
        (pd.DataFrame(np.ones((3, 2)), columns=["a", ""]), ("a column has no name",)),
        (
            pd.DataFrame({"a": pd.Series(["b", "\ud800"], dtype=object)}),
            ("half a character", "row 1, column 'a'"),
        ),
    ],
    ids=["numbers", "levels", "twice", "none", "half"],
)
def test_frames_that_are_refused(frame: Any, said: tuple[str, ...]) -> None:
    with pytest.raises(DataError) as error:
        table_of(frame)
    for piece in said:
        assert piece in str(error.value)


def test_a_label_that_was_never_learned_is_named_with_its_line(commands: Commands) -> None:
    commands.write("k.csv", kinds())
    train = ("train", "k.csv", "--target", "kind", "--epochs", 1, "--hidden", "none")
    assert commands.run(*train, "--model-only", "--json").code == 0
    commands.write("new.csv", "width;length;kind\n1;2;a\n1;2;z\n")
    result = commands.run("evaluate", "model.safetensors", "new.csv")
    assert result.code == 1
    assert "new.csv, line 3, target 'kind'" in " ".join(result.err.split())


def test_of_columns_of_one_name_none_is_asked_for() -> None:
    frame = pd.DataFrame(np.ones((3, 3)), columns=["a", "a", "x"])
    assert table_of(frame, {"x": "number"}).names == ("x",)


@pytest.mark.parametrize("path", ["", "t\0.csv"])
def test_a_path_that_no_system_takes(commands: Commands, path: str) -> None:
    result = commands.run("train", path, "--target", "y")
    assert result.code == 2
    assert "a path has one character at least" in " ".join(result.err.split())
