"""`chainrule train`: a table in, a scored model out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import click

from chainrule.cli.augment import Augments, size_option
from chainrule.cli.config import config_option
from chainrule.cli.group import VERBS
from chainrule.cli.options import (
    PATH,
    Count,
    Finite,
    InSections,
    Member,
    Widths,
    debug_option,
    dialect_options,
    force_option,
    ignore_option,
    json_option,
)

__all__ = ["command", "option"]

CommandT = TypeVar("CommandT", bound=Callable[..., Any])

SHARE = Finite(0, 1, max_open=True)
POSITIVE = Finite(0, min_open=True)
COUNT = Count()
EPILOG = (
    "DATA is a table file, or pictures: a folder with MNIST's idx files, with images.npy and "
    "labels.npy, or with a folder of picture files for each class. "
    "The names of activations, losses, optimizers, schedules and augmentations: chainrule list"
)


def option(
    name: str, kind: Any, metavar: str, text: str, default: Any = None
) -> Callable[[CommandT], CommandT]:
    """Return an option that shows its default where it has one."""
    shown = default is not None
    return click.option(
        name, type=kind, metavar=metavar, help=text, default=default, show_default=shown
    )


class _Train(InSections):
    sections: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "Table": (
            *("target", "task", "ignore", "drop_missing_target", "validation_share", "test_share"),
            *("delimiter", "encoding", "decimal", "memory"),
        ),
        "Pictures": ("image_size",),
        "Network": ("hidden", "activation", "dropout", "dtype"),
        "Training": (
            *("loss", "optimizer", "learning_rate", "schedule", "batch_size", "epochs"),
            *("patience", "seed", "augment"),
        ),
        "Files": (
            *("out", "report", "card", "model_only", "history"),
            *("checkpoint", "checkpoint_every", "resume", "config", "force"),
        ),
        "Others": (),
    }


@click.command("train", cls=_Train, help=VERBS["train"], epilog=EPILOG)
@click.argument("data", type=PATH)
@option("--target", str, "COLUMN", "The column to predict; needed for a table.")
@option("--out", PATH, "FILE", "Where the model goes.", Path("model.safetensors"))
@option("--history", PATH, "FILE", "Where one row for each epoch goes (.csv or .json).")
@option("--report", PATH, "FILE", "Where the page for the browser goes.  [default: beside --out]")
@option("--card", PATH, "FILE", "Where the model card (Markdown) goes.  [default: beside --out]")
@click.option("--model-only", is_flag=True, help="Write the model, without report and card.")
@click.option(
    "--task",
    type=click.Choice(["regression", "classification"]),
    help="Read the target as a quantity or as classes.  [default: by its values]",
)
@ignore_option
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
    Count(0),
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
@option("--augment", Augments(), "LIST", "Change the training rows anew in each epoch.", "none")
@size_option
@click.option("--drop-missing-target", is_flag=True, help="Leave out rows without a target.")
@option(
    "--checkpoint",
    PATH,
    "FILE",
    "Keep the state there, to go on from it.  [default: beside --out, until the run is over]",
)
@option(
    "--checkpoint-every",
    COUNT,
    "COUNT",
    "Epochs between two saves of the state.  [default: by time, of which saving takes 3 % at most]",
)
@option("--resume", PATH, "FILE", "Go on from a checkpoint, with the same options.")
@option("--memory", str, "SIZE", "For a table larger than memory: what to take, such as 256MB.")
@dialect_options
@config_option
@force_option
@json_option
@debug_option
def command(force: bool, as_json: bool, **params: Any) -> None:
    """Train on a table file, or on pictures, and write the model."""
    from chainrule.cli.job import job_of
    from chainrule.cli.screen import Screen
    from chainrule.cli.training import run_job

    job = job_of(params)
    if params["resume"] is not None:
        from chainrule.cli.checkpoint_file import checkpoint_of

        job.require_places(force)
        checkpoint_of(params["resume"])  # what it is not is said before the table is read
    run_job(job, Screen(as_json), as_json, force)
