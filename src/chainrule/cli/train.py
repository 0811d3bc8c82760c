"""`chainrule train`: a table in, a scored model out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from chainrule.cli.group import VERBS
from chainrule.cli.options import (
    PATH,
    Finite,
    Member,
    Widths,
    debug_option,
    force_option,
    json_option,
)

__all__ = ["command", "option"]

CommandT = TypeVar("CommandT", bound=Callable[..., Any])

SHARE = Finite(0, 1, max_open=True)
POSITIVE = Finite(0, min_open=True)
COUNT = click.IntRange(1)
EPILOG = "The names of activations, losses, optimizers and schedules: chainrule list"


def option(
    name: str, kind: Any, metavar: str, text: str, default: Any = None
) -> Callable[[CommandT], CommandT]:
    """Return an option that shows its default where it has one."""
    shown = default is not None
    return click.option(
        name, type=kind, metavar=metavar, help=text, default=default, show_default=shown
    )


@click.command("train", help=VERBS["train"], epilog=EPILOG)
@click.argument("data", type=PATH)
@click.option("--target", required=True, metavar="COLUMN", help="The column to predict.")
@option("--out", PATH, "FILE", "Where the model goes.", Path("model.safetensors"))
@option("--history", PATH, "FILE", "Where one row for each epoch goes (.csv or .json).")
@option("--report", PATH, "FILE", "Where a page for the browser goes (.html).")
@click.option(
    "--task",
    type=click.Choice(["regression", "classification"]),
    help="Read the target as a quantity or as classes.  [default: by its values]",
)
@option("--hidden", Widths(), "WIDTHS", "Hidden layers, such as 64,32, or none.", "64,32")
@option("--activation", Member("activation"), "NAME", "Of the hidden layers.", "relu")
@option("--dropout", SHARE, "SHARE", "Of the hidden units, dropped in training.", 0.0)
@option("--loss", Member("loss"), "NAME", "What is minimised.  [default: by the task]")
@option("--optimizer", Member("optimizer"), "NAME", "How it is minimised.", "adam")
@option("--learning-rate", POSITIVE, "NUMBER", "Size of a step.  [default: the optimizer's]")
@option("--schedule", Member("schedule"), "NAME", "Of the learning rate.  [default: constant]")
@option("--batch-size", COUNT, "ROWS", "Rows of one step.  [default: by the number of rows]")
@option("--epochs", COUNT, "COUNT", "The most passes over the training rows.", 100)
@option(
    "--patience",
    click.IntRange(0),
    "COUNT",
    "Epochs without improvement before it stops; 0 never stops.",
    10,
)
@option("--validation-share", SHARE, "SHARE", "Rows that choose the best epoch.", 0.2)
@option("--test-share", SHARE, "SHARE", "Rows that only the final score sees.", 0.2)
@option("--seed", int, "NUMBER", "Of the split, the first weights and the order of rows.", 0)
@click.option(
    "--dtype",
    type=click.Choice(["float32", "float64"]),
    default="float32",
    show_default=True,
    help="Precision of all numbers.",
)
@click.option("--drop-missing-target", is_flag=True, help="Leave out rows without a target.")
@option("--checkpoint", PATH, "FILE", "Save the state there after every epoch.")
@option("--resume", PATH, "FILE", "Go on from a checkpoint, with the same options.")
@force_option
@json_option
@debug_option
def command(
    data: Path,
    out: Path,
    history: Path | None,
    report: Path | None,
    checkpoint: Path | None,
    resume: Path | None,
    force: bool,
    as_json: bool,
    patience: int,
    **chosen: Any,
) -> None:
    """Train on a table file and write the model."""
    from chainrule.cli.pipeline import Checkpoints, Settings
    from chainrule.cli.screen import Screen
    from chainrule.cli.training import Outputs, require_ending, require_outputs, run_training

    results = {"--out": out, "--history": history, "--report": report}
    require_outputs({"DATA": data}, results, force)
    require_ending("--history", history, (".csv", ".json"))
    require_ending("--report", report, (".html", ".htm"))
    others = {"DATA": data, **{name: path for name, path in results.items() if path is not None}}
    _require_checkpoint(others, checkpoint, resume)
    settings = Settings(patience=patience or None, **chosen)
    outputs = Outputs(out, history, report, Checkpoints(checkpoint, resume), as_json)
    run_training(data, settings, Screen(as_json), outputs)


def _require_checkpoint(
    others: dict[str, Path], checkpoint: Path | None, resume: Path | None
) -> None:
    from chainrule.cli.training import require_outputs
    from chainrule.errors import OutputExistsError

    try:
        require_outputs(others, {"--checkpoint": checkpoint}, force=checkpoint == resume)
    except OutputExistsError as error:
        error.do = f"choose another name, or go on from it: --resume {checkpoint}"
        raise
