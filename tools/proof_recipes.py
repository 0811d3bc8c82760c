"""The proof of the recipes: each whole, over three separate groups of seeds, and the rate finder.

`python -m tools.proof_recipes` does every recipe in full size from three first seeds that share no
repeat, prints time and directions, and exits with 1 if one takes three minutes or more, or if
a claim that `HELD` names is found otherwise from one of the seeds. Then it compares the rate
finder's readings with sweeps.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from typing import Any

import numpy as np

import chainrule as cr
from chainrule.experiments.recipes import RECIPES
from chainrule.experiments.recipes.arms import Arm, mlp, run_arms
from chainrule.experiments.recipes.task import task_of

SEEDS = (3_000, 4_000, 5_000)
"""First seeds of the repeats; the claims to hold were chosen with seeds below."""
LIMIT = 180.0
"""Seconds that a recipe may take."""
ALLOWED = 2.5
"""Most times the best loss of a sweep that the suggested rate may end with."""
METHODS = {
    "sgd": (cr.SGD, np.geomspace(0.01, 10, 13)),
    "momentum": (cr.Momentum, np.geomspace(0.001, 1, 13)),
    "adam": (cr.Adam, np.geomspace(1e-4, 1e-1, 13)),
}
HELD: dict[str, tuple[str, ...]] = {
    "batch-and-rate": ("learns more in as many epochs", "wobbles more"),
    "activations": ("fewer epochs", "errs less", "lets less of the gradient", "switches off more"),
    "warmup": ("at large rates", "at the small rate", "stands a larger rate"),
    "relu-gradients": ("for MSE", "for cross-entropy", "at the output", "that is off"),
    "regularisers": ("an L2 penalty", "dropout narrows"),
    "initialisers": ("zeros do not", "too small", "too large", "faster than Glorot's"),
    "depth": ("after 2", "lets more pass", "let less pass", "nearer to its size", "batch norm"),
    "optimizers": ("fewer steps", "momentum learns faster"),
    "batch-gd-vs-sgd": ("mini-batches learn more", "single rows learn more", "wobbles more"),
    "large-batch": ("there is a gap", "by the root", "behind a warm-up, ends lower"),
}
"""Parts of the claims whose direction the proof holds, by recipe: equal from all three seeds."""


def hold(name: str) -> bool:
    """Do one recipe from each seed; return whether time and directions held."""
    reports = [cr.lab_notes(name, seed=seed) for seed in SEEDS]
    slowest = max(report.seconds for report in reports)
    good = slowest < LIMIT
    print(f"{name}: {slowest:.0f} s at most")
    for claim in reports[0].directions:
        found = [report.directions.get(claim, "not judged") for report in reports]
        held = any(part in claim for part in HELD[name])
        same = len(set(found)) == 1 and found[0] != "no difference"
        good &= same or not held
        mark = ("held  " if same else "BROKEN") if held else "      "
        print(f"  {mark}  {claim}: {', '.join(dict.fromkeys(found))}")
    return good


def rates() -> bool:
    """Compare the finder's readings with the best rate of a sweep."""
    worst = dict.fromkeys(("suggestion", "steepest", "tenth"), 0.0)
    for data in ("digits", "housing"):
        task = task_of(data)
        X, y = task.cut(0)[0]
        for depth in (1, 3):
            net = mlp(task.facts.outputs, depth=depth)
            for method in METHODS:
                for batch in (32, 256):
                    found = cr.lr_find(
                        net, X, y, loss=task.facts.loss, optimizer=method, batch_size=batch
                    )
                    readings = {name: float(getattr(found, name)) for name in worst}
                    losses = _ends(task, net, method, batch, readings)
                    words = [f"{name} {rate:.2g}" for name, rate in readings.items()]
                    print(f"  {data}, depth {depth}, {method}, batch {batch}: {', '.join(words)}")
                    for name in worst:
                        worst[name] = max(worst[name], losses[name] / losses["best"])
    said = ", ".join(f"{name} {value:.2f}" for name, value in worst.items())
    print(f"  loss after 10 epochs, over that at the best rate, at worst: {said}")
    return worst["suggestion"] <= ALLOWED


def _ends(
    task: Any, net: Any, method: str, batch: int, readings: dict[str, float]
) -> dict[str, float]:
    """Return the validation loss after ten epochs at each reading, and the best of a sweep."""
    make, grid = METHODS[method]
    tried = {**readings, **{str(rate): float(rate) for rate in grid}}
    arms = [
        Arm(
            {"name": name},
            net,
            {
                "optimizer": make(rate),
                "batch_size": batch,
                "epochs": 10,
                "restore_best": False,
                "metrics": (),
            },
        )
        for name, rate in tried.items()
    ]
    losses: dict[str, list[float]] = {}
    for run in run_arms(task, arms, 3):
        end = math.inf if run.diverged or not run.history else run.history[-1]["validation_loss"]
        losses.setdefault(str(run.settings["name"]), []).append(float(end))
    means = {name: sum(values) / len(values) for name, values in losses.items()}
    return {**{name: means[name] for name in readings}, "best": min(means.values())}


def main() -> int:
    """Do the whole proof, or the recipes that are named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="recipes, or lr-find; all without")
    names = parser.parse_args().names or [*RECIPES.names(), "lr-find"]
    began = time.perf_counter()
    bad = [name for name in names if not (rates() if name == "lr-find" else hold(name))]
    print(f"{len(names)} proofs in {time.perf_counter() - began:.0f} s")
    if bad:
        print("did not hold: " + ", ".join(bad), file=sys.stderr)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
