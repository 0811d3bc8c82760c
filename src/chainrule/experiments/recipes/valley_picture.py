"""The picture of the walks in Rosenbrock's valley."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from chainrule.report.figures_axes import axis, grid
from chainrule.report.figures_canvas import COLOURS, FAINT, FIRST, INK, LINE, Picture

__all__ = ["valley_picture"]

_X, _Y = (-2.0, 2.0), (-1.0, 3.0)
_LEVELS = (0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0)


def valley_picture(paths: Mapping[str, Mapping[str, Any]]) -> Picture:
    """Return one plane for each optimizer: its walk over the valley's contours.

    Parameters
    ----------
    paths : mapping of name to {"path": [(x, y), ...], "steps": int}

    Example
    -------
    >>> from chainrule.experiments.recipes.valley_picture import valley_picture
    >>> picture = valley_picture({"Adam": {"path": [(-1.2, 1.0), (1.0, 1.0)], "steps": 9}})
    >>> "Adam" in picture.svg()
    True
    """
    height = 60 + 290 * -(-len(paths) // 3)

    def draw(figure: Any) -> None:
        planes = grid(figure, len(paths))
        x, y = np.meshgrid(np.linspace(*_X, 121), np.linspace(*_Y, 121))
        surface = (1 - x) ** 2 + 100 * (y - x * x) ** 2
        for plane, (name, walk) in zip(planes, paths.items(), strict=True):
            plane.grid(False)
            plane.contour(x, y, surface, levels=_LEVELS, colors=FAINT, linewidths=0.7, alpha=0.7)
            points = np.array(walk["path"], np.float64).reshape(-1, 2)
            plane.plot(points[:, 0], points[:, 1], color=FIRST, linewidth=1.6, zorder=3)
            plane.plot(*points[0], "o", color=INK, markersize=6, zorder=4)
            plane.plot(*points[-1], "s", color=COLOURS[1], markersize=6, zorder=5)
            plane.plot(1, 1, "+", color=INK, markersize=13, markeredgewidth=1.6, zorder=6)
            plane.set_title(f"{name}: {_ended(walk, points)}")
            axis(plane.xaxis, *_X, False)
            axis(plane.yaxis, *_Y, False)
            plane.tick_params(color=LINE)
        figure.supxlabel("x", fontsize=12, color=FAINT)
        figure.supylabel("y", fontsize=12, color=FAINT)

    return Picture(
        "Walks in Rosenbrock's valley",
        1000 if len(paths) > 1 else 640,
        height,
        draw,
        "Lines of equal height, the first walk of each optimizer: dot = start, square = end, "
        "cross = the lowest point, (1, 1).",
    )


def _ended(walk: Mapping[str, Any], points: np.ndarray) -> str:
    near = float(np.hypot(points[-1, 0] - 1, points[-1, 1] - 1)) < 0.1
    return f"{walk['steps']:,} steps" if near else f"not there in {walk['steps'] - 1:,}"
