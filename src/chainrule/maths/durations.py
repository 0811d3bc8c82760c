"""How long a part of a schedule lasts, and where a step lies in the run.

One rule for every duration: a whole number counts updates, a fraction between 0 and 1 is a share of
the run. One rule for the end: past the planned number of updates every schedule stays where it was
at the end.
"""

from __future__ import annotations

import numbers

from chainrule.checks import AnyOf, Integer, Real

__all__ = ["DURATION", "DURATION_OR_NONE", "place", "progress", "updates_of"]

DURATION = AnyOf(Integer(1), Real(0, 1, closed="neither"))
"""The rule of a duration: 1, 2, 3, ... updates, or a share of the run in (0, 1)."""

DURATION_OR_NONE = AnyOf(Integer(0), Real(0, 1, closed="neither"))
"""The same, with 0 for "not at all"."""


def updates_of(duration: int | float, total: int) -> int:
    """Return a duration as a number of updates; a share is rounded, and at least one update.

    Example
    -------
    >>> from chainrule.maths.durations import updates_of
    >>> updates_of(200, total=1000), updates_of(0.25, total=1000), updates_of(0.25, total=1)
    (200, 250, 1)
    """
    if isinstance(duration, numbers.Integral):
        return int(duration)
    return max(1, round(float(duration) * total))


def place(step: int, total: int) -> int:
    """Return the step, held within 0 and `total`."""
    return max(0, min(step, total))


def progress(step: int, total: int) -> float:
    """Return the share of the run that lies behind update `step` (from 0), between 0 and 1.

    Example
    -------
    >>> from chainrule.maths.durations import progress
    >>> progress(0, 4), progress(3, 4), progress(9, 4), progress(0, 0)
    (0.0, 0.75, 1.0, 0.0)
    """
    return place(step, total) / total if total > 0 else 0.0
