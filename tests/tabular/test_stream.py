"""Tables read in parts: what a part means is what the whole means, and nothing is left behind."""

from __future__ import annotations

import gzip
import json
import random
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.errors import ChainruleError, DataError, InvalidParameterError, TargetError
from chainrule.tabular import Column, Encoder, Table, read_table, stream_fit, stream_parts
from chainrule.tabular.codes import fit_code
from chainrule.tabular.dialect import Dialect
from chainrule.tabular.intake import text_intake
from chainrule.tabular.source import opened
from chainrule.tabular.stream import StreamedTable, stream_table
from chainrule.tabular.stream_cache import ColumnCache
from chainrule.tabular.stream_fit import ColumnTally, TargetTally
from chainrule.tabular.target import TargetCode
from chainrule.training.blocks_memory import Budget
from chainrule.training.blocks_writer import part_of_rows
from tests.training.runs import program

ROWS = 400
TOWNS = ("Ghent", "Bruges", "", '"Sint ""Niklaas"", East"', '"two\nlines"')


def lines(rows: int = ROWS) -> list[str]:
    draw = random.Random(5)
    return [
        f"{'' if row % 11 == 3 else round(draw.gauss(3, 2), 3)},{TOWNS[row % 5]},"
        f"{('true', 'false')[row % 2]},20{10 + row % 9}-0{1 + row % 9}-1{row % 7},7,"
        f"{round(draw.gauss(100, 30), 2)},{'abc'[row % 3]}"
        for row in range(rows)
    ]


def constant() -> str:
    return "x,y\n" + "".join(f"1,{row}.5\n" for row in range(90))


HEADER = "size,town,garden,built,same,price,class"


def text(rows: int = ROWS) -> str:
    return "\n".join([HEADER, *lines(rows)]) + "\n"


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut tables into parts of about 6000 bytes."""
    monkeypatch.setattr(Budget, "part_bytes", 6000)


def streamed(path: Path, target: str = "price", **changed: Any) -> StreamedTable:
    told = {"memory": "128MB", "folder": path.parent, "seed": 1, **changed}
    return stream_table(path, target, **told)


def all_rows(table: StreamedTable) -> dict[str, np.ndarray]:
    """Return the encoded rows of each part."""
    blocks = table.blocks
    found = {}
    for name, count in blocks.rows.items():
        found[name] = np.empty((count, blocks.form.width), blocks.form.dtype)
        blocks.files[name].read([(0, count)], found[name])
    return found


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize(
    ("form", "target"),
    [
        ("csv", "price"),
        ("csv", "class"),
        ("csv.gz", "class"),
        ("tsv", "price"),
        ("jsonl", "class"),
        ("parquet", "price"),
    ],
)
def test_the_rows_are_those_of_the_whole_table(form: str, target: str, tmp_path: Path) -> None:
    path = written(tmp_path, form)
    whole = read_table(path)
    parts = part_of_rows(1, 0, ROWS, 0.2, 0.2)
    column = whole.column(target)
    task = TargetCode.fit(column).task
    expected = Encoder.fit(whole.take(parts == 0), target, task)
    with streamed(path, target) as table:
        assert table.rows == ROWS
        assert table.encoder.features == expected.features
        found = all_rows(table)
    for number, name in enumerate(("training", "validation", "test")):
        rows = whole.take(parts == number)
        X, y = expected.encode(rows), expected.target.encode(rows.column(target))
        assert found[name].shape == (rows.rows, X.shape[1] + 1)
        np.testing.assert_allclose(found[name][:, :-1], X, rtol=1e-6, atol=1e-6)
        np.testing.assert_allclose(found[name][:, -1], y, rtol=1e-6, atol=1e-6)
    assert {item.name for item in tmp_path.iterdir()} == {path.name}


def written(folder: Path, form: str) -> Path:
    """Write the table in a form, and return its path."""
    path = folder / f"homes.{form}"
    plain = folder / "plain.csv"
    plain.write_text(text())
    if form == "csv.gz":
        path.write_bytes(gzip.compress(text().encode()))
    elif form == "parquet":
        import duckdb

        table = f"read_csv('{plain}', types={{'price': 'DECIMAL(9,2)'}})"
        duckdb.sql(f"COPY (SELECT * FROM {table}) TO '{path}' (FORMAT parquet, ROW_GROUP_SIZE 100)")
    elif form == "jsonl":
        columns = {
            column.name: [None if cell != cell else cell for cell in column.values.tolist()]
            for column in read_table(plain).columns
        }
        columns["garden"] = [bool(cell) for cell in columns["garden"]]
        columns["built"] = [str(np.datetime64(int(day), "D")) for day in columns["built"]]
        rows = [
            dict(zip(columns, cells, strict=True)) for cells in zip(*columns.values(), strict=True)
        ]
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    elif form == "tsv":
        path.write_text(text().replace(",", "\t"))
    else:
        plain.rename(path)
    plain.unlink(missing_ok=True)
    return path


@pytest.mark.usefixtures("small_parts")
def test_a_word_at_the_end_of_many_numbers_makes_text(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    cells = [*(str(row % 5) for row in range(2000)), "five"]
    path.write_text(
        "x,y\n" + "".join(f"{cell},{place % 17}.5\n" for place, cell in enumerate(cells))
    )
    with streamed(path, "y", test_share=0.0, validation_share=0.0) as table:
        assert [(column.name, column.kind) for column in table.columns] == [
            ("x", "text"),
            ("y", "number"),
        ]
        assert table.encoder.features == tuple(
            f"x = {level}" for level in ["0", "1", "2", "3", "4", "five"]
        )
        assert any("several kinds" in note for note in table.notes)


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize(("last", "kind"), [("4", "number"), ("many", "text")])
def test_words_for_missing_cells_are_read_as_in_the_whole(
    last: str, kind: str, tmp_path: Path
) -> None:
    path = tmp_path / "a.csv"
    cells = [*["NA"] * 1000, *["3"] * 1000, last]
    path.write_text("x,y\n" + "".join(f"{cell},{row % 17}.5\n" for row, cell in enumerate(cells)))
    with streamed(path, "y", test_share=0.0, validation_share=0.0) as table:
        (column,) = (column for column in table.columns if column.name == "x")
        assert column.kind == kind == read_table(path).column("x").kind
        assert column.missing == (1000 if kind == "number" else 0)


@pytest.mark.usefixtures("small_parts")
def test_the_same_table_gives_the_same_model_twice(tmp_path: Path) -> None:
    path = written(tmp_path, "csv")
    runs = []
    for _ in range(2):
        with streamed(path, "class") as table:
            net = nn.Sequential(nn.Dense(8, "relu"), nn.Dense(3))
            runs.append(cr.train(net, table.blocks, loss="softmax_cross_entropy", epochs=3))
    assert runs[0].model.to_bytes() == runs[1].model.to_bytes()


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({300: "1,2"}, DataError, "line 363"),
        ({300: '1,"open,true,2010-01-11,7,1.5,a'}, DataError, ""),
        ({300: "inf,Ghent,true,2010-01-11,7,1.5,a"}, DataError, "line 363"),
        ({300: "1,Ghent,true,2010-01-11,7,,a"}, TargetError, "line 363"),
        ({300: "1,Gh\0ent,true,2010-01-11,7,1.5,a"}, DataError, "line 363"),
    ],
)
def test_errors_name_the_table_and_its_line(
    change: dict[int, str], error: type[ChainruleError], message: str, tmp_path: Path
) -> None:
    rows = [change.get(row, line) for row, line in enumerate(lines())]
    path = tmp_path / "a.csv"
    path.write_text("\n".join([HEADER, *rows]) + "\n")
    before = "\n".join([HEADER, *rows[:301]]).count("\n") + 1
    with pytest.raises(error) as caught:
        streamed(path)
    told = str(caught.value)
    assert str(path) in told
    assert "part" not in told.replace(str(tmp_path), "")
    assert ".chainrule" not in told
    assert message.replace("363", str(before)) in told
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.usefixtures("small_parts")
def test_a_damaged_file_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(text().encode() + b"1,Gh\xff,true,2010-01-11,7,1.5,a\n")
    with pytest.raises(DataError, match=f"line {text().count(chr(10)) + 1}\\b"):
        streamed(path)
    packed = tmp_path / "a.csv.gz"
    packed.write_bytes(gzip.compress(text().encode())[:-20])
    with pytest.raises(DataError, match="damaged or cut off"):
        streamed(packed)
    assert len(list(tmp_path.iterdir())) == 2


def test_rows_without_a_target_are_left_out_and_counted(tmp_path: Path) -> None:
    rows = lines()
    rows[7] = "1,Ghent,true,2010-01-11,7,,a"
    path = tmp_path / "a.csv"
    path.write_text("\n".join([HEADER, *rows]) + "\n")
    with streamed(path, drop_missing_target=True) as table:
        assert (table.rows, table.dropped, sum(table.blocks.rows.values())) == (ROWS, 1, ROWS - 1)
    path.write_text(HEADER + "\n" + "1,Ghent,true,2010-01-11,7,,a\n" * 9)
    with pytest.raises(TargetError, match="missing in every row"):
        streamed(path, drop_missing_target=True)


@pytest.mark.parametrize(
    ("content", "told", "error", "message"),
    [
        (text(), {"target": "prize"}, DataError, "did you mean price"),
        (text(), {"memory": "1MB"}, InvalidParameterError, "at least 128MB"),
        (text(), {"target": "built"}, TargetError, "dates"),
        (text(), {"target": "same"}, TargetError, "same value"),
        ("x,y\n1,1\n1,2\n1,3\n", {"target": "y"}, DataError, "no column|too few rows"),
        ("x,y\n", {"target": "y"}, DataError, "no rows"),
        ("", {"target": "y"}, DataError, "empty"),
        (constant(), {"target": "y"}, DataError, "no column"),
    ],
    ids=[
        *("no such target", "little memory", "dates", "one value"),
        *("four lines", "no rows", "empty", "a constant"),
    ],
)
def test_tables_that_are_refused(
    content: str, told: dict[str, Any], error: type[ChainruleError], message: str, tmp_path: Path
) -> None:
    path = tmp_path / "a.csv"
    path.write_text(content)
    with pytest.raises(error, match=message):
        streamed(path, **told)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("columns", [1, 9])
def test_duckdb_is_told_how_long_a_text_is(columns: int, tmp_path: Path) -> None:
    """Older versions make room for 32 MB whatever the file, and more where lines may be long."""
    path = tmp_path / "a.csv"
    names = "".join(f"x{place}," for place in range(columns))
    path.write_text(f"{names}y\n" + ("w" * 100_000 + ",") * columns + "1\n")
    with opened(path, Dialect()) as source:
        intake = text_intake(source, Dialect(), None)
        query, _ = intake.query({f"c{place}": plan for place, plan in enumerate(intake.plans)})
    size = path.stat().st_size
    assert f"max_line_size={size}, buffer_size={size}" in query


def test_a_row_group_that_is_larger_than_the_memory_is_read_in_columns(tmp_path: Path) -> None:
    import duckdb

    path = tmp_path / "wide[1]*.parquet"
    columns = ", ".join(f"random() AS x{number}" for number in range(12))
    target = tmp_path / "plain.parquet"
    query = f"SELECT {columns}, range % 7 + random() AS y FROM range(400_000)"
    duckdb.sql(f"COPY ({query}) TO '{target}' (FORMAT parquet, ROW_GROUP_SIZE 400_000)")
    whole = duckdb.sql(f"SELECT * FROM '{target}'").fetchnumpy()
    target.rename(path)
    from chainrule.tabular.stream_parts import file_parts

    room = tmp_path / "room"
    room.mkdir()
    parts = file_parts(path, Dialect(), room, Budget.of("128MB"))
    first = next(parts)
    table = first.read(None)
    for name in ("x0", "x11", "y"):
        assert np.array_equal(table.column(name).values, whole[name][: table.rows])
    parts.close()


def test_tallies_fit_the_rules_that_all_rows_would(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(0)
    columns = [
        Column("number", "number", 1e6 + generator.standard_normal(5000)),
        Column("huge", "number", 1e300 * generator.standard_normal(5000)),
        Column("zero", "number", np.zeros(5000)),
        Column("gaps", "number", np.where(np.arange(5000) % 3, 5.0, np.nan)),
        Column("flag", "boolean", generator.integers(0, 2, 5000).astype(float)),
        Column("day", "date", 18000 + np.arange(5000) / 4),
        Column("few", "text", generator.choice(np.array(["b", "a", None], object), 5000)),
        Column("many", "text", generator.zipf(1.5, 5000).astype(str).astype(object)),
        Column("own", "text", np.arange(5000).astype(str).astype(object)),
        Column("empty", "empty", np.full(5000, np.nan)),
    ]
    for column in columns:
        tally = ColumnTally(column.name, column.kind)
        for start in range(0, 5000, 700):
            tally.add(column.take(np.arange(start, min(start + 700, 5000))))
        mine, theirs = tally.code(), fit_code(column)
        assert type(mine) is type(theirs), column.name
        if mine is not None and theirs is not None:
            assert mine.features() == theirs.features()
            np.testing.assert_allclose(mine.encode(column), theirs.encode(column), 1e-6, 1e-9)
    monkeypatch.setattr(stream_fit, "MOST_LEVELS", 100)
    tally = ColumnTally("many", "text")
    for start in range(0, 5000, 50):
        tally.add(columns[7].take(np.arange(start, start + 50)))
    assert tally.lost
    assert len(tally.levels) <= 100
    frequent = {f"many = {number}" for number in ["1", "2", "3", "4", "5", "6"]}
    code = tally.code()
    assert code is not None
    assert frequent <= set(code.features())


@pytest.mark.parametrize("kind", ["few", "two", "many", "fractions", "text", "boolean"])
def test_the_target_means_what_it_means_in_memory(kind: str) -> None:
    rows = np.arange(3000)
    values = {
        "few": rows % 5 * 1.0,
        "two": rows % 2 * 1.0,
        "many": rows % 900 * 1.0,
        "fractions": rows / 7,
        "text": (rows % 40).astype(str).astype(object),
        "boolean": rows % 2 * 1.0,
    }[kind]
    column = Column("y", kind if kind in ("text", "boolean") else "number", values)
    tally = TargetTally("y", column.kind)
    for start in range(0, 3000, 500):
        part = column.take(np.arange(start, start + 500))
        tally.add(part, np.ones(500, bool))
    mine, theirs = tally.code(None, True), TargetCode.fit(column)
    assert (mine.task, mine.classes) == (theirs.task, theirs.classes)
    assert (mine.mean, mine.scale) == pytest.approx((theirs.mean, theirs.scale))


def test_the_cache_gives_back_what_it_was_given(tmp_path: Path) -> None:
    words = np.array(["a", None, "é\u2028", "a", "\ud800"], object)
    table = Table(
        (
            Column("x", "number", np.array([1.0, np.nan, -0.0, 4.0, 5.0])),
            Column("t", "text", words),
        ),
        lines=np.arange(5),
    )
    cache = ColumnCache(tmp_path, "a.csv")
    cache.add(table)
    found = cache.load(0, cache.kinds())
    assert found.column("x").values.tobytes() == table.column("x").values.tobytes()
    assert found.column("t").values.tolist() == words.tolist()
    assert found.place(3) == "a.csv, line 3"


def test_what_a_killed_run_left_is_removed_by_the_next(tmp_path: Path) -> None:
    path = written(tmp_path, "csv")
    code = (
        "import os, signal\n"
        "from pathlib import Path\n"
        "from tests.tabular.test_stream import streamed\n"
        "def told(doing, rows):\n"
        "    if doing == 'encoding':\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "streamed(Path('homes.csv'), told=told)\n"
    )
    process = program("-c", code, folder=tmp_path)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL, errors
    assert len(list(tmp_path.iterdir())) == 3
    streamed(path).close()
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("columns", "size"), [(1, 262_144), (20, 131_072), (60, 65_536), (5000, 16_384)]
)
def test_blocks_of_the_copy_of_parquet_are_few_and_fit(columns: int, size: int) -> None:
    limit = Budget(128_000_000).spare
    assert stream_parts._block(columns, limit) == size
    assert size * columns <= limit // 8 or size == 16_384
