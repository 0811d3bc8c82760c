"""The dimension line of a matrix product: symbols first, then numbers."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Any

from chainrule.glass.trace.space import tree

__all__ = ["product_lines"]

_Operand = tuple[tuple[str, ...], tuple[int, ...]]


def product_lines(
    code: str,
    owners: Mapping[str, str],
    dims: Mapping[str, tuple[str, ...]],
    variables: Mapping[str, Any],
) -> str:
    """Return `(d_0 x N)(N x d_1) -> (d_0 x d_1) : (3 x 8)(8 x 4) -> (3 x 4)` for each product.

    Products of more than names and transposes of names have no line.
    """

    def operand(node: ast.expr) -> _Operand | None:
        if isinstance(node, ast.Name) and node.id in owners:
            return dims[owners[node.id]], tuple(variables[node.id].shape)
        if isinstance(node, ast.Attribute) and node.attr == "T":
            inner = operand(node.value)
            return None if inner is None else (inner[0][::-1], inner[1][::-1])
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "np.swapaxes":
            inner = operand(node.args[0])
            return None if inner is None else (_swapped(inner[0]), _swapped(inner[1]))
        return None

    lines: list[str] = []
    for node in ast.walk(tree(code)):
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult):
            left, right = operand(node.left), operand(node.right)
            if left is not None and right is not None and left[0] and right[0]:
                symbols = _line(left[0], right[0])
                lines.append(f"{symbols} : {_line(_texts(left[1]), _texts(right[1]))}")
    return "; ".join(lines)


def _swapped(axes: tuple[Any, ...]) -> tuple[Any, ...]:
    return (*axes[:-2], axes[-1], axes[-2])


def _texts(sizes: tuple[int, ...]) -> tuple[str, ...]:
    return tuple(str(size) for size in sizes)


def _line(left: tuple[str, ...], right: tuple[str, ...]) -> str:
    stack = right[:-2] if len(right) > len(left) else left[:-2]
    result = (*stack, *left[:-1][-1:], right[-1])
    return f"{_brackets(left)}{_brackets(right)} -> {_brackets(result)}"


def _brackets(parts: tuple[str, ...]) -> str:
    return "(" + " x ".join(f"({part})" if " " in part else part for part in parts) + ")"
