"""The report of a model: how it learned, how well it predicts, what it uses, what went in."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from chainrule._version import __version__
from chainrule.cli.config import toml_text
from chainrule.cli.findings import Findings
from chainrule.cli.job import settings_document
from chainrule.cli.judge import Judgement
from chainrule.cli.outcome import (
    NAMES,
    SHADES,
    line_name,
    score_heads,
    score_rows,
    score_text,
    short_name,
)
from chainrule.cli.rivals import rivals
from chainrule.cli.understood import COLUMN_HEADS, COLUMN_RIGHT, column_rows, in_order
from chainrule.cli.words import amount, count, readable
from chainrule.report import (
    Figure,
    Section,
    Tile,
    bar_chart,
    calibration_error,
    confusion_chart,
    histogram,
    line_chart,
    page,
    reliability,
    reliability_chart,
    residual_chart,
    scatter_chart,
)
from chainrule.report.bars import MOST_CELLS
from chainrule.report.charts import MOST_POINTS
from chainrule.tabular import Column

__all__ = ["report_page"]

MOST_BARS = 25
MOST_COLUMNS = 200
MOST_CONFUSIONS = 20
_BINS = 20
UNSEEN = "On rows that neither training nor the choice of the best epoch has seen."


def report_page(found: Findings) -> str:
    """Return the report as one HTML page."""
    sections = [
        *_scores(found),
        *_predictions(found),
        *_importance(found),
        *_learning(found),
        _columns(found),
        *_settings(found),
    ]
    text = page(
        found.title,
        found.subtitle,
        sections,
        tiles=_tiles(found),
        facts=found.facts,
        footer=f"Chainrule {__version__}. This page needs no network and runs no script.",
    )
    return readable(text, lines=True)


def _tiles(found: Findings) -> list[Tile]:
    parameters = Tile(amount(found.model.weights.size, 7), "parameters", found.model.dtype)
    if found.scores is None:
        return [parameters]
    scores = found.scores
    name, value = next(iter(scores.model.items()))
    rows = count(scores.rows, f"{found.judged_on} row")
    tiles = [Tile(score_text(name, value), short_name(name), f"network, {rows}")]
    if scores.linear is not None:
        tiles.append(
            Tile(score_text(name, scores.linear[name]), "linear model", scores.linear_name)
        )
    tiles.append(Tile(score_text(name, scores.baseline[name]), "baseline", scores.baseline_name))
    return [*tiles, parameters]


def _scores(found: Findings) -> list[Section]:
    if found.scores is None:
        return []
    text = UNSEEN if found.judged_on == "test" else f"On the {found.judged_on} rows."
    text += f" The {found.scores.linear_note}." if found.scores.linear_note else ""
    heads = score_heads(found.scores, f"{found.judged_on} row")
    rows = score_rows(found.scores, found.encoder.target.name)
    notes = [f"{text[:1].upper()}{text[1:]}." for text in rivals(found.scores)]
    notes += [] if found.judged_on == "test" else [f"{note}." for note in found.notes]
    right = tuple(range(1, len(heads)))
    return [Section("Scores", text, notes, heads=heads, rows=rows, right=right)]


def _predictions(found: Findings) -> list[Section]:
    judged, target = found.judged, found.encoder.target
    if judged is None:
        return []
    if target.classes is None:
        return [_numbers(judged, target.name, found.judged_on)]
    labels = [str(label) for label in target.classes]
    text = f"The {found.judged_on} rows by true class (down) and predicted class (across)."
    calibration = _calibration(judged, labels)
    if len(labels) <= MOST_CELLS:
        caption = SHADES
        matrix = Figure(confusion_chart(judged.confusion(), labels), caption)
        return [Section("Predictions and calibration", text, figures=[matrix, calibration])]
    heads, rows = ("class", "predicted", "rows"), _confusions(judged.confusion(), labels)
    text = "The most frequent confusions."
    confusions = Section("Predictions", text, heads=heads, rows=rows, right=(2,))
    return [confusions, Section("Calibration", figures=[calibration])]


def _numbers(judged: Judgement, name: str, where: str) -> Section:
    which = f"One dot for each {where} row."
    if len(judged) > MOST_POINTS:
        which = f"{MOST_POINTS:,} of the {where} rows, at even distances; one dot for each."
    predicted = judged.P[:, 0]
    sizes = np.quantile(np.abs(judged.truth - predicted), (0.5, 0.9)).tolist()
    figures = [
        Figure(
            scatter_chart(judged.truth, predicted, name),
            "Calibration: the line joins the means of ten groups of rows of like prediction. Where "
            "it leaves the dashed line, predictions are too low (above it) or too high.",
        ),
        Figure(
            residual_chart(judged.truth, predicted, name),
            "Residuals: no slope and no funnel is best. Half of the rows are within "
            f"±{amount(sizes[0])}, nine of ten within ±{amount(sizes[1])}.",
        ),
    ]
    return Section("Predictions and calibration", which, figures=figures)


def _confusions(counts: np.ndarray, labels: list[str]) -> list[tuple[str, ...]]:
    off = counts * (1 - np.eye(len(labels), dtype=np.int64))
    ranked = np.argsort(-off, axis=None, kind="stable")[:MOST_CONFUSIONS].tolist()
    return [
        (labels[place // len(labels)], labels[place % len(labels)], f"{off.flat[place]:,}")
        for place in ranked
        if off.flat[place]
    ]


def _calibration(judged: Judgement, labels: Sequence[str]) -> Figure:
    if len(labels) == 2:
        said, happened = judged.P[:, 1], judged.truth == 1
        x_label, y_label = f"predicted probability of {labels[1]}", f"share that is {labels[1]}"
        below = "the probabilities are too high, above it too low"
    else:
        said, happened = judged.P.max(axis=1), judged.P.argmax(axis=1) == judged.truth
        x_label, y_label = "probability of the predicted class", "share predicted right"
        below = "the model is too sure, above it not sure enough"
    bins = reliability(said, happened)
    caption = (
        "Calibration: of the rows that got a probability of about p, does a share p have the "
        f"class? Below the dashed line {below}. Upright lines: 95 % intervals; grey: "
        f"rows of each group. Expected calibration error {calibration_error(bins):.3f}."
    )
    return Figure(reliability_chart(bins, x_label, y_label), caption)


def _importance(found: Findings) -> list[Section]:
    weights = found.weights
    if weights is None:
        return []
    top = weights.columns[:MOST_BARS]
    drawing = bar_chart(
        [row.name for row in top], [row.change for row in top], [row.spread for row in top]
    )
    more = len(weights.columns) - len(top)
    caption = "Whiskers: standard deviation over the orders." if weights.repeats > 1 else ""
    caption += f" The {len(top)} most important columns; {more:,} more matter less." if more else ""
    figures = [Figure(drawing, caption.strip())]
    return [Section("What the model uses", weights.sentence(), figures=figures)]


def _learning(found: Findings) -> list[Section]:
    rows = found.history
    if len(rows) < 2:
        return []
    epochs = [float(row["epoch"]) for row in rows]

    def lines(*names: str) -> dict[str, list[float]]:
        known = [name for name in names if name in rows[0]]
        return {
            line_name(name): [math.nan if row[name] is None else row[name] for row in rows]
            for name in known
        }

    scores = [name for name in rows[0] if name.startswith("validation_") and name[11:] in NAMES]
    losses = line_chart(lines("train_loss", "validation_loss"), "epoch", found.best_epoch, epochs)
    figures = [
        Figure(losses, "Dashed: the epoch whose weights were kept." * bool(found.best_epoch))
    ]
    figures.append(Figure(line_chart(lines(*scores), "epoch", found.best_epoch, epochs)))
    rates = lines("learning_rate")
    if rates and len(set(rates["learning rate"])) > 1:
        figures.append(Figure(line_chart(rates, "epoch", 0, epochs)))
    return [Section("Learning", "The losses and the score after each epoch.", figures=figures)]


def _columns(found: Findings) -> Section:
    columns = in_order(found.table, found.encoder)
    rows = column_rows(found.table, found.encoder)
    shown = (
        [*range(len(rows))[: MOST_COLUMNS - 1], len(rows) - 1]
        if len(rows) > MOST_COLUMNS
        else (range(len(rows)))
    )
    table = [(*rows[place], histogram(_counts(columns[place]))) for place in shown]
    more = len(rows) - len(table)
    text = (
        f"The first {len(table) - 1:,} and the target; {more:,} more are left out." if more else ""
    )
    # What is odd about rows that a model was not trained on stands beside its scores.
    notes = [f"{note}." for note in found.notes if found.judged_on == "test" or not found.scores]
    heads = (*COLUMN_HEADS, "")
    return Section("Columns", text, notes, heads=heads, rows=table, right=COLUMN_RIGHT)


def _counts(column: Column) -> list[float]:
    """Return the heights of a small histogram: of the numbers, or of the most frequent levels."""
    known = column.values[~column.missing()]
    if not len(known):
        return []
    if column.kind == "text":
        _, counts = np.unique(known.astype(str), return_counts=True)
        return np.sort(counts)[::-1][:_BINS].astype(float).tolist()
    low, high = float(known.min()), float(known.max())
    distinct = np.unique(known[:10_000])
    if len(distinct) <= _BINS and len(distinct) == len(np.unique(known)):
        return [float(np.sum(known == value)) for value in distinct]
    with np.errstate(over="ignore"):
        place = np.clip((known / 2 - low / 2) / (high / 2 - low / 2) * _BINS, 0, _BINS - 1)
    return np.bincount(place.astype(np.int64), minlength=_BINS).astype(float).tolist()


def _settings(found: Findings) -> list[Section]:
    if found.settings is None:
        return []
    code = toml_text(settings_document(found.settings))
    text = "Saved as run.toml, these lines repeat the run: chainrule train DATA --config run.toml"
    return [Section("Settings", text, code=code)]
