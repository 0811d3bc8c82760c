"""The law for random networks: gradient == derivative, however layers are put together.

`CHAINRULE_EXAMPLES=5000` asks for more networks than the usual 60.
"""

from __future__ import annotations

import os

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chainrule.engine import Rows
from chainrule.glass.gradcheck import check_plan, choose_method
from chainrule.maths.loss import LOSSES, Loss, Reduction
from chainrule.maths.penalty import PENALTIES, Penalty
from chainrule.nn import Layer
from chainrule.plan import make_plan
from chainrule.streams import Stream
from tests.laws.architectures import architectures, closed

EXAMPLES = int(os.environ.get("CHAINRULE_EXAMPLES", "60"))
LOSS = [example for member in LOSSES for example in member.examples()]
PENALTY = [example for member in PENALTIES for example in member.examples()]


@settings(max_examples=EXAMPLES, suppress_health_check=[HealthCheck.too_slow])
@given(
    network=architectures(),
    loss=st.sampled_from(LOSS),
    penalties=st.lists(st.sampled_from(PENALTY), max_size=1),
    reduction=st.sampled_from(["mean", "sum"]),
    weighted=st.booleans(),
    training=st.booleans(),
    seed=st.integers(0, 10**6),
)
def test_gradient_is_the_derivative_in_random_networks(
    network: tuple[list[Layer], tuple[int, ...]],
    loss: Loss,
    penalties: list[Penalty],
    reduction: Reduction,
    weighted: bool,
    training: bool,
    seed: int,
) -> None:
    layers, sample_shape = network
    plan = make_plan(
        closed(layers, sample_shape, loss.raw_width(2)),
        sample_shape,
        loss,
        2,
        penalties=penalties,
        reduction=reduction,
    )
    uniform = Stream(seed, "law:X").uniform((4, *sample_shape))
    X = layers[0].sample_inputs(uniform) if layers else 4.0 * uniform - 2.0
    Y = loss.sample_targets(Stream(seed, "law:Y").uniform((4, 2)))
    weights = Stream(seed, "law:weights").uniform(4, 0.1, 2.0) if weighted else None
    report = check_plan(
        plan, Rows(X, Y, weights), choose_method(plan), training=training, seed=seed
    )
    assert np.isfinite(report.objective)
    assert report.passed, f"{plan.network}\n{report}"
