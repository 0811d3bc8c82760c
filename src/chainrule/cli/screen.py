"""Everything that people see: tables, progress, notes and errors, in one place.

Decisions
---------
a) One stream a run: standard output, or standard error where standard output carries data (JSON,
   predictions). Notes, progress and results then never change places. `predict` says what is odd
   about its rows on standard error always: whoever looks at the file alone must not miss it.
b) Colour adds nothing that words do not say. Without a terminal, or with NO_COLOR, it is gone; a
   live bar becomes one line an epoch.
c) Text from files is never taken for markup, and its control characters are replaced.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.box import Box
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text
from rich.theme import Theme

from chainrule.cli.screen_table import widths_of
from chainrule.cli.words import folded, readable
from chainrule.errors import ChainruleError

__all__ = ["Screen", "show_error"]

_THEME = Theme(
    {
        "head": "dim",
        "name": "cyan",
        "good": "green",
        "note": "yellow",
        "bad": "bold red",
        "faint": "dim",
        "title": "bold",
    }
)
_WIDEST = 100
_INDENT, _PAD = 2, 2
_LABEL = 8
"""Least width of the names of facts, so that the values of all blocks begin in one column."""
_LINE = Box("    \n    \n ── \n    \n    \n    \n    \n    \n")
_LINE_ASCII = Box("    \n    \n -- \n    \n    \n    \n    \n    \n", ascii=True)
_BARS = "▁▂▃▄▅▆▇█"
_BARS_ASCII = "_.-=+*#@"


def _console(stderr: bool) -> Console:
    console = Console(stderr=stderr, theme=_THEME, highlight=False, emoji=False, markup=False)
    if console.width > _WIDEST:
        console.width = _WIDEST
    return console


class Screen:
    """The screen of one run.

    Parameters
    ----------
    data_on_stdout : bool
        Standard output carries data, so people read standard error.
    """

    def __init__(self, data_on_stdout: bool = False) -> None:
        self.console = _console(stderr=data_on_stdout)

    @property
    def live(self) -> bool:
        """Say whether lines can be redrawn."""
        return self.console.is_terminal and not self.console.is_dumb_terminal

    @property
    def plain(self) -> bool:
        """Say whether only ASCII can be shown."""
        return "utf" not in (self.console.encoding or "").lower()

    def json(self, document: Any) -> None:
        """Print a document to standard output."""
        self.data(json.dumps(document, indent=2, allow_nan=False, ensure_ascii=False) + "\n")

    def data(self, text: str) -> None:
        """Write data to standard output, as UTF-8 whatever the terminal can show."""
        self.console.file.flush()
        buffer = getattr(sys.stdout, "buffer", None)
        if buffer is None:
            sys.stdout.write(text)
        else:
            sys.stdout.flush()
            # A name that is not UTF-8 becomes the escape by which JSON spells it.
            buffer.write(text.encode(errors="backslashreplace"))
            buffer.flush()

    def line(self, *parts: str | tuple[str, str]) -> None:
        """Print one line, from plain words and (words, style) pairs."""
        cleaned = [
            readable(part) if isinstance(part, str) else (readable(part[0]), part[1])
            for part in parts
        ]
        self.console.print(Text.assemble("  ", *cleaned), soft_wrap=not self.live)

    def gap(self) -> None:
        """Print an empty line."""
        self.console.print()

    def title(self, name: str, detail: str = "") -> None:
        """Print what the following is about."""
        self.gap()
        self.line((name, "title"), f"  {detail}" if detail else "")
        self.gap()

    def note(self, text: str) -> None:
        """Print something that the reader should know."""
        self._hanging(("note", "note"), text)

    def failure(self, what: str, detail: str) -> None:
        """Print something that went wrong without ending the run."""
        self._hanging(("failed", "bad"), f"{what}  {detail}")

    def done(self, text: str) -> None:
        """Print something that went well."""
        self._hanging(("done", "good"), text)

    def numbered(self, number: int, title: str, detail: str = "") -> None:
        """Print the head of one of several findings."""
        head = self._folded(readable(f"{title}  {detail}".rstrip()), len(f"{number}."))
        head.stylize("title", 0, len(title))
        self._hanging((f"{number}.", ""), head)

    def beneath(self, text: str | tuple[str, str]) -> None:
        """Print words, or (words, style), under the title of a numbered finding.

        Outside a terminal they stay one line, so that logs can be searched.
        """
        words, style = (text, "") if isinstance(text, str) else text
        if not self.live:
            self.line("    ", (words, style))
            return
        shown = self._folded(readable(words), 4)
        shown.stylize(style)
        self._print(Padding(shown, (0, 0, 0, 6), expand=False))

    def _hanging(self, label: tuple[str, str], text: str | Text) -> None:
        grid = Table.grid(padding=(0, 2))
        shown = self._folded(readable(text), len(label[0])) if isinstance(text, str) else text
        grid.add_row(Text(*label), shown)
        self._indented(grid)

    def _folded(self, text: str, label: int) -> Text:
        """Return text for the place beside a label, broken between names and not within them."""
        return Text(folded(text, self.console.width - label - 4), overflow="fold")

    def _indented(self, shown: Any) -> None:
        self._print(Padding(shown, (0, 0, 0, 2), expand=False))

    def _print(self, shown: Any) -> None:
        """Print; outside a terminal no line ends in blanks, so that output can be compared."""
        if self.console.is_terminal:
            self.console.print(shown)
            return
        with self.console.capture() as captured:
            self.console.print(shown)
        lines = captured.get().split("\n")
        self.console.file.write("\n".join(line.rstrip() for line in lines))

    def facts(self, facts: Mapping[str, str]) -> None:
        """Print names and values in two columns."""
        grid = Table.grid(padding=(0, 2))
        grid.add_column(style="faint", no_wrap=True, min_width=_LABEL)
        grid.add_column(overflow="fold")
        label = max([_LABEL, *(len(readable(name)) for name in facts)])
        for name, value in facts.items():
            grid.add_row(readable(name), self._folded(readable(value), label))
        self._indented(grid)

    def table(
        self,
        heads: Sequence[str],
        rows: Iterable[Sequence[str]],
        right: Sequence[int] = (),
        strong: int | None = None,
    ) -> None:
        """Print rows under heads.

        Parameters
        ----------
        heads : names of the columns
        rows : cells, as text
        right : positions of the columns that are aligned to the right
        strong : position of the column that the reader looks at first
        """
        cells = [[readable(cell) for cell in row] for row in rows]
        titles = [readable(head) for head in heads]
        widths = widths_of(titles, cells, right, self.console.width - _INDENT - _PAD)
        if widths is None:
            self._row_by_row(titles, cells, strong)
            return
        table = Table(
            box=_LINE_ASCII if self.plain else _LINE,
            show_edge=False,
            pad_edge=False,
            padding=(0, _PAD, 0, 0),
            header_style="head",
            border_style="faint",
        )
        for position, head in enumerate(titles):
            table.add_column(
                head,
                justify="right" if position in right else "left",
                style="name" if position == 0 else ("title" if position == strong else ""),
                overflow="fold",
                width=widths[position],
            )
        for row in cells:
            table.add_row(*map(Text, row))
        self._indented(table)

    def _row_by_row(
        self, heads: Sequence[str], rows: Sequence[Sequence[str]], strong: int | None
    ) -> None:
        """Print a table that is wider than the screen: a block for each row."""
        for row in rows:
            self.line((row[0], "name"))
            grid = Table.grid(padding=(0, _PAD))
            grid.add_column(style="faint", overflow="fold")
            grid.add_column(overflow="fold")
            for position in range(1, len(heads)):
                value = Text(row[position], "title" if position == strong else "")
                grid.add_row(heads[position], value)
            self._print(Padding(grid, (0, 0, 0, 4), expand=False))

    def command(self, label: str, command: str) -> None:
        """Print a command on one line, however long it is, so that it can be copied."""
        words = Text.assemble("  ", (f"{label:<{_LABEL}}  ", "faint"), readable(command))
        self.console.print(words, soft_wrap=True)

    def members(self, kind: str, members: Mapping[str, str]) -> None:
        """Print the members of a registry with their sentences."""
        self.title(kind, f"{len(members)} of them")
        self.facts(members)

    def curve(self, values: Sequence[float], width: int = 24) -> str:
        """Return numbers as a line of bars, the lowest number the lowest bar."""
        finite = [value for value in values if value == value and abs(value) != float("inf")]
        if len(finite) < 2:
            return ""
        picked = [finite[round(i * (len(finite) - 1) / (width - 1))] for i in range(width)]
        picked = picked if len(finite) > width else finite
        bars = _BARS_ASCII if self.plain else _BARS
        low, span = min(picked), (max(picked) - min(picked)) or 1.0
        return "".join(bars[round((value - low) / span * (len(bars) - 1))] for value in picked)

    def arrow(self) -> str:
        """Return the sign between two layers."""
        return "->" if self.plain else "→"


def show_error(error: ChainruleError) -> None:
    """Print an error to standard error: what, then its answers, aligned."""
    console = _console(stderr=True)
    if not console.is_terminal:  # whole lines, so that logs can be searched
        sys.stderr.write(f"error: {readable(str(error), lines=True)}\n")
        return
    grid = Table.grid(padding=(0, 2))
    grid.add_row(Text("error", "bad"), Text(readable(error.what), "title", overflow="fold"))
    for label, text in error.parts().items():
        if text:
            grid.add_row(Text(label, "faint"), Text(readable(text), overflow="fold"))
    console.print(Padding(grid, (0, 0, 0, 2), expand=False))
