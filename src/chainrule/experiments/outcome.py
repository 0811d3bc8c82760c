"""What a sweep found: its runs, and the table of its settings."""

from __future__ import annotations

import csv
import io
import math
import os
from collections.abc import Mapping
from dataclasses import field
from typing import Any

from chainrule.errors import FileFormatError, UsageError
from chainrule.experiments.ledger import read_ledger
from chainrule.experiments.result import Result
from chainrule.experiments.table import TableRow, summarised
from chainrule.frozen import frozen

__all__ = ["Sweep", "load_sweep"]


@frozen
class Sweep:
    """What a sweep found.

    Parameters
    ----------
    rows : list of Result
        Every finished run, in the order of the settings and their splits.
    score : str
        Name of the metric that settings are compared by, or "loss".
    greater_is_better : bool
    axes : mapping of name to labels
    held : float
        Held rows over training rows of a split, for tests that correct for it; 0 where the
        validation rows were given.
    stop_reason : str
        "finished" or "interrupted".
    found : int
        Runs that the ledger held already.
    notes : tuple of str
        What was odd about the ledger.
    """

    rows: list[Result] = field(repr=False)
    score: str
    greater_is_better: bool
    axes: Mapping[str, Any]
    held: float = 0.0
    stop_reason: str = "finished"
    found: int = 0
    notes: tuple[str, ...] = ()

    def table(self) -> list[TableRow]:
        """Return one row for each setting: mean score, interval, runs, divergences; best first."""
        return summarised(self.rows, self.greater_is_better, self.held)

    @property
    def best(self) -> TableRow:
        """The first row of the table.

        Raises
        ------
        UsageError
            No run is finished.
        """
        if not self.rows:
            raise UsageError("no run of the sweep is finished, so none is the best")
        return self.table()[0]

    def also_best(self) -> list[TableRow]:
        """Return the rows of the table that are as good as the first: as its mean, theirs."""
        best, *others = self.table()
        lost = best.runs - best.scored
        return [
            row
            for row in others
            if row.epochs == best.epochs
            and row.runs - row.scored == lost
            and math.isclose(row.mean, best.mean, rel_tol=1e-12)
        ]

    def results_of(self, settings: Mapping[str, Any]) -> list[Result]:
        """Return the runs of a setting (as `TableRow.settings` says it), by split."""
        return [result for result in self.rows if dict(result.settings) == dict(settings)]

    def to_csv_text(self) -> str:
        """Return the table as CSV; a number that is not defined is an empty cell."""
        documents = [row.document() for row in self.table()]
        text = io.StringIO()
        writer = csv.DictWriter(text, list(documents[0]) if documents else [], lineterminator="\n")
        writer.writeheader()
        writer.writerows(documents)
        return text.getvalue()

    def document(self) -> dict[str, Any]:
        """Return the table and what it is of, as JSON values."""
        return {
            "score": self.score,
            "greater_is_better": self.greater_is_better,
            "axes": dict(self.axes),
            "stop_reason": self.stop_reason,
            "runs": len(self.rows),
            "runs_from_ledger": self.found,
            "diverged": sum(result.diverged for result in self.rows),
            "failed": sum(result.failed for result in self.rows),
            "notes": list(self.notes),
            "table": [row.document() for row in self.table()],
        }


def load_sweep(path: str | os.PathLike[str]) -> Sweep:
    """Return what the ledger of a sweep holds, finished or not.

    Raises
    ------
    FileFormatError
        The file is missing, damaged, or no ledger.

    Example
    -------
    >>> from chainrule.experiments import load_sweep
    >>> load_sweep("no-such-runs.jsonl")
    Traceback (most recent call last):
    chainrule.errors.FileFormatError: the ledger cannot be read
      where:    no-such-runs.jsonl
      got:      No such file or directory
    """
    head, results = read_ledger(path)
    latest = {result.key: result for result in results}
    rows = sorted(latest.values(), key=lambda result: (result.setting, result.split))
    try:
        return Sweep(
            rows,
            str(head["score"]),
            bool(head["greater_is_better"]),
            dict(head.get("axes") or head.get("space") or {}),
            float(head["held"]),
            found=len(rows),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise FileFormatError(
            "the ledger does not say which sweep it is of",
            where=str(path),
            got=f"{type(error).__name__}: {error}",
        ) from None
