"""Every penalty: its gradient is its derivative, its projection the nearest allowed point."""

from __future__ import annotations

import numpy as np
import pytest

from chainrule.maths.penalty import PENALTIES, Penalty
from chainrule.streams import Stream
from tests.laws.members import every, named
from tests.laws.numerics import gradient_of, relative, tolerance

MEMBERS = [example for member in PENALTIES for example in member.examples()]
PROJECTIONS = named(record for record in MEMBERS if record.kind == "projection")
OTHERS = named(record for record in MEMBERS if record.kind != "projection")
SHAPES = [(5, 4), (4, 5), (6, 1), (1, 6), (6,)]


def weights(shape: tuple[int, ...], size: float = 1.0, seed: int = 0) -> np.ndarray:
    """Return random weights, none near zero."""
    W = Stream(seed, "W").normal(shape)
    return size * np.where(np.abs(W) < 0.01, 0.1, W)


@pytest.mark.parametrize("record", every(PENALTIES))
@pytest.mark.parametrize("shape", SHAPES)
def test_gradient_is_the_derivative_of_the_value(record: Penalty, shape: tuple[int, ...]) -> None:
    W = weights(shape)
    truth = gradient_of(record.value, W, record.analytic)
    gradient = record.gradient(W)
    assert gradient.shape == W.shape
    assert relative(gradient, truth) <= tolerance(record.analytic)


@pytest.mark.parametrize("record", every(PENALTIES))
def test_it_acts_at_one_place(record: Penalty) -> None:
    W = weights((5, 4), 1e3)
    assert float(record.value(W)) >= 0.0
    assert (float(record.value(W)) > 0.0) == (record.kind == "objective")
    decays = [record.decay(step, 10) for step in range(12)]
    assert all(np.isfinite(decay) and decay >= 0.0 for decay in decays)
    assert any(decay > 0.0 for decay in decays) == (record.kind == "decay")
    assert np.array_equal(record.project(W), W) == (record.kind != "projection")
    assert record.gradient_latex


@pytest.mark.parametrize("record", every(PENALTIES))
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_it_is_pure_and_keeps_the_type(record: Penalty, dtype: type) -> None:
    W = weights((5, 4), 10.0).astype(dtype)
    before = W.tobytes()
    W.flags.writeable = False
    for array in (record.gradient(W), record.project(W), record.value(W)):
        assert array.dtype == dtype
        assert np.all(np.isfinite(array))
    assert W.tobytes() == before


@pytest.mark.parametrize("record", every(PENALTIES))
def test_weights_of_zero_are_allowed(record: Penalty) -> None:
    W = np.zeros((3, 2))
    assert float(record.value(W)) == 0.0
    assert np.array_equal(record.gradient(W), W)
    assert np.array_equal(record.project(W), W)


@pytest.mark.parametrize("record", PROJECTIONS)
@pytest.mark.parametrize("shape", SHAPES)
def test_a_projection_is_the_nearest_allowed_point(record: Penalty, shape: tuple[int, ...]) -> None:
    W = weights(shape, 1e3)
    nearest = record.project(W)
    assert not np.array_equal(nearest, W)
    assert relative(record.project(nearest), nearest) <= 1e-15
    assert np.array_equal(record.project(1e-9 * W), 1e-9 * W)
    for seed in range(1, 20):
        allowed = record.project(weights(shape, 10.0 ** (seed % 5 - 1), seed))
        assert np.linalg.norm(W - nearest) <= np.linalg.norm(W - allowed) * (1 + 1e-12)


@pytest.mark.parametrize("record", PROJECTIONS)
def test_a_projection_leaves_allowed_units_alone(record: Penalty) -> None:
    W = weights((5, 4))
    W[:, 0] *= 1e3
    W[:, 1:] *= 1e-6
    assert np.array_equal(record.project(W)[:, 1:], W[:, 1:])


@pytest.mark.parametrize("record", OTHERS)
def test_what_is_no_projection_moves_nothing(record: Penalty) -> None:
    W = weights((5, 4), 1e3)
    assert record.project(W) is W
