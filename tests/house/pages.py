"""Run the code of a Markdown page, block after block, in the current folder.

Python blocks share one namespace; lines of a console block that call `chainrule` run in between,
so that a later block finds what an earlier one wrote. `python -m tests.house.pages PAGE` does it
in a process of its own, where a page may register new members without leaving them behind.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

FENCE = re.compile(
    r"^```(?P<language>python|console)\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL
)
PROMPT = "$ chainrule "


class Block(NamedTuple):
    """One fenced block: its language, its code, and the line where the code starts."""

    language: str
    code: str
    line: int


def blocks(text: str) -> list[Block]:
    """Return the blocks that run, in order."""
    return [
        Block(found["language"], found["code"], text.count("\n", 0, found.start("code")) + 1)
        for found in FENCE.finditer(text)
    ]


def run_python(page: Path, block: Block, namespace: dict[str, object]) -> None:
    """Execute a block; a traceback shows the page's own line."""
    source = "\n" * (block.line - 1) + block.code
    exec(compile(source, str(page), "exec"), namespace)


def run_console(block: Block) -> None:
    """Run the lines that call chainrule; each must succeed."""
    for line in block.code.splitlines():
        if line.startswith(PROMPT):
            words = shlex.split(line.removeprefix(PROMPT), comments=True)
            subprocess.run([sys.executable, "-m", "chainrule", *words], check=True)


def run_page(page: Path) -> None:
    """Run every block of a page."""
    namespace: dict[str, object] = {"__name__": "__main__"}
    for block in blocks(page.read_text(encoding="utf-8")):
        if block.language == "python":
            run_python(page, block, namespace)
        else:
            run_console(block)


if __name__ == "__main__":
    run_page(Path(sys.argv[1]))
