"""Whole-batch descent, single rows, and mini-batches: noise against speed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from chainrule.experiments.recipes.arms import Arm, mlp
from chainrule.experiments.recipes.claims import Claim, Measure, judged
from chainrule.experiments.recipes.evidence import Conclusion, Evidence, worded
from chainrule.experiments.recipes.measures import WOBBLE, best_arms, wobble
from chainrule.experiments.recipes.recipe import RECIPES, Lab, Recipe, Sheet
from chainrule.experiments.recipes.tables import arm_sheet
from chainrule.experiments.result import Result
from chainrule.frozen import frozen
from chainrule.maths.optimizers_momentum import SGD
from chainrule.report.figures_canvas import Picture
from chainrule.report.figures_curves import loss_picture

__all__ = ["BatchGdVsSgd"]

WAYS: dict[str, tuple[int | None, tuple[float, ...]]] = {
    "single rows": (1, (0.003, 0.01, 0.03)),
    "mini-batches of 32": (32, (0.03, 0.1, 0.3, 1.0)),
    "all rows": (None, (0.1, 0.3, 1.0, 3.0)),
}
SINGLE, MINI, WHOLE = WAYS
CLAIMS = (
    Claim(
        "in as many epochs, mini-batches learn more than whole batches",
        *(MINI, WHOLE, "loss"),
        more=False,
    ),
    Claim(
        "in as many epochs, single rows learn more than whole batches",
        *(SINGLE, WHOLE, "loss"),
        more=False,
    ),
    Claim(
        "the loss of single rows wobbles more from step to step than that of mini-batches",
        *(SINGLE, MINI, "wobble"),
    ),
    Claim("mini-batches test better than whole batches", MINI, WHOLE, "score"),
    Claim("single rows test better than mini-batches", SINGLE, MINI, "score"),
)


@RECIPES.register
@frozen
class BatchGdVsSgd(Recipe):
    """Descend by the gradient of one row, of 32 rows, and of all rows, each at its best rate.

    Source: Bottou, Curtis, Nocedal, "Optimization methods for large-scale machine learning" (2018),
    sections 3 and 4.

    Example
    -------
    >>> from chainrule.experiments.recipes import RECIPES
    >>> RECIPES["batch-gd-vs-sgd"].title
    'Batch gradient descent against SGD'
    """

    name = "batch-gd-vs-sgd"
    title = "Batch gradient descent against SGD"
    question = "What does the gradient of all rows buy over that of one row, or of a few?"
    varied = "rows of one update: 1, 32, all; learning rate, of which each gets its best"
    kept = "one hidden layer of 64 ReLU units, plain gradient descent, the epochs"
    source = "Bottou, Curtis, Nocedal (SIAM Review 60, 2018)"
    repeats = 10

    def arms(self, lab: Lab) -> list[Arm]:
        net = mlp(lab.data.facts.outputs)
        return [
            Arm(
                {"gradient of": name, "learning_rate": rate},
                net,
                {
                    "optimizer": SGD(rate),
                    "batch_size": rows,
                    "epochs": lab.choose(20, 10),
                    "record": True,
                },
            )
            for name, (rows, rates) in WAYS.items()
            for rate in lab.choose(rates, rates[1:3])
        ]

    def conclude(self, evidence: Evidence) -> tuple[Conclusion, ...]:
        def loss(run: Result) -> float:
            return evidence.last(run, "train_loss")

        measures = {
            "loss": Measure("training loss of the last epoch", loss, ratio=True, held=False),
            "wobble": Measure(
                "change of the loss from step to step", wobble, ratio=True, held=False
            ),
            "score": Measure(f"test {evidence.known.metric}", evidence.score),
        }
        return judged(CLAIMS, best_arms(evidence, "gradient of"), measures, evidence)

    def observations(self, evidence: Evidence) -> tuple[str, ...]:
        best = best_arms(evidence, "gradient of")
        chosen = ", ".join(f"{name} {arm['learning_rate']:g}" for name, arm in best.items())
        spent = {
            name: 1000 * float(np.median(evidence.values(arm, _seconds)))
            for name, arm in best.items()
        }
        words = ", ".join(f"{name} {worded(value)} ms" for name, value in spent.items())
        return (
            f"Rates chosen on the validation rows: {chosen}.",
            f"An epoch took, on this machine: {words}.",
        )

    def sheets(self, evidence: Evidence) -> list[Sheet]:
        measures = {
            "training loss": lambda run: evidence.last(run, "train_loss"),
            "wobble": wobble,
            f"test {evidence.known.metric}": evidence.score,
        }
        best = best_arms(evidence, "gradient of").values()
        return [
            arm_sheet(evidence, "Each at its best rate", measures, WOBBLE, best),
            arm_sheet(evidence, "All settings", measures, WOBBLE),
        ]

    def pictures(self, evidence: Evidence) -> list[Picture]:
        runs = [
            replace(run, settings={"gradient of": name})
            for name, arm in best_arms(evidence, "gradient of").items()
            for run in evidence.of(**arm)
        ]
        return [
            loss_picture(runs, across=across, column="train_loss", unit=evidence.known.unit)
            for across in ("step", "seconds")
        ]


def _seconds(run: Result) -> float:
    return sum(float(row["seconds"]) for row in run.history) / max(len(run.history), 1)
