"""One page without script, in which no text becomes markup."""

from __future__ import annotations

import re

import numpy as np
import pytest

from chainrule.report import (
    Drawing,
    Figure,
    Section,
    Tile,
    bar_chart,
    confusion_chart,
    line_chart,
    page,
    reliability,
    reliability_chart,
    residual_chart,
    scatter_chart,
)
from chainrule.report.page import Verdict
from chainrule.report.style import STYLE
from tests.report.html import PAYLOADS, require_harmless

THREE = np.arange(3.0)


@pytest.mark.parametrize("payload", PAYLOADS)
def test_nothing_becomes_markup(payload: str) -> None:
    drawings = [
        line_chart({payload: [1.0, 2.0]}, payload),
        scatter_chart(THREE, THREE, payload),
        residual_chart(THREE, THREE + 1, payload),
        bar_chart([payload], [0.5], [0.1]),
        confusion_chart(np.eye(2, dtype=int), [payload, "b"]),
        reliability_chart(reliability(THREE / 3, THREE > 1), payload, payload),
    ]
    assert all(drawings)
    section = Section(
        payload,
        payload,
        [payload],
        [Figure(drawing, payload) for drawing in drawings],
        (payload,),
        [(payload,)],
        facts={payload: payload},
        code=payload,
        verdicts=[Verdict(payload, payload, payload, [payload], drawings[0])],
    )
    tile = Tile(payload, payload, payload)
    text = page(payload, payload, [section], tiles=[tile], facts={payload: payload}, footer=payload)
    elements = require_harmless(text)
    assert "".join(elements.words).count(payload) > 15


def test_only_a_drawing_is_passed_on_as_it_is() -> None:
    cells = [(Drawing("<path/>"), "<path/>")]
    text = page("t", "", [Section("s", heads=("a", "b"), rows=cells)])
    assert "<td><path/></td><td>&lt;path/&gt;</td>" in text
    pieced = Drawing("<path") + "/>"
    assert "&lt;path/&gt;" in page("t", "", [Section("s", heads=("a",), rows=[(pieced,)])])


def test_a_page_forbids_what_it_does_not_need() -> None:
    text = page("t", "", [])
    assert "default-src 'none'" in text
    assert "http" not in text.replace("http-equiv", "")
    assert "@import" not in text
    assert "url(" not in text


def test_every_colour_has_a_light_and_a_dark_form() -> None:
    used = set(re.findall(r"var\((--\w+)\)", STYLE))
    dark = STYLE.partition("prefers-color-scheme: dark")[2].partition("} }")[0]
    light = STYLE.partition("@media")[0]
    printed = STYLE.partition("@media print")[2]
    assert used
    for colour in used:
        assert all(f"{colour}:" in part for part in (light, dark, printed))


def test_every_class_of_the_pictures_has_a_style() -> None:
    drawings = line_chart({"a": [1.0, 2.0], "b": [2.0, 1.0], "c": [1.0, 1.0]}, "x", 1)
    drawings += scatter_chart(np.arange(40.0), np.arange(40.0), "y") + bar_chart(["a"], [1], [1])
    drawings += confusion_chart(np.array([[9, 1], [1, 1]]), ["a", "b"])
    drawings += reliability_chart(reliability(THREE / 3, THREE > 1), "p", "q")
    classes = {name for found in re.findall(r'class="([^"]+)"', drawings) for name in found.split()}
    assert {name for name in classes if f".{name}" not in STYLE} <= {"label"}


def test_a_number_keeps_its_percent_sign_and_code_its_blanks() -> None:
    facts, code = {"task": "a (33 %)"}, "a = 3 % 2"
    parts = [Section("S", "5 % of", ["6 % more"], heads=("h",), rows=[("7 %",)], code=code)]
    text = page("t", "", parts, tiles=[Tile("8 %", "x")], facts=facts)
    assert all(f"{number}&nbsp;%" in text for number in (33, 5, 6, 7, 8))
    assert code in text


def test_a_phone_has_larger_letters_in_pictures_and_two_tiles_in_a_row() -> None:
    narrow = STYLE[STYLE.index("@media (max-width: 36rem)") : STYLE.index("@media print")]
    assert ".tiles { grid-template-columns: 1fr 1fr;" in narrow
    size = re.search(r'svg\[width="560"\] \{ font-size: (\d+)px', narrow)
    assert size is not None
    drawing = line_chart({"a": [1.0, 2.0]}, "epoch")
    assert 'width="560"' in drawing  # what the style sheet speaks of
    assert int(size[1]) * 358 / 560 > 9  # in pixels of a phone that is 390 wide


def test_a_number_is_not_broken_behind_its_sign() -> None:
    said = "is -0.001; its interval, 3.6e-12 to +7.4, <b> of a-1 in 2-3."
    text = page("t", "", [Section("s", verdicts=[Verdict("c", "f", "no", [said])])])
    assert re.findall(r'<span class="whole">(.*?)</span>', text) == ["-0.001", "3.6e-12", "+7.4"]
    assert "&lt;b&gt; of a-1 in 2-3." in text
    assert ".whole { white-space: nowrap; }" in STYLE


def test_a_verdict_reads_the_same_in_grey() -> None:
    """Its word says it; filled, strong and dashed frames differ without any colour."""
    kinds = {"yes": "supported", "no": "not supported", "open": "no difference"}
    verdicts = [Verdict(f"claim {kind}", said, kind) for kind, said in kinds.items()]
    text = page("t", "", [Section("s", verdicts=verdicts)])
    for kind, said in kinds.items():
        assert f'<span class="found {kind}">{said}</span>' in text
        (look,) = re.findall(rf"\.found\.{kind} {{([^}}]*)}}", STYLE)
        assert "--first" not in look
        assert "--second" not in look


def test_a_phone_breaks_no_number_and_says_where_a_picture_goes_on() -> None:
    assert "th, td:first-child { overflow-wrap: break-word; }" in STYLE
    narrow = STYLE[STYLE.index("@media (max-width: 36rem)") : STYLE.index("@media print")]
    assert "svg[stroke-linejoin] + figcaption::after" in narrow  # pictures wider than the phone


def test_names_of_lines_do_not_touch_in_larger_letters() -> None:
    drawing = line_chart({"validation loss": [1.0, 2.0], "other": [2.0, 1.0]}, "epoch")
    first, second = (float(x) for x in re.findall(r'<text x="([\d.]+)" y="18.0">', drawing))
    assert first + 7.9 * len("validation loss") < second - 28
