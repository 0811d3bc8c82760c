"""The document inside a checkpoint: what it must look like, and the seal that covers it.

The seal finds a bit that flipped; the rules find a document that was made or edited by other hands.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

__all__ = ["cell", "fault_in_document", "fault_in_state", "number", "seal"]

_COUNTS = ("epochs", "total_steps", "epoch", "step")
_FIELDS = ("format", "version", "library", "run", *_COUNTS, "rows", "patience", "plateau", "best")
_OPTIONAL = {"note"}
_NAMED = ("nan", "inf", "-inf")
_LARGEST = 2**62
"""No run counts further, and each count fits the engine's integers."""


def seal(text: str, tensors: Mapping[str, np.ndarray]) -> str:
    """Return a digest of a document and of the names, types, shapes and bytes of its tensors."""
    digest = hashlib.blake2b(text.encode(), digest_size=16)
    for name in sorted(tensors):
        tensor = np.ascontiguousarray(tensors[name])
        little = tensor.astype(tensor.dtype.newbyteorder("<"), copy=False)
        digest.update(f"\0{name}\0{little.dtype.str}\0{tensor.shape}\0".encode())
        digest.update(little.tobytes())
    return digest.hexdigest()


def cell(value: float) -> float | str:
    """Return a number as JSON can hold it: those that are not finite by name."""
    return value if math.isfinite(value) else str(value)


def number(cell: float | str) -> float:
    """Return the number that a cell holds."""
    return float(cell) if isinstance(cell, str) else cell


def fault_in_document(document: dict[str, Any]) -> str:
    """Return which field of a checkpoint's document breaks a rule, or nothing."""
    if set(document) - _OPTIONAL != set(_FIELDS):
        return ", ".join(sorted((set(document) - _OPTIONAL) ^ set(_FIELDS)))
    for name in _COUNTS:
        if not _is_count(document[name]):
            return name
    for name in ("run", "plateau", "patience", *_OPTIONAL):
        if not isinstance(document.get(name, {}), dict):
            return name
    patience, best = document["patience"], document["best"]
    if set(patience) != {"reference", "waited"} or not _is_count(patience["waited"]):
        return "patience"
    if not _is_number(patience["reference"]):
        return "patience.reference"
    if best is not None and not _is_best(best, document["epoch"]):
        return "best"
    rows = document["rows"]
    if not isinstance(rows, list) or len(rows) != document["epoch"]:
        return "rows"
    return ""


def fault_in_state(
    document: dict[str, Any], columns: Iterable[str], plateau: Mapping[str, float]
) -> str:
    """Return which row or counter does not fit the run that the checkpoint belongs to, or nothing.

    Parameters
    ----------
    document : dict
    columns : iterable of str
        Of the run's history.
    plateau : dict
        The first state of the run's schedule.
    """
    columns = set(columns)
    for index, row in enumerate(document["rows"]):
        fits = isinstance(row, dict) and set(row) == columns
        if not fits or not all(_is_number(value) for value in row.values()):
            return f"rows[{index}]"
        if row["epoch"] != index + 1 or not _is_count(row["step"]):
            return f"rows[{index}]"
    saved = document["plateau"]
    if set(saved) != set(plateau):
        return "plateau"
    if not all(_is_number(value) and not isinstance(value, str) for value in saved.values()):
        return "plateau"
    return ""


def _is_best(best: Any, epoch: int) -> bool:
    return (
        isinstance(best, dict)
        and set(best) == {"epoch", "score", "step"}
        and _is_count(best["epoch"])
        and best["epoch"] <= epoch
        and _is_count(best["step"])
        and _is_number(best["score"])
    )


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value <= _LARGEST


def _is_number(value: Any) -> bool:
    if isinstance(value, str):
        return value in _NAMED
    if type(value) is int:
        return abs(value) <= _LARGEST
    return type(value) is float and math.isfinite(value)
