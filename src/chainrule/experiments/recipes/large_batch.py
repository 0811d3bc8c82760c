"""Large batches: the gap to small ones, and what closes it."""

from __future__ import annotations

from chainrule.experiments.recipes.arms import Arm, mlp
from chainrule.experiments.recipes.claims import Claim, Measure, judged
from chainrule.experiments.recipes.evidence import Conclusion, Evidence, worded
from chainrule.experiments.recipes.recipe import RECIPES, Lab, Recipe, Sheet
from chainrule.experiments.recipes.tables import arm_sheet
from chainrule.experiments.result import Result
from chainrule.frozen import frozen
from chainrule.maths.optimizers_momentum import Momentum
from chainrule.maths.schedules import Warmup
from chainrule.report.figures_canvas import Picture
from chainrule.report.figures_curves import loss_picture
from chainrule.report.figures_scores import score_picture

__all__ = ["LargeBatch"]

FEW, MANY = 16, 256
RATE = 0.006
RISE = 0.3
TIMES = MANY // FEW
SMALL = f"batches of {FEW}"
SAME = f"batches of {MANY}"
ROOT = f"{MANY} (rate times {TIMES**0.5:g})"
LINEAR = f"{MANY} (rate times {TIMES})"
RISING = f"{MANY} (rate times {TIMES}, warm-up)"
CLAIMS = (
    Claim(
        "at one rate, small batches end with a lower loss: there is a gap",
        *(SMALL, SAME, "loss"),
        more=False,
    ),
    Claim(
        "a rate scaled by the root of the batch ends lower than the same rate",
        *(ROOT, SAME, "loss"),
        more=False,
    ),
    Claim(
        "a rate scaled with the batch, behind a warm-up, ends lower than the same rate",
        *(RISING, SAME, "loss"),
        more=False,
    ),
    Claim(
        "small batches still end lower than the scaled rate behind a warm-up",
        *(SMALL, RISING, "loss"),
        more=False,
    ),
    Claim(
        "the warm-up ends lower than the scaled rate alone", *(RISING, LINEAR, "loss"), more=False
    ),
)


@RECIPES.register
@frozen
class LargeBatch(Recipe):
    """Go from batches of 16 to 256 in as many epochs: same rate, scaled rates, and warm-up.

    Source: Goyal et al., "Accurate, large minibatch SGD" (2017), sections 2.1 and 2.2; Krizhevsky,
    "One weird trick" (2014) for the square root.

    Example
    -------
    >>> from chainrule.experiments.recipes import RECIPES
    >>> RECIPES["large-batch"].title
    'Large batches: closing the gap'
    """

    name = "large-batch"
    title = "Large batches: closing the gap"
    question = (
        "Batches of 256 make a sixteenth of the updates: what do scaled rates and warm-up regain?"
    )
    varied = "batch size; for the large one the rate (same, times 4, times 16) and a warm-up"
    kept = "three hidden layers of 64 ReLU units, momentum 0.9 from rate 0.006 on, the epochs"
    source = "Goyal et al. (arXiv:1706.02677)"
    # With five, one split whose gap is small leaves the scaled rates open on some seeds.
    repeats = 12

    def arms(self, lab: Lab) -> list[Arm]:
        net = mlp(lab.data.facts.outputs, depth=3)
        plans = {
            SMALL: (FEW, RATE, 0.0),
            SAME: (MANY, RATE, 0.0),
            ROOT: (MANY, RATE * TIMES**0.5, 0.0),
            LINEAR: (MANY, RATE * TIMES, 0.0),
            RISING: (MANY, RATE * TIMES, RISE),
        }
        return [
            Arm(
                {"batch": name},
                net,
                {
                    "optimizer": Momentum(rate),
                    "batch_size": rows,
                    "epochs": lab.choose(30, 15),
                    "restore_best": False,
                    **({"schedule": Warmup(rise)} if rise else {}),
                },
            )
            for name, (rows, rate, rise) in plans.items()
        ]

    def conclude(self, evidence: Evidence) -> tuple[Conclusion, ...]:
        def loss(run: Result) -> float:
            return evidence.last(run, "validation_loss")

        measures = {"loss": Measure("validation loss after the last epoch", loss, ratio=True)}
        arms = {name: {"batch": name} for name in (SMALL, SAME, ROOT, LINEAR, RISING)}
        return judged(CLAIMS, arms, measures, evidence)

    def observations(self, evidence: Evidence) -> tuple[str, ...]:
        def mean(name: str) -> float:
            losses = evidence.values(
                {"batch": name}, lambda run: evidence.last(run, "validation_loss")
            )
            return sum(losses) / len(losses)

        small, same = mean(SMALL), mean(SAME)
        if not same > small:
            return ("There is no gap to close in these means.",)
        shares = ", ".join(
            f"{name}: {worded(100 * (same - mean(name)) / (same - small))} %"
            for name in (ROOT, LINEAR, RISING)
        )
        return (f"Share of the gap in the mean validation loss that is closed: {shares}.",)

    def sheets(self, evidence: Evidence) -> list[Sheet]:
        return [
            arm_sheet(
                evidence,
                "All settings",
                {
                    "training loss": lambda run: evidence.last(run, "train_loss"),
                    "validation loss": lambda run: evidence.last(run, "validation_loss"),
                    f"test {evidence.known.metric}": evidence.score,
                },
            )
        ]

    def pictures(self, evidence: Evidence) -> list[Picture]:
        return [
            loss_picture(evidence.results, unit=evidence.known.unit),
            score_picture(
                evidence.results,
                score=f"validation {evidence.known.metric}",
                held=evidence.known.overlap,
            ),
        ]
