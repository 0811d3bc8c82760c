"""The real tables on which methods are compared: one of our own, three that scikit-learn brings."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.checks import shown
from chainrule.data import california_housing
from chainrule.errors import TargetError
from chainrule.frozen import frozen
from chainrule.tabular import Column, Table, read_table
from chainrule.tabular.target import guess_task, require_target

__all__ = ["MethodTable", "bundled_tables", "file_table", "halves"]

_HOUSES = "median_house_value"
_FEWEST = 40
"""Fewer rows cannot be split into training rows of several sizes and a test."""


@frozen
class MethodTable:
    """A table whose target is a class.

    Parameters
    ----------
    name : str
    table : Table
    target : str
    note : str
        How the classes came about, where they are not those of the table.
    """

    name: str
    table: Table
    target: str
    note: str = ""


def bundled_tables() -> list[MethodTable]:
    """Return California housing as two classes, digits, breast cancer and wine; all offline.

    Example
    -------
    >>> from chainrule.experiments.methods_data import bundled_tables
    >>> [(data.name, data.table.rows) for data in bundled_tables()][1:]
    [('digits', 1797), ('breast cancer', 569), ('wine', 178)]
    """
    from sklearn import datasets

    houses = halves(read_table(california_housing()), _HOUSES, "California housing")
    return [
        houses,
        _from_sklearn("digits", datasets.load_digits()),
        _from_sklearn("breast cancer", datasets.load_breast_cancer()),
        _from_sklearn("wine", datasets.load_wine()),
    ]


def file_table(path: str | os.PathLike[str], target: str) -> MethodTable:
    """Read a table file; a target that is a quantity becomes "low" or "high" at its median.

    Raises
    ------
    DataError, TargetError
        The table cannot be read, or its target cannot be told apart.
    """
    name = Path(path).name
    table = read_table(path)
    column = require_target(table, target)
    if table.rows < _FEWEST:
        raise TargetError(
            "the table is too small for a comparison",
            where=str(path),
            expected=f"at least {_FEWEST} rows",
            got=f"{table.rows}",
        )
    if guess_task(column) == "regression":
        return halves(table, target, name)
    values = [str(value) for value in column.values.tolist()]
    if len(set(values)) < 2:
        raise TargetError(
            "the target has one value only", where=f"column {target!r}", got=shown(values[0])
        )
    return MethodTable(name, _with(table, target, np.array(values, object)), target)


def halves(table: Table, target: str, name: str) -> MethodTable:
    """Return a table whose target is above its median or not.

    Raises
    ------
    TargetError
        More than half of the rows share the largest value.
    """
    values = table.column(target).values
    middle = float(np.median(values))
    high = values > middle
    if not high.any():
        raise TargetError(
            "no value of the target is above its median",
            where=f"column {target!r}",
            got=f"median {middle:g}",
        )
    classes = np.where(high, "high", "low").astype(object)
    note = f"{target} as two classes: above its median of {middle:g}, or not"
    return MethodTable(name, _with(table, target, classes), target, note)


def _with(table: Table, target: str, classes: np.ndarray) -> Table:
    columns = tuple(
        Column(target, "text", classes) if column.name == target else column
        for column in table.columns
    )
    return Table(columns, table.source)


def _from_sklearn(name: str, bunch: Any) -> MethodTable:
    labels = np.array([str(bunch.target_names[place]) for place in bunch.target], object)
    columns = [
        Column(str(feature), "number", np.asarray(values, np.float64))
        for feature, values in zip(bunch.feature_names, bunch.data.T, strict=True)
    ]
    table = Table((*columns, Column("class", "text", labels)), f"scikit-learn's {name}")
    return MethodTable(name, table, "class")
