"""Small networks for the laws of layers and engines: every layer of the registry with a head."""

from __future__ import annotations

import numpy as np

from chainrule.engine import Buffers, Rows
from chainrule.engine.walk import draw_noise
from chainrule.glass.cases import NetworkCase
from chainrule.maths.loss import LOSSES
from chainrule.nn import LAYERS
from chainrule.plan import Plan
from chainrule.streams import Stream

__all__ = ["CASES", "buffers_of", "noise_of"]

_LOSSES = [member.examples()[0] for member in LOSSES]
CASES = [
    NetworkCase("laws", layer, _LOSSES[place % len(_LOSSES)])
    for place, layer in enumerate(example for member in LAYERS for example in member.examples())
]
"""One case for each example of each layer; the losses take turns."""


def buffers_of(plan: Plan, dtype: str = "float64", seed: int = 0) -> Buffers:
    """Return weights and moments away from their starts."""
    weights = plan.initial_weights(seed) + 0.1 * Stream(seed, "law").normal(plan.parameters.size)
    running = plan.initial_running() + Stream(seed, "moments").uniform(plan.running.size)
    return Buffers(weights.astype(dtype), {}, running.astype(dtype))


def noise_of(plan: Plan, rows: Rows, dtype: str = "float64") -> dict[str, np.ndarray]:
    """Return the masks of one batch."""
    drawn = draw_noise(plan, 0, 0, 0, len(rows), (0, 1))
    return {name: array.astype(dtype) for name, array in drawn.items()}
