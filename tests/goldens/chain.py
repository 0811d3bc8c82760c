"""The network of note 004's practical example: one input, one hidden neuron, one output.

The note gives activations and weights but no biases. The biases here are those that make its
numbers true: the hidden neuron gives sigmoid(0.6 - 0.6) = 0.5, the output
sigmoid(0.4 * 0.5 + b) = 0.6.
"""

from __future__ import annotations

import math
from typing import Any

from chainrule import nn
from chainrule.maths.losses_regression import SquaredError
from chainrule.maths.optimizer import Optimizer
from chainrule.plan import Group, Plan, make_plan

__all__ = ["INPUT", "RATE", "START", "TARGET", "chain_plan"]

INPUT = [[1.0]]
TARGET = [[0.9]]
RATE = 0.1
START: dict[str, Any] = {
    "dense_1.W": [[0.6]],
    "dense_1.b": [-0.6],
    "dense_2.W": [[0.4]],
    "dense_2.b": [math.log(0.6 / 0.4) - 0.4 * 0.5],
}


def chain_plan(optimizer: Optimizer, fixed_biases: bool = False) -> Plan:
    """Return the plan; the loss is half of the squared error, as in the note."""
    network = nn.Sequential(nn.Dense(1), nn.Sigmoid(), nn.Dense(1), nn.Sigmoid())
    groups = (Group("*.b", rate_factor=0.0),) if fixed_biases else ()
    return make_plan(network, (1,), SquaredError(scale=0.5), 1, optimizer, groups=groups)
