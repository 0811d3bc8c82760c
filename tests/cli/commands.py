"""Running the command line inside the tests, and small tables to run it on."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from chainrule.cli.main import main


@dataclass(frozen=True)
class Result:
    """What a command left behind."""

    code: int
    out: str
    err: str

    def document(self) -> Any:
        """Return standard output as one JSON document."""
        return json.loads(self.out)


class Commands:
    """Runs commands in a folder of their own."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self.capsys = capsys

    def run(self, *words: object) -> Result:
        """Run one command line."""
        self.capsys.readouterr()
        code = main([str(word) for word in words])
        captured = self.capsys.readouterr()
        assert "Traceback" not in captured.out + captured.err
        return Result(code, captured.out, captured.err)

    def write(self, name: str, content: str | bytes) -> Path:
        """Write a file."""
        path = self.folder / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def files(self) -> set[str]:
        """Return the names of all files, hidden ones too."""
        return {path.name for path in self.folder.iterdir()}


def homes(rows: int = 60) -> str:
    """Return a table of numbers, truth values, dates and words, with a gap in each kind."""
    lines = ["rooms,garden,built,town,price"]
    towns = ("Ghent", "Bruges", "", "Aalst")
    for row in range(rows):
        rooms = "" if row % 13 == 5 else str(1 + row % 6)
        garden = ("true", "false", "")[row % 3]
        built = "" if row % 17 == 3 else f"{1950 + row % 60}-0{1 + row % 9}-15"
        price = 100 + 30 * (row % 6) + 20 * (row % 3 == 0) + 0.5 * (row % 7)
        lines.append(f"{rooms},{garden},{built},{towns[row % 4]},{price}")
    return "\n".join(lines) + "\n"


def kinds(rows: int = 90) -> str:
    """Return a table with three classes that two numbers tell apart."""
    lines = ["width;length;kind"]
    for row in range(rows):
        kind = row % 3
        lines.append(f"{kind + row % 5 / 10};{5 - kind + row % 7 / 10};{'abc'[kind]}")
    return "\n".join(lines) + "\n"
