"""The project speaks of itself alone: no path of a machine that it was written on."""

from __future__ import annotations

import re

import pytest

from tests.house.tree import ROOT, files

# A set of one letter matches that letter, and keeps the pattern from matching this file.
FOREIGN = re.compile(r"[/]work/|[/]root/|[/]farm/|[/]tmp/plan|[/]home/[a-z]+/")


def test_no_file_names_a_machine() -> None:
    found = []
    for path in files():
        if b"\0" in (content := path.read_bytes()):
            continue  # binary
        for number, line in enumerate(content.decode("utf-8").splitlines(), start=1):
            if FOREIGN.search(line):
                found.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()[:80]}")
    assert not found, "\n".join(found)


@pytest.mark.parametrize("path", ["work/main", "root/x", "home/someone/x"])
def test_the_pattern_finds_what_it_should(path: str) -> None:
    assert FOREIGN.search(f"see /{path}")
    assert not FOREIGN.search(f"see {path}")
