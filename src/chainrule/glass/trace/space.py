"""Where formulas run: NumPy's functions, the records' variables, and nothing else.

A formula is also run on complex numbers (a complex step through the printed formulas gives an exact
Jacobian). For these, functions that compare or take sizes look at the real part only.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from functools import lru_cache
from types import CodeType, SimpleNamespace
from typing import Any

import numpy as np

from chainrule.maths.arrays import erf, erfc
from chainrule.maths.elementary import absolute, sign

__all__ = ["compiled", "names_in", "relative_error", "run", "size_of_terms", "tree"]

_SAME = tuple(
    name
    for line in (
        "arange array broadcast_to concatenate cosh diag exp expm1 eye floor full inf log log1p",
        "mean ones ones_like outer pi prod reshape sqrt square stack sum swapaxes take tanh",
        "transpose where zeros zeros_like",
    )
    for name in line.split()
)


def _logaddexp(one: Any, two: Any) -> Any:
    """Return log(e^a + e^b), also for complex numbers."""
    one, two = np.asarray(one), np.asarray(two)
    if one.dtype.kind != "c" and two.dtype.kind != "c":
        return np.logaddexp(one, two)
    larger = np.where(np.real(one) >= np.real(two), one, two)
    return larger + np.log1p(np.exp(np.where(np.real(one) >= np.real(two), two, one) - larger))


def _larger(one: Any, two: Any) -> Any:
    return np.where(np.real(one) >= np.real(two), one, two)


def _smaller(one: Any, two: Any) -> Any:
    return np.where(np.real(one) <= np.real(two), one, two)


def _largest(array: Any, axis: Any = None, keepdims: bool = False) -> Any:
    if np.asarray(array).dtype.kind != "c":
        return np.max(array, axis=axis, keepdims=keepdims)
    places = np.argmax(np.real(array), axis=axis, keepdims=True)
    found = np.take_along_axis(array, places, axis)
    return found if keepdims else np.squeeze(found, axis=axis)


def _absolute(array: Any) -> Any:
    return absolute(np.asarray(array))


def _sign(array: Any) -> Any:
    return sign(np.asarray(array))


_NUMPY = SimpleNamespace(
    **{name: getattr(np, name) for name in _SAME},
    abs=_absolute,
    sign=_sign,
    logaddexp=_logaddexp,
    maximum=_larger,
    minimum=_smaller,
    max=_largest,
    real=np.real,
)
_TINY = 1e-300
"""Below this, numbers have too few digits left for a relative difference."""
_GLOBALS: dict[str, Any] = {"__builtins__": {}, "np": _NUMPY, "erf": erf, "erfc": erfc}


@lru_cache(maxsize=4096)
def tree(code: str) -> ast.expr:
    """Return the syntax tree of a formula."""
    return ast.parse(code, mode="eval").body


class _RealComparisons(ast.NodeTransformer):
    """Let comparisons look at real parts, so that a complex step stays on its branch."""

    def visit_Compare(self, node: ast.Compare) -> ast.Compare:
        self.generic_visit(node)
        node.left = _real_part(node.left)
        node.comparators = [_real_part(other) for other in node.comparators]
        return node


def _real_part(node: ast.expr) -> ast.expr:
    module = ast.Name("np", ast.Load())
    return ast.Call(ast.Attribute(module, "real", ast.Load()), [node], [])


@lru_cache(maxsize=4096)
def compiled(code: str) -> CodeType:
    """Return the compiled formula."""
    parsed = _RealComparisons().visit(ast.parse(code, mode="eval"))
    return compile(ast.fix_missing_locations(parsed), "<formula>", "eval")


def names_in(code: str) -> tuple[str, ...]:
    """Return the variables that a formula reads, each once, in order."""
    found = [node for node in ast.walk(tree(code)) if isinstance(node, ast.Name)]
    found.sort(key=lambda node: (node.lineno, node.col_offset))
    return tuple(dict.fromkeys(node.id for node in found if node.id not in _GLOBALS))


def run(code: str, variables: Mapping[str, Any]) -> np.ndarray:
    """Return the value of a formula.

    Example
    -------
    >>> import numpy as np
    >>> from chainrule.glass.trace.space import run
    >>> run("X.T @ dZ", {"X": np.array([[1.0, 2.0]]), "dZ": np.array([[3.0]])})
    array([[3.],
           [6.]])
    """
    with np.errstate(all="ignore"):
        return np.asarray(eval(compiled(code), _GLOBALS, dict(variables)))


def relative_error(found: np.ndarray, value: np.ndarray, scale: float = 0.0) -> float:
    """Return the largest difference, relative to the largest number of `value` or to `scale`."""
    if found.shape != value.shape:
        return float("inf")
    with np.errstate(all="ignore"):
        same = (found == value) | (np.isnan(found) & np.isnan(value))
        if bool(np.all(same)):
            return 0.0
        gap = float(np.max(np.abs(np.where(same, 0.0, found - value))))
        size = max(float(np.max(np.abs(np.where(np.isfinite(value), value, 0.0)))), scale)
    if gap < _TINY:
        return 0.0
    return gap / size if size > 0.0 and np.isfinite(gap) else float("inf")


_Size = Callable[[ast.expr], Any]


def size_of_terms(code: str, variables: Mapping[str, Any]) -> float:
    """Return the largest size that the terms of a formula's sums add up to without cancelling.

    A sum of large terms that cancel is known to the rounding of its terms, not to its own.
    """

    def size(node: ast.expr) -> Any:
        if isinstance(node, ast.BinOp):
            left, right = node.left, node.right
            if isinstance(node.op, (ast.Add, ast.Sub)):
                return size(left) + size(right)
            if isinstance(node.op, ast.Mult):
                return size(left) * size(right)
            if isinstance(node.op, ast.MatMult):
                return size(left) @ size(right)
            if isinstance(node.op, ast.Div):
                return size(left) / np.abs(_value(right, variables))
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            return size(node.operand)
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("np.sum", "np.mean"):
            options = {key.arg: ast.literal_eval(key.value) for key in node.keywords if key.arg}
            reduce = np.sum if ast.unparse(node.func) == "np.sum" else np.mean
            return reduce(size(node.args[0]), **options)
        return np.abs(_value(node, variables))

    with np.errstate(all="ignore"):
        sizes = np.asarray(size(tree(code)))
        return float(np.max(sizes, where=np.isfinite(sizes), initial=0.0))


def _value(node: ast.expr, variables: Mapping[str, Any]) -> Any:
    return run(ast.unparse(node), variables)
