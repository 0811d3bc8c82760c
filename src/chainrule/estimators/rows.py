"""Rows on their way into the engine: dense ones as they are, sparse ones block by block.

Decisions
---------
a) The engine reads dense rows. A sparse X that is small when dense (`WHOLE_BYTES`) is made dense
   once; a larger one is made dense a block of batches at a time, in every epoch anew, so memory
   stays bounded and the result is the same to the bit.
b) L-BFGS needs all rows at every evaluation, so on an engine a sparse X must fit in `DENSE_BYTES`.
c) Augmentation changes dense rows: a copy of all that stand dense in memory, or each block that was
   made dense. Rows are mixed among 1,024 neighbouring positions, or those of them in one block.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from chainrule.engine.protocol import Buffers, Clock, EpochResult, Pulse, Rows
from chainrule.engine.reference import ReferenceEngine
from chainrule.errors import DataError
from chainrule.maths.augmentation import Augmentation
from chainrule.training.augmentation import Augmented, augment_in_place

__all__ = ["DENSE_BYTES", "WHOLE_BYTES", "Changes", "Source", "dense_blocks", "run_pass"]

WHOLE_BYTES = 256 * 2**20
"""A sparse matrix is made dense at once if that takes no more bytes."""
DENSE_BYTES = 4 * 2**30
"""The most bytes that a sparse matrix may take when an engine's L-BFGS needs it whole."""
_BLOCK_BYTES = 32 * 2**20


class Source:
    """Encoded rows of a fit.

    Parameters
    ----------
    X : (N, d) array or sparse matrix
    Y : (N, K) array
    weights : (N,) array, optional
    """

    def __init__(self, X: Any, Y: np.ndarray, weights: np.ndarray | None) -> None:
        if hasattr(X, "toarray") and self.bytes_of(X) <= WHOLE_BYTES:
            X = X.toarray()
        self.X, self.Y, self.weights = X, Y, weights
        self.dense = not hasattr(X, "toarray")

    @staticmethod
    def bytes_of(X: Any) -> int:
        """Return the bytes of a matrix when dense."""
        return X.shape[0] * X.shape[1] * X.dtype.itemsize

    def __len__(self) -> int:
        return self.X.shape[0]

    def take(self, index: np.ndarray) -> Source:
        """Return the picked rows."""
        weights = None if self.weights is None else self.weights[index]
        return Source(self.X[index], self.Y[index], weights)

    def whole(self) -> Rows:
        """Return all rows, dense.

        Raises
        ------
        DataError
            That would take more than `DENSE_BYTES`.
        """
        if self.dense:
            return Rows(self.X, self.Y, self.weights)
        needed = self.bytes_of(self.X)
        if needed > DENSE_BYTES:
            raise DataError(
                "the sparse X is too large to be made dense, which L-BFGS needs",
                where="X",
                expected=f"at most {DENSE_BYTES:,} bytes",
                got=f"{needed:,} bytes for shape {self.X.shape}",
                do="choose solver='lbfgs' for a network that scikit-learn has, or 'adam' or 'sgd',"
                " which make a block of rows dense at a time",
            )
        return Rows(self.X.toarray(), self.Y, self.weights)

    def blocks(self, order: np.ndarray, batch: int) -> Iterator[tuple[Rows, np.ndarray, int]]:
        """Yield rows, their order of use, and the place in the epoch of the first one."""
        if self.dense:
            yield Rows(self.X, self.Y, self.weights), order, 0
            return
        rows = batch * max(1, _BLOCK_BYTES // (batch * self.X.shape[1] * self.X.dtype.itemsize))
        for start in range(0, len(order), rows):
            part = self.take(order[start : start + rows])
            block = part.X if part.dense else part.X.toarray()
            yield Rows(block, part.Y, part.weights), np.arange(len(part)), start


def dense_blocks(X: Any) -> Iterator[np.ndarray]:
    """Yield a matrix in dense blocks of rows; a dense one as it is."""
    if not hasattr(X, "toarray"):
        yield X
        return
    rows = max(1, _BLOCK_BYTES // (X.shape[1] * X.dtype.itemsize))
    for start in range(0, X.shape[0], rows):
        yield X[start : start + rows].toarray()


def run_pass(
    engine: ReferenceEngine,
    buffers: Buffers,
    source: Source,
    order: np.ndarray,
    batch: int,
    clock: Clock,
    pulse: Pulse | None,
    changes: Changes | None = None,
) -> EpochResult:
    """Run one epoch over the rows in the given order, in place."""
    with np.errstate(all="ignore"):  # numbers that are not finite are found, and told of
        if source.dense:
            rows = Rows(source.X, source.Y, source.weights)
            if changes is not None:
                rows, order = changes.whole(rows, order, clock.epoch)
            return engine.epoch(buffers, rows, order, batch, clock, pulse)
        return _by_blocks(engine, buffers, source, order, batch, clock, pulse, changes)


class Changes:
    """What augmentation does to the rows of each epoch.

    Parameters
    ----------
    members : tuple of Augmentation
    seed : int
    """

    def __init__(self, members: tuple[Augmentation, ...], seed: int) -> None:
        self.members, self.seed = members, seed
        self._changed: Augmented | None = None

    def whole(self, rows: Rows, order: np.ndarray, epoch: int) -> tuple[Rows, np.ndarray]:
        """Return changed rows of an epoch in the order of use, and that order of them."""
        if self._changed is None:
            self._changed = Augmented(self.members, rows, self.seed)
        return self._changed.epoch(order, epoch)

    def block(self, rows: Rows, order: np.ndarray, epoch: int, first: int) -> None:
        """Change a block of an epoch where it lies."""
        augment_in_place(self.members, rows, order, self.seed, epoch, first)


def _by_blocks(
    engine: ReferenceEngine,
    buffers: Buffers,
    source: Source,
    order: np.ndarray,
    batch: int,
    clock: Clock,
    pulse: Pulse | None,
    changes: Changes | None,
) -> EpochResult:
    results: list[EpochResult] = []
    for rows, places, start in source.blocks(order, batch):
        if changes is not None:
            changes.block(rows, places, clock.epoch, start)
        moment = Clock(clock.seed, clock.epoch, start, clock.total_steps, clock.rate_scale)
        results.append(engine.epoch(buffers, rows, places, batch, moment, pulse))
        if not (results[-1].finite and results[-1].complete):
            break
    return _joined(results)


def _joined(results: list[EpochResult]) -> EpochResult:
    last = results[-1]
    steps = sum(result.steps for result in results)
    norm = sum(result.gradient_norm * max(result.steps, 1) for result in results) / max(steps, 1)
    objectives = np.concatenate([result.objectives for result in results])
    mean = float(np.mean(objectives)) if steps else last.objective
    return EpochResult(steps, mean, norm, last.rate, last.finite, last.complete, objectives)
