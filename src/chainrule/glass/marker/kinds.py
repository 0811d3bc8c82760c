"""Every kind of mistake: importing this module fills the table."""

from __future__ import annotations

from chainrule.glass.marker import (
    kinds_backward,
    kinds_forward,
    kinds_output,
    kinds_scale,
    kinds_sums,
)
from chainrule.glass.marker.kind import KINDS, Hypothesis, Kind, all_hypotheses

_HOMES = (kinds_forward, kinds_output, kinds_backward, kinds_sums, kinds_scale)
"""Importing them has filled the table."""

__all__ = ["KINDS", "Hypothesis", "Kind", "all_hypotheses"]
