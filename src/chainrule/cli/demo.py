"""`chainrule demo`: the whole way on a bundled real table."""

from __future__ import annotations

from itertools import count
from pathlib import Path

import click

from chainrule.cli.group import VERBS
from chainrule.cli.options import PATH, Count, debug_option, force_option, json_option

__all__ = ["command"]

FOLDER = "demo-output"


@click.command("demo", help=VERBS["demo"])
@click.option(
    "--out-dir",
    type=PATH,
    help=f"Where the files go.  [default: {FOLDER}, or the first free {FOLDER}-2, ...]",
)
@click.option(
    "--epochs",
    type=Count(),
    metavar="COUNT",
    default=60,
    show_default=True,
    help="The most passes over the training rows.",
)
@click.option(
    "--seed",
    type=int,
    metavar="NUMBER",
    default=0,
    show_default=True,
    help="Of the split, the first weights and the order of rows.",
)
@force_option
@json_option
@debug_option
def command(out_dir: Path | None, epochs: int, seed: int, force: bool, as_json: bool) -> None:
    """Predict house values in 20,640 Californian districts of 1990."""
    from chainrule.cli.job import Job, Outputs
    from chainrule.cli.pipeline import Settings
    from chainrule.cli.screen import Screen
    from chainrule.cli.training import run_job
    from chainrule.data import california_housing

    data = california_housing()
    folder = _free_folder() if out_dir is None else out_dir
    outputs = Outputs(
        folder / "model.safetensors",
        folder / "model.md",
        folder / "report.html",
        folder / "history.csv",
        folder / "model.checkpoint",
    )
    _make(folder)
    settings = Settings(
        target="median_house_value",
        hidden=(128, 64),
        learning_rate=0.003,
        schedule="cosine",
        batch_size=64,
        epochs=epochs,
        patience=0,
        seed=seed,
    )
    job = Job(data, settings, outputs, "California housing, census of 1990")
    run_job(job, Screen(as_json), as_json, force)


def _free_folder() -> Path:
    """Return the first of demo-output, demo-output-2, ... that does not exist."""
    names = (FOLDER if number == 1 else f"{FOLDER}-{number}" for number in count(1))
    return next(Path(name) for name in names if not Path(name).exists())


def _make(folder: Path) -> None:
    from chainrule.errors import ChainruleError

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ChainruleError(
            f"the folder cannot be made: {error.strerror}", where=str(folder)
        ) from None
