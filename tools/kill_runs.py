"""Kill training runs at random moments, and see what is left.

    python -m tools.kill_runs                  300 kills
    python -m tools.kill_runs --count 12 --seed 3

Each run is a process that trains, saves a checkpoint after every epoch and a model after every
third, until `kill -9` comes. Then must hold: the model file, if there is one, loads; the
checkpoint, if there is one, loads; the run goes on from it to the bits of a run that was never
stopped; and after that start nothing lies in the folder but checkpoint and model.

Decisions
---------
a) The processes are forked from one that has imported everything, so that the moment of the kill
   falls into training and saving, not into starting Python.
b) The moment is drawn evenly. An epoch takes less time than its files, so most kills hit a write.
c) Turns go through both loops of the library: `chainrule.train` and an estimator's `fit`.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import chainrule as cr
from chainrule import MLPClassifier, nn
from chainrule.estimators.checkpoints import Saved
from chainrule.storage import Model
from chainrule.training.checkpoint import read_checkpoint
from chainrule.training.events import EpochEnded
from tools.killing import command

CHECKPOINT, MODEL = "run.checkpoint", "model.safetensors"
LATEST = 0.25
"""Seconds after the start at which a run is killed at the latest."""
FOR_EVER = 100_000
MORE = 2
"""Epochs that a run goes on."""
Run = Callable[[int, dict[str, Any]], Model]


def table() -> tuple[np.ndarray, np.ndarray]:
    """Return rows and classes."""
    generator = np.random.default_rng(5)
    X = generator.normal(size=(96, 5))
    return X, (X[:, 0] + X[:, 1] > 0).astype(np.int64)


def trained(epochs: int, more: dict[str, Any]) -> Model:
    """Train with `chainrule.train`."""
    X, y = table()
    network = nn.Sequential(nn.Dense(16), nn.BatchNorm(), nn.ReLU(), nn.Dropout(0.2), nn.Dense(1))
    held = (X[:20], y[:20])
    told: dict[str, Any] = {"loss": "binary_cross_entropy", "validation": held}
    return cr.train(network, X, y, epochs=epochs, **told, **more).model


def fitted(epochs: int, more: dict[str, Any]) -> Model:
    """Train an estimator."""
    X, y = table()
    settings: dict[str, Any] = {"dropout": 0.2, "normalization": "batch", "early_stopping": True}
    settings |= {"hidden_layer_sizes": 16, "batch_size": 32, "random_state": 0}
    settings |= {"n_iter_no_change": np.inf, "max_iter": epochs}
    return MLPClassifier(**settings, **more).fit(X, y).to_model()


RUNS: dict[Run, Callable[[Path], int]] = {
    trained: lambda path: read_checkpoint(path).document["epoch"],
    fitted: lambda path: Saved.read(path).document["iterations"],
}
"""The runs, and how far a checkpoint of each is."""


def forever(run: Run, folder: Path) -> None:
    """Train and save; ended from outside."""
    os.chdir(folder)
    model = run(1, {})

    def listen(event: object) -> None:
        if isinstance(event, EpochEnded) and event.row["epoch"] % 3 == 0:
            model.save(MODEL, overwrite=True)

    run(FOR_EVER, {"checkpoint": CHECKPOINT, "on_event": listen})


def killed(run: Run, folder: Path, seconds: float) -> None:
    """Start a run in a process of its own, and kill it after so many seconds."""
    ready, told = os.pipe()
    process = os.fork()
    if not process:
        try:
            os.write(told, b"x")
            forever(run, folder)
        finally:
            os._exit(3)
    os.read(ready, 1)
    time.sleep(seconds)
    os.kill(process, signal.SIGKILL)
    _, status = os.waitpid(process, 0)
    os.close(ready)
    os.close(told)
    if not (os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL):
        raise AssertionError(f"the run ended by itself, status {status}")


def look(run: Run, folder: Path) -> tuple[str, bool]:
    """Return where the kill fell, and whether it left litter, after proving what must hold.

    Raises
    ------
    AssertionError
        Something does not hold.
    """
    before = {entry.name for entry in folder.iterdir()}
    litter = bool(before - {CHECKPOINT, MODEL})
    if MODEL in before:
        cr.load(folder / MODEL)
    place = folder / CHECKPOINT
    known = CHECKPOINT in before
    epochs = MORE + (RUNS[run](place) if known else 0)
    model = run(epochs, {"resume": place} if known else {"checkpoint": place})
    whole = run(epochs, {})
    if bits(model) != bits(whole):
        raise AssertionError("the resumed run ended in other bits")
    model.save(folder / MODEL, overwrite=True)
    left = {entry.name for entry in folder.iterdir()} - {CHECKPOINT, MODEL}
    if left:
        raise AssertionError(f"litter after the next start: {sorted(left)}")
    return ("with a checkpoint" if known else "before the first checkpoint"), litter


def bits(model: Model) -> bytes:
    """Return all numbers of a model."""
    return model.weights.tobytes() + model.state.tobytes()


def kill(count: int, seed: int, say: Callable[[str], None]) -> list[str]:
    """Kill so many runs; return what did not hold."""
    warnings.simplefilter("ignore")
    chance, stages, faults = random.Random(seed), Counter[str](), list[str]()
    runs = list(RUNS)
    for run in runs:
        run(MORE, {})
    for number in range(count):
        run, seconds = runs[number % len(runs)], chance.uniform(0.0, LATEST)
        with tempfile.TemporaryDirectory() as home:
            killed(run, Path(home), seconds)
            try:
                stage, litter = look(run, Path(home))
                stages[stage] += 1
                stages["with litter, which the next start removed"] += litter
            except Exception as error:  # noqa: BLE001 - each is a find, and the next run counts too
                faults.append(f"kill {number}, {run.__name__}, {seconds:.4f} s: {error}")
    say(f"{count} kills: " + ", ".join(f"{n} {stage}" for stage, n in stages.items()))
    return faults


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    return command("tools.kill_runs", 300, kill, arguments)


if __name__ == "__main__":
    sys.exit(main())
