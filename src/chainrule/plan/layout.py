"""One flat vector with named views."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import field

import numpy as np

from chainrule.frozen import frozen
from chainrule.maths.arrays import Array

__all__ = ["Layout", "Slot"]


@frozen
class Slot:
    """Where a tensor lives in the flat vector."""

    name: str
    shape: tuple[int, ...]
    start: int
    stop: int


@frozen
class Layout:
    """Names and places of tensors in one flat vector.

    Example
    -------
    >>> import numpy as np
    >>> from chainrule.plan.layout import Layout
    >>> layout = Layout.of([("W", (2, 1)), ("b", (1,))])
    >>> layout.views(np.array([1.0, 2.0, 3.0]))["b"]
    array([3.])
    """

    slots: tuple[Slot, ...]
    places: dict[str, Slot] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "places", {slot.name: slot for slot in self.slots})

    @classmethod
    def of(cls, tensors: Iterable[tuple[str, tuple[int, ...]]]) -> Layout:
        """Lay tensors out one after the other."""
        slots: list[Slot] = []
        start = 0
        for name, shape in tensors:
            stop = start + math.prod(shape)
            slots.append(Slot(name, shape, start, stop))
            start = stop
        return cls(tuple(slots))

    @property
    def size(self) -> int:
        """Length of the flat vector."""
        return self.slots[-1].stop if self.slots else 0

    def names(self) -> tuple[str, ...]:
        """Return the names in order."""
        return tuple(slot.name for slot in self.slots)

    def views(self, vector: Array) -> dict[str, Array]:
        """Return named views of a flat vector; writing to a view writes to the vector."""
        return {
            slot.name: vector[slot.start : slot.stop].reshape(slot.shape) for slot in self.slots
        }

    def pack(self, tensors: Mapping[str, Array], dtype: object) -> np.ndarray:
        """Return a new flat vector holding the named tensors."""
        vector = np.zeros(self.size, dtype)  # type: ignore[call-overload]
        for slot in self.slots:
            vector[slot.start : slot.stop] = np.reshape(tensors[slot.name], -1)
        return vector
