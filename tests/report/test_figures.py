"""Every picture of experiments is opened: well-formed, labelled, within its borders, and true."""

from __future__ import annotations

import builtins
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from chainrule.errors import DataError, MissingExtraError, OutputExistsError, UsageError
from chainrule.report import figures_groups
from chainrule.report.figures import (
    Picture,
    gradient_picture,
    health_picture,
    heat_axes,
    heat_picture,
    loss_picture,
    rank_picture,
    score_picture,
    settings_picture,
)
from chainrule.report.figures_canvas import FIRST, INK, plain
from tests.report.figures_cases import RNG, recording, require_sound, run, sweep, words
from tests.report.html import PAYLOADS

RECORDED = [run({"activation": "relu"}, r, recording=recording()) for r in (0, 1)]

PICTURES: dict[str, tuple[Callable[[], Picture], set[str]]] = {
    "loss": (
        lambda: loss_picture(sweep()),
        {"steps (updates of the weights)", "validation loss", "batch_size 16", "0.01"},
    ),
    "loss by seconds": (
        lambda: loss_picture(sweep(), across="seconds"),
        {"seconds of training", "0.1: 3 of 3 diverged", "0.1: 1 of 3 diverged"},
    ),
    "heat": (
        lambda: heat_picture(sweep(), score="accuracy"),
        {"learning_rate", "batch_size", "0.910", "3/3 diverged", "1/3 diverged"},
    ),
    "scores": (
        lambda: score_picture(sweep(), score="accuracy"),
        {"accuracy (more is better)", "0.910, best", "3 of 3 diverged"},
    ),
    "ranks": (
        lambda: rank_picture({"relu": [0.9, 0.8, 0.9], "tanh": [0.8, 0.7, np.nan]}),
        {"relu", "tanh (1 without a score)", "1.00", "2.00"},
    ),
    "settings": (
        lambda: settings_picture(sweep(), score="accuracy"),
        {"batch_size", "learning_rate", "accuracy", "0.910", "no score"},
    ),
    "gradients": (
        lambda: gradient_picture(RECORDED),
        {"gradient norm of each layer", "dense_1.W", "dense_2.W"},
    ),
    "gradients of histories": (lambda: gradient_picture(sweep()), {"gradient norm"}),
    "dead": (
        lambda: health_picture(RECORDED),
        {"share of dead units of each layer, %", "relu_1", "relu_2"},
    ),
    "saturated": (
        lambda: health_picture(RECORDED, what="saturated"),
        {"share of saturated outputs of each layer, %"},
    ),
}


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_is_sound_and_labelled(name: str) -> None:
    make, labels = PICTURES[name]
    assert labels <= set(require_sound(make()))


@pytest.mark.parametrize("name", ["loss", "heat", "scores"])
def test_the_same_numbers_give_the_same_bytes(name: str) -> None:
    make, _ = PICTURES[name]
    assert make().svg() == make().svg()
    assert make().drawing(1) == make().drawing(1)


def test_a_page_gives_its_colours_and_ids_do_not_meet() -> None:
    picture = PICTURES["heat"][0]()
    first, second = picture.drawing(1), picture.drawing(2)
    assert "var(--ink)" in first
    assert INK not in first
    assert FIRST not in PICTURES["loss"][0]().drawing()
    ids = [set(re.findall(r' id="([^"]*)"', drawing)) for drawing in (first, second)]
    assert ids[0]
    assert not ids[0] & ids[1]


def test_png_and_files(tmp_path: Path) -> None:
    picture = PICTURES["heat"][0]()
    png = picture.png(scale=1.0)
    assert png.startswith(b"\x89PNG")
    size = int.from_bytes(png[16:20], "big"), int.from_bytes(png[20:24], "big")
    assert size == (picture.width, picture.height)
    assert picture.save(tmp_path / "a.svg").read_text(encoding="utf-8") == picture.svg()
    assert picture.save(tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(OutputExistsError):
        picture.save(tmp_path / "a.svg")
    with pytest.raises(UsageError, match="SVG or PNG"):
        picture.save(tmp_path / "a.pdf")


def test_no_text_becomes_markup_or_mathematics() -> None:
    hostile = [*PAYLOADS, "$\\frac{a}{b}$", "100 % \\ {x}", "字 🙂", "\ud800", ""]
    runs = [run({"a": value, PAYLOADS[0]: b}) for value in hostile[:3] for b in (1, 2)]
    pictures = [
        loss_picture(runs),
        score_picture(runs, score=PAYLOADS[1]),
        settings_picture(runs, score="\ud800"),
        heat_picture([run({"a": a, PAYLOADS[1]: b}) for a in "xy" for b in hostile[1:9]]),
        rank_picture({payload: [k, k + 1.0] for k, payload in enumerate(hostile)}),
    ]
    for picture in pictures:
        text = picture.svg()
        assert "<script" not in text
        assert "<img" not in text
        assert "<!--" not in text
    shown = words(pictures[4])
    assert {plain(payload) for payload in hostile} - {""} <= set(shown)
    assert "$\\frac{a}{b}$" in shown


def test_where_a_run_diverged_stands_a_cross() -> None:
    settings = [run({"a": "x"}), run({"a": "x"}, 1, lost=3), run({"a": "y"}, lost=1)]
    shown = words(loss_picture(settings))
    assert "x: 1 of 2 diverged" in shown
    assert "y: 1 of 1 diverged" in shown
    whole = loss_picture([run({"a": "x"}), run({"a": "x"}, 1), run({"a": "y"})]).svg()
    assert loss_picture(settings).svg().count("<use") > whole.count("<use")


def test_failed_runs_are_counted_too() -> None:
    runs = [run({"a": "x"}), run({"a": "y"}, fault="no such layer")]
    assert "1 of 1 failed" in words(score_picture(runs))
    assert "y: 1 of 1 failed" in words(loss_picture(runs))
    assert "1/1 failed" in words(
        heat_picture(
            [run({"a": a, "b": b}, fault="x" * (a * b == 4)) for a in (1, 2) for b in (1, 2)]
        )
    )


def test_a_setting_that_lost_runs_stands_below_one_that_did_not() -> None:
    runs = [
        run({"a": "weak"}, score=0.5),
        run({"a": "lost"}, score=0.9),
        run({"a": "lost"}, 1, lost=2),
    ]
    shown = words(score_picture(runs))
    assert shown.index("0.500, best") < shown.index("0.900, 1 of 2 diverged")


def test_a_wide_interval_makes_no_powers_of_ten() -> None:
    """Its lower end may be near 0 while the scores lie between 0.4 and 0.64."""
    runs = [run({"a": 1}, repeat, score=score) for repeat, score in enumerate((0.4, 0.55, 0.64))]
    group = figures_groups.groups_of(runs)[0]
    reaches = {held: group.interval(held) for held in np.arange(0, 2, 0.01).tolist()}
    held = next(held for held, (low, high) in reaches.items() if 0 < low < high / 20)
    marks = words(score_picture(runs, held=held))
    assert {"0.4", "0.6", "0.8"} <= set(marks)
    assert "0.03" not in marks


def test_the_best_goes_by_the_direction_of_the_score() -> None:
    runs = [run({"a": a, "b": b}, score=a * b) for a in (1, 2) for b in (1, 2)]
    assert "4.000, best" in words(score_picture(runs))
    assert "1.000, best" in words(score_picture(runs, greater_is_better=False))
    up, down = (heat_picture(runs, greater_is_better=way).svg() for way in (True, False))
    assert up != down


def test_a_heat_map_is_as_dark_in_grey_as_in_colour() -> None:
    runs = [run({"a": a, "b": b}, score=a + 10 * b) for a in range(5) for b in range(5)]
    cells = re.findall(r'<path d="[^"]*"[^>]*style="fill: #(\w{6})"', heat_picture(runs).svg())
    grey = [
        np.dot([int(c[k : k + 2], 16) for k in (0, 2, 4)], [0.299, 0.587, 0.114]) for c in cells
    ]
    shades = [shade for shade in grey if shade < 250][:25]
    order = [a + 10 * b for a in range(5) for b in range(5)]
    assert len(shades) == 25
    assert (np.diff(np.array(shades)[np.argsort(order)]) < 0).all()


def test_numbers_far_apart_get_powers_of_ten() -> None:
    shown = words(loss_picture([run({}, level=100.0, epochs=40)]))
    assert {"3", "10", "30", "100"} <= set(shown) or {"10", "100"} <= set(shown)
    assert {"1", "2"} & set(words(loss_picture([run({}, level=2.0, epochs=3)])))


def test_a_band_goes_from_the_lowest_to_the_highest_run() -> None:
    from chainrule.report.figures_groups import curve_of, groups_of

    (group,) = groups_of([run({}, repeat, epochs=4) for repeat in range(3)])
    curve = curve_of(group, "validation_loss", "seconds")
    assert curve is not None
    assert curve.place.tolist() == [0.5, 1.0, 1.5, 2.0]
    assert curve.low.tolist() == pytest.approx([1.0, 0.5, 1 / 3, 0.25])
    assert curve.middle.tolist() == pytest.approx([1.1, 0.55, 1.1 / 3, 0.275])
    assert curve.high.tolist() == pytest.approx([1.2, 0.6, 0.4, 0.3])


def test_only_the_longest_runs_of_a_setting_are_drawn() -> None:
    from chainrule.report.figures_groups import groups_of

    runs = [run({"a": 1}, epochs=2, score=0.1), run({"a": 1}, epochs=6), run({"a": 2}, epochs=2)]
    assert [len(group.runs) for group in groups_of(runs)] == [1, 1]
    assert "0.9000, best" in words(score_picture(runs))


def test_many_settings_stay_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    wide = [run({"width": w, "rate": r}, score=w * r) for w in range(6) for r in range(7)]
    shown = require_sound(loss_picture(wide))
    assert "lines by rate" in " ".join(shown)
    assert shown.count("6") == 6
    assert "only" in score_picture(wide).caption
    monkeypatch.setattr(figures_groups, "MOST_PANELS", 5)
    assert "7 settings, none better than those shown, are left out." in loss_picture(wide).caption


def test_settings_drawn_at_random_get_a_plane_each_best_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(figures_groups, "MOST_ALONE", 6)
    drawn = [run({"rate": 0.1 / (k + 1), "depth": k}, score=k, lost=3 * (k == 7)) for k in range(8)]
    picture = loss_picture(drawn)
    shown = require_sound(picture)
    titles = [said for said in shown if said.startswith("rate")]
    assert titles[0] == "rate 0.01429, depth 6"
    assert len(titles) == 6
    gone = "2 settings, none better than those shown, are left out; 1 of their runs diverged"
    assert gone in picture.caption
    require_sound(settings_picture(drawn))
    assert heat_axes(drawn) is None
    drawn += [run({"rate": 1e-9 * k, "depth": 9}) for k in range(9)]
    with pytest.raises(DataError, match="two axes"):
        heat_picture(drawn)


def test_deep_networks_name_their_first_and_last_layer() -> None:
    deep = [run({"activation": a}, recording=recording(9)) for a in ("relu", "tanh")]
    shown = require_sound(gradient_picture(deep))
    assert shown.count("dense_1.W") == shown.count("dense_9.W") == 2
    assert "dense_5.W" not in shown


def test_many_recorded_settings_show_the_best_of_each_activation() -> None:
    runs = [
        run({"activation": a, "width": w}, score=w / 10, recording=recording(2, a))
        for a in ("relu", "tanh")
        for w in range(1, 9)
    ]
    picture = health_picture(runs)
    assert "best setting" in picture.caption
    assert sum("width 8" in said for said in words(picture)) == 2


def test_ranks_that_do_not_differ_are_joined() -> None:
    close = {name: (RNG.normal(size=8) * 0.1).tolist() for name in "abc"}
    assert "not told apart" in require_sound(rank_picture(close))
    apart = {name: [place + 0.01 * k for k in range(12)] for place, name in enumerate("ab")}
    picture = rank_picture(apart)
    assert "not told apart" not in words(picture)
    assert "All settings differ" in picture.caption
    assert "not told apart" in words(rank_picture(apart, same=[["a", "b"]]))


ODD: list[tuple[Callable[[], Any], type[Exception]]] = [
    (lambda: loss_picture([]), DataError),
    (lambda: loss_picture([run({})], column="no such"), DataError),
    (lambda: score_picture([]), DataError),
    (lambda: heat_picture([run({"a": 1})]), DataError),
    (lambda: settings_picture([run({"a": 1})]), DataError),
    (lambda: health_picture([run({})]), DataError),
    (lambda: rank_picture({"a": [1.0]}), DataError),
    (lambda: rank_picture({"a": [1.0], "b": [1.0, 2.0]}), DataError),
]


@pytest.mark.parametrize("place", range(len(ODD)))
def test_what_cannot_be_drawn_is_refused_at_once(place: int) -> None:
    make, error = ODD[place]
    with pytest.raises(error):
        make()


SCARCE = {
    "one run": [run({})],
    "one epoch": [run({"a": 1}, epochs=1), run({"a": 2}, epochs=1)],
    "all diverged": [run({"a": a}, r, lost=2) for a in (1, 2) for r in (0, 1)],
    "diverged at once": [run({"a": a}, lost=1) for a in (1, 2)],
    "huge": [run({"a": a}, score=1e300 * a, level=1e300) for a in (1, 2)],
    "equal": [run({"a": a}, score=0.0) for a in (1, 2, 3)],
    "negative": [run({"a": a}, score=-a, level=-1.0) for a in (1, 2)],
    "none and text": [run({"a": a}) for a in (None, True, "x" * 90, 3.0)],
}


@pytest.mark.parametrize("name", SCARCE)
def test_scarce_and_odd_runs_are_drawn(name: str) -> None:
    runs = SCARCE[name]
    require_sound(loss_picture(runs))
    require_sound(score_picture(runs))
    if name != "one run":
        require_sound(settings_picture(runs))


def test_without_matplotlib_the_message_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = builtins.__import__

    def without(name: str, *more: Any) -> Any:
        if name.startswith("matplotlib"):
            raise ImportError(name)
        return real(name, *more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtraError, match="chainrule\\[cli\\]"):
        loss_picture([run({})]).svg()
