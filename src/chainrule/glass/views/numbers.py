"""How numbers are written, and which part of a large tensor is shown."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TypeVar

import numpy as np

from chainrule.frozen import frozen

__all__ = [
    "SLICES",
    "Block",
    "Shown",
    "element",
    "gapped",
    "index_text",
    "largest_of",
    "number",
    "shape_text",
    "shown",
    "written",
]

T = TypeVar("T")
SLICES = 4
"""Most tables of a tensor with three axes or more."""
_SMALL = 2
"""An entry that would keep fewer significant digits than this is written with an exponent."""
_WHOLE = 1e6


@frozen
class Block:
    """A rectangle of a tensor: leading indices, and the rows and columns that are shown.

    `rows` is `None` for a tensor of one axis or none, `columns` for a single number.
    """

    lead: tuple[int, ...]
    rows: tuple[int, ...] | None
    columns: tuple[int, ...] | None

    def indices(self) -> Iterator[list[tuple[int, ...]]]:
        """Return the indices of the entries, row after row."""
        for row in self.rows if self.rows is not None else (None,):
            head = self.lead if row is None else (*self.lead, row)
            yield [head] if self.columns is None else [(*head, c) for c in self.columns]


@frozen
class Shown:
    """What of a tensor is shown, and a sentence on what is not ("" if all is)."""

    blocks: tuple[Block, ...]
    statement: str

    def indices(self) -> Iterator[tuple[int, ...]]:
        """Return the indices of all entries that are shown."""
        for block in self.blocks:
            for row in block.indices():
                yield from row


def shown(shape: tuple[int, ...], rows: int = 12, columns: int = 12, slices: int = SLICES) -> Shown:
    """Choose which entries of a tensor are shown: of a long axis the beginning and the end.

    Parameters
    ----------
    shape : tuple of int
    rows, columns : int
        Most rows and columns of one table.
    slices : int
        Most tables of a tensor with three axes or more.

    Example
    -------
    >>> shown((784, 3), rows=4).statement
    'Rows 0, 1, 2, 783 of 784 are shown.'
    """
    lead_shape = shape[:-2]
    across = _chosen(shape[-1], columns) if shape else None
    down = _chosen(shape[-2], rows) if len(shape) > 1 else None
    leads = [tuple(int(k) for k in np.unravel_index(n, lead_shape)) if lead_shape else ()
             for n in range(min(math.prod(lead_shape), slices))]  # fmt: skip
    parts = [_missing("rows", down, shape[-2] if len(shape) > 1 else 0)]
    parts.append(_missing("columns", across, shape[-1] if shape else 0))
    parts = [part for part in parts if part]
    statement = f"{' and '.join(parts)} are shown." if parts else ""
    if (count := math.prod(lead_shape)) > slices:
        statement += f" The first {slices} of {count} slices are shown."
    blocks = tuple(Block(lead, down, across) for lead in leads)
    return Shown(blocks, (statement[:1].upper() + statement[1:]).strip())


def _chosen(size: int, most: int) -> tuple[int, ...]:
    if size <= most:
        return tuple(range(size))
    tail = 2 if most > 4 else 1
    return (*range(most - tail), *range(size - tail, size))


def _missing(what: str, chosen: tuple[int, ...] | None, size: int) -> str:
    if chosen is None or len(chosen) == size:
        return ""
    gap = next(k for k in range(1, len(chosen)) if chosen[k] - chosen[k - 1] > 1)
    ranges = [_span(chosen[:gap]), _span(chosen[gap:])]
    return f"{what} {', '.join(ranges)} of {size:,}"


def _span(part: tuple[int, ...]) -> str:
    return f"{part[0]} to {part[-1]}" if len(part) > 3 else ", ".join(str(k) for k in part)


def gapped(chosen: tuple[int, ...] | None, parts: Sequence[T], mark: T) -> list[T]:
    """Put a mark between parts where indices of an axis are left out.

    Example
    -------
    >>> gapped((0, 1, 9), ["a", "b", "z"], "...")
    ['a', 'b', '...', 'z']
    """
    result: list[T] = []
    for place, part in enumerate(parts):
        if chosen is not None and place and chosen[place] != chosen[place - 1] + 1:
            result.append(mark)
        result.append(part)
    return result


def number(value: float, digits: int) -> str:
    """Write one number with some significant digits.

    Example
    -------
    >>> number(0.5932699921071872, 6), number(1.5e-9, 6), number(float("nan"), 6)
    ('0.59327', '1.5e-09', 'nan')
    """
    if not math.isfinite(value):
        return str(value)
    text = f"{value:.{digits}g}"
    return text if float(text) else text.lstrip("-")


def written(array: np.ndarray, indices: list[tuple[int, ...]], digits: int) -> list[str]:
    """Write entries of a tensor with equally many decimals, so that they stand in line.

    The largest entry gets `digits` significant digits; an entry that would lose nearly all of its
    own is written with an exponent.

    Example
    -------
    >>> written(np.array([0.5, -12.25, 1e-9]), [(0,), (1,), (2,)], 4)
    ['0.50', '-12.25', '1.0e-09']
    """
    values = [float(array[index]) for index in indices]
    finite = [abs(value) for value in values if math.isfinite(value)]
    largest = max(finite, default=0.0)
    if largest < _WHOLE and all(value == int(value) for value in finite):
        return [f"{value + 0.0:.0f}" if math.isfinite(value) else str(value) for value in values]
    power = math.floor(math.log10(largest)) if largest else 0
    if not -4 <= power < max(digits, 6):
        return [f"{value + 0.0:.{digits - 1}e}" for value in values]
    decimals = max(digits - 1 - power, 1)
    return [_fixed(value + 0.0, decimals) for value in values]


def _fixed(value: float, decimals: int) -> str:
    if value and math.isfinite(value) and abs(value) < 10.0 ** (_SMALL - 1 - decimals):
        return f"{value:.1e}"
    return f"{value:.{decimals}f}"


def largest_of(array: np.ndarray) -> float:
    """Return the size of the largest finite entry, 0 without one."""
    finite = np.abs(array[np.isfinite(array)])
    return float(finite.max()) if finite.size else 0.0


def index_text(index: tuple[int, ...]) -> str:
    """Return `[0, 1]`, or nothing for a single number."""
    return f"[{', '.join(str(k) for k in index)}]" if index else ""


def element(name: str, index: tuple[int, ...]) -> str:
    """Return the path of an element, as `Trace.explain` takes it: `dense_1.dW[0, 1]`."""
    return name + index_text(index)


def shape_text(shape: tuple[int, ...]) -> str:
    """Return `8 × 3`, or "a number"."""
    if not shape:
        return "a number"
    if shape == (1,):
        return "1 entry"
    return f"{shape[0]} entries" if len(shape) == 1 else " × ".join(str(size) for size in shape)
