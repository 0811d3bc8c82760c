"""The model card: what a model is for, what it was made from, how well it does, where it ends."""

from __future__ import annotations

from chainrule._version import __version__
from chainrule.cli.config import toml_text
from chainrule.cli.findings import Findings
from chainrule.cli.job import settings_document
from chainrule.cli.outcome import score_heads, score_rows
from chainrule.cli.rivals import rivals
from chainrule.cli.understood import COLUMN_HEADS, COLUMN_RIGHT, column_rows
from chainrule.cli.words import count, readable
from chainrule.report.markdown import bullets, code_block, plain, table

__all__ = ["model_card"]

MOST_COLUMNS = 100
MOST_WEIGHTS = 10
_ELSEWHERE = (
    "The scores hold for rows drawn like those of the table. Rows of another time, place or way of "
    "measuring may do worse, and nothing here notices."
)
_LEAK = "A column that would not be known when a prediction is needed makes the scores too good."


def model_card(found: Findings, model_name: str) -> str:
    """Return the card as Markdown. It has no dates and no times: the same run, the same card."""
    facts = {name: words for name, words in found.facts.items() if name != "trained"}
    facts["parameters"] = f"{found.model.weights.size:,} ({found.model.dtype})"
    record = found.model.record
    if isinstance(record.get("epochs"), int):
        facts["epochs"] = f"{record['epochs']}, weights of epoch {found.best_epoch} kept"
    lines = [
        f"# {plain(model_name)}",
        "",
        plain(_purpose(found)),
        "",
        *bullets(facts),
        "",
        *_scores(found),
        *_data(found),
        *_weights(found),
        "## Limits",
        "",
        *bullets(_limits(found)),
        "",
        *_use(found, model_name),
    ]
    return readable("\n".join(lines), lines=True)


def _purpose(found: Findings) -> str:
    target = found.encoder.target
    what = f"Predicts {target.name} ({target.task}) from a table"
    return f"{what}; trained on {found.title} by Chainrule {__version__}."


def _scores(found: Findings) -> list[str]:
    if found.scores is None:
        return ["## Scores", "", "None: no rows were kept for testing.", ""]
    heads = score_heads(found.scores)
    rows = score_rows(found.scores, found.encoder.target.name)
    text = "On rows that neither training nor the choice of the best epoch has seen."
    text += f" The {found.scores.linear_note}." if found.scores.linear_note else ""
    return ["## Scores", "", text, "", *table(heads, rows, range(1, len(heads))), ""]


def _data(found: Findings) -> list[str]:
    rows = column_rows(found.table, found.encoder)
    shown = [*rows[:-1][: MOST_COLUMNS - 1], rows[-1]]
    more = (
        [f"... and {len(rows) - len(shown):,} more columns.", ""] if len(rows) > len(shown) else []
    )
    notes = [*bullets(list(found.notes)), ""] if found.notes else []
    lines = table(COLUMN_HEADS, shown, COLUMN_RIGHT)
    return ["## Data", "", f"{found.subtitle}.", "", *lines, "", *more, *notes]


def _weights(found: Findings) -> list[str]:
    if found.weights is None:
        return []
    rows = [(row.name, f"{row.change:.4f}") for row in found.weights.columns[:MOST_WEIGHTS]]
    heads = ("column", "importance")
    return [
        "## What the model uses",
        "",
        found.weights.sentence(),
        "",
        *table(heads, rows, (1,)),
        "",
    ]


def _limits(found: Findings) -> list[str]:
    """Return what the figures above do not promise."""
    limits = [_ELSEWHERE, _LEAK]
    if found.scores is not None and found.scores.rows < 100:
        limits.append(f"{count(found.scores.rows, 'test row')} only: the scores are uncertain.")
    gaps = [column.name for column in found.table.columns if column.missing().any()]
    if gaps:
        listed = ", ".join(gaps[:5]) + (", ..." if len(gaps) > 5 else "")
        limits.append(
            f"Missing cells ({listed}) are a level of their own, or the mean with a feature that "
            "marks them."
        )
    classes = found.encoder.target.classes
    if classes is not None:
        limits.append("It knows its classes alone, and gives every row one of them.")
    else:
        limits.append("Outside the range of the training rows its numbers are extrapolations.")
    if found.scores is not None:
        limits += [f"{text[:1].upper()}{text[1:]}." for text in rivals(found.scores)]
    return limits


def _use(found: Findings, model_name: str) -> list[str]:
    commands = f"chainrule predict {model_name} NEW.csv --out predictions.csv\n"
    commands += f"chainrule inspect {model_name}"
    lines = ["## Use", "", *code_block(commands, "sh"), ""]
    if found.settings is None:
        return lines
    text = "Saved as run.toml, these lines repeat the run: `chainrule train DATA --config run.toml`"
    settings = code_block(toml_text(settings_document(found.settings)), "toml")
    return [*lines, "## Settings", "", text, "", *settings, ""]
