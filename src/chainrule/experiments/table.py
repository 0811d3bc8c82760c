"""The table of a sweep: one row for each setting, the best one first."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.experiments.result import Result, setting_text
from chainrule.experiments.statistics import mean_interval
from chainrule.frozen import frozen
from chainrule.storage.document import plain

__all__ = ["TableRow", "summarised"]


@frozen
class TableRow:
    """What the repeats of one setting say together.

    Parameters
    ----------
    settings : mapping of axis to value
    mean, low, high : float
        Mean score on the validation rows and its 95 % interval by Student's t, of the runs that
        have a score; wider where the training rows of the splits overlap.
    deviation : float
    scored, runs : int
        Runs that have a score, and all.
    diverged, failed : int
    test_mean, test_low, test_high : float
        The same on the test rows, which are the same in all repeats: the interval is of other
        training rows and seeds, and not of other test rows.
    epochs : int
        Epochs planned.
    seconds : float
        Mean time of one run.
    """

    settings: Mapping[str, Any]
    mean: float
    low: float
    high: float
    deviation: float
    scored: int
    runs: int
    diverged: int
    failed: int
    test_mean: float
    test_low: float
    test_high: float
    epochs: int
    seconds: float

    @property
    def setting(self) -> str:
        """The settings in words."""
        return setting_text(self.settings)

    def document(self) -> dict[str, Any]:
        """Return the row as JSON values, the axes first."""
        names = [name for name in self.__dataclass_fields__ if name != "settings"]
        return plain({**self.settings, **{name: getattr(self, name) for name in names}})


def summarised(
    results: Sequence[Result], greater_is_better: bool, held: float = 0.0
) -> list[TableRow]:
    """Return one row for each setting: those that trained longest first, then by mean score.

    A setting with runs that diverged or failed stands behind those without, however good the
    rest of its runs is.

    Parameters
    ----------
    results : sequence of Result
    greater_is_better : bool
    held : float
        Held rows over training rows of one split, where splits overlap.

    Example
    -------
    >>> from chainrule.experiments.result import Result
    >>> from chainrule.experiments.table import summarised
    >>> runs = [Result({"a": a}, r, r, r, score=a + r) for a in (1, 2) for r in (0, 1)]
    >>> [(row.settings["a"], row.mean) for row in summarised(runs, greater_is_better=True)]
    [(2, 2.5), (1, 1.5)]
    """
    groups: dict[str, list[Result]] = {}
    for result in results:
        groups.setdefault(_name(result), []).append(result)
    rows = [_row(group, held) for group in groups.values()]
    sign = -1.0 if greater_is_better else 1.0

    def place(row: TableRow) -> tuple[float, ...]:
        score = sign * row.mean if math.isfinite(row.mean) else math.inf
        trained = 0 if "epochs" in row.settings else -row.epochs  # the rungs of halving
        return (trained, row.runs - row.scored, score)

    return sorted(rows, key=place)


def _name(result: Result) -> str:
    return repr(sorted(result.settings.items(), key=lambda entry: entry[0]))


def _row(group: Sequence[Result], held: float) -> TableRow:
    longest = max(result.epochs for result in group)
    group = [result for result in group if result.epochs == longest]
    scores = [result.score for result in group if math.isfinite(result.score)]
    tests = [result.test_score for result in group if math.isfinite(result.test_score)]
    found, tested = mean_interval(scores, held), mean_interval(tests, held)
    return TableRow(
        settings=group[0].settings,
        mean=found.mean,
        low=found.low,
        high=found.high,
        deviation=found.deviation,
        scored=len(scores),
        runs=len(group),
        diverged=sum(result.diverged for result in group),
        failed=sum(result.failed for result in group),
        test_mean=tested.mean,
        test_low=tested.low,
        test_high=tested.high,
        epochs=longest,
        seconds=float(np.mean([result.seconds for result in group])),
    )
