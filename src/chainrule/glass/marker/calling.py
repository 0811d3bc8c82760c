"""Calling a learner's code: functions, a module, or a class with forward and backward.

Arguments are bound by their names (`X`, `x`, `y`, `params`, `cache`, `W1`, `lr`, ...), and by their
order where the names say nothing: parameters, X, y, cache.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np

from chainrule.frozen import frozen
from chainrule.glass.marker.forms import Form, from_learner, to_learner
from chainrule.glass.marker.names import as_array, by_shape, flat_items, match_names, parse
from chainrule.glass.marker.textbook import Point
from chainrule.glass.marker.trial import call_update
from chainrule.maths.arrays import Array

__all__ = [
    "Returned",
    "Student",
    "Trouble",
    "call_student",
    "canonical",
    "find_student",
    "numeric",
    "trouble_of",
]

_ROLES = {
    "params": "params parameters param weights theta thetas p model network net",
    "X": "x inputs input data features x_train",
    "y": "y t target targets labels label y_true ytrue y_train truth",
    "cache": "cache caches memory saved activations intermediates store forward_cache tape",
    "yhat": "yhat y_hat y_pred ypred pred preds prediction predictions out output outputs probs",
    "rate": "lr learning_rate alpha eta rate step_size",
    "strength": "lam lambda_ lambd lmbda reg l2 weight_decay strength",
    "rows": "n m batch_size n_samples",
}
_FORWARD = "forward predict forward_pass feedforward forward_propagation"
_BACKWARD = (
    "backward gradients grads grad gradient backward_pass backprop backpropagation"
    " backward_propagation compute_gradients"
)
_LOSS = "loss compute_loss cost compute_cost loss_fn"
_UPDATE = "update update_parameters update_params step optimizer_step"
_ROLE_OF = {word: role for role, words in _ROLES.items() for word in words.split()}
_PACKAGE = str(Path(__file__).resolve().parent)
_KEPT = 4000
"""Characters of an error's message that are kept."""


@frozen
class Trouble:
    """What stopped a learner's code."""

    error: str
    message: str
    line: int = 0
    text: str = ""
    shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """Shapes of the arrays in the function where it stopped."""
    place: str = ""
    """forward, backward or loss."""


@dataclass
class Returned:
    """What a learner's code returned at a point, as he returned it."""

    form: Form
    tensors: dict[str, Array] = field(default_factory=dict)
    """`yhat`, `W1`, `b1`, ... in his own shapes."""
    again: dict[str, Array] = field(default_factory=dict)
    """The same from a second call with the same arguments."""
    loss: float | None = None
    trouble: Trouble | None = None
    changed: bool = False
    """Whether backward changed the parameters it was given."""
    asked: bool = False
    """Whether backward was called, so that gradients are owed."""


@frozen
class Student:
    """A learner's functions."""

    forward: Callable[..., Any] | None = None
    backward: Callable[..., Any] | None = None
    loss: Callable[..., Any] | None = None
    network: type | None = None
    update: Callable[..., Any] | None = None
    constants: Mapping[str, Any] = field(default_factory=dict)


def find_student(source: object) -> Student | None:
    """Return the functions in a module, mapping, object or class; None if there are none."""
    if isinstance(source, type):
        return Student(network=source)
    held = cast("dict[str, Any]", source) if isinstance(source, Mapping) else _members(source)
    constants = {name: value for name, value in held.items() if name.isupper()}

    def pick(*names: str) -> Callable[..., Any] | None:
        return next((held[name] for name in names if callable(held.get(name))), None)

    names = (_FORWARD, _BACKWARD, _LOSS, _UPDATE)
    forward, backward, loss, update = (pick(*words.split()) for words in names)
    if forward is None and backward is None:
        classes = [v for v in held.values() if isinstance(v, type) and _is_network(v)]
        if not classes and update is None:
            return None
        return Student(None, None, None, classes[-1] if classes else None, update, constants)
    return Student(forward, backward, loss, None, update, constants)


def _members(source: object) -> dict[str, Any]:
    names = [name for name in dir(source) if not name.startswith("__")]
    found: dict[str, Any] = {}
    for name in names:
        with suppress(Exception):  # a property may raise what it likes; it is no function then
            found[name] = getattr(source, name)
    return found


def _is_network(cls: type) -> bool:
    return callable(getattr(cls, "forward", None)) and callable(getattr(cls, "backward", None))


class _Parameters(dict[str, Any]):
    """Parameters that are also found by other usual names: `weights1`, `w1`, `bias_2`."""

    def __missing__(self, name: object) -> Any:
        meaning = parse(name) if isinstance(name, str) else None
        key = "" if meaning is None else f"{meaning.role}{meaning.layer}"
        if meaning is None or key == name or not dict.__contains__(self, key):
            raise KeyError(name)
        return dict.__getitem__(self, key)


@dataclass
class _Desk:
    """What a call may ask for."""

    point: Point
    parameters: dict[str, Any]
    X: Array
    y: Array
    cache: Any = None
    yhat: Any = None
    rate: float = 0.1

    def give(self, role: str) -> Any:
        penalty = self.point.exercise.penalty
        return {
            "params": self.parameters,
            "X": self.X,
            "y": self.y,
            "cache": self.cache,
            "yhat": self.yhat,
            "rate": self.rate,
            "strength": 0.0 if penalty is None else penalty.strength,
            "rows": self.point.rows,
        }[role]

    def arguments(self, function: Callable[..., Any], order: tuple[str, ...]) -> list[Any]:
        """Return positional arguments for a function."""
        try:
            listed = list(inspect.signature(function).parameters.values())
        except (TypeError, ValueError):
            return [self.give(role) for role in order]
        values: list[Any] = []
        left = list(order)
        for parameter in listed:
            if parameter.kind in (parameter.VAR_KEYWORD, parameter.KEYWORD_ONLY):
                continue
            if parameter.kind is parameter.VAR_POSITIONAL:
                return values + [self.give(role) for role in left]
            role = self._role(parameter.name, order)
            if role in self.parameters:
                values.append(self.parameters[role])
                left = [kept for kept in left if kept != "params"]
            elif role or parameter.default is parameter.empty:
                role = role or (left[0] if left else "")
                if not role:
                    return [self.give(role) for role in order]
                values.append(self.give(role))
                left = [kept for kept in left if kept != role]
            else:
                values.append(parameter.default)
        return values

    def _role(self, name: str, order: tuple[str, ...]) -> str:
        lowered = name.lower().strip("_")
        meaning = parse(name)
        if meaning is not None and meaning.layer:
            key = f"{meaning.role}{meaning.layer}"
            if key in self.parameters:
                return key
        if lowered in ("a", "h", "output", "out") and "yhat" not in order:
            return ""
        return _ROLE_OF.get(lowered, "")


def call_student(student: Student, point: Point, form: Form) -> Returned:
    """Call forward, loss and backward at a point; whatever they raise is recorded."""
    with np.errstate(all="ignore"):  # what overflows shows in the numbers
        if form.update is not None:
            return _call_update(student, point, form)
        if student.network is not None:
            from chainrule.glass.marker.objects import call_network

            return call_network(student.network, point, form)
        return _call_functions(student, point, form)


def _call_update(student: Student, point: Point, form: Form) -> Returned:
    result = Returned(form)
    try:
        if student.update is not None:
            result.tensors.update(numeric(call_update(student.update, point, form.update or "")))
    except Exception as error:  # noqa: BLE001 - a learner's code may raise anything
        result.trouble = trouble_of(error, "update")
    return result


def _call_functions(student: Student, point: Point, form: Form) -> Returned:
    result = Returned(form)
    parameters, X, y = to_learner(point, form)
    desk = _Desk(point, _Parameters(parameters), X, y)
    place = "forward"
    try:
        if student.forward is not None:
            returned = student.forward(*desk.arguments(student.forward, ("params", "X")))
            desk.yhat, desk.cache = _prediction(returned, point)
            result.tensors.update(numeric({"yhat": desk.yhat}))
        if student.loss is not None and desk.yhat is not None:
            place = "loss"
            result.loss = _loss(student, desk)
        if student.backward is not None:
            place, result.asked = "backward", True
            order = ("params", "X", "y") + (("cache",) if desk.cache is not None else ())
            given = desk.arguments(student.backward, order)
            before = {name: value.copy() for name, value in parameters.items()}
            result.tensors.update(_gradients(student.backward(*given), point))
            result.changed = any(
                not np.array_equal(before[name], value) for name, value in desk.parameters.items()
            )
            if not result.changed:
                result.again = _gradients(student.backward(*given), point)
    except Exception as error:  # noqa: BLE001 - a learner's code may raise anything
        result.trouble = trouble_of(error, place)
    return result


def _loss(student: Student, desk: _Desk) -> float | None:
    assert student.loss is not None
    order = ("yhat", "y")
    names = list(inspect.signature(student.loss).parameters)
    if names and _ROLE_OF.get(names[0].lower()) == "params":
        order = ("params", "X", "y")
    value = student.loss(*desk.arguments(student.loss, order))
    return float(np.asarray(value, dtype=float).reshape(-1)[0]) if np.size(value) == 1 else None


def _prediction(returned: Any, point: Point) -> tuple[Any, Any]:
    """Return yhat and the cache from what forward returned."""
    if isinstance(returned, Mapping):
        held = cast("Mapping[str, Any]", returned)
        depth = point.exercise.depth
        names = ["yhat", "y_hat", "y_pred", "P", f"A{depth}", f"H{depth}", f"a{depth}", f"h{depth}",
                 "out", "output", "probs"]  # fmt: skip
        return next((held[name] for name in names if name in held), None), held
    if isinstance(returned, (tuple, list)) and returned:
        parts = list(cast("Any", returned))
        if len(parts) == 2 and not hasattr(parts[1], "shape"):
            return parts[0], parts[1]
        if len(parts) == 2 and not hasattr(parts[0], "shape"):
            return parts[1], parts[0]
        fits = [part for part in (parts[-1], parts[0]) if _like_output(part, point)]
        return (fits[0] if fits else parts[-1]), returned
    return returned, None


def _like_output(part: Any, point: Point) -> bool:
    shape = getattr(part, "shape", None)
    return shape in {point.Y.shape, point.Y.T.shape, (point.rows,)}


def _gradients(returned: Any, point: Point) -> dict[str, Array]:
    """Return the gradients by `W1`, `b1`, ... from a mapping, a list or a tuple."""
    depth = point.exercise.depth
    if isinstance(returned, (tuple, list)):
        parts = list(cast("Any", returned))
        found = [_gradients(part, point) for part in parts if isinstance(part, Mapping)]
        if any(found):  # gradients, and perhaps a cache behind them
            return {name: value for held in reversed(found) for name, value in held.items()}
        if len(parts) in (2 * depth, 2 * depth + 1):
            arrays = [as_array(part) for part in parts[-2 * depth :]]
            if all(map(_is_array, arrays)):
                return numeric(dict(zip(by_shape(arrays, depth), arrays, strict=True)))
    items = dict(flat_items(returned)) if returned is not None else {}
    names = match_names(list(items), depth)
    return numeric({key: items[name] for key, name in names.items()})


def numeric(items: Mapping[str, Any]) -> dict[str, Array]:
    """Return what holds real numbers, as arrays."""
    arrays: dict[str, Array] = {}
    for name, item in items.items():
        try:
            array = np.array(item)
        except ValueError:  # ragged lists
            continue
        if array.dtype.kind in "fiub":
            arrays[name] = array
    return arrays


def _is_array(part: Any) -> bool:
    return hasattr(part, "shape") or isinstance(part, (int, float))


def trouble_of(error: BaseException, place: str) -> Trouble:
    """Return where a learner's code stopped, with the shapes it held there."""
    trace = error.__traceback__
    line, text, shapes = 0, "", {}
    while trace is not None:
        code = trace.tb_frame.f_code
        own = code.co_filename.startswith(_PACKAGE)
        library = re.search(r"[\\/](site|dist)-packages[\\/]|[\\/]numpy[\\/]", code.co_filename)
        if not own and not library and not code.co_filename.startswith("<frozen"):
            line = trace.tb_lineno
            text = _source_line(code.co_filename, line, trace.tb_frame.f_globals)
            shapes = {
                name: tuple(int(size) for size in value.shape)
                for name, value in trace.tb_frame.f_locals.items()
                if isinstance(value, np.ndarray)
            }
        trace = trace.tb_next
    message = " ".join(str(error).split())[:_KEPT]
    return Trouble(type(error).__name__, message, line, text[:200], shapes, place)


def _source_line(path: str, line: int, names: dict[str, Any]) -> str:
    import linecache

    return linecache.getline(path, line, names).strip()


def canonical(returned: Returned, point: Point) -> dict[str, Array]:
    """Return a learner's tensors with rows being samples."""
    return {
        name: from_learner(name, value, point, returned.form)
        for name, value in returned.tensors.items()
    }
