"""Rows on their way into the files of the parts: checked, drawn into a part, written."""

from __future__ import annotations

import os
from contextlib import ExitStack, suppress
from typing import Any

import numpy as np

from chainrule.checks import Real, check_parameters, shown
from chainrule.errors import ChainruleError, DataError, TargetError
from chainrule.frozen import frozen
from chainrule.streams import Stream
from chainrule.training.blocks_file import PartFile, PartWriter, RowForm
from chainrule.training.blocks_folder import passing_folder
from chainrule.training.blocks_memory import Budget
from chainrule.training.data import DTYPE, check_inputs, check_weights
from chainrule.training.split import SEED
from chainrule.training.targets import target_array

__all__ = ["MOST_LABELS", "PARTS", "BlocksWriter", "Written", "part_of_rows"]

PARTS = ("training", "validation", "test")
MOST_LABELS = 65_536
"""So many classes are told apart at most."""
_SHARE = Real(0, 1, closed="left")


@frozen
class Written:
    """What a writer leaves.

    Parameters
    ----------
    files : dict of str to PartFile
        The parts by name: `"training"`, `"validation"`, `"test"`.
    form : RowForm
    budget : Budget
    labels : tuple of int or None
        The whole numbers that the targets are, in rising order; empty if they are too many or too
        large for labels, None if they are no whole numbers.
    folder : ExitStack
        Closing it removes the files.
    """

    files: dict[str, PartFile]
    form: RowForm
    budget: Budget
    labels: tuple[int, ...] | None
    folder: ExitStack


def part_of_rows(
    seed: int, first: int, count: int, validation_share: float, test_share: float
) -> np.ndarray:
    """Return the part of each row from number `first` on: 0 training, 1 validation, 2 test.

    Example
    -------
    >>> sorted(set(part_of_rows(0, 0, 99, validation_share=0.25, test_share=0.25).tolist()))
    [0, 1, 2]
    >>> bool((part_of_rows(0, 3, 2, 0.25, 0.25) == part_of_rows(0, 0, 5, 0.25, 0.25)[3:]).all())
    True
    """
    drawn = Stream(seed, "part").bits(count, first) / 2.0**32
    part = np.zeros(count, np.int8)
    part[drawn < test_share + validation_share] = 1
    part[drawn < test_share] = 2
    return part


class BlocksWriter:
    """Takes chunks of rows and puts each row into its part.

    Parameters
    ----------
    budget : Budget
    folder : path
    shares : (validation, test)
    seed : int
    dtype : str
    """

    def __init__(
        self,
        budget: Budget,
        folder: str | os.PathLike[str],
        shares: tuple[float, float],
        seed: int,
        dtype: str,
    ) -> None:
        names = {"validation_share": shares[0], "test_share": shares[1], "dtype": dtype}
        names["seed"] = seed
        rules = {"validation_share": _SHARE, "test_share": _SHARE, "dtype": DTYPE, "seed": SEED}
        check_parameters(rules, names, lambda name: name)
        self.budget, self.shares, self.seed, self.dtype = budget, shares, seed, dtype
        self.seen = 0
        self._stack = ExitStack()
        self.folder = self._stack.enter_context(passing_folder(folder))
        self._form: RowForm | None = None
        self._writers: list[PartWriter] = []
        self._labels: set[int] | None = set()
        self._whole = True

    def add(self, X: Any, y: Any, weights: Any = None, where: str = "X") -> None:
        """Take a chunk; `where` names it in messages.

        Raises
        ------
        DataError, TargetError
            It cannot be used, or is not like those before it.
        """
        if hasattr(X, "__len__") and not len(X):
            return
        inputs = check_inputs(X, self.dtype, f"X of {where}")
        given = _numbers(target_array(y), len(inputs), self.dtype, where)
        self._note_labels(given)
        form = RowForm(inputs.shape[1:], given.shape[1], weights is not None, self.dtype)
        self._begin(form, where)
        part = part_of_rows(self.seed, self.seen, len(inputs), *self.shares)
        self.seen += len(inputs)
        columns = [inputs.reshape(len(inputs), -1), given]
        kept = np.ones(len(inputs), bool)
        if weights is not None:
            told = np.asarray(weights)
            kept = check_weights(weights, len(inputs), f"weights of {where}") > 0
            columns.append(told.reshape(-1, 1))
        rows = np.concatenate(columns, axis=1, dtype=self.dtype, casting="same_kind")
        for number, writer in enumerate(self._writers):
            writer.add(rows[kept & (part == number)])

    def _note_labels(self, given: np.ndarray) -> None:
        self._whole = self._whole and bool((given == np.floor(given)).all())
        if self._labels is None:
            return
        if self._whole and given.shape[1] == 1:
            self._labels.update(int(label) for label in np.unique(given))
        # From the first number on that the type cannot tell from its neighbour, none is a label.
        exact = np.abs(given).max() < 1 / np.finfo(self.dtype).eps
        if not (self._whole and exact) or len(self._labels) > MOST_LABELS:
            self._labels = None

    def _begin(self, form: RowForm, where: str) -> None:
        if self._form is None:
            self._form = form
            self._writers = [PartWriter(self.folder / name, form) for name in PARTS]
        elif form != self._form:
            raise DataError(
                "a chunk is not like the first one",
                where=where,
                expected=shown(self._form),
                got=shown(form),
            )

    def finish(self) -> Written:
        """Return the files, each with its rows.

        Raises
        ------
        DataError
            A part that should have rows has none.
        """
        if self._form is None:
            raise DataError("there is nothing to train on", where="chunks", got="no row")
        files = {name: writer.close() for name, writer in zip(PARTS, self._writers, strict=True)}
        for name, share in zip(PARTS, (1.0, *self.shares), strict=True):
            if share and not files[name].rows:
                raise DataError(
                    f"there are too few rows: none is left for {name}",
                    got=f"{self.seen:,} rows",
                    do="give more rows, or other shares",
                )
        labels = tuple(sorted(self._labels)) if self._labels else None
        if self._whole and self._form.targets == 1 and labels is None:
            labels = ()
        return Written(files, self._form, self.budget, labels, self._stack)

    def abandon(self) -> None:
        """Remove what was written."""
        for writer in self._writers:
            with suppress(ChainruleError):
                writer.close()
        self._stack.close()


def _numbers(y: np.ndarray, rows: int, dtype: str, where: str) -> np.ndarray:
    """Return the targets of a chunk as `(N, K)` numbers of the run's type."""
    if y.dtype.kind not in "biuf" or y.ndim > 2:
        raise TargetError(
            "the targets of blocks are numbers",
            where=where,
            expected="(N,) or (N, K) numbers, or whole numbers for classes",
            got=f"dtype {y.dtype}, shape {y.shape}",
            do="number the classes first",
        )
    if len(y) != rows:
        raise DataError("X and y have different numbers of rows", where=where, got=f"{len(y):,}")
    with np.errstate(over="ignore"):
        given = y.astype(dtype).reshape(rows, -1)
    if not np.isfinite(given).all():
        row = int(np.argmin(np.isfinite(given).all(axis=1)))
        raise TargetError(
            f"a target is not a finite number that {dtype} can hold", where=f"{where}, row {row}"
        )
    return given
