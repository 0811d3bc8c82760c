"""The errata and the table of the notes name tests and members that are there."""

from __future__ import annotations

import ast
import importlib
import re
from pathlib import Path

import pytest

import chainrule as cr
from chainrule import nn

ROOT = Path(__file__).resolve().parents[2]
ERRATA = (ROOT / "docs/errata.md").read_text(encoding="utf-8")
COVERAGE = (ROOT / "docs/notes-coverage.md").read_text(encoding="utf-8")


def named_in(path: str) -> set[str]:
    """Return the names of a file's tests."""
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    functions = [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]
    return {name for name in functions if name.startswith("test_")}


def sections(page: str) -> list[str]:
    """Return the text of each section of the second level."""
    return re.split(r"^## ", page, flags=re.MULTILINE)[1:]


@pytest.mark.parametrize("page", [ERRATA, COVERAGE], ids=["errata", "coverage"])
def test_tests_that_are_named_with_a_path_exist(page: str) -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", page)
    assert named
    missing = [f"{path}::{name}" for path, name in named if name and name not in named_in(path)]
    assert missing == []
    assert all((ROOT / path).is_file() for path, _ in named)


def test_tests_that_are_named_without_a_path_are_in_the_file_of_the_section() -> None:
    for section in sections(COVERAGE):
        stated = re.search(r"^Tests: `([\w/.]+)`", section, flags=re.MULTILINE)
        if stated is not None:
            named = set(re.findall(r"`(test_\w+)`", section))
            assert named
            assert named - named_in(stated[1]) == set()


def test_every_golden_test_of_a_note_is_in_the_table() -> None:
    for note in range(5):
        path = f"tests/goldens/test_note_00{note}.py"
        assert {name for name in named_in(path) if f"{name}`" not in COVERAGE} == set()


def test_each_section_of_the_errata_has_code_and_a_proof_among_the_tests_of_errata() -> None:
    numbered = [section for section in sections(ERRATA) if section[0].isdigit()]
    assert [int(section.partition(".")[0]) for section in numbered] == list(range(1, 12))
    proofs = set()
    for section in numbered:
        assert "```python\n" in section
        found = re.findall(r"`tests/goldens/test_errata\.py::(\w+)`", section)
        assert found, section[:40]
        proofs.update(found)
    assert named_in("tests/goldens/test_errata.py") == proofs


@pytest.mark.parametrize("page", [ERRATA, COVERAGE], ids=["errata", "coverage"])
def test_members_that_are_named_exist(page: str) -> None:
    prose = re.sub(r"^```.*?^```$", "", page, flags=re.MULTILINE | re.DOTALL)
    for space, name in re.findall(r"`(nn|cr)\.(\w+)", prose):
        assert hasattr({"nn": nn, "cr": cr}[space], name), name
    for module, name in re.findall(r"`(chainrule(?:\.[a-z]\w*)*)\.(\w+)`", prose):
        assert hasattr(importlib.import_module(module), name), f"{module}.{name}"
