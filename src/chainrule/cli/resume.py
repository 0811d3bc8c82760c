"""`chainrule resume`: a stopped training goes on, told by nothing but its checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from chainrule.cli.group import VERBS
from chainrule.cli.options import PATH, Count, debug_option, force_option, json_option

if TYPE_CHECKING:
    from chainrule.cli.job import Job

__all__ = ["command"]


@click.command("resume", help=VERBS["resume"])
@click.argument("checkpoint", type=PATH)
@click.argument("data", type=PATH, required=False)
@click.option("--epochs", type=Count(), metavar="COUNT", help="Another number of epochs.")
@click.option("--out", type=PATH, metavar="FILE", help="Another place for the model.")
@force_option
@json_option
@debug_option
def command(
    checkpoint: Path,
    data: Path | None,
    epochs: int | None,
    out: Path | None,
    force: bool,
    as_json: bool,
) -> None:
    """Go on with the settings of the checkpoint; DATA only where the table has moved."""
    from chainrule.cli.screen import Screen
    from chainrule.cli.training import run_job

    job = _job(checkpoint, {"data": data, "epochs": epochs, "out": out})
    run_job(job, Screen(as_json), as_json, force or _is_our_own(job))


def _job(checkpoint: Path, changes: dict[str, Any]) -> Job:
    from dataclasses import replace

    from chainrule.cli import train
    from chainrule.cli.config import parsed
    from chainrule.cli.job import job_of
    from chainrule.errors import FileFormatError
    from chainrule.training.checkpoint import read_checkpoint

    try:
        note = read_checkpoint(checkpoint).note
    except FileFormatError as error:
        if "chainrule-model" in error.got:
            error.do = (
                "a model is finished; its checkpoint is there while the run is interrupted, or "
                "with train --checkpoint"
            )
        raise
    options = dict(_options(note, checkpoint))
    if changes["out"] is not None:  # the pages belong beside it
        options = {name: value for name, value in options.items() if name not in ("card", "report")}
    if "checkpoint" in options:
        options["checkpoint"] = str(checkpoint)
    given = {name: str(value) for name, value in changes.items() if value is not None}
    job = job_of(parsed(train.command, {**options, **given}, str(checkpoint)), checkpoint)
    title = note.get("title")
    return replace(job, title=title) if isinstance(title, str) else job


def _options(note: dict[str, Any], checkpoint: Path) -> dict[str, Any]:
    from chainrule.cli.training import VERB
    from chainrule.errors import CheckpointError

    options = note.get("options")
    if note.get("verb") != VERB or not isinstance(options, dict):
        raise CheckpointError(
            "the checkpoint does not say how its run was started",
            where=str(checkpoint),
            expected="a checkpoint of chainrule train",
            do="it was written from Python: go on with train(..., resume=)",
        )
    return options


def _is_our_own(job: Job) -> bool:
    """Say whether the model that is there is what this run left when it was interrupted."""
    from dataclasses import asdict

    from chainrule.api import load
    from chainrule.errors import ChainruleError
    from chainrule.storage.document import plain

    if not job.outputs.model.exists():
        return False
    try:
        record = load(job.outputs.model).record
    except ChainruleError:
        return False
    settings = record.get("settings")
    if record.get("stop_reason") != "interrupted" or not isinstance(settings, dict):
        return False
    return {**settings, "epochs": 0} == {**plain(asdict(job.settings)), "epochs": 0}
