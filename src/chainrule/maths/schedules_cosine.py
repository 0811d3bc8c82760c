"""Schedules built from a cosine: one fall, one cycle, a plateau and a fall, shrinking cycles."""

from __future__ import annotations

import math

from chainrule.checks import Integer, Real
from chainrule.frozen import frozen
from chainrule.maths.durations import DURATION, place, progress, updates_of
from chainrule.maths.schedule import SCHEDULES, Schedule

__all__ = ["Cosine", "CosineLog", "FlatCosine", "OneCycle"]


def _ease(start: float, end: float, share: float) -> float:
    """Go from `start` to `end` along half a cosine."""
    return end + (start - end) * 0.5 * (1.0 + math.cos(math.pi * share))


@SCHEDULES.register
@frozen
class Cosine(Schedule):
    r"""Fall from 1 to `end` along half a cosine.

    .. math:: f(t) = e + (1 - e)\,\tfrac12 (1 + \cos \pi t)

    with :math:`t` = `step / total` and :math:`e` = `end`.

    Source: Loshchilov, Hutter, "SGDR: stochastic gradient descent with warm restarts"
    (ICLR 2017), equation 5.

    Example
    -------
    >>> from chainrule.maths.schedules import Cosine
    >>> [round(Cosine(end=0.1).factor(step, total=4), 4) for step in (0, 2, 4)]
    [1.0, 0.55, 0.1]
    """

    name = "cosine"
    rules = {"end": Real(0, 1)}
    latex = r"f(t) = e + (1 - e)\,\tfrac12 (1 + \cos \pi t)"
    source = "Loshchilov, Hutter (ICLR 2017, arXiv:1608.03983), equation 5"
    end: float = 0.0

    @classmethod
    def examples(cls) -> tuple[Cosine, ...]:
        return (cls(), cls(end=0.1))

    def factor(self, step: int, total: int) -> float:
        return _ease(1.0, float(self.end), progress(step, total))


@SCHEDULES.register
@frozen
class FlatCosine(Schedule):
    r"""Stay at 1, then fall to 0 along half a cosine.

    .. math:: f(t) = 1 \text{ for } t < q, \qquad
              f(t) = \tfrac12 \left(1 + \cos \pi \frac{t - q}{1 - q}\right) \text{ after}

    with :math:`t` = `step / total` and :math:`q` = `flat`. With the default of one half the second
    part is :math:`\tfrac12 (1 + \cos \pi (2t - 1))`.

    Source: Holzmüller, Grinsztajn, Steinwart, "Better by default: strong pre-tuned MLPs and boosted
    trees on tabular data" (NeurIPS 2024), RealMLP.

    Example
    -------
    >>> from chainrule.maths.schedules import FlatCosine
    >>> [round(FlatCosine().factor(step, total=4), 4) for step in range(5)]
    [1.0, 1.0, 1.0, 0.5, 0.0]
    """

    name = "flat_cosine"
    aliases = ("flat_cos",)
    rules = {"flat": Real(0, 1, closed="left")}
    latex = (
        r"f(t) = 1\ (t < q), \quad "
        r"f(t) = \tfrac12 \left(1 + \cos \pi \frac{t - q}{1 - q}\right)\ (t \ge q)"
    )
    source = "Holzmüller, Grinsztajn, Steinwart (NeurIPS 2024, arXiv:2407.04491), RealMLP"
    flat: float = 0.5

    @classmethod
    def examples(cls) -> tuple[FlatCosine, ...]:
        return (cls(), cls(flat=0.8))

    def factor(self, step: int, total: int) -> float:
        flat = float(self.flat)
        share = (progress(step, total) - flat) / (1.0 - flat)
        return 1.0 if share <= 0.0 else _ease(1.0, 0.0, share)


@SCHEDULES.register
@frozen
class CosineLog(Schedule):
    r"""Go up and down in cycles that double in length; starts and ends at 0.

    .. math:: f(t) = \tfrac12 \left(1 - \cos(2 \pi \log_2(1 + (2^c - 1)\,t))\right)

    with :math:`t` = `step / total` and :math:`c` = `cycles`. The default of 4 cycles is "coslog4",
    :math:`\log_2(1 + 15 t)`. The very first update has factor 0.

    Source: Holzmüller, Grinsztajn, Steinwart, "Better by default: strong pre-tuned MLPs and boosted
    trees on tabular data" (NeurIPS 2024), RealMLP.

    Example
    -------
    >>> from chainrule.maths.schedules import CosineLog
    >>> [round(CosineLog(cycles=2).factor(step, total=6), 4) for step in (0, 2, 6)]
    [0.0, 0.0, 0.0]
    >>> round(CosineLog(cycles=1).factor(4142, total=10000), 6)
    1.0
    """

    name = "cosine_log"
    aliases = ("coslog4",)
    rules = {"cycles": Integer(1, 30)}
    latex = r"f(t) = \tfrac12 \left(1 - \cos(2 \pi \log_2(1 + (2^c - 1)\,t))\right)"
    source = "Holzmüller, Grinsztajn, Steinwart (NeurIPS 2024, arXiv:2407.04491), RealMLP"
    cycles: int = 4

    @classmethod
    def examples(cls) -> tuple[CosineLog, ...]:
        return (cls(), cls(cycles=2))

    def factor(self, step: int, total: int) -> float:
        longest = 2 ** int(self.cycles) - 1
        turns = math.log2(1.0 + longest * progress(step, total))
        return 0.5 * (1.0 - math.cos(2.0 * math.pi * turns))


@SCHEDULES.register
@frozen
class OneCycle(Schedule):
    r"""Rise to the base value and fall far below the start, each along half a cosine.

    .. math:: f(0) = 1 / a, \quad f(p) = 1, \quad f(\text{total}) = 1 / b

    with :math:`p` = `peak`, in updates or as a share of the run, :math:`a` = `start_division` and
    :math:`b` = `end_division`. The base value is the peak; both divisions are relative to it.

    Source: Smith, Topin, "Super-convergence: very fast training of neural networks using large
    learning rates" (arXiv:1708.07120); the cosine and the defaults are fastai's.

    Example
    -------
    >>> from chainrule.maths.schedules import OneCycle
    >>> cycle = OneCycle(peak=0.5, start_division=10, end_division=100)
    >>> [round(cycle.factor(step, total=4), 4) for step in range(5)]
    [0.1, 0.55, 1.0, 0.505, 0.01]
    """

    name = "one_cycle"
    aliases = ("onecycle",)
    rules = {"peak": DURATION, "start_division": Real(1), "end_division": Real(1)}
    latex = (
        r"f: 1/a \to 1\ \text{until } p, \quad 1 \to 1/b\ \text{after}, "
        r"\quad \text{each } \tfrac12 (1 - \cos \pi x)"
    )
    source = "Smith, Topin (arXiv:1708.07120); Howard, Gugger, fastai (Information 11, 2020)"
    peak: int | float = 0.25
    start_division: float = 25.0
    end_division: float = 1e5

    @classmethod
    def examples(cls) -> tuple[OneCycle, ...]:
        return (cls(), cls(peak=100, start_division=10.0, end_division=1e3))

    def factor(self, step: int, total: int) -> float:
        peak = updates_of(self.peak, total)
        at = place(step, total)
        if at < peak:
            return _ease(1.0 / float(self.start_division), 1.0, at / peak)
        return _ease(1.0, 1.0 / float(self.end_division), progress(at - peak, total - peak))
