"""One number of a record as the sum of its terms, with the parents' numbers in their places.

The formula's syntax tree is followed for one index. Sums and products of matrices become terms,
element-wise parts become text with numbers. Calls that only move numbers (transposes, slices,
reshapes, picks) are run once on places instead of values, which tells where a number comes from.
"""

from __future__ import annotations

import ast
import itertools
import math
import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.checks import shown
from chainrule.errors import UsageError
from chainrule.frozen import frozen
from chainrule.glass.trace.record import Explanation, Term
from chainrule.glass.trace.space import names_in, run, tree

if TYPE_CHECKING:
    from chainrule.glass.trace.result import Trace

__all__ = ["explain", "split_path"]

Index = tuple[int, ...]
_PATH = re.compile(r"^(?P<name>[^\[\]]+?)\s*(?:\[(?P<index>[-\d\s,]*)\])?$")
_SIGNS: dict[type[ast.operator], str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.Pow: "**",
}
_COMPARED: dict[type[ast.cmpop], str] = {
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Eq: "==",
    ast.NotEq: "!=",
}
_SUMS = ("np.sum", "np.mean", "np.max", "np.prod")
_MOVES = ("np.reshape", "np.swapaxes", "np.transpose", "np.concatenate", "np.broadcast_to")
_MADE = ("np.full", "np.zeros", "np.ones", "np.eye", "np.arange", "np.array")


def split_path(path: str) -> tuple[str, Index | None]:
    """Return name and index of `dense_1.dW[0, 1]`; no index where none is given.

    Example
    -------
    >>> from chainrule.glass.trace.explain import split_path
    >>> split_path("dense_1.dW[0, 1]"), split_path("objective")
    (('dense_1.dW', (0, 1)), ('objective', None))
    """
    text = isinstance(path, str)  # pyright: ignore[reportUnnecessaryIsInstance]
    found = _PATH.match(path.strip()) if text else None
    try:
        if found is not None and found["index"] is not None:
            parts = [part for part in found["index"].split(",") if part.strip()]
            return found["name"], tuple(int(part) for part in parts)
        if found is not None:
            return found["name"], None
    except ValueError:
        pass
    raise UsageError(
        "this is no path to a number of the trace",
        where="explain",
        expected="a record's name and an index, such as dense_1.dW[0, 1]",
        got=shown(path),
    )


def explain(trace: Trace, path: str) -> Explanation:
    """Return one number as the sum of its terms."""
    try:
        name, given = split_path(path)
    except UsageError as error:
        error.do = f"choose a number of one of {trace.listed()}"
        raise
    record = trace[name]
    index = _checked(name, given, record.value.shape)
    place = name + (f"[{', '.join(map(str, index))}]" if index else "")
    value = float(record.value[index])
    if not record.code:
        term = Term(f"{value:.{trace.settings.digits}g}", (), value)
        return Explanation(place, index, value, record.latex, (term,), value)
    values = {variable: trace[owner].value for variable, owner in _owners(trace, record).items()}
    follower = _Follower(values, _owners(trace, record), trace.settings.digits)
    terms = tuple(follower.terms(tree(record.code), index, 1.0))
    total = sum(term.product for term in terms)
    return Explanation(place, index, value, record.latex, terms, float(total))


def _owners(trace: Trace, record: Any) -> dict[str, str]:
    names = dict(zip(names_in(record.code), record.parents, strict=True))
    return {variable: trace[owner].name for variable, owner in names.items()}


def _checked(name: str, given: Index | None, shape: tuple[int, ...]) -> Index:
    first: Index = tuple(0 for _ in shape)
    index = first if given is None and math.prod(shape) == 1 else given
    if (
        index is None
        or len(index) != len(shape)
        or not all(-size <= part < size for part, size in zip(index, shape, strict=True))
    ):
        raise UsageError(
            f"{name} has no such entry",
            where="explain",
            expected=f"an index into shape {shape}",
            got="no index" if index is None else f"[{', '.join(map(str, index))}]",
            do=f"for the first one: explain('{name}[{', '.join(map(str, first))}]')",
        )
    return tuple(part % size for part, size in zip(index, shape, strict=True))


@frozen
class _Piece:
    """The text of an expression at one index, its value, and the parents' numbers in it."""

    text: str
    value: Any
    factors: tuple[tuple[str, float], ...] = ()
    atom: bool = True

    @property
    def bracketed(self) -> str:
        return self.text if self.atom and not self.text.startswith("-") else f"({self.text})"


class _Follower:
    """Follows a formula for one index."""

    def __init__(
        self, values: Mapping[str, np.ndarray], owners: Mapping[str, str], digits: int
    ) -> None:
        self.values = values
        self.owners = owners
        self.digits = digits

    def number(self, value: float) -> str:
        """Return a number as text."""
        return f"{value:.{self.digits}g}"

    @cached_property
    def cache(self) -> dict[int, np.ndarray]:
        return {}

    def whole(self, node: ast.expr) -> np.ndarray:
        """Return the value of a part of the formula."""
        if id(node) not in self.cache:
            self.cache[id(node)] = run(ast.unparse(node), self.values)
        return self.cache[id(node)]

    # Terms: the sum at the top of the formula.

    def terms(self, node: ast.expr, index: Index, sign: float) -> Iterator[Term]:
        """Return the terms of a formula at one index."""
        if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Add, ast.Sub)):
            yield from self.terms(node.left, self.shrunk(node.left, index), sign)
            right = sign if isinstance(node.op, ast.Add) else -sign
            yield from self.terms(node.right, self.shrunk(node.right, index), right)
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult):
            for left, right in self.pairs(node, index):
                yield self.term(self.product(left, right), sign)
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            yield from self.terms(node.operand, index, -sign)
        elif self.called(node) in ("np.sum", "np.mean") and isinstance(node, ast.Call):
            yield from self.summed(node, index, sign)
        elif self.shared(node) and isinstance(node, ast.BinOp):
            yield from self.scaled(node, index, sign)
        elif self.moves(node):
            inner, place = self.origin(node, index)
            if inner is node:
                yield self.term(self.piece(node, index), sign)
            else:
                yield from self.terms(inner, place, sign)
        else:
            yield self.term(self.piece(node, index), sign)

    def summed(self, node: ast.Call, index: Index, sign: float) -> Iterator[Term]:
        """Return the terms of a sum or mean over axes."""
        places = list(self.reduced(node, index))
        mean = self.called(node) == "np.mean"
        for place in places:
            piece = self.piece(node.args[0], place)
            if mean:
                text = f"{piece.bracketed} / {len(places)}"
                piece = _Piece(text, piece.value / len(places), piece.factors, False)
            yield self.term(piece, sign)

    def shared(self, node: ast.expr) -> bool:
        """Say whether a part is a sum times, or divided by, a single number."""
        if not (isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Mult, ast.Div))):
            return False
        left = node.left
        product = isinstance(left, ast.BinOp) and isinstance(left.op, ast.MatMult)
        return (product or self.called(left) == "np.sum") and self.whole(node.right).ndim == 0

    def scaled(self, node: ast.BinOp, index: Index, sign: float) -> Iterator[Term]:
        """Return the terms of a sum, each with the number that the sum is multiplied by."""
        factor = self.piece(node.right, ())
        times = isinstance(node.op, ast.Mult)
        for term in self.terms(node.left, self.shrunk(node.left, index), sign):
            text = f"{term.text} {'*' if times else '/'} {factor.bracketed}"
            number = float(factor.value) if times else 1.0 / float(factor.value)
            yield Term(text, (*term.factors, *factor.factors), term.product * number)

    def term(self, piece: _Piece, sign: float) -> Term:
        text = piece.text if sign > 0 else f"-{piece.bracketed}"
        return Term(text, piece.factors, float(np.real(sign * piece.value)))

    # Pieces: text with numbers.

    def piece(self, node: ast.expr, index: Index) -> _Piece:
        """Return the text of an expression at one index."""
        index = self.shrunk(node, index)
        if isinstance(node, ast.Name):
            owner = self.owners[node.id]
            value = float(self.values[node.id][index])
            path = owner + (f"[{', '.join(map(str, index))}]" if index else "")
            return _Piece(self.number(value), value, ((path, value),), value >= 0)
        if isinstance(node, ast.Constant):
            return _Piece(self.number(float(node.value)), float(node.value))  # type: ignore[arg-type]
        if isinstance(node, ast.UnaryOp):
            inner = self.piece(node.operand, index)
            return _Piece(f"-{inner.bracketed}", -inner.value, inner.factors, False)
        if isinstance(node, ast.BinOp):
            return self.binary(node, index)
        if isinstance(node, ast.Compare):
            left, right = self.piece(node.left, index), self.piece(node.comparators[0], index)
            text = f"{left.text} {_COMPARED[type(node.ops[0])]} {right.text}"
            value = bool(self.whole(node)[index])
            return _Piece(text, value, (*left.factors, *right.factors), False)
        if self.moves(node):
            inner, place = self.origin(node, index)
            if inner is not node:
                return self.piece(inner, place)
        if isinstance(node, ast.Call) and self.called(node) in _SUMS:
            return self.reduction(node, index)
        if isinstance(node, ast.Call) and self.called(node) not in _MADE:
            return self.call(node, index)
        value = float(np.real(self.whole(node)[index]))
        return _Piece(self.number(value), value)

    def binary(self, node: ast.BinOp, index: Index) -> _Piece:
        if isinstance(node.op, ast.MatMult):
            products = [self.product(left, right) for left, right in self.pairs(node, index)]
            return _joined(products, " + ")
        left, right = self.piece(node.left, index), self.piece(node.right, index)
        value = self.whole(node)[index]
        sign = _SIGNS[type(node.op)]
        tight = isinstance(node.op, (ast.Mult, ast.Div, ast.Pow))
        first = left.bracketed if tight else left.text
        second = right.bracketed
        return _Piece(f"{first} {sign} {second}", value, (*left.factors, *right.factors), False)

    def call(self, node: ast.Call, index: Index) -> _Piece:
        """Return an element-wise function of pieces: `exp(0.5)`, `where(...)`."""
        name = ast.unparse(node.func).removeprefix("np.")
        if name == "outer":
            left, right = (
                self.piece(argument, (part,))
                for argument, part in zip(node.args, index, strict=True)
            )
            return self.product(left, right)
        arguments = [self.piece(argument, index) for argument in node.args]
        if name == "where":  # the branch that is taken says more than both
            taken = arguments[1] if arguments[0].value else arguments[2]
            text = f"{taken.text} (as {arguments[0].text})" if arguments[0].value else taken.text
            factors = (*arguments[0].factors, *taken.factors)
            return _Piece(text, taken.value, tuple(dict.fromkeys(factors)), False)
        text = f"{name}({', '.join(argument.text for argument in arguments)})"
        factors = tuple(factor for argument in arguments for factor in argument.factors)
        return _Piece(text, self.whole(node)[index], factors)

    def reduction(self, node: ast.Call, index: Index) -> _Piece:
        """Return a sum, mean, largest or product within a larger formula."""
        parts = [self.piece(node.args[0], place) for place in self.reduced(node, index)]
        name = self.called(node).removeprefix("np.")
        value = self.whole(node)[index]
        factors = tuple(factor for part in parts for factor in part.factors)
        if name in ("sum", "mean"):
            text = " + ".join(part.text for part in parts)
            text = f"({text}) / {len(parts)}" if name == "mean" else text
            return _Piece(text, value, factors, len(parts) == 1 and parts[0].atom)
        inner = ", ".join(part.text for part in parts)
        return _Piece(f"{name}({inner})", value, factors)

    def product(self, left: _Piece, right: _Piece) -> _Piece:
        text = f"{left.bracketed} * {right.bracketed}"
        return _Piece(text, left.value * right.value, (*left.factors, *right.factors), False)

    # Indices.

    def shrunk(self, node: ast.expr, index: Index) -> Index:
        """Return the index into a part that is broadcast to the whole."""
        shape = self.whole(node).shape
        tail = index[len(index) - len(shape) :] if len(index) >= len(shape) else index
        return tuple(0 if size == 1 else part for part, size in zip(tail, shape, strict=True))

    def pairs(self, node: ast.BinOp, index: Index) -> Iterator[tuple[_Piece, _Piece]]:
        """Return the factors of each term of a matrix product."""
        left, right = self.whole(node.left), self.whole(node.right)
        for inner in range(left.shape[-1]):
            row = () if left.ndim == 1 else (index[-1 if right.ndim == 1 else -2],)
            column = () if right.ndim == 1 else (index[-1],)
            rest = index[: len(index) - len(row) - len(column)]
            one = (*rest[len(rest) - (left.ndim - len(row) - 1) :], *row, inner)
            two = (*rest[len(rest) - max(right.ndim - 2, 0) :], inner, *column)
            yield self.piece(node.left, one), self.piece(node.right, two)

    def reduced(self, node: ast.Call, index: Index) -> Iterator[Index]:
        """Return the indices of the entries that a sum runs over."""
        shape = self.whole(node.args[0]).shape
        options = {key.arg: ast.literal_eval(key.value) for key in node.keywords}
        axis = options.get("axis")
        axes = range(len(shape)) if axis is None else (axis,) if isinstance(axis, int) else axis
        over = {part % len(shape) for part in axes} if shape else set[int]()
        kept = iter(() if axis is None else index)
        fixed: list[range] = []
        for place, size in enumerate(shape):
            if place in over:
                fixed.append(range(size))
                if options.get("keepdims") and axis is not None:
                    next(kept)
            else:
                part = next(kept)
                fixed.append(range(part, part + 1))
        return itertools.product(*fixed)

    def called(self, node: ast.expr) -> str:
        return ast.unparse(node.func) if isinstance(node, ast.Call) else ""

    def moves(self, node: ast.expr) -> bool:
        """Say whether a part only moves numbers."""
        if isinstance(node, ast.Subscript):
            return True
        if isinstance(node, ast.Attribute):
            return node.attr == "T"
        return self.called(node) in _MOVES

    def origin(self, node: ast.expr, index: Index) -> tuple[ast.expr, Index]:
        """Return the part, and its index, whose number a move puts at an index."""
        leaves: list[ast.expr] = []
        if isinstance(node, (ast.Subscript, ast.Attribute)):
            leaves = [node.value]
        elif isinstance(node, ast.Call):
            first = node.args[0]
            leaves = list(first.elts) if isinstance(first, ast.List) else [first]
        code, places, start = ast.unparse(node), dict(self.values), 0
        starts: list[int] = []
        for number, leaf in enumerate(leaves):
            shape = self.whole(leaf).shape
            size = math.prod(shape)
            places[f"leaf_{number}"] = np.arange(start, start + size).reshape(shape)
            starts.append(start)
            start += size
        moved = run(_with_leaves(leaves, code), places)
        found = int(moved[index])
        number = max(place for place, begin in enumerate(starts) if begin <= found)
        inner = np.unravel_index(found - starts[number], self.whole(leaves[number]).shape)
        return leaves[number], tuple(int(part) for part in inner)


def _with_leaves(leaves: list[ast.expr], code: str) -> str:
    """Return the code of a move with its leaves named `leaf_0`, `leaf_1`, ..."""
    copy = ast.parse(code, mode="eval").body
    if isinstance(copy, (ast.Subscript, ast.Attribute)):
        copy.value = ast.Name("leaf_0", ast.Load())
    elif isinstance(copy, ast.Call):
        names: list[ast.expr] = [
            ast.Name(f"leaf_{number}", ast.Load()) for number in range(len(leaves))
        ]
        first = copy.args[0]
        copy.args[0] = ast.List(names, ast.Load()) if isinstance(first, ast.List) else names[0]
    return ast.unparse(copy)


def _joined(pieces: list[_Piece], sign: str) -> _Piece:
    text = sign.join(piece.text for piece in pieces)
    factors = tuple(factor for piece in pieces for factor in piece.factors)
    return _Piece(text, sum(piece.value for piece in pieces), factors, False)
