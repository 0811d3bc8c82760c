"""What is public is declared, documented, and shown by an example."""

from __future__ import annotations

import inspect
import re
from importlib import metadata
from types import ModuleType

import pytest

import chainrule
from tools import public_api

MODULES = public_api.public_modules()
RECORDS = list(public_api.records())


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_all_names_what_is_there(module: ModuleType) -> None:
    assert public_api.misdeclared(module) == []


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_everything_public_has_a_docstring(module: ModuleType) -> None:
    assert public_api.undocumented(module) == []


@pytest.mark.parametrize(("kind", "record"), RECORDS, ids=lambda value: getattr(value, "name", ""))
def test_a_record_has_an_example(kind: str, record: type) -> None:
    text = inspect.getdoc(record) or ""
    assert re.search(r"^Examples?\n-{7,8}\n", text, flags=re.MULTILINE), "no section Example"
    assert ">>> " in text


def test_there_are_records() -> None:
    assert RECORDS


def test_the_version_is_stated_once() -> None:
    assert metadata.version("chainrule") == chainrule.__version__
