"""Symbolic shapes: each dimension has a symbol for the reader and, where known, a size."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TypeAlias

from chainrule.errors import ShapeError
from chainrule.frozen import frozen

__all__ = ["ROWS", "Dim", "Shape", "count", "expect_rank", "expect_same", "shape_text", "sizes"]


@frozen
class Dim:
    """One dimension: `Dim("d_1", 64)`; the number of rows has no size until data comes."""

    symbol: str
    size: int | None = None

    def __str__(self) -> str:
        return self.symbol if self.size is None else str(self.size)

    def fits(self, other: Dim) -> bool:
        """Say whether two dimensions can be the same one."""
        return self.size == other.size and (self.size is not None or self.symbol == other.symbol)


Shape: TypeAlias = tuple[Dim, ...]

ROWS = Dim("N")
"""The number of rows (samples) of a batch."""


def shape_text(shape: Sequence[Dim], symbols: bool = False) -> str:
    """Return `(N, 64)`, or `(N, d_1)` with symbols."""
    inner = ", ".join(dim.symbol if symbols else str(dim) for dim in shape)
    return f"({inner},)" if len(shape) == 1 else f"({inner})"


def sizes(shape: Sequence[Dim], rows: int | None = None) -> tuple[int, ...]:
    """Return the sizes as numbers; `rows` stands in for dimensions without a size."""
    numbers: list[int] = []
    for dim in shape:
        size = rows if dim.size is None else dim.size
        if size is None:
            raise ShapeError(f"the dimension {dim.symbol} has no size yet", got=shape_text(shape))
        numbers.append(size)
    return tuple(numbers)


def count(shape: Sequence[Dim], rows: int = 1) -> int:
    """Return the number of elements for so many rows."""
    return math.prod(sizes(shape, rows))


def expect_rank(shapes: Mapping[str, Shape], ranks: tuple[int, ...]) -> None:
    """Raise `ShapeError`, naming the tensor, unless each shape has an allowed rank."""
    for name, shape in shapes.items():
        if len(shape) not in ranks:
            allowed = " or ".join(
                {2: "(N, d)", 3: "(N, T, d)"}.get(rank, f"{rank} dimensions") for rank in ranks
            )
            raise ShapeError(
                "the layer cannot take this input",
                where=name,
                expected=allowed,
                got=shape_text(shape),
                do="use Flatten() to turn (N, T, d) into (N, T d)" if ranks == (2,) else "",
            )


def expect_same(shapes: Mapping[str, Shape], last: bool = True) -> None:
    """Raise `ShapeError`, naming the tensor, unless all shapes agree.

    Without `last` the last axes may differ.
    """
    names = list(shapes)
    first = shapes[names[0]]
    for name in names[1:]:
        other = shapes[name]
        pairs = list(zip(first, other, strict=False))
        compared = pairs if last else pairs[:-1]
        if len(first) != len(other) or not all(one.fits(two) for one, two in compared):
            raise ShapeError(
                "these tensors must have the same shape"
                + ("" if last else " but for the last axis"),
                where=name,
                expected=shape_text(first),
                got=shape_text(other),
            )
