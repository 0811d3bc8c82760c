"""Predictions as a file: CSV, JSON lines or Parquet, the same columns in each.

Decisions
---------
a) A number is written so that reading it gives the same bits: Python's shortest text of a float64
   and NumPy's of a float32, which has nine digits at most.
b) Parquet is written by DuckDB, which also reads the tables. It takes two column names that differ
   only in case for one, so such labels are refused there.
"""

from __future__ import annotations

import csv
import io
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.errors import DataError
from chainrule.tabular import Predictions
from chainrule.tabular.source import interrupts
from chainrule.training.blocks_folder import passing_folder

__all__ = ["FORMATS", "csv_text", "listed", "written"]


def csv_text(predictions: Predictions) -> str:
    """Return predictions as CSV: `prediction`, then one probability for each class."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    names, columns = zip(*_columns(predictions).items(), strict=True)
    writer.writerow(names)
    writer.writerows(zip(*([_cell(cell) for cell in column] for column in columns), strict=True))
    return text.getvalue()


def _columns(predictions: Predictions) -> dict[str, np.ndarray]:
    columns = {"prediction": predictions.values}
    if predictions.probabilities is not None:
        for label, shares in zip(
            predictions.classes or (), predictions.probabilities.T, strict=True
        ):
            columns[f"probability {label}"] = shares
    return columns


def _cell(value: Any) -> str:
    """Return a cell's text; a float32 has its own, shorter one."""
    if isinstance(value, (float, np.floating)):
        return str(value) if isinstance(value, np.floating) else repr(value)
    return str(value)


def _json_lines(predictions: Predictions) -> str:
    names, columns = zip(*_columns(predictions).items(), strict=True)
    return "".join(
        json.dumps(dict(zip(names, map(_plain, row), strict=True)), ensure_ascii=False) + "\n"
        for row in zip(*columns, strict=True)
    )


def _plain(value: Any) -> Any:
    """Return a value as JSON writes it, a float32 with the digits that it has."""
    return float(str(value)) if isinstance(value, np.floating) else value


def listed(predictions: Predictions) -> dict[str, Any]:
    """Return predictions as a JSON document: lists of labels or numbers, and of probabilities."""
    values = predictions.values
    plain = values.tolist() if values.dtype == object else [_plain(value) for value in values]
    document: dict[str, Any] = {"predictions": plain}
    if predictions.probabilities is not None:
        document["classes"] = list(predictions.classes or ())
        document["probabilities"] = [
            [_plain(share) for share in row] for row in predictions.probabilities
        ]
    return document


def _parquet(predictions: Predictions) -> bytes:
    import duckdb

    columns = _columns(predictions)
    if len({name.lower() for name in columns}) < len(columns):
        raise DataError(
            "two classes differ only in case, which the columns of a Parquet file cannot",
            got=", ".join(str(label) for label in predictions.classes or ()),
            do="write to .csv or .jsonl",
        )
    places = {f"c{index}": _typed(values) for index, values in enumerate(columns.values())}
    renamed = ", ".join(
        f'{place} AS "{name.replace(chr(34), chr(34) * 2)}"'
        for place, name in zip(places, columns, strict=True)
    )
    with (
        interrupts(),
        passing_folder(tempfile.gettempdir()) as folder,
        duckdb.connect(":memory:") as connection,
    ):
        path = Path(folder, "predictions.parquet")
        connection.register("predicted", places)
        target = str(path).replace("'", "''")
        connection.execute(f"COPY (SELECT {renamed} FROM predicted) TO '{target}' (FORMAT parquet)")
        return path.read_bytes()


def _typed(values: np.ndarray) -> np.ndarray:
    """Return a column as DuckDB takes it: labels that are numbers or truth values as such."""
    if values.dtype != object or any(isinstance(value, str) for value in values):
        return values
    return np.array(values.tolist())


FORMATS: dict[str, Callable[[Predictions], str | bytes]] = {
    "": csv_text,
    ".csv": csv_text,
    ".jsonl": _json_lines,
    ".ndjson": _json_lines,
    ".parquet": _parquet,
}
"""How each ending of a name is written."""


def written(predictions: Predictions, ending: str) -> str | bytes:
    """Return the content of a file whose name has that ending, one of `FORMATS`."""
    return FORMATS[ending](predictions)
