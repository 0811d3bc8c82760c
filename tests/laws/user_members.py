"""Members such as a user would write, right ones and wrong ones: the laws must tell them apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.maths.activation import ACTIVATIONS, Activation, Kink
from chainrule.maths.arrays import Array, namespace, real
from chainrule.maths.loss import LOSSES
from chainrule.maths.losses_regression import SquaredError
from chainrule.maths.penalty import PENALTIES, Penalty
from chainrule.nn import LAYERS
from chainrule.nn.builder import GraphBuilder
from chainrule.nn.graph import Tensor
from chainrule.nn.layer import Layer
from chainrule.ops.op import OPS, Op, Tensors
from chainrule.registry import Registry

__all__ = ["RIGHT", "WRONG"]


@dataclass(frozen=True)
class Sine(Activation):
    """Smooth, right."""

    name = "users_sine"

    def value(self, Z: Array, **learned: Array) -> Array:
        return namespace(Z).sin(Z)

    def slope(self, Z: Array, H: Array, **learned: Array) -> Array:
        return namespace(Z).cos(Z)


@dataclass(frozen=True)
class WrongSine(Sine):
    """The sign of the slope is wrong."""

    name = "users_wrong_sine"

    def slope(self, Z: Array, H: Array, **learned: Array) -> Array:
        return -namespace(Z).cos(Z)


@dataclass(frozen=True)
class Tent(Activation):
    """Two kinks, declared, right."""

    name = "users_tent"
    analytic = False

    def value(self, Z: Array, **learned: Array) -> Array:
        xp = namespace(Z)
        size = xp.where(real(Z) > 0, Z, -Z)
        return xp.where(real(size) < 1, size, 2.0 - size)

    def slope(self, Z: Array, H: Array, **learned: Array) -> Array:
        xp = namespace(Z)
        sign = xp.where(Z > 0, 1.0, -1.0)
        return xp.where((xp.abs(Z) < 1) | (Z == 1), sign, -sign)

    def kinks(self) -> tuple[Kink, ...]:
        return (Kink(-1.0, 1.0), Kink(0.0, -1.0), Kink(1.0, 1.0))


@dataclass(frozen=True)
class WrongTent(Tent):
    """The slope is right on one side of 1 only."""

    name = "users_wrong_tent"

    def slope(self, Z: Array, H: Array, **learned: Array) -> Array:
        return namespace(Z).where(Z > 0, 1.0, -1.0)


@dataclass(frozen=True)
class NotComplex(Sine):
    """Right, but declares a complex formula where it has none."""

    name = "users_not_complex"

    def value(self, Z: Array, **learned: Array) -> Array:
        return np.sin(np.real(Z))


@dataclass(frozen=True)
class Broken(Sine):
    """Raises."""

    name = "users_broken"

    def value(self, Z: Array, **learned: Array) -> Array:
        raise RuntimeError("the user's mistake")


@dataclass(frozen=True)
class QuarticError(SquaredError):
    """Right."""

    name = "users_quartic"
    aliases = ()

    def term(self, raw: Array, Y: Array) -> Array:
        return (raw - Y) ** 4

    def term_slope(self, raw: Array, Y: Array) -> Array:
        return 4.0 * (raw - Y) ** 3


@dataclass(frozen=True)
class WrongQuarticError(QuarticError):
    """The factor of the gradient is wrong."""

    name = "users_wrong_quartic"

    def term_slope(self, raw: Array, Y: Array) -> Array:
        return 3.999 * (raw - Y) ** 3


@dataclass(frozen=True)
class LogCosh(Penalty):
    """Right."""

    name = "users_log_cosh"

    def value(self, W: Array) -> Array:
        xp = namespace(W)
        return xp.sum(xp.log(xp.cosh(W)))

    def gradient(self, W: Array) -> Array:
        return namespace(W).tanh(W)


@dataclass(frozen=True)
class WrongLogCosh(LogCosh):
    """The gradient is that of half the square."""

    name = "users_wrong_log_cosh"

    def gradient(self, W: Array) -> Array:
        return W


@dataclass(frozen=True)
class Square(Op):
    """Right."""

    name = "users_square"

    def forward(self, tensors: Tensors, training: bool) -> dict[str, Array]:
        return {"Z": tensors["X"] * tensors["X"]}

    def backward(self, tensors: Tensors, dOutput: Array, training: bool) -> dict[str, Array]:
        return {"X": 2.0 * tensors["X"] * dOutput}


@dataclass(frozen=True)
class WrongSquare(Square):
    """The factor 2 is missing."""

    name = "users_wrong_square"

    def backward(self, tensors: Tensors, dOutput: Array, training: bool) -> dict[str, Array]:
        return {"X": tensors["X"] * dOutput}


@dataclass(frozen=True)
class Squared(Layer):
    """Right."""

    name = "users_squared"

    def build(self, graph: GraphBuilder, X: Tensor, following: Any = None) -> Tensor:
        return graph.add(self.name, Square(), (X,))


@dataclass(frozen=True)
class WrongSquared(Layer):
    """Built from the wrong operation."""

    name = "users_wrong_squared"

    def build(self, graph: GraphBuilder, X: Tensor, following: Any = None) -> Tensor:
        return graph.add(self.name, WrongSquare(), (X,))


RIGHT: list[tuple[Registry[Any], type]] = [
    (ACTIVATIONS, Sine),
    (ACTIVATIONS, Tent),
    (LOSSES, QuarticError),
    (PENALTIES, LogCosh),
    (OPS, Square),
    (LAYERS, Squared),
]
WRONG: list[tuple[Registry[Any], type]] = [
    (ACTIVATIONS, WrongSine),
    (ACTIVATIONS, WrongTent),
    (ACTIVATIONS, NotComplex),
    (ACTIVATIONS, Broken),
    (LOSSES, WrongQuarticError),
    (PENALTIES, WrongLogCosh),
    (OPS, WrongSquare),
    (LAYERS, WrongSquared),
]
