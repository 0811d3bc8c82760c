"""Many small grey images side by side, as shapes: pages load no pictures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.errors import DataError, ShapeError
from chainrule.report.figures_canvas import FAINT, INK, WIDE, Picture, plain

__all__ = ["image_picture"]

MOST_IMAGES = 60
_SHADES = 17
_Rectangle = list[tuple[int, int]]


def image_picture(
    images: np.ndarray,
    titles: Sequence[str] = (),
    *,
    title: str = "images",
    signed: bool = False,
    columns: int = 10,
) -> Picture:
    """Return images in rows, each with a line of text above it.

    Parameters
    ----------
    images : (N, H, W) numbers
        Grey. At most 60 are drawn.
    titles : sequence of str, optional
        One for each.
    title : str
        What they are.
    signed : bool
        Weights: 0 is middle grey, negative is dark, and each image has its own scale. Otherwise
        the least number of all is paper and the largest is ink, as with handwriting.
    columns : int
        Images side by side.

    Raises
    ------
    ShapeError
        The array has not three axes.
    DataError
        It is empty or not finite.

    Example
    -------
    >>> import numpy as np
    >>> from chainrule.report.figures_images import image_picture
    >>> picture = image_picture(np.eye(4)[None], ["true 7, said 1"], title="wrong")
    >>> "true 7, said 1" in picture.svg()
    True
    """
    values = np.asarray(images, np.float64)
    if values.ndim != 3:
        raise ShapeError(
            "images are drawn from one array", expected="(N, H, W)", got=str(values.shape)
        )
    if not values.size or not np.isfinite(values).all():
        raise DataError("there is no image to draw, or one is not finite", got=str(values.shape))
    shown = values[:MOST_IMAGES]
    columns = max(1, min(columns, len(shown)))
    rows = math.ceil(len(shown) / columns)
    width = max(240, min(WIDE, 100 * columns))
    side = width / columns
    height = math.ceil(24 + rows * (side * shown.shape[1] / shown.shape[2] + 24))
    low, high = float(shown.min()), float(shown.max())

    def draw(figure: Any) -> None:
        planes = list(figure.subplots(rows, columns, squeeze=False).flat)
        for number, plane in enumerate(planes):
            plane.set_axis_off()
            if number < len(shown):
                image = shown[number]
                reach = float(np.abs(image).max()) if signed else 0.0
                _image(plane, image, *((-reach, reach) if signed else (low, high)), signed)
                if number < len(titles):
                    style = {"fontsize": 11, "color": INK, "fontweight": "normal"}
                    plane.set_title(plain(titles[number], 24), loc="center", pad=3, **style)

    more = f" {len(values) - len(shown)} more are not shown." if len(values) > len(shown) else ""
    scale = "Middle grey is 0, dark is negative, light is positive." if signed else ""
    return Picture(title, width, height, draw, (scale + more).strip())


def _image(plane: Any, image: np.ndarray, low: float, high: float, signed: bool) -> None:
    """Draw one image: for each shade one shape made of rows of equal pixels."""
    from matplotlib.patches import PathPatch, Rectangle
    from matplotlib.path import Path

    rows, columns = image.shape
    share = (image - low) / (high - low) if high > low else np.full(image.shape, 0.5 * signed)
    shades = np.round(share * (_SHADES - 1)).astype(int)
    ground = (_SHADES - 1) // 2 if signed else 0
    plane.add_patch(Rectangle((0, 0), columns, rows, facecolor=_grey(ground, signed), lw=0))
    for shade in np.unique(shades):
        if shade == ground:
            continue
        codes: list[Any] = []
        corners: _Rectangle = []
        for y, first, last in _runs(shades == shade):
            corners += [(first, y), (last, y), (last, y + 1), (first, y + 1), (first, y)]
            codes += [Path.MOVETO, *[Path.LINETO] * 3, Path.CLOSEPOLY]
        shape = Path(np.array(corners, float), codes)
        plane.add_patch(PathPatch(shape, facecolor=_grey(int(shade), signed), lw=0, aa=False))
    plane.add_patch(Rectangle((0, 0), columns, rows, fill=False, edgecolor=FAINT, lw=0.8))
    plane.set_xlim(-0.5, columns + 0.5)
    plane.set_ylim(rows + 0.5, -0.5)
    plane.set_aspect("equal")


def _runs(mask: np.ndarray) -> list[tuple[int, int, int]]:
    """Return row, first and last place (not included) of each stretch of true pixels."""
    padded = np.pad(mask.astype(np.int8), ((0, 0), (1, 1)))
    change = np.diff(padded, axis=1)
    starts, ends = np.argwhere(change == 1), np.argwhere(change == -1)
    return [(int(y), int(a), int(b)) for (y, a), (_, b) in zip(starts, ends, strict=True)]


def _grey(shade: int, signed: bool) -> str:
    share = shade / (_SHADES - 1)
    level = round(255 * (share if signed else 1 - share))
    return f"#{level:02x}{level:02x}{level:02x}"
