"""The pages of sweeps and comparisons: conclusion first, nothing loaded, nothing hidden."""

from __future__ import annotations

import re
from html import unescape

import pytest

from chainrule.errors import UsageError
from chainrule.experiments.comparison import compared
from chainrule.experiments.outcome import Sweep
from chainrule.experiments.result import Result
from chainrule.report import sweep_page as module
from chainrule.report.style import STYLE
from chainrule.report.sweep_page import comparison_page, sweep_page
from chainrule.report.sweep_page_words import alike
from tests.report.figures_cases import ADDRESSES, recording, run, sweep
from tests.report.html import ALLOWED, PAYLOADS, Elements

DRAWN = {"g", "defs", "use", "clippath", "pattern"}


def made(rows: list[Result], *, greater_is_better: bool = True, **more: object) -> Sweep:
    axes = {name: [] for row in rows for name in row.settings}
    return Sweep(rows, "accuracy", greater_is_better, axes, held=0.25, **more)  # type: ignore[arg-type]


def require_self_contained(html: str) -> list[str]:
    """Fail where a page could load or run something; return its text."""
    elements = Elements(html)
    ids = [attributes["id"] for _, attributes in elements.found if "id" in attributes]
    assert len(ids) == len(set(ids))
    for tag, attributes in elements.found:
        assert tag in ALLOWED | DRAWN
        for name, value in attributes.items():
            assert not name.startswith("on")
            assert name not in ("src", "srcdoc", "href")
            if name == "xlink:href":
                assert (value or "")[1:] in ids
            for target in re.findall(r"url\(([^)]*)\)", value or ""):
                assert target[1:] in ids
    assert set(re.findall(r"[a-z]+://[^\"' <]*", html)) <= ADDRESSES
    assert html.count("<style") == 1
    return [word.strip() for word in elements.words if word.strip()]


def notes(html: str) -> list[str]:
    return [unescape(note) for note in re.findall(r"<li>(.*?)</li>", html)]


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the pictures out, for tests of words."""
    monkeypatch.setattr(module, "_pictures", lambda sweep, tied: [])


def heads(html: str) -> list[str]:
    return re.findall(r"<h2>(.*?)</h2>", html)


def test_the_page_of_a_sweep_concludes_first_and_holds_every_picture() -> None:
    html = sweep_page(made(sweep()), command="chainrule sweep table.csv")
    shown = require_self_contained(html)
    assert heads(html) == [
        "What the numbers say",
        "All settings",
        "Accuracy of each setting, best first",
        "Heat map: mean accuracy by learning_rate and batch_size",
        "Validation loss against steps",
        "Validation loss against seconds",
        "Gradient norm against steps",
        "All settings as lines",
        "How it was done, and how to repeat it",
    ]
    said = notes(html)
    assert said[0].startswith("batch_size=32, learning_rate=0.01 has the best mean accuracy: 0.910")
    lost = "batch_size=32, learning_rate=0.1 (1 of 3); batch_size=16, learning_rate=0.1 (3 of 3)."
    assert said[-1] == f"4 of 27 runs diverged: {lost}"
    assert "chainrule sweep table.csv" in shown
    assert html == sweep_page(made(sweep()), command="chainrule sweep table.csv")


def test_the_title_says_what_was_asked(bare: None) -> None:
    found = sweep_page(made(sweep()), title="homes.csv")
    assert "<h1>Sweep of batch_size, learning_rate: homes.csv</h1>" in found
    assert "<h1>Sweep of batch_size, learning_rate</h1>" in sweep_page(made(sweep()))
    rows = [run({"a": a}, r, score=0.8 + 0.01 * r * a) for a in (0, 1) for r in range(5)]
    said = comparison_page(compared(made(rows)), title="homes.csv")
    assert "<h1>Comparison of 2 settings: homes.csv</h1>" in said


def test_recorded_runs_add_what_was_seen_inside() -> None:
    rows = [run({"activation": a}, recording=recording(2, a)) for a in ("relu", "tanh")]
    html = sweep_page(made(rows))
    require_self_contained(html)
    assert "Share of dead units of each layer along the steps" in heads(html)
    assert "Share of saturated outputs of each layer along the steps" in heads(html)
    assert "Gradient norm of each layer along the steps" in heads(html)


def noisy(settings: dict[str, list[float]]) -> list[Result]:
    return [
        run({"a": name}, repeat, score=score - 0.01 * repeat)
        for name, scores in settings.items()
        for repeat, score in enumerate(scores)
    ]


TIED = {
    "good": [0.90, 0.92, 0.91, 0.93, 0.92, 0.90],
    "as good": [0.91, 0.91, 0.92, 0.91, 0.90, 0.91],
    "bad": [0.50, 0.52, 0.51, 0.52, 0.51, 0.49],
}


@pytest.mark.usefixtures("bare")
def test_a_difference_that_is_none_is_called_so() -> None:
    html = sweep_page(made(noisy(TIED)))
    said = notes(html)
    assert "A paired test finds it better than 1 of the 2 others." in said
    assert "Not told apart from it, with 6 runs each: a=as good." in said
    assert html.count("<td>not told apart</td>") == 1
    clear = sweep_page(made(noisy({"good": TIED["good"], "bad": TIED["bad"]})))
    assert "better than 1 of the 1 others: all that have enough runs" in notes(clear)[1]


@pytest.mark.usefixtures("bare")
def test_a_setting_that_is_better_where_it_ended_is_named() -> None:
    rows = noisy({"steady": TIED["bad"], "wild": TIED["good"]})
    rows += [run({"a": "steady"}, 6, score=0.5), run({"a": "wild"}, 6, lost=2)]
    said = notes(sweep_page(made(rows)))
    assert said[0].startswith("a=steady has the best mean")
    assert "A paired test finds it better than 0 of the 1 others." in said
    assert "Better on the runs that both ended, but not without losses: a=wild." in said


@pytest.mark.usefixtures("bare")
def test_one_run_each_proves_nothing() -> None:
    said = notes(sweep_page(made([run({"a": a}, score=a) for a in (1, 2)])))
    assert "With one run for each setting nobody can tell a difference from chance." in said


@pytest.mark.usefixtures("bare")
def test_the_best_at_the_end_of_an_axis_is_pointed_out() -> None:
    rates = [run({"rate": r}, score=r) for r in (0.1, 0.2, 0.3)]
    assert "Its rate, 0.3, is the largest that was tried: a larger one may be better." in notes(
        sweep_page(made(rates))
    )
    assert "is the smallest" in " ".join(notes(sweep_page(made(rates, greater_is_better=False))))
    middle = [run({"rate": r}, score=-abs(r - 0.2)) for r in (0.1, 0.2, 0.3)]
    assert "that was tried" not in " ".join(notes(sweep_page(made(middle))))


@pytest.mark.usefixtures("bare")
def test_lost_and_missing_runs_are_told() -> None:
    rows = [run({"a": 1}, fault="no room"), run({"a": 2}, lost=2)]
    said = notes(sweep_page(made(rows, stop_reason="interrupted", notes=("a line was cut",))))
    assert said == [
        "No run came to its end, so no setting is the best.",
        "1 of 2 runs diverged: a=2 (1 of 1).",
        "1 of 2 runs failed: a=1 (1 of 1).",
        "Reason: no room",
        "The sweep is not finished (interrupted): runs are missing.",
        "a line was cut",
    ]


@pytest.mark.usefixtures("bare")
def test_test_scores_have_a_column_only_if_there_are_some() -> None:
    rows = [run({"a": a}, test_score=0.8) for a in (1, 2)]
    assert "Its test accuracy is 0.800." in notes(sweep_page(made(rows)))
    assert "<th class=right>test accuracy</th>" in sweep_page(made(rows))
    assert "test accuracy" not in sweep_page(made([run({"a": 1})]))


def test_a_comparison_names_pairs_and_ranks() -> None:
    found = compared(made(noisy(TIED)))
    html = comparison_page(found)
    require_self_contained(html)
    assert heads(html)[:5] == [
        "What the numbers say",
        "All settings",
        "Pair by pair",
        "Accuracy of each setting, best first",
        "Mean rank by accuracy",
    ]
    assert any("is better than a=bad" in note for note in notes(html))
    assert any("A difference from a=as good is not shown" in note for note in notes(html))
    assert html.count("<td>not shown</td>") == 1
    assert {frozenset(group) for group in alike(found)} == {frozenset(("a=good", "a=as good"))}
    assert "cr.compare(" in html


def test_long_names_leave_room_for_the_numbers_beside_them() -> None:
    long = "a name that is so long that nobody would ever want to write it anywhere at all"
    html = comparison_page(compared(made(noisy({long: [0.9, 0.8, 0.7], "b": [0.5, 0.6, 0.1]}))))
    cells = re.findall(r"<td[^>]*>([^<]*)</td>", html)
    assert max(len(cell) for cell in cells if cell.startswith("a=a name")) <= 48


def test_a_phone_scrolls_pictures_of_matplotlib_and_keeps_their_letters() -> None:
    narrow = STYLE[STYLE.index("@media (max-width: 36rem)") : STYLE.index("@media print")]
    assert "figure { overflow-x: auto; } svg[stroke-linejoin] { min-width: 40rem; }" in narrow
    html = sweep_page(made(sweep()))
    wide = [
        tag
        for tag in re.findall("<svg[^>]*>", html)
        if int(re.findall(r'width="(\d+)', tag)[0]) > 400
    ]
    assert wide
    assert all("stroke-linejoin" in tag for tag in wide)


def test_nothing_of_the_caller_becomes_markup() -> None:
    hostile = PAYLOADS[:4]
    rows = [
        run({PAYLOADS[4]: value, "b": b}, fault=value * (b == 3))
        for value in hostile
        for b in (1, 2, 3)
    ]
    text = sweep_page(
        Sweep(rows, PAYLOADS[1], True, {PAYLOADS[0]: hostile}, notes=(PAYLOADS[2],)),
        title=PAYLOADS[0],
        command=PAYLOADS[3],
        facts={PAYLOADS[0]: PAYLOADS[1]},
    )
    shown = " ".join(require_self_contained(text))
    assert all(payload in shown for payload in hostile)
    pages = comparison_page(compared(made(rows)), title=PAYLOADS[1], command=PAYLOADS[3])
    require_self_contained(pages)


@pytest.mark.usefixtures("bare")
def test_a_large_table_says_what_it_leaves_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_ROWS", 2)
    html = sweep_page(made([run({"a": a}, score=a) for a in range(4)]))
    assert "2 more settings, all worse, are left out." in html


@pytest.mark.usefixtures("bare")
def test_no_run_makes_no_page() -> None:
    with pytest.raises(UsageError, match="no run"):
        sweep_page(made([]))
