"""Random networks drawn from the registry of layers, for property tests."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from chainrule.errors import ShapeError
from chainrule.nn import LAYERS, Dense, Flatten, Layer, Sequential, build_graph

__all__ = ["architectures"]

SAMPLES = [(4,), (3, 4)]
DEEPEST = 5


def fits(layers: list[Layer], sample_shape: tuple[int, ...]) -> bool:
    """Say whether layers build on each other, and codes are looked up in the input only."""
    try:
        graph = build_graph(Sequential(*layers), sample_shape)
    except ShapeError:
        return False
    looked_up = [
        node.inputs[local]
        for node in graph.nodes
        for local in set(node.op.inputs()) - set(node.op.differentiable())
    ]
    return not looked_up or (set(looked_up) == {"X"} and _reads_codes(layers[0]))


def _reads_codes(layer: Layer) -> bool:
    """Say whether the first layer's own samples are whole numbers, as codes are."""
    X = layer.sample_inputs(np.full((1, *layer.sample_shape()), 0.7))
    return bool(np.array_equal(X, np.floor(X)))


@st.composite
def blocks(draw: Any, depth: int = 1) -> Layer:
    """Return an example of the registry, or a connection around one to three blocks."""
    connections = [member for member in LAYERS if "layers" in member.rules]
    if depth and draw(st.integers(0, 2)) == 0:
        connection = draw(st.sampled_from(connections))
        least = max(connection.rules["layers"].least, 1)  # type: ignore[attr-defined]
        inner = draw(st.lists(blocks(depth - 1), min_size=least, max_size=3))
        return connection.from_fields({"layers": tuple(inner)})
    member = draw(st.sampled_from(list(LAYERS)))
    return draw(st.sampled_from(member.examples()))


@st.composite
def architectures(draw: Any) -> tuple[list[Layer], tuple[int, ...]]:
    """Return up to five blocks that fit each other, and the shape of a sample."""
    sample_shape = draw(st.sampled_from(SAMPLES))
    layers: list[Layer] = []
    for block in draw(st.lists(blocks(), max_size=DEEPEST)):
        if fits([*layers, block], sample_shape):
            layers.append(block)
    return layers, sample_shape


def closed(layers: list[Layer], sample_shape: tuple[int, ...], width: int) -> Sequential:
    """Return the layers with a head of so many raw outputs."""
    return Sequential(*layers, Flatten(), Dense(width))
