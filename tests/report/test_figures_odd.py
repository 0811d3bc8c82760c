"""What a picture shows of odd runs: wild ones, dead ones, and those of unequal length."""

from __future__ import annotations

import numpy as np
import pytest

from chainrule.report.figures import (
    gradient_picture,
    health_picture,
    loss_picture,
    score_picture,
)
from chainrule.report.figures_canvas import INK
from tests.report.figures_cases import recording, require_sound, run, sweep, words


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ((1, 1), "A line is one run."),
        ((5, 5), "median of the 5 runs of a setting. Band: from the lowest to the highest."),
        ((8, 9), "median of the 8 to 9 runs of a setting. Band: the middle 80 %."),
        ((2, 9), "from the lowest to the highest, or the middle 80 % of more than 7."),
    ],
)
def test_a_caption_says_what_the_bands_of_these_runs_are(
    counts: tuple[int, int], said: str
) -> None:
    runs = [run({"a": a}, r) for a, count in enumerate(counts) for r in range(count)]
    assert said in loss_picture(runs).caption


def test_one_wild_run_does_not_press_the_others_flat() -> None:
    runs = [run({"a": a}, r) for a in (1, 2) for r in range(3)]
    runs.append(run({"a": 2}, 3, level=1e10))
    picture = loss_picture(runs)
    with picture.drawn() as figure:
        top = figure.axes[0].get_ylim()[1]
    assert 1.3 < top < 100  # the highest median is about 1.2
    assert "goes on above it, up to 13G." in picture.caption
    assert "above" not in loss_picture(runs[:-1]).caption


def test_a_loss_has_its_unit() -> None:
    shown = words(loss_picture(sweep(), unit="cross-entropy, nats"))
    assert "validation loss (cross-entropy, nats)" in shown
    picture = loss_picture([run({})], unit="squared error, standardised target")
    assert "validation loss" in " ".join(require_sound(picture))  # two lines, within the picture


def test_the_runs_stand_below_their_bar_and_can_be_seen() -> None:
    with score_picture(sweep(), score="accuracy").drawn() as figure:
        lines = figure.axes[0].lines
        runs = [line for line in lines if line.get_color() == INK and line.get_marker() == "o"]
        bars = {float(np.array(line.get_ydata(), float)[0]) for line in lines if line not in runs}
        assert runs
        for line in runs:
            assert not set(np.array(line.get_ydata(), float).tolist()) & bars
            assert line.get_markersize() > 3


def test_a_gradient_of_nothing_lies_on_the_floor() -> None:
    gone = recording()
    for row in gone["snapshots"][1:]:
        for state in row["parameters"].values():
            state[1] = 0.0
    picture = gradient_picture(
        [run({"a": 1}, recording=recording()), run({"a": 2}, recording=gone)]
    )
    assert "along the floor: the gradient is 0" in picture.caption
    with picture.drawn() as figure:
        low = figure.axes[1].get_ylim()[0]
        assert (
            min(np.array(line.get_ydata(), float).min() for line in figure.axes[1].lines[:2]) == low
        )
    assert "floor" not in gradient_picture([run({"a": 1}, recording=recording())]).caption


def test_settings_of_very_different_steps_fill_their_planes() -> None:
    long = recording()
    for row in long["snapshots"]:
        row["step"] *= 16
    picture = health_picture([run({"a": 1}, recording=recording()), run({"a": 2}, recording=long)])
    assert "share of the training's steps, %" in words(picture)
    with picture.drawn() as figure:
        for plane in figure.axes[:2]:
            assert np.array(plane.lines[0].get_xdata(), float).max() == pytest.approx(100)


def test_a_network_without_such_a_layer_says_so() -> None:
    bare = recording()
    for row in bare["snapshots"]:
        row["nodes"] = {}
    runs = [run({"a": 1}, recording=recording()), run({"a": 2}, recording=bare)]
    assert {"no such layer", "steps (updates of the weights)"} <= set(words(health_picture(runs)))
    assert "no such layer" not in words(health_picture(runs[:1]))
