"""Complex step and differences: the tools of the check, checked on functions with known slopes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from chainrule.errors import UsageError
from chainrule.glass.complex_step import complex_step
from chainrule.glass.differences import Guard, Probe, Slope, central_difference

SMOOTH = {
    "exp": (np.exp, np.exp),
    "sin": (np.sin, np.cos),
    "cube": (lambda z: z**3, lambda z: 3 * z**2),
    "steep": (lambda z: np.exp(20 * z), lambda z: 20 * np.exp(20 * z)),
    "flat": (lambda z: 0 * z, lambda z: 0 * z),
}
ALONG = {"z": np.array(1.0)}


def at(z: float) -> dict[str, np.ndarray]:
    """Return a point."""
    return {"z": np.array(z)}


def corner(place: float, left: float, right: float) -> Callable[[dict[str, np.ndarray]], Probe]:
    """Return a probe with a slope of `left` before the corner and `right` behind it."""

    def probe(tensors: dict[str, np.ndarray]) -> Probe:
        z = tensors["z"]
        bent = np.where(z > place, right, left) * (z - place)
        return Probe(float(np.sin(z) + bent), (Guard("corner", z, np.abs(z - place)),))

    return probe


@pytest.mark.parametrize("name", sorted(SMOOTH))
@pytest.mark.parametrize("z", [-1.3, 0.0, 0.7])
def test_smooth_functions(name: str, z: float) -> None:
    function, slope = SMOOTH[name]
    truth = float(slope(np.float64(z)))
    exact = complex_step(lambda tensors: function(tensors["z"]), at(z), ALONG)
    assert exact == pytest.approx(truth, rel=1e-14, abs=1e-59)
    near = central_difference(lambda tensors: Probe(float(function(tensors["z"]))), at(z), ALONG)
    assert near.left == near.right == pytest.approx(truth, rel=1e-9, abs=1e-10)
    assert near.corners == ()


@pytest.mark.parametrize("distance", [1.0, 1e-2, 1.5e-3, 1e-4, 1e-5, -1e-5, -1e-3])
def test_the_step_stays_off_corners(distance: float) -> None:
    slope = central_difference(corner(0.5, -2.0, 3.0), at(0.5 + distance), ALONG)
    truth = np.cos(0.5 + distance) + (3.0 if distance > 0 else -2.0)
    assert slope.corners == ()
    assert slope.step < abs(distance) or slope.step == 1e-3
    assert slope.left == pytest.approx(truth, abs=1e-8)


@pytest.mark.parametrize("distance", [0.0, 1e-7, -1e-7, 1e-12])
def test_on_a_corner_both_sides_are_found(distance: float) -> None:
    slope = central_difference(corner(0.5, -2.0, 3.0), at(0.5 + distance), ALONG)
    assert slope.corners == ("corner",)
    assert slope.left == pytest.approx(np.cos(0.5) - 2.0, abs=2e-7)
    assert slope.right == pytest.approx(np.cos(0.5) + 3.0, abs=2e-7)


def test_a_number_that_stays_on_its_corner_is_not_moved_off_it() -> None:
    def probe(tensors: dict[str, np.ndarray]) -> Probe:
        still = np.zeros(3)
        return Probe(float(tensors["z"] ** 2), (Guard("still", still, still),))

    slope = central_difference(probe, at(2.0), ALONG)
    assert slope.corners == ()
    assert slope.left == pytest.approx(4.0, abs=1e-9)


def test_a_jump_of_the_second_derivative_is_survived() -> None:
    def probe(tensors: dict[str, np.ndarray]) -> Probe:
        z = tensors["z"] - 0.3
        return Probe(float(np.where(z > 0, 10 * z * z, 0.0) + z))

    for distance in (0.0, 1e-3, 1e-4, 1e-5):
        slope = central_difference(probe, at(0.3 + distance), ALONG)
        assert slope.left == pytest.approx(1.0 + 20 * distance, rel=2e-5)


def test_nearest_lies_between_the_sides() -> None:
    slope = Slope(left=-1.0, right=2.0, step=1e-6)
    assert [slope.nearest(value) for value in (-3.0, -1.0, 0.5, 2.0, 7.0)] == [-1, -1, 0.5, 2, 2]
    assert np.isnan(Slope(np.nan, 1.0, 1e-6).nearest(0.5))


def test_a_formula_without_complex_numbers_is_explained() -> None:
    def refuses(tensors: dict[str, np.ndarray]) -> float:
        return np.floor(tensors["z"])

    with pytest.raises(UsageError, match="complex"):
        complex_step(refuses, at(0.5), ALONG)
