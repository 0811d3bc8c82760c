"""Every loss: its gradient is its derivative, fused and long-hand, for logits of any size."""

from __future__ import annotations

import numpy as np
import pytest

from chainrule.errors import TargetError
from chainrule.maths.arrays import real
from chainrule.maths.loss import LOSSES, Loss, objective, row_factors
from chainrule.maths.metric import METRICS
from chainrule.streams import Stream
from tests.laws.members import every, named
from tests.laws.numerics import gradient_of, relative, tolerance

ROWS, TARGETS = 8, 3
MEMBERS = [example for member in LOSSES for example in member.examples()]


def sample(loss: Loss, size: float = 2.0) -> tuple[np.ndarray, np.ndarray]:
    """Return raw outputs, away from kinks, and valid targets."""
    Y = loss.sample_targets(Stream(0, "Y").uniform((ROWS, TARGETS)))
    raw = size * Stream(0, "raw").normal((ROWS, loss.raw_width(TARGETS)))
    distance = loss.kink_distance(raw, Y)
    if distance is not None:
        assert distance.shape == raw.shape
        raw = np.where(distance < 0.01, raw + 0.05, raw)
    return raw, Y


def distances(loss: Loss) -> np.ndarray | None:
    """Return how far the sample is from kinks, or None for a loss without them."""
    return loss.kink_distance(*sample(loss))


@pytest.mark.parametrize("loss", every(LOSSES))
def test_gradient_is_the_derivative_of_the_value(loss: Loss) -> None:
    raw, Y = sample(loss)
    factors = np.linspace(0.5, 2.0, ROWS)
    truth = gradient_of(lambda r: np.sum(factors * loss.value(r, Y)), raw, loss.analytic)
    assert relative(loss.gradient(raw, Y) * factors[:, None], truth) <= tolerance(loss.analytic)


@pytest.mark.parametrize("loss", every(LOSSES))
def test_a_row_depends_on_itself_alone(loss: Loss) -> None:
    raw, Y = sample(loss)
    value, gradient = loss.value(raw, Y), loss.gradient(raw, Y)
    assert value.shape == (ROWS,)
    assert gradient.shape == raw.shape
    for row in range(ROWS):
        part = slice(row, row + 1)
        assert loss.value(raw[part], Y[part]) == pytest.approx(value[part], rel=1e-14)
        assert loss.gradient(raw[part], Y[part]) == pytest.approx(gradient[part], rel=1e-14)


@pytest.mark.parametrize("loss", every(LOSSES))
def test_long_hand_agrees_with_fused(loss: Loss) -> None:
    raw, Y = sample(loss)
    P = loss.predict(raw)
    assert relative(loss.prediction_value(P, Y), loss.value(raw, Y)) <= 1e-10
    by_prediction = loss.prediction_gradient(P, Y)
    assert by_prediction.shape == P.shape
    assert relative(loss.link.backward(by_prediction, raw, P), loss.gradient(raw, Y)) <= 1e-10


@pytest.mark.parametrize("loss", every(LOSSES))
@pytest.mark.parametrize("size", [2.0, 1e4])
def test_what_is_scored_together_has_the_bits_of_each(loss: Loss, size: float) -> None:
    raw, Y = sample(loss, size)
    value, P = loss.scored(raw, Y)
    assert np.array_equal(value, loss.value(raw, Y), equal_nan=True)
    assert np.array_equal(P, loss.predict(raw), equal_nan=True)


@pytest.mark.parametrize("loss", every(LOSSES))
def test_prediction_gradient_is_a_derivative(loss: Loss) -> None:
    raw, Y = sample(loss, size=1.0)
    P = loss.predict(raw)
    truth = gradient_of(lambda p: np.sum(loss.prediction_value(p, Y)), P, False, step=1e-5)
    assert relative(loss.prediction_gradient(P, Y), truth) <= 1e-7


@pytest.mark.parametrize("loss", every(LOSSES))
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [1e4, 50.0])
def test_large_raw_outputs_are_silent_and_finite(loss: Loss, dtype: type, size: float) -> None:
    """Infinite is allowed only where the true value is beyond the largest number of the type."""
    Y = loss.sample_targets(Stream(0, "Y").uniform((ROWS, TARGETS)))
    signs = np.sign(Stream(0, "signs").normal((ROWS, loss.raw_width(TARGETS))))
    raw = (size * signs).astype(dtype)
    value, gradient = loss.value(raw, Y.astype(dtype)), loss.gradient(raw, Y.astype(dtype))
    assert value.dtype == gradient.dtype == dtype
    assert not np.any(np.isnan(value))
    assert not np.any(np.isnan(gradient))
    with np.errstate(all="ignore"):
        wide = loss.value(raw.astype(np.longdouble), Y.astype(np.longdouble))
        wide_gradient = loss.gradient(raw.astype(np.longdouble), Y.astype(np.longdouble))
    largest = np.finfo(dtype).max
    assert np.all(np.isfinite(value) | ~(np.abs(wide) < 0.3 * largest))
    assert np.all(np.isfinite(gradient) | ~(np.abs(wide_gradient) < 0.3 * largest))


@pytest.mark.parametrize("loss", named(loss for loss in MEMBERS if distances(loss) is not None))
def test_the_gradient_at_a_kink_lies_between_the_sides(loss: Loss) -> None:
    raw, Y = sample(loss)
    distance = distances(loss)
    assert distance is not None
    for index in np.ndindex(raw.shape):
        places = [raw[index] + side * distance[index] for side in (-1.0, 1.0)]
        on_kink = []
        for place in places:
            moved = raw.copy()
            moved[index] = place
            again = loss.kink_distance(moved, Y)
            assert again is not None
            if again[index] < 1e-12:
                on_kink.append(place)
        assert on_kink, "the declared distance leads to no kink"
        slopes = []
        for shift in (-1e-6, 0.0, 1e-6):
            moved = raw.copy()
            moved[index] = on_kink[0] + shift
            slopes.append(loss.gradient(moved, Y)[index])
        left, here, right = slopes
        assert min(left, right) <= here <= max(left, right)
        assert abs(right - left) > 1e-6


@pytest.mark.parametrize("loss", every(LOSSES))
def test_targets_are_encoded_and_refused(loss: Loss) -> None:
    Y = loss.sample_targets(Stream(0, "Y").uniform((ROWS, TARGETS)))
    encoded = loss.encode(Y)
    assert encoded.dtype == np.float64
    assert np.array_equal(encoded, Y)
    assert np.array_equal(loss.encode(Y.tolist(), width=TARGETS), Y)
    bad = Y.copy()
    bad[2, 0] = np.nan
    with pytest.raises(TargetError, match="row 2"):
        loss.encode(bad)
    for wrong in ([], np.zeros((0, 2)), ["yes", "no"], np.zeros((2, 2, 2)), None):
        with pytest.raises(TargetError):
            loss.encode(wrong)


@pytest.mark.parametrize("loss", every(LOSSES))
def test_the_loss_says_what_it_is(loss: Loss) -> None:
    assert loss.task in ("regression", "classification")
    assert loss.targets
    assert loss.gradient_latex
    assert all(name in METRICS for name in loss.metrics)
    widths = [loss.raw_width(targets) for targets in range(1, 6)]
    assert widths == sorted(set(widths))


@pytest.mark.parametrize("loss", named(loss for loss in MEMBERS if loss.analytic))
def test_complex_values_have_the_real_part_of_the_value(loss: Loss) -> None:
    raw, Y = sample(loss)
    assert real(loss.value(raw + 0j, Y)) == pytest.approx(loss.value(raw, Y), rel=1e-14)


def test_row_factors_follow_the_reduction() -> None:
    like, weights = np.zeros(4), np.array([1.0, 0.0, 2.0, 1.0])
    assert np.array_equal(row_factors(None, 4, "mean", like), np.full(4, 0.25))
    assert np.array_equal(row_factors(None, 4, "sum", like), np.ones(4))
    assert np.array_equal(row_factors(weights, 4, "mean", like), weights / 4.0)
    assert np.array_equal(row_factors(weights, 4, "sum", like), weights)
    assert np.array_equal(row_factors(np.zeros(4), 4, "mean", like), np.zeros(4))
    assert objective(np.arange(4.0), weights) == 7.0
