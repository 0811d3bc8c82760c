"""The classic activations without corners: identity, sigmoid, tanh, softplus."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from chainrule.checks import Real
from chainrule.frozen import frozen
from chainrule.maths.activation import ACTIVATIONS, Activation
from chainrule.maths.arrays import Array, namespace
from chainrule.maths.elementary import logistic, softplus

__all__ = ["Identity", "Sigmoid", "Softplus", "Tanh", "variance_gain"]


def variance_gain(value: Callable[[Array], Array]) -> float:
    r"""Return the gain of a smooth activation, :math:`g = E[f(z)^2]^{-1/2}`, z standard normal.

    The trapezoid rule on [-12, 12] is exact to rounding for a function without corners.

    Parameters
    ----------
    value : callable
        The activation f, from an array to an array.

    Source: He, Zhang, Ren, Sun, "Delving deep into rectifiers" (ICCV 2015), section 2.2.

    Example
    -------
    >>> from chainrule.maths.activations_smooth import variance_gain
    >>> round(variance_gain(lambda z: 2 * z), 12)
    0.5
    """
    z = np.linspace(-12.0, 12.0, 2401)
    density = np.exp(-0.5 * z * z) / math.sqrt(2.0 * math.pi)
    return float(np.sum(value(z) ** 2 * density) * (z[1] - z[0])) ** -0.5


@ACTIVATIONS.register
@frozen
class Identity(Activation):
    r"""Leave the pre-activation as it is: :math:`h = z`, with slope 1.

    Layers of it alone collapse to one linear map; it belongs at the output of a regression.

    Shapes: Z and H `(N, d)` or `(N, T, d)`.

    Source: Bishop, "Pattern recognition and machine learning" (2006), section 5.1.

    Example
    -------
    >>> import numpy as np
    >>> from chainrule.maths.activations import Identity
    >>> Identity().value(np.array([-1.0, 2.0]))
    array([-1.,  2.])
    """

    name = "identity"
    aliases = ("linear",)
    latex = r"h = z"
    slope_latex = r"\frac{dh}{dz} = 1"
    numpy = "Z"
    slope_numpy = "np.ones_like(Z)"
    needs = "output"
    source = "Bishop, Pattern recognition and machine learning (2006), section 5.1"

    def value(self, Z: Array, **learned: Array) -> Array:
        return Z

    def slope(self, Z: Array, H: Array, **learned: Array) -> Array:
        return namespace(H).ones_like(H)


@ACTIVATIONS.register
@frozen
class Sigmoid(Activation):
    r"""Squash to (0, 1): :math:`h = 1 / (1 + e^{-z})`, with slope :math:`h (1 - h)`.

    The slope is at most 1/4 and vanishes at both ends.

    Shapes: Z and H `(N, d)` or `(N, T, d)`.

    Source: Rumelhart, Hinton, Williams, "Learning representations by back-propagating errors"
    (Nature 323, 1986), equation 2.

    Example
    -------
    >>> import numpy as np
    >>> from chainrule.maths.activations import Sigmoid
    >>> H = Sigmoid().value(np.array([-1000.0, 0.0, 1000.0]))
    >>> H
    array([0. , 0.5, 1. ])
    >>> Sigmoid().slope(None, H)
    array([0.  , 0.25, 0.  ])
    """

    name = "sigmoid"
    aliases = ("logistic",)
    latex = r"h = \sigma(z) = \frac{1}{1 + e^{-z}}"
    slope_latex = r"\frac{dh}{dz} = h (1 - h)"
    numpy = "1 / (1 + np.exp(-Z))"
    slope_numpy = "H * (1 - H)"
    range = "(0, 1)"
    needs = "output"
    saturates = (-5.986445692, 5.986445692)
    source = "Rumelhart, Hinton, Williams (Nature 323, 1986), equation 2"

    def value(self, Z: Array, **learned: Array) -> Array:
        return logistic(Z)

    def slope(self, Z: Array, H: Array, **learned: Array) -> Array:
        return H * (1.0 - H)

    def gain(self) -> float:
        return variance_gain(self.value)


@ACTIVATIONS.register
@frozen
class Tanh(Activation):
    r"""Squash to (-1, 1): :math:`h = \tanh z`, with slope :math:`1 - h^2`.

    Shapes: Z and H `(N, d)` or `(N, T, d)`.

    Source: LeCun, Bottou, Orr, Müller, "Efficient BackProp" (1998), section 4.4.

    Example
    -------
    >>> import numpy as np
    >>> from chainrule.maths.activations import Tanh
    >>> Tanh().value(np.array([-1000.0, 0.0, 1000.0]))
    array([-1.,  0.,  1.])
    """

    name = "tanh"
    latex = r"h = \tanh(z) = \frac{e^{z} - e^{-z}}{e^{z} + e^{-z}}"
    slope_latex = r"\frac{dh}{dz} = 1 - h^2"
    numpy = "np.tanh(Z)"
    slope_numpy = "1 - H**2"
    range = "(-1, 1)"
    needs = "output"
    saturates = (-2.993222846, 2.993222846)
    source = "LeCun, Bottou, Orr, Müller, Efficient BackProp (1998), section 4.4"

    def value(self, Z: Array, **learned: Array) -> Array:
        return namespace(Z).tanh(Z)

    def slope(self, Z: Array, H: Array, **learned: Array) -> Array:
        return 1.0 - H * H

    def gain(self) -> float:
        return variance_gain(self.value)


@ACTIVATIONS.register
@frozen
class Softplus(Activation):
    r"""Round off the corner of ReLU: :math:`h = \log(1 + e^{\beta z}) / \beta`.

    The slope is :math:`\sigma(\beta z)`. Far below 0 the value is :math:`e^{\beta z} / \beta` to
    the last digit, not 0.

    Shapes: Z and H `(N, d)` or `(N, T, d)`.

    Parameters
    ----------
    beta : float
        :math:`\beta > 0`: how sharp the corner is; ReLU is the limit.

    Source: Dugas, Bengio, Bélisle, Nadeau, Garcia, "Incorporating second-order functional knowledge
    for better option pricing" (NIPS 2000).

    Example
    -------
    >>> import numpy as np
    >>> from chainrule.maths.activations import Softplus
    >>> Softplus().value(np.array([-50.0, 0.0, 1000.0]))
    array([1.92874985e-22, 6.93147181e-01, 1.00000000e+03])
    """

    name = "softplus"
    rules = {"beta": Real(0, None, closed="neither")}
    latex = r"h = \frac{1}{\beta} \log(1 + e^{\beta z})"
    slope_latex = r"\frac{dh}{dz} = \sigma(\beta z) = \frac{1}{1 + e^{-\beta z}}"
    numpy = "np.log1p(np.exp(beta * Z)) / beta"
    slope_numpy = "1 / (1 + np.exp(-beta * Z))"
    range = r"(0, \infty)"
    saturates = (-4.595119850, None)
    initialiser = "he_normal"
    source = "Dugas, Bengio, Bélisle, Nadeau, Garcia (NIPS 2000)"

    beta: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        # Where sigma(beta z) = 0.01; the class holds the number for the default.
        object.__setattr__(self, "saturates", (-math.log(99.0) / self.beta, None))

    @classmethod
    def examples(cls) -> tuple[Softplus, ...]:
        """Return the default and a sharper corner."""
        return (cls(), cls(beta=3.0))

    def value(self, Z: Array, **learned: Array) -> Array:
        return softplus(float(self.beta) * Z) / float(self.beta)

    def slope(self, Z: Array, H: Array, **learned: Array) -> Array:
        return logistic(float(self.beta) * Z)

    def gain(self) -> float:
        return variance_gain(self.value)
