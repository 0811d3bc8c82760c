"""The formulas of the operations: affine map, dropout, sums, joins, picks, look-ups, scales."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.glass.trace.pen import OpWriter, Pen, writes
from chainrule.ops.affine import Affine
from chainrule.ops.dropout import Dropout
from chainrule.ops.join import Add, Concat
from chainrule.ops.reshape import Columns, Embed, Flatten
from chainrule.ops.scale import Scale

__all__: list[str] = []

_BACK_TRANSPOSE = (
    "Each input reaches every output of its row through W, so dX adds over the outputs: "
    "entry (i, k) is the sum over j of dZ[i, j] W[k, j], which reads W the other way round."
)
_WEIGHT_TRANSPOSE = (
    "Each weight is used by every row, so dW adds over the rows: entry (k, j) is the sum over i "
    "of X[i, k] dZ[i, j]. Rows must meet rows, so X stands transposed."
)
_BACK_COLUMNS = (
    "Each input reaches every output of its sample through W, so dX adds over the outputs: W "
    "stands transposed, and on the left, because samples are columns."
)
_WEIGHT_COLUMNS = (
    "Each weight is used by every sample, so dW adds over the samples: columns must meet columns, "
    "so X stands transposed, on the right."
)
_BIAS = (
    "The bias was added to every sample, so it reaches the loss once through each, and its "
    "gradient is the sum over the samples; that is the chain rule, not a repair of the shape."
)


@writes(Affine)
class _Affine(OpWriter):
    def forward(self, op: Any, pen: Pen) -> None:
        product = "<W> @ <X>" if pen.columns else "<X> @ <W>"
        formula = r"<W> <X>" if pen.columns else r"<X> <W>"
        if op.bias:
            product, formula = f"{product} + <b>", f"{formula} + <b>"
        note = "The bias is added to every sample." if op.bias else ""
        pen.put("Z", product, formula, note=note)

    def backward(self, op: Any, pen: Pen) -> None:
        if op.bias:
            rank = pen.rank("dZ")
            sums = r"\sum_{i=1}^{N} <dZ>_{i}"
            pen.put("db", pen.over_rows("<dZ>", rank), sums, note=_BIAS)
        if pen.columns:
            pen.put("dW", *self._weights_in_columns(pen), note=_WEIGHT_COLUMNS)
            pen.put("dX", "<W>.T @ <dZ>", r"<W>^\top <dZ>", note=_BACK_COLUMNS)
            return
        pen.put("dW", *self._weights(pen), note=_WEIGHT_TRANSPOSE, **self._dimension(pen))
        pen.put("dX", "<dZ> @ <W>.T", r"<dZ>\, <W>^\top", note=_BACK_TRANSPOSE)

    def _weights(self, pen: Pen) -> tuple[str, str]:
        if pen.rank("dZ") == 2:
            return "<X>.T @ <dZ>", r"<X>^\top <dZ>"
        d_in, d_out = pen.value("X").shape[-1], pen.value("dZ").shape[-1]
        code = f"np.reshape(<X>, (-1, {d_in})).T @ np.reshape(<dZ>, (-1, {d_out}))"
        return code, r"\sum_{i, t} <X>_{it}^\top <dZ>_{it}"

    def _weights_in_columns(self, pen: Pen) -> tuple[str, str]:
        if pen.rank("dZ") == 2:
            return "<dZ> @ <X>.T", r"<dZ>\, <X>^\top"
        code = "np.sum(<dZ> @ np.swapaxes(<X>, -1, -2), axis=0)"
        return code, r"\sum_{i=1}^{N} <dZ>_i\, <X>_i^\top"

    def _dimension(self, pen: Pen) -> dict[str, Any]:
        if pen.rank("dZ") == 2:
            return {}
        X, dZ = pen.value("X").shape, pen.value("dZ").shape
        n, d, m = X[0] * X[1], X[-1], dZ[-1]
        dims = pen.book.dims
        k, j = dims[pen.rename("X")][-1], dims[pen.rename("dZ")][-1]
        symbols = f"({k} x (N T))((N T) x {j}) -> ({k} x {j})"
        return {"dimension": f"{symbols} : ({d} x {n})({n} x {m}) -> ({d} x {m})"}


@writes(Dropout)
class _Dropout(OpWriter):
    def forward(self, op: Any, pen: Pen) -> None:
        note = "A dropped element is 0; a kept one is scaled up, so that the mean stays the same."
        pen.put("H", "<X> * <M>", r"<X> \odot <M>", note=note, flags=("dropout mask",))

    def backward(self, op: Any, pen: Pen) -> None:
        note = "What was dropped had no effect, so no gradient goes back through it."
        flags = ("dropout mask",)
        pen.put("dX", "<dH> * <M>", r"<dH> \odot <M>", note=note, flags=flags)


@writes(Add)
class _Add(OpWriter):
    def forward(self, op: Any, pen: Pen) -> None:
        terms = [f"<{name}>" for name in op.inputs()]
        pen.put("Z", " + ".join(terms), " + ".join(terms))

    def backward(self, op: Any, pen: Pen) -> None:
        note = "A sum passes its gradient on to each term unchanged."
        for name in op.inputs():
            pen.put(f"d{name}", "<dZ>", "<dZ>", note=note)


@writes(Concat)
class _Concat(OpWriter):
    def forward(self, op: Any, pen: Pen) -> None:
        terms = ", ".join(f"<{name}>" for name in op.inputs())
        axis = pen.feature_axis(pen.rank(op.inputs()[0]))
        pen.put("Z", f"np.concatenate([{terms}], axis={axis})", rf"\left[{terms}\right]")

    def backward(self, op: Any, pen: Pen) -> None:
        start = 0
        for name in op.inputs():
            width = pen.value(name).shape[pen.feature_axis(pen.rank(name))]
            code = pen.part("dZ", f"{start}:{start + width}")
            note = "Each part gets the gradient of its own features."
            formula = rf"<dZ>_{{{start + 1} \dots {start + width}}}"
            pen.put(f"d{name}", code, formula, note=note)
            start += width


@writes(Flatten)
class _Flatten(OpWriter):
    def forward(self, op: Any, pen: Pen) -> None:
        X, code = pen.value("X"), "<X>"
        if X.ndim == 3:
            rows = "np.swapaxes(<X>, 1, 2)" if pen.columns else "<X>"
            code = f"np.reshape({rows}, {(X.shape[0], -1)}){'.T' if pen.columns else ''}"
        note = "The positions of a sample, one under the other." if pen.columns else ""
        pen.put("Z", code, r"\mathrm{flat}(<X>)", note=note)

    def backward(self, op: Any, pen: Pen) -> None:
        shape, code = pen.flipped(pen.value("X")).shape, "<dZ>"
        if len(shape) == 3:
            code = f"np.reshape(<dZ>{'.T' if pen.columns else ''}, {shape})"
            code = f"np.swapaxes({code}, 1, 2)" if pen.columns else code
        note = "The same numbers in the shape that they came in."
        pen.put("dX", code, r"\mathrm{unflat}(<dZ>)", note=note)


@writes(Columns)
class _Columns(OpWriter):
    def forward(self, op: Any, pen: Pen) -> None:
        picked = ", ".join(str(place) for place in op.picked)
        pen.put("Z", pen.part("X", f"[{picked}]"), rf"<X>_{{\cdot,\, ({picked})}}")

    def backward(self, op: Any, pen: Pen) -> None:
        axis = pen.feature_axis(pen.rank("X"))
        width = pen.value("X").shape[axis]
        parts: list[str] = []
        for column in range(width):
            if column in op.picked:
                place = op.picked.index(column)
                parts.append(pen.part("dZ", f"{place}:{place + 1}"))
            else:
                parts.append("0 * " + pen.part("dZ", "0:1"))
        note = "A column that was not picked has no effect: its gradient is 0."
        code = f"np.concatenate([{', '.join(parts)}], axis={axis})"
        pen.put("dX", code, r"<dZ>\ \text{in the picked columns, 0 elsewhere}", note=note)


@writes(Embed)
class _Embed(OpWriter):
    def forward(self, op: Any, pen: Pen) -> None:
        offsets = np.concatenate([[0], np.cumsum(op.levels)[:-1]]).tolist()
        note = "Each feature has rows of the table of its own."
        like = pen.dims_in_rows("X")
        down = "[:, None]" if pen.columns else ""
        code = f"<X> + np.array({offsets}){down}"
        pen.put("rows", code, rf"<X> + {tuple(offsets)}", like, note=note)
        code, formula = "<E>[<rows>.astype('int64')]", r"<E>_{<rows>}"
        if pen.columns:
            code = "np.swapaxes(<E>[:, <rows>.T.astype('int64')], 0, 1)"
            formula = r"<E>_{\cdot,\, <rows>}"
        pen.put("Z", code, formula)

    def backward(self, op: Any, pen: Pen) -> None:
        total, width = sum(op.levels), op.width
        count = pen.value("rows").size
        side = "column" if pen.columns else "row"
        places = f"np.reshape(<rows>{'.T' if pen.columns else ''}, (1, -1))"
        pen.put(
            "uses",
            f"1.0 * (np.arange({total})[:, None] == {places})",
            r"\left[<rows>_n = k\right]",
            dims=("levels", "N T"),
            turned=False,
            note=f"Entry (k, n) is 1 where place n of the batch looked up {side} k of the table.",
        )
        n, k, d = ("(N T)", str(count)), ("levels", str(total)), ("d_e", str(width))
        code, formula = f"<uses> @ np.reshape(<dZ>, (-1, {width}))", r"<uses>\, <dZ>"
        axes = (k, n, n, d, k, d)
        if pen.columns:
            code = f"np.reshape(np.swapaxes(<dZ>, 0, 1), ({width}, -1)) @ <uses>.T"
            formula, axes = r"<dZ>\, <uses>^\top", (d, n, n, k, d, k)
        line = " : ".join(
            "({} x {})({} x {}) -> ({} x {})".format(*(axis[kind] for axis in axes))
            for kind in (0, 1)
        )
        note = f"A {side} of the table that was looked up several times adds up its gradients."
        pen.put("dE", code, formula, note=note, dimension=line)


@writes(Scale)
class _Scale(OpWriter):
    def forward(self, op: Any, pen: Pen) -> None:
        pen.put("Z", "<X> * <s>", r"<X> \odot <s>")

    def backward(self, op: Any, pen: Pen) -> None:
        note = "The scale of a feature acts in every sample, so its gradient sums over the samples."
        sums = pen.over_rows("<dZ> * <X>", pen.rank("dZ"))
        pen.put("ds", sums, r"\sum_{i=1}^{N} <dZ>_i \odot <X>_i", note=note)
        pen.put("dX", "<dZ> * <s>", r"<dZ> \odot <s>")
