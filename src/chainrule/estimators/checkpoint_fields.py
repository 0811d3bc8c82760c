"""What the document of an estimator's checkpoint must look like, before anything is read from it.

The digest finds bits that flipped; these rules find a document that was edited by other hands.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

__all__ = ["fault_in"]

_NAMED = ("nan", "inf", "-inf")
_LARGEST = 2**62
"""No run counts further, and each count fits the engine's integers."""
_POSITIONS = 624
"""Words in the state of the generator."""


def _is_count(value: object) -> bool:
    return type(value) is int and 0 <= value <= _LARGEST


def _is_cell(value: object) -> bool:
    number = type(value) in (int, float) and math.isfinite(value)  # type: ignore[arg-type]
    return number or (isinstance(value, str) and value in _NAMED)


def _is_scale(value: object) -> bool:
    return type(value) in (int, float) and 0 < value <= 1  # type: ignore[operator]


def _is_curve(value: object) -> bool:
    return isinstance(value, list) and all(map(_is_cell, value))


def _is_random(value: object) -> bool:
    if not isinstance(value, list) or len(value) != 3:
        return False
    place, spare, last = value
    return _is_count(place) and place <= _POSITIONS and spare in (0, 1) and _is_cell(last)


def _is_best(value: object) -> bool:
    pair = isinstance(value, list) and len(value) == 2 and all(map(_is_count, value))
    return value is None or pair


_COUNTS = ("first_step", "total_steps", "step", "seed", "epochs", "iterations", "stale", "seen")
_RULES: dict[str, Callable[[Any], bool]] = {
    **dict.fromkeys(_COUNTS, _is_count),
    "format": lambda value: isinstance(value, str),
    "version": _is_count,
    "library": lambda value: isinstance(value, str),
    "run": lambda value: isinstance(value, dict),
    "ended": lambda value: value in ("", "patience"),
    "scale": _is_scale,
    "random": _is_random,
    "losses": _is_curve,
    "scores": lambda value: value is None or _is_curve(value),
    "validation_losses": lambda value: value is None or _is_curve(value),
    "best_loss": _is_cell,
    "best_score": _is_cell,
    "best": _is_best,
}


def fault_in(document: dict[str, Any]) -> str:
    """Return which field of a document breaks a rule, or nothing.

    Example
    -------
    >>> from chainrule.estimators.checkpoint_fields import fault_in
    >>> fault_in({"format": 3})[:5]
    'best,'
    """
    if set(document) != set(_RULES):
        return ", ".join(sorted(set(document) ^ set(_RULES)))
    broken = (name for name, holds in _RULES.items() if not holds(document[name]))
    return next(broken, "") or _fault_in_counts(document)


def _fault_in_counts(document: dict[str, Any]) -> str:
    """Return which numbers do not go together, or nothing."""
    if len(document["losses"]) < document["iterations"]:
        return "losses"
    scores, losses = document["scores"], document["validation_losses"]
    if (scores is None) != (losses is None) or len(scores or ()) != len(losses or ()):
        return "scores"
    return "step" if document["step"] < document["iterations"] else ""
