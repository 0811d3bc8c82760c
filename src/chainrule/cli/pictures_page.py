"""The report of a model of pictures: scores, its errors as pictures, and what it looks for."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from chainrule._version import __version__
from chainrule.cli.judge import Judgement, Scores
from chainrule.cli.outcome import NAMES, SHADES, line_name, score_heads, score_rows, score_text
from chainrule.cli.words import amount, count, readable
from chainrule.frozen import frozen
from chainrule.images import PixelCode
from chainrule.report import (
    Figure,
    Section,
    Tile,
    calibration_error,
    confusion_chart,
    example_grid,
    line_chart,
    page,
    reliability,
    reliability_chart,
    weight_grid,
)
from chainrule.report.bars import MOST_CELLS
from chainrule.storage import Model

__all__ = ["PictureFindings", "pictures_page"]

MOST_ERRORS = 40
MOST_UNITS = 60


@frozen
class PictureFindings:
    """What a page tells of a model of pictures.

    Parameters
    ----------
    title : str
    code : PixelCode
    model : Model
    judged : Judgement, optional
        The pictures that it was scored on.
    scores : Scores, optional
    facts : mapping of str to str
    """

    title: str
    code: PixelCode
    model: Model
    judged: Judgement | None
    scores: Scores | None
    facts: Mapping[str, str]


def pictures_page(found: PictureFindings) -> str:
    """Return the report as one HTML page."""
    sections = [*_scores(found), *_errors(found), *_confusions(found), *_weights(found)]
    text = page(
        found.title,
        f"A network of {amount(found.model.weights.size, 7)} parameters on pictures of "
        f"{found.code.words}",
        [*sections, *_learning(found)],
        tiles=_tiles(found),
        facts=found.facts,
        footer=f"Chainrule {__version__}. This page needs no network and runs no script.",
    )
    return readable(text, lines=True)


def _tiles(found: PictureFindings) -> list[Tile]:
    scores = found.scores
    if scores is None or found.judged is None:
        return []
    wrong = int(np.sum(found.judged.P.argmax(axis=1) != found.judged.truth))
    tiles = [
        Tile(_share(scores.model["accuracy"]), "accuracy", f"{scores.rows:,} test pictures"),
        Tile(f"{wrong:,}", "pictures named wrongly", f"of {scores.rows:,}"),
    ]
    if scores.linear is not None:
        tiles.append(Tile(_share(scores.linear["accuracy"]), "linear model", scores.linear_name))
    tiles.append(Tile(_share(scores.baseline["accuracy"]), "baseline", scores.baseline_name))
    return tiles


def _share(value: float) -> str:
    return f"{100 * value:.2f} %" if math.isfinite(value) else score_text("accuracy", value)


def _scores(found: PictureFindings) -> list[Section]:
    scores = found.scores
    if scores is None:
        return []
    text = "On pictures that neither training nor the choice of the best epoch has seen."
    text += f" The {scores.linear_note}." if scores.linear_note else ""
    heads = score_heads(scores, "test picture")
    rows = score_rows(scores, "class")
    return [Section("Scores", text, heads=heads, rows=rows, right=tuple(range(1, len(heads))))]


def _errors(found: PictureFindings) -> list[Section]:
    judged = found.judged
    if judged is None:
        return []
    said = judged.P.argmax(axis=1)
    wrong = np.flatnonzero(said != judged.truth)
    if not len(wrong):
        return [Section("Named wrongly", "Not one picture.")]
    surest = wrong[np.argsort(-judged.P[wrong, said[wrong]], kind="stable")][:MOST_ERRORS]
    classes = [str(label) for label in judged.target.classes or ()]
    captions = [
        (
            f"is {_cut(classes[judged.truth[row]])}",
            f"{_cut(classes[said[row]])}? {100 * judged.P[row, said[row]]:.0f} %",
        )
        for row in surest.tolist()
    ]
    pictures = judged.X[surest].reshape(-1, *found.code.shape)
    pictures = pictures[..., :3] if pictures.ndim == 4 else pictures  # of RGBA, the colours
    drawing = example_grid(_spread(pictures), captions, "pictures that were named wrongly")
    text = f"{len(wrong):,} of {len(judged):,} pictures"
    text += f"; the {len(surest)} of which it was surest." if len(surest) < len(wrong) else "."
    text += " First what the picture is, then what the network said and how sure it was."
    return [Section("Named wrongly", text, figures=[Figure(drawing)])]


def _spread(pictures: np.ndarray) -> np.ndarray:
    """Return pictures from black to white; those of floats may lie anywhere."""
    low, high = float(pictures.min()), float(pictures.max())
    if low >= 0 and high <= 1:
        return pictures
    return (pictures - low) / (high - low)


def _cut(label: str) -> str:
    return label if len(label) <= 9 else label[:8] + "…"


def _confusions(found: PictureFindings) -> list[Section]:
    judged = found.judged
    if judged is None:
        return []
    labels = [str(label) for label in judged.target.classes or ()]
    bins = reliability(judged.P.max(axis=1), judged.P.argmax(axis=1) == judged.truth)
    chart = reliability_chart(bins, "probability of the predicted class", "share predicted right")
    caption = (
        "Calibration: below the dashed line the network is too sure. Upright lines: 95 % "
        f"intervals; grey: pictures of each group. Expected calibration error "
        f"{calibration_error(bins):.3f}."
    )
    figures = [Figure(chart, caption)]
    text = ""
    if len(labels) <= MOST_CELLS:
        matrix = confusion_chart(judged.confusion(), labels)
        figures.insert(0, Figure(matrix, SHADES))
        text = "Pictures by their class (down) and the class that was said (across)."
    return [Section("Confusions and calibration", text, figures=figures)]


def _weights(found: PictureFindings) -> list[Section]:
    views = found.model.plan.parameters.views(found.model.weights)
    height, width, *channels = found.code.shape
    first = next((view for view in views.values() if view.ndim == 2), None)
    if first is None or len(first) != math.prod(found.code.shape):
        return []
    units = first.T.reshape(-1, height, width, *channels)
    units = units.mean(axis=3) if channels else units
    strongest = np.argsort(-np.linalg.norm(units.reshape(len(units), -1), axis=1), kind="stable")
    shown = units[strongest[:MOST_UNITS]]
    text = (
        f"The incoming weights of {len(shown)} of the {count(len(units), 'unit')} of the first "
        "layer, those with the largest weights first. White pixels speak for the unit, black ones "
        "against it, grey ones are not used; each unit is scaled by its own largest weight."
    )
    drawing = weight_grid(shown, "weights of the first layer", columns=12)
    return [Section("What the first layer looks for", text, figures=[Figure(drawing)])]


def _learning(found: PictureFindings) -> list[Section]:
    rows = found.model.record.get("history")
    if not isinstance(rows, list) or len(rows) < 2:
        return []
    epochs = [float(row["epoch"]) for row in rows]
    best = int(found.model.record.get("best_epoch", 0))

    def chart(*names: str) -> Figure:
        known = [name for name in names if name in rows[0]]
        lines = {
            line_name(name): [math.nan if row[name] is None else row[name] for row in rows]
            for name in known
        }
        return Figure(line_chart(lines, "epoch", best if len(known) > 1 else 0, epochs))

    scores = [name for name in rows[0] if name.partition("_")[2] in NAMES]
    figures = [chart("train_loss", "validation_loss"), chart(*scores)]
    return [Section("Learning", "The losses and the score after each epoch.", figures=figures)]
