"""The search around SciPy's L-BFGS: what it holds for the lowest point, and what leads it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

from chainrule import MLPRegressor
from chainrule.engine.protocol import Buffers
from chainrule.estimators.newton import minimise
from chainrule.maths.optimizers_lbfgs import LBFGS
from tests.estimators import data

OPTIONS = LBFGS().scipy_options(200)


class Vector:
    """A function of a vector, and its gradient, as the search sees it."""

    value = np.inf

    def __call__(self, point: np.ndarray) -> tuple[float, np.ndarray]:
        """Return value and gradient."""
        self.value, slopes = self.at(point)
        return self.value, slopes

    def at(self, point: np.ndarray) -> tuple[float, np.ndarray]:
        """Return value and gradient: a sum of squares."""
        return float(point @ point), 2.0 * point

    def enter(self, flat: np.ndarray) -> np.ndarray:
        """Return the vector."""
        return flat

    def leave(self, point: np.ndarray) -> np.ndarray:
        """Return the vector."""
        return point.astype(np.float64)


class Cliff(Vector):
    """A sum of squares that ends at a cliff, which its gradient does not tell of."""

    def at(self, point: np.ndarray) -> tuple[float, np.ndarray]:
        """Return value and gradient."""
        value, slopes = super().at(point)
        return (value if point[0] > 1 else 1e6), slopes


class Nowhere(Vector):
    """Numbers that are not finite."""

    def at(self, point: np.ndarray) -> tuple[float, np.ndarray]:
        """Return value and gradient."""
        return np.nan, point * np.nan


class Elsewhere(Vector):
    """Leads to a point that is not the lowest one."""

    def at(self, point: np.ndarray) -> tuple[float, np.ndarray]:
        """Return value and gradient."""
        return super().at(point - 3.0)


def start() -> Buffers:
    """Return where the searches begin."""
    return Buffers(np.array([5.0, 4.0]), {}, np.zeros(0))


def test_the_value_is_that_of_the_point_where_a_line_search_fails() -> None:
    """SciPy gives back the value of the last trial there, beside the last point that it took."""
    told: list[float] = []
    found = minimise(
        Cliff(), start(), OPTIONS, OPTIONS, lambda _, value: told.append(value) or True
    )
    assert found.value == Cliff()(found.buffers.weights)[0]
    assert found.value == min(told) < 2.0
    assert not found.used_up


@pytest.mark.parametrize(
    ("limits", "reason", "message"),
    [
        ({"max_iter": 4}, "epochs", r"did not converge in 4 iteration\(s\)"),
        ({"max_fun": 4}, "evaluations", "did not converge in"),
        ({"max_iter": 500}, "converged", "found no lower point"),
    ],
)
def test_why_it_ended(limits: dict[str, int], reason: str, message: str) -> None:
    """Where a line search fails, there is no lack of evaluations."""
    X, y = data.numbers()
    settings: Any = {"hidden_layer_sizes": 3, "random_state": 0, **limits}
    model = MLPRegressor(solver="lbfgs", **settings)
    with pytest.warns(ConvergenceWarning, match=message) as caught:
        model.fit(X, 1e20 * y if reason == "converged" else y)
    assert model.stop_reason_ == reason
    assert {Path(one.filename).name for one in caught} == {"test_newton.py"}


def test_a_lead_is_followed_and_then_left() -> None:
    seen: list[float] = []
    found = minimise(
        Vector(),
        start(),
        OPTIONS,
        OPTIONS,
        lambda _, value: seen.append(value) or True,
        Elsewhere(),
    )
    assert 0 < found.led < found.iterations == len(seen)
    assert found.value < 1e-9
    assert found.converged


def test_a_lead_into_nowhere_is_not_followed() -> None:
    with np.errstate(all="ignore"):
        found = minimise(Vector(), start(), OPTIONS, OPTIONS, lambda *_: True, Nowhere())
    assert found.value < 1e-9
    assert found.led == 0
