"""Every activation, by file.

Decisions
---------
a) `activations_smooth` holds the classics, `activations_gated` those of the form z times a gate in
   (0, 1), `activations_piecewise` those with a corner, `activations_rows` those that mix the
   elements of a row.
b) A formula branches so that NaN stays NaN: a diverged network must not look healthy.
c) At a corner the slope is the left-hand derivative (0 for ReLU at 0).
d) `gain` is computed from the formula, not quoted: the factor g with g^2 E[f(z)^2] = 1 for a
   standard normal z, which is sqrt(2) for ReLU as He et al. (2015) derive it.
"""

from __future__ import annotations

from chainrule.maths.activations_gated import GELU, GELUTanh, Mish, SiLU, SwishBeta
from chainrule.maths.activations_piecewise import ELU, SELU, LeakyReLU, PReLU, ReLU
from chainrule.maths.activations_rows import LogSoftmax, Softmax
from chainrule.maths.activations_smooth import Identity, Sigmoid, Softplus, Tanh

__all__ = [
    "ELU",
    "GELU",
    "SELU",
    "GELUTanh",
    "Identity",
    "LeakyReLU",
    "LogSoftmax",
    "Mish",
    "PReLU",
    "ReLU",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "SwishBeta",
    "Tanh",
]
