"""What a layer is: a frozen description that holds no arrays and turns into operations."""

from __future__ import annotations

from dataclasses import MISSING
from itertools import chain
from typing import Any, ClassVar, cast

import numpy as np

from chainrule.checks import AnyOf, Name, NoneValue
from chainrule.errors import InvalidParameterError
from chainrule.maths.activation import Activation as ActivationRecord
from chainrule.nn.builder import GraphBuilder, input_tensor
from chainrule.nn.graph import Graph, Tensor
from chainrule.registry import Record, new_registry

__all__ = ["LABEL", "LAYERS", "Layer", "build_graph"]

LABEL = AnyOf(NoneValue(), Name())
"""The rule for `label`: a name of the user's choice for the layer, or None to count."""


class Layer(Record):
    """Base of the layers. Fields are what the user chose; widths come from the data."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        # Set before the dataclass decorator runs, which then leaves it alone.
        cls.__repr__ = cls.__repr__

    def __repr__(self) -> str:
        changed = ", ".join(
            f"{name}={value!r}" for name, value in self.parameters().items() if self._chosen(name)
        )
        return f"{type(self).__name__}({changed})"

    def _chosen(self, name: str) -> bool:
        """Say whether a field differs from its default, so that it is worth printing."""
        return getattr(self, name) != getattr(type(self), name, MISSING)

    transparent: ClassVar[bool] = False
    """True if the layer before may look through this one for the activation that follows."""

    def build(
        self, graph: GraphBuilder, X: Tensor, following: ActivationRecord | None = None
    ) -> Tensor:
        """Append this layer's operations to the graph and return its output.

        Parameters
        ----------
        graph : GraphBuilder
        X : Tensor
            The input.
        following : Activation, optional
            The activation that comes next; first weights are scaled for it.
        """
        raise NotImplementedError

    def first_activation(self) -> ActivationRecord | None:
        """Return the activation that the input of this layer meets first, if any."""
        return None

    def sample_shape(self) -> tuple[int, ...]:
        """Return a shape of one sample that this layer can read (for the laws)."""
        return (4,)

    def sample_inputs(self, uniform: np.ndarray) -> np.ndarray:
        """Map numbers in (0, 1), shape `(N, *sample_shape())`, to valid inputs (for the laws)."""
        return 4.0 * uniform - 2.0


LAYERS = new_registry("layer", Layer)

MAX_NESTING = 25
"""Layers within layers: a model file has room for as many, with all that belongs to them."""


def build_graph(network: Layer, sample_shape: tuple[int, ...]) -> Graph:
    """Return the graph of a network for samples of one shape.

    Example
    -------
    >>> from chainrule import nn
    >>> graph = nn.build_graph(nn.Sequential(nn.Dense(3), nn.ReLU(), nn.Dense(1)), (2,))
    >>> [node.name for node in graph.nodes]
    ['dense_1', 'relu_1', 'dense_2']
    """
    _require_shallow(network)
    X = input_tensor(sample_shape)
    builder = GraphBuilder(X)
    return builder.graph(network.build(builder, X))


def _require_shallow(network: Layer) -> None:
    """Refuse what could be trained, and then not be stored."""
    inner: list[object] = [network]
    for _ in range(MAX_NESTING):
        parameters = [v for layer in inner for v in cast(Layer, layer).parameters().values()]
        several = [v for v in parameters if isinstance(v, tuple)]
        inner = [v for v in (*parameters, *chain.from_iterable(several)) if isinstance(v, Layer)]
        if not inner:
            return
    raise InvalidParameterError(
        "layers are nested too deeply",
        where="network",
        expected=f"at most {MAX_NESTING} layers, each within the other",
        do="put layers that follow each other into one nn.Sequential",
    )
