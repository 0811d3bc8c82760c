"""Single pictures as files, one folder for each class, read with Pillow."""

from __future__ import annotations

import importlib
import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.errors import DataError, MissingExtraError
from chainrule.images.collection import Images, require_room

__all__ = ["SUFFIXES", "picture_files", "read_pictures"]

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp")
_MOST_PIXELS = 64_000_000
_GREY = ("1", "L", "LA")
_DEEP = ("I", "F")
_ORIENTATION = 0x0112
_TURNS = (
    *("FLIP_LEFT_RIGHT", "ROTATE_180", "FLIP_TOP_BOTTOM"),
    *("TRANSPOSE", "ROTATE_270", "TRANSVERSE", "ROTATE_90"),
)
"""What sets a picture upright whose orientation by Exif is 2, 3, ... 8."""
_LYING = 5
"""From this orientation on width and height change places."""
_CLEAR = ("LA", "PA", "RGBA", "La", "RGBa")


def picture_files(folder: Path) -> list[Path]:
    """Return the picture files of a folder in the order of their names; hidden ones are skipped."""
    return sorted(
        entry
        for entry in folder.iterdir()
        if entry.suffix.lower() in SUFFIXES and not entry.name.startswith(".") and entry.is_file()
    )


def read_pictures(
    files: Sequence[Path],
    labels: Sequence[str] | None,
    source: str,
    size: tuple[int, int] | None = None,
) -> Images:
    """Return picture files of one size as rows: grey if all of them are, otherwise in colour.

    Parameters
    ----------
    files : sequence of Path
    labels : sequence of str, optional
        One for each file.
    source : str
    size : (height, width), optional
        Make every picture this large; without it, all of them must be alike.

    Raises
    ------
    DataError
        A file is no picture, is damaged, or is of another size than the first one.
    MissingExtraError
        Pillow is not installed.
    """
    library = _pillow()
    with _opened(library, files[0]) as first:
        height, width = size or _size(first)
    grey = all(_is_grey(library, file) for file in files)
    shape = (height, width) if grey else (height, width, 3)
    require_room((len(files), *shape), source)
    X = np.empty((len(files), int(np.prod(shape))), np.float32)
    for row, file in enumerate(files):
        with _opened(library, file) as picture:
            if size is None and _size(picture) != (height, width):
                raise DataError(
                    "the pictures differ in size",
                    where=str(file),
                    expected=f"{width} x {height} pixels, like {files[0].name}",
                    got="{1} x {0} pixels".format(*_size(picture)),
                    do=f"make them alike: size=({height}, {width})",
                )
            X[row] = _pixels(library, picture, file, shape).ravel()
    X /= np.float32(255)
    y = None if labels is None else np.asarray(labels)
    names = tuple(
        os.path.relpath(file, source) if file != Path(source) else file.name for file in files
    )
    return Images(X, y, shape, 255.0, source, names)


def _pillow() -> Any:
    try:
        return importlib.import_module("PIL.Image")
    except ImportError:
        raise MissingExtraError(
            "reading picture files needs Pillow, which is not installed", do="pip install pillow"
        ) from None


def _opened(library: Any, file: Path) -> Any:
    """Return a picture whose header was read; its pixels are not."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of large pictures: the limit below is ours
            picture = library.open(file)
    except (OSError, ValueError, SyntaxError, TypeError, library.DecompressionBombError) as error:
        raise _unreadable(file, error) from None
    if picture.width * picture.height > _MOST_PIXELS:
        picture.close()
        raise DataError(
            "the picture is too large",
            where=str(file),
            expected=f"at most {_MOST_PIXELS:,} pixels",
            got=f"{picture.width} x {picture.height}",
        )
    return picture


def _is_grey(library: Any, file: Path) -> bool:
    with _opened(library, file) as picture:
        mode = picture.mode
    if mode.startswith(_DEEP):
        raise DataError(
            "the picture has more than 8 bits for a pixel",
            where=str(file),
            expected="8 bits for each channel",
            got=f"mode {mode}",
            do="save the pictures as one array: images.npy",
        )
    return mode in _GREY


def _orientation(picture: Any) -> int:
    """Return how a camera was held, 1 to 8; 1 where nothing that can be read says so."""
    if picture.format == "TIFF":  # Pillow turns these by itself
        return 1
    try:
        found = picture.getexif().get(_ORIENTATION, 1)
    except Exception:  # noqa: BLE001 - damaged notes beside the pixels; the pixels count
        return 1
    return found if isinstance(found, int) and 1 <= found <= len(_TURNS) + 1 else 1


def _size(picture: Any) -> tuple[int, int]:
    """Return height and width of a picture set upright."""
    lying = _orientation(picture) >= _LYING
    return (picture.width, picture.height) if lying else (picture.height, picture.width)


def _pixels(library: Any, picture: Any, file: Path, shape: tuple[int, ...]) -> np.ndarray:
    height, width = shape[:2]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            solid = picture
            if picture.mode in _CLEAR or "transparency" in picture.info:
                clear = picture.convert("RGBA")
                ground = library.new("RGBA", clear.size, (0, 0, 0, 255))
                solid = library.alpha_composite(ground, clear)
            plain = solid.convert("L" if len(shape) == 2 else "RGB")
            if (turn := _orientation(picture)) > 1:
                plain = plain.transpose(library.Transpose[_TURNS[turn - 2]])
            if (plain.height, plain.width) != (height, width):
                plain = plain.resize((width, height), library.Resampling.BILINEAR)
            return np.asarray(plain, np.float32)
    except (OSError, ValueError, SyntaxError, TypeError, IndexError, MemoryError) as error:
        raise _unreadable(file, error) from None


def _unreadable(file: Path, error: Exception) -> DataError:
    return DataError("the picture cannot be read", where=str(file), got=str(error)[:200])
