"""The formulas of batch and layer normalisation, moment by moment."""

from __future__ import annotations

from typing import Any

from chainrule.glass.trace.pen import OpWriter, Pen, writes
from chainrule.ops.normalise import BatchNorm, LayerNorm

__all__: list[str] = []

_MEAN = r"\frac{1}{m} \sum <X>"
_THREE_PATHS = (
    "X acts on Y along three paths: directly, through the mean, and through the variance; the two "
    "means that are taken off are the last two."
)


@writes(BatchNorm)
class _BatchNorm(OpWriter):
    def forward(self, op: Any, pen: Pen) -> None:
        rank = pen.rank("X")
        features = pen.dims_in_rows("X")[-1:]
        pen.put("mean", pen.over_rows("<X>", rank, "mean"), _MEAN, dims=features)
        variance = pen.over_rows("(<X> - <mean>) * (<X> - <mean>)", rank, "mean")
        pen.put("variance", variance, r"\frac{1}{m} \sum (<X> - <mean>)^2", dims=features)
        _output(op, pen, features)
        if not pen.again:
            self._moments(op, pen, features)

    def _moments(self, op: Any, pen: Pen, features: tuple[str, ...]) -> None:
        size, width = pen.value("X").size, pen.value("mean").size
        rows = size // max(width, 1)
        momentum, kept = float(op.momentum), 1.0 - float(op.momentum)
        note = "Prediction will use the running moments; training only moves them."
        for moment, factor in (("mean", ""), ("variance", f" * ({rows} / {max(rows - 1, 1)})")):
            pen.put(
                f"new_running_{moment}",
                f"{kept!r} * <running_{moment}> + {momentum!r} * (<{moment}>{factor})",
                rf"(1 - \alpha)\, <running_{moment}> + \alpha\, <{moment}>"
                + (r"\, \frac{m}{m - 1}" if factor else ""),
                dims=features,
                note=note,
                role="update",
            )

    def backward(self, op: Any, pen: Pen) -> None:
        rank = pen.rank("dY")
        _backward(op, pen, lambda inner: pen.over_rows(inner, rank, "mean"))


@writes(LayerNorm)
class _LayerNorm(OpWriter):
    def forward(self, op: Any, pen: Pen) -> None:
        rows, rank = (*pen.dims_in_rows("X")[:-1], "1"), pen.rank("X")
        pen.put("mean", pen.over_features("<X>", "mean", rank=rank), _MEAN, dims=rows)
        variance = pen.over_features("(<X> - <mean>) * (<X> - <mean>)", "mean", rank=rank)
        pen.put("variance", variance, r"\frac{1}{m} \sum (<X> - <mean>)^2", dims=rows)
        _output(op, pen, rows)

    def backward(self, op: Any, pen: Pen) -> None:
        rank = pen.rank("dY")
        _backward(op, pen, lambda inner: pen.over_features(inner, "mean", rank=rank))


def _output(op: Any, pen: Pen, dims: tuple[str, ...]) -> None:
    epsilon = float(op.epsilon)
    root = rf"\sqrt{{<variance> + {epsilon:g}}}"
    pen.put("deviation", f"np.sqrt(<variance> + {epsilon!r})", root, dims=dims)
    like = pen.dims_in_rows("X")
    pen.put("Xhat", "(<X> - <mean>) / <deviation>", r"\frac{<X> - <mean>}{<deviation>}", dims=like)
    pen.put("Y", "<gamma> * <Xhat> + <beta>", r"<gamma> \odot <Xhat> + <beta>")


def _backward(_op: Any, pen: Pen, mean: Any) -> None:
    rank = pen.rank("dY")
    every = "Scale and shift act in every sample, so their gradients are sums over the samples."
    sums = pen.over_rows("<dY> * <Xhat>", rank)
    pen.put("dgamma", sums, r"\sum_{i=1}^{N} <dY>_i \odot <Xhat>_i", note=every)
    pen.put("dbeta", pen.over_rows("<dY>", rank), r"\sum_{i=1}^{N} <dY>_i", note=every)
    like = pen.dims_in_rows("dY")
    pen.put("dXhat", "<dY> * <gamma>", r"<dY> \odot <gamma>", dims=like)
    pen.put(
        "dX",
        f"(<dXhat> - {mean('<dXhat>')} - <Xhat> * {mean('<dXhat> * <Xhat>')}) / <deviation>",
        r"\frac{1}{<deviation>} \left(<dXhat> - \overline{<dXhat>} -"
        r" <Xhat> \odot \overline{<dXhat> \odot <Xhat>}\right)",
        note=_THREE_PATHS,
    )
