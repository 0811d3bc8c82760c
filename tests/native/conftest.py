"""Without the compiled engine there is nothing to test but that the reference engine takes over."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from chainrule.engine.native import load_binary

ALWAYS = ("conftest.py", "test_cores.py", "test_interface.py", "test_selection.py")

MISSING = "" if load_binary()[0] is not None else load_binary()[1]
collect_ignore = [
    path.name for path in Path(__file__).parent.glob("*.py") if MISSING and path.name not in ALWAYS
]


def pytest_terminal_summary(terminalreporter: Any) -> None:
    if MISSING:
        terminalreporter.write_line(f"tests/native: only {', '.join(ALWAYS[1:])} ran: {MISSING}")
