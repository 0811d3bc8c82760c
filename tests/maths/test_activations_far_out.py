"""GELU's tanh form where its argument cannot be squared any more: limits in both engines."""

from __future__ import annotations

import numpy as np
import pytest

from chainrule import nn
from chainrule.engine import Clock, Rows
from chainrule.engine.native import load_binary
from chainrule.engine.reference import ReferenceEngine
from chainrule.engine.select import engine_for
from chainrule.maths.activations import GELUTanh
from chainrule.plan import make_plan

FAR = {"float32": 1e38, "float64": 1e300}
CLOCK = Clock(seed=0, epoch=0, first_row=0, total_steps=1)


@pytest.mark.parametrize("dtype", FAR)
def test_the_slope_has_its_limits_at_both_ends(dtype: str) -> None:
    member = GELUTanh()
    Z = np.array([np.inf, FAR[dtype], 1e20, 31.0, -31.0, -1e20, -FAR[dtype], -np.inf], dtype)
    slope = member.slope(Z, Z)
    assert slope.dtype == dtype
    assert slope.tolist() == [1.0] * 4 + [0.0] * 4
    assert np.isnan(member.slope(np.array([np.nan], dtype), Z[:1])).all()


@pytest.mark.parametrize("dtype", FAR)
def test_finite_arguments_give_no_warning(dtype: str) -> None:
    Z = np.array([FAR[dtype], -FAR[dtype]], dtype)
    assert np.abs(GELUTanh().value(Z) - np.array([FAR[dtype], 0.0], dtype)).max() == 0.0


def test_the_cut_changes_nothing_where_the_gate_moves() -> None:
    Z = np.linspace(-30.0, 30.0, 6001)
    doubled = np.sqrt(8.0 / np.pi) * (Z + 0.044715 * Z * Z * Z)
    exact = Z / (1.0 + np.exp(-np.clip(doubled, -700.0, None)))
    assert np.allclose(GELUTanh().value(Z), exact, rtol=1e-13, atol=1e-300)


@pytest.mark.parametrize("bias", [np.inf, -np.inf, 1e30, -1e30])
def test_both_engines_send_a_finite_gradient_through_it(bias: float) -> None:
    """The unit far out is picked by nobody: its gradient is 0 times the slope, so 0, not NaN."""
    network = nn.Sequential(nn.Dense(2), nn.Activation("gelu_tanh"), nn.Columns(0), nn.Dense(1))
    plan = make_plan(network, (3,), "squared_error", 1)
    rows = Rows(np.full((4, 3), 0.5, np.float32), np.ones((4, 1), np.float32), None)
    norms: list[float] = []
    native = engine_for(plan, "float32")
    assert load_binary()[0] is None or native.name != ReferenceEngine.name
    for engine in (ReferenceEngine(plan, "float32"), native):
        buffers = engine.buffers(0)
        plan.parameters.views(buffers.weights)["dense_1.b"][1] = bias
        with np.errstate(all="ignore"):
            norms.append(engine.epoch(buffers, rows, np.arange(4), 4, CLOCK).gradient_norm)
    assert np.isfinite(norms).all()
    assert norms[0] == pytest.approx(norms[1], rel=1e-5)
