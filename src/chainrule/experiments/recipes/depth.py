"""Depth: what is left of a gradient after many layers, and whether such networks learn."""

from __future__ import annotations

import math
from typing import Any

from chainrule.experiments.recipes.arms import Arm
from chainrule.experiments.recipes.claims import Claim, Measure, judged
from chainrule.experiments.recipes.depth_picture import depth_picture
from chainrule.experiments.recipes.evidence import Conclusion, Evidence, compared, worded
from chainrule.experiments.recipes.recipe import RECIPES, Lab, Recipe, Sheet
from chainrule.experiments.recipes.tables import arm_sheet
from chainrule.frozen import frozen
from chainrule.glass.depth import SCHEMES, depth_experiment
from chainrule.maths.optimizers_adam import Adam
from chainrule.nn.combine import Sequential
from chainrule.nn.dense import Dense
from chainrule.nn.layer import Layer
from chainrule.report.figures_canvas import Picture
from chainrule.report.figures_scores import score_picture

__all__ = ["Depth"]

DEPTHS = (2, 5, 10, 20, 30, 50)
DEEP = 20
"""Layers at which claims are judged, and of the deep networks that are trained."""
WIDTH = 64
TRAINED = (
    ("sigmoid", "Xavier"),
    ("sigmoid", "batch norm"),
    ("relu", "Xavier"),
    ("relu", "He"),
    ("relu", "residual"),
)


JUDGED = (("sigmoid", "Xavier"), ("sigmoid", "batch norm"), ("relu", "He"), ("relu", "residual"))
Point = tuple[str, str, int]
GRADIENTS: tuple[tuple[str, tuple[str, str], Point, Point, bool], ...] = (
    (
        f"with sigmoid, less of the gradient is left after {DEEP} layers than after 2",
        (f"{DEEP} layers", "2 layers"),
        ("sigmoid", "Xavier", DEEP),
        ("sigmoid", "Xavier", 2),
        False,
    ),
    (
        f"through {DEEP} layers, ReLU with He's weights lets more pass than sigmoid with Xavier's",
        ("ReLU", "sigmoid"),
        ("relu", "He", DEEP),
        ("sigmoid", "Xavier", DEEP),
        True,
    ),
    (
        f"through {DEEP} ReLU layers, Xavier's weights let less pass than He's",
        ("Xavier", "He"),
        ("relu", "Xavier", DEEP),
        ("relu", "He", DEEP),
        False,
    ),
)
CLAIMS = (
    Claim(
        f"{DEEP} sigmoid layers learn better with batch norm than without",
        *("sigmoid, batch norm", "sigmoid, Xavier", "score"),
    ),
    Claim(
        f"{DEEP} ReLU layers learn better with skip connections than without",
        *("relu, residual", "relu, He", "score"),
    ),
)


@RECIPES.register
@frozen
class Depth(Recipe):
    """Send a gradient back through 2 to 50 layers, and train networks of 2 and 20 layers.

    Source: Glorot, Bengio (AISTATS 2010), figure 7; He et al. (2015), figures 2 and 3.

    Example
    -------
    >>> from chainrule.experiments.recipes import RECIPES
    >>> RECIPES["depth"].title
    'Vanishing and exploding gradients'
    """

    name = "depth"
    title = "Vanishing and exploding gradients"
    question = "What is left of a gradient after many layers, and do such networks learn?"
    varied = "number of layers, activation, first weights, batch norm, skip connections"
    kept = "64 units a layer; for training Adam at 0.001, batches of 32, the epochs"
    source = "Glorot, Bengio (AISTATS 2010)"

    def arms(self, lab: Lab) -> list[Arm]:
        return [
            Arm(
                {"network": f"{activation}, {scheme}", "layers": layers},
                _network(activation, scheme, layers, lab.data.facts.outputs),
                {"optimizer": Adam(0.001), "epochs": lab.choose(12, 5)},
            )
            for activation, scheme in lab.choose(TRAINED, JUDGED)
            for layers in lab.choose((2, DEEP), (DEEP,))
        ]

    def measure(self, lab: Lab) -> dict[str, Any]:
        depths = lab.choose(DEPTHS, (2, DEEP))
        points = [
            {"repeat": repeat, **point}
            for repeat in range(lab.repeats)
            for point in depth_experiment(
                depths, width=WIDTH, seeds=1, first_seed=lab.seed + repeat
            ).to_dict()["points"]
        ]
        return {"points": points}

    def conclude(self, evidence: Evidence) -> tuple[Conclusion, ...]:
        points = evidence.measured["points"]
        share = "share of the gradient that arrives at the input"
        found = [
            compared(
                words,
                names,
                (_left(points, first), _left(points, second)),
                share,
                overlap=0.0,
                more=more,
                ratio=True,
            )
            for words, names, first, second, more in GRADIENTS
        ]
        kept = compared(
            "with sigmoid, batch norm keeps the gradient nearer to its size",
            ("batch norm", "Xavier"),
            (
                _off(points, ("sigmoid", "batch norm", DEEP)),
                _off(points, ("sigmoid", "Xavier", DEEP)),
            ),
            f"powers of ten that the gradient is off 1 after {DEEP} layers",
            overlap=0.0,
            more=False,
        )
        measures = {"score": Measure(f"test {evidence.known.metric}", evidence.score)}
        arms = {
            name: {"network": name, "layers": DEEP}
            for name in (f"{activation}, {scheme}" for activation, scheme in JUDGED)
        }
        return (*found, kept, *judged(CLAIMS, arms, measures, evidence))

    def observations(self, evidence: Evidence) -> tuple[str, ...]:
        grown = _means(evidence)["relu", "residual", DEEP]
        return (
            (
                f"With ReLU, He's weights and skip connections the gradient at the input is "
                f"{worded(grown)} times that at the output of {DEEP} layers: every block adds to "
                "what passes it by, so sizes grow with depth unless a norm or smaller weights hold "
                "them."
            ),
        )

    def sheets(self, evidence: Evidence) -> list[Sheet]:
        means = _means(evidence)
        depths = sorted({depth for _, _, depth in means})
        rows = [
            (
                f"{activation}, {scheme}",
                *(worded(means[activation, scheme, depth]) for depth in depths),
            )
            for activation in dict.fromkeys(key[0] for key in means)
            for scheme in SCHEMES
        ]
        heads = ("network", *(f"{depth} layers" for depth in depths))
        return [
            Sheet("Share of the gradient that is left, geometric mean", heads, rows),
            arm_sheet(
                evidence, "Trained networks", {f"test {evidence.known.metric}": evidence.score}
            ),
        ]

    def pictures(self, evidence: Evidence) -> list[Picture]:
        deep = evidence.of(layers=DEEP)
        return [
            depth_picture(_means(evidence)),
            score_picture(
                deep,
                score=f"validation {evidence.known.metric}",
                held=evidence.known.overlap,
            ),
        ]


def _left(points: list[Any], place: Point) -> list[float]:
    """Return what is left of the gradient, for each repeat."""
    return [
        float(point["gradient"])
        for point in points
        if (point["activation"], point["scheme"], point["depth"]) == place
    ]


def _off(points: list[Any], place: Point) -> list[float]:
    return [abs(math.log10(max(share, 1e-300))) for share in _left(points, place)]


def _network(activation: str, scheme: str, layers: int, outputs: int) -> Sequential:
    first: list[Layer] = [Dense(WIDTH, activation)]  # a skip connection needs equal widths
    blocks = [layer for _ in range(layers - 1) for layer in SCHEMES[scheme](activation, WIDTH)]
    return Sequential(*first, *blocks, Dense(outputs))


def _means(evidence: Evidence) -> dict[tuple[str, str, int], float]:
    logs: dict[tuple[str, str, int], list[float]] = {}
    for point in evidence.measured["points"]:
        key = (point["activation"], point["scheme"], int(point["depth"]))
        logs.setdefault(key, []).append(math.log(max(float(point["gradient"]), 1e-300)))
    return {key: math.exp(sum(values) / len(values)) for key, values in logs.items()}
