"""A picture of the network: units, the lines between them by weight, shapes, parameter counts.

Decisions
---------
a) Lines show the weights before the step: colour is the sign, width the size beside the layer's
   largest.
b) A layer of many units shows the first and the last; a deep network shows boxes.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import numpy as np

from chainrule.glass.views.numbers import number, shape_text
from chainrule.glass.views.sections import title_of
from chainrule.glass.views.stations import Station, stations

if TYPE_CHECKING:
    from chainrule.glass.trace import Trace

__all__ = ["svg"]

GAP, STEP, RADIUS = 132, 34, 11
LEFT, TOP, FOOT = 66, 74, 62
MOST_UNITS, MOST_STATIONS, BOXES = 7, 11, 6
_STYLE = """
.net { --net-ink: #1c2430; --net-faint: #66707d; --net-line: #c3cad3; --net-paper: #fff;
  --net-first: #0b7285; --net-second: #d9480f; font: 12px system-ui, sans-serif; }
@media (prefers-color-scheme: dark) { .net { --net-ink: #e6e9ee; --net-faint: #97a1ae;
  --net-line: #4a5461; --net-paper: #14181d; --net-first: #4cc3d9; --net-second: #ff9d66; } }
.net text { fill: var(--net-ink); text-anchor: middle; }
.net .faint { fill: var(--net-faint); font-size: 11px; }
.net .unit { fill: var(--net-paper); stroke: var(--net-faint); stroke-width: 1.4; }
.net .plus { stroke: var(--net-first); } .net .minus { stroke: var(--net-second); }
.net .same { stroke: var(--net-line); stroke-width: 1.2; fill: none; }
.net .skip { stroke: var(--net-faint); fill: none; stroke-dasharray: 4 4; stroke-width: 1.3; }
"""


def svg(trace: Trace, standalone: bool = True) -> str:
    """Return the picture as SVG.

    Parameters
    ----------
    trace : Trace
    standalone : bool
        Whether it is a file of its own, which must name its language, or part of a page.
    """
    line = stations(trace)
    deep = len(line) > MOST_STATIONS
    width, height, parts = _boxes(line) if deep else _columns(line)
    total = sum(station.count for station in line)
    words = f"{title_of(trace)}: {len(line) - 1} layers, {total:,} parameters"
    xmlns = ' xmlns="http://www.w3.org/2000/svg"' if standalone else ""
    return (
        f'<svg{xmlns} class="net" viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" '
        f'height="{height:.0f}" style="min-width:{0.6 * width:.0f}px" role="img" '
        f'aria-label="{escape(words)}"><style>{_STYLE}</style>' + "".join(parts) + "</svg>"
    )


def _columns(line: tuple[Station, ...]) -> tuple[float, float, list[str]]:
    tallest = max((min(station.features, MOST_UNITS) for station in line), default=1)
    arcs = _arcs(line)
    top = TOP + 26 * bool(arcs)
    middle = top + (tallest - 1) * STEP / 2
    width = LEFT * 2 + GAP * max(len(line) - 1, 0)
    height = top + (tallest - 1) * STEP + FOOT + RADIUS
    parts: list[str] = []
    for place, station in enumerate(line):
        x = LEFT + GAP * place
        if place:
            parts.append(_heading(station, x - GAP / 2))
            if place - 1 in station.sources:
                parts.append(_links(line[place - 1], station, x, middle))
    parts += [_arc(a, b, top) for a, b in arcs]
    for place, station in enumerate(line):
        parts.append(_units(station, LEFT + GAP * place, middle, top))
    return width, height, parts


def _places(features: int, middle: float) -> list[tuple[int | None, float]]:
    """Return unit and height of each circle; `None` stands for those that are left out."""
    if features <= MOST_UNITS:
        shown: list[int | None] = list(range(features))
    else:
        shown = [*range(MOST_UNITS - 2), None, features - 1]
    first = middle - (len(shown) - 1) * STEP / 2
    return [(unit, first + STEP * k) for k, unit in enumerate(shown)]


def _heading(station: Station, x: float) -> str:
    name = _label(station.layer, 17)
    title = f"<title>{escape(station.layer)}</title>"
    count = f'<text class="faint" x="{x:.0f}" y="36">{escape(station.sum_text)}</text>'
    return f'<g>{title}<text x="{x:.0f}" y="20">{name}</text>{count if station.count else ""}</g>'


def _label(text: str, most: int) -> str:
    return escape(text if len(text) <= most else text[: most - 1] + "…")


def _links(before: Station, station: Station, x: float, middle: float) -> str:
    sources, targets = _places(before.features, middle), _places(station.features, middle)
    largest = 0.0
    if station.weights is not None and np.isfinite(station.weights).all():
        largest = float(np.max(np.abs(station.weights), initial=0.0))
    joined = station.weights is None and before.features == station.features
    lines: list[str] = []
    for i, y_from in sources:
        for j, y_to in targets:
            if i is None or j is None or (joined and i != j):
                continue
            ends = f'x1="{x - GAP + RADIUS:.0f}" y1="{y_from:.1f}" '
            ends += f'x2="{x - RADIUS:.0f}" y2="{y_to:.1f}"'
            if station.weights is None or not largest:
                lines.append(f'<line class="same" {ends}/>')
                continue
            weight = float(station.weights[i, j])
            share = abs(weight) / largest
            kind = "minus" if weight < 0 else "plus"
            title = f"<title>{escape(_weight_text(i, j, weight))}</title>"
            stroke = f'stroke-width="{0.6 + 2.6 * share:.2f}" opacity="{0.3 + 0.6 * share:.2f}"'
            lines.append(f'<line class="{kind}" {stroke} {ends}>{title}</line>')
    return "".join(lines)


def _weight_text(i: int, j: int, weight: float) -> str:
    return f"from unit {i} to unit {j}: {number(weight, 6)}"


def _units(station: Station, x: float, middle: float, top: float) -> str:
    parts: list[str] = []
    places = _places(station.features, middle)
    for unit, y in places:
        if unit is None:
            parts.append(f'<text x="{x:.0f}" y="{y + 5:.1f}">⋮</text>')
        else:
            parts.append(f'<circle class="unit" cx="{x:.0f}" cy="{y:.1f}" r="{RADIUS}"/>')
    foot = places[-1][1] + RADIUS if places else top
    name, shape = _label(station.record.name, 19), escape(shape_text(station.record.shape))
    parts.append(f'<text x="{x:.0f}" y="{foot + 20:.1f}">{name}</text>')
    parts.append(f'<text class="faint" x="{x:.0f}" y="{foot + 36:.1f}">{shape}</text>')
    title = f"<title>{escape(station.record.name)}</title>"
    return f"<g>{title}{''.join(parts)}</g>"


def _arcs(line: tuple[Station, ...]) -> list[tuple[int, int]]:
    """Return the links that skip a station."""
    return [
        (source, place)
        for place, station in enumerate(line)
        for source in station.sources
        if source < place - 1
    ]


def _arc(source: int, target: int, top: float) -> str:
    start, end = LEFT + GAP * source, LEFT + GAP * target
    low, high = top - RADIUS - 5, top - RADIUS - 42
    return (
        f'<path class="skip" d="M{start} {low}C{start + 30} {high} {end - 30} {high} {end} {low}"/>'
    )


def _boxes(line: tuple[Station, ...]) -> tuple[float, float, list[str]]:
    wide, high, gap, down = 136, 62, 26, 30
    parts: list[str] = []
    centres: list[tuple[float, float]] = []
    for place, station in enumerate(line):
        row, column = divmod(place, BOXES)
        x, y = 12 + column * (wide + gap), 12 + row * (high + down)
        centres.append((x, y))
        name, middle = station.layer or station.record.name, x + wide / 2
        parts.append(f"<g><title>{escape(name)}</title>")
        parts.append(f'<rect class="unit" rx="7" x="{x}" y="{y}" width="{wide}" height="{high}"/>')
        parts.append(f'<text x="{middle}" y="{y + 20}">{_label(name, 18)}</text>')
        shape = escape(shape_text(station.record.shape))
        parts.append(f'<text class="faint" x="{middle}" y="{y + 36}">{shape}</text>')
        count = f"{station.count:,} parameters" if station.count else ""
        parts.append(f'<text class="faint" x="{middle}" y="{y + 52}">{count}</text></g>')
        for source in station.sources:
            kind = "same" if source == place - 1 else "skip"
            parts.append(_wire(centres[source], (x, y), wide, high, kind))
    rows = -(-len(line) // BOXES)
    columns = min(len(line), BOXES)
    return 24 + columns * (wide + gap) - gap, 24 + rows * (high + down) - down, parts


def _wire(
    start: tuple[float, float], end: tuple[float, float], wide: int, high: int, kind: str
) -> str:
    (x, y), (u, v) = start, end
    if y == v and 0 < u - x < wide * 1.5:
        path = f"M{x + wide} {y + high / 2}H{u}"
    elif y == v:
        path = f"M{x + wide / 2} {y}C{x + wide / 2} {y - 10} {u + wide / 2} {y - 10} "
        path += f"{u + wide / 2} {v}"
    else:
        path = f"M{x + wide / 2} {y + high}C{x + wide / 2} {y + high + 22} "
        path += f"{u + wide / 2} {v - 22} {u + wide / 2} {v}"
    return f'<path class="{kind}" d="{path}"/>'
