"""SGD, momentum, AdaGrad, RMSProp and Adam: on data, and in Rosenbrock's valley."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from chainrule.experiments.recipes.arms import Arm, mlp
from chainrule.experiments.recipes.claims import Claim, Measure, judged
from chainrule.experiments.recipes.evidence import Conclusion, Evidence, compared, worded
from chainrule.experiments.recipes.measures import best_arms
from chainrule.experiments.recipes.recipe import RECIPES, Lab, Recipe, Sheet
from chainrule.experiments.recipes.tables import arm_sheet
from chainrule.experiments.recipes.valley import CLOSE, start_of, walks
from chainrule.experiments.recipes.valley_picture import valley_picture
from chainrule.experiments.result import Result
from chainrule.frozen import frozen
from chainrule.maths.optimizer import OPTIMIZERS, Optimizer
from chainrule.maths.optimizers_adam import Adam
from chainrule.maths.optimizers_adaptive import AdaGrad, RMSProp
from chainrule.maths.optimizers_momentum import SGD, Momentum
from chainrule.report.figures_canvas import Picture
from chainrule.report.figures_curves import loss_picture

__all__ = ["Optimizers"]

METHODS: dict[str, tuple[Optimizer, tuple[float, ...], tuple[float, ...]]] = {
    "SGD": (SGD(), (0.1, 0.3, 1.0), (5e-4, 1e-3, 2e-3)),
    "momentum": (Momentum(), (0.01, 0.03, 0.1), (2e-4, 5e-4, 1e-3)),
    "AdaGrad": (AdaGrad(), (0.01, 0.03, 0.1), (0.1, 0.3, 1.0)),
    "RMSProp": (RMSProp(), (0.001, 0.003, 0.01), (5e-4, 1e-3, 3e-3)),
    "Adam": (Adam(), (0.001, 0.003, 0.01), (0.03, 0.1, 0.3)),
}
"""Each method, and the rates that are tried on data and in the valley."""
MOST = 10_000
WALKS = (("momentum", "SGD"), ("Adam", "SGD"), ("Adam", "AdaGrad"))
CLAIMS = (
    Claim("on data, momentum learns faster than SGD at first", "momentum", "SGD", "early", False),
    Claim("on data, Adam learns faster than SGD at first", "Adam", "SGD", "early", False),
    Claim("on data, Adam ends with a better score than momentum", "Adam", "momentum", "score"),
)


@RECIPES.register
@frozen
class Optimizers(Recipe):
    """Compare five optimizers, each at its best rate of three, on data and in a bent valley.

    Source: Kingma, Ba, "Adam" (ICLR 2015); Rosenbrock (1960) for the valley.

    Example
    -------
    >>> from chainrule.experiments.recipes import RECIPES
    >>> RECIPES["optimizers"].title
    'SGD, momentum, AdaGrad, RMSProp and Adam'
    """

    name = "optimizers"
    title = "SGD, momentum, AdaGrad, RMSProp and Adam"
    question = "Which optimizer gets there sooner: on data, and in Rosenbrock's bent valley?"
    varied = (
        "optimizer; learning rate, of which each gets its best: on validation rows for the score "
        "at the end, by the loss of the first epochs for the speed, and in the valley by the mean "
        "logarithm of the steps"
    )
    kept = "two hidden layers of 64 ReLU units, batches of 32, the epochs; the valley's starts"
    source = "Kingma, Ba (ICLR 2015)"
    repeats = 10

    def arms(self, lab: Lab) -> list[Arm]:
        net = mlp(lab.data.facts.outputs, depth=2)
        return [
            Arm(
                {"optimizer": name, "learning_rate": rate},
                net,
                {
                    "optimizer": OPTIMIZERS.make(method, learning_rate=rate),
                    "epochs": lab.choose(25, 10),
                },
            )
            for name, (method, rates, _) in METHODS.items()
            for rate in lab.choose(rates, rates[1:])
        ]

    def measure(self, lab: Lab) -> dict[str, Any]:
        most = lab.choose(MOST, MOST // 2)
        starts = [start_of(lab.seed + repeat) for repeat in range(lab.repeats)]
        valley: dict[str, Any] = {}
        for name, (method, _, rates) in METHODS.items():
            tried = dict(zip(rates, walks(method, rates, starts, most), strict=True))
            best = min(rates, key=lambda rate: sum(np.log1p(w.steps) for w in tried[rate]))
            valley[name] = {"rate": best, "walks": [found.to_dict() for found in tried[best]]}
        return {"valley": valley, "most": most}

    def conclude(self, evidence: Evidence) -> tuple[Conclusion, ...]:
        walked = {
            name: [float(walk["steps"]) for walk in found["walks"]]
            for name, found in evidence.measured["valley"].items()
        }
        what = f"steps until the valley's function is at most {CLOSE:g}"
        in_valley = [
            compared(
                f"in the valley, {first} needs fewer steps than {second}",
                (first, second),
                (walked[first], walked[second]),
                what,
                overlap=0.0,
                more=False,
                ratio=True,
            )
            for first, second in WALKS
        ]

        def early(run: Result) -> float:
            return _early(evidence, run)

        speed = "mean training loss of the first three epochs"
        measures = {
            "early": Measure(speed, early, ratio=True, held=False),
            "score": Measure(f"test {evidence.known.metric}", evidence.score),
        }
        first = judged(CLAIMS[:2], _fastest(evidence), measures, evidence)
        last = judged(CLAIMS[2:], best_arms(evidence, "optimizer"), measures, evidence)
        return (*in_valley, *first, *last)

    def observations(self, evidence: Evidence) -> tuple[str, ...]:
        chosen = {
            "data, by the validation score at the end": best_arms(evidence, "optimizer"),
            "data, by the training loss of the first three epochs": _fastest(evidence),
        }
        on_data = tuple(
            f"Rates chosen on {how}: "
            + ", ".join(f"{name} {arm['learning_rate']:g}" for name, arm in arms.items())
            + "."
            for how, arms in chosen.items()
        )
        valley = evidence.measured["valley"]
        rates = ", ".join(f"{name} {found['rate']:g}" for name, found in valley.items())
        return (*on_data, f"Rates chosen in the valley: {rates}.")

    def sheets(self, evidence: Evidence) -> list[Sheet]:
        valley, most = evidence.measured["valley"], evidence.measured["most"]
        rows: list[tuple[str, ...]] = []
        for name, found in valley.items():
            steps = [walked["steps"] for walked in found["walks"]]
            reached = sum(count <= most for count in steps)
            middle = worded(float(np.median(steps))) if reached * 2 > len(steps) else f"> {most:,}"
            rows.append((name, f"{found['rate']:g}", middle, f"{reached} of {len(steps)}"))
        return [
            Sheet("The valley", ("optimizer", "rate", "median of the steps", "arrived"), rows),
            arm_sheet(
                evidence,
                "All settings on data",
                {
                    "first three epochs": lambda run: _early(evidence, run),
                    "training loss": lambda run: evidence.last(run, "train_loss"),
                    f"test {evidence.known.metric}": evidence.score,
                },
                "First three epochs: mean training loss; training loss: of the last epoch.",
            ),
        ]

    def pictures(self, evidence: Evidence) -> list[Picture]:
        valley = evidence.measured["valley"]
        runs = [
            replace(run, settings={"optimizer": name})
            for name, arm in best_arms(evidence, "optimizer").items()
            for run in evidence.of(**arm)
        ]
        paths = {name: found["walks"][0] for name, found in valley.items()}
        return [
            valley_picture(paths),
            loss_picture(runs, column="train_loss", unit=evidence.known.unit),
        ]


def _early(evidence: Evidence, run: Result) -> float:
    if run.diverged or len(run.history) < 3:
        return evidence.known.chance_loss
    return float(np.mean([float(row["train_loss"]) for row in run.history[:3]]))


def _fastest(evidence: Evidence) -> dict[str, dict[str, Any]]:
    """Return each method's arm that learns fastest: the best one at the end need not be that.

    All methods have as many rates to choose from, so the choice favours none.
    """
    return best_arms(evidence, "optimizer", lambda run: -_early(evidence, run))
