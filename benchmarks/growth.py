"""How our time grows with rows, width, depth, batch, threads; the share of the best GEMM rate."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from benchmarks.measure import Bench, spread
from benchmarks.rows import DATA_ROWS, share_works, thread_counts, widest_works
from benchmarks.sides import OURS
from benchmarks.work import Work

SHARE_MARK = 0.9
THREADS_MARK = 1.8


@dataclass
class Curve:
    """Time against one quantity.

    Parameters
    ----------
    axis : str
    what : str
        The network, in words.
    points : list of (quantity, seconds)
    expected : float
        The exponent that the operation count has in the limit.
    """

    axis: str
    what: str
    points: list[tuple[float, float]] = field(default_factory=list)
    expected: float = 1.0

    def exponent(self, upper: bool = True) -> float:
        """Return the slope of log time over log quantity, of the upper half or of all points."""
        points = self.points[len(self.points) // 2 :] if upper else self.points
        if len(points) < 2:
            points = self.points
        quantities, seconds = (np.log(column) for column in np.array(points).T)
        return float(np.polyfit(quantities, seconds, 1)[0])

    def document(self) -> dict[str, Any]:
        """Return the curve as JSON."""
        return {
            "axis": self.axis,
            "what": self.what,
            "points": self.points,
            "expected": self.expected,
            "exponent_upper_half": self.exponent(),
            "exponent_all": self.exponent(upper=False),
        }


def _train(widths: tuple[int, ...], batch: int, steps: int = 16, rows: int = DATA_ROWS) -> Work:
    return Work("train", widths, batch, rows=rows, steps=steps)


def _axes(quick: bool) -> dict[str, tuple[str, float, dict[int, Work]]]:
    """Return axis -> (network in words, expected exponent, quantity -> work)."""
    most = 2 if quick else 0
    rows = (1_000, 3_000, 10_000, 30_000, 100_000, 300_000)[: 6 - most]
    widths = (32, 64, 128, 256, 512, 1024, 2048)[: 7 - most]
    depths = (1, 2, 4, 8, 16, 32)[: 6 - most]
    batches = (1, 4, 16, 64, 256, 1024, 4096)[: 7 - most]
    table, deep = (20, 64, 32, 1), (64, 256, 256, 256, 1)
    return {
        "rows": (
            "an epoch of 20-64-32-1, batch 64",
            1.0,
            {N: _train(table, 64, N // 64, N) for N in rows},
        ),
        "width": (
            "a step of 64-w-w-w-1, batch 256",
            2.0,
            {w: _train((64, w, w, w, 1), 256, 32) for w in widths},
        ),
        "depth": (
            "a step of 64-128-...-128-1, batch 256",
            1.0,
            {d: _train((64, *[128] * d, 1), 256, 32) for d in depths},
        ),
        "batch": (
            "a step of 64-256-256-256-1",
            1.0,
            {b: _train(deep, b, max(2, 8192 // b)) for b in batches},
        ),
    }


def growth(bench: Bench, quick: bool) -> list[Curve]:
    """Measure every axis but threads."""
    curves: list[Curve] = []
    for axis, (what, expected, works) in _axes(quick).items():
        bench.say(f"growth with {axis}")
        named = {f"{axis} {quantity}": (OURS, work) for quantity, work in works.items()}
        times = bench.timed(named)
        curve = Curve(axis, what, expected=expected)
        for quantity, work in works.items():
            seconds = statistics.median(times[f"{axis} {quantity}"])
            curve.points.append((quantity, seconds * (work.steps if axis == "rows" else 1)))
        curves.append(curve)
    return curves


def threads(bench: Bench) -> tuple[list[Curve], list[dict[str, Any]]]:
    """Measure the widest rows with 1, 2, ... threads; return curves and gains with their mark."""
    bench.say("threads")
    counts = thread_counts()
    named = {
        f"{name} {count} threads": (OURS, Work.of({**work.document(), "threads": count}))
        for name, work in widest_works().items()
        for count in counts
    }
    times = bench.timed(named)
    curves: list[Curve] = []
    gains: list[dict[str, Any]] = []
    for name in widest_works():
        of = {count: times[f"{name} {count} threads"] for count in counts}
        points = [(float(count), statistics.median(of[count])) for count in counts]
        curves.append(Curve("threads", f"a step of {name}", points, -1.0))
        for count in counts[1:]:
            pairs = zip(of[1], of[count], strict=True)
            gain = spread([one / several for one, several in pairs])
            mark = THREADS_MARK if count == 2 else None
            met = None if mark is None else gain["median"] >= mark
            gains.append({"row": name, "threads": count, "gain": gain, "mark": mark, "met": met})
    return curves, gains


def share(bench: Bench, peers: list[str]) -> dict[str, Any]:
    """Measure products and the widest rows in turn; return rates in GFLOP/s and the shares."""
    bench.say("share of the best GEMM rate")
    rows = widest_works()
    products = {
        key: (side, work)
        for key, (side, work) in share_works().items()
        if side == OURS or side in peers
    }
    times = bench.timed({**products, **{name: (OURS, work) for name, work in rows.items()}})
    rates = {key: 1e-9 / statistics.median(times[key]) for key in products if times.get(key)}
    best = max(rates, key=lambda key: rates[key])
    found: dict[str, Any] = {
        "best": best,
        "best_gflops": rates[best],
        "products": rates,
        "rows": [],
    }
    for name, work in rows.items():
        reached = 1e-9 * work.flops / statistics.median(times[name])
        part = spread([1e-9 * work.flops / one / rates[best] for one in times[name]])
        found["rows"].append(
            {
                "row": name,
                "gflops": reached,
                "share": part,
                "mark": SHARE_MARK,
                "met": part["median"] >= SHARE_MARK,
            }
        )
    return found
