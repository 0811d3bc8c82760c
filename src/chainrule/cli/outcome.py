"""What came out of a training run, in words and numbers: for the screen, the report and JSON."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from math import nan
from pathlib import Path
from typing import Any

from chainrule.api import Run
from chainrule.cli.pipeline import Prepared, Scores, Settings
from chainrule.cli.words import amount, count, duration
from chainrule.storage import Model
from chainrule.storage.document import plain

__all__ = ["Outcome", "ended", "score_heads", "score_rows", "summary"]

REASONS = {
    "patience": "no improvement any more",
    "max_seconds": "the time is up",
    "loss_below": "the loss is small enough",
    "gradient_norm_below": "the gradient is small enough",
    "interrupted": "interrupted",
    "converged": "converged",
}
NAMES = {
    "r2": "R² (share of the variance explained)",
    "rmse": "RMSE",
    "mae": "MAE (mean size of the error)",
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "log_loss": "log loss (nats)",
}


@dataclass(frozen=True)
class Outcome:
    """A trained model and everything around it."""

    prepared: Prepared
    settings: Settings
    run: Run
    scores: Scores | None
    """None where no rows were kept for testing."""
    model: Model


def ended(outcome: Outcome, curve: Callable[[Sequence[float]], str]) -> dict[str, str]:
    """Return how the run ended and how the loss fell; `curve` draws numbers as text."""
    run = outcome.run
    rows = run.history.rows
    spent = duration(sum(row["seconds"] for row in rows))
    why = REASONS.get(run.stop_reason, "")
    words = f"{count(len(rows), 'epoch')} in {spent}" + (f" ({why})" if why else "")
    if run.best_epoch:
        words += f", best after epoch {run.best_epoch}"
    column = "validation_loss" if "validation_loss" in run.history.columns else "train_loss"
    losses = [float(row[column]) for row in rows]
    least = min((loss for loss in losses if loss == loss), default=nan)
    fall = f"{column.replace('_', ' ')} {losses[0]:.4f} to {least:.4f}"
    return {"trained": words, "loss": f"{curve(losses)}  {fall}".strip()}


def score_heads(scores: Scores) -> tuple[str, str, str]:
    """Return the heads of the table of scores."""
    return (count(scores.rows, "test row"), "network", scores.baseline_name)


def score_rows(scores: Scores, target: str) -> list[tuple[str, ...]]:
    """Return each metric in words, of the network and of the baseline."""
    return [
        (
            NAMES.get(metric, metric) + (f" (in units of {target})" if metric == "rmse" else ""),
            _score(value),
            _score(scores.baseline[metric]),
        )
        for metric, value in scores.model.items()
    ]


def _score(value: float) -> str:
    """Return a score: four digits behind the point, or four significant ones for large numbers."""
    if not abs(value) < 10:
        return amount(value)
    text = f"{value:.4f}"
    return "0.0000" if text == "-0.0000" else text


def summary(outcome: Outcome, outputs: dict[str, Path | None]) -> dict[str, Any]:
    """Return the outcome as a JSON document."""
    prepared, run, model = outcome.prepared, outcome.run, outcome.model
    target = prepared.encoder.target
    document = {
        **{name: None if path is None else str(path) for name, path in outputs.items()},
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
        "epochs": len(run.history),
        "best_epoch": run.best_epoch,
        "stop_reason": run.stop_reason,
        "scores": None if outcome.scores is None else asdict(outcome.scores),
        "seconds": sum(row["seconds"] for row in run.history.rows),
    }
    return plain(document)
