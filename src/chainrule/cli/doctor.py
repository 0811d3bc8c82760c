"""`chainrule doctor`: what is wrong with a training run, by what evidence, and what to change."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from chainrule.cli.group import VERBS
from chainrule.cli.options import PATH, debug_option, json_option

if TYPE_CHECKING:
    from chainrule.cli.screen import Screen
    from chainrule.glass.doctor import Diagnosis
    from chainrule.storage import Model
    from chainrule.training.recording import Recording

__all__ = ["command"]


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
    from chainrule.cli.model_file import load_model
    from chainrule.cli.screen import Screen
    from chainrule.glass.doctor import diagnose

    loaded = load_model(model)
    screen = Screen(as_json)
    same: bool | None = None
    if data is None:
        _require_recording(loaded, model)
        diagnosis = diagnose(loaded)
    else:
        recording, same = _watched(loaded, model, data, screen)
        diagnosis = diagnose(recording)
    _show(screen, diagnosis, model, same)
    if as_json:
        screen.json({**diagnosis.to_dict(), "same_weights": same})
    ctx.exit(0 if diagnosis.healthy else 1)


def _require_recording(model: Model, path: Path) -> None:
    from chainrule.errors import UsageError

    if "recording" in model.record:
        return
    table = model.record.get("table")
    again = f"pass its table, to have it done again and watched: chainrule doctor {path} {table}"
    raise UsageError(
        "the training of this model was not recorded",
        where=str(path),
        do=again if isinstance(table, str) else "train with cr.train(..., record=True)",
    )


def _watched(model: Model, path: Path, data: Path, screen: Screen) -> tuple[Recording, bool]:
    """Train again as the model's record says; return the recording, and if the weights agree."""
    from chainrule.cli.evaluation import settings_in
    from chainrule.cli.pipeline import Checkpoints, fit, prepare
    from chainrule.cli.progress import TrainingProgress
    from chainrule.errors import DivergenceError, UsageError
    from chainrule.tabular import read_table

    settings = settings_in(model.record, str(path))
    if settings is None:
        raise UsageError(
            "the model was not trained on a table, so its training cannot be done again",
            where=str(path),
            do="train with cr.train(..., record=True), and pass the model alone",
        )
    prepared = prepare(read_table(data, dialect=settings.dialect()), settings)
    try:
        with TrainingProgress(screen, prepared.metrics[0]) as listener:
            run = fit(prepared, settings, listener, Checkpoints(), record=True)
    except DivergenceError as error:
        recording: Any = error.recording
        return _named(recording, prepared.encoder.features), False
    recording = run.recording
    assert recording is not None
    same = run.model.weights.tobytes() == model.weights.tobytes()
    return _named(recording, prepared.encoder.features), same


def _named(recording: Recording, names: tuple[str, ...]) -> Recording:
    return replace(recording, facts={**recording.facts, "names": list(names)})


def _show(screen: Screen, diagnosis: Diagnosis, path: Path, same: bool | None) -> None:
    from chainrule.cli.words import count

    found = count(len(diagnosis.verdicts), "verdict")
    screen.title(f"doctor: {path.name}", "no fault found" if diagnosis.healthy else found)
    if same is True:
        screen.note("the training was done again, to the same weights")
    if same is False:
        screen.note("the training was done again; its weights are not the model's")
    titles = {verdict.fault: verdict.title for verdict in diagnosis.verdicts}
    for number, verdict in enumerate(diagnosis.verdicts, start=1):
        screen.gap()
        place = f"  {verdict.layer}" if verdict.layer else ""
        screen.line(f"{number}. ", (verdict.title, "title"), place)
        facts = {f"evidence {place}": text for place, text in enumerate(verdict.evidence, start=1)}
        if len(facts) == 1:
            facts = {"evidence": verdict.evidence[0]}
        facts["confidence"] = f"{verdict.confidence:.0%}"
        if verdict.because:
            facts["follows from"] = titles[verdict.because]
        screen.facts({**facts, "do": verdict.remedy, "code": verdict.code})
    screen.gap()
    for sentence in diagnosis.unseen:
        screen.note(f"not looked at: {sentence}")
    if diagnosis.healthy:
        screen.done("no fault found")
    screen.gap()
