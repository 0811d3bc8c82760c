"""What the fitted rules of all kinds of column share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, ClassVar

import numpy as np

from chainrule.checks import Rule, check_parameters
from chainrule.frozen import frozen
from chainrule.tabular.table import Column, Kind

__all__ = ["ColumnCode", "cells_note", "gaps_note", "standard"]


@frozen
class ColumnCode:
    """Base of the fitted rules of a column."""

    name: str
    rules: ClassVar[Mapping[str, Rule]] = {}

    def __post_init__(self) -> None:
        check_parameters(
            self.rules, self.document(), lambda field: f"column {self.name!r}, {field}"
        )

    @property
    def expects(self) -> Kind:
        """Kind of the column."""
        raise NotImplementedError

    def features(self) -> tuple[str, ...]:
        """Return the names of the features, in the order of `encode`."""
        raise NotImplementedError

    def encode(self, column: Column) -> np.ndarray:
        """Return the features of a column, `(N, len(features()))` float64, all finite."""
        raise NotImplementedError

    def surprises(self, column: Column) -> list[str]:
        """Return what in a column training never saw: levels, or missing cells."""
        raise NotImplementedError

    def document(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


def cells_note(number: int, one: str, many: str) -> str:
    """Return "1 cell is" or "2,000 cells are", say."""
    return f"{number:,} cell {one}" if number == 1 else f"{number:,} cells {many}"


def gaps_note(number: int, instead: str) -> str:
    """Return a note on cells that are missing where none was in training."""
    return f"{cells_note(number, 'is', 'are')} missing, and in training none was: {instead}"


def standard(values: np.ndarray) -> tuple[float, float]:
    """Return mean and standard deviation (divided by N), safe for values of any size.

    Example
    -------
    >>> import numpy as np
    >>> standard(np.array([1.0, 3.0]))
    (2.0, 1.0)
    """
    size = float(np.max(np.abs(values)))
    if size == 0.0:
        return 0.0, 0.0
    part = values / size
    return float(part.mean()) * size, float(part.std()) * size
