"""Losses such as a user would write: smooth, for classes, of two numbers, of rows together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.estimators.losses import FunctionLoss
from chainrule.maths.arrays import Array, namespace
from chainrule.maths.elementary import log_softmax, softmax
from chainrule.maths.loss import Loss
from chainrule.maths.losses_classification import SoftmaxCrossEntropy
from chainrule.maths.losses_likelihood import GaussianNLL
from chainrule.maths.losses_regression import IdentityLoss

__all__ = ["OWN", "LogCosh"]


@dataclass(frozen=True)
class LogCosh(IdentityLoss):
    """Smooth, in the type of its inputs."""

    name = "users_log_cosh"
    over_outputs: str = "sum"

    def term(self, raw: Array, Y: Array) -> Array:
        return namespace(raw).logaddexp(raw - Y, Y - raw)

    def term_slope(self, raw: Array, Y: Array) -> Array:
        return namespace(raw).tanh(raw - Y)


@dataclass(frozen=True)
class Focal(SoftmaxCrossEntropy):
    """Cross-entropy of the library's own base class, times (1 - p)^2 of what is right."""

    name = "users_focal"
    aliases = ()

    def value(self, raw: Array, Y: Array) -> Array:
        rest = 1.0 - softmax(raw)
        return -(Y * rest**2 * log_softmax(raw)).sum(axis=-1)

    def gradient(self, raw: Array, Y: Array) -> Array:
        p, log_p = softmax(raw), log_softmax(raw)
        by_log_p = -Y * ((1.0 - p) ** 2 - 2.0 * (1.0 - p) * p * log_p)
        return by_log_p - p * by_log_p.sum(axis=-1, keepdims=True)


class OwnGaussian(GaussianNLL):
    """A user's own of the library's name, with two raw outputs for each target."""


def quartic(raw: Array, Y: Array) -> tuple[Array, Array]:
    """Return numbers of another type, and an array that does not stand in rows."""
    error = np.asfortranarray(raw.astype(np.float64) - Y)
    return (error**4).sum(axis=1) / 10.0, 0.4 * error**3


def together(raw: Array, Y: Array) -> tuple[Array, Array]:
    """Compare each row's error with the mean of the batch."""
    error = raw - Y
    error -= 0.5 * error.mean(axis=0)
    return (error * error).sum(axis=1), 2.0 * error


def own(function: Any) -> Loss:
    """Return a function as a loss."""
    return FunctionLoss(function)


OWN: dict[str, Loss] = {
    "log_cosh": LogCosh(),
    "focal": Focal(),
    "gaussian": OwnGaussian(),
    "quartic": own(quartic),
    "together": own(together),
}
