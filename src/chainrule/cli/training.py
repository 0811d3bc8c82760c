"""The course of `train`, `demo` and `resume` on the screen: understand, train, score, write."""

from __future__ import annotations

import json
import shlex
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from chainrule.api import Run
from chainrule.cli.diagnosis import explain, fit_watched, names_of
from chainrule.cli.findings import findings_of_run
from chainrule.cli.job import Job
from chainrule.cli.judge import Scores
from chainrule.cli.model_card import model_card
from chainrule.cli.outcome import Outcome, ended, score_heads, score_rows, summary
from chainrule.cli.pipeline import (
    Checkpoints,
    Learnable,
    Prepared,
    fit,
    prepare,
    score,
    verify,
    with_record,
)
from chainrule.cli.progress import TrainingProgress
from chainrule.cli.report_page import report_page
from chainrule.cli.rivals import rivals
from chainrule.cli.screen import Screen
from chainrule.cli.understood import show_understood
from chainrule.cli.words import bytes_text, count
from chainrule.errors import DivergenceError
from chainrule.files import atomic_write
from chainrule.images import is_image_source
from chainrule.storage.document import plain
from chainrule.tabular import read_table
from chainrule.training.history import History

__all__ = [
    "VERB",
    "file_line",
    "history_text",
    "run_job",
    "tell_next",
    "tell_resume",
    "trained",
]

VERB = "train"
"""What the note of a checkpoint calls the verb that wrote it."""


def run_job(job: Job, screen: Screen, as_json: bool, force: bool = False) -> None:
    """Train on a table file, show everything, and write model, card, report and history.

    Raises
    ------
    DivergenceError
        The training diverged; nothing is written.
    KeyboardInterrupt
        The training was interrupted; its state and what it had learned are written first.
    """
    job.require_places(force)
    if job.settings.memory is not None:
        from chainrule.cli.larger import run_larger

        run_larger(job, screen, as_json, _note(job))
        return
    if is_image_source(job.data):
        from chainrule.cli.pictures_run import run_pictures

        run_pictures(job, screen, as_json)
        return
    _run_table(job, screen, as_json)


def _run_table(job: Job, screen: Screen, as_json: bool) -> None:
    settings = job.settings
    table = read_table(job.data, dialect=settings.dialect(), ignore=settings.ignore)
    prepared = prepare(table, settings)
    columns = count(len(table.columns) + len(table.ignored), "column")
    screen.title(job.title, f"{count(table.rows, 'row')}, {columns}")
    show_understood(screen, prepared, settings)
    run = trained(job, prepared, screen)
    screen.gap()
    interrupted = run.stop_reason == "interrupted"
    outcome = _outcome(job, prepared, run, linear=not interrupted)
    screen.facts(ended(outcome, screen.curve))
    screen.gap()
    if outcome.scores is not None:
        _show_scores(screen, outcome.scores, job.settings.target)
    written = _write(job, outcome, pages=not interrupted)
    screen.table(("written", "size", ""), [file_line(*entry) for entry in written], right=(1,))
    screen.gap()
    if as_json:
        paths = {path: name for name, path in job.outputs.document().items() if path}
        found = {paths[str(path)]: str(path) for path, _ in written}
        screen.json(summary(outcome, {**dict.fromkeys(job.outputs.document()), **found}))
    if interrupted:
        tell_resume(screen, job)
        raise KeyboardInterrupt
    if not job.outputs.keep:
        job.outputs.checkpoint.unlink(missing_ok=True)
    if as_json:
        return
    if outcome.scores is not None and rivals(outcome.scores) and str(job.data) != "-":
        words = ["chainrule", "doctor", str(job.outputs.model), str(job.data)]
        screen.command("why", shlex.join(words))
    tell_next(screen, job)


def _show_scores(screen: Screen, scores: Scores, target: str) -> None:
    heads = score_heads(scores)
    screen.table(heads, score_rows(scores, target), range(1, len(heads)), strong=1)
    screen.gap()
    said = [text for text in (scores.linear_note, *rivals(scores)) if text]
    for text in said:
        screen.note(text)
    if said:
        screen.gap()


def trained(job: Job, prepared: Learnable, screen: Screen) -> Run:
    """Train as the job says, with progress on the screen.

    Raises
    ------
    DivergenceError
        It diverged; what the doctor says of it has been shown.
    KeyboardInterrupt
        It was interrupted before one epoch was done.
    """
    outputs, began = job.outputs, time.monotonic()
    job.clear_checkpoint()
    checkpoints = Checkpoints(outputs.checkpoint, outputs.every, outputs.resume, _note(job))
    try:
        with TrainingProgress(screen, prepared.metrics[0]) as listener:
            run = fit(prepared, job.settings, listener, checkpoints)
        _require_learned(run)
    except (DivergenceError, _NothingLearnedError) as error:
        if not outputs.keep:
            outputs.checkpoint.unlink(missing_ok=True)
        if isinstance(error, _NothingLearnedError):
            raise KeyboardInterrupt from None
        explain(
            error,
            time.monotonic() - began,
            screen,
            lambda: fit_watched(prepared, job.settings, screen),
            names_of(prepared),
            settings=job.settings,
        )
        raise
    return run


class _NothingLearnedError(Exception):
    """Not one epoch was done, so there is nothing to go on from."""


def _note(job: Job) -> dict[str, Any]:
    return {"verb": VERB, "title": job.title, "options": job.options()}


def _require_learned(run: Run) -> None:
    if run.stop_reason == "diverged":
        raise DivergenceError(
            "the training diverged, so no model is written",
            where=f"epoch {len(run.history)}",
            expected="finite loss, gradient and weights",
            got=run.fault.partition(": ")[2],
            do="try a smaller --learning-rate",
        )
    if not len(run.history):
        raise _NothingLearnedError


def _outcome(job: Job, prepared: Prepared, run: Run, linear: bool) -> Outcome:
    judged = scores = None
    if len(prepared.split.test):
        unscored = with_record(prepared, job.settings, run.model, None)
        judged, scores = score(prepared, unscored, linear)
    model = with_record(prepared, job.settings, run.model, scores)
    return Outcome(prepared, job.settings, model, judged, scores, run.history.rows)


def tell_resume(screen: Screen, job: Job) -> None:
    """Print the command that goes on with an interrupted run."""
    screen.note("go on where it was interrupted, from any folder:")
    checkpoint = str(job.outputs.checkpoint.resolve())
    screen.command("next", shlex.join(["chainrule", "resume", checkpoint]))


def tell_next(screen: Screen, job: Job, data: str = "NEW.csv") -> None:
    """Print the command that applies the model."""
    words = ["chainrule", "predict", str(job.outputs.model), data, "--out", "predictions.csv"]
    screen.command("next", shlex.join(words))
    screen.gap()


def _write(job: Job, outcome: Outcome, pages: bool) -> list[tuple[Path, str]]:
    """Write all files and return each with a word about it.

    The paths were looked at before; what exists now is there by leave.
    """
    outputs = job.outputs
    outcome.model.save(outputs.model, overwrite=True)
    same = verify(outputs.model, outcome.model, outcome.prepared)
    written = [(outputs.model, f"read back: {same:,} same predictions")]
    if outputs.history is not None:
        atomic_write(
            outputs.history, history_text(outputs.history, outcome.history), overwrite=True
        )
        written.append((outputs.history, count(len(outcome.history), "epoch")))
    if not pages or (outputs.card is None and outputs.report is None):
        return written
    found = findings_of_run(outcome, job.title)
    if outputs.card is not None:
        atomic_write(outputs.card, model_card(found, outputs.model.name), overwrite=True)
        written.append((outputs.card, "the model card"))
    if outputs.report is not None:
        atomic_write(outputs.report, report_page(found), overwrite=True)
        written.append((outputs.report, "open it in a browser"))
    return written


def history_text(path: Path, history: Iterable[Mapping[str, Any]]) -> str:
    """Return a history as the ending of a file's name asks."""
    rows: list[Any] = [dict(row) for row in history]
    if path.suffix.lower() == ".json":
        return json.dumps([plain(row) for row in rows], indent=1)
    return History(rows).to_csv_text()


def file_line(path: Path, detail: str) -> tuple[str, str, str]:
    """Return name, size and a word about a file that was written."""
    return str(path), bytes_text(path.stat().st_size), detail
