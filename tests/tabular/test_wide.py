"""Very many columns of numbers are read as lists of cells, and come out as by the ordinary way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from chainrule.errors import DataError
from chainrule.tabular import Column, Encoder, Table, intake, levels, load, read_table, wide
from chainrule.tabular.codes import NumberCode

WIDTH, ROWS = 300, 7
Cell = Callable[[int, int], str]


def number(row: int, column: int) -> str:
    return f"{(row * 37 + column * 11) % 1000 / 8 - 50}"


def odd(text: str, at: int = 5) -> Cell:
    """Return cells of numbers but for one in column 5."""
    return lambda row, column: text if (row, column) == (at, 5) else number(row, column)


def written(path: Path, cell: Cell, end: str = "\n", head: str = "c{}") -> Path:
    lines = [",".join(head.format(column) for column in range(WIDTH))]
    lines += [",".join(cell(row, column) for column in range(WIDTH)) for row in range(ROWS)]
    path.write_bytes("".join(line + end for line in lines).encode())
    return path


def read(path: Path, monkeypatch: pytest.MonkeyPatch, many: int) -> tuple[Table | str, list[int]]:
    """Return the table, or what was said, and how many columns were planned one by one."""
    planned: list[int] = []
    create = load._create

    def counted(cells: Any, plans: Any, table: str) -> None:
        planned.append(len(plans))
        create(cells, plans, table)

    with monkeypatch.context() as patch:
        patch.setattr(load, "_create", counted)
        for module in (wide, intake):
            patch.setattr(module, "MANY", many)
        try:
            return read_table(path), planned
        except DataError as error:
            return str(error), planned


def same(one: Table | str, other: Table | str) -> bool:
    if isinstance(one, str) or isinstance(other, str):
        return one == other
    alike = (one.names, one.notes, one.reading, one.source) == (
        *(other.names, other.notes, other.reading, other.source),
    )
    assert one.lines is not None
    assert other.lines is not None
    return (
        alike
        and np.array_equal(one.lines, other.lines)
        and all(
            a.kind == b.kind
            and (
                a.values.tolist() == b.values.tolist()
                if a.kind == "text"
                else np.array(a.values, float).tobytes() == np.array(b.values, float).tobytes()
            )
            for a, b in zip(one.columns, other.columns, strict=True)
        )
    )


CASES: dict[str, tuple[Cell, int]] = {
    # What is in the table, and how many columns are planned one by one.
    "numbers": (number, 0),
    "one gap": (odd(""), 0),
    "a column of gaps": (lambda r, c: "" if c == 5 else number(r, c), 0),
    "gaps everywhere": (lambda r, c: "" if (r + c) % 3 else number(r, c), 0),
    "whole numbers": (lambda r, c: str(r * c), 0),
    "exponents and signs": (lambda r, c: f"{'+-'[r % 2]}{c}.e-{r}", 0),
    "the least and minus nothing": (lambda r, c: ("-0", "5e-324", "-0.0")[r % 3], 0),
    "a number too large for whole steps": (odd("12345678901234567890"), 1),
    "no number, but of its signs": (odd("1.2.3"), 1),
    "no number, seen first": (odd("1.2.3", at=0), 1),
    "two signs": (odd("--5"), 1),
    "a sign and no more": (odd("-"), 1),
    "infinity": (odd("1e400"), 1),
    "infinity as a word": (odd("inf"), 1),
    "codes": (lambda r, c: f"0{r}0" if c == 5 else number(r, c), 1),
    "dates": (lambda r, c: f"2024-02-0{r + 1}" if c == 5 else number(r, c), 1),
    "a word": (odd("x"), 1),
    "a word for a missing cell": (odd("NA"), 0),
    "words for missing cells": (
        lambda r, c: (
            ("NA", "n/a", "?", "NULL", "nan", "NaN")[c % 6] if r == c % 7 else number(r, c)
        ),
        0,
    ),
    "several words in one column": (
        lambda r, c: ("NA", "nan", "NA")[r] if c == 5 and r < 3 else number(r, c),
        0,
    ),
    "words and gaps": (
        lambda r, c: ("NA", "")[r % 2] if (r + c) % 4 == 0 else number(r, c),
        0,
    ),
    "a word and a word for a missing cell": (
        lambda r, c: ("NA", "x")[r] if c == 5 and r < 2 else number(r, c),
        1,
    ),
    "a word for a missing cell, in blanks": (odd(" NA "), 1),
    "a word for a missing cell, in quotes": (odd('"NA"'), 1),
    "an underscore in a number": (odd("1_000"), 1),
    "a plus before a minus": (odd("+-1"), 1),
    "nothing but words": (lambda r, c: "NA" if c == 5 else number(r, c), 1),
    "codes and words": (
        lambda r, c: "NA" if r == 2 else f"0{r}0" if c == 5 else number(r, c),
        0,
    ),
    "a column of words": (lambda r, c: "ab"[r % 2] if c == 5 else number(r, c), 1),
    "a word with the sign that no line holds": (odd("a\x1fb"), WIDTH),
    "a number with that sign": (odd("5\x1f"), WIDTH),
    "a decimal comma in quotes": (odd('"1,5"'), WIDTH),
    "a line end in quotes": (odd('"a\nb"'), WIDTH),
    "a word in quotes": (odd('"a"'), 1),
    "a number in quotes": (odd('"5"'), 1),
    "blanks around a number": (odd(" 5 "), 1),
    "mostly words": (lambda r, c: "ab"[r % 2] if c % 3 else number(r, c), WIDTH),
    "words everywhere": (lambda r, c: "x" if r == c % 7 else number(r, c), WIDTH),
}


@pytest.mark.parametrize("end", ["\n", "\r\n", "\n\n"])
@pytest.mark.parametrize("name", CASES)
def test_what_is_read_is_the_same(
    name: str, end: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cell, planned = CASES[name]
    path = written(tmp_path / "t.csv", cell, end)
    ordinary, all_of_them = read(path, monkeypatch, 10**9)
    found, alone = read(path, monkeypatch, 256)
    assert same(found, ordinary)
    assert max(all_of_them) == WIDTH
    if end == "\n":
        assert max(alone, default=0) == planned


def test_only_what_is_asked_for_is_read(tmp_path: Path) -> None:
    path = written(tmp_path / "t.csv", number)
    few = read_table(path, {"c7": "number", "c3": "number"})
    assert few.names == ("c7", "c3")
    assert few.column("c3").values.tolist() == [float(number(row, 3)) for row in range(ROWS)]
    wanted = {f"c{column}": "number" for column in reversed(range(280))}
    most = read_table(path, wanted)  # type: ignore[arg-type]
    assert most.names == tuple(wanted)
    assert most.column("c3").values.tolist() == few.column("c3").values.tolist()


def test_rows_come_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path / "t.csv", number)
    monkeypatch.setattr(wide, "_CELLS", 2 * WIDTH)
    found, planned = read(path, monkeypatch, 256)
    assert isinstance(found, Table)
    assert not planned
    assert [column.values.tolist() for column in found.columns] == [
        [float(number(row, column)) for row in range(ROWS)] for column in range(WIDTH)
    ]


def test_many_mixed_columns_are_not_planned_as_such(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path / "t.csv", lambda r, c: "x" if r == 6 else number(r, c))
    asked: list[str] = []
    create = load._create

    def noted(cells: Any, plans: Any, table: str) -> None:
        asked.extend(plans.values())
        create(cells, plans, table)

    monkeypatch.setattr(load, "_create", noted)
    found = read_table(path)
    assert asked.count("mixed") == WIDTH
    asked.clear()
    monkeypatch.setattr(load, "_MOST_MIXED", WIDTH - 1)
    assert same(read_table(path), found)
    assert asked == ["text"] * WIDTH


@pytest.mark.parametrize("count", ["rows", "width"])
def test_lines_that_are_not_those_of_the_first_pass_are_not_taken(
    count: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path / "t.csv", number)
    plain = intake._wide

    def other(*told: Any) -> wide.Wide:
        found = plain(*told)
        assert found is not None
        return replace(found, **{count: getattr(found, count) + 1})

    monkeypatch.setattr(intake, "_wide", other)
    found, planned = read(path, monkeypatch, 256)
    assert isinstance(found, Table)
    assert found.rows == ROWS
    assert planned == [WIDTH]


def _columns(rows: int) -> list[Column]:
    """Return columns of all kinds, most of them of plain numbers, some with gaps."""
    draw = np.random.default_rng(3)
    columns: list[Column] = []
    for place in range(600):
        values = draw.normal(size=rows) * 10.0 ** (place % 7)
        if place % 50 == 7:
            values[1] = np.nan
        columns.append(Column(f"c{place}", "number", values))
    columns[100] = Column("town", "text", np.array(["a", "b", None] * rows, object)[:rows])
    columns[101] = Column("yes", "boolean", np.arange(rows) % 2 * 1.0)
    columns[102] = Column("day", "date", np.arange(rows) * 100.0)
    columns[103] = Column("same", "number", np.ones(rows))
    return columns


@pytest.mark.parametrize("rows", [5, 700])
def test_many_columns_are_encoded_as_each_would_be(rows: int) -> None:
    table = Table(tuple(_columns(rows)), "t")
    encoder = Encoder.fit(table.take(slice(2, None)), "c0")  # gaps in rows that were not seen
    X = encoder.encode(table)
    alone = [code.encode(table.column(code.name)) for code in encoder.codes]
    assert X.tobytes() == np.concatenate(alone, axis=1).tobytes()
    assert np.isfinite(X).all()


def test_a_number_too_large_is_named_among_many() -> None:
    columns = _columns(600)
    encoder = Encoder.fit(Table(tuple(columns), "t"), "c0")
    for place in (300, 302):
        values = columns[place].values.copy()
        values[500 - (place == 302)] = 1e300
        columns[place] = Column(f"c{place}", "number", values)
    with pytest.raises(DataError) as error:
        encoder.encode(Table(tuple(columns), "t"))
    assert "column 'c300'" in str(error.value)
    assert "t, data row 501" in str(error.value)


def test_columns_are_encoded_together(monkeypatch: pytest.MonkeyPatch) -> None:
    table = Table(tuple(_columns(50)), "t")
    encoder = Encoder.fit(table, "c0")
    asked: list[str] = []
    encode = NumberCode.encode

    def noted(self: NumberCode, column: Column) -> np.ndarray:
        asked.append(self.name)
        return encode(self, column)

    monkeypatch.setattr(NumberCode, "encode", noted)
    encoder.encode(table)
    assert len(asked) < 20  # those with gaps, and neighbours of none


def test_levels_of_many_rows_are_those_of_few(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "t.csv"
    cells = [("b ", "a", "", "c", " b")[row % 5] for row in range(500)]
    same_16 = [str(row) if row % 16 else "x" for row in range(500)]
    rows = zip(cells, same_16, strict=True)
    path.write_text("x,z,n\n" + "".join(f"{x},{z}q,{n}\n" for n, (x, z) in enumerate(rows)))
    monkeypatch.setattr(levels, "_SHORT", 1)
    few = read_table(path)
    monkeypatch.setattr(levels, "_FEW_ROWS", 2)
    many = read_table(path)
    assert same(few, many)
    for name in ("x", "z"):
        one, other = few.column(name), many.column(name)
        assert one.values.tolist() == other.values.tolist()
    one, other = few.column("x").coded, many.column("x").coded
    assert one is not None
    assert other is not None
    assert one.levels == other.levels == ["b", "a", "c"]
    assert one.codes.tolist() == other.codes.tolist()


def test_a_word_at_the_end_of_many_lines_leaves_the_others_where_they_are(tmp_path: Path) -> None:
    """More lines than DuckDB takes at a time, in two pieces, the second of which has a word."""
    width, rows = 612, 2100
    numbers = np.arange(width * rows).reshape(rows, width)
    lines = [",".join(map(str, row)) for row in numbers.tolist()]
    lines[-1] = "NA" + lines[-1][lines[-1].index(",") :]
    path = tmp_path / "t.csv"
    path.write_text("\n".join([",".join(f"c{k}" for k in range(width)), *lines]) + "\n")
    table = read_table(path)
    values = np.column_stack([column.values for column in table.columns])
    assert np.isnan(values[-1, 0])
    values[-1, 0] = numbers[-1, 0]
    np.testing.assert_array_equal(values, numbers)
