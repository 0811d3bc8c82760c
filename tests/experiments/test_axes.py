"""Axes: what words and values mean, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from chainrule.errors import ChainruleError, UsageError
from chainrule.experiments import Span
from chainrule.experiments.axes import axes_of, axis_of, read_axis
from chainrule.experiments.design import drawings, drawn, grid
from chainrule.experiments.result import setting_text


@pytest.mark.parametrize(
    ("words", "values"),
    [
        ("16,32", (16, 32)),
        ("16:256:2x", (16, 32, 64, 128, 256)),
        ("1e-4:1e-1:10x", (0.0001, 0.001, 0.01, 0.1)),
        ("1:5", (1, 2, 3, 4, 5)),
        ("1:9:4", (1, 5, 9)),
        ("0:0.3:0.1", (0.0, 0.1, 0.2, 0.3)),
        ("1:3,10", (1, 2, 3, 10)),
        ("relu, tanh", ("relu", "tanh")),
        ("true,none,x", (True, None, "x")),
        ("5:40:2x", (5, 10, 20, 40)),
        ("5:39:2x", (5, 10, 20)),
        ("a:b", ("a:b",)),
    ],
)
def test_words_mean_values(words: str, values: tuple[object, ...]) -> None:
    assert read_axis("axis", words) == values


@pytest.mark.parametrize(
    ("words", "span"),
    [
        ("1e-4:1e-1:log", Span(1e-4, 1e-1, log=True)),
        ("0:0.5:even", Span(0, 0.5)),
        ("1:64:log", Span(1, 64, log=True, whole=True)),
    ],
)
def test_words_mean_ranges(words: str, span: Span) -> None:
    assert read_axis("axis", words) == span


@pytest.mark.parametrize(
    "words",
    [
        *("5:1", "0.1:0.5", "1:9:0", "1:9:-1", "0:9:2x", "1:9:1x", "1:9:q", "0:1:1e-9"),
        *("1:5:log,7", "1,1", "-1:5:log"),
    ],
)
def test_ranges_that_lead_nowhere_are_refused(words: str) -> None:
    with pytest.raises(ChainruleError):
        read_axis("axis", words)


@pytest.mark.parametrize("values", [[], 3, {"a": 1}, [1, 1], [0.5, 0.5]])
def test_values_that_are_no_list_are_refused(values: object) -> None:
    with pytest.raises(ChainruleError):
        axis_of("axis", values)


def test_true_is_not_one() -> None:
    assert axis_of("axis", [True, 1]) == (True, 1)


def test_arrays_are_lists() -> None:
    assert axis_of("axis", np.array([1, 2])) == (1, 2)
    assert axis_of("axis", range(3)) == (0, 1, 2)


@pytest.mark.parametrize("axes", [None, {}, [("a", [1])]])
def test_a_sweep_needs_axes(axes: object) -> None:
    with pytest.raises(ChainruleError, match="at least one axis"):
        axes_of(axes)


def test_a_grid_refuses_a_range_to_draw_from() -> None:
    with pytest.raises(UsageError, match="needs the values"):
        grid({"a": Span(0, 1)})


def test_a_range_is_drawn_evenly_in_the_logarithm() -> None:
    span = Span(1e-4, 1e-1, log=True)
    values = np.array([drawn({"a": span}, 0, place)["a"] for place in range(400)])
    shares = np.histogram(np.log10(values), bins=3, range=(-4, -1))[0] / 400
    assert np.all(np.abs(shares - 1 / 3) < 0.08)
    assert values.min() >= 1e-4
    assert values.max() <= 1e-1


def test_what_is_drawn_is_what_a_table_shows() -> None:
    """Whoever types the number of the table gets the same bits."""
    span = Span(1e-4, 1e-1, log=True)
    for place in range(50):
        setting = drawn({"a": span}, 0, place)
        assert setting_text(setting) == f"a={setting['a']:g}"
        assert float(f"{setting['a']:g}") == setting["a"]


@pytest.mark.parametrize("log", [False, True])
def test_each_whole_number_is_drawn(log: bool) -> None:
    span = Span(1, 4, log=log, whole=True)
    assert {span.at(share) for share in np.linspace(0, 0.999, 200)} == {1, 2, 3, 4}


def test_drawn_settings_differ_and_more_of_them_begin_alike() -> None:
    axes = {"a": (1, 2, 3), "b": Span(0, 1)}
    few, many = drawings(axes, 7, 5), drawings(axes, 7, 12)
    assert many[:5] == few
    assert len({repr(setting) for setting in many}) == 12
    assert drawings(axes, 8, 5) != few


def test_no_more_settings_are_drawn_than_there_are() -> None:
    found = drawings({"a": (1, 2), "b": (1, 2)}, 0, 50)
    assert sorted((setting["a"], setting["b"]) for setting in found) == [
        (1, 1),
        (1, 2),
        (2, 1),
        (2, 2),
    ]
