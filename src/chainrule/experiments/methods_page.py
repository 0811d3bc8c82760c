"""The page of the comparison of methods."""

from __future__ import annotations

import numpy as np

from chainrule._version import __version__
from chainrule.experiments.methods import METHODS, Methods
from chainrule.experiments.methods_data import MethodTable
from chainrule.experiments.methods_words import NOTE, Summary, conclusions, duration, summaries
from chainrule.report.learning_curves import Point, learning_chart
from chainrule.report.page import Figure, Section, Tile, page

__all__ = ["methods_page"]

_LINES = tuple(reversed(METHODS))
"""The network is drawn in the strongest line."""


def methods_page(found: Methods) -> str:
    """Return the comparison as one HTML page."""
    rows = summaries(found)
    sections = [
        Section("What was found", notes=conclusions(found)),
        _claims(rows),
        *(_table(found, data, rows) for data in found.tables),
        Section("How it was measured", notes=_how(found)),
    ]
    return page(
        "Naive Bayes, a decision tree and a network",
        f"On {len(found.tables)} real table{'s' * (len(found.tables) != 1)}, with the same rows "
        "for all three",
        sections,
        tiles=_tiles(rows),
        footer=f"Chainrule {__version__}. This page needs no network and runs no script.",
    )


def _tiles(rows: list[Summary]) -> list[Tile]:
    tiles: list[Tile] = []
    for method in reversed(METHODS):
        here = [row for row in rows if row.method == method]
        score = float(np.mean([row.test_accuracy for row in here]))
        gap = float(np.mean([row.gap for row in here]))
        slowest = max(row.seconds for row in here)
        detail = f"overfits by {100 * gap:.1f} points; at most {duration(slowest)} to train"
        tiles.append(Tile(f"{100 * score:.1f} %", f"{method}, mean test accuracy", detail))
    return tiles


def _claims(rows: list[Summary]) -> Section:
    def of(method: str) -> list[Summary]:
        return [row for row in rows if row.method == method]

    def span(values: list[str]) -> str:
        return values[0] if values[0] == values[-1] else f"{values[0]} to {values[-1]}"

    measured = {
        "training time": [
            span([duration(value) for value in sorted(row.seconds for row in of(method))])
            for method in METHODS
        ],
        "data required": [
            span([f"{value:,}" for value in sorted(row.enough for row in of(method))]) + " rows"
            for method in METHODS
        ],
        "overfitting risk": [
            span([f"{100 * value:.1f}" for value in sorted(row.gap for row in of(method))])
            + " points"
            for method in METHODS
        ],
    }
    cells: list[tuple[str, ...]] = []
    for claim, said in NOTE.items():
        cells.append((claim, "as the note says", *said))
        cells.append(("", "as measured", *measured[claim]))
    text = (
        "The least and the largest of the tables. Data: training rows within two points of the "
        "method's own best accuracy. Overfitting: accuracy on training rows less test rows."
    )
    return Section("The note's table, measured", text, heads=("", "", *METHODS), rows=cells)


def _table(found: Methods, data: MethodTable, rows: list[Summary]) -> Section:
    here = [row for row in rows if row.table == data.name]
    cells = [
        (
            row.method,
            f"{100 * row.test_accuracy:.1f} %",
            f"{100 * row.train_accuracy:.1f} %",
            f"{100 * row.gap:.1f}",
            duration(row.seconds),
            f"{row.enough:,}",
        )
        for row in here
    ]
    curves = Figure(
        learning_chart(
            {method: _points(found, data.name, method, False) for method in _LINES},
            "test accuracy, %",
            title=f"test accuracy over training rows, {data.name}",
        ),
        f"Means of {found.repeats} splits; upright lines from the worst to the best of them.",
    )
    gaps = Figure(
        learning_chart(
            {method: _points(found, data.name, method, True) for method in _LINES},
            "training less test, points",
            title=f"overfitting over training rows, {data.name}",
        ),
        "Overfitting: how much better a method is on rows that it has learned from.",
    )
    text = f"{here[0].rows:,} training rows at most"
    text += f"; {data.note}." if data.note else "."
    heads = ("", "test accuracy", "training accuracy", "gap", "time", "rows needed")
    right = tuple(range(1, len(heads)))
    return Section(data.name, text, heads=heads, rows=cells, right=right, figures=[curves, gaps])


def _points(found: Methods, table: str, method: str, gap: bool) -> list[Point]:
    points: list[Point] = []
    for size in found.sizes(table):
        values = [
            100 * (fit.train_accuracy - fit.test_accuracy if gap else fit.test_accuracy)
            for fit in found.of(table, method, size)
        ]
        points.append(Point(size, float(np.mean(values)), min(values), max(values)))
    return points


def _how(found: Methods) -> list[str]:
    test = f"{100 * found.test_share:.0f} %"
    splits = f"{found.repeats} random splits of each table, {test} of the rows for the test."
    return [splits, *_HOW.splitlines()]


_HOW = """\
Each class has its share of each part; smaller training sets are parts of larger ones.
Columns are encoded by rules fitted on the training rows alone: numbers standardised, levels 0 or 1.
Naive Bayes: numbers normal, levels yes or no, within each class.
Decision tree: scikit-learn's default, grown to its end.
Network: the default of chainrule train, 64 and 32 relu units, Adam, at most 100 epochs.
The network holds a fifth of its training rows back, to choose the epoch.
Nobody was tuned. Time is processor time of fitting alone.
"""
