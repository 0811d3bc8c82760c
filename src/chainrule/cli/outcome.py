"""What came out of a training run, in words and numbers: for the screen, the report and JSON."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from math import nan
from typing import Any

from chainrule.cli.judge import Judgement, Scores
from chainrule.cli.pipeline import Prepared, Settings
from chainrule.cli.words import amount, count, duration
from chainrule.frozen import frozen
from chainrule.storage import Model
from chainrule.storage.document import plain

__all__ = [
    "NAMES",
    "REASONS",
    "SHADES",
    "Outcome",
    "ended",
    "ended_rows",
    "line_name",
    "score_heads",
    "score_rows",
    "score_text",
    "short_name",
    "summary",
]

REASONS = {
    "patience": "no further improvement",
    "max_seconds": "the time is up",
    "loss_below": "the loss is small enough",
    "gradient_norm_below": "the gradient is small enough",
    "interrupted": "interrupted",
    "converged": "converged",
}
SHADES = "The stronger its colour, the larger a cell's share of its row."
"""The caption of a confusion matrix; in a dark page the strong colour is the bright one."""
_LAST = ", the last: more (--epochs) may do better"
NAMES = {
    "r2": "R² (variance explained)",
    "rmse": "RMSE",
    "mae": "MAE (mean size of the error)",
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "log_loss": "log loss (nats)",
    "mse": "mean squared error",
    "pinball": "pinball loss (median)",
    "poisson_deviance": "Poisson deviance",
    "brier": "Brier score",
    "roc_auc": "ROC AUC",
    "average_precision": "average precision, mean of classes",
}


@frozen
class Outcome:
    """A trained model and everything around it.

    Parameters
    ----------
    prepared : Prepared
    settings : Settings
    model : Model
    judged : Judgement, optional
        The test rows; None where none were kept.
    scores : Scores, optional
    history : sequence of dict
        One row for each epoch; what was read from a model file is thinned out and has no times.
    """

    prepared: Prepared
    settings: Settings
    model: Model
    judged: Judgement | None
    scores: Scores | None
    history: Sequence[Mapping[str, Any]]


def short_name(metric: str) -> str:
    """Return the name of a metric without what explains it.

    Example
    -------
    >>> short_name("r2"), short_name("log_loss")
    ('R²', 'log loss')
    """
    return NAMES.get(metric, metric).partition(" (")[0]


def line_name(column: str) -> str:
    """Return the name of a column of a history in words.

    Example
    -------
    >>> line_name("validation_r2"), line_name("train_loss")
    ('validation R²', 'train loss')
    """
    part, _, metric = column.partition("_")
    return f"{part} {short_name(metric)}" if metric in NAMES else column.replace("_", " ")


def ended(outcome: Outcome, curve: Callable[[Sequence[float]], str]) -> dict[str, str]:
    """Return how the run ended and how the loss fell; `curve` draws numbers as text."""
    return ended_rows(outcome.history, outcome.model.record, curve)


def ended_rows(
    rows: Sequence[Mapping[str, Any]],
    record: Mapping[str, Any],
    curve: Callable[[Sequence[float]], str],
) -> dict[str, str]:
    """Return the same from the rows of a history and a model's record."""
    words = count(record["epochs"], "epoch")
    if all("seconds" in row for row in rows):
        words += f" in {duration(sum(row['seconds'] for row in rows))}"
    why = REASONS.get(record["stop_reason"], "")
    words += f" ({why})" if why else ""
    if record["best_epoch"]:
        words += f", best after epoch {record['best_epoch']}"
        words += _LAST * _unfinished(record)
    column = "validation_loss" if "validation_loss" in rows[0] else "train_loss"
    losses = [nan if row[column] is None else float(row[column]) for row in rows]
    least = min((loss for loss in losses if loss == loss), default=nan)
    fall = f"{column.replace('_', ' ')} {_score(losses[0])} to {_score(least)}"
    return {"trained": words, "loss": f"{curve(losses)}  {fall}".strip()}


def _unfinished(record: Mapping[str, Any]) -> bool:
    """Say whether the last epoch was the best, with no schedule that ends there on purpose."""
    settings = record.get("settings")
    schedule = settings.get("schedule") if isinstance(settings, Mapping) else None
    ran_out = record["stop_reason"] == "epochs" and record["best_epoch"] == record["epochs"]
    return ran_out and record["epochs"] > 1 and schedule in (None, "constant", "plateau")


def score_heads(scores: Scores, rows: str = "test row") -> tuple[str, ...]:
    """Return the heads of the table of scores."""
    linear = () if scores.linear is None else (scores.linear_name,)
    return (count(scores.rows, rows), "network", *linear, scores.baseline_name)


def score_rows(scores: Scores, target: str) -> list[tuple[str, ...]]:
    """Return each metric in words: of the network, of the linear model, of the baseline."""
    others = [scores.baseline] if scores.linear is None else [scores.linear, scores.baseline]
    return [
        (
            NAMES.get(metric, metric) + (f" (in units of {target})" if metric == "rmse" else ""),
            _score(value),
            *(_score(other[metric]) for other in others),
        )
        for metric, value in scores.model.items()
    ]


def score_text(name: str, value: float) -> str:
    """Return a score for one line: a share in percent, anything else to four digits."""
    return f"{100 * value:.1f} %" if "accuracy" in name and math.isfinite(value) else _score(value)


def _score(value: float) -> str:
    """Return a score: four digits behind the point, or four significant ones for large numbers."""
    if math.isnan(value):
        return "-"  # one row has no variance to explain
    if not abs(value) < 10:
        return amount(value)
    text = f"{value:.4f}"
    return "0.0000" if text == "-0.0000" else text


def summary(outcome: Outcome, outputs: Mapping[str, str | None]) -> dict[str, Any]:
    """Return the outcome as a JSON document."""
    prepared, model = outcome.prepared, outcome.model
    target = prepared.encoder.target
    document = {
        **outputs,
        "task": target.task,
        "target": target.name,
        "classes": target.classes,
        "rows": model.record["split"],
        "columns": {
            column.name: {"kind": column.kind, "missing": int(column.missing().sum())}
            for column in prepared.table.columns
        },
        "notes": prepared.table.notes,
        "features": len(prepared.encoder.features),
        "parameters": int(model.weights.size),
        "epochs": model.record["epochs"],
        "best_epoch": model.record["best_epoch"],
        "stop_reason": model.record["stop_reason"],
        "scores": None if outcome.scores is None else asdict(outcome.scores),
        "seconds": sum(row["seconds"] for row in outcome.history),
    }
    return plain(document)
