"""What keeps a large network from learning few rows by heart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from chainrule.experiments.recipes.arms import Arm, mlp
from chainrule.experiments.recipes.evidence import Conclusion, Evidence, compared, worded
from chainrule.experiments.recipes.measures import best_arms
from chainrule.experiments.recipes.recipe import RECIPES, Lab, Recipe, Sheet
from chainrule.experiments.recipes.tables import Measure, arm_sheet
from chainrule.experiments.result import Result
from chainrule.frozen import frozen
from chainrule.maths.augmentations_table import Noise
from chainrule.maths.optimizers_adam import Adam
from chainrule.maths.penalties import L1, L2
from chainrule.nn.regularise import Dropout
from chainrule.report.figures_canvas import Picture
from chainrule.report.figures_curves import loss_picture
from chainrule.report.figures_scores import score_picture
from chainrule.training.stopping import Stopping

__all__ = ["Regularisers"]

ROWS = 300
WIDTH, DEPTH = 128, 2
STRENGTHS: Mapping[str, tuple[float, ...]] = {
    "none": (0.0,),
    "L1": (1e-3, 3e-3),
    "L2": (1e-2, 3e-2),
    "dropout": (0.2, 0.5),
    "early stopping": (10.0,),
    "noise": (0.2, 0.4),
}
"""What is tried of each; the validation rows choose."""
_NAMES = {
    "L1": "an L1 penalty",
    "L2": "an L2 penalty",
    "dropout": "dropout",
    "early stopping": "early stopping",
    "noise": "noise on the inputs",
}


@RECIPES.register
@frozen
class Regularisers(Recipe):
    """Train a wide network on 300 rows with one regulariser at a time, and without.

    Source: Goodfellow, Bengio, Courville, "Deep learning" (2016), chapter 7.

    Example
    -------
    >>> from chainrule.experiments.recipes import RECIPES
    >>> RECIPES["regularisers"].training
    300
    """

    name = "regularisers"
    title = "Regularisers on few rows"
    question = "Which regulariser helps a large network on 300 rows, and by how much?"
    varied = (
        "none, L1, L2, dropout, early stopping, noise on the inputs; two strengths of each, of "
        "which the validation rows choose for the test score; the gap is that of the stronger one"
    )
    kept = "two hidden layers of 128 ReLU units, Adam at 0.003, batches of 32, 300 training rows"
    source = "Goodfellow, Bengio, Courville (2016), chapter 7"
    home = "housing"
    training = ROWS
    repeats = 10

    def arms(self, lab: Lab) -> list[Arm]:
        epochs = lab.choose(150, 40)
        return [
            _arm(kind, strength, lab.data.facts.outputs, epochs)
            for kind, strengths in STRENGTHS.items()
            for strength in (strengths if not lab.quick else strengths[-1:])
        ]

    def conclude(self, evidence: Evidence) -> tuple[Conclusion, ...]:
        best = best_arms(evidence, "regulariser")
        metric = evidence.known.metric
        overlap = evidence.known.overlap  # of whole splits: 300 rows of each share fewer
        plain = evidence.values(best["none"], evidence.score)
        gap = evidence.values(best["none"], _gap(evidence))
        strongest = {arm["regulariser"]: arm for arm in evidence.arms()}  # the last of each
        helped = [
            compared(
                f"{_NAMES[kind]} improves the test score",
                (kind, "none"),
                (evidence.values(best[kind], evidence.score), plain),
                f"test {metric}",
                overlap=overlap,
            )
            for kind in _NAMES
        ]
        narrowed = [
            compared(
                f"{_NAMES[kind]} narrows the gap between training and validation score",
                (f"{kind} {strongest[kind]['strength']:g}", "none"),
                (evidence.values(strongest[kind], _gap(evidence)), gap),
                f"training {metric} less validation {metric}",
                overlap=overlap,
                more=False,
            )
            for kind in ("L2", "dropout")
        ]
        return (*helped, *narrowed)

    def observations(self, evidence: Evidence) -> tuple[str, ...]:
        best = best_arms(evidence, "regulariser")
        chosen = ", ".join(
            f"{kind} {best[kind]['strength']:g}" for kind in _NAMES if kind != "early stopping"
        )
        ends = evidence.values(best["early stopping"], lambda run: float(len(run.history)))
        return (
            f"Strengths chosen on the validation rows: {chosen}.",
            (
                f"Early stopping ended after {worded(sum(ends) / len(ends))} epochs on average; "
                f"the others ran {len(evidence.of(**best['none'])[0].history)}."
            ),
        )

    def sheets(self, evidence: Evidence) -> list[Sheet]:
        metric = evidence.known.metric
        measures = {
            f"test {metric}": evidence.score,
            "gap": _gap(evidence),
            "validation loss": lambda run: evidence.last(run, "validation_loss"),
        }
        note = (
            f"Gap: training {metric} less validation {metric} after the last epoch; strength: of "
            "the penalty, share dropped, deviation of the noise, or epochs of patience."
        )
        best = best_arms(evidence, "regulariser").values()
        return [
            arm_sheet(evidence, "Each regulariser at its best strength", measures, note, best),
            arm_sheet(evidence, "All settings", measures, note),
        ]

    def pictures(self, evidence: Evidence) -> list[Picture]:
        runs = [
            replace(run, settings={"regulariser": kind})
            for kind, arm in best_arms(evidence, "regulariser").items()
            for run in evidence.of(**arm)
        ]
        some = [run for run in runs if run.settings["regulariser"] != "noise"]
        curves = loss_picture(some, unit=evidence.known.unit)
        return [
            score_picture(
                runs,
                score=f"validation {evidence.known.metric}",
                held=evidence.known.overlap,
            ),
            replace(curves, caption=f"{curves.caption} Noise on the inputs is in the table only."),
        ]


def _arm(kind: str, strength: float, outputs: int, epochs: int) -> Arm:
    between = (Dropout(strength),) if kind == "dropout" else ()
    arguments: dict[str, Any] = {
        "optimizer": Adam(0.003),
        "batch_size": 32,
        "epochs": epochs,
        "restore_best": kind == "early stopping",
    }
    if kind in ("L1", "L2"):
        arguments["penalties"] = (L1(strength) if kind == "L1" else L2(strength),)
    if kind == "early stopping":
        arguments["stopping"] = Stopping(patience=int(strength))
    if kind == "noise":
        arguments["augment"] = (Noise(strength),)
    network = mlp(outputs, width=WIDTH, depth=DEPTH, between=between)
    return Arm({"regulariser": kind, "strength": strength}, network, arguments)


def _gap(evidence: Evidence) -> Measure:
    """Return what measures the training score less the validation score, after the last epoch.

    Both are of the finished network, without dropout; the training loss of the histories holds
    the penalty and the noise, and would flatter the plain network or the others.
    """
    metric = evidence.known.metric

    def measure(run: Result) -> float:
        row = run.history[-1]
        return float(row[f"train_{metric}"]) - float(row[f"validation_{metric}"])

    return measure
