"""scikit-learn's checks of every estimator: none fails, none is expected to, none is skipped."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from sklearn.utils import get_tags

from chainrule import MLPRegressor
from chainrule.maths.losses_likelihood import Poisson

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = """
import json, sys, warnings
warnings.simplefilter("ignore")
import chainrule
from sklearn.utils.estimator_checks import check_estimator
estimator = getattr(chainrule, sys.argv[1])()
found = check_estimator(estimator, on_fail=None, on_skip=None)
print(json.dumps([[one["check_name"], one["status"], repr(one["exception"])] for one in found]))
"""
LEAST = {"MLPClassifier": 60, "MLPRegressor": 55}


@pytest.mark.parametrize("name", LEAST)
def test_all_checks_pass(name: str) -> None:
    path = os.pathsep.join(entry for entry in sys.path if entry)
    # Without this variable scikit-learn skips its check of array-API inputs.
    environment = {**os.environ, "SCIPY_ARRAY_API": "1", "PYTHONPATH": path}
    program = [sys.executable, "-c", PROGRAM, name]
    said = subprocess.run(program, capture_output=True, text=True, check=True, env=environment)
    checks = json.loads(said.stdout.splitlines()[-1])
    assert [check for check in checks if check[1] != "passed"] == []
    assert len(checks) >= LEAST[name]


def test_other_configurations() -> None:
    """A few of tools/check_estimators.py; `make contract` checks all."""
    path = os.pathsep.join([str(ROOT), *(entry for entry in sys.path if entry)])
    environment = {**os.environ, "PYTHONPATH": path}
    program = [sys.executable, "-m", "tools.check_estimators", "network"]
    said = subprocess.run(
        program, capture_output=True, text=True, check=False, env=environment, cwd=ROOT
    )
    assert said.returncode == 0, said.stdout + said.stderr
    assert "without an explanation" in said.stdout


def test_counts_are_not_negative() -> None:
    for loss in ("poisson", Poisson()):
        assert get_tags(MLPRegressor(loss)).target_tags.positive_only
    assert not get_tags(MLPRegressor()).target_tags.positive_only
