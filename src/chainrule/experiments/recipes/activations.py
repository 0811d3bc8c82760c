"""Sigmoid, tanh, ReLU and GELU on one task: speed, score, gradients, saturation."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from chainrule.experiments.recipes.arms import Arm, mlp
from chainrule.experiments.recipes.claims import Claim, Measure, judged
from chainrule.experiments.recipes.evidence import Conclusion, Evidence, worded
from chainrule.experiments.recipes.measures import best_arms
from chainrule.experiments.recipes.recipe import RECIPES, Lab, Recipe, Sheet
from chainrule.experiments.recipes.tables import arm_sheet
from chainrule.experiments.result import Result
from chainrule.frozen import frozen
from chainrule.maths.optimizers_momentum import SGD
from chainrule.report.figures_canvas import Picture
from chainrule.report.figures_curves import loss_picture
from chainrule.report.figures_health import gradient_picture, health_picture
from chainrule.report.figures_scores import score_picture

__all__ = ["Activations"]

NAMES = ("sigmoid", "tanh", "relu", "gelu")
RATES = (0.03, 0.1, 0.3, 1.0, 3.0)
DEPTH = 3
EPOCHS = 25
"""ReLU, tanh and GELU have arrived, and sigmoid is on its way: after 40 its score is so near that
some seeds tell it from ReLU's and others do not."""
HEADS = (
    "Gradient passed: at the first hidden layer over that at the last, before the first update; "
    "flat: share of hidden values whose slope is under 1 % of the largest; dead: share of units "
    "that are flat in every row that was looked at."
)
CLAIMS = (
    Claim("ReLU learns in fewer epochs than sigmoid", "relu", "sigmoid", "epochs", more=False),
    Claim(
        "after as many epochs, ReLU errs less than sigmoid", "relu", "sigmoid", "error", more=False
    ),
    Claim("ReLU ends with a better score than tanh", "relu", "tanh", "score"),
    Claim("GELU ends with a better score than ReLU", "gelu", "relu", "score"),
    Claim(
        "at the start, sigmoid lets less of the gradient through than ReLU",
        *("sigmoid", "relu", "passed"),
        more=False,
    ),
    Claim("ReLU switches off more of its values than tanh saturates", "relu", "tanh", "flat"),
)


@RECIPES.register
@frozen
class Activations(Recipe):
    """Train one network with four activations, each at the rate that suits it best.

    Source: Glorot, Bordes, Bengio, "Deep sparse rectifier neural networks" (AISTATS 2011);
    Hendrycks, Gimpel, "Gaussian error linear units" (2016).

    Example
    -------
    >>> from chainrule.experiments.recipes import RECIPES
    >>> RECIPES["activations"].title
    'Sigmoid, tanh, ReLU and GELU'
    """

    name = "activations"
    title = "Sigmoid, tanh, ReLU and GELU"
    question = "How does the activation change speed, final score, gradients and saturation?"
    varied = "activation; learning rate, of which each activation gets its best on validation rows"
    kept = "three hidden layers of 64 units, plain SGD, batches of 32, the epochs"
    source = "Glorot, Bordes, Bengio (AISTATS 2011)"
    repeats = 12

    def arms(self, lab: Lab) -> list[Arm]:
        rates = lab.choose(RATES, RATES[1:3])
        return [
            Arm(
                {"activation": name, "learning_rate": rate},
                mlp(lab.data.facts.outputs, depth=DEPTH, activation=name),
                {"optimizer": SGD(rate), "epochs": lab.choose(EPOCHS, 15), "record": True},
            )
            for name in NAMES
            for rate in rates
        ]

    def conclude(self, evidence: Evidence) -> tuple[Conclusion, ...]:
        metric, best = evidence.known.metric, best_arms(evidence, "activation")
        level = _level(evidence, best)

        def epochs(run: Result) -> float:
            return evidence.epochs_to(run, f"validation_{metric}", level)

        when = (
            f"epochs until validation {metric} {worded(level)} (a run that never gets there: all "
            "epochs and one)"
        )
        passed = "gradient at the first hidden layer over that at the last"
        flat = "share of hidden values whose slope is under 1 % of the largest"
        measures = {
            "epochs": Measure(when, epochs, ratio=True),
            "score": Measure(f"test {metric}", evidence.score),
            "error": Measure(f"1 less the test {metric}", _error(evidence), ratio=True),
            "passed": Measure(passed, _passed, ratio=True, held=False),
            "flat": Measure(flat, _flat, held=False),
        }
        return judged(CLAIMS, best, measures, evidence)

    def observations(self, evidence: Evidence) -> tuple[str, ...]:
        best = best_arms(evidence, "activation")
        rates = ", ".join(f"{name} {arm['learning_rate']:g}" for name, arm in best.items())
        tried = sorted({float(arm["learning_rate"]) for arm in evidence.arms()})
        ends = [name for name, arm in best.items() if arm["learning_rate"] in (tried[0], tried[-1])]
        edge = f" At the end of what was tried: {', '.join(ends)}." if ends else ""
        dead = float(np.mean(evidence.values(best["relu"], _dead)))
        return (
            f"Rates chosen on the validation rows: {rates}.{edge}",
            (
                f"Of the ReLU units {100 * dead:.1f} % were off in every row looked at, "
                "at the end of the training: off for some rows is sparsity, off for all is death."
            ),
        )

    def sheets(self, evidence: Evidence) -> list[Sheet]:
        measures = {
            f"test {evidence.known.metric}": evidence.score,
            "validation loss": lambda run: evidence.last(run, "validation_loss"),
            "gradient passed": _passed,
            "flat": _flat,
            "dead": _dead,
        }
        best = best_arms(evidence, "activation").values()
        return [
            arm_sheet(evidence, "Each activation at its best rate", measures, HEADS, best),
            arm_sheet(evidence, "All settings", measures, HEADS),
        ]

    def pictures(self, evidence: Evidence) -> list[Picture]:
        runs = [
            run for arm in best_arms(evidence, "activation").values() for run in evidence.of(**arm)
        ]
        plain = [_only(run, "activation") for run in runs]
        return [
            loss_picture(plain, unit=evidence.known.unit),
            score_picture(
                plain,
                score=f"validation {evidence.known.metric}",
                held=evidence.known.overlap,
            ),
            gradient_picture(plain),
            health_picture(plain, what="saturated"),
        ]


def _only(run: Result, *names: str) -> Result:
    """Return a run under these of its settings alone: those that a picture tells apart."""
    return replace(run, settings={name: run.settings[name] for name in names})


def _error(evidence: Evidence) -> Callable[[Result], float]:
    """Return what a score lacks of 1, at least half a row of it.

    A network that is late scores far below the others: a few of them would decide about the mean
    of a difference and its interval. As a ratio they count like the others.
    """
    least = 0.5 / evidence.known.test
    return lambda run: max(1.0 - evidence.score(run), least)


def _level(evidence: Evidence, best: dict[str, dict[str, Any]]) -> float:
    """Return the score that lies nine tenths of the way from guessing to the best."""
    top = max(float(np.mean(evidence.values(arm, evidence.held))) for arm in best.values())
    chance = evidence.known.chance_score
    return chance + 0.9 * (top - chance)


def _snapshots(run: Result) -> list[Any]:
    return [] if run.recording is None else list(run.recording["snapshots"])


def _hidden(snapshot: Any, name: str) -> list[list[float]]:
    """Return output, gradient, flat and dead of each hidden activation, from the first on."""
    return [state for node, state in snapshot["nodes"].items() if node.startswith(name)]


def _passed(run: Result) -> float:
    snapshots = _snapshots(run)
    states = _hidden(snapshots[0], run.settings["activation"]) if snapshots else []
    return states[0][1] / states[-1][1] if states and states[-1][1] else math.nan


def _flat(run: Result) -> float:
    return _late(run, 2)


def _dead(run: Result) -> float:
    return _late(run, 3)


def _late(run: Result, place: int) -> float:
    snapshots = _snapshots(run)
    states = _hidden(snapshots[-1], run.settings["activation"]) if snapshots else []
    return float(np.mean([state[place] for state in states])) if states else math.nan
