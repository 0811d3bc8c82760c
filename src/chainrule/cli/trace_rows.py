"""The rows of a table as one step of a trained model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from chainrule.cli.evaluation import with_answers
from chainrule.cli.model_file import load_model
from chainrule.errors import UsageError
from chainrule.glass.trace import Trace, trace
from chainrule.tabular.dialect import Dialect
from chainrule.tabular.predict import as_in_training, encoder_of
from chainrule.tabular.table import Kind
from chainrule.tabular.target import require_target

__all__ = ["model_step", "row_numbers"]


def row_numbers(text: str, rows: int) -> np.ndarray:
    """Return the numbers of the rows that `0:4`, `:8`, `5:` or `0,3,7` names.

    Raises
    ------
    UsageError
        It names no row, or one that is not there.

    Example
    -------
    >>> from chainrule.cli.trace_rows import row_numbers
    >>> row_numbers("0:4", 3).tolist(), row_numbers("2,0", 3).tolist()
    ([0, 1, 2], [2, 0])
    """
    try:
        if ":" in text:
            first, _, last = text.partition(":")
            chosen = np.arange(rows)[int(first or 0) : int(last) if last else None]
        else:
            chosen = np.array([int(part) for part in text.split(",")])
    except ValueError:
        chosen = np.zeros(0, int)
    if not chosen.size or chosen.min() < 0 or chosen.max() >= rows:
        raise UsageError(
            "these rows are not in the table",
            where="--rows",
            expected=f"numbers below {rows:,}, as 0:4 or as 0,3,7",
            got=repr(text),
        )
    return chosen


def model_step(
    model: Path, data: Path, rows: str, dialect: dict[str, Any], settings: dict[str, Any]
) -> Trace:
    """Return the trace of a step that a model of `chainrule train` would make on some rows.

    Raises
    ------
    UsageError
        The model was trained on arrays.
    """
    loaded = load_model(model)
    if loaded.encoder is None:
        raise UsageError(
            "the model was trained on arrays, so it cannot read a table",
            where=str(model),
            do="use chainrule.trace(model, X, y) in Python",
        )
    encoder = encoder_of(loaded)
    target = encoder.target
    kinds: dict[str, Kind] = {**encoder.expects(), target.name: target.kind}
    dialect_found = as_in_training(loaded.record, kinds, Dialect(**dialect))
    table = with_answers(model, data, kinds, target.name, dialect_found)
    column = require_target(table, target.name)
    chosen = row_numbers(rows, table.rows)
    X = encoder.encode(table)[chosen]
    y = np.asarray(target.encode(column, table))[chosen]
    Y = loaded.loss.encode(y, loaded.plan.targets)
    return trace(loaded, X, Y, title=f"{model.name}, rows {rows} of {data.name}", **settings)
