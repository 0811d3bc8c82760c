"""Numbers and dates that are not written the plain way are read if there is no doubt about them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from chainrule.errors import DataError, InvalidParameterError
from chainrule.tabular import Column, Dialect, Table, read_table


def read(tmp_path: Path, cells: list[str], **dialect: Any) -> Table:
    path = tmp_path / "t.csv"
    delimiter = dialect.get("delimiter", ",")
    lines = [f"x{delimiter}y", *(f'"{cell}"{delimiter}1' for cell in cells)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return read_table(path, None, Dialect(**dialect))


def column(table: Table) -> tuple[str, list[object]]:
    found: Column = table.column("x")
    return found.kind, found.values.tolist()


@pytest.mark.parametrize(
    ("cells", "dialect", "expected"),
    [
        (["1,5", "3"], {}, [1.5, 3]),
        (["1,5", "-2,25e3"], {}, [1.5, -2250]),
        (["0,125", "3"], {}, [0.125, 3]),
        (["1.234,5", "12"], {}, [1234.5, 12]),
        (["1 234,5", "1\u00a0234\u202f567,8"], {}, [1234.5, 1234567.8]),
        (["1'234,5", "2"], {}, [1234.5, 2]),
        (["1,234", "2,000"], {"delimiter": ";"}, [1.234, 2]),
        (["1,234", "2,000"], {"decimal": ","}, [1.234, 2]),
        (["1,234", "2,000"], {"decimal": "."}, [1234, 2000]),
        (["1.234", "2.000"], {"decimal": ","}, [1234, 2000]),
        (["1,234,567", "12"], {}, [1234567, 12]),
        (["1,234.5", "12"], {}, [1234.5, 12]),
        (["1,234", "0.5"], {}, [1234, 0.5]),
        (["12 %", "3.5%"], {}, [12, 3.5]),
        (["12,5 %", "3%"], {}, [12.5, 3]),
    ],
)
def test_numbers(
    tmp_path: Path, cells: list[str], dialect: dict[str, str], expected: list[float]
) -> None:
    table = read(tmp_path, cells, **dialect)
    assert column(table) == ("number", expected)
    (note,) = table.notes
    assert cells[0] in note
    assert "line 2" in note


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["31.12.2024", "1.2.2024"], [20088.0, 19754.0]),
        (["2024/12/31", "2024/2/1"], [20088.0, 19754.0]),
        (["31/12/2024", "01/02/2024"], [20088.0, 19754.0]),
        (["12/31/2024", "2/1/2024 12:00"], [20088.0, 19754.5]),
        (["31.12.2024 06:00:00", "1.2.2024"], [20088.25, 19754.0]),
    ],
)
def test_dates(tmp_path: Path, cells: list[str], expected: list[float]) -> None:
    assert column(read(tmp_path, cells)) == ("date", expected)


@pytest.mark.parametrize(
    ("cells", "dialect"),
    [
        (["1,234", "2,000"], {}),
        (["1,5", "3.5"], {}),
        (["1,5", "x"], {}),
        (["1,23,4", "5"], {}),
        (["1,5"], {"decimal": "."}),
        (["01/02/2024", "02/03/2024"], {}),
        (["31/12/2024", "12/31/2024"], {}),
        (["30.02.2024", "01.02.2024"], {}),
        (["12 %", "12"], {}),
        (["$12", "$13"], {}),
    ],
)
def test_what_is_in_doubt_stays_as_it_is(
    tmp_path: Path, cells: list[str], dialect: dict[str, str]
) -> None:
    assert column(read(tmp_path, cells, **dialect)) == ("text", cells)


def test_missing_words_among_them(tmp_path: Path) -> None:
    table = read(tmp_path, ["1,5", "NA", ""])
    assert column(table)[0] == "number"
    assert table.column("x").missing().tolist() == [False, True, True]
    assert len(table.notes) == 2


def test_a_stated_comma_does_not_touch_points_in_silence(tmp_path: Path) -> None:
    table = read(tmp_path, ["1.5", "2.25"], decimal=",")
    assert column(table) == ("number", [1.5, 2.25])
    assert "has a point, not a decimal comma" in table.notes[0]


def test_what_a_fitted_encoder_expects(tmp_path: Path) -> None:
    read(tmp_path, ["1,5", "3"])
    path = tmp_path / "t.csv"
    assert read_table(path, {"x": "number"}).column("x").values.tolist() == [1.5, 3]
    assert read_table(path, {"x": "text"}).column("x").values.tolist() == ["1,5", "3"]
    read(tmp_path, ["1,500", "2,500"])
    with pytest.raises(DataError, match="is not a number") as caught:
        read_table(path, {"x": "number"})
    assert 'decimal=","' in caught.value.do
    assert "line 2" in caught.value.where
    stated = read_table(path, {"x": "number"}, Dialect(decimal="."))
    assert stated.column("x").values.tolist() == [1500, 2500]


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        (["007", "010"], "text"),
        (["007", "10"], "number"),
        (["0.7", "0.1"], "number"),
        (["0", "1"], "number"),
        (["007", ""], "text"),
    ],
)
def test_codes(tmp_path: Path, cells: list[str], kind: str) -> None:
    table = read(tmp_path, cells)
    assert column(table)[0] == kind
    assert any("is a code" in note for note in table.notes) == (kind == "text")


@pytest.mark.parametrize(
    "stated",
    [
        {"delimiter": ""},
        {"delimiter": "::"},
        {"delimiter": '"'},
        {"delimiter": "a"},
        {"delimiter": "\n"},
        {"encoding": "no-such"},
        {"encoding": "rot13"},
        {"encoding": "base64"},
        {"decimal": ";"},
        {"quote": "`"},
    ],
)
def test_a_dialect_that_cannot_be(stated: dict[str, str]) -> None:
    with pytest.raises(InvalidParameterError):
        Dialect(**stated)


def test_single_quotes(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("x,y\n'a,''b',1\n\"c,2\n")
    table = read_table(path, None, Dialect(quote="'"))
    assert column(table) == ("text", ["a,'b", '"c'])
