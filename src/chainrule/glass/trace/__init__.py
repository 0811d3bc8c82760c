"""One training step as an ordered list of records: every tensor, formula and number."""

from __future__ import annotations

from chainrule.glass.trace.face import trace, trace_step
from chainrule.glass.trace.record import ROLES, Check, Explanation, Record, Term, variable
from chainrule.glass.trace.result import Proof, Settings, Trace

__all__ = [
    "ROLES",
    "Check",
    "Explanation",
    "Proof",
    "Record",
    "Settings",
    "Term",
    "Trace",
    "trace",
    "trace_step",
    "variable",
]
