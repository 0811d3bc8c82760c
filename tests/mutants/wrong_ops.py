"""Wrong derivatives of operations: the slips that people make when they write backpropagation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.maths.arrays import flat_rows
from chainrule.ops import normalise
from chainrule.ops.affine import Affine
from chainrule.ops.attend import Attend
from chainrule.ops.dropout import Dropout
from chainrule.ops.join import Add, Concat
from chainrule.ops.normalise import BatchNorm, LayerNorm
from chainrule.ops.reshape import Columns, Embed, Flatten
from chainrule.ops.scale import Scale
from tests.mutants.mutant import Mutant

Gradients = dict[str, Any]
Change = Callable[[Gradients, Any, Any, Any, bool], Gradients]


def changed(change: Change) -> Callable[[Any], Any]:
    """Return what turns a right `backward` into one whose gradients were changed."""

    def spoil(right: Any) -> Any:
        def wrong(self: Any, tensors: Any, dOutput: Any, training: bool) -> Gradients:
            gradients = right(self, tensors, dOutput, training)
            return {**gradients, **change(gradients, self, tensors, dOutput, training)}

        return wrong

    return spoil


def op(name: str, owner: type, change: Change, about: str) -> Mutant:
    """Return a mutant of an operation's `backward`."""
    return Mutant(name, owner, "backward", changed(change), about)


def untransposed(g: Gradients, self: Any, t: Any, dZ: Any, training: bool) -> Gradients:
    W = t["W"]
    return {"X": dZ @ W} if W.shape[0] == W.shape[1] else {}


def first_step_bias(g: Gradients, self: Any, t: Any, dZ: Any, training: bool) -> Gradients:
    return {"b": dZ[:, 0].sum(axis=0)} if self.bias and dZ.ndim == 3 else {}


def without_mean(g: Gradients, self: Any, t: Any, dY: Any, training: bool) -> Gradients:
    dXhat = dY * t["gamma"]
    axes = -1 if isinstance(self, LayerNorm) else tuple(range(dY.ndim - 1))
    product = np.mean(dXhat * t["Xhat"], axis=axes, keepdims=True)
    return {"X": (dXhat - t["Xhat"] * product) / t["deviation"]} if training else {}


def without_product(g: Gradients, self: Any, t: Any, dY: Any, training: bool) -> Gradients:
    dXhat = dY * t["gamma"]
    axes = -1 if isinstance(self, LayerNorm) else tuple(range(dY.ndim - 1))
    mean = np.mean(dXhat, axis=axes, keepdims=True)
    return {"X": (dXhat - mean) / t["deviation"]} if training else {}


def constant_moments(g: Gradients, self: Any, t: Any, dY: Any, training: bool) -> Gradients:
    return {"X": dY * t["gamma"] / t["deviation"]}


def moving_moments(right: Any) -> Any:
    """Return a backward that treats the running moments of prediction as the batch's own."""

    def wrong(self: Any, tensors: Any, dOutput: Any, training: bool) -> Gradients:
        return right(self, tensors, dOutput, True)

    return wrong


def scores_unscaled(g: Gradients, self: Any, t: Any, dZ: Any, training: bool) -> Gradients:
    root = np.sqrt(t["Q"].shape[-1] / self.heads)
    return {"Q": g["Q"] * root, "K": g["K"] * root}


def attention_diagonal(g: Gradients, self: Any, t: Any, dZ: Any, training: bool) -> Gradients:
    Q, K, V = (self._split(t[name]) for name in ("Q", "K", "V"))
    A = t["A"]
    dA = self._split(dZ) @ np.matrix_transpose(V)
    dS = A * (1.0 - A) * dA / np.sqrt(Q.shape[-1])
    return {"Q": self._merge(dS @ K), "K": self._merge(np.matrix_transpose(dS) @ Q)}


def values_untransposed(g: Gradients, self: Any, t: Any, dZ: Any, training: bool) -> Gradients:
    return {"V": self._merge(t["A"] @ self._split(dZ))}


def last_code_wins(g: Gradients, self: Any, t: Any, dZ: Any, training: bool) -> Gradients:
    table = np.zeros_like(t["E"])
    table[t["rows"].reshape(-1)] = dZ.reshape(-1, self.width)
    return {"E": table}


def flattened_by_columns(g: Gradients, self: Any, t: Any, dZ: Any, training: bool) -> Gradients:
    shape = t["X"].shape
    if len(shape) != 3:
        return {}
    turned = dZ.reshape(shape[0], shape[2], shape[1])
    return {"X": np.swapaxes(turned, 1, 2)}


def running_moments_of_tables_only(
    g: Gradients, self: Any, t: Any, dY: Any, training: bool
) -> Gradients:
    if training or dY.ndim != 3:
        return {}
    return {"X": g["X"] - np.mean(g["X"], axis=(0, 1), keepdims=True)}


def third_pick_forgotten(g: Gradients, self: Any, t: Any, dZ: Any, training: bool) -> Gradients:
    dX = np.array(g["X"])
    dX[..., list(self.picked[2:])] = 0.0
    return {"X": dX}


def terms_beyond_two_dropped(g: Gradients, self: Any, t: Any, dZ: Any, training: bool) -> Gradients:
    return {name: 0.0 * g[name] for name in self.inputs()[2:]}


def third_where_the_second_is(
    g: Gradients, self: Any, t: Any, dZ: Any, training: bool
) -> Gradients:
    gradients, start = {}, t["X0"].shape[-1]
    for name in self.inputs()[2:]:
        gradients[name] = dZ[..., start : start + t[name].shape[-1]]
    return {name: part for name, part in gradients.items() if part.shape == g[name].shape}


def late_tables_forgotten(g: Gradients, self: Any, t: Any, dZ: Any, training: bool) -> Gradients:
    table = np.array(g["E"])
    table[sum(self.levels[:4]) :] = 0.0
    return {"E": table}


OPS = [
    op("affine: dX without the transpose", Affine, untransposed, "dense(units=4)"),
    op("affine: dW with the wrong sign", Affine, lambda g, *_: {"W": -g["W"]}, "dense(units=3)"),
    op(
        "affine: dW with the transpose elsewhere",
        Affine,
        lambda g, *_: {"W": g["W"].T} if g["W"].shape[0] == g["W"].shape[1] else {},
        "dense(units=4)",
    ),
    op(
        "affine: db is the mean over rows",
        Affine,
        lambda g, s, t, dZ, _: {"b": flat_rows(dZ).mean(axis=0)} if s.bias else {},
        "dense(units=3)",
    ),
    op("affine: db of the first step of a sequence", Affine, first_step_bias, "samples"),
    op("dropout: mask missing", Dropout, lambda g, s, t, dH, _: {"X": dH}, "dropout"),
    op(
        "dropout: mask without its scale",
        Dropout,
        lambda g, s, t, dH, training: {"X": dH * (t["M"] > 0)} if training else {},
        "dropout",
    ),
    op("batch norm: mean term missing", BatchNorm, without_mean, "batch_norm"),
    op("batch norm: product term missing", BatchNorm, without_product, "batch_norm"),
    op("batch norm: both terms missing", BatchNorm, constant_moments, "batch_norm"),
    Mutant(
        "batch norm: prediction backward as in training",
        BatchNorm,
        "backward",
        moving_moments,
        "batch_norm | prediction",
    ),
    op(
        "batch norm: prediction on sequences as in training",
        BatchNorm,
        running_moments_of_tables_only,
        "sequence: | batch_norm",
    ),
    op(
        "batch norm alone: prediction on sequences as in training",
        BatchNorm,
        running_moments_of_tables_only,
        "operation: batch_norm",
    ),
    op("columns: picks beyond two", Columns, third_pick_forgotten, "operation: columns"),
    op("columns: picks beyond two, as a layer", Columns, third_pick_forgotten, "x loss: columns"),
    op("add: terms beyond two dropped", Add, terms_beyond_two_dropped, "operation: add"),
    op("concat: terms beyond two dropped", Concat, terms_beyond_two_dropped, "operation: concat"),
    op("concat: third where second is", Concat, third_where_the_second_is, "operation: concat"),
    op("concat: branches beyond two", Concat, terms_beyond_two_dropped, "x loss: concat"),
    op("embed: tables beyond four", Embed, late_tables_forgotten, "operation: embed"),
    op("embedding: tables beyond four", Embed, late_tables_forgotten, "x loss: embedding"),
    op(
        "batch norm: dgamma from X instead of Xhat",
        BatchNorm,
        lambda g, s, t, dY, _: {"gamma": flat_rows(dY * t["X"]).sum(axis=0)},
        "batch_norm",
    ),
    op("layer norm: mean term missing", LayerNorm, without_mean, "layer_norm"),
    op("layer norm: product term missing", LayerNorm, without_product, "layer_norm"),
    Mutant(
        "norms: the divisor forgotten",
        normalise,
        "_centred_backward",
        lambda right: lambda d, hat, deviation, axes: right(d, hat, 1.0, axes),
        "norm",
    ),
    op(
        "residual: gradient of the skip dropped",
        Add,
        lambda g, *_: {"X0": 0.0 * g["X0"]},
        "residual",
    ),
    op(
        "skip stack: both paths get half",
        Add,
        lambda g, *_: {name: 0.5 * part for name, part in g.items()},
        "skip_stack",
    ),
    op(
        "concat: columns in the wrong order",
        Concat,
        lambda g, s, t, dZ, _: reversed_columns(s, t, dZ),
        "concat",
    ),
    op("attention: root of d_k missing", Attend, scores_unscaled, "attend"),
    op("attention: softmax taken element by element", Attend, attention_diagonal, "attention"),
    op("attention: dV without the transpose", Attend, values_untransposed, "attention"),
    op("embedding: a repeated code counted once", Embed, last_code_wins, "embedding"),
    op(
        "scale: sum over rows missing",
        Scale,
        lambda g, s, t, dZ, _: {"s": flat_rows(dZ * t["X"])[0]},
        "scale",
    ),
    op("scale: dX not scaled", Scale, lambda g, s, t, dZ, _: {"X": dZ}, "scale"),
    op("flatten: rearranged the other way", Flatten, flattened_by_columns, "flatten"),
    op(
        "columns: gradient given to the neighbour",
        Columns,
        lambda g, *_: {"X": np.roll(g["X"], 1, axis=-1)},
        "columns",
    ),
]


def reversed_columns(self: Any, tensors: Any, dZ: Any) -> Gradients:
    """Return the gradients cut off from the other end."""
    gradients, stop = {}, dZ.shape[-1]
    for name in self.inputs():
        width = tensors[name].shape[-1]
        gradients[name] = dZ[..., stop - width : stop]
        stop -= width
    return gradients
