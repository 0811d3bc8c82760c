"""Parameter rules as data: one declaration feeds the check, the message, the docs and the tests.

A rule answers three questions: does it accept a value, how does it read in a sentence, and which
values must it reject. The law suite takes the last answer and proves that every declared rule
really rejects them, so a rule that checks nothing cannot survive.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np

from chainrule.errors import InvalidParameterError
from chainrule.frozen import frozen

__all__ = [
    "AnyOf",
    "Array",
    "Boolean",
    "Each",
    "Instance",
    "Integer",
    "Name",
    "NoneValue",
    "OneOf",
    "Real",
    "Rule",
    "Text",
    "check_parameters",
    "shown",
]


@runtime_checkable
class Rule(Protocol):
    """What a parameter may be."""

    def accepts(self, value: object) -> bool:
        """Say whether `value` obeys the rule."""
        ...

    def describe(self) -> str:
        """Read the rule as the end of the sentence "expected ..."."""
        ...

    def bad_values(self) -> Sequence[object]:
        """Values that the rule must reject."""
        ...


class _Outsider:
    """A value of no known type, for `bad_values`."""

    def __repr__(self) -> str:
        return "<an object of an unknown type>"


OUTSIDER = _Outsider()


@frozen
class _Interval:
    low: float | None = None
    high: float | None = None
    closed: str = "both"
    """Which ends belong to the interval: both, left, right or neither."""

    def _inside(self, value: float) -> bool:
        if value != value:
            return False
        if self.low is not None:
            if value < self.low or (value == self.low and self.closed not in ("both", "left")):
                return False
        if self.high is not None:
            if value > self.high or (value == self.high and self.closed not in ("both", "right")):
                return False
        return True

    def _range(self) -> str:
        left = "[" if self.closed in ("both", "left") and self.low is not None else "("
        right = "]" if self.closed in ("both", "right") and self.high is not None else ")"
        low = "-inf" if self.low is None else f"{self.low:g}"
        high = "inf" if self.high is None else f"{self.high:g}"
        return f"{left}{low}, {high}{right}"

    def _outside(self, step: float) -> list[float]:
        values: list[float] = []
        if self.low is not None:
            values.append(self.low - step)
            if self.closed not in ("both", "left"):
                values.append(self.low)
        if self.high is not None:
            values.append(self.high + step)
            if self.closed not in ("both", "right"):
                values.append(self.high)
        return values


@frozen
class Real(_Interval):
    """A finite number in an interval: `Real(0, 1, closed="left")` is `[0, 1)`."""

    def accepts(self, value: object) -> bool:
        if isinstance(value, (bool, np.bool_)) or not isinstance(value, numbers.Real):
            return False
        try:
            number = float(value)
        except Exception:  # noqa: BLE001 - too large an integer, or a subclass that breaks
            return False
        return math.isfinite(number) and self._inside(number)

    def describe(self) -> str:
        if self.low is None and self.high is None:
            return "a finite number"
        return f"a finite number in {self._range()}"

    def bad_values(self) -> Sequence[object]:
        return [*self._outside(1.0), math.nan, math.inf, 10**400, "a word", True, OUTSIDER]


@frozen
class Integer(_Interval):
    """A whole number in an interval: `Integer(1)` is 1, 2, 3, ..."""

    def accepts(self, value: object) -> bool:
        if isinstance(value, (bool, np.bool_)) or not isinstance(value, numbers.Integral):
            return False
        return self._inside(int(value))

    def describe(self) -> str:
        if self.low is None and self.high is None:
            return "a whole number"
        return f"a whole number in {self._range()}"

    def bad_values(self) -> Sequence[object]:
        outside = [int(value) for value in self._outside(1.0)]
        return [*outside, 1.5, math.nan, "a word", True, OUTSIDER]


@frozen
class Boolean:
    """True or False; numbers are not taken for truth values."""

    def accepts(self, value: object) -> bool:
        return isinstance(value, (bool, np.bool_))

    def describe(self) -> str:
        return "True or False"

    def bad_values(self) -> Sequence[object]:
        return [0, 1, "yes", OUTSIDER]


@frozen
class Text:
    """A string that is not empty."""

    def accepts(self, value: object) -> bool:
        return isinstance(value, str) and bool(value)

    def describe(self) -> str:
        return "a string that is not empty"

    def bad_values(self) -> Sequence[object]:
        return ["", 3, OUTSIDER]


@frozen
class Name:
    """A short name: a letter, then letters, digits and underscores, at most 100."""

    def accepts(self, value: object) -> bool:
        if not isinstance(value, str) or not 1 <= len(value) <= 100:
            return False
        return value.isidentifier() and value.isascii()

    def describe(self) -> str:
        return "a name of letters, digits and underscores that begins with a letter"

    def bad_values(self) -> Sequence[object]:
        return ["", "two words", "a.b", "1st", 3, OUTSIDER]


@frozen
class NoneValue:
    """None, as one choice of `AnyOf`."""

    def accepts(self, value: object) -> bool:
        return value is None

    def describe(self) -> str:
        return "None"

    def bad_values(self) -> Sequence[object]:
        return [0, "", OUTSIDER]


@frozen
class OneOf:
    """One of a few names."""

    names: tuple[str, ...]

    def accepts(self, value: object) -> bool:
        return isinstance(value, str) and value in self.names

    def describe(self) -> str:
        return "one of " + ", ".join(repr(name) for name in self.names)

    def bad_values(self) -> Sequence[object]:
        return ["no such name", 0, OUTSIDER]


@frozen
class Instance:
    """An instance of a class (or of one of several)."""

    of: type | tuple[type, ...]

    def accepts(self, value: object) -> bool:
        return isinstance(value, self.of)

    def describe(self) -> str:
        kinds = self.of if isinstance(self.of, tuple) else (self.of,)
        return "an instance of " + " or ".join(kind.__name__ for kind in kinds)

    def bad_values(self) -> Sequence[object]:
        return [OUTSIDER]


@frozen
class Each:
    """A tuple or list whose every item obeys a rule, with at least `least` items."""

    item: Rule
    least: int = 0

    def accepts(self, value: object) -> bool:
        if not isinstance(value, (tuple, list)) or len(value) < self.least:
            return False
        return all(self.item.accepts(item) for item in value)

    def describe(self) -> str:
        least = f" with at least {self.least} items" if self.least else ""
        return f"a tuple{least}, each item {self.item.describe()}"

    def bad_values(self) -> Sequence[object]:
        bad: list[object] = [(item,) for item in self.item.bad_values()]
        if self.least:
            bad.append(())
        return [*bad, OUTSIDER]


@frozen
class Array:
    """A NumPy array (or nested list) of finite numbers with `ndim` dimensions."""

    ndim: int

    def accepts(self, value: object) -> bool:
        if not isinstance(value, (np.ndarray, list, tuple)):
            return False
        try:
            array = np.asarray(value, dtype=float)
        except (TypeError, ValueError):
            return False
        return array.ndim == self.ndim and bool(np.all(np.isfinite(array)))

    def describe(self) -> str:
        return f"an array of finite numbers with {self.ndim} dimensions"

    def bad_values(self) -> Sequence[object]:
        return [np.full((1,) * self.ndim, np.nan), np.zeros((1,) * (self.ndim + 1)), OUTSIDER]


@frozen(init=False)
class AnyOf:
    """A value that at least one of the rules accepts."""

    rules: tuple[Rule, ...]

    def __init__(self, *rules: Rule) -> None:
        object.__setattr__(self, "rules", rules)

    def accepts(self, value: object) -> bool:
        return any(rule.accepts(value) for rule in self.rules)

    def describe(self) -> str:
        return ", or ".join(rule.describe() for rule in self.rules)

    def bad_values(self) -> Sequence[object]:
        candidates = [value for rule in self.rules for value in rule.bad_values()]
        return [value for value in candidates if not self.accepts(value)]


def shown(value: object, limit: int = 80) -> str:
    """Return `repr(value)`, cut to `limit` characters, for an error message."""
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001 - a user's broken __repr__ must not hide our message
        text = f"<{type(value).__name__}>"
    text = " ".join(text.split())
    return text if len(text) <= limit else text[: limit - 3] + "..."


def check_parameters(
    rules: Mapping[str, Rule], values: Mapping[str, Any], where: Callable[[str], str]
) -> None:
    """Raise `InvalidParameterError` for the first value that breaks its rule.

    Parameters
    ----------
    rules : mapping of parameter name to rule
    values : mapping of parameter name to value
    where : function from a parameter's name to the place named in the message
    """
    for name, rule in rules.items():
        if name in values and not rule.accepts(values[name]):
            raise InvalidParameterError(
                f"{name} is not allowed",
                where=where(name),
                expected=rule.describe(),
                got=shown(values[name]),
            )
