"""Odd tables, and the values that are read from them: not only that they are read."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from chainrule.errors import DataError
from chainrule.tabular import Encoder, read_table
from chainrule.tabular.codes import LevelCode
from chainrule.tabular.table import Column, Table
from tests.tabular.nasty_parts import parquet, quoted, table, wide

ROWS = range(40)
Y = "i + 0.5 AS y FROM range(40) r(i)"
DAY = 86_400


def semicolons(cell: Callable[[int], object]) -> str:
    """Return a table with semicolons between cells and decimal commas."""
    return "x;y\n" + "".join(f"{cell(row)};{row},5\n" for row in ROWS)


def objects(x: Callable[[int], Any]) -> str:
    """Return JSON lines of x and y."""
    return "".join(json.dumps({"x": x(row), "y": row + 0.5}) + "\n" for row in ROWS)


def days(moment: str) -> float:
    """Return a moment in UTC as days since 1970."""
    return (
        float((np.datetime64(moment) - np.datetime64("1970-01-01")) / np.timedelta64(1, "s")) / DAY
    )


NAN = float("nan")
CASES: dict[str, tuple[Any, str, str, list[Any]]] = {
    "signs and points at the edges": (
        table(lambda row: ("+.5", "-7.", "1E5", "-0e0")[row % 4]),
        "t.csv",
        "number",
        [0.5, -7.0, 1e5, -0.0],
    ),
    "digits at the end of a double": (
        table(
            lambda row: ("0.1", "1e-320", "9007199254740993", "2.2250738585072011e-308")[row % 4]
        ),
        "t.csv",
        "number",
        [0.1, 1e-320, 9007199254740992.0, 2.2250738585072011e-308],
    ),
    "points between thousands and decimal commas": (
        semicolons(lambda row: f"{row + 1}.{row % 10}00,5"),
        "t.csv",
        "number",
        [1000.5, 2100.5, 3200.5, 4300.5],
    ),
    "narrow blanks between thousands": (
        semicolons(lambda row: f"{row + 1}\u202f000,5"),
        "t.csv",
        "number",
        [1000.5, 2000.5, 3000.5, 4000.5],
    ),
    "percentages": (
        semicolons(lambda row: f"{row},5 %"),
        "t.csv",
        "number",
        [0.5, 1.5, 2.5, 3.5],
    ),
    "empty cells in quotes": (
        table(lambda row: '""' if row % 4 == 0 else row),
        "t.csv",
        "number",
        [NAN, 1.0, 2.0, 3.0],
    ),
    "old line ends within cells only": (
        table(quoted(lambda row: f"a\r{row % 3}")),
        "t.csv",
        "text",
        ["a\r0", "a\r1", "a\r2", "a\r0"],
    ),
    "hours beside Greenwich": (
        table(lambda row: f"2023-03-{row % 28 + 1:02}T0{row % 9}:30:00+05:45"),
        "t.csv",
        "date",
        [days("2023-02-28T18:45"), days("2023-03-01T19:45"), days("2023-03-02T20:45")],
    ),
    "hours beside Greenwich, several": (
        table(lambda row: f"2023-03-02T12:00:00{('Z', '-05:30', '+14:00')[row % 3]}"),
        "t.csv",
        "date",
        [days("2023-03-02T12:00"), days("2023-03-02T17:30"), days("2023-03-01T22:00")],
    ),
    "midnight at the end of a day": (
        table(lambda row: f"2023-03-{row % 28 + 1:02} {12 * (row % 2) + 12}:00:00"),
        "t.csv",
        "date",
        [days("2023-03-01T12:00"), days("2023-03-03"), days("2023-03-03T12:00")],
    ),
    "days with points": (
        table(lambda row: f"{row % 28 + 1}.{row % 12 + 1}.2023"),
        "t.csv",
        "date",
        [days("2023-01-01"), days("2023-02-02"), days("2023-03-03")],
    ),
    "gzip of three members, cut within a row": (
        gzip.compress(table()[:51].encode())
        + gzip.compress(b"")
        + gzip.compress(table()[51:].encode()),
        "t.csv.gz",
        "number",
        [0.0, 1.0, 2.0, 3.0],
    ),
    "utf-32, big end first": (
        b"\0\0\xfe\xff" + table(lambda row: "äöü\U0001f600"[row % 4]).encode("utf-32-be"),
        "t.csv",
        "text",
        ["ä", "ö", "ü", "\U0001f600"],
    ),
    "JSON lines with every way of a number": (
        "".join(f'{{"x": {("1E+2", "-0.0", "0e0", "-7")[row % 4]}, "y": {row}}}\n' for row in ROWS),
        "t.jsonl",
        "number",
        [100.0, -0.0, 0.0, -7.0],
    ),
    "JSON lines of changing types": (
        objects(lambda row: [1, "a", True, None][row % 4]),
        "t.jsonl",
        "text",
        ["1", "a", "true", None],
    ),
    "JSON lines with zeros in words": (
        objects(lambda row: "a\0b"[row % 3 :]),
        "t.jsonl",
        "text",
        ["a\0b", "\0b", "b", "a\0b"],
    ),
    "Parquet of moments in a zone": (
        parquet(f"SELECT '2024-01-01 00:00:00-05'::TIMESTAMPTZ + INTERVAL (i) HOUR AS x, {Y}"),
        "t.parquet",
        "date",
        [days("2024-01-01T05:00"), days("2024-01-01T06:00")],
    ),
    "Parquet of long decimals": (
        parquet(f"SELECT (i + 0.001)::DECIMAL(30, 9) AS x, {Y}"),
        "t.parquet",
        "number",
        [0.001, 1.001, 2.001, 3.001],
    ),
    "Parquet of large whole numbers": (
        parquet(f"SELECT 18446744073709551615::UBIGINT - i::UBIGINT * 4096 AS x, {Y}"),
        "t.parquet",
        "number",
        [float(2**64 - 1), float(2**64 - 1 - 4096), float(2**64 - 1 - 8192)],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_values_are_those_of_the_file(name: str, tmp_path: Path) -> None:
    content, file, kind, first = CASES[name]
    path = tmp_path / file
    if callable(content):
        content(path)
    else:
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    read = read_table(path)
    column = read.column("x")
    assert (column.kind, read.rows) == (kind, 40)
    found = column.values[: len(first)].tolist()
    if kind == "text":
        assert found == first
    else:
        np.testing.assert_array_equal(found, first)
        assert np.signbit(found).tolist() == np.signbit(first).tolist()


def test_few_columns_and_many(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text(wide(300))
    read = read_table(path)
    for number in (0, 7, 299):
        expected = [float((row * 7 + number) % 10) for row in range(20)]
        assert read.column(f"c{number}").values.tolist() == expected


@pytest.mark.parametrize(
    ("cell", "share", "odd"),
    [
        (
            lambda row: "-" if row % 5 == 0 else row,
            "32 of 40 cells are numbers",
            "'-' (t.csv, line 2",
        ),
        (lambda row: f"{row}%" if row % 2 else row, "20 of 40 cells are numbers", "'1%'"),
        (lambda row: f"({row}.5)" if row % 3 == 0 else row, "26 of 40", "'(0.5)'"),
        (
            lambda row: "k. A." if row % 5 == 4 else f"2023-01-{row % 28 + 1:02}",
            "32 of 40",
            "'k. A.'",
        ),
    ],
    ids=["a dash for missing", "percent signs in some", "brackets for minus", "words for no date"],
)
def test_a_column_that_is_half_numbers_is_told(
    cell: Callable[[int], object], share: str, odd: str, tmp_path: Path
) -> None:
    path = tmp_path / "t.csv"
    path.write_text(table(cell))
    read = read_table(path)
    assert read.column("x").kind == "text"
    (note,) = read.notes
    assert share in note
    assert odd in note.replace(str(tmp_path) + "/", "")


def test_words_that_are_not_numbers_are_not_told(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text(table(lambda row: row if row % 3 == 0 else "ab"[row % 2]))
    assert read_table(path).notes == ()


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
@pytest.mark.parametrize("head", ["x,y", "a rather long name of a column,y"])
def test_text_without_a_mark_is_told_its_encoding(encoding: str, head: str, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(table(head=head).encode(encoding))
    with pytest.raises(DataError, match="not a text file") as caught:
        read_table(path)
    assert caught.value.do.endswith(f'encoding="{encoding}"')


@pytest.mark.parametrize("at", [0, 1, 30])
def test_a_zero_byte_is_no_encoding(at: int, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text(table()[:at] + "\0" + table()[at:])
    with pytest.raises(DataError, match="not a text file") as caught:
        read_table(path)
    assert caught.value.do.startswith("remove the zero bytes")


def test_a_table_of_names_only_is_told_so(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text(table(lambda row: f"id{row}", count=3000))
    with pytest.raises(DataError, match="no column to predict from") as caught:
        Encoder.fit(read_table(path), "y")
    assert "another in each" in caught.value.got


def test_levels_are_looked_up_once_for_a_whole_table(monkeypatch: pytest.MonkeyPatch) -> None:
    count = np.arange(20_000)
    words = np.array([f"level {n}" for n in range(60)] + [None], object)
    columns = [Column(f"x{place}", "text", words[count * (place + 1) % 61]) for place in range(5)]
    whole = Table((*columns, Column("y", "number", count * 1.0)))
    encoder = Encoder.fit(whole, "y")
    few = [encoder.encode(whole.take(count[start : start + 50])) for start in range(0, 500, 50)]
    asked: list[str] = []
    places = LevelCode.places

    def counted(code: LevelCode, column: Column) -> np.ndarray:
        asked.append(code.name)
        return places(code, column)

    monkeypatch.setattr(LevelCode, "places", counted)
    X = encoder.encode(whole)
    assert asked == [f"x{place}" for place in range(5)]
    assert X.shape == (20_000, 305)
    assert (X.reshape(20_000, 5, 61).sum(axis=2) == 1).all()
    np.testing.assert_array_equal(X[:500], np.concatenate(few))
