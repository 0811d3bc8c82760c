"""A page of Markdown in which nothing that came from a table becomes markup."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

__all__ = ["bullets", "code_block", "plain", "table"]

_MARKS = re.compile(
    r"[\\`*\[\]<>|~&$]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])|:(?=//)"
    r"|^(?:[#+=-]|\d+[.)])(?=[\s#+=-]|$)"
)
"""What could begin markup: a sign of Markdown or HTML anywhere, others where a line begins."""


def plain(words: str) -> str:
    r"""Return text of one line so that Markdown shows it as it is.

    Example
    -------
    >>> print(plain("<b>|x|"), plain("learning_rate"))
    \<b\>\|x\| learning_rate
    """
    return _MARKS.sub(lambda mark: mark[0][:-1] + "\\" + mark[0][-1], " ".join(words.split()))


def table(
    heads: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[int] = ()
) -> list[str]:
    r"""Return the lines of a table.

    Example
    -------
    >>> print(*table(("metric", "network"), [("r2", "0.8")], right=(1,)), sep="\n")
    | metric | network |
    | --- | ---: |
    | r2 | 0.8 |
    """
    rules = ["---:" if place in right else "---" for place in range(len(heads))]
    lines = [
        [plain(head) for head in heads],
        rules,
        *([plain(cell) for cell in row] for row in rows),
    ]
    return ["| " + " | ".join(cells) + " |" for cells in lines]


def bullets(facts: Mapping[str, str] | Sequence[str]) -> list[str]:
    """Return a list: of sentences, or of names with values.

    Example
    -------
    >>> bullets({"rows": "20"}), bullets(["so it is"])
    (['- **rows**: 20'], ['- so it is'])
    """
    if isinstance(facts, Mapping):
        return [f"- **{plain(name)}**: {plain(value)}" for name, value in facts.items()]
    return [f"- {plain(words)}" for words in facts]


def code_block(text: str, language: str = "") -> list[str]:
    """Return a fenced block; the fence is longer than any within the text."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return [fence + language, *text.rstrip("\n").split("\n"), fence]
