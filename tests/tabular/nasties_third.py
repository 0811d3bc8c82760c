"""A third part of such tables: padded, of odd types and names, with odd columns left out."""

from __future__ import annotations

import datetime as dt
import gzip
import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.tabular.nasty_parts import Bad, Good, lines, odd, parquet, table, zstd

PLAIN = table()
Y = "i * 0.5 + 0.25 AS y FROM range(40) r(i)"
_UNREADABLE = "cannot be read as a table"
_HALF = len(PLAIN) // 2


def _members(between: bytes, behind: bytes) -> bytes:
    text = PLAIN.encode()
    return gzip.compress(text[:_HALF]) + between + gzip.compress(text[_HALF:]) + behind


def _frames(between: bytes) -> Callable[[Path], object]:
    text = PLAIN.encode()

    def write(path: Path) -> None:
        pack = zstd().compress
        path.write_bytes(pack(text[:_HALF]) + between + pack(b"") + pack(text[_HALF:]))

    return write


def _footer(change: Callable[[bytearray, int], None]) -> Callable[[Path], object]:
    """Write a Parquet file and change it, told where its footer begins."""

    def write(path: Path) -> None:
        parquet(f"SELECT i % 7 AS x, {Y}")(path)
        content = bytearray(path.read_bytes())
        begin = len(content) - 8 - int.from_bytes(content[-8:-4], "little")
        change(content, begin)
        path.write_bytes(content)

    return write


def _rubbish(content: bytearray, begin: int) -> None:
    content[begin : begin + 8] = b"\x19\x0e\xff\x8e\x01\x0f\x00\xfe"


def _type(content: bytearray, begin: int) -> None:
    """Give the first field a type that there is not, whose number DuckDB's message repeats."""
    content[begin] = 0xFF


def _zeros(content: bytearray, begin: int) -> None:
    content[begin:-8] = bytes(len(content) - 8 - begin)


def _long(content: bytearray, begin: int) -> None:
    content[-8:-4] = (2**31 - 1).to_bytes(4, "little")


def pyarrow() -> tuple[Any, Any]:
    """Return PyArrow and its Parquet, which are nobody's dependency here, or skip the test."""
    why = "DuckDB writes no such Parquet files, and PyArrow is not installed"
    names = ("pyarrow", "pyarrow.parquet")
    arrow, parquet = (pytest.importorskip(name, reason=why) for name in names)
    return arrow, parquet


def _arrow(
    cell: Callable[[int], object], kind: Callable[[Any], object], **options: object
) -> Callable[[Path], object]:
    """Write a column x by PyArrow; `kind` takes its module and returns a type."""

    def write(path: Path) -> None:
        pa, pq = pyarrow()
        column = pa.array([cell(row) for row in range(40)], kind(pa))
        target = [row * 0.5 + 0.25 for row in range(40)]
        pq.write_table(pa.table({"x": column, "y": target}), path, **options)

    return write


def _groups(path: Path) -> None:
    """Write row groups of which the first and the last are empty."""
    pa, pq = pyarrow()
    full = pa.table({"x": [row % 7 for row in range(40)], "y": [row + 0.5 for row in range(40)]})
    with pq.ParquetWriter(path, full.schema) as writer:
        for part in (full.slice(0, 0), full, full.slice(0, 0)):
            writer.write_table(part)


def _named(*names: str) -> Callable[[Path], object]:
    """Write columns of numbers under names that DuckDB would not write."""

    def write(path: Path) -> None:
        pa, pq = pyarrow()
        numbers = pa.array([row + 0.5 for row in range(40)])
        columns = [numbers] * len(names)
        pq.write_table(pa.Table.from_arrays(columns, names=list(names)), path)

    return write


def _moment(row: int) -> dt.datetime:
    return dt.datetime(2024, 1, 1) + dt.timedelta(row)


PADDED: dict[str, Good | Bad] = {
    "gzip with zeros behind": Good(gzip.compress(PLAIN.encode()) + bytes(512), "t.csv.gz"),
    "gzip with one zero behind": Good(gzip.compress(PLAIN.encode()) + bytes(1), "t.csv.gz"),
    "gzip of members with zeros between": Good(_members(bytes(16), bytes(3)), "t.csv.gz"),
    "gzip of an empty member": Good(_members(gzip.compress(b""), b""), "t.csv.gz"),
    "gzip with zeros and rubbish behind": Bad(
        _members(b"", b"\0\0more"), ("damaged or cut off", "t.csv.gz"), "t.csv.gz"
    ),
    "gzip whose second member is cut off": Bad(
        _members(b"", b"")[:-5], ("damaged or cut off",), "t.csv.gz"
    ),
    "gzip of JSON lines with zeros behind": Good(
        gzip.compress(lines({"x": 1}, {"x": 2}).encode()) + bytes(9), "t.jsonl.gz"
    ),
    "zstd of frames, one of them empty": Good(_frames(b""), "t.csv.zst"),
    "zstd with a frame to skip": Good(
        _frames(b"\x50\x2a\x4d\x18\x04\0\0\0abcd"), "t.csv.zst", kinds={"x": "number"}
    ),
    "zstd with zeros behind": Bad(
        lambda path: path.write_bytes(zstd().compress(PLAIN.encode()) + bytes(9)),
        ("damaged or cut off",),
        "t.csv.zst",
    ),
}
LEFT_OUT: dict[str, Good | Bad] = {
    "Parquet with lists that are left out": Good(
        parquet(f"SELECT [i] AS a, {{'b': i}} AS o, i % 7 AS x, {Y}"),
        "t.parquet",
        options=("--ignore", "a,o"),
        features=1,
    ),
    "Parquet with infinite numbers that are left out": Good(
        parquet(f"SELECT if(i = 3, 'inf'::DOUBLE, i) AS a, i % 7 AS x, {Y}"),
        "t.parquet",
        options=("--ignore", "a"),
        features=1,
    ),
    "JSON lines with objects that are left out": Good(
        lines({"x": 1, "a": {"b": [1]}}, {"x": 2, "a": float("inf")}),
        "t.jsonl",
        options=("--ignore", "a"),
        features=1,
    ),
    "infinite numbers that are left out": Good(
        table(lambda row: f"{row % 7},{'inf' if row == 9 else row}", head="x,a,y"),
        options=("--ignore", "a"),
        features=1,
    ),
    "a column to leave out that is not there": Bad(
        PLAIN, ("no column called 'X'", "did you mean x?"), options=("--ignore", "X")
    ),
    "JSON lines with lists": Bad(
        lines({"x": [1]}), ("leave it out with --ignore", "line 1, column 'x'"), "t.jsonl"
    ),
}
DAMAGED: dict[str, Good | Bad] = {
    f"Parquet whose footer is {name}": Bad(
        _footer(change), (_UNREADABLE, "t.parquet", got), "t.parquet"
    )
    for name, (change, got) in {
        "rubbish": (_rubbish, "got: "),
        "zeros": (_zeros, "got: "),
        "too long": (_long, "got: "),
        "of a type that there is not": (_type, "got: damaged bytes"),
    }.items()
}
NAMES: dict[str, Good | Bad] = {
    "a name with blanks, in JSON lines": Bad(
        "".join(json.dumps({"x": row, " y ": row}) + "\n" for row in range(40)),
        ("no column called 'y'", "did you mean ' y '?"),
        "t.jsonl",
    ),
    "a name with blanks, in Parquet": Bad(
        parquet('SELECT i AS x, i + 0.5 AS " y " FROM range(40) r(i)'),
        ("no column called 'y'", "got: x, ' y '", "did you mean ' y '?"),
        "t.parquet",
    ),
    "a name that is written wide": Bad(
        table(head="x,\uff39"), ("no column called 'y'", "did you mean \uff39?")
    ),
    "a name whose accent stands alone": Bad(
        table(head="x,e\u0301tage"),
        ("no column called '\u00e9tage'", "did you mean 'e\\u0301tage'?"),
        options=("--target", "\u00e9tage"),
    ),
    "colons between fields": Bad(
        PLAIN.replace(",", ":"), ("the header is one field", "--delimiter :")
    ),
    "blanks between fields": Bad(
        PLAIN.replace(",", " "), ("the header is one field", "--delimiter space")
    ),
    "a name that stands thousands of times": Bad(
        "x," * 5000 + "y\n" + "1," * 5000 + "2\n", ("columns 1, 2, 3", "(5,000 in all)")
    ),
    "a name without end": Bad(
        table(head="x" * 100_000 + ",z"), ("no column called 'y'", "got: xxxx", "x…, z")
    ),
    "Parquet of a column without a name": Bad(
        _named("", "y"), ("a column has no name",), "t.parquet"
    ),
    "Parquet of a name twice": Bad(
        _named("x", "x", "y"), ("several columns are called 'x'",), "t.parquet"
    ),
    "names that queries use": Good(
        table(lambda row: f"{row % 7},{row % 3},{'ab'[row % 2]}", head="cell,n,first,y"),
        kinds={"cell": "number", "first": "text"},
    ),
    "a name that is a query": Good(table(head='"c0""; DROP TABLE p0; --",y')),
    "the name none": Good(table(head="none,y"), kinds={"none": "number"}),
}
CELLS: dict[str, Good | Bad] = {
    "cells of several zones": Good(
        table(
            lambda row: (
                f"2024-01-{row % 28 + 1:02}T10:00:00" + ("Z", "+02:00", "-0530", "")[row % 4]
            )
        ),
        kinds={"x": "date"},
    ),
    "the 30th of February": Good(
        table(odd("2024-02-30", others=lambda row: f"2024-02-{row % 28 + 1:02}")),
        kinds={"x": "text"},
        notes=("39 of 40 cells are dates, but '2024-02-30' (", "line 22) is not"),
    ),
    "dates that may be two": Good(
        table(lambda row: f"{row % 12 + 1}/{row % 9 + 1}/2024"),
        kinds={"x": "text"},
        notes=("may be dates, day first or dates, month first",),
    ),
    "truth values in all cases": Good(
        table(lambda row: ("TRUE", "False", "true")[row % 3]), kinds={"x": "boolean"}
    ),
    "truth values in two spellings": Good(
        table(lambda row: ("true", "0", "1", "false")[row % 4]), kinds={"x": "text"}, features=4
    ),
    "numbers with underscores": Good(table(lambda row: f"1_{row:03}"), kinds={"x": "text"}),
    "hexadecimal numbers": Good(table(hex), kinds={"x": "text"}),
    "minus nothing": Bad(
        table(lambda row: ("0", "-0", "-0.0")[row % 3]), ("no column to predict from",)
    ),
    "numbers that are one when rounded": Bad(
        table(lambda row: 2**64 + row),
        ("no column to predict from", "'18446744073709551616'", "line 2", "rounded"),
    ),
    "thousands, as in India": Good(table(lambda row: f'"12,34,{row:03}"'), kinds={"x": "text"}),
    "amounts of money": Good(
        table(lambda row: f"${row}.00"), kinds={"x": "text"}, notes=("signs around them",)
    ),
    "formulas": Good(table(lambda row: f"=cmd|calc{row % 3}"), kinds={"x": "text"}, features=3),
    "half a character in UTF-8": Bad(
        table(odd("X")).encode().replace(b"X", b"\xed\xa0\x80"), ("not UTF-8", "line 22", "0xed")
    ),
    "zero bytes at the end": Bad(PLAIN.encode() + bytes(4096), ("zero byte", "line 42")),
    "a quote with a backslash": Bad(
        table(lambda _: '"a\\"b"'), ("cannot be split into fields", "line 2", "written twice")
    ),
    "quotes that are apostrophes": Bad(
        table(lambda row: f"'a,b{row % 2}'"), ("line 2", "2 fields", "got:      3")
    ),
    "line ends the wrong way round": Good(table(end="\n\r"), notes=("41 empty lines",)),
    "a mark of UTF-8 inside": Good(
        table(lambda row: f"\ufeff{row % 7}\u00a0"), kinds={"x": "number"}
    ),
}
ODD_JSON: dict[str, Good | Bad] = {
    "JSON lines, a key twice inside": Bad(
        '{"x": {"a": 1, "a": 2}, "y": 1}\n', ("twice", "'a'", "line 1"), "t.jsonl"
    ),
    "JSON lines of 400 digits": Bad(
        lines({"x": 1}) + '{"x": %s, "y": 2}\n' % ("9" * 400), ("infinite", "line 41"), "t.jsonl"
    ),
    "JSON lines of many digits": Good(
        lines({"x": 10**30}, {"x": 1}), "t.jsonl", notes=("has more digits",)
    ),
    "JSON lines, two objects on one": Bad(
        '{"x": 1, "y": 2}{"x": 2, "y": 3}\n', ("as JSON", "line 1", "Extra data"), "t.jsonl"
    ),
    "JSON lines on several": Bad(
        json.dumps({"x": 1, "y": 2}, indent=1), ("as JSON", "line 1"), "t.jsonl"
    ),
    "JSON lines with blanks around": Good("  \n" + lines({"x": 1}, {"x": 2}) + " \n\t", "t.jsonl"),
    "JSON lines of words like numbers": Good(
        lines({"x": "1"}, {"x": "2"}), "t.jsonl", kinds={"x": "text"}
    ),
    "JSON lines of minus nothing": Good(lines({"x": -0.0}, {"x": 1.5}), "t.jsonl"),
    "JSON lines, keys missing in turn": Good(
        lines({"a": 1}, {"b": 2}, {}), "t.jsonl", missing={"a": 26, "b": 27}
    ),
}
ARROW: dict[str, Good | Bad] = {
    f"Parquet by PyArrow: {name}": Good(_arrow(cell, typed), "t.parquet", kinds={"x": kind})
    for name, (kind, cell, typed) in {
        "moments in a zone, to the nanosecond": (
            *("date", _moment),
            lambda pa: pa.timestamp("ns", "Europe/Brussels"),
        ),
        "a dictionary": (
            *("text", lambda row: "ab"[row % 2]),
            lambda pa: pa.dictionary(pa.int8(), pa.string()),
        ),
        "a dictionary of numbers": (
            *("number", lambda row: row % 3),
            lambda pa: pa.dictionary(pa.int8(), pa.int64()),
        ),
        "decimals of 256 bits": ("number", Decimal, lambda pa: pa.decimal256(50, 2)),
        "half precision": ("number", float, lambda pa: pa.float16()),
        "durations": ("number", dt.timedelta, lambda pa: pa.duration("us")),
        "days": ("date", lambda row: _moment(row).date(), lambda pa: pa.date64()),
        "long strings": ("text", lambda row: "ab"[row % 2], lambda pa: pa.large_string()),
    }.items()
}
ARROW |= {
    "Parquet by PyArrow: int96": Good(
        _arrow(_moment, lambda pa: pa.timestamp("us"), use_deprecated_int96_timestamps=True),
        "t.parquet",
        kinds={"x": "date"},
    ),
    "Parquet by PyArrow: empty groups": Good(_groups, "t.parquet"),
    "Parquet by PyArrow: whole numbers of 64 bits": Bad(
        _arrow(lambda row: 2**64 - 1 - row, lambda pa: pa.uint64()),
        ("no column to predict from", "rounded"),
        "t.parquet",
    ),
}
THIRD = PADDED | LEFT_OUT | DAMAGED | NAMES | CELLS | ODD_JSON | ARROW
