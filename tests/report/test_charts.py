"""The pictures show the numbers that they were given, and survive odd ones."""

from __future__ import annotations

import re

import numpy as np
import pytest

from chainrule.report import (
    bar_chart,
    confusion_chart,
    histogram,
    line_chart,
    residual_chart,
    scatter_chart,
)
from chainrule.report.bars import MOST_CELLS
from chainrule.report.svg import Plane, ticks


def paths(drawing: str, kind: str) -> list[str]:
    return re.findall(rf'<path class="{kind}" d="([^"]*)"', drawing)


def test_a_line_has_a_gap_where_a_number_is_not_finite() -> None:
    drawing = line_chart({"loss": [1.0, 2.0, np.nan, 3.0, 4.0]}, "epoch")
    assert paths(drawing, "line line-0")[0].count("M") == 2
    assert "nan" not in drawing
    assert line_chart({"loss": [1.0]}, "epoch") == ""
    assert line_chart({"loss": [np.nan, np.inf]}, "epoch") == ""


def test_losses_far_apart_get_a_logarithmic_axis() -> None:
    drawing = line_chart({"loss": [100.0, 10.0, 1.0]}, "epoch")
    heights = [float(y) for y in re.findall(r" (\d+\.\d)", paths(drawing, "line line-0")[0])]
    assert heights[1] - heights[0] == pytest.approx(heights[2] - heights[1], abs=0.2)
    drawing = line_chart({"loss": [3.0, 2.0, 1.0]}, "epoch")
    assert ">2<" in drawing
    assert "nan" not in line_chart({"loss": [0.0, 1000.0, 1.0]}, "epoch")


def test_thinned_rows_keep_their_place() -> None:
    drawing = line_chart({"loss": [1.0, 2.0, 3.0]}, "epoch", steps=[1.0, 50.0, 101.0])
    first, middle, last = re.findall(r"[ML](\d+\.\d) ", paths(drawing, "line line-0")[0])
    assert float(middle) - float(first) == pytest.approx((float(last) - float(first)) * 0.49)


@pytest.mark.parametrize(
    ("low", "high"), [(0, 1), (-3, 5), (1e-9, 2e-9), (0, 1e12), (14_999, 500_001), (-1e300, 1e300)]
)
def test_ticks_lie_inside(low: float, high: float) -> None:
    found = ticks(low, high)
    assert 2 <= len(found) <= 7
    assert all(low <= value <= high for value in found)


@pytest.mark.parametrize(("low", "high"), [(1e-6, 1e3), (0.7, 60.0), (1.0, 1e300)])
def test_logarithmic_ticks_lie_inside(low: float, high: float) -> None:
    frame = "".join(Plane((0, 1), (low, high), log=True).frame("", ""))
    assert frame.count('class="grid"') >= 2
    assert "nan" not in frame


def test_constant_and_huge_numbers_are_drawn() -> None:
    for values in (np.ones(30), np.linspace(-1, 1, 30) * 1e300):
        for drawing in (
            line_chart({"loss": values.tolist()}, "epoch"),
            scatter_chart(values, values, "y"),
            residual_chart(values, values, "y"),
        ):
            assert "nan" not in drawing
            assert "inf" not in drawing
    assert scatter_chart(np.zeros(0), np.zeros(0), "y") == ""
    assert residual_chart(np.zeros(0), np.zeros(0), "y") == ""


def test_many_rows_make_few_dots() -> None:
    values = np.random.default_rng(0).normal(size=20_000)
    (dots,) = paths(scatter_chart(values, values, "y"), "dots")
    assert dots.count("M") == 1500


def test_bars_go_to_both_sides() -> None:
    drawing = bar_chart(["up", "down"], [2.0, -1.0], [0.0, 0.0])
    left = [float(x) for x in re.findall(r'class="bar" x="([\d.]+)"', drawing)]
    width = [float(x) for x in re.findall(r'class="bar".*?width="([\d.]+)"', drawing)]
    assert left[0] == pytest.approx(left[1] + width[1], abs=0.2)
    assert width[0] == pytest.approx(2 * width[1], abs=0.3)
    assert bar_chart([], [], []) == ""
    assert "nan" not in bar_chart(["same"], [0.0], [0.0])


def test_a_long_name_is_cut_and_whole_in_its_tooltip() -> None:
    name = "a column with a name that does not fit"
    drawing = bar_chart([name], [1.0], [0.0])
    assert f"<title>{name}</title>" in drawing
    assert "does…" not in drawing
    assert "…" in drawing


def test_a_confusion_matrix_is_shaded_by_rows() -> None:
    drawing = confusion_chart(np.array([[3, 1], [0, 100]]), ["a", "b"])
    shades = [float(shade) for shade in re.findall(r'fill-opacity="([\d.]+)"', drawing)]
    assert shades[0] == pytest.approx(0.04 + 0.9 * 0.75, abs=1e-3)
    assert shades[2] == pytest.approx(0.04)
    assert "a, predicted b: 1" in drawing
    assert ">100<" in drawing


@pytest.mark.parametrize("size", [13, MOST_CELLS])
def test_a_large_confusion_matrix_has_tooltips_instead_of_numbers(size: int) -> None:
    labels = [f"c{place}" for place in range(size)]
    drawing = confusion_chart(np.eye(size, dtype=int) * 7, labels)
    assert "c1, predicted c1: 7" in drawing
    assert ">7<" not in drawing
    assert confusion_chart(np.eye(MOST_CELLS + 1, dtype=int), ["x"] * (MOST_CELLS + 1)) == ""


def test_a_small_histogram() -> None:
    assert histogram([0.0, 2.0, 1.0]).count("z") == 2
    assert histogram([]) == ""
    assert histogram([0.0]) == ""
