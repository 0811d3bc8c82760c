"""`import chainrule` is light: NumPy and the standard library, nothing more."""

from __future__ import annotations

import ast
import re
import subprocess
import sys

from tests.house.tree import ROOT

NEW_MODULES = """
import sys
before = set(sys.modules)
import chainrule
print(*sorted(set(sys.modules) - before))
"""


def loaded(program: str) -> set[str]:
    """Return the top-level packages that a fresh interpreter loads for a program."""
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return {name.partition(".")[0] for name in result.stdout.split()}


def test_import_loads_nothing_above_numpy() -> None:
    foreign = loaded(NEW_MODULES) - set(sys.stdlib_module_names) - {"chainrule", "numpy"}
    # Modules that NumPy or the interpreter make up have a leading underscore.
    assert {name for name in foreign if not name.startswith("_")} == set()


def test_import_is_silent() -> None:
    program = [sys.executable, "-W", "error", "-c", "import chainrule"]
    result = subprocess.run(program, capture_output=True, text=True, check=True)
    assert (result.stdout, result.stderr) == ("", "")


def test_only_one_module_knows_the_binary() -> None:
    package = ROOT / "src/chainrule"
    knowing = [
        path.relative_to(package).as_posix()
        for path in package.rglob("*.py")
        if re.search(r"\b_engine\b", path.read_text(encoding="utf-8"))
    ]
    assert set(knowing) <= {"engine/native.py"}


class _OfClick(ast.NodeVisitor):
    """Finds `click.Choice[str]` and the like, where they are run."""

    def __init__(self) -> None:
        self.lines: list[int] = []

    def visit_If(self, node: ast.If) -> None:
        typed = isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
        for child in node.orelse if typed else [node.test, *node.body, *node.orelse]:
            self.visit(child)

    def visit_Subscript(self, node: ast.Subscript) -> None:
        of = node.value
        if isinstance(of, ast.Attribute) and isinstance(of.value, ast.Name):
            self.lines += [node.lineno] * (of.value.id == "click")
        self.generic_visit(node)


def test_classes_of_click_take_no_type_arguments() -> None:
    """Those of the oldest version that is allowed cannot."""
    found = {}
    for path in (ROOT / "src/chainrule/cli").glob("*.py"):
        finder = _OfClick()
        finder.visit(ast.parse(path.read_text(encoding="utf-8")))
        found[path.name] = finder.lines
    assert {name: lines for name, lines in found.items() if lines} == {}
    assert "trace.py" in found
