"""Resampling of many small pictures under affine maps, with bilinear interpolation.

Decisions
---------
a) The four neighbours of every pixel are laid side by side once, so that a resampled pixel is one
   fetch of four numbers at a computed place instead of four fetches.
b) Blocks of 64 pictures stay in the cache of a core. A pixel's arithmetic does not depend on the
   block it is in, so neither do the bits.
c) Outside of a picture everything is 0: the border fades into it over one pixel.
"""

from __future__ import annotations

import numpy as np

__all__ = ["about_centre", "composed", "warp"]

_BLOCK = 64


def about_centre(matrices: np.ndarray, shifts: np.ndarray, height: int, width: int) -> np.ndarray:
    """Return maps from places of the new picture to places of the old one.

    Parameters
    ----------
    matrices : (n, 2, 2)
        Act on (column, row), measured from the centre of the picture.
    shifts : (n, 2)
        Added afterwards, in pixels.
    height, width : int

    Returns
    -------
    (n, 2, 3)
        `maps[:, :, :2] @ (column, row) + maps[:, :, 2]`, measured from the first pixel.
    """
    centre = np.array([(width - 1) / 2, (height - 1) / 2])
    moved = centre - matrices @ centre + shifts
    return np.concatenate([matrices, moved[:, :, None]], axis=2)


def composed(first: np.ndarray, then: np.ndarray) -> np.ndarray:
    """Return the maps of applying one change to a picture and then another."""
    matrix = first[:, :, :2] @ then[:, :, :2]
    shift = first[:, :, :2] @ then[:, :, 2:] + first[:, :, 2:]
    return np.concatenate([matrix, shift], axis=2)


def warp(images: np.ndarray, maps: np.ndarray) -> np.ndarray:
    r"""Return pictures whose pixel at place p is the old picture's value at the place `map(p)`.

    .. math:: x'(p) = \sum_q x(q) \prod_{k=1}^2 \max(0, 1 - |(A p + b)_k - q_k|)

    with :math:`(A, b)` = a row of `maps`.

    Parameters
    ----------
    images : (n, height, width), float32 or float64
    maps : (n, 2, 3)

    Source: Gonzalez, Woods, "Digital image processing" (4th edition), section 2.4.

    Example
    -------
    >>> import numpy as np
    >>> from chainrule.maths.warp import warp
    >>> image = np.array([[[0.0, 8.0, 4.0]]])
    >>> half = np.array([[[1.0, 0.0, 0.5], [0.0, 1.0, 0.0]]])
    >>> warp(image, half).tolist()
    [[[4.0, 6.0, 2.0]]]
    """
    out = np.empty(images.shape, images.dtype)
    height, width = images.shape[1:]
    size = min(_BLOCK, len(images))
    room = np.zeros((size, height + 3, width + 3, 4), images.dtype)
    for start in range(0, len(images), _BLOCK):
        part = images[start : start + _BLOCK]
        places = maps[start : start + _BLOCK].astype(images.dtype)
        out[start : start + len(part)] = _block(part, places, room[: len(part)])
    return out


def _block(images: np.ndarray, maps: np.ndarray, fours: np.ndarray) -> np.ndarray:
    count, height, width = images.shape
    # Pixel (0, 0) stands at (1, 1). Each place holds itself, its right, its lower, and its lower
    # right neighbour; what is not written stays 0.
    fours[:, 1 : height + 1, 1 : width + 1, 0] = images
    fours[:, 1 : height + 1, :width, 1] = images
    fours[:, :height, 1 : width + 1, 2] = images
    fours[:, :height, :width, 3] = images
    column, row = _places(maps[:, 0], height, width), _places(maps[:, 1], height, width)
    np.clip(column, 0, width + 1, out=column)
    np.clip(row, 0, height + 1, out=row)
    left, top = column.astype(np.int32), row.astype(np.int32)
    column -= left
    row -= top
    stride = width + 3
    top *= stride
    top += left
    top += np.arange(count, dtype=np.int32)[:, None, None] * np.int32((height + 3) * stride)
    whole = fours.reshape(-1, 4).view(np.dtype((np.void, 4 * fours.itemsize)))[:, 0]
    found = whole.take(top.reshape(-1), mode="clip").view(fours.dtype)
    return _blend(found.reshape(count, height, width, 4), column, row)


def _places(rule: np.ndarray, height: int, width: int) -> np.ndarray:
    """Return one coordinate of the old place of each new pixel, counted from the padding."""
    columns = np.arange(width, dtype=rule.dtype)
    rows = np.arange(height, dtype=rule.dtype)
    down = rule[:, 1, None] * rows + (rule[:, 2, None] + 1)
    return down[:, :, None] + (rule[:, 0, None] * columns)[:, None, :]


def _blend(found: np.ndarray, right: np.ndarray, down: np.ndarray) -> np.ndarray:
    upper = found[..., 1] - found[..., 0]
    upper *= right
    upper += found[..., 0]
    lower = found[..., 3] - found[..., 2]
    lower *= right
    lower += found[..., 2]
    lower -= upper
    lower *= down
    lower += upper
    return lower
