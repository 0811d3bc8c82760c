"""Sweeps and comparisons: many networks over the same splits and seeds, with honest statistics."""

from __future__ import annotations

from chainrule.experiments.axes import Span
from chainrule.experiments.compare import compare
from chainrule.experiments.comparison import Comparison, Pair
from chainrule.experiments.outcome import Sweep, load_sweep
from chainrule.experiments.result import Result
from chainrule.experiments.sweep import sweep
from chainrule.experiments.table import TableRow

__all__ = [
    "Comparison",
    "Pair",
    "Result",
    "Span",
    "Sweep",
    "TableRow",
    "compare",
    "load_sweep",
    "sweep",
]
