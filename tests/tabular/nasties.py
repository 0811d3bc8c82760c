"""Tables as nobody would wish them, and what must come of each: a right model or one message."""

from __future__ import annotations

import gzip

from tests.tabular.nasty_parts import (
    Bad,
    Good,
    cut,
    lines,
    odd,
    parquet,
    quoted,
    rows,
    table,
    wide,
    zstd,
)

PLAIN = table()
NUMBERS = "SELECT (i % 7)::INT AS x, i + 0.5 AS y FROM range(40) r(i)"
MANY = 60_000

NASTIES: dict[str, Good | Bad] = {
    # Nothing, or nearly.
    "empty file": Bad("", ("empty (0 bytes)", "t.csv")),
    "only line ends": Bad("\r\n\n\r", ("no header line", "t.csv")),
    "only spaces": Bad("   \n  \n", ("no column called 'y'", "t.csv")),
    "only a byte-order mark": Bad(b"\xef\xbb\xbf", ("no header line",)),
    "header only": Bad("x,y\n", ("a header but no rows",)),
    "one row": Bad("x,y\n1,2\n", ("the same value in every row",)),
    "two rows": Bad("x,y\n1,2\n2,3\n", ("too few rows", "2 rows")),
    "one column, the target": Bad("y\n" + "1.5\n2.5\n" * 20, ("the target is the only column",)),
    "only comments": Bad("# made by hand\n# not a table\n", ("no column called 'y'",)),
    "empty gzip": Bad(gzip.compress(b""), ("no header line",), "t.csv.gz"),
    # Encodings.
    "byte-order mark": Good("\ufeff" + PLAIN),
    "utf-16, little end first": Good(b"\xff\xfe" + PLAIN.encode("utf-16-le")),
    "utf-16, big end first": Good(b"\xfe\xff" + PLAIN.encode("utf-16-be")),
    "utf-32": Good(PLAIN.encode("utf-32")),
    "utf-16 without a mark": Bad(
        PLAIN.encode("utf-16-le"), ("not a text file", "line 1", "--encoding utf-16-le")
    ),
    "utf-16 without a mark, stated": Good(
        PLAIN.encode("utf-16-le"), options=("--encoding", "utf-16-le")
    ),
    "utf-16 cut inside a character": Bad(PLAIN.encode("utf-16")[:-1], ("utf-16 text", "offset")),
    "latin-1": Bad(
        table(odd("Gênt", others=lambda row: "ab"[row % 2])).encode("latin-1"),
        ("not UTF-8", "t.csv, line 22", "byte 0xea at offset", "--encoding latin-1"),
    ),
    "latin-1, stated": Good(
        table(lambda row: ("Gênt", "Köln")[row % 2]).encode("latin-1"),
        kinds={"x": "text"},
        options=("--encoding", "latin-1"),
    ),
    "an encoding that is none": Bad(
        PLAIN, ("no encoding of text", "latin-2000"), options=("--encoding", "latin-2000")
    ),
    "names of all scripts": Good(
        table(head="цена 家 é\u200b,y"), kinds={"цена 家 é\u200b": "number"}
    ),
    # Delimiters, quotes, line ends.
    "semicolons and decimal commas": Good(
        "x;y\n" + "".join(f"{row % 7},25;{row},5\n" for row in range(40)),
        kinds={"x": "number", "y": "number"},
        notes=("x: numbers with a decimal comma, such as '0,25' (", "line 2)"),
    ),
    "a delimiter that must be stated": Good(
        PLAIN.replace(",", "~"), options=("--delimiter", "~"), kinds={"x": "number"}
    ),
    "tabs in a .txt": Good(PLAIN.replace(",", "\t"), "t.txt"),
    "Excel's own line for the delimiter": Good("sep=;\n" + PLAIN.replace(",", ";")),
    "commas under the name of tabs": Good(PLAIN, "t.tsv"),
    "spaces around names and cells": Good(
        table(lambda row: f" \u00a0{row % 7}\t", head=" x , y"), kinds={"x": "number"}
    ),
    "a delimiter of two characters": Bad(
        PLAIN, ("cannot delimit", "'::'"), options=("--delimiter", "::")
    ),
    "quotes and line ends in cells": Good(
        table(quoted(lambda row: f'a ""b""\n{row % 3},\r\nc')), kinds={"x": "text"}, features=3
    ),
    "an open quote": Bad(table(odd('"never closed')), ("cannot be split", "line 41")),
    "text behind a quote": Bad(table(odd('"a"b')), ("cannot be split", "line 22")),
    "line ends of old": Good(table(end="\r")),
    "line ends mixed": Good("x,y\r\n" + "\n".join(rows()[:20]) + "\r" + "\r\n".join(rows()[20:])),
    "no line end at the end": Good(PLAIN.rstrip("\n")),
    "empty lines between": Good(
        PLAIN.replace("\n", "\n\n"), notes=("41 empty lines between the rows passed over",)
    ),
    "a delimiter at each end": Good(
        table(head="x,y,").replace("5\n", "5,\n"),
        kinds={"column_3": "empty"},
        notes=("column 3 has no name and is called column_3",),
    ),
    "a row too long": Bad(table(odd("1,2")), ("line 22", "2 fields", "got:      3")),
    "a row too short": Bad(
        PLAIN.replace("2,1.25\n", "2\n", 1), ("line 4", "column 'y'", "no field")
    ),
    "zero bytes": Bad(PLAIN.replace("3,", "\0,"), ("zero byte at character 1", "line 5")),
    # Names.
    "a name twice": Bad(table(head="x,y,x"), ("several columns are called 'x'", "columns 1, 3")),
    "the target twice": Bad("y,x,y\n1,2,3\n", ("several columns are called 'y'", "line 1")),
    "names of spaces": Good(
        "x , y ,  \n" + "".join(f"{row},1\n" for row in rows()),
        notes=("column 3 has no name",),
        kinds={"x": "number", "column_3": "number"},
    ),
    "a name that another column is given": Good(
        "column_2,,y\n" + "".join(f"1,{row}\n" for row in rows()),
        kinds={"column_2_": "number"},
        notes=("is called column_2_",),
    ),
    "names that differ in case": Good(
        "X,x,y\n" + "".join(f"a,{row}\n" for row in rows()), kinds={"X": "text", "x": "number"}
    ),
    "names as Parquet tells them apart": Good(
        parquet('SELECT i % 3 AS "X 1", i % 2 = 0 AS "x""2", i + 0.5 AS y FROM range(40) r(i)'),
        "t.parquet",
        kinds={"X 1": "number", 'x"2': "boolean"},
    ),
    "a long name": Good(table(head="x" * 5000 + ",y"), kinds={"x" * 5000: "number"}),
    "no header": Bad("1,2\n3,4\n5,6\n", ("not column names", "line 1")),
    # Cells.
    "every cell missing": Bad(table(lambda _: ""), ("no column to predict from",)),
    "a column that is all missing": Good(
        table(lambda row: f"{row % 7},", head="x,z,y"), kinds={"z": "empty"}, features=1
    ),
    "words for missing": Good(
        table(lambda row: ("nan", "NA", "null", "", "None", row)[row % 6]),
        missing={"x": 34},
        notes=("27 cells hold 'NA', 'None', 'nan', 'null', read as missing",),
        kinds={"x": "number"},
        features=2,
    ),
    "an infinite number": Bad(table(odd("inf")), ("'x' holds an infinite", "line 22", "'inf'")),
    "a number beyond all others": Bad(
        table(odd("1e300", at=3)),
        ("a number of column 'x' is too large", "t.csv, line 5", "1e+300"),
    ),
    "minus infinity in the target": Bad(PLAIN + "1,-Infinity\n", ("'y' holds an inf", "line 42")),
    "1e400": Bad(table(odd("1e400")), ("infinite", "line 22", "'1e400'")),
    "minus nought": Good(table(lambda row: ("-0", "0", "1")[row % 3]), kinds={"x": "number"}),
    "numbers and one word": Good(
        table(odd("oops")), kinds={"x": "text"}, notes=("'oops' (", "line 22) is not: read as text")
    ),
    "huge whole numbers": Good(
        table(lambda row: 9007199254740993 + row),
        kinds={"x": "number"},
        notes=("'9007199254740993'", "line 2) has more digits than a number keeps"),
    ),
    "huge whole numbers for classes": Bad(
        "x,y\n" + "".join(f"{row},{2**60 + row % 2}\n" for row in range(40)),
        ("cannot be told apart", "put a letter before them"),
        options=("--task", "classification"),
    ),
    "codes with noughts in front": Good(
        table(lambda row: f"0{row % 4}10"), kinds={"x": "text"}, notes=("'0010'", "is a code")
    ),
    "commas between thousands": Good(
        table(quoted(lambda row: f"{1000 * (row + 999):,}")),
        kinds={"x": "number"},
        notes=("commas between thousands, such as '999,000'",),
    ),
    "commas that may be either": Good(
        table(quoted(lambda row: f"{row % 7 + 1},500")),
        kinds={"x": "text"},
        notes=("'1,500'", "line 2) may be", "state the decimal sign"),
    ),
    "commas that may be either, stated": Good(
        table(quoted(lambda row: f"{row % 7 + 1},500")),
        kinds={"x": "number"},
        options=("--decimal", ","),
    ),
    "commas in the target that may be either": Bad(
        "x,y\n" + "".join(f'{row % 7},"{row + 1},500"\n' for row in range(40)),
        ("may mean several things", "'1,500'", "--decimal ,"),
    ),
    "percent signs": Good(
        table(lambda row: f"{row} %"), kinds={"x": "number"}, notes=("percentages, such as '0 %'",)
    ),
    "signs around numbers": Good(
        table(lambda row: f"${row}.50"),
        kinds={"x": "text"},
        notes=("x: numbers with signs around them, '$0.50' (", "line 2): read as text"),
    ),
    "apostrophes between thousands": Good(
        table(lambda row: f"1'{230 + row}"),
        kinds={"x": "text"},
        notes=('x: numbers with signs around them, "1\'230" (', "line 2): read as text"),
    ),
    "days first and months first in one column": Good(
        table(lambda row: ("13/01/2024", "01/13/2024", "02/05/2024")[row % 3]),
        kinds={"x": "text"},
        notes=("'13/01/2024' (", "line 2): read as text"),
    ),
    "words for missing among words": Good(
        table(lambda row: ("NA", "a", "b")[row % 3]),
        kinds={"x": "text"},
        features=3,
        notes=("x: 14 cells hold 'NA', read as words",),
    ),
    "dates in order": Good(
        table(lambda row: f"2023-{row % 12 + 1:02}-{row % 28 + 1:02}"),
        kinds={"x": "date"},
        features=3,
    ),
    "dates with the day first": Good(
        table(lambda row: f"{row % 28 + 1:02}/{row % 12 + 1:02}/{2000 + row % 9}"),
        kinds={"x": "date"},
        notes=("dates, day first, such as '01/01/2000'",),
    ),
    "dates with the day or the month first": Good(
        table(lambda row: f"0{row % 9 + 1}/0{row % 5 + 1}/2024"),
        kinds={"x": "text"},
        notes=("may be dates, day first or dates, month first", "2024-02-29"),
    ),
    "dates that do not exist": Good(
        table(lambda row: "2023-02-30" if row == 20 else f"2023-02-{row % 28 + 1:02}"),
        kinds={"x": "text"},
        notes=("39 of 40 cells are dates, but '2023-02-30'", "line 22)"),
    ),
    "a very long cell": Bad(table(odd("a" * 200_000)), ("more than 131,072", "line 22")),
    "long cells in a long row": Good(
        ",".join(f"c{i}" for i in range(30))
        + ",y\n"
        + "".join(f"{('ab'[row % 2] * 60_000 + ',') * 30}{row}.5\n" for row in range(8)),
        rows=8,
        kinds={"c0": "text", "c29": "text"},
        features=60,
    ),
    "control characters": Good(
        table(lambda row: f"\x1b[3{row % 3}m\x07"), kinds={"x": "text"}, features=3
    ),
    # Targets.
    "the target missing in rows": Bad(
        PLAIN + "1,\n2,NA\n", ("missing in 2 of 42 rows", "line 42", "--drop-missing-target")
    ),
    "the target missing in rows, left out": Good(
        PLAIN + "1,\n2,NA\n", dropped=2, options=("--drop-missing-target",)
    ),
    "the target is dates": Bad(
        "x,y\n" + "".join(f"{row},2024-01-{row + 1:02}\n" for row in range(20)), ("dates",)
    ),
    "a class in each row": Bad(
        "x,y\n" + "".join(f"{row},id{row}\n" for row in range(40)), ("too few rows",)
    ),
    "thousands of classes": Bad(
        "x,y\n" + "".join(f"{row},id{row % 3000}\n" for row in range(6000)),
        ("too many classes", "3,000 classes in 6,000 rows", "identifier"),
    ),
    # Size.
    "many columns": Good(wide(2000), rows=20, kinds={"c1999": "number"}, features=2000),
    "a name for each row": Good(
        "id,x,y\n" + "".join(f"id{row},{row % 7},{row}.5\n" for row in range(MANY)),
        rows=MANY,
        kinds={"id": "text"},
        features=1,
    ),
    # Files that are something else.
    "binary rubbish": Bad(
        bytes(range(256)) * 40, ("not UTF-8", "t.csv, line 2", "ending of the name")
    ),
    "a picture": Bad(b"\x89PNG\r\n\x1a\n" + bytes(500), ("not", "t.csv, line 1")),
    "gzip under a plain name": Bad(gzip.compress(PLAIN.encode()), ("not UTF-8", "line 1")),
    "plain text under gzip's name": Bad(PLAIN, ("damaged or cut off",), "t.csv.gz"),
    "gzip cut off": Bad(gzip.compress(PLAIN.encode())[:-9], ("damaged or cut off",), "t.csv.gz"),
    "gzip of two members": Good(
        gzip.compress(PLAIN.encode()[:100]) + gzip.compress(PLAIN.encode()[100:]), "t.csv.gz"
    ),
    "zstd": Good(lambda path: path.write_bytes(zstd().compress(PLAIN.encode())), "t.csv.zst"),
    "zstd cut off": Bad(
        lambda path: path.write_bytes(zstd().compress(PLAIN.encode())[:-3]),
        ("damaged or cut off",),
        "t.csv.zst",
    ),
    "plain text under zstd's name": Bad(PLAIN, ("damaged or cut off",), "t.jsonl.zst"),
    "Parquet": Good(parquet(NUMBERS), "t.parquet", kinds={"x": "number"}),
    "Parquet cut off": Bad(cut(parquet(NUMBERS), 0.5), ("cannot be read",), "t.parquet"),
    "Parquet without rows": Bad(parquet(NUMBERS + " LIMIT 0"), ("no rows",), "t.parquet"),
    "Parquet with a day without end": Bad(
        parquet(
            "SELECT if(i = 3, 'infinity', '2024-01-01')::DATE AS x, i AS y FROM range(40) r(i)"
        ),
        ("a cell of column 'x' is not a date", "t.parquet, row 4", "'infinity'"),
        "t.parquet",
    ),
    "Parquet of lists": Bad(
        parquet("SELECT [i] AS x, i + 0.5 AS y FROM range(40) r(i)"),
        ("lists", "column 'x'"),
        "t.parquet",
    ),
    "Parquet under the name of a CSV": Bad(parquet(NUMBERS), ("not", "t.csv"), "t.csv"),
    "an Excel file": Bad(b"PK\x03\x04", ("not a table that can be read", ".csv"), "t.xlsx"),
    # JSON lines.
    "JSON lines of many kinds": Good(
        lines({"x": 1, "d": "2024-01-01"}, {"x": 2.5, "b": True}, {"x": None, "d": "2024-03-01"}),
        "t.jsonl",
        kinds={"x": "number", "d": "date", "b": "boolean"},
        missing={"x": 13, "b": 27},
    ),
    "JSON lines with numbers and words": Good(
        lines({"x": 1}, {"x": "one"}),
        "t.jsonl",
        kinds={"x": "text"},
        notes=("x: a number before, a text at", "line 2: read as text"),
    ),
    "JSON lines with keys that differ in case": Good(
        lines({"x": 1, "X": "a"}, {"x": 2, "X": "b"}), "t.ndjson", kinds={"x": "number"}
    ),
    "JSON lines, nested": Bad(
        lines({"x": {"a": [1]}}), ("lists or objects", "line 1, column 'x'"), "t.jsonl"
    ),
    "JSON lines, a key twice": Bad('{"x": 1, "x": 2, "y": 3}\n', ("twice", "'x'"), "t.jsonl"),
    "JSON lines, broken": Bad(
        lines({"x": 1}) + '{"x":\n', ("cannot be read as JSON", "line 41"), "t.jsonl"
    ),
    "JSON lines, a list": Bad("[1, 2]\n", ("one JSON object", "line 1"), "t.jsonl"),
    "JSON lines, infinite": Bad(
        lines({"x": 1}) + '{"x": 1e999, "y": 1}\n', ("infinite", "line 41"), "t.jsonl"
    ),
    "JSON lines, half a character": Bad(
        '{"x": "\\ud800", "y": 1}\n', ("half a character", "line 1, column 'x'"), "t.jsonl"
    ),
    "JSON lines, deep": Bad('{"x":' + "[" * 99_999 + "\n", ("as JSON", "line 1"), "t.jsonl"),
    "JSON lines in utf-16": Good(lines({"x": 1}, {"x": 2}).encode("utf-16"), "t.jsonl"),
    "JSON lines of empty objects": Bad("{}\n{}\n", ("no columns",), "t.jsonl"),
}
