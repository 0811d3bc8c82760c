"""Gradient descent: plain, with momentum, with Nesterov's momentum."""

from __future__ import annotations

from collections.abc import Mapping

from chainrule.checks import Real
from chainrule.frozen import frozen
from chainrule.maths.arrays import Array
from chainrule.maths.optimizer import OPTIMIZERS, Optimizer
from chainrule.maths.step_size import step_size

__all__ = ["SGD", "Momentum", "Nesterov"]


@OPTIMIZERS.register
@frozen
class SGD(Optimizer):
    r"""Step against the gradient.

    .. math:: w \leftarrow w - \eta\,g

    with :math:`w` = `weights`, :math:`g` = `gradient` (of one row, a batch or all rows) and
    :math:`\eta` = `rate`, which is `learning_rate` times the schedule's factor.

    Source: Robbins, Monro, "A stochastic approximation method" (1951).

    Example
    -------
    >>> import numpy as np
    >>> from chainrule.maths.optimizers import SGD
    >>> SGD(0.1).update(np.array([1.0]), np.array([2.0]), {}, step=1, rate=0.1)
    (array([0.8]), {})
    """

    name = "sgd"
    aliases = ("gradient_descent",)
    rules = {"learning_rate": Real(0, closed="neither")}
    latex = r"w \leftarrow w - \eta\,g"
    update_latex = (r"w \leftarrow w - \eta\,g",)
    source = "Robbins, Monro (Annals of Mathematical Statistics 22, 1951)"
    learning_rate: float = 0.01

    def update(
        self,
        weights: Array,
        gradient: Array,
        slots: Mapping[str, Array],
        step: int,
        rate: Array | float,
    ) -> tuple[Array, dict[str, Array]]:
        return weights - step_size(rate, weights) * gradient, {}


@OPTIMIZERS.register
@frozen
class Momentum(Optimizer):
    r"""Step along a velocity that remembers the steps before.

    .. math:: v \leftarrow \mu v - \eta\,g, \qquad w \leftarrow w + v

    with :math:`v` = slot `velocity`, :math:`\mu` = `momentum`, :math:`\eta` = `rate`. The velocity
    is in units of the weights: it is the change of the last step, so a falling learning rate acts
    on new gradients only. (PyTorch multiplies a velocity in units of the gradient by the rate; the
    two agree while the rate is constant.)

    Source: Polyak, "Some methods of speeding up the convergence of iteration methods" (1964).

    Example
    -------
    >>> import numpy as np
    >>> from chainrule.maths.optimizers import Momentum
    >>> slots = {"velocity": np.array([0.5])}
    >>> weights, slots = Momentum().update(np.array([1.0]), np.array([2.0]), slots, 2, rate=0.1)
    >>> weights.tolist(), slots["velocity"].tolist()
    ([1.25], [0.25])
    """

    name = "momentum"
    rules = {"learning_rate": Real(0, closed="neither"), "momentum": Real(0, 1, closed="left")}
    slots = ("velocity",)
    latex = r"v \leftarrow \mu v - \eta\,g, \quad w \leftarrow w + v"
    update_latex = (r"v \leftarrow \mu v - \eta\,g", r"w \leftarrow w + v")
    source = "Polyak (USSR Computational Mathematics and Mathematical Physics 4, 1964)"
    learning_rate: float = 0.01
    momentum: float = 0.9

    def update(
        self,
        weights: Array,
        gradient: Array,
        slots: Mapping[str, Array],
        step: int,
        rate: Array | float,
    ) -> tuple[Array, dict[str, Array]]:
        push = step_size(rate, weights) * gradient
        velocity = float(self.momentum) * slots["velocity"] - push
        return weights + velocity, {"velocity": velocity}


@OPTIMIZERS.register
@frozen
class Nesterov(Optimizer):
    r"""Step along the velocity as it will be after this gradient, and by the gradient once more.

    .. math:: v \leftarrow \mu v - \eta\,g, \qquad w \leftarrow w + \mu v - \eta\,g

    with :math:`v` = slot `velocity`, :math:`\mu` = `momentum`, :math:`\eta` = `rate`. The stored
    weights are the point looked ahead to, so the gradient is taken where it is needed.

    Source: Sutskever, Martens, Dahl, Hinton, "On the importance of initialization and momentum in
    deep learning" (ICML 2013); Bengio, Boulanger-Lewandowski, Pascanu (ICASSP 2013), equation 7.

    Example
    -------
    >>> import numpy as np
    >>> from chainrule.maths.optimizers import Nesterov
    >>> slots = {"velocity": np.array([0.0])}
    >>> weights, slots = Nesterov(momentum=0.5).update(
    ...     np.array([1.0]), np.array([2.0]), slots, 1, rate=0.25
    ... )
    >>> weights.tolist(), slots["velocity"].tolist()
    ([0.25], [-0.5])
    """

    name = "nesterov"
    rules = {"learning_rate": Real(0, closed="neither"), "momentum": Real(0, 1, closed="left")}
    slots = ("velocity",)
    latex = r"v \leftarrow \mu v - \eta\,g, \quad w \leftarrow w + \mu v - \eta\,g"
    update_latex = (r"v \leftarrow \mu v - \eta\,g", r"w \leftarrow w + \mu v - \eta\,g")
    source = "Sutskever et al. (ICML 2013); Bengio et al. (ICASSP 2013), equation 7"
    learning_rate: float = 0.01
    momentum: float = 0.9

    def update(
        self,
        weights: Array,
        gradient: Array,
        slots: Mapping[str, Array],
        step: int,
        rate: Array | float,
    ) -> tuple[Array, dict[str, Array]]:
        momentum = float(self.momentum)
        push = step_size(rate, weights) * gradient
        velocity = momentum * slots["velocity"] - push
        return weights + momentum * velocity - push, {"velocity": velocity}
