"""`predict --keep`: columns of the input beside the predictions, every cell as it stood."""

from __future__ import annotations

import csv
import gzip
import io
import json
from pathlib import Path
from typing import Any

import duckdb
import pytest

from chainrule.tabular.keep import Digits, json_text
from tests.cli.commands import Commands

HUGE = "1000000000000000000000000000000000000001"
CELLS = (
    ("007", " Ann ", '1.50, "exactly"'),
    (HUGE, "Zoë \U0001f388", "two\nlines"),
    ("", "", "a\rb"),
    ("1e5", "NA", "=1+1"),
)
"""An id, a name and a note of each row: what readers like to change."""


@pytest.fixture
def model(commands: Commands) -> Path:
    """Return a model of two numbers that ignored the id."""
    lines = [f"{10**20 + row},{row % 7},{row % 3},{'ab'[row % 7 > 3]}" for row in range(80)]
    commands.write("old.csv", "\n".join(["id,x,z,kind", *lines]) + "\n")
    words = ("train", "old.csv", "--target", "kind", "--ignore", "id", "--epochs", 3)
    assert commands.run(*words, "--model-only", "--out", "m").code == 0
    return Path("m")


def rows(names: tuple[str, ...] = ("id", "Name", "note")) -> list[dict[str, str]]:
    return [
        {"z": "1", **dict(zip(names, cells, strict=True)), "x": str(row)}
        for row, cells in enumerate(CELLS)
    ]


def text(delimiter: str = ",") -> str:
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, list(rows()[0]), delimiter=delimiter, quoting=csv.QUOTE_ALL)
    writer.writeheader()
    writer.writerows(rows())
    return out.getvalue()


def read_csv(content: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content, newline="")))


INPUTS: dict[str, Any] = {
    "n.csv": text(),
    "n.tsv": text("\t"),
    "n.csv.gz": gzip.compress(text().encode()),
    "n.txt": text(";").encode("utf-16"),
    "n.jsonl": "".join(json.dumps(row) + "\n" for row in rows()),
}


@pytest.mark.parametrize("name", INPUTS)
@pytest.mark.parametrize("out", ["o.csv", "o.jsonl", "o.ndjson", "o.parquet", "o"])
def test_text_comes_out_as_it_went_in(commands: Commands, model: Path, name: str, out: str) -> None:
    commands.write(name, INPUTS[name])
    result = commands.run("predict", model, name, "--keep", "note,id,Name", "--out", out)
    assert result.code == 0, result.err
    found: list[dict[str, Any]]
    if out.endswith(("jsonl", "ndjson")):
        found = [json.loads(line) for line in Path(out).read_text().split("\n")[:-1]]
    elif out.endswith("parquet"):
        columns = duckdb.sql(f"SELECT * FROM '{out}'").fetchnumpy()
        found = [
            dict(zip(columns, cells, strict=True)) for cells in zip(*columns.values(), strict=True)
        ]
    else:
        found = read_csv(Path(out).read_bytes().decode())
    assert list(found[0])[:4] == ["note", "id", "Name", "prediction"]
    assert [(row["id"], row["Name"], row["note"]) for row in found] == list(CELLS)


def test_the_other_forms_of_output(commands: Commands, model: Path) -> None:
    commands.write("n.csv", text())
    printed = commands.run("predict", model, "n.csv", "--keep", "id")
    assert [row["id"] for row in read_csv(printed.out)] == [cells[0] for cells in CELLS]
    document = commands.run("predict", model, "n.csv", "--keep", "note,id", "--json").document()
    assert list(document["kept"]) == ["note", "id"]
    assert document["kept"]["note"] == [cells[2] for cells in CELLS]
    plain = commands.run("predict", model, "n.csv", "--json").document()
    assert "kept" not in plain
    assert plain["predictions"] == document["predictions"]


def test_all_columns_are_kept_in_the_order_of_the_file(commands: Commands, model: Path) -> None:
    commands.write("n.csv", text())
    without = read_csv(commands.run("predict", model, "n.csv").out)
    found = read_csv(commands.run("predict", model, "n.csv", "--keep", "all").out)
    assert list(found[0]) == [*rows()[0], *without[0]]
    assert [row["prediction"] for row in found] == [row["prediction"] for row in without]
    assert read_csv(commands.run("predict", model, "n.csv", "--keep", "none").out) == without


JSON = (
    '{"id": 12345678901234567890123456789, "x": 1.50, "z": 1, "tags": ["a", 1.0, {"b": null}]}\n'
    '{"x": 3, "id": 2.10, "on": true, "z": 2, "half": "\\ud800"}\n'
    '\n{"x": 4, "id": null, "z": 2, "far": 1e400, "on": false}\n'
)


def test_values_of_json_keep_their_digits(commands: Commands, model: Path) -> None:
    commands.write("n.jsonl", JSON)
    result = commands.run("predict", model, "n.jsonl", "--keep", "all", "--out", "o.jsonl")
    assert result.code == 0, result.err
    first, second, third = Path("o.jsonl").read_text().splitlines()
    assert first.startswith(
        '{"id": 12345678901234567890123456789, "x": 1.50, "z": 1, '
        '"tags": ["a", 1.0, {"b": null}], "on": null, "half": null, "far": null, "prediction": '
    )
    assert '"id": 2.10,' in second
    assert '"half": "\\ud800"' in second
    assert '"far": 1e400' in third
    document = commands.run("predict", model, "n.jsonl", "--keep", "all", "--json").document()
    assert document["kept"]["id"] == [12345678901234567890123456789, 2.1, None]
    assert document["kept"]["far"] == [None, None, "1e400"]
    printed = read_csv(commands.run("predict", model, "n.jsonl", "--keep", "id,tags,on").out)
    assert [row["id"] for row in printed] == ["12345678901234567890123456789", "2.10", ""]
    assert [row["on"] for row in printed] == ["", "true", "false"]


def test_columns_of_json_have_a_type_in_parquet_where_that_loses_nothing(
    commands: Commands, model: Path
) -> None:
    lines = (
        '{"x": 1, "z": 2, "whole": 9007199254740993, "part": 0.1, "mixed": 9007199254740993}\n'
        '{"x": 2, "z": 2, "part": 3, "even": true, "mixed": 0.5, "none": null}\n'
    )
    commands.write("n.jsonl", lines)
    names = "whole,part,even,mixed,none"
    words = ("predict", model, "n.jsonl", "--keep", names, "--out", "o.parquet")
    assert commands.run(*words).code == 0
    found = duckdb.sql(f"SELECT {names} FROM 'o.parquet'")
    assert [str(kind) for kind in found.types] == [
        *("BIGINT", "DOUBLE", "BOOLEAN", "VARCHAR", "VARCHAR")
    ]
    assert found.fetchall() == [
        (9007199254740993, 0.1, None, "9007199254740993", None),
        (None, 3.0, True, "0.5", None),
    ]


TYPED = """
    SELECT i * 1000000000000 AS id, (i / 7)::DECIMAL(18, 3) AS cost, 'n' || i AS "a ""n"" x",
        i % 7 + 0.5::DOUBLE AS x, i::SMALLINT AS z, i % 2 = 0 AS even, [i, i + 1] AS listed,
        CASE WHEN i <> 2 THEN DATE '2024-01-01' + i::INTEGER END AS day, i::FLOAT / 3 AS third
    FROM range(5) numbers(i)
"""


def test_columns_of_parquet_keep_their_type_in_parquet(commands: Commands, model: Path) -> None:
    duckdb.sql(f"COPY ({TYPED}) TO 'n.parquet' (FORMAT parquet)")
    result = commands.run("predict", model, "n.parquet", "--keep", "all", "--out", "o.parquet")
    assert result.code == 0, result.err
    before, after = (duckdb.sql(f"SELECT * FROM '{name}'") for name in ("n.parquet", "o.parquet"))
    width = len(before.columns)
    assert after.columns[:width] == before.columns
    assert after.types[:width] == before.types
    assert [row[:width] for row in after.fetchall()] == before.fetchall()
    words = ("predict", model, "n.parquet", "--keep", "all", "--out", "o.jsonl")
    assert commands.run(*words).code == 0
    lines = Path("o.jsonl").read_text().splitlines()
    third = json.loads(lines[2])
    assert (third["id"], third["even"], third["day"]) == (2 * 10**12, True, None)
    assert '"cost": 0.286,' in lines[2]
    assert '"third": 0.6666667,' in lines[2]
    printed = read_csv(commands.run("predict", model, "n.parquet", "--keep", "day,listed").out)
    assert [row["day"] for row in printed][1:3] == ["2024-01-02", ""]
    assert printed[0]["listed"] == "[0, 1]"


@pytest.mark.parametrize("name", ["n.csv", "n.jsonl", "n.parquet"])
def test_standard_input_is_read_once_and_kept(
    commands: Commands, model: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    duckdb.sql(f"COPY ({TYPED}) TO 'n.parquet' (FORMAT parquet)")
    content = INPUTS.get(name, b"") or Path(name).read_bytes()
    content = content.encode() if isinstance(content, str) else content
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))
    result = commands.run("predict", model, "-", "--keep", "id", "--out", "o.parquet")
    assert result.code == 0, result.err
    assert duckdb.sql("SELECT id FROM 'o.parquet'").fetchall()


def test_unusual_tables(commands: Commands, model: Path) -> None:
    commands.write("n.csv", "sep=;\n\nx;;z\n1;q;2\n\n2;r;3\n")
    found = read_csv(commands.run("predict", model, "n.csv", "--keep", "column_2").out)
    assert [row["column_2"] for row in found] == ["q", "r"]
    commands.write("n.csv", "z;a,b;x\n1;k;2\n")
    found = read_csv(commands.run("predict", model, "n.csv", "--keep", '"a,b"').out)
    assert found[0]["a,b"] == "k"


@pytest.mark.parametrize(
    ("keep", "out", "code", "said"),
    [
        ("Id", "o.csv", 1, "did you mean id or ID?"),
        ("nothing at all", "o.csv", 1, "take it off the columns to keep"),
        ("prediction", "o.csv", 2, "--keep"),
        ("all", "o.jsonl", 2, "'prediction'"),
        ("id,probability a", "o.parquet", 2, "'probability a'"),
        ("id,ID", "o.parquet", 1, "differ only in case"),
        ("PREDICTION", "o.parquet", 1, "differ only in case"),
    ],
)
def test_what_cannot_be_kept(
    commands: Commands, model: Path, keep: str, out: str, code: int, said: str
) -> None:
    commands.write("n.csv", "id,x,z,prediction,probability a,ID,PREDICTION\n1,2,3,4,5,6,7\n")
    before = commands.files()
    result = commands.run("predict", model, "n.csv", "--keep", keep, "--out", out)
    assert result.code == code, result.err
    assert said in result.err
    assert commands.files() == before


def test_half_a_character_is_an_error_that_names_the_column(
    commands: Commands, model: Path
) -> None:
    commands.write("n.jsonl", JSON)
    for out in ("o.csv", "o.parquet"):
        result = commands.run("predict", model, "n.jsonl", "--keep", "half", "--out", out)
        assert result.code == 1
        assert "column 'half'" in result.err
    commands.write("n.jsonl", '{"x": 1, "z": 1, "\\ud800": 2}\n')
    assert commands.run("predict", model, "n.jsonl", "--keep", "all").code == 1


def test_pictures_have_no_columns(commands: Commands, model: Path) -> None:
    import numpy as np

    pixels = np.random.default_rng(0).integers(0, 256, (40, 3, 3)).astype(np.uint8)
    commands.folder.joinpath("p").mkdir()
    np.save("p/images.npy", pixels)
    np.save("p/labels.npy", np.arange(40) % 2)
    assert commands.run("train", "p", "--epochs", 1, "--model-only", "--out", "q").code == 0
    result = commands.run("predict", "q", "p", "--keep", "id")
    assert (result.code, "--keep is for tables" in result.err) == (2, True)


def test_numbers_that_python_would_change() -> None:
    assert Digits("9" * 5000).number() == "9" * 5000
    assert Digits("-1e400").number() == "-1e400"
    assert Digits("NaN").number() == "NaN"
    assert (Digits("-12").number(), Digits("1.50").number()) == (-12, 1.5)
    assert json_text({"a": [None, True, Digits("1.50")], "é": "\ud800"}) == (
        '{"a": [null, true, 1.50], "é": "\\ud800"}'
    )
