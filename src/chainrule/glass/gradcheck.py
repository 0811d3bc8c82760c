"""The public gradient check: the gradient must be the derivative of the reported objective."""

from __future__ import annotations

import numbers
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.checks import Boolean, Integer, OneOf, check_parameters, shown
from chainrule.engine.protocol import Rows
from chainrule.errors import (
    DataError,
    InvalidParameterError,
    ShapeError,
    TargetError,
    UsageError,
)
from chainrule.frozen import frozen
from chainrule.glass.comparison import (
    TOLERANCES,
    Comparison,
    Method,
    TensorCheck,
    compare,
    json_number,
)
from chainrule.glass.point import NetworkPoint, network_point, not_analytic
from chainrule.maths.loss import LOSSES, Loss, Reduction
from chainrule.maths.penalty import Penalty
from chainrule.nn.layer import LAYERS, Layer, build_graph
from chainrule.plan.plan import Plan, make_plan

__all__ = ["GradcheckReport", "check_plan", "choose_method", "gradcheck"]

_ATTEMPTS = 4
_RULES = {"training": Boolean(), "full": Boolean(), "seed": Integer()}


@frozen
class GradcheckReport:
    """What a gradient check found; true in a condition if it passed.

    `print(report)` shows one line per tensor.
    """

    method: Method
    tolerance: float
    training: bool
    full: bool
    seed: int
    attempts: int
    """1, and one more for each time the point was moved off a corner."""
    comparison: Comparison

    def __bool__(self) -> bool:
        return self.passed

    @property
    def passed(self) -> bool:
        """Whether every tensor's error is within the tolerance."""
        return self.total.passed and all(check.passed for check in self.tensors)

    @property
    def tensors(self) -> tuple[TensorCheck, ...]:
        """One check per parameter tensor, and one for X unless it holds codes only."""
        return self.comparison.tensors

    @property
    def total(self) -> TensorCheck:
        """The check of all tensors together."""
        return self.comparison.total

    @property
    def worst(self) -> TensorCheck:
        """The check with the largest error."""
        return self.comparison.worst

    @property
    def error(self) -> float:
        """The largest error."""
        return self.worst.error

    @property
    def objective(self) -> float:
        """The number that was differentiated: data term plus penalties."""
        return self.comparison.objective

    @property
    def corners(self) -> tuple[str, ...]:
        """Corners of activations or of the loss that the point could not be moved off."""
        return self.comparison.corners

    def to_dict(self) -> dict[str, Any]:
        """Return JSON numbers, strings, lists and dictionaries."""
        return {
            "passed": self.passed,
            "method": self.method,
            "tolerance": self.tolerance,
            "training": self.training,
            "full": self.full,
            "seed": self.seed,
            "attempts": self.attempts,
            "objective": self.objective,
            "error": json_number(self.error),
            "worst": self.worst.tensor,
            "corners": list(self.corners),
            "total": self.total.to_dict(),
            "tensors": [check.to_dict() for check in self.tensors],
        }

    def __str__(self) -> str:
        ways = {"complex": "complex step", "central": "central differences"}
        verdict = "passed" if self.passed else "FAILED"
        worst = f"worst relative error {self.error:.1e} in {self.worst.tensor}"
        mode = "training mode" if self.training else "prediction mode"
        along = "every coordinate" if self.full else "random directions"
        lines = [
            f"gradient check {verdict}: {worst}, allowed {self.tolerance:.0e}",
            f"{ways[self.method]}, {mode}, {along}, objective {self.objective:.9g}",
            *_table(self.tensors, self.total),
        ]
        if self.attempts > 1:
            lines.append(f"moved off corners: {self.attempts - 1} times")
        if self.corners:
            lines.append("one side only, at a corner of: " + ", ".join(self.corners))
        return "\n".join(lines)


def _table(tensors: Sequence[TensorCheck], total: TensorCheck) -> list[str]:
    rows = [("tensor", "shape", "|gradient|", "checks", "error", "")]
    for check in (*tensors, total):
        verdict = "" if check.passed else "FAILED"
        norm, error = f"{check.gradient_norm:.3e}", f"{check.error:.1e}"
        rows.append((check.tensor, str(check.shape), norm, str(check.checks), error, verdict))
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    lines: list[str] = []
    for row in rows:
        left = [cell.ljust(width) for cell, width in zip(row[:2], widths[:2], strict=True)]
        right = [cell.rjust(width) for cell, width in zip(row[2:5], widths[2:], strict=True)]
        lines.append("  ".join([*left, *right, row[5]]).rstrip())
    return lines


def gradcheck(
    network: Layer | str | Mapping[str, object],
    X: object,
    y: object,
    loss: Loss | str,
    *,
    penalties: Penalty | str | Sequence[Penalty | str] = (),
    sample_weight: object = None,
    reduction: Reduction = "mean",
    training: bool = True,
    full: bool = False,
    seed: int = 0,
    method: str = "auto",
    weights: object = None,
) -> GradcheckReport:
    r"""Compare the gradient of a network with the derivative of the objective that it reports.

    .. math:: \text{error} = \frac{\|g - g^*\|}{\|g\| + \|g^*\|}

    with g the gradient by backpropagation and :math:`g^*` the derivative of the objective (data
    term plus penalties), both in float64, for each parameter tensor and for X.

    Parameters
    ----------
    network : Layer
    X : array-like, (N, d) or (N, T, d)
    y : array-like, (N,) or (N, K)
    loss : Loss or str
    penalties : Penalty, or several
    sample_weight : array-like, (N,), optional
    reduction : "mean" or "sum"
    training : bool
        With dropout masks and batch moments, or as in prediction.
    full : bool
        Every coordinate, instead of one random direction per tensor and a few through all.
    seed : int
        Of the first weights, the masks and the directions.
    method : "auto", "complex" or "central"
        Complex step (allowed error 1e-11) needs formulas that hold for complex numbers; central
        differences (1e-7) always work. "auto" takes the first where it can.
    weights : (P,), optional
        Flat weights to check at; by default the network's first weights, slightly moved so that
        no bias is 0 and no scale is 1.

    Returns
    -------
    GradcheckReport
        A point on a corner (ReLU at exactly 0) is moved; if that does not help, one-sided
        derivatives are compared and the corner is named in `corners`.

    Raises
    ------
    ShapeError, DataError, TargetError
        The data does not fit the network or the loss, or is no real number.
    InvalidParameterError
        A setting is of the wrong type, or names nothing.
    UsageError
        A complex step is asked for, and a formula does not hold for complex numbers.

    Source: Squire, Trapp, "Using complex variables to estimate derivatives of real functions"
    (SIAM Review 40, 1998).

    Example
    -------
    >>> import numpy as np
    >>> from chainrule import nn
    >>> from chainrule.glass import gradcheck
    >>> net = nn.Sequential(nn.Dense(3, "tanh"), nn.BatchNorm(), nn.Dense(1))
    >>> X = np.array([[0.5, -1.0], [1.5, 0.3], [-0.7, 0.9]])
    >>> report = gradcheck(net, X, [1.0, 0.0, 2.0], loss="squared_error")
    >>> report.passed, report.method, report.error < 1e-11
    (True, 'complex', True)
    """
    check_parameters(_RULES, {"training": training, "full": full, "seed": seed}, str)
    record, layer = LOSSES.make(loss), LAYERS.make(network)
    inputs = _inputs(X)
    Y = record.encode(y, _targets(layer, inputs.shape[1:], record))
    rows = Rows(inputs, Y, _row_weights(sample_weight, len(inputs)))
    if len(Y) != len(inputs):
        raise TargetError("X and y differ in rows", expected=f"{len(inputs)} rows", got=str(len(Y)))
    plan = make_plan(
        layer, inputs.shape[1:], record, Y.shape[1], penalties=penalties, reduction=reduction
    )
    kind = choose_method(plan, method)
    start = None if weights is None else _flat_weights(weights, plan.parameters.size)
    return check_plan(plan, rows, kind, training=training, full=full, seed=seed, weights=start)


def check_plan(
    plan: Plan,
    rows: Rows,
    method: Method,
    *,
    training: bool = True,
    full: bool = False,
    seed: int = 0,
    weights: np.ndarray | None = None,
) -> GradcheckReport:
    """Check the gradient of a plan on encoded rows; `gradcheck` is the face of this function."""
    attempt = 0
    while True:
        point = network_point(plan, rows, training, seed, weights, attempt)
        _demand_finite(point)
        comparison = compare(point, method, full=full, seed=seed)
        attempt += 1
        if not comparison.corners or attempt == _ATTEMPTS:
            tolerance = TOLERANCES[method]
            return GradcheckReport(method, tolerance, training, full, seed, attempt, comparison)


def choose_method(plan: Plan, method: str = "auto") -> Method:
    """Return the method for a plan: complex step where every formula holds for complex numbers."""
    rough = not_analytic(plan)
    if not OneOf(("auto", "central", "complex")).accepts(method):
        raise InvalidParameterError(
            "this is not a method of gradient checking",
            expected="'auto', 'complex' or 'central'",
            got=shown(method),
        )
    if method == "central" or (method == "auto" and rough):
        return "central"
    if rough:
        raise UsageError(
            "the complex step needs formulas that hold for complex numbers",
            where="method",
            got="formulas with corners or searches in " + ", ".join(rough),
            do='pass method="central", or "auto"',
        )
    return "complex"


def _demand_finite(point: NetworkPoint) -> None:
    objective = float(point.evaluation.objective)
    if not np.isfinite(objective):
        raise DataError(
            "the objective is not a finite number at this point",
            got=f"{objective:g}",
            do="scale X and y, or start from smaller weights",
        )


def _inputs(X: object) -> np.ndarray:
    array = _real_array(X, "X")
    if array.ndim not in (2, 3) or array.size == 0:
        raise ShapeError(
            "X is neither a table nor sequences",
            where="X",
            expected="(N, d) or (N, T, d), with at least one row",
            got=str(array.shape),
        )
    if not np.all(np.isfinite(array)):
        row = int(np.argwhere(~np.isfinite(array))[0][0])
        raise DataError("X holds a number that is not finite", where=f"X, row {row}")
    return array


def _real_array(values: object, where: str) -> np.ndarray:
    """Return a float64 array, or raise `DataError`: only real numbers become real numbers."""
    try:
        array = np.asarray(values)
        if array.dtype.kind in "biuf" or (
            array.dtype.kind == "O" and all(_is_real(value) for value in array.flat)
        ):
            return array.astype(np.float64)
    except (TypeError, ValueError, OverflowError):
        pass
    raise DataError(
        f"{where} is not an array of real numbers",
        where=where,
        expected="rows of one length, of finite real numbers",
        got=shown(values),
    )


def _is_real(value: object) -> bool:
    # NumPy registers its durations as whole numbers.
    if isinstance(value, np.timedelta64):
        return False
    # A decimal number is a Number that is neither Real nor Complex.
    real = isinstance(value, numbers.Real) or not isinstance(value, numbers.Complex)
    return real and isinstance(value, numbers.Number)


def _targets(layer: Layer, sample_shape: tuple[int, ...], loss: Loss) -> int | None:
    """Return the number of target columns that the network's output was made for, if any."""
    width = build_graph(layer, sample_shape).output.shape[-1].size or 0
    return next((K for K in range(1, width + 1) if loss.raw_width(K) == width), None)


def _row_weights(sample_weight: object, rows: int) -> np.ndarray | None:
    if sample_weight is None:
        return None
    weights = _real_array(sample_weight, "sample_weight")
    if weights.shape != (rows,):
        raise ShapeError(
            "one weight is needed for each row",
            where="sample_weight",
            expected=f"({rows},)",
            got=str(weights.shape),
        )
    if not (np.all(np.isfinite(weights)) and np.all(weights >= 0)):
        raise DataError(
            "a sample weight is negative or not finite",
            where="sample_weight",
            expected="finite numbers from 0",
        )
    return weights


def _flat_weights(weights: object, size: int) -> np.ndarray:
    flat = _real_array(weights, "weights")
    if flat.shape != (size,):
        raise ShapeError(
            "the weights do not fit the network",
            where="weights",
            expected=f"a flat vector ({size},)",
            got=str(flat.shape),
        )
    return flat
