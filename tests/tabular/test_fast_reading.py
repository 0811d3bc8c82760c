"""Reading fast is reading: three ways through a text table agree, and with Python's own numbers.

`CHAINRULE_EXAMPLES=20000` looks at more tables than a test of seconds can.
"""

from __future__ import annotations

import csv
import io
import math
import os
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from chainrule.errors import ChainruleError
from chainrule.tabular import Table, intake, scan, survey
from chainrule.tabular.cells import MISSING_WORDS
from chainrule.tabular.dialect import AS_FOUND, Dialect
from chainrule.tabular.reader import TableReader, reading
from chainrule.tabular.source import Source, opened
from chainrule.tabular.survey import Survey, survey_text
from chainrule.tabular.table import BLANKS
from tests.tabular.random_tables import ENDLESS, ODD, WORDS, RandomTable, random_table

TABLES = int(os.environ.get("CHAINRULE_EXAMPLES", "0")) or 72
PARTS = 6


def described(table: Table) -> dict[str, Any]:
    """Return all that is in a table, numbers as their bits."""
    columns = [
        (
            column.name,
            column.kind,
            column.values.tolist() if column.kind == "text" else column.values.tobytes(),
            None if column.coded is None else (column.coded.levels, column.coded.codes.tolist()),
        )
        for column in table.columns
    ]
    assert table.lines is not None
    return {
        "columns": columns,
        "lines": table.lines.tolist(),
        "notes": table.notes,
        "reading": table.reading,
    }


def read(reader: TableReader, path: Path, case: RandomTable) -> Table | str:
    """Return the table, or the error."""
    try:
        with opened(path, case.dialect) as source:
            return reader.table(source, case.expected, case.dialect)
    except ChainruleError as error:
        return str(error)


def outcome(found: Table | str) -> dict[str, Any]:
    """Return what was found in a form that can be compared."""
    return {"error": found} if isinstance(found, str) else described(found)


def never(*_: object) -> None:
    """Scan nothing, so that Python's CSV parser surveys and DuckDB gets text."""


def copied_always(source: Source, dialect: Any) -> Survey:
    """Survey a table as one that DuckDB cannot read as it stands."""
    return replace(survey_text(source, dialect), plain=False)


def agreed(
    reader: TableReader, path: Path, case: RandomTable, monkeypatch: pytest.MonkeyPatch, block: int
) -> Table | str:
    """Read a table in the three ways, and return what all of them found."""
    path.write_bytes(case.content)
    with monkeypatch.context() as patch:
        patch.setattr(scan, "_BLOCK", block)
        fast = read(reader, path, case)
        patch.setattr(survey, "_scanned", never)
        careful = read(reader, path, case)
        patch.setattr(intake, "survey_text", copied_always)
        copied = read(reader, path, case)
    assert outcome(fast) == outcome(careful), case
    assert outcome(careful) == outcome(copied), case
    return fast


@pytest.mark.parametrize("part", range(PARTS))
def test_fast_and_careful_reading_agree(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: int
) -> None:
    scanned = 0
    with reading(tmp_path / "spill", threads="1") as reader:
        for seed in range(part, TABLES, PARTS):
            case = random_table(seed)
            path = tmp_path / case.name
            found = agreed(reader, path, case, monkeypatch, 1 + seed % 97 * 7)
            if isinstance(found, Table):
                scanned += _scanned(path, case)
                require_cells(found, case)
    assert scanned > TABLES // PARTS // 8


@pytest.mark.parametrize(
    "text",
    [
        'a,b\n1, "x"\n2,y\n',
        'a,b\n1,x"y"\n2,"z"\n',
        'a,b\n1,""x\n',
        'a,b\n\n"1","2"\n',
        "a,b\n\n\n",
        "a,b\n1,2\n\n\n\n\n3,inf\n",
        '\n\na,b\n"1","2"\n',
        "a,b\r\n1,2\n3,4\r\n",
        "a,b\n1,2\r\n3,4",
        "\ufeff\ufeffa,b\n1,2\n",
        "sep=;\na;b\n1;2\n",
    ],
)
def test_tables_on_which_readers_may_disagree(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    case = RandomTable("t.csv", text.encode(), AS_FOUND, None, None, "")
    with reading(tmp_path / "spill", threads="1") as reader:
        for block in (1, 7, 1000):
            agreed(reader, tmp_path / "t.csv", case, monkeypatch, block)


def _scanned(path: Path, case: RandomTable) -> bool:
    with opened(path, case.dialect) as source:
        return survey_text(source, case.dialect).looks is not None


def require_cells(table: Table, case: RandomTable) -> None:
    """Compare a table with the cells that it was written from, by Python's rules."""
    if case.cells is None or case.expected is not None:
        return
    assert table.reading is not None
    assert table.rows == len(case.cells), case
    for column, cells in zip(table.columns, zip(*case.cells, strict=True), strict=True):
        bare = [cell.strip(BLANKS) for cell in cells]
        if column.kind == "text":
            assert column.values.tolist() == [cell or None for cell in bare], (column, case)
        elif column.kind == "number" and column.name not in table.reading.ways:
            numbers = [_number(cell) for cell in bare]
            assert column.values.tobytes() == struct.pack(f"={len(numbers)}d", *numbers), (
                column,
                case,
            )
        elif column.kind == "empty":
            assert not any(cell and cell.lower() not in MISSING_WORDS for cell in bare), case


def _number(cell: str) -> float:
    return math.nan if not cell or cell.lower() in MISSING_WORDS else float(cell)


def test_a_quote_that_is_none_in_the_dialect(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dialect = Dialect(quote="'")
    case = RandomTable("t.csv", b'a,b\n"x,1\ny",2\n', dialect, None, None, "")
    with reading(tmp_path / "spill", threads="1") as reader:
        found = agreed(reader, tmp_path / "t.csv", case, monkeypatch, 1000)
    assert isinstance(found, Table), found
    assert found.column("a").values.tolist() == ['"x', 'y"']


def test_quotes_between_blanks_that_delimit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = '\ufeff" a " c1 \n' + "".join(f"id{row} {row}.5 \n" for row in range(20))
    case = RandomTable("t.csv", text.encode(), Dialect(delimiter=" "), None, None, "")
    with reading(tmp_path / "spill", threads="1") as reader:
        found = agreed(reader, tmp_path / "t.csv", case, monkeypatch, 1000)
    assert isinstance(found, Table), found
    assert (found.rows, found.names) == (20, ("a", "c1", "column_3"))


BASES: dict[str, Callable[[int], str]] = {
    "numbers": lambda row: f"{row}.5",
    "whole numbers": str,
    "dates": lambda row: f"2024-01-0{row + 1}",
    "moments": lambda row: f"2024-01-01 1{row}:00:00",
    "decimal commas": lambda row: f"{row},25",
    "truth values": lambda row: ("true", "false")[row % 2],
}
SCANNED = [cell for cell in (*ODD, *WORDS) if "\r" not in cell and cell not in ENDLESS]
SIGNS = tuple(cell for cell in SCANNED if "+-" in cell)
OTHERS = tuple(cell for cell in SCANNED if "+-" not in cell)


@pytest.mark.parametrize("signs", [True, False])
@pytest.mark.parametrize("base", BASES)
def test_one_odd_cell_in_each_column(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, base: str, signs: bool
) -> None:
    place = list(BASES).index(base)
    first, delimiter = place % 2 == 1, ",;"[place % 2]
    odd = SIGNS if signs else OTHERS[place // 2 % 2 :: 2]
    rows = [[BASES[base](row)] * len(odd) for row in range(8)]
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\n")
    writer.writerow([f"c{place}" for place in range(len(odd))])
    writer.writerows([list(odd), *rows] if first else [*rows, list(odd)])
    case = RandomTable("t.csv", text.getvalue().encode(), AS_FOUND, None, None, "")
    with reading(tmp_path / "spill", threads="1") as reader:
        found = agreed(reader, tmp_path / "t.csv", case, monkeypatch, 1 << 19)
    assert isinstance(found, Table), found
    assert _scanned(tmp_path / "t.csv", case)


def test_the_first_column_at_fault_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "a,b\n" + "1,982\n" * 8 + "$5,7\n"
    case = RandomTable("t.csv", text.encode(), AS_FOUND, {"a": "number", "b": "date"}, None, "")
    with reading(tmp_path / "spill", threads="1") as reader:
        found = agreed(reader, tmp_path / "t.csv", case, monkeypatch, 1000)
    assert "column 'a' is not a number" in str(found)
    assert "line 10" in str(found)
