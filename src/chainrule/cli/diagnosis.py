"""A training that is done again and watched, and what the doctor says of it on the screen."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from chainrule.api import Run
from chainrule.cli.pipeline import Checkpoints, Learnable, Prepared, Settings, fit
from chainrule.cli.progress import TrainingProgress
from chainrule.cli.screen import Screen
from chainrule.cli.words import duration
from chainrule.errors import ChainruleError, DivergenceError
from chainrule.glass.doctor import Diagnosis, diagnose
from chainrule.training.recording import Recording

__all__ = ["explain", "fit_watched", "names_of", "options_in", "recording_of", "show_diagnosis"]

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
    show_diagnosis(screen, diagnosis)
    blamed = [verdict for verdict in diagnosis.verdicts if verdict.fault in _DIVERGES]
    if blamed:
        first = max(blamed, key=lambda verdict: verdict.confidence)
        error.do = f"{first.title}: {first.remedy}"


_OPTIONS = {
    "--learning-rate": re.compile(r"optimizer=cr\.\w+\(([\d.e+-]+)\)"),
    "--epochs": re.compile(r"epochs=(\d+)"),
    "--batch-size": re.compile(r"batch_size=(\d+)"),
    "--patience": re.compile(r"patience=(\d+)"),
}
"""Options of `train`, and how a remedy in Python says the same."""


def options_in(code: str) -> str:
    """Return the options of `chainrule train` that do what a line of Python does.

    Example
    -------
    >>> options_in("cr.train(..., optimizer=cr.Adam(0.3))"), options_in("nn.LeakyReLU()")
    ('--learning-rate 0.3', '')
    """
    found = {option: pattern.search(code) for option, pattern in _OPTIONS.items()}
    return " ".join(f"{option} {match[1]}" for option, match in found.items() if match)


def show_diagnosis(screen: Screen, diagnosis: Diagnosis, options: bool = True) -> None:
    """Print the verdicts, each with its evidence and what to do.

    Parameters
    ----------
    screen : Screen
    diagnosis : Diagnosis
    options : bool
        The training was one of `chainrule train`, whose options are named where one helps.
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
        named = options_in(verdict.code) if options else ""
        remedy = {"do": verdict.remedy, **({"option": named} if named else {})}
        screen.facts({**facts, **remedy, "code": verdict.code})
    screen.gap()
    for sentence in diagnosis.unseen:
        screen.note(f"not looked at: {sentence}")
