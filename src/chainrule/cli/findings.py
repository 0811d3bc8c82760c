"""What a report tells of a model and a table: gathered once, for the page and for the card."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.cli.judge import Judgement, Scores
from chainrule.cli.outcome import Outcome, ended, short_name
from chainrule.cli.pipeline import Settings
from chainrule.cli.understood import notes, plan_facts
from chainrule.cli.words import count
from chainrule.frozen import frozen
from chainrule.maths.metric import METRICS
from chainrule.plan import plan_cost
from chainrule.report.importance import Importance, affordable, permutation_importance
from chainrule.storage import Model
from chainrule.tabular import Encoder, Table

__all__ = ["Findings", "Weights", "findings_of_run", "weigh"]

_WEIGHED_BY = {"regression": "r2", "classification": "log_loss"}
_LEAST_ROWS = 20
"""Fewer rows than these say nothing about importance."""


@frozen
class Weights:
    """The importance of the columns, and how it was found.

    Parameters
    ----------
    columns : list of Importance
        The most important first.
    metric : str
    rows, repeats : int
    where : str
        Which rows: "validation".
    tried, known : int
        Columns that were shuffled, and columns that the model reads.
    """

    columns: list[Importance]
    metric: str
    rows: int
    repeats: int
    where: str
    tried: int
    known: int

    def sentence(self) -> str:
        """Return how it was found, in words."""
        metric = METRICS[self.metric]
        name = short_name(self.metric)
        falls = f"{name} falls" if metric.greater_is_better else f"{name} rises"
        few = f", {self.tried:,} of {self.known:,} columns" if self.tried < self.known else ""
        return (
            f"How much {falls} when the cells of one column are shuffled: "
            f"mean of {count(self.repeats, 'order')} on {count(self.rows, self.where + ' row')}"
            f"{few}. Columns that say the same share their importance."
        )


@frozen
class Findings:
    """Everything that a page or a card says.

    Parameters
    ----------
    title, subtitle : str
    table : Table
        What the summary of the data describes.
    model : Model
    encoder : Encoder
    settings : Settings, optional
        None if the model's record has none.
    facts : mapping of name to value
        Task, rows, network, training.
    notes : sequence of str
    judged : Judgement, optional
        Rows whose predictions are shown.
    judged_on : str
        What these rows are: "test".
    scores : Scores, optional
    weights : Weights, optional
    history : sequence of dict
    """

    title: str
    subtitle: str
    table: Table
    model: Model
    encoder: Encoder
    settings: Settings | None
    facts: Mapping[str, str]
    notes: Sequence[str]
    judged: Judgement | None
    judged_on: str
    scores: Scores | None
    weights: Weights | None
    history: Sequence[Mapping[str, Any]]

    @property
    def best_epoch(self) -> int:
        """The epoch whose weights were kept; 0 if there is none."""
        best = self.model.record.get("best_epoch")
        return best if isinstance(best, int) else 0


def findings_of_run(outcome: Outcome, title: str) -> Findings:
    """Return what is to be told of a run of `train`."""
    from chainrule.cli.judge import judge

    prepared, model = outcome.prepared, outcome.model
    table, encoder, split = prepared.table, prepared.encoder, prepared.split
    facts = plan_facts(prepared, outcome.settings)
    facts["trained"] = ended(outcome, lambda _: "")["trained"]
    where = "validation" if len(split.validation) else ("test" if len(split.test) else "training")
    held = judge(model, encoder, table.take(getattr(split, where)))
    return Findings(
        title,
        f"{count(table.rows, 'row')}, {count(len(table.columns) + len(table.ignored), 'column')}",
        table,
        model,
        encoder,
        outcome.settings,
        facts,
        notes(prepared),
        outcome.judged,
        "test",
        outcome.scores,
        weigh(model, encoder, held, where, outcome.settings.seed),
        outcome.history,
    )


def weigh(
    model: Model, encoder: Encoder, judged: Judgement, where: str, seed: int = 0
) -> Weights | None:
    """Return the importance of the columns for some rows; None if there are too few of them."""
    if len(judged) < _LEAST_ROWS:
        return None
    blocks = _blocks(encoder)
    cost = float(plan_cost(model.plan).forward_flops)
    columns, rows, repeats = affordable(len(blocks), len(judged), cost)
    if columns < len(blocks):
        blocks = _heaviest(model, blocks, columns)
    index = np.unique(np.linspace(0, len(judged) - 1, rows).astype(np.int64))
    part = judged.take(index)
    name = _WEIGHED_BY[encoder.target.task]
    metric = METRICS.make(name)
    sign = 1.0 if metric.greater_is_better else -1.0
    Y = part.encoded()

    def score(X: np.ndarray) -> float:
        with np.errstate(all="ignore"):
            return sign * metric.score(predictions(X), Y)

    def predictions(X: np.ndarray) -> np.ndarray:
        if encoder.target.classes is not None:
            return np.asarray(model.predict_proba(X), np.float64)
        return encoder.target.decode(model.predict(X))[:, None]

    found = permutation_importance(score, part.X, blocks, repeats=repeats, seed=seed)
    return Weights(found, name, len(index), repeats, where, len(blocks), len(encoder.codes))


def _blocks(encoder: Encoder) -> dict[str, slice]:
    blocks, start = {}, 0
    for code in encoder.codes:
        width = len(code.features())
        blocks[code.name] = slice(start, start + width)
        start += width
    return blocks


def _heaviest(model: Model, blocks: Mapping[str, slice], most: int) -> dict[str, slice]:
    """Return the columns whose features have the largest weights in the first layer."""
    views = model.plan.parameters.views(model.weights)
    features = model.input_shape[0]
    first = next((W for W in views.values() if W.ndim == 2 and features in W.shape), None)
    if first is None:
        return dict(list(blocks.items())[:most])
    sums = np.sum(first.astype(np.float64) ** 2, axis=1 - first.shape.index(features))
    ranked = sorted(blocks, key=lambda name: -float(sums[blocks[name]].sum()))
    kept = set(ranked[:most])
    return {name: block for name, block in blocks.items() if name in kept}
