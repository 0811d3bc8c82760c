"""Warm-up in front of a large rate, in large batches."""

from __future__ import annotations

from chainrule.experiments.recipes.arms import Arm, mlp
from chainrule.experiments.recipes.evidence import Conclusion, Evidence, compared
from chainrule.experiments.recipes.recipe import RECIPES, Lab, Recipe, Sheet
from chainrule.experiments.recipes.tables import Measure, arm_sheet, grid_sheet
from chainrule.experiments.result import Result
from chainrule.frozen import frozen
from chainrule.maths.optimizers_momentum import Momentum
from chainrule.maths.schedules import Warmup as WarmupSchedule
from chainrule.report.figures_canvas import Picture
from chainrule.report.figures_curves import loss_picture
from chainrule.report.figures_heat import heat_picture

__all__ = ["Warmup"]

RATES = (0.02, 0.05, 0.1, 0.2, 0.3)
LARGE, SMALL = (0.1, 0.2, 0.3), 0.02
RISE = 0.5
"""Share of the run in which the rate rises."""


@RECIPES.register
@frozen
class Warmup(Recipe):
    """Train in batches of 256 at rates from small to large, with and without a linear warm-up.

    Source: Goyal et al., "Accurate, large minibatch SGD" (2017), section 2.2.

    Example
    -------
    >>> from chainrule.experiments.recipes import RECIPES
    >>> RECIPES["warmup"].title
    'Warm-up for large batches'
    """

    name = "warmup"
    title = "Warm-up for large batches"
    question = "What does a learning rate that rises slowly change, in batches of 256?"
    varied = "learning rate; warm-up over the first half of the updates, or none"
    kept = "four hidden layers of 64 ReLU units, momentum 0.9, batches of 256, the epochs"
    source = "Goyal et al. (arXiv:1706.02677), section 2.2"
    repeats = 20
    # Whether a large rate breaks a network is a matter of luck: three repeats show nothing of it.
    quick_repeats = 20

    def arms(self, lab: Lab) -> list[Arm]:
        net = mlp(lab.data.facts.outputs, depth=4)
        rates = lab.choose(RATES, (SMALL, *LARGE))
        return [
            Arm(
                {"learning_rate": rate, "warm_up": rise},
                net,
                {
                    "optimizer": Momentum(rate),
                    "batch_size": 256,
                    "epochs": lab.choose(30, 20),
                    "restore_best": False,
                    **({"schedule": WarmupSchedule(rise)} if rise else {}),
                },
            )
            for rate in rates
            for rise in (0.0, RISE)
        ]

    def conclude(self, evidence: Evidence) -> tuple[Conclusion, ...]:
        names = "with warm-up", "without"
        metric = evidence.known.metric
        large = [_over_rates(evidence, LARGE, rise) for rise in (RISE, 0.0)]
        small = [
            evidence.values({"learning_rate": SMALL, "warm_up": rise}, _loss(evidence))
            for rise in (RISE, 0.0)
        ]
        reach = [_largest(evidence, rise) for rise in (RISE, 0.0)]
        rates = ", ".join(f"{rate:g}" for rate in LARGE)
        return (
            compared(
                f"at large rates ({rates}), warm-up ends with a better score",
                names,
                (large[0], large[1]),
                f"training {metric} at the end, mean over these rates",
                overlap=0.0,
            ),
            compared(
                f"at the small rate {SMALL:g}, warm-up ends with a lower loss",
                names,
                (small[0], small[1]),
                "training loss after the last epoch",
                overlap=0.0,
                more=False,
                ratio=True,
            ),
            compared(
                "with warm-up the network stands a larger rate",
                names,
                (reach[0], reach[1]),
                "largest rate whose training score is within a tenth of the best",
                overlap=0.0,
                ratio=True,
            ),
        )

    def sheets(self, evidence: Evidence) -> list[Sheet]:
        rates = sorted({float(arm["learning_rate"]) for arm in evidence.arms()})
        metric = evidence.known.metric
        return [
            grid_sheet(
                evidence,
                f"Test {metric}, mean of the repeats",
                ("learning_rate", rates),
                ("warm_up", (0.0, RISE)),
                evidence.score,
            ),
            arm_sheet(
                evidence,
                "All settings",
                {"training loss": _loss(evidence), f"test {metric}": evidence.score},
                "Warm up: share of the updates in which the rate rises from 0; 0 is none.",
            ),
        ]

    def pictures(self, evidence: Evidence) -> list[Picture]:
        shown = evidence.of(learning_rate=SMALL) + evidence.of(learning_rate=LARGE[1])
        metric = evidence.known.metric
        return [
            heat_picture(
                evidence.results,
                across="learning_rate",
                down="warm_up",
                score=f"validation {metric}",
            ),
            loss_picture(shown, column="train_loss", unit=evidence.known.unit),
        ]


def _loss(evidence: Evidence) -> Measure:
    return lambda run: evidence.last(run, "train_loss")


def _over_rates(evidence: Evidence, rates: tuple[float, ...], rise: float) -> list[float]:
    """Return the mean training score over several rates, for each repeat."""
    rows = [
        evidence.values({"learning_rate": rate, "warm_up": rise}, evidence.trained)
        for rate in rates
    ]
    return [sum(row) / len(row) for row in zip(*rows, strict=True)]


def _largest(evidence: Evidence, rise: float) -> list[float]:
    """Return, for each repeat, the largest rate that still works; the smallest if none does."""
    arms = [arm for arm in evidence.arms() if arm["warm_up"] == rise]
    arms.sort(key=lambda arm: float(arm["learning_rate"]))
    chance = evidence.known.chance_score
    found: list[float] = []
    for repeat in range(len(evidence.of(**arms[0]))):
        best = max(evidence.trained(run) for run in evidence.results if run.split == repeat)
        enough = best - 0.1 * (best - chance)
        working = [arm for arm in arms if _trained(evidence, arm, repeat) >= enough]
        found.append(float((working or arms[:1])[-1]["learning_rate"]))
    return found


def _trained(evidence: Evidence, arm: dict[str, object], repeat: int) -> float:
    run: Result = evidence.of(**arm)[repeat]
    return evidence.trained(run)
