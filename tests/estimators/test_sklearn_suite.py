"""scikit-learn's own tests of its perceptrons, with the import changed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from sklearn.neural_network import tests as theirs

DESELECTED = {
    "test_gradient": (
        "calls the private `_loss_grad_lbfgs` with lists of activations and deltas; the laws prove"
        " every gradient of the library, the penalty's share of a batch included"
    ),
}
"""Tests that are not run, and why: the only ones."""
ROOT = Path(__file__).resolve().parents[2]


def outcome(*arguments: str) -> str:
    """Run scikit-learn's file in a process of its own and return what pytest said."""
    program = [sys.executable, "-m", "pytest", "-q", "-p", "tests.estimators.redirected"]
    program += ["-p", "no:cacheprovider", "-c", os.devnull, "--import-mode=importlib", *arguments]
    path = os.pathsep.join([str(ROOT), *(entry for entry in sys.path if entry)])
    environment = {**os.environ, "PYTHONPATH": path, "PYTEST_ADDOPTS": ""}
    found = subprocess.run(
        program, capture_output=True, text=True, check=False, cwd=ROOT, env=environment
    )
    return found.stderr + found.stdout  # the last line is the count


def test_their_tests_pass() -> None:
    file = Path(str(theirs.__file__)).with_name("test_mlp.py")
    names = re.findall(r"^def (test_\w+)", file.read_text(encoding="utf-8"), re.MULTILINE)
    assert set(DESELECTED) <= set(names)
    said = outcome(str(file), "-k", " and ".join(f"not {name}" for name in DESELECTED))
    last = said.strip().splitlines()[-1]
    assert re.search(r"\b\d+ passed\b", last), said
    assert not re.search(r"failed|error|skipped|xfailed|xpassed", last), said
    assert int(re.findall(r"(\d+) passed", last)[0]) >= len(names) - len(DESELECTED)


def test_the_redirection_works() -> None:
    said = outcome(str(Path(__file__).with_name("who_is_tested.py")))
    assert "1 passed" in said, said
