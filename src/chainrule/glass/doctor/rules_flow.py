"""Faults of the flow of signals and gradients: vanishing, exploding, dead and saturated units."""

from __future__ import annotations

import math
from typing import Any

from chainrule.checks import Integer, Real
from chainrule.frozen import frozen
from chainrule.glass.doctor.case import Case
from chainrule.glass.doctor.fault import FAULTS, Fault, Found
from chainrule.glass.doctor.rules_data import POSITIVE, SHARE
from chainrule.nn.graph import Node

__all__ = ["DeadReLU", "ExplodingGradient", "SaturatedUnits", "VanishingGradient"]

_SLOW = ("learning_rate_too_low", "underfitting", "class_imbalance")


@FAULTS.register
@frozen
class ExplodingGradient(Fault):
    """Gradients grow from layer to layer on their way back.

    Source: Pascanu, Mikolov, Bengio (ICML 2013); note 003 of the course.

    Example
    -------
    >>> from chainrule.glass.doctor import FAULTS
    >>> FAULTS.make("exploding_gradient").ratio
    20.0
    """

    name = "exploding_gradient"
    rules = {"ratio": POSITIVE, "depth": Integer(2)}
    latex = r"\|dZ^{(1)}\| / \|dZ^{(L)}\| > 20"
    source = "Pascanu, Mikolov, Bengio (ICML 2013)"
    title = "exploding gradient"
    tells = (
        "Before the first update the first layer's gradient is 20 times the output layer's, or the "
        "output layer's signal 20 times the first layer's."
    )
    remedy = "start with smaller weights, add norms or residual connections, clip the gradient"
    explains = (
        *_SLOW,
        "not_finite",
        "learning_rate_too_high",
        "clipping_always",
        "dead_relu",
        "saturated_units",
        "overfitting",
    )

    ratio: float = 20.0
    depth: int = 3

    def look(self, case: Case) -> Found | None:
        if len(case.dense) < self.depth or not case.snapshots:
            return None
        flow, growth = case.flow_of(case.snapshots[:1]), case.growth
        if not (flow > self.ratio or growth > self.ratio):
            return None
        layers = len(case.dense) - 1
        first, last = case.dense[0].name, case.dense[-1].name
        start = case.snapshots[0]
        largest = max(value for value in (flow, growth) if value == value)
        evidence = (
            (
                f"at step {start.step} the gradient at {first} is {flow:.2g} times that at {last}, "
                f"and the signal at {last} {growth:.2g} times that at {first}"
            ),
            (
                f"that is a factor {largest ** (1.0 / layers):.2f} for each of {layers} layers; "
                f"the gradient's norm is {start.gradient_norm:.3g}"
            ),
        )
        code = "nn.Residual(nn.Dense(...), ...) or cr.train(..., clip=1.0)"
        return Found(evidence, 0.9, first, start.step, code)


@FAULTS.register
@frozen
class VanishingGradient(Fault):
    """Gradients shrink from layer to layer on their way back, so first layers do not learn.

    Source: Hochreiter (1991); Glorot, Bengio (AISTATS 2010); note 004 of the course, section 6.

    Example
    -------
    >>> from chainrule.glass.doctor import FAULTS
    >>> FAULTS.make("vanishing_gradient").ratio
    0.01
    """

    name = "vanishing_gradient"
    rules = {"ratio": SHARE, "depth": Integer(2)}
    latex = r"\|dZ^{(1)}\| / \|dZ^{(L)}\| < 10^{-2}"
    source = "Glorot, Bengio (AISTATS 2010)"
    title = "vanishing gradient"
    tells = "In the first half of the run the first layer's gradient is 1 % of the output layer's."
    remedy = "use ReLU or GELU, not sigmoid or tanh; or batch norm, skips, or less depth"
    explains = _SLOW

    ratio: float = 0.01
    depth: int = 3

    def look(self, case: Case) -> Found | None:
        if len(case.dense) < self.depth or not case.flow < self.ratio:
            return None
        layers = len(case.dense) - 1
        factor = max(case.flow, 1e-300) ** (1.0 / layers)
        evidence = [
            (
                f"the gradient at {case.dense[0].name} is {case.flow:.1e} of that at "
                f"{case.dense[-1].name}: a factor {factor:.2f} for each of {layers} layers"
            )
        ]
        names = {record.name for _, record in case.activations()}
        if names & {"sigmoid", "tanh"}:
            kind = sorted(names & {"sigmoid", "tanh"})[0]
            most = 0.25 if kind == "sigmoid" else 1.0
            evidence.append(f"the slope of {kind} is at most {most:g}, and the slopes multiply")
        code = 'nn.Dense(..., "relu"), or nn.Residual(nn.Dense(...), nn.BatchNorm(), nn.ReLU())'
        confidence = 0.95 if case.flow < self.ratio / 10 else 0.8
        steps = [s.step for s in case.snapshots if case.flow_of([s]) < self.ratio]
        return Found(tuple(evidence), confidence, case.dense[0].name, min(steps, default=0), code)


def _share(case: Case, node: Node, moment: str, kind: str) -> float:
    """Return a share of an activation's units or elements, over the rows or in a snapshot."""
    share: Any = case.found("units", node.name, f"{moment}_{kind}")
    if share == share:
        return float(share)
    if not case.snapshots:
        return math.nan
    snapshot = case.snapshots[0 if moment == "first" else -1]
    return float(getattr(snapshot.nodes[node.name], kind))


@FAULTS.register
@frozen
class DeadReLU(Fault):
    """Units that are zero for every row: they have no gradient and never come back.

    Source: Lu, Shin, Su, Karniadakis, "Dying ReLU and initialization" (2019); note 003.

    Example
    -------
    >>> from chainrule.glass.doctor import FAULTS
    >>> FAULTS.make("dead_relu").share
    0.6
    """

    name = "dead_relu"
    rules = {"share": SHARE, "useless": SHARE}
    latex = r"\#\{k : H_{ik} = 0\ \forall i\} / d > 0.6"
    source = "Lu, Shin, Su, Karniadakis (2019)"
    title = "dead ReLU units"
    tells = (
        "60 % of a layer's ReLU units are zero for every row; where they died in training, much is "
        "left to learn as well, or it is 90 %."
    )
    remedy = "lower the learning rate, leave biases at 0, or use a leaky ReLU"
    explains = (*_SLOW, "vanishing_gradient", "learning_rate_too_high", "not_finite")

    share: float = 0.6
    useless: float = 0.9

    def look(self, case: Case) -> Found | None:
        found: list[tuple[float, float, Node]] = []
        for node, record in case.activations():
            if record.saturates != (0.0, None) or node.output.shape[-1].size in (1, 2):
                continue
            first, last = _share(case, node, "first", "dead"), _share(case, node, "last", "dead")
            grown = not case.shrunk and (last > self.useless or case.lost > 0.05)
            harm = first > self.share or grown
            if max(first, last) > self.share and harm:
                found.append((max(first, last), first, node))
        if not found:
            return None
        share, first, node = max(found, key=lambda entry: entry[0])
        when = (
            f"{first:.0%} before the first update" if first > 0.2 else "none of them at the start"
        )
        evidence = (f"{share:.0%} of the units of {node.name} are zero for every row; {when}",)
        step = 0 if first > self.share else case.snapshots[-1].step if case.snapshots else None
        code = "nn.LeakyReLU() in place of nn.ReLU(), with bias_initialiser left out"
        return Found(evidence, 0.9, node.name, step, code)


@FAULTS.register
@frozen
class SaturatedUnits(Fault):
    """Sigmoid or tanh units sit where their slope is near zero.

    Source: LeCun, Bottou, Orr, Mueller, "Efficient BackProp" (1998); note 004.

    Example
    -------
    >>> from chainrule.glass.doctor import FAULTS
    >>> FAULTS.make("saturated_units").share
    0.4
    """

    name = "saturated_units"
    rules = {"share": Real(0, 1)}
    latex = r"\#\{(i, k) : f'(Z_{ik}) < 0.01 \max f'\} / (N d) > 0.4"
    source = "LeCun, Bottou, Orr, Mueller, Efficient BackProp (1998)"
    title = "saturated units"
    tells = (
        "In a bounded activation 40 % of the elements have a slope under 1 % of its largest; where "
        "that came in training, much is left to learn as well."
    )
    remedy = "scale the inputs, start with smaller weights and biases, or use ReLU or GELU"
    explains = (*_SLOW, "vanishing_gradient", "learning_rate_too_high", "not_finite")

    share: float = 0.4

    def look(self, case: Case) -> Found | None:
        found: list[tuple[float, float, Node]] = []
        for node, record in case.activations():
            if None in record.saturates:
                continue
            first, last = _share(case, node, "first", "flat"), _share(case, node, "last", "flat")
            harm = first > self.share or case.lost > 0.05
            if max(first, last) > self.share and harm:
                found.append((max(first, last), first, node))
        if not found:
            return None
        share, first, node = max(found, key=lambda entry: entry[0])
        evidence = (
            (
                f"{share:.0%} of the outputs of {node.name} are where the slope is under 1 %; "
                f"{first:.0%} before the first update"
            ),
        )
        step = 0 if first > self.share else case.snapshots[-1].step if case.snapshots else None
        code = 'nn.Dense(..., "relu")'
        return Found(evidence, 0.85, node.name, step, code)
