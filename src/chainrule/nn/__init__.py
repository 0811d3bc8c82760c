"""The user's words: frozen descriptions of layers that hold no arrays.

Every activation of the registry also has a constructor here (`nn.ReLU()`, `nn.GELU()`,
`nn.LeakyReLU(alpha=0.2)`), made from its record's class name, so a new activation needs no line in
this file.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import chainrule.maths as _maths
import chainrule.ops as _ops
from chainrule.maths.activation import ACTIVATIONS
from chainrule.nn.combine import (
    Concat,
    DenseConnection,
    Identity,
    Residual,
    Sequential,
    SkipStack,
)
from chainrule.nn.dense import Activation, Dense, Scale
from chainrule.nn.layer import LAYERS, Layer, build_graph
from chainrule.nn.regularise import BatchNorm, Dropout, LayerNorm
from chainrule.nn.sequence import (
    Columns,
    Embedding,
    Flatten,
    MultiHeadSelfAttention,
    TransformerBlock,
)

__all__ = [
    "LAYERS",
    "Activation",
    "BatchNorm",
    "Columns",
    "Concat",
    "Dense",
    "DenseConnection",
    "Dropout",
    "Embedding",
    "Flatten",
    "Identity",
    "Layer",
    "LayerNorm",
    "MultiHeadSelfAttention",
    "Residual",
    "Scale",
    "Sequential",
    "SkipStack",
    "TransformerBlock",
    "build_graph",
]


def _activation_constructors() -> dict[str, str]:
    return {member.__name__: member.name for member in ACTIVATIONS if member.__name__ != "Identity"}


def __getattr__(name: str) -> Callable[..., Activation]:
    registered = _activation_constructors().get(name)
    if registered is None:
        raise AttributeError(f"chainrule.nn has no layer called {name!r}")

    def construct(*values: Any, label: str | None = None, **parameters: Any) -> Activation:
        return Activation(ACTIVATIONS[registered](*values, **parameters), label)

    construct.__name__ = construct.__qualname__ = name
    construct.__doc__ = ACTIVATIONS[registered].__doc__
    return construct


def __dir__() -> list[str]:
    return sorted([*__all__, *_activation_constructors()])


del _maths, _ops
