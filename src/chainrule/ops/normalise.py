"""Batch and layer normalisation."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from chainrule.checks import Real
from chainrule.frozen import frozen
from chainrule.maths.arrays import Array, flat_rows, namespace
from chainrule.ops.op import OPS, Op, Tensors
from chainrule.ops.shapes import Shape, expect_rank

__all__ = ["BatchNorm", "LayerNorm"]


def _leading(array: Array) -> tuple[int, ...]:
    return tuple(range(array.ndim - 1))


def _centred_backward(dXhat: Array, Xhat: Array, deviation: Array, axes: Any) -> Array:
    """Return dX through mean and variance: `(dXhat - mean(dXhat) - Xhat mean(dXhat Xhat)) / s`."""
    xp = namespace(dXhat)
    mean_slope = xp.mean(dXhat, axis=axes, keepdims=True)
    mean_product = xp.mean(dXhat * Xhat, axis=axes, keepdims=True)
    return (dXhat - mean_slope - Xhat * mean_product) / deviation


@OPS.register
@frozen
class BatchNorm(Op):
    r"""Normalise each feature over the batch, then scale and shift.

    .. math::
        \hat X = \frac{X - \mu}{\sqrt{\sigma^2 + \epsilon}}, \qquad Y = \gamma \odot \hat X + \beta

    Training uses the batch's mean and biased variance and moves the running moments by
    `momentum` towards them (the running variance is the unbiased one); prediction uses the running
    moments. With `(N, T, d)` the moments are taken over N and T.

    Shapes: X, Y `(N, d)` or `(N, T, d)`; gamma, beta, running moments `(d,)`.

    Source: Ioffe and Szegedy, "Batch normalization" (2015), algorithm 1.

    Example
    -------
    >>> import numpy as np
    >>> from chainrule.ops.normalise import BatchNorm
    >>> t = {
    ...     "X": np.array([[1.0], [3.0]]),
    ...     "gamma": np.ones(1),
    ...     "beta": np.zeros(1),
    ...     "running_mean": np.zeros(1),
    ...     "running_variance": np.ones(1),
    ... }
    >>> BatchNorm(epsilon=1e-12).forward(t, training=True)["Y"].round(6)
    array([[-1.],
           [ 1.]])
    """

    name = "batch_norm"
    rules = {"momentum": Real(0, 1, closed="right"), "epsilon": Real(0, None, closed="neither")}
    output = "Y"
    running = ("running_mean", "running_variance")
    latex = r"Y = \gamma \odot \frac{X - \mu}{\sqrt{\sigma^2 + \epsilon}} + \beta"
    backward_latex = {
        "X": r"dX = \frac{1}{s}\left(d\hat X - \overline{d\hat X} -"
        r" \hat X \odot \overline{d\hat X \odot \hat X}\right),"
        r"\quad d\hat X = dY \odot \gamma,\quad s = \sqrt{\sigma^2 + \epsilon}",
        "gamma": r"d\gamma = \sum_{i=1}^{N} dY_i \odot \hat X_i",
        "beta": r"d\beta = \sum_{i=1}^{N} dY_i",
    }
    source = "Ioffe, Szegedy, Batch Normalization, ICML 2015"

    momentum: float = 0.1
    epsilon: float = 1e-5

    def trainable(self) -> tuple[str, ...]:
        """Return gamma and beta."""
        return ("gamma", "beta")

    def infer(self, shapes: Mapping[str, Shape]) -> Shape:
        """Return the shape of X."""
        expect_rank(shapes, (2, 3))
        return shapes["X"]

    def inner_shapes(self, shapes: Mapping[str, Shape]) -> Mapping[str, Shape]:
        """Return `(d,)` for gamma, beta and the running moments."""
        return dict.fromkeys((*self.trainable(), *self.running), (shapes["X"][-1],))

    def forward(self, tensors: Tensors, training: bool) -> dict[str, Array]:
        """Return Y, the moments, the normalised input and the new running moments."""
        X = tensors["X"]
        xp = namespace(X)
        results: dict[str, Array] = {}
        if training:
            mean = xp.mean(X, axis=_leading(X))
            centred = X - mean
            variance = xp.mean(centred * centred, axis=_leading(X))
            results = self._moved(tensors, mean, variance, math.prod(X.shape[:-1]))
        else:
            mean, variance = tensors["running_mean"], tensors["running_variance"]
            centred = X - mean
        deviation = xp.sqrt(variance + self.epsilon)
        normalised = centred / deviation
        output = tensors["gamma"] * normalised + tensors["beta"]
        return {"mean": mean, "deviation": deviation, "Xhat": normalised, "Y": output, **results}

    def _moved(self, tensors: Tensors, mean: Array, variance: Array, rows: int) -> dict[str, Array]:
        unbiased = variance * (rows / max(rows - 1, 1))
        kept = 1.0 - self.momentum
        return {
            "new_running_mean": tensors["running_mean"] * kept + mean * self.momentum,
            "new_running_variance": tensors["running_variance"] * kept + unbiased * self.momentum,
        }

    def backward(self, tensors: Tensors, dOutput: Array, training: bool) -> dict[str, Array]:
        """Return dX, dgamma and dbeta; in prediction the moments are constants."""
        xp = namespace(dOutput)
        dXhat = dOutput * tensors["gamma"]
        if training:
            dX = _centred_backward(dXhat, tensors["Xhat"], tensors["deviation"], _leading(dOutput))
        else:
            dX = dXhat / tensors["deviation"]
        return {
            "X": dX,
            "gamma": xp.sum(flat_rows(dOutput * tensors["Xhat"]), axis=0),
            "beta": xp.sum(flat_rows(dOutput), axis=0),
        }

    def flops(self, shapes: Mapping[str, tuple[int, ...]]) -> tuple[int, int]:
        """Count the passes over X: about 7 forward and 10 backward."""
        elements = math.prod(shapes["X"])
        return 7 * elements, 10 * elements


@OPS.register
@frozen
class LayerNorm(Op):
    r"""Normalise each row over its features, then scale and shift.

    .. math::
        \hat X = \frac{X - \mu}{\sqrt{\sigma^2 + \epsilon}}, \qquad Y = \gamma \odot \hat X + \beta

    Mean and biased variance are taken over the last axis; training and prediction are the same.

    Shapes: X, Y `(N, d)` or `(N, T, d)`; gamma, beta `(d,)`.

    Source: Ba, Kiros, Hinton, "Layer normalization" (2016).

    Example
    -------
    >>> import numpy as np
    >>> from chainrule.ops.normalise import LayerNorm
    >>> t = {"X": np.array([[1.0, 3.0]]), "gamma": np.ones(2), "beta": np.zeros(2)}
    >>> LayerNorm(epsilon=1e-12).forward(t, training=True)["Y"].round(6)
    array([[-1.,  1.]])
    """

    name = "layer_norm"
    rules = {"epsilon": Real(0, None, closed="neither")}
    output = "Y"
    latex = r"Y = \gamma \odot \frac{X - \mu}{\sqrt{\sigma^2 + \epsilon}} + \beta"
    backward_latex = BatchNorm.backward_latex
    source = "Ba, Kiros, Hinton, Layer Normalization, 2016"

    epsilon: float = 1e-5

    def trainable(self) -> tuple[str, ...]:
        """Return gamma and beta."""
        return ("gamma", "beta")

    def infer(self, shapes: Mapping[str, Shape]) -> Shape:
        """Return the shape of X."""
        expect_rank(shapes, (2, 3))
        return shapes["X"]

    def inner_shapes(self, shapes: Mapping[str, Shape]) -> Mapping[str, Shape]:
        """Return `(d,)` for gamma and beta."""
        return dict.fromkeys(self.trainable(), (shapes["X"][-1],))

    def forward(self, tensors: Tensors, training: bool) -> dict[str, Array]:
        """Return Y, the moments and the normalised input."""
        X = tensors["X"]
        xp = namespace(X)
        mean = xp.mean(X, axis=-1, keepdims=True)
        centred = X - mean
        deviation = xp.sqrt(xp.mean(centred * centred, axis=-1, keepdims=True) + self.epsilon)
        normalised = centred / deviation
        output = tensors["gamma"] * normalised + tensors["beta"]
        return {"mean": mean, "deviation": deviation, "Xhat": normalised, "Y": output}

    def backward(self, tensors: Tensors, dOutput: Array, training: bool) -> dict[str, Array]:
        """Return dX, dgamma and dbeta."""
        xp = namespace(dOutput)
        dXhat = dOutput * tensors["gamma"]
        return {
            "X": _centred_backward(dXhat, tensors["Xhat"], tensors["deviation"], -1),
            "gamma": xp.sum(flat_rows(dOutput * tensors["Xhat"]), axis=0),
            "beta": xp.sum(flat_rows(dOutput), axis=0),
        }

    def flops(self, shapes: Mapping[str, tuple[int, ...]]) -> tuple[int, int]:
        """Count the passes over X: about 7 forward and 10 backward."""
        elements = math.prod(shapes["X"])
        return 7 * elements, 10 * elements
