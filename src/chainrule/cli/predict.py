"""`chainrule predict`: a row in, a row out, in the same order."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from chainrule.cli.group import VERBS
from chainrule.cli.options import PATH, debug_option, dialect_options, force_option, json_option

__all__ = ["command"]

OUT = (
    "Where the predictions go: .csv, .jsonl or .parquet; a name without an ending gets CSV."
    "  [default: CSV on standard output]"
)


@click.command("predict", help=VERBS["predict"])
@click.argument("model", type=PATH)
@click.argument("data", type=PATH)
@click.option("--out", type=PATH, help=OUT)
@dialect_options
@force_option
@json_option
@debug_option
def command(
    model: Path, data: Path, out: Path | None, force: bool, as_json: bool, **dialect: Any
) -> None:
    """Predict the rows of a table file, or pictures."""
    from chainrule.cli.job import require_ending, require_outputs
    from chainrule.cli.model_file import load_model
    from chainrule.cli.pictures import code_of
    from chainrule.cli.predictions import FORMATS, csv_text, listed, written
    from chainrule.cli.screen import Screen
    from chainrule.cli.words import count
    from chainrule.files import atomic_write
    from chainrule.tabular import predict_table, read_table
    from chainrule.tabular.dialect import Dialect
    from chainrule.tabular.predict import encoder_of

    require_outputs({"MODEL": model, "DATA": data}, {"--out": out}, force)
    require_ending("--out", out, FORMATS)
    loaded = load_model(model)
    if (code := code_of(loaded)) is not None:
        from chainrule.cli.pictures_use import predict_pictures

        predict_pictures(loaded, code, data, out, force, as_json)
        return
    encoder = encoder_of(loaded)
    table = read_table(data, encoder.expects(), Dialect(**dialect))
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
        document.update(listed(predictions))
    else:
        screen.data(csv_text(predictions))
    if as_json:
        screen.json({**document, "notes": notes})
