"""Kill sweeps at random moments, and see that each goes on to the table of one that never stopped.

    python -m tools.kill_sweeps                  20 kills
    python -m tools.kill_sweeps --count 5 --seed 3

Each sweep is a process with two workers that `kill -9` ends. Then must hold: every line of its
ledger but the last is whole; the sweep that is started again makes no finished run a second time;
its table and all its numbers, times apart, are those of a sweep that nobody killed; and its
workers are gone.

Decisions
---------
a) The processes are forked from one that has imported everything, and the moment is drawn evenly
   over the time that a whole sweep takes, so that most kills hit runs and writes.
b) One ledger more is killed again and again until its sweep is finished.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from chainrule import nn
from chainrule.experiments import Sweep, sweep
from chainrule.experiments.ledger import read_ledger
from tools.killing import command


def swept(path: Path | None) -> Sweep:
    """Make the sweep: 6 settings, 10 repeats, one rate at which runs diverge."""
    generator = np.random.default_rng(5)
    X = generator.normal(size=(400, 8)).astype(np.float32)
    y = np.where(X[:, 0] + X[:, 1] ** 2 > 1, "in", "out")
    return sweep(
        lambda width: nn.Sequential(nn.Dense(width), nn.BatchNorm(), nn.ReLU(), nn.Dense(2)),
        X,
        y,
        axes={"width": [8, 32], "learning_rate": [0.01, 0.1, 1e30]},
        optimizer="sgd",
        repeats=10,
        loss="softmax_cross_entropy",
        epochs=60,
        test=0.2,
        out=path,
        workers=2,
    )


def lasting(found: Sweep) -> list[Any]:
    """Return every number of a sweep but the times, and its table."""
    documents = [{**result.to_document(), "seconds": 0} for result in found.rows]
    for document in documents:
        history = document["history"]
        for row in history["rows"]:
            row[history["columns"].index("seconds")] = 0
    table = [{**row.document(), "seconds": 0} for row in found.table()]
    return [documents, table]


def killed(path: Path, seconds: float) -> bool:
    """Start a sweep in a process of its own and kill it; say whether it was still running."""
    process = os.fork()
    if not process:
        try:
            swept(path)
        finally:
            os._exit(0)
    time.sleep(seconds)
    os.kill(process, signal.SIGKILL)
    _, status = os.waitpid(process, 0)
    return os.WIFSIGNALED(status)


def look(path: Path, whole: list[Any]) -> str:
    """Return how far the killed sweep was, after proving what must hold.

    Raises
    ------
    AssertionError
        Something does not hold.
    """
    before = read_ledger(path)[1] if path.exists() and path.stat().st_size else []
    again = swept(path)
    if again.found != len(before):
        raise AssertionError(f"{len(before)} runs were finished, and {again.found} were found")
    if lasting(again) != whole:
        raise AssertionError("the table is another one")
    keys = [result.key for result in read_ledger(path)[1]]
    if len(keys) != len(set(keys)) or len(keys) != len(again.rows):
        raise AssertionError(f"{len(keys)} lines for {len(set(keys))} runs")
    return f"{len(before)} of {len(keys)} runs were finished"


def kill(count: int, seed: int, say: Callable[[str], None]) -> list[str]:
    """Kill so many sweeps; return what did not hold."""
    warnings.simplefilter("ignore")
    chance, faults = random.Random(seed), list[str]()
    with tempfile.TemporaryDirectory() as home:
        whole = lasting(swept(Path(home, "whole.jsonl")))
        began = time.perf_counter()
        swept(Path(home, "timed.jsonl"))
        latest = time.perf_counter() - began
        for number in range(count):
            path = Path(home, f"{number}.jsonl")
            seconds = chance.uniform(0, latest)
            while not killed(path, seconds):  # it was faster than the first one
                path.unlink()
                seconds = chance.uniform(0, latest)
            try:
                say(f"kill {number + 1} after {seconds:.2f} s: {look(path, whole)}")
            except Exception as error:  # noqa: BLE001 - each is a find, and the next kill counts too
                faults.append(f"kill {number + 1}, {seconds:.2f} s: {error}")
        path, turns = Path(home, "again and again.jsonl"), 0
        while killed(path, chance.uniform(0.3, 0.6) * latest) and turns < 30:
            turns += 1
        say(f"one sweep killed {turns} times: {look(path, whole)}")
    return faults


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    return command("tools.kill_sweeps", 20, kill, arguments)


if __name__ == "__main__":
    sys.exit(main())
