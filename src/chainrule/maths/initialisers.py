r"""The initialisers: which distribution the first weights come from.

Decisions
---------
a) A published name means the published variance: Glorot `2 / (fan_in + fan_out)`, LeCun
   `1 / fan_in`, He `2 / fan_in`, whatever activation follows. They do not read the activation's
   `gain`: He's 2 *is* the squared gain of ReLU, and would be applied twice.
b) Each of them has a field `scale`, a factor on the standard deviation, for those who want another
   gain: `GlorotNormal(scale=5 / 3)` before a tanh.
c) `orthogonal` alone reads `gain`: its paper defines the weights as gain times an orthonormal
   matrix. `zeros`, `constant`, `normal` and `uniform` state their numbers outright.
d) The normal ones are not truncated, so that the stated variance is the true one.
"""

from __future__ import annotations

import math

import numpy as np

from chainrule.checks import Real, shown
from chainrule.errors import InvalidParameterError
from chainrule.frozen import frozen
from chainrule.maths.initialiser import INITIALISERS, Initialiser
from chainrule.maths.initialisers_scaled import (
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
    LeCunNormal,
    LeCunUniform,
)
from chainrule.maths.orthonormal import orthonormal_rows
from chainrule.streams import Stream

__all__ = [
    "Constant",
    "GlorotNormal",
    "GlorotUniform",
    "HeNormal",
    "HeUniform",
    "LeCunNormal",
    "LeCunUniform",
    "Normal",
    "Orthogonal",
    "Uniform",
    "Zeros",
]


@INITIALISERS.register
@frozen
class Zeros(Initialiser):
    r"""Start every number at zero: right for biases, useless for weights (no symmetry is broken).

    .. math:: w = 0

    Source: Glorot, Bengio, "Understanding the difficulty of training deep feedforward neural
    networks" (AISTATS 2010), section 2.3: biases start at 0.

    Example
    -------
    >>> from chainrule.maths.initialisers import Zeros
    >>> from chainrule.streams import Stream
    >>> Zeros().sample(Stream(0, "init:b"), (3,), 2, 3, 1.0).tolist()
    [0.0, 0.0, 0.0]
    """

    name = "zeros"
    latex = r"w = 0"
    source = "Glorot, Bengio (AISTATS 2010), section 2.3"

    def sample(
        self, stream: Stream, shape: tuple[int, ...], fan_in: int, fan_out: int, gain: float
    ) -> np.ndarray:
        return np.zeros(shape)

    def variance(self, fan_in: int, fan_out: int, gain: float) -> float:
        return 0.0


@INITIALISERS.register
@frozen
class Constant(Initialiser):
    r"""Start every number at `value`.

    .. math:: w = c

    with :math:`c` = `value`. For biases: a small positive one keeps ReLU units alive at first.

    Source: Goodfellow, Bengio, Courville, "Deep Learning" (2016), section 8.4.

    Example
    -------
    >>> from chainrule.maths.initialisers import Constant
    >>> from chainrule.streams import Stream
    >>> Constant(0.1).sample(Stream(0, "init:b"), (2,), 2, 2, 1.0).tolist()
    [0.1, 0.1]
    """

    name = "constant"
    rules = {"value": Real()}
    latex = r"w = c"
    source = "Goodfellow, Bengio, Courville, Deep Learning (MIT Press 2016), section 8.4"
    value: float = 0.1

    def sample(
        self, stream: Stream, shape: tuple[int, ...], fan_in: int, fan_out: int, gain: float
    ) -> np.ndarray:
        return np.full(shape, float(self.value))

    def variance(self, fan_in: int, fan_out: int, gain: float) -> float:
        return 0.0

    def mean(self) -> float:
        return float(self.value)


@INITIALISERS.register
@frozen
class Normal(Initialiser):
    r"""Draw from a normal distribution with a stated standard deviation, whatever the layer.

    .. math:: w \sim \mathcal{N}(\mu, \sigma^2)

    with :math:`\mu` = `centre` and :math:`\sigma` = `standard_deviation`.

    Source: Krizhevsky, Sutskever, Hinton, "ImageNet classification with deep convolutional neural
    networks" (NIPS 2012), section 5 (the default, 0.01).

    Example
    -------
    >>> from chainrule.maths.initialisers import Normal
    >>> Normal(0.5).variance(300, 200, gain=1.0)
    0.25
    """

    name = "normal"
    rules = {"standard_deviation": Real(0), "centre": Real()}
    latex = r"w \sim \mathcal{N}(\mu, \sigma^2)"
    source = "Krizhevsky, Sutskever, Hinton (NIPS 2012), section 5"
    standard_deviation: float = 0.01
    centre: float = 0.0

    @classmethod
    def examples(cls) -> tuple[Normal, ...]:
        return (cls(), cls(2.0, centre=-1.0))

    def sample(
        self, stream: Stream, shape: tuple[int, ...], fan_in: int, fan_out: int, gain: float
    ) -> np.ndarray:
        return float(self.centre) + float(self.standard_deviation) * stream.normal(shape)

    def variance(self, fan_in: int, fan_out: int, gain: float) -> float:
        return float(self.standard_deviation) ** 2

    def mean(self) -> float:
        return float(self.centre)


@INITIALISERS.register
@frozen
class Uniform(Initialiser):
    r"""Draw from an interval, whatever the layer.

    .. math:: w \sim \mathcal{U}[a, b), \qquad \mathrm{Var}[w] = (b - a)^2 / 12

    with :math:`a` = `low` and :math:`b` = `high`; `low` may not be above `high`.

    Source: LeCun, Bottou, Orr, Müller, "Efficient BackProp" (1998), section 4.6.

    Example
    -------
    >>> from chainrule.maths.initialisers import Uniform
    >>> Uniform(0.0, 6.0).variance(300, 200, gain=1.0), Uniform(0.0, 6.0).mean()
    (3.0, 3.0)
    """

    name = "uniform"
    rules = {"low": Real(), "high": Real()}
    latex = r"w \sim \mathcal{U}[a, b)"
    source = "LeCun, Bottou, Orr, Müller (1998), section 4.6"
    low: float = -0.05
    high: float = 0.05

    @classmethod
    def examples(cls) -> tuple[Uniform, ...]:
        return (cls(), cls(0.0, 1.0))

    def check(self) -> None:
        super().check()
        if self.low > self.high:
            raise InvalidParameterError(
                "the interval has its ends the wrong way round",
                where="Uniform.low, Uniform.high",
                expected="low <= high",
                got=f"low={shown(self.low)}, high={shown(self.high)}",
            )

    def sample(
        self, stream: Stream, shape: tuple[int, ...], fan_in: int, fan_out: int, gain: float
    ) -> np.ndarray:
        return stream.uniform(shape, float(self.low), float(self.high))

    def variance(self, fan_in: int, fan_out: int, gain: float) -> float:
        return (float(self.high) - float(self.low)) ** 2 / 12.0

    def mean(self) -> float:
        return (float(self.low) + float(self.high)) / 2.0


@INITIALISERS.register
@frozen
class Orthogonal(Initialiser):
    r"""Draw a matrix whose columns (or rows, if there are fewer of them) are orthonormal.

    .. math:: W = g\,s\,Q, \quad Q^T Q = I \text{ or } Q Q^T = I,
              \qquad \mathrm{Var}[w] = \frac{g^2 s^2}{\max(\text{fan\_in}, \text{fan\_out})}

    with :math:`g` = `gain`, the following activation's, and :math:`s` = `scale`. Q is uniform over
    all such matrices. A vector is one column: its length is :math:`g s`. Of more than two axes the
    last counts the columns. The variance is that of shape `(fan_in, fan_out)`; it is exact for the
    mean square of the entries, not only in expectation.

    Source: Saxe, McClelland, Ganguli, "Exact solutions to the nonlinear dynamics of learning in
    deep linear neural networks" (ICLR 2014).

    Example
    -------
    >>> import numpy as np
    >>> from chainrule.maths.initialisers import Orthogonal
    >>> from chainrule.streams import Stream
    >>> W = Orthogonal().sample(Stream(0, "init:W"), (5, 3), 5, 3, 2.0)
    >>> bool(np.allclose(W.T @ W, 4 * np.eye(3)))
    True
    """

    name = "orthogonal"
    rules = {"scale": Real(0, closed="neither")}
    latex = r"W = g s Q,\ Q^T Q = I \text{ or } Q Q^T = I"
    source = "Saxe, McClelland, Ganguli (ICLR 2014, arXiv:1312.6120)"
    scale: float = 1.0

    def sample(
        self, stream: Stream, shape: tuple[int, ...], fan_in: int, fan_out: int, gain: float
    ) -> np.ndarray:
        columns = shape[-1] if len(shape) > 1 else 1
        rows = math.prod(shape) // columns if columns else 0
        draw = stream.normal((min(rows, columns), max(rows, columns)))
        frame = orthonormal_rows(draw)
        matrix = frame.T if rows >= columns else frame
        return np.ascontiguousarray(float(gain) * float(self.scale) * matrix).reshape(shape)

    def variance(self, fan_in: int, fan_out: int, gain: float) -> float:
        return (float(gain) * float(self.scale)) ** 2 / max(fan_in, fan_out)
