"""Rows of numbers in a file: inputs, targets and weight of a row stand together, row after row."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

import numpy as np

from chainrule.errors import DataError
from chainrule.frozen import frozen
from chainrule.training.blocks_folder import said
from chainrule.training.blocks_order import Piece

__all__ = ["PartFile", "PartWriter", "RowForm"]


@frozen
class RowForm:
    """What a row of the file holds.

    Parameters
    ----------
    sample_shape : tuple of int
        `(d,)` or `(T, d)`.
    targets : int
        Columns of the target as it was given.
    weighted : bool
        A weight stands after the targets.
    dtype : str

    Example
    -------
    >>> RowForm((3,), 1, False, "float32").row_bytes
    16
    """

    sample_shape: tuple[int, ...]
    targets: int
    weighted: bool
    dtype: str

    @property
    def inputs(self) -> int:
        """Numbers of a sample."""
        return math.prod(self.sample_shape)

    @property
    def width(self) -> int:
        """Numbers of a row."""
        return self.inputs + self.targets + self.weighted

    @property
    def row_bytes(self) -> int:
        """Bytes of a row."""
        return self.width * np.dtype(self.dtype).itemsize


class PartFile:
    """The rows of one part, to be read in pieces.

    Parameters
    ----------
    path : Path
    form : RowForm
    rows : int
    digest : str
        Of all bytes.
    """

    def __init__(self, path: Path, form: RowForm, rows: int, digest: str) -> None:
        self.path = path
        self.form = form
        self.rows = rows
        self.digest = digest
        self._file: BinaryIO | None = None

    def read(self, pieces: Iterable[Piece], into: np.ndarray) -> None:
        """Read rows, one piece after the other, into an array `(N, width)`.

        Raises
        ------
        DataError
            The file is gone or shorter than it was: it was closed, or changed by others.
        """
        bytes_of, place = self.form.row_bytes, 0
        view = into.data.cast("B")
        try:
            if self._file is None:
                # Without Python's own buffer each read goes straight into the array.
                self._file = self.path.open("rb", buffering=0)
            for first, count in pieces:
                self._file.seek(first * bytes_of)
                stop = place + count * bytes_of
                while place < stop:
                    got = self._file.readinto(view[place:stop])  # type: ignore[attr-defined]
                    if not got:
                        raise DataError(
                            "the file of the rows was cut off by somebody else",
                            where=str(self.path),
                        )
                    place += got
        except FileNotFoundError:
            raise DataError(
                "the rows are not there any more",
                where=str(self.path),
                do="train inside the with block, before the blocks are closed",
            ) from None

    def close(self) -> None:
        """Close the file; a later read opens it again if it is still there."""
        if self._file is not None:
            self._file.close()
            self._file = None


class PartWriter:
    """Writes the rows of one part; `close` gives the file to read them from.

    Parameters
    ----------
    path : Path
    form : RowForm
    """

    def __init__(self, path: Path, form: RowForm) -> None:
        self.path = path
        self.form = form
        self.rows = 0
        self._digest = hashlib.blake2b(digest_size=16)
        self._file = path.open("xb")

    def add(self, rows: np.ndarray) -> None:
        """Append rows `(N, width)` of the form's type.

        Raises
        ------
        ChainruleError
            The disk is full.
        """
        content = np.ascontiguousarray(rows)
        self._digest.update(content.astype(content.dtype.newbyteorder("<"), copy=False).data)
        try:
            self._file.write(content.data)
        except OSError as error:
            raise said(error, self.path.parent) from error
        self.rows += len(content)

    def close(self) -> PartFile:
        """Write what is still in Python's buffer, and return the file."""
        try:
            self._file.close()
        except OSError as error:
            raise said(error, self.path.parent) from error
        return PartFile(self.path, self.form, self.rows, self._digest.hexdigest())
