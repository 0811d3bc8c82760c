"""Predictions as a file: CSV, JSON lines or Parquet, the same columns in each.

Columns of the input that were asked for stand in front (`Kept`).

Decisions
---------
a) A number is written so that reading it gives the same bits: Python's shortest text of a float64
   and NumPy's of a float32, which has nine digits at most.
b) Parquet is written by DuckDB, which also reads the tables. It takes two column names that differ
   only in case for one, so such names are refused there.
c) Kept columns have names of their own: a file with two columns of one name says nothing.
"""

from __future__ import annotations

import csv
import io
import json
import tempfile
from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.errors import DataError, UsageError
from chainrule.tabular import Predictions
from chainrule.tabular.connection import connected
from chainrule.tabular.keep import NOTHING, Kept, json_text
from chainrule.tabular.paths import parquet_rows, require_plain
from chainrule.tabular.source import interrupts
from chainrule.training.blocks_folder import passing_folder

__all__ = ["FORMATS", "csv_text", "listed", "written"]


def csv_text(predictions: Predictions, kept: Kept = NOTHING) -> str:
    """Return predictions as CSV: `prediction`, then one probability for each class.

    Of several targets there is one column each, `prediction 1` and so on.
    """
    columns = _columns(predictions, kept)
    cells = [*kept.texts(), *([_cell(cell) for cell in column] for column in columns.values())]
    names = [*kept.names, *columns]
    # Before Python 3.13, a lone carriage return is not quoted, and no reader takes it for a part
    # of a cell then.
    returns = any("\r" in cell for column in (names, *cells) for cell in column)
    text = io.StringIO()
    writer = csv.writer(
        text, lineterminator="\n", quoting=csv.QUOTE_ALL if returns else csv.QUOTE_MINIMAL
    )
    writer.writerow(names)
    writer.writerows(zip(*cells, strict=True))
    return text.getvalue()


def _columns(predictions: Predictions, kept: Kept) -> dict[str, np.ndarray]:
    """Return the columns of the predictions, none of which is called like a kept one.

    Raises
    ------
    UsageError
        One is.
    """
    values = predictions.values
    columns = {"prediction": values}
    if values.ndim == 2:  # several targets
        columns = {f"prediction {place + 1}": column for place, column in enumerate(values.T)}
    if predictions.probabilities is not None:
        for label, shares in zip(
            predictions.classes or (), predictions.probabilities.T, strict=True
        ):
            columns[f"probability {label}"] = shares
    for name in kept.names:
        if name in columns:
            raise UsageError(
                "a column to keep is called like one of the predictions",
                where="--keep",
                got=repr(name),
                do="rename it in the table, or name the columns to keep without it",
            )
    return columns


def _cell(value: Any) -> str:
    """Return a cell's text; a float32 has its own, shorter one."""
    if isinstance(value, (float, np.floating)):
        return str(value) if isinstance(value, np.floating) else repr(value)
    return str(value)


def _json_lines(predictions: Predictions, kept: Kept = NOTHING) -> str:
    found = _columns(predictions, kept)
    names = [json_text(name) + ": " for name in (*kept.names, *found)]
    columns = [map(json_text, column) for column in kept.columns]
    columns += [map(_json, column) for column in found.values()]
    return "".join(
        "{" + ", ".join(map(str.__add__, names, row)) + "}\n" for row in zip(*columns, strict=True)
    )


def _json(value: Any) -> str:
    return json.dumps(_plain(value), ensure_ascii=False)


def _plain(value: Any) -> Any:
    """Return a value as JSON writes it, a float32 with the digits that it has."""
    if isinstance(value, np.floating):
        return float(str(value))
    return value.item() if isinstance(value, np.integer) else value


def _listed(values: np.ndarray) -> list[Any]:
    """Return numbers, or a list of them for each row."""
    if values.ndim == 2:
        return [_listed(row) for row in values]
    return [_plain(value) for value in values]


def listed(predictions: Predictions, kept: Kept = NOTHING) -> dict[str, Any]:
    """Return predictions as a JSON document: lists of labels or numbers, and of probabilities."""
    values = predictions.values
    plain = values.tolist() if values.dtype == object else _listed(values)
    document: dict[str, Any] = {"predictions": plain}
    if predictions.probabilities is not None:
        document["classes"] = list(predictions.classes or ())
        document["probabilities"] = [
            [_plain(share) for share in row] for row in predictions.probabilities
        ]
    if kept.names:
        document["kept"] = kept.plain()
    return document


def _parquet(predictions: Predictions, kept: Kept = NOTHING) -> bytes:
    columns = _columns(predictions, kept)
    names = [*kept.names, *columns]
    _require_distinct(names)
    places = {f"c{index}": _typed(values) for index, values in enumerate(columns.values())}
    with (
        interrupts(),
        passing_folder(tempfile.gettempdir()) as folder,
        connected() as connection,
    ):
        require_plain(folder)
        path = folder / "predictions.parquet"
        connection.execute("SET threads = 1")  # rows of several tables are joined by their order
        connection.register("predicted", places)
        tables = ["predicted"]
        if kept.names:
            tables.insert(0, "kept")
            _register(connection, kept)
        cells = [*(f"k{index}" for index in range(len(kept.names))), *places]
        renamed = ", ".join(
            f"{cell} AS {_quoted(name)}" for cell, name in zip(cells, names, strict=True)
        )
        target = str(path).replace("'", "''")
        connection.execute(
            f"COPY (SELECT {renamed} FROM {' POSITIONAL JOIN '.join(tables)}) "
            f"TO '{target}' (FORMAT parquet)"
        )
        return path.read_bytes()


def _require_distinct(names: list[str]) -> None:
    lower = [name.lower() for name in names]
    if len(set(lower)) < len(lower):
        raise DataError(
            "two columns differ only in case, which those of a Parquet file cannot",
            got=", ".join(name for name in names if lower.count(name.lower()) > 1),
            do="write to .csv or .jsonl",
        )


def _register(connection: Any, kept: Kept) -> None:
    """Make the table `kept` with columns k0, k1, ...: typed as in Parquet, or as fits all cells."""
    if kept.parquet is not None:
        file, names = kept.parquet
        listed_names = ", ".join(f"{name} AS k{index}" for index, name in enumerate(names))
        rows = parquet_rows(file)
        connection.execute(f"CREATE TABLE kept AS SELECT {listed_names} FROM {rows}")
        return
    connection.execute("SET pandas_analyze_sample = 0")  # all cells are text, and never guessed
    texts: dict[str, np.ndarray] = {}
    for index, (cells, column) in enumerate(zip(kept.texts(), kept.columns, strict=True)):
        texts[f"k{index}"] = np.array(
            [None if cell is None else text for text, cell in zip(cells, column, strict=True)],
            dtype=object,
        )
    casts = [
        f"CAST({place} AS {kind}) AS {place}"
        for place, kind in zip(texts, kept.sql_types(), strict=True)
    ]
    connection.register("texts", texts)
    connection.execute(f"CREATE TABLE kept AS SELECT {', '.join(casts)} FROM texts")


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _typed(values: np.ndarray) -> np.ndarray:
    """Return a column as DuckDB takes it: labels that are numbers or truth values as such."""
    if values.dtype != object or any(isinstance(value, str) for value in values):
        return values
    return np.array(values.tolist())


FORMATS: dict[str, Callable[[Predictions, Kept], str | bytes]] = {
    "": csv_text,
    ".csv": csv_text,
    ".jsonl": _json_lines,
    ".ndjson": _json_lines,
    ".parquet": _parquet,
}
"""How each ending of a name is written."""


def written(predictions: Predictions, ending: str, kept: Kept = NOTHING) -> str | bytes:
    """Return the content of a file whose name has that ending, one of `FORMATS`.

    Raises
    ------
    UsageError, DataError
        A kept column is called like one of the predictions, or the form cannot hold it.
    """
    return FORMATS[ending](predictions, kept)
