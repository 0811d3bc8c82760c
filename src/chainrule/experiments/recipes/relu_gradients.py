"""The gradients of one hidden ReLU layer, derived step by step and proved by an independent one."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.experiments.recipes.evidence import DIRECTIONS, Conclusion, Evidence
from chainrule.experiments.recipes.recipe import RECIPES, Lab, Recipe, Sheet
from chainrule.frozen import frozen
from chainrule.glass.trace import Trace, trace, variable
from chainrule.nn.combine import Sequential
from chainrule.nn.dense import Activation, Dense
from chainrule.report.figures_canvas import Picture
from chainrule.streams import Stream

__all__ = ["ReluGradients"]

ROWS, FEATURES, HIDDEN, OUTPUTS = 5, 3, 4, 3
LOSSES = {"squared_error": "MSE", "softmax_cross_entropy": "cross-entropy"}
GRADIENTS = ("dense_1.dW", "dense_1.db", "dense_2.dW", "dense_2.db")
_ROLES = ("forward", "loss", "backward")
TOLERANCE = 1e-6
"""What a central difference in float64 can see at most."""
EXPLAINED = "dense_1.dW[0, 0]"


@RECIPES.register
@frozen
class ReluGradients(Recipe):
    """Derive dW and db of both layers for MSE and cross-entropy, and prove every number.

    Each formula is run on its parents' numbers, and each gradient stands beside a central
    difference of the loss, which knows nothing of backpropagation.

    Source: Rumelhart, Hinton, Williams (Nature 323, 1986).

    Example
    -------
    >>> import chainrule as cr
    >>> report = cr.lab_notes("relu-gradients", repeats=1)
    >>> set(report.directions.values())
    {'supported'}
    """

    name = "relu-gradients"
    title = "The gradients of one hidden ReLU layer"
    question = "What are dL/dW and dL/db of both layers, for MSE and for cross-entropy?"
    varied = "the loss; rows and first weights from repeat to repeat"
    kept = f"{FEATURES} features, {HIDDEN} ReLU units, {OUTPUTS} outputs, {ROWS} rows, float64"
    source = "Rumelhart, Hinton, Williams (Nature 323, 1986)"
    home = ""
    repeats = 3

    def measure(self, lab: Lab) -> dict[str, Any]:
        steps: list[dict[str, Any]] = []
        for loss in LOSSES:
            for repeat in range(lab.repeats):
                steps.append(_measured(loss, lab.seed + repeat))
                if lab.tell is not None:
                    lab.tell(len(steps), len(LOSSES) * lab.repeats)
        return {"steps": steps}

    def conclude(self, evidence: Evidence) -> tuple[Conclusion, ...]:
        steps: list[Any] = evidence.measured["steps"]
        found = [
            _proved(name, [step for step in steps if step["loss"] == loss])
            for loss, name in LOSSES.items()
        ]
        return (*found, _short_form(steps), _masked(steps))

    def observations(self, evidence: Evidence) -> tuple[str, ...]:
        step = evidence.measured["steps"][0]
        return (f"One number in full, for {LOSSES[step['loss']]}: {step['explained']}",)

    def sheets(self, evidence: Evidence) -> list[Sheet]:
        steps = evidence.measured["steps"]
        firsts = {loss: next(step for step in steps if step["loss"] == loss) for loss in LOSSES}
        return [
            Sheet(
                f"The four gradients for {LOSSES[loss]}",
                ("gradient", "formula", "shape", "size", "error against a difference"),
                [
                    (
                        row["name"],
                        row["code"],
                        row["shape"],
                        f"{row['norm']:.4g}",
                        f"{row['error']:.0e}",
                    )
                    for row in step["records"]
                    if row["name"] in GRADIENTS
                ],
                "Rows are samples: Z = X W + b. Below, the whole derivation in the order of its "
                "calculation; it is NumPy, and gives these numbers from X, Y, W and b.",
                left=(0, 1, 2),
                code="\n".join(_line(row) for row in step["records"]),
            )
            for loss, step in firsts.items()
        ]

    def pictures(self, evidence: Evidence) -> list[Picture]:
        return []


def _measured(loss: str, seed: int) -> dict[str, Any]:
    """Trace one step, and keep what its report needs."""
    X = Stream(seed, "recipe:X").normal((ROWS, FEATURES))
    labels = Stream(seed, "recipe:y").permutation(ROWS) % OUTPUTS
    Y = np.eye(OUTPUTS)[labels]
    network = Sequential(Dense(HIDDEN), Activation("relu"), Dense(OUTPUTS))
    step = trace(network, X, Y, loss=loss, optimizer="sgd", seed=seed)
    proof = step.check()
    explanation = step.explain(EXPLAINED)
    return {
        "loss": loss,
        "seed": seed,
        "formulas": proof.formulas,
        "worst": proof.worst,
        "mismatches": list(proof.mismatches),
        "short_form": _short_error(step, loss),
        "mask": _mask_error(step),
        "off": float(np.mean(step["relu_1.slope"].value == 0)),
        "explained": f"{EXPLAINED} = "
        + " + ".join(term.text for term in explanation.terms)
        + f" = {explanation.total:.6g}",
        "records": [
            {
                "name": record.name,
                "code": record.code,
                "shape": " x ".join(str(size) for size in record.shape) or "1",
                "norm": record.norm,
                "error": None if record.check is None else record.check.error,
                "passed": None if record.check is None else bool(record.check.passed),
            }
            for record in step
            if record.role in _ROLES and record.code and not record.name.endswith(".after")
        ],
    }


def _line(row: dict[str, Any]) -> str:
    """Return one assignment of the derivation, with the shape of what it gives."""
    return f"{variable(row['name'])} = {row['code']}    # {row['shape']}"


def _short_error(step: Trace, loss: str) -> float:
    """Return how far dZ of the output is from (Yhat - Y) / N; twice that for MSE."""
    entropy = loss == "softmax_cross_entropy"
    predicted = step["loss.P" if entropy else "dense_2.Z"].value
    expected = (1.0 if entropy else 2.0) * (predicted - step["Y"].value) / ROWS
    return float(np.abs(step["dense_2.dZ"].value - expected).max())


def _mask_error(step: Trace) -> float:
    """Return the largest dZ of a hidden unit in a row in which it is off."""
    off = step["dense_1.Z"].value <= 0
    return float(np.abs(np.where(off, step["dense_1.dZ"].value, 0.0)).max())


def _proved(name: str, steps: list[Any]) -> Conclusion:
    rows = [row for step in steps for row in step["records"] if row["name"] in GRADIENTS]
    worst = max(float(row["error"]) for row in rows)
    mismatches = [place for step in steps for place in step["mismatches"]]
    formulas = sum(int(step["formulas"]) for step in steps)
    good = all(row["passed"] for row in rows) and worst <= TOLERANCE and not mismatches
    return Conclusion(
        f"for {name}, backpropagation gives the derivative of the loss in all four gradients",
        DIRECTIONS[0 if good else 1],
        (
            (
                f"{len(rows)} gradients beside a central difference of the loss: the largest "
                f"relative error is {worst:.1e}."
            ),
            f"{formulas} formulas run on their parents' numbers: {len(mismatches)} gave others.",
        ),
        {"worst": worst, "gradients": len(rows), "formulas": formulas, "mismatches": mismatches},
    )


def _short_form(steps: list[Any]) -> Conclusion:
    worst = max(float(step["short_form"]) for step in steps)
    return Conclusion(
        "at the output, dZ is (Yhat - Y) / N for softmax with cross-entropy, twice that for MSE",
        DIRECTIONS[0 if worst <= 1e-12 else 1],
        (f"The largest difference in {len(steps)} steps is {worst:.1e}.",),
        {"worst": worst},
    )


def _masked(steps: list[Any]) -> Conclusion:
    worst = max(float(step["mask"]) for step in steps)
    off = sum(float(step["off"]) for step in steps) / len(steps)
    return Conclusion(
        "a hidden unit that is off (Z <= 0) passes no gradient back for that row",
        DIRECTIONS[0 if worst == 0 else 1],
        (
            (
                f"{100 * off:.0f} % of the hidden values are off; the largest gradient "
                f"among them is {worst:g}."
            ),
        ),
        {"worst": worst, "off": off},
    )
