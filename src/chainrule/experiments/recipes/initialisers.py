"""First weights: what they do to a deep ReLU network's first epochs."""

from __future__ import annotations

import math
from dataclasses import replace

from chainrule.experiments.recipes.arms import Arm, mlp
from chainrule.experiments.recipes.claims import Claim, Measure, judged
from chainrule.experiments.recipes.evidence import Conclusion, Evidence
from chainrule.experiments.recipes.recipe import RECIPES, Lab, Recipe, Sheet
from chainrule.experiments.recipes.tables import arm_sheet
from chainrule.experiments.result import Result
from chainrule.frozen import frozen
from chainrule.maths.initialiser import Initialiser
from chainrule.maths.initialisers import Normal, Zeros
from chainrule.maths.initialisers_scaled import GlorotNormal, HeNormal, LeCunNormal
from chainrule.maths.optimizers_momentum import SGD
from chainrule.report.figures_canvas import Picture
from chainrule.report.figures_curves import loss_picture
from chainrule.report.figures_scores import score_picture

__all__ = ["Initialisers"]

DEPTH = 8
EPOCHS = 60
"""Until the slower starts have arrived too: a score at the end is no score on the way."""
STARTS: dict[str, Initialiser] = {
    "zeros": Zeros(),
    "normal 0.01": Normal(0.01),
    "normal 1": Normal(1.0),
    "LeCun": LeCunNormal(),
    "Glorot": GlorotNormal(),
    "He": HeNormal(),
}
CLAIMS = (
    Claim("He's weights learn, and zeros do not", "He", "zeros", "score"),
    Claim("weights of deviation 0.01 are too small for this depth", "He", "normal 0.01", "score"),
    Claim("weights of deviation 1 are too large", "He", "normal 1", "score"),
    Claim("with ReLU, He's weights learn faster than Glorot's", "He", "Glorot", "early", False),
    Claim("with ReLU, He's weights end better than Glorot's", "He", "Glorot", "score"),
    Claim(
        "with ReLU, Glorot's weights learn faster than LeCun's", "Glorot", "LeCun", "early", False
    ),
)


@RECIPES.register
@frozen
class Initialisers(Recipe):
    """Train a deep ReLU network from six kinds of first weights.

    Source: Glorot, Bengio (AISTATS 2010); He et al., "Delving deep into rectifiers" (2015).

    Example
    -------
    >>> from chainrule.experiments.recipes import RECIPES
    >>> RECIPES["initialisers"].title
    'First weights of a deep ReLU network'
    """

    name = "initialisers"
    title = "First weights of a deep ReLU network"
    question = "Which first weights let a network of eight hidden ReLU layers learn?"
    varied = "first weights: zeros, normal with deviation 0.01 or 1, LeCun's, Glorot's, He's"
    kept = "eight hidden layers of 64 ReLU units, plain SGD at 0.05, batches of 32, the epochs"
    source = "He et al. (arXiv:1502.01852)"

    def arms(self, lab: Lab) -> list[Arm]:
        return [
            Arm(
                {"first weights": name},
                mlp(lab.data.facts.outputs, depth=DEPTH, initialiser=start),
                {"optimizer": SGD(0.05), "epochs": lab.choose(EPOCHS, 8), "record": True},
            )
            for name, start in STARTS.items()
        ]

    def conclude(self, evidence: Evidence) -> tuple[Conclusion, ...]:
        def early(run: Result) -> float:
            return _early(evidence, run)

        first = "mean training loss of the first five epochs"
        measures = {
            "score": Measure(f"test {evidence.known.metric}", evidence.score),
            "early": Measure(first, early, ratio=True, held=False),
        }
        arms = {name: {"first weights": name} for name in STARTS}
        return judged(CLAIMS, arms, measures, evidence)

    def sheets(self, evidence: Evidence) -> list[Sheet]:
        metric = evidence.known.metric
        return [
            arm_sheet(
                evidence,
                "All settings",
                {
                    "first five epochs": lambda run: _early(evidence, run),
                    "signal passed": _passed,
                    "gradient passed": _returned,
                    f"test {metric}": evidence.score,
                },
                "Signal passed: size of the last hidden layer's output over the first one's, "
                "before the first update; gradient passed: the same backwards.",
            )
        ]

    def pictures(self, evidence: Evidence) -> list[Picture]:
        some = [run for run in evidence.results if run.settings["first weights"] != "zeros"]
        curves = loss_picture(some, column="train_loss", unit=evidence.known.unit)
        return [
            replace(curves, caption=f"{curves.caption} Zeros are in the table only."),
            score_picture(
                evidence.results,
                score=f"validation {evidence.known.metric}",
                held=evidence.known.overlap,
            ),
        ]


def _early(evidence: Evidence, run: Result) -> float:
    losses = [float(row["train_loss"]) for row in run.history[:5]]
    finite = [loss for loss in losses if math.isfinite(loss)]
    if not finite or len(finite) < len(losses) or run.diverged:
        return max([evidence.known.chance_loss, *finite])
    return sum(finite) / len(finite)


def _ends(run: Result, place: int) -> tuple[float, float]:
    snapshots = [] if run.recording is None else run.recording["snapshots"]
    if not snapshots:
        return math.nan, math.nan
    nodes = snapshots[0]["nodes"]
    states = [state for name, state in nodes.items() if name.startswith("relu")]
    return float(states[0][place]), float(states[-1][place])


def _passed(run: Result) -> float:
    first, last = _ends(run, 0)
    return last / first if first else 0.0


def _returned(run: Result) -> float:
    first, last = _ends(run, 1)
    return first / last if last else 0.0
