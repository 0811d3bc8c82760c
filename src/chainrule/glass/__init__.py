"""Looking inside: the gradient check, and the laws that hold for every member."""

from __future__ import annotations

from chainrule.glass.cases import Case, CheckRow
from chainrule.glass.comparison import TensorCheck
from chainrule.glass.gradcheck import GradcheckReport, gradcheck
from chainrule.glass.laws import LawReport, check, combinations, run_laws

__all__ = [
    "Case",
    "CheckRow",
    "GradcheckReport",
    "LawReport",
    "TensorCheck",
    "check",
    "combinations",
    "gradcheck",
    "run_laws",
]
