"""What a model of pictures knows of them: the part of a model file that makes raw files fit."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from chainrule.checks import shown
from chainrule.errors import DataError, FileFormatError
from chainrule.frozen import frozen
from chainrule.images.collection import Images

__all__ = ["PixelCode"]

_KEY = "pixels"
_LONGEST = 1 << 16


@frozen
class PixelCode:
    """Size and scale of the pictures that a network was trained on.

    Parameters
    ----------
    shape : tuple of int
        `(height, width)` or `(height, width, channels)`.
    white : float
        The stored value that the network sees as 1.
    resized : bool
        Picture files are made this large when they are read.

    Example
    -------
    >>> from chainrule.images import PixelCode
    >>> code = PixelCode((28, 28), 255.0)
    >>> PixelCode.from_document(code.document()) == code
    True
    """

    shape: tuple[int, ...]
    white: float = 255.0
    resized: bool = False

    @classmethod
    def of(cls, images: Images, resized: bool = False) -> PixelCode:
        """Return the code of the pictures of a training."""
        return cls(tuple(images.shape), float(images.white), resized)

    @property
    def size(self) -> tuple[int, int] | None:
        """What `read_images` is told: the size that picture files are given, if they are."""
        return (self.shape[0], self.shape[1]) if self.resized else None

    @property
    def words(self) -> str:
        """Size and colour: `28 x 28 pixels, grey`."""
        return _words(self.shape)

    def encode(self, images: Images) -> np.ndarray:
        """Return the features of pictures, `(N, d)`.

        Raises
        ------
        DataError
            They are of another size, colour or depth than those of the training.
        """
        if tuple(images.shape) != self.shape:
            raise DataError(
                "the pictures are of another size than in training",
                where=images.source,
                expected=_words(self.shape),
                got=_words(images.shape),
            )
        if images.white != self.white:
            raise DataError(
                "the pixels are of another kind than in training",
                where=images.source,
                expected=_depth(self.white),
                got=_depth(images.white),
            )
        return images.X

    def document(self) -> dict[str, Any]:
        """Return the JSON form."""
        shape = {"shape": list(self.shape), "white": self.white, "resized": self.resized}
        return {"width": math.prod(self.shape), _KEY: shape}

    @staticmethod
    def describes(document: Mapping[str, Any] | None) -> bool:
        """Say whether the encoder of a model file is one of pictures."""
        return document is not None and _KEY in document

    @classmethod
    def from_document(cls, document: object) -> PixelCode:
        """Read the JSON form, trusting nothing.

        Raises
        ------
        FileFormatError
            It is not such a form.
        """
        whole: dict[str, Any] = dict(document) if isinstance(document, Mapping) else {}
        found = whole.get(_KEY) if set(whole) == {"width", _KEY} else None
        if not isinstance(found, Mapping) or set(found) != {"shape", "white", "resized"}:
            raise _refused(document)
        shape, white, resized = found["shape"], found["white"], found["resized"]
        sizes = isinstance(shape, (list, tuple)) and len(shape) in (2, 3)
        if not sizes or not all(type(n) is int and 1 <= n <= _LONGEST for n in shape):
            raise _refused(shape)
        number = isinstance(white, (int, float)) and not isinstance(white, bool)
        if not number or not math.isfinite(white) or white <= 0 or not isinstance(resized, bool):
            raise _refused(found)
        if whole["width"] != math.prod(shape):
            raise _refused(document)
        return cls(tuple(shape), float(white), resized)


def _refused(got: object) -> FileFormatError:
    return FileFormatError(
        "the encoder in the model file is not valid",
        where="encoder.pixels",
        expected="shape, white and resized",
        got=shown(got),
    )


def _words(shape: tuple[int, ...]) -> str:
    colours = (
        {1: "grey", 3: "in colour"}.get(shape[2], f"{shape[2]} channels")
        if len(shape) == 3
        else "grey"
    )
    return f"{shape[1]} x {shape[0]} pixels, {colours}"


def _depth(white: float) -> str:
    return "floats" if white == 1 else f"whole numbers up to {white:g}"
