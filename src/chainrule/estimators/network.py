"""From layer sizes to a network description, its first weights, and the weights by layer.

Decisions
---------
a) First weights are drawn as scikit-learn draws them, from the same generator in the same order:
   weights and biases uniform within sqrt(6 / (fan_in + fan_out)), with 2 for "logistic". The same
   `random_state` therefore gives the same first weights in both libraries.
b) That holds for the four activations that scikit-learn has. A layer before another activation
   starts as that activation's record says, from the library's own streams; so does every layer if
   `initialiser` is given, or the network is the user's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from chainrule import nn
from chainrule.checks import shown
from chainrule.errors import InvalidParameterError
from chainrule.frozen import frozen
from chainrule.maths.activation import ACTIVATIONS, Activation
from chainrule.maths.initialisers import Constant, Zeros
from chainrule.nn.layer import LAYERS, Layer
from chainrule.ops.affine import Affine
from chainrule.plan.layout import Slot
from chainrule.plan.plan import Plan
from chainrule.registry import Record
from chainrule.streams import Stream

__all__ = ["Description", "affine_slots", "describe", "first_weights", "hidden_sizes", "needs_seed"]

_FACTORS = {"identity": 6.0, "sigmoid": 2.0, "tanh": 6.0, "relu": 6.0}


@frozen
class Description:
    """A network, and the bounds of the weights that are drawn as scikit-learn draws them.

    Parameters
    ----------
    network : Layer
    factors : dict of str to float
        By the name of a dense layer, f in the bound sqrt(f / (fan_in + fan_out)).
    """

    network: Layer
    factors: dict[str, float]


def hidden_sizes(spec: Any) -> tuple[int, ...]:
    """Return the sizes of the hidden layers.

    Raises
    ------
    InvalidParameterError
        A size is not a whole number from 1.
    """
    sizes: list[Any]
    try:
        sizes = np.atleast_1d(np.asarray(spec, dtype=object)).ravel().tolist()
    except Exception:  # noqa: BLE001 - an object that cannot say what it holds
        sizes = [None]
    for size in sizes:
        whole = isinstance(size, (int, np.integer)) and not isinstance(size, bool)
        if not whole or size <= 0:
            raise InvalidParameterError(
                f"hidden_layer_sizes must be > 0, got {shown(spec)}.",
                where="hidden_layer_sizes",
                expected="whole numbers from 1",
                got=shown(size),
                do="pass the units of each hidden layer, as (100,), or () for a linear model",
            )
    return tuple(int(size) for size in sizes)


def describe(estimator: Any, outputs: int) -> Description:
    """Return the network of an estimator's parameters, with so many raw outputs.

    Raises
    ------
    InvalidParameterError
        There are not as many activations or dropout rates as hidden layers.
    """
    if estimator.network is not None:
        made = estimator.network
        if callable(made) and not isinstance(made, (Record, type)):
            made = made(outputs)
        if not isinstance(made, (Layer, str, Mapping)):
            raise InvalidParameterError(
                "the network is no layer",
                where="network",
                expected="a Layer, or a function of the last width that returns one",
                got=shown(made),
                do="pass what nn.Sequential(...) gives, or lambda width: nn.Sequential(...)",
            )
        return Description(LAYERS.make(made), {})
    sizes = hidden_sizes(estimator.hidden_layer_sizes)
    activations = [
        ACTIVATIONS.make(spec) for spec in _each(estimator.activation, len(sizes), "activation")
    ]
    rates = _each(estimator.dropout, len(sizes), "dropout")
    layers: list[Layer] = []
    for units, activation, rate in zip(sizes, activations, rates, strict=True):
        block = _block(estimator, units, activation, float(rate))
        layers.extend([nn.Residual(*block)] if estimator.residual else block)
    layers.append(nn.Dense(outputs, initialiser=estimator.initialiser))
    last = activations[-1] if activations else _output_activation(estimator)
    return Description(nn.Sequential(*layers), _factors(estimator, [*activations, last]))


def _block(estimator: Any, units: int, activation: Activation, rate: float) -> list[Layer]:
    block: list[Layer] = [nn.Dense(units, initialiser=estimator.initialiser)]
    if estimator.normalization is not None:
        block.append(nn.BatchNorm() if estimator.normalization == "batch" else nn.LayerNorm())
    block.append(nn.Activation(activation))
    if rate:
        block.append(nn.Dropout(rate))
    return block


def _each(value: Any, count: int, name: str) -> Sequence[Any]:
    if not isinstance(value, (list, tuple)):
        return [value] * count
    if len(value) != count:
        raise InvalidParameterError(
            f"{name} does not fit the hidden layers",
            where=name,
            expected=f"{count} of them, or one for all",
            got=f"{len(value)}",
            do=f"pass one for each of hidden_layer_sizes, or {name} alone for all of them",
        )
    return value


def _output_activation(estimator: Any) -> Activation:
    """Return the activation that decides the bound of the output layer without hidden layers."""
    spec = estimator.activation
    return ACTIVATIONS.make("identity" if isinstance(spec, (list, tuple)) else spec)


def _factors(estimator: Any, activations: list[Activation]) -> dict[str, float]:
    if estimator.initialiser is not None:
        return {}
    return {
        f"dense_{number}": _FACTORS[activation.name]
        for number, activation in enumerate(activations, 1)
        if activation.name in _FACTORS
    }


def needs_seed(plan: Plan, factors: dict[str, float]) -> bool:
    """Say whether anything is drawn from the library's own streams: noise, or first weights."""
    if any(node.op.noise for node in plan.graph.nodes):
        return True
    return any(
        not isinstance(entry.initialiser, (Zeros, Constant))
        for entry in plan.graph.parameters
        if entry.name.rpartition(".")[0] not in factors
    )


def first_weights(
    plan: Plan, factors: dict[str, float], random_state: np.random.RandomState, seed: int
) -> np.ndarray:
    """Return the flat vector of first weights, float64."""
    weights = np.empty(plan.parameters.size)
    for entry, slot in zip(plan.graph.parameters, plan.parameters.slots, strict=True):
        layer = entry.name.rpartition(".")[0]
        if layer in factors:
            fans = sum(plan.parameters.places[f"{layer}.W"].shape)
            bound = np.sqrt(factors[layer] / fans)
            drawn = random_state.uniform(-bound, bound, slot.shape)
        else:
            stream = Stream(seed, f"init:{entry.name}")
            fan_in, fan_out = entry.fan_in, entry.fan_out
            drawn = entry.initialiser.sample(stream, slot.shape, fan_in, fan_out, entry.gain)
        weights[slot.start : slot.stop] = np.reshape(drawn, -1)
    return weights


def affine_slots(plan: Plan) -> tuple[list[Slot], list[Slot]]:
    """Return where the weight matrices and the biases of the affine maps live, in order."""
    places = plan.parameters.places
    named = [node.trainable for node in plan.graph.nodes if isinstance(node.op, Affine)]
    matrices = [places[names["W"]] for names in named]
    biases = [places[names["b"]] for names in named if "b" in names]
    return matrices, biases
