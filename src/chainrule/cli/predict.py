"""`chainrule predict`: a row in, a row out, in the same order."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from chainrule.cli.group import VERBS
from chainrule.cli.options import (
    PATH,
    columns_option,
    debug_option,
    dialect_options,
    force_option,
    json_option,
)

__all__ = ["command"]

OUT = (
    "Where the predictions go: .csv, .jsonl or .parquet; a name without an ending gets CSV."
    "  [default: CSV on standard output]"
)
KEEP = (
    "Columns of DATA to write in front of the prediction, cells unchanged: id,name; or all."
    "  [default: none]"
)


@click.command("predict", help=VERBS["predict"])
@click.argument("model", type=PATH)
@click.argument("data", type=PATH)
@click.option("--out", type=PATH, help=OUT)
@columns_option("--keep", KEEP)
@dialect_options
@force_option
@json_option
@debug_option
def command(
    model: Path,
    data: Path,
    out: Path | None,
    keep: tuple[str, ...],
    force: bool,
    as_json: bool,
    **dialect: Any,
) -> None:
    """Predict the rows of a table file, or pictures."""
    from chainrule.cli.job import require_ending, require_outputs
    from chainrule.cli.model_file import load_model
    from chainrule.cli.pictures import code_of
    from chainrule.cli.predictions import FORMATS
    from chainrule.errors import UsageError
    from chainrule.tabular.dialect import Dialect

    require_outputs({"MODEL": model, "DATA": data}, {"--out": out}, force)
    require_ending("--out", out, FORMATS)
    stated = Dialect(**dialect)
    loaded = load_model(model)
    if (code := code_of(loaded)) is None:
        from chainrule.cli.predict_rows import predict_rows

        predict_rows(loaded, data, stated, keep, out, force, as_json)
        return
    from chainrule.cli.pictures_use import predict_pictures

    if keep:
        raise UsageError("--keep is for tables, and MODEL is one of pictures", where="--keep")
    predict_pictures(loaded, code, data, out, force, as_json)
