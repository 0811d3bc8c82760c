"""The data of a sweep: arrays, and which rows of them each split trains on, validates and tests.

Decisions
---------
a) A sweep's arrays are written once, as .npy files, and every worker maps the same pages of memory.
   Pickling them to each worker would cost their size for each, and would run what they hold.
b) A split names arrays and rows; it holds none. So one table with row numbers, and a table that was
   encoded anew for each split, are the same thing to whoever trains.
c) Each split has a digest of its own: of the very numbers, in the order of use. More repeats of a
   sweep leave the digests of the first ones as they are.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.errors import UsageError
from chainrule.frozen import frozen
from chainrule.streams import SharedDraws

__all__ = ["Material", "Part", "SplitPlan"]

_NAME = "material.json"
_CHUNK = 65_536
_KEPT = 6
"""Parts that stay in memory; runs come split by split."""


@frozen
class Part:
    """Names of the arrays that hold some rows.

    Parameters
    ----------
    X, y : str
    weights : str, optional
    rows : str, optional
        Name of an array of row numbers; all rows without.
    """

    X: str
    y: str
    weights: str | None = None
    rows: str | None = None


@frozen
class SplitPlan:
    """The parts of one split."""

    training: Part
    validation: Part
    test: Part | None = None


class Material:
    """Arrays by name, and splits.

    Parameters
    ----------
    arrays : mapping of name to array
    splits : sequence of SplitPlan

    Example
    -------
    >>> import numpy as np
    >>> from chainrule.experiments.material import Material, Part, SplitPlan
    >>> arrays = {"X": np.eye(3), "y": np.arange(3), "a": np.array([0, 1]), "b": np.array([2])}
    >>> parts = SplitPlan(Part("X", "y", rows="a"), Part("X", "y", rows="b"))
    >>> Material(arrays, [parts]).part(0, "validation")[1]
    array([2])
    """

    def __init__(self, arrays: Mapping[str, np.ndarray], splits: Sequence[SplitPlan]) -> None:
        self.arrays = dict(arrays)
        self.splits = list(splits)
        self.draws = SharedDraws()
        """Orders and first weights: those of one seed are the same in every setting."""
        self._lock = threading.Lock()
        self._parts: dict[tuple[int, str], tuple[np.ndarray, ...] | None] = {}

    def part(self, split: int, name: str) -> tuple[np.ndarray, ...] | None:
        """Return `(X, y)` or `(X, y, weights)` of "training", "validation" or "test"; kept."""
        key = (split, name)
        with self._lock:
            if key not in self._parts:
                if len(self._parts) >= _KEPT:
                    self._parts.clear()
                self._parts[key] = self._taken(getattr(self.splits[split], name))
            return self._parts[key]

    def _taken(self, part: Part | None) -> tuple[np.ndarray, ...] | None:
        if part is None:
            return None
        names = [part.X, part.y] + ([] if part.weights is None else [part.weights])
        arrays = [self.arrays[name] for name in names]
        if part.rows is None:
            return tuple(np.asarray(array) for array in arrays)
        rows = self.arrays[part.rows]
        return tuple(np.ascontiguousarray(array[rows]) for array in arrays)

    def rows(self, split: int, name: str) -> tuple[np.ndarray, ...]:
        """Return a part that must be there.

        Raises
        ------
        UsageError
            The split has none.
        """
        found = self.part(split, name)
        if found is None:
            raise UsageError(f"split {split} has no {name} rows")
        return found

    def count(self, split: int, name: str) -> int:
        """Return the number of rows of a part."""
        part: Part | None = getattr(self.splits[split], name)
        if part is None:
            return 0
        return len(self.arrays[part.X if part.rows is None else part.rows])

    def digests(self) -> list[str]:
        """Return one digest for each split, of all that its runs read."""
        single = {name: _digest(array) for name, array in self.arrays.items()}
        return [_of_split(split, single) for split in self.splits]

    def write(self, folder: Path) -> None:
        """Write everything into a folder, for `read`."""
        for name, array in self.arrays.items():
            np.save(folder / f"{name}.npy", array, allow_pickle=False)
        document = {"arrays": list(self.arrays), "splits": [asdict(split) for split in self.splits]}
        (folder / _NAME).write_text(json.dumps(document), encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> Material:
        """Return what `write` wrote; the arrays stay in the files until they are read."""
        document = json.loads((folder / _NAME).read_text(encoding="utf-8"))
        arrays = {
            name: np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False)
            for name in document["arrays"]
        }
        return cls(arrays, [_split(entry) for entry in document["splits"]])


def _split(entry: Mapping[str, Any]) -> SplitPlan:
    parts = {name: None if part is None else Part(**part) for name, part in entry.items()}
    return SplitPlan(**parts)  # type: ignore[arg-type]


def _digest(array: np.ndarray) -> str:
    digest = hashlib.blake2b(f"{array.dtype.str}{array.shape}".encode(), digest_size=16)
    for start in range(0, len(array), _CHUNK):
        digest.update(np.ascontiguousarray(array[start : start + _CHUNK]).tobytes())
    return digest.hexdigest()


def _of_split(split: SplitPlan, single: Mapping[str, str]) -> str:
    named = {
        name: None if part is None else {key: single.get(str(array)) for key, array in part.items()}
        for name, part in asdict(split).items()
    }
    return hashlib.blake2b(json.dumps(named).encode(), digest_size=16).hexdigest()
