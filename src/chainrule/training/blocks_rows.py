"""The rows of one part as a run reads them: window by window, in one buffer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import field
from typing import Any

import numpy as np

from chainrule.engine.protocol import Rows
from chainrule.errors import InvalidParameterError, TargetError
from chainrule.frozen import frozen
from chainrule.training.blocks_file import PartFile, RowForm
from chainrule.training.blocks_memory import Budget
from chainrule.training.blocks_order import Piece, Turn, turns
from chainrule.training.targets import Targets

__all__ = ["Arena", "BlockRows"]

_BLOCK_BYTES = 262_144
"""Length of a block: long enough that a disk reads it as fast as anything longer."""
_BLOCKS = 64
"""At least so many blocks stand in a window, so that it is a fair sample of the rows."""
_ENCODED_AT_ONCE = 4_096
_ORDER_BYTES = 32
"""Bytes a row that its place in the order takes while it is drawn."""


class Arena:
    """The buffer that all parts of a run are read into, one window at a time.

    Parameters
    ----------
    form : RowForm
    budget : Budget
    most : int
        Rows of the largest part.
    """

    def __init__(self, form: RowForm, budget: Budget, most: int) -> None:
        self.form = form
        self.budget = budget
        self.most = most
        self._rows: np.ndarray | None = None
        self._targets: np.ndarray | None = None

    def capacity(self, width: int) -> int:
        """Return how many rows fit, with so many columns of encoded targets."""
        size = np.dtype(self.form.dtype).itemsize
        bytes_of = self.form.row_bytes + width * size + _ORDER_BYTES
        return max(self.budget.rows_bytes // bytes_of, 1)

    def lend(self, count: int, width: int) -> tuple[np.ndarray, np.ndarray]:
        """Return room for rows `(count, form.width)` and for their targets `(count, width)`."""
        if self._targets is None or self._targets.shape[1] != width:
            self._rows = self._targets = None
            room = min(self.capacity(width), self.most)
            self._rows = np.empty((room, self.form.width), self.form.dtype)
            self._targets = np.empty((room, width), self.form.dtype)
        assert self._rows is not None
        return self._rows[:count], self._targets[:count]

    def release(self) -> None:
        """Give the memory back."""
        self._rows = self._targets = None


@frozen
class BlockRows:
    """One part of the data, in the place of `Rows` that stand in memory.

    Parameters
    ----------
    file : PartFile
    targets : Targets
        How targets become numbers.
    arena : Arena
    """

    file: PartFile
    targets: Targets
    arena: Arena = field(repr=False)

    def __len__(self) -> int:
        return self.file.rows

    @property
    def sample_shape(self) -> tuple[int, ...]:
        """Shape of one sample."""
        return self.file.form.sample_shape

    @property
    def capacity(self) -> int:
        """Rows that are in memory at a time, at most."""
        return self.arena.capacity(self.targets.width)

    def window(self, batch: int) -> int:
        """Return the rows of a window: all there are, or a multiple of the batch size.

        Raises
        ------
        InvalidParameterError
            One batch does not fit into the memory that was stated.
        """
        room = self.capacity
        if len(self) <= room:
            return len(self)
        if batch > room:
            raise InvalidParameterError(
                "one batch does not fit into the memory that was stated",
                where="batch_size",
                expected=f"at most {room:,} rows, as {self.arena.budget.total / 1e6:.0f} MB allow",
                got=f"{batch:,}",
                do="choose smaller batches, or allow more memory",
            )
        return room // batch * batch

    def block(self, window: int) -> int:
        """Return the rows of a block."""
        return max(min(_BLOCK_BYTES // self.file.form.row_bytes, window // _BLOCKS), 1)

    def turns(self, batch: int, seed: int, epoch: int, shuffle: bool) -> Iterator[Turn]:
        """Yield the windows of an epoch."""
        window = self.window(batch)
        return turns(len(self), self.block(window), window, seed, epoch, shuffle)

    def load(self, pieces: Iterable[Piece]) -> Rows:
        """Read rows into the buffer; they are valid until the next ones are read."""
        pieces = tuple(pieces)
        count, form = sum(size for _, size in pieces), self.file.form
        rows, Y = self.arena.lend(count, self.targets.width)
        self.file.read(pieces, rows)
        X = rows[:, : form.inputs].reshape(count, *form.sample_shape)  # a view
        given = rows[:, form.inputs : form.inputs + form.targets]
        for start in range(0, count, _ENCODED_AT_ONCE):
            part = given[start : start + _ENCODED_AT_ONCE]
            Y[start : start + len(part)] = self._encoded(part, pieces, start)
        return Rows(X, Y, np.ascontiguousarray(rows[:, -1]) if form.weighted else None)

    def _encoded(self, given: np.ndarray, pieces: tuple[Piece, ...], start: int) -> np.ndarray:
        try:
            return self.targets.encode(given[:, 0] if given.shape[1] == 1 else given)
        except TargetError as error:
            whole = len(pieces) == 1
            where = f"the rows from {pieces[0][0] + start + 1} on of a part" if whole else "a part"
            raise TargetError(error.what, **{**error.parts(), "where": where}) from None

    def parts(self, most: int) -> Iterator[Rows]:
        """Yield all rows as they stand, at most so many at a time."""
        step = max(min(most, self.capacity), 1)
        for first in range(0, len(self), step):
            yield self.load([(first, min(step, len(self) - first))])

    def fingerprint(self, batch: int) -> dict[str, Any]:
        """Return what tells these rows, and the order of their use, from others."""
        form, window = self.file.form, self.window(batch)
        return {
            "shapes": [[len(self), *form.sample_shape], [len(self), form.targets]]
            + ([[len(self)]] if form.weighted else []),
            "digest": self.file.digest,
            "window": window,
            "block": self.block(window),
        }
