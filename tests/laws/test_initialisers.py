"""Every initialiser: the mean and the variance that it states, from its stream alone."""

from __future__ import annotations

import math

import numpy as np
import pytest

from chainrule.maths.initialiser import INITIALISERS, Initialiser
from chainrule.streams import Stream
from tests.laws.members import every

SHAPES = [(300, 200), (200, 300)]


def drawn(
    record: Initialiser, shape: tuple[int, ...], gain: float = 1.0, seed: int = 0
) -> np.ndarray:
    """Return a sample."""
    return record.sample(Stream(seed, "init:law"), shape, shape[0], shape[-1], gain)


@pytest.mark.parametrize("record", every(INITIALISERS))
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("gain", [1.0, 1.7])
def test_mean_and_variance_are_as_stated(
    record: Initialiser, shape: tuple[int, int], gain: float
) -> None:
    W, count = drawn(record, shape, gain), math.prod(shape)
    mean, variance = record.mean(), record.variance(*shape, gain)
    assert W.shape == shape
    assert W.dtype == np.float64
    # Five standard errors; of the variance, those of the normal distribution (the widest here).
    rounding = 1e-12 * max(1.0, abs(mean))
    assert abs(W.mean() - mean) <= 5.0 * math.sqrt(variance / count) + rounding
    assert abs(W.var() - variance) <= 5.0 * variance * math.sqrt(2.0 / count) + rounding


@pytest.mark.parametrize("record", every(INITIALISERS))
def test_the_stream_alone_decides(record: Initialiser) -> None:
    first, again = drawn(record, (6, 5)), drawn(record, (6, 5))
    assert first.tobytes() == again.tobytes()
    other = drawn(record, (6, 5), seed=1)
    assert np.array_equal(first, other) == (record.variance(6, 5, 1.0) == 0.0)


@pytest.mark.parametrize("record", every(INITIALISERS))
@pytest.mark.parametrize("shape", [(4,), (1, 1), (1, 7), (7, 1), (3, 2)])
def test_any_shape_is_filled(record: Initialiser, shape: tuple[int, ...]) -> None:
    W = drawn(record, shape)
    assert W.shape == shape
    assert np.all(np.isfinite(W))
