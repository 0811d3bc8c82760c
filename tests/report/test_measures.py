"""Calibration, importance and Markdown: what they say is what is so."""

from __future__ import annotations

import numpy as np
import pytest
from markdown_it import MarkdownIt  # rich needs it, so it is there

from chainrule.report import calibration_error, permutation_importance, reliability
from chainrule.report.calibration import group_means
from chainrule.report.importance import BUDGET, affordable
from chainrule.report.markdown import bullets, code_block, plain, table

RANDOM = np.random.default_rng(0)


def test_honest_probabilities_are_calibrated() -> None:
    said = RANDOM.uniform(size=20_000)
    honest = reliability(said, RANDOM.uniform(size=20_000) < said)
    too_sure = reliability(said, RANDOM.uniform(size=20_000) < 0.5)
    assert len(honest) == 10
    assert sum(group.rows for group in honest) == 20_000
    assert calibration_error(honest) < 0.02
    assert calibration_error(too_sure) == pytest.approx(0.25, abs=0.02)
    inside = [group.lowest <= group.said <= group.highest for group in honest]
    assert sum(inside) >= 8


def test_the_interval_of_a_share_is_wilsons() -> None:
    (group,) = reliability(np.full(10, 0.95), np.arange(10) < 9)
    # statsmodels' proportion_confint(9, 10, method="wilson")
    assert (group.lowest, group.highest) == pytest.approx((0.595850, 0.982124), abs=1e-6)
    (group,) = reliability(np.array([1.0]), np.array([True]))
    assert (group.low, group.seen, group.highest) == (0.9, 1.0, 1.0)


def test_groups_of_like_prediction() -> None:
    predicted = RANDOM.permutation(100).astype(float)
    groups = group_means(predicted, 2 * predicted)
    assert len(groups) == 10
    assert all(truth == pytest.approx(2 * said) for said, truth in groups)
    assert [said for said, _ in groups] == sorted(said for said, _ in groups)
    assert group_means(predicted[:19], predicted[:19]) == []


def test_importance_finds_what_is_used() -> None:
    X = RANDOM.normal(size=(500, 4))
    y = 3 * X[:, 1] + X[:, 3]
    blocks = {"unused": slice(0, 1), "used": slice(1, 2), "half": slice(2, 4)}

    def score(inputs: np.ndarray) -> float:
        assert inputs.shape == X.shape
        return 1 - float(np.mean((3 * inputs[:, 1] + inputs[:, 3] - y) ** 2) / np.var(y))

    before = X.copy()
    found = permutation_importance(score, X, blocks, repeats=5)
    assert (before == X).all()
    assert [row.name for row in found] == ["used", "half", "unused"]
    # Shuffling a term of variance v loses 2 v / var(y).
    assert found[0].change == pytest.approx(2 * 9 / 10, rel=0.15)
    assert found[2].change == found[2].spread == 0
    assert found == permutation_importance(score, X, blocks, repeats=5), "the same every time"
    assert found != permutation_importance(score, X, blocks, repeats=5, seed=1)


@pytest.mark.parametrize("columns", [1, 30, 1000, 100_000])
@pytest.mark.parametrize("cost", [10.0, 1e4, 1e7])
@pytest.mark.parametrize("rows", [20, 5000])
def test_importance_stays_within_its_budget(columns: int, rows: int, cost: float) -> None:
    tried, used, repeats = affordable(columns, rows, cost)
    assert 1 <= tried <= columns
    assert 1 <= used <= rows
    assert 1 <= repeats <= 5
    assert tried * used * repeats * cost <= BUDGET * 1.01


@pytest.mark.parametrize(
    "text",
    [
        *("<script>alert(1)</script>", "[x](javascript:alert(1))", "a|b", "**b**", "`c`", "_d_"),
        *("# head", "- item", "1. item", "http://elsewhere", "<!-- x -->", "&lt;", "~~x~~", "$x$"),
    ],
)
def test_markdown_shows_text_as_it_is(text: str) -> None:
    markdown = MarkdownIt("commonmark").enable("table")
    for lines in ([plain(text)], bullets({text: text}), bullets([text]), table((text,), [(text,)])):
        html = markdown.render("\n".join(lines))
        for bad in ("<script", "<a ", "<code", "<em", "<h1", "<!--", "<img", "<ol"):
            assert bad not in html
    cells = markdown.render("\n".join(table((text, "b"), [(text, "b")])))
    assert cells.count("<td") == 2


def test_a_fence_is_longer_than_what_it_holds() -> None:
    assert code_block("x\n```\ny\n", "toml") == ["````toml", "x", "```", "y", "````"]
    assert plain("two\nlines\t of  text") == "two lines of text"
    assert plain("learning_rate 0.5 -3.2") == "learning_rate 0.5 -3.2"
