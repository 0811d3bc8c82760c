"""A few of the kills of tools/kill_runs.py; `make kill` does 300."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_a_handful() -> None:
    path = os.pathsep.join([str(ROOT), *(entry for entry in sys.path if entry)])
    said = subprocess.run(
        [sys.executable, "-m", "tools.kill_runs", "--count", "6", "--seed", "2"],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": path},
    )
    assert said.returncode == 0, said.stdout + said.stderr
    assert said.stdout.startswith("6 kills: ")
