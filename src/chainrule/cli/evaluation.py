"""A model of `train` on a table: of its own training, or of rows that it has never seen."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from chainrule.cli.config import parsed
from chainrule.cli.findings import Findings, findings_of_run, weigh
from chainrule.cli.job import settings_of
from chainrule.cli.judge import (
    SCORES,
    Judgement,
    Scores,
    guess_of,
    guessed,
    judge,
    known_guess,
    scored,
)
from chainrule.cli.model_file import load_model
from chainrule.cli.outcome import Outcome, score_heads, score_rows
from chainrule.cli.pipeline import Settings, prepare, score
from chainrule.cli.screen import Screen
from chainrule.cli.words import count
from chainrule.errors import ChainruleError, TargetError
from chainrule.frozen import frozen
from chainrule.maths.metric import METRICS
from chainrule.storage import Model
from chainrule.storage.document import plain
from chainrule.tabular import Encoder, Table, read_table
from chainrule.tabular.dialect import AS_FOUND, Dialect
from chainrule.tabular.predict import as_in_training, encoder_of, unlike_training
from chainrule.tabular.table import Kind, MissingColumnError
from chainrule.tabular.target import drop_missing_target, require_target

__all__ = ["Evaluation", "evaluate", "findings_again", "settings_in", "with_answers"]

MOST_CLASSES = 24


@frozen
class Evaluation:
    """Scores of a model on all rows of a table."""

    path: Path
    model: Model
    encoder: Encoder
    table: Table
    judged: Judgement
    scores: Scores
    notes: tuple[str, ...]

    def show(self, screen: Screen) -> None:
        """Print notes and scores."""
        target = self.encoder.target
        screen.title(self.path.name, f"on {self.table.source}, {count(self.table.rows, 'row')}")
        for note in self.notes:
            screen.note(note)
        if self.notes:
            screen.gap()
        heads = score_heads(self.scores, "row")
        screen.table(heads, score_rows(self.scores, target.name), range(1, len(heads)), strong=1)
        screen.gap()
        if target.classes is not None:
            rows = [
                (row["class"], f"{row['rows']:,}", _share(row["recall"]), _share(row["precision"]))
                for row in self.per_class()
            ]
            heads = ("class", "rows", "recall", "precision")
            screen.table(heads, rows[:MOST_CLASSES], (1, 2, 3))
            if len(rows) > MOST_CLASSES:
                screen.line((f"... and {len(rows) - MOST_CLASSES:,} more classes", "faint"))
            screen.gap()

    def per_class(self) -> list[dict[str, Any]]:
        """Return rows, recall and precision of each class."""
        counts = self.judged.confusion()
        found, named = counts.sum(axis=1), counts.sum(axis=0)
        return [
            {
                "class": str(label),
                "rows": int(found[place]),
                "recall": float(counts[place, place] / found[place]) if found[place] else None,
                "precision": float(counts[place, place] / named[place]) if named[place] else None,
            }
            for place, label in enumerate(self.encoder.target.classes or ())
        ]

    def document(self) -> dict[str, Any]:
        """Return the evaluation as a JSON document."""
        classes = self.encoder.target.classes
        document: dict[str, Any] = {
            "model": str(self.path),
            "data": self.table.source,
            "target": self.encoder.target.name,
            "task": self.encoder.target.task,
            "scores": asdict(self.scores),
            "notes": self.notes,
        }
        if classes is not None:
            document.update(classes=classes, confusion=self.judged.confusion().tolist())
            document["per_class"] = self.per_class()
        return plain(document)

    def findings(self) -> Findings:
        """Return what a page tells of it."""
        return Findings(
            f"{self.path.name} on {Path(self.table.source).name}",
            f"{count(self.table.rows, 'row')}; all figures are of these, but those of its training",
            self.table,
            self.model,
            self.encoder,
            None,
            _facts(self.model, self.encoder),
            self.notes,
            self.judged,
            "evaluated",
            self.scores,
            weigh(self.model, self.encoder, self.judged, "evaluated"),
            _history(self.model.record),
        )


def _share(value: float | None) -> str:
    return "" if value is None else f"{100 * value:.1f} %"


def _history(record: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the history that a model's record holds, if it is one."""
    rows = record.get("history")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        return []
    cells = [value for row in rows for value in row.values()]
    numbers = all(value is None or isinstance(value, (int, float)) for value in cells)
    alike = len({tuple(row) for row in rows}) == 1 and isinstance(rows[0].get("epoch"), int)
    return rows if numbers and alike else []


def _facts(model: Model, encoder: Encoder) -> dict[str, str]:
    target, record = encoder.target, model.record
    facts = {"task": f"{target.task} of {target.name}", "model": f"loss {model.loss.name}"}
    if isinstance(record.get("table"), str):
        facts["trained on"] = record["table"]
    return facts


def evaluate(path: Path, data: Path, drop: bool, dialect: Dialect = AS_FOUND) -> Evaluation:
    """Score a model on all rows of a table.

    Raises
    ------
    TargetError, DataError, FileFormatError
        Model or table cannot be read, or a row has no target or one that was never learned.
    """
    model = load_model(path)
    encoder = encoder_of(model)
    target = encoder.target
    kinds: dict[str, Kind] = {**encoder.expects(), target.name: target.kind}
    dialect = as_in_training(model.record, kinds, dialect)
    table = with_answers(path, data, kinds, target.name, dialect)
    whole = table.rows
    table = drop_missing_target(table, target.name) if drop else table
    require_target(table, target.name)
    judged = judge(model, encoder, table)
    first = SCORES[target.task]  # as `train` shows them
    others = [m.name for m in METRICS if m.task == target.task and m.name not in first]
    names = [*first, *(name for name in others if _plain(name, judged))]
    guess = known_guess(target, model.record)
    P, name = guessed(guess or guess_of(target, judged.truth), judged)
    if guess is None:
        name += " of these rows"
    scores = Scores(len(judged), scored(judged.P, judged, names), scored(P, judged, names), name)
    told = unlike_training(table.reading, dialect)
    notes = [*table.notes, *told, *encoder.surprises(table)]
    if table.rows < whole:
        notes.append(f"{count(whole - table.rows, 'row')} without a target left out")
    if Path(data).name == model.record.get("table"):
        notes.append(
            f"the model was trained on a table called {Path(data).name}: if it is this one, most "
            "rows are not new to it, and the scores are too good (chainrule report splits them)"
        )
    return Evaluation(path, model, encoder, table, judged, scores, tuple(notes))


def with_answers(
    path: Path, data: Path, kinds: Mapping[str, Kind], target: str, dialect: Dialect
) -> Table:
    """Return a table that has the target in some row, or say what a table without it is for."""
    answers = f"the values of {target!r}, to compare the predictions with"
    predict = shlex.join(["chainrule", "predict", str(path), str(data), "--out", "predictions.csv"])
    do = f"add its true values; or predict them, which needs none: {predict}"
    try:
        table = read_table(data, kinds, dialect)
    except MissingColumnError as error:
        if error.missing == (target,) and not error.do.startswith("did you mean"):
            error.what = f"the table has no answers: there is no column called {target!r}"
            error.expected, error.do = answers, do
        raise
    if table.column(target).missing().all():
        raise TargetError(
            f"the table has no answers: the column {target!r} is empty in every row",
            where=table.source,
            expected=answers,
            do=do,
        )
    return table


def _plain(name: str, judged: Judgement) -> bool:
    """Say whether a metric means something here: the Poisson deviance wants counts."""
    return name != "poisson_deviance" or bool((judged.truth >= 0).all() and (judged.P >= 0).all())


def settings_in(record: Mapping[str, Any], where: str) -> Settings | None:
    """Return the settings that a model's record holds; None if it holds none.

    Raises
    ------
    UsageError, UnknownNameError
        They are not settings of `train`.
    """
    from chainrule.cli import train

    found = record.get("settings")
    if not isinstance(found, Mapping):
        return None
    options = {key: value for key, value in found.items() if value is not None}
    if options.get("hidden") == []:
        options["hidden"] = "none"
    return settings_of(parsed(train.command, {**options, "data": "-"}, where))


def findings_again(path: Path, data: Path, drop: bool) -> tuple[Findings, bool]:
    """Return what `train` told of a model, and whether the table is the one of its training.

    With another table, it is what `evaluate` tells of that table.
    """
    model = load_model(path)
    encoder = encoder_of(model)
    settings = settings_in(model.record, str(path))
    outcome = None if settings is None else _again(model, encoder, settings, data)
    if outcome is None:
        return evaluate(path, data, drop).findings(), False
    return findings_of_run(outcome, Path(data).name), True


def _again(model: Model, encoder: Encoder, settings: Settings, data: Path) -> Outcome | None:
    history = _history(model.record)
    if not history or not all(
        isinstance(model.record.get(name), kind)
        for name, kind in {"epochs": int, "best_epoch": int, "stop_reason": str}.items()
    ):
        return None
    try:
        table = read_table(data, dialect=settings.dialect(), ignore=settings.ignore)
        prepared = prepare(table, settings)
    except ChainruleError:
        return None
    if plain(prepared.encoder.document()) != plain(encoder.document()):
        return None
    judged, scores = score(prepared, model) if len(prepared.split.test) else (None, None)
    return Outcome(prepared, settings, model, judged, scores, history)
