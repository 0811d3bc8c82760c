"""The picture of the learning-rate finder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.report.figures_axes import axis
from chainrule.report.figures_canvas import BOLD, FAINT, FIRST, INK, SECOND, Picture

if TYPE_CHECKING:
    from chainrule.experiments.lr_find import RateFinding

__all__ = ["rate_picture"]


def rate_picture(found: RateFinding) -> Picture:
    """Return the loss over the learning rate: each ramp's batches, their median, the readings.

    Parameters
    ----------
    found : RateFinding
    """

    def draw(figure: Any) -> None:
        plane = figure.subplots()
        rates, smooth = found.rates, found.smoothed
        top = 1.25 * float(np.max(smooth[: max(int(np.argmin(smooth)), 1)]))
        low = float(np.min(smooth))
        axis(plane.xaxis, float(rates[0]), float(rates[-1]), True, 8)
        axis(plane.yaxis, low - 0.15 * (top - low), top, False)
        for ramp in found.losses:
            plane.plot(rates, ramp, color=FAINT, linewidth=0.6, alpha=0.35)
        plane.plot(rates, smooth, color=FIRST, linewidth=2.4)
        marks = (
            (found.steepest, "steepest descent", (0, (1.2, 1.4)), FAINT),
            (found.tenth, "a tenth of the least loss's rate", (0, (5, 2)), FAINT),
            (found.suggestion, "suggested", "solid", SECOND),
        )
        left = found.suggestion > float(rates[0] * rates[-1]) ** 0.5
        # The line that lies farthest where the names go has the lowest row: none crosses a name.
        for row, mark in enumerate(sorted(marks, key=lambda mark: mark[0], reverse=not left)):
            _mark(plane, *mark, row, left)
        plane.set_xlabel("learning rate")
        plane.set_ylabel("loss of the batch")

    return Picture(
        "loss against learning rate",
        720,
        360,
        draw,
        "Thin lines: batches of each ramp. Thick line: median of the ramps' smoothed losses, which "
        "lag some updates behind, as far as half of the ramps came.",
    )


def _mark(
    plane: Any, rate: float, words: str, dash: Any, colour: str, row: int, left: bool
) -> None:
    """Draw an upright line, with its name above the plane, where no data lie."""
    plane.axvline(rate, color=colour, linestyle=dash, linewidth=1.8)
    high = 8 + 16 * row
    at = {"xycoords": plane.get_xaxis_transform(), "textcoords": "offset points"}
    stem = {"arrowstyle": "-", "color": colour, "linestyle": dash, "linewidth": 1.2}
    plane.annotate("", (rate, 1.0), xytext=(0, high), arrowprops=stem, annotation_clip=False, **at)
    plane.annotate(
        f"{words}: {rate:.2g}",
        (rate, 1.0),
        xytext=(-6 if left else 6, high),
        ha="right" if left else "left",
        va="center",
        color=INK,
        fontweight=BOLD if words == "suggested" else None,
        annotation_clip=False,
        **at,
    )
