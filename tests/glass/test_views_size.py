"""Pages of transformers: small, though every number that was there can still be opened."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.glass.trace import Trace
from chainrule.glass.views import html
from chainrule.glass.views.numbers import shown
from chainrule.glass.views.stored import Store, runs_of
from tests.glass.test_views_page import compare
from tests.glass.views_reader import Page
from tests.glass.views_traces import three_layers

LIMIT = 700_000


@pytest.fixture(scope="module")
def step() -> Trace:
    network = nn.Sequential(nn.TransformerBlock(2), nn.Flatten(), nn.Dense(3))
    X = np.random.default_rng(0).normal(size=(4, 6, 8))
    return cr.trace(network, X, [0, 1, 2, 1], loss="softmax_cross_entropy")


def test_a_small_transformer_makes_a_small_page(step: Trace) -> None:
    assert len(html.page(step).encode()) < LIMIT
    assert len(html.fragment(step).encode()) < LIMIT
    assert len(step.to_worksheet(answers=True).encode()) < LIMIT / 2


def test_its_numbers_and_sums_are_those_of_the_trace(step: Trace) -> None:
    page = Page(html.page(step))
    assert compare(step, page) > 1500
    assert not [tag for tag, _ in page.elements if tag == "td"]  # left to the script
    assert "trace.to_markdown()" in "".join(page.words)


def test_pages_of_few_numbers_need_no_script() -> None:
    trace = three_layers()
    page = Page(html.page(trace))
    cells = sum(1 for record in trace for _ in shown(record.shape).indices())
    assert len([tag for tag, _ in page.elements if tag == "td"]) >= cells
    assert "trace.to_markdown()" not in "".join(page.words)


def test_a_fragment_has_its_numbers_as_text(step: Trace) -> None:
    page = Page(html.fragment(step))
    cells = sum(1 for record in step for _ in shown(record.shape).indices())
    assert len([tag for tag, _ in page.elements if tag == "td"]) >= cells


def test_equal_tensors_are_stored_once_and_bits_survive() -> None:
    store = Store()
    odd = np.array([-0.0, np.nan, np.inf, 5e-324, 0.1 + 0.2])
    assert [store.add(odd), store.add(np.zeros(3)), store.add(odd.copy())] == [0, 5, 0]
    assert set("/+").isdisjoint(store.text())
    assert runs_of({5, 3, 4, 9}) == [3, 3, 9, 1]
    assert runs_of(()) == []
