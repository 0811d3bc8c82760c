"""What nasty tables are made of, and what may be expected of them."""

from __future__ import annotations

import importlib
import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb

Content = str | bytes | Callable[[Path], object]


@dataclass(frozen=True)
class Good:
    """A table that is read: rows that are used, kinds of columns, what the notes say."""

    content: Content
    name: str = "t.csv"
    rows: int = 40
    kinds: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    missing: dict[str, int] = field(default_factory=dict)
    features: int | None = None
    dropped: int = 0
    options: tuple[str, ...] = ()
    predicts: bool = True


@dataclass(frozen=True)
class Bad:
    """A table that is refused: pieces of the one message."""

    content: Content
    says: tuple[str, ...]
    name: str = "t.csv"
    options: tuple[str, ...] = ()


def rows(cell: Callable[[int], object] = lambda row: row % 7, count: int = 40) -> list[str]:
    """Return data rows of a column x and a target y."""
    return [f"{cell(row)},{row * 0.5 + 0.25}" for row in range(count)]


def table(
    cell: Callable[[int], object] = lambda row: row % 7,
    count: int = 40,
    head: str = "x,y",
    end: str = "\n",
) -> str:
    """Return a table of a column x and a target y."""
    return end.join([head, *rows(cell, count)]) + end


def quoted(cell: Callable[[int], object]) -> Callable[[int], str]:
    """Put each cell into quotes."""
    return lambda row: f'"{cell(row)}"'


def odd(
    cell: object, at: int = 20, others: Callable[[int], object] = lambda row: row % 7
) -> Callable[[int], object]:
    """Put one odd cell into row `at`, which is line `at + 2`."""
    return lambda row: cell if row == at else others(row)


def zstd() -> Any:
    """Return Python's module for zstd."""
    home = "compression" if sys.version_info >= (3, 14) else "backports"
    return importlib.import_module(f"{home}.zstd")


def parquet(select: str) -> Callable[[Path], object]:
    """Write what a query selects as Parquet."""

    def write(path: Path) -> None:
        with duckdb.connect() as connection:
            connection.execute(f"COPY ({select}) TO '{path}' (FORMAT parquet)")

    return write


def cut(write: Callable[[Path], object], share: float) -> Callable[[Path], object]:
    """Write a file and cut its end off."""

    def written(path: Path) -> None:
        write(path)
        os.truncate(path, int(path.stat().st_size * share))

    return written


def lines(*objects: dict[str, Any], count: int = 40) -> str:
    """Return JSON lines: the objects in turn, with a target."""
    return "".join(
        json.dumps({**objects[row % len(objects)], "y": row * 0.5 + 0.25}) + "\n"
        for row in range(count)
    )


def wide(columns: int) -> str:
    """Return a table of many columns."""
    head = ",".join(f"c{index}" for index in range(columns)) + ",y\n"
    body = (
        ",".join(str((row * 7 + index) % 10) for index in range(columns)) + f",{row + 0.5}\n"
        for row in range(20)
    )
    return head + "".join(body)
