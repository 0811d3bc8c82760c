"""The depth experiment: what the notes say of slopes, and what happens in fact."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from itertools import pairwise
from typing import Any

import pytest

from chainrule.errors import InvalidParameterError
from chainrule.glass.depth import SCHEMES, depth_experiment
from chainrule.report.depth_chart import depth_chart


def share(activation: str, scheme: str, depth: int) -> float:
    (point,) = depth_experiment((depth,), (activation,), (scheme,), width=32, seeds=1).points
    return point.gradient


def test_sigmoid_loses_a_factor_of_four_a_layer() -> None:
    (point,) = depth_experiment((20,), ("sigmoid",), ("Xavier",), width=32, seeds=1).points
    assert 0.15 < point.slopes ** (1 / 20) < 0.25
    assert point.gradient == pytest.approx(point.slopes, rel=10)
    assert point.gradient < 1e-11


def test_he_keeps_what_xavier_loses_before_relu() -> None:
    assert 0.02 < share("relu", "He", 30) < 50
    assert share("relu", "Xavier", 30) < 1e-3


def test_norms_and_skips_keep_sigmoid_gradients() -> None:
    assert share("sigmoid", "batch norm", 30) > 0.02
    assert 0.1 < share("sigmoid", "residual", 30) < 100


def test_the_slopes_of_relu_are_half_ones() -> None:
    (point,) = depth_experiment((10,), ("relu",), ("He",), width=64, seeds=2).points
    assert point.slopes == pytest.approx(0.5**5, rel=0.5)


def test_the_report_has_a_point_for_each_combination() -> None:
    report = depth_experiment((2, 3), ("tanh", "relu"), width=4, rows=8, seeds=1)
    assert len(report.points) == 2 * 2 * len(SCHEMES)
    assert report.to_dict()["points"][0]["activation"] == "tanh"
    assert [point.depth for point in report.line("relu", "He")] == [2, 3]


@pytest.mark.parametrize(
    "change", [{"depths": (0,)}, {"width": 0}, {"rows": 1}, {"seeds": 0}, {"schemes": ("Hee",)}]
)
def test_bad_values_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(InvalidParameterError):
        depth_experiment(**change)


def test_the_picture_reads_in_grey() -> None:
    lines = {name: [(2.0, 0.5), (50.0, 10.0**-place)] for place, name in enumerate(SCHEMES)}
    text = depth_chart({"tanh": lines, "relu": lines}, {"tanh": [(2, 0.5), (50, 1e-30)]})
    root = ET.fromstring(text)
    strokes = {
        path.get("stroke-dasharray", "")
        for path in root.iter("{http://www.w3.org/2000/svg}path")
        if path.get("fill") == "none"
    }
    assert len(strokes) == len(SCHEMES)
    words = [entry.text for entry in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {"tanh", "relu", "layers", *SCHEMES} <= set(words)
    assert "nan" not in text
    assert "http://www.w3.org" in text


def test_names_at_the_ends_do_not_cover_each_other() -> None:
    lines = {name: [(2.0, 1.0), (50.0, 1.0)] for name in SCHEMES}
    root = ET.fromstring(depth_chart({"tanh": lines}, {}))
    places = sorted(
        float(entry.get("y", "0"))
        for entry in root.iter("{http://www.w3.org/2000/svg}text")
        if entry.text in SCHEMES
    )
    assert all(low + 12 <= high for low, high in pairwise(places))
