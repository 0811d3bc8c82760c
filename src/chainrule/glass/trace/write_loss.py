"""The formulas of the losses: the link, the terms, rows and total, and the gradient in two ways.

The fused gradient is what the library computes: `P - Y` from logits. The long-hand one is what the
chain rule says step by step: the loss by the prediction, times the prediction by the logits. Both
must be the same number.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field
from typing import Any

import numpy as np

from chainrule.errors import UsageError
from chainrule.frozen import frozen
from chainrule.glass.trace.pen import Pen
from chainrule.glass.trace.space import run
from chainrule.maths.arrays import Array
from chainrule.maths.elementary import log_softmax
from chainrule.maths.loss import Loss
from chainrule.maths.losses_classification import BinaryCrossEntropy, SoftmaxCrossEntropy
from chainrule.maths.losses_likelihood import GaussianNLL, Poisson
from chainrule.maths.losses_regression import AbsoluteError, Huber, Pinball, SquaredError

__all__ = ["LOSS_TEXTS", "LossText", "text_of", "write_loss", "write_loss_backward"]

Codes = tuple[str, ...]
_JACOBIAN_LIMIT = 4096
"""The most entries of a softmax Jacobian of all rows that is written out."""


@frozen
class LossText:
    """How one loss is written. Texts hold the placeholders Z, Y, P and those of `parts`."""

    terms: Codes
    terms_latex: str
    slope: Codes
    slope_latex: str
    parts: tuple[tuple[str, Codes, str], ...] = ()
    """Intermediates before the terms: local name, codes, LaTeX. `P` is the prediction."""
    by_prediction: tuple[str, str] | None = None
    """The loss by the prediction: code and LaTeX; None where the prediction is the raw output."""
    link_slope: tuple[str, str] | None = None
    """The prediction by the raw output where that is element by element."""
    term_value: Callable[[Any, Array, Array], Array] | None = None
    notes: dict[str, str] = field(default_factory=dict)


_Maker = Callable[[Any, Pen], LossText]
LOSS_TEXTS: dict[type[Loss], _Maker] = {}
"""The text of each class of losses; a test demands one for each registered loss."""


def _writes(cls: type[Loss]) -> Callable[[_Maker], _Maker]:
    def enter(maker: _Maker) -> _Maker:
        LOSS_TEXTS[cls] = maker
        return maker

    return enter


def text_of(loss: Loss, pen: Pen) -> LossText:
    """Return how a loss is written.

    Raises
    ------
    UsageError
        No one has written down its formulas.
    """
    for cls in type(loss).__mro__:
        if cls in LOSS_TEXTS:
            return LOSS_TEXTS[cls](loss, pen)
    raise UsageError(
        f"the trace does not know the formulas of the loss {loss.name}",
        where=type(loss).__name__,
        do="add a text to chainrule.glass.trace.write_loss.LOSS_TEXTS",
    )


def _term(loss: Any, raw: Array, Y: Array) -> Array:
    return loss.term(raw, Y)


@_writes(SquaredError)
def _squared(loss: SquaredError, _pen: Pen) -> LossText:
    scale = float(loss.scale)
    return LossText(
        (f"{scale!r} * (<Z> - <Y>) ** 2",),
        rf"{scale:g} \left(<Z> - <Y>\right)^2",
        (f"{2.0 * scale!r} * (<Z> - <Y>)",),
        rf"2 \cdot {scale:g} \left(<Z> - <Y>\right)",
        term_value=_term,
    )


@_writes(AbsoluteError)
def _absolute(_loss: AbsoluteError, _pen: Pen) -> LossText:
    return LossText(
        ("np.abs(<Z> - <Y>)",),
        r"\left|<Z> - <Y>\right|",
        ("np.sign(<Z> - <Y>)",),
        r"\mathrm{sign}\left(<Z> - <Y>\right)",
        term_value=_term,
    )


@_writes(Huber)
def _huber(loss: Huber, _pen: Pen) -> LossText:
    delta = float(loss.delta)
    size = "np.abs(<Z> - <Y>)"
    line = f"{delta!r} * ({size} - {delta!r} / 2)"
    return LossText(
        (f"np.where({size} <= {delta!r}, 0.5 * (<Z> - <Y>) ** 2, {line})",),
        rf"\begin{{cases}} \frac{{1}}{{2}} r^2 & |r| \leq {delta:g} \\"
        rf" {delta:g} (|r| - {delta / 2:g}) & |r| > {delta:g} \end{{cases}},\quad r = <Z> - <Y>",
        (f"np.minimum({delta!r}, np.maximum(-{delta!r}, <Z> - <Y>))",),
        rf"\min({delta:g}, \max(-{delta:g}, <Z> - <Y>))",
        term_value=_term,
    )


@_writes(Pinball)
def _pinball(loss: Pinball, _pen: Pen) -> LossText:
    q = float(loss.quantile)
    rest = f"(1 - {q!r})"
    return LossText(
        (f"np.where(<Y> >= <Z>, {q!r} * (<Y> - <Z>), {rest} * (<Z> - <Y>))",),
        rf"\begin{{cases}} {q:g} (<Y> - <Z>) & <Y> \geq <Z> \\"
        rf" {1 - q:g} (<Z> - <Y>) & <Y> < <Z> \end{{cases}}",
        (f"np.where(<Y> > <Z>, -{q!r}, np.where(<Y> < <Z>, 1 - {q!r}, 0.0))",),
        rf"\begin{{cases}} -{q:g} & <Y> > <Z> \\ {1 - q:g} & <Y> < <Z> \end{{cases}}",
        term_value=_term,
    )


@_writes(BinaryCrossEntropy)
def _binary(_loss: BinaryCrossEntropy, _pen: Pen) -> LossText:
    open_, shut = "np.exp(-np.logaddexp(0, -<Z>))", "np.exp(-np.logaddexp(0, <Z>))"

    def term_value(loss: Any, raw: Array, Y: Array) -> Array:
        columns = range(raw.shape[1])
        return np.stack([loss.value(raw[:, k : k + 1], Y[:, k : k + 1]) for k in columns], axis=1)

    return LossText(
        (
            "-(<Y> * np.log(<P>) + (1 - <Y>) * np.log(1 - <P>))",
            "(1 - <Y>) * np.logaddexp(0, <Z>) + <Y> * np.logaddexp(0, -<Z>)",
        ),
        r"-\left(<Y> \log <P> + (1 - <Y>) \log(1 - <P>)\right)",
        ("<P> - <Y>", f"(1 - <Y>) * {open_} - <Y> * {shut}"),
        r"<P> - <Y>",
        parts=(("P", ("1 / (1 + np.exp(-<Z>))", open_), r"\sigma(<Z>)"),),
        by_prediction=(
            "(1 - <Y>) / (1 - <P>) - <Y> / <P>",
            r"\frac{<P> - <Y>}{<P> \odot (1 - <P>)}",
        ),
        link_slope=("<P> * (1 - <P>)", r"<P> \odot (1 - <P>)"),
        term_value=term_value,
        notes={"slope": "The sigmoid's slope P (1 - P) cancels against the loss's denominator."},
    )


@_writes(SoftmaxCrossEntropy)
def _softmax(_loss: SoftmaxCrossEntropy, pen: Pen) -> LossText:
    top = pen.over_features("<Z>", "max")
    total, moved = (pen.over_features(text) for text in ("np.exp(<Z>)", f"np.exp(<Z> - {top})"))
    ones = pen.over_features("<Y>")
    log_p = f"(<Z> - {top} - np.log({moved}))"

    def term_value(loss: Any, raw: Array, Y: Array) -> Array:
        return -loss.smoothed(Y) * log_softmax(raw)

    return LossText(
        ("-<Y> * np.log(<P>)", f"-<Y> * {log_p}"),
        r"-<Y> \log <P>",
        (
            "<P> - <Y>",
            f"<P> * {ones} - <Y>",
            f"({ones} - <Y>) * <P> + <Y> * np.expm1{log_p}",
        ),
        r"<P> - <Y>",
        parts=(
            (
                "P",
                (f"np.exp(<Z>) / {total}", f"np.exp(<Z> - {top}) / {moved}"),
                r"\frac{e^{<Z>}}{\sum_j e^{<Z>_j}}",
            ),
        ),
        by_prediction=("-<Y> / <P>", r"-\frac{<Y>}{<P>}"),
        term_value=term_value,
        notes={
            "slope": "The softmax's Jacobian and the logarithm cancel to P - Y; the element-wise "
            "product with P (1 - P) would not give this."
        },
    )


@_writes(Poisson)
def _poisson(_loss: Poisson, _pen: Pen) -> LossText:
    return LossText(
        ("<P> - <Y> * <Z>",),
        r"<P> - <Y> \odot <Z>",
        ("<P> - <Y>",),
        r"<P> - <Y>",
        parts=(("P", ("np.exp(<Z>)",), r"e^{<Z>}"),),
        by_prediction=("1 - <Y> / <P>", r"1 - \frac{<Y>}{<P>}"),
        link_slope=("<P>", "<P>"),
        term_value=_term,
    )


@_writes(GaussianNLL)
def _gaussian(_loss: GaussianNLL, pen: Pen) -> LossText:
    K = pen.value("Z").shape[pen.features()] // 2
    first, last = (f"[:{K}]", f"[{K}:]") if pen.columns else (f"[:, :{K}]", f"[:, {K}:]")
    side = f"axis={pen.features()}"
    error, small = "(<mu> - <Y>)", "np.exp(-<s>)"
    by_variance = "0.5 * (1 / <variance> - ((<mu> - <Y>) / <variance>) ** 2)"
    return LossText(
        (f"0.5 * (<s> + {error} ** 2 * {small} + np.log(2 * np.pi))",),
        r"\frac{1}{2}\left(<s> + (<Y> - <mu>)^2 e^{-<s>} + \log 2\pi\right)",
        (f"np.concatenate([{error} * {small}, 0.5 * (1 - {error} ** 2 * {small})], {side})",),
        r"\left[(<mu> - <Y>)\, e^{-<s>},\ \frac{1}{2}\left(1 - (<mu> - <Y>)^2 e^{-<s>}\right)"
        r"\right]",
        parts=(
            ("mu", (f"<Z>{first}",), r"<Z>_{\text{first half}}"),
            ("s", (f"<Z>{last}",), r"<Z>_{\text{second half}}"),
            ("variance", ("np.exp(<s>)",), r"e^{<s>}"),
            ("P", (f"np.concatenate([<mu>, <variance>], {side})",), r"[<mu>, <variance>]"),
        ),
        by_prediction=(
            f"np.concatenate([{error} / <variance>, {by_variance}], {side})",
            (
                r"\left[\frac{<mu> - <Y>}{<variance>},\ \frac{1}{2}\left(\frac{1}{<variance>} -"
                r" \frac{(<mu> - <Y>)^2}{<variance>^2}\right)\right]"
            ),
        ),
        link_slope=(f"np.concatenate([0 * <mu> + 1, <variance>], {side})", "[1, <variance>]"),
        term_value=_term,
    )


def write_loss(loss: Loss, pen: Pen, raw: Array, Y: Array, outputs: tuple[str, ...]) -> None:
    """Write prediction, terms, the loss of each row and the data term.

    Parameters
    ----------
    loss : Loss
    pen : Pen
        Its tensors hold `loss.values` and `loss.J` of the engine.
    raw, Y : array
        The engine's raw outputs and encoded targets.
    outputs : tuple of str
        Symbols of the raw outputs' shape, in rows.
    """
    text = text_of(loss, pen)
    wide = ("N", "K") if isinstance(loss, GaussianNLL) else outputs
    with np.errstate(all="ignore"):
        known = {"P": loss.link.value(raw)}
        terms = None if text.term_value is None else text.term_value(loss, raw, Y)
    for local, codes, formula in text.parts:
        dims = outputs if local == "P" else wide
        pen.put(local, codes, formula, dims, known.get(local), note=text.notes.get(local, ""))
    pen.put("terms", text.terms, text.terms_latex, wide, terms)
    mean = getattr(loss, "over_outputs", "sum") == "mean"
    sums = pen.over_features("<terms>", "mean" if mean else "sum", keep=False)
    formula = r"\frac{1}{K} \sum_k <terms>_k" if mean else r"\sum_k <terms>_k"
    note = "The loss of each sample: the terms of its outputs, added up."
    pen.put("values", sums, formula, ("N",), note=note)
    note = "Samples count by their factor: 1 / N each for a mean, 1 for a sum."
    pen.put("J", "np.sum(<values> * <factors>)", r"\sum_i <factors>\, <values>", (), note=note)


def write_loss_backward(
    loss: Loss, pen: Pen, raw: Array, Y: Array, outputs: tuple[str, ...]
) -> None:
    """Write the gradient of the raw outputs, fused and long-hand."""
    text = text_of(loss, pen)
    with np.errstate(all="ignore"):
        slope = loss.gradient(raw, Y)
    mean = getattr(loss, "over_outputs", "sum") == "mean"
    share = f" / {Y.shape[1]}" if mean else ""
    codes = tuple(f"({code}){share}" if share else code for code in text.slope)
    formula = rf"\frac{{1}}{{K}} {text.slope_latex}" if mean else text.slope_latex
    distance = loss.kink_distance(raw, Y)
    flags = ("kink",) if distance is not None and bool(np.any(distance == 0.0)) else ()
    note = text.notes.get("slope", "The derivative of each sample's loss by its raw outputs.")
    symbol = rf"\partial J_i / \partial {_raw_symbol(pen)}"
    pen.put("slope", codes, formula, outputs, slope, note=note, flags=flags, symbol=symbol)
    _long_hand(loss, text, pen, slope, outputs, share)
    note = "Each sample's part in the objective has its factor, so its gradient has it too."
    code = f"<slope> * {pen.per_row('factors')}"
    pen.put("dZ", code, r"<factors> \cdot <slope>", outputs, note=note, flags=flags)


def _raw_symbol(pen: Pen) -> str:
    """Return the letter of the raw outputs: Z, or that of the activation that the network ends in.

    With sigmoid as the last layer, and not as the link of the loss, it is H that the loss sees.
    """
    symbol = pen.book.symbols[pen.rename("Z")]
    return "Z" if symbol.startswith("Z") else symbol


def _long_hand(
    _loss: Loss, text: LossText, pen: Pen, slope: Array, outputs: tuple[str, ...], share: str
) -> None:
    if text.by_prediction is None:
        return
    code = f"({text.by_prediction[0]}){share}" if share else text.by_prediction[0]
    found = run(pen.book.fill(code, pen.rename), pen.book.variables)
    softmax = text.link_slope is None
    small = found.size * found.shape[pen.features()] <= _JACOBIAN_LIMIT
    if not np.all(np.isfinite(found)) or (softmax and not small):
        return
    flags = ("long-hand",)
    note = "The long way round: first the loss by the prediction."
    pen.put("dP", code, text.by_prediction[1], outputs, note=note, flags=flags)
    note = "The long way round gives the same numbers as the fused form."
    whole = rf"{{\partial J_i / \partial {_raw_symbol(pen)}}}_{{\text{{long}}}}"
    if text.link_slope is not None:
        step = "Then the prediction by the raw output."
        link, formula = text.link_slope
        symbol = rf"\partial P / \partial {_raw_symbol(pen)}"
        pen.put("link_slope", link, formula, outputs, note=step, flags=flags, symbol=symbol)
        product = ("<dP> * <link_slope>", r"<dP> \odot <link_slope>")
        pen.put("slope.long_hand", *product, outputs, slope, note=note, flags=flags, symbol=whole)
        return
    P = "<P>.T" if pen.columns else "<P>"
    K = found.shape[pen.features()]
    jacobian = f"np.eye({K}) * {P}[:, :, None] - {P}[:, :, None] * {P}[:, None, :]"
    step = "Then the prediction by the logits: for each sample a K x K matrix, none of it zero."
    formula = r"\mathrm{diag}(<P>_i) - <P>_i <P>_i^\top"
    dims = (outputs[0], outputs[1], outputs[1])
    words = {"note": step, "flags": flags, "turned": False}
    symbol = rf"\partial P_i / \partial {_raw_symbol(pen)}_i"
    pen.put("jacobian", jacobian, formula, dims, symbol=symbol, **words)
    code = "(<dP>[:, None, :] @ <jacobian>)[:, 0, :]"
    if pen.columns:
        code = "(<dP>.T[:, None, :] @ <jacobian>)[:, 0, :].T"
    formula = r"<dP>_i\, <jacobian>"  # its symbol has the index
    words = {"note": note, "flags": flags, "symbol": whole}
    pen.put("slope.long_hand", code, formula, outputs, slope, **words)
