"""Faults of the pace: learning rate and clipping."""

from __future__ import annotations

import math

import numpy as np

from chainrule.checks import Real
from chainrule.frozen import frozen
from chainrule.glass.doctor.case import Case, middle, percent
from chainrule.glass.doctor.fault import FAULTS, Fault, Found
from chainrule.glass.doctor.rules_data import POSITIVE, SHARE
from chainrule.maths.clipping import ClipNorm

__all__ = ["ClippingAlways", "ClippingNever", "RateTooHigh", "RateTooLow"]

_USUAL = 1e-3
"""Size of an update, relative to the weights, at which most networks train well."""
_FEW = 4
"""Updates that say nothing yet of where the loss goes."""


@FAULTS.register
@frozen
class RateTooHigh(Fault):
    """Updates so large that the loss jumps, climbs, or leaves the range of numbers.

    Source: CS231n, notes on learning, "update/weight ratio"; LeCun et al. (1998), section 4.7.

    Example
    -------
    >>> from chainrule.glass.doctor import FAULTS
    >>> FAULTS.make("learning_rate_too_high").update
    0.1
    """

    name = "learning_rate_too_high"
    rules = {"update": POSITIVE, "climb": Real(1), "missed": SHARE}
    latex = r"\|\Delta W\| / \|W\| > 0.1 \quad\text{and}\quad J \text{ climbs or stays high}"
    source = "CS231n, Neural Networks Part 3: Learning and Evaluation"
    title = "learning rate too high"
    tells = (
        "Updates change a weight matrix by a tenth of its norm, and the loss climbs, jumps, "
        "diverges, or ends far above what can be learned."
    )
    remedy = "lower the learning rate, by a factor of 10 first; or warm up"
    explains = (
        "not_finite",
        "dead_relu",
        "saturated_units",
        "vanishing_gradient",
        "underfitting",
        "overfitting",
        "clipping_always",
        "class_imbalance",
    )

    update: float = 0.1
    climb: float = 2.0
    missed: float = 0.1

    def look(self, case: Case) -> Found | None:
        updates = [share for share in case.updates if math.isfinite(share)]
        usual, largest = middle(updates[1:] or updates), max(updates, default=math.nan)
        if not (usual > self.update or largest > 3 * self.update):
            return None
        evidence = self._loss(case)
        certain = case.diverged or bool(evidence)
        missed = case.lost > self.missed
        if missed and (certain or usual > 2 * self.update):
            evidence.append(
                f"the last weights explain {percent(case.learned_last)} of the target, "
                f"a ridge regression {percent(case.learnable)}"
            )
        if case.diverged:
            evidence.append(f"the run diverged: {case.facts['fault']}")
        elif not evidence or (not missed and case.lost == case.lost):
            return None
        if not certain and len(case.loss) < _FEW:
            return None
        shown = largest if largest > 3 * self.update else usual
        evidence.insert(
            0, f"an update changes weights by {shown:.2g} of their norm; 0.001 is usual"
        )
        step = case.snapshots[int(np.nanargmax(case.updates))].step
        confidence = 0.9 if certain else 0.7
        return Found(tuple(evidence), confidence, "optimizer", step, case.optimizer_code(0.1))

    def _loss(self, case: Case) -> list[str]:
        """Return what the loss says: that it climbs, or that it does not stay where it was."""
        loss = case.loss[np.isfinite(case.loss)]
        if len(loss) < _FEW:
            return []
        start = float(case.recording.series.loss[0])
        least, highest = float(loss.min()), float(loss.max())
        end = middle(loss[-max(len(loss) // 8, 1) :])
        if highest > self.climb * abs(start):
            return [f"the loss climbs to {highest:.3g} from {start:.3g}"]
        if end > self.climb * max(least, 0.02 * abs(start)):
            return [f"the loss ends at {end:.3g} after {least:.3g} was reached"]
        return []


@FAULTS.register
@frozen
class RateTooLow(Fault):
    """Updates so small that the weights have hardly moved when the run ends.

    Source: CS231n, notes on learning, "update/weight ratio".

    Example
    -------
    >>> from chainrule.glass.doctor import FAULTS
    >>> FAULTS.make("learning_rate_too_low").travel
    0.35
    """

    name = "learning_rate_too_low"
    rules = {"travel": POSITIVE, "missed": SHARE}
    latex = r"\|W_{end} - W_0\| / \|W_0\| < 0.35 \quad\text{and}\quad R^2 < R^2_{ridge} - 0.1"
    source = "CS231n, Neural Networks Part 3: Learning and Evaluation"
    title = "learning rate too low, or too few updates"
    tells = (
        "From start to end no weight matrix moved by 35 % of its norm, and much is left to learn."
    )
    remedy = (
        "raise the learning rate, by a factor of 10 first; train for more epochs instead where "
        "updates have their usual size"
    )
    explains = ("underfitting", "class_imbalance", "clipping_never", "dropout_too_strong")
    needs = "rows"

    travel: float = 0.35
    missed: float = 0.1

    def look(self, case: Case) -> Found | None:
        travel = float(case.found("network", "travel"))
        if case.diverged or not (travel < self.travel and case.missed > self.missed):
            return None
        evidence = (
            (
                f"no weight matrix moved by more than {travel:.1%} of its first norm in "
                f"{self._updates(case)} updates"
            ),
            (
                f"the network explains {percent(case.learned)} of the target, a ridge regression "
                f"{percent(case.learnable)}"
            ),
            f"an update changes weights by {middle(case.updates):.1e} of their norm; 1e-3 is usual",
        )
        usual = not case.plan.optimizer.stepwise or middle(case.updates) >= _USUAL
        code = case.epochs_code(10) if usual else case.optimizer_code(10.0)
        return Found(evidence, 0.85, "optimizer", None, code)

    @staticmethod
    def _updates(case: Case) -> int:
        steps = case.recording.series.step
        return int(steps[-1]) + 1 if len(steps) else 0


def _clipped(case: Case) -> tuple[float, float]:
    """Return the share of steps that were clipped, and what is usually kept of a gradient."""
    share = case.recording.series.clipped
    usual = middle(case.recording.series.norm)
    limits = [float(c.limit) for c in case.plan.clippings if isinstance(c, ClipNorm)]
    if math.isfinite(share) and limits and usual > 0:
        return share, min(min(limits) / usual, 1.0)
    kept = [snapshot.kept for snapshot in case.snapshots]
    return float(np.mean([value < 1.0 for value in kept])) if kept else math.nan, middle(kept)


@FAULTS.register
@frozen
class ClippingAlways(Fault):
    """The limit is so low that every step is cut: it is the step length now.

    Source: Pascanu, Mikolov, Bengio (ICML 2013), on choosing the limit by the usual norm.

    Example
    -------
    >>> from chainrule.glass.doctor import FAULTS
    >>> FAULTS.make("clipping_always").kept
    0.2
    """

    name = "clipping_always"
    rules = {"share": SHARE, "kept": SHARE}
    latex = r"P(\|g\| > \tau) > 0.9 \quad\text{and}\quad \tau / \operatorname{med}(\|g\|) < 0.2"
    source = "Pascanu, Mikolov, Bengio (ICML 2013)"
    title = "clipping that always acts"
    tells = "90 % of the steps are clipped, and usually a fifth of the gradient or less is kept."
    remedy = "set the limit near the usual norm of the gradient, or a few times it"
    explains = ("learning_rate_too_low", "underfitting", "class_imbalance")
    needs = "clipping"

    share: float = 0.9
    kept: float = 0.2

    def look(self, case: Case) -> Found | None:
        if not case.plan.clippings:
            return None
        share, kept = _clipped(case)
        if not (share > self.share and kept < self.kept):
            return None
        usual = middle(case.recording.series.norm)
        evidence = (
            f"{share:.0%} of the steps were clipped, and {kept:.1%} of the gradient was kept",
            f"the gradient's norm is usually {usual:.3g}",
        )
        return Found(evidence, 0.9, "clip", 0, f"cr.train(..., clip={2 * usual:.1g})")


@FAULTS.register
@frozen
class ClippingNever(Fault):
    """The limit is so high that no step came near it: it guards nothing.

    Source: Pascanu, Mikolov, Bengio (ICML 2013), on choosing the limit by the usual norm.

    Example
    -------
    >>> from chainrule.glass.doctor import FAULTS
    >>> FAULTS.make("clipping_never").margin
    20.0
    """

    name = "clipping_never"
    rules = {"margin": Real(1)}
    latex = r"\max \|g\| < \tau / 20"
    source = "Pascanu, Mikolov, Bengio (ICML 2013)"
    title = "clipping that never acts"
    tells = "The largest norm of a gradient in the whole run is a twentieth of the limit."
    remedy = "set the limit to a few times the usual norm, or leave clipping out"
    needs = "clipping"

    margin: float = 20.0

    def look(self, case: Case) -> Found | None:
        norms = case.recording.series.norm
        for clipping in case.plan.clippings:
            largest = float(np.nanmax(norms)) if len(norms) else math.nan
            if largest * self.margin < float(clipping.parameters()["limit"]):
                what = (
                    "norm" if isinstance(clipping, ClipNorm) else "norm, which bounds each entry,"
                )
                sentence = (
                    f"the largest {what} of a gradient is {largest:.3g}, "
                    f"the limit {clipping.parameters()['limit']:g}"
                )
                code = f"cr.train(..., clip={3 * middle(norms):.1g})"
                return Found((sentence,), 0.8, "clip", None, code)
        return None
