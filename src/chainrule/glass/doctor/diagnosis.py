"""The doctor: all faults look at a run, and what explains the others is named first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from chainrule.checks import shown
from chainrule.errors import UsageError
from chainrule.frozen import frozen
from chainrule.glass.doctor.case import Case
from chainrule.glass.doctor.fault import FAULTS, Fault, Found, Verdict
from chainrule.glass.doctor.questions import examined
from chainrule.training.arguments import clear_arguments
from chainrule.training.recording import Recording

__all__ = ["Diagnosis", "diagnose", "verdicts_of"]


@frozen
class Diagnosis:
    """What is wrong with a run; nothing, where there are no verdicts.

    Parameters
    ----------
    verdicts : tuple of Verdict
        Causes before what follows from them.
    unseen : tuple of str
        What could not be looked at, and why.
    """

    verdicts: tuple[Verdict, ...]
    unseen: tuple[str, ...] = ()

    @property
    def healthy(self) -> bool:
        """Whether no fault was found."""
        return not self.verdicts

    @property
    def cause(self) -> Verdict | None:
        """The verdict that is named first."""
        return self.verdicts[0] if self.verdicts else None

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values: healthy, verdicts, unseen."""
        return {
            "healthy": self.healthy,
            "verdicts": [verdict.to_dict() for verdict in self.verdicts],
            "unseen": list(self.unseen),
        }

    def rows(self) -> list[tuple[str, str, str, str, str]]:
        """Return the verdicts as rows of text: fault, layer, evidence, confidence, what to do."""
        return [
            (
                verdict.title,
                verdict.layer,
                "; ".join(verdict.evidence),
                f"{verdict.confidence:.0%}",
                f"{verdict.remedy}: {verdict.code}" if verdict.code else verdict.remedy,
            )
            for verdict in self.verdicts
        ]

    def __str__(self) -> str:
        lines = [str(verdict) for verdict in self.verdicts]
        if self.healthy:
            lines.append("no fault found")
        lines += [f"not looked at: {sentence}" for sentence in self.unseen]
        return "\n".join(lines)


@clear_arguments
def diagnose(run: Any) -> Diagnosis:
    """Say what is wrong with a recorded run: which fault, where, by what evidence, what to change.

    Parameters
    ----------
    run : Run, Recording, DivergenceError, or model
        Of a training with `record=True`. A model from a file brings its recording along.

    Raises
    ------
    UsageError
        There is no recording.

    Example
    -------
    >>> import numpy as np
    >>> import chainrule as cr
    >>> from chainrule import nn
    >>> X = np.random.default_rng(0).normal(size=(200, 3))
    >>> net = nn.Sequential(nn.Dense(8, "relu"), nn.Dense(2), nn.Softmax())
    >>> options = {"loss": "softmax_cross_entropy", "epochs": 3, "record": True}
    >>> run = cr.train(net, X, X[:, 0] > 0, **options)
    >>> cr.diagnose(run).cause.title
    'softmax or sigmoid applied twice'
    """
    recording = examined(_recording(run))
    return Diagnosis(verdicts_of(recording), _unseen(recording))


def verdicts_of(recording: Recording) -> tuple[Verdict, ...]:
    """Return the verdicts about a recording, causes first; a pure function of its numbers."""
    case = Case(recording)
    found: dict[str, Found] = {}
    for member in FAULTS:
        result = member().look(case)
        if result is not None:
            found[member.name] = result
    causes = {name: _cause(name, found) for name in found}
    verdicts = [_verdict(FAULTS[name], found[name], causes[name]) for name in found]
    return tuple(
        sorted(
            verdicts,
            key=lambda verdict: (
                bool(verdict.because),
                -round(verdict.confidence, 2),
                -len(FAULTS[verdict.fault].explains),
            ),
        )
    )


def _cause(name: str, found: dict[str, Found]) -> str:
    """Return the most certain fault that explains this one, or nothing."""
    able = [
        other
        for other in found
        if other != name
        and name in FAULTS[other].explains
        and not _later(found, other, name)
        and (other not in FAULTS[name].explains or _later(found, name, other))
    ]
    return max(able, key=lambda other: found[other].confidence, default="")


def _later(found: dict[str, Found], cause: str, effect: str) -> bool:
    """Say whether one of two is too late to explain the other.

    Units that were flat before the first update are no work of the learning rate, which cannot
    be blamed then; units that became so are its work.
    """
    if cause in _UNITS and effect in _PACE:
        return found[cause].step != 0
    if cause in _UNITS and found[effect].step == 0:
        return found[cause].step != 0
    return effect in _UNITS and cause in _PACE and found[effect].step == 0


_UNITS = ("dead_relu", "saturated_units")
_PACE = ("learning_rate_too_high", "not_finite")


def _verdict(fault: type[Fault], found: Found, because: str) -> Verdict:
    verdict = Verdict(
        fault.name,
        fault.title,
        found.evidence,
        found.confidence,
        fault.remedy,
        found.code,
        found.layer,
        found.step,
    )
    return replace(verdict, because=because)


def _recording(run: Any) -> Recording:
    if isinstance(run, Recording):
        return run
    recording = getattr(run, "recording", None)
    if recording is None:
        record = getattr(run, "record", None)
        document = record.get("recording") if isinstance(record, dict) else None
        if document is not None:
            return Recording.from_document(document, run.plan)
    trained = isinstance(run, BaseException) or hasattr(run, "history") or hasattr(run, "plan")
    if not isinstance(recording, Recording) and not trained:
        raise UsageError(
            "this is no run to diagnose",
            where="diagnose",
            expected="what cr.train(..., record=True) returned or raised, or its model",
            got=shown(run),
        )
    if not isinstance(recording, Recording):
        raise UsageError(
            "there is no recording to diagnose",
            where="diagnose",
            expected="a run of cr.train(..., record=True)",
            got=shown(run),
            do="train again with record=True",
        )
    return recording


def _unseen(recording: Recording) -> tuple[str, ...]:
    lacking: dict[str, Sequence[str]] = {}
    if recording.findings is None:
        lacking["the rows are not at hand"] = [f.title for f in FAULTS if f.needs == "rows"]
    if not recording.facts["validation_rows"]:
        lacking["there is no validation data"] = [
            fault.title for fault in FAULTS if fault.needs == "validation"
        ]
    return tuple(f"{', '.join(titles)} ({reason})" for reason, titles in lacking.items())
