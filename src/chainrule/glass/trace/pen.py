"""How a writer puts one operation into the book: local names, the engine's numbers, the axes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from chainrule.errors import UsageError
from chainrule.glass.trace.book import Book, Dims
from chainrule.glass.trace.record import Record
from chainrule.nn.graph import Node
from chainrule.ops.op import Op

__all__ = ["WRITERS", "OpWriter", "Pen", "node_names", "writer_of", "writes"]


@dataclass
class Pen:
    """Writes records of one node, loss or parameter under local names.

    Parameters
    ----------
    book : Book
    layer : str
    rename : callable
        From a local name to a record's name.
    tensors : mapping
        The engine's numbers by record name, in rows; a record without one takes its formula's.
    role : str
    dims : mapping
        Dimensions of tensors by record name, in rows.
    """

    book: Book
    layer: str
    rename: Callable[[str], str]
    tensors: Mapping[str, Any]
    role: str
    dims: Mapping[str, Dims] = field(default_factory=dict)
    again: bool = False
    """True in the pass after the update, where nothing is said twice."""

    @property
    def columns(self) -> bool:
        """Whether samples are columns."""
        return self.book.columns

    def put(
        self,
        local: str,
        code: str | Sequence[str],
        formula: str,
        dims: Dims | None = None,
        value: Any = None,
        **words: Any,
    ) -> Record:
        """Write one record; placeholders are local names."""
        name = self.rename(local)
        known = self.tensors.get(name) if value is None else value
        if self.again:
            words = {key: word for key, word in words.items() if key in ("turned", "symbol")}
        return self.book.write(
            name,
            words.pop("role", self.role),
            code,
            formula,
            self.rename,
            value=known,
            dims=self.dims.get(name, ()) if dims is None else dims,
            layer=self.layer,
            **words,
        )

    def value(self, local: str) -> np.ndarray:
        """Return a record's numbers, in the book's convention."""
        return self.book.records[self.rename(local)].value

    def rank(self, local: str) -> int:
        """Return the number of axes of a record."""
        return self.value(local).ndim

    def over_rows(self, inner: str, rank: int, reduce: str = "sum") -> str:
        """Return the code of a sum (or mean) over the rows, which keeps one number a feature."""
        if self.columns:
            wide = f"np.{reduce}({inner}, axis=(0, 2))[:, None]"
            return f"np.{reduce}({inner}, axis=1, keepdims=True)" if rank == 2 else wide
        return f"np.{reduce}({inner}, axis={0 if rank == 2 else tuple(range(rank - 1))})"

    def over_features(
        self, inner: str, reduce: str = "sum", keep: bool = True, rank: int = 2
    ) -> str:
        """Return the code of a sum (mean, max) over the features of each row."""
        kept = ", keepdims=True" if keep else ""
        return f"np.{reduce}({inner}, axis={self.feature_axis(rank)}{kept})"

    def part(self, local: str, picked: str) -> str:
        """Return the code that takes features of a record: `"2:4"`, or a list of places."""
        if not self.columns:
            return f"<{local}>[..., {picked}]"
        return f"<{local}>[{picked}]" if self.rank(local) == 2 else f"<{local}>[:, {picked}]"

    def per_row(self, local: str) -> str:
        """Return the code that lets a vector over the rows multiply a matrix."""
        return f"<{local}>" if self.columns else f"<{local}>[:, None]"

    def features(self) -> int:
        """Return the axis of the features in a matrix."""
        return 0 if self.columns else 1

    def feature_axis(self, rank: int) -> int:
        """Return the axis of the features in a record of so many axes, counted for both."""
        if not self.columns:
            return -1
        return 0 if rank == 2 else -2

    def flipped(self, value: np.ndarray) -> np.ndarray:
        """Return a record's numbers in rows, as the engine has them."""
        return np.swapaxes(value, -1, -2) if self.columns and value.ndim >= 2 else value

    def dims_in_rows(self, local: str) -> Dims:
        """Return the dimensions of a record as the engine has them."""
        return self.book.turned_dims(self.book.dims[self.rename(local)])


class OpWriter:
    """Writes the records of one operation. Subclasses are registered with `writes`."""

    op: ClassVar[type[Op]]

    def forward(self, op: Any, pen: Pen) -> None:
        """Write every intermediate and the output."""
        raise NotImplementedError

    def backward(self, op: Any, pen: Pen) -> None:
        """Write the gradient `d<local>` of each input and trainable tensor."""
        raise NotImplementedError


WRITERS: dict[type[Op], OpWriter] = {}
"""The writer of each class of operations; a test demands one for each registered operation."""


def writes(op: type[Op]) -> Callable[[type[OpWriter]], type[OpWriter]]:
    """Register a writer for a class of operations (use as a decorator).

    Example
    -------
    >>> from chainrule.glass.trace.pen import WRITERS, writer_of
    >>> from chainrule.ops.affine import Affine
    >>> import chainrule.glass.trace.write_ops
    >>> writer_of(Affine(3)) is WRITERS[Affine]
    True
    """

    def enter(cls: type[OpWriter]) -> type[OpWriter]:
        WRITERS[op] = cls()
        return cls

    return enter


def writer_of(op: Op) -> OpWriter:
    """Return the writer of an operation.

    Raises
    ------
    UsageError
        No one has written down the operation's formulas.
    """
    for cls in type(op).__mro__:
        if cls in WRITERS:
            return WRITERS[cls]
    raise UsageError(
        f"the trace does not know the formulas of the operation {op.name}",
        where=type(op).__name__,
        do="register a writer: chainrule.glass.trace.pen.writes(" + type(op).__name__ + ")",
    )


def node_names(
    node: Node, gradients: Mapping[str, str], suffix: str, shared: frozenset[str]
) -> Callable[[str], str]:
    """Return the renaming of a node's local tensors to records.

    Parameters
    ----------
    node : Node
    gradients : mapping
        Record names of gradients by local name: `{"dX": "relu_1.dH", ...}`.
    suffix : str
        "" or ".after".
    shared : frozenset of str
        Records that both passes read.
    """

    def rename(local: str) -> str:
        if local in gradients:
            return gradients[local]
        name = node.tensor(local)
        return name if name in shared else name + suffix

    return rename
