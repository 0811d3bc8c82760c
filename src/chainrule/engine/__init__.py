"""Two ways to run a plan: the reference engine, and the compiled one where it can be built."""

from chainrule.engine.protocol import (
    Buffers,
    Clock,
    EpochResult,
    Evaluation,
    Observer,
    Rows,
    StepResult,
)
from chainrule.engine.reference import ReferenceEngine

__all__ = [
    "Buffers",
    "Clock",
    "EpochResult",
    "Evaluation",
    "Observer",
    "ReferenceEngine",
    "Rows",
    "StepResult",
]
