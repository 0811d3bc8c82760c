"""What learners call their arrays: `dW1`, `W1_grad`, `grad_b2`, `dense_1.dW`, lists and nests."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, cast

import numpy as np

__all__ = ["Named", "as_array", "by_shape", "flat_items", "match_names", "parse"]


class Named(NamedTuple):
    """What a name means: weight or bias, and of which layer (a number or a word)."""

    role: str
    layer: str


_SILENT = re.compile(
    r"^(?:d|g|dl|dj|de|dcost|dloss|nabla|delta|partial|grads?|gradients?|layers?|dense|fc|linear"
    r"|affine|l|net|params?|model)$"
)
_ROLE = re.compile(
    r"^(?:d[lje]d|dlossd|dcostd|d[lje]|d|g|grad)?(?P<role>weights?|kernel|theta|w|bias(?:es)?|b)"
    r"(?P<layer>hidden|output|out|h|o|y)?$"
)
_LARGEST = 2**1000
"""Whole numbers beyond it are no float64."""
_LAYER = re.compile(r"^(?:\d+|hidden|h|output|out|o|y|last)$")


def parse(name: str) -> Named | None:
    """Return what a name means, or None if it is no gradient or parameter.

    Example
    -------
    >>> parse("dW1"), parse("grad_b2"), parse("dense_1.dW")
    (Named(role='W', layer='1'), Named(role='b', layer='2'), Named(role='W', layer='1'))
    >>> parse("layer2.weight.grad"), parse("dL_dW3"), parse("dZ1")
    (Named(role='W', layer='2'), Named(role='W', layer='3'), None)
    """
    roles: list[str] = []
    layers: list[str] = []
    for token in re.findall(r"[a-z]+|\d+", name.lower().replace("∂", "d")):
        found = _ROLE.match(token)
        if found:
            roles.append("b" if found["role"].startswith("b") else "W")
            layers += [found["layer"]] if found["layer"] else []
        elif _LAYER.match(token):
            layers.append(token)
        elif not _SILENT.match(token):
            return None
    layers = [layer for layer in layers if layer.isdigit()] or layers
    if len(roles) != 1 or len(layers) > 1:
        return None
    return Named(roles[0], layers[0] if layers else "")


def flat_items(value: object, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield (name, leaf) of nested mappings, lists and tuples.

    Lists count from 1: `{"dW": [a, b]}` gives `dW1` and `dW2`. A list of pairs, and a pair of
    lists, give `W1`, `b1`, ... in the order in which the shapes agree.
    """
    value = as_array(value, rows=_has_layer(prefix))
    if isinstance(value, Mapping):
        for key, item in cast("Mapping[object, Any]", value).items():
            yield from flat_items(item, f"{prefix}.{key}" if prefix else str(key))
    elif isinstance(value, (list, tuple)) and _holds_arrays(cast("Any", value)):
        items = [as_array(item, rows=False) for item in cast("Sequence[Any]", value)]
        nested = parse(prefix) is None and all(isinstance(item, (list, tuple)) for item in items)
        lengths = {len(item) for item in items} if nested else set[int]()
        if nested and (lengths == {2} or (len(items) == 2 and len(lengths) == 1)):
            parts = [as_array(part) for item in items for part in item]
            yield from zip(by_shape(parts, len(parts) // 2), parts, strict=True)
            return
        for number, item in enumerate(items, 1):
            yield from flat_items(item, f"{prefix}{number}" if prefix else f"layer{number}")
    else:
        yield prefix, value


def _holds_arrays(items: Sequence[Any]) -> bool:
    return bool(items) and all(
        isinstance(i, (list, tuple, Mapping)) or hasattr(i, "shape") for i in items
    )


def _has_layer(name: str) -> bool:
    meaning = parse(name)
    return meaning is not None and bool(meaning.layer)


def as_array(value: Any, rows: bool = True) -> Any:
    """Return a list of numbers (with `rows`, also a list of rows of numbers) as an array.

    Anything else comes back as it is, but for an array of objects, which is a list of them.

    Example
    -------
    >>> as_array([[1.0, 2.0], [3.0, 4.0]]).shape, as_array([[1.0], [2.0, 3.0]])
    ((2, 2), [[1.0], [2.0, 3.0]])
    """
    if isinstance(value, np.ndarray) and value.dtype.kind == "O":
        numbers = all(isinstance(part, (int, float, np.number)) for part in value.reshape(-1))
        small = numbers and all(abs(part) < _LARGEST for part in value.reshape(-1))
        value = value.astype(float) if rows and small else list(value)
    if not isinstance(value, (list, tuple)) or not value:
        return value
    held = cast("Sequence[Any]", value)
    inner = [part for row in held for part in (row if isinstance(row, (list, tuple)) else [row])]
    if any(np.shape(part) if hasattr(part, "shape") else np.iterable(part) for part in inner):
        return held
    try:
        array = np.array(held)
    except ValueError:  # rows of different lengths
        return held
    return array if array.dtype.kind in "fiub" and array.ndim <= 1 + rows else held


def by_shape(parts: Sequence[Any], depth: int) -> list[str]:
    """Return the names of arrays that came without: the order in which their shapes agree best.

    W1, b1, W2, b2, ...; b first; all W, then all b; or all b first. The first of equals counts.

    Example
    -------
    >>> by_shape([np.ones(shape) for shape in ((2, 3), (3, 1), (3,), (1,))], depth=2)
    ['W1', 'W2', 'b1', 'b2']
    """
    layers = range(1, depth + 1)
    orders = [[f"{role}{n}" for n in layers for role in roles] for roles in ("Wb", "bW")]
    orders += [[f"{role}{n}" for role in roles for n in layers] for roles in ("Wb", "bW")]
    shapes = [tuple(getattr(part, "shape", ())) for part in parts]

    def agreement(names: list[str]) -> int:
        named = dict(zip(names, shapes, strict=True))
        return max(_agreement(named, depth, out) for out in (1, 0))

    return max(orders, key=agreement)


def _agreement(shapes: Mapping[str, tuple[int, ...]], depth: int, out: int) -> int:
    """Count what fits if the outputs are the axis `out` of every W."""
    count = 0
    for layer in range(1, depth + 1):
        W, b = shapes[f"W{layer}"], shapes[f"b{layer}"]
        units = int(np.prod(b))
        above = shapes.get(f"W{layer + 1}", ())
        count += (len(W) == 2) + (len(b) < 2 or b[1 - out] == 1)
        count += len(W) == 2 and W[out] == units
        count += len(above) == 2 and above[1 - out] == units
    return count


def match_names(names: Sequence[str], depth: int) -> dict[str, str]:
    """Return which given name is which of `W1`, `b1`, `W2`, ...

    Numbers may count from 0; words (hidden, out) stand for the first and the last of two layers.

    Example
    -------
    >>> match_names(["dW0", "db0", "dW1", "db1", "dZ1"], depth=2)
    {'W1': 'dW0', 'b1': 'db0', 'W2': 'dW1', 'b2': 'db1'}
    >>> match_names(["grad_W_hidden", "grad_W_out"], depth=2)
    {'W1': 'grad_W_hidden', 'W2': 'grad_W_out'}
    """
    parsed = {name: meaning for name in names if (meaning := parse(name)) is not None}
    numbers = [int(meaning.layer) for meaning in parsed.values() if meaning.layer.isdigit()]
    offset = 1 if numbers and min(numbers) == 0 else 0
    found: dict[str, str] = {}
    for name, meaning in parsed.items():
        layer = _layer(meaning.layer, offset, depth)
        if layer is not None and 1 <= layer <= depth:
            found.setdefault(f"{meaning.role}{layer}", name)
    return found


def _layer(word: str, offset: int, depth: int) -> int | None:
    if word.isdigit():
        return int(word) + offset
    if word in ("output", "out", "o", "y", "last"):
        return depth
    if word.startswith("h"):
        digits = re.sub(r"\D", "", word)
        return int(digits) if digits else (1 if depth == 2 else None)
    return 1 if depth == 1 else None
