"""The course of `train` on pictures: read, train, score, write model, page and history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.api import load
from chainrule.cli.job import Job
from chainrule.cli.judge import Scores
from chainrule.cli.outcome import ended_rows, score_heads, score_rows
from chainrule.cli.pictures import Pictures, prepare_pictures, score_pictures, with_record
from chainrule.cli.pictures_page import PictureFindings, pictures_page
from chainrule.cli.pipeline import Settings, batch_of, optimizer_of
from chainrule.cli.screen import Screen
from chainrule.cli.training import file_line, history_text, tell_next, tell_resume, trained
from chainrule.cli.understood import augmented_fact
from chainrule.cli.words import count
from chainrule.errors import ChainruleError
from chainrule.files import atomic_write
from chainrule.storage import Model
from chainrule.storage.document import plain

__all__ = ["run_pictures"]

MOST_CLASSES = 12


def run_pictures(job: Job, screen: Screen, as_json: bool) -> None:
    """Train on pictures, show everything, and write model, report and history.

    Raises
    ------
    DivergenceError
        The training diverged; nothing is written.
    KeyboardInterrupt
        The training was interrupted; its state and what it had learned are written first.
    """
    prepared = prepare_pictures(job.data, job.settings)
    total = sum(prepared.counts().values())
    screen.title(job.title, f"{count(total, 'picture')}, {prepared.code.words}")
    facts = _facts(prepared, job.settings, screen.arrow())
    screen.facts(facts)
    screen.gap()
    run = trained(job, prepared, screen)
    screen.gap()
    interrupted = run.stop_reason == "interrupted"
    source = job.data.resolve().name
    unscored = with_record(prepared, job.settings, run.model, source, None)
    judged, scores = score_pictures(prepared, unscored, linear=not interrupted)
    model = with_record(prepared, job.settings, run.model, source, scores)
    screen.facts(ended_rows(run.history.rows, model.record, screen.curve))
    screen.gap()
    if scores is not None:
        heads = score_heads(scores, "test picture")
        screen.table(heads, score_rows(scores, "class"), range(1, len(heads)), strong=1)
        screen.gap()
        if scores.linear_note:
            screen.note(scores.linear_note)
            screen.gap()
    found = PictureFindings(job.title, prepared.code, model, judged, scores, facts)
    written = _write(job, prepared, found, run.history.rows, page=not interrupted)
    screen.table(("written", "size", ""), [file_line(*entry) for entry in written], right=(1,))
    screen.gap()
    if as_json:
        screen.json(_summary(job, prepared, model, scores, run.history.rows))
    if interrupted:
        tell_resume(screen, job)
        raise KeyboardInterrupt
    if not job.outputs.keep:
        job.outputs.checkpoint.unlink(missing_ok=True)
    if not as_json:
        tell_next(screen, job, "NEW-PICTURES")


def _facts(prepared: Pictures, settings: Settings, arrow: str) -> dict[str, str]:
    counts, classes = prepared.counts(), prepared.target.classes or ()
    listed = ", ".join(str(label) for label in classes[:MOST_CLASSES])
    widths = [
        count(prepared.images.X.shape[1], "pixel"),
        *(f"{width} {settings.activation}" for width in settings.hidden),
        str(prepared.loss.raw_width(len(classes) if not prepared.loss.link.elementwise else 1)),
    ]
    optimizer = optimizer_of(settings)
    schedule = f" on a {settings.schedule} schedule" if settings.schedule else ""
    batch = batch_of(counts["training"], settings)
    way = f"learning rate {optimizer.learning_rate:g}{schedule}, batches of {batch}"
    return {
        "task": f"classification into {len(classes)} classes: {listed}"
        + (", ..." if len(classes) > MOST_CLASSES else ""),
        "pictures": f"{counts['training']:,} to train, {counts['validation']:,} to validate, "
        f"{counts['test']:,} to test",
        "network": f" {arrow} ".join(widths)
        + (f", dropout {settings.dropout:g}" if settings.dropout else ""),
        "training": f"{optimizer.name}, {way if optimizer.stepwise else 'whole data'}, "
        f"at most {count(settings.epochs, 'epoch')}, loss {prepared.loss.name}",
        **augmented_fact(settings),
    }


def _write(
    job: Job,
    prepared: Pictures,
    found: PictureFindings,
    history: Sequence[Mapping[str, Any]],
    page: bool,
) -> list[tuple[Path, str]]:
    outputs = job.outputs
    found.model.save(outputs.model, overwrite=True)
    same = _verify(outputs.model, found.model, prepared)
    written = [(outputs.model, f"read back: {same:,} same predictions")]
    if outputs.history is not None:
        atomic_write(outputs.history, history_text(outputs.history, history), overwrite=True)
        written.append((outputs.history, count(len(history), "epoch")))
    if page and outputs.report is not None:
        atomic_write(outputs.report, pictures_page(found), overwrite=True)
        written.append((outputs.report, "open it in a browser"))
    return written


def _verify(path: Path, model: Model, prepared: Pictures) -> int:
    test = prepared.test()
    X: np.ndarray = (prepared.images if test is None else test).X
    again = load(path)
    if again.raw(X).tobytes() != model.raw(X).tobytes():
        raise ChainruleError("the model read back predicts other numbers", where=str(path))
    return len(X)


def _summary(
    job: Job,
    prepared: Pictures,
    model: Model,
    scores: Scores | None,
    history: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    document = {
        **job.outputs.document(),
        "task": "classification",
        "classes": prepared.target.classes,
        "pictures": model.record["split"],
        "shape": prepared.code.shape,
        "parameters": int(model.weights.size),
        "epochs": model.record["epochs"],
        "best_epoch": model.record["best_epoch"],
        "stop_reason": model.record["stop_reason"],
        "scores": None if scores is None else asdict(scores),
        "seconds": sum(row["seconds"] for row in history),
    }
    return plain(document)
