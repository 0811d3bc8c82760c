r"""Glorot, LeCun and He: weights whose variance follows from the number of inputs and outputs.

Each has mean 0 and the variance of its paper times `scale` squared; the uniform ones draw from an
interval whose half-width is the square root of three variances. None reads the gain of the
following activation (`initialisers.py` says why).
"""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np

from chainrule.checks import Real
from chainrule.frozen import frozen
from chainrule.maths.initialiser import INITIALISERS, Initialiser
from chainrule.streams import Stream

__all__ = [
    "GlorotNormal",
    "GlorotUniform",
    "HeNormal",
    "HeUniform",
    "LeCunNormal",
    "LeCunUniform",
]


@frozen
class _Scaled(Initialiser):
    """Mean 0 and a variance that follows from the fans; normal or uniform."""

    rules = {"scale": Real(0, closed="neither")}
    is_normal: ClassVar[bool]
    scale: float = 1.0

    def sample(
        self, stream: Stream, shape: tuple[int, ...], fan_in: int, fan_out: int, gain: float
    ) -> np.ndarray:
        variance = self.variance(fan_in, fan_out, gain)
        if self.is_normal:
            return math.sqrt(variance) * stream.normal(shape)
        limit = math.sqrt(3.0 * variance)
        return stream.uniform(shape, -limit, limit)

    def variance(self, fan_in: int, fan_out: int, gain: float) -> float:
        return float(self.scale) ** 2 * self.published(fan_in, fan_out)

    def published(self, fan_in: int, fan_out: int) -> float:
        """Return the variance as the paper states it."""
        raise NotImplementedError


class _Glorot(_Scaled):
    def published(self, fan_in: int, fan_out: int) -> float:
        return 2.0 / (fan_in + fan_out)


class _LeCun(_Scaled):
    def published(self, fan_in: int, fan_out: int) -> float:
        return 1.0 / fan_in


class _He(_Scaled):
    def published(self, fan_in: int, fan_out: int) -> float:
        return 2.0 / fan_in


@INITIALISERS.register
@frozen
class GlorotUniform(_Glorot):
    r"""Keep the variance of signals and gradients about level, with numbers from an interval.

    .. math:: w \sim \mathcal{U}[-a, a), \quad a = \sqrt{3 v}, \quad
              v = \frac{2 s^2}{\text{fan\_in} + \text{fan\_out}}

    with :math:`v` the variance and :math:`s` = `scale`.

    Source: Glorot, Bengio, "Understanding the difficulty of training deep feedforward neural
    networks" (AISTATS 2010), equation 16.

    Example
    -------
    >>> from chainrule.maths.initialisers import GlorotUniform
    >>> GlorotUniform().variance(300, 200, gain=1.0)
    0.004
    """

    name = "glorot_uniform"
    aliases = ("xavier_uniform",)
    latex = r"w \sim \mathcal{U}[-a, a),\ a = \sqrt{3 v},\ v = \frac{2 s^2}{d_{in} + d_{out}}"
    source = "Glorot, Bengio (AISTATS 2010), equation 16"
    is_normal = False


@INITIALISERS.register
@frozen
class GlorotNormal(_Glorot):
    r"""Keep the variance of signals and gradients about level, with normal numbers.

    .. math:: w \sim \mathcal{N}(0, v), \quad v = \frac{2 s^2}{\text{fan\_in} + \text{fan\_out}}

    with :math:`v` the variance and :math:`s` = `scale`.

    Source: Glorot, Bengio, "Understanding the difficulty of training deep feedforward neural
    networks" (AISTATS 2010), equation 12.

    Example
    -------
    >>> from chainrule.maths.initialisers import GlorotNormal
    >>> GlorotNormal().variance(300, 200, gain=1.0)
    0.004
    """

    name = "glorot_normal"
    aliases = ("xavier_normal",)
    latex = r"w \sim \mathcal{N}\left(0, \frac{2 s^2}{d_{in} + d_{out}}\right)"
    source = "Glorot, Bengio (AISTATS 2010), equation 12"
    is_normal = True


@INITIALISERS.register
@frozen
class LeCunUniform(_LeCun):
    r"""Keep the variance of a linear unit's output at that of its inputs, from an interval.

    .. math:: w \sim \mathcal{U}[-a, a), \quad a = \sqrt{3 v}, \quad
              v = \frac{s^2}{\text{fan\_in}}

    with :math:`v` the variance and :math:`s` = `scale`.

    Source: LeCun, Bottou, Orr, Müller, "Efficient BackProp" (1998), equation 16.

    Example
    -------
    >>> from chainrule.maths.initialisers import LeCunUniform
    >>> LeCunUniform().variance(200, 300, gain=1.0)
    0.005
    """

    name = "lecun_uniform"
    latex = r"w \sim \mathcal{U}[-a, a),\ a = \sqrt{3 v},\ v = \frac{s^2}{d_{in}}"
    source = "LeCun, Bottou, Orr, Müller (1998), equation 16"
    is_normal = False


@INITIALISERS.register
@frozen
class LeCunNormal(_LeCun):
    r"""Keep the variance of a linear unit's output at that of its inputs, with normal numbers.

    .. math:: w \sim \mathcal{N}(0, v), \quad v = \frac{s^2}{\text{fan\_in}}

    with :math:`v` the variance and :math:`s` = `scale`.

    Source: LeCun, Bottou, Orr, Müller, "Efficient BackProp" (1998), equation 16.

    Example
    -------
    >>> from chainrule.maths.initialisers import LeCunNormal
    >>> LeCunNormal().variance(200, 300, gain=1.0)
    0.005
    """

    name = "lecun_normal"
    latex = r"w \sim \mathcal{N}\left(0, \frac{s^2}{d_{in}}\right)"
    source = "LeCun, Bottou, Orr, Müller (1998), equation 16"
    is_normal = True


@INITIALISERS.register
@frozen
class HeUniform(_He):
    r"""Keep the variance of signals level through ReLU layers, with numbers from an interval.

    .. math:: w \sim \mathcal{U}[-a, a), \quad a = \sqrt{3 v}, \quad
              v = \frac{2 s^2}{\text{fan\_in}}

    with :math:`v` the variance and :math:`s` = `scale`.

    Source: He, Zhang, Ren, Sun, "Delving deep into rectifiers" (ICCV 2015), equation 10.

    Example
    -------
    >>> from chainrule.maths.initialisers import HeUniform
    >>> HeUniform().variance(400, 300, gain=1.0)
    0.005
    """

    name = "he_uniform"
    aliases = ("kaiming_uniform",)
    latex = r"w \sim \mathcal{U}[-a, a),\ a = \sqrt{3 v},\ v = \frac{2 s^2}{d_{in}}"
    source = "He, Zhang, Ren, Sun (ICCV 2015), equation 10"
    is_normal = False


@INITIALISERS.register
@frozen
class HeNormal(_He):
    r"""Keep the variance of signals level through ReLU layers, with normal numbers.

    .. math:: w \sim \mathcal{N}(0, v), \quad v = \frac{2 s^2}{\text{fan\_in}}

    with :math:`v` the variance and :math:`s` = `scale`.

    Source: He, Zhang, Ren, Sun, "Delving deep into rectifiers" (ICCV 2015), equation 10.

    Example
    -------
    >>> from chainrule.maths.initialisers import HeNormal
    >>> HeNormal().variance(400, 300, gain=1.0)
    0.005
    """

    name = "he_normal"
    aliases = ("kaiming_normal",)
    latex = r"w \sim \mathcal{N}\left(0, \frac{2 s^2}{d_{in}}\right)"
    source = "He, Zhang, Ren, Sun (ICCV 2015), equation 10"
    is_normal = True
