"""The tables of a recipe's report: one line for each setting, or a grid of two axes."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from chainrule.experiments.recipes.evidence import Evidence, worded
from chainrule.experiments.recipes.recipe import Sheet
from chainrule.experiments.result import Result
from chainrule.experiments.statistics import corrected_t

__all__ = ["Measure", "arm_sheet", "grid_sheet"]

Measure = Callable[[Result], float]
_GUESSED = "A run that diverged counts as a network that guesses."


def arm_sheet(
    evidence: Evidence,
    title: str,
    measures: Mapping[str, Measure],
    note: str = "",
    arms: Iterable[Mapping[str, Any]] | None = None,
) -> Sheet:
    """Return a line for each setting: mean and half the interval of each measure, lost runs.

    Parameters
    ----------
    evidence : Evidence
    title : str
    measures : mapping of head to Measure
    note : str
        What the heads mean.
    arms : iterable of settings, optional
        Without it all.
    """
    shown = evidence.arms() if arms is None else [dict(arm) for arm in arms]
    axes = list(dict.fromkeys(name for arm in shown for name in arm))
    lost = any(run.diverged for arm in shown for run in evidence.of(**arm))
    rows = [
        (
            *(_value(arm.get(name)) for name in axes),
            *(_cell(evidence.values(arm, measure), evidence) for measure in measures.values()),
            *[_lost(evidence.of(**arm))] * lost,
        )
        for arm in shown
    ]
    heads = (*(name.replace("_", " ") for name in axes), *measures, *["diverged"] * lost)
    words = "Mean of the repeats ± half of its 95 % interval."
    fate = _GUESSED if lost else "No run diverged."
    text = " ".join(part for part in (words, note, fate) if part)
    return Sheet(title, heads, rows, text, left=tuple(range(len(axes))))


def _value(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def grid_sheet(
    evidence: Evidence,
    title: str,
    down: tuple[str, Sequence[Any]],
    across: tuple[str, Sequence[Any]],
    measure: Measure,
) -> Sheet:
    """Return the mean of a measure for each pair of two axes' values, or that all runs diverged."""

    def cell(value: Any, other: Any) -> str:
        arm = {down[0]: value, across[0]: other}
        gone = all(run.diverged for run in evidence.of(**arm))
        return "diverged" if gone else worded(_mean(evidence.values(arm, measure)))

    rows = [(f"{value:g}", *(cell(value, other) for other in across[1])) for value in down[1]]
    head = f"{down[0]} \\ {across[0]}".replace("_", " ")
    text = _GUESSED if evidence.lost() else ""
    return Sheet(title, (head, *(f"{value:g}" for value in across[1])), rows, text)


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)


def _cell(values: Sequence[float], evidence: Evidence) -> str:
    if not all(math.isfinite(value) for value in values):
        return "-"
    found = corrected_t(values, evidence.known.overlap)
    reach = found.high - found.mean
    return worded(found.mean) + (f" ± {worded(reach)}" if math.isfinite(reach) else "")


def _lost(runs: Sequence[Result]) -> str:
    lost = sum(run.diverged for run in runs)
    return f"{lost} of {len(runs)}" if lost else "none"
