"""Pictures in memory, each written out as one row of numbers."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import field, replace
from typing import Any

import numpy as np

from chainrule.errors import DataError
from chainrule.frozen import frozen

__all__ = ["Images", "require_room"]


@frozen
class Images:
    """Pictures of one size, as rows that a network takes.

    Parameters
    ----------
    X : (N, d) float32
        Line by line, channels innermost. Whole-number pixels are divided by `white`, so that black
        is 0 and white is 1; float pixels are as they were stored.
    y : (N,) or None
        Labels: whole numbers or strings; None for pictures without.
    shape : (height, width) or (height, width, channels)
    white : float
        The stored value that became 1: 255, 65535, or 1 for float pixels.
    source : str
        Where they come from.
    names : tuple of str
        Names of the files of single pictures; empty where one file holds them all.
    """

    X: np.ndarray = field(repr=False)
    y: np.ndarray | None = field(repr=False)
    shape: tuple[int, ...]
    white: float = 255.0
    source: str = ""
    names: tuple[str, ...] = field(default=(), repr=False)

    def __len__(self) -> int:
        return len(self.X)

    @property
    def classes(self) -> tuple[Any, ...]:
        """The labels that occur, in sorted order; empty without labels."""
        return () if self.y is None else tuple(np.unique(self.y).tolist())

    def take(self, rows: np.ndarray) -> Images:
        """Return some of the pictures."""
        y = None if self.y is None else self.y[rows]
        names = tuple(self.names[row] for row in rows) if self.names else ()
        return replace(self, X=self.X[rows], y=y, names=names)

    def labels(self) -> np.ndarray:
        """Return the labels.

        Raises
        ------
        DataError
            The pictures have none.
        """
        if self.y is None:
            raise DataError(
                "the pictures have no labels",
                where=self.source,
                expected="labels beside the pictures, or one folder for each class",
            )
        return self.y


def require_room(shape: Sequence[int], where: str) -> None:
    """Refuse pictures that cannot fit into memory, before anything is read.

    Raises
    ------
    DataError
        As float32 they are larger than the memory of this machine.
    """
    size = 4
    for length in shape:
        size *= int(length)
    try:
        room = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # not every system tells
        room = 2**40
    if size > room:
        raise DataError(
            "the pictures do not fit into memory",
            where=where,
            expected=f"at most {room / 2**30:.3g} GiB as float32",
            got=f"{size / 2**30:.3g} GiB: shape {tuple(shape)}",
        )
