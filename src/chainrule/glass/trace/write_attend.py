"""The formulas of attention: cutting into heads, scores, softmax, mixing, and the way back."""

from __future__ import annotations

from typing import Any

from chainrule.glass.trace.pen import OpWriter, Pen, writes
from chainrule.ops.attend import Attend

__all__: list[str] = []

_HEADS = ("N", "h", "T", "d_k")
_SCORES = ("N", "h", "T", "T")
_CUT = "The features are cut into equal parts, one for each head."


@writes(Attend)
class _Attend(OpWriter):
    def forward(self, op: Any, pen: Pen) -> None:
        for name in ("Q", "K", "V"):
            pen.put(f"{name}_heads", _split(op, pen, name), f"<{name}>", _HEADS, note=_CUT)
        width = pen.value("Q_heads").shape[-1]
        scores = f"(<Q_heads> @ np.swapaxes(<K_heads>, -1, -2)) / np.sqrt({width})"
        note = "How well each query matches each key, scaled so that wide heads do not saturate."
        if op.causal:
            later = "np.arange({0})[None, :] > np.arange({0})[:, None]".format(
                pen.value("Q_heads").shape[-2]
            )
            scores = f"np.where({later}, -np.inf, {scores})"
            note += " A position does not see later ones: their score is minus infinity."
        product = r"<Q_heads>\, <K_heads>^\top / \sqrt{d_k}"
        pen.put("scores", scores, product, _SCORES, note=note)
        top = "np.max(<scores>, axis=-1, keepdims=True)"
        powers = f"np.exp(<scores> - {top})"
        plain = "np.exp(<scores>) / np.sum(np.exp(<scores>), axis=-1, keepdims=True)"
        stable = f"{powers} / np.sum({powers}, axis=-1, keepdims=True)"
        softmax = r"\mathrm{softmax}(<scores>)"
        pen.put("A", (plain, stable), softmax, _SCORES)
        pen.put("Z_heads", "<A> @ <V_heads>", r"<A>\, <V_heads>", _HEADS)
        note = "The heads side by side again."
        pen.put("Z", _merge(pen, "Z_heads", "V"), "<Z_heads>", note=note)

    def backward(self, op: Any, pen: Pen) -> None:
        put = pen.put
        put("dZ_heads", _split(op, pen, "dZ"), "<dZ>", _HEADS, note=_CUT)
        note = "A @ V again: the transpose of V stands where V stood."
        code = "<dZ_heads> @ np.swapaxes(<V_heads>, -1, -2)"
        put("dA", code, r"<dZ_heads>\, <V_heads>^\top", _SCORES, note=note)
        code = "<A> * (<dA> - np.sum(<dA> * <A>, axis=-1, keepdims=True))"
        formula = r"<A> \odot \left(<dA> - \textstyle\sum_j <dA>_j <A>_j\right)"
        put("dscores", code, formula, _SCORES, note="Back through the softmax of each query.")
        width = pen.value("Q_heads").shape[-1]
        root = r"/ \sqrt{d_k}"
        code = f"(<dscores> @ <K_heads>) / np.sqrt({width})"
        put("dQ_heads", code, rf"<dscores>\, <K_heads> {root}", _HEADS)
        code = f"(np.swapaxes(<dscores>, -1, -2) @ <Q_heads>) / np.sqrt({width})"
        note = "A key is matched by every query, so its gradient adds over the queries."
        put("dK_heads", code, rf"<dscores>^\top <Q_heads> {root}", _HEADS, note=note)
        code = "np.swapaxes(<A>, -1, -2) @ <dZ_heads>"
        note = "A value is mixed into every output, so its gradient adds over the outputs."
        put("dV_heads", code, r"<A>^\top <dZ_heads>", _HEADS, note=note)
        for name in ("Q", "K", "V"):
            put(f"d{name}", _merge(pen, f"d{name}_heads", name), f"<d{name}_heads>")


def _split(op: Any, pen: Pen, local: str) -> str:
    rows, length, width = pen.value(local).shape
    parts = (rows, length, op.heads, width // op.heads)
    return f"np.swapaxes(np.reshape(<{local}>, {parts}), 1, 2)"


def _merge(pen: Pen, local: str, like: str) -> str:
    return f"np.reshape(np.swapaxes(<{local}>, 1, 2), {pen.value(like).shape})"
