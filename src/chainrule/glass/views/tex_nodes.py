"""The tree of a formula: what `chainrule.glass.views.tex` reads and its writers write."""

from __future__ import annotations

from typing import TypeAlias

from chainrule.frozen import frozen

__all__ = [
    "Accent",
    "Atom",
    "Boxed",
    "Fence",
    "Fraction",
    "Grid",
    "Node",
    "Root",
    "Row",
    "Script",
    "Space",
]


@frozen
class Atom:
    """One sign: an identifier, number, operator, delimiter, function, big operator or text."""

    kind: str
    text: str
    alphabet: str = ""


@frozen
class Space:
    """Room, in eighteenths of an em."""

    width: int


@frozen
class Row:
    """Things beside each other."""

    items: tuple[Node, ...]


@frozen
class Script:
    """A base with something below and something above; `None` where there is nothing."""

    base: Node
    low: Node | None
    high: Node | None
    limits: bool = False


@frozen
class Fraction:
    """One thing over another; `bar` is missing in a binomial or a stack."""

    top: Node
    bottom: Node
    small: bool = False
    bar: bool = True


@frozen
class Root:
    """A root; `degree` is `None` for the square root."""

    body: Node
    degree: Node | None


@frozen
class Accent:
    """A mark over or under a thing."""

    body: Node
    mark: str
    below: bool


@frozen
class Fence:
    """A thing between delimiters that grow with it; an empty delimiter is not drawn."""

    left: str
    right: str
    body: Node


@frozen
class Grid:
    """Cells in rows, between delimiters."""

    kind: str
    left: str
    right: str
    rows: tuple[tuple[Node, ...], ...]


@frozen
class Boxed:
    """A thing in a frame."""

    body: Node


Node: TypeAlias = Atom | Space | Row | Script | Fraction | Root | Accent | Fence | Grid | Boxed
