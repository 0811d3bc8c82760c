"""Named, counter-based random streams: a number is a function of where it is used.

Decisions
---------
a) Philox4x32-10 (Salmon et al. 2011), written here in integer array arithmetic. NumPy's own bit
   generators give the same bits but its `Generator` may change how it turns bits into numbers
   between versions; the compiled engine must produce these numbers too, and four 32-bit words per
   block suit vector units.
b) The key is a hash of (seed, purpose), the counter is (block, epoch, position). No state exists,
   so resuming needs integers only, and any slice of a stream can be drawn on its own: a mask for
   rows 128..255 of an epoch is the same whoever draws it and in whichever order.
c) `epoch` and `position` are coordinates of the *stream*; `start` is the offset of the first word
   within it. Dropout uses (layer, epoch) as the stream and (row in the epoch) x (row width) as the
   start, so a mask depends neither on the batch size nor on the number of threads.
d) Runs that differ in settings alone draw the same orders and first weights. What has been drawn
   may be kept for them (`SharedDraws`): a number is a function of its place, so nothing changes.
"""

from __future__ import annotations

import hashlib
import math
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule.frozen import frozen

__all__ = ["SharedDraws", "Stream", "philox4x32"]

_ROUNDS = 10
_MULTIPLIERS = (np.uint64(0xD2511F53), np.uint64(0xCD9E8D57))
_WEYL = (0x9E3779B9, 0xBB67AE85)
_LOW = np.uint64(0xFFFFFFFF)
_SHIFT = np.uint64(32)
_KEPT_BYTES = 1 << 24


def philox4x32(counter: NDArray[np.uint64], key: tuple[int, int]) -> NDArray[np.uint32]:
    """Return Philox4x32-10 blocks.

    Parameters
    ----------
    counter : (n, 4) uint64
        Four 32-bit counter words per block.
    key : two 32-bit integers

    Returns
    -------
    (n, 4) uint32

    Source: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3" (SC 2011).

    Example
    -------
    >>> import numpy as np
    >>> [hex(word) for word in philox4x32(np.zeros((1, 4), np.uint64), (0, 0))[0]]
    ['0x6627e8d5', '0xe169c58d', '0xbc57ac4c', '0x9b00dbd8']
    """
    first, second, third, fourth = (counter[:, word].astype(np.uint64) for word in range(4))
    for turn in range(_ROUNDS):
        key_low = np.uint64((key[0] + turn * _WEYL[0]) & 0xFFFFFFFF)
        key_high = np.uint64((key[1] + turn * _WEYL[1]) & 0xFFFFFFFF)
        product_low = first * _MULTIPLIERS[0]
        product_high = third * _MULTIPLIERS[1]
        first, second, third, fourth = (
            (product_high >> _SHIFT) ^ second ^ key_low,
            product_high & _LOW,
            (product_low >> _SHIFT) ^ fourth ^ key_high,
            product_low & _LOW,
        )
    return np.stack([first, second, third, fourth], axis=1).astype(np.uint32)


@frozen
class Stream:
    """Random numbers for one purpose of one run.

    Parameters
    ----------
    seed : int
        The run's seed, any integer.
    purpose : str
        What the numbers are for: `"shuffle"`, `"init:dense_1.W"`, `"dropout:dropout_1"`.
    epoch, position : int
        Coordinates of the stream, each below 2**32.

    Example
    -------
    >>> from chainrule.streams import Stream
    >>> all(Stream(0, "dropout", 3).bits(4, start=8) == Stream(0, "dropout", 3).bits(12)[8:])
    True
    """

    seed: int
    purpose: str
    epoch: int = 0
    position: int = 0

    def key(self) -> tuple[int, int]:
        """Return the two 32-bit key words of (seed, purpose)."""
        digest = hashlib.blake2b(
            f"{int(self.seed)}:{self.purpose}".encode(), digest_size=8
        ).digest()
        return int.from_bytes(digest[:4], "little"), int.from_bytes(digest[4:], "little")

    def bits(self, count: int, start: int = 0) -> NDArray[np.uint32]:
        """Return words `start` to `start + count - 1` of the stream, as uint32."""
        first_block, skipped = divmod(start, 4)
        blocks = -(-(skipped + count) // 4)
        index = np.arange(first_block, first_block + blocks, dtype=np.uint64)
        counter = np.empty((blocks, 4), np.uint64)
        counter[:, 0] = index & _LOW
        counter[:, 1] = index >> _SHIFT
        counter[:, 2] = self.epoch
        counter[:, 3] = self.position
        return philox4x32(counter, self.key()).reshape(-1)[skipped : skipped + count]

    def bits64(self, count: int, start: int = 0) -> NDArray[np.uint64]:
        """Return `count` 64-bit words, each from two neighbouring 32-bit words."""
        words = self.bits(2 * count, 2 * start).astype(np.uint64)
        return words[0::2] << _SHIFT | words[1::2]

    def uniform(
        self, shape: int | tuple[int, ...], low: float = 0.0, high: float = 1.0
    ) -> NDArray[np.float64]:
        """Return numbers in [low, high), float64 with 53 random bits."""
        count = math.prod(shape) if isinstance(shape, tuple) else shape
        return (low + (high - low) * _kept(self, "uniform", count, self._fraction)).reshape(shape)

    def _fraction(self, count: int) -> NDArray[np.float64]:
        return (self.bits64(count) >> np.uint64(11)).astype(np.float64) * 2.0**-53

    def normal(self, shape: int | tuple[int, ...]) -> NDArray[np.float64]:
        """Return standard normal numbers (Box-Muller), float64."""
        count = math.prod(shape) if isinstance(shape, tuple) else shape
        pairs = -(-count // 2)
        uniform = self.uniform((pairs, 2))
        radius = np.sqrt(-2.0 * np.log1p(-uniform[:, 0]))  # 1 - u is never 0
        angle = 2.0 * np.pi * uniform[:, 1]
        both = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
        return both.reshape(-1)[:count].reshape(shape)

    def permutation(self, count: int) -> NDArray[np.int64]:
        """Return 0 .. count - 1 in random order (a stable sort of random keys)."""
        return _kept(self, "permutation", count, self._sorted)

    def _sorted(self, count: int) -> NDArray[np.int64]:
        return np.argsort(self.bits64(count), kind="stable")

    def keep(self, shape: tuple[int, ...], rate: float, start: int = 0) -> NDArray[np.bool_]:
        """Return a mask that is False with probability `rate`.

        A word below `round(rate * 2**32)` drops its element.
        """
        threshold = round(rate * 2.0**32)
        return (self.bits(math.prod(shape), start) >= np.uint64(threshold)).reshape(shape)


class SharedDraws:
    """What has been drawn, kept for the runs that will draw it again; for several threads.

    Parameters
    ----------
    limit : int
        The most bytes. When they are used up, draws of other seeds are forgotten first; what
        does not fit then is drawn anew each time.

    Example
    -------
    >>> from chainrule.streams import SharedDraws, Stream
    >>> with SharedDraws().used():
    ...     first, second = (Stream(0, "shuffle").permutation(5) for _ in range(2))
    >>> first is second, first.flags.writeable
    (True, False)
    """

    def __init__(self, limit: int = _KEPT_BYTES) -> None:
        self.limit = limit
        self.size = 0
        self._kept: dict[tuple[Stream, str, int], NDArray[Any]] = {}
        self._lock = threading.Lock()

    @contextmanager
    def used(self) -> Generator[None, None, None]:
        """Keep what this thread draws in a `with` block, and take from what is kept."""
        token = _SHARED.set(self)
        try:
            yield
        finally:
            _SHARED.reset(token)

    def take(
        self, stream: Stream, what: str, count: int, draw: Callable[[int], NDArray[Any]]
    ) -> NDArray[Any]:
        """Return a draw that is kept, or make it and keep it; nobody may write to it."""
        key = (stream, what, count)
        found = self._kept.get(key)
        if found is None:
            found = draw(count)
            found.setflags(write=False)
            self._keep(key, found)
        return found

    def _keep(self, key: tuple[Stream, str, int], drawn: NDArray[Any]) -> None:
        with self._lock:
            if self.size + drawn.nbytes > self.limit:
                seed = key[0].seed
                self._kept = {old: kept for old, kept in self._kept.items() if old[0].seed == seed}
                self.size = sum(kept.nbytes for kept in self._kept.values())
            if self.size + drawn.nbytes <= self.limit and key not in self._kept:
                self._kept[key] = drawn
                self.size += drawn.nbytes


_SHARED: ContextVar[SharedDraws | None] = ContextVar("draws that runs share", default=None)


def _kept(
    stream: Stream, what: str, count: int, draw: Callable[[int], NDArray[Any]]
) -> NDArray[Any]:
    shared = _SHARED.get()
    return draw(count) if shared is None else shared.take(stream, what, count, draw)
