"""The progress of a sweep: a live table and bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import math
import time
from typing import Any

from rich.console import Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from chainrule.cli.outcome import short_name
from chainrule.cli.screen import Screen
from chainrule.cli.sweep_words import spoken
from chainrule.cli.words import amount, count, duration, readable
from chainrule.experiments.result import Result
from chainrule.experiments.table import TableRow, summarised

__all__ = ["SweepProgress", "score_cell"]

_SHOWN = 8
_LINES = 10
"""Lines about the progress where they cannot be redrawn."""
_EVERY = 0.25
"""Least seconds between two drawings of the table."""
_BAR = 24


class SweepProgress:
    """A listener for the results of a sweep; use it as a context manager.

    Parameters
    ----------
    screen : Screen
    score : str
    greater_is_better : bool
    """

    def __init__(self, screen: Screen, score: str, greater_is_better: bool) -> None:
        self.screen = screen
        self.score = score
        self.greater = greater_is_better
        self.results: list[Result] = []
        self.began = self.drawn = time.perf_counter()
        self.made = self.lines = 0
        self.live: Live | None = None
        if screen.live:
            self.live = Live(console=screen.console, transient=True, auto_refresh=False)

    def __enter__(self) -> SweepProgress:
        if self.live is not None:
            self.live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.live is not None:
            self.live.stop()

    def __call__(self, result: Result, done: int, planned: int) -> None:
        """Take one result."""
        self.results.append(result)
        now = time.perf_counter()
        if now - self.began > 0.01 or self.made:  # what the ledger held comes at once
            self.made += 1
        if self.live is None:
            if done * _LINES // planned > self.lines:
                self.lines = done * _LINES // planned
                self.screen.line(self._words(done, planned))
        elif now - self.drawn >= _EVERY or done == planned:
            self.drawn = now
            self.live.update(self._picture(done, planned), refresh=True)

    def _words(self, done: int, planned: int) -> str:
        spent = time.perf_counter() - self.began
        words = [f"{done:,} of {count(planned, 'run')}"]
        best = summarised(self.results, self.greater)[0]
        if math.isfinite(best.mean):
            score = f"{short_name(self.score)} {score_cell(best.mean)}"
            words.append(f"best {score} ({spoken(best.setting)})")
        lost = sum(result.diverged for result in self.results)
        if lost:
            words.append(f"{lost:,} diverged")
        if self.made and done < planned:
            words.append(f"{duration(spent / self.made * (planned - done))} left")
        return "  ".join(words)

    def _picture(self, done: int, planned: int) -> Any:
        rows = summarised(self.results, self.greater)[:_SHOWN]
        table = Table.grid(padding=(0, 2))
        for row in rows:
            table.add_row(*(Text(readable(cell)) for cell in _cells(row)))
        full = round(_BAR * done / planned)
        signs = ("#", ".") if self.screen.plain else ("━", "╌")
        bar = Text.assemble((signs[0] * full, "cyan"), (signs[1] * (_BAR - full), "dim"), "  ")
        return Group(table, Text.assemble("  ", bar, readable(self._words(done, planned))))


def _cells(row: TableRow) -> tuple[str, str, str]:
    return f"  {spoken(row.setting)}", score_cell(row.mean), f"{row.scored}/{row.runs}"


def score_cell(value: float) -> str:
    """Return a score with four digits behind the point, or four significant ones.

    Example
    -------
    >>> from chainrule.cli.sweep_progress import score_cell
    >>> score_cell(0.98765), score_cell(1234.5), score_cell(float("nan"))
    ('0.9877', '1,234', '-')
    """
    if math.isnan(value):
        return "-"
    return f"{value:.4f}" if abs(value) < 10 else amount(value)
