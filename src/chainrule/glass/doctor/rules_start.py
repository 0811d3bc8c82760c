"""Faults that are there before the first update: first weights, and layers that do not belong."""

from __future__ import annotations

import math

from chainrule.checks import Real
from chainrule.frozen import frozen
from chainrule.glass.doctor.case import Case
from chainrule.glass.doctor.fault import FAULTS, Fault, Found
from chainrule.glass.doctor.rules_data import POSITIVE, SHARE
from chainrule.ops.activate import Activate

__all__ = ["DoubleLink", "SymmetricStart", "TooLargeStart", "TooSmallStart"]

_SLOW = ("learning_rate_too_low", "underfitting", "class_imbalance", "vanishing_gradient")


@FAULTS.register
@frozen
class DoubleLink(Fault):
    """The network ends with a softmax or sigmoid, and the loss applies its own on top.

    Source: the losses of this library read logits; a softmax of probabilities lies within a factor
    e of uniform, so the loss cannot reach 0.

    Example
    -------
    >>> from chainrule.glass.doctor import FAULTS
    >>> FAULTS.make("double_softmax").title
    'softmax or sigmoid applied twice'
    """

    name = "double_softmax"
    latex = r"\operatorname{softmax}(\operatorname{softmax}(Z))"
    source = "chainrule.maths.loss, decision a)"
    title = "softmax or sigmoid applied twice"
    tells = "The last operation is a softmax or sigmoid, and the loss has a link of its own."
    remedy = "end the network with the dense layer: the loss takes logits"
    explains = (*_SLOW, "saturated_units", "learning_rate_too_high")

    def look(self, case: Case) -> Found | None:
        loss = case.plan.loss
        if loss.task != "classification":
            return None
        last = next(
            node
            for node in case.plan.graph.nodes
            if node.output.name == case.plan.graph.output.name
        )
        name = last.op.function.name if isinstance(last.op, Activate) else ""
        if name not in ("softmax", "sigmoid"):
            return None
        sentence = f"{last.name} ({name}) is the last layer; {loss.name} applies {loss.link.name}"
        code = f"network = nn.Sequential(..., nn.Dense({case.plan.raw_width}))"
        return Found((sentence,), 1.0, last.name, 0, code)


@FAULTS.register
@frozen
class SymmetricStart(Fault):
    """All units of a layer start as copies, get the same gradient, and stay copies.

    Source: Rumelhart, Hinton, Williams (1986) on breaking symmetry.

    Example
    -------
    >>> from chainrule.glass.doctor import FAULTS
    >>> FAULTS.make("symmetric_initialisation").spread
    1e-06
    """

    name = "symmetric_initialisation"
    rules = {"spread": POSITIVE}
    latex = r"W_{\cdot 1} = W_{\cdot 2} = \dots \quad\text{and}\quad dW_{\cdot 1} = dW_{\cdot 2}"
    source = "Rumelhart, Hinton, Williams (1986)"
    title = "symmetric initialisation"
    tells = "The columns of a hidden layer's W are equal at the start, and so are those of dW."
    remedy = "draw the first weights at random: leave `initialiser` out"
    explains = (
        *_SLOW,
        "too_small_initialisation",
        "too_large_initialisation",
        "dead_relu",
        "saturated_units",
        "exploding_gradient",
        "learning_rate_too_high",
    )

    spread: float = 1e-6

    def look(self, case: Case) -> Found | None:
        if not case.snapshots:
            return None
        first, last = case.snapshots[0], case.snapshots[-1]
        noisy = any(node.op.noise for node in case.plan.graph.nodes)
        for node in case.hidden:
            name = f"{node.name}.W"
            start, end = first.parameters.get(name), last.parameters.get(name)
            if start is None or end is None or not start.spread <= self.spread:
                continue
            # A mask of dropout sets copies apart, slowly; without one they stay together.
            if not (noisy or start.gradient_spread <= 1e-3 or start.gradient == 0.0):
                continue
            evidence = [f"the columns of {name} are equal at the start (norm {start.norm:.3g})"]
            if end.spread <= 1e-3:
                evidence.append(f"after {last.step} updates they still are")
            code = "nn.Dense(..., initialiser=None)  # the activation's own"
            return Found(tuple(evidence), 0.98, node.name, first.step, code)
        return None


@FAULTS.register
@frozen
class TooSmallStart(Fault):
    """First weights so small that signals fade from layer to layer.

    Source: Glorot, Bengio, "Understanding the difficulty of training deep feedforward neural
    networks" (AISTATS 2010).

    Example
    -------
    >>> from chainrule.glass.doctor import FAULTS
    >>> FAULTS.make("too_small_initialisation").gain
    0.15
    """

    name = "too_small_initialisation"
    rules = {"gain": SHARE}
    latex = r"\|W\|_F / \sqrt{d_{out}} < 0.15"
    source = "Glorot, Bengio (AISTATS 2010)"
    title = "too small initialisation"
    tells = "A hidden W's norm over sqrt(units), its gain for a signal, is under 0.15; 1 keeps it."
    remedy = "use He's (ReLU and its kin) or Glorot's (tanh, sigmoid) initialisation"
    explains = _SLOW

    gain: float = 0.15

    def look(self, case: Case) -> Found | None:
        found = [
            (case.gain(node), node)
            for node in case.hidden
            if case.gain(node) < self.gain and not case.normed(node)
        ]
        if not found or 2 * len(found) < len(case.hidden):
            return None
        gain, node = min(found, key=lambda pair: pair[0])
        evidence = [f"the first {node.name}.W multiplies a signal by {gain:.2g}; 1 keeps its size"]
        if case.flow < 0.1:
            evidence.append(f"gradients at the first layer are {case.flow:.1e} of the output's")
        code = 'nn.Dense(..., initialiser="he_normal")'
        return Found(tuple(evidence), 0.95, node.name, case.snapshots[0].step, code)


@FAULTS.register
@frozen
class TooLargeStart(Fault):
    """First weights so large that signals, losses and gradients grow from layer to layer.

    Source: Glorot, Bengio, "Understanding the difficulty of training deep feedforward neural
    networks" (AISTATS 2010).

    Example
    -------
    >>> from chainrule.glass.doctor import FAULTS
    >>> FAULTS.make("too_large_initialisation").gain
    4.0
    """

    name = "too_large_initialisation"
    rules = {"gain": Real(1)}
    latex = r"\|W\|_F / \sqrt{d_{out}} > 4"
    source = "Glorot, Bengio (AISTATS 2010)"
    title = "too large initialisation"
    tells = "A hidden W's norm over sqrt(units), its gain for a signal, is above 4; 1 keeps it."
    remedy = TooSmallStart.remedy
    explains = (
        *_SLOW,
        "exploding_gradient",
        "saturated_units",
        "dead_relu",
        "learning_rate_too_high",
        "not_finite",
        "overfitting",
        "clipping_always",
    )

    gain: float = 4.0

    def look(self, case: Case) -> Found | None:
        found = [
            (case.gain(node), node)
            for node in case.hidden
            if case.gain(node) > self.gain and not case.normed(node)
        ]
        if not found:
            return None
        gain, node = max(found, key=lambda pair: pair[0])
        evidence = [f"the first {node.name}.W multiplies a signal by {gain:.3g}; 1 keeps its size"]
        loss = case.snapshots[0].loss
        if math.isfinite(loss):
            evidence.append(f"the loss starts at {loss:.3g}")
        code = 'nn.Dense(..., initialiser="he_normal")'
        return Found(tuple(evidence), 0.95, node.name, case.snapshots[0].step, code)
