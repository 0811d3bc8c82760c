"""What learners call their arrays: `dW1`, `W1_grad`, `grad_b2`, `dense_1.dW`, lists and nests."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, cast

__all__ = ["Named", "flat_items", "match_names", "parse"]


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

    Lists count from 1: `{"dW": [a, b]}` gives `dW1` and `dW2`, a list of pairs `W1`, `b1`, ...
    """
    if isinstance(value, Mapping):
        for key, item in cast("Mapping[object, Any]", value).items():
            yield from flat_items(item, f"{prefix}.{key}" if prefix else str(key))
    elif isinstance(value, (list, tuple)) and _holds_arrays(cast("Any", value)):
        items = cast("Sequence[Any]", value)
        pairs = all(isinstance(item, (list, tuple)) and len(item) == 2 for item in items)
        for number, item in enumerate(items, 1):
            if pairs:
                yield f"W{number}", item[0]
                yield f"b{number}", item[1]
            else:
                yield from flat_items(item, f"{prefix}{number}" if prefix else f"layer{number}")
    else:
        yield prefix, value


def _holds_arrays(items: Sequence[Any]) -> bool:
    return bool(items) and all(
        isinstance(i, (list, tuple, Mapping)) or hasattr(i, "shape") for i in items
    )


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
