"""The picture beside a claim: the interval lies where its numbers say."""

from __future__ import annotations

import math
import re
from itertools import pairwise
from xml.etree import ElementTree as ET

import pytest

from chainrule.report.figures_canvas import plain
from chainrule.report.interval import interval_drawing
from chainrule.report.style import STYLE
from tests.report.html import PAYLOADS

CASES = {
    "right": ((0.02, 0.003, 0.046), False, True, True),
    "left, claimed": ((-0.02, -0.03, -0.01), False, False, True),
    "left, not claimed": ((-0.006, -0.011, -0.001), False, True, False),
    "both sides": ((0.002, -0.005, 0.01), False, True, False),
    "a small ratio": ((0.161, 0.134, 0.193), True, False, True),
    "a large ratio": ((5.5, 5.2, 5.9), True, True, True),
    "a ratio of both sides": ((1.58, 0.197, 12.8), True, True, False),
    "a tiny ratio": ((1e-12, 1e-14, 1e-10), True, False, True),
    "a ratio near 1": ((0.922, 0.654, 1.3), True, False, False),
    "equal": ((0.0, 0.0, 0.0), False, True, False),
}


def places(drawing: str) -> dict[str, tuple[float, float]]:
    """Return from where to where the shade and the bar go."""
    (side,) = re.findall(r'class="side" x="([\d.-]+)" y="0" width="([\d.-]+)"', drawing)
    (bar,) = re.findall(r'class="reach" d="M([\d.-]+) [\d.]+H([\d.-]+)"', drawing)
    start, width = map(float, side)
    return {"side": (start, start + width), "bar": (float(bar[0]), float(bar[1]))}


@pytest.mark.parametrize("name", CASES)
def test_a_claim_is_supported_where_the_bar_lies_within_the_shade(name: str) -> None:
    difference, ratio, more, supported = CASES[name]
    drawing = interval_drawing(difference, difference, "a beside b", ratio=ratio, more=more)
    root = ET.fromstring(drawing)
    found = places(drawing)
    within = found["side"][0] < found["bar"][0] and found["bar"][1] < found["side"][1]
    assert within == supported
    assert 0 <= found["bar"][0] <= found["bar"][1] <= float(root.get("width", "0"))
    assert found["side"][1] - found["side"][0] > 70  # room for its name
    assert "as claimed" in drawing


@pytest.mark.parametrize("name", CASES)
def test_the_numbers_of_the_axis_do_not_touch(name: str) -> None:
    difference, ratio, more, _ = CASES[name]
    drawing = interval_drawing(difference, [], "x", ratio=ratio, more=more)
    found = re.findall(r'<text x="([\d.]+)" y="71.0" class="mid">([^<]*)</text>', drawing)
    spans = sorted((float(x) - 3.3 * len(t), float(x) + 3.3 * len(t)) for x, t in found)
    assert all(right < left for (_, right), (left, _) in pairwise(spans))
    assert any(t == f"{int(ratio)}: equal" for _, t in found)
    assert len(found) > 1  # one number is no scale


def test_what_has_no_interval_has_no_picture() -> None:
    assert not interval_drawing((1.0, math.nan, 2.0), [], "x")
    assert not interval_drawing((1.0, math.inf, 2.0), [], "x")
    assert not interval_drawing((1.0, 0.0, 2.0), [], "x", ratio=True)
    assert not interval_drawing((1.0, 0.5, 2.0), [-1.0], "x", ratio=True)


def test_words_stay_words_and_every_class_has_a_style() -> None:
    for payload in PAYLOADS:
        drawing = interval_drawing((2.0, 1.0, 3.0), [1.5], payload)
        assert ET.fromstring(drawing).get("aria-label", "").startswith(plain(payload, 56)[:20])
    drawing = interval_drawing((2.0, 1.0, 3.0), [1.5], "x")
    classes = {name for found in re.findall(r'class="([^"]+)"', drawing) for name in found.split()}
    assert {name for name in classes if f".{name}" not in STYLE} == set()
