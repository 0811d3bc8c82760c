"""Constructor parameters: their rules, and grid access to the fields of records.

Decisions
---------
a) Parameters are checked in `fit`, as scikit-learn demands, against rules that are data.
b) A record (an optimizer, a schedule, a loss) is one parameter. Its fields are addressed as those
   of a nested estimator are, `optimizer__beta1`, and setting one replaces the frozen record by a
   changed copy. Setting a field of a parameter that is a name makes the record first.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.checks import (
    AnyOf,
    Boolean,
    Each,
    Integer,
    NoneValue,
    OneOf,
    Real,
    Rule,
    Text,
    check_parameters,
)
from chainrule.errors import InvalidParameterError, UnknownNameError
from chainrule.frozen import frozen
from chainrule.maths.activation import ACTIVATIONS
from chainrule.maths.augmentation import AUGMENTATIONS
from chainrule.maths.clipping import CLIPPINGS
from chainrule.maths.initialiser import INITIALISERS
from chainrule.maths.loss import LOSSES
from chainrule.maths.optimizer import OPTIMIZERS
from chainrule.maths.penalty import PENALTIES
from chainrule.maths.schedule import SCHEDULES
from chainrule.nn.layer import LAYERS
from chainrule.registry import Record, Registry, suggest

__all__ = [
    "RULES",
    "Callback",
    "FilePath",
    "Generator",
    "Infinity",
    "check",
    "deep_fields",
    "store",
    "with_fields",
]


@frozen
class Infinity:
    """The number infinity, for "never"."""

    def accepts(self, value: object) -> bool:
        """Say whether the value is positive infinity."""
        return isinstance(value, (float, np.floating)) and value == math.inf

    def describe(self) -> str:
        """Read the rule."""
        return "infinity"

    def bad_values(self) -> Sequence[object]:
        """Return values that are refused."""
        return [0, -math.inf, math.nan, "a word"]


@frozen
class Callback:
    """Anything that can be called."""

    def accepts(self, value: object) -> bool:
        """Say whether the value can be called."""
        return callable(value)

    def describe(self) -> str:
        """Read the rule."""
        return "a function"

    def bad_values(self) -> Sequence[object]:
        """Return values that are refused."""
        return [0, "a word"]


@frozen
class Generator:
    """A `numpy.random.RandomState`, or the module `numpy.random` with its own."""

    def accepts(self, value: object) -> bool:
        """Say whether the value is one."""
        return value is np.random or isinstance(value, np.random.RandomState)

    def describe(self) -> str:
        """Read the rule."""
        return "a numpy.random.RandomState"

    def bad_values(self) -> Sequence[object]:
        """Return values that are refused."""
        return [np.random.default_rng(0), "a word"]


@frozen
class FilePath:
    """A path to a file."""

    def accepts(self, value: object) -> bool:
        """Say whether the value is a path: a word or a `pathlib.Path`."""
        return isinstance(value, (str, os.PathLike)) and bool(str(value))

    def describe(self) -> str:
        """Read the rule."""
        return "a path"

    def bad_values(self) -> Sequence[object]:
        """Return values that are refused."""
        return [0, "", b"path"]


_SHARE = Real(0, 1, closed="left")
_SWITCH = Boolean()
_ONE_PENALTY = PENALTIES.any_of()
_ONE_AUGMENTATION = AUGMENTATIONS.any_of()

RULES: dict[str, Rule] = {
    "alpha": Real(0),
    "batch_size": AnyOf(OneOf(("auto",)), Integer(1)),
    "learning_rate": OneOf(("constant", "invscaling", "adaptive")),
    "learning_rate_init": Real(0, closed="neither"),
    "power_t": Real(0),
    "max_iter": Integer(1),
    "shuffle": _SWITCH,
    "tol": Real(0),
    "random_state": AnyOf(NoneValue(), Integer(0, 2**32 - 1), Generator()),
    "verbose": AnyOf(_SWITCH, Integer(0)),
    "warm_start": _SWITCH,
    "momentum": _SHARE,
    "nesterovs_momentum": _SWITCH,
    "early_stopping": _SWITCH,
    "validation_fraction": _SHARE,
    "beta_1": _SHARE,
    "beta_2": _SHARE,
    "epsilon": Real(0, closed="neither"),
    "n_iter_no_change": AnyOf(Integer(1), Infinity()),
    "max_fun": Integer(1),
    "solver": OPTIMIZERS.any_of(),
    "optimizer": AnyOf(NoneValue(), OPTIMIZERS.any_of()),
    "activation": AnyOf(ACTIVATIONS.any_of(), Each(ACTIVATIONS.any_of())),
    "dropout": AnyOf(_SHARE, Each(_SHARE)),
    "normalization": AnyOf(NoneValue(), OneOf(("batch", "layer"))),
    "residual": _SWITCH,
    "initialiser": AnyOf(NoneValue(), INITIALISERS.any_of()),
    "schedule": AnyOf(NoneValue(), SCHEDULES.any_of()),
    "clip": AnyOf(NoneValue(), Real(0, closed="neither"), CLIPPINGS.any_of()),
    "weight_decay": Real(0),
    "penalties": AnyOf(NoneValue(), _ONE_PENALTY, Each(_ONE_PENALTY)),
    "augment": AnyOf(NoneValue(), _ONE_AUGMENTATION, Each(_ONE_AUGMENTATION)),
    "scoring": AnyOf(NoneValue(), Text(), Callback()),
    "on_event": AnyOf(NoneValue(), Callback()),
    "max_time": AnyOf(NoneValue(), Real(0, closed="neither")),
    "checkpoint": AnyOf(NoneValue(), FilePath()),
    "checkpoint_every": Integer(1),
    "resume": AnyOf(NoneValue(), FilePath()),
    "dtype": OneOf(("auto", "float32", "float64")),
}
"""Rule of each parameter that has one; the others are checked where they are understood."""

_REGISTRIES: dict[str, Registry[Any]] = {
    "solver": OPTIMIZERS,
    "optimizer": OPTIMIZERS,
    "loss": LOSSES,
    "schedule": SCHEDULES,
    "activation": ACTIVATIONS,
    "initialiser": INITIALISERS,
    "clip": CLIPPINGS,
    "penalties": PENALTIES,
    "augment": AUGMENTATIONS,
    "network": LAYERS,
}


def check(estimator: object) -> None:
    """Raise `InvalidParameterError` for the first parameter that breaks its rule."""
    place = type(estimator).__name__
    told = {name: getattr(estimator, name) for name in RULES if hasattr(estimator, name)}
    try:
        check_parameters(RULES, told, lambda name: f"{place}.{name}")
    except InvalidParameterError as error:
        name = error.where.rpartition(".")[2]
        parts = {**error.parts(), "do": _advice(name, told[name])}
        raise InvalidParameterError(error.what, **parts) from None


def _advice(name: str, value: object) -> str:
    """Return what was meant by a misspelt word, or by a class in the place of a record."""
    registry = _REGISTRIES.get(name)
    if registry is None:
        return suggest(value, _words(RULES[name])) if isinstance(value, str) else ""
    for item in value if isinstance(value, (list, tuple)) else [value]:
        if isinstance(item, (str, type)):
            try:
                registry.make(item)
            except (InvalidParameterError, UnknownNameError) as error:
                return error.do
    return ""


def _words(rule: Rule) -> tuple[str, ...]:
    """Return the words that a rule names."""
    if isinstance(rule, OneOf):
        return rule.names
    inner = rule.rules if isinstance(rule, AnyOf) else ()
    return tuple(word for one in inner for word in _words(one))


def store(estimator: object, arguments: Mapping[str, Any]) -> None:
    """Set each argument of a constructor, `locals()`, as the attribute of its name."""
    for name, value in arguments.items():
        if name != "self" and not name.startswith("__"):
            setattr(estimator, name, value)


def deep_fields(name: str, value: object) -> Iterator[tuple[str, Any]]:
    """Yield the fields of a record as `name__field`, records within it too."""
    if not isinstance(value, Record):
        return
    for field, inner in value.parameters().items():
        key = f"{name}__{field}"
        yield key, inner
        yield from deep_fields(key, inner)


def with_fields(name: str, value: object, changes: Mapping[str, Any]) -> Record:
    """Return the record `value` (or the one that it names) with some fields changed.

    Parameters
    ----------
    name : str
        Of the parameter, which says what a name stands for.
    value : Record or str
    changes : mapping
        New values by field; `then__end` is the field `end` of the field `then`.

    Raises
    ------
    InvalidParameterError
        There is no such field.

    Example
    -------
    >>> from chainrule.estimators.parameters import with_fields
    >>> with_fields("optimizer", "sgd", {"learning_rate": 0.5})
    SGD(learning_rate=0.5)
    """
    if isinstance(value, str) and name in _REGISTRIES:
        value = _REGISTRIES[name].make(value)
    if not isinstance(value, Record):
        raise InvalidParameterError(
            f"{name} has no fields to set",
            where=name,
            expected="a record, or the name of one",
            got=repr(value),
            do=f"pass {name}= a record first",
        )
    known = value.parameters()
    plain: dict[str, Any] = {}
    nested: dict[str, dict[str, Any]] = {}
    for key, new in changes.items():
        field, _, inner = key.partition("__")
        if field not in known:
            raise InvalidParameterError(
                f"{name} has no field {field!r}",
                where=f"{name}__{field}",
                expected="one of " + ", ".join(known),
                do=suggest(field, known),
            )
        if inner:
            nested.setdefault(field, {})[inner] = new
        else:
            plain[field] = new
    for field, inner_changes in nested.items():
        plain[field] = with_fields(field, plain.get(field, known[field]), inner_changes)
    return type(value).from_fields({**known, **plain})
