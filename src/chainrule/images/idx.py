"""MNIST's own format, idx: a header that states type and sizes, and then the numbers.

The header is four bytes (0, 0, type, number of dimensions) and one big-endian 32-bit size for each
dimension. Nothing in it is believed before the file has shown to hold exactly that much, and no
more is unpacked than it states.
"""

from __future__ import annotations

import gzip
import math
import os
import zlib
from pathlib import Path
from typing import BinaryIO

import numpy as np

from chainrule.errors import DataError
from chainrule.files import readable_file
from chainrule.images.collection import require_room

__all__ = ["read_idx"]

_TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_MOST_DIMENSIONS = 4
_PIECE = 1 << 20
_GZIP = b"\x1f\x8b"

_ADVICE = "save the arrays of an .npz or .zip file as images.npy and labels.npy in a folder"


def read_idx(path: str | os.PathLike[str]) -> np.ndarray:
    """Return the array of an idx file, plain or packed with gzip.

    Raises
    ------
    DataError
        The file is missing, is not idx, is shorter or longer than its header states, or its packed
        form is damaged.

    Source: LeCun, Cortes, Burges, "The MNIST database of handwritten digits", section "File
    formats".

    Example
    -------
    >>> import tempfile, pathlib
    >>> from chainrule.images.idx import read_idx
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "labels-idx1-ubyte")
    ...     _ = path.write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 3, 7, 2, 1]))
    ...     read_idx(path).tolist()
    [7, 2, 1]
    """
    path = readable_file(path, "idx file")
    try:
        with path.open("rb") as file:
            packed = file.read(2) == _GZIP
        opened = gzip.open(path, "rb") if packed else path.open("rb")  # noqa: SIM115
        with opened as file:
            return _array(file, path)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(
            "the gzip file is cut off or damaged",
            where=str(path),
            got=str(error),
            do="fetch the file again",
        ) from None
    except OSError as error:
        raise DataError(
            f"the idx file cannot be read: {error.strerror or error}", where=str(path)
        ) from None


def _array(file: BinaryIO | gzip.GzipFile, path: Path) -> np.ndarray:
    kind, shape = _header(file, path)
    dtype = np.dtype(kind)
    require_room(shape, str(path))
    wanted = math.prod(shape) * dtype.itemsize
    content = bytearray()
    while len(content) <= wanted:
        piece = file.read(min(_PIECE, wanted + 1 - len(content)))
        if not piece:
            break
        content += piece
    if len(content) != wanted:
        raise DataError(
            "the file is shorter than its header states"
            if len(content) < wanted
            else "the file is longer than its header states",
            where=str(path),
            expected=f"{wanted:,} bytes after the header, for shape {shape}",
            got=f"{len(content):,}" if len(content) < wanted else "more",
            do="fetch the file again",
        )
    array = np.frombuffer(bytes(content), dtype).reshape(shape)
    return array.astype(dtype.newbyteorder("="), copy=False)


def _header(file: BinaryIO | gzip.GzipFile, path: Path) -> tuple[str, tuple[int, ...]]:
    magic = file.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in _TYPES:
        raise DataError(
            "this is not an idx file",
            where=str(path),
            expected="0, 0, a type from 8 to 14, a number of dimensions",
            got=", ".join(str(byte) for byte in magic) or "no bytes",
            do=_ADVICE if magic[:2] == b"PK" else "",
        )
    dimensions = magic[3]
    if not 1 <= dimensions <= _MOST_DIMENSIONS:
        raise DataError(
            "the idx file states an unusual number of dimensions",
            where=str(path),
            expected=f"1 to {_MOST_DIMENSIONS}",
            got=str(dimensions),
        )
    sizes = file.read(4 * dimensions)
    if len(sizes) < 4 * dimensions:
        raise DataError("the file ends within its header", where=str(path))
    shape = tuple(int(size) for size in np.frombuffer(sizes, ">u4"))
    if 0 in shape:
        raise DataError("the idx file holds nothing", where=str(path), got=f"shape {shape}")
    return _TYPES[magic[2]], shape
