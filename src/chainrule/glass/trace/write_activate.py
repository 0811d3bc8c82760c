"""The formulas of the activations: their own NumPy text, and forms that do not overflow.

An activation's record states `numpy` and `slope_numpy` as a reader would type them. Where such a
text overflows (a sigmoid far below 0) or loses digits (GELU far below 0), the form given here, with
the same value, is printed instead.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from chainrule.errors import UsageError
from chainrule.glass.trace.pen import OpWriter, Pen, writes
from chainrule.maths.activation import Activation
from chainrule.ops.activate import Activate

__all__ = [
    "LEARNED",
    "STABLE",
    "latex_slope",
    "latex_value",
    "placed",
    "slope_codes",
    "value_codes",
]

_OPEN, _SHUT = "np.exp(-np.logaddexp(0, -Z))", "np.exp(-np.logaddexp(0, Z))"
_BETA_OPEN, _BETA_SHUT = _OPEN.replace("-Z", "-beta * Z"), _SHUT.replace(", Z", ", beta * Z")
_CUBE = "np.sqrt(8 / np.pi) * (Z + 0.044715 * Z * Z * Z)"
_CUBE_OPEN, _CUBE_SHUT = (text.replace("Z", f"({_CUBE})") for text in (_OPEN, _SHUT))
_STEEP = "np.sqrt(8 / np.pi) * (1 + 0.134145 * Z * Z)"
_SOFT = "np.logaddexp(0, Z)"
_SECH = f"(1 / np.cosh(np.minimum({_SOFT}, 300))) ** 2"

STABLE: dict[str, tuple[str, str]] = {
    "sigmoid": (_OPEN, "H * (1 - H)"),
    "softplus": ("np.logaddexp(0, beta * Z) / beta", _BETA_OPEN),
    "silu": (f"Z * {_OPEN}", f"{_OPEN} * (1 + Z * {_SHUT})"),
    "swish_beta": (f"Z * {_BETA_OPEN}", f"{_BETA_OPEN} * (1 + beta * Z * {_BETA_SHUT})"),
    "gelu": (
        "0.5 * Z * erfc(-Z / np.sqrt(2))",
        "0.5 * erfc(-Z / np.sqrt(2)) + Z * np.exp(-(Z**2) / 2) / np.sqrt(2 * np.pi)",
    ),
    "gelu_tanh": (
        f"Z * {_CUBE_OPEN}",
        f"{_CUBE_OPEN} + Z * {_CUBE_OPEN} * {_CUBE_SHUT} * {_STEEP}",
    ),
    "mish": (f"Z * np.tanh({_SOFT})", f"np.tanh({_SOFT}) + Z * {_SECH} * {_OPEN}"),
}
"""Value and slope by activation, where the plain text is not always exact."""

LEARNED: dict[tuple[str, str], tuple[str, str]] = {
    ("prelu", "alpha"): (
        "np.where(Z > 0, 0.0, Z)",
        r"\begin{cases} 0 & z > 0 \\ z & z \leq 0 \end{cases}",
    ),
    ("swish_beta", "beta"): (
        f"Z * Z * {_BETA_OPEN} * {_BETA_SHUT}",
        r"z^2\, \sigma(\beta z)\, \sigma(-\beta z)",
    ),
}
"""The derivative of the value by a learned parameter: code and LaTeX."""


def placed(text: str, function: Activation) -> str:
    """Return a text with placeholders for tensors, and with the numbers of the record's fields."""
    for name, number in function.parameters().items():
        text = re.sub(rf"\b{name}\b", repr(float(number)), text)
    tensors = "|".join(["Z", "H", *(learned.name for learned in function.learned)])
    return re.sub(rf"\b({tensors})\b", r"<\1>", text)


def value_codes(function: Activation) -> tuple[str, ...]:
    """Return the codes of the value, the plainest first."""
    plain = _demanded(function.numpy, function, "numpy")
    stable = STABLE.get(function.name)
    return tuple(placed(text, function) for text in (plain, *(stable[:1] if stable else ())))


def slope_codes(function: Activation) -> tuple[str, ...]:
    """Return the codes of the slope, the plainest first."""
    plain = _demanded(function.slope_numpy, function, "slope_numpy")
    stable = STABLE.get(function.name)
    return tuple(placed(text, function) for text in (plain, *(stable[1:] if stable else ())))


def latex_value(function: Activation) -> str:
    """Return the right-hand side of the value's formula, with the record's symbols."""
    return _symbolic(function.latex.partition("=")[2].strip() or function.latex)


def latex_slope(function: Activation) -> str:
    """Return the right-hand side of the slope's formula, with the record's symbols."""
    return _symbolic(function.slope_latex.partition("=")[2].strip() or function.slope_latex)


def _symbolic(latex: str) -> str:
    latex = re.sub(r"(?<![A-Za-z\\])z(?![A-Za-z])", "<Z>", latex)
    return re.sub(r"(?<![A-Za-z\\])h(?![A-Za-z])", "<H>", latex)


def _demanded(text: str, function: Activation, field: str) -> str:
    if text:
        return text
    raise UsageError(
        f"the trace does not know how the activation {function.name} is written",
        where=f"{type(function).__name__}.{field}",
        expected="its formula in NumPy, with Z and H for the tensors",
        do=f'give the class a text: {field} = "np.tanh(Z)", say',
    )


@writes(Activate)
class _Activate(OpWriter):
    def forward(self, op: Any, pen: Pen) -> None:
        function = op.function
        if not function.elementwise:
            _row_value(function, pen)
            return
        pen.put("H", value_codes(function), latex_value(function), flags=_kinks(function, pen))

    def backward(self, op: Any, pen: Pen) -> None:
        function = op.function
        if not function.elementwise:
            _row_backward(function, pen)
            return
        flags = _kinks(function, pen)
        note = ""
        if flags:
            kink = function.kinks()[0]
            note = f"At the kink the slope is {kink.slope:g}, {kink.reason}."
        like = pen.dims_in_rows("Z")
        slope = function.slope(
            _rows(pen, "Z"), _rows(pen, "H"), **{n: _flat(pen, n) for n in op.trainable()}
        )
        slope = np.broadcast_to(slope, _rows(pen, "Z").shape)
        codes = slope_codes(function)
        pen.put("slope", codes, latex_slope(function), like, slope, flags=flags, note=note)
        for learned in op.trainable():
            code, formula = LEARNED[function.name, learned]
            sums = pen.over_rows(f"<dH> * {placed(code, function)}", pen.rank("dH"))
            note = "The parameter acts in every sample, so its gradient is a sum over the samples."
            pen.put(f"d{learned}", sums, rf"\sum <dH> \odot {formula}", note=note)
        note = "The activation acts on each element alone, so the product is element by element."
        pen.put("dZ", "<dH> * <slope>", r"<dH> \odot <slope>", flags=flags, note=note)


def _rows(pen: Pen, local: str) -> np.ndarray:
    return pen.flipped(pen.value(local))


def _flat(pen: Pen, local: str) -> np.ndarray:
    return pen.value(local).reshape(-1)


def _kinks(function: Activation, pen: Pen) -> tuple[str, ...]:
    Z = pen.value("Z")
    return ("kink",) if any(bool(np.any(kink.at == Z)) for kink in function.kinks()) else ()


def _row_value(function: Activation, pen: Pen) -> None:
    rank = pen.rank("Z")
    top = pen.over_features("<Z>", "max", rank=rank)
    total = pen.over_features("np.exp(<Z>)", rank=rank)
    moved = pen.over_features(f"np.exp(<Z> - {top})", rank=rank)
    if function.name == "softmax":
        codes = (f"np.exp(<Z>) / {total}", f"np.exp(<Z> - {top}) / {moved}")
    elif function.name == "log_softmax":
        codes = (f"<Z> - np.log({total})", f"(<Z> - {top}) - np.log({moved})")
    else:
        codes = value_codes(function)
    pen.put("H", codes, latex_value(function))


def _row_backward(function: Activation, pen: Pen) -> None:
    rank = pen.rank("H")
    note = "Every output depends on every score of its sample, so each Jacobian is dense."
    if function.name == "softmax":
        code = f"<H> * (<dH> - {pen.over_features('<dH> * <H>', rank=rank)})"
        formula = r"<H> \odot \left(<dH> - \textstyle\sum_k <dH>_k <H>_k\right)"
    elif function.name == "log_softmax":
        code = f"<dH> - np.exp(<H>) * {pen.over_features('<dH>', rank=rank)}"
        formula = r"<dH> - e^{<H>} \textstyle\sum_k <dH>_k"
    else:
        raise UsageError(
            f"the trace does not know the derivative of the activation {function.name}",
            where=type(function).__name__,
            do="make it element-wise, or register a writer for its operation",
        )
    pen.put("dZ", code, formula, note=note)
