"""`chainrule doctor`: what is wrong with a training run, by what evidence, and what to change."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import click

from chainrule.cli.group import VERBS
from chainrule.cli.options import PATH, debug_option, json_option

if TYPE_CHECKING:
    from chainrule.cli.pipeline import Learnable, Settings
    from chainrule.cli.screen import Screen
    from chainrule.glass.doctor import Diagnosis
    from chainrule.storage import Model
    from chainrule.training.recording import Recording

__all__ = ["command"]

Options: TypeAlias = dict[str, dict[str, Any]]
"""Options of `train` that help, by fault."""


@click.command("doctor", help=VERBS["doctor"])
@click.argument("model", type=PATH)
@click.argument("data", type=PATH, required=False)
@json_option
@debug_option
@click.pass_context
def command(ctx: click.Context, model: Path, data: Path | None, as_json: bool) -> None:
    """Diagnose the training of a model.

    With DATA, the table of its training, the training is done again as the model's record says,
    and watched. Without, the model must hold a recording: cr.train(..., record=True).

    Exits with 1 if there is a verdict.
    """
    from chainrule.cli.diagnosis import columns_of, helpful
    from chainrule.cli.model_file import load_model
    from chainrule.cli.screen import Screen
    from chainrule.glass.doctor import diagnose

    loaded = load_model(model)
    screen = Screen(as_json)
    same: bool | None = None
    options: Options = {}
    following = ""
    if data is None:
        _require_recording(loaded, model)
        diagnosis = diagnose(loaded)
    else:
        recording, same, learnable, settings = _watched(loaded, model, data, screen)
        diagnosis = diagnose(recording)
        options = helpful(diagnosis, settings, recording, columns_of(learnable))
        following = _next(data, settings, model, options)
    _show(screen, diagnosis, model, same, options)
    if diagnosis.healthy:
        for sentence in _better(loaded):
            screen.note(f"{sentence}; it is no fault of the training that the doctor can see")
    elif following:
        screen.command("next", following)
    screen.gap()
    if as_json:
        screen.json({**diagnosis.to_dict(), "options": options, "same_weights": same})
    ctx.exit(0 if diagnosis.healthy else 1)


def _require_recording(model: Model, path: Path) -> None:
    from chainrule.errors import UsageError

    if "recording" in model.record:
        return
    table = model.record.get("table")
    words = shlex.join(["chainrule", "doctor", str(path), str(table)])
    here = "" if Path(str(table)).exists() else f" (in the folder where {table} is)"
    again = f"pass its table, to have it done again and watched: {words}{here}"
    raise UsageError(
        "the training of this model was not recorded",
        where=str(path),
        do=again if isinstance(table, str) else "train with cr.train(..., record=True)",
    )


def _watched(
    model: Model, path: Path, data: Path, screen: Screen
) -> tuple[Recording | None, bool, Learnable, Settings]:
    """Train again as the model's record says.

    Returns
    -------
    Recording or None, bool, Learnable, Settings
        The recording, whether the weights agree, and what was trained how.
    """
    from chainrule.cli.diagnosis import fit_watched, names_of, recording_of
    from chainrule.cli.evaluation import settings_in
    from chainrule.cli.learnable import learnable
    from chainrule.errors import UsageError
    from chainrule.tabular.table import MissingColumnError

    settings = settings_in(model.record, str(path))
    if settings is None:
        raise UsageError(
            "the model was not trained on a table, so its training cannot be done again",
            where=str(path),
            do="train with cr.train(..., record=True), and pass the model alone",
        )
    _require_like(settings.target, data)
    try:
        prepared = learnable(data, settings)
    except MissingColumnError as error:
        error.do = f"pass the table of its training: {model.record.get('table', 'it had these')}"
        raise
    recording, run = recording_of(
        lambda: fit_watched(prepared, settings, screen), names_of(prepared)
    )
    same = run is not None and run.model.weights.tobytes() == model.weights.tobytes()
    return recording, same, prepared, settings


def _require_like(target: str, data: Path) -> None:
    """Refuse a table for a model of pictures, which has no target column, and the reverse."""
    from chainrule.errors import UsageError
    from chainrule.images import is_image_source

    pictures = is_image_source(data)
    if pictures != (not target):
        known, found = ("a table", "pictures") if pictures else ("pictures", "a table")
        raise UsageError(
            "the data are of another kind than those of the training",
            where=str(data),
            expected=known,
            got=found,
        )


def _show(
    screen: Screen, diagnosis: Diagnosis, path: Path, same: bool | None, options: Options
) -> None:
    from chainrule.cli.diagnosis import show_diagnosis
    from chainrule.cli.words import count

    found = count(len(diagnosis.verdicts), "verdict")
    screen.title(f"doctor: {path.name}", "" if diagnosis.healthy else found)
    if same is True:
        screen.note("the training was done again, to the same weights")
    if same is False:
        screen.note("the training was done again; its weights are not the model's")
    show_diagnosis(screen, diagnosis, options)
    if diagnosis.healthy:
        screen.done("no fault found")


def _next(data: Path, settings: Settings, model: Path, options: Options) -> str:
    """Return the command that trains with what the first verdict asks for; empty if none can."""
    from chainrule.cli.again import train_command
    from chainrule.cli.job import beside

    # Whether a column may be known is not ours to say.
    sure = (found for found in options.values() if "ignore" not in found)
    if not (first := next(sure, None)):
        return ""
    changes = {
        name.replace("-", "_"): tuple(value) if isinstance(value, list) else value
        for name, value in first.items()
    }
    return train_command(data, settings, beside(model, "-better.safetensors"), **changes)


def _better(model: Model) -> list[str]:
    """Return which simpler models the record says to be better."""
    from chainrule.cli.judge import Scores
    from chainrule.cli.rivals import rivals

    found = model.record.get("scores")
    if not isinstance(found, dict):
        return []
    try:
        return rivals(Scores(**found))
    except (TypeError, KeyError, AttributeError):  # not what train writes
        return []
