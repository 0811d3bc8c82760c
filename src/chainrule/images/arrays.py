"""Arrays of pixels and labels: NumPy's files without pickles, and what pixels mean."""

from __future__ import annotations

import math
import os
import tokenize
from pathlib import Path

import numpy as np
from numpy.lib import format as npy

from chainrule.errors import DataError
from chainrule.files import readable_file
from chainrule.images.collection import require_room

__all__ = ["as_labels", "as_pixels", "read_npy"]

_NO_ARRAY = (
    *(ValueError, OSError, SyntaxError, TypeError, RecursionError, MemoryError),
    tokenize.TokenError,
)
"""What NumPy's reader of headers raises for bytes that are none."""
_BRIGHTEST = 16.0
"""Float pixels beyond this are whole numbers that somebody cast, not fractions of white."""
_CHANNELS = (1, 3, 4)


def read_npy(path: str | os.PathLike[str]) -> np.ndarray:
    """Return the array of a `.npy` file. Nothing in the file is executed.

    Raises
    ------
    DataError
        It is not such a file, it holds Python objects, or it is not as long as its header states.
    """
    path = readable_file(path, "array file")
    try:
        with path.open("rb") as file:
            version = npy.read_magic(file)
            read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
            shape, _, dtype = read(file)
            begin = file.tell()
    except _NO_ARRAY as error:
        raise DataError(
            "this is not a NumPy array file", where=str(path), got=str(error)[:200]
        ) from None
    if dtype.hasobject:
        raise DataError(
            "the array holds Python objects, and unpickling them could run any program",
            where=str(path),
            expected="an array of numbers or strings",
            do="save it as numbers: numpy.save(path, array.astype('uint8'))",
        )
    if any(size < 0 for size in shape) or 0 in shape:
        raise DataError("the array is empty", where=str(path), got=f"shape {shape}")
    wanted = math.prod(shape) * dtype.itemsize
    held = path.stat().st_size - begin
    if held != wanted:
        raise DataError(
            "the array file is not as long as its header states",
            where=str(path),
            expected=f"{wanted:,} bytes after the header, for shape {shape} of {dtype}",
            got=f"{held:,}",
        )
    require_room(shape, str(path))
    return np.load(path, allow_pickle=False)


def as_pixels(array: np.ndarray, path: Path) -> tuple[np.ndarray, tuple[int, ...], float]:
    """Return pixels as rows of float32, the shape of a picture, and what became 1.

    Raises
    ------
    DataError
        The array is no stack of pictures, or its numbers are no pixels.
    """
    shape = _shape(array, path)
    white = _white(array, path)
    rows = array.reshape(len(array), -1)
    X = np.empty(rows.shape, np.float32)
    np.divide(rows, np.float32(white), out=X, casting="unsafe")
    if array.dtype.kind == "f" and not np.isfinite(X).all():
        row = int(np.argmax(~np.isfinite(X).all(axis=1)))
        raise DataError("a pixel is not a finite number", where=f"{path}, picture {row}")
    if array.dtype.kind == "f" and np.abs(X).max() > _BRIGHTEST:
        raise DataError(
            "the float pixels are too large for fractions of white",
            where=str(path),
            expected="numbers from 0 to 1",
            got=f"up to {np.abs(X).max():g}",
            do="divide them by 255, or save them as uint8",
        )
    return X, shape, white


def _shape(array: np.ndarray, path: Path) -> tuple[int, ...]:
    shape = array.shape[1:]
    if array.ndim == 3:
        return shape
    if array.ndim == 4 and shape[2] in _CHANNELS:
        return shape[:2] if shape[2] == 1 else shape
    if array.ndim == 2 and math.isqrt(shape[0]) ** 2 == shape[0]:
        return math.isqrt(shape[0]), math.isqrt(shape[0])
    raise DataError(
        "the array is no stack of pictures",
        where=str(path),
        expected="(N, height, width), (N, height, width, channels), or (N, pixels) of squares",
        got=f"shape {array.shape}",
    )


def _white(array: np.ndarray, path: Path) -> float:
    kind = array.dtype.kind
    if kind in "fb":
        return 1.0
    if kind == "u" and array.dtype.itemsize <= 2:
        return 255.0 if array.dtype.itemsize == 1 else 65_535.0
    if kind in "iu" and array.min() >= 0 and array.max() <= 255:
        return 255.0
    raise DataError(
        "these are no pixels",
        where=str(path),
        expected="uint8, uint16, whole numbers from 0 to 255, or floats",
        got=f"{array.dtype}" + (f" from {array.min()} to {array.max()}" if kind in "iu" else ""),
    )


def as_labels(array: np.ndarray, count: int, path: Path, pictures: Path) -> np.ndarray:
    """Return labels, one for each picture.

    Raises
    ------
    DataError
        They are no labels, or not as many as there are pictures.
    """
    if array.ndim != 1 or array.dtype.kind not in "iubU":
        raise DataError(
            "these are no labels",
            where=str(path),
            expected="whole numbers or strings in one dimension",
            got=f"{array.dtype} of shape {array.shape}",
        )
    if len(array) != count:
        raise DataError(
            "there are not as many labels as pictures",
            where=str(path),
            expected=f"{count:,}, one for each of {pictures.name}",
            got=f"{len(array):,}",
        )
    return array.astype(np.int64) if array.dtype.kind in "iu" else array
