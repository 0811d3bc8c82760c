"""Dates are numbers that a network can use: a line through time, and the cycles in it."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import numpy as np
import pytest

from chainrule.errors import FileFormatError
from chainrule.tabular import Column, Encoder, Table, read_table
from chainrule.tabular.codes import NumberCode, fit_code
from chainrule.tabular.dates import DateCode, fit_dates

EPOCH = dt.date(1970, 1, 1)


def days(*moments: str) -> np.ndarray:
    return np.array(moments, "datetime64[m]").astype(float) / 1440


def dates(*values: float) -> Column:
    return Column("d", "date", np.array(values, float))


def test_the_line_is_standardised_and_the_cycles_close() -> None:
    code = fit_dates(dates(*range(800)))
    assert code is not None
    assert code.cycles == ("year", "week")
    assert code.features() == (
        "d",
        "d: time of year, sine",
        "d: time of year, cosine",
        "d: time of week, sine",
        "d: time of week, cosine",
    )
    X = code.encode(dates(*range(800)))
    assert (X[:, 0].mean(), X[:, 0].std()) == pytest.approx((0, 1))
    np.testing.assert_allclose(X[:, 1] ** 2 + X[:, 2] ** 2, 1)
    np.testing.assert_allclose(X[0, 3:], X[7, 3:], atol=1e-9)
    assert not np.allclose(X[0, 3:], X[3, 3:])
    eve, new_year, summer = code.encode(dates(*days("2023-12-31", "2024-01-01", "2024-07-01")))
    assert np.linalg.norm(eve[1:3] - new_year[1:3]) < 0.02
    assert np.linalg.norm(new_year[1:3] - summer[1:3]) > 1.9


@pytest.mark.parametrize(
    ("values", "cycles"),
    [
        (days("2024-01-01 08:00", "2024-01-01 20:00"), ()),
        (days("2024-01-01 08:00", "2024-01-03 20:00"), ("day",)),
        (days(*(f"2024-01-{day:02}" for day in range(1, 31))), ("week",)),
        (days(*(f"2024-01-{day:02}" for day in range(1, 31, 7))), ()),  # Mondays at midnight
        (days(*(f"{year}-01-01" for year in range(1990, 2020))), ("week",)),  # New Year's days
        (days(*(f"{year}-{1 + year % 12:02}-01" for year in range(1990, 2020))), ("year", "week")),
    ],
)
def test_only_cycles_that_tell_rows_apart(values: np.ndarray, cycles: tuple[str, ...]) -> None:
    code = fit_dates(Column("d", "date", values))
    assert code is not None
    assert code.cycles == cycles


def test_missing_dates() -> None:
    column = dates(*range(30), np.nan)
    code = fit_code(column)
    assert isinstance(code, DateCode)
    assert code.indicator
    X = code.encode(column)
    assert X.shape == (31, 4)
    np.testing.assert_allclose(X[-1], [0, 0, 0, 1], atol=1e-12)
    assert X[:-1, 3].tolist() == [0] * 30
    assert fit_code(dates(5, 5)) is None
    assert fit_code(dates(np.nan, np.nan)) is None
    only_gaps = fit_code(dates(5, np.nan))
    assert only_gaps is not None
    assert only_gaps.features() == ("d is missing",)
    without = fit_code(dates(1, 2, 3))
    assert without is not None
    assert "mean of training" in without.surprises(dates(np.nan))[0]


def test_from_a_file_to_a_document_and_back(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    start = dt.datetime(2023, 1, 1)
    moments = [start + dt.timedelta(hours=37 * row) for row in range(400)]
    cells = ["" if row == 5 else f"{moment}" for row, moment in enumerate(moments)]
    path.write_text("when,y\n" + "".join(f"{cell},{row}.5\n" for row, cell in enumerate(cells)))
    table = read_table(path)
    assert table.column("when").kind == "date"
    encoder = Encoder.fit(table, "y")
    assert len(encoder.features) == 8
    document = json.loads(json.dumps(encoder.document()))
    back = Encoder.from_document(document)
    assert back == encoder
    assert back.encode(table).tobytes() == encoder.encode(table).tobytes()
    document["columns"][0]["cycles"] = ["fortnight"]
    with pytest.raises(FileFormatError):
        Encoder.from_document(document)


def test_model_files_of_the_first_version_keep_their_dates() -> None:
    old = {
        "width": 1,
        "columns": [
            {
                "code": "number",
                "name": "d",
                "kind": "date",
                "offset": 10.0,
                "scale": 5.0,
                "fill": 10.0,
                "varies": True,
                "indicator": False,
            }
        ],
        "target": {
            "name": "y",
            "kind": "number",
            "task": "regression",
            "classes": None,
            "mean": 0.0,
            "scale": 1.0,
        },
    }
    encoder = Encoder.from_document(old)
    assert isinstance(encoder.codes[0], NumberCode)
    assert encoder.encode(Table((dates(15, np.nan),))).tolist() == [[1.0], [0.0]]


def test_offsets_become_utc(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    cells = ["2024-01-01T02:30:00+02:30", "2024-01-01 00:00Z", "2023-12-31T19:00-05", "2024-01-01"]
    path.write_text("d,y\n" + "".join(f"{cell},1\n" for cell in cells))
    wanted = (dt.date(2024, 1, 1) - EPOCH).days
    assert read_table(path).column("d").values.tolist() == [wanted] * 4
