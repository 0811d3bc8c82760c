"""A sweep or a comparison as one HTML page: the conclusion in words, the table, the pictures."""

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
from chainrule.report.sweep_page_words import (
    alike,
    call_of,
    counted,
    duration,
    pairs_with_best,
    sentences,
    split,
    tied_of,
)

if TYPE_CHECKING:
    from chainrule.experiments.comparison import Comparison
    from chainrule.experiments.outcome import Sweep
    from chainrule.experiments.table import TableRow

__all__ = ["comparison_page", "sweep_page"]

MOST_ROWS = 200
_FOOTER = f"Chainrule {__version__}. This page needs no network and runs no script."
_STATISTICS = (
    "Every setting has the same splits and seeds. Intervals: 95 %, Student's t over the repeats, "
    "wider because repeats share training rows (Nadeau, Bengio 2003); none where fewer than six "
    "runs all score the same. Tests: their corrected resampled t-test for pairs; p-values "
    "corrected for the number of all pairs by Holm's method."
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
        Of the data.
    command : str, optional
        What gives the same numbers again; without it a call of `chainrule.sweep`.
    facts : mapping of name to value, optional
        About the data, for the part "How it was done".

    Raises
    ------
    UsageError
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
    pairs = pairs_with_best(sweep)
    rows = sweep.table()
    tied = tied_of(pairs)
    axes = ", ".join(varying(sweep.rows)) or "one setting"
    sections = [
        Section("What the numbers say", notes=sentences(sweep, rows, pairs)),
        _table(sweep, rows, tied),
        *_pictured(_pictures(sweep, tied)),
        _method(sweep, rows, facts, command or call_of(sweep)),
    ]
    how_many = f"{counted(len(rows), 'setting')}, {counted(len(sweep.rows), 'run')}"
    return page(
        f"Sweep of {axes}: {plain(title, 80)}" if title else f"Sweep of {axes}",
        f"{how_many}, compared by {sweep.score} on rows that were held back from training.",
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
        if best in (pair.better, pair.worse) and math.isfinite(pair.p) and not pair.differs
        for other in (pair.better, pair.worse)
        if other != best
    }
    said = f"Comparison of {len(rows)} settings"
    ranks = _rank_scores(comparison)
    pictures = _pictures(sweep, tied)
    if len(ranks) > 1 and any(math.isfinite(pair.p) for pair in comparison.pairs):
        up, same = sweep.greater_is_better, alike(comparison)
        pictures.insert(1, rank_picture(ranks, score=sweep.score, greater_is_better=up, same=same))
    sections = [
        Section("What the numbers say", notes=[*split(comparison.conclusion()), *sweep.notes]),
        _table(sweep, rows, tied),
        _pair_table(comparison),
        *_pictured(pictures),
        _method(sweep, rows, facts, command or call_of(sweep, compare=True)),
    ]
    return page(
        f"{said}: {plain(title, 80)}" if title else said,
        f"{len(sweep.rows)} runs over the same splits and seeds, compared pair by pair by "
        f"{sweep.score}.",
        sections,
        tiles=_tiles(sweep, rows),
        footer=_FOOTER,
    )


def _tiles(sweep: Sweep, rows: Sequence[TableRow]) -> list[Tile]:
    best = rows[0]
    lost = sum(run.diverged or run.failed for run in sweep.rows)
    seconds = sum(run.seconds for run in sweep.rows)
    return [
        Tile(
            score_text(best.mean),
            f"best mean {sweep.score}",
            best.setting if best.scored else "no run came to its end",
        ),
        Tile(f"{len(rows)}", f"setting{'s' * (len(rows) > 1)}", counted(len(sweep.rows), "run")),
        Tile(f"{lost}", "runs diverged or failed", f"of {len(sweep.rows)}"),
        Tile(duration(seconds), "time of all runs", "if one core does them in turn"),
    ]


def _pictures(sweep: Sweep, tied: Collection[str]) -> list[Picture]:
    """Return the pictures that these runs can fill."""
    runs, up = sweep.rows, sweep.greater_is_better
    judged: dict[str, Any] = {"score": sweep.score, "greater_is_better": up}
    pictures = [score_picture(runs, ties=tied, held=sweep.held, **judged)]
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
    unequal = "epochs" not in axes and len({row.epochs for row in rows}) > 1
    heads = (*heads, *["epochs"] * unequal, "runs", "lost", "s a run", "")
    cells: list[tuple[str, ...]] = []
    for place, row in enumerate(rows[:MOST_ROWS]):
        known = math.isfinite(row.low)
        span = f"{score_text(row.low, 0)} to {score_text(row.high, 0)}" if known else "-"
        settings = [worded(row.settings.get(name)) for name in axes]
        test = [score_text(row.test_mean, 0)] * tested
        parts = [(row.diverged, "diverged"), (row.failed, "failed")]
        lost = ", ".join(f"{count} {word}" for count, word in parts if count) or "-"
        said = (
            "best" if place == 0 and row.scored else "not told apart" if row.setting in tied else ""
        )
        score = score_text(row.mean, 0)
        epochs = [f"{row.epochs}"] * unequal
        timing = f"{row.seconds:.3g}"
        cells.append((*settings, score, span, *test, *epochs, f"{row.runs}", lost, timing, said))
    text = "Longest trained first, then best first" if unequal else "Best first"
    text += "; settings that lost runs stand behind the others."
    if tied:
        text += " Not told apart: the paired test does not show that it is worse than the best."
    if len(rows) > MOST_ROWS:
        text += f" {len(rows) - MOST_ROWS} more settings, all worse, are left out."
    right = (*range(len(axes), len(heads) - 3), len(heads) - 2)
    return Section("All settings", text, heads=heads, rows=cells, right=right)


def _pair_table(comparison: Comparison) -> Section:
    heads = ("better", "worse", "difference", "95 % interval", "p", "signed rank p", "differ")
    rows = [
        (
            plain(pair.better, 48),
            plain(pair.worse, 48),
            _signed(pair.difference),
            f"{_signed(pair.low)} to {_signed(pair.high)}" if math.isfinite(pair.low) else "-",
            _p(pair.p_holm),
            _p(pair.p_signed_rank),
            "yes" if pair.differs else "not shown" if math.isfinite(pair.p) else "too few runs",
        )
        for pair in comparison.pairs[:MOST_ROWS]
    ]
    text = (
        "Each pair on the same splits and seeds; p corrected for the number of pairs. Intervals "
        "are not, so one may end before 0 although its pair is not told apart."
    )
    if len(comparison.pairs) > MOST_ROWS:
        text += f" The first {MOST_ROWS} of {len(comparison.pairs)}."
    return Section("Pair by pair", text, heads=heads, rows=rows, right=(2, 3, 4, 5), wrap=(1,))


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
