"""The doctor's proof: broken and healthy runs, and what it says of them.

    python -m tools.proof_doctor                 the held-out part: other data, networks, seeds
    python -m tools.proof_doctor --part writing  the part that the rules were written with

Prints the confusion table. Fails unless recall is at least 0.95, false alarms at most 0.02, and
the cause that is named first is right in 0.90 of the broken runs.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import warnings
import zlib
from collections import Counter
from typing import Any

import numpy as np

import chainrule as cr
from tools.doctor_breaks import BREAKS
from tools.doctor_runs import healthy, learned, run_of

RECALL, ALARMS, FIRST = 0.95, 0.02, 0.90
PARTS = {"writing": 1_000, "held-out": 2_000_000}


def generator(part: str, name: str, turn: int) -> np.random.Generator:
    """Return the random numbers of one run; no two runs, and no two parts, share any."""
    return np.random.default_rng([PARTS[part], zlib.crc32(name.encode()), turn])


def said_of(part: str, fault: str, turn: int) -> dict[str, Any]:
    """Return what the doctor says of one run; `fault` is empty for a healthy one."""
    random = generator(part, fault, turn)
    held_out = part == "held-out"
    setup = healthy(random, held_out)
    if fault:
        setup = BREAKS[fault](random, setup)
    start = time.perf_counter()
    run, drawn = run_of(setup), 1
    while not fault and not learned(setup, run):
        setup = healthy(random, held_out)
        run, drawn = run_of(setup), drawn + 1
    diagnosis = cr.diagnose(run)
    return {
        "fault": fault,
        "turn": turn,
        "data": setup.origin,
        "drawn": drawn,
        "said": [verdict.fault for verdict in diagnosis.verdicts],
        "seconds": time.perf_counter() - start,
    }


def judged(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return recall, false alarms, and how often the first cause is right."""
    broken = [row for row in rows if row["fault"]]
    sound = [row for row in rows if not row["fault"]]
    return {
        "broken": len(broken),
        "healthy": len(sound),
        "recall": float(np.mean([row["fault"] in row["said"] for row in broken])),
        "first": float(np.mean([row["said"][:1] == [row["fault"]] for row in broken])),
        "false_alarms": float(np.mean([bool(row["said"]) for row in sound])),
        "drawn_for_healthy": sum(row["drawn"] for row in sound),
        "seconds_per_run": float(np.mean([row["seconds"] for row in rows])),
    }


def table(rows: list[dict[str, Any]]) -> str:
    """Return the confusion table: a line for each truth, and how often what was named first."""
    lines = [f"{'truth':<26}{'runs':>5}{'found':>7}{'first':>7}  named first instead"]
    for fault in (*BREAKS, ""):
        mine = [row for row in rows if row["fault"] == fault]
        if not mine:
            continue
        first = Counter((row["said"] or ["nothing"])[0] for row in mine)
        right = fault or "nothing"
        found = sum(fault in row["said"] if fault else not row["said"] for row in mine)
        others = ", ".join(f"{name} {n}" for name, n in first.most_common() if name != right)
        name = fault or "healthy"
        lines.append(f"{name:<26}{len(mine):>5}{found:>7}{first[right]:>7}  {others}")
    return "\n".join(lines)


def cost(rounds: int = 5) -> dict[str, float]:
    """Return what recording costs on 784-128-10 with batches of 128 rows, in processor time."""
    from chainrule import nn
    from chainrule.engine.select import threads_of_engines

    random = np.random.default_rng(0)
    X, y = random.random((20_000, 784), np.float32), random.integers(0, 10, 20_000)
    network = nn.Sequential(nn.Dense(128, "relu"), nn.Dense(10))
    options: dict[str, Any] = {"loss": "softmax_cross_entropy", "batch_size": 128, "metrics": ()}
    least = {False: np.inf, True: np.inf}
    with threads_of_engines(1):
        for _ in range(rounds):
            for record in least:
                start = time.process_time()
                cr.train(network, X, y, epochs=20, record=record, **options)
                least[record] = min(least[record], time.process_time() - start)
    plain, recorded = least[False], least[True]
    return {"plain": plain, "recorded": recorded, "share": recorded / plain - 1.0}


def main() -> int:
    """Run the proof."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--part", choices=PARTS, default="held-out")
    parser.add_argument("--each", type=int, default=15, help="broken runs of each fault")
    parser.add_argument("--healthy", type=int, default=330, help="healthy runs")
    parser.add_argument("--fault", help="only this fault; 'healthy' for the healthy runs")
    parser.add_argument("--first-turn", type=int, default=0, help="number of the first run of each")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--cost", action="store_true", help="only the cost of recording")
    options = parser.parse_args()
    if options.cost:
        print(json.dumps(cost(), indent=1))
        return 0
    warnings.simplefilter("ignore")
    wanted = [(fault, options.each) for fault in BREAKS] + [("", options.healthy)]
    if options.fault:
        wanted = [(f, n) for f, n in wanted if (f or "healthy") == options.fault]
    start = options.first_turn
    rows = [said_of(options.part, f, start + turn) for f, n in wanted for turn in range(n)]
    if options.fault:
        for row in rows:
            print(row)
        return 0
    result = judged(rows)
    if options.json:
        print(json.dumps({**result, "part": options.part, "runs": rows}, indent=1))
    else:
        print(table(rows))
        print("\n" + "\n".join(f"{name:<16} {value:.4g}" for name, value in result.items()))
    good = result["recall"] >= RECALL and result["false_alarms"] <= ALARMS
    return 0 if good and result["first"] >= FIRST else 1


if __name__ == "__main__":
    sys.exit(main())
