"""Where pictures come from: which files belong together, and which part of the data they are.

Decisions
---------
a) Four forms are known by their names: MNIST's idx files, `images.npy` with `labels.npy`, folders
   of picture files (one for each class, or none), and a single file of any of these.
b) Training and test pictures may lie side by side: `train-...` and `t10k-...` (or `test-...`)
   files, or folders `train` and `test`. Whoever reads names the part; what was held apart is
   never mixed.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Literal

import numpy as np

from chainrule.checks import shown
from chainrule.errors import DataError, InvalidParameterError, UsageError
from chainrule.files import as_path, readable_file
from chainrule.frozen import frozen
from chainrule.images.arrays import as_labels, as_pixels, read_npy
from chainrule.images.collection import Images
from chainrule.images.files import SUFFIXES, picture_files, read_pictures
from chainrule.images.idx import read_idx

__all__ = ["Part", "image_parts", "is_image_source", "read_images"]

Part = Literal["train", "test", "all"]
_IDX = re.compile(r"(?P<part>.*?)-?(?P<what>images|labels)[-.]idx[1-4](-ubyte)?(\.gz)?", re.I)
_NPY = re.compile(r"(?P<part>.*?)[-_]?(?P<what>images|labels)\.npy", re.I)
_PARTS: dict[str, Part] = {"": "all", "train": "train", "test": "test", "t10k": "test"}
_FORMS = (
    "idx files such as train-images-idx3-ubyte.gz, images.npy with labels.npy, or a folder of "
    "picture files for each class"
)


@frozen
class _Pair:
    """Pictures in one file, and the file of their labels."""

    pictures: Path
    labels: Path | None


def is_image_source(path: str | os.PathLike[str]) -> bool:
    """Say whether a path means pictures rather than a table: a folder, or a name of theirs.

    Example
    -------
    >>> from chainrule.images import is_image_source
    >>> is_image_source("t10k-images-idx3-ubyte.gz"), is_image_source("homes.csv")
    (True, False)
    """
    path = Path(path)
    name = path.name.lower()
    known = name.endswith((".npy", *SUFFIXES)) or _IDX.fullmatch(name) is not None
    return known or path.is_dir()


def image_parts(path: str | os.PathLike[str]) -> tuple[Part, ...]:
    """Return the parts that a source has: `("all",)`, or those of `("train", "test")` it holds.

    Raises
    ------
    DataError
        There are no pictures.
    """
    return tuple(_found(Path(path)))


def read_images(
    path: str | os.PathLike[str],
    part: Part | None = None,
    *,
    size: tuple[int, int] | None = None,
) -> Images:
    """Read pictures, and their labels where there are any.

    Parameters
    ----------
    path : path
        A folder with MNIST's idx files (plain or `.gz`); with `images.npy` and `labels.npy`; with
        a folder of picture files for each class, or with picture files alone. Or one of these
        files. A folder may hold parts: files that begin with `train` and `t10k` or `test`, or
        folders `train` and `test`.
    part : "train" or "test", optional
        By default the only part, or the training pictures.
    size : (height, width), optional
        Make picture files this large. Arrays and idx files are taken as they are.

    Raises
    ------
    DataError
        Nothing is found there, or a file is damaged, hostile or of the wrong kind; names the file.
    MissingExtraError
        Picture files need Pillow.

    Example
    -------
    >>> import tempfile, pathlib
    >>> import numpy as np
    >>> import chainrule as cr
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.save(pathlib.Path(folder, "images.npy"), np.full((2, 3, 3), 255, np.uint8))
    ...     np.save(pathlib.Path(folder, "labels.npy"), np.array([4, 9]))
    ...     images = cr.read_images(folder)
    >>> images.shape, images.classes, images.X.shape, images.X.max().item()
    ((3, 3), (4, 9), (2, 9), 1.0)
    """
    path = as_path(path)
    _check_size(size)
    found = _found(path)
    wanted = next(iter(found)) if part is None else part
    if wanted not in found:
        raise UsageError(
            f"there is no part {shown(wanted)} of these pictures",
            where=str(path),
            expected="one of " + ", ".join(found),
        )
    place = found[wanted]
    if isinstance(place, _Pair):
        return _stacked(place)
    return _folder(place, size)


def _check_size(size: object) -> None:
    if size is None:
        return
    whole = isinstance(size, (tuple, list)) and len(size) == 2
    if not whole or not all(isinstance(n, int) and 1 <= n <= 4096 for n in size):  # type: ignore[union-attr]
        raise InvalidParameterError(
            "this is no size of a picture",
            where="size",
            expected="(height, width), each from 1 to 4096",
            got=shown(size),
        )


def _found(path: Path) -> dict[Part, _Pair | Path]:
    try:
        if path.is_dir():
            return _parts_of(path)
    except OSError as error:
        raise DataError(f"the folder cannot be read: {error.strerror}", where=str(path)) from None
    readable_file(path, "picture or folder of pictures")
    return {"all": _pair_of(path) if path.suffix.lower() not in SUFFIXES else path}


def _parts_of(folder: Path) -> dict[Part, _Pair | Path]:
    found: dict[Part, _Pair | Path] = {}
    for file in sorted(folder.iterdir()):
        match = _IDX.fullmatch(file.name) or _NPY.fullmatch(file.name)
        if match is None or match["what"].lower() != "images" or not file.is_file():
            continue
        part = _PARTS.get(match["part"].lower().rstrip("-_"))
        if part is None:
            continue
        if part in found:
            raise DataError(
                "two files hold the same part of the pictures",
                where=str(folder),
                got=f"{_name(found[part])} and {file.name}",
                do="remove one of them, or name the file itself",
            )
        found[part] = _pair_of(file)
    if not found:
        found = {part: folder / part for part in ("train", "test") if (folder / part).is_dir()}
    if not found and (picture_files(folder) or _class_folders(folder)):
        found = {"all": folder}
    if not found:
        raise DataError("there are no pictures in the folder", where=str(folder), expected=_FORMS)
    order: tuple[Part, ...] = ("train", "test", "all")
    return {part: found[part] for part in order if part in found}


def _name(place: _Pair | Path) -> str:
    return place.pictures.name if isinstance(place, _Pair) else place.name


def _pair_of(file: Path) -> _Pair:
    """Return a file of pictures with its labels, which differ in the name alone."""
    for form, digits in ((_IDX, ("idx1", "idx3")), (_NPY, ("", ""))):
        match = form.fullmatch(file.name)
        if match is None or match["what"].lower() != "images":
            continue
        stem = file.name[: match.start("what")] + "labels" + file.name[match.end("what") :]
        stem = re.sub("idx[34]", digits[0], stem, flags=re.I) if digits[0] else stem
        bare = stem.removesuffix(".gz")
        for name in (stem, bare, bare + ".gz"):
            if (file.parent / name).is_file():
                return _Pair(file, file.parent / name)
    return _Pair(file, None)


def _stacked(pair: _Pair) -> Images:
    pictures = _array(pair.pictures)
    X, shape, white = as_pixels(pictures, pair.pictures)
    y = None
    if pair.labels is not None:
        y = as_labels(_array(pair.labels), len(X), pair.labels, pair.pictures)
    return Images(X, y, shape, white, str(pair.pictures))


def _array(path: Path) -> np.ndarray:
    return read_npy(path) if path.suffix.lower() == ".npy" else read_idx(path)


def _class_folders(folder: Path) -> list[Path]:
    return sorted(
        entry
        for entry in folder.iterdir()
        if entry.is_dir() and not entry.name.startswith(".") and picture_files(entry)
    )


def _folder(place: Path, size: tuple[int, int] | None) -> Images:
    if place.is_file():
        return read_pictures([place], None, str(place), size)
    loose, classes = picture_files(place), _class_folders(place)
    if loose and classes:
        raise DataError(
            "the folder holds pictures both beside and in folders of classes",
            where=str(place),
            expected="every picture in the folder of its class, or none",
            got=f"{loose[0].name} beside {classes[0].name}/",
        )
    if not loose and not classes:
        raise DataError("there are no pictures in the folder", where=str(place), expected=_FORMS)
    if loose:
        return read_pictures(loose, None, str(place), size)
    files = [(file, entry.name) for entry in classes for file in picture_files(entry)]
    return read_pictures([f for f, _ in files], [name for _, name in files], str(place), size)
