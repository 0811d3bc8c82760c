"""What `train --memory` says of a table, of which only counts are in memory."""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import asdict
from typing import Any

from chainrule.api import Run
from chainrule.cli.job import Job
from chainrule.cli.judge import Scores
from chainrule.cli.pipeline import Settings, optimizer_of
from chainrule.cli.understood import augmented_fact
from chainrule.cli.words import amount, bytes_text, count
from chainrule.maths.loss import Loss
from chainrule.storage import Model
from chainrule.storage.document import plain
from chainrule.tabular.stream import ColumnFacts, StreamedTable

__all__ = ["column_rows", "facts", "summary"]


def column_rows(table: StreamedTable) -> list[tuple[str, ...]]:
    """Return name, kind, missing cells, values and features of each column, the target last."""
    target = table.encoder.target.name
    features = {code.name: str(len(code.features())) for code in table.encoder.codes}
    features[target] = "target"
    ordered = sorted(table.columns, key=lambda column: column.name == target)
    return [
        (
            column.name,
            column.kind,
            f"{column.missing:,}" if column.missing else "",
            _values(column),
            features.get(column.name, "not used"),
        )
        for column in ordered
    ]


def _values(column: ColumnFacts) -> str:
    if column.kind == "text":
        return ("" if column.exact else "over ") + count(column.levels or 0, "level")
    if column.low is None or column.high is None or column.mean is None:
        return ""
    if column.kind == "boolean":
        return f"true in {amount(100 * column.mean, 3)} %"
    if column.kind == "date":
        return f"{_date(column.low)} to {_date(column.high)}"
    return f"{amount(column.low, 6)} to {amount(column.high, 6)}"


def _date(days: float) -> str:
    try:
        return (dt.date(1970, 1, 1) + dt.timedelta(days=math.floor(days))).isoformat()
    except OverflowError:
        return f"day {days:g}"


def facts(table: StreamedTable, settings: Settings, loss: Loss, batch: int) -> dict[str, str]:
    """Return the task, the rows of each part, the network and the training, in words."""
    target, rows = table.encoder.target, table.blocks.rows
    task = f"regression of {target.name}"
    if target.classes is not None:
        task = f"classification of {target.name} into {len(target.classes)} classes"
    dropped = f"; {table.dropped:,} without a target left out" if table.dropped else ""
    optimizer = optimizer_of(settings)
    hidden = [f"{width} {settings.activation}" for width in settings.hidden]
    outputs = 1 if target.classes is None or loss.link.elementwise else len(target.classes)
    features = count(len(table.encoder.features), "feature")
    return {
        "task": task,
        "rows": f"{rows['training']:,} to train (the counts above are theirs), "
        f"{rows['validation']:,} to validate, {rows['test']:,} to test{dropped}",
        "on disk": f"{bytes_text(table.blocks.bytes)} of encoded rows, removed afterwards",
        "network": ", ".join([features, *hidden, str(loss.raw_width(outputs))]),
        "training": f"{optimizer.name}, learning rate {optimizer.learning_rate:g}, batches of "
        f"{batch}, at most {count(settings.epochs, 'epoch')}, loss {loss.name}",
        **augmented_fact(settings),
    }


def summary(
    job: Job, table: StreamedTable, model: Model, run: Run, scores: Scores | None
) -> dict[str, Any]:
    """Return the outcome as a JSON document."""
    target = table.encoder.target
    return plain(
        {
            **job.outputs.document(),
            "task": target.task,
            "target": target.name,
            "classes": target.classes,
            "rows": model.record["split"],
            "columns": {
                column.name: {"kind": column.kind, "missing": column.missing}
                for column in table.columns
            },
            "notes": table.notes,
            "features": len(table.encoder.features),
            "parameters": int(model.weights.size),
            "epochs": len(run.history),
            "best_epoch": run.best_epoch,
            "stop_reason": run.stop_reason,
            "scores": None if scores is None else asdict(scores),
            "seconds": sum(row["seconds"] for row in run.history.rows),
        }
    )
