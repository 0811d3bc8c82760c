"""`chainrule resume`: a stopped training goes on, told by nothing but its checkpoint."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from chainrule.cli.group import VERBS
from chainrule.cli.options import PATH, Count, debug_option, force_option, json_option

if TYPE_CHECKING:
    from chainrule.cli.job import Job
    from chainrule.errors import UsageError
    from chainrule.training.checkpoint import Checkpoint

__all__ = ["command"]


@click.command("resume", help=VERBS["resume"])
@click.argument("checkpoint", type=PATH)
@click.argument("data", type=PATH, required=False)
@click.option("--epochs", type=Count(), metavar="COUNT", help="Another number of epochs.")
@click.option("--patience", type=Count(0), metavar="COUNT", help="Another patience, as of train.")
@click.option("--out", type=PATH, metavar="FILE", help="Another place for the model.")
@force_option
@json_option
@debug_option
def command(checkpoint: Path, force: bool, as_json: bool, **changes: Any) -> None:
    """Go on with the settings of the checkpoint; DATA only where the table has moved."""
    from chainrule.cli.checkpoint_file import checkpoint_of
    from chainrule.cli.screen import Screen
    from chainrule.cli.training import run_job

    saved = checkpoint_of(checkpoint)
    job = _job(saved, checkpoint, changes)
    screen = Screen(as_json)
    over = _over(saved, job)
    if over and job.outputs.model.exists() and not force:
        raise _finished(over, checkpoint, job, saved)
    if over:
        screen.note(f"{over}, so there is nothing to train")
    run_job(job, screen, as_json, force or _is_our_own(job))


def _over(saved: Checkpoint, job: Job) -> str:
    """Return why there is nothing left to train, or nothing.

    Raises
    ------
    UsageError
        More epochs are done than are asked for.
    """
    from chainrule.cli.words import count
    from chainrule.errors import UsageError

    done, settings = saved.document["epoch"], job.settings
    if done > settings.epochs:
        raise UsageError(
            "more epochs are done than are asked for",
            where="--epochs",
            expected=f"at least {done}",
            got=str(settings.epochs),
        )
    if done == settings.epochs:
        return f"all {count(done, 'epoch')} of the run are done"
    waited = saved.document["patience"]["waited"]
    held_out = settings.validation_share > 0 and settings.patience > 0
    if held_out and waited >= settings.patience:
        return f"the run stopped after {count(done, 'epoch')}, {waited} of them without improvement"
    return ""


def _finished(over: str, checkpoint: Path, job: Job, saved: Checkpoint) -> UsageError:
    from chainrule.errors import UsageError

    done, settings = saved.document["epoch"], job.settings
    words = ["chainrule", "resume", str(checkpoint)]
    if done >= settings.epochs:
        words += ["--epochs", str(2 * settings.epochs)]
    else:
        words += ["--patience", str(2 * settings.patience)]
    return UsageError(
        f"{over}, and its model is written",
        where=str(job.outputs.model),
        do=f"train longer, and replace the model: {shlex.join(words)} --force",
    )


def _job(saved: Checkpoint, checkpoint: Path, changes: dict[str, Any]) -> Job:
    from dataclasses import replace

    from chainrule.cli import train
    from chainrule.cli.config import parsed
    from chainrule.cli.job import job_of

    note = saved.note
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
