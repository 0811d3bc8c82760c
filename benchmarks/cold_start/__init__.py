"""Cold starts: a new process that imports, builds and trains one epoch."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from functools import lru_cache
from pathlib import Path

import numpy as np

from benchmarks.client import ROOT, SideError
from benchmarks.work import Work, data_of

HERE = Path(__file__).resolve().parent
SCRIPTS = {
    "chainrule": "with_chainrule.py",
    "scikit-learn": "with_scikit_learn.py",
    "torch": "with_torch.py",
    "jax": "with_jax.py",
}


@lru_cache(maxsize=1)
def _data_files(work: Work) -> tempfile.TemporaryDirectory[str]:
    folder = tempfile.TemporaryDirectory(prefix="cold-start-")
    X, y = data_of(work)
    np.save(Path(folder.name, "X.npy"), X)
    np.save(Path(folder.name, "y.npy"), y)
    return folder


def cold_start(side: str, work: Work) -> dict[str, float]:
    """Return `seconds` from the script's first line to the end of the epoch, and what it told.

    Raises
    ------
    SideError
        The library is missing, or the script failed.
    """
    folder = _data_files(work).name
    process = subprocess.run(
        [sys.executable, str(HERE / SCRIPTS[side]), folder],
        cwd=ROOT,
        env={**os.environ, "JAX_PLATFORMS": "cpu"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    if process.returncode:
        missing = "ModuleNotFoundError" in process.stderr
        raise SideError(process.stderr, unavailable=missing)
    return json.loads(process.stdout.splitlines()[-1])
