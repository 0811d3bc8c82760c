"""Time a sweep over batch size and rate on digits beside scikit-learn's grid search of its MLP.

    python -m benchmarks.sweep_digits                5 x 4 settings, 5 repeats, 20 epochs
    python -m benchmarks.sweep_digits --epochs 5 --rounds 1
    python -m benchmarks.sweep_digits --thousand     what 1,000 small runs cost beside training

Both sides: the same rows (scaled to [0, 1]), the same splits, one hidden layer of 64 ReLU units,
Adam, no penalty, the same epochs, no early stopping, as many processes as cores. Ours scores the
held rows after each epoch, writes its ledger and starts its workers within the time; scikit-learn
scores once a run. A round times both, one after the other; the median ratio is told, with all of
them, and the winners. The first round starts what both sides keep for later ones: our nursery, and
joblib's workers. Our side takes half a second, and what else a machine does in that time moves a
ratio by a tenth or two, so there are seven rounds: the median of three was often that of a bad one.

`--thousand` sweeps 10 batch sizes, 10 rates and 10 repeats over a table of 1,000 x 20. The cost is
the time of the sweep over that of the runs' own training (the sum of `Result.seconds`) divided by
the cores; the mark is 1.3. Both are times by the clock, so other work on the machine is in both.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np

import chainrule as cr
from chainrule import nn
from chainrule.engine.native import default_threads
from chainrule.experiments import Sweep
from chainrule.experiments.comparison import against_best
from chainrule.experiments.splits import Scheme, material_of
from chainrule.experiments.statistics import corrected_t
from chainrule.maths.loss import LOSSES

BATCHES = [16, 32, 64, 128, 256]
RATES = [1e-4, 1e-3, 1e-2, 1e-1]
LOSS, UNITS, SHARE = "softmax_cross_entropy", 64, 0.2
ROWS, COLUMNS, MANY = 1000, 20, 10


def digits() -> tuple[np.ndarray, np.ndarray]:
    """Return scikit-learn's digits, scaled."""
    from sklearn.datasets import load_digits

    X, y = load_digits(return_X_y=True)
    return (X / 16).astype(np.float32), y


def ours(X: np.ndarray, y: np.ndarray, epochs: int, repeats: int) -> Sweep:
    """Make the sweep."""
    with tempfile.TemporaryDirectory() as home:
        return cr.sweep(
            nn.Sequential(nn.Dense(UNITS), nn.ReLU(), nn.Dense(10)),
            X,
            y,
            axes={"batch_size": BATCHES, "learning_rate": RATES},
            repeats=repeats,
            validation_share=SHARE,
            loss=LOSS,
            epochs=epochs,
            metrics=("accuracy",),
            train_metrics=False,
            restore_best=False,
            out=Path(home, "runs.jsonl"),
        )


def theirs(X: np.ndarray, y: np.ndarray, epochs: int, repeats: int) -> Any:
    """Make the grid search on the same splits."""
    from sklearn.model_selection import GridSearchCV
    from sklearn.neural_network import MLPClassifier

    scheme = Scheme(repeats, 0, SHARE)
    arrays = material_of(X, y, LOSSES.make(LOSS), scheme).arrays
    splits = [(arrays[f"training_{n}"], arrays[f"validation_{n}"]) for n in range(repeats)]
    network = MLPClassifier(
        (UNITS,), alpha=0.0, max_iter=epochs, n_iter_no_change=epochs + 1, tol=0.0, random_state=0
    )
    grid = {"batch_size": BATCHES, "learning_rate_init": RATES}
    search = GridSearchCV(network, grid, cv=splits, n_jobs=default_threads(), refit=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that the iterations have ended
        os.environ["PYTHONWARNINGS"] = "ignore"  # in its workers too
        return search.fit(X, y)


def verdict(mine: Sweep, other: Any) -> dict[str, Any]:
    """Return the winners of both sides, and whether one side's is within the other's noise."""
    row = mine.best
    found = other.cv_results_
    scores = np.array([found[f"split{n}_test_score"] for n in range(other.n_splits_)])
    names = [
        f"batch_size={told['batch_size']}, learning_rate={told['learning_rate_init']:g}"
        for told in found["params"]
    ]
    best = int(scores.mean(axis=0).argmax())
    tied = [name for name, pair in against_best(mine) if not pair.differs]
    gap = corrected_t((scores[:, best] - scores[:, names.index(row.setting)]).tolist(), mine.held)
    return {
        "ours": {"setting": row.setting, "mean": row.mean},
        "scikit-learn": {"setting": names[best], "mean": float(scores[:, best].mean())},
        "their winner is within our noise": names[best] in [row.setting, *tied],
        "our winner is within their noise": not gap.p < 0.05,
        "our settings that are not told apart from the best": len(tied),
    }


def thousand(epochs: int) -> dict[str, Any]:
    """Make 1,000 small runs; return what they cost beside their training."""
    generator = np.random.default_rng(0)
    X = generator.normal(size=(ROWS, COLUMNS)).astype(np.float32)
    y = (X[:, 0] + X[:, 1] * X[:, 2] > 0).astype(int)
    with tempfile.TemporaryDirectory() as home:
        began = time.perf_counter()
        found = cr.sweep(
            nn.Sequential(nn.Dense(32), nn.ReLU(), nn.Dense(2)),
            X,
            y,
            axes={
                "batch_size": [16 * place for place in range(1, MANY + 1)],
                "learning_rate": np.geomspace(1e-4, 1e-1, MANY).tolist(),
            },
            repeats=MANY,
            loss=LOSS,
            epochs=epochs,
            out=Path(home, "runs.jsonl"),
        )
        seconds = time.perf_counter() - began
    training = sum(result.seconds for result in found.rows)
    return {
        "runs": len(found.rows),
        "seconds": seconds,
        "seconds of training": training,
        "cost": seconds * default_threads() / training,
    }


def beside(epochs: int, repeats: int, rounds: int) -> dict[str, Any]:
    """Time both sides, so many rounds; return the times, their ratio and the winners."""
    X, y = digits()
    seconds: list[tuple[float, float]] = []
    mine: Any = None
    other: Any = None
    for _ in range(rounds):
        marks = [time.perf_counter()]
        mine = ours(X, y, epochs, repeats)
        marks.append(time.perf_counter())
        other = theirs(X, y, epochs, repeats)
        marks.append(time.perf_counter())
        seconds.append((marks[1] - marks[0], marks[2] - marks[1]))
        print(f"ours {seconds[-1][0]:.2f} s, scikit-learn {seconds[-1][1]:.2f} s", file=sys.stderr)
    ratios = sorted(theirs_ / ours_ for ours_, theirs_ in seconds)
    return {
        "runs": len(mine.rows),
        "epochs": epochs,
        "cores": default_threads(),
        "load": os.getloadavg(),
        "seconds": seconds,
        "ratio": statistics.median(ratios),
        "ratios": ratios,
        **verdict(mine, other),
    }


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sweep_digits")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--thousand", action="store_true")
    given = parser.parse_args(arguments)
    if given.thousand:
        rounds = [thousand(given.epochs) for _ in range(given.rounds)]
        told = {"epochs": given.epochs, "cores": default_threads(), "load": os.getloadavg()}
        cost = statistics.median(entry["cost"] for entry in rounds)
        print(json.dumps({**told, "cost": cost, "rounds": rounds}, indent=1))
        return 0
    print(json.dumps(beside(given.epochs, given.repeats, given.rounds), indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
