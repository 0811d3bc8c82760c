"""The formulas of the optimizers: moments, bias corrections, the step of one tensor.

Placeholders: `<w>` the weights that move, `<g>` their gradient, `<rate>` and `<step>` of this
update, `<slot>` and `<slot.before>` the state after and before, other names as written above.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from chainrule.errors import UsageError
from chainrule.maths.optimizer import Optimizer
from chainrule.maths.optimizers import (
    LBFGS,
    SGD,
    AdaGrad,
    Adam,
    AdamEpsilonHat,
    AdamW,
    AMSGrad,
    Momentum,
    NAdam,
    Nesterov,
    RMSProp,
)

__all__ = ["OPTIMIZER_TEXTS", "Line", "optimizer_text"]

Line = tuple[str, str, str, str]
"""Local name, code, LaTeX, note. The last line of a tensor is named `new`."""
OptimizerText = Callable[[Any], "tuple[tuple[Line, ...], tuple[Line, ...]]"]

OPTIMIZER_TEXTS: dict[type[Optimizer], OptimizerText] = {}
"""Lines for the whole step, then the lines of one tensor, of each class."""


def _writes(*classes: type[Optimizer]) -> Callable[[OptimizerText], OptimizerText]:
    def enter(text: OptimizerText) -> OptimizerText:
        OPTIMIZER_TEXTS.update(dict.fromkeys(classes, text))
        return text

    return enter


def optimizer_text(optimizer: Optimizer) -> tuple[tuple[Line, ...], tuple[Line, ...]]:
    """Return the lines of an optimizer: once a step, and for each tensor.

    Raises
    ------
    UsageError
        No one has written down its formulas.
    """
    for cls in type(optimizer).__mro__:
        if cls in OPTIMIZER_TEXTS:
            return OPTIMIZER_TEXTS[cls](optimizer)
    raise UsageError(
        f"the trace does not know the formulas of the optimizer {optimizer.name}",
        where=type(optimizer).__name__,
        do="add its lines to chainrule.glass.trace.write_optimizer.OPTIMIZER_TEXTS",
    )


@_writes(SGD)
def _sgd(_optimizer: SGD) -> tuple[tuple[Line, ...], tuple[Line, ...]]:
    note = "Against the gradient: that is where the loss falls."
    return (), (("new", "<w> - <rate> * <g>", r"<w> - \eta\, <g>", note),)


@_writes(Momentum)
def _momentum(optimizer: Momentum) -> tuple[tuple[Line, ...], tuple[Line, ...]]:
    mu = float(optimizer.momentum)
    velocity = f"{mu!r} * <velocity.before> - <rate> * <g>"
    note = "What is left of the last step, and the push of this gradient."
    return (), (
        ("velocity", velocity, rf"{mu:g}\, <velocity.before> - \eta\, <g>", note),
        ("new", "<w> + <velocity>", "<w> + <velocity>", ""),
    )


@_writes(Nesterov)
def _nesterov(optimizer: Nesterov) -> tuple[tuple[Line, ...], tuple[Line, ...]]:
    mu = float(optimizer.momentum)
    velocity = f"{mu!r} * <velocity.before> - <rate> * <g>"
    note = "The step of the next update is looked ahead to."
    return (), (
        ("velocity", velocity, rf"{mu:g}\, <velocity.before> - \eta\, <g>", ""),
        (
            "new",
            f"<w> + {mu!r} * <velocity> - <rate> * <g>",
            rf"<w> + {mu:g}\, <velocity> - \eta\, <g>",
            note,
        ),
    )


@_writes(AdaGrad)
def _adagrad(optimizer: AdaGrad) -> tuple[tuple[Line, ...], tuple[Line, ...]]:
    epsilon = float(optimizer.epsilon)
    note = "All squared gradients so far, so the steps only ever shrink."
    squares = "<squares.before> + <g> ** 2"
    return (), (
        ("squares", squares, r"<squares.before> + <g>^2", note),
        (
            "new",
            f"<w> - <rate> * <g> / (np.sqrt(<squares>) + {epsilon!r})",
            rf"<w> - \eta\, \frac{{<g>}}{{\sqrt{{<squares>}} + {epsilon:g}}}",
            "",
        ),
    )


@_writes(RMSProp)
def _rmsprop(optimizer: RMSProp) -> tuple[tuple[Line, ...], tuple[Line, ...]]:
    rho, epsilon = float(optimizer.smoothing), float(optimizer.epsilon)
    mean = f"{rho!r} * <mean_square.before> + (1 - {rho!r}) * <g> ** 2"
    note = "A running mean of squared gradients, not corrected for its start at zero."
    return (), (
        (
            "mean_square",
            mean,
            rf"{rho:g}\, <mean_square.before> + (1 - {rho:g})\, <g>^2",
            note,
        ),
        (
            "new",
            f"<w> - <rate> * <g> / (np.sqrt(<mean_square>) + {epsilon!r})",
            rf"<w> - \eta\, \frac{{<g>}}{{\sqrt{{<mean_square>}} + {epsilon:g}}}",
            "",
        ),
    )


def _corrections(optimizer: Any) -> tuple[Line, ...]:
    note = "The running means start at zero; this corrects for it."
    beta1, beta2 = float(optimizer.beta1), float(optimizer.beta2)
    return (
        ("mean_correction", f"1 - {beta1!r} ** <step>", rf"1 - {beta1:g}^{{<step>}}", note),
        ("square_correction", f"1 - {beta2!r} ** <step>", rf"1 - {beta2:g}^{{<step>}}", ""),
    )


def _means(optimizer: Any) -> tuple[Line, ...]:
    beta1, beta2 = float(optimizer.beta1), float(optimizer.beta2)
    return (
        (
            "mean",
            f"{beta1!r} * <mean.before> + (1 - {beta1!r}) * <g>",
            rf"{beta1:g}\, <mean.before> + (1 - {beta1:g})\, <g>",
            "A running mean of the gradient: the direction.",
        ),
        (
            "mean_square",
            f"{beta2!r} * <mean_square.before> + (1 - {beta2!r}) * <g> ** 2",
            rf"{beta2:g}\, <mean_square.before> + (1 - {beta2:g})\, <g>^2",
            "A running mean of its square: the size.",
        ),
    )


def _hats(square: str = "mean_square") -> tuple[Line, ...]:
    return (
        ("mean_hat", "<mean> / <mean_correction>", r"\frac{<mean>}{<mean_correction>}", ""),
        (
            "square_hat",
            f"<{square}> / <square_correction>",
            rf"\frac{{<{square}>}}{{<square_correction>}}",
            "",
        ),
    )


def _adam_step(optimizer: Any) -> Line:
    epsilon = float(optimizer.epsilon)
    return (
        "new",
        f"<w> - <rate> * <mean_hat> / (np.sqrt(<square_hat>) + {epsilon!r})",
        rf"<w> - \eta\, \frac{{<mean_hat>}}{{\sqrt{{<square_hat>}} + {epsilon:g}}}",
        "Each weight steps by about the rate, whatever the size of its gradient.",
    )


@_writes(Adam, AdamW)
def _adam(optimizer: Any) -> tuple[tuple[Line, ...], tuple[Line, ...]]:
    lines = (*_means(optimizer), *_hats(), _adam_step(optimizer))
    return _corrections(optimizer), lines


@_writes(AdamEpsilonHat)
def _epsilon_hat(optimizer: AdamEpsilonHat) -> tuple[tuple[Line, ...], tuple[Line, ...]]:
    epsilon = float(optimizer.epsilon)
    size = f"(np.sqrt(<mean_square>) + {epsilon!r})"
    step = (
        "new",
        f"<w> - <rate> * np.sqrt(<square_correction>) / <mean_correction> * <mean> / {size}",
        (
            rf"<w> - \eta\, \frac{{\sqrt{{<square_correction>}}}}{{<mean_correction>}}\,"
            rf" \frac{{<mean>}}{{\sqrt{{<mean_square>}} + {epsilon:g}}}"
        ),
        "Both corrections stand in the rate, so epsilon is added to the uncorrected root.",
    )
    return _corrections(optimizer), (*_means(optimizer), step)


@_writes(AMSGrad)
def _amsgrad(optimizer: AMSGrad) -> tuple[tuple[Line, ...], tuple[Line, ...]]:
    largest = (
        "largest_mean_square",
        "np.maximum(<largest_mean_square.before>, <mean_square>)",
        r"\max(<largest_mean_square.before>, <mean_square>)",
        "The largest size so far, so the steps never grow again.",
    )
    hats = _hats("largest_mean_square")
    return _corrections(optimizer), (*_means(optimizer), largest, *hats, _adam_step(optimizer))


@_writes(NAdam)
def _nadam(optimizer: NAdam) -> tuple[tuple[Line, ...], tuple[Line, ...]]:
    beta1, psi = float(optimizer.beta1), float(optimizer.momentum_decay)
    epsilon = float(optimizer.epsilon)

    def momentum(step: str) -> str:
        return f"{beta1!r} * (1 - 0.5 * 0.96 ** ({step} * {psi!r}))"

    formula = rf"{beta1:g}\left(1 - \tfrac{{1}}{{2}} 0.96^{{<step> \cdot {psi:g}}}\right)"
    ahead = formula.replace("<step>", "(<step> + 1)")
    once = (
        ("momentum", momentum("<step>"), formula, "A momentum that warms up."),
        ("momentum_ahead", momentum("(<step> + 1)"), ahead, ""),
        (
            "momentum_product",
            f"np.prod({momentum('np.arange(1, <step> + 1)')})",
            r"\prod_{i \leq <step>} \mu_i",
            "The product of the momenta so far.",
        ),
        _corrections(optimizer)[1],
    )
    look = (
        "direction",
        (
            "<momentum_ahead> * <mean> / (1 - <momentum_product> * <momentum_ahead>)"
            " + (1 - <momentum>) * <g> / (1 - <momentum_product>)"
        ),
        (
            r"\frac{<momentum_ahead> <mean>}{1 - <momentum_product> <momentum_ahead>} +"
            r" \frac{(1 - <momentum>) <g>}{1 - <momentum_product>}"
        ),
        "The mean as it will be at the next update, and the gradient of this one.",
    )
    step = (
        "new",
        f"<w> - <rate> * <direction> / (np.sqrt(<square_hat>) + {epsilon!r})",
        rf"<w> - \eta\, \frac{{<direction>}}{{\sqrt{{<square_hat>}} + {epsilon:g}}}",
        "",
    )
    return once, (*_means(optimizer), _hats()[1], look, step)


@_writes(LBFGS)
def _lbfgs(_optimizer: LBFGS) -> tuple[tuple[Line, ...], tuple[Line, ...]]:
    note = "Before there is a history, the first direction is that of steepest descent."
    return (), (
        ("direction", "-<g>", "-<g>", note),
        ("new", "<w> + <length> * <direction>", r"<w> + <length>\, <direction>", ""),
    )
