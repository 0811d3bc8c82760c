"""Pages of sweeps that went oddly: nobody is best, many are, or some trained longer than others."""

from __future__ import annotations

import math
import re
from html import unescape

import numpy as np
import pytest

from chainrule.experiments.comparison import compared
from chainrule.experiments.outcome import Sweep
from chainrule.experiments.recipes.evidence import Evidence
from chainrule.experiments.recipes.tables import grid_sheet
from chainrule.experiments.recipes.task import Facts
from chainrule.experiments.result import Result
from chainrule.report.figures import heat_picture, score_picture, settings_picture
from chainrule.report.sweep_page import comparison_page, sweep_page
from chainrule.report.sweep_page_words import alike
from tests.report.figures_cases import require_sound, run, words


def made(rows: list[Result]) -> Sweep:
    axes = {name: [] for row in rows for name in row.settings}
    return Sweep(rows, "accuracy", True, axes, held=0.25)


def notes(html: str) -> str:
    return " ".join(unescape(note) for note in re.findall(r"<li>(.*?)</li>", html))


def lines(html: str, head: str) -> list[list[str]]:
    """Return the cells of a table, line by line."""
    part = html.partition(f"<h2>{head}</h2>")[2].partition("</table>")[0]
    found = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", line) for line in part.split("<tr>")[1:]]
    return [[unescape(cell) for cell in line] for line in found]


NAMES = ("good", "fair", "long name of a setting with many words in it", "gone")


def lossy() -> Sweep:
    """Return three settings with scores, and one whose runs all diverged."""
    scores = (0.9, 0.8, 0.5)
    rows = [
        run({"setting": name}, r, score=s)
        for name, s in zip(NAMES, scores, strict=False)
        for r in range(6)
    ]
    return made(rows + [run({"setting": "gone"}, r, lost=2) for r in range(6)])


def test_a_setting_without_a_score_is_not_called_as_good_as_the_best() -> None:
    found = compared(lossy())
    html = comparison_page(found)
    assert {line[0]: line[-1] for line in lines(html, "All settings")}["gone"] == ""
    assert "not told apart from the best, 6 of 6" not in html
    assert all("gone" not in names for names in alike(found))
    pairs = lines(html, "Pair by pair")
    assert {line[-1] for line in pairs if "gone" in line[:2]} == {"too few runs"}
    assert {line[-1] for line in pairs if "gone" not in line[:2]} - {"differ"} <= {
        "yes",
        "not shown",
    }


def test_long_names_leave_room_for_whether_a_pair_differs() -> None:
    """Both names may be broken; else the last column stood beyond the page."""
    html = comparison_page(compared(lossy()))
    cells = re.findall(r"<td class=wrap>(.*?)</td>", html)
    assert set(cells) <= {*NAMES}
    assert len(cells) == 6
    assert re.search(r"td\.wrap \{ white-space: normal; min-width", html)


def tied() -> list[Result]:
    rates, sizes = (0.3, 0.1, 0.2), (32, 16)
    settings = [{"rate": rate, "size": size} for rate in rates for size in sizes]
    return [run(setting, repeat) for setting in settings for repeat in range(3)]


def test_of_equal_settings_the_pictures_name_the_one_that_the_table_names() -> None:
    sweep = made(tied())
    assert (sweep.best.settings, len(sweep.also_best())) == ({"rate": 0.3, "size": 32}, 5)
    shown = words(score_picture(sweep.rows))
    rows = [word for word in shown if word.startswith("rate ")]
    assert rows[0] == "rate 0.3, size 32"
    said = notes(sweep_page(sweep))
    assert "3 runs), and so have 5 other settings." in said
    assert "the largest that was tried" not in said  # nor the smallest: all are as good


def test_a_comparison_says_who_has_the_best_mean_too() -> None:
    rows = [
        run({"setting": name}, r, score=s)
        for name, s in (("x", 0.9), ("y", 0.9), ("z", 0.7))
        for r in range(3)
    ]
    assert "x has the best mean accuracy, 0.91, the same as y." in compared(made(rows)).conclusion()


def test_where_epochs_are_an_axis_the_best_is_not_the_longest() -> None:
    rows = [run({"epochs": n}, r, epochs=n, score=1 / n) for n in (2, 4, 8) for r in range(3)]
    assert made(rows).best.settings == {"epochs": 2}
    shown = words(score_picture(rows))
    assert next(word for word in shown if word in ("2", "4", "8")) == "2"
    said = notes(sweep_page(made(rows)))
    assert "trained for fewer epochs" not in said


def test_settings_that_trained_for_fewer_epochs_are_said_to() -> None:
    rows = [run({"a": "early"}, r, epochs=2, score=0.95) for r in range(2)]
    rows += [
        run({"setting": name}, r, epochs=6, score=0.9) for name in ("x", "y") for r in range(2)
    ]
    html = sweep_page(made(rows))
    assert "1 setting of 3 trained for fewer epochs (2 instead of 6)" in notes(html)
    table = lines(html, "All settings")
    place = table[0].index("epochs")
    assert [line[place] for line in table[1:]] == ["6", "6", "2"]
    assert "epochs" not in lines(sweep_page(made(tied())), "All settings")[0]


def test_where_every_run_diverged_nobody_is_best() -> None:
    rows = [run({"a": a, "b": b}, r, lost=1) for a in (1, 2) for b in (1, 2) for r in range(2)]
    html = sweep_page(made(rows))
    assert "no run came to its end" in html
    assert "a=1, b=1</span>" not in html
    assert "strong" not in settings_picture(rows).caption
    assert "dashed line" not in score_picture(rows).caption.lower()


def test_one_repeat_tells_nothing_of_ranks() -> None:
    """No pair is tested, so no bar can say that a test found no difference."""
    found = compared(
        made([run({"setting": name}, score=s) for name, s in (("x", 0.9), ("y", 0.8))])
    )
    html = comparison_page(found)
    assert "Mean rank" not in html
    assert {line[-1] for line in lines(html, "All settings")} == {"", "best"}
    assert {line[-1] for line in lines(html, "Pair by pair")} == {"differ", "too few runs"}
    assert "Mean rank" in comparison_page(compared(lossy()))


def test_one_setting_is_not_called_settings() -> None:
    html = sweep_page(made([run({"a": 1})]))
    assert "1 setting, 1 run, compared" in html
    assert "1 settings" not in html
    assert "1 runs" not in html


def test_the_line_above_a_narrow_picture_is_not_cut_off() -> None:
    rows = [run({"a": a, "b": b}, r, lost=1) for a in (1, 2) for b in (1, 2) for r in range(2)]
    picture = heat_picture(rows, score="balanced_accuracy")
    assert picture.width < 450
    sizes = [len(word) * 6.4 for word in words(picture)]
    assert max(sizes) <= picture.width


@pytest.mark.parametrize(("runs", "cut"), [(2, True), (6, False)])
def test_an_interval_of_two_runs_does_not_press_the_runs_flat(runs: int, cut: bool) -> None:
    """Student's t of one degree is 12.7: accuracies from -1 to 2 hide where the runs are."""
    scores = [(0.70, 0.90), (0.60, 0.61), (0.55, 0.56)]
    rows = [
        Result({"a": place}, r, r, r, pair[r % 2])
        for place, pair in enumerate(scores)
        for r in range(runs)
    ]
    picture = score_picture(rows, score="accuracy", held=0.25)
    assert ("leaves the plane" in picture.caption) == cut
    with picture.drawn() as figure:
        left, right = figure.axes[0].get_xlim()
    assert 0.35 < right - left < (2.0 if cut else 1.0)
    assert left < 0.55 < 0.90 < right
    low, high = made(rows).table()[0].low, made(rows).table()[0].high
    assert math.isfinite(low)
    assert (high - low > 3) == cut


@pytest.mark.parametrize("sign", [1, -1])
def test_one_wild_setting_does_not_press_the_others_into_one_place(sign: int) -> None:
    """An r2 may be -3000 without one number that is not finite."""
    means = {(1, 1): 0.9, (1, 2): 0.8, (2, 1): -0.2, (2, 2): -3000.0}
    rows = [
        Result({"a": a, "b": b}, r, r, r, sign * (mean + 0.01 * r))
        for (a, b), mean in means.items()
        for r in range(3)
    ]
    told = {"score": "r2", "greater_is_better": sign > 0}
    picture = score_picture(rows, **told)
    assert "Arrow: the mean lies beyond the plane." in picture.caption
    assert any(word.startswith("-3000" if sign > 0 else "3000") for word in require_sound(picture))
    with picture.drawn() as figure:
        assert np.ptp(figure.axes[0].get_xlim()) < 10
    with heat_picture(rows, **told).drawn() as figure:
        cells = {found.get_facecolor() for found in figure.axes[0].patches if found.get_fill()}
    assert len(cells) == 4  # as dark as the means are good
    usual = [row for row in rows if sign * row.score > -100]
    assert "Arrow" not in score_picture(usual, **told).caption


def test_a_recipes_grid_says_where_all_runs_diverged() -> None:
    """A guess's score in its place reads as if the network had learned nothing."""
    arms = [{"batch": b, "rate": r} for b in (16, 32) for r in (0.1, 9.0)]
    runs = [run(arm, n, lost=int(arm["rate"] == 9.0)) for arm in arms for n in range(2)]
    facts = Facts("made", "r2", 150, 100, 25, 25, 3, 1, 0.0, 1.0, "squared_error")
    evidence = Evidence(facts, tuple(runs))
    down, across = ("batch", (16, 32)), ("rate", (0.1, 9.0))
    sheet = grid_sheet(evidence, "scores", down, across, evidence.score)
    assert [row[-1] for row in sheet.rows] == ["diverged", "diverged"]
    assert "counts as a network that guesses" in sheet.note
