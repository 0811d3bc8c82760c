"""The compiled engine takes part in the gradient check, and a wrong gradient of it is found."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from chainrule.engine.native import NativeEngine, load_binary
from chainrule.glass import combinations, run_laws
from chainrule.glass.compiled import CompiledCase
from chainrule.maths.loss import LOSSES
from chainrule.nn import LAYERS

CASES = [case for case in combinations() if isinstance(case, CompiledCase)]
BUILT = load_binary()[0] is not None


def test_where_there_is_a_binary_every_layer_and_loss_runs_on_it() -> None:
    assert bool(CASES) == BUILT
    members = [*LAYERS, *LOSSES] if BUILT else []
    for member in members:
        assert any(member.name in case.name for case in CASES), member.name


@pytest.mark.parametrize("wrong", [1.0 + 1e-9, np.nan])
@pytest.mark.parametrize("field", ["gradient", "objective"])
def test_a_wrong_number_is_found(monkeypatch: pytest.MonkeyPatch, field: str, wrong: float) -> None:
    right = NativeEngine.gradient

    def spoiled(self: NativeEngine, *arguments: Any) -> Any:
        found = right(self, *arguments)
        return replace(found, **{field: getattr(found, field) * wrong})

    monkeypatch.setattr(NativeEngine, "gradient", spoiled)
    report = run_laws(cases=CASES[:10])
    assert len(report.failures) == len(CASES[:10])
    assert all(row.method == "compiled" for row in report.rows)
