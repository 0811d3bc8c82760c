"""One picture: times of every side, ratios beside their marks, and growth."""

from __future__ import annotations

import os
from typing import Any

from benchmarks.growth import Curve
from benchmarks.measure import Result
from benchmarks.sides import MODULES, OURS

COLOURS = {
    OURS: "#c1272d",
    "scikit-learn": "#e8a33d",
    "torch": "#7b4fa3",
    "torch.compile": "#b79bd6",
    "jax": "#1f77b4",
    "jax-1-thread": "#7fb8e0",
    "onnxruntime": "#3a9d5d",
}
MARKERS = {
    OURS: "D",
    "scikit-learn": "^",
    "torch": "s",
    "torch.compile": "P",
    "jax": "o",
    "jax-1-thread": "o",
}
INK, FAINT = "#333333", "#dddddd"
RATIO_TICKS = (0.1, 0.2, 0.5, 1, 2, 3, 5, 10, 20, 50, 100, 200)


def save_plot(
    path: str, document: dict[str, Any], results: list[Result], curves: list[Curve]
) -> None:
    """Draw and write a PNG."""
    os.environ.setdefault("MPLBACKEND", "Agg")
    from matplotlib.figure import Figure

    shown = [result for result in results if result.times.get(OURS)]
    upper = 0.27 * len(shown) + 1.0 if shown else 0.0
    lower = 2.9 if curves else 0.0
    figure = Figure(figsize=(13, max(3.0, upper + lower + 0.9)), dpi=110, layout="constrained")
    parts = figure.subfigures(
        bool(shown) + bool(curves), 1, squeeze=False, height_ratios=[h for h in (upper, lower) if h]
    )[:, 0]
    if shown:
        times, ratios = parts[0].subplots(1, 2, sharey=True, width_ratios=(1.35, 1))
        _draw_times(times, shown)
        _draw_ratios(ratios, shown)
    if curves:
        _draw_curves(parts[-1], curves)
    figure.suptitle(_heading(document), fontsize=9, color=INK, x=0.01, ha="left")
    figure.savefig(path)


def _heading(document: dict[str, Any]) -> str:
    machine = document["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in document["versions"].items())
    busy = "" if document["load"]["quiet"] else "   MACHINE BUSY: not to be quoted"
    return (
        f"{machine['processor']}, {machine['cores']} cores, {', '.join(machine['instructions'])};  "
        f"{document['date']}{busy}\n{versions}"
    )


def _draw_times(axes: Any, results: list[Result]) -> None:
    """Draw one line of dots for each row, the fastest to the left."""
    for place, result in enumerate(results):
        medians = {side: result.median(side) for side in result.times}
        known = [seconds for seconds in medians.values() if seconds is not None]
        axes.plot([min(known), max(known)], [place, place], color=FAINT, linewidth=2, zorder=1)
    for side in MODULES:
        points = [
            (seconds, place)
            for place, result in enumerate(results)
            if (seconds := result.median(side)) is not None
        ]
        if points:
            axes.scatter(
                *zip(*points, strict=True),
                s=30 if side == OURS else 24,
                marker=MARKERS.get(side, "v"),
                color=COLOURS[side],
                label=side,
                zorder=3 if side == OURS else 2,
            )
    axes.set_xscale("log")
    axes.set_yticks(range(len(results)), [result.row.title for result in results], fontsize=8)
    axes.set_ylim(len(results) - 0.4, -0.6)
    axes.set_xlabel("median time, logarithmic", fontsize=8)
    _label_seconds(axes.xaxis)
    axes.legend(
        fontsize=8,
        ncols=7,
        loc="lower left",
        bbox_to_anchor=(0, 1),
        frameon=False,
        handletextpad=0.1,
    )
    _separate(axes, results)
    _plain(axes)


def _draw_ratios(axes: Any, results: list[Result]) -> None:
    """Draw the rival's time over ours, its quartiles, and the mark."""
    labelled = False
    for place, result in enumerate(results):
        ratio = result.ratio()
        if ratio is None:
            continue
        good = result.met()
        colour = {True: "#3a9d5d", False: "#c1272d", None: "#8a8a8a"}[good]
        axes.barh(place, ratio["median"], height=0.62, color=colour, alpha=0.55)
        axes.plot([ratio["low"], ratio["high"]], [place, place], color=INK, linewidth=1.4)
        end = max(ratio["high"], result.row.mark or 0)
        axes.text(
            end * 1.06, place, f"{ratio['median']:.2f}  {result.rival}", va="center", fontsize=7.5
        )
        if result.row.mark is not None:
            label = None if labelled else "mark"
            labelled = True
            ends = [place - 0.42, place + 0.42]
            axes.plot([result.row.mark] * 2, ends, color=INK, linewidth=2.2, label=label)
    axes.set_xscale("log")
    low, high = axes.get_xlim()
    low, high = min(low, 0.5), high * 3.2
    axes.set_xlim(low, high)
    axes.set_xticks([tick for tick in RATIO_TICKS if low <= tick <= high])
    axes.minorticks_off()
    axes.axvline(1, color=INK, linewidth=0.8, linestyle=":")
    axes.set_xlabel("time of the rival over ours, with quartiles", fontsize=8)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.tick_params(axis="y", length=0, labelleft=False)
    if labelled:
        axes.legend(fontsize=8, loc="lower right", bbox_to_anchor=(1, 1), frameon=False)
    _separate(axes, results)
    _plain(axes)


def _separate(axes: Any, results: list[Result]) -> None:
    for place in range(1, len(results)):
        if results[place].row.group != results[place - 1].row.group:
            axes.axhline(place - 0.5, color=FAINT, linewidth=1)


def _draw_curves(figure: Any, curves: list[Curve]) -> None:
    """Draw time against each quantity, with the fitted exponent."""
    names = list(dict.fromkeys(curve.axis for curve in curves))
    for axes, name in zip(figure.subplots(1, len(names), squeeze=False)[0], names, strict=True):
        ticks: list[float] = []
        own = [curve for curve in curves if curve.axis == name]
        for curve, colour in zip(own, (COLOURS[OURS], "#e8a33d"), strict=False):
            ticks, seconds = (list(column) for column in zip(*curve.points, strict=True))
            label = f"{curve.what}\nexponent {curve.exponent():.2f}"
            axes.plot(ticks, seconds, marker="o", markersize=3.5, color=colour, label=label)
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_title(f"time against {name}", fontsize=8.5, color=INK)
        axes.set_xticks(ticks, [_short(tick) for tick in ticks])
        axes.minorticks_off()
        low, high = axes.get_ylim()
        axes.set_ylim(low, high * (high / low) ** (0.2 + 0.2 * len(own)))
        axes.legend(fontsize=6.8, frameon=False, loc="upper left", handlelength=1)
        _label_seconds(axes.yaxis)
        _plain(axes)


def _short(value: float) -> str:
    return f"{value / 1000:g}k" if value >= 1000 else f"{value:g}"


def _label_seconds(axis: Any) -> None:
    def label(value: float, _: object) -> str:
        for unit, size in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
            if value >= size * 0.999:
                return f"{value / size:g} {unit}"
        return f"{value / 1e-6:g} us"

    axis.set_major_formatter(label)
    axis.set_minor_formatter("")


def _plain(axes: Any) -> None:
    axes.tick_params(labelsize=8, colors=INK)
    axes.grid(axis="x", color="#eeeeee", zorder=0)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
