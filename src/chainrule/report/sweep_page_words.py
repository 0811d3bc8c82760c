"""What a sweep says, in words: the best setting, what is not told from it, what was lost.

Decision: which settings are not told apart from the best is judged by the test of
`chainrule.compare` for the pairs that hold the best setting, and their p-values alone are corrected
for their number. The best was picked by the same runs, so this is a guide and no proof.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from chainrule.report.figures_canvas import plain
from chainrule.report.figures_groups import varying, worded
from chainrule.report.figures_heat import score_text

if TYPE_CHECKING:
    from chainrule.experiments.comparison import Comparison, Pair
    from chainrule.experiments.outcome import Sweep
    from chainrule.experiments.table import TableRow

__all__ = [
    "alike",
    "call_of",
    "counted",
    "duration",
    "pairs_with_best",
    "sentences",
    "split",
    "tied_of",
]


def split(conclusion: str) -> list[str]:
    """Return the sentences of a conclusion; a setting's number may hold a full stop of its own."""
    return [part.rstrip(".") + "." for part in conclusion.split(". ") if part]


def pairs_with_best(sweep: Sweep) -> list[tuple[str, Pair, float]]:
    """Return each other setting that trained as long, its pair with the best, and its p-value.

    Raises
    ------
    UsageError
        No run is finished.
    """
    from chainrule.experiments.comparison import against_best

    best = sweep.best.setting
    return [(other, pair, pair.p_holm) for other, pair in against_best(sweep) if other != best]


def tied_of(pairs: Sequence[tuple[str, Pair, float]]) -> set[str]:
    """Return the settings whose difference from the best one is not shown."""
    return {name for name, _, p in pairs if math.isfinite(p) and p >= 0.05}


def sentences(
    sweep: Sweep, rows: Sequence[TableRow], pairs: Sequence[tuple[str, Pair, float]]
) -> list[str]:
    """Return the conclusion of a sweep, sentence by sentence."""
    best, found, same = rows[0], [], sweep.also_best()
    if not best.scored:
        found.append("No run came to its end, so no setting is the best.")
    else:
        number = f"{best.setting} has the best mean {sweep.score}: {score_text(best.mean)}"
        runs = f"{best.scored} run{'s' * (best.scored > 1)}"
        more = f", and so have {counted(len(same), 'other setting')}" if same else ""
        found.append(f"{number} ({_interval(best.low, best.high)}{runs}){more}.")
        found += _shorter(best, rows)
        found += _told_apart(best, rows, pairs)
    if best.scored and math.isfinite(best.test_mean):
        span = _interval(best.test_low, best.test_high)
        span = f" ({span}over the repeats, all on the same test rows)" if span else ""
        found.append(f"Its test {sweep.score} is {score_text(best.test_mean)}{span}.")
    found += _edges(sweep, [best, *same]) if best.scored else []
    found += _lost(sweep, rows)
    if sweep.stop_reason != "finished":
        found.append(f"The sweep is not finished ({sweep.stop_reason}): runs are missing.")
    return [*found, *sweep.notes]


def counted(count: int, word: str) -> str:
    """Return a number with its word, in the plural if that is right."""
    return f"{count} {word}{'s' * (count != 1)}"


def _shorter(best: TableRow, rows: Sequence[TableRow]) -> list[str]:
    """Say which settings were not trained as long, as in successive halving."""
    short = [row.epochs for row in rows if row.epochs < best.epochs]
    if not short or "epochs" in best.settings:
        return []
    lengths = f"{', '.join(map(str, sorted(set(short))))} instead of {best.epochs}"
    many = f"{counted(len(short), 'setting')} of {len(rows)}"
    return [f"{many} trained for fewer epochs ({lengths}): behind, whatever the score."]


def _told_apart(
    best: TableRow, rows: Sequence[TableRow], pairs: Sequence[tuple[str, Pair, float]]
) -> list[str]:
    tied, judged = tied_of(pairs), {name for name, _, p in pairs if math.isfinite(p)}
    if best.scored < 2 and len(rows) > 1:
        return ["With one run for each setting nobody can tell a difference from chance."]
    if not judged:
        return []
    ahead = {name for name, pair, _ in pairs if pair.better == name} & (judged - tied)
    beaten = len(judged - tied - ahead)
    words = f"A paired test finds it better than {beaten} of the {len(judged)} others"
    found = [f"{words}." if tied or ahead else f"{words}: all that have enough runs."]
    if ahead:
        named = "; ".join(sorted(ahead))
        found.append(f"Better on the runs that both ended, but not without losses: {named}.")
    if not tied:
        return found
    near = [row.setting for row in rows if row.setting in tied]
    named = "; ".join(near[:5]) + (f"; and {len(near) - 5} more settings" if len(near) > 5 else "")
    few = " So few runs show large differences only." if best.scored < 5 else ""
    return [*found, f"Not told apart from it, with {best.scored} runs each: {named}.{few}"]


def _interval(low: float, high: float) -> str:
    if not math.isfinite(low):
        return ""
    return f"95 % interval {score_text(low, high - low)} to {score_text(high, high - low)}, "


def _edges(sweep: Sweep, best: Sequence[TableRow]) -> list[str]:
    """Say where the best value of an axis is the last one that was tried."""
    found: list[str] = []
    for name, values in varying(sweep.rows).items():
        numbers = all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in values)
        value = best[0].settings.get(name)
        if any(row.settings.get(name) != value for row in best):
            continue
        if not numbers or len(values) < 3 or value not in (values[0], values[-1]):
            continue
        end, more = ("smallest", "smaller") if value == values[0] else ("largest", "larger")
        found.append(
            f"Its {name}, {worded(value)}, is the {end} that was tried: a {more} one may be better."
        )
    return found


def _lost(sweep: Sweep, rows: Sequence[TableRow]) -> list[str]:
    found: list[str] = []
    for word in ("diverged", "failed"):
        ill = [(row.setting, getattr(row, word), row.runs) for row in rows if getattr(row, word)]
        if ill:
            total = sum(count for _, count, _ in ill)
            named = "; ".join(f"{name} ({count} of {runs})" for name, count, runs in ill[:8])
            more = f"; and {len(ill) - 8} more settings" if len(ill) > 8 else ""
            found.append(f"{total} of {len(sweep.rows)} runs {word}: {named}{more}.")
    reasons = sorted({run.fault for run in sweep.rows if run.failed and run.fault})
    return found + [f"Reason: {plain(reason, 200)}" for reason in reasons[:3]]


def duration(seconds: float) -> str:
    """Return a time in the unit that suits it."""
    if seconds < 120:
        return f"{seconds:.3g} s"
    return f"{seconds / 60:.3g} min" if seconds < 7200 else f"{seconds / 3600:.3g} h"


def alike(comparison: Comparison) -> list[list[str]]:
    """Return settings next to each other by rank of which no pair differs."""
    apart = {
        frozenset((pair.better, pair.worse))
        for pair in comparison.pairs
        if pair.differs or (pair.n < 2 and any(pair.lost))  # who has no score is like nobody
    }
    order = sorted(comparison.ranks, key=comparison.ranks.__getitem__)
    found: list[list[str]] = []
    for first in range(len(order)):
        last = first + 1
        while last < len(order) and not any(
            frozenset((name, order[last])) in apart for name in order[first:last]
        ):
            last += 1
        together = order[first:last]
        if len(together) > 1 and not (found and set(together) <= set(found[-1])):
            found.append(together)
    return found


def call_of(sweep: Sweep, *, compare: bool = False) -> str:
    """Return the call that made the runs, as far as they tell it."""
    axes = {
        name: list(values) if isinstance(values, (list, tuple)) else values
        for name, values in sweep.axes.items()
    }
    repeats = len({run.repeat for run in sweep.rows})
    seed = min(run.seed for run in sweep.rows)
    if compare:
        names = ", ".join(f"{row.setting!r}: {{...}}" for row in sweep.table())
        return f"cr.compare({{{names}}}, X, y, repeats={repeats}, seed={seed}, ...)"
    return f"cr.sweep(network, X, y, axes={axes!r}, repeats={repeats}, seed={seed}, ...)"
