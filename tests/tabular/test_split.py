"""The split: every row once, the same for the same seed, each class in proportion."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.errors import DataError
from chainrule.tabular import split_rows


@given(
    st.integers(20, 300),
    st.floats(0, 0.3),
    st.floats(0, 0.3),
    st.integers(0, 2**40),
    st.integers(1, 4),
)
def test_every_row_is_in_one_part(
    rows: int, validation: float, test: float, seed: int, classes: int
) -> None:
    codes = np.arange(rows) % classes if classes > 1 else None
    shares = {"validation_share": validation, "test_share": test}
    split = split_rows(rows, **shares, seed=seed, classes=codes)
    parts = (split.training, split.validation, split.test)
    assert sorted(np.concatenate(parts).tolist()) == list(range(rows))
    assert all(np.all(np.diff(part) > 0) for part in parts)
    again = split_rows(rows, **shares, seed=seed, classes=codes)
    assert all(np.array_equal(a, b) for a, b in zip(parts, vars(again).values(), strict=True))
    if codes is not None:
        assert set(codes[split.training]) == set(range(classes))


def test_classes_keep_their_shares() -> None:
    classes = np.repeat([0, 1, 2], [700, 280, 20])
    split = split_rows(1000, validation_share=0.2, test_share=0.25, seed=3, classes=classes)
    for part, size in ((split.test, 250), (split.validation, 200)):
        assert len(part) == size
        shares = np.bincount(classes[part]) / size
        np.testing.assert_allclose(shares, [0.7, 0.28, 0.02], atol=1.01 / size)


def test_seeds_differ() -> None:
    tests = [split_rows(50, validation_share=0, test_share=0.5, seed=seed).test for seed in (0, 1)]
    assert not np.array_equal(*tests)


@pytest.mark.parametrize("shares", [(0.5, 0.5), (0.9, 0.2), (0.0, 1.0)])
def test_shares_that_leave_nothing(shares: tuple[float, float]) -> None:
    """More rows would not help, so nobody is told to give more."""
    with pytest.raises(DataError, match="leave no rows to train on") as failure:
        split_rows(1000, validation_share=shares[0], test_share=shares[1], seed=0)
    assert "more rows" not in str(failure.value)


def test_too_few_rows() -> None:
    with pytest.raises(DataError, match="too few rows"):
        split_rows(3, validation_share=0.2, test_share=0.2, seed=0)
    with pytest.raises(DataError, match="so many classes"):
        split_rows(6, validation_share=0.3, test_share=0.3, seed=0, classes=np.arange(6))
