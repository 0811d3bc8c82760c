"""Layers for sequences and categories: embedding, attention, flatten, columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from chainrule.checks import AnyOf, Boolean, Each, Integer, NoneValue, Real
from chainrule.errors import ShapeError
from chainrule.frozen import frozen
from chainrule.maths.activation import ACTIVATIONS
from chainrule.maths.activation import Activation as ActivationRecord
from chainrule.maths.initialiser import INITIALISERS, Initialiser
from chainrule.nn.builder import GraphBuilder, Start, following_initialiser
from chainrule.nn.combine import Residual
from chainrule.nn.dense import START, Activation, Dense
from chainrule.nn.graph import Tensor
from chainrule.nn.layer import LABEL, LAYERS, Layer
from chainrule.nn.regularise import Dropout, LayerNorm
from chainrule.ops import reshape
from chainrule.ops.affine import Affine
from chainrule.ops.attend import Attend

__all__ = ["Columns", "Embedding", "Flatten", "MultiHeadSelfAttention", "TransformerBlock"]


@LAYERS.register
@frozen
class Flatten(Layer):
    """Merge all axes but the first: `(N, T, d)` becomes `(N, T d)`.

    Source: a change of index.

    Example
    -------
    >>> from chainrule import nn
    >>> nn.build_graph(nn.Flatten(), (2, 3)).output.shape[-1].size
    6
    """

    name = "flatten"
    rules = {"label": LABEL}
    latex = reshape.Flatten.latex
    source = reshape.Flatten.source
    transparent = True

    label: str | None = None

    def sample_shape(self) -> tuple[int, ...]:
        """Return a sequence of three steps."""
        return (3, 4)

    def build(
        self, graph: GraphBuilder, X: Tensor, following: ActivationRecord | None = None
    ) -> Tensor:
        """Append the flattening."""
        return graph.add("flatten", reshape.Flatten(), (X,), None, self.label)


@LAYERS.register
@frozen(init=False)
class Columns(Layer):
    """Pick columns of the input by index: `nn.Columns(0, 3)`.

    Source: a change of index.

    Example
    -------
    >>> from chainrule import nn
    >>> nn.Columns(0, 3).picked
    (0, 3)
    """

    name = "columns"
    rules = {**reshape.Columns.rules, "label": LABEL}
    latex = reshape.Columns.latex
    source = reshape.Columns.source

    picked: tuple[int, ...]
    label: str | None = None

    def __init__(self, *picked: int, label: str | None = None) -> None:
        if len(picked) == 1 and isinstance(picked[0], (tuple, list)):
            picked = tuple(picked[0])
        object.__setattr__(self, "picked", picked)
        object.__setattr__(self, "label", label)
        self.check()

    @classmethod
    def from_fields(cls, fields: Mapping[str, Any]) -> Columns:
        """Build from `picked` and `label`."""
        picked = fields.get("picked", ())
        if not isinstance(picked, (tuple, list)):
            picked = (picked,)  # for the rule to refuse, with the field's name
        return cls(*picked, label=fields.get("label"))

    @classmethod
    def examples(cls) -> tuple[Columns, ...]:
        """Return reordering picks of some columns and of all."""
        return (cls(2, 0), cls(3, 0, 2), cls(2, 0, 3, 1))

    def build(
        self, graph: GraphBuilder, X: Tensor, following: ActivationRecord | None = None
    ) -> Tensor:
        """Append the pick."""
        return graph.add("columns", reshape.Columns(self.picked), (X,), None, self.label)


@LAYERS.register
@frozen
class Embedding(Layer):
    r"""Turn category codes into learned vectors: :math:`Z_{it} = E_{o_t + X_{it}}`.

    Shapes: X `(N, T)` with whole numbers, Z `(N, T, width)`.

    Parameters
    ----------
    levels : int or tuple of int
        Number of categories; a number stands for every column of the input.
    width : int
        Length of each vector.
    initialiser : Initialiser or str
    label : str, optional

    Source: Guo and Berkhahn, "Entity embeddings of categorical variables" (2016).

    Example
    -------
    >>> from chainrule import nn
    >>> [dim.size for dim in nn.build_graph(nn.Embedding((3, 7), 4), (2,)).parameters[0].shape]
    [10, 4]
    """

    name = "embedding"
    rules = {
        "levels": AnyOf(Integer(1), Each(Integer(1), least=1)),
        "width": Integer(1),
        "initialiser": INITIALISERS.any_of(),
        "label": LABEL,
    }
    latex = reshape.Embed.latex
    source = reshape.Embed.source

    levels: int | tuple[int, ...]
    width: int
    initialiser: Initialiser | str = "normal"
    label: str | None = None

    @classmethod
    def examples(cls) -> tuple[Embedding, ...]:
        """Return one table for all columns and one for each, of a few columns and of many."""
        return (cls(2, 3), cls((2, 2, 3, 4), 2), cls((3, 2, 4, 2, 3, 2), 2))

    def sample_shape(self) -> tuple[int, ...]:
        """Return one code for each table."""
        return (4 if isinstance(self.levels, int) else len(self.levels),)

    def sample_inputs(self, uniform: np.ndarray) -> np.ndarray:
        """Return valid codes."""
        return np.floor(uniform * np.asarray(self.levels))

    def build(
        self, graph: GraphBuilder, X: Tensor, following: ActivationRecord | None = None
    ) -> Tensor:
        """Append the look-up."""
        columns = X.shape[-1].size or 1
        levels = (self.levels,) * columns if isinstance(self.levels, int) else tuple(self.levels)
        starts = {"E": Start(INITIALISERS.make(self.initialiser), 1.0, True)}
        op = reshape.Embed(levels, self.width)
        return graph.add("embedding", op, (X,), starts, self.label)


@LAYERS.register
@frozen
class MultiHeadSelfAttention(Layer):
    r"""Let the positions of a sequence look at each other.

    .. math:: Z = \operatorname{Attend}(X W_q, X W_k, X W_v)\, W_o

    with a bias in each product. Shapes: X and Z `(N, T, d)`, d divisible by `heads`.

    Source: Vaswani et al., "Attention is all you need" (2017), section 3.2.

    Example
    -------
    >>> from chainrule import nn
    >>> len(nn.build_graph(nn.MultiHeadSelfAttention(2), (3, 4)).parameters)
    8
    """

    name = "multi_head_self_attention"
    rules = {
        "heads": Integer(1),
        "causal": Boolean(),
        "initialiser": START,
        "label": LABEL,
    }
    latex = r"Z = \operatorname{Attend}(X W_q, X W_k, X W_v)\, W_o"
    source = Attend.source

    heads: int = 1
    causal: bool = False
    initialiser: Initialiser | str | None = None
    label: str | None = None

    @classmethod
    def examples(cls) -> tuple[MultiHeadSelfAttention, ...]:
        """Return one head, and two causal ones."""
        return (cls(1), cls(2, causal=True))

    def sample_shape(self) -> tuple[int, ...]:
        """Return a sequence of three steps."""
        return (3, 4)

    def build(
        self, graph: GraphBuilder, X: Tensor, following: ActivationRecord | None = None
    ) -> Tensor:
        """Append three projections, the attention and the output projection."""
        if len(X.shape) != 3:
            raise ShapeError(
                "attention reads sequences",
                where=f"layer {self.label or 'attention'}, input {X.name}",
                expected="(N, T, d)",
                got=str(tuple(str(dim) for dim in X.shape)).replace("'", ""),
                do="put an Embedding in front, or reshape X to (N, T, d)",
            )
        width = X.shape[-1].size or 1
        name = self.label or graph.unique("attention", None)

        def project(tensor: Tensor, role: str) -> Tensor:
            initialiser, gain = following_initialiser(self.initialiser, None)
            starts = {"W": Start(initialiser, gain, True)}
            return graph.add("projection", Affine(width), (tensor,), starts, f"{name}_{role}")

        queries, keys, values = (project(X, role) for role in ("query", "key", "value"))
        op = Attend(self.heads, self.causal)
        mixed = graph.add("attend", op, (queries, keys, values), None, f"{name}_heads")
        return project(mixed, "output")


@LAYERS.register
@frozen
class TransformerBlock(Layer):
    r"""Self-attention and a two-layer perceptron, each normalised first and with a skip.

    .. math::
        U = X + \operatorname{Attention}(\operatorname{LayerNorm}(X)), \qquad
        Z = U + f(\operatorname{LayerNorm}(U) W_1 + b_1) W_2 + b_2

    Shapes: X and Z `(N, T, d)`.

    Parameters
    ----------
    heads : int
    hidden : int, optional
        Width of the perceptron; by default 4 d.
    activation : Activation or str
    dropout : float
        Rate after the attention and after the perceptron.
    causal : bool
    label : str, optional
        Prefix of the names of the parts.

    Source: Vaswani et al. (2017); norms first as in Xiong et al., "On layer normalization in the
    transformer architecture" (2020).

    Example
    -------
    >>> from chainrule import nn
    >>> nn.build_graph(nn.TransformerBlock(heads=2), (3, 4)).output.shape[-1].size
    4
    """

    name = "transformer_block"
    rules = {
        "heads": Integer(1),
        "hidden": AnyOf(NoneValue(), Integer(1)),
        "activation": ACTIVATIONS.any_of(),
        "dropout": Real(0, 1, closed="left"),
        "causal": Boolean(),
        "label": LABEL,
    }
    latex = (
        r"U = X + \mathrm{Attention}(\mathrm{LayerNorm}(X)),"
        r"\quad Z = U + \mathrm{MLP}(\mathrm{LayerNorm}(U))"
    )
    source = "Vaswani et al. 2017; Xiong et al., On Layer Normalization in the Transformer, 2020"

    heads: int = 1
    hidden: int | None = None
    activation: ActivationRecord | str = "gelu"
    dropout: float = 0.0
    causal: bool = False
    label: str | None = None

    @classmethod
    def examples(cls) -> tuple[TransformerBlock, ...]:
        """Return a plain block, and a small causal one with dropout."""
        return (cls(2), cls(1, hidden=3, activation="tanh", dropout=0.2, causal=True))

    def sample_shape(self) -> tuple[int, ...]:
        """Return a sequence of three steps."""
        return (3, 4)

    def build(
        self, graph: GraphBuilder, X: Tensor, following: ActivationRecord | None = None
    ) -> Tensor:
        """Append both halves of the block."""
        width = X.shape[-1].size or 1

        def named(part: str) -> str | None:
            return None if self.label is None else f"{self.label}_{part}"

        def dropped(part: str) -> tuple[Layer, ...]:
            return (Dropout(self.dropout, label=named(part)),) if self.dropout else ()

        attention = Residual(
            LayerNorm(label=named("norm_1")),
            MultiHeadSelfAttention(self.heads, self.causal, label=named("attention")),
            *dropped("dropout_1"),
            label=named("residual_1"),
        )
        perceptron = Residual(
            LayerNorm(label=named("norm_2")),
            Dense(self.hidden or 4 * width, label=named("dense_1")),
            Activation(self.activation, label=named("activation")),
            Dense(width, label=named("dense_2")),
            *dropped("dropout_2"),
            label=named("residual_2"),
        )
        return perceptron.build(graph, attention.build(graph, X))
