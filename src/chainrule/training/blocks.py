"""Training data that stands in a file, because it is larger than the memory it may take.

Decisions
---------
a) Two designs were weighed. Reading the table anew for each epoch needs no room on the disk, but
   text is parsed at some ten megabytes a second, and a small network trains on a hundred times as
   many. So the data is encoded once, into rows of plain numbers in one file for each part
   (training, validation, test), and the epochs read those.
b) Rows are read with explicit reads into one buffer that is used again and again. A mapped file
   would be simpler, and its pages would count as memory of this process.
c) Which part a row belongs to is a function of (seed, number of the row), drawn without knowing
   how many rows there are, so no list of rows is ever held.
d) Targets stand in the file as they were given and are encoded when they are read: the one-hot
   form of a hundred classes would be larger than the table.
e) The files lie in a folder that goes when the blocks are closed, or with the next run where the
   process was killed (`blocks_folder`).
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Iterable
from contextlib import ExitStack
from typing import Any, cast

import numpy as np

from chainrule.checks import shown
from chainrule.errors import DataError, InvalidParameterError, TargetError, UsageError
from chainrule.maths.loss import Loss
from chainrule.training.blocks_file import PartFile
from chainrule.training.blocks_memory import Budget
from chainrule.training.blocks_rows import Arena, BlockRows
from chainrule.training.blocks_writer import MOST_LABELS, BlocksWriter, Written
from chainrule.training.data import Dataset, prepare
from chainrule.training.targets import Targets, fit_targets

__all__ = ["Blocks", "dataset_of"]


class Blocks:
    """Data for training that is read block by block; made by `gather`, or from a table file.

    Give it to `chainrule.train` in the place of X and y. It holds a folder of files that `close`
    removes, so it is used in a `with` block.

    Attributes
    ----------
    files : dict of str to PartFile
        The parts by name: `"training"`, `"validation"`, `"test"`.
    form : RowForm
    budget : Budget
    labels : tuple of int or None
        The whole numbers that the targets are, in rising order; empty if they are too many or too
        large for labels, None if they are no whole numbers.

    Example
    -------
    >>> import numpy as np
    >>> import chainrule as cr
    >>> from chainrule import nn
    >>> def chunks():
    ...     for start in range(0, 60, 20):
    ...         X = np.arange(start, start + 20.0)[:, None] / 60
    ...         yield X, 2 * X[:, 0]
    >>> with cr.Blocks.gather(chunks(), memory="128MB", validation_share=0.25) as blocks:
    ...     run = cr.train(nn.Dense(1), blocks, loss="squared_error", epochs=2)
    >>> sum(blocks.rows.values()), len(run.history)
    (60, 2)
    """

    def __init__(self, written: Written) -> None:
        self.files = written.files
        self.form = written.form
        self.budget = written.budget
        self.labels = written.labels
        most = max(file.rows for file in self.files.values())
        self.arena = Arena(self.form, self.budget, most)
        self._close = weakref.finalize(self, _closed, self.files, written.folder)

    @classmethod
    def gather(
        cls,
        chunks: Iterable[tuple[Any, ...]],
        *,
        memory: object,
        folder: str | os.PathLike[str] = ".",
        validation_share: float = 0.0,
        test_share: float = 0.0,
        seed: int = 0,
        dtype: str = "float32",
    ) -> Blocks:
        """Write chunks of rows into a file, each row into its part.

        Parameters
        ----------
        chunks : iterable of (X, y) or (X, y, weights)
            Numbers, as many rows at a time as fit into memory beside everything else. Classes are
            whole numbers.
        memory : str or int
            Bytes that the process may take while it trains, such as `"256MB"`. How many rows are
            mixed at a time depends on it, and so do the bits of a run.
        folder : path
            Where the files lie meanwhile.
        validation_share, test_share : float
            Fractions in [0, 1) of the rows, drawn row by row.
        seed : int
        dtype : str
            That of the run.

        Raises
        ------
        DataError, TargetError
            A chunk cannot be used, or a part has no row.
        InvalidParameterError
            Too little memory, or a share that is none.
        ChainruleError
            The disk is full.
        """
        shares = (validation_share, test_share)
        if not isinstance(cast(object, chunks), Iterable):
            raise InvalidParameterError(
                "chunks cannot be gone through",
                where="chunks",
                expected="an iterable of (X, y) or (X, y, weights)",
                got=shown(chunks),
            )
        writer = BlocksWriter(Budget.of(memory), folder, shares, seed, dtype)
        try:
            for number, chunk in enumerate(chunks):
                writer.add(*_chunk(chunk, number), where=f"chunk {number}")
            return cls(writer.finish())
        except BaseException:
            writer.abandon()
            raise

    @property
    def rows(self) -> dict[str, int]:
        """Number of rows of each part."""
        return {name: file.rows for name, file in self.files.items()}

    @property
    def bytes(self) -> int:
        """Size of the files."""
        return sum(self.rows.values()) * self.form.row_bytes

    def part(self, name: str, targets: Targets) -> BlockRows:
        """Return the rows of a part, with targets encoded so."""
        return BlockRows(self.files[name], targets, self.arena)

    def targets(self, loss: Loss) -> Targets:
        """Return how the targets become numbers for a loss.

        Raises
        ------
        TargetError
            The loss refuses them.
        """
        if loss.task == "classification" and self.labels is not None:
            if not self.labels:
                raise TargetError(
                    "the targets are too many or too large whole numbers to be classes",
                    where="y",
                    expected=f"at most {MOST_LABELS:,} classes, numbered from 0",
                )
            return fit_targets(np.array(self.labels), loss)[0]
        file = self.files["training"]
        first = np.empty((1, self.form.width), self.form.dtype)
        file.read([(0, 1)], first)
        given = first[:, self.form.inputs : self.form.inputs + self.form.targets]
        Y = loss.encode(given[:, 0] if self.form.targets == 1 else given)
        return Targets(loss, None, Y.shape[1])

    def dataset(self, loss: Loss) -> Dataset:
        """Return the data of a run with a loss."""
        targets = self.targets(loss)
        held = self.part("validation", targets) if self.rows["validation"] else None
        return Dataset(self.part("training", targets), held, targets)

    def close(self) -> None:
        """Remove the files."""
        self.arena.release()
        self._close()

    def __enter__(self) -> Blocks:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        told = ", ".join(f"{count:,} {name}" for name, count in self.rows.items() if count)
        return f"<Blocks of {told} rows, {self.bytes / 1e6:.1f} MB>"


def _closed(files: dict[str, PartFile], folder: ExitStack) -> None:
    for file in files.values():
        file.close()
    folder.close()


def _chunk(chunk: Any, number: int) -> tuple[Any, ...]:
    if isinstance(chunk, (tuple, list)) and len(chunk) in (2, 3):
        return tuple(chunk)
    raise DataError(
        "a chunk is not understood",
        where=f"chunk {number}",
        expected="(X, y) or (X, y, weights)",
        got=shown(chunk),
    )


def dataset_of(X: Any, y: Any, loss: Loss, *, dtype: str = "float32", **told: Any) -> Dataset:
    """Return the data of a run: blocks as they were written, anything else by `prepare`.

    Raises
    ------
    UsageError
        Something was told beside blocks, which hold targets, weights and validation rows already.
    InvalidParameterError
        The blocks were written in another type than that of the run.
    """
    if not isinstance(X, Blocks):
        return prepare(X, y, loss, dtype=dtype, **told)
    beside = {"y": y, **{name: value for name, value in told.items() if name != "seed"}}
    for name, value in beside.items():
        if value is not None:
            raise UsageError(
                f"{name} cannot be told of blocks",
                where=name,
                expected="blocks alone: they hold targets, weights and validation rows",
                got=shown(value),
                do="tell it where the blocks are written",
            )
    if X.form.dtype != dtype:
        raise InvalidParameterError(
            "the blocks were written in another type",
            where="dtype",
            expected=X.form.dtype,
            got=dtype,
        )
    return X.dataset(loss)
