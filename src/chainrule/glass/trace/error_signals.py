r"""The step as errors and blame, as many textbooks write backpropagation through sigmoids.

The output's error is :math:`\mathrm{Err}_j = O_j (1 - O_j)(T_j - O_j)`, a hidden unit's
:math:`O_j (1 - O_j) \sum_k w_{jk} \mathrm{Err}_k`, a weight's change
:math:`\Delta w_{ij} = l\,\mathrm{Err}_j\,O_i`. For half of the squared error, summed over the rows,
the errors are the negative gradient of Z, so both views are one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.errors import UsageError
from chainrule.frozen import frozen

if TYPE_CHECKING:
    from chainrule.glass.trace.result import Trace

__all__ = ["ErrorSignal", "ErrorSignals", "error_signals"]


@frozen
class ErrorSignal:
    """One unit of one row: its output, its error, and where the error comes from."""

    layer: str
    row: int
    unit: int
    output: float
    """:math:`O_j`."""
    error: float
    """:math:`\\mathrm{Err}_j`."""
    formula: str
    """With numbers: `0.6 * (1 - 0.6) * (0.9 - 0.6)`."""


@frozen
class ErrorSignals:
    """All errors, and the change of each weight matrix."""

    signals: tuple[ErrorSignal, ...]
    changes: dict[str, np.ndarray]
    """:math:`\\Delta w_{ij} = l \\sum \\mathrm{Err}_j O_i` over the rows, by parameter."""
    rate: float

    def of(self, layer: str) -> np.ndarray:
        """Return the errors of a layer, `(N, units)`."""
        rows = [signal for signal in self.signals if signal.layer == layer]
        if not rows:
            raise UsageError(f"there is no layer {layer!r} with errors", where="error_signals")
        width = max(signal.unit for signal in rows) + 1
        return np.array([signal.error for signal in rows]).reshape(-1, width)

    def to_document(self) -> dict[str, Any]:
        """Return JSON values."""
        return {
            "rate": self.rate,
            "signals": [vars(signal) for signal in self.signals],
            "changes": {name: change.tolist() for name, change in self.changes.items()},
        }

    def __str__(self) -> str:
        lines = [
            f"row {signal.row}, {signal.layer}, unit {signal.unit}: O = {signal.output:.6g}, "
            f"Err = {signal.formula} = {signal.error:.6g}"
            for signal in self.signals
        ]
        for name, change in self.changes.items():
            lines.append(f"change of {name} = l Err O:")
            lines.append(np.array2string(change, precision=6))
        return "\n".join(lines)


@frozen
class _Layer:
    dense: str
    output: str
    """The record of the sigmoid's output."""
    input: str


def error_signals(trace: Trace) -> ErrorSignals:
    """Return the view of a trace as errors and blame."""
    layers = _layers(trace)
    rate = float(trace["optimizer.rate"].value)
    targets = _rows(trace, "Y")
    last = _rows(trace, layers[-1].output)
    errors = last * (1 - last) * (targets - last)
    signals = _outer(layers[-1].dense, last, errors, targets)
    changes = {f"{layers[-1].dense}.W": rate * (_rows(trace, layers[-1].input).T @ errors)}
    for layer, above in zip(layers[-2::-1], layers[:0:-1], strict=True):
        output, weights = _rows(trace, layer.output), _rows(trace, f"{above.dense}.W")
        blamed, errors = errors, output * (1 - output) * (errors @ weights.T)
        signals += _hidden(layer.dense, output, errors, weights, blamed)
        changes[f"{layer.dense}.W"] = rate * (_rows(trace, layer.input).T @ errors)
    return ErrorSignals(tuple(signals), changes, rate)


def _outer(
    layer: str, output: np.ndarray, errors: np.ndarray, targets: np.ndarray
) -> list[ErrorSignal]:
    signals: list[ErrorSignal] = []
    for (row, unit), error in np.ndenumerate(errors):
        O, T = float(output[row, unit]), float(targets[row, unit])  # noqa: E741 - the note's letter
        formula = f"{O:.6g} * (1 - {O:.6g}) * ({T:.6g} - {O:.6g})"
        signals.append(ErrorSignal(layer, row, unit, O, float(error), formula))
    return signals


def _hidden(
    layer: str, output: np.ndarray, errors: np.ndarray, weights: np.ndarray, above: np.ndarray
) -> list[ErrorSignal]:
    signals: list[ErrorSignal] = []
    for (row, unit), error in np.ndenumerate(errors):
        O = float(output[row, unit])  # noqa: E741 - the note's letter
        blame = " + ".join(
            f"{weights[unit, k]:.6g} * {above[row, k]:.6g}" for k in range(weights.shape[1])
        )
        formula = f"{O:.6g} * (1 - {O:.6g}) * ({blame})"
        signals.append(ErrorSignal(layer, row, unit, O, float(error), formula))
    return signals


def _rows(trace: Trace, name: str) -> np.ndarray:
    value = trace[name].value
    return value.T if trace.settings.convention == "columns" and value.ndim == 2 else value


def _layers(trace: Trace) -> list[_Layer]:
    """Return the layers of a chain dense, sigmoid, dense, sigmoid, ..., or raise `UsageError`."""
    chain = trace.summary["chain"]
    layers: list[_Layer] = []
    source = "X"
    for dense, sigmoid in zip(chain[::2], chain[1::2], strict=False):
        if dense["operation"] != "affine" or sigmoid["operation"] != "sigmoid":
            break
        layers.append(_Layer(dense["name"], f"{sigmoid['name']}.H", source))
        source = f"{sigmoid['name']}.H"
    loss = trace.summary["loss"]
    fits = bool(layers) and 2 * len(layers) == len(chain)
    if not fits or loss["record"] != "loss/squared_error" or "optimizer.rate" not in trace:
        raise UsageError(
            "this step has no error signals",
            where="error_signals",
            expected="Dense and Sigmoid layers by turns, the squared error, and an optimizer "
            "with a rate",
            got=", ".join(node["operation"] for node in chain) + f"; {loss['record']}",
        )
    return layers
