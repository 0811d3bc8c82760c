"""How a table was written in training, as the first guess for a table that does not tell."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from chainrule.errors import DataError
from chainrule.tabular import Dialect, Table, read_table
from chainrule.tabular.predict import as_in_training, unlike_training
from chainrule.tabular.reading import Reading
from chainrule.tabular.table import Kind

COMMA, THOUSANDS = "numbers with a decimal comma", "numbers with commas between thousands"
DAY_FIRST = "dates, day first"


def read(
    path: Path,
    content: str | bytes,
    kinds: Mapping[str, Kind],
    guess: Reading | None = None,
    stated: Dialect | None = None,
) -> Table:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    record = {} if guess is None else {"reading": guess.document()}
    return read_table(path, kinds, as_in_training(record, kinds, stated or Dialect()))


def values(table: Table, name: str = "x") -> list[Any]:
    return table.column(name).values.tolist()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "t.csv"


def test_a_table_knows_how_it_was_written(path: Path) -> None:
    path.write_bytes("a;b;c\n1,5;29.02.2024;Köln\n2;1.3.2024;\n".encode("cp1252"))
    reading = read_table(path, dialect=Dialect(encoding="cp1252")).reading
    assert reading == Reading(";", "cp1252", None, {"a": COMMA, "b": DAY_FIRST})
    path.write_bytes("a\tb\n1\t2\n".encode("utf-16"))
    table = read_table(path, dialect=Dialect(decimal=","))
    assert table.reading == Reading("\t", "utf-16", ",")
    assert table.take(table.column("a").values > 0).without("a").reading == table.reading


@pytest.mark.parametrize(
    ("cells", "way", "wanted"),
    [
        (["1,234", "5"], COMMA, [1.234, 5]),
        (["1,234", "NA"], COMMA, [1.234, None]),
        (["1,234", "5"], THOUSANDS, [1234, 5]),
        (["1.234", "12.500"], COMMA, [1234, 12500]),
        (["12", "5"], COMMA, [12, 5]),
        (["1,234 %", "5%"], "percentages with a decimal comma", [1.234, 5]),
    ],
)
def test_a_number_that_may_mean_two_things_means_what_it_meant(
    path: Path, cells: list[str], way: str, wanted: list[float | None]
) -> None:
    content = "x;y\n" + "".join(f"{cell};0\n" for cell in cells)
    found = read(path, content, {"x": "number"}, Reading(";", ways={"x": way}))
    assert [None if value != value else value for value in values(found)] == wanted


def test_the_guess_is_said_where_it_decides(path: Path) -> None:
    table = read(path, 'x,y\n"1,234",0\n', {"x": "number"}, Reading(",", ways={"x": COMMA}))
    assert [note for note in table.notes if "as in training" in note] == [
        f"x: {COMMA}, as in training, such as '1,234' ({path}, line 2)"
    ]
    plain = read(path, "x,y\n12,0\n", {"x": "number"}, Reading(",", ways={"x": COMMA}))
    assert plain.notes == ()
    with pytest.raises(DataError, match="not a number"):
        read(path, 'x,y\n"1,234",0\n', {"x": "number"})


@pytest.mark.parametrize("way", [DAY_FIRST, "dates, month first"])
def test_a_date_that_may_mean_two_days(path: Path, way: str) -> None:
    day = (3, 4) if way == DAY_FIRST else (4, 3)
    found = read(path, "x\n03/04/2024\n", {"x": "date"}, Reading(",", ways={"x": way}))
    wanted = dt.date(2024, day[1], day[0]) - dt.date(1970, 1, 1)
    assert values(found) == [wanted.days]
    with pytest.raises(DataError, match="not a date"):
        read(path, "x\n03/04/2024\n", {"x": "date"})


def test_cells_without_doubt_outdo_the_guess(path: Path) -> None:
    guess = Reading(",", ways={"x": DAY_FIRST, "y": THOUSANDS})
    kinds: dict[str, Kind] = {"x": "date", "y": "number"}
    found = read(path, 'x,y\n12/31/2024,"1,5"\n', kinds, guess)
    assert values(found, "y") == [1.5]
    told = unlike_training(found.reading, Dialect(guess=guess))
    assert told == [
        f"x: dates, month first; in training {DAY_FIRST}",
        f"y: {COMMA}; in training {THOUSANDS}",
    ]


def test_one_decimal_point_tells_the_sign_of_the_whole_file(path: Path) -> None:
    guess = Reading(";", ways={"x": COMMA, "y": COMMA})
    kinds: dict[str, Kind] = {"x": "number", "y": "number"}
    for other in ("2.5", "0.125", "1,234.5"):
        found = read(path, f"x;y\n1.234;{other}\n", kinds, guess)
        assert values(found) == [1.234], other
        assert "has a decimal point, and training had decimal commas" in found.notes[0]
    assert values(read(path, "x;y\n1.234;2,5\n", kinds, guess)) == [1234]


def test_another_delimiter_makes_a_point_what_it_looks_like(path: Path) -> None:
    kinds: dict[str, Kind] = {"x": "number"}
    guess = Reading(";", ways={"x": COMMA})
    found = read(path, "x,z\n1.234,2\n", kinds, guess)
    assert values(found) == [1.234]
    assert "has a decimal point" in found.notes[0]
    told = unlike_training(found.reading, Dialect(guess=guess))
    assert told == ["the fields are delimited by comma; in training by semicolon"]


def test_what_is_stated_wins(path: Path) -> None:
    guess = Reading(" ", "cp1252", ",", {"x": COMMA})
    kinds: dict[str, Kind] = {"x": "number", "y": "text"}
    stated = Dialect(delimiter=";", encoding="cp437", decimal=".")
    found = read(path, "x;y\n1,234;K\x94ln\n".encode("latin-1"), kinds, guess, stated)
    assert values(found) == [1234]
    assert values(found, "y") == ["Köln"]
    assert found.reading == Reading(";", "cp437", ".", {"x": THOUSANDS})


def test_a_sign_that_was_stated_in_training_holds_for_all_columns(path: Path) -> None:
    record = {"settings": {"decimal": ",", "delimiter": "space", "encoding": "latin-1"}}
    kinds: dict[str, Kind] = {"x": "number", "town": "text"}
    path.write_bytes("town x\nKöln 1.234\n".encode("latin-1"))
    dialect = as_in_training(record, kinds)
    found = read_table(path, kinds, dialect)
    assert (values(found), values(found, "town")) == ([1234], ["Köln"])
    assert "read as latin-1" in unlike_training(found.reading, dialect)[-1]


@pytest.mark.parametrize(
    ("content", "name"),
    [
        ("x,n\nKöln,1\n", "utf-8"),
        ("x,n\nKoeln,1\n", "ascii"),
        ("\ufeffx,n\nKöln,1\n", "utf-8"),
    ],
)
@pytest.mark.parametrize("guess", ["cp1252", "utf-16-le", "utf-8", "shift_jis"])
def test_a_file_that_is_utf8_says_so(path: Path, content: str, name: str, guess: str) -> None:
    found = read(path, content, {"x": "text"}, Reading(",", guess))
    assert values(found) == [content.split("\n")[1].split(",")[0]]
    assert found.reading is not None
    plain = guess == "utf-8" and name == "ascii"  # nobody had to look
    assert found.reading.encoding == ("utf-8" if plain else name)


@pytest.mark.parametrize("name", ["cp1252", "utf-16-le", "utf-32-be", "iso2022_jp", "gb18030"])
def test_a_file_that_is_not_utf8_is_what_it_was_in_training(path: Path, name: str) -> None:
    word = {"iso2022_jp": "東京", "gb18030": "北京"}.get(name, "Köln")
    found = read(path, f"x,n\n{word},1\n".encode(name), {"x": "text"}, Reading(",", name))
    assert values(found) == [word]


@pytest.mark.parametrize("guess", ["utf-8", "cp1252", "utf-16", "shift_jis"])
def test_what_fits_nothing_is_the_same_error_as_ever(path: Path, guess: str) -> None:
    content = b"x,n\nK\x81\xff\x9d\xfeln,1\n"
    with pytest.raises(DataError, match="not UTF-8 text"):
        read(path, content, {"x": "text"}, Reading(",", guess))


def test_the_delimiter_of_training_must_find_the_columns(path: Path) -> None:
    kinds: dict[str, Kind] = {"unit price": "number", "n": "number"}
    for delimiter in (" ", "~", ",", ";"):
        found = read(path, "unit price;n\n3;4\n", kinds, Reading(delimiter))
        assert values(found, "unit price") == [3]
    found = read(path, "unit price~n,m\n3~4\n", {"unit price": "number"}, Reading("~"))
    assert values(found, "unit price") == [3]


def test_typed_numbers_are_never_rewritten(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    guess = Reading(";", "utf-8", ",", {"x": COMMA})
    for stated in (Dialect(), Dialect(decimal=",")):
        found = read(path, '{"x": 1.234}\n{"x": 2.5}\n', {"x": "number"}, guess, stated)
        assert values(found) == [1.234, 2.5]
        found = read(path, '{"x": 1.234}\n', {"x": "number"}, guess, stated)
        assert values(found) == [1.234]
    assert values(read(path, '{"x": "1,234"}\n', {"x": "number"}, guess)) == [1.234]


@pytest.mark.parametrize(
    "document",
    [
        *(None, [], "x", {}, {"delimiter": ";;", "encoding": "utf-8", "decimal": None, "ways": {}}),
        {"delimiter": ";", "encoding": "rot13", "decimal": None, "ways": {}},
        {"delimiter": ";", "encoding": "base64", "decimal": None, "ways": {}},
        {"delimiter": ";", "encoding": 3, "decimal": None, "ways": {}},
        {"delimiter": ";", "encoding": "utf-8", "decimal": "'", "ways": {}},
        {"delimiter": ";", "encoding": "utf-8", "decimal": [], "ways": {}},
        {"delimiter": ";", "encoding": "utf-8", "decimal": None, "ways": {"x": 3}},
        {"delimiter": ";", "encoding": "utf-8", "decimal": None, "ways": None},
    ],
    ids=str,
)
def test_a_record_that_makes_no_sense_is_no_guess(document: Any) -> None:
    assert Reading.from_document(document) is None
    for settings in (None, [], {"delimiter": 3}, {"encoding": "none such"}):
        record = {"reading": document, "settings": settings}
        assert as_in_training(record, ["x"]) == Dialect()


def test_ways_that_nobody_knows_are_no_guess(path: Path) -> None:
    guess = Reading("\r", ways={"x": "'; DROP TABLE p0; --"})
    assert values(read(path, "x,y\n3,1\n", {"x": "number"}, guess)) == [3]


def test_parts_of_a_table_agree_or_say_nothing() -> None:
    parts = [Reading(";", ways={"x": COMMA, "y": COMMA}), Reading(";", ways={"x": COMMA}), None]
    assert Reading.joined(parts) == Reading(";", ways={"x": COMMA})
    assert Reading.joined([None]) is None
