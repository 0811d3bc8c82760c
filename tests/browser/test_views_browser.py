"""The page in a Chromium: it opens sums, they are those of Python, and hands on keys are enough."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.glass.trace import Trace
from chainrule.glass.views import html
from chainrule.glass.views.numbers import element, number, shown
from tests.browser.chromium import Chromium
from tests.glass.views_sample import HOSTILE, SampleTrace, sample
from tests.glass.views_traces import every_member, three_layers

READ = """(() => {
  const panel = document.querySelector('.drill');
  if (getComputedStyle(panel).display === 'none') return null;
  const data = (name) => [...panel.querySelectorAll(`[data-${name}]`)];
  return {
    path: panel.dataset.path,
    value: data('value').map((e) => e.dataset.value),
    shown: data('value').map((e) => e.textContent),
    terms: [...panel.querySelectorAll('tbody tr')].map((row) => ({
      text: row.querySelector('.text').textContent,
      product: row.querySelector('[data-product]').dataset.product,
      factors: [...row.querySelectorAll('.factor')].map((f) => [
        (f.querySelector('button') || f.firstChild).textContent,
        f.querySelector('[data-factor]').dataset.factor]),
    })),
    total: data('total').map((e) => e.dataset.total),
    focus: document.activeElement.className,
  };
})()"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Chromium]:
    with Chromium() as chromium:
        yield chromium


def show(browser: Chromium, trace: Trace | SampleTrace, folder: Path) -> None:
    path = folder / "page.html"
    path.write_text(html.page(trace), encoding="utf-8")
    browser.size(1400, 900)
    browser.media(scheme="light")
    browser.open(path)


def cell(place: int, row: int, column: int) -> str:
    line = f'article[data-record="{place}"] tbody tr:nth-of-type({row + 1})'
    return f"{line} td:nth-of-type({column + 1})"


def real(text: str) -> float:
    return float(text.replace("Infinity", "inf"))


def same(one: float, two: float) -> bool:
    return one == two or (math.isnan(one) and math.isnan(two))


def hold(panel: dict[str, Any], trace: Trace | SampleTrace) -> None:
    """Hold an open panel against what the trace explains."""
    truth = trace.explain(panel["path"])
    assert same(real(panel["value"][0]), truth.value)
    assert panel["shown"][0] == "= " + number(truth.value, trace.settings.digits)
    assert len(panel["terms"]) == min(len(truth.terms), 32)
    for term, expected in zip(panel["terms"], truth.terms, strict=False):
        assert same(real(term["product"]), expected.product)
        assert term["text"] == expected.text or term["text"].endswith(" …")
        for (name, value), (path, factor) in zip(term["factors"], expected.factors, strict=False):
            assert name == path
            assert same(real(value), factor)
    if len(truth.terms) > 1:
        assert same(real(panel["total"][0]), truth.total)


def test_a_click_opens_the_sum_of_python(browser: Chromium, tmp_path: Path) -> None:
    trace = three_layers()
    show(browser, trace, tmp_path)
    assert browser.run(READ) is None
    draw, opened = np.random.default_rng(0), 0
    for place, record in enumerate(trace):
        if not record.code or not record.value.size or len(record.shape) > 2:
            continue
        indices = list(shown(record.shape).indices())
        index = indices[int(draw.integers(len(indices)))]
        row, column = ((0, 0), (0, *index[-1:]), index)[len(index)]
        browser.point(cell(place, row, column), click=True)
        panel = browser.run(READ)
        assert panel["path"] == element(record.name, index)
        hold(panel, trace)
        opened += 1
    assert opened > 80
    assert browser.faults() == []


def test_every_kind_of_member_opens(browser: Chromium, tmp_path: Path) -> None:
    for trace in every_member()[::6]:
        show(browser, trace, tmp_path)
        for place, record in list(enumerate(trace))[::5]:
            if record.value.size:
                browser.run(f"document.querySelector({json.dumps(cell(place, 0, 0))}).click()")
                hold_or_given(browser.run(READ), trace, record.code)
        assert browser.faults() == []


def hold_or_given(panel: dict[str, Any], trace: Trace, code: str) -> None:
    if code:
        hold(panel, trace)
    else:
        assert panel["terms"] == []


def test_terms_lead_back_to_their_parents(browser: Chromium, tmp_path: Path) -> None:
    trace = three_layers()
    show(browser, trace, tmp_path)
    place = trace.names.index("dense_1.dW.data")
    browser.point(cell(place, 2, 3), click=True)
    seen = []
    for _ in range(30):
        panel = browser.run(READ)
        seen.append(panel["path"])
        if not panel["terms"]:
            break
        hold(panel, trace)
        assert browser.run("document.querySelector('td.open') !== null")
        browser.run("document.querySelector('.drill .factor:last-of-type button').click()")
    assert len(seen) > 4
    assert not trace[seen[-1].partition("[")[0]].code, "the way back ends at what is given"
    browser.run("document.querySelector('.drill .trail button').click()")
    assert browser.run(READ)["path"] == seen[0]


def test_keys_are_enough(browser: Chromium, tmp_path: Path) -> None:
    trace = three_layers()
    show(browser, trace, tmp_path)
    place = trace.names.index("dense_1.dW")
    card = f'article[data-record="{place}"]'
    browser.run(f"document.querySelector('{card} .from a').focus()")
    for _ in range(4):
        browser.press("Tab")
        if browser.run("document.activeElement.tagName") == "TD":
            break
    browser.press("ArrowRight")
    browser.press("ArrowDown")
    browser.press("ArrowRight")
    browser.press("ArrowLeft")
    outline = browser.run("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid", "the cell that has the focus is seen"
    browser.press("Enter")
    panel = browser.run(READ)
    assert panel["path"] == "dense_1.dW[1, 1]"
    assert panel["focus"] == "drill"
    hold(panel, trace)
    browser.press("Tab")
    assert browser.run("document.activeElement.className") == "close"
    browser.press("Tab")
    browser.press("Enter")
    assert browser.run(READ)["path"] == "dense_1.dW.data[1, 1]"
    browser.press("Escape")
    assert browser.run(READ) is None
    assert browser.run("document.activeElement.closest('article').dataset.record") == str(place)
    browser.press("End")
    browser.press("Enter")
    assert browser.run(READ)["path"] == f"dense_1.dW[1, {trace['dense_1.dW'].shape[1] - 1}]"


def test_hovering_shows_the_parents(browser: Chromium, tmp_path: Path) -> None:
    trace = three_layers()
    show(browser, trace, tmp_path)
    place = trace.names.index("dense_1.dW.data")
    browser.point(cell(place, 1, 2))
    names = "[...document.querySelectorAll('.contents a.parent')].map((a) => a.textContent)"
    assert set(browser.run(names)) == set(trace["dense_1.dW.data"].parents)
    lit = browser.run("[...document.querySelectorAll('td.lit')].length")
    terms = trace.explain("dense_1.dW.data[1, 2]").terms
    assert lit == len({path for term in terms for path, _ in term.factors})


def test_formulas_are_drawn(browser: Chromium, tmp_path: Path) -> None:
    show(browser, three_layers(), tmp_path)
    sizes = browser.run(
        "[...document.querySelectorAll('math')].map((m) => m.getBoundingClientRect().width)"
    )
    assert len(sizes) > 100
    assert min(sizes) > 0
    assert browser.run("document.querySelectorAll('merror').length") == 0
    # A fraction is taller than a line of text only if the browser sets mathematics.
    assert browser.run("document.querySelector('mfrac').getBoundingClientRect().height") > 20


def test_hostile_names_run_nothing(browser: Chromium, tmp_path: Path) -> None:
    trace = sample(label=HOSTILE)
    trace.title = HOSTILE
    show(browser, trace, tmp_path)
    assert browser.run("document.title") == HOSTILE
    assert browser.run("document.images.length") == 0
    place = next(
        k for k, name in enumerate(trace.names) if name.endswith(".dW") and HOSTILE in name
    )
    browser.point(cell(place, 0, 1), click=True)
    hold(browser.run(READ), trace)
    assert browser.run("document.images.length") == 0
    assert browser.faults() == []


@pytest.mark.parametrize("width", [360, 800, 1400, 2200])
def test_the_page_fits_its_window(browser: Chromium, tmp_path: Path, width: int) -> None:
    show(browser, three_layers(), tmp_path)
    browser.size(width, 800)
    browser.point(cell(9, 2, 1), click=True)
    time.sleep(0.05)
    assert browser.run("document.documentElement.scrollWidth") <= width
    seen = browser.run(
        "(() => { const r = document.querySelector('td.open').getBoundingClientRect();"
        "const top = document.elementFromPoint(r.x + 3, r.y + r.height / 2);"
        "return top !== null && top.closest('td.open') !== null; })()"
    )
    assert seen, "the panel does not lie over the number that it explains"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_can_be_read(browser: Chromium, tmp_path: Path, scheme: str) -> None:
    show(browser, three_layers(), tmp_path)
    browser.media(scheme=scheme)
    ratios = browser.run(CONTRAST)
    assert len(ratios) > 5
    for name, ratio in ratios:
        assert ratio >= 4.5, (name, ratio)


CONTRAST = """(() => {
  const light = (text) => {
    const [r, g, b] = text.match(/[\\d.]+/g).slice(0, 3).map((x) => x / 255).map((x) =>
      x <= 0.03928 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const paper = light(getComputedStyle(document.body).backgroundColor);
  return ['.shape', '.stats', '.note', '.from', 'h3 a', '.hint', '.contents li a', 'td', 'code',
    '.badge', '.dimension span'].map((name) => {
    const ink = light(getComputedStyle(document.querySelector(name)).color);
    return [name, (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05)];
  });
})()"""


def test_print_leaves_out_what_needs_a_hand(browser: Chromium, tmp_path: Path) -> None:
    show(browser, three_layers(), tmp_path)
    browser.run(f"document.querySelector({json.dumps(cell(9, 2, 2))}).click()")
    browser.media("print", scheme="dark")
    hidden = browser.run(
        "['.contents', '.drill', '.hint', '.code button'].map((name) =>"
        " getComputedStyle(document.querySelector(name)).display)"
    )
    assert hidden == ["none"] * 4
    assert browser.run("getComputedStyle(document.body).color") == "rgb(0, 0, 0)"
    assert browser.run("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    pdf = tmp_path / "page.pdf"
    browser.pdf(pdf)
    assert pdf.read_bytes().startswith(b"%PDF")


CELLS = """[...document.querySelectorAll('article')].map((card) =>
  [...card.querySelectorAll('table.numbers')].map((table) =>
    [...table.querySelectorAll('td')].map((cell) => [cell.textContent, cell.className])))"""


HEADS = "[...document.querySelectorAll('table th, .slice')].map((h) => h.textContent)"


def test_the_script_draws_the_tables_that_python_would_write(
    browser: Chromium, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page of many numbers: its cells, texts and tints are those of the page with text."""
    network = nn.Sequential(nn.TransformerBlock(2, causal=True), nn.Flatten(), nn.Dense(3))
    X = np.random.default_rng(0).normal(size=(5, 6, 8))
    trace = cr.trace(network, X, [0, 1, 2, 1, 0], loss="softmax_cross_entropy")
    show(browser, trace, tmp_path)
    drawn = browser.run(CELLS)
    heads = browser.run(HEADS)
    place = trace.names.index("attention_1_heads.A")
    browser.point(cell(place, 0, 0), click=True)
    hold(browser.run(READ), trace)
    assert browser.faults() == []
    monkeypatch.setattr("chainrule.glass.views.html._AS_TEXT", 10**9)
    show(browser, trace, tmp_path)
    assert browser.run(CELLS) == drawn
    assert browser.run(HEADS) == heads
    assert sum(len(table) for card in drawn for table in card) > 15_000
