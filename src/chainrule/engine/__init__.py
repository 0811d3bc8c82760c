"""Two ways to run a plan: the reference engine, and the compiled one where it can be built."""

from chainrule.engine.native import NativeEngine, info
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
from chainrule.engine.select import engine_for

__all__ = [
    "Buffers",
    "Clock",
    "EpochResult",
    "Evaluation",
    "NativeEngine",
    "Observer",
    "ReferenceEngine",
    "Rows",
    "StepResult",
    "engine_for",
    "info",
]
