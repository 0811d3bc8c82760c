"""A model of a table applied to the rows of another: `predict`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from chainrule.cli.predictions import csv_text, listed, written
from chainrule.cli.screen import Screen
from chainrule.cli.words import count
from chainrule.files import atomic_write
from chainrule.storage import Model
from chainrule.tabular.dialect import Dialect
from chainrule.tabular.keep import kept_columns
from chainrule.tabular.predict import as_in_training, encoder_of, predict_table, unlike_training
from chainrule.tabular.reader import read_source
from chainrule.tabular.source import opened

__all__ = ["predict_rows"]


def predict_rows(
    model: Model,
    data: Path,
    stated: Dialect,
    keep: Sequence[str],
    out: Path | None,
    force: bool,
    as_json: bool,
) -> None:
    """Predict rows in their order, and write or print the predictions, kept columns in front.

    Raises
    ------
    DataError, UsageError
        The table cannot be read as in training, or a column to keep is missing or called like one
        of the predictions.
    """
    encoder = encoder_of(model)
    dialect = as_in_training(model.record, encoder.expects(), stated)
    screen = Screen(data_on_stdout=as_json or out is None)
    document: dict[str, Any] = {"out": None if out is None else str(out)}
    with opened(data, dialect) as source:
        table = read_source(source, encoder.expects(), dialect)
        kept = kept_columns(source, table, keep, dialect)
        predictions = predict_table(model, table)
        told = unlike_training(table.reading, dialect)
        notes = [*table.notes, *told, *encoder.surprises(table)]
        for note in notes:
            Screen(data_on_stdout=True).note(note)
        if out is not None:
            atomic_write(out, written(predictions, out.suffix.lower(), kept), overwrite=force)
            screen.done(f"{count(table.rows, 'prediction')} in {out}")
        elif as_json:
            document.update(listed(predictions, kept))
        else:
            screen.data(csv_text(predictions, kept))
    if as_json:
        screen.json({"rows": table.rows, **document, "notes": notes})
