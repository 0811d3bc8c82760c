"""Batch size and learning rate: the course's sweep, judged."""

from __future__ import annotations

import numpy as np

from chainrule.experiments.recipes.arms import Arm, mlp
from chainrule.experiments.recipes.claims import Claim, Measure, judged
from chainrule.experiments.recipes.evidence import Conclusion, Evidence, compared, worded
from chainrule.experiments.recipes.measures import WOBBLE, wobble
from chainrule.experiments.recipes.recipe import RECIPES, Lab, Recipe, Sheet
from chainrule.experiments.recipes.tables import arm_sheet, grid_sheet
from chainrule.frozen import frozen
from chainrule.maths.optimizers_momentum import SGD
from chainrule.report.figures_canvas import Picture
from chainrule.report.figures_curves import loss_picture
from chainrule.report.figures_heat import heat_picture

__all__ = ["BatchAndRate"]

BATCHES = (16, 32, 64, 128, 256)
RATES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
FIXED = 1e-2
"""The rate at which batch sizes are compared."""


@RECIPES.register
@frozen
class BatchAndRate(Recipe):
    """Sweep mini-batch sizes 16 to 256 and rates 0.0001 to 1; judge speed against stability.

    Source: Keskar et al., "On large-batch training for deep learning" (ICLR 2017); Goyal et al.,
    "Accurate, large minibatch SGD" (2017).

    Example
    -------
    >>> from chainrule.experiments.recipes import RECIPES
    >>> RECIPES["batch-and-rate"].varied
    'batch size and learning rate, every pair'
    """

    name = "batch-and-rate"
    title = "Batch size and learning rate"
    question = (
        "How do batch size and learning rate trade speed against stability, for as many epochs?"
    )
    varied = "batch size and learning rate, every pair"
    kept = "one hidden layer of 64 ReLU units, plain SGD at a constant rate, the epochs"
    source = "Keskar et al. (ICLR 2017)"

    def arms(self, lab: Lab) -> list[Arm]:
        net = mlp(lab.data.facts.outputs)
        batches, rates = lab.choose((BATCHES, RATES), (BATCHES[::4], RATES[2:]))
        epochs = lab.choose(30, 8)
        return [
            Arm(
                {"batch_size": batch, "learning_rate": rate},
                net,
                {"optimizer": SGD(rate), "batch_size": batch, "epochs": epochs, "record": True},
            )
            for batch in batches
            for rate in rates
        ]

    def conclude(self, evidence: Evidence) -> tuple[Conclusion, ...]:
        batches, rates = _axes(evidence)
        few, many = f"batch {batches[0]}", f"batch {batches[-1]}"
        ends = (batches[0], batches[-1])
        arms = {f"batch {batch}": {"batch_size": batch, "learning_rate": FIXED} for batch in ends}
        small = [{"batch_size": batches[0], "learning_rate": rate} for rate in rates]
        below = evidence.best(small[:-1])
        arms |= {f"rate {arm['learning_rate']:g}": arm for arm in (below, small[-1])}
        score = f"test {evidence.known.metric}"
        measures = {
            "loss": Measure(
                "validation loss after the last epoch",
                lambda run: evidence.last(run, "validation_loss"),
                ratio=True,
            ),
            "wobble": Measure(
                f"change of the loss from step to step at rate {FIXED:g}", wobble, True, False
            ),
            "score": Measure(score, evidence.score),
        }
        claims = (
            Claim(
                f"at rate {FIXED:g}, {few} learns more in as many epochs than {many}",
                *(few, many, "loss"),
                more=False,
            ),
            Claim(
                f"at rate {FIXED:g}, the loss of {few} wobbles more than that of {many}",
                *(few, many, "wobble"),
            ),
            Claim(
                f"with {few}, the largest rate ({rates[-1]:g}) is too large",
                *(f"rate {below['learning_rate']:g}", f"rate {rates[-1]:g}", "score"),
            ),
        )
        return (*judged(claims, arms, measures, evidence), _wanted(evidence, batches, rates))

    def observations(self, evidence: Evidence) -> tuple[str, ...]:
        best = evidence.best(evidence.arms())
        score = float(np.mean(evidence.values(best, evidence.score)))
        batches, _ = _axes(evidence)
        seconds = [
            np.median(
                [
                    sum(float(row["seconds"]) for row in run.history) / max(len(run.history), 1)
                    for run in evidence.of(batch_size=batch)
                ]
            )
            for batch in (batches[0], batches[-1])
        ]
        return (
            (
                f"Best on the validation rows: batch {best['batch_size']}, rate "
                f"{best['learning_rate']:g}, with test {evidence.known.metric} {worded(score)}."
            ),
            (
                f"An epoch took {1000 * float(seconds[0]):.2g} ms in batches of {batches[0]} and "
                f"{1000 * float(seconds[1]):.2g} ms in batches of {batches[-1]}, on this machine."
            ),
        )

    def sheets(self, evidence: Evidence) -> list[Sheet]:
        batches, rates = _axes(evidence)
        return [
            grid_sheet(
                evidence,
                f"Test {evidence.known.metric}, mean of the repeats",
                ("batch_size", batches),
                ("learning_rate", rates),
                evidence.score,
            ),
            arm_sheet(
                evidence,
                "All settings",
                {
                    "validation loss": lambda run: evidence.last(run, "validation_loss"),
                    "wobble": wobble,
                    f"test {evidence.known.metric}": evidence.score,
                },
                WOBBLE,
            ),
        ]

    def pictures(self, evidence: Evidence) -> list[Picture]:
        return [
            heat_picture(evidence.results, score=f"validation {evidence.known.metric}"),
            loss_picture(evidence.results, unit=evidence.known.unit),
            loss_picture(evidence.results, across="seconds", unit=evidence.known.unit),
        ]


def _axes(evidence: Evidence) -> tuple[list[int], list[float]]:
    arms = evidence.arms()
    batches = sorted({int(arm["batch_size"]) for arm in arms})
    return batches, sorted({float(arm["learning_rate"]) for arm in arms})


def _wanted(evidence: Evidence, batches: list[int], rates: list[float]) -> Conclusion:
    few, many = batches[0], batches[-1]
    return compared(
        f"batch {many} wants a larger rate than batch {few}",
        (f"batch {many}", f"batch {few}"),
        (_best_rates(evidence, many, rates), _best_rates(evidence, few, rates)),
        "best rate by validation score",
        overlap=evidence.known.overlap,
        ratio=True,
    )


def _best_rates(evidence: Evidence, batch: int, rates: list[float]) -> list[float]:
    """Return the best rate of a batch size in each repeat, by the validation loss of its end."""
    runs = [evidence.of(batch_size=batch, learning_rate=rate) for rate in rates]
    return [
        rates[int(np.argmax([evidence.held(run) for run in row]))]
        for row in zip(*runs, strict=True)
    ]
