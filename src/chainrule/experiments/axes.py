"""Axes of a sweep: which values a parameter takes, as a list, a range, or a range to draw from.

Words, as on the command line, and Python's values say the same:

    16,32,64       a list
    1:5            whole numbers from 1 to 5
    0:0.5:0.1      steps of 0.1, both ends included
    16:256:2x      each 2 times the one before: 16, 32, 64, 128, 256
    1e-4:1e-1:log  any number between, evenly in the logarithm (to draw from)
    0:0.5:even     any number between, evenly (to draw from)
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.checks import shown
from chainrule.errors import InvalidParameterError, UsageError
from chainrule.experiments.result import label_of
from chainrule.frozen import frozen

__all__ = ["Span", "axes_of", "axis_of", "axis_text", "first_of", "read_axis"]

_MOST = 10_000
"""Values of one axis; more are a slip of the pen."""
_KINDS = ("log", "even")


@frozen
class Span:
    """All numbers from `low` to `high`, for methods that draw.

    Parameters
    ----------
    low, high : float
        Both ends belong to it.
    log : bool
        Draw evenly in the logarithm: 0.001 to 0.01 is as likely as 0.01 to 0.1.
    whole : bool
        Draw whole numbers only.

    Raises
    ------
    InvalidParameterError
        The ends are not finite or not in order, or a logarithmic range does not begin above 0.

    Example
    -------
    >>> from chainrule.experiments import Span
    >>> rate = Span(1e-4, 1e-1, log=True)
    >>> round(rate.at(0.5), 5)
    0.00316
    """

    low: float
    high: float
    log: bool = False
    whole: bool = False

    def __post_init__(self) -> None:
        ends: tuple[Any, ...] = (self.low, self.high)
        numbers = all(isinstance(end, (int, float)) for end in ends)
        least = 0 if self.log else -math.inf
        if not numbers or not (least < self.low < self.high < math.inf):
            raise InvalidParameterError(
                "this is no range of numbers",
                where="Span",
                expected="low < high, both finite" + (", low above 0" if self.log else ""),
                got=f"{self.low!r} to {self.high!r}",
            )

    def at(self, share: float) -> float:
        """Return the number that lies at a share in [0, 1) of the range, in six digits."""
        if self.whole:
            low, high = self.low - 0.5, self.high + 0.5
            value = _between(max(low, 0.5) if self.log else low, high, share, self.log)
            return int(min(max(round(value), self.low), self.high))
        return self.told(_between(self.low, self.high, share, self.log))

    def told(self, value: float) -> float:
        """Return a number of the range in six digits, so that what a table shows is what it was."""
        return min(max(float(f"{value:.6g}"), float(self.low)), float(self.high))


def _between(low: float, high: float, share: float, log: bool) -> float:
    if log:
        return float(math.exp(math.log(low) + share * (math.log(high) - math.log(low))))
    return float(low + share * (high - low))


def axis_of(name: str, values: Any) -> tuple[Any, ...] | Span:
    """Return the values of one axis, from a sequence, an array, a `Span`, or words.

    Raises
    ------
    InvalidParameterError
        No value, twice the same value, or something that is no list.

    Example
    -------
    >>> from chainrule.experiments.axes import axis_of
    >>> axis_of("batch_size", "16:64:2x"), axis_of("optimizer", ["sgd", "adam"])
    ((16, 32, 64), ('sgd', 'adam'))
    """
    if isinstance(values, Span):
        return values
    if isinstance(values, str):
        return read_axis(name, values)
    if isinstance(values, np.ndarray):
        values = values.tolist()
    if not isinstance(values, (Sequence, range)) or isinstance(values, (bytes, bytearray)):
        raise InvalidParameterError(
            "the values of an axis are a list",
            where=f"axes, {name}",
            expected="a list of values, a range such as '16:256:2x', or a Span",
            got=shown(values),
        )
    return _distinct(name, tuple(values))


def _distinct(name: str, values: tuple[Any, ...]) -> tuple[Any, ...]:
    if not values:
        raise InvalidParameterError("an axis has no value", where=f"axes, {name}")
    seen: list[Any] = []
    for value in values:
        label = label_of(value)
        if any(type(label) is type(other) and label == other for other in seen):
            raise InvalidParameterError(
                "an axis has one value twice", where=f"axes, {name}", got=shown(value)
            )
        seen.append(label)
    return values


def read_axis(
    name: str, words: str, read: Callable[[str], Any] | None = None
) -> tuple[Any, ...] | Span:
    """Return the values that words such as `16,32`, `16:256:2x` or `1e-4:1e-1:log` say.

    Parameters
    ----------
    name : str
        For messages.
    words : str
    read : function, optional
        From one word to its value; by default numbers, `true`, `false`, `none`, or the word.

    Raises
    ------
    UsageError
        A range whose ends or step are no numbers.

    Example
    -------
    >>> from chainrule.experiments.axes import read_axis
    >>> read_axis("rate", "1e-3:1e-1:10x"), read_axis("depth", "1:3"), read_axis("x", "relu,none")
    ((0.001, 0.01, 0.1), (1, 2, 3), ('relu', None))
    """
    values: list[Any] = []
    for word in (part.strip() for part in words.split(",")):
        found = _range(name, word) if word.count(":") in (1, 2) else None
        if isinstance(found, Span):
            if "," in words:
                raise _not_understood(name, words, "a range to draw from stands alone")
            return found
        if found is None:
            values.append(_plain(word) if read is None else read(word))
        else:
            texts = [repr(value) for value in found]
            values += found if read is None else [read(text) for text in texts]
    return _distinct(name, tuple(values))


def _plain(word: str) -> Any:
    named = {"true": True, "false": False, "none": None}
    if word.lower() in named:
        return named[word.lower()]
    number = word.replace("_", "x")  # Python would read 1_000
    for pattern, kind in ((r"[+-]?\d+", int), (r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", float)):
        if re.fullmatch(pattern, number, re.IGNORECASE):
            return kind(number)
    return word


def _range(name: str, word: str) -> list[Any] | Span | None:
    """Return the values of a range, or None for a word that only looks like one."""
    low_word, high_word, *rest = word.split(":")
    low, high = _plain(low_word), _plain(high_word)
    if not all(isinstance(end, (int, float)) and math.isfinite(end) for end in (low, high)):
        return None
    step = rest[0].strip() if rest else "1"
    if step in _KINDS:
        whole = isinstance(low, int) and isinstance(high, int)
        try:
            return Span(low, high, step == "log", whole)
        except InvalidParameterError as error:
            error.where = name
            raise
    factor = step.endswith("x")
    number = _plain(step.removesuffix("x"))
    good = isinstance(number, (int, float)) and math.isfinite(number)
    if not rest and not (isinstance(low, int) and isinstance(high, int)):
        raise _not_understood(name, word, "a range of fractions needs its step")
    if not good or low > high or number <= (1 if factor else 0) or (factor and low <= 0):
        raise _not_understood(name, word, "the step must lead from the lower end to the upper one")
    return _steps(name, word, (low, high, number), factor)


def _steps(name: str, word: str, ends: tuple[Any, Any, Any], factor: bool) -> list[Any]:
    low, high, step = ends
    count = math.log(high / low) / math.log(step) if factor else (high - low) / step
    if count > _MOST:
        raise _not_understood(name, word, f"more than {_MOST:,} values")
    whole = all(isinstance(value, int) for value in ends)
    turns = range(math.floor(count + 1e-9) + 1)
    values = [low * step**turn if factor else low + turn * step for turn in turns]
    return [value if whole else float(f"{value:.12g}") for value in values]


def _not_understood(name: str, words: str, why: str) -> UsageError:
    return UsageError(
        f"the range is not understood: {why}",
        where=name,
        expected="such as 1:5, 0:0.5:0.1, 16:256:2x, 1e-4:1e-1:log",
        got=words,
    )


def axis_text(values: tuple[Any, ...] | Span) -> Any:
    """Return an axis as JSON: its labels, or the ends of its range."""
    if isinstance(values, Span):
        return {"low": values.low, "high": values.high, "log": values.log, "whole": values.whole}
    return [label_of(value) for value in values]


def axes_of(axes: Any) -> dict[str, tuple[Any, ...] | Span]:
    """Return all axes of a sweep, each checked.

    Raises
    ------
    InvalidParameterError
        There is none, or one is not understood.
    """
    if not isinstance(axes, Mapping) or not axes:
        raise InvalidParameterError(
            "a sweep needs at least one axis",
            where="axes",
            expected="a mapping such as {'learning_rate': [0.01, 0.1]}",
            got=shown(axes),
        )
    return {str(name): axis_of(str(name), values) for name, values in axes.items()}


def first_of(values: tuple[Any, ...] | Span) -> Any:
    """Return the first value of an axis, or the lower end of a range."""
    return values.at(0.0) if isinstance(values, Span) else values[0]
