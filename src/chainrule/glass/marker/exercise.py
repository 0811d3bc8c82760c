"""The exercise that a learner was set: widths, activations, loss, penalty, conventions.

Decisions
---------
a) What a course leaves open stays open: mean or sum over the rows, a factor 1/2 before squares,
   sum or mean over the outputs. Each open choice is a `Convention`, and a learner who follows any
   one of them throughout is right. A choice that is stated, or that the learner's own loss makes,
   is binding: the gradient must be the derivative of the loss that is reported.
b) The activation of the last layer belongs to the network here, as learners write it, and the loss
   reads its output. Where activation and loss belong together (softmax and cross-entropy) the
   long-hand and the fused gradient are equal.
"""

from __future__ import annotations

import importlib
import itertools
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast

import numpy as np

from chainrule.checks import shown
from chainrule.errors import InvalidParameterError, ShapeError
from chainrule.frozen import frozen
from chainrule.maths.activation import ACTIVATIONS, Activation
from chainrule.maths.loss import LOSSES, Loss
from chainrule.maths.optimizer import OPTIMIZERS
from chainrule.maths.penalty import PENALTIES
from chainrule.training.arguments import unknown_argument

__all__ = ["Convention", "Exercise", "as_exercise", "require_known"]

importlib.import_module("chainrule.maths")  # registers the members that an exercise names

_LOSS_NAMES: dict[str, tuple[str, dict[str, float]]] = {
    "half_squared_error": ("squared_error", {"scale": 0.5}),
    "half_mse": ("squared_error", {"scale": 0.5}),
    "bce": ("binary_cross_entropy", {}),
    "binary_crossentropy": ("binary_cross_entropy", {}),
    "log_loss": ("binary_cross_entropy", {}),
    "cce": ("softmax_cross_entropy", {}),
    "categorical_crossentropy": ("softmax_cross_entropy", {}),
}
"""What courses call the losses, beside the names of the registry."""

_STATED = (
    *("network", "activation", "loss", "output", "reduction", "penalty", "layout", "targets"),
    "optimizer",
)
"""What may be stated of an exercise."""


@frozen
class Convention:
    """One set of the choices that courses make differently."""

    reduction: str = "mean"
    """Mean or sum of the row losses."""
    outputs: str = "sum"
    """Sum or mean over the outputs of one row."""
    scale: float = 1.0
    """Factor before the squares."""
    decay: str = "1"
    """Factor on the penalty: 1, 2, 1/N or 2/N."""

    def factor(self, rows: int, outputs: int) -> float:
        """Return what the sum over rows and outputs is multiplied by."""
        factor = self.scale / (rows if self.reduction == "mean" else 1)
        return factor / (outputs if self.outputs == "mean" else 1)

    def decay_factor(self, rows: int) -> float:
        """Return what the penalty is multiplied by."""
        return {"1": 1.0, "2": 2.0, "1/N": 1.0 / rows, "2/N": 2.0 / rows}[self.decay]

    def words(self, exercise: Exercise) -> str:
        """Return the convention as a phrase."""
        parts = [f"{self.reduction} over the rows"]
        if exercise.free_scale:
            parts.append("squares with factor 1/2" if self.scale == 0.5 else "squares as they are")
        if exercise.outputs > 1 and exercise.loss.name != "softmax_cross_entropy":
            parts.append(f"{self.outputs} over the outputs")
        if exercise.penalty is not None and self.decay != "1":
            parts.append(f"penalty times {self.decay}")
        return ", ".join(parts)


@frozen
class Exercise:
    """A network with its loss, as it was set.

    Parameters
    ----------
    network : tuple of int
        Widths, from the inputs to the outputs.
    activation : str, Activation, or a tuple
        Of the hidden layers; a tuple names one for each, or one for every layer.
    loss : str, Loss or document
        A bare `"squared_error"` (`"mse"`) leaves the factor 1/2 and the mean over outputs open, a
        record (`cr.SquaredError(scale=0.5)`) does not.
    output : str or Activation, optional
        Activation of the last layer; by default the one that belongs to the loss.
    reduction : "mean", "sum" or None
        None leaves it open.
    penalty : Penalty or str, optional
        One that is part of the objective, on the weights.
    layout : "rows", "columns" or None
        None recognises it.
    targets : "matrix", "vector", "labels" or None
        How y is handed in: with the shape of the output, as (N,), or as class numbers (N,). None
        tries the first, and the other if that goes wrong.
    optimizer : Optimizer, str or document, optional
        What a learner's `update` should do.

    Raises
    ------
    InvalidParameterError, UnknownNameError, ShapeError
        A part is not what it should be.

    Source: the exercise sheets of backpropagation everywhere; Bishop, "Pattern recognition and
    machine learning" (2006), section 5.3.

    Example
    -------
    >>> from chainrule.glass.marker import Exercise
    >>> exercise = Exercise((2, 3, 1), "tanh", "mse", output="sigmoid")
    >>> [layer.name for layer in exercise.activations]
    ['tanh', 'sigmoid']
    """

    network: tuple[int, ...]
    activation: Any = "sigmoid"
    loss: Any = "squared_error"
    output: Any = None
    reduction: str | None = None
    penalty: Any = None
    layout: str | None = None
    targets: str | None = None
    optimizer: Any = None

    free_scale: bool = False
    """Whether the loss leaves its factor open; found on construction."""

    def __post_init__(self) -> None:
        _check_network(self.network)
        put = lambda name, value: object.__setattr__(self, name, value)  # noqa: E731
        put("network", tuple(int(width) for width in self.network))
        _one_of("reduction", self.reduction, ("mean", "sum"))
        _one_of("layout", self.layout, ("rows", "columns"))
        _one_of("targets", self.targets, ("matrix", "vector", "labels"))
        loss, free = _loss(self.loss, self.network[-1])
        put("loss", loss)
        put("free_scale", self.free_scale or free)
        put("activation", self._named())
        put("output", self.activation[-1])
        if self.optimizer is not None:
            put("optimizer", OPTIMIZERS.make(self.optimizer))
        if self.penalty is not None:
            put("penalty", PENALTIES.make(self.penalty))
        if self.penalty is not None and (self.penalty.kind != "objective" or self.penalty.shared):
            raise InvalidParameterError(
                "this penalty is not a term of the objective",
                where="Exercise.penalty",
                expected="l1, l2 or spectral",
                got=self.penalty.name,
            )

    def _named(self) -> tuple[Activation, ...]:
        depth = len(self.network) - 1
        given = self.activation if isinstance(self.activation, (tuple, list)) else None
        if given is None:
            ACTIVATIONS.make(self.activation)  # a network without hidden layers has no use for it
        names = list(given) if given is not None else [self.activation] * (depth - 1)
        if len(names) == depth - 1:
            names.append(self.loss.link if self.output is None else self.output)
        if len(names) != depth:
            raise ShapeError(
                "the activations do not fit the layers",
                where="Exercise.activation",
                expected=f"{depth - 1} names (hidden layers) or {depth} (all layers)",
                got=str(len(names)),
            )
        records = tuple(ACTIVATIONS.make(name) for name in names)
        for number, record in enumerate(records, 1):
            if record.learned or (number < depth and not record.elementwise):
                raise InvalidParameterError(
                    "this activation cannot be marked here",
                    where=f"Exercise.activation, layer {number}",
                    expected="an element-wise activation without learned parameters",
                    got=record.name,
                )
        _check_domain(cast("Loss", self.loss), records[-1])
        return records

    @property
    def activations(self) -> tuple[Activation, ...]:
        """The activation of every layer, the last one included."""
        return self.activation

    @property
    def depth(self) -> int:
        """Number of layers with weights."""
        return len(self.network) - 1

    @property
    def outputs(self) -> int:
        """Number of outputs K."""
        return self.network[-1]

    @property
    def matched(self) -> bool:
        """Whether output activation and loss belong together: dZ is p - y times a factor."""
        return self.loss.task == "classification" and self.loss.link == self.activations[-1]

    def with_network(self, network: tuple[int, ...]) -> Exercise:
        """Return the same exercise with other widths of the same number."""
        return Exercise(
            network,
            self.activation,
            self.loss,
            None,
            self.reduction,
            self.penalty,
            self.layout,
            self.targets,
            self.optimizer,
            self.free_scale,
        )

    def conventions(self, reported: bool = False) -> Iterator[Convention]:
        """Return every convention that is open; all that a reported loss could follow if asked."""
        squared = self.loss.name == "squared_error"
        reductions = ("mean", "sum") if self.reduction is None else (self.reduction,)
        scales = (1.0, 0.5) if self.free_scale and squared else (1.0,)
        many = self.outputs > 1 and (self.free_scale or self.loss.task == "classification")
        means = many and (reported or self.loss.name != "softmax_cross_entropy")
        decays = ("1", "2", "1/N", "2/N") if reported and self.penalty is not None else ("1",)
        choices = itertools.product(reductions, ("sum", "mean") if means else ("sum",), scales)
        for (reduction, outputs, scale), decay in itertools.product(choices, decays):
            yield Convention(reduction, outputs, scale, decay)

    def document(self) -> dict[str, Any]:
        """Return the exercise as JSON values."""
        return {
            "network": list(self.network),
            "activations": [record.name for record in self.activations],
            "loss": LOSSES.document(self.loss),
            "reduction": self.reduction,
            "penalty": None if self.penalty is None else PENALTIES.document(self.penalty),
            "layout": self.layout,
            "targets": self.targets,
            "optimizer": None if self.optimizer is None else OPTIMIZERS.document(self.optimizer),
        }


def _check_network(network: object) -> None:
    good = isinstance(network, (tuple, list)) and len(network) >= 2
    if not good or not all(
        isinstance(width, (int, np.integer)) and not isinstance(width, bool) and 0 < width <= 4096
        for width in cast("Any", network)
    ):
        raise InvalidParameterError(
            "the network is not understood",
            where="NETWORK",
            expected="at least two widths from 1 to 4096, inputs first: (2, 3, 1)",
            got=shown(network),
        )


def _one_of(name: str, value: object, names: tuple[str, ...]) -> None:
    if value is not None and not (isinstance(value, str) and value in names):
        raise InvalidParameterError(
            f"{name} is not allowed",
            where=f"Exercise.{name}",
            expected=" or ".join(map(repr, names)) + ", or None to leave it open",
            got=shown(value),
        )


def _loss(spec: object, outputs: int) -> tuple[Loss, bool]:
    """Return the loss, and whether a factor is left open."""
    fields: dict[str, float] = {}
    name = spec
    if isinstance(spec, str):
        key = spec.strip().lower().replace("-", "_").replace(" ", "_")
        if key in ("cross_entropy", "crossentropy", "nll"):
            key = "softmax_cross_entropy" if outputs > 1 else "binary_cross_entropy"
        name, fields = _LOSS_NAMES.get(key, (key, {}))
    loss = LOSSES.make(name, **fields)
    if loss.raw_width(outputs) != outputs or not (
        loss.link.elementwise or loss.link.name == "softmax"
    ):
        raise InvalidParameterError(
            "this loss cannot be marked here",
            where="Exercise.loss",
            expected="a loss with as many outputs as targets",
            got=loss.name,
        )
    return loss, isinstance(spec, str) and loss.name == "squared_error" and not fields


def _check_domain(loss: Loss, output: Activation) -> None:
    """Refuse a cross-entropy of something that is no probability."""
    if loss.task == "classification" and loss.link != output:
        raise InvalidParameterError(
            "this loss reads probabilities, and the last activation does not make its kind",
            where="Exercise.output",
            expected=loss.link.name,
            got=output.name,
            do="name the output activation that belongs to the loss, or leave it out",
        )


def require_known(names: Iterable[object]) -> None:
    """Refuse names that say nothing about an exercise.

    Raises
    ------
    UsageError
    """
    for name in names:
        if name not in (*_STATED, "free_scale"):
            raise unknown_argument("mark", str(name), _STATED)


def as_exercise(reference: object, **stated: Any) -> Exercise:
    """Return an exercise from one, from widths, or from a mapping of its parameters.

    Example
    -------
    >>> from chainrule.glass.marker import as_exercise
    >>> as_exercise((2, 3, 1), loss="bce").loss.name
    'binary_cross_entropy'
    """
    told = cast("Mapping[str, Any]", reference) if isinstance(reference, Mapping) else {}
    require_known((*told, *stated))
    stated = {name: value for name, value in stated.items() if value is not None}
    if isinstance(reference, Exercise):
        if not stated:
            return reference
        fields = {name: getattr(reference, name) for name in ("network", "activation", "loss")}
        for name in ("reduction", "penalty", "layout", "targets", "optimizer", "free_scale"):
            fields[name] = getattr(reference, name)
        return Exercise(**{**fields, **stated})
    if isinstance(reference, Mapping):
        return Exercise(**{**told, **stated})
    if isinstance(reference, (tuple, list)):
        return Exercise(tuple(cast("Any", reference)), **stated)
    raise InvalidParameterError(
        "the reference is not understood",
        where="reference",
        expected="an Exercise, widths such as (2, 3, 1), or a mapping of an Exercise's parameters",
        got=shown(reference),
    )
