"""The files of the checkout that people write."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MADE = {"__pycache__", "_build", "build", "dist", "reference", "node_modules"}
TOPS = ("src", "tests", "docs", "benchmarks", "tools", "csrc", ".ci")


def files() -> list[Path]:
    """Return every written file: those of the root, and those of its source folders."""
    found = [path for path in ROOT.iterdir() if path.is_file()]
    for top in TOPS:
        for folder, below, names in os.walk(ROOT / top):
            below[:] = [name for name in below if name not in MADE and not name.startswith(".")]
            found += [Path(folder, name) for name in names]
    return sorted(path for path in found if path.suffix != ".pyc")
