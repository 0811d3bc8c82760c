"""A model of pictures applied: `predict` and `evaluate`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.cli.judge import SCORES, Judgement, Scores, guess_of, guessed, known_guess, scored
from chainrule.cli.outcome import score_heads, score_rows
from chainrule.cli.pictures import judge_pictures, read_for
from chainrule.cli.pictures_page import PictureFindings, pictures_page
from chainrule.cli.predictions import csv_text, listed, written
from chainrule.cli.screen import Screen
from chainrule.cli.words import bytes_text, count
from chainrule.files import atomic_write
from chainrule.images import Images, PixelCode
from chainrule.storage import Model
from chainrule.storage.document import plain
from chainrule.tabular import Predictions

__all__ = ["evaluate_pictures", "predict_pictures"]

MOST_CLASSES = 24


def predict_pictures(
    model: Model, code: PixelCode, data: Path, out: Path | None, force: bool, as_json: bool
) -> None:
    """Predict pictures in their order, and write or print the predictions."""
    images = read_for(code, data, labelled=False)
    P = model.predict_proba(images.X)
    labels = np.empty(len(model.classes or ()), dtype=object)
    labels[:] = model.classes
    found = Predictions(labels[P.argmax(axis=1)], P, tuple(labels))
    screen = Screen(data_on_stdout=as_json or out is None)
    document: dict[str, Any] = {"pictures": len(images), "out": None if out is None else str(out)}
    if images.names:
        document["files"] = list(images.names)
    if Path(images.source) != data:
        screen.note(f"the pictures are those of {images.source}")
    if out is not None:
        atomic_write(out, written(found, out.suffix.lower()), overwrite=force)
        screen.done(f"{count(len(images), 'prediction')} in {out}")
    elif as_json:
        document.update(listed(found))
    else:
        screen.data(csv_text(found))
    if as_json:
        screen.json(plain(document))


def evaluate_pictures(
    model: Model, code: PixelCode, path: Path, data: Path, report: Path | None, as_json: bool
) -> None:
    """Score a model on pictures whose classes are known, and write the page if asked."""
    images = read_for(code, data, labelled=True)
    judged = judge_pictures(model, images)
    scores = _scores(model, judged)
    screen = Screen(as_json)
    screen.title(path.name, f"on {images.source}, {count(len(images), 'picture')}")
    heads = score_heads(scores, "picture")
    screen.table(heads, score_rows(scores, "class"), range(1, len(heads)), strong=1)
    screen.gap()
    rows = _per_class(judged)
    cells = [
        (row["class"], f"{row['pictures']:,}", _share(row["recall"]), _share(row["precision"]))
        for row in rows[:MOST_CLASSES]
    ]
    screen.table(("class", "pictures", "recall", "precision"), cells, (1, 2, 3))
    if len(rows) > MOST_CLASSES:
        screen.line((f"... and {len(rows) - MOST_CLASSES:,} more classes", "faint"))
    screen.gap()
    if report is not None:
        facts = {"pictures": _place(images), "loss": model.loss.name}
        found = PictureFindings(f"{path.name} on {data.name}", code, model, judged, scores, facts)
        atomic_write(report, pictures_page(found), overwrite=True)
        screen.done(f"{report}, {bytes_text(report.stat().st_size)}: open it in a browser")
        screen.gap()
    if as_json:
        document = {
            "model": str(path),
            "data": images.source,
            "task": "classification",
            "scores": asdict(scores),
            "classes": judged.target.classes,
            "confusion": judged.confusion().tolist(),
            "per_class": rows,
            "report": None if report is None else str(report),
        }
        screen.json(plain(document))


def _scores(model: Model, judged: Judgement) -> Scores:
    names = SCORES["classification"]
    guess = known_guess(judged.target, model.record)
    P, name = guessed(guess or guess_of(judged.target, judged.truth), judged)
    if guess is None:
        name += " of these pictures"
    return Scores(len(judged), scored(judged.P, judged, names), scored(P, judged, names), name)


def _per_class(judged: Judgement) -> list[dict[str, Any]]:
    counts = judged.confusion()
    found, named = counts.sum(axis=1), counts.sum(axis=0)
    return [
        {
            "class": str(label),
            "pictures": int(found[place]),
            "recall": float(counts[place, place] / found[place]) if found[place] else None,
            "precision": float(counts[place, place] / named[place]) if named[place] else None,
        }
        for place, label in enumerate(judged.target.classes or ())
    ]


def _place(images: Images) -> str:
    return f"{len(images):,} of {Path(images.source).name}"


def _share(value: float | None) -> str:
    return "" if value is None else f"{100 * value:.1f} %"
