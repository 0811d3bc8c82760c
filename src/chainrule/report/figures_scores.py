"""Final scores: each setting with its interval, mean ranks, and all settings as lines."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.errors import DataError
from chainrule.report.figures_axes import axis, limits, spread
from chainrule.report.figures_canvas import (
    BOLD,
    FAINT,
    FIRST,
    INK,
    LINE,
    PAPER,
    SECOND,
    WIDE,
    Picture,
    plain,
)
from chainrule.report.figures_groups import Group, groups_of, horizon, ranked, varying, worded
from chainrule.report.figures_heat import score_text

if TYPE_CHECKING:
    from chainrule.experiments.result import Result

__all__ = ["rank_picture", "score_picture", "settings_picture"]

MOST_ROWS = 40


def score_picture(
    results: Sequence[Result],
    *,
    score: str = "score",
    greater_is_better: bool = True,
    ties: Collection[str] = (),
    held: float = 0.0,
) -> Picture:
    """Return the final score of each setting, best first: every run, the mean and its interval.

    Settings with runs that diverged stand below the others, as in the sweep's table, and say how
    many did.

    Parameters
    ----------
    results : sequence of Result
    score : str
    greater_is_better : bool
    ties : collection of str
        Settings in words (`Result.setting`) that a paired test does not tell from the best.
    held : float
        Held rows over training rows of one split, where splits overlap.

    Example
    -------
    >>> from chainrule.experiments.result import Result
    >>> from chainrule.report.figures_scores import score_picture
    >>> runs = [Result({"width": w}, r, r, r, w + r) for w in (8, 16) for r in (0, 1)]
    >>> "best" in score_picture(runs).svg()
    True
    """
    score = plain(score)
    groups = ranked(groups_of(results), greater_is_better)
    shown, rest = groups[:MOST_ROWS], groups[MOST_ROWS:]
    inside = _inside(shown, greater_is_better)
    low, high, log, cut = _bounds(inside, [group.interval(held) for group in inside])
    caption = _score_caption(shown, rest, len(inside) < len(shown), cut)

    def draw(figure: Any) -> None:
        plane = figure.subplots()
        axis(plane.xaxis, low, high, log)
        plane.set_ylim(len(shown) - 0.4, -0.6)
        plane.set_yticks(range(len(shown)), labels=[group.name for group in shown])
        plane.tick_params(axis="y", length=0, labelcolor=INK)
        plane.grid(axis="y", visible=False)
        plane.spines["left"].set_visible(False)
        better = "more is better" if greater_is_better else "less is better"
        plane.set_xlabel(f"{plain(score)} ({better})")
        marks = [_mark(place, group, ties) for place, group in enumerate(shown)]
        means = [group.mean for group in inside]
        whole = sum(not group.lost for group in shown)
        if 0 < whole < len(shown):
            plane.axhline(whole - 0.5, color=FAINT, linewidth=1, linestyle=(0, (4, 3)))
        for place, group in enumerate(shown):
            reach = group.interval(held)
            _score_row(plane, place, group, reach, marks[place], _range(means))
            if group not in inside:
                end, arrow = (0.015, "<") if greater_is_better else (0.985, ">")
                beside = plane.get_yaxis_transform()
                plane.plot(end, place, arrow, color=FIRST, markersize=8, transform=beside)

    return Picture(f"{score} of each setting, best first", 860, 74 + 27 * len(shown), draw, caption)


def _score_caption(shown: Sequence[Group], rest: Sequence[Group], beyond: bool, cut: bool) -> str:
    said = ["Small dots, below: the runs. Large dot: their mean. Bar: 95 % interval of the mean."]
    if 0 < sum(not group.lost for group in shown) < len(shown):
        said.append("Below the dashed line: settings that lost runs.")
    if beyond:
        said.append("Arrow: the mean lies beyond the plane.")
    if cut:
        said.append("A bar that leaves the plane goes on: so few runs tell little of the mean.")
    if rest:
        gone = sum(not len(group.scores) for group in rest)
        fate = f", {gone} of them without any run that came to its end" if gone else ""
        said.append(f"{len(rest)} more settings{fate}, are in the table only.")
    return " ".join(said)


def _inside(groups: Sequence[Group], greater_is_better: bool) -> list[Group]:
    """Return the groups that have a place in the plane."""
    edge, sign = horizon(groups, greater_is_better), 1.0 if greater_is_better else -1.0
    return [group for group in groups if not sign * group.mean < sign * edge]


def _bounds(
    groups: Sequence[Group], reaches: Sequence[tuple[float, float]]
) -> tuple[float, float, bool, bool]:
    """Return what `axis` needs, and whether an interval goes beyond it.

    The interval of two runs may be a hundred times as wide as all runs are apart.
    """
    scores = [value for group in groups for value in group.scores]
    ends = [value for reach in reaches for value in reach if math.isfinite(value)]
    # A wide interval that ends near 0 does not make powers of ten of an accuracy.
    if limits(scores)[2]:
        return *limits([*scores, *ends]), False
    room = 2 * _range(scores)
    if room > 0:
        ends = [min(max(end, min(scores) - room), max(scores) + room) for end in ends]
    low, high, _ = limits([*scores, *ends], math.inf)
    cut = any(reach[0] < low or reach[1] > high for reach in reaches)
    return low, high, False, cut


def _range(values: Sequence[float]) -> float:
    finite = [value for value in values if math.isfinite(value)]
    return max(finite) - min(finite) if finite else math.nan


def _mark(place: int, group: Group, ties: Collection[str]) -> str:
    if place == 0 and len(group.scores):
        return "best"
    return "not told apart from the best" if group.runs[0].setting in ties else ""


def _score_row(
    plane: Any, place: int, group: Group, reach: tuple[float, float], mark: str, width: float
) -> None:
    low, high = reach
    colour = SECOND if mark == "best" else FIRST
    plane.axhline(place, color=LINE, linewidth=0.8, zorder=0)
    if math.isfinite(low) and high > low:
        plane.plot([low, high], [place, place], color=colour, linewidth=2.2, zorder=2)
    scores = group.scores
    below = [place + 0.29] * len(scores)  # on the bar nobody would see them
    plane.plot(scores, below, "o", color=INK, ms=3.6, alpha=0.6, mew=0, zorder=3)
    if len(scores):
        inner = PAPER if mark.startswith("no") else colour
        shape = "D" if mark == "best" else "o"
        style = {"markerfacecolor": inner, "markeredgecolor": colour, "markeredgewidth": 1.8}
        plane.plot(group.mean, place, shape, markersize=8, zorder=4, **style)
    number = score_text(group.mean, width) if len(scores) else ""
    words = ", ".join(part for part in (number, mark, group.fate) if part)
    at = {"xycoords": ("axes fraction", "data"), "va": "center", "annotation_clip": False}
    weight = BOLD if mark == "best" else None
    plane.annotate(words, (1.015, place), color=INK, fontsize=12, fontweight=weight, **at)


def rank_picture(
    scores: Mapping[str, Sequence[float]],
    *,
    score: str = "score",
    greater_is_better: bool = True,
    same: Sequence[Collection[str]] | None = None,
) -> Picture:
    """Return the mean rank of each setting over the repeats; bars join those that do not differ.

    A score that is not finite ranks last.

    Parameters
    ----------
    scores : mapping of setting to scores
        One score for each repeat, the same repeats for all.
    score : str
    greater_is_better : bool
    same : sequence of collections of names, optional
        Settings that a test does not tell apart; without it those whose mean ranks differ by less
        than Nemenyi's critical difference.

    Source: Demsar, "Statistical comparisons of classifiers over multiple data sets" (JMLR 2006).

    Example
    -------
    >>> from chainrule.report.figures_scores import rank_picture
    >>> picture = rank_picture({"relu": [0.9, 0.8, 0.9], "tanh": [0.8, 0.7, 0.8]})
    >>> "mean rank" in picture.svg()
    True
    """
    from chainrule.experiments.statistics import mean_ranks, rank_difference

    repeats = {len(values) for values in scores.values()}
    if len(scores) < 2 or len(repeats) != 1 or not max(repeats):
        raise DataError(
            "ranks need at least two settings with as many scores each",
            got=", ".join(f"{plain(name)}: {len(v)}" for name, v in scores.items()) or "none",
        )
    table = np.array([list(values) for values in scores.values()], np.float64).T
    ranks = dict(zip(scores, mean_ranks(table.tolist(), greater_is_better), strict=True))
    order = sorted(ranks, key=ranks.__getitem__)
    if same is None:
        reach = rank_difference(len(order), len(table))
        bars = _cliques([ranks[name] for name in order], reach)
        why = f"mean ranks less than {reach:.2f} apart (Nemenyi's test at 5 %)"
    else:
        bars = [
            [ranks[name] for name in group if name in ranks] for group in same if len(group) > 1
        ]
        why = "the paired test finds no difference between them"
    lost = {name: int((~np.isfinite(np.array(values))).sum()) for name, values in scores.items()}

    def draw(figure: Any) -> None:
        plane = figure.subplots()
        _rank_plane(plane, order, ranks, lost, len(table))
        _join(plane, bars, len(order))

    joined = f"Thick bars join settings that are not told apart: {why}."
    caption = f"Rank 1 is the best of a repeat. {joined if bars else 'All settings differ.'}"
    height = 84 + 27 * len(order) + 15 * len(bars)
    return Picture(f"mean rank by {plain(score)}", 760, height, draw, caption)


def _join(plane: Any, bars: Sequence[Sequence[float]], rows: int) -> None:
    """Draw a bar below all rows for each group of ranks that are not told apart."""
    for number, bar in enumerate(bars):
        y = rows + 0.15 + 0.55 * number
        plane.plot([min(bar), max(bar)], [y, y], color=SECOND, lw=4, solid_capstyle="round")
        at = {"textcoords": "offset points", "va": "center", "annotation_clip": False}
        plane.annotate("not told apart", (max(bar), y), xytext=(10, 0), color=FAINT, **at)
    plane.set_ylim(rows + 0.2 + 0.55 * max(len(bars), 1), -0.7)


def _rank_plane(
    plane: Any, order: Sequence[str], ranks: Mapping[str, float], lost: Mapping[str, int], n: int
) -> None:
    axis(plane.xaxis, 0.9, len(order) + 0.1, False)
    labels = [
        plain(name, 48) + (f" ({lost[name]} without a score)" if lost[name] else "")
        for name in order
    ]
    plane.set_yticks(range(len(order)), labels=labels)
    plane.tick_params(axis="y", length=0, labelcolor=INK)
    plane.grid(axis="y", visible=False)
    plane.spines["left"].set_visible(False)
    for place, name in enumerate(order):
        shape, colour = ("D", SECOND) if place == 0 else ("o", FIRST)
        plane.plot([1, ranks[name]], [place, place], color=LINE, linewidth=1.2, zorder=1)
        plane.plot(ranks[name], place, shape, color=colour, markersize=8, zorder=3)
        at = {"textcoords": "offset points", "va": "center", "annotation_clip": False}
        words = f"{ranks[name]:.2f}"
        plane.annotate(words, (ranks[name], place), xytext=(10, 0), color=INK, **at)
    plane.set_xlabel(f"mean rank over {n} repeats (1 is the best)")


def _cliques(ranks: Sequence[float], reach: float) -> list[list[float]]:
    """Return the longest runs of sorted ranks that lie within reach of each other."""
    found: list[tuple[int, int]] = []
    for first, low in enumerate(ranks):
        last = max(place for place, rank in enumerate(ranks) if rank - low < reach)
        if last > first and not (found and found[-1][1] >= last):
            found.append((first, last))
    return [list(ranks[first : last + 1]) for first, last in found]


def settings_picture(
    results: Sequence[Result], *, score: str = "score", greater_is_better: bool = True
) -> Picture:
    """Return every setting as one line through all axes to its mean score.

    The best tenth is drawn strong. Settings without any score end at the bottom, dashed.

    Parameters
    ----------
    results : sequence of Result
    score : str
    greater_is_better : bool

    Raises
    ------
    DataError
        No axis varies.

    Example
    -------
    >>> from chainrule.experiments.result import Result
    >>> from chainrule.report.figures_scores import settings_picture
    >>> runs = [Result({"width": w, "depth": 2}, 0, 0, 0, w) for w in (8, 16)]
    >>> "width" in settings_picture(runs).svg()
    True
    """
    axes = varying(results)
    if not axes:
        raise DataError("all runs have the same settings", expected="an axis of two values")
    groups = ranked(groups_of(results), greater_is_better)
    scored = [group for group in groups if len(group.scores)]
    strong = {id(group) for group in scored[: max(1, round(len(groups) / 10))]}
    means = [group.mean for group in groups]

    def draw(figure: Any) -> None:
        plane = figure.subplots()
        _columns(plane, axes, plain(score, 24), means, greater_is_better)
        for number, group in reversed(list(enumerate(groups))):
            heights = [_height(values, group.settings.get(name)) for name, values in axes.items()]
            # Lines that meet in a value run side by side through it.
            shift = 0.05 * ((number % 9) / 8 - 0.5)
            heights = [height + shift for height in heights]
            last = _share(group.mean, means, greater_is_better)
            style = (
                {"color": SECOND, "lw": 2.4, "zorder": 3, "alpha": 1.0}
                if id(group) in strong
                else {}
            )
            if not len(group.scores):
                style = {"color": FAINT, "lw": 1.2, "linestyle": (0, (3, 2))}
                last = -0.12
            plane.plot([*heights, last], **{"color": FIRST, "lw": 1.1, "alpha": 0.55, **style})

    lost = sum(not len(group.scores) for group in groups)
    best = f"; strong: the best {len(strong)}" if strong else ""
    caption = f"One line for each of {len(groups)} settings{best}."
    if lost:
        caption += f" Dashed: {lost} without any run that came to its end."
    width = min(WIDE, 200 + 170 * (len(axes) + 1))
    return Picture("all settings as lines", width, 320, draw, caption)


def _height(values: Sequence[Any], value: Any) -> float:
    names = [repr(known) for known in values]
    return names.index(repr(value)) / (len(names) - 1) if repr(value) in names else -0.1


def _share(mean: float, means: Sequence[float], greater_is_better: bool) -> float:
    finite = [value for value in means if math.isfinite(value)]
    if not math.isfinite(mean) or max(finite) == min(finite):
        return 1.0
    share = (mean - min(finite)) / (max(finite) - min(finite))
    return share if greater_is_better else 1.0 - share


def _columns(
    plane: Any, axes: Mapping[str, Sequence[Any]], score: str, means: Sequence[float], up: bool
) -> None:
    """Draw one upright line for each axis, with its values, and one for the score."""
    plane.set_axis_off()
    plane.set_xlim(-0.1, len(axes) + 0.35)
    plane.set_ylim(-0.16, 1.16)
    paper = {"facecolor": PAPER, "edgecolor": "none", "alpha": 0.85, "boxstyle": "round,pad=0.1"}
    finite = sorted({value for value in means if math.isfinite(value)}, reverse=not up)
    ends = {finite[0]: 0.0, finite[-1]: 1.0} if finite else {}
    columns = [*axes.items(), (score, ())]
    for place, (name, values) in enumerate(columns):
        plane.plot([place, place], [-0.03, 1.03], color=FAINT, linewidth=1, zorder=4)
        words = {"ha": "center", "color": INK, "fontweight": BOLD}
        plane.text(place, 1.1, plain(name, 24), **words)
        wanted = list(values) if len(values) <= 12 else [values[0], values[-1]]
        levels = [(worded(value), _height(values, value)) for value in wanted]
        if name is score and place == len(axes):
            levels = [(score_text(value, finite[-1] - finite[0]), y) for value, y in ends.items()]
            levels += [("no score", -0.12)] if len(finite) < len(means) and _lost(means) else []
        heights = spread([y for _, y in levels], 0.06, -0.14, 1.02)
        for (label, _), y in zip(levels, heights, strict=True):
            plane.text(place + 0.03, y, label, va="center", color=INK, bbox=paper, zorder=5)


def _lost(means: Sequence[float]) -> bool:
    return any(not math.isfinite(mean) for mean in means)
