"""The formulas of penalties and clippings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.errors import UsageError
from chainrule.glass.trace.pen import Pen
from chainrule.maths.clipping import ClipNorm, Clipping, ClipValue
from chainrule.maths.penalties import L1, L2, L2Shared, MaxNorm, Spectral, WeightDecay
from chainrule.maths.penalty import Penalty
from chainrule.maths.power_iteration import top_singular

__all__ = [
    "CLIPPING_TEXTS",
    "PENALTY_TEXTS",
    "clipping_text",
    "penalty_text",
    "shown_numbers",
]

Line = tuple[str, str, str, str]
"""Local name, code, LaTeX, note."""
PenaltyText = Callable[[Any, Pen], "tuple[Line, ...]"]

PENALTY_TEXTS: dict[type[Penalty], PenaltyText] = {}
"""Lines of each class of penalties. `value` and `gradient` for terms of the objective, `projected`
for projections; none for decays, which the update writes."""


def _writes(cls: type[Penalty]) -> Callable[[PenaltyText], PenaltyText]:
    def enter(text: PenaltyText) -> PenaltyText:
        PENALTY_TEXTS[cls] = text
        return text

    return enter


def penalty_text(penalty: Penalty, pen: Pen) -> tuple[Line, ...]:
    """Return the lines of a penalty on the tensor `<W>`.

    Raises
    ------
    UsageError
        No one has written down its formulas.
    """
    for cls in type(penalty).__mro__:
        if cls in PENALTY_TEXTS:
            return PENALTY_TEXTS[cls](penalty, pen)
    raise UsageError(
        f"the trace does not know the formulas of the penalty {penalty.name}",
        where=type(penalty).__name__,
        do="add its lines to chainrule.glass.trace.write_penalty.PENALTY_TEXTS",
    )


@_writes(L1)
def _l1(penalty: L1, _pen: Pen) -> tuple[Line, ...]:
    s = float(penalty.strength)
    note = "The same push towards zero for every weight, however small: many end at exactly zero."
    return (
        ("value", f"{s!r} * np.sum(np.abs(<W>))", rf"{s:g} \sum |<W>|", ""),
        ("gradient", f"{s!r} * np.sign(<W>)", rf"{s:g}\,\mathrm{{sign}}(<W>)", note),
    )


@_writes(L2)
def _l2(penalty: L2, _pen: Pen) -> tuple[Line, ...]:
    s = float(penalty.strength)
    factor = 0.5 * s if penalty.half else s
    note = "A push towards zero that is in proportion to the weight."
    return (
        ("value", f"{factor!r} * np.sum(<W> ** 2)", rf"{factor:g} \sum <W>^2", ""),
        ("gradient", f"{2.0 * factor!r} * <W>", rf"{2.0 * factor:g}\, <W>", note),
    )


@_writes(L2Shared)
def _l2_shared(penalty: L2Shared, _pen: Pen) -> tuple[Line, ...]:
    s = float(penalty.strength)
    note = "Shared out over the samples, as the data term is."
    value = f"{0.5 * s!r} * np.sum(<W> ** 2) * <share>"
    return (
        ("value", value, rf"{0.5 * s:g} <share> \sum <W>^2", note),
        ("gradient", f"{s!r} * <W> * <share>", rf"{s:g} <share>\, <W>", ""),
    )


@_writes(Spectral)
def _spectral(penalty: Spectral, pen: Pen) -> tuple[Line, ...]:
    s = float(penalty.strength)
    W = pen.value("W")
    matrix = W.reshape(-1, 1) if W.ndim < 2 else W
    sigma, u, v = top_singular(matrix)
    text = "<W>" if W.ndim >= 2 else "np.reshape(<W>, (-1, 1))"
    dims = pen.book.dims[pen.rename("W")]
    words: dict[str, Any] = {"layer": pen.layer, "turned": False}
    words["note"] = "The direction that W stretches most, found by power iteration."
    pen.book.given(pen.rename("u"), pen.role, u, dims[:1], **words)
    image = f"{text}.T @ <u>"
    if sigma > 0.0:
        code = f"({image}) / np.sqrt(np.sum(({image}) ** 2))"
        formula = r"\frac{<W>^\top <u>}{\|<W>^\top <u>\|}"
        pen.put("v", code, formula, dims[-1:], turned=False)
    else:
        pen.book.given(pen.rename("v"), pen.role, v, dims[-1:], **words)
    note = "The largest singular value: the most by which W can stretch a sample."
    outer = "np.outer(<u>, <v>)"
    gradient = outer if W.ndim >= 2 else f"np.reshape({outer}, {W.shape})"
    return (
        ("value", f"{s!r} * (<u> @ {text} @ <v>)", rf"{s:g}\, <u>^\top <W> <v>", note),
        ("gradient", f"{s!r} * {gradient}", rf"{s:g}\, <u> <v>^\top", ""),
    )


@_writes(WeightDecay)
def _weight_decay(_penalty: WeightDecay, _pen: Pen) -> tuple[Line, ...]:
    return ()


@_writes(MaxNorm)
def _max_norm(penalty: MaxNorm, pen: Pen) -> tuple[Line, ...]:
    limit = float(penalty.limit)
    rank = pen.rank("W")
    if rank == 2:
        axes = f", axis={1 if pen.columns else 0}, keepdims=True"
    else:
        axes = f", axis={tuple(range(rank - 1))}, keepdims=True" if rank > 2 else ""
    note = "Only units whose weights are longer than the limit are shortened."
    root = f"np.sqrt(np.sum(<W> ** 2{axes}))"
    factor = rf"\min\left(1, {limit:g} / <norms>\right)"
    return (
        ("norms", root, r"\|<W>_j\|", "The length of each unit's incoming weights."),
        ("projected", f"<W> * np.minimum(1, {limit!r} / <norms>)", rf"<W> \odot {factor}", note),
    )


ClippingText = Callable[[Any, "list[str]"], "tuple[tuple[Line, ...], Line]"]
CLIPPING_TEXTS: dict[type[Clipping], ClippingText] = {}
"""Lines for the whole gradient, then the line for one tensor `<g>`, of each class."""


def _clips(cls: type[Clipping]) -> Callable[[ClippingText], ClippingText]:
    def enter(text: ClippingText) -> ClippingText:
        CLIPPING_TEXTS[cls] = text
        return text

    return enter


def clipping_text(clipping: Clipping, gradients: list[str]) -> tuple[tuple[Line, ...], Line]:
    """Return the lines of a clipping of the named gradients.

    Raises
    ------
    UsageError
        No one has written down its formulas.
    """
    for cls in type(clipping).__mro__:
        if cls in CLIPPING_TEXTS:
            return CLIPPING_TEXTS[cls](clipping, gradients)
    raise UsageError(
        f"the trace does not know the formulas of the clipping {clipping.name}",
        where=type(clipping).__name__,
        do="add its lines to chainrule.glass.trace.write_penalty.CLIPPING_TEXTS",
    )


@_clips(ClipNorm)
def _clip_norm(clipping: ClipNorm, gradients: list[str]) -> tuple[tuple[Line, ...], Line]:
    limit = float(clipping.limit)
    squares = " + ".join(f"np.sum(<{name}> ** 2)" for name in gradients)
    latex = " + ".join(rf"\|<{name}>\|^2" for name in gradients)
    lines = (
        (
            "norm",
            f"np.sqrt({squares})",
            rf"\sqrt{{{latex}}}",
            "The norm of all gradients together.",
        ),
        (
            "factor",
            f"np.minimum(1, {limit!r} / <norm>)",
            rf"\min(1, {limit:g} / <norm>)",
            "1 where the gradient is short enough: clipping never lengthens it.",
        ),
    )
    return lines, ("clipped", "<g> * <factor>", r"<g> \cdot <factor>", "")


@_clips(ClipValue)
def _clip_value(clipping: ClipValue, gradients: list[str]) -> tuple[tuple[Line, ...], Line]:
    limit = float(clipping.limit)
    count = " + ".join(f"np.sum(np.abs(<{name}>) > {limit!r})" for name in gradients)
    size = " + ".join(f"np.sum(np.abs(<{name}>) >= 0)" for name in gradients)
    lines = (
        (
            "factor",
            f"1 - ({count}) / ({size})",
            rf"\text{{share of entries within }} \pm {limit:g}",
            "The share of entries that are left as they were.",
        ),
    )
    code = f"np.minimum({limit!r}, np.maximum(-{limit!r}, <g>))"
    note = "Entries are cut one by one, so the direction may change."
    return lines, ("clipped", code, rf"\max(-{limit:g}, \min({limit:g}, <g>))", note)


def shown_numbers(record: Any) -> str:
    """Return the fields of a record with their numbers, for a note."""
    pairs = [
        f"{name} = {value:g}"
        for name, value in record.parameters().items()
        if isinstance(value, (int, float, np.number)) and not isinstance(value, bool)
    ]
    return ", ".join(pairs)
