"""Calling a learner's class: `net = SimpleNN(2, 4, 1)`, `net.forward(X)`, `net.backward(X, y)`.

The weights are put into the attributes `W1`, `b1`, ... (or the lists `W`, `weights`). Gradients are
read from what backward returns, from attributes `dW1`, ..., or from how far it moved the weights.
"""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Mapping
from typing import Any

import numpy as np

from chainrule.glass.marker.calling import Returned, Trouble, numeric, trouble_of
from chainrule.glass.marker.forms import Form, to_learner
from chainrule.glass.marker.names import flat_items, match_names
from chainrule.glass.marker.textbook import Point
from chainrule.maths.arrays import Array

__all__ = ["call_network"]

_RATES = ("lr", "learning_rate", "alpha", "eta", "rate")


class _WrongFormError(Exception):
    """The class holds its arrays in another form."""


def call_network(network: type, point: Point, form: Form) -> Returned:
    """Make a network, give it the point's weights, and call forward and backward."""
    result = Returned(form)
    parameters, X, y = to_learner(point, form)
    place = "forward"
    try:
        net = _made(network, point.exercise.network)
        names = _attributes(
            net, point.exercise.depth, {k for k in parameters if k[1:].isdigit()}, form
        )
        _put(net, names, parameters)
        returned: Any = net.forward(X)
        yhat = returned[0] if isinstance(returned, tuple) and returned else returned
        result.tensors.update(numeric({"yhat": yhat}))
        place, result.asked = "backward", True
        given: Any = _backward(net, X, y, yhat)
        result.tensors.update(_read(net, names, parameters, given, point))
    except _WrongFormError as error:
        result.trouble = Trouble("WrongForm", str(error), place="form")
    except Exception as error:  # noqa: BLE001 - a learner's code may raise anything
        result.trouble = trouble_of(error, place)
    return result


def _made(network: type, widths: tuple[int, ...]) -> Any:
    """Construct the class from the widths, given one by one or as a list."""
    wanted = inspect.signature(network)
    for arguments in (widths, (list(widths),), ()):
        with contextlib.suppress(TypeError):
            wanted.bind(*arguments)
            return network(*arguments)
    return network(*widths)


def _attributes(net: Any, depth: int, wanted: set[str], form: Form) -> dict[str, Any]:
    """Return where each parameter stands: an attribute's name, or (name, position)."""
    held = {name: value for name, value in vars(net).items() if not name.startswith("d")}
    arrays = [name for name, value in held.items() if isinstance(value, np.ndarray)]
    found: dict[str, Any] = dict(match_names(arrays, depth))
    for name, value in held.items():
        key = {"w": "W", "weights": "W", "b": "b", "biases": "b", "bias": "b"}.get(name.lower())
        if key and isinstance(value, list) and len(value) == depth:
            found.update({f"{key}{layer}": (name, layer - 1) for layer in range(1, depth + 1)})
    if len(found) != len(wanted) or form.base != 1:
        raise _WrongFormError("the attributes W1, b1, ... are not all there")
    return found


def _get(net: Any, place: Any) -> Any:
    return getattr(net, place[0])[place[1]] if isinstance(place, tuple) else getattr(net, place)


def _put(net: Any, names: Mapping[str, Any], parameters: Mapping[str, Array]) -> None:
    for key, place in names.items():
        value, old = parameters[key], _get(net, place)
        if np.shape(old) != value.shape:
            raise _WrongFormError(f"{key} has the shape {np.shape(old)}, not {value.shape}")
        if isinstance(place, tuple):
            getattr(net, place[0])[place[1]] = value.copy()
        else:
            setattr(net, place, value.copy())


def _backward(net: Any, X: Array, y: Array, yhat: Any) -> Any:
    count = len(inspect.signature(net.backward).parameters)
    return net.backward(*{1: (y,), 2: (X, y), 3: (X, y, yhat)}.get(count, (X, y)))


def _read(
    net: Any, names: Mapping[str, Any], before: Mapping[str, Array], returned: Any, point: Point
) -> dict[str, Array]:
    """Return gradients that were returned, kept as attributes, or used to move the weights."""
    depth = point.exercise.depth
    items = dict(flat_items(returned)) if isinstance(returned, (dict, list, tuple)) else {}
    if not match_names(list(items), depth):
        kept = {n: v for n, v in vars(net).items() if n[:1] == "d" or "grad" in n.lower()}
        items = dict(flat_items(kept))
    found = match_names(list(items), depth)
    if found:
        return numeric({key: items[name] for key, name in found.items()})
    rate = next((float(getattr(net, name)) for name in _RATES if hasattr(net, name)), 0.0)
    if not rate:
        return {}
    return {key: (before[key] - _get(net, place)) / rate for key, place in names.items()}
