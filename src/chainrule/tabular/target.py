"""What is to be predicted: which task a target column means, and its way to numbers and back."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, ClassVar, Literal

import numpy as np

from chainrule.checks import (
    AnyOf,
    Boolean,
    Each,
    NoneValue,
    OneOf,
    Real,
    Rule,
    Text,
    check_parameters,
    shown,
)
from chainrule.errors import InvalidParameterError, TargetError
from chainrule.frozen import frozen
from chainrule.tabular.codes import standard
from chainrule.tabular.forms import LOOKS, PLAIN
from chainrule.tabular.table import EXACT, Column, Kind, Table, missing_column

__all__ = ["TASKS", "TargetCode", "Task", "drop_missing_target", "guess_task", "require_target"]

Task = Literal["regression", "classification"]
TASKS: tuple[Task, ...] = ("regression", "classification")
FEW_VALUES = 20
FEW_SHARE = 0.05
_ODD_SHARE = 0.1
"""Up to this share of the labels, words among numbers are not meant to be classes."""
MOST_CLASSES = 1000
"""A column with more labels is an identifier or a quantity, and a network as wide takes the memory
of the number of classes squared."""
_VARIED = "name another target, or a table in which it varies"


def guess_task(column: Column) -> Task:
    """Say what a target column means.

    Text and truth values are classes. Whole numbers are classes if there are two of them, or at
    most 20 that make up at most 5 % of the rows. Everything else is a quantity (regression).

    Example
    -------
    >>> import numpy as np
    >>> guess_task(Column("survived", "number", np.array([0.0, 1.0, 1.0])))
    'classification'
    """
    if column.kind in ("text", "boolean"):
        return "classification"
    known = column.values[~column.missing()]
    if not column.is_whole():
        return "regression"
    distinct = len(np.unique(known))
    few = distinct <= FEW_VALUES and distinct <= FEW_SHARE * len(known)
    return "classification" if distinct == 2 or few else "regression"


def require_target(table: Table, name: str) -> Column:
    """Return the target column if every row has a target.

    Raises
    ------
    DataError
        No such column.
    TargetError
        A cell is missing; names the first such row and how many there are.
    """
    column = _named(table, name)
    missing = np.flatnonzero(column.missing())
    if len(missing):
        if len(missing) == table.rows:
            raise _no_targets(table, name)
        raise TargetError(
            f"the target {name!r} is missing in {len(missing):,} of {table.rows:,} rows",
            where=f"{table.place(int(missing[0]))}, the first of them",
            do="fill them in, or leave those rows out: drop_missing_target=True",
        )
    return column


def drop_missing_target(table: Table, name: str) -> Table:
    """Return the rows that have a target."""
    missing = _named(table, name).missing()
    if missing.all():
        raise _no_targets(table, name)
    return table.take(~missing) if missing.any() else table


def _named(table: Table, name: str) -> Column:
    if name not in table:
        raise missing_column(name, table.names, table.source, "name the column to predict")
    return table.column(name)


def _no_targets(table: Table, name: str) -> TargetError:
    return TargetError(
        f"the target {name!r} is missing in every row",
        where=table.source,
        expected="a value where it is known",
        do="fill it in, or name another column as the target",
    )


@frozen
class TargetCode:
    """The target's way to numbers and back.

    Parameters
    ----------
    name : str
    kind : str
        Kind of the column.
    task : str
        `"regression"`: `(y - mean) / scale`; `"classification"`: the position in `classes`.
    classes : tuple or None
        Labels in sorted order: strings, whole or other numbers, or False and True.
    mean, scale : float
        Mean and standard deviation of the training rows; 0 and 1 for classes.
    """

    name: str
    kind: Kind
    task: Task
    classes: tuple[Any, ...] | None = None
    mean: float = 0.0
    scale: float = 1.0
    rules: ClassVar[Mapping[str, Rule]] = {
        "name": Text(),
        "kind": OneOf(("number", "boolean", "text")),
        "task": OneOf(TASKS),
        "classes": AnyOf(
            NoneValue(), Each(Text(), least=2), Each(Real(), least=2), Each(Boolean(), least=2)
        ),
        "mean": Real(),
        "scale": Real(0, closed="neither"),
    }

    def __post_init__(self) -> None:
        if isinstance(self.classes, list):
            object.__setattr__(self, "classes", tuple(self.classes))
        check_parameters(self.rules, asdict(self), lambda field: f"target {self.name!r}, {field}")
        if (self.classes is None) == (self.task == "classification"):
            raise InvalidParameterError("classes belong to classification", where="target.classes")
        if self.classes is not None and list(self.classes) != sorted(set(self.classes)):
            raise InvalidParameterError("the classes are not sorted", where="target.classes")

    @classmethod
    def fit(
        cls,
        column: Column,
        task: Task | None = None,
        standardise: bool = True,
        table: Table | None = None,
    ) -> TargetCode:
        """Fit on the training rows' targets, none of them missing.

        With `standardise=False` a quantity keeps its own units, for losses whose targets have a
        meaning of their own (counts). A table knows the lines of its rows, for messages.

        Raises
        ------
        TargetError
            The column cannot be predicted: dates, no value, one value only, or words where the
            task is regression.
        """
        where = f"target {column.name!r}"
        if column.kind in ("date", "empty"):
            raise TargetError(
                f"a column of {'dates' if column.kind == 'date' else 'empty cells'} "
                "cannot be predicted",
                where=where,
                do="choose a column of numbers or of classes",
            )
        if task != "classification":
            _require_points(column, where)
            _require_numbers(column, table)
        task = guess_task(column) if task is None else task
        if task == "classification":
            return cls(column.name, column.kind, task, _classes(column, where))
        if column.kind == "text":
            raise TargetError(
                "regression needs numbers, and the target holds words",
                where=_first_word(column, table)[0],
                got=_first_word(column, table)[1],
                do='use task="classification"',
            )
        mean, deviation = standard(column.values)
        if not deviation > 0 or column.values.min() == column.values.max():
            raise TargetError(
                "the target has the same value in every row, so there is nothing to learn",
                where=where,
                got=f"{column.values[0]:g}",
                do=_VARIED,
            )
        if not standardise:
            return cls(column.name, column.kind, task)
        return cls(column.name, column.kind, task, None, mean, deviation)

    def encode(self, column: Column, table: Table | None = None) -> np.ndarray:
        """Return the targets as a network learns them: float64, or class positions as int64.

        Parameters
        ----------
        column : Column
        table : Table, optional
            The table of the column, which knows the lines of its rows.

        Raises
        ------
        TargetError
            A label that was not among the fitted classes.
        """
        if self.classes is None:
            return (column.values - self.mean) / self.scale
        place = {label: index for index, label in enumerate(self.classes)}
        codes = np.fromiter(
            (place.get(_label(column.kind, value), -1) for value in column.values),
            np.int64,
            len(column.values),
        )
        if (codes < 0).any():
            row = int(np.argmax(codes < 0))
            raise TargetError(
                "a label is not among the classes that were learned",
                where=f"{f'data row {row + 1}' if table is None else table.place(row)}, "
                f"target {self.name!r}",
                expected="one of " + ", ".join(str(label) for label in self.classes[:20]),
                got=shown(column.values[row]),
                do="mend the label, leave its rows out, or train anew with rows of its class",
            )
        return codes

    def decode(self, outputs: np.ndarray) -> np.ndarray:
        """Return predictions in the target's own units, or labels from class positions."""
        if self.classes is None:
            return np.asarray(outputs, np.float64) * self.scale + self.mean
        labels = np.empty(len(self.classes), dtype=object)
        labels[:] = self.classes
        return labels[np.asarray(outputs, np.int64)]

    def document(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {**asdict(self), "classes": list(self.classes) if self.classes else None}


def _require_points(column: Column, where: str) -> None:
    """Refuse a target of words that are numbers in another way of writing: not classes, surely."""
    if column.kind != "text" or not all(re.fullmatch(LOOKS, cell) for cell in column.values):
        return
    if all(cell.isdigit() for cell in column.values):  # codes
        return
    raise TargetError(
        "the target holds numbers or dates that may mean several things, which are read as text",
        where=where,
        expected="numbers with a decimal point",
        got=shown(next(cell for cell in column.values if not cell.isdigit())),
        do='write 3.5 and not 3,5; or say what a comma is: decimal=","; '
        'or read them as classes: task="classification"',
    )


def _first_word(column: Column, table: Table | None) -> tuple[str, str]:
    """Return where the first cell of text is that is no number, and what it holds."""
    cells = column.values.tolist()
    row = next((place for place, cell in enumerate(cells) if not re.fullmatch(PLAIN, cell)), 0)
    place = "" if table is None else f"{table.place(row)}, "
    return f"{place}target {column.name!r}", shown(cells[row], 40)


def _require_numbers(column: Column, table: Table | None) -> None:
    """Refuse a target of numbers but for a few cells: a slip of the pen makes no classes."""
    labels = dict.fromkeys(column.values.tolist()) if column.kind == "text" else {}
    words = [label for label in labels if not re.fullmatch(PLAIN, label)]
    if words and len(words) <= _ODD_SHARE * len(labels):
        raise TargetError(
            "the target holds numbers, but not in every row",
            where=_first_word(column, table)[0],
            expected="a number, or an empty cell where it is not known",
            got=", ".join(shown(word, 40) for word in words[:5]),
            do='mend it, or read all of them as classes: task="classification"',
        )


def _classes(column: Column, where: str) -> tuple[Any, ...]:
    labels: Sequence[Any] = sorted({_label(column.kind, value) for value in column.values})
    if labels and column.kind == "number" and max(abs(label) for label in labels) >= EXACT:
        raise TargetError(
            "labels this large cannot be told apart as numbers",
            where=where,
            expected=f"whole numbers below {EXACT:.0f}",
            got=shown(max(labels, key=abs)),
            do="put a letter before them, so that they are read as text",
        )
    if len(labels) < 2:
        what = (
            "has the same value in every row" if column.kind == "number" else "has one class only"
        )
        raise TargetError(
            f"the target {what}, so there is nothing to learn",
            where=where,
            got=shown(labels[0]) if labels else "no label",
            do=_VARIED,
        )
    if len(labels) > MOST_CLASSES:
        raise TargetError(
            "the target has too many classes",
            where=where,
            expected=f"at most {MOST_CLASSES:,}",
            got=f"{len(labels):,} classes in {len(column.values):,} rows",
            do="is it an identifier? choose a column of fewer classes"
            + ("" if column.kind == "text" else ', or use task="regression"'),
        )
    if column.kind == "number" and len(labels) == len(column.values) > 2:
        raise TargetError(
            "every row has a class of its own",
            where=where,
            got=f"{len(labels)} classes in {len(column.values)} rows",
            do='use task="regression"',
        )
    return tuple(labels)


def _label(kind: Kind, value: Any) -> Any:
    """Return a cell as a label: text as it is, 3.0 as 3, truth values as False and True."""
    if kind == "text":
        return value
    if kind == "boolean":
        return bool(value)
    number = float(value)
    return int(number) if number.is_integer() else number
