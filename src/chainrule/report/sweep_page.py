"""A sweep or a comparison as one HTML page: the conclusion in words, the table, the pictures.

Decision: which settings are not told apart from the best is judged by the test of
`chainrule.compare` for the pairs that hold the best setting, and their p-values alone are corrected
for their number. The best was picked by the same runs, so this is a guide and no proof.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from chainrule._version import __version__
from chainrule.report.figures_canvas import Picture, plain
from chainrule.report.figures_curves import loss_picture
from chainrule.report.figures_groups import varying, worded
from chainrule.report.figures_health import gradient_picture, health_picture
from chainrule.report.figures_heat import heat_axes, heat_picture, score_text
from chainrule.report.figures_scores import rank_picture, score_picture, settings_picture
from chainrule.report.page import Figure, Section, Tile, page

if TYPE_CHECKING:
    from chainrule.experiments.comparison import Comparison, Pair
    from chainrule.experiments.outcome import Sweep
    from chainrule.experiments.table import TableRow

__all__ = ["comparison_page", "sweep_page"]

MOST_ROWS = 200
_MOST_COMPARED = 60
_FOOTER = f"Chainrule {__version__}. This page needs no network and runs no script."
_STATISTICS = (
    "Every setting has the same splits and seeds. Intervals: 95 %, Student's t over the repeats; "
    "repeats share training rows, so they are somewhat too narrow. Tests: the corrected resampled "
    "t-test for pairs (Nadeau, Bengio 2003), p-values corrected by Holm's method."
)


def sweep_page(
    sweep: Sweep,
    *,
    title: str = "",
    command: str = "",
    facts: Mapping[str, str] | None = None,
) -> str:
    """Return the page of a sweep: one HTML file that needs nothing else.

    Parameters
    ----------
    sweep : Sweep
    title : str, optional
    command : str, optional
        What gives the same numbers again; without it a call of `chainrule.sweep`.
    facts : mapping of name to value, optional
        About the data, for the part "How it was done".

    Raises
    ------
    DataError
        No run is finished.
    MissingExtraError
        matplotlib is not installed.

    Example
    -------
    >>> from chainrule.experiments import Result, Sweep
    >>> from chainrule.report.sweep_page import sweep_page
    >>> rows = [Result({"width": w}, r, r, r, w + r) for w in (8, 16) for r in (0, 1)]
    >>> html = sweep_page(Sweep(rows, "accuracy", True, {"width": [8, 16]}))
    >>> html.startswith("<!doctype html>"), "width=16 has the best mean" in html
    (True, True)
    """
    pairs = _pairs_with_best(sweep)
    rows = sweep.table()
    tied = _tied(pairs)
    axes = ", ".join(varying(sweep.rows)) or "one setting"
    sections = [
        Section("What the numbers say", notes=_sentences(sweep, rows, pairs)),
        *_pictured(_pictures(sweep, tied)),
        _table(sweep, rows, tied),
        _method(sweep, rows, facts, command or _call(sweep)),
    ]
    return page(
        title or f"Sweep: {axes}",
        f"{len(rows)} settings, {len(sweep.rows)} runs, compared by {sweep.score} on rows "
        "that were held back from training.",
        sections,
        tiles=_tiles(sweep, rows),
        footer=_FOOTER,
    )


def comparison_page(
    comparison: Comparison,
    *,
    title: str = "",
    command: str = "",
    facts: Mapping[str, str] | None = None,
) -> str:
    """Return the page of a comparison: which setting is best, and which differences are none.

    Parameters
    ----------
    comparison : Comparison
    title, command, facts
        As for `sweep_page`.

    Example
    -------
    >>> from chainrule.experiments import Result, Sweep
    >>> from chainrule.experiments.comparison import compared
    >>> from chainrule.report.sweep_page import comparison_page
    >>> rows = [Result({"a": a}, r, r, r, 0.8 + 0.01 * r * a) for a in (0, 1) for r in range(5)]
    >>> html = comparison_page(compared(Sweep(rows, "accuracy", True, {"a": [0, 1]})))
    >>> "a=1 has the best mean accuracy" in html
    True
    """
    sweep, rows = comparison.sweep, comparison.table()
    best = rows[0].setting
    tied = {
        other
        for pair in comparison.pairs
        if best in (pair.better, pair.worse) and not pair.differs
        for other in (pair.better, pair.worse)
        if other != best
    }
    ranks = _rank_scores(comparison)
    pictures = _pictures(sweep, tied)
    if len(ranks) > 1:
        up = sweep.greater_is_better
        pictures.insert(1, rank_picture(ranks, score=sweep.score, greater_is_better=up))
    sections = [
        Section("What the numbers say", notes=[*_split(comparison.conclusion()), *sweep.notes]),
        *_pictured(pictures),
        _table(sweep, rows, tied),
        _pair_table(comparison),
        _method(sweep, rows, facts, command or _call(sweep).replace("sweep", "compare")),
    ]
    return page(
        title or f"Comparison of {len(rows)} settings",
        f"{len(sweep.rows)} runs over the same splits and seeds, compared pair by pair by "
        f"{sweep.score}.",
        sections,
        tiles=_tiles(sweep, rows),
        footer=_FOOTER,
    )


def _split(conclusion: str) -> list[str]:
    """Return the sentences of a conclusion; a setting's number may hold a full stop of its own."""
    return [part.rstrip(".") + "." for part in conclusion.split(". ") if part]


def _pairs_with_best(sweep: Sweep) -> list[tuple[str, Pair, float]]:
    """Return each other setting, its pair with the best one, and the corrected p-value."""
    from chainrule.experiments.comparison import compared
    from chainrule.experiments.statistics import holm

    rows = sweep.table()
    if not 2 <= len(rows) <= _MOST_COMPARED or len({row.epochs for row in rows}) > 1:
        return []
    best = rows[0].setting
    pairs = [pair for pair in compared(sweep).pairs if best in (pair.better, pair.worse)]
    others = [pair.worse if pair.better == best else pair.better for pair in pairs]
    return list(zip(others, pairs, holm([pair.p for pair in pairs]), strict=True))


def _tied(pairs: Sequence[tuple[str, Pair, float]]) -> set[str]:
    return {name for name, _, p in pairs if math.isfinite(p) and p >= 0.05}


def _sentences(
    sweep: Sweep, rows: Sequence[TableRow], pairs: Sequence[tuple[str, Pair, float]]
) -> list[str]:
    best, found = rows[0], []
    if not best.scored:
        found.append("No run came to its end, so no setting is the best.")
    else:
        number = f"{best.setting} has the best mean {sweep.score}: {score_text(best.mean)}"
        runs = f"{best.scored} run{'s' * (best.scored > 1)}"
        found.append(f"{number} ({_interval(best.low, best.high)}{runs}).")
        found += _told_apart(best, rows, pairs)
    if best.scored and math.isfinite(best.test_mean):
        span = _interval(best.test_low, best.test_high).rstrip(", ")
        found.append(
            f"Its test {sweep.score} is {score_text(best.test_mean)}{f' ({span})' * bool(span)}."
        )
    found += _edges(sweep, best) if best.scored else []
    found += _lost(sweep, rows)
    if sweep.stop_reason != "finished":
        found.append(f"The sweep is not finished ({sweep.stop_reason}): runs are missing.")
    return [*found, *sweep.notes]


def _told_apart(
    best: TableRow, rows: Sequence[TableRow], pairs: Sequence[tuple[str, Pair, float]]
) -> list[str]:
    tied, judged = _tied(pairs), {name for name, _, p in pairs if math.isfinite(p)}
    if best.scored < 2 and len(rows) > 1:
        return ["With one run for each setting nobody can tell a difference from chance."]
    if not judged:
        return []
    beaten = len(judged - tied)
    words = f"A paired test finds it better than {beaten} of the {len(judged)} others"
    if not tied:
        return [f"{words}: all that have enough runs."]
    named = "; ".join(row.setting for row in rows if row.setting in tied)
    return [f"{words}.", f"Not told apart from it, with {best.scored} runs each: {named}."]


def _interval(low: float, high: float) -> str:
    if not math.isfinite(low):
        return ""
    return f"95 % interval {score_text(low, high - low)} to {score_text(high, high - low)}, "


def _edges(sweep: Sweep, best: TableRow) -> list[str]:
    """Say where the best value of an axis is the last one that was tried."""
    found: list[str] = []
    for name, values in varying(sweep.rows).items():
        numbers = all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in values)
        value = best.settings.get(name)
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


def _tiles(sweep: Sweep, rows: Sequence[TableRow]) -> list[Tile]:
    best = rows[0]
    lost = sum(run.diverged or run.failed for run in sweep.rows)
    seconds = sum(run.seconds for run in sweep.rows)
    return [
        Tile(score_text(best.mean), f"best mean {sweep.score}", best.setting),
        Tile(f"{len(rows)}", "settings", f"{len(sweep.rows)} runs"),
        Tile(f"{lost}", "runs diverged or failed", f"of {len(sweep.rows)}"),
        Tile(_duration(seconds), "time of all runs", "on one core after the other"),
    ]


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.3g} s"
    return f"{seconds / 60:.3g} min" if seconds < 7200 else f"{seconds / 3600:.3g} h"


def _pictures(sweep: Sweep, tied: Collection[str]) -> list[Picture]:
    """Return the pictures that these runs can fill."""
    runs, up = sweep.rows, sweep.greater_is_better
    judged: dict[str, Any] = {"score": sweep.score, "greater_is_better": up}
    pictures = [score_picture(runs, ties=tied, **judged)]
    if heat_axes(runs):
        pictures.append(heat_picture(runs, **judged))
    if any(run.history for run in runs):
        pictures.append(loss_picture(runs, greater_is_better=up))
        if any("seconds" in row for run in runs for row in run.history[:1]):
            pictures.append(loss_picture(runs, across="seconds", greater_is_better=up))
    recorded = any(run.recording for run in runs)
    if recorded or any("gradient_norm" in row for run in runs for row in run.history[:1]):
        pictures.append(gradient_picture(runs, greater_is_better=up))
    if recorded:
        pictures += [
            health_picture(runs, what=what, greater_is_better=up) for what in ("dead", "saturated")
        ]
    if len(varying(runs)) > 1:
        pictures.append(settings_picture(runs, **judged))
    return pictures


def _pictured(pictures: Sequence[Picture]) -> list[Section]:
    return [
        Section(
            picture.title[:1].upper() + picture.title[1:],
            figures=[Figure(picture.drawing(number), picture.caption)],
        )
        for number, picture in enumerate(pictures)
    ]


def _table(sweep: Sweep, rows: Sequence[TableRow], tied: Collection[str]) -> Section:
    axes = list(varying(sweep.rows)) or list(rows[0].settings)
    tested = any(math.isfinite(row.test_mean) for row in rows)
    heads = (*axes, f"mean {sweep.score}", "95 % interval", *[f"test {sweep.score}"] * tested)
    heads = (*heads, "runs", "lost", "s a run", "")
    cells: list[tuple[str, ...]] = []
    for place, row in enumerate(rows[:MOST_ROWS]):
        width = row.high - row.low
        known = math.isfinite(row.low)
        span = f"{score_text(row.low, width)} to {score_text(row.high, width)}" if known else "-"
        settings = [worded(row.settings.get(name)) for name in axes]
        test = [score_text(row.test_mean, row.test_high - row.test_low)] * tested
        parts = [(row.diverged, "diverged"), (row.failed, "failed")]
        lost = ", ".join(f"{count} {word}" for count, word in parts if count) or "-"
        said = "best" if place == 0 and row.scored else "as good" if row.setting in tied else ""
        score = score_text(row.mean, width)
        timing = f"{row.seconds:.3g}"
        cells.append((*settings, score, span, *test, f"{row.runs}", lost, timing, said))
    text = "Best first; settings that lost runs stand behind the others."
    if tied:
        text += " As good: the paired test does not tell it from the best."
    if len(rows) > MOST_ROWS:
        text += f" {len(rows) - MOST_ROWS} more settings, all worse, are left out."
    right = (*range(len(axes), len(heads) - 3), len(heads) - 2)
    return Section("All settings", text, heads=heads, rows=cells, right=right)


def _pair_table(comparison: Comparison) -> Section:
    heads = ("better", "worse", "difference", "95 % interval", "p", "p (signed rank)", "differ")
    rows = [
        (
            pair.better,
            pair.worse,
            _signed(pair.difference),
            f"{_signed(pair.low)} to {_signed(pair.high)}",
            _p(pair.p_holm),
            _p(pair.p_signed_rank),
            "yes" if pair.differs else "not shown",
        )
        for pair in comparison.pairs[:MOST_ROWS]
    ]
    text = "Each pair on the same splits and seeds; p corrected for the number of pairs."
    if len(comparison.pairs) > MOST_ROWS:
        text += f" The first {MOST_ROWS} of {len(comparison.pairs)}."
    return Section("Pair by pair", text, heads=heads, rows=rows, right=(2, 3, 4, 5))


def _signed(value: float) -> str:
    return f"{value:+.3g}" if math.isfinite(value) else "-"


def _p(value: float) -> str:
    return "-" if not math.isfinite(value) else "< 0.001" if value < 0.001 else f"{value:.3f}"


def _rank_scores(comparison: Comparison) -> dict[str, list[float]]:
    """Return each setting's scores on the splits that all settings have."""
    sweep = comparison.sweep
    found = {
        row.setting: {run.split: run.score for run in sweep.results_of(row.settings)}
        for row in comparison.table()
    }
    common = sorted(set.intersection(*(set(scores) for scores in found.values())))
    if not common:
        return {}
    return {name: [scores[split] for split in common] for name, scores in found.items()}


def _method(
    sweep: Sweep, rows: Sequence[TableRow], facts: Mapping[str, str] | None, command: str
) -> Section:
    axes = {
        name: ", ".join(worded(value) for value in values[:40])
        for name, values in varying(sweep.rows).items()
    }
    epochs = sorted({row.epochs for row in rows if row.epochs})
    seeds = sorted({run.seed for run in sweep.rows})
    more = {"seeds": ", ".join(map(str, seeds[:20])), "statistics": _STATISTICS}
    if epochs:
        more = {"epochs planned": ", ".join(map(str, epochs)), **more}
    return Section(
        "How it was done, and how to repeat it",
        facts={**(facts or {}), **axes, **more},
        code=command,
    )


def _call(sweep: Sweep) -> str:
    """Return the call of `chainrule.sweep`, as far as its runs tell it."""
    axes = {
        name: list(values) if isinstance(values, (list, tuple)) else values
        for name, values in sweep.axes.items()
    }
    repeats = len({run.repeat for run in sweep.rows})
    seed = min(run.seed for run in sweep.rows)
    return f"cr.sweep(network, X, y, axes={axes!r}, repeats={repeats}, seed={seed}, ...)"
