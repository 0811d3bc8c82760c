r"""The order of the rows of an epoch where not all of them fit into memory: a block-shuffle.

Decisions
---------
a) The rows are cut into blocks that stand together in the file. The order of the blocks is drawn
   anew for each epoch; a window is as many rows as fit into memory, one block after the other in
   that order; and the rows of a window are used in an order that is drawn too. A window holds
   many blocks from everywhere in the file, so a sorted file is mixed as well.
b) The cuts between the blocks are drawn for each epoch (the rows are thought of as a ring), so
   that no two rows keep company for ever. The one short block that is left over comes last, and
   which rows it holds changes likewise.
c) A window's length is a multiple of the batch size whatever the blocks' length, so the only short
   batch is the last one of the epoch, as in memory.
d) All is a function of (seed, epoch, position). If all rows fit into one window, the order is
   that of training in memory, and so are the bits.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from chainrule.frozen import frozen
from chainrule.streams import Stream

__all__ = ["Piece", "Turn", "row_order", "turns"]

Piece = tuple[int, int]
"""First row and number of rows that stand together."""
_DRAWN_AT_ONCE = 65_536


@frozen
class Turn:
    """One window of an epoch.

    Parameters
    ----------
    first : int
        Position in the epoch of its first row.
    pieces : tuple of Piece
        The rows, in the order in which they are read.
    position : int
        Coordinate of the stream that orders the rows within it.
    """

    first: int
    pieces: tuple[Piece, ...]
    position: int

    def __len__(self) -> int:
        return sum(count for _, count in self.pieces)


def turns(
    rows: int, block: int, window: int, seed: int, epoch: int, shuffle: bool = True
) -> Iterator[Turn]:
    """Yield the windows of an epoch; together they hold every row once.

    Parameters
    ----------
    rows, block, window : int
        Number of rows in all, of a block, of a window.
    seed, epoch : int
    shuffle : bool
        Without it, the rows come as they stand.

    Example
    -------
    >>> [turn.pieces for turn in turns(10, 2, 4, seed=0, epoch=0, shuffle=False)]
    [((0, 4),), ((4, 4),), ((8, 2),)]
    """
    whole = rows <= window
    start, order = 0, np.arange(rows // block)
    if shuffle and not whole:
        start = int(Stream(seed, "blocks", epoch).bits64(1)[0] % np.uint64(rows))
        order = Stream(seed, "blocks", epoch, 1).permutation(rows // block)
    for number, first in enumerate(range(0, rows, window)):
        last = min(first + window, rows)
        pieces: list[Piece] = []
        place = first
        while place < last:
            at = place // block
            begin = int(order[at]) * block if at < len(order) else len(order) * block
            end = min((at + 1) * block, last) if at < len(order) else last
            _add(pieces, (start + begin + place - at * block) % rows, end - place, rows)
            place = end
        yield Turn(first, tuple(pieces), 0 if whole else number + 1)


def _add(pieces: list[Piece], first: int, count: int, rows: int) -> None:
    """Add rows of the ring, in one piece with those before them where they follow on."""
    here = min(count, rows - first)
    for begin, size in ((first, here), (0, count - here)):
        if not size:
            continue
        if pieces and sum(pieces[-1]) == begin:
            begin, before = pieces.pop()
            size += before
        pieces.append((begin, size))


def row_order(count: int, seed: int, epoch: int, position: int, shuffle: bool = True) -> np.ndarray:
    """Return the order in which the rows of a window are used, `(count,)` int64.

    The same as the stream's own permutation, drawn in parts: drawing takes more memory than what
    is drawn.
    """
    if not shuffle:
        return np.arange(count)
    stream = Stream(seed, "shuffle", epoch, position)
    keys = np.empty(count, np.uint64)
    for start in range(0, count, _DRAWN_AT_ONCE):
        part = keys[start : start + _DRAWN_AT_ONCE]
        part[:] = stream.bits64(len(part), start)
    return np.argsort(keys, kind="stable")
