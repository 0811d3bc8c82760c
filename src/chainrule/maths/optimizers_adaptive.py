"""Optimizers that give each weight its own step by the size of its past gradients."""

from __future__ import annotations

from collections.abc import Mapping

from chainrule.checks import Real
from chainrule.frozen import frozen
from chainrule.maths.arrays import Array, namespace
from chainrule.maths.optimizer import OPTIMIZERS, Optimizer
from chainrule.maths.step_size import step_size

__all__ = ["AdaGrad", "RMSProp"]


@OPTIMIZERS.register
@frozen
class AdaGrad(Optimizer):
    r"""Divide each step by the root of the sum of all squared gradients so far.

    .. math:: s \leftarrow s + g^2, \qquad w \leftarrow w - \eta\,\frac{g}{\sqrt{s} + \epsilon}

    with :math:`s` = slot `squares` (its start is `initial_squares`), :math:`\eta` = `rate` and
    :math:`\epsilon` = `epsilon`. The steps shrink for ever; good for rare features.

    Source: Duchi, Hazan, Singer, "Adaptive subgradient methods for online learning and stochastic
    optimization" (JMLR 12, 2011).

    Example
    -------
    >>> import numpy as np
    >>> from chainrule.maths.optimizers import AdaGrad
    >>> slots = {"squares": np.array([9.0])}
    >>> weights, slots = AdaGrad().update(np.array([1.0]), np.array([4.0]), slots, 2, rate=0.5)
    >>> weights.round(8).tolist(), slots["squares"].tolist()
    ([0.6], [25.0])
    """

    name = "adagrad"
    rules = {
        "learning_rate": Real(0, closed="neither"),
        "epsilon": Real(0, closed="neither"),
        "initial_squares": Real(0),
    }
    slots = ("squares",)
    latex = r"s \leftarrow s + g^2, \quad w \leftarrow w - \eta\,g / (\sqrt{s} + \epsilon)"
    update_latex = (
        r"s \leftarrow s + g^2",
        r"w \leftarrow w - \eta\,\frac{g}{\sqrt{s} + \epsilon}",
    )
    source = "Duchi, Hazan, Singer (JMLR 12, 2011)"
    learning_rate: float = 0.01
    epsilon: float = 1e-10
    initial_squares: float = 0.0

    @classmethod
    def examples(cls) -> tuple[AdaGrad, ...]:
        return (cls(), cls(initial_squares=0.1))

    def initial_slot(self, name: str) -> float:
        return float(self.initial_squares)

    def update(
        self,
        weights: Array,
        gradient: Array,
        slots: Mapping[str, Array],
        step: int,
        rate: Array | float,
    ) -> tuple[Array, dict[str, Array]]:
        squares = slots["squares"] + gradient * gradient
        size = namespace(weights).sqrt(squares) + float(self.epsilon)
        return weights - step_size(rate, weights) * (gradient / size), {"squares": squares}


@OPTIMIZERS.register
@frozen
class RMSProp(Optimizer):
    r"""Divide each step by the root of a running mean of squared gradients.

    .. math:: s \leftarrow \rho s + (1 - \rho) g^2, \qquad
              w \leftarrow w - \eta\,\frac{g}{\sqrt{s} + \epsilon}

    with :math:`s` = slot `mean_square`, :math:`\rho` = `smoothing`, :math:`\eta` = `rate` and
    :math:`\epsilon` = `epsilon`. The mean starts at 0 and is not corrected for it, so the first
    steps are long: :math:`1 / \sqrt{1 - \rho}` times the rate.

    Source: Tieleman, Hinton, "Neural networks for machine learning", lecture 6.5 (Coursera 2012).

    Example
    -------
    >>> import numpy as np
    >>> from chainrule.maths.optimizers import RMSProp
    >>> slots = {"mean_square": np.array([0.0])}
    >>> weights, slots = RMSProp(smoothing=0.75).update(
    ...     np.array([1.0]), np.array([4.0]), slots, 1, rate=0.25
    ... )
    >>> weights.round(8).tolist(), slots["mean_square"].tolist()
    ([0.5], [4.0])
    """

    name = "rmsprop"
    rules = {
        "learning_rate": Real(0, closed="neither"),
        "smoothing": Real(0, 1, closed="left"),
        "epsilon": Real(0, closed="neither"),
    }
    slots = ("mean_square",)
    latex = (
        r"s \leftarrow \rho s + (1 - \rho) g^2, \quad "
        r"w \leftarrow w - \eta\,g / (\sqrt{s} + \epsilon)"
    )
    update_latex = (
        r"s \leftarrow \rho s + (1 - \rho) g^2",
        r"w \leftarrow w - \eta\,\frac{g}{\sqrt{s} + \epsilon}",
    )
    source = "Tieleman, Hinton (Coursera 2012), lecture 6.5"
    learning_rate: float = 0.001
    smoothing: float = 0.9
    epsilon: float = 1e-8

    def update(
        self,
        weights: Array,
        gradient: Array,
        slots: Mapping[str, Array],
        step: int,
        rate: Array | float,
    ) -> tuple[Array, dict[str, Array]]:
        smoothing = float(self.smoothing)
        mean_square = smoothing * slots["mean_square"] + (1.0 - smoothing) * (gradient * gradient)
        size = namespace(weights).sqrt(mean_square) + float(self.epsilon)
        new = weights - step_size(rate, weights) * (gradient / size)
        return new, {"mean_square": mean_square}
