"""`chainrule predict`: a row in, a row out, in the same order."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from chainrule.cli.group import VERBS
from chainrule.cli.options import PATH, debug_option, force_option, json_option

if TYPE_CHECKING:
    from chainrule.tabular import Predictions

__all__ = ["command", "csv_text"]


@click.command("predict", help=VERBS["predict"])
@click.argument("model", type=PATH)
@click.argument("data", type=PATH)
@click.option("--out", type=PATH, help="Where the predictions go.  [default: standard output]")
@force_option
@json_option
@debug_option
def command(model: Path, data: Path, out: Path | None, force: bool, as_json: bool) -> None:
    """Predict the rows of a table file."""
    from chainrule.api import load
    from chainrule.cli.screen import Screen
    from chainrule.cli.training import require_outputs
    from chainrule.cli.words import count
    from chainrule.files import atomic_write
    from chainrule.tabular import predict_table, read_table
    from chainrule.tabular.predict import encoder_of

    require_outputs({"MODEL": model, "DATA": data}, {"--out": out}, force)
    loaded = load(model)
    table = read_table(data, encoder_of(loaded).expects())
    predictions = predict_table(loaded, table)
    screen = Screen(data_on_stdout=as_json or out is None)
    for note in table.notes:
        screen.note(note)
    document: dict[str, Any] = {"rows": table.rows, "out": None if out is None else str(out)}
    if out is not None:
        atomic_write(out, csv_text(predictions), overwrite=force)
        screen.done(f"{count(table.rows, 'prediction')} in {out}")
    elif as_json:
        document.update(_listed(predictions))
    else:
        screen.data(csv_text(predictions))
    if as_json:
        screen.json(document)


def csv_text(predictions: Predictions) -> str:
    """Return predictions as CSV: `prediction`, then one probability for each class.

    Numbers are written so that reading them gives the same bits.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    classes = predictions.classes or ()
    writer.writerow(["prediction", *(f"probability {label}" for label in classes)])
    values = [[_cell(value)] for value in predictions.values.tolist()]
    if predictions.probabilities is not None:
        for row, shares in zip(values, predictions.probabilities.tolist(), strict=True):
            row.extend(repr(share) for share in shares)
    writer.writerows(values)
    return text.getvalue()


def _cell(value: Any) -> str:
    return repr(value) if isinstance(value, float) else str(value)


def _listed(predictions: Predictions) -> dict[str, Any]:
    document: dict[str, Any] = {"predictions": predictions.values.tolist()}
    if predictions.probabilities is not None:
        document["classes"] = list(predictions.classes or ())
        document["probabilities"] = predictions.probabilities.tolist()
    return document
