"""Where something simpler predicts as well as the network: said beside its scores."""

from __future__ import annotations

from chainrule.cli.judge import Scores
from chainrule.cli.outcome import short_name
from chainrule.maths.metric import METRICS

__all__ = ["rivals"]


def rivals(scores: Scores) -> list[str]:
    """Return a sentence for each simpler predictor that the first metric does not rank below.

    Example
    -------
    >>> from chainrule.cli.judge import Scores
    >>> rivals(Scores(9, {"r2": 0.5}, {"r2": 0.0}, "always the mean", {"r2": 0.6}, "ridge"))
    ['by R², ridge is better: prefer it, it is simpler']
    """
    metric, value = next(iter(scores.model.items()))
    name = short_name(metric)
    sign = 1 if METRICS[metric].greater_is_better else -1
    found: list[str] = []
    if scores.linear is not None and (how := _beside(sign * scores.linear[metric], sign * value)):
        found.append(f"by {name}, {scores.linear_name} is {how}: prefer it, it is simpler")
    if how := _beside(sign * scores.baseline[metric], sign * value):
        found.append(f"by {name}, a guess without inputs ({scores.baseline_name}) is {how}")
    return found


def _beside(other: float, own: float) -> str:
    return "better" if other > own else "as good" if other == own else ""
