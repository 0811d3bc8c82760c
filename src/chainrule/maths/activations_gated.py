r"""Activations of the form z times a gate: GELU, SiLU (swish), Mish and their kin.

Each gate runs from 0 to 1, is written as a logistic or normal distribution function and is never
computed as one minus something close to one, so values and slopes keep their digits far below 0.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from chainrule.frozen import frozen
from chainrule.maths.activation import ACTIVATIONS, Activation, Learned
from chainrule.maths.activations_smooth import variance_gain
from chainrule.maths.arrays import Array, erfc, flat_rows, namespace, real
from chainrule.maths.elementary import absolute, logistic

__all__ = ["GELU", "GELUTanh", "Mish", "SiLU", "SwishBeta"]


@ACTIVATIONS.register
@frozen
class GELU(Activation):
    r"""Weigh z by the normal distribution function: :math:`h = z \, \Phi(z)`.

    :math:`\Phi(z) = \frac{1}{2} (1 + \mathrm{erf}(z / \sqrt{2}))` is computed from `erfc`, so it
    keeps its digits below 0. The slope is :math:`\Phi(z) + z \, \varphi(z)`, with the normal
    density :math:`\varphi`.

    Shapes: Z and H `(N, d)` or `(N, T, d)`.

    Source: Hendrycks, Gimpel, "Gaussian error linear units" (arXiv:1606.08415), section 2.

    Example
    -------
    >>> import numpy as np
    >>> from chainrule.maths.activations import GELU
    >>> GELU().value(np.array([-1.0, 0.0, 1.0])).round(6)
    array([-0.158655,  0.      ,  0.841345])
    """

    name = "gelu"
    latex = r"h = z \, \Phi(z) = \frac{z}{2} \left(1 + \mathrm{erf}\frac{z}{\sqrt{2}}\right)"
    slope_latex = r"\frac{dh}{dz} = \Phi(z) + z \, \frac{e^{-z^2 / 2}}{\sqrt{2 \pi}}"
    numpy = "0.5 * Z * (1 + erf(Z / np.sqrt(2)))"
    slope_numpy = "0.5 * (1 + erf(Z / np.sqrt(2))) + Z * np.exp(-(Z**2) / 2) / np.sqrt(2 * np.pi)"
    range = r"[-0.16997, \infty)"
    saturates = (-3.021662634, None)
    initialiser = "he_normal"
    source = "Hendrycks, Gimpel (arXiv:1606.08415), section 2"

    def value(self, Z: Array, **learned: Array) -> Array:
        return Z * _normal_cumulative(Z)

    def slope(self, Z: Array, H: Array, **learned: Array) -> Array:
        return _normal_cumulative(Z) + Z * _normal_density(Z)

    def gain(self) -> float:
        return variance_gain(self.value)


def _normal_cumulative(Z: Array) -> Array:
    return 0.5 * erfc(Z * -math.sqrt(0.5))


def _normal_density(Z: Array) -> Array:
    xp = namespace(Z)
    # exp(-40^2 / 2) is 0 in every type; the cut keeps the square of a huge z from overflowing.
    near = xp.where(absolute(real(Z)) < 40.0, Z, 40.0)
    return xp.exp(-0.5 * near * near) / math.sqrt(2.0 * math.pi)


@ACTIVATIONS.register
@frozen
class GELUTanh(Activation):
    r"""Approximate GELU without erf: :math:`h = \frac{z}{2} (1 + \tanh u) = z \, \sigma(2u)`.

    Here :math:`u = \sqrt{2 / \pi} \, (z + 0.044715 \, z^3)`. It differs from GELU by less than
    0.0005 everywhere. The slope is the derivative of this formula, not of GELU's.

    Shapes: Z and H `(N, d)` or `(N, T, d)`.

    Source: Hendrycks, Gimpel, "Gaussian error linear units" (arXiv:1606.08415), section 2.

    Example
    -------
    >>> import numpy as np
    >>> from chainrule.maths.activations import GELUTanh
    >>> GELUTanh().value(np.array([-1.0, 0.0, 1.0])).round(6)
    array([-0.158808,  0.      ,  0.841192])
    """

    name = "gelu_tanh"
    latex = (
        r"h = \frac{z}{2} \left(1 + \tanh u\right), \quad"
        r" u = \sqrt{\frac{2}{\pi}} \left(z + 0.044715 \, z^3\right)"
    )
    slope_latex = (
        r"\frac{dh}{dz} = \frac{1 + \tanh u}{2} + \frac{z}{2} \left(1 - \tanh^2 u\right)"
        r" \sqrt{\frac{2}{\pi}} \left(1 + 0.134145 \, z^2\right)"
    )
    numpy = "0.5 * Z * (1 + np.tanh(np.sqrt(2 / np.pi) * (Z + 0.044715 * Z**3)))"
    slope_numpy = (
        "0.5 * (1 + np.tanh(np.sqrt(2 / np.pi) * (Z + 0.044715 * Z**3)))"
        " + 0.5 * Z * (1 - np.tanh(np.sqrt(2 / np.pi) * (Z + 0.044715 * Z**3)) ** 2)"
        " * np.sqrt(2 / np.pi) * (1 + 0.134145 * Z**2)"
    )
    range = r"[-0.17004, \infty)"
    saturates = (-3.009357740, None)
    initialiser = "he_normal"
    source = "Hendrycks, Gimpel (arXiv:1606.08415), section 2"

    def value(self, Z: Array, **learned: Array) -> Array:
        return Z * logistic(_doubled_argument(_within_gate(Z)))

    def slope(self, Z: Array, H: Array, **learned: Array) -> Array:
        near = _within_gate(Z)
        argument = _doubled_argument(near)
        opened, closed = logistic(argument), logistic(-argument)
        steepness = math.sqrt(8.0 / math.pi) * (1.0 + 0.134145 * near * near)
        return opened + near * opened * closed * steepness

    def gain(self) -> float:
        return variance_gain(self.value)


def _within_gate(Z: Array) -> Array:
    """Return Z cut to [-30, 30], beyond which the gate is 0 or 1 in every type; NaN stays NaN.

    Without the cut, the cube of a huge z overflows, and the slope is 0 times infinity.
    """
    xp = namespace(Z)
    return xp.where(real(Z) > 30.0, 30.0, xp.where(real(Z) < -30.0, -30.0, Z))


def _doubled_argument(Z: Array) -> Array:
    return math.sqrt(8.0 / math.pi) * (Z + 0.044715 * Z * Z * Z)


@ACTIVATIONS.register
@frozen
class SiLU(Activation):
    r"""Weigh z by its sigmoid: :math:`h = z \, \sigma(z)`.

    The slope is :math:`\sigma(z) (1 + z \, \sigma(-z))`.

    Shapes: Z and H `(N, d)` or `(N, T, d)`.

    Source: Elfwing, Uchibe, Doya, "Sigmoid-weighted linear units" (Neural Networks 107, 2018);
    Ramachandran, Zoph, Le, "Searching for activation functions" (arXiv:1710.05941).

    Example
    -------
    >>> import numpy as np
    >>> from chainrule.maths.activations import SiLU
    >>> SiLU().value(np.array([-1.0, 0.0, 1.0])).round(6)
    array([-0.268941,  0.      ,  0.731059])
    """

    name = "silu"
    aliases = ("swish",)
    latex = r"h = z \, \sigma(z) = \frac{z}{1 + e^{-z}}"
    slope_latex = r"\frac{dh}{dz} = \sigma(z) \left(1 + z \, \sigma(-z)\right)"
    numpy = "Z / (1 + np.exp(-Z))"
    slope_numpy = "(1 + np.exp(-Z) * (1 + Z)) / (1 + np.exp(-Z)) ** 2"
    range = r"[-0.27846, \infty)"
    saturates = (-6.142915700, None)
    initialiser = "he_normal"
    source = "Elfwing, Uchibe, Doya (Neural Networks 107, 2018)"

    def value(self, Z: Array, **learned: Array) -> Array:
        return Z * logistic(Z)

    def slope(self, Z: Array, H: Array, **learned: Array) -> Array:
        return logistic(Z) * (1.0 + Z * logistic(-Z))

    def gain(self) -> float:
        return variance_gain(self.value)


@ACTIVATIONS.register
@frozen
class SwishBeta(Activation):
    r"""Weigh z by a sigmoid of learned sharpness: :math:`h = z \, \sigma(\beta z)`.

    :math:`\beta` (`beta`, one number per unit) starts at 1, where this is SiLU; at 0 it is z / 2.
    The slopes are :math:`\partial h / \partial z = \sigma(\beta z) (1 + \beta z \,
    \sigma(-\beta z))` and :math:`\partial h / \partial \beta = z^2 \, \sigma(\beta z) \,
    \sigma(-\beta z)`.

    Shapes: Z and H `(N, d)` or `(N, T, d)`; beta `(d,)`.

    Source: Ramachandran, Zoph, Le, "Searching for activation functions" (arXiv:1710.05941),
    section 4.

    Example
    -------
    >>> import numpy as np
    >>> from chainrule.maths.activations import SwishBeta
    >>> SwishBeta().value(np.array([[1.0, 1.0]]), beta=np.array([0.0, 1.0])).round(6)
    array([[0.5     , 0.731059]])
    """

    name = "swish_beta"
    latex = r"h = z \, \sigma(\beta z) = \frac{z}{1 + e^{-\beta z}}"
    slope_latex = (
        r"\frac{\partial h}{\partial z} ="
        r" \sigma(\beta z) \left(1 + \beta z \, \sigma(-\beta z)\right)"
    )
    numpy = "Z / (1 + np.exp(-beta * Z))"
    slope_numpy = "(1 + np.exp(-beta * Z) * (1 + beta * Z)) / (1 + np.exp(-beta * Z)) ** 2"
    saturates = (-6.142915700, None)
    learned = (Learned("beta", 1.0, r"\beta"),)
    initialiser = "he_normal"
    source = "Ramachandran, Zoph, Le (arXiv:1710.05941), section 4"

    def value(self, Z: Array, beta: Array = 1.0, **learned: Array) -> Array:
        return Z * logistic(beta * Z)

    def slope(self, Z: Array, H: Array, beta: Array = 1.0, **learned: Array) -> Array:
        return logistic(beta * Z) * (1.0 + beta * Z * logistic(-beta * Z))

    def learned_gradients(
        self, dH: Array, Z: Array, H: Array, beta: Array = 1.0, **learned: Array
    ) -> Mapping[str, Array]:
        by_beta = dH * Z * Z * logistic(beta * Z) * logistic(-beta * Z)
        return {"beta": namespace(Z).sum(flat_rows(by_beta), axis=0)}

    def gain(self) -> float:
        return variance_gain(self.value)


@ACTIVATIONS.register
@frozen
class Mish(Activation):
    r"""Weigh z by the tanh of its softplus: :math:`h = z \tanh(\log(1 + e^z))`.

    The slope is :math:`t + z \, (1 - t^2) \, \sigma(z)` with :math:`t = \tanh(\log(1 + e^z))`.

    Shapes: Z and H `(N, d)` or `(N, T, d)`.

    Source: Misra, "Mish: a self regularized non-monotonic activation function" (BMVC 2020).

    Example
    -------
    >>> import numpy as np
    >>> from chainrule.maths.activations import Mish
    >>> Mish().value(np.array([-1.0, 0.0, 1.0])).round(6)
    array([-0.303401,  0.      ,  0.865098])
    """

    name = "mish"
    latex = r"h = z \tanh\left(\log(1 + e^{z})\right)"
    slope_latex = (
        r"\frac{dh}{dz} = t + z \left(1 - t^2\right) \sigma(z), \quad"
        r" t = \tanh\left(\log(1 + e^{z})\right)"
    )
    numpy = "Z * np.tanh(np.log1p(np.exp(Z)))"
    slope_numpy = (
        "np.tanh(np.log1p(np.exp(Z)))"
        " + Z * (1 - np.tanh(np.log1p(np.exp(Z))) ** 2) / (1 + np.exp(-Z))"
    )
    range = r"[-0.30884, \infty)"
    saturates = (-6.158741309, None)
    initialiser = "he_normal"
    source = "Misra (BMVC 2020), equation 1"

    def value(self, Z: Array, **learned: Array) -> Array:
        gate, _ = _mish_gate(Z)
        return Z * gate

    def slope(self, Z: Array, H: Array, **learned: Array) -> Array:
        gate, closed = _mish_gate(Z)
        return gate + Z * closed * (1.0 + gate) * logistic(Z)

    def gain(self) -> float:
        return variance_gain(self.value)


def _mish_gate(Z: Array) -> tuple[Array, Array]:
    """Return t = tanh(log(1 + e^z)) and 1 - t, neither by cancellation.

    With e = e^z, t = (e^2 + 2 e) / (e^2 + 2 e + 2); above 0 both sides are divided by e^2.
    """
    xp = namespace(Z)
    tail = xp.exp(-absolute(Z))
    above = real(Z) > 0
    opened = xp.where(above, 1.0 + 2.0 * tail, tail * (tail + 2.0))
    closed = xp.where(above, 2.0 * tail * tail, 2.0)
    return opened / (opened + closed), closed / (opened + closed)
