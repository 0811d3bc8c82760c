"""The report of a training run: what went in, how it learned, how well it predicts."""

from __future__ import annotations

import numpy as np

from chainrule.cli.outcome import Outcome, ended, score_heads, score_rows
from chainrule.cli.understood import COLUMN_HEADS, COLUMN_RIGHT, column_rows, notes, plan_facts
from chainrule.cli.words import count, readable
from chainrule.report import Section, line_chart, page, scatter_chart
from chainrule.report.svg import MOST_POINTS
from chainrule.tabular import predict_table

__all__ = ["report_page"]

MOST_CLASSES = 12


def report_page(outcome: Outcome, title: str) -> str:
    """Return the report as one HTML page."""
    prepared = outcome.prepared
    rows = count(prepared.table.rows, "row")
    columns = len(prepared.table.columns)
    facts = plan_facts(prepared, outcome.settings)
    facts["trained"] = ended(outcome, lambda _: "")["trained"]
    sections = [*_scores(outcome), *_learning(outcome), _columns(outcome)]
    return readable(page(title, f"{rows}, {columns} columns", facts, sections), lines=True)


def _scores(outcome: Outcome) -> list[Section]:
    scores = outcome.scores
    if scores is None:
        return []
    target = outcome.prepared.encoder.target.name
    text = "On rows that neither training nor the choice of the best epoch has seen."
    rows = score_rows(scores, target)
    return [Section("Scores", text, score_heads(scores), rows, (1, 2)), _predictions(outcome)]


def _predictions(outcome: Outcome) -> Section:
    prepared = outcome.prepared
    test, target = prepared.table.take(prepared.split.test), prepared.encoder.target
    predicted = predict_table(outcome.model, test)
    truth = test.column(target.name)
    if target.classes is None:
        drawing = scatter_chart(truth.values, predicted.values, target.name)
        text = "One dot for each test row."
        if test.rows > MOST_POINTS:
            text = f"{MOST_POINTS:,} of the test rows, at even distances; one dot for each."
        return Section("Predictions", text, drawing=drawing)
    size = len(target.classes)
    likeliest = np.argmax(np.asarray(predicted.probabilities), axis=1)
    pairs = np.bincount(target.encode(truth) * size + likeliest, minlength=size * size)
    shown = min(size, MOST_CLASSES)
    labels = [str(label) for label in target.classes[:shown]]
    rows = [
        (label, *(f"{cell:,}" for cell in line[:shown]))
        for label, line in zip(labels, pairs.reshape(size, size), strict=False)
    ]
    more = f" The first {shown} of {size} classes." if shown < size else ""
    text = f"Test rows by their class (rows) and the predicted class (columns).{more}"
    heads = ("class", *(f"predicted {label}" for label in labels))
    return Section("Predictions", text, heads, rows, tuple(range(1, shown + 1)))


def _learning(outcome: Outcome) -> list[Section]:
    history = outcome.run.history
    names = [name for name in ("train_loss", "validation_loss") if name in history.columns]
    lines = {name.replace("_", " "): history.column(name).tolist() for name in names}
    drawing = line_chart(lines, "epoch", outcome.run.best_epoch)
    if not drawing:
        return []
    text = "The loss after each epoch; the dashed line is the epoch whose weights were kept."
    return [Section("Learning", text, drawing=drawing)]


def _columns(outcome: Outcome) -> Section:
    found = " ".join(f"{note}." for note in notes(outcome.prepared))
    return Section("Columns", found, COLUMN_HEADS, column_rows(outcome.prepared), COLUMN_RIGHT)
