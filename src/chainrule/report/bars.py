"""Pictures of counts and shares: bars, shaded cells of a confusion matrix, small histograms."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np

from chainrule.report.svg import Drawing, text

__all__ = ["MOST_CELLS", "bar_chart", "confusion_chart", "histogram"]

MOST_CELLS = 40
"""Classes of the largest confusion matrix that is drawn."""
_NUMBERED = 12
"""Up to so many classes each cell has room for its count."""
_WIDTH = 560
_ROW = 24
_LONGEST = 24
_LETTER = 6.6
"""Width of a letter, about, where the style sheet's font is 12 px high."""
_STRONG = 0.55
"""From this shade on, a cell's number is written in the colour of the paper."""


def bar_chart(names: Sequence[str], values: Sequence[float], spreads: Sequence[float]) -> Drawing:
    """Return one bar for each name, with a whisker of the spread to both sides.

    Negative values go to the left of the common line.
    """
    if not names:
        return Drawing()
    left, room = 190.0, _WIDTH - 190.0 - 70.0
    low = min(0.0, *(v - s for v, s in zip(values, spreads, strict=True)))
    high = max(0.0, *(v + s for v, s in zip(values, spreads, strict=True)))
    scale = room / ((high - low) or 1.0)
    zero = left - low * scale
    parts = []
    for place, (name, value, spread) in enumerate(zip(names, values, spreads, strict=True)):
        y = _ROW * place + 4
        parts.append(_named(left - 8, y + 13, name))
        start, width = zero + min(value, 0.0) * scale, abs(value) * scale
        parts.append(f'<rect class="bar" x="{start:.1f}" y="{y}" width="{width:.1f}" height="16"/>')
        reach = (
            f"M{zero + (value - spread) * scale:.1f} {y + 8}H{zero + (value + spread) * scale:.1f}"
        )
        parts.append(f'<path class="whisker" d="{reach}"/>')
        end = zero + max(value + spread, 0.0) * scale
        parts.append(text(end + 6, y + 13, f"{value:.4f}" if abs(value) < 10 else f"{value:.4g}"))
    height = _ROW * len(names) + 6
    parts.append(f'<path class="axis" d="M{zero:.1f} 0V{height}"/>')
    return Drawing.framed(parts, "importance of the columns", _WIDTH, height)


def _named(x: float, y: float, name: str) -> str:
    """Return a name that ends at x; a long one is cut, and whole in its tooltip."""
    whole = escape(_cut(name, _LONGEST)) + f"<title>{escape(name)}</title>"
    return f'<text x="{x:.1f}" y="{y:.1f}" class="end ink">{whole}</text>'


def confusion_chart(counts: np.ndarray, labels: Sequence[str]) -> Drawing:
    """Return a confusion matrix: true classes down, predicted classes across.

    The stronger its colour, the larger a cell's share of its row; a tooltip says its count.

    Parameters
    ----------
    counts : (K, K) int array
        Rows of each true class, by predicted class.
    labels : sequence of str
    """
    size = len(labels)
    if not size or size > MOST_CELLS:
        return Drawing()
    cell = max(12.0, min(64.0, 480.0 / size))
    numbered = size <= _NUMBERED
    slanted = max(map(len, labels)) * _LETTER > cell
    left = max(64.0, 24.0 + _LETTER * min(max(map(len, labels)), _LONGEST))
    top = 78.0 if slanted else 44.0
    parts = [text(left, 12, "predicted", "label"), text(4, 12, "true", "label")]
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    for row, name in enumerate(labels):
        middle = (row + 0.5) * cell
        parts.append(_named(left - 8, top + middle + 4, name))
        parts.append(_head(left + middle, top - 8, name, slanted))
        for column, other in enumerate(labels):
            number, share = f"{counts[row, column]:,}", float(shares[row, column])
            x, y = left + column * cell, top + row * cell
            parts.append(_shaded(x, y, cell, share, f"{name}, predicted {other}: {number}"))
            if numbered:
                kind = "mid strong" if share >= _STRONG else "mid ink"
                parts.append(text(x + cell / 2, y + cell / 2 + 4, number, kind))
    side = size * cell
    return Drawing.framed(parts, "confusion matrix", left + side + 60 * slanted, top + side + 8)


def _cut(name: str, longest: int) -> str:
    return name if len(name) <= longest else name[: longest - 1] + "…"


def _head(x: float, y: float, name: str, slanted: bool) -> str:
    if not slanted:
        return text(x, y, name, "mid ink")
    turn = f'transform="rotate(-40 {x:.1f} {y:.1f})"'
    return f'<text x="{x:.1f}" y="{y:.1f}" class="ink" {turn}>{escape(_cut(name, 12))}</text>'


def _shaded(x: float, y: float, cell: float, share: float, words: str) -> str:
    box = f'x="{x + 1:.1f}" y="{y + 1:.1f}" width="{cell - 2:.1f}" height="{cell - 2:.1f}"'
    shade = f'fill-opacity="{0.04 + 0.9 * share:.3f}"'
    return f'<rect class="cell" {box} {shade}><title>{escape(words)}</title></rect>'


def histogram(counts: Sequence[float]) -> Drawing:
    """Return a small histogram: the tallest bar fills the height."""
    most = max(counts, default=0)
    if not most:
        return Drawing()
    width, height = 120.0, 24.0
    step = min(width / len(counts), 16.0)
    bars = "".join(
        f"M{place * step:.1f} {height:g}v{-height * max(count / most, 0.04):.1f}"
        f"h{step - 1:.1f}V{height:g}z"
        for place, count in enumerate(counts)
        if count
    )
    return Drawing(
        f'<svg class="small" viewBox="0 0 {width:g} {height:g}" role="img" '
        f'aria-label="histogram"><path class="bar" d="{bars}"/></svg>'
    )
