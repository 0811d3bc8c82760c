"""The package and its binary agree on what passes between them, or do not meet."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from chainrule import __version__
from chainrule.engine import native, native_call
from chainrule.engine.compile import program_of
from tests.native.networks import CLOCK, PLANS, rows_of

SOURCES = Path(__file__).parents[2] / "src/chainrule/engine/csrc"
DIGESTS = {2: "01f6cb1b74a3078e"}
"""Of the names and types of each interface, by its number."""
BINARY: Any = native.load_binary()[0]


def asked(start: str) -> list[str]:
    """Return the names that a function of the reader asks for, with their types."""
    text = (SOURCES / "reading.hpp").read_text(encoding="utf-8")
    part = text[text.index(start) : text.index("\n}\n", text.index(start))]
    return re.findall(r'(?:field|begin_of)<[^(]+>\(\w+, "\w+"', part)


def bare(names: list[str]) -> set[str]:
    """Return names without their types."""
    return {name.split('"')[1] for name in names}


def test_a_changed_interface_has_a_new_number() -> None:
    """What is read under which name; a change of meaning is for its author to remember."""
    readers = (
        "NodeInfo read_node",
        "PenaltyInfo read_penalty",
        "Program read_program",
        "read_call",
    )
    found = [name for reader in readers for name in asked(reader)]
    found += re.findall(r'def\("\w+"', (SOURCES / "module.cpp").read_text(encoding="utf-8"))
    assert len(found) > 70
    numbers = re.findall(r"kInterface = (\d+);", (SOURCES / "reading.hpp").read_text("utf-8"))
    assert numbers == [str(native_call.INTERFACE)]
    digest = hashlib.sha256("\n".join(found).encode()).hexdigest()[:16]
    assert DIGESTS[native_call.INTERFACE] == digest, (
        "the interface has changed: raise its number in csrc/reading.hpp and native_call.py, "
        "and note the new digest here"
    )


def test_names_are_written_as_they_are_read() -> None:
    plan = PLANS["norms"]
    rows, order = rows_of(plan, 8, "float32"), np.arange(8)
    call = native_call.Call(plan, np.dtype("float32"), rows, order, 4, CLOCK, 0, False)
    assert bare(asked("read_call")) | {"own_loss"} == set(call.fields)
    program = program_of(plan, 0, called_back=False)
    inner = {name for part in ("tensors", "parameters") for name in program[part][0]}
    assert bare(asked("Program read_program")) == set(program) | inner
    assert bare(asked("NodeInfo read_node")) == set(program["nodes"][0])


@pytest.fixture
def searched_anew() -> Iterator[None]:
    """Look for the binary again, now and afterwards."""
    native.load_binary.cache_clear()
    yield
    native.load_binary.cache_clear()


OTHERS = {
    "an empty version": ({"VERSION": "", "INTERFACE": 2}, "unknown with interface 2"),
    "another version": ({"VERSION": "0.0.9", "INTERFACE": 2}, "0.0.9 with interface 2"),
    "built before": ({"VERSION": __version__, "INTERFACE": 1}, f"{__version__} with interface 1"),
    "without a number": ({"VERSION": __version__}, f"{__version__} with interface 1"),
    "something else": ({}, "unknown with interface 1"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_another_binary_is_refused(
    searched_anew: None, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    told, said = OTHERS[name]
    binary = SimpleNamespace(**told)
    monkeypatch.setattr("chainrule.engine._engine", binary, raising=False)
    monkeypatch.setitem(sys.modules, "chainrule.engine._engine", binary)
    found, reason = native.load_binary()
    assert found is None
    assert reason == (
        f"the compiled engine is of version {said}, the package of {__version__} "
        f"with interface {native_call.INTERFACE}; reinstall chainrule"
    )


SUB_INTERPRETER = """
import _xxsubinterpreters as interpreters

interpreters.run_string(interpreters.create(), '''
from importlib.util import module_from_spec, spec_from_file_location

spec = spec_from_file_location("_engine", {path!r})
try:
    spec.loader.exec_module(module_from_spec(spec))
except ImportError as error:
    print("refused:", error)
''')
"""

if BINARY is not None:

    def test_this_binary_fits() -> None:
        assert __version__ == BINARY.VERSION
        assert BINARY.INTERFACE == native_call.INTERFACE

    if sys.version_info < (3, 13):  # where the module has this name

        def test_a_sub_interpreter_is_refused() -> None:
            """The lock that the engine asks for, and the end that it waits for, are not its own."""
            program = SUB_INTERPRETER.format(path=BINARY.__file__)
            command = [sys.executable, "-W", "ignore", "-c", program]
            ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
            assert (ran.returncode, ran.stderr) == (0, "")
            assert re.match("refused: .*interpreter", ran.stdout)
