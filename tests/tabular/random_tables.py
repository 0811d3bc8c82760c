"""Text tables as chance makes them: any dialect, any cells, some of them broken."""

from __future__ import annotations

import gzip
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from chainrule.tabular import Dialect
from chainrule.tabular.forms import WAYS
from chainrule.tabular.reading import Reading
from chainrule.tabular.table import KINDS

__all__ = ["ENDLESS", "ODD", "WORDS", "RandomTable", "random_table"]

WORDS = ("na", "NA", "n/a", "#N/A", "nan", "NaN", "null", "None", "?", "NULL", "-", "nil")
ODD = (
    *(
        "1_000",
        "0x1F",
        "--1",
        "+-1",
        "+-.5",
        "-+2",
        "1e",
        "e5",
        ".",
        "-",
        "12 3",
        "\u0663",
        "1.2.3",
    ),
    *("inf", "-Infinity", "+inf", "1e400", "-1e999", "nan(1)", "1e-400", "5e-324", "0e999999999"),
    *("9007199254740993", "-9007199254740993", "9" * 25, "1" * 308, "9" * 400, "0" * 30 + "1"),
    *("007", "010", "00", "-007", "+00.5", "0.", "-.0", "1.e3", "1d3", "1f", "1e+05", "1E-05"),
    *("2024-02-30", "0000-01-01", "2024-01-01 24:00:00", "2024-01-01T10:00", "9999-12-31"),
    *("10000-01-01", "2024-01-01 10:00:00+01:00", "2024-01-01T10:00:00Z", "2024-1-1", "2024-01"),
    *("2024-02-29 23:59:60", "2024-02-29 23:59:59.1234567", "infinity", "epoch", "today"),
    *("$5", "12 %", "3%", "3,5", "1.234,5", "1,234", "1,234,567", "1 000", "1'234", "1.234"),
    *("31.12.2024", "12/31/2024", "01/02/2024", "2024/01/02", "true", "False", "TRUE", "t", "yes"),
    *(" 5", "5 ", "\u00a05", "5\u00a0", "\t7", "\ufeff1", "\u200b1", "\u202f2", "1\x1f", "\x1f1"),
    *(
        "x y",
        "\u00e9",
        "a\nb",
        "a\r\nb",
        "a,b",
        "a;b",
        'q"q',
        '"',
        "'",
        "",
        "",
        "  ",
        "\x1b",
        "\x85",
    ),
)

ENDLESS = ("inf", "-Infinity", "+inf", "infinity", "1e400", "-1e999", "9" * 400)
"""Those of them that are numbers without end."""


@dataclass(frozen=True)
class RandomTable:
    """A file's content, how it is read, and the cells that it was made from."""

    name: str
    content: bytes
    dialect: Dialect
    expected: dict[str, Any] | None
    cells: tuple[tuple[str, ...], ...] | None
    """Of the rows; None if the table was changed, or its encoding lacks some of the signs."""
    changes: str


def _number(draw: random.Random) -> str:
    ways: list[Callable[[], str]] = [
        lambda: str(draw.randrange(-50, 1000)),
        lambda: f"{draw.uniform(-5, 5):.4f}",
        lambda: f"{draw.uniform(-5, 5):.3e}",
        lambda: repr(draw.uniform(-1, 1) * 10 ** draw.randrange(-300, 300)),
        lambda: f"{draw.random():.{draw.randrange(15, 40)}f}",
        lambda: str(draw.randrange(10 ** draw.randrange(1, 16))),
        lambda: draw.choice(["0", "-0", "+7", ".5", "7.", "-.25", "1E5", "1e+3", "0.1", "-0.0"]),
    ]
    return draw.choice(ways)()


def _date(draw: random.Random) -> str:
    return f"{draw.randrange(1, 3000):04}-{draw.randrange(1, 13):02}-{draw.randrange(1, 29):02}"


def _time(draw: random.Random) -> str:
    return f"{draw.randrange(24):02}:{draw.randrange(60):02}:{draw.randrange(60):02}"


def _column(draw: random.Random) -> Callable[[int], str]:
    """Return what makes the cell of each row of a column."""
    pick, most = draw.choice, draw.random() < 0.5
    kinds: list[Callable[[int], str]] = [
        lambda _: _number(draw),
        lambda _: pick(["", _number(draw)]),
        lambda _: pick((*WORDS, "")) if draw.random() < 0.2 else _number(draw),
        lambda _: str(draw.randrange(0, 2)),
        lambda _: _date(draw),
        lambda _: _date(draw) + pick([" ", "T"]) + _time(draw),
        lambda _: pick(["", _date(draw), *(() if most else WORDS[:3])]),
        lambda _: pick(["red", "green", "", "blue sky", " \u00e9 "]),
        lambda row: f"id{row}",
        lambda _: pick(["true", "false", "True", ""]),
        lambda _: "" if most else pick(WORDS),
        lambda _: f"{draw.randrange(100):03}",
        lambda _: " " * draw.randrange(3) + _number(draw) + " " * draw.randrange(2),
        lambda _: f"{draw.randrange(1000)},{draw.randrange(100):02}",
        lambda _: f"{draw.randrange(1, 999)},{draw.randrange(1000):03}",
        lambda _: f"{draw.randrange(1, 29):02}.{draw.randrange(1, 13):02}.2024",
        lambda _: f"{_number(draw)}%",
        lambda _: pick(ODD),
    ]
    return pick(kinds)


def _written(cell: str, draw: random.Random, delimiter: str, quote: str, way: str) -> str:
    needed = any(sign in cell for sign in (delimiter, quote, "\r", "\n"))
    if way == "all" or needed or (way == "some" and draw.random() < 0.3):
        return quote + cell.replace(quote, quote * 2) + quote
    return cell


def _change(text: str, draw: random.Random, end: str, delimiter: str) -> tuple[str, str]:
    """Change a text in a way that may break it, and return what was done."""
    at = draw.randrange(len(text))
    lines = text.split(end)
    line = draw.randrange(len(lines))
    sign = draw.choice(',;"\n\r x\0\u00e9' + delimiter)
    changes: dict[str, Callable[[], str]] = {
        "an empty line": lambda: end.join([*lines[:line], "", *lines[line:]]),
        "a line of blanks": lambda: end.join([*lines[:line], "  ", *lines[line:]]),
        "no last line end": lambda: text.rstrip("\r\n"),
        "line ends at the end": lambda: text + end * 2,
        "another sign": lambda: text[:at] + sign + text[at + 1 :],
        "a sign more": lambda: text[:at] + sign + text[at:],
        "cut off": lambda: text[:at],
        "delimiters at the ends": lambda: text.replace(end, delimiter + end),
        "a field more": lambda: end.join(
            [*lines[:line], lines[line] + delimiter, *lines[line + 1 :]]
        ),
        "a line twice": lambda: end.join([*lines[:line], lines[line], *lines[line:]]),
        "line ends of two kinds": lambda: text.replace(
            end, draw.choice(["\n", "\r\n", "\r"]), line
        ),
        "Excel's line": lambda: f"sep={delimiter}{end}{text}",
        "a mark": lambda: "\ufeff" + text,
        "two marks": lambda: "\ufeff\ufeff" + text,
    }
    what = draw.choice(list(changes))
    return changes[what](), what


def _header(draw: random.Random, width: int) -> list[str]:
    names = [f"c{place}" for place in range(width)]
    if draw.random() < 0.2:
        odd = ["", " a ", "c0", "1", "x\ny", 'q"', "\u00e9", "y", "1.5", "nan", "a,b"]
        names[draw.randrange(width)] = draw.choice(odd)
    return names


def _dialect(draw: random.Random, delimiter: str, quote: str, encoding: str) -> Dialect:
    known = delimiter in ",;\t|" and draw.random() < 0.7
    ways = {f"c{place}": draw.choice(WAYS).name for place in range(3)}
    guess = Reading(delimiter, "utf-8", draw.choice([None, ",", "."]), ways)
    return Dialect(
        None if known else delimiter,
        encoding if encoding in ("latin-1", "cp1252", "utf-16-le") else None,
        draw.choice([None, None, None, ",", "."]),
        quote,
        guess if draw.random() < 0.2 else None,
    )


def random_table(seed: int) -> RandomTable:
    """Return the table that belongs to a seed."""
    draw = random.Random(seed)
    width, rows = draw.choice([1, 2, 3, 4, 6, 8]), draw.choice([1, 3, 20, 20, 60])
    columns = [_column(draw) for _ in range(width)]
    cells = [[column(row) for column in columns] for row in range(rows)]
    for _ in range(draw.choice([0, 0, 1, 2])):
        cells[draw.randrange(rows)][draw.randrange(width)] = draw.choice(ODD + WORDS)
    delimiter, end = draw.choice(",,,;\t|~ "), draw.choice(["\n"] * 5 + ["\r\n"] * 3 + ["\r"])
    quote = draw.choice('"' * 9 + "'")
    way = draw.choice(["few", "few", "some", "all"])
    lines = [_header(draw, width), *cells]
    written = [[_written(cell, draw, delimiter, quote, way) for cell in line] for line in lines]
    text = end.join(delimiter.join(line) for line in written) + end
    broken: list[str] = []
    for _ in range(draw.choice([0, 0, 0, 1, 1, 2])):
        text, what = _change(text or end, draw, end, delimiter)
        broken.append(what)
    encoding = draw.choice(
        ["utf-8"] * 7 + ["utf-8-sig", "utf-16", "latin-1", "cp1252", "utf-16-le"]
    )
    content = text.encode(encoding, errors="replace")
    expected: dict[str, Any] | None = None
    if draw.random() < 0.25:
        named = draw.sample(range(width), draw.randrange(1, width + 1))
        expected = {f"c{place}": draw.choice(KINDS[:4]) for place in named}
    dialect = _dialect(draw, delimiter, quote, encoding)
    packed = draw.random() < 0.1
    name = "t.csv.gz" if packed else draw.choice(["t.csv", "t.csv", "t.csv", "t.tsv"])
    content = gzip.compress(content) if packed else content
    lossy = encoding in ("latin-1", "cp1252") or lines[0] == [""]  # an empty line is no header
    known = None if broken or lossy else tuple(map(tuple, cells))
    return RandomTable(name, content, dialect, expected, known, ", ".join(broken))
