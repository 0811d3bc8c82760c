"""All optimizers by name; the families live in files of their own."""

from __future__ import annotations

from chainrule.maths.optimizers_adam import Adam, AdamEpsilonHat, AdamW, AMSGrad, NAdam
from chainrule.maths.optimizers_adaptive import AdaGrad, RMSProp
from chainrule.maths.optimizers_lbfgs import LBFGS
from chainrule.maths.optimizers_momentum import SGD, Momentum, Nesterov

__all__ = [
    "LBFGS",
    "SGD",
    "AMSGrad",
    "AdaGrad",
    "Adam",
    "AdamEpsilonHat",
    "AdamW",
    "Momentum",
    "NAdam",
    "Nesterov",
    "RMSProp",
]
