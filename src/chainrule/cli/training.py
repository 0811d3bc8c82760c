"""The course of `train` and `demo` on the screen: understand, train, score, write, read back."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from chainrule.api import Run
from chainrule.cli.outcome import Outcome, ended, score_heads, score_rows, summary
from chainrule.cli.pipeline import (
    Checkpoints,
    Settings,
    fit,
    prepare,
    score,
    verify,
    with_record,
)
from chainrule.cli.progress import TrainingProgress
from chainrule.cli.report_page import report_page
from chainrule.cli.screen import Screen
from chainrule.cli.understood import show_understood
from chainrule.cli.words import bytes_text, count
from chainrule.errors import DivergenceError, UsageError
from chainrule.files import atomic_write, require_writable
from chainrule.storage.document import plain
from chainrule.tabular import read_table

__all__ = ["Outputs", "require_ending", "require_outputs", "run_training"]


def require_outputs(
    inputs: Mapping[str, Path], outputs: Mapping[str, Path | None], force: bool
) -> None:
    """Look at all output paths before any work is done.

    Raises
    ------
    OutputExistsError
        A file exists and `force` is false.
    UsageError
        Two outputs are one file, or an output is the input.
    """
    taken = {path.resolve(): name for name, path in inputs.items()}
    for option, path in outputs.items():
        if path is None:
            continue
        require_writable(path, overwrite=force)
        other = taken.setdefault(path.resolve(), option)
        if other != option:
            raise UsageError(f"{option} and {other} are the same file", where=str(path))


def require_ending(option: str, path: Path | None, endings: Iterable[str]) -> None:
    """Refuse a file name whose ending promises a format that is not written.

    Raises
    ------
    UsageError
        Another ending than those; a name without an ending gets the first of them.
    """
    endings = [ending for ending in endings if ending]
    if path is None or path.suffix.lower() in ("", *endings):
        return
    raise UsageError(
        f"{option} does not write {path.suffix} files",
        where=str(path),
        expected="a name that ends in " + " or ".join(endings),
        got=path.name,
    )


@dataclass(frozen=True)
class Outputs:
    """What a run writes, and where."""

    model: Path
    history: Path | None = None
    report: Path | None = None
    checkpoints: Checkpoints = field(default_factory=Checkpoints)
    as_json: bool = False

    def paths(self) -> dict[str, Path | None]:
        """Return the files that hold results, by name."""
        return {"model": self.model, "history": self.history, "report": self.report}


def run_training(
    data: Path, settings: Settings, screen: Screen, outputs: Outputs, title: str | None = None
) -> None:
    """Train on a table file, show everything, and write model, history and report.

    Raises
    ------
    DivergenceError
        The training diverged; nothing is written.
    KeyboardInterrupt
        The training was interrupted; what it had learned is written first.
    """
    table = read_table(data)
    prepared = prepare(table, settings)
    title = title or data.name
    screen.title(title, f"{count(table.rows, 'row')}, {len(table.columns)} columns")
    show_understood(screen, prepared, settings)
    with TrainingProgress(screen, prepared.metrics[0]) as listener:
        run = fit(prepared, settings, listener, outputs.checkpoints)
    _require_learned(run)
    unscored = with_record(prepared, settings, run, None)
    scores = score(prepared, unscored) if len(prepared.split.test) else None
    model = with_record(prepared, settings, run, scores)
    outcome = Outcome(prepared, settings, run, scores, model)
    screen.facts(ended(outcome, screen.curve))
    screen.gap()
    if scores is not None:
        screen.table(score_heads(scores), score_rows(scores, settings.target), (1, 2), strong=1)
        screen.gap()
    _write(screen, outcome, outputs, title)
    if outputs.as_json:
        screen.json(summary(outcome, outputs.paths()))
    if run.stop_reason == "interrupted":
        _tell_resume(screen, outputs.checkpoints)
        raise KeyboardInterrupt
    if not outputs.as_json:
        words = ["chainrule", "predict", str(outputs.model), "NEW.csv", "--out", "predictions.csv"]
        screen.command("next", shlex.join(words))
        screen.gap()


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
        raise KeyboardInterrupt


def _tell_resume(screen: Screen, checkpoints: Checkpoints) -> None:
    saved = checkpoints.save or checkpoints.resume
    if saved is None:
        screen.note("a run with --checkpoint FILE can go on where it was interrupted")
        return
    words = [word for word in sys.argv[1:] if word != "--force"]
    if checkpoints.resume is None:
        words += ["--resume", str(saved)]
    screen.note("go on where it was interrupted:")
    screen.command("next", shlex.join(["chainrule", *words, "--force"]))


def _write(screen: Screen, outcome: Outcome, outputs: Outputs, title: str) -> None:
    # The paths were looked at before; what exists now is there by --force.
    outcome.model.save(outputs.model, overwrite=True)
    same = verify(outputs.model, outcome.model, outcome.prepared)
    written = [(outputs.model, f"read back: {same:,} same predictions")]
    history = outcome.run.history
    if outputs.history is not None:
        as_json = outputs.history.suffix.lower() == ".json"
        rows = [plain(row) for row in history.rows]
        text = json.dumps(rows, indent=1) if as_json else history.to_csv_text()
        atomic_write(outputs.history, text, overwrite=True)
        written.append((outputs.history, count(len(rows), "epoch")))
    if outputs.report is not None:
        atomic_write(outputs.report, report_page(outcome, title), overwrite=True)
        written.append((outputs.report, "open it in a browser"))
    lines = [(str(path), bytes_text(path.stat().st_size), detail) for path, detail in written]
    screen.table(("written", "size", ""), lines, right=(1,))
    screen.gap()
