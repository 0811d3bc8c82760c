"""The numbers of a page, each stored once: bytes of float64 behind one another, as base64.

Written as decimals that read back to the same bits, a number takes 19 letters; here it takes 11.
Tensors with the same numbers (a gradient that is passed on, moments that are all zero) share them.
"""

from __future__ import annotations

import base64
from collections.abc import Collection

import numpy as np

__all__ = ["Store", "runs_of"]


class Store:
    """Numbers on their way into a page.

    Example
    -------
    >>> import numpy as np
    >>> store = Store()
    >>> store.add(np.array([1.0, 2.0])), store.add(np.array([3.0])), store.add(np.array([1.0, 2.0]))
    (0, 2, 0)
    >>> store.text()
    'AAAAAAAA8D8AAAAAAAAAQAAAAAAAAAhA'
    """

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._places: dict[bytes, int] = {}
        self._count = 0

    def add(self, values: np.ndarray) -> int:
        """Store numbers and return the place of the first."""
        content = np.ascontiguousarray(values, "<f8").tobytes()
        if content not in self._places:
            self._places[content] = self._count
            self._parts.append(content)
            self._count += values.size
        return self._places[content]

    def text(self) -> str:
        """Return all numbers as base64 of the alphabet without slashes."""
        return base64.urlsafe_b64encode(b"".join(self._parts)).decode()


def runs_of(positions: Collection[int]) -> list[int]:
    """Return rising positions as pairs of a first one and how many follow on each other.

    Example
    -------
    >>> runs_of([0, 1, 2, 7, 9, 10])
    [0, 3, 7, 1, 9, 2]
    """
    runs: list[int] = []
    for position in sorted(positions):
        if runs and position == runs[-2] + runs[-1]:
            runs[-1] += 1
        else:
            runs += [position, 1]
    return runs
