"""The marker: a learner's backpropagation against the truth, and the name of his mistake."""

from __future__ import annotations

from chainrule.glass.marker.exercise import Convention, Exercise, as_exercise
from chainrule.glass.marker.kinds import KINDS, Kind
from chainrule.glass.marker.mark import mark
from chainrule.glass.marker.process import Limits, mark_file
from chainrule.glass.marker.verdict import Finding, TensorMark, Verdict

__all__ = [
    "KINDS",
    "Convention",
    "Exercise",
    "Finding",
    "Kind",
    "Limits",
    "TensorMark",
    "Verdict",
    "as_exercise",
    "mark",
    "mark_file",
]
