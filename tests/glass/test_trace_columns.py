"""Sequences with samples as columns: a position is a column, and every number is the rows' own."""

from __future__ import annotations

import re
from functools import cache

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.glass.trace import Record, Trace, trace_step
from chainrule.glass.views.stations import stations
from chainrule.streams import Stream
from tests.glass.trace_cases import ALL, columns, flat, traces

SEQUENCES = [number for number, (_, plan, *_) in enumerate(ALL) if not flat(plan)]
AS_IN_ROWS = ("loss.jacobian",)
"""One matrix for each sample whatever the convention, and symmetric."""


@cache
def both(number: int) -> tuple[Trace, Trace]:
    """Return the trace of a case with samples as rows, and as columns."""
    _, plan, rows, buffers, clock = ALL[number]
    other = "rows" if columns(number) else "columns"
    found = [traces()[number], trace_step(plan, rows, buffers, clock, convention=other)]
    return (found[1], found[0]) if columns(number) else (found[0], found[1])


def turned(record: Record, sample: bool) -> np.ndarray:
    """Return the numbers of a record in rows as it stands in columns."""
    value = record.value
    if record.name in AS_IN_ROWS or record.name.endswith(".uses") or value.ndim == 0:
        return value
    if value.ndim == 1:
        return value if sample else value[:, None]
    return np.swapaxes(value, -1, -2)


def test_there_are_sequences_of_every_kind() -> None:
    ops = {node.op.name for number in SEQUENCES for node in ALL[number][1].graph.nodes}
    assert {"attend", "embed", "flatten", "layer_norm", "affine", "add"} <= ops


@pytest.mark.parametrize("number", SEQUENCES, ids=[ALL[number][0] for number in SEQUENCES])
def test_the_numbers_are_those_of_the_rows(number: int) -> None:
    rows, found = both(number)
    assert found.names == rows.names
    assert found.check().passed, str(found.check())
    for one, two in zip(rows, found, strict=True):
        if {"u", "v"} & set(one.name.split(".")):
            continue  # singular vectors of a matrix and of its transpose change their roles
        expected = turned(one, sample=one.symbolic == "(N)")
        assert two.shape == expected.shape, one.name
        scale = max(1.0, float(np.max(np.abs(expected[np.isfinite(expected)]), initial=0.0)))
        same = np.isclose(two.value, expected, rtol=0, atol=1e-12 * scale, equal_nan=True)
        assert same.all(), one.name


@pytest.mark.parametrize("number", SEQUENCES, ids=[ALL[number][0] for number in SEQUENCES])
def test_every_number_in_columns_is_explained_by_its_terms(number: int) -> None:
    found = both(number)[1]
    draw = iter(Stream(number, "columns").uniform(10_000))
    for record in found:
        index = tuple(int(next(draw) * size) for size in record.shape)
        explained = found.explain(record.name + (str(list(index)) if index else ""))
        size = max([1.0, *(abs(term.product) for term in explained.terms)])
        same = explained.total == explained.value
        assert same or abs(explained.total - explained.value) <= 1e-12 * size, record.name


def step(convention: str) -> Trace:
    """Return the trace of a small causal transformer."""
    network = nn.Sequential(nn.TransformerBlock(2, causal=True), nn.Flatten(), nn.Dense(2))
    X = np.random.default_rng(0).normal(size=(3, 4, 6))
    return cr.trace(
        network, X, [0, 1, 1], loss="softmax_cross_entropy", convention=convention, seed=3
    )


def test_the_texts_are_those_of_the_columns() -> None:
    found = step("columns")
    assert found["X"].symbolic == "(N x d_0 x T)"
    assert found["dense_1.Z"].code == "dense_1_W @ layer_norm_2_Y + dense_1_b"
    assert found["dense_1.Z"].dimension.startswith("(d_5 x d_0)(N x d_0 x T) -> (N x d_5 x T)")
    scores = found["attention_1_heads.scores"]
    assert "np.swapaxes(attention_1_heads_K_heads, -1, -2) @ attention_1_heads_Q" in scores.code
    assert np.allclose(found["attention_1_heads.A"].value.sum(axis=-2), 1.0)
    assert np.all(np.tril(found["attention_1_heads.A"].value[0, 0], -1) == 0.0)  # later keys
    product = "attention_1_heads_V_heads @ attention_1_heads_A"
    assert found["attention_1_heads.Z_heads"].code == product
    assert found.loss_before == step("rows").loss_before


def test_jacobians_and_views_know_the_columns() -> None:
    rows, found = step("rows"), step("columns")
    one = rows.jacobian("residual_1.Z", "attention_1_heads.Z")
    two = found.jacobian("residual_1.Z", "attention_1_heads.Z")
    assert np.allclose(two, one.swapaxes(1, 2).swapaxes(4, 5), atol=1e-14)
    places = [[place.features for place in stations(each)] for each in (rows, found)]
    assert places[0] == places[1] == [6, 6, *[6] * 7, 24, 24, 6, 6, 24, 2]
    assert "3 × 6 × 4" in found.to_svg()
    assert "a column of X is a position of a sample" in found.to_text()
    for text in (found.to_html(), found.to_markdown(), found.to_latex(), found.to_worksheet()):
        assert len(text) > 10_000


@pytest.mark.parametrize("number", [n for n, (_, plan, *_) in enumerate(ALL) if flat(plan)][:12])
def test_no_sentence_calls_a_sample_a_row_where_it_is_a_column(number: int) -> None:
    found = [record.note for record in (both(number)[1])]
    assert any(found)
    assert not [note for note in found if re.search(r"\brows?\b", note.lower())]
