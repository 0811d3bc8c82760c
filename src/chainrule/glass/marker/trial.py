"""Calling a learner's update rule for a few steps."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, cast

import numpy as np

from chainrule.glass.marker.names import flat_items, match_names, parse
from chainrule.glass.marker.textbook import Point
from chainrule.maths.arrays import Array

__all__ = ["STEPS", "call_update", "gradients_of_step"]

STEPS = 4
_ROLES = {
    "grads": "grads grad gradients gradient g dparams d_params",
    "state": "state memory cache opt_state optimizer_state velocity v slots moments",
    "rate": "lr learning_rate alpha eta rate step_size",
    "step": "t step iteration i k",
}
_ROLE_OF = {word: role for role, words in _ROLES.items() for word in words.split()}


def gradients_of_step(point: Point, step: int) -> dict[str, Array]:
    """Return the gradients of a step, random and the same at each call."""
    random = np.random.default_rng([17, step])
    return {
        f"{role}{layer}": _uneven(random, getattr(point, role)[layer].shape)
        for layer in range(1, point.exercise.depth + 1)
        for role in "Wb"
    }


def _uneven(random: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Return numbers of sizes from 0.001 to 1: some are small enough for epsilon to show."""
    return random.choice([-1.0, 1.0], shape) * 10.0 ** random.uniform(-3.0, 0.0, shape)


class _Gradients(dict[str, Any]):
    """Gradients that are found by `W1` and by `dW1`, whichever is the key."""

    def __missing__(self, name: object) -> Any:
        meaning = parse(name) if isinstance(name, str) else None
        key = "" if meaning is None else f"{meaning.role}{meaning.layer}"
        for known in (key, f"d{key}"):
            if known != name and dict.__contains__(self, known):
                return dict.__getitem__(self, known)
        raise KeyError(name)


def call_update(update: Callable[..., Any], point: Point, prefix: str) -> dict[str, Array]:
    """Return the parameters after each step, by `1.W1`, ...; `prefix` begins the gradients' keys.

    A rule may return parameters, parameters and state, or change them in place.
    """
    depth = point.exercise.depth
    params: Any = _Gradients(
        {f"{r}{n}": getattr(point, r)[n].copy() for n in range(1, depth + 1) for r in "Wb"}
    )
    state: Any = {}
    path: dict[str, Array] = {}
    for step in range(1, STEPS + 1):
        given = {f"{prefix}{n}": g.copy() for n, g in gradients_of_step(point, step).items()}
        held = {
            "params": params,
            "grads": _Gradients(given),
            "state": state,
            "rate": float(point.exercise.optimizer.learning_rate),
            "step": step,
        }
        params, state = _parts(update(*_arguments(update, held)), params, state)
        items = dict(flat_items(params))
        names = match_names(list(items), depth)
        path.update({f"{step}.{key}": np.array(items[name]) for key, name in names.items()})
    return path


def _arguments(update: Callable[..., Any], held: Mapping[str, Any]) -> list[Any]:
    values: list[Any] = []
    order = ["params", "grads", "state", "rate", "step"]
    for parameter in inspect.signature(update).parameters.values():
        if parameter.kind in (parameter.VAR_KEYWORD, parameter.KEYWORD_ONLY):
            continue
        role = _ROLE_OF.get(parameter.name.lower(), "" if values else "params")
        if not role and parameter.default is not parameter.empty:
            values.append(parameter.default)
            continue
        role = role or next((left for left in order if left in held), "state")
        order = [left for left in order if left != role]
        values.append(held[role])
    return values


def _parts(returned: Any, params: Any, state: Any) -> tuple[Any, Any]:
    """Return parameters and state from what a rule returned."""
    if returned is None:
        return params, state
    if isinstance(returned, (tuple, list)) and returned:
        parts = list(cast("Any", returned))
        return _again(parts[0]), (parts[1] if len(parts) > 1 else state)
    return _again(returned), state


def _again(params: Any) -> Any:
    return _Gradients(params) if isinstance(params, Mapping) else params
