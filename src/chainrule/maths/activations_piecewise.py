"""Activations with a corner at 0: ReLU, its leaky kin, ELU and SELU.

At the corner the slope is the left-hand derivative; NaN stays NaN on every branch.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from chainrule.checks import Real
from chainrule.frozen import frozen
from chainrule.maths.activation import ACTIVATIONS, Activation, Kink, Learned
from chainrule.maths.arrays import Array, flat_rows, namespace, real

__all__ = ["ELU", "SELU", "LeakyReLU", "PReLU", "ReLU"]


@ACTIVATIONS.register
@frozen
class ReLU(Activation):
    r"""Cut off below 0: :math:`h = \max(0, z)`, with slope 1 above 0 and 0 at 0 and below.

    Shapes: Z and H `(N, d)` or `(N, T, d)`.

    Source: Glorot, Bordes, Bengio, "Deep sparse rectifier neural networks" (AISTATS 2011).

    Example
    -------
    >>> import numpy as np
    >>> from chainrule.maths.activations import ReLU
    >>> H = ReLU().value(np.array([-1.0, 0.0, 2.0]))
    >>> H
    array([0., 0., 2.])
    >>> ReLU().slope(None, H)
    array([0., 0., 1.])
    """

    name = "relu"
    latex = r"h = \max(0, z)"
    slope_latex = r"\frac{dh}{dz} = \begin{cases} 1 & z > 0 \\ 0 & z \leq 0 \end{cases}"
    numpy = "np.maximum(0, Z)"
    slope_numpy = "np.where(Z > 0, 1.0, 0.0)"
    range = r"[0, \infty)"
    needs = "output"
    analytic = False
    saturates = (0.0, None)
    initialiser = "he_normal"
    source = "Glorot, Bordes, Bengio (AISTATS 2011), section 3"

    def value(self, Z: Array, **learned: Array) -> Array:
        return namespace(Z).where(real(Z) <= 0, 0.0, Z)

    def slope(self, Z: Array, H: Array, **learned: Array) -> Array:
        return _where_above(H, namespace(H).zeros_like(H))

    def kinks(self) -> tuple[Kink, ...]:
        return (Kink(0.0, 0.0),)

    def gain(self) -> float:
        return math.sqrt(2.0)


def _where_above(Z: Array, below: Array) -> Array:
    """Return the slope of a function that is z above 0 and has slope `below` elsewhere."""
    xp = namespace(Z)
    return xp.where(real(Z) > 0, xp.ones_like(Z), below)


@ACTIVATIONS.register
@frozen
class LeakyReLU(Activation):
    r"""Flatten below 0 instead of cutting: :math:`h = z` above 0, :math:`\alpha z` elsewhere.

    Shapes: Z and H `(N, d)` or `(N, T, d)`.

    Parameters
    ----------
    alpha : float
        :math:`\alpha` in [0, 1), the slope at 0 and below.

    Source: Maas, Hannun, Ng, "Rectifier nonlinearities improve neural network acoustic models"
    (ICML 2013), section 2.

    Example
    -------
    >>> import numpy as np
    >>> from chainrule.maths.activations import LeakyReLU
    >>> LeakyReLU(alpha=0.1).value(np.array([-1.0, 0.0, 2.0]))
    array([-0.1,  0. ,  2. ])
    """

    name = "leaky_relu"
    rules = {"alpha": Real(0, 1, closed="left")}
    latex = r"h = \begin{cases} z & z > 0 \\ \alpha z & z \leq 0 \end{cases}"
    slope_latex = r"\frac{dh}{dz} = \begin{cases} 1 & z > 0 \\ \alpha & z \leq 0 \end{cases}"
    numpy = "np.where(Z > 0, Z, alpha * Z)"
    slope_numpy = "np.where(Z > 0, 1.0, alpha)"
    needs = "output"
    analytic = False
    initialiser = "he_normal"
    source = "Maas, Hannun, Ng (ICML 2013), section 2"

    alpha: float = 0.01

    def __post_init__(self) -> None:
        super().__post_init__()
        # A slope under 1 % saturates; the class holds the answer for the default.
        object.__setattr__(self, "saturates", (0.0 if self.alpha < 0.01 else None, None))

    @classmethod
    def examples(cls) -> tuple[LeakyReLU, ...]:
        """Return the default, a steeper slope, and ReLU as the limit."""
        return (cls(), cls(alpha=0.3), cls(alpha=0.0))

    def value(self, Z: Array, **learned: Array) -> Array:
        return namespace(Z).where(real(Z) > 0, Z, float(self.alpha) * Z)

    def slope(self, Z: Array, H: Array, **learned: Array) -> Array:
        return _where_above(H, namespace(H).full_like(H, float(self.alpha)))

    def kinks(self) -> tuple[Kink, ...]:
        return (Kink(0.0, float(self.alpha)),)

    def gain(self) -> float:
        return math.sqrt(2.0 / (1.0 + self.alpha**2))


@ACTIVATIONS.register
@frozen
class PReLU(Activation):
    r"""Learn the slope below 0: :math:`h = z` above 0, :math:`\alpha z` elsewhere.

    :math:`\alpha` (`alpha`, one number per unit) starts at 0.25;
    :math:`\partial h / \partial \alpha` is z at 0 and below, and 0 above.

    Shapes: Z and H `(N, d)` or `(N, T, d)`; alpha `(d,)`.

    Source: He, Zhang, Ren, Sun, "Delving deep into rectifiers" (ICCV 2015), section 2.1.

    Example
    -------
    >>> import numpy as np
    >>> from chainrule.maths.activations import PReLU
    >>> PReLU().value(np.array([[-1.0, -1.0, 2.0]]), alpha=np.array([0.5, 0.25, 0.25]))
    array([[-0.5 , -0.25,  2.  ]])
    """

    name = "prelu"
    latex = r"h = \begin{cases} z & z > 0 \\ \alpha z & z \leq 0 \end{cases}"
    slope_latex = (
        r"\frac{\partial h}{\partial z} ="
        r" \begin{cases} 1 & z > 0 \\ \alpha & z \leq 0 \end{cases}"
    )
    numpy = "np.where(Z > 0, Z, alpha * Z)"
    slope_numpy = "np.where(Z > 0, 1.0, alpha)"
    analytic = False
    learned = (Learned("alpha", 0.25, r"\alpha"),)
    initialiser = "he_normal"
    source = "He, Zhang, Ren, Sun (ICCV 2015), section 2.1"

    def value(self, Z: Array, alpha: Array = 0.25, **learned: Array) -> Array:
        return namespace(Z).where(real(Z) > 0, Z, alpha * Z)

    def slope(self, Z: Array, H: Array, alpha: Array = 0.25, **learned: Array) -> Array:
        return _where_above(Z, alpha * namespace(Z).ones_like(Z))

    def learned_gradients(
        self, dH: Array, Z: Array, H: Array, alpha: Array = 0.25, **learned: Array
    ) -> Mapping[str, Array]:
        xp = namespace(Z)
        by_alpha = dH * xp.where(real(Z) > 0, 0.0, Z)
        return {"alpha": xp.sum(flat_rows(by_alpha), axis=0)}

    def kinks(self) -> tuple[Kink, ...]:
        return (Kink(0.0, 0.25, "the left-hand derivative, alpha; 0.25 at the start"),)

    def gain(self) -> float:
        return math.sqrt(2.0 / (1.0 + 0.25**2))


@ACTIVATIONS.register
@frozen
class ELU(Activation):
    r"""Bend below 0 to a floor: :math:`h = z` above 0, :math:`\alpha (e^z - 1)` elsewhere.

    The slope at 0 and below is :math:`\alpha e^z`, so 0 is a corner unless alpha is 1.

    Shapes: Z and H `(N, d)` or `(N, T, d)`.

    Parameters
    ----------
    alpha : float
        :math:`\alpha > 0`; the floor is at minus alpha.

    Source: Clevert, Unterthiner, Hochreiter, "Fast and accurate deep network learning by
    exponential linear units" (ICLR 2016), section 3.

    Example
    -------
    >>> import numpy as np
    >>> from chainrule.maths.activations import ELU
    >>> ELU().value(np.array([-1000.0, -1.0, 2.0])).round(6)
    array([-1.      , -0.632121,  2.      ])
    """

    name = "elu"
    rules = {"alpha": Real(0, None, closed="neither")}
    latex = r"h = \begin{cases} z & z > 0 \\ \alpha (e^{z} - 1) & z \leq 0 \end{cases}"
    slope_latex = r"\frac{dh}{dz} = \begin{cases} 1 & z > 0 \\ \alpha e^{z} & z \leq 0 \end{cases}"
    numpy = "np.where(Z > 0, Z, alpha * np.expm1(np.minimum(Z, 0)))"
    slope_numpy = "np.where(Z > 0, 1.0, alpha * np.exp(np.minimum(Z, 0)))"
    range = r"(-\alpha, \infty)"
    analytic = False
    saturates = (-4.605170186, None)
    initialiser = "he_normal"
    source = "Clevert, Unterthiner, Hochreiter (ICLR 2016), section 3"

    alpha: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        # Where alpha e^z is 1 % of the steepest slope; the class holds the default's number.
        below = math.log(0.01 * max(1.0, self.alpha) / self.alpha)
        object.__setattr__(self, "saturates", (min(below, 0.0), None))

    @classmethod
    def examples(cls) -> tuple[ELU, ...]:
        """Return the default and one floor on either side of it."""
        return (cls(), cls(alpha=0.5), cls(alpha=1.5))

    def value(self, Z: Array, **learned: Array) -> Array:
        xp = namespace(Z)
        return xp.where(real(Z) > 0, Z, float(self.alpha) * xp.expm1(_not_above(Z)))

    def slope(self, Z: Array, H: Array, **learned: Array) -> Array:
        return _where_above(Z, float(self.alpha) * namespace(Z).exp(_not_above(Z)))

    def kinks(self) -> tuple[Kink, ...]:
        return () if self.alpha == 1.0 else (Kink(0.0, float(self.alpha)),)

    def gain(self) -> float:
        # E[(e^z - 1)^2; z < 0] = e^2 F(-2) - 2 e^(1/2) F(-1) + 1/2, F the normal distribution.
        below = (
            math.exp(2.0) * _normal_below(-2.0) - 2.0 * math.exp(0.5) * _normal_below(-1.0) + 0.5
        )
        return (0.5 + self.alpha**2 * below) ** -0.5


def _not_above(Z: Array) -> Array:
    """Return min(z, 0), so that the unused branch of a `where` cannot overflow."""
    return namespace(Z).where(real(Z) > 0, 0.0, Z)


def _normal_below(z: float) -> float:
    return 0.5 * math.erfc(-z * math.sqrt(0.5))


SELU_SCALE = 1.0507009873554804934
SELU_ALPHA = 1.6732632423543772848


@ACTIVATIONS.register
@frozen
class SELU(Activation):
    r"""Scale ELU so that mean 0 and variance 1 reproduce themselves.

    :math:`h = \lambda z` above 0 and :math:`\lambda \alpha (e^z - 1)` elsewhere, with
    :math:`\lambda = 1.0507...` and :math:`\alpha = 1.6732...` chosen for that fixed point. It
    expects weights of variance 1 / d_in.

    Shapes: Z and H `(N, d)` or `(N, T, d)`.

    Source: Klambauer, Unterthiner, Mayr, Hochreiter, "Self-normalizing neural networks"
    (NIPS 2017), equations 2 and 14.

    Example
    -------
    >>> import numpy as np
    >>> from chainrule.maths.activations import SELU
    >>> SELU().value(np.array([-1.0, 0.0, 1.0])).round(6)
    array([-1.111331,  0.      ,  1.050701])
    """

    name = "selu"
    latex = (
        r"h = \begin{cases} \lambda z & z > 0 \\ \lambda \alpha (e^{z} - 1) & z \leq 0"
        r" \end{cases}, \quad \lambda = 1.0507, \; \alpha = 1.6733"
    )
    slope_latex = (
        r"\frac{dh}{dz} = \begin{cases} \lambda & z > 0 \\ \lambda \alpha e^{z} & z \leq 0"
        r" \end{cases}"
    )
    numpy = (
        "1.0507009873554805 * np.where(Z > 0, Z, 1.6732632423543772 * np.expm1(np.minimum(Z, 0)))"
    )
    slope_numpy = (
        "1.0507009873554805 * np.where(Z > 0, 1.0, 1.6732632423543772 * np.exp(np.minimum(Z, 0)))"
    )
    range = r"(-1.7581, \infty)"
    analytic = False
    saturates = (-4.605170186, None)
    initialiser = "lecun_normal"
    source = "Klambauer, Unterthiner, Mayr, Hochreiter (NIPS 2017), equations 2 and 14"

    def value(self, Z: Array, **learned: Array) -> Array:
        xp = namespace(Z)
        return SELU_SCALE * xp.where(real(Z) > 0, Z, SELU_ALPHA * xp.expm1(_not_above(Z)))

    def slope(self, Z: Array, H: Array, **learned: Array) -> Array:
        return SELU_SCALE * _where_above(Z, SELU_ALPHA * namespace(Z).exp(_not_above(Z)))

    def kinks(self) -> tuple[Kink, ...]:
        return (Kink(0.0, SELU_SCALE * SELU_ALPHA),)
