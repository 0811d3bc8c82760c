"""The picture of what is left of a gradient, by depth."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chainrule.experiments.recipes.evidence import worded
from chainrule.report.figures_axes import axis, grid, names
from chainrule.report.figures_canvas import COLOURS, DASHES, FAINT, Picture

__all__ = ["depth_picture"]

_FLOOR, _CEILING = 1e-20, 1e6


def depth_picture(means: Mapping[tuple[str, str, int], float]) -> Picture:
    """Return one plane for each activation: share of the gradient over layers, by scheme.

    Parameters
    ----------
    means : mapping of (activation, scheme, layers) to the share that is left

    Example
    -------
    >>> from chainrule.experiments.recipes.depth_picture import depth_picture
    >>> picture = depth_picture({("tanh", "He", 2): 1.0, ("tanh", "He", 50): 0.1})
    >>> "tanh" in picture.svg()
    True
    """
    activations = list(dict.fromkeys(key[0] for key in means))
    schemes = list(dict.fromkeys(key[1] for key in means))
    depths = sorted({key[2] for key in means})
    shown = [min(max(value, _FLOOR), _CEILING) for value in means.values()]

    def draw(figure: Any) -> None:
        planes = grid(figure, len(activations))
        for plane, activation in zip(planes, activations, strict=True):
            axis(plane.xaxis, 0, depths[-1] * 1.02, False)
            axis(plane.yaxis, min(*shown, 0.1) / 3, max(*shown, 1.0) * 3, True)
            plane.axhline(1.0, color=FAINT, linewidth=1.0)
            plane.set_title(activation)
            ends: list[tuple[float, float, str, str]] = []
            for place, scheme in enumerate(schemes):
                values = [means[activation, scheme, depth] for depth in depths]
                colour, dash = COLOURS[place % 5], DASHES[place % 5]
                plane.plot(depths, values, color=colour, linestyle=dash, linewidth=2)
                ends.append((depths[-1], values[-1], scheme, colour))
            names(plane, ends, height=260)
        figure.supxlabel("layers", fontsize=12, color=FAINT)
        figure.supylabel("share of the gradient that is left", fontsize=12, color=FAINT)

    return Picture(
        "What is left of a gradient, by depth",
        1000,
        340,
        draw,
        "Gradient at the input over that at the output, geometric mean of the repeats; the level "
        f"line is 1: nothing lost, nothing gained.{_beyond(means)}",
    )


def _beyond(means: Mapping[tuple[str, str, int], float]) -> str:
    """Say how far lines go that leave the plane."""
    found = [value for value in means.values() if not _FLOOR <= value <= _CEILING]
    if not found:
        return ""
    ends = " and ".join(worded(value) for value in sorted({min(found), max(found)}))
    return f" Lines that leave the plane go on, to {ends}."
