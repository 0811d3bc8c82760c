"""A training that is done again and watched, and what the doctor says of it on the screen."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from chainrule.api import Run
from chainrule.cli.again import option_words
from chainrule.cli.pipeline import Checkpoints, Learnable, Prepared, Settings, fit
from chainrule.cli.progress import TrainingProgress
from chainrule.cli.screen import Screen
from chainrule.cli.words import duration
from chainrule.errors import ChainruleError, DivergenceError
from chainrule.glass.doctor import Diagnosis, diagnose
from chainrule.training.recording import Recording

__all__ = [
    "columns_of",
    "explain",
    "fit_watched",
    "helpful",
    "names_of",
    "recording_of",
    "show_diagnosis",
]

Columns = Sequence[str]


_DIVERGES = (
    *("learning_rate_too_high", "unscaled_inputs", "unscaled_target"),
    *("exploding_gradient", "not_finite"),
)
"""Faults that make numbers grow without end; others may be there too."""
MOST_SECONDS = 300.0
"""A run that took longer is not done again without being asked for."""


def recording_of(
    train_again: Callable[[], Run], names: Sequence[str]
) -> tuple[Recording | None, Run | None]:
    """Return the recording of a training, and the run if it did not end in its first epoch.

    Parameters
    ----------
    train_again : function
        Trains and watches.
    names : sequence of str
        Of the features; empty for pixels.
    """
    run: Run | None = None
    try:
        run = train_again()
        found: Any = run.recording
    except DivergenceError as error:
        found = error.recording
    if not isinstance(found, Recording) or not names:
        return found, run
    return replace(found, facts={**found.facts, "names": list(names)}), run


def names_of(prepared: Learnable) -> tuple[str, ...]:
    """Return the names of the features; none where they are pixels."""
    return prepared.encoder.features if isinstance(prepared, Prepared) else ()


def fit_watched(prepared: Learnable, settings: Settings, screen: Screen) -> Run:
    """Train as `chainrule train` does, to the same bits, and watch it.

    Raises
    ------
    DivergenceError
        It diverged in its first epoch; the error holds the recording.
    """
    with TrainingProgress(screen, prepared.metrics[0]) as listener:
        return fit(prepared, settings, listener, Checkpoints(), record=True)


def explain(
    error: DivergenceError,
    seconds: float,
    screen: Screen,
    train_again: Callable[[], Run],
    names: Sequence[str],
    part: str = "",
    settings: Settings | None = None,
) -> None:
    """Do a training again that diverged, show what the doctor says, and put it into the error.

    Parameters
    ----------
    error : DivergenceError
        Of the training.
    seconds : float
        How long that took.
    screen : Screen
    train_again : function
        Trains and watches.
    names : sequence of str
        Of the features; empty for pixels.
    part : str
        On which of the rows, if not on all.
    settings : Settings, optional
        Of the training, to name options that change it.
    """
    if seconds > MOST_SECONDS:
        screen.note(
            f"the training diverged after {duration(seconds)}, which is too long to do it again "
            "and look for the cause; fewer rows or a larger --learning-rate show it sooner"
        )
        return
    on = f" on {part}" if part else ""
    screen.note(f"the training diverged: it is done again{on} and watched, to find the cause")
    try:
        recording, run = recording_of(train_again, names)
        if recording is None or (run is not None and run.stop_reason == "interrupted"):
            return
        diagnosis = diagnose(recording)
    except (KeyboardInterrupt, ChainruleError):  # the divergence is what has to be told
        return
    if run is not None and run.stop_reason != "diverged":
        screen.note(f"it did not diverge{on}: look at the size of the numbers in the other rows")
        return
    found = {} if settings is None else helpful(diagnosis, settings, recording)
    show_diagnosis(screen, diagnosis, found)
    blamed = [verdict for verdict in diagnosis.verdicts if verdict.fault in _DIVERGES]
    if blamed:
        first = max(blamed, key=lambda verdict: verdict.confidence)
        option = shlex.join(option_words(found.get(first.fault, {})))
        error.do = f"{first.title}: {first.remedy}" + (f" ({option})" if option else "")


def helpful(
    diagnosis: Diagnosis, settings: Settings, recording: Recording | None, columns: Columns = ()
) -> dict[str, dict[str, Any]]:
    """Return the options of `chainrule train` that help, by fault."""
    from chainrule.cli.remedies import options_for

    reason = "" if recording is None else str(recording.facts.get("stop_reason", ""))
    found = {
        verdict.fault: options_for(verdict, settings, reason, columns)
        for verdict in diagnosis.verdicts
    }
    return {fault: options for fault, options in found.items() if options}


def columns_of(prepared: Learnable) -> list[str]:
    """Return the column of the table behind each feature; none where they are pixels."""
    if not isinstance(prepared, Prepared):
        return []
    return [code.name for code in prepared.encoder.codes for _ in code.features()]


def show_diagnosis(
    screen: Screen, diagnosis: Diagnosis, options: Mapping[str, Mapping[str, Any]] | None = None
) -> None:
    """Print the verdicts, each with its evidence and what to do.

    Parameters
    ----------
    screen : Screen
    diagnosis : Diagnosis
    options : mapping of fault to options, optional
        Options of `chainrule train` that help, if the training was one of its own.
    """
    titles = {verdict.fault: verdict.title for verdict in diagnosis.verdicts}
    for number, verdict in enumerate(diagnosis.verdicts, start=1):
        screen.gap()
        screen.numbered(number, verdict.title, verdict.layer)
        facts = {f"evidence {place}": text for place, text in enumerate(verdict.evidence, start=1)}
        if len(facts) == 1:
            facts = {"evidence": verdict.evidence[0]}
        facts["confidence"] = f"{verdict.confidence:.0%}"
        if verdict.because:
            facts["follows from"] = titles[verdict.because]
        named = shlex.join(option_words((options or {}).get(verdict.fault, {})))
        remedy = {"do": verdict.remedy, **({"option": named} if named else {})}
        screen.facts({**facts, **remedy, "code": verdict.code})
    screen.gap()
    for sentence in diagnosis.unseen:
        screen.note(f"not looked at: {sentence}")
