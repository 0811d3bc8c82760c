"""Every clipping: shorter, never longer, and the same where nothing exceeds the limit."""

from __future__ import annotations

import numpy as np
import pytest

from chainrule.maths.clipping import CLIPPINGS, Clipping
from chainrule.streams import Stream
from tests.laws.members import every

GRADIENT = Stream(0, "gradient").normal(40)


@pytest.mark.parametrize("record", every(CLIPPINGS))
@pytest.mark.parametrize("size", [1e-300, 1e-6, 1e3, 1e300])
def test_it_never_lengthens(record: Clipping, size: float) -> None:
    gradient = size * GRADIENT
    clipped, kept = record.clip(gradient)
    assert np.all(np.abs(clipped) <= np.abs(gradient))
    assert np.all(clipped * np.sign(gradient) >= 0.0)
    assert 0.0 <= kept <= 1.0
    assert (kept == 1.0) == np.array_equal(clipped, gradient)
    assert (kept == 1.0) == (size < 1.0)
    again, _ = record.clip(clipped)
    assert again == pytest.approx(clipped, rel=1e-12)


@pytest.mark.parametrize("record", every(CLIPPINGS))
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_it_is_pure_and_keeps_the_type(record: Clipping, dtype: type) -> None:
    gradient = (1e3 * GRADIENT).astype(dtype)
    before = gradient.tobytes()
    gradient.flags.writeable = False
    clipped, _ = record.clip(gradient)
    assert clipped.dtype == dtype
    assert gradient.tobytes() == before


@pytest.mark.parametrize("record", every(CLIPPINGS))
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_divergence_is_not_hidden(record: Clipping, bad: float) -> None:
    clipped, _ = record.clip(np.array([1.0, bad, 3.0]))
    assert not np.all(np.isfinite(clipped))


@pytest.mark.parametrize("record", every(CLIPPINGS))
def test_nothing_to_clip(record: Clipping) -> None:
    clipped, kept = record.clip(np.zeros(0))
    assert clipped.shape == (0,)
    assert kept == 1.0
