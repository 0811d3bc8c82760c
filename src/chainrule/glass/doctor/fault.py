"""What a fault is: how it shows, what it brings about, what to change; and a verdict about it.

Decisions
---------
a) A fault is a record with its thresholds as fields. It looks at numbers alone (`Case`), never at
   arrays or engines, so that every rule can be tried on a recording made by hand.
b) Faults cause each other: unscaled inputs saturate units, and saturated units let gradients
   vanish. Each fault lists what it `explains`; what another verdict explains is named after it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from chainrule.frozen import frozen
from chainrule.registry import Record, new_registry

if TYPE_CHECKING:
    from chainrule.glass.doctor.case import Case

__all__ = ["FAULTS", "Fault", "Found", "Verdict"]


@frozen
class Found:
    """What a fault found in a case.

    Parameters
    ----------
    evidence : tuple of str
        Sentences with numbers.
    confidence : float
        In (0, 1].
    layer : str
        Where, if it is one place.
    step : int or None
        The update at which it shows first.
    code : str
        The line to change, as it should read.
    """

    evidence: tuple[str, ...]
    confidence: float
    layer: str = ""
    step: int | None = None
    code: str = ""


class Fault(Record):
    """Base of the faults that the doctor knows."""

    title: ClassVar[str] = ""
    """What it is called in a verdict."""
    tells: ClassVar[str] = ""
    """How it is recognised, in one sentence."""
    remedy: ClassVar[str] = ""
    """What to do, in one sentence."""
    explains: ClassVar[tuple[str, ...]] = ()
    """Names of the faults that it brings about."""
    needs: ClassVar[str] = ""
    """What must be at hand for it to be seen: `rows`, `validation` or `clipping`."""

    def look(self, case: Case) -> Found | None:
        """Return what speaks for this fault in a case, or None."""
        raise NotImplementedError


FAULTS = new_registry("fault", Fault)


@frozen
class Verdict:
    """A fault of a run.

    Parameters
    ----------
    fault : str
        Its name in the registry.
    title : str
    evidence : tuple of str
    confidence : float
    remedy, code : str
        What to do, and the changed line.
    layer : str
    step : int or None
    because : str
        Name of the verdict that explains this one; empty for a cause of its own.
    """

    fault: str
    title: str
    evidence: tuple[str, ...]
    confidence: float
    remedy: str
    code: str
    layer: str = ""
    step: int | None = None
    because: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values."""
        return {
            "fault": self.fault,
            "title": self.title,
            "layer": self.layer,
            "step": self.step,
            "evidence": list(self.evidence),
            "confidence": round(self.confidence, 3),
            "remedy": self.remedy,
            "code": self.code,
            "because": self.because,
        }

    def __str__(self) -> str:
        place = f" in {self.layer}" if self.layer else ""
        cause = f"; follows from: {FAULTS[self.because].title}" if self.because else ""
        lines = [f"{self.title}{place} (confidence {self.confidence:.0%}{cause})"]
        lines += [f"  - {sentence}" for sentence in self.evidence]
        lines.append(f"  do:   {self.remedy}")
        if self.code:
            lines.append(f"  code: {self.code}")
        return "\n".join(lines)
