"""Every activation: its slope is its derivative, and every claim of its record is true."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.special import erf

from chainrule.maths.activation import ACTIVATIONS, Activation
from chainrule.maths.initialiser import INITIALISERS
from chainrule.streams import Stream
from tests.laws.members import every, links, named
from tests.laws.numerics import derivative, gradient_of, relative, tolerance

MEMBERS = [example for member in ACTIVATIONS for example in member.examples()]
ALL = [*MEMBERS, *links()]
ELEMENTWISE = named(record for record in ALL if record.elementwise)
MIXING = named(record for record in ALL if not record.elementwise)
LEARNING = named(record for record in ALL if record.learned)
WIDTH = 4


def learned(record: Activation, width: int = WIDTH) -> dict[str, np.ndarray]:
    """Return learned parameters away from their start."""
    return {
        parameter.name: parameter.initial
        + 0.2 * Stream(0, f"learned:{parameter.name}").normal(width)
        for parameter in record.learned
    }


def pre_activations(record: Activation, largest: float = 8.0, rows: int = 60) -> np.ndarray:
    """Return `(rows, 4)` numbers of all sizes, none within 0.002 of a kink."""
    Z = np.linspace(-largest, largest, rows * WIDTH) * (1.0 + 1e-3)
    for kink in record.kinks():
        near = np.abs(Z - kink.at) < 0.002
        Z[near] = kink.at + np.where(Z[near] < kink.at, -0.003, 0.003)
    return Z.reshape(rows, WIDTH)


def slope_of(record: Activation, Z: np.ndarray) -> np.ndarray:
    """Return the slope with the parameters as they start."""
    return record.slope(Z, record.value(Z))


@pytest.mark.parametrize("record", ELEMENTWISE)
def test_slope_is_the_derivative_of_the_value(record: Activation) -> None:
    Z, given = pre_activations(record), learned(record)
    slope = record.slope(Z, record.value(Z, **given), **given)
    truth = derivative(lambda z: record.value(z, **given), Z, record.analytic)
    error = np.abs(slope - truth) / np.maximum(np.abs(truth), 1.0)
    assert error.max() <= tolerance(record.analytic)


@pytest.mark.parametrize("record", ELEMENTWISE)
def test_backward_is_the_gradient_times_the_slope(record: Activation) -> None:
    Z, given = pre_activations(record), learned(record)
    H, dH = record.value(Z, **given), Stream(0, "dH").normal(Z.shape)
    assert np.array_equal(record.backward(dH, Z, H, **given), dH * record.slope(Z, H, **given))


@pytest.mark.parametrize("record", ELEMENTWISE)
def test_declared_kinks_are_the_jumps_of_the_slope(record: Activation) -> None:
    declared = {kink.at: kink.slope for kink in record.kinks()}
    grid = np.unique(np.concatenate([np.linspace(-8, 8, 3201), np.array([*declared, 0.0])]))
    left, at, right = (slope_of(record, grid + shift) for shift in (-1e-9, 0.0, 1e-9))
    jumps = np.abs(right - left) > 1e-6 * np.maximum(1.0, np.abs(at))
    assert set(grid[jumps]) == set(declared)
    for place, before, here, after in zip(grid, left, at, right, strict=True):
        if place in declared:
            assert here == declared[place]
            assert min(before, after) - 1e-8 <= here <= max(before, after) + 1e-8


@pytest.mark.parametrize("record", ELEMENTWISE)
def test_one_sided_slopes_at_a_kink_are_one_sided_derivatives(record: Activation) -> None:
    for kink in record.kinks():
        for side in (-1.0, 1.0):
            near = np.array([kink.at + side * 1e-3])
            truth = derivative(record.value, near, analytic=False)
            assert slope_of(record, near) == pytest.approx(truth, abs=1e-7)


@pytest.mark.parametrize("record", named(record for record in MEMBERS if record.elementwise))
def test_saturation_is_where_it_is_said_to_be(record: Activation) -> None:
    below, above = record.saturates
    largest = np.abs(slope_of(record, np.linspace(-30, 30, 60001))).max()
    for limit, side in ((below, -1.0), (above, 1.0)):
        if limit is None:
            assert abs(slope_of(record, np.array([side * 30.0]))[0]) >= 0.01 * largest
        else:
            beyond = limit + side * np.concatenate([[1e-6], np.linspace(0.01, 50, 500)])
            assert np.abs(slope_of(record, beyond)).max() <= 0.01 * largest * (1 + 1e-6)
            before = np.array([limit - side * 0.05])
            assert np.abs(slope_of(record, before)).max() > 0.0095 * largest


@pytest.mark.parametrize("record", MIXING)
def test_backward_is_the_product_with_the_jacobian(record: Activation) -> None:
    Z, given = 3.0 * Stream(0, "Z").normal((6, WIDTH)), learned(record)
    H, dH = record.value(Z, **given), Stream(0, "dH").normal((6, WIDTH))
    truth = gradient_of(lambda z: np.sum(dH * record.value(z, **given)), Z, record.analytic)
    assert relative(record.backward(dH, Z, H, **given), truth) <= tolerance(record.analytic)


@pytest.mark.parametrize("record", named(record for record in ALL if hasattr(record, "jacobian")))
def test_a_stated_jacobian_is_the_derivative(record: Any) -> None:
    z = 3.0 * Stream(0, "z").normal((1, WIDTH))
    stated = record.jacobian(z[0], record.value(z)[0])
    for unit in range(WIDTH):
        row = gradient_of(lambda a, k=unit: record.value(a)[0, k], z, record.analytic)
        assert relative(stated[unit], row[0]) <= tolerance(record.analytic)


@pytest.mark.parametrize("record", LEARNING)
def test_learned_gradients_are_derivatives(record: Activation) -> None:
    Z, given = pre_activations(record, rows=10), learned(record)
    dH = Stream(0, "dH").normal(Z.shape)
    gradients = record.learned_gradients(dH, Z, record.value(Z, **given), **given)
    assert set(gradients) == set(given)
    for name, start in given.items():

        def total(values: Any, name: str = name) -> Any:
            return np.sum(dH * record.value(Z, **{**given, name: values}))

        truth = gradient_of(total, start, record.analytic)
        assert gradients[name].shape == start.shape
        assert relative(gradients[name], truth) <= tolerance(record.analytic)


@pytest.mark.parametrize("record", named(ALL))
def test_only_what_is_needed_is_read(record: Activation) -> None:
    Z, given = pre_activations(record, rows=5), learned(record)
    H, dH = record.value(Z, **given), Stream(0, "dH").normal(Z.shape)
    kept: dict[str, Any] = {"z": (Z, None), "output": (None, H), "both": (Z, H)}
    part = record.backward(dH, *kept[record.needs], **given)
    assert np.array_equal(part, record.backward(dH, Z, H, **given))


@pytest.mark.parametrize("record", named(ALL))
def test_the_numpy_text_gives_the_same_numbers(record: Activation) -> None:
    Z, given = Stream(0, "Z").uniform((7, WIDTH), -4.0, 4.0), learned(record)
    H = record.value(Z, **given)
    names = {"np": np, "erf": erf, "Z": Z, "H": H, **record.parameters(), **given}
    assert record.numpy
    assert relative(eval(record.numpy, dict(names)), H) <= 1e-12
    if record.elementwise:
        slope = eval(record.slope_numpy, dict(names))
        assert relative(slope, record.slope(Z, H, **given)) <= 1e-12
    elif record.slope_numpy:
        names["H"] = H[0]
        dH = Stream(0, "dH").normal((1, WIDTH))
        product = dH @ eval(record.slope_numpy, dict(names))
        assert relative(product, record.backward(dH, Z[:1], H[:1], **given)) <= 1e-12


@pytest.mark.parametrize("record", every(ACTIVATIONS))
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_it_is_finite_and_silent_everywhere(record: Activation, dtype: type) -> None:
    sizes = np.array([0.0, 1e-30, 1e-8, 1.0, 20.0, 90.0, 750.0, 1e4])
    Z = np.stack([sizes, -sizes], axis=1).astype(dtype)
    H = record.value(Z)
    dZ = record.backward(np.ones_like(Z), Z, H)
    for array in (H, dZ):
        assert array.dtype == dtype
        assert array.shape == Z.shape
        assert np.all(np.isfinite(array))


@pytest.mark.parametrize("record", every(ACTIVATIONS))
def test_not_a_number_stays_so(record: Activation) -> None:
    assert np.all(np.isnan(record.value(np.full((1, 2), np.nan))))


@pytest.mark.parametrize("record", every(ACTIVATIONS))
def test_advice_for_the_layer_before_is_usable(record: Activation) -> None:
    assert 0.0 < record.gain() < np.inf
    assert record.initialiser in INITIALISERS


@pytest.mark.parametrize("record", every(ACTIVATIONS))
def test_sequences_are_treated_step_by_step(record: Activation) -> None:
    Z, given = Stream(0, "Z").normal((3, 2, WIDTH)), learned(record)
    H = record.value(Z, **given)
    assert np.array_equal(H[:, 1], record.value(Z[:, 1], **given))
