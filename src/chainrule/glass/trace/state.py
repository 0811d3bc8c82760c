"""Where a traced step starts: weights, optimizer state, running moments and the number of the step.

A state is given under the names that the trace prints: `dense_1.W`, `dense_1.W.mean.before`,
`batch_norm_1.running_mean`, and `step`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from chainrule.checks import Integer, Real, shown
from chainrule.engine.protocol import Buffers, Clock
from chainrule.engine.reference import ReferenceEngine
from chainrule.errors import InvalidParameterError, ShapeError, UnknownNameError
from chainrule.plan.plan import Plan
from chainrule.registry import suggest

__all__ = ["in_float64", "start"]

_CLOCK = {
    "step": Integer(0),
    "total_steps": Integer(0),
    "epoch": Integer(0),
    "first_row": Integer(0),
    "rate_scale": Real(0, closed="neither"),
}
"""Keys of a state that say when the step happens: updates done before it, planned in all, the epoch
and the batch's place in it (for masks), and a factor on the rate."""


def in_float64(buffers: Buffers) -> Buffers:
    """Return a copy of a state in float64."""
    slots = {name: slot.astype(np.float64) for name, slot in buffers.slots.items()}
    weights, running = buffers.weights.astype(np.float64), buffers.running.astype(np.float64)
    return Buffers(weights, slots, running, buffers.step)


def start(plan: Plan, seed: int, state: Any, weights: Any, running: Any) -> tuple[Buffers, Clock]:
    """Return the state before the step, and when it happens.

    Parameters
    ----------
    plan : Plan
    seed : int
        Of first weights and masks.
    state : mapping, Buffers or None
    weights, running : (P,) and (R,), or None
        Those of a model.

    Raises
    ------
    UnknownNameError, ShapeError, InvalidParameterError
        The state names a tensor that is not there, or one of another shape.
    """
    if isinstance(state, Buffers):
        buffers = in_float64(state)
        return buffers, Clock(seed, 0, 0, buffers.step + 1)
    buffers = ReferenceEngine(plan, "float64").buffers(seed)
    if weights is not None:
        buffers.weights = np.array(weights, np.float64)
    if running is not None and plan.running.size:
        buffers.running = np.array(running, np.float64)
    given = {} if state is None else state
    if not isinstance(given, Mapping):
        raise InvalidParameterError(
            "the state is not understood",
            where="state",
            expected="a mapping from the names that a trace prints to arrays, or Buffers",
            got=shown(state),
        )
    moments = {key: given[key] for key in _CLOCK if key in given}
    for key, value in moments.items():
        if not _CLOCK[key].accepts(value):
            raise InvalidParameterError(
                f"{key} is not what it should be",
                where=f"state[{key!r}]",
                expected=_CLOCK[key].describe(),
                got=shown(value),
            )
    _fill(plan, buffers, {key: value for key, value in given.items() if key not in _CLOCK})
    buffers.step = int(moments.get("step", 0))
    clock = Clock(
        seed,
        int(moments.get("epoch", 0)),
        int(moments.get("first_row", 0)),
        int(moments.get("total_steps", buffers.step + 1)),
        float(moments.get("rate_scale", 1.0)),
    )
    return buffers, clock


def _fill(plan: Plan, buffers: Buffers, given: Mapping[str, Any]) -> None:
    places = dict(plan.parameters.views(buffers.weights))
    places.update(plan.running.views(buffers.running))
    for slot, vector in buffers.slots.items():
        for name, view in plan.parameters.views(vector).items():
            places[f"{name}.{slot}.before"] = view
    for name, value in given.items():
        place = places.get(name)
        if place is None:
            raise UnknownNameError(
                f"the state names {name!r}, which the step does not start from",
                where="state",
                expected="names such as " + ", ".join(list(places)[:4]),
                do=suggest(name, places),
            )
        try:
            array = np.asarray(value, np.float64)
        except (TypeError, ValueError):
            array = np.array(np.nan)
        if array.shape != place.shape:
            raise ShapeError(
                "a tensor of the state has another shape",
                where=f"state[{name!r}]",
                expected=str(place.shape),
                got=str(array.shape) if array.ndim else shown(value),
            )
        if not np.all(np.isfinite(array)):
            raise InvalidParameterError(
                "a tensor of the state holds a number that is not finite",
                where=f"state[{name!r}]",
            )
        place[...] = array
