"""The course of `train --memory` on the screen: for tables that are larger than memory.

Reads, trains and scores in parts, and writes the model and its history. What needs rows in memory,
or libraries that take as much themselves (the report, the linear model), is left out.
"""

from __future__ import annotations

import shlex
import time
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.api import Run, train
from chainrule.cli.augment import augmentations_of
from chainrule.cli.diagnosis import explain
from chainrule.cli.job import STANDARD_INPUT, Job
from chainrule.cli.judge import SCORES, Judgement, Scores, guessed
from chainrule.cli.larger_words import column_rows, facts, summary
from chainrule.cli.outcome import REASONS, score_heads, score_rows
from chainrule.cli.pipeline import Settings, batch_of, loss_of, network, optimizer_of
from chainrule.cli.progress import TrainingProgress
from chainrule.cli.screen import Screen
from chainrule.cli.understood import COLUMN_HEADS, COLUMN_RIGHT, MOST_COLUMNS
from chainrule.cli.words import bytes_text, count, duration
from chainrule.errors import ChainruleError, DivergenceError, UsageError
from chainrule.files import atomic_write, readable_file
from chainrule.maths.loss import Loss
from chainrule.maths.metric import METRICS, Metric
from chainrule.storage import Model
from chainrule.tabular.stream import StreamedTable, stream_table
from chainrule.tabular.target import TargetCode
from chainrule.training import Stopping
from chainrule.training.blocks_memory import Budget
from chainrule.training.blocks_scores import Tally, rows_at_once

__all__ = ["run_larger"]

_TOLD_SECONDS = 10.0
"""Least time between two lines about how far the reading is."""
_WATCHED_ROWS, _WATCHED_SECONDS = 20_000, 30.0
"""Of a training that is done again to find out why it diverged."""


def run_larger(job: Job, screen: Screen, as_json: bool, note: dict[str, Any]) -> None:
    """Train on a table file with a stated amount of memory, and write model and history.

    Parameters
    ----------
    job : Job
        Its places have been looked at.
    screen : Screen
    as_json : bool
    note : dict
        What a checkpoint keeps, so that the run can be resumed.

    Raises
    ------
    DivergenceError
        The training diverged; nothing is written.
    KeyboardInterrupt
        The training was interrupted; what it had learned is written first.
    """
    settings, outputs = job.settings, job.outputs
    Budget.of(settings.memory)
    screen.title(job.title, f"{bytes_text(_size(job.data))}, memory {settings.memory}")
    with _streamed(job, screen) as table:
        loss = loss_of(settings, table.encoder.target)
        rows = column_rows(table)
        screen.table(COLUMN_HEADS, [*rows[:-1][: MOST_COLUMNS - 1], rows[-1]], COLUMN_RIGHT)
        for text in table.notes:
            screen.note(text)
        screen.facts(facts(table, settings, loss, _batch(table, settings)))
        screen.gap()
        run = _trained(job, table, loss, screen, note)
        scores = _scored(table, run.model, loss)
        model = _with_record(table, settings, run, scores)
        screen.facts({"trained": _ended(run)})
        if scores is not None:
            heads = score_heads(scores)
            lines = score_rows(scores, settings.target)
            screen.table(heads, lines, range(1, len(heads)), strong=1)
        screen.gap()
        _write(job, table, model, run, screen)
        if as_json:
            screen.json(summary(job, table, model, run, scores))
    if run.stop_reason == "interrupted":
        screen.note("go on where it was interrupted, from any folder:")
        words = ["chainrule", "resume", str(outputs.checkpoint.resolve())]
        screen.command("next", shlex.join(words))
        raise KeyboardInterrupt
    if not outputs.keep:
        outputs.checkpoint.unlink(missing_ok=True)


def _size(data: Path) -> int:
    if str(data) == STANDARD_INPUT:
        raise UsageError("with --memory the table is a file", got="standard input")
    return readable_file(data, "table").stat().st_size


def _streamed(job: Job, screen: Screen) -> StreamedTable:
    settings = job.settings
    told = _Told(screen)

    def standardise(code: TargetCode) -> bool:
        # A loss with a domain of its own (counts, say) gets the targets as they are.
        return loss_of(settings, code).targets == Loss.targets

    table = stream_table(
        job.data,
        settings.target,
        memory=settings.memory,
        folder=job.outputs.model.parent,
        task=settings.task,
        standardise=standardise,
        validation_share=settings.validation_share,
        test_share=settings.test_share,
        seed=settings.seed,
        dtype=settings.dtype,
        drop_missing_target=settings.drop_missing_target,
        dialect=settings.dialect(),
        told=told,
        ignore=settings.ignore,
    )
    told.end()
    return table


class _Told:
    """Says now and then how far the reading is."""

    def __init__(self, screen: Screen) -> None:
        self.screen = screen
        self.doing = ""
        self.rows = 0
        self.began = self.last = self.told = time.monotonic()

    def __call__(self, doing: str, rows: int) -> None:
        now = time.monotonic()
        if doing != self.doing:
            self.end()
            self.doing, self.began, self.told = doing, self.last, now
        self.rows, self.last = rows, now
        if now - self.told >= _TOLD_SECONDS:
            self.told = now
            self.screen.line((f"{doing}: {count(rows, 'row')} so far", "faint"))

    def end(self) -> None:
        """Say that a pass is over."""
        if self.doing:
            spent = duration(self.last - self.began)
            self.screen.line(f"{self.doing}: {count(self.rows, 'row')} in {spent}")


def _batch(table: StreamedTable, settings: Settings) -> int:
    return batch_of(table.blocks.rows["training"], settings)


def _trained(
    job: Job, table: StreamedTable, loss: Loss, screen: Screen, note: dict[str, Any]
) -> Run:
    settings, outputs, blocks = job.settings, job.outputs, table.blocks
    classes = table.encoder.target.classes
    targets = len(classes) if classes and not loss.link.elementwise else 1
    held = bool(blocks.rows["validation"])
    metric, began = SCORES[loss.task][0], time.monotonic()
    job.clear_checkpoint()
    try:
        with TrainingProgress(screen, metric) as listener:
            run = train(
                network(settings, loss.raw_width(targets)),
                blocks,
                loss=loss,
                optimizer=optimizer_of(settings),
                schedule=settings.schedule,
                batch_size=_batch(table, settings),
                epochs=settings.epochs,
                metrics=(metric,),
                stopping=Stopping(patience=(settings.patience or None) if held else None),
                seed=settings.seed,
                dtype=settings.dtype,
                train_metrics=not held,
                on_event=listener,
                checkpoint=outputs.checkpoint,
                checkpoint_every=outputs.every,
                resume=outputs.resume,
                note=note,
                augment=augmentations_of(settings.augment, None),
            )
        _require_learned(run)
    except DivergenceError as error:
        if not outputs.keep:
            outputs.checkpoint.unlink(missing_ok=True)
        spent, again = time.monotonic() - began, partial(_watched, table, settings, loss)
        explain(error, spent, screen, again, table.encoder.features, "the first rows", settings)
        raise
    return run


def _watched(table: StreamedTable, settings: Settings, loss: Loss) -> Run:
    """Train on rows that fit into memory, and watch."""
    blocks, classes = table.blocks, table.encoder.target.classes
    rows = blocks.part("training", blocks.targets(loss))
    targets = len(classes) if classes and not loss.link.elementwise else 1
    part = next(rows.parts(_WATCHED_ROWS))
    return train(
        network(settings, loss.raw_width(targets)),
        part.X,
        part.Y,
        loss=loss,
        optimizer=optimizer_of(settings),
        schedule=settings.schedule,
        batch_size=_batch(table, settings),
        epochs=settings.epochs,
        stopping=Stopping(max_seconds=_WATCHED_SECONDS),
        seed=settings.seed,
        dtype=settings.dtype,
        record=True,
        augment=augmentations_of(settings.augment, None),
    )


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


def _guess(table: StreamedTable) -> dict[str, Any]:
    """Return the best guess without inputs: the mean, or the shares of the classes."""
    if table.class_counts is None:
        name = table.encoder.target.name
        return {"mean": next(column.mean for column in table.columns if column.name == name)}
    counts = np.array(table.class_counts)
    return {"shares": (counts / counts.sum()).tolist()}


def _scored(table: StreamedTable, model: Model, loss: Loss) -> Scores | None:
    """Score the model on the test rows, part by part, in the units of the target."""
    blocks, target = table.blocks, table.encoder.target
    if not blocks.rows["test"]:
        return None
    rows = blocks.part("test", blocks.targets(loss))
    metrics = [metric for metric in map(METRICS.make, SCORES[target.task]) if _by_parts(metric)]
    own, other, name = Tally(metrics), Tally(metrics), ""
    for part in rows.parts(rows_at_once(rows, model.plan.raw_width) // 2):
        Y = part.Y.astype(np.float64)
        if target.classes is None:
            P = target.decode(model.predict(part.X))[:, None]
            judged = Judgement(target, part.X, target.decode(Y[:, 0]), P)
        else:
            P = np.asarray(model.predict_proba(part.X), np.float64)
            codes = np.argmax(Y, axis=1) if Y.shape[1] > 1 else Y[:, 0].astype(np.int64)
            judged = Judgement(target, part.X, codes, P)
        own.add(P, judged.encoded())
        guess, name = guessed(_guess(table), judged)
        other.add(guess, judged.encoded())
    return Scores(len(rows), own.scores(), other.scores(), name)


def _by_parts(metric: Metric) -> bool:
    """Say whether a metric can be told from the rows part by part."""
    return metric.adds_up or type(metric).partial is not Metric.partial


def _with_record(
    table: StreamedTable, settings: Settings, run: Run, scores: Scores | None
) -> Model:
    record = {
        **run.model.record,
        "table": Path(table.source).name,
        "reading": None if table.reading is None else table.reading.document(),
        "split": {**table.blocks.rows, "without_target": table.dropped},
        "settings": asdict(settings),
        "guess": _guess(table),
        "scores": None if scores is None else asdict(scores),
    }
    target = table.encoder.target
    return run.model.described(
        encoder=table.encoder.document(), classes=target.classes, record=record
    )


def _ended(run: Run) -> str:
    rows = run.history.rows
    words = f"{count(len(rows), 'epoch')} in {duration(sum(row['seconds'] for row in rows))}"
    why = REASONS.get(run.stop_reason, "")
    best = f", best after epoch {run.best_epoch}" if run.best_epoch else ""
    return words + (f" ({why})" if why else "") + best


def _write(job: Job, table: StreamedTable, model: Model, run: Run, screen: Screen) -> None:
    from chainrule.cli.training import history_text

    outputs = job.outputs
    model.save(outputs.model, overwrite=True)
    same = _verified(outputs.model, model, table)
    written = [(outputs.model, f"read back: {same:,} same predictions")]
    if outputs.history is not None:
        atomic_write(outputs.history, history_text(outputs.history, run.history), overwrite=True)
        written.append((outputs.history, count(len(run.history), "epoch")))
    lines = [(str(path), bytes_text(path.stat().st_size), told) for path, told in written]
    screen.table(("written", "size", ""), lines, right=(1,))
    screen.gap()


def _verified(path: Path, model: Model, table: StreamedTable) -> int:
    """Read a model file back and return the number of predictions that have the same bits."""
    blocks = table.blocks
    rows = blocks.part("training", blocks.targets(model.loss))
    part = next(rows.parts(min(rows_at_once(rows, model.plan.raw_width), 10_000)))
    if Model.load(path).raw(part.X).tobytes() != model.raw(part.X).tobytes():
        raise ChainruleError("the model read back predicts other numbers", where=str(path))
    return len(part)
