"""The recipes: each gives a conclusion from its own numbers, the same over three seeds."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from xml.etree import ElementTree as ET

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import DataError, InvalidParameterError, UnknownNameError, UsageError
from chainrule.experiments.recipes import RECIPES
from chainrule.experiments.recipes.depth_picture import depth_picture
from chainrule.experiments.recipes.evidence import DIRECTIONS, Evidence, compared
from chainrule.experiments.recipes.report import LabReport
from chainrule.experiments.recipes.tables import arm_sheet
from chainrule.experiments.recipes.task import Facts
from chainrule.experiments.recipes.valley import rosenbrock, start_of, walks
from chainrule.experiments.recipes.valley_picture import valley_picture
from chainrule.experiments.recipes.verdicts import verdict_of
from chainrule.experiments.result import Result
from chainrule.maths.optimizers import SGD, Adam

HELD = {
    "batch-and-rate": {
        "at rate 0.01, batch 16 learns more in as many epochs than batch 256": "supported",
        "at rate 0.01, the loss of batch 16 wobbles more than that of batch 256": "supported",
    },
    "activations": {
        "ReLU learns in fewer epochs than sigmoid": "supported",
        "after as many epochs, ReLU errs less than sigmoid": "supported",
        "ReLU ends with a better score than tanh": "no difference",
        "at the start, sigmoid lets less of the gradient through than ReLU": "supported",
        "ReLU switches off more of its values than tanh saturates": "supported",
    },
    "warmup": {
        "at large rates (0.1, 0.2, 0.3), warm-up ends with a better score": "supported",
        "at the small rate 0.02, warm-up ends with a lower loss": "not supported",
    },
    "relu-gradients": {
        "for MSE, backpropagation gives the derivative of the loss in all four gradients": (
            "supported"
        ),
        "a hidden unit that is off (Z <= 0) passes no gradient back for that row": "supported",
    },
    "regularisers": {
        "an L2 penalty narrows the gap between training and validation score": "supported",
    },
    "initialisers": {
        "He's weights learn, and zeros do not": "supported",
        "with ReLU, He's weights learn faster than Glorot's": "supported",
    },
    "depth": {
        "with sigmoid, less of the gradient is left after 20 layers than after 2": "supported",
        "20 sigmoid layers learn better with batch norm than without": "supported",
    },
    "optimizers": {
        "in the valley, momentum needs fewer steps than SGD": "supported",
        "on data, Adam learns faster than SGD at first": "supported",
        "on data, Adam ends with a better score than momentum": "no difference",
    },
    "batch-gd-vs-sgd": {
        "in as many epochs, mini-batches learn more than whole batches": "supported",
        "single rows test better than mini-batches": "no difference",
    },
    "large-batch": {
        "at one rate, small batches end with a lower loss: there is a gap": "supported",
        "a rate scaled with the batch, behind a warm-up, ends lower than the same rate": (
            "supported"
        ),
    },
}
"""What small runs over three seeds find of the claims that they can tell."""


@cache
def report(name: str) -> LabReport:
    """Return the report of a small run: three repeats, or more where three show nothing."""
    return cr.lab_notes(name, quick=True, workers=2)


def test_every_recipe_is_held() -> None:
    assert set(HELD) == set(RECIPES.names())


@pytest.mark.parametrize("name", HELD)
def test_the_conclusions_have_their_direction(name: str) -> None:
    found = report(name).directions
    assert set(found.values()) <= set(DIRECTIONS)
    assert {claim: found[claim] for claim in HELD[name]} == HELD[name]


@pytest.mark.parametrize("name", [name for name in HELD if name != "relu-gradients"])
def test_a_supported_difference_has_one_sign_in_each_third_of_the_seeds(name: str) -> None:
    for conclusion in report(name).conclusions:
        numbers = conclusion.numbers
        assert numbers["repeats"] == RECIPES[name].quick_repeats >= 3
        if conclusion.claim in HELD[name] and conclusion.direction != "no difference":
            first, second = numbers["first"]["values"], numbers["second"]["values"]
            thirds = np.array_split(np.subtract(first, second), 3)  # one seed each of three
            signs = {np.sign(third.mean()) for third in thirds}
            assert len(signs) == 1, conclusion.claim


@pytest.mark.parametrize("name", HELD)
def test_sentences_hold_the_numbers_and_documents_are_json(name: str) -> None:
    document = report(name).to_dict()
    text = json.dumps(document, allow_nan=False)
    assert json.loads(text)["recipe"] == name
    for conclusion in document["conclusions"]:
        assert conclusion["direction"] in DIRECTIONS
        assert any(letter.isdigit() for letter in " ".join(conclusion["sentences"]))
    assert document["tables"]


def test_a_conclusion_is_a_function_of_the_evidence() -> None:
    found = report("large-batch")
    swapped = replace(
        found.evidence,
        results=tuple(
            replace(run, settings={"batch": _other(run.settings["batch"])})
            for run in found.evidence.results
        ),
    )
    before, after = found.conclusions[0], found.recipe.conclude(swapped)[0]
    assert (before.direction, after.direction) == ("supported", "not supported")


def _other(name: str) -> str:
    pair = {"batches of 16": "batches of 256", "batches of 256": "batches of 16"}
    return pair.get(name, name)


def test_the_page_is_whole_and_alone(tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("pages") / "optimizers.html"
    text = report("optimizers").to_html(path)
    assert path.read_text("utf-8") == text
    assert "What the numbers say" in text
    assert "Walks in Rosenbrock" in text
    assert "<script" not in text
    for reference in ('src="http', "url(http", 'href="http', "@import"):
        assert reference not in text
    start = text.index("<svg")
    while start >= 0:
        end = text.index("</svg>", start) + 6
        assert ET.fromstring(text[start:end]).get("aria-label")
        start = text.find("<svg", end)


def test_the_same_seed_gives_the_same_conclusions() -> None:
    first = cr.lab_notes("large-batch", quick=True, repeats=1, workers=1)
    second = cr.lab_notes("large-batch", quick=True, repeats=1, workers=2)
    pairs = zip(first.evidence.results, second.evidence.results, strict=True)
    assert all(one.test_score == other.test_score for one, other in pairs)
    assert set(first.directions.values()) == {"no difference"}  # one repeat has no interval
    assert "too few for an interval" in str(first)


def test_a_users_arrays() -> None:
    draws = np.random.default_rng(0)
    X = draws.normal(size=(120, 3))
    found = cr.lab_notes("large-batch", X, X @ [1.0, -2.0, 0.5], repeats=2, quick=True)
    assert found.evidence.known.metric == "r2"
    assert found.evidence.known.rows == 120
    assert found.command() == ""  # no command has these arrays
    assert len(found.evidence.results) == 10


def test_runs_that_diverge_are_counted_and_not_dropped() -> None:
    draws = np.random.default_rng(0)
    X = draws.normal(size=(100, 3)) * 1e5
    found = cr.lab_notes("warmup", X, X[:, 0], repeats=2, quick=True)
    assert found.evidence.lost() == len(found.evidence.results) == 16
    assert "16 of 16 runs diverged" in str(found)
    assert set(found.directions.values()) == {"no difference"}


def made(settings: Sequence[Mapping[str, object]], lost: int = 0) -> Evidence:
    """Return evidence of three runs a setting; of the last one, `lost` diverged at 1e35."""
    facts = Facts("made", "accuracy", 100, 60, 20, 20, 4, 2, 0.5, 0.7, "softmax_cross_entropy")
    runs = [
        Result(
            setting,
            repeat,
            repeat,
            repeat,
            0.9,
            history=[{"epoch": 1, "step": 9, "validation_loss": 1e35 if ill else 0.3}],
            stop_reason="diverged" if ill else "epochs",
        )
        for setting in settings
        for repeat in range(3)
        for ill in [setting is settings[-1] and repeat < lost]
    ]
    return Evidence(facts, tuple(runs))


def test_a_run_that_diverged_has_the_loss_of_guessing() -> None:
    """Its last number before the end may be 1e35, and would be the mean of all."""
    evidence = made([{"rate": 0.1}, {"rate": 1.0}], lost=1)
    losses = evidence.values({"rate": 1.0}, lambda run: evidence.last(run, "validation_loss"))
    assert losses == [0.7, 0.3, 0.3]


def test_a_table_has_a_column_for_each_axis_and_names_lost_runs() -> None:
    settings = [{"batch_size": b, "learning_rate": r} for b in (16, 32) for r in (0.1, 1.0)]
    measures = {"test accuracy": lambda run: 0.9}
    whole = arm_sheet(made(settings), "All", measures)
    assert whole.heads == ("batch size", "learning rate", "test accuracy")
    assert whole.left == (0, 1)
    assert whole.rows[1][:2] == ("16", "1")
    assert whole.note.endswith("No run diverged.")
    ill = arm_sheet(made(settings, lost=2), "All", measures, arms=settings[2:])
    assert [row[-1] for row in ill.rows] == ["none", "2 of 3"]
    assert ill.heads[-1] == "diverged"


def test_the_page_shows_each_claim_with_its_verdict_and_its_interval() -> None:
    found = report("large-batch")
    text = found.to_html()
    shown = text[text.index("What the numbers say") : text.index("</ol>")]
    kinds = {"supported": "yes", "not supported": "no", "no difference": "open"}
    verdicts = [
        f'<span class="found {kinds[each.direction]}">{each.direction}</span>'
        for each in found.conclusions
    ]
    assert re.findall(r'<span class="found.*?</span>', shown) == verdicts
    assert shown.count("<svg") == shown.count('class="reach"') == len(found.conclusions)
    assert shown.count('class="run"') == sum(c.numbers["repeats"] for c in found.conclusions)


def test_differences_that_cancel_are_a_difference_of_0() -> None:
    sides = ([0.1, 0.2, 0.0], [0.0, 0.0, 0.3])
    found = compared("a beats b", ("a", "b"), sides, "score", overlap=0.25)
    assert 0.0 < abs(found.numbers["difference"]["mean"]) < 1e-15
    assert "is 0; its 95 % interval, -" in found.sentences[1]


def test_a_verdict_without_an_interval_has_no_picture() -> None:
    one = compared("a wins", ("a", "b"), ([2.0], [1.0]), "marks", overlap=0.0)
    assert not verdict_of(one).drawing
    gone = compared("a", ("a", "b"), ([0.0, 1.0], [1.0, 2.0]), "x", overlap=0.0, ratio=True)
    assert not verdict_of(gone).drawing
    assert verdict_of(gone).kind == "open"


def test_what_is_wrong_is_said() -> None:
    with pytest.raises(UnknownNameError, match="large-batch"):
        cr.lab_notes("large-bach")
    with pytest.raises(InvalidParameterError, match="target"):
        cr.lab_notes("warmup", np.zeros((4, 2)))
    with pytest.raises(DataError, match="not made of numbers"):
        cr.lab_notes("warmup", [["a", "b"], ["c", "d"]], [0, 1])
    with pytest.raises(DataError, match="finite"):
        cr.lab_notes("warmup", np.full((40, 2), np.nan), np.arange(40) % 2)
    with pytest.raises(InvalidParameterError, match="repeats"):
        cr.lab_notes("warmup", repeats=0)
    with pytest.raises(UsageError, match="trains nothing"):
        cr.lab_notes("relu-gradients", "digits")


def test_a_gradient_beyond_the_plane_is_not_bent_into_it() -> None:
    means = {
        ("relu", scheme, n): far**n
        for scheme, far in (("He", 2.0), ("Xavier", 0.1))
        for n in (2, 50)
    }
    picture = depth_picture(means)
    with picture.drawn() as figure:
        drawn = [np.array(line.get_ydata(), float).tolist() for line in figure.axes[0].lines]
    assert [4.0, 2.0**50] in drawn
    assert picture.caption.endswith("Lines that leave the plane go on, to 1e-50 and 1.1e+15.")
    assert "leave" not in depth_picture({("relu", "He", n): 1.0 for n in (2, 50)}).caption


def test_the_valley_names_its_axes() -> None:
    drawn = valley_picture({"Adam": {"path": [(-1.2, 1.0), (1.0, 1.0)], "steps": 9}}).svg()
    assert {"x", "y"} <= set(re.findall(r">([^<]+)</text>", drawn))


def test_the_valley_has_its_floor_and_its_gradient() -> None:
    assert rosenbrock(1.0, 1.0) == (0.0, 0.0, 0.0)
    x, y, step = -0.7, 0.4, 1e-6
    _, dx, dy = rosenbrock(x, y)
    assert dx == pytest.approx((rosenbrock(x + step, y)[0] - rosenbrock(x - step, y)[0]) / 2e-6)
    assert dy == pytest.approx((rosenbrock(x, y + step)[0] - rosenbrock(x, y - step)[0]) / 2e-6)


def test_walks_side_by_side_are_those_of_the_optimizer_alone() -> None:
    starts = [start_of(0), start_of(1)]
    together = walks(Adam(), [0.1, 0.2], starts, 300)
    assert walks(Adam(), [0.2], [starts[1]], 300)[0][0] == together[1][1]
    weights, slots = np.array(starts[0]), {name: np.zeros(2) for name in Adam.slots}
    for step in range(1, 301):
        _, dx, dy = rosenbrock(*weights)
        weights, slots = Adam().update(weights, np.array([dx, dy]), slots, step, 0.1)
    assert together[0][0].value == pytest.approx(rosenbrock(*weights)[0], rel=1e-12)


def test_a_walk_that_leaves_the_map_is_lost() -> None:
    (lost,) = walks(SGD(), [1.0], [(-1.2, 1.0)], 50)[0]
    assert lost.steps == 51


def test_the_derivation_is_a_program_that_gives_its_numbers() -> None:
    found = report("relu-gradients")
    for sheet in found.recipe.sheets(found.evidence):
        step = next(
            step
            for step in found.evidence.measured["steps"]
            if sheet.title.endswith({"squared_error": "MSE"}.get(step["loss"], "entropy"))
        )
        draws = np.random.default_rng(1)
        shapes = {"X": (5, 3), "dense_1_W": (3, 4), "dense_1_b": (4,), "dense_2_W": (4, 3)}
        names = {name: draws.normal(size=shape) for name, shape in shapes.items()}
        names |= {"dense_2_b": np.zeros(3), "Y": np.eye(3)[[0, 1, 2, 0, 1]], "np": np}
        exec(sheet.code, names)
        assert {"dense_1_dW", "dense_2_db"} <= set(names)
        assert names["dense_1_dW"].shape == (3, 4)
        for row in step["records"]:
            value = np.asarray(names[row["name"].replace(".", "_")])
            assert (" x ".join(str(size) for size in value.shape) or "1") == row["shape"]


def test_a_level_is_reached_between_two_epochs() -> None:
    rows = [{"epoch": epoch, "score": score} for epoch, score in ((1, 0.2), (2, 0.4), (3, 0.8))]
    found = report("activations").evidence
    run = replace(found.results[0], history=rows, epochs=3)
    reached = [found.epochs_to(run, "score", level) for level in (0.1, 0.4, 0.5, 0.8, 0.9)]
    assert reached == pytest.approx([1, 2, 2.25, 3, 4])
    assert found.epochs_to(run, "score", 0.3, below=True) == 1
