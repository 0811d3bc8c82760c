"""MNIST by one command: test accuracy over five seeds, plain and augmented, with the time it took.

    python -m benchmarks.mnist FOLDER [--seeds 0,1,2,3,4] [--recipe plain|augmented|both]

FOLDER holds the four idx files (`chainrule data mnist` fetches them). Each run is `chainrule train`
on all 60,000 training pictures, scored once on the 10,000 test pictures. The settings were chosen
on the last 10,000 training pictures with seed 0; the test pictures had no part in that.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

COMMON = (
    *("--hidden", "512,256", "--optimizer", "adamw", "--learning-rate", "0.002"),
    *("--schedule", "cosine", "--validation-share", "0", "--patience", "0"),
)
RECIPES = {
    "plain": (
        *("--dropout", "0.3", "--augment", "feature_dropout=0.2", "--epochs", "25"),
        *COMMON,
    ),
    "augmented": (
        *("--dropout", "0.1", "--augment", "shift=2,rotation=12,scale=0.12", "--epochs", "40"),
        *COMMON,
    ),
}
"""`plain` drops hidden units and pixels; `augmented` moves the pictures too."""


def run(folder: Path, recipe: str, seed: int) -> dict[str, Any]:
    """Train and score once; return accuracy, seconds of training and processor seconds of all."""
    with tempfile.TemporaryDirectory() as place:
        out = Path(place, "digits.safetensors")
        words = [sys.executable, "-m", "chainrule", "train", str(folder.resolve())]
        words += [*RECIPES[recipe], "--seed", str(seed), "--out", str(out)]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(
            [*words, "--model-only", "--json"], stdout=subprocess.PIPE, check=True, cwd=place
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    found = json.loads(done.stdout)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    scores = found["scores"]["model"]
    return {
        "recipe": recipe,
        "seed": seed,
        "accuracy": scores["accuracy"],
        "seconds": found["seconds"],
        "processor_seconds": spent,
        "parameters": found["parameters"],
    }


def told(rows: list[dict[str, Any]]) -> str:
    """Return the runs of one recipe as lines, the mean last."""
    lines = [
        f"  seed {row['seed']}  accuracy {100 * row['accuracy']:.2f} %  "
        f"training {row['seconds']:.1f} s, processor {row['processor_seconds']:.1f} s in all"
        for row in rows
    ]
    scores = [100 * row["accuracy"] for row in rows]
    spread = f" ± {statistics.stdev(scores):.2f}" if len(scores) > 1 else ""
    seconds = statistics.mean(row["seconds"] for row in rows)
    spent = statistics.mean(row["processor_seconds"] for row in rows)
    lines.append(
        f"  mean    accuracy {statistics.mean(scores):.2f}{spread} %  training {seconds:.1f} s, "
        f"processor {spent:.1f} s in all"
    )
    return "\n".join(lines)


def main() -> None:
    """Run the recipes over the seeds and print every figure."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", default="0,1,2,3,4")
    parser.add_argument("--recipe", choices=[*RECIPES, "both"], default="both")
    parser.add_argument("--out", type=Path, help="where the figures go as JSON")
    asked = parser.parse_args()
    seeds = [int(word) for word in asked.seeds.split(",")]
    rows: list[dict[str, Any]] = []
    for recipe in RECIPES if asked.recipe == "both" else (asked.recipe,):
        print(f"{recipe}: chainrule train {asked.folder} " + " ".join(RECIPES[recipe]))
        found: list[dict[str, Any]] = []
        for seed in seeds:
            found.append(run(asked.folder, recipe, seed))
            print(told(found[-1:]).splitlines()[0], flush=True)
        print(told(found).splitlines()[-1], flush=True)
        rows += found
    print(f"on {os.cpu_count()} cores")
    if asked.out is not None:
        asked.out.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
