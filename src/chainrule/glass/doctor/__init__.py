"""The doctor: what is wrong with a training run, by what evidence, and what to change."""

from __future__ import annotations

from chainrule.glass.doctor import rules_data as rules_data
from chainrule.glass.doctor import rules_fit as rules_fit
from chainrule.glass.doctor import rules_flow as rules_flow
from chainrule.glass.doctor import rules_pace as rules_pace
from chainrule.glass.doctor import rules_start as rules_start
from chainrule.glass.doctor.diagnosis import Diagnosis, diagnose, verdicts_of
from chainrule.glass.doctor.fault import FAULTS, Fault, Found, Verdict
from chainrule.glass.doctor.questions import examined

__all__ = [
    "FAULTS",
    "Diagnosis",
    "Fault",
    "Found",
    "Verdict",
    "diagnose",
    "examined",
    "verdicts_of",
]
