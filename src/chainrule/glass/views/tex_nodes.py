"""The tree of a formula: what `chainrule.glass.views.tex` reads and its writers write."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

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


@dataclass(frozen=True)
class Atom:
    """One sign: an identifier, number, operator, delimiter, function, big operator or text."""

    kind: str
    text: str
    alphabet: str = ""


@dataclass(frozen=True)
class Space:
    """Room, in eighteenths of an em."""

    width: int


@dataclass(frozen=True)
class Row:
    """Things beside each other."""

    items: tuple[Node, ...]


@dataclass(frozen=True)
class Script:
    """A base with something below and something above; `None` where there is nothing."""

    base: Node
    low: Node | None
    high: Node | None
    limits: bool = False


@dataclass(frozen=True)
class Fraction:
    """One thing over another; `bar` is missing in a binomial or a stack."""

    top: Node
    bottom: Node
    small: bool = False
    bar: bool = True


@dataclass(frozen=True)
class Root:
    """A root; `degree` is `None` for the square root."""

    body: Node
    degree: Node | None


@dataclass(frozen=True)
class Accent:
    """A mark over or under a thing."""

    body: Node
    mark: str
    below: bool


@dataclass(frozen=True)
class Fence:
    """A thing between delimiters that grow with it; an empty delimiter is not drawn."""

    left: str
    right: str
    body: Node


@dataclass(frozen=True)
class Grid:
    """Cells in rows, between delimiters."""

    kind: str
    left: str
    right: str
    rows: tuple[tuple[Node, ...], ...]


@dataclass(frozen=True)
class Boxed:
    """A thing in a frame."""

    body: Node


Node: TypeAlias = Atom | Space | Row | Script | Fraction | Root | Accent | Fence | Grid | Boxed
