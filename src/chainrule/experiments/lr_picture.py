"""The picture of the learning-rate finder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.report.figures_axes import axis
from chainrule.report.figures_canvas import BOLD, FAINT, FIRST, INK, PAPER, SECOND, Picture

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
            plane.plot(rates, ramp, color=FAINT, linewidth=0.7, alpha=0.55)
        plane.plot(rates, smooth, color=FIRST, linewidth=2.4)
        marks = (
            (found.steepest, "steepest descent", (0, (1.2, 1.4)), FAINT, 0.3),
            (found.tenth, "a tenth of the least loss's rate", (0, (5, 2)), FAINT, 0.18),
            (found.suggestion, "suggested", "solid", SECOND, 0.06),
        )
        for mark in marks:
            _mark(plane, *mark, left=mark[0] > float(rates[0] * rates[-1]) ** 0.5)
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
    plane: Any, rate: float, words: str, dash: Any, colour: str, place: float, left: bool
) -> None:
    """Draw an upright line with its name, on the side that has more room."""
    plane.axvline(rate, color=colour, linestyle=dash, linewidth=1.8)
    plane.annotate(
        f"{words}: {rate:.2g}",
        xy=(rate, place),
        xycoords=plane.get_xaxis_transform(),
        xytext=(-6 if left else 6, 0),
        textcoords="offset points",
        ha="right" if left else "left",
        va="center",
        color=INK,
        fontweight=BOLD if words == "suggested" else None,
        bbox={"boxstyle": "square,pad=0.15", "facecolor": PAPER, "edgecolor": "none"},
    )
