"""What a trace refuses, each with a sentence that says what to do."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.errors import DataError, InvalidParameterError, UnknownNameError, UsageError
from chainrule.glass.trace.known import require_written
from chainrule.maths.activation import Activation
from tests.glass.trace_cases import ALL


def test_errors_say_what_to_do() -> None:
    network = nn.Dense(1)
    with pytest.raises(UsageError, match="no loss"):
        cr.trace(network, [[1.0]], [1.0])
    with pytest.raises(InvalidParameterError, match="convention"):
        cr.trace(network, [[1.0]], [1.0], loss="mse", convention="diagonal")
    with pytest.raises(UnknownNameError, match=r"dense_1\.W"):
        cr.trace(network, [[1.0]], [1.0], loss="mse", state={"dense_1.w": [[1.0]]})
    with pytest.raises(cr.errors.ShapeError, match="another shape"):
        cr.trace(network, [[1.0]], [1.0], loss="mse", state={"dense_1.W": [1.0]})
    with pytest.raises(DataError, match="not a finite number"):
        cr.trace(network, [[1e200]], [1e200], loss="mse", state={"dense_1.W": [[1e200]]})
    with pytest.raises(cr.errors.TargetError, match="differ in rows"):
        cr.trace(network, [[1.0], [2.0]], [1.0], loss="mse")
    step = cr.trace(network, [[1.0]], [1.0], loss="mse")
    with pytest.raises(UnknownNameError, match="did you mean"):
        step["dense_1.dw"]


def test_labels_that_would_share_a_name_are_refused() -> None:
    network = nn.Sequential(nn.Dense(2), nn.Activation("tanh", "loss"))
    with pytest.raises(UsageError, match="one name"):
        cr.trace(network, [[1.0]], [[1.0, 2.0]], loss="poisson")
    step = cr.trace(nn.Dense(2, label="class_"), [[1.0]], [[1.0, 2.0]], loss="mse")
    assert step["class_.Z"].code == "X @ class__W + class__b"
    assert step.check()


def test_a_member_of_ones_own_needs_its_formula_in_numpy() -> None:
    @dataclasses.dataclass(frozen=True)
    class Cubic(Activation):
        name = "cubic"

        def value(self, Z: np.ndarray, **learned: np.ndarray) -> np.ndarray:
            return Z**3

        def slope(self, Z: np.ndarray, H: np.ndarray, **learned: np.ndarray) -> np.ndarray:
            return 3.0 * Z**2

    network = nn.Sequential(nn.Dense(2), nn.Activation(Cubic()), nn.Dense(1))
    arguments = ([[1.0, 2.0]], [1.0])
    with pytest.raises(UsageError, match="cubic"):
        cr.trace(network, *arguments, loss="mse")
    Cubic.numpy, Cubic.slope_numpy = "Z**3", "3 * Z**2"
    step = cr.trace(network, *arguments, loss="mse")
    assert step["cubic_1.H"].code == "dense_1_Z**3"
    assert step.check()


def test_the_plans_of_the_cases_are_known_beforehand() -> None:
    for _, plan, *_ in ALL:
        require_written(plan)
