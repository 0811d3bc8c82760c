"""Schedules that fall: not at all, in steps, as a power, as an exponential."""

from __future__ import annotations

from chainrule.checks import Real
from chainrule.frozen import frozen
from chainrule.maths.durations import DURATION, place, progress, updates_of
from chainrule.maths.schedule import SCHEDULES, Schedule

__all__ = ["ConstantRate", "Exponential", "InverseScaling", "Polynomial", "StepDecay"]


@SCHEDULES.register
@frozen
class ConstantRate(Schedule):
    r"""Stay at the base value.

    .. math:: f(k) = 1

    with :math:`k` = `step`.

    With noisy gradients it leads to a neighbourhood of the minimum, not into it.

    Source: Bottou, Curtis, Nocedal, "Optimization methods for large-scale machine learning" (2018),
    theorem 4.6.

    Example
    -------
    >>> from chainrule.maths.schedules import ConstantRate
    >>> ConstantRate().factor(7, total=10)
    1.0
    """

    name = "constant"
    latex = r"f(k) = 1"
    source = "Bottou, Curtis, Nocedal (SIAM Review 60, 2018), theorem 4.6"

    def factor(self, step: int, total: int) -> float:
        return 1.0


@SCHEDULES.register
@frozen
class StepDecay(Schedule):
    r"""Multiply by the same number at equal distances.

    .. math:: f(k) = \gamma^{\lfloor k / e \rfloor}

    with :math:`k` = `step`, :math:`\gamma` = `multiplier` and :math:`e` = `every`, in updates or as
    a share of the run.

    Source: Krizhevsky, Sutskever, Hinton (NIPS 2012), section 5 (by hand there).

    Example
    -------
    >>> from chainrule.maths.schedules import StepDecay
    >>> [StepDecay(0.5, every=2).factor(step, total=6) for step in range(6)]
    [1.0, 1.0, 0.5, 0.5, 0.25, 0.25]
    """

    name = "step"
    aliases = ("step_decay",)
    rules = {"multiplier": Real(0, 1, closed="right"), "every": DURATION}
    latex = r"f(k) = \gamma^{\lfloor k / e \rfloor}"
    source = "Krizhevsky, Sutskever, Hinton (NIPS 2012), section 5"
    multiplier: float = 0.5
    every: int | float = 0.25

    @classmethod
    def examples(cls) -> tuple[StepDecay, ...]:
        return (cls(), cls(0.1, every=30))

    def factor(self, step: int, total: int) -> float:
        return float(self.multiplier) ** (place(step, total) // updates_of(self.every, total))


@SCHEDULES.register
@frozen
class Exponential(Schedule):
    r"""Multiply by the same number at equal distances, smoothly in between.

    .. math:: f(k) = \gamma^{k / e}

    with :math:`k` = `step`, :math:`\gamma` = `multiplier` and :math:`e` = `every`, in updates or as
    a share of the run. `Exponential(0.999, every=1)` multiplies by 0.999 in each update.

    Source: Senior, Heigold, Ranzato, Yang, "An empirical study of learning rates in deep neural
    networks for speech recognition" (ICASSP 2013).

    Example
    -------
    >>> from chainrule.maths.schedules import Exponential
    >>> [Exponential(0.25, every=2).factor(step, total=6) for step in range(4)]
    [1.0, 0.5, 0.25, 0.125]
    """

    name = "exponential"
    rules = {"multiplier": Real(0, 1, closed="right"), "every": DURATION}
    latex = r"f(k) = \gamma^{k / e}"
    source = "Senior, Heigold, Ranzato, Yang (ICASSP 2013)"
    multiplier: float = 0.1
    every: int | float = 0.5

    @classmethod
    def examples(cls) -> tuple[Exponential, ...]:
        return (cls(), cls(0.99, every=1))

    def factor(self, step: int, total: int) -> float:
        return float(self.multiplier) ** (place(step, total) / updates_of(self.every, total))


@SCHEDULES.register
@frozen
class InverseScaling(Schedule):
    r"""Fall as a power of the number of updates, as the theory of stochastic gradients asks.

    .. math:: f(k) = (k + 1)^{-p}

    with :math:`k` = `step` and :math:`p` = `power`. Steps are updates here; scikit-learn's
    "invscaling" counts rows, and changes once an epoch.

    Source: Bottou, "Stochastic gradient descent tricks" (2012).

    Example
    -------
    >>> from chainrule.maths.schedules import InverseScaling
    >>> InverseScaling(power=0.5).factor(3, total=10)
    0.5
    """

    name = "inverse_scaling"
    aliases = ("invscaling",)
    rules = {"power": Real(0)}
    latex = r"f(k) = (k + 1)^{-p}"
    source = "Bottou (Neural Networks: Tricks of the Trade, 2012)"
    power: float = 0.5

    def factor(self, step: int, total: int) -> float:
        return (place(step, total) + 1.0) ** -float(self.power)


@SCHEDULES.register
@frozen
class Polynomial(Schedule):
    r"""Fall from 1 to `end` as a power of what is left of the run; a straight line by default.

    .. math:: f(t) = e + (1 - e)(1 - t)^p

    with :math:`t` = `step / total`, :math:`p` = `power` and :math:`e` = `end`.

    Source: Liu, Rabinovich, Berg, "ParseNet" (ICLR 2016 workshop).

    Example
    -------
    >>> from chainrule.maths.schedules import Polynomial
    >>> [Polynomial(power=2.0).factor(step, total=4) for step in range(5)]
    [1.0, 0.5625, 0.25, 0.0625, 0.0]
    """

    name = "polynomial"
    aliases = ("linear",)
    rules = {"power": Real(0, closed="neither"), "end": Real(0, 1)}
    latex = r"f(t) = e + (1 - e)(1 - t)^p"
    source = "Liu, Rabinovich, Berg (arXiv:1506.04579)"
    power: float = 1.0
    end: float = 0.0

    @classmethod
    def examples(cls) -> tuple[Polynomial, ...]:
        return (cls(), cls(2.0, end=0.1))

    def factor(self, step: int, total: int) -> float:
        end = float(self.end)
        return end + (1.0 - end) * (1.0 - progress(step, total)) ** float(self.power)
