"""Held-back rows: as many as asked, of every class, and the same ones every time."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import chainrule as cr
from chainrule.errors import DataError, UsageError
from chainrule.training.split import held_counts, split_rows
from tests.training.runs import assert_same_bits, labels, numbers, regress, small


@given(
    codes=st.lists(st.integers(0, 4), min_size=2, max_size=60),
    share=st.floats(0.01, 0.99),
    seed=st.integers(0, 5),
)
def test_a_split_is_a_partition(codes: list[int], share: float, seed: int) -> None:
    rows = len(codes)
    train, held = split_rows(rows, share, seed)
    assert sorted([*train, *held]) == list(range(rows))
    assert len(held) == min(max(1, round(share * rows)), rows - 1)


@given(
    codes=st.lists(st.integers(0, 4), min_size=6, max_size=60),
    share=st.floats(0.01, 0.99),
    seed=st.integers(0, 5),
)
def test_every_class_stays_in_training_and_is_held_in_proportion(
    codes: list[int], share: float, seed: int
) -> None:
    array = np.array(codes)
    train, held = split_rows(len(codes), share, seed, array)
    assert sorted([*train, *held]) == list(range(len(codes)))
    assert set(array[train]) == set(codes)
    spare = np.maximum(np.bincount(array) - 1, 0)
    wanted = min(max(1, round(share * len(codes))), len(codes) - 1)
    assert len(held) == min(wanted, spare.sum())


@given(st.lists(st.integers(2, 50), min_size=1, max_size=6), st.integers(1, 40))
def test_shares_differ_from_the_quota_by_less_than_one_row(counts: list[int], wanted: int) -> None:
    array = np.array(counts)
    wanted = min(wanted, int(array.sum() // 3))
    if wanted:
        assert np.all(np.abs(held_counts(array, wanted) - wanted * array / array.sum()) < 1)


def test_the_seed_decides() -> None:
    one, again, other = (split_rows(100, 0.2, seed)[1] for seed in (1, 1, 2))
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)


def test_training_on_a_share_is_training_on_those_rows() -> None:
    X, y = numbers()
    train, held = split_rows(40, 0.25, seed=3)
    shared = regress(validation_share=0.25, seed=3)
    assert_same_bits(shared, regress(X=X[train], y=y[train], validation=(X[held], y[held]), seed=3))
    weights = np.linspace(1, 2, 40)
    assert_same_bits(
        regress(validation_share=0.25, seed=3, sample_weight=weights),
        regress(
            X=X[train],
            y=y[train],
            sample_weight=weights[train],
            validation=(X[held], y[held], weights[held]),
            seed=3,
        ),
    )


def test_classes_are_split_one_by_one() -> None:
    X, y = labels()
    names = np.array(["a", "b", "c"])[y]
    run = cr.train(small(3), X, names, loss="softmax_cross_entropy", epochs=1, validation_share=0.3)
    assert run.model.record["validation_rows"] == 12
    assert run.model.classes == ["a", "b", "c"]


def test_too_few_rows() -> None:
    with pytest.raises(DataError, match="one row cannot be split"):
        split_rows(1, 0.5, 0)
    with pytest.raises(DataError, match="no row can be held back"):
        split_rows(2, 0.5, 0, np.array([0, 1]))


def test_a_share_and_rows_contradict_each_other() -> None:
    with pytest.raises(UsageError, match="contradict"):
        regress(validation=numbers(), validation_share=0.5)
