"""`chainrule predict`: a row in, a row out, in the same order."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from chainrule.cli.group import VERBS
from chainrule.cli.options import PATH, debug_option, force_option, json_option

if TYPE_CHECKING:
    from chainrule.storage import Model
    from chainrule.tabular import Predictions

__all__ = ["command"]

OUT = (
    "Where the predictions go: .csv, .jsonl or .parquet; a name without an ending gets CSV."
    "  [default: CSV on standard output]"
)


@click.command("predict", help=VERBS["predict"])
@click.argument("model", type=PATH)
@click.argument("data", type=PATH)
@click.option("--out", type=PATH, help=OUT)
@force_option
@json_option
@debug_option
def command(model: Path, data: Path, out: Path | None, force: bool, as_json: bool) -> None:
    """Predict the rows of a table file."""
    from chainrule.cli.predictions import FORMATS, csv_text, written
    from chainrule.cli.screen import Screen
    from chainrule.cli.training import require_ending, require_outputs
    from chainrule.cli.words import count
    from chainrule.files import atomic_write
    from chainrule.tabular import predict_table, read_table
    from chainrule.tabular.predict import encoder_of

    require_outputs({"MODEL": model, "DATA": data}, {"--out": out}, force)
    require_ending("--out", out, FORMATS)
    loaded = _load(model)
    encoder = encoder_of(loaded)
    table = read_table(data, encoder.expects())
    predictions = predict_table(loaded, table)
    notes = [*table.notes, *encoder.surprises(table)]
    for note in notes:
        Screen(data_on_stdout=True).note(note)
    screen = Screen(data_on_stdout=as_json or out is None)
    document: dict[str, Any] = {"rows": table.rows, "out": None if out is None else str(out)}
    if out is not None:
        atomic_write(out, written(predictions, out.suffix.lower()), overwrite=force)
        screen.done(f"{count(table.rows, 'prediction')} in {out}")
    elif as_json:
        document.update(_listed(predictions))
    else:
        screen.data(csv_text(predictions))
    if as_json:
        screen.json({**document, "notes": notes})


def _load(path: Path) -> Model:
    from chainrule.api import load
    from chainrule.errors import FileFormatError
    from chainrule.tabular.reader import SUFFIXES

    try:
        return load(path)
    except FileFormatError as error:
        if path.is_file() and path.name.lower().removesuffix(".gz").endswith(SUFFIXES):
            error.do = "is it the table? the order is MODEL DATA"
        raise


def _listed(predictions: Predictions) -> dict[str, Any]:
    document: dict[str, Any] = {"predictions": predictions.values.tolist()}
    if predictions.probabilities is not None:
        document["classes"] = list(predictions.classes or ())
        document["probabilities"] = predictions.probabilities.tolist()
    return document
