"""Pictures of pictures: examples with words under them, and what the first layer looks for."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from chainrule.report.png import data_address
from chainrule.report.svg import Drawing, text

__all__ = ["example_grid", "weight_grid"]

_CELL, _GAP, _LINE = 72, 14, 15
_WIDE = 720


def example_grid(pictures: np.ndarray, captions: Sequence[tuple[str, str]], title: str) -> Drawing:
    """Return pictures side by side, each with two lines of words under it.

    Parameters
    ----------
    pictures : (N, height, width) or (N, height, width, 3)
        From 0 (black) to 1 (white).
    captions : sequence of (str, str)
        The second line is the stronger one.
    title : str
        For those who cannot see it.
    """
    if not len(pictures):
        return Drawing()
    across = _CELL + _GAP
    columns = min(len(pictures), _WIDE // across)
    tall = _height(pictures) + 2 * _LINE + _GAP
    parts: list[str] = []
    for place, (picture, (first, second)) in enumerate(zip(pictures, captions, strict=True)):
        x, y = place % columns * across, place // columns * tall
        bottom = y + _height(pictures)
        shown = np.clip(np.rint(255 * picture), 0, 255).astype(np.uint8)
        parts.append(_image(shown, x, y, _CELL, _height(pictures)))
        parts.append(text(x + _CELL / 2, bottom + _LINE - 2, first, "mid"))
        parts.append(text(x + _CELL / 2, bottom + 2 * _LINE - 2, second, "mid ink"))
    rows = -(-len(pictures) // columns)
    return Drawing.framed(parts, title, columns * across - _GAP, rows * tall - _GAP + 4)


def _height(pictures: np.ndarray) -> int:
    return max(round(_CELL * pictures.shape[1] / pictures.shape[2]), 8)


def weight_grid(weights: np.ndarray, title: str, columns: int = 10) -> Drawing:
    """Return the weights of units as pictures: grey is 0, white positive, black negative.

    Parameters
    ----------
    weights : (units, height, width)
        Each unit is scaled by its own largest weight.
    title : str
    columns : int
    """
    if not len(weights):
        return Drawing()
    largest = np.abs(weights).max(axis=(1, 2), keepdims=True)
    scaled = np.divide(weights, largest, out=np.zeros_like(weights), where=largest > 0)
    shown = np.clip(np.rint(127.5 + 127.5 * scaled), 0, 255).astype(np.uint8)
    columns = min(columns, len(weights))
    wide, gap = 54, 6
    tall = max(round(wide * weights.shape[1] / weights.shape[2]), 8)
    parts = [
        _image(unit, place % columns * (wide + gap), place // columns * (tall + gap), wide, tall)
        for place, unit in enumerate(shown)
    ]
    rows = -(-len(weights) // columns)
    return Drawing.framed(parts, title, columns * (wide + gap) - gap, rows * (tall + gap) - gap)


def _image(pixels: np.ndarray, x: int, y: int, width: int, height: int) -> str:
    place = f'x="{x}" y="{y}" width="{width}" height="{height}" preserveAspectRatio="none"'
    return f'<image {place} style="image-rendering:pixelated" href="{data_address(pixels)}"/>'
