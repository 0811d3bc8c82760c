"""More tables as nobody would wish them: written by other programs, damaged, or of odd types."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path

from tests.tabular.nasty_parts import Bad, Content, Good, cut, lines, odd, parquet, table, zstd

PLAIN = table()
Y = "i * 0.5 + 0.25 AS y FROM range(40) r(i)"


def _typed(x: str) -> Callable[[Path], object]:
    return parquet(f"SELECT {x} AS x, {Y}")


def _packed(text: str) -> bytes:
    return gzip.compress(text.encode())


def _overwritten(write: Callable[[Path], object], place: Callable[[bytearray], int]) -> Content:
    """Write a file, and eight bytes of rubbish into it."""

    def written(path: Path) -> None:
        write(path)
        content = bytearray(path.read_bytes())
        start = place(content)
        content[start : start + 8] = b"\xff" * 8
        path.write_bytes(content)

    return written


def _pages(_: bytearray) -> int:
    """Return where the pages of a Parquet file begin: behind its mark."""
    return 4


def _index(content: bytearray) -> int:
    """Return where the index of a Parquet file begins, which its last bytes tell."""
    return len(content) - 8 - int.from_bytes(content[-8:-4], "little")


def _targets(cell: Callable[[int], object], count: int = 60) -> str:
    return "x,y\n" + "".join(f"{row % 7},{cell(row)}\n" for row in range(count))


TEXT: dict[str, Good | Bad] = {
    "two byte-order marks": Good("\ufeff\ufeff" + PLAIN, kinds={"x": "number"}),
    "a byte-order mark before a quoted name": Good(
        '\ufeff"x",y' + PLAIN[3:], kinds={"x": "number"}
    ),
    "utf-16 stated of utf-8": Bad(PLAIN, ("not utf-16 text",), options=("--encoding", "utf-16")),
    "utf-8 stated of utf-16 with a mark": Good(
        PLAIN.encode("utf-16"), options=("--encoding", "utf-8")
    ),
    "ascii stated of utf-8": Bad(
        table(odd("Gênt")), ("not ascii text", "0xc3"), options=("--encoding", "ascii")
    ),
    "Japanese": Good(
        table(lambda row: ("日本", "東京")[row % 2]).encode("shift_jis"),
        kinds={"x": "text"},
        options=("--encoding", "shift_jis"),
    ),
    "a mainframe's letters": Good(PLAIN.encode("cp037"), options=("--encoding", "cp037")),
    "a cipher for an encoding": Bad(PLAIN, ("no encoding",), options=("--encoding", "rot13")),
    "names alike but for blanks": Bad(
        table(lambda row: f"{row},{row}", head="x, x ,y"), ("several columns", "columns 1, 2")
    ),
    "a name of blanks that do not break": Good(
        table(lambda row: f"{row},1", head="\u00a0,x,y"), kinds={"column_1": "number"}
    ),
    "a name of signals": Good(table(head="x\x1b[31m\x07,y"), kinds={"x\x1b[31m\x07": "number"}),
    "a name of two lines": Good(table(head='"x\nz",y'), kinds={"x\nz": "number"}),
    "blank cells": Bad(table(lambda _: "  "), ("no column to predict from",)),
    "inf among words": Good(
        table(lambda row: ("inf", "a", "b")[row % 3]), kinds={"x": "text"}, features=3
    ),
    "a whole number of 400 digits": Bad(table(odd("1" * 400)), ("infinite", "line 22")),
    "a fraction of 400 digits": Good(
        table(lambda row: f"0.{row:02}{'3' * 400}"), kinds={"x": "number"}
    ),
    "400 digits made small": Good(
        table(lambda row: f"{row + 1}{'1' * 400}e-400"), kinds={"x": "number"}
    ),
    "all kinds in one column": Good(
        table(lambda row: ("1", "a", "true", "2024-01-01", "")[row % 5]),
        kinds={"x": "text"},
        missing={"x": 8},
    ),
    "a delimiter at the end of rows only": Bad(
        PLAIN.replace("5\n", "5,\n"), ("line 2", "2 fields", "got:      3")
    ),
    "a header that is too long": Bad(table(head="x,y,z"), ("line 2", "column 'z'", "no field")),
    "a quote open in the header": Bad('"x,y\n1,2\n', ("cannot be split",)),
    "inches": Good(table(lambda row: f'{row % 5}" pipe'), kinds={"x": "text"}, features=5),
    "a quote behind a blank": Good(
        table(odd(' "a"', others=lambda row: "bc"[row % 2])), kinds={"x": "text"}, features=3
    ),
    "line ends of Unicode": Good(
        table(lambda row: f"a\u2028b\x85c\u2029{row % 3}\x0b\x0c\x1c"), kinds={"x": "text"}
    ),
    "the end of a file under DOS": Bad(PLAIN + "\x1a", ("line 42", "2 fields", "got:      1")),
    "a table of Markdown": Good(
        "|x|y|\n" + "".join(f"|{row % 7}|{row}.5|\n" for row in range(40)),
        kinds={"column_1": "empty", "x": "number", "column_4": "empty"},
    ),
    "comments above": Bad("# mine\n# see docs\n" + PLAIN, ("line 3", "1 fields", "got:      2")),
    "units below the names": Bad(
        "x,y\nkm,s\n" + PLAIN[4:], ("holds numbers, but not in every row", "'s'", "--task")
    ),
    "a sum below the rows": Good(
        PLAIN + "total,999\n", rows=41, kinds={"x": "text"}, notes=("'total'", "line 42) is not")
    ),
    "a true minus": Good(
        table(lambda row: f"\u2212{row}"), kinds={"x": "text"}, notes=("signs around them",)
    ),
    "a leap second": Good(
        table(lambda row: f"2016-12-31 23:59:{row + 21}"),
        kinds={"x": "text"},
        notes=("39 of 40 cells are dates", "'2016-12-31 23:59:60' (", "line 41) is not"),
    ),
}
TARGETS: dict[str, Good | Bad] = {
    "a target with one word": Bad(
        _targets(lambda row: "oops" if row == 8 else row % 30),
        ("holds numbers, but not in every row", "'oops'", "--task classification"),
    ),
    "a target with one word, of classes": Good(
        _targets(lambda row: "oops" if row in (8, 9, 10, 11) else row % 10, 200),
        rows=200,
        options=("--task", "classification"),
        kinds={"y": "text"},
    ),
    "a target that is missing everywhere": Bad(
        _targets(lambda _: ""), ("missing in every row",), options=("--drop-missing-target",)
    ),
    "a target of truth values with gaps": Good(
        _targets(lambda row: ("true", "false", "")[row % 3]),
        dropped=20,
        options=("--drop-missing-target",),
        kinds={"y": "boolean"},
    ),
    "a target with one of a class": Good(
        _targets(lambda row: "b" if row == 7 else "a", 40), kinds={"y": "text"}
    ),
    "a target of nothing": Bad(PLAIN, ("no column called ''",), options=("--target", "")),
    "only the target is left": Bad(PLAIN, ("the only column",), options=("--ignore", "x")),
    "the target is left out": Bad(PLAIN, ("cannot be left out",), options=("--ignore", "y")),
    "a delimiter that is not there": Bad(PLAIN, ("called 'y'",), options=("--delimiter", ";")),
    "a delimiter that is a letter": Bad(PLAIN, ("cannot delimit",), options=("--delimiter", "x")),
    "a decimal sign that is none": Bad(PLAIN, ("decimal", "';'"), options=("--decimal", ";")),
}
PACKED: dict[str, Good | Bad] = {
    "gzip with rubbish behind": Bad(_packed(PLAIN) + b"more", ("damaged",), "t.csv.gz"),
    "gzip with a wrong sum": Bad(
        _packed(PLAIN)[:-8] + bytes(4) + _packed(PLAIN)[-4:], ("damaged", "CRC"), "t.csv.gz"
    ),
    "gzip of utf-16": Good(gzip.compress(PLAIN.encode("utf-16")), "t.csv.gz"),
    "gzip of gzip": Bad(gzip.compress(_packed(PLAIN)), ("not UTF-8", "line 1"), "t.csv.gz"),
    "gzip of JSON lines": Good(_packed(lines({"x": 1}, {"x": 2})), "t.jsonl.gz"),
    "zstd of nothing": Bad(
        lambda path: path.write_bytes(zstd().compress(b"")), ("no header line",), "t.csv.zst"
    ),
    "zstd with rubbish behind": Bad(
        lambda path: path.write_bytes(zstd().compress(PLAIN.encode()) + b"more"),
        ("damaged",),
        "t.csv.zst",
    ),
    "zstd of two frames": Good(
        lambda path: path.write_bytes(
            zstd().compress(PLAIN.encode()[:99]) + zstd().compress(PLAIN.encode()[99:])
        ),
        "t.csv.zst",
    ),
    "bzip2": Bad(b"BZh9", ("not a table that can be read", ".csv"), "t.csv.bz2"),
    "capital letters": Good(_packed(PLAIN), "T.CSV.GZ"),
    "an ending and no name": Bad(PLAIN, ("not a table that can be read",), ".csv"),
}
JSON: dict[str, Good | Bad] = {
    "JSON lines with NaN": Good(lines({"x": float("nan")}, {"x": 2}, {"x": 3}), "t.jsonl"),
    "JSON lines with Infinity": Bad(
        lines({"x": 1}) + '{"x": -Infinity, "y": 1}\n', ("infinite", "line 41"), "t.jsonl"
    ),
    "JSON lines with a mark and line ends of two signs": Good(
        "\ufeff" + lines({"x": 1}, {"x": 2}).replace("\n", "\r\n\r\n"), "t.jsonl"
    ),
    "JSON lines with commas behind": Bad(
        lines({"x": 1}).replace("\n", ",\n"), ("as JSON", "line 1"), "t.jsonl"
    ),
    "a JSON document": Bad(
        json.dumps([{"x": 1, "y": 2}] * 3), ("one JSON object", "line 1"), "t.jsonl"
    ),
    "JSON lines of 5000 digits": Bad(
        lines({"x": 1}) + '{"x": 1' + "0" * 5000 + ', "y": 1}\n', ("infinite", "line 41"), "t.jsonl"
    ),
    "JSON lines that are not UTF-8": Bad(
        lines({"x": 1}).encode() + b'{"x": "\xff", "y": 1}\n',
        ("not UTF-8 text", "t.jsonl, line 41", "0xff at offset"),
        "t.jsonl",
    ),
    "JSON lines without a name": Bad(lines({"": 1, "x": 2}), ("no name", "line 1"), "t.jsonl"),
    "JSON lines of truth values and numbers": Good(
        lines({"x": True}, {"x": 1}),
        "t.jsonl",
        kinds={"x": "text"},
        notes=("line 2: read as text",),
    ),
    "JSON lines with half a key": Bad(
        '{"\\ud800": 1, "y": 1}\n', ("half a character", "line 1"), "t.jsonl"
    ),
    "JSON lines without the target in one": Bad(
        lines({"x": 1}, {"x": 2}) + '{"x": 3}\n', ("missing in 1 of 41", "line 41"), "t.jsonl"
    ),
    "JSON lines cut off": Bad(lines({"x": 1})[:-9], ("as JSON", "line 40"), "t.jsonl"),
    "JSON lines of long words": Good(
        lines({"x": "a" * 200_000}, {"x": "b"}), "t.jsonl", kinds={"x": "text"}, features=2
    ),
}
PARQUET: dict[str, Good | Bad] = {
    f"Parquet of {name}": Bad(_typed(x), ("not plain values", "column 'x'", "remove"), "t.parquet")
    for name, x in {
        "objects": "{'a': i}",
        "maps": "MAP {'a': i}",
        "bytes": "'ab'::BLOB",
        "pairs": "[i, i]::INT[2]",
    }.items()
}
PARQUET |= {
    f"Parquet of {name}": Good(_typed(x), "t.parquet", kinds={"x": kind})
    for name, (x, kind) in {
        "levels": ("(['a', 'b'][i % 2 + 1])::ENUM('a', 'b')", "text"),
        "long decimals": ("(i / 3)::DECIMAL(38, 20)", "number"),
        "short decimals": ("(i / 3)::DECIMAL(5, 2)", "number"),
        "huge whole numbers": ("i::HUGEINT * 100000000000000000000", "number"),
        "seconds": ("('2024-01-01'::TIMESTAMP + INTERVAL (i) DAY)::TIMESTAMP_S", "date"),
        "nanoseconds": ("('2024-01-01'::TIMESTAMP + INTERVAL (i) DAY)::TIMESTAMP_NS", "date"),
        "moments": ("'2024-01-01 12:00:00+02'::TIMESTAMPTZ + INTERVAL (i) DAY", "date"),
        "times of day": ("'10:00:00'::TIME + INTERVAL (i % 5) MINUTE", "text"),
        "truth values with gaps": ("if(i % 3 = 0, NULL, i % 2 = 0)", "boolean"),
        "single precision": ("i::FLOAT / 3", "number"),
    }.items()
}
PARQUET |= {
    "Parquet with a number that is none": Good(
        _typed("if(i = 3, 'nan'::DOUBLE, i)"), "t.parquet", missing={"x": 1}, notes=("'nan'",)
    ),
    "Parquet with an infinite number": Bad(
        _typed("if(i = 3, 'inf'::DOUBLE, i)"), ("infinite", "t.parquet, row 4"), "t.parquet"
    ),
    "Parquet of nulls": Bad(_typed("NULL"), ("no column to predict from",), "t.parquet"),
    "Parquet of a target of objects": Bad(
        parquet("SELECT i AS x, {'a': i} AS y FROM range(40) r(i)"), ("column 'y'",), "t.parquet"
    ),
    "Parquet of many groups": Good(
        parquet("SELECT i % 7 AS x, i + 0.5 AS y FROM range(9000) r(i)"), "t.parquet", rows=9000
    ),
    "Parquet with rubbish in its pages": Bad(
        _overwritten(parquet(f"SELECT i % 7 AS x, {Y}"), _pages), ("cannot be read",), "t.parquet"
    ),
    "Parquet with rubbish in its index": Bad(
        _overwritten(parquet(f"SELECT i % 7 AS x, {Y}"), _index), ("cannot be read",), "t.parquet"
    ),
    "Parquet without its end": Bad(
        cut(parquet(f"SELECT i % 7 AS x, {Y}"), 0.99), ("cannot be read",), "t.parquet"
    ),
    "the name of Parquet": Bad(b"PAR1", ("cannot be read", "t.parquet"), "t.parquet"),
}
MORE = TEXT | TARGETS | PACKED | JSON | PARQUET
