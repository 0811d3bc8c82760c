"""The formulas of attention: cutting into heads, scores, softmax, mixing, and the way back.

Where samples are rows, a row of the scores is a query and the softmax runs along it. In the columns
convention every matrix stands transposed: a column is a query, `K` comes first, and `V` too.
"""

from __future__ import annotations

from typing import Any

from chainrule.frozen import frozen
from chainrule.glass.trace.pen import OpWriter, Pen, writes
from chainrule.ops.attend import Attend

__all__: list[str] = []

_HEADS = ("N", "h", "T", "d_k")
_SCORES = ("N", "h", "T", "T")
_CUT = "The features are cut into equal parts, one for each head."
_LATER = "np.arange({0})[None, :] > np.arange({0})[:, None]"
_LATER_DOWN = "np.arange({0})[:, None] > np.arange({0})[None, :]"


@frozen
class _Products:
    """Matrix products as rows have them; in columns the same with the factors turned round."""

    columns: bool

    def of(self, left: str, right: str) -> tuple[str, str]:
        r"""Return code and LaTeX of left times right; `.T` after a name transposes it.

        Where every matrix is the transpose of what it is in rows, so is the product of the two if
        they change places: :math:`(A B)^\top = B^\top A^\top`.
        """
        one, two = (right, left) if self.columns else (left, right)
        return f"{_code(one)} @ {_code(two)}", rf"{_formula(one)}\, {_formula(two)}"

    def along(self, text: str, reduce: str = "sum") -> str:
        """Return the code of a sum over the keys of each query."""
        return f"np.{reduce}({text}, axis={-2 if self.columns else -1}, keepdims=True)"


def _code(name: str) -> str:
    plain = f"<{name.removesuffix('.T')}>"
    return f"np.swapaxes({plain}, -1, -2)" if name.endswith(".T") else plain


def _formula(name: str) -> str:
    return f"<{name.removesuffix('.T')}>" + (r"^\top" if name.endswith(".T") else "")


@writes(Attend)
class _Attend(OpWriter):
    def forward(self, op: Any, pen: Pen) -> None:
        for name in ("Q", "K", "V"):
            pen.put(f"{name}_heads", _split(op, pen, name), f"<{name}>", _HEADS, note=_CUT)
        products = _Products(pen.columns)
        length, width = pen.flipped(pen.value("Q_heads")).shape[-2:]
        code, formula = products.of("Q_heads", "K_heads.T")
        scores = f"({code}) / np.sqrt({width})"
        note = "How well each query matches each key, scaled so that wide heads do not saturate."
        if op.causal:
            later = (_LATER_DOWN if pen.columns else _LATER).format(length)
            scores = f"np.where({later}, -np.inf, {scores})"
            note += " A position does not see later ones: their score is minus infinity."
        pen.put("scores", scores, rf"{formula} / \sqrt{{d_k}}", _SCORES, note=note)
        powers = f"np.exp(<scores> - {products.along('<scores>', 'max')})"
        plain = f"np.exp(<scores>) / {products.along('np.exp(<scores>)')}"
        stable = f"{powers} / {products.along(powers)}"
        note = "Each column is a query: its numbers add up to 1." if pen.columns else ""
        pen.put("A", (plain, stable), r"\mathrm{softmax}(<scores>)", _SCORES, note=note)
        code, formula = products.of("A", "V_heads")
        pen.put("Z_heads", code, formula, _HEADS)
        note = "The heads side by side again."
        pen.put("Z", _merge(pen, "Z_heads", "V"), "<Z_heads>", note=note)

    def backward(self, op: Any, pen: Pen) -> None:
        put, products = pen.put, _Products(pen.columns)
        put("dZ_heads", _split(op, pen, "dZ"), "<dZ>", _HEADS, note=_CUT)
        note = "The product of A and V again: the transpose of V stands where V stood."
        code, formula = products.of("dZ_heads", "V_heads.T")
        put("dA", code, formula, _SCORES, note=note)
        code = f"<A> * (<dA> - {products.along('<dA> * <A>')})"
        formula = r"<A> \odot \left(<dA> - \textstyle\sum_j <dA>_j <A>_j\right)"
        put("dscores", code, formula, _SCORES, note="Back through the softmax of each query.")
        root = f"np.sqrt({pen.flipped(pen.value('Q_heads')).shape[-1]})"
        code, formula = products.of("dscores", "K_heads")
        put("dQ_heads", f"({code}) / {root}", rf"{formula} / \sqrt{{d_k}}", _HEADS)
        code, formula = products.of("dscores.T", "Q_heads")
        note = "A key is matched by every query, so its gradient adds over the queries."
        put("dK_heads", f"({code}) / {root}", rf"{formula} / \sqrt{{d_k}}", _HEADS, note=note)
        code, formula = products.of("A.T", "dZ_heads")
        note = "A value is mixed into every output, so its gradient adds over the outputs."
        put("dV_heads", code, formula, _HEADS, note=note)
        for name in ("Q", "K", "V"):
            put(f"d{name}", _merge(pen, f"d{name}_heads", name), f"<d{name}_heads>")


def _split(op: Any, pen: Pen, local: str) -> str:
    rows, length, width = pen.flipped(pen.value(local)).shape
    if pen.columns:  # the features are next to each other: a cut is a change of shape alone
        return f"np.reshape(<{local}>, {(rows, op.heads, width // op.heads, length)})"
    parts = (rows, length, op.heads, width // op.heads)
    return f"np.swapaxes(np.reshape(<{local}>, {parts}), 1, 2)"


def _merge(pen: Pen, local: str, like: str) -> str:
    heads = f"<{local}>" if pen.columns else f"np.swapaxes(<{local}>, 1, 2)"
    return f"np.reshape({heads}, {pen.value(like).shape})"
