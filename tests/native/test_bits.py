"""Threads, batches and interruptions do not change a bit, on any instruction set."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from chainrule.engine import info
from tests.native import bits
from tests.native.networks import PLANS


@pytest.mark.parametrize("name", info()["instruction_sets"])
def test_nothing_changes_a_bit(name: str) -> None:
    environment = {**os.environ, "CHAINRULE_ISA": name}
    program = [sys.executable, "-m", "tests.native.bits"]
    result = subprocess.run(program, capture_output=True, text=True, env=environment, check=False)
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout) == {"set": name, "differing": []}


def test_the_check_can_fail() -> None:
    plan = PLANS["wide"]
    assert bits.whole(plan, "float32") != bits.whole(PLANS["norms"], "float32")
    assert bits.gradient(plan, "float32", 1, True) != bits.gradient(plan, "float64", 1, True)


def test_a_set_that_is_not_there_is_refused() -> None:
    program = "from chainrule.engine import info; info()"
    environment = {**os.environ, "CHAINRULE_ISA": "v9"}
    result = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    assert result.returncode == 1
    assert "CHAINRULE_ISA names an instruction set" in result.stderr
