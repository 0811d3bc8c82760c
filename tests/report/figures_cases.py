"""Made-up runs for the tests of pictures, and what every picture must keep."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np

from chainrule.experiments.result import Result
from chainrule.report.figures import Picture

SVG = "{http://www.w3.org/2000/svg}"
REFERENCE = re.compile(r"(?:href|src)=\"([^\"]*)\"|url\(([^)]*)\)")
ADDRESSES = {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}


def run(
    settings: Mapping[str, Any],
    repeat: int = 0,
    *,
    score: float = 0.9,
    lost: int = 0,
    epochs: int = 6,
    fault: str = "",
    level: float = 1.0,
    **more: Any,
) -> Result:
    """Return a run whose loss falls from `level`; it diverges in epoch `lost`, if that is not 0."""
    history: list[dict[str, Any]] = []
    for epoch in range(1, epochs + 1):
        loss = level * (1 + 0.1 * repeat) / epoch
        row = {"epoch": epoch, "step": 10 * epoch, "train_loss": loss, "validation_loss": loss}
        history.append({**row, "gradient_norm": 2 * loss, "seconds": 0.5})
        if epoch == lost:
            history[-1]["validation_loss"] = math.nan
            break
    ended = "failed" if fault else "diverged" if lost else "epochs"
    return Result(
        dict(settings),
        repeat,
        repeat,
        repeat,
        math.nan if lost or fault else score + 0.01 * repeat,
        history=[] if fault else history,
        stop_reason=ended,
        fault=fault,
        seconds=3.0,
        epochs=epochs,
        **more,
    )


def sweep(
    batches: Sequence[Any] = (16, 32, 64), rates: Sequence[Any] = (0.001, 0.01, 0.1), n: int = 3
) -> list[Result]:
    """Return a grid: at the largest rate the first batch size diverges, the second one partly."""
    found = []
    for b, batch in enumerate(batches):
        for r, rate in enumerate(rates):
            for repeat in range(n):
                worst = r == len(rates) - 1 and (b == 0 or (b == 1 and repeat == 0))
                score = 0.9 - 0.05 * abs(b - 1) - 0.1 * abs(r - 1)
                settings = {"batch_size": batch, "learning_rate": rate}
                more = {"lost": 3 if worst else 0, "level": 1.0 + b + r}
                found.append(run(settings, repeat, score=score, **more))
    return found


def recording(layers: int = 2, name: str = "relu") -> dict[str, Any]:
    """Return the document of a recording: dead shares grow, gradients shrink towards the input."""
    snapshots = [
        {
            "step": step,
            "nodes": {
                **{f"dense_{k}": [1.0, 0.1, "nan", "nan"] for k in range(1, layers + 1)},
                **{f"{name}_{k}": [1.0, 0.1, 0.5, 0.01 * k * step] for k in range(1, layers + 1)},
            },
            "parameters": {
                f"dense_{k}.{kind}": [1.0, 10.0**-k / (1 + step), 0.1, 0.1, "nan"]
                for k in range(1, layers + 1)
                for kind in ("W", "b")
            },
        }
        for step in (0, 5, 10)
    ]
    return {"snapshots": snapshots}


def words(picture: Picture | str) -> list[str]:
    """Return the lines of text of a picture; it is opened for that."""
    text = picture if isinstance(picture, str) else picture.svg()
    return ["".join(found.itertext()) for found in ET.fromstring(text).iter(f"{SVG}text")]


def require_sound(picture: Picture) -> list[str]:
    """Open a picture as a reader's program does, and return its text.

    It is well-formed, refers to nothing outside itself, and its text lies within its borders.
    """
    text = picture.svg()
    root = ET.fromstring(text)
    assert root.tag == f"{SVG}svg"
    assert root.get("viewBox") == f"0 0 {picture.width} {picture.height}"
    assert (root.get("width"), root.get("height")) == (f"{picture.width}", f"{picture.height}")
    assert root.get("aria-label") == picture.title
    ids = {found.get("id") for found in root.iter()} - {None}
    for reference in REFERENCE.findall(text):
        target = "".join(reference)
        assert target.startswith("#")
        assert target[1:] in ids, target
    assert set(re.findall(r"[a-z]+://[^\"' <]*", text)) <= ADDRESSES
    tags = {found.tag.removeprefix(SVG) for found in root.iter()}
    allowed = {"svg", "g", "defs", "path", "use", "text", "clipPath", "rect", "pattern", "tspan"}
    assert tags <= allowed
    assert "nan" not in re.sub(r"<text.*?</text>", "", text)
    require_inside(picture)
    return words(text)


def require_inside(picture: Picture) -> None:
    """Fail if a piece of text leaves the picture, or covers another one."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.text import Text

    with picture.drawn() as figure:
        FigureCanvasAgg(figure).draw()
        shown = [
            found
            for found in figure.findobj(Text)
            if found.get_text().strip() and found.get_visible() and _seen(found)
        ]
        boxes = [(found.get_text(), found.get_window_extent()) for found in shown]
    for said, box in boxes:
        assert box.x0 > -1.5, said
        assert box.y0 > -1.5, said
        assert box.x1 < picture.width + 1.5, said
        assert box.y1 < picture.height + 1.5, said
    for place, (said, box) in enumerate(boxes):
        for other, second in boxes[place + 1 :]:
            width = min(box.x1, second.x1) - max(box.x0, second.x0)
            height = min(box.y1, second.y1) - max(box.y0, second.y0)
            assert width < 2 or height < 4, f"{said!r} covers {other!r}"


def _seen(found: Any) -> bool:
    """Tell labels that are drawn from those of ticks that stand outside their axis."""
    plane = found.axes
    if plane is None:
        return found in found.figure.texts
    if not plane.axison:
        return found in plane.texts or found in (plane.title, plane._left_title)
    ticks = [
        tick
        for axis in (plane.xaxis, plane.yaxis)
        for tick in axis.get_major_ticks()
        if found in (tick.label1, tick.label2)
    ]
    return all(tick.get_visible() for tick in ticks)


def heights(line: str) -> list[float]:
    """Return the vertical places of a path."""
    return [float(y) for y in re.findall(r"[ML] ?[-\d.]+ ([-\d.]+)", line)]


RNG = np.random.default_rng(0)
