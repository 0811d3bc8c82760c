"""What the comparison of methods found, in sentences made from its own numbers."""

from __future__ import annotations

import numpy as np

from chainrule.experiments.methods import METHODS, Fit, Methods
from chainrule.experiments.statistics import Interval, corrected_t, paired_differences
from chainrule.frozen import frozen

__all__ = [
    "NOTE",
    "Summary",
    "conclusions",
    "difference",
    "duration",
    "enough",
    "mean",
    "summaries",
]

NOTE = {
    "training time": ("seconds", "minutes", "hours or days"),
    "data required": ("small to medium", "small to medium", "large (thousands)"),
    "overfitting risk": ("low", "medium", "high"),
}
"""What the note's table says of each of `METHODS`."""
NEAR = 0.02
"""An accuracy within two points of a method's best counts as having enough rows."""


@frozen
class Summary:
    """One method on one table, on all training rows.

    Parameters
    ----------
    table, method : str
    rows : int
    seconds, train_accuracy, test_accuracy : float
        Means over the repeats.
    enough : int
        The fewest training rows with an accuracy within two points of the best.
    """

    table: str
    method: str
    rows: int
    seconds: float
    train_accuracy: float
    test_accuracy: float
    enough: int

    @property
    def gap(self) -> float:
        """Accuracy on the training rows less that on the test rows."""
        return self.train_accuracy - self.test_accuracy


def mean(fits: list[Fit], name: str) -> float:
    """Return the mean of a field over fits."""
    return float(np.mean([getattr(fit, name) for fit in fits]))


def enough(found: Methods, table: str, method: str) -> int:
    """Return the fewest rows within two points of a method's best mean test accuracy."""
    sizes = found.sizes(table)
    scores = [mean(found.of(table, method, size), "test_accuracy") for size in sizes]
    return next(
        size for size, score in zip(sizes, scores, strict=True) if score >= max(scores) - NEAR
    )


def summaries(found: Methods) -> list[Summary]:
    """Return every method on every table."""
    rows: list[Summary] = []
    for data in found.tables:
        most = found.sizes(data.name)[-1]
        for method in METHODS:
            fits = found.of(data.name, method, most)
            needed = enough(found, data.name, method)
            rows.append(
                Summary(
                    data.name,
                    method,
                    most,
                    mean(fits, "seconds"),
                    mean(fits, "train_accuracy"),
                    mean(fits, "test_accuracy"),
                    needed,
                )
            )
    return rows


def difference(found: Methods, table: str, one: str, other: str) -> Interval:
    """Return the mean difference of two methods' test accuracies over the same splits."""
    most = found.sizes(table)[-1]
    scores = [
        {fit.repeat: fit.test_accuracy for fit in found.of(table, method, most)}
        for method in (one, other)
    ]
    first, second = ([side[repeat] for repeat in sorted(scores[0])] for side in scores)
    differences = paired_differences(first, second)
    return corrected_t(differences, found.test_share / (1 - found.test_share))


def conclusions(found: Methods) -> list[str]:
    """Return what was found: accuracy, time, data and overfitting, beside what the note says."""
    rows = summaries(found)
    return [_accuracy(found, rows), _time(rows), _data(found, rows), _overfitting(rows)]


def _accuracy(found: Methods, rows: list[Summary]) -> str:
    words: list[str] = []
    for data in found.tables:
        here = [row for row in rows if row.table == data.name]
        best, second, *_ = sorted(here, key=lambda row: -row.test_accuracy)
        apart = difference(found, data.name, best.method, second.method)
        sure = apart.low > 0
        how = f"{best.method} {100 * best.test_accuracy:.1f} %"
        than = f"{second.method} {100 * second.test_accuracy:.1f} %"
        words.append(
            f"{data.name}: {how} before {than}" + ("" if sure else " (no difference to rely on)")
        )
    return "Accuracy on all training rows. " + "; ".join(words) + "."


def _time(rows: list[Summary]) -> str:
    slowest = max((row for row in rows if row.method == "network"), key=lambda row: row.seconds)
    ratios = {
        method: slowest.seconds
        / next(r.seconds for r in rows if (r.table, r.method) == (slowest.table, method))
        for method in METHODS[:2]
    }
    return (
        "Training time. The note expects seconds for naive Bayes, minutes for trees, and hours or "
        f"days for networks. The slowest network took {duration(slowest.seconds)} of processor "
        f"time, for {slowest.rows:,} rows of {slowest.table}: {ratios['decision tree']:.2g} times "
        f"the tree and {ratios['naive Bayes']:.2g} times naive Bayes."
    )


def _data(found: Methods, rows: list[Summary]) -> str:
    needed = {method: [row.enough for row in rows if row.method == method] for method in METHODS}
    shares = {
        method: float(np.median([row.enough / row.rows for row in rows if row.method == method]))
        for method in METHODS
    }
    most = max(METHODS, key=lambda method: shares[method])
    ahead = [text for data in found.tables if (text := _ahead(found, data.name))]
    listed = ", ".join(f"{method} {_span(needed[method])}" for method in METHODS)
    return (
        "Data needed, as the rows that bring a method within two points of its own best: "
        f"{listed}. In shares of the table, {most} asks for most. The note expects the network to "
        "need thousands" + ("; it leads " + ", ".join(ahead) if ahead else "") + "."
    )


def _span(numbers: list[int]) -> str:
    low, high = min(numbers), max(numbers)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def _ahead(found: Methods, table: str) -> str:
    """Return from how many rows on the network has the best mean accuracy, if from any."""
    first = None
    for size in reversed(found.sizes(table)):
        scores = {
            method: mean(found.of(table, method, size), "test_accuracy") for method in METHODS
        }
        if scores["network"] < max(scores.values()):
            break
        first = size
    if first is None:
        return ""
    most = found.sizes(table)[-1]
    others = {name: mean(found.of(table, name, most), "test_accuracy") for name in METHODS[:2]}
    sure = difference(found, table, "network", max(others, key=others.__getitem__)).low > 0
    words = f"from {first:,} rows of {table} on"
    return words if sure else f"{words} (no difference to rely on)"


def _overfitting(rows: list[Summary]) -> str:
    gaps = {
        method: float(np.mean([row.gap for row in rows if row.method == method]))
        for method in METHODS
    }
    order = sorted(METHODS, key=lambda method: -gaps[method])
    listed = ", ".join(f"{method} {100 * gaps[method]:.1f}" for method in order)
    agrees = tuple(reversed(order)) == METHODS
    return (
        "Overfitting, as accuracy on training rows less accuracy on test rows, in points, mean "
        f"over the tables: {listed}. The note ranks the network highest, then trees, then naive "
        f"Bayes: {'so it is here' if agrees else f'here it is {order[0]} first'}."
        + (
            ""
            if agrees
            else " The network stops when its validation rows say so; the tree grows "
            "until it knows its training rows by heart." * (order[0] == "decision tree")
        )
    )


def duration(seconds: float) -> str:
    """Return a time in words: `45 ms`, `1.2 s`."""
    return f"{1000 * seconds:.2g} ms" if seconds < 0.1 else f"{seconds:.2g} s"
