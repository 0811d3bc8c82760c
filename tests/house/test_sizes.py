"""Files have at most 400 lines, functions at most 40."""

from __future__ import annotations

import ast
from pathlib import Path

from tests.house.tree import ROOT, files

LONGEST_FILE = 400
LONGEST_FUNCTION = 40
SUFFIXES = (".py", ".pyi", ".cpp", ".hpp", ".h", ".js")


def sources(*suffixes: str) -> list[Path]:
    """Return the source files with one of the suffixes."""
    top = {"src", "tests", "benchmarks", "tools", "docs"}
    return [
        path
        for path in files()
        if path.suffix in suffixes and path.relative_to(ROOT).parts[0] in top
    ]


def body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Count the lines of a function's body, without its docstring."""
    body = function.body
    if ast.get_docstring(function, clean=False) is not None:
        body = body[1:]
    if not body:
        return 0
    return (body[-1].end_lineno or body[-1].lineno) - body[0].lineno + 1


def long_functions(source: str) -> list[tuple[int, str, int]]:
    """Return line, name and length of each function that is too long."""
    return [
        (node.lineno, node.name, body_lines(node))
        for node in ast.walk(ast.parse(source))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        and body_lines(node) > LONGEST_FUNCTION
    ]


def test_files_are_short() -> None:
    counts = {path: path.read_bytes().count(b"\n") for path in sources(*SUFFIXES)}
    long = [
        f"{path.relative_to(ROOT)}: {n}" for path, n in sorted(counts.items()) if n > LONGEST_FILE
    ]
    assert counts
    assert not long, f"files over {LONGEST_FILE} lines:\n" + "\n".join(long)


def test_functions_are_short() -> None:
    long = [
        f"{path.relative_to(ROOT)}:{line} {name}: {length}"
        for path in sources(".py")
        for line, name, length in long_functions(path.read_text(encoding="utf-8"))
    ]
    assert not long, f"functions over {LONGEST_FUNCTION} lines:\n" + "\n".join(long)


def test_a_docstring_does_not_count() -> None:
    body = "    x = 1\n" * LONGEST_FUNCTION
    docstring = '    """One.\n\n    Two.\n    """\n'
    assert long_functions(f"def fine():\n{docstring}{body}") == []
    assert long_functions(f"def long():\n{body}    x = 2\n") == [(1, "long", LONGEST_FUNCTION + 1)]
