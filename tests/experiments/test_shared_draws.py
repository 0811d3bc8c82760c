"""Draws that runs share: the same bits, bounded, and nobody's to write to."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from chainrule.experiments.job import Job, perform
from chainrule.experiments.splits import Scheme, material_of
from chainrule.maths.loss import LOSSES
from chainrule.streams import SharedDraws, Stream
from tests.experiments.small import network, table


def test_kept_draws_have_the_bits_of_new_ones() -> None:
    shared = SharedDraws()
    for _ in range(2):
        for stream in (Stream(0, "a"), Stream(0, "a", 1), Stream(1, "a"), Stream(0, "b", 0, 1)):
            with shared.used():
                order, low = stream.permutation(50), stream.uniform((5, 2), -1.0, 3.0)
                normal = stream.normal(7)
            assert np.array_equal(order, stream.permutation(50))
            assert np.array_equal(low, stream.uniform((5, 2), -1.0, 3.0))
            assert np.array_equal(normal, stream.normal(7))


def test_nobody_can_write_to_what_is_kept() -> None:
    with SharedDraws().used():
        with pytest.raises(ValueError, match="read-only"):
            Stream(0, "a").permutation(5)[0] = 1
        Stream(0, "a").uniform(5)[0] = 7.0  # this is a copy
        assert Stream(0, "a").uniform(5)[0] < 1.0
    Stream(0, "a").permutation(5)[0] = 1


def test_draws_of_other_seeds_are_forgotten_first_and_the_limit_holds() -> None:
    shared = SharedDraws(limit=5 * 800)

    def kept(seed: int, epoch: int) -> bool:
        with shared.used():
            first, second = (Stream(seed, "a", epoch).permutation(100) for _ in range(2))
        return first is second

    assert [kept(0, epoch) for epoch in range(7)] == [True] * 5 + [False] * 2
    assert shared.size == shared.limit
    assert kept(1, 0)
    assert (shared.size, kept(0, 0)) == (800, True)


def test_threads_do_not_share_unless_they_say_so() -> None:
    found: list[bool] = []

    def draw() -> None:
        found.append(Stream(0, "a").permutation(5).flags.writeable)

    with SharedDraws().used():
        thread = threading.Thread(target=draw)
        thread.start()
        thread.join()
    assert found == [True]


def test_runs_of_one_seed_share_their_orders_and_first_weights() -> None:
    X, y = table()
    material = material_of(X, y, LOSSES.make("softmax_cross_entropy"), Scheme(2))
    arguments = {"network": network(), "loss": "softmax_cross_entropy", "epochs": 3}

    def run(split: int) -> list[object]:
        result = perform(Job({}, arguments, split, split, split, "accuracy", ""), material)
        return [{**row, "seconds": 0} for row in result.history]

    first, size = run(0), material.draws.size
    assert size > 3 * 8 * 40  # three orders of the training rows, and weights
    assert run(0) == first
    assert material.draws.size == size
    assert run(1) != first
    assert material.draws.size > size
