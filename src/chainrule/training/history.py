"""The history of a run: one row of numbers for each epoch."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator
from dataclasses import field
from typing import Any

import numpy as np

from chainrule.errors import UnknownNameError
from chainrule.frozen import frozen
from chainrule.registry import suggest

__all__ = ["History"]


@frozen
class History:
    r"""One row for each epoch.

    - `epoch`: counted from 1; `step`: updates done since the start of the run;
    - `train_loss`: the objective, penalties included, over the batches of the epoch, each before
      its own update (for L-BFGS: at the end of the iteration);
    - `validation_loss`: the loss alone, in prediction mode, at the end of the epoch;
    - `train_<metric>`, `validation_<metric>`: in prediction mode, at the end of the epoch;
    - `learning_rate`: of the last update, before factors of parameter groups;
    - `gradient_norm`: mean over the epoch of the norm before clipping;
    - `seconds`: duration of this epoch, scores included. The only column that is not the same
      every time.

    Parameters
    ----------
    rows : list of dict

    Example
    -------
    >>> from chainrule.training.history import History
    >>> history = History([{"epoch": 1, "train_loss": 0.5}, {"epoch": 2, "train_loss": 0.25}])
    >>> history.column("train_loss")
    array([0.5 , 0.25])
    >>> print(history.to_csv_text(), end="")
    epoch,train_loss
    1,0.5
    2,0.25
    >>> print(history)
    History of 2 epochs, train_loss 0.5 to 0.25
    """

    rows: list[dict[str, Any]] = field(default_factory=list)

    def __str__(self) -> str:
        """Return the columns and the first and last losses on one line."""
        epochs = f"{len(self)} epoch{'s' * (len(self) != 1)}"
        losses = [
            f"{name} {self.rows[0][name]:.4g} to {self.rows[-1][name]:.4g}"
            for name in ("train_loss", "validation_loss")
            if self.rows and all(row.get(name) is not None for row in (self.rows[0], self.rows[-1]))
        ]
        return ", ".join([f"History of {epochs}", *losses])

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns, in order."""
        return tuple(self.rows[0]) if self.rows else ()

    def column(self, name: str) -> np.ndarray:
        """Return one column as a float64 array.

        Raises
        ------
        UnknownNameError
            There is no such column.
        """
        if name not in self.columns:
            raise UnknownNameError(
                f"the history has no column {name!r}",
                expected="one of " + ", ".join(self.columns) if self.rows else "no row yet",
                got=repr(name),
                do=suggest(name, self.columns),
            )
        return np.array([row[name] for row in self.rows], np.float64)

    def to_csv_text(self) -> str:
        """Return the history as CSV; a number that is not defined is an empty cell."""
        text = io.StringIO()
        writer = csv.DictWriter(text, self.columns, lineterminator="\n")
        writer.writeheader()
        for row in self.rows:
            writer.writerow({name: _cell(value) for name, value in row.items()})
        return text.getvalue()

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter(self.rows)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return self.rows[index]


def _cell(value: float) -> str:
    return "" if math.isnan(value) else repr(value)
