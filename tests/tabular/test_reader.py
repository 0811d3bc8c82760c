"""What is in the file is in the table: every row, every cell, in order."""

from __future__ import annotations

import csv
import gzip
import io
import random
import time
from pathlib import Path

import duckdb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainrule.errors import DataError
from chainrule.tabular import Dialect, Table, read_table
from chainrule.tabular.table import BLANKS


def read(tmp_path: Path, text: str | bytes, name: str = "t.csv", **expected: object) -> Table:
    path = tmp_path / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_table(path, **expected)  # type: ignore[arg-type]


def values(table: Table, name: str) -> list[object]:
    column = table.column(name)
    return [None if cell != cell else cell for cell in column.values.tolist()]


def kinds(table: Table) -> dict[str, str]:
    return {column.name: column.kind for column in table.columns}


def test_kinds_and_missing_cells(tmp_path: Path) -> None:
    table = read(
        tmp_path,
        "n,b,d,t,e,mixed\n"
        "1,true,2024-01-02,x,,1\n"
        ",False,,NA,,a\n"
        "NA,null,1969-12-31 12:00:00,,,2\n"
        "-2.5e3,TRUE,None,  y ,,\n",
    )
    assert kinds(table) == {
        "n": "number",
        "b": "boolean",
        "d": "date",
        "t": "text",
        "e": "empty",
        "mixed": "text",
    }
    assert values(table, "n") == [1.0, None, None, -2500.0]
    assert values(table, "b") == [1.0, 0.0, None, 1.0]
    assert values(table, "d") == [19724.0, None, -0.5, None]
    assert values(table, "t") == ["x", "NA", None, "y"]
    assert values(table, "e") == [None] * 4
    assert values(table, "mixed") == ["1", "a", "2", None]
    assert any("n: 1 cell holds 'NA'" in note for note in table.notes)


@pytest.mark.parametrize(
    "cell", ["1", "+1", "-1", ".5", "1.", "1e5", "1E-5", "007", " 12 ", "0.1", "1e-400"]
)
def test_numbers(tmp_path: Path, cell: str) -> None:
    table = read(tmp_path, f"n\n{cell}\n3\n")
    assert table.columns[0].kind == "number"
    assert table.columns[0].values[0] == float(cell)


@pytest.mark.parametrize(
    "cell", ["1_000", "0x1F", "1,500", "--1", "+-1", "1e", "e5", ".", "12 3", "٣"]
)
def test_not_numbers(tmp_path: Path, cell: str) -> None:
    table = read(tmp_path, f'n\n"{cell}"\n3\n')
    assert table.columns[0].kind == "text"


def test_one_odd_cell_at_the_very_end_counts(tmp_path: Path) -> None:
    text = "n\n" + "".join(f"{row}\n" for row in range(30_000)) + "oops\n"
    table = read(tmp_path, text)
    assert table.columns[0].kind == "text"
    assert "'oops'" in table.notes[0]
    assert "line 30002" in table.notes[0]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiters(tmp_path: Path, delimiter: str) -> None:
    text = f'a{delimiter}b{delimiter}"c,;|d"\n1{delimiter}2{delimiter}3\n'
    assert read(tmp_path, text).names == ("a", "b", "c,;|d")


def test_empty_lines_before_the_header_of_one_column(tmp_path: Path) -> None:
    assert values(read(tmp_path, "\n\na\n1\n\n"), "a") == [1.0, None]


def test_quotes_line_ends_and_blank_lines(tmp_path: Path) -> None:
    table = read(tmp_path, '\r\n\r\na,b\r\n"x, ""y""\nz",1\r\n\r\nq,2\r\n\r\n')
    assert values(table, "a") == ['x, "y"\nz', "q"]
    assert table.notes == ("2 empty lines between the rows passed over",)


def test_an_empty_line_of_one_column_is_a_missing_cell(tmp_path: Path) -> None:
    assert values(read(tmp_path, "a\n1\n\n3\n"), "a") == [1.0, None, 3.0]


def test_names(tmp_path: Path) -> None:
    table = read(tmp_path, "\ufeff a ,,b\n1,2,3\n")
    assert table.names == ("a", "column_2", "b")
    assert "column 2 has no name" in table.notes[0]


def test_line_numbers_count_lines_inside_quotes(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="line 5"):
        read(tmp_path, 'a,b\n"x\ny\nz",1\nq,inf\n')


def test_expected_kinds_rule(tmp_path: Path) -> None:
    text = "code,flag,extra\n1,1,inf\n2,0,3\n"
    table = read(tmp_path, text, expected={"code": "text", "flag": "boolean"})
    assert kinds(table) == {"code": "text", "flag": "boolean"}
    assert values(table, "code") == ["1", "2"]
    assert values(table, "flag") == [1.0, 0.0]
    with pytest.raises(DataError, match="no column called 'other'"):
        read(tmp_path, text, expected={"other": "text"})
    with pytest.raises(DataError, match=r"line 3"):
        read(tmp_path, "n\n1\nx\n", expected={"n": "number"})


def test_a_column_without_cells_is_empty_whatever_was_expected(tmp_path: Path) -> None:
    assert kinds(read(tmp_path, "a,b\n,1\n,2\n", expected={"a": "text"})) == {"a": "empty"}


def test_the_same_table_in_every_format(tmp_path: Path) -> None:
    text = "n,b,d,t\n1.5,true,2024-01-02,x\n,false,,\n3,,2024-01-03,y\n"
    expected = read(tmp_path, text)
    path = tmp_path / "t.csv"
    (tmp_path / "t.csv.gz").write_bytes(gzip.compress(text.encode()))
    (tmp_path / "t.tsv").write_text(text.replace(",", "\t"))
    with duckdb.connect() as connection:
        source = f"FROM read_csv('{path}')"
        for name, options in [("t.parquet", "FORMAT parquet"), ("t.jsonl", "FORMAT json")]:
            connection.execute(f"COPY (SELECT * {source}) TO '{tmp_path / name}' ({options})")
    for name in ("t.csv.gz", "t.tsv", "t.parquet", "t.jsonl"):
        table = read_table(tmp_path / name)
        assert kinds(table) == kinds(expected), name
        for column in expected.columns:
            assert values(table, column.name) == values(expected, column.name), name


def test_types_of_parquet(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    query = """SELECT * FROM (VALUES
        (1::TINYINT, 2::UBIGINT, 1.25::DECIMAL(9,2), 'nan'::FLOAT, '1',
         TIMESTAMPTZ '2024-01-01 00:00:00+00'),
        (NULL, 3, 2.5, 0.5, 'x', NULL)) t(a, b, c, d, e, f)"""
    with duckdb.connect() as connection:
        connection.execute(f"COPY ({query}) TO '{path}' (FORMAT parquet)")
    table = read_table(path)
    assert [values(table, name) for name in "abcdef"] == [
        [1.0, None],
        [2.0, 3.0],
        [1.25, 2.5],
        [None, 0.5],
        ["1", "x"],
        [19723.0, None],
    ]
    assert values(read_table(path, {"a": "text"}), "a") == ["1", None]


CELLS = st.text(
    st.characters(codec="utf-8", exclude_characters="\0", exclude_categories=("Cs",)), max_size=6
) | st.sampled_from(["1", "2.5", "NA", "true", "", '"', ",", "\n", "\r\n", " ", "2024-01-01"])


@settings(max_examples=60)
@given(
    st.lists(st.tuples(CELLS, CELLS, CELLS), min_size=1, max_size=8),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32"]),
    st.sampled_from(",;\t|~"),
)
def test_any_cells_that_python_writes_come_back(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[tuple[str, ...]],
    end: str,
    encoding: str,
    delimiter: str,
) -> None:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, quoting=csv.QUOTE_ALL, lineterminator=end)
    writer.writerow(["a", "b", "c"])
    writer.writerows(rows)
    path = tmp_path_factory.mktemp("any") / "t.csv"
    path.write_bytes(text.getvalue().encode(encoding))
    stated = Dialect(delimiter="~") if delimiter == "~" else Dialect()
    table = read_table(path, dict.fromkeys("abc", "text"), stated)  # type: ignore[arg-type]
    assert table.rows == len(rows)
    for index, name in enumerate("abc"):
        wanted = [row[index].strip(BLANKS) or None for row in rows]
        if any(wanted):
            assert values(table, name) == wanted


def test_random_bytes_never_escape_the_error_family(tmp_path: Path) -> None:
    generator = random.Random(0)
    path = tmp_path / "t.csv"
    for _ in range(120):
        alphabet = b'a1,;"\n\r\t .e\xc3\xbc\xff\x00-'
        path.write_bytes(bytes(generator.choices(alphabet, k=generator.randrange(1, 60))))
        try:
            table = read_table(path)
        except DataError:
            continue
        assert all(len(column.values) == table.rows for column in table.columns)
        assert np.isfinite(table.rows)


def test_many_columns(tmp_path: Path) -> None:
    forms = {"number": "{}.5", "text": "w{}", "boolean": "true", "date": "2024-01-0{}", "empty": ""}
    names = [f"{kind}_{number}" for number in range(60) for kind in forms]
    lines = [
        [form.format(row) for _ in range(60) for form in forms.values()] for row in range(1, 9)
    ]
    lines[3][250] = "NA"
    text = "\n".join(",".join(cells) for cells in [names, *lines]) + "\n"
    began = time.process_time()
    table = read(tmp_path, text)
    assert time.process_time() - began < 10
    assert kinds(table) == {name: name.partition("_")[0] for name in names}
    assert values(table, "number_7") == [row + 0.5 for row in range(1, 9)]
    assert values(table, "text_59") == [f"w{row}" for row in range(1, 9)]
    assert values(table, "date_0") == [19722.0 + row for row in range(1, 9)]
    assert values(table, names[250])[3] is None
    assert [note.partition(":")[0] for note in table.notes] == [names[250]]


def test_rows_know_their_lines(tmp_path: Path) -> None:
    table = read(tmp_path, 'a,b\n\n1,"x\ny"\n2,z\n')
    assert table.lines is not None
    assert table.lines.tolist() == [4, 5]
    assert table.take(np.array([1])).place(0).endswith("t.csv, line 5")
    parquet = tmp_path / "t.parquet"
    with duckdb.connect() as connection:
        connection.execute(f"COPY (SELECT 1 AS a) TO '{parquet}' (FORMAT parquet)")
    assert read_table(parquet).place(0).endswith("t.parquet, data row 1")


def test_nothing_is_written_beside_the_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    seen: list[str] = []
    execute = duckdb.DuckDBPyConnection.execute

    class Watching:
        def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
            self.connection = connection

        def __enter__(self) -> Watching:
            return self

        def __exit__(self, *_: object) -> None:
            self.connection.close()

        def execute(self, *words: object) -> object:
            setting = "SELECT current_setting('temp_directory')"
            seen.append(execute(self.connection, setting).fetchone()[0])  # type: ignore[index]
            return execute(self.connection, *words)  # type: ignore[arg-type]

    connect = duckdb.connect
    monkeypatch.setattr(duckdb, "connect", lambda *a, **k: Watching(connect(*a, **k)))
    read(tmp_path, "a,b\n1,2\n")
    assert seen
    assert all(not Path(folder).is_relative_to(tmp_path) for folder in seen)
    assert all(Path(folder).is_absolute() for folder in seen)


def test_damage_to_any_byte_of_a_packed_table_is_noticed(tmp_path: Path) -> None:
    rows = "a,b\n" + "".join(f"{row},{row * row}\n" for row in range(200))
    whole = gzip.compress(rows.encode())
    for place in range(0, len(whole), 19):
        damaged = whole[:place] + bytes([whole[place] ^ 0x41]) + whole[place + 1 :]
        try:
            table = read(tmp_path, damaged, "t.csv.gz")
        except DataError:
            continue
        assert values(table, "b") == [float(row * row) for row in range(200)]
