"""Wrong derivatives of activations, losses and penalties, and wrong sums in the engine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from chainrule.engine.walk import Walk
from chainrule.maths.activations_gated import GELU, GELUTanh, SiLU
from chainrule.maths.activations_piecewise import ELU, LeakyReLU, PReLU, ReLU
from chainrule.maths.activations_rows import LogSoftmax, Softmax
from chainrule.maths.activations_smooth import Sigmoid, Tanh
from chainrule.maths.losses_classification import BinaryCrossEntropy, SoftmaxCrossEntropy
from chainrule.maths.losses_likelihood import GaussianNLL, Poisson
from chainrule.maths.losses_regression import Huber, OutputwiseLoss, Pinball, SquaredError
from chainrule.maths.penalties import L1, L2, Spectral
from chainrule.plan import plan as plan_module
from chainrule.plan.steps import LossStep, gradient_name
from tests.mutants.mutant import Mutant


def instead(wrong: Callable[..., Any]) -> Callable[[Any], Any]:
    """Return what puts one function in the place of any other."""
    return lambda right: wrong


def scaled(factor: float) -> Callable[[Any], Any]:
    """Return what multiplies a function's result."""
    return lambda right: lambda *arguments, **named: factor * right(*arguments, **named)


def elu_slope_without_alpha(self: Any, Z: Any, H: Any, **learned: Any) -> Any:
    return np.where(Z > 0, 1.0, H + 1.0)


def nearly_gelu(self: Any, Z: Any, H: Any, **learned: Any) -> Any:
    return GELUTanh().slope(Z, H)


def sigmoid_only(self: Any, Z: Any, H: Any, **learned: Any) -> Any:
    return 1.0 / (1.0 + np.exp(-Z))


def summed_gradients(right: Any) -> Any:
    def wrong(self: Walk, Y: Any, weights: Any) -> Any:
        data = right(self, Y, weights)
        (step,) = self.plan.steps_of(LossStep)
        self.tensors[step.gradient] = self.tensors[step.gradient] * len(Y)
        return data

    return wrong


def unweighted_gradients(right: Any) -> Any:
    def wrong(self: Walk, Y: Any, weights: Any) -> Any:
        right(self, Y, None)
        (step,) = self.plan.steps_of(LossStep)
        gradient = self.tensors[step.gradient]
        data = right(self, Y, weights)
        self.tensors[step.gradient] = gradient
        return data

    return wrong


def forgotten_penalties(right: Any) -> Any:
    def wrong(self: Walk) -> Any:
        names = [gradient_name(name) for name in self.plan.parameters.names()]
        before = {name: self.tensors[name] for name in names if name in self.tensors}
        value = right(self)
        self.tensors.update(before)
        return value

    return wrong


def unreported_penalties(right: Any) -> Any:
    def wrong(self: Walk) -> Any:
        return 0.0 * right(self)

    return wrong


def overwritten_where_paths_meet(right: Any) -> Any:
    def wrong(nodes: Any, output: str) -> Any:
        return tuple(
            replace(step, targets=tuple(replace(target, add=False) for target in step.targets))
            for step in right(nodes, output)
        )

    return wrong


def clipped(right: Any) -> Any:
    def wrong(self: Walk, like: Any) -> Any:
        gradient = right(self, like)
        return gradient * min(1.0, 0.1 / float(np.linalg.norm(gradient)))

    return wrong


def hardened(right: Any) -> Any:
    def wrong(self: Any, raw: Any, Y: Any) -> Any:
        best = np.argmax(np.real(Y), axis=-1)[:, None] == np.arange(Y.shape[-1])
        return right(self, raw, best.astype(float))

    return wrong


def shared_over_rows(right: Any) -> Any:
    """Return penalties whose gradient is shared out over the rows, as if all weighed 1."""

    def wrong(self: Walk) -> Any:
        share = self.share
        names = [gradient_name(name) for name in self.plan.parameters.names()]
        before = {name: self.tensors[name] for name in names if name in self.tensors}
        (step,) = self.plan.steps_of(LossStep)
        rows = self.tensors[step.raw].shape[0]
        self.share = 1.0 / rows if self.plan.reduction == "mean" else 1.0
        right(self)
        after = {name: self.tensors[name] for name in names if name in self.tensors}
        self.tensors.update(before)
        self.share = share
        value = right(self)
        self.tensors.update(after)
        return value

    return wrong


def always_averaged(right: Any) -> Any:
    """Return what shares a penalty's gradient out over the rows of a summed loss as well."""

    def wrong(self: Walk) -> Any:
        names = [gradient_name(name) for name in self.plan.parameters.names()]
        before = {name: self.tensors[name] for name in names if name in self.tensors}
        (step,) = self.plan.steps_of(LossStep)
        value = right(self)
        if self.plan.reduction == "sum":
            rows = self.tensors[step.raw].shape[0]
            for name, array in before.items():
                self.tensors[name] = array + (self.tensors[name] - array) / rows
        return value

    return wrong


def slope(name: str, owner: type, wrong: Callable[..., Any], about: str) -> Mutant:
    """Return a mutant of an activation's slope."""
    return Mutant(name, owner, "slope", instead(wrong), about)


ACTIVATIONS = [
    # The gradient a - y of "MSE with a sigmoid": the slope is forgotten.
    slope("sigmoid: slope missing", Sigmoid, lambda s, Z, H, **_: 1.0 + 0.0 * H, "sigmoid"),
    slope("tanh: 1 - z^2 instead of 1 - h^2", Tanh, lambda s, Z, H, **_: 1.0 - Z * Z, "tanh"),
    slope("relu: slope 1 below 0", ReLU, lambda s, Z, H, **_: 1.0 + 0.0 * H, "function=relu"),
    slope("leaky relu: 0 below 0", LeakyReLU, lambda s, Z, H, **_: 1.0 * (H > 0), "leaky_relu"),
    slope("elu: h + 1 instead of h + alpha", ELU, elu_slope_without_alpha, "elu(alpha="),
    slope("gelu: slope of its approximation", GELU, nearly_gelu, "function=gelu"),
    slope("silu: second term missing", SiLU, sigmoid_only, "function=silu"),
    Mutant(
        "prelu: gradient of alpha above 0 instead of below",
        PReLU,
        "learned_gradients",
        instead(lambda s, dH, Z, H, alpha=0.25, **_: {"alpha": (dH * Z * (Z > 0)).sum(axis=0)}),
        "activation x norm x skip: | prelu",
    ),
    Mutant(
        "softmax: diagonal of the Jacobian only",
        Softmax,
        "backward",
        instead(lambda s, dH, Z, H, **_: dH * H * (1.0 - H)),
        "function=softmax",
    ),
    Mutant(
        "log-softmax: h instead of exp(h)",
        LogSoftmax,
        "backward",
        instead(lambda s, dH, Z, H, **_: dH - H * dH.sum(axis=-1, keepdims=True)),
        "function=log_softmax",
    ),
]

LOSSES = [
    Mutant("squared error: twice the gradient", SquaredError, "term_slope", scaled(2.0), "squared"),
    Mutant(
        "squared error: mean in the value, sum in the gradient",
        OutputwiseLoss,
        "gradient",
        instead(lambda s, raw, Y: s.term_slope(raw, Y)),
        "squared_error(over_outputs='mean')",
    ),
    Mutant(
        "huber: gradient not capped",
        Huber,
        "term_slope",
        instead(lambda s, raw, Y: raw - Y),
        "huber",
    ),
    Mutant(
        "huber: capped at 1 beyond 1",
        Huber,
        "term_slope",
        lambda right: lambda s, raw, Y: np.clip(right(s, raw, Y), -1.0, 1.0),
        "huber(delta=2.0)",
    ),
    Mutant(
        "huber: the line at every error",
        Huber,
        "term_slope",
        instead(lambda s, raw, Y: s.delta * np.sign(raw - Y)),
        "huber(delta=0.5)",
    ),
    Mutant(
        "pinball: quantile on the wrong side",
        Pinball,
        "term_slope",
        instead(lambda s, raw, Y: np.where(raw > Y, s.quantile, s.quantile - 1.0)),
        "pinball(quantile",
    ),
    Mutant(
        "binary cross-entropy: soft labels rounded",
        BinaryCrossEntropy,
        "gradient",
        lambda right: lambda s, raw, Y: right(s, raw, np.round(Y)),
        "layer x loss: | binary_cross_entropy",
    ),
    Mutant(
        "binary cross-entropy: the slope of the sigmoid once too often",
        BinaryCrossEntropy,
        "gradient",
        lambda right: lambda s, raw, Y: right(s, raw, Y) * Sigmoid().slope(raw, s.predict(raw)),
        "layer x loss: | binary_cross_entropy",
    ),
    Mutant(
        "softmax cross-entropy: soft labels hardened",
        SoftmaxCrossEntropy,
        "gradient",
        hardened,
        "layer x loss: | softmax_cross_entropy",
    ),
    Mutant(
        "softmax cross-entropy: smoothing ignored",
        SoftmaxCrossEntropy,
        "gradient",
        instead(lambda s, raw, Y: s.predict(raw) - Y),
        "label_smoothing",
    ),
    Mutant(
        "poisson: constant mean",
        Poisson,
        "term_slope",
        instead(lambda s, raw, Y: 1.0 - Y),
        "poisson",
    ),
    Mutant(
        "gaussian: halved for the mean as well",
        GaussianNLL,
        "term_slope",
        lambda right: lambda s, raw, Y: right(s, raw, Y) * np.repeat([0.5, 1.0], Y.shape[1]),
        "gaussian_nll",
    ),
]

PENALTIES = [
    Mutant(
        "l2: factor 2 missing without the half",
        L2,
        "gradient",
        instead(lambda s, W: s.strength * W),
        "half=False",
    ),
    Mutant("l2: half twice", L2, "gradient", scaled(0.5), "| l2"),
    Mutant("l1: sign missing", L1, "gradient", instead(lambda s, W: s.strength + 0 * W), "| l1"),
    Mutant("spectral: twice the gradient", Spectral, "gradient", scaled(2.0), "| spectral"),
]

ENGINE = [
    Mutant("engine: gradient not divided by N", Walk, "loss", summed_gradients, "layer x loss:"),
    Mutant("engine: gradient not weighted", Walk, "loss", unweighted_gradients, "weighted"),
    Mutant("engine: penalty not in the gradient", Walk, "penalties", forgotten_penalties, "| l2"),
    Mutant(
        "engine: shared penalty's gradient by rows instead of weights",
        Walk,
        "penalties",
        shared_over_rows,
        "reduction x weights: | l2_shared | weighted",
    ),
    Mutant(
        "engine: penalty's gradient averaged under a sum",
        Walk,
        "penalties",
        always_averaged,
        "penalty x reduction x weights: | l2",
    ),
    Mutant("engine: penalty not reported", Walk, "penalties", unreported_penalties, "| l2"),
    Mutant("engine: clipped gradient reported", Walk, "gradient", clipped, "layer x loss:"),
    Mutant(
        "plan: gradients overwritten where paths meet",
        plan_module,
        "backward_steps",
        overwritten_where_paths_meet,
        "activation x norm x skip: | residual",
    ),
]
