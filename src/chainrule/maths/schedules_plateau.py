"""The schedule that listens: it falls when the validation score stops getting better."""

from __future__ import annotations

import math

from chainrule.checks import Integer, Real
from chainrule.frozen import frozen
from chainrule.maths.schedule import SCHEDULES, Schedule

__all__ = ["Plateau"]


@SCHEDULES.register
@frozen
class Plateau(Schedule):
    r"""Multiply the factor whenever `patience` scores in a row bring no improvement.

    .. math:: f \leftarrow \max(f_{\min}, \gamma f) \quad\text{after } n \text{ scores with }
              s \ge s_{best} - \theta\,|s_{best}|

    with :math:`\gamma` = `multiplier`, :math:`n` = `patience`, :math:`f_{\min}` = `minimum`,
    :math:`\theta` = `threshold` (relative) and :math:`s` the scores given to `observe`; lower is
    better. After a fall, the next `cooldown` scores can set a new best but do not count against
    the patience. A score that is not finite is no improvement. (PyTorch's schedule of this name
    waits for one score more.)

    The state holds JSON numbers only: `best` and whether there is one (`known`), how many scores
    were `waited`, how many of the cooldown are left (`resting`), and the `factor`.

    Source: He, Zhang, Ren, Sun, "Deep residual learning for image recognition" (CVPR 2016), section
    3.4 (by hand there).

    Example
    -------
    >>> from chainrule.maths.schedules import Plateau
    >>> schedule = Plateau(multiplier=0.5, patience=2)
    >>> state = schedule.initial_state()
    >>> for score in (1.0, 0.8, 0.9, 0.8):
    ...     state = schedule.observe(state, score)
    >>> schedule.state_factor(state)
    0.5
    """

    name = "plateau"
    aliases = ("reduce_on_plateau",)
    needs_score = True
    rules = {
        "multiplier": Real(0, 1, closed="neither"),
        "patience": Integer(1),
        "threshold": Real(0, 1, closed="left"),
        "cooldown": Integer(0),
        "minimum": Real(0, 1),
    }
    latex = (
        r"f \leftarrow \max(f_{\min}, \gamma f)\ \text{after } n \text{ scores with } "
        r"s \ge s_{best} - \theta\,|s_{best}|"
    )
    source = "He, Zhang, Ren, Sun (CVPR 2016, arXiv:1512.03385), section 3.4"
    multiplier: float = 0.1
    patience: int = 10
    threshold: float = 1e-4
    cooldown: int = 0
    minimum: float = 0.0

    @classmethod
    def examples(cls) -> tuple[Plateau, ...]:
        return (cls(), cls(0.5, patience=2, threshold=0.0, cooldown=3, minimum=0.01))

    def factor(self, step: int, total: int) -> float:
        return 1.0

    def initial_state(self) -> dict[str, float]:
        return {"known": 0, "best": 0.0, "waited": 0, "resting": 0, "factor": 1.0}

    def observe(self, state: dict[str, float], score: float) -> dict[str, float]:
        score = float(score)
        new = {**state, "resting": max(0, state["resting"] - 1)}
        if self._improves(state, score):
            return {**new, "known": 1, "best": score, "waited": 0}
        if state["resting"]:
            return {**new, "waited": 0}
        waited = state["waited"] + 1
        if waited < self.patience:
            return {**new, "waited": waited}
        lower = max(float(self.minimum), float(self.multiplier) * state["factor"])
        return {**new, "waited": 0, "resting": int(self.cooldown), "factor": lower}

    def state_factor(self, state: dict[str, float]) -> float:
        return float(state["factor"])

    def _improves(self, state: dict[str, float], score: float) -> bool:
        if not math.isfinite(score) or not state["known"]:
            return math.isfinite(score)
        best = state["best"]
        return score < best - float(self.threshold) * abs(best)
