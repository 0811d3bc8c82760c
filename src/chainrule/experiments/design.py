"""From a setting to the arguments of one call of `train`, and from axes to settings."""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from chainrule.api import DEFAULT_EPOCHS, train
from chainrule.checks import AnyOf, Integer, NoneValue, check_parameters
from chainrule.errors import ChainruleError, InvalidParameterError, UnknownNameError, UsageError
from chainrule.experiments.axes import Span
from chainrule.experiments.job import Job, written
from chainrule.experiments.result import label_of
from chainrule.experiments.splits import Scheme
from chainrule.frozen import frozen
from chainrule.maths.loss import LOSSES, Loss
from chainrule.maths.metric import METRICS
from chainrule.nn.layer import LAYERS, Layer
from chainrule.registry import REGISTRIES, field_names, suggest
from chainrule.streams import Stream
from chainrule.training.course import choose_metrics

__all__ = [
    "Axes",
    "Recipe",
    "drawings",
    "drawn",
    "epochs_of",
    "grid",
    "labels_of",
    "loss_of",
    "require_once",
    "score_of",
]

Axes = Mapping[str, "tuple[Any, ...] | Span"]
NAME = "setting"
"""Key of a setting's own name, where settings are given one by one."""
_OF_THE_SWEEP = ("X", "y", "validation", "validation_share", "sample_weight", "seed")
_OF_ONE_RUN = (
    *("resume", "checkpoint", "checkpoint_every", "observer", "note", "trace_steps"),
    "network",
)
_RECORDS = {
    **{name: name for name in ("optimizer", "loss", "schedule", "stopping")},
    "clip": "clipping",
    "penalties": "penalty",
}
"""Arguments with fields of their own, and their registry."""
_SHORT = {"learning_rate": "optimizer.learning_rate", "patience": "stopping.patience"}
_DEFAULTS = {"optimizer": "adam", "stopping": "stopping"}


def labels_of(setting: Mapping[str, Any]) -> dict[str, Any]:
    """Return a setting as results tell it: its name if it has one, or the labels of its values."""
    if NAME in setting:
        return {NAME: setting[NAME]}
    return {name: label_of(value) for name, value in setting.items()}


@cache
def _known() -> tuple[str, ...]:
    mine = {*_OF_THE_SWEEP, *_OF_ONE_RUN}
    return tuple(name for name in inspect.signature(train).parameters if name not in mine)


def epochs_of(arguments: Mapping[str, Any]) -> int:
    """Return the epochs among arguments, or those of `train` where they say nothing.

    Raises
    ------
    InvalidParameterError
        They are no number of epochs.
    """
    stated = arguments.get("epochs")
    check_parameters({"epochs": AnyOf(NoneValue(), Integer(1))}, {"epochs": stated}, str)
    return int(stated or DEFAULT_EPOCHS)


def require_once(names: Sequence[str]) -> None:
    """See that nothing is told twice, by one name or by two.

    Raises
    ------
    UsageError
        Such as for "learning_rate" beside "optimizer.learning_rate".
    """
    whole = [_SHORT.get(name, name) for name in names]
    for place, name in enumerate(whole):
        if name in whole[:place]:
            first = names[whole.index(name)]
            both = first if first == names[place] else f"{first} and {names[place]}"
            raise UsageError(
                "one thing is told twice",
                where=names[place],
                expected="an axis, or a fixed value, and under one name",
                got=both,
            )


def grid(axes: Axes) -> list[dict[str, Any]]:
    """Return every combination of the axes' values, the last axis turning fastest.

    Raises
    ------
    UsageError
        An axis is a range to draw from.

    Example
    -------
    >>> from chainrule.experiments.design import grid
    >>> grid({"a": (1, 2), "b": ("x",)})
    [{'a': 1, 'b': 'x'}, {'a': 2, 'b': 'x'}]
    """
    for name, values in axes.items():
        if isinstance(values, Span):
            raise UsageError(
                "a grid needs the values of each axis",
                where=name,
                expected="a list, or a range with a step such as 16:256:2x",
                got=f"any number from {values.low:g} to {values.high:g}",
                do='pass method="random" (--method random), or give the range a step: 10x for log',
            )
    lists = [values for values in axes.values() if not isinstance(values, Span)]
    return [dict(zip(axes, values, strict=True)) for values in itertools.product(*lists)]


def drawn(axes: Axes, seed: int, position: int) -> dict[str, Any]:
    """Return a setting drawn at random; the same for the same seed and position.

    Example
    -------
    >>> from chainrule.experiments.design import drawn
    >>> drawn({"a": (1, 2, 3)}, 0, 5) == drawn({"a": (1, 2, 3)}, 0, 5)
    True
    """
    setting: dict[str, Any] = {}
    for name, values in axes.items():
        share = float(Stream(seed, f"axis:{name}", 0, position).uniform(1)[0])
        if isinstance(values, Span):
            setting[name] = values.at(share)
        else:
            setting[name] = values[int(share * len(values))]
    return setting


def drawings(axes: Axes, seed: int, count: int) -> list[dict[str, Any]]:
    """Return so many different settings, or fewer where there are fewer."""
    found: list[dict[str, Any]] = []
    spaces = [1 << 62 if isinstance(values, Span) else len(values) for values in axes.values()]
    possible = 1
    for size in spaces:
        possible = min(possible * size, 1 << 62)
    for position in itertools.count():
        setting = drawn(axes, seed, position)
        if setting not in found:
            found.append(setting)
        if len(found) >= min(count, possible) or position > 100 * count + 1000:
            return found
    return found


@frozen
class Recipe:
    """Makes the jobs of a setting.

    Parameters
    ----------
    network : Layer, document, or function
        A function is called with those axes (and fixed values) that its parameters name.
    arguments : mapping
        What is the same for all settings: arguments of `train`, fields by dotted name, and values
        for the network's function.
    scheme : Scheme
    score : str
    digests : sequence of str
        Of the data of each split.
    """

    network: Any
    arguments: Mapping[str, Any]
    scheme: Scheme
    score: str
    digests: Sequence[str]

    def jobs(self, setting: Mapping[str, Any], **more: Any) -> Iterator[Job]:
        """Yield the runs of a setting, one for each split.

        Raises
        ------
        UnknownNameError
            An axis is no argument of `train` or of the network's function.
        InvalidParameterError
            A value breaks its rule.
        """
        arguments = self.resolved({**setting, **more})
        document = written(arguments)
        labels = labels_of(setting)
        for split in range(self.scheme.splits):
            yield Job(
                settings=labels,
                arguments=arguments,
                repeat=self.scheme.repeat_of(split),
                split=split,
                seed=self.scheme.seed_of(split),
                score=self.score,
                digest=self.digests[split],
                document=document,
            )

    def resolved(self, setting: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arguments of `train` for a setting, the network among them."""
        values = {**self.arguments, **setting}
        values.pop(NAME, None)
        network, used = _network(values.pop("network", self.network), values)
        arguments: dict[str, Any] = {}
        fields: dict[str, dict[str, Any]] = {}
        for name, value in values.items():
            place, _, field = _SHORT.get(name, name).partition(".")
            if name in _known():
                arguments[name] = value
            elif place in _RECORDS and field:
                fields.setdefault(place, {})[field] = value
            elif name not in used:
                raise _unknown(name, used)
        for place, changed in fields.items():
            arguments[place] = _changed(place, arguments.get(place), changed)
        return {"network": network, **arguments}


def _network(network: Any, values: Mapping[str, Any]) -> tuple[Layer, set[str]]:
    """Return the network of a setting, and the names that its function took."""
    if isinstance(network, (Layer, str, Mapping)):
        return LAYERS.make(network), set()
    if not callable(network):
        raise InvalidParameterError(
            "this is no network", expected="an nn description, or a function that returns one"
        )
    parameters = inspect.signature(network).parameters
    missing = [
        name
        for name, parameter in parameters.items()
        if parameter.default is parameter.empty
        and parameter.kind not in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL)
        and name not in values
    ]
    if missing:
        raise UsageError(
            f"the network's function needs {missing[0]!r}, which is no axis",
            where="network",
            do=f"add it: axes={{{missing[0]!r}: [...]}}, or pass it as an argument",
        )
    used = {name for name in parameters if name in values}
    made = network(**{name: values[name] for name in used})
    if not isinstance(made, Layer):
        raise InvalidParameterError(
            "the network's function returned no network", where="network", got=repr(made)[:80]
        )
    return made, used


def _changed(place: str, value: Any, changed: Mapping[str, Any]) -> Any:
    registry = REGISTRIES[_RECORDS[place]]
    value = _DEFAULTS.get(place) if value is None else value
    if value is None or isinstance(value, (tuple, list, int, float)):
        first = next(iter(changed))
        raise UsageError(
            f"{place}.{first} needs one {_RECORDS[place]} whose field it is",
            where=f"{place}.{first}",
            do=f"pass {place}= too, by its name or as a record",
        )
    record = registry.make(value)
    known = field_names(type(record))
    odd = next((name for name in changed if name not in known), None)
    if odd is not None:
        raise InvalidParameterError(
            f"{record.name} has no field {odd!r}",
            where=f"{place}.{odd}",
            expected="one of " + ", ".join(known) if known else "no field",
            do=suggest(odd, known),
        )
    return registry.make(record, **changed)


def _unknown(name: str, used: set[str]) -> ChainruleError:
    if name in _OF_THE_SWEEP or name in _OF_ONE_RUN:
        do = "repeats= varies the seed, the same for all settings" if name == "seed" else ""
        return UsageError(f"{name} cannot be varied or fixed in a sweep", where=name, do=do)
    known = [*_known(), *sorted(used), *_SHORT]
    dotted = [f"{place}.FIELD" for place in _RECORDS]
    return UnknownNameError(
        f"there is no argument {name!r}",
        where="axes",
        expected="one of " + ", ".join([*known, *dotted]) + ", or a parameter of the network",
        got=repr(name),
        do=suggest(name, known),
    )


def score_of(
    score: Any, loss: Loss, metrics: Any, varies: Callable[[str], bool]
) -> tuple[str, bool]:
    """Return the name of a sweep's score, and whether greater is better.

    Parameters
    ----------
    score : str, Metric or None
        By default the first of the metrics, or the loss where there are none.
    loss : Loss
        Of the first setting.
    metrics : as for `train`
    varies : function
        Says whether an argument is an axis.

    Raises
    ------
    UsageError
        The loss itself varies, so losses cannot be compared.
    """
    chosen = choose_metrics(metrics, loss)
    if score is None:
        score = chosen[0] if chosen else "loss"
    if score == "loss":
        if varies("loss") or varies("reduction"):
            raise UsageError(
                "losses of different kinds cannot be compared",
                where="score",
                do="score by a metric of the task, such as score='accuracy'",
            )
        return "loss", False
    (metric,) = choose_metrics((score,), loss)
    if metric != METRICS.make(metric.name):
        raise InvalidParameterError(
            "a score is a metric as its name alone gives it", where="score", got=repr(metric)
        )
    return metric.name, metric.greater_is_better


def loss_of(values: Mapping[str, Any]) -> Loss:
    """Return the loss among arguments.

    Raises
    ------
    UsageError
        There is none.
    """
    if values.get("loss") is None:
        raise UsageError("a sweep needs a loss", where="loss", do='pass loss="..."')
    return LOSSES.make(values["loss"])
