"""Arguments of the public functions: misspelt names, and things that no array can be made of.

Python itself refuses a misspelt argument, by an error that names the function's whole path and
nothing that is near. What is said here is the same as everywhere in the library.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import Any, ParamSpec, TypeVar, cast

import numpy as np

from chainrule.checks import shown
from chainrule.errors import ChainruleError, DataError, InvalidParameterError, UsageError
from chainrule.frozen import frozen
from chainrule.nn.layer import Layer
from chainrule.registry import suggest

__all__ = [
    "JSONDocument",
    "clear_arguments",
    "described",
    "require_array",
    "require_readable",
    "short_of_memory",
    "unknown_argument",
]

P = ParamSpec("P")
R = TypeVar("R")


def clear_arguments(function: Callable[P, R]) -> Callable[P, R]:
    """Let a function say which of its arguments is misspelt or missing (use as a decorator).

    Raises
    ------
    UsageError
        An argument has no such name, is missing, or is one too many.

    Example
    -------
    >>> from chainrule.training.arguments import clear_arguments
    >>> @clear_arguments
    ... def fit(X, *, epochs=3):
    ...     return epochs
    >>> fit(0, epoch=2)
    Traceback (most recent call last):
    chainrule.errors.UsageError: fit has no argument 'epoch'
      where:    fit
      expected: X, epochs
      do:       did you mean epochs?
    """

    @wraps(function)
    def checked(*given: P.args, **named: P.kwargs) -> R:
        try:
            return function(*given, **named)
        except MemoryError as error:
            raise short_of_memory(error) from error
        except TypeError as error:
            # Without a frame of its own, the error is of the call: nothing of the function ran.
            if error.__traceback__ is None or error.__traceback__.tb_next is not None:
                raise
        raise _fault(function, given, named)

    return checked


def short_of_memory(error: MemoryError) -> ChainruleError:
    """Return the error for work that found no memory."""
    return ChainruleError(
        "there is not enough memory for this network and these data",
        got=str(error),
        do="make the network or its batches smaller, or pass the data as chainrule.Blocks",
    )


def _fault(
    function: Callable[..., Any], given: tuple[Any, ...], named: dict[str, Any]
) -> UsageError:
    import inspect  # late: a call without a fault needs no signature

    parameters = inspect.signature(function).parameters
    name = function.__name__
    open_end = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    for word in named:
        if word not in parameters and not open_end:
            return unknown_argument(name, word, tuple(parameters))
    by_place = [p.name for p in parameters.values() if p.kind is p.POSITIONAL_OR_KEYWORD]
    if len(given) > len(by_place):
        others = [f"{word}=..." for word, p in parameters.items() if p.kind is p.KEYWORD_ONLY]
        return UsageError(
            f"{name} takes {len(by_place)} arguments by position",
            where=name,
            expected=", ".join(by_place),
            got=f"{len(given)}",
            do="name the others: " + ", ".join(others[:3]) + ", ..." if others else "",
        )
    told = {*by_place[: len(given)], *named}
    for parameter in parameters.values():
        several = parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
        if parameter.name not in told and parameter.default is parameter.empty and not several:
            return UsageError(
                f"{name} needs the argument {parameter.name}",
                where=name,
                do=f"pass {parameter.name}=...",
            )
    twice = [word for word in by_place[: len(given)] if word in named]
    words = ", ".join(twice)
    return UsageError(f"an argument of {name} is given twice: {words}", where=name)


def unknown_argument(function: str, word: str, known: tuple[str, ...]) -> UsageError:
    """Return the error of a name that is none of the known ones."""
    return UsageError(
        f"{function} has no argument {word!r}",
        where=function,
        expected=", ".join(known),
        do=suggest(word, known),
    )


@frozen
class JSONDocument:
    """A mapping that JSON can hold, for `note`."""

    def accepts(self, value: object) -> bool:
        """Say whether the value is a mapping of words to JSON values."""
        if not isinstance(value, Mapping):
            return False
        try:
            json.dumps(dict(cast("Mapping[str, Any]", value)), allow_nan=False)
        except (TypeError, ValueError, RecursionError):
            return False
        return True

    def describe(self) -> str:
        """Read the rule."""
        return "a dict of numbers, words, truth values, lists and dicts, as JSON knows them"

    def bad_values(self) -> Sequence[object]:
        """Return values that are refused."""
        return [3, "a word", [1], {"a": object()}, {"a": float("nan")}, {(1, 2): 3}]


def described(network: Any) -> Any:
    """Return what describes a network, or refuse what looks like one by saying what it is.

    Raises
    ------
    InvalidParameterError
        It is a list of layers, a class or function that makes one, or a trained model.
    """
    do = ""
    if isinstance(network, (list, tuple)):
        do = "put the layers into one: nn.Sequential(" + _first_words(network) + ")"
    elif callable(network) and _has(network, "__name__"):
        do = f"call it: {network.__name__}(...)"
    elif _has(network, "plan") or _has(network, "model"):
        do = "a model is trained already; its description is model.plan.network"
    if not do or isinstance(network, Layer):
        return network
    raise InvalidParameterError(
        "this is no network",
        where="network",
        expected="a layer, such as nn.Sequential(nn.Dense(8, 'relu'), nn.Dense(1))",
        got=shown(network),
        do=do,
    )


def _has(value: object, name: str) -> bool:
    try:
        return hasattr(value, name)
    except Exception:  # noqa: BLE001 - a class that breaks when it is asked
        return False


def _first_words(layers: Sequence[Any]) -> str:
    return ", ".join([shown(layer, 30) for layer in layers[:2]] + ["..."] * (len(layers) > 2))


def require_readable(values: object, name: str) -> None:
    """Refuse a tensor of another library that NumPy cannot read where it lies.

    Raises
    ------
    DataError
    """
    try:
        device = getattr(getattr(values, "device", None), "type", "cpu")
        held = getattr(values, "requires_grad", False) is True
    except Exception as error:  # a class that breaks when it is asked
        raise DataError(f"{name} gives no array: {error}", where=name, got=shown(values)) from error
    if hasattr(values, "detach") and (held or device != "cpu"):
        raise DataError(
            f"{name} is a tensor that NumPy cannot read where it is",
            where=name,
            got=f"on {device}" + (", with a gradient" if held else ""),
            do=f"pass {name}.detach().cpu().numpy()",
        )


def require_array(values: object, name: str = "X") -> None:
    """Refuse what was never meant as rows of numbers, and say what it is.

    Raises
    ------
    DataError

    Example
    -------
    >>> from chainrule.training.arguments import require_array
    >>> require_array("homes.csv")
    Traceback (most recent call last):
    chainrule.errors.DataError: X is a text, not rows of numbers
      where:    X
      expected: an array, a nested list or a data frame
      got:      'homes.csv'
      do:       read the file first: pandas.read_csv, numpy.load, ...
    """
    require_readable(values, name)
    what, do = "", ""
    if values is None:
        what, do = "missing", "pass the rows as an array (N, d)"
    elif isinstance(values, (str, bytes, os.PathLike)) or hasattr(values, "read"):
        what = "a text, not rows of numbers" if isinstance(values, str) else "no array"
        do = "read the file first: pandas.read_csv, numpy.load, ..."
    elif isinstance(values, (list, tuple, np.ndarray)):
        empty = values.shape == (0,) if isinstance(values, np.ndarray) else not values
        what = "empty" if empty else ""
    elif not (hasattr(values, "__array__") or hasattr(values, "__len__")):
        what, do = "no array", "pass a list if its rows come one by one: list(rows)"
        do = do if hasattr(values, "__next__") or hasattr(values, "__iter__") else ""
    elif isinstance(values, (dict, set, frozenset)):
        what = "no array"
        do = "pass a data frame, or columns side by side: numpy.column_stack([...])"
    if what:
        raise DataError(
            f"{name} is {what}",
            where=name,
            expected="an array, a nested list or a data frame",
            got="" if values is None else shown(values),
            do=do,
        )
