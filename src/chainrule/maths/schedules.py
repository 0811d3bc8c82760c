"""All schedules by name, and the warm-up that goes in front of any of them."""

from __future__ import annotations

from chainrule.frozen import frozen
from chainrule.maths.durations import DURATION_OR_NONE, place, updates_of
from chainrule.maths.schedule import SCHEDULES, Schedule
from chainrule.maths.schedules_cosine import Cosine, CosineLog, FlatCosine, OneCycle
from chainrule.maths.schedules_decay import (
    ConstantRate,
    Exponential,
    InverseScaling,
    Polynomial,
    StepDecay,
)
from chainrule.maths.schedules_plateau import Plateau

__all__ = [
    "ConstantRate",
    "Cosine",
    "CosineLog",
    "Exponential",
    "FlatCosine",
    "InverseScaling",
    "OneCycle",
    "Plateau",
    "Polynomial",
    "StepDecay",
    "Warmup",
    "warmup_cosine",
]


@SCHEDULES.register
@frozen
class Warmup(Schedule):
    r"""Rise to the base value in a straight line, then follow another schedule.

    .. math:: f(k) = \frac{k + 1}{w} \text{ for } k < w, \qquad
              f(k) = f_{then}(k - w) \text{ of } \text{total} - w \text{ updates after}

    with :math:`k` = `step`, :math:`w` = `steps` and :math:`f_{then}` = `then`. The rise never has
    factor 0 and reaches 1 in its last update. A run shorter than the rise ends within it. Scores
    go to `then` from the start, so a plateau works behind a warm-up too.

    Parameters
    ----------
    steps : int or float
        Length of the rise in updates, or as a share of the run; 0 for none.
    then : Schedule or name of one

    Source: Goyal et al., "Accurate, large minibatch SGD: training ImageNet in 1 hour"
    (arXiv:1706.02677), section 2.2.

    Example
    -------
    >>> from chainrule.maths.schedules import Warmup
    >>> schedule = Warmup(2, then="polynomial")
    >>> [schedule.factor(step, total=6) for step in range(7)]
    [0.5, 1.0, 1.0, 0.75, 0.5, 0.25, 0.0]
    """

    name = "warmup"
    rules = {"steps": DURATION_OR_NONE, "then": SCHEDULES.any_of()}
    latex = r"f(k) = \frac{k + 1}{w}\ (k < w), \quad f(k) = f_{then}(k - w)\ (k \ge w)"
    source = "Goyal et al. (arXiv:1706.02677), section 2.2"
    steps: int | float = 200
    then: Schedule | str = "constant"

    def __post_init__(self) -> None:
        super().__post_init__()
        # A name and the record it stands for are the same schedule, and whether scores are needed
        # depends on it; the record is frozen, hence the way around.
        object.__setattr__(self, "then", SCHEDULES.make(self.then))
        object.__setattr__(self, "needs_score", self.follower.needs_score)

    @classmethod
    def examples(cls) -> tuple[Warmup, ...]:
        return (cls(), cls(0.1, then="cosine"), cls(5, then=Plateau(patience=2)))

    @property
    def follower(self) -> Schedule:
        """The schedule after the rise, as a record."""
        return SCHEDULES.make(self.then)

    def factor(self, step: int, total: int) -> float:
        rise = updates_of(self.steps, total)
        at = place(step, total)
        if at < rise:
            return (at + 1) / rise
        return self.follower.factor(at - rise, total - rise)

    def initial_state(self) -> dict[str, float]:
        return self.follower.initial_state()

    def observe(self, state: dict[str, float], score: float) -> dict[str, float]:
        return self.follower.observe(state, score)

    def state_factor(self, state: dict[str, float]) -> float:
        return self.follower.state_factor(state)


def warmup_cosine(warmup: int | float = 200, end: float = 0.0) -> Warmup:
    """Return a linear warm-up in front of a cosine that falls to `end`.

    Parameters
    ----------
    warmup : int or float
        Length of the warm-up in updates, or as a share of the run.
    end : float
        Factor at the end of the run.

    Example
    -------
    >>> from chainrule.maths.schedules import warmup_cosine
    >>> schedule = warmup_cosine(warmup=200)
    >>> [round(schedule.factor(step, total=1000), 4) for step in (0, 199, 200, 600, 1000)]
    [0.005, 1.0, 1.0, 0.5, 0.0]
    """
    return Warmup(warmup, then=Cosine(end))
