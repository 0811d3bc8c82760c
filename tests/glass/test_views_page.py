"""The page: whole without its script, harmless whatever the names, and true to `Trace.explain`."""

from __future__ import annotations

import base64
import hashlib
import json
import math
import re

import numpy as np
import pytest

from chainrule.glass.trace import Trace
from chainrule.glass.trace.examples import EXAMPLES, example
from chainrule.glass.trace.random_steps import random_step
from chainrule.glass.trace.record import Record
from chainrule.glass.views import html
from chainrule.glass.views.mathml import mathml
from chainrule.glass.views.numbers import shown
from chainrule.glass.views.payload import MOST_FACTORS, MOST_TERMS, payload, script_json
from chainrule.glass.views.sections import sections
from tests.glass.views_reader import Page, explained, numbers, path_of
from tests.glass.views_sample import HOSTILE, SampleTrace, sample
from tests.glass.views_traces import every_member, three_layers

SIZE = 1_000_000
OUTSIDE = re.compile(r"https?:|//[a-z]|@import|url\(|<link|<iframe|<object|<embed", re.IGNORECASE)


@pytest.fixture(scope="module")
def large() -> str:
    return html.page(three_layers())


def test_a_step_of_three_layers_is_small(large: str) -> None:
    assert len(large.encode()) < SIZE


def test_nothing_points_outside(large: str) -> None:
    assert OUTSIDE.findall(large) == []
    for trace in every_member()[::9]:
        assert OUTSIDE.findall(html.page(trace)) == []


def test_the_policy_allows_the_script_and_nothing_else(large: str) -> None:
    page = Page(large)
    (policy,) = [
        str(found["content"])
        for tag, found in page.elements
        if tag == "meta" and found.get("http-equiv") == "Content-Security-Policy"
    ]
    assert policy.startswith("default-src 'none';")
    scripts = [text for found, text in page.scripts if found.get("type") is None]
    assert len(scripts) == 1
    digest = base64.b64encode(hashlib.sha256(scripts[0].encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in policy
    assert "unsafe-inline" not in policy.partition("script-src")[2]


def test_every_record_has_its_card(large: str) -> None:
    trace, page = three_layers(), Page(large)
    ids = page.ids()
    assert len(ids) == len(set(ids))
    cards = [found for tag, found in page.elements if tag == "article"]
    assert len(cards) == len(trace.records)
    targets = {str(found["href"]) for tag, found in page.elements if tag == "a"}
    assert {target[1:] for target in targets} <= set(ids)
    words = "".join(page.words)
    for record in trace:
        assert record.name in words
        assert record.code in words
        assert record.note in words
        if record.code and record.latex:
            assert mathml(record.latex, display=True) in large


def test_sections_follow_the_step(large: str) -> None:
    titles = [part.title for part in sections(three_layers())]
    assert titles == [
        "Given", "Forward", "Loss", "Backward", "Penalties and clipping", "Optimizer", "Update",
        "After the step",
    ]  # fmt: skip
    assert sum(len(part.records) for part in sections(three_layers())) == len(
        three_layers().records
    )
    places = [large.index(f"<h2>{title}</h2>") for title in titles]
    assert places == sorted(places)


def same(one: float, two: float) -> bool:
    return one == two or (math.isnan(one) and math.isnan(two))


def flat_index(record: Record, index: tuple[int, ...]) -> int:
    return int(np.ravel_multi_index(index, record.shape)) if index else 0


def compare(trace: Trace | SampleTrace, page: Page) -> int:
    """Hold what the page embeds against what the trace explains; return how many sums there are."""
    document, count = page.document(), 0
    assert [found["name"] for found in document["records"]] == list(trace.names)
    for place, (record, found) in enumerate(zip(trace, document["records"], strict=True)):
        flat = record.value.ravel()
        known = numbers(document, place)
        assert {flat_index(record, index) for index in shown(record.shape).indices()} <= set(known)
        for position, value in known.items():
            assert same(value, float(flat[position]))
        for key in found.get("sums", {}):
            position = int(key)
            truth = trace.explain(path_of(found, position))
            read = explained(document, place, position)
            count += 1
            assert same(read["total"], truth.total)
            assert read["left_out"] == len(truth.terms) - len(read["terms"])
            assert read["maths"] in ("", mathml(truth.latex))
            for term, expected in zip(read["terms"], truth.terms, strict=False):
                assert same(term["product"], expected.product)
                kept = len(term["factors"])
                for (path, value), (name, number) in zip(
                    term["factors"], expected.factors[:kept], strict=True
                ):
                    assert path == name
                    assert same(value, number)
                assert term["missing"] == len(expected.factors) - kept
                assert term["text"] == expected.text or term["text"].endswith(" …")
    return count


def test_embedded_sums_are_those_of_the_trace(large: str) -> None:
    trace = three_layers()
    count = compare(trace, Page(large))
    computed = [record for record in trace if record.code]
    assert count == sum(len(list(shown(record.shape).indices())) for record in computed)


@pytest.mark.parametrize("place", range(0, 53, 4))
def test_embedded_sums_hold_for_every_kind_of_member(place: int) -> None:
    trace = every_member()[place]
    assert compare(trace, Page(html.page(trace))) > 0


def wide(rows: int, columns: int) -> SampleTrace:
    """Return a trace of one product that is too large to be shown whole."""
    draw = np.random.default_rng(0)
    A, B = draw.normal(size=(rows, 50)), draw.normal(size=(50, columns))
    trace = sample()

    def given(name: str, value: np.ndarray) -> Record:
        return Record(name, "input", "", value.shape, "", name, "", (), value)

    product = Record("C", "forward", "", (rows, columns), "", "C", "A @ B", ("A", "B"), A @ B)
    trace.records = (given("A", A), given("B", B), product)
    trace.terms = {"C": lambda at: [[("A", (at[0], k)), ("B", (k, at[1]))] for k in range(50)]}
    return trace


def test_large_tensors_are_cut_and_the_page_says_so() -> None:
    trace = wide(784, 40)
    text = html.page(trace)
    assert len(text.encode()) < SIZE
    words = "".join(Page(text).words)
    assert "Rows 0 to 9, 782, 783 of 784 and columns 0 to 9, 38, 39 of 40 are shown." in words
    assert compare(trace, Page(text)) > 0
    record = payload(trace)["records"][2]
    terms = next(iter(record["sums"].values()))
    assert len(terms[0]) == MOST_TERMS
    assert terms[2] == 50 - MOST_TERMS


def test_a_term_of_many_numbers_is_cut() -> None:
    trace = wide(3, 2)
    every = [("A", (0, k)) for k in range(40)]
    trace.terms = {"C": lambda at: [every]}
    term = next(iter(payload(trace)["records"][2]["sums"].values()))[0][0]
    assert len(term[1]) == 2 * MOST_FACTORS
    assert term[3] == 40 - MOST_FACTORS
    assert compare(trace, Page(html.page(trace))) == 6


def test_numbers_that_are_not_finite_survive() -> None:
    trace = sample()
    trace["X"].value[0, 0] = np.nan
    trace["y"].value[0, 0] = -np.inf
    page = Page(html.page(trace))
    assert compare(trace, page) > 0
    assert "nan" in page.words
    assert "-inf" in page.words


def test_no_entries_and_slices() -> None:
    trace = sample()
    empty = np.zeros((0, 3))
    deep = np.arange(6 * 2 * 2, dtype=float).reshape(6, 2, 2)
    trace.records = (
        Record("none", "input", "", empty.shape, "", "e", "", (), empty),
        Record("deep", "input", "", deep.shape, "", "d", "", (), deep),
    )
    page = Page(html.page(trace))
    words = "".join(page.words)
    assert "There are no entries." in words
    assert "deep[3, :, :]" in words
    assert "The first 4 of 6 slices are shown." in words


def test_names_cannot_become_markup() -> None:
    trace = sample(label=HOSTILE)
    trace.title = HOSTILE
    for text, scripts in ((html.page(trace), 2), (html.fragment(trace), 0)):
        page = Page(text)
        assert len(page.scripts) == scripts
        tags = {tag for tag, _ in page.elements}
        assert "img" not in tags
        assert not [a for _, found in page.elements for a in found if a.startswith("on")]
        assert HOSTILE in "".join(page.words)
    assert compare(trace, Page(html.page(trace))) > 0


def test_json_cannot_end_its_element() -> None:
    text = script_json({"a": "</script><!-- & \u2028"})
    assert not set("<>&") & set(text)
    assert json.loads(text) == {"a": "</script><!-- & \u2028"}


def test_a_failed_check_is_seen() -> None:
    trace = sample()
    record = trace["dense_1.dW"]
    check = type(record.check)("complex step", 0.5, False)
    place = trace.names.index("dense_1.dW")
    records = list(trace.records)
    records[place] = Record(**{**record.__dict__, "check": check})
    trace.records = tuple(records)
    words = "".join(Page(html.page(trace)).words)
    assert "✗ check failed" in words
    assert "2 of 3 right" in words


def test_a_fragment_may_stand_twice_in_a_notebook() -> None:
    page = Page(html.fragment(three_layers()))
    assert page.scripts == []
    assert page.ids() == []
    assert not OUTSIDE.findall(html.fragment(three_layers()))
    words = "".join(page.words)
    assert all(record.name in words for record in three_layers())


def test_the_styles_of_a_fragment_stay_within_it() -> None:
    (style,) = re.findall(
        r"<div class=\"cr cr-note\"><style>(.*?)</style>", html.fragment(sample()), re.DOTALL
    )
    rules = re.sub(r"/\*.*?\*/", "", style, flags=re.DOTALL)
    selectors = [
        part.strip() for rule in re.findall(r"([^{}]+)\{", rules) for part in rule.split(",")
    ]
    assert selectors
    assert all(selector.startswith(".cr") for selector in selectors)


@pytest.mark.parametrize("name", list(EXAMPLES))
def test_the_worked_examples_are_small_and_true(name: str) -> None:
    trace = example(name)
    text = html.page(trace)
    assert len(text.encode()) < SIZE / 2
    assert compare(trace, Page(text)) > 0


@pytest.mark.parametrize("number", range(3))
def test_random_traces_are_true(number: int) -> None:
    _, trace = random_step(5, number)
    assert compare(trace, Page(html.page(trace))) > 0


def test_names_in_the_contents_break_at_their_dots(large: str) -> None:
    assert ">dense_1.<wbr>W.<wbr>mean_square.<wbr>before</a>" in large
    assert re.search(r"zeros <b>[\d.]+&nbsp;%</b>", large)
