"""Same arguments, same bits; another seed, other bits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from chainrule.engine.protocol import Rows
from chainrule.maths.loss import LOSSES
from chainrule.plan import make_plan
from chainrule.training import Course
from chainrule.training.loop import epoch_order
from tests.training.runs import assert_same_bits, noisy, numbers, regress


@pytest.mark.parametrize("changed", [{}, {"dtype": "float64"}, {"optimizer": "lbfgs"}], ids=str)
def test_twice_the_same(changed: dict[str, Any]) -> None:
    assert_same_bits(regress(network=noisy(), **changed), regress(network=noisy(), **changed))


def test_the_files_are_the_same(tmp_path: Path) -> None:
    for name in ("one", "other"):
        regress(validation=numbers(seed=1)).model.save(tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()


def test_another_seed_is_another_run() -> None:
    one, other = regress(seed=0), regress(seed=1)
    assert one.model.weights.tobytes() != other.model.weights.tobytes()


def course(**changed: Any) -> Course:
    X, y = numbers()
    rows = Rows(X.astype(np.float32), LOSSES.make("squared_error").encode(y).astype(np.float32))
    return Course(make_plan(noisy(), (5,), "squared_error", 1), rows, **changed)


def test_each_epoch_has_its_own_order_of_all_rows() -> None:
    orders = [epoch_order(course(), epoch) for epoch in range(3)]
    for order in orders:
        assert sorted(order) == list(range(40))
    assert not np.array_equal(orders[0], orders[1])
    assert np.array_equal(orders[2], epoch_order(course(), 2))
    assert not np.array_equal(orders[0], epoch_order(course(seed=1), 0))


def test_without_shuffling_rows_come_as_they_are() -> None:
    assert np.array_equal(epoch_order(course(shuffle=False), 3), np.arange(40))
    X, y = numbers()
    rows = np.arange(40)[::-1]
    assert_same_bits(
        regress(shuffle=False, X=X[rows], y=y[rows]),
        regress(shuffle=False, X=X[rows].copy(), y=y[rows].copy()),
    )
    assert regress(shuffle=False).model.weights.tobytes() != regress().model.weights.tobytes()
