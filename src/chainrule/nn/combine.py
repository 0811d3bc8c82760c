"""Layers made of layers: sequences, residual and dense connections, parallel branches."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.checks import Each, Instance, Integer, OneOf
from chainrule.errors import ShapeError
from chainrule.frozen import frozen
from chainrule.maths.activation import Activation
from chainrule.nn.builder import GraphBuilder, Start, following_initialiser
from chainrule.nn.graph import Tensor
from chainrule.nn.layer import LABEL, LAYERS, Layer
from chainrule.ops.affine import Affine
from chainrule.ops.join import Add
from chainrule.ops.join import Concat as ConcatOp
from chainrule.ops.shapes import shape_text

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["Concat", "DenseConnection", "Identity", "Residual", "Sequential", "SkipStack"]

_REPR_WIDTH = 80
LAYERS_RULE = Each(Instance(Layer), least=1)


def _next_activation(layers: Sequence[Layer], following: Activation | None) -> Activation | None:
    """Return the activation that a layer's output meets, looking through norms and dropout."""
    for layer in layers:
        activation = layer.first_activation()
        if activation is not None:
            return activation
        if not layer.transparent:
            return None
    return following


def _chain(
    layers: Sequence[Layer], graph: GraphBuilder, X: Tensor, following: Activation | None
) -> Tensor:
    for position, layer in enumerate(layers):
        X = layer.build(graph, X, _next_activation(layers[position + 1 :], following))
    return X


@frozen(init=False)
class _Group(Layer):
    """Base of the layers that take layers as positional arguments."""

    layers: tuple[Layer, ...]
    label: str | None = None

    def __init__(self, *layers: Layer, label: str | None = None) -> None:
        if len(layers) == 1 and isinstance(layers[0], (tuple, list)):
            layers = tuple(layers[0])
        object.__setattr__(self, "layers", tuple(layers))
        object.__setattr__(self, "label", label)
        self.check()

    def __repr__(self) -> str:
        parts = [repr(layer) for layer in self.layers]
        others = {key: value for key, value in self.parameters().items() if key != "layers"}
        parts += [f"{key}={value!r}" for key, value in others.items() if self._chosen(key)]
        line = f"{type(self).__name__}({', '.join(parts)})"
        if len(line) <= _REPR_WIDTH and "\n" not in line:
            return line
        inner = ",\n".join(textwrap.indent(part, "    ") for part in parts)
        return f"{type(self).__name__}(\n{inner},\n)"

    @classmethod
    def from_fields(cls, fields: Mapping[str, Any]) -> Self:
        others = {key: value for key, value in fields.items() if key != "layers"}
        layers = fields.get("layers", ())
        if not isinstance(layers, (tuple, list)):
            layers = (layers,)  # for the rule to refuse, with the field's name
        return cls(*layers, **others)

    def sample_shape(self) -> tuple[int, ...]:
        return self.layers[0].sample_shape()

    def sample_inputs(self, uniform: np.ndarray) -> np.ndarray:
        return self.layers[0].sample_inputs(uniform)


@LAYERS.register
@frozen(init=False)
class Sequential(_Group):
    r"""Apply layers one after the other: :math:`f_L(\dots f_2(f_1(X)))`.

    Source: the multilayer perceptron; Rosenblatt (1961), Rumelhart, Hinton, Williams (1986).

    Example
    -------
    >>> from chainrule import nn
    >>> net = nn.Sequential(nn.Dense(8), nn.ReLU(), nn.Dense(1))
    >>> len(net.layers)
    3
    """

    name = "sequential"
    rules = {"layers": LAYERS_RULE, "label": LABEL}
    latex = r"f_L(\dots f_2(f_1(X)))"
    source = (
        "Rumelhart, Hinton, Williams, Learning representations by back-propagating errors, 1986"
    )

    @classmethod
    def examples(cls) -> tuple[Sequential, ...]:
        """Return a layer and a pair."""
        return (cls(Identity()), cls(Identity(), Identity()))

    def first_activation(self) -> Activation | None:
        """Return the activation that the input meets first."""
        return _next_activation(self.layers, None)

    def build(self, graph: GraphBuilder, X: Tensor, following: Activation | None = None) -> Tensor:
        """Append each layer in order."""
        return _chain(self.layers, graph, X, following)


@LAYERS.register
@frozen
class Identity(Layer):
    """Pass the input on unchanged (a branch of `Concat`, a placeholder).

    Source: the identity map.

    Example
    -------
    >>> from chainrule import nn
    >>> nn.Concat(nn.Identity(), nn.Dense(2)).name
    'concat'
    """

    name = "identity"
    latex = r"Z = X"
    source = "the identity map"
    transparent = True

    def build(self, graph: GraphBuilder, X: Tensor, following: Activation | None = None) -> Tensor:
        """Return X."""
        return X


def _fitted(graph: GraphBuilder, X: Tensor, like: Tensor, projection: str) -> Tensor:
    """Return X, through a linear projection if its width differs from `like`."""
    if X.shape[-1].size == like.shape[-1].size or len(X.shape) != len(like.shape):
        return X
    if projection == "never":
        raise ShapeError(
            "the skip connection does not fit",
            where=f"{X.name} + {like.name}",
            expected=shape_text(X.shape),
            got=shape_text(like.shape),
            do='use the same width, or projection="auto"',
        )
    initialiser, gain = following_initialiser(None, None)
    units = like.shape[-1].size or 1
    starts = {"W": Start(initialiser, gain, True)}
    return graph.add("projection", Affine(units, bias=False), (X,), starts)


@LAYERS.register
@frozen(init=False)
class Residual(_Group):
    r"""Add the input to the output of some layers: :math:`H = X + F(X)`.

    If the widths differ, X goes through a linear projection without bias
    (`projection="never"` makes that an error).

    Source: He, Zhang, Ren, Sun, "Deep residual learning for image recognition" (2016).

    Example
    -------
    >>> from chainrule import nn
    >>> graph = nn.build_graph(nn.Residual(nn.Dense(3), nn.ReLU()), (2,))
    >>> [node.name for node in graph.nodes]
    ['dense_1', 'relu_1', 'projection_1', 'residual_1']
    """

    name = "residual"
    rules = {"layers": LAYERS_RULE, "projection": OneOf(("auto", "never")), "label": LABEL}
    latex = r"H = X + F(X)"
    source = "He, Zhang, Ren, Sun, Deep Residual Learning for Image Recognition, CVPR 2016"

    projection: str = "auto"

    def __init__(self, *layers: Layer, projection: str = "auto", label: str | None = None) -> None:
        object.__setattr__(self, "projection", projection)
        super().__init__(*layers, label=label)

    @classmethod
    def examples(cls) -> tuple[Residual, ...]:
        """Return an identity skip and a projected one."""
        return (cls(LAYERS.make("dense", units=4)), cls(LAYERS.make("dense", units=3)))

    def build(self, graph: GraphBuilder, X: Tensor, following: Activation | None = None) -> Tensor:
        """Append the layers, the projection if it is needed, and the sum."""
        H = _chain(self.layers, graph, X, None)
        skip = _fitted(graph, X, H, self.projection)
        return graph.add("residual", Add(2), (skip, H), None, self.label)


@LAYERS.register
@frozen(init=False)
class SkipStack(_Group):
    r"""Let each layer also add the output of the layer `span` places before.

    .. math:: h^{(l)} = f_l(h^{(l-1)}) + h^{(l - \text{span})}, \qquad l \ge \text{span}

    The skips overlap, unlike in a chain of `Residual`. Widths that differ are projected.

    Source: the course's skip connection, `h(l) = f(W h(l-1) + b) + h(l-2)`.

    Example
    -------
    >>> from chainrule import nn
    >>> graph = nn.build_graph(nn.SkipStack(nn.Dense(4, "tanh"), nn.Dense(4, "tanh")), (4,))
    >>> graph.nodes[-1].inputs
    {'X0': 'tanh_2.H', 'X1': 'X'}
    """

    name = "skip_stack"
    rules = {"layers": LAYERS_RULE, "span": Integer(2), "label": LABEL}
    latex = r"h^{(l)} = f_l(h^{(l-1)}) + h^{(l-s)}"
    source = "course notes, skip connections"

    span: int = 2

    def __init__(self, *layers: Layer, span: int = 2, label: str | None = None) -> None:
        object.__setattr__(self, "span", span)
        super().__init__(*layers, label=label)

    @classmethod
    def examples(cls) -> tuple[SkipStack, ...]:
        """Return a stack with one overlapping pair of skips."""
        dense = [LAYERS.make("dense", units=units, activation="tanh") for units in (4, 4, 3)]
        return (cls(*dense),)

    def build(self, graph: GraphBuilder, X: Tensor, following: Activation | None = None) -> Tensor:
        """Append each layer and its skip."""
        outputs = [X]
        for position, layer in enumerate(self.layers):
            upcoming = _next_activation(self.layers[position + 1 :], following)
            H = layer.build(graph, outputs[-1], upcoming)
            if len(outputs) >= self.span:
                skip = _fitted(graph, outputs[-self.span], H, "auto")
                label = None if self.label is None else f"{self.label}_{len(outputs)}"
                H = graph.add("skip", Add(2), (H, skip), None, label)
            outputs.append(H)
        return outputs[-1]


@LAYERS.register
@frozen(init=False)
class Concat(_Group):
    r"""Give the same input to several branches and put their outputs side by side.

    .. math:: Z = [f_0(X), f_1(X), \dots]

    Source: Szegedy et al., "Going deeper with convolutions" (2015).

    Example
    -------
    >>> from chainrule import nn
    >>> tables = nn.Concat(
    ...     nn.Columns(0, 1), nn.Sequential(nn.Columns(2), nn.Embedding(5, 3), nn.Flatten())
    ... )
    >>> str(nn.build_graph(tables, (3,)).output.shape[-1])
    '5'
    """

    name = "concat"
    rules = {"layers": Each(Instance(Layer), least=2), "label": LABEL}
    latex = r"Z = [f_0(X), f_1(X), \dots]"
    source = "Szegedy et al., Going Deeper with Convolutions, CVPR 2015"

    @classmethod
    def examples(cls) -> tuple[Concat, ...]:
        """Return an identity beside a dense branch, and branches of several widths."""
        two, three = (LAYERS.make("dense", units=units) for units in (2, 3))
        return (cls(Identity(), two), cls(two, Identity(), three), cls(three, two, two, Identity()))

    def build(self, graph: GraphBuilder, X: Tensor, following: Activation | None = None) -> Tensor:
        """Append each branch and the concatenation."""
        outputs = tuple(layer.build(graph, X, None) for layer in self.layers)
        return graph.add("concat", ConcatOp(len(outputs)), outputs, None, self.label)


@LAYERS.register
@frozen(init=False)
class DenseConnection(_Group):
    r"""Put the input beside the output of some layers: :math:`Z = [X, F(X)]`.

    Source: Huang, Liu, van der Maaten, Weinberger, "Densely connected convolutional networks"
    (2017).

    Example
    -------
    >>> from chainrule import nn
    >>> graph = nn.build_graph(nn.DenseConnection(nn.Dense(3), nn.ReLU()), (2,))
    >>> graph.output.shape[-1].size
    5
    """

    name = "dense_connection"
    rules = {"layers": LAYERS_RULE, "label": LABEL}
    latex = r"Z = [X, F(X)]"
    source = (
        "Huang, Liu, van der Maaten, Weinberger, Densely Connected Convolutional Networks, 2017"
    )

    @classmethod
    def examples(cls) -> tuple[DenseConnection, ...]:
        """Return a dense connection around one layer."""
        return (cls(LAYERS.make("dense", units=2)),)

    def build(self, graph: GraphBuilder, X: Tensor, following: Activation | None = None) -> Tensor:
        """Append the layers and the concatenation."""
        H = _chain(self.layers, graph, X, None)
        return graph.add("concat", ConcatOp(2), (X, H), None, self.label)
