"""Worked examples by name: steps whose numbers stand in articles and course notes.

Where a text gives formulas without numbers, the numbers here are small ones with one decimal, so
that a reader can follow them with a pocket calculator.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule import nn
from chainrule.errors import UnknownNameError
from chainrule.frozen import frozen
from chainrule.glass.trace.face import trace
from chainrule.glass.trace.result import Trace
from chainrule.maths.loss import Reduction
from chainrule.maths.losses_regression import SquaredError
from chainrule.maths.optimizers import SGD
from chainrule.plan.plan import Group
from chainrule.registry import suggest
from chainrule.streams import Stream

__all__ = ["EXAMPLES", "Example", "example"]


@frozen
class Example:
    """One worked example: where it is from, and the arguments of `trace`."""

    name: str
    title: str
    make: Callable[[], dict[str, Any]]
    convention: str = "rows"


EXAMPLES: dict[str, Example] = {}
"""The worked examples by name."""


def _example(name: str, title: str, convention: str = "rows") -> Any:
    def enter(make: Callable[[], dict[str, Any]]) -> Callable[[], dict[str, Any]]:
        EXAMPLES[name] = Example(name, title, make, convention)
        return make

    return enter


def example(
    name: str,
    convention: str | None = None,
    digits: int = 6,
    reduction: Reduction | None = None,
) -> Trace:
    """Return the trace of a worked example.

    Parameters
    ----------
    name : str
        One of `EXAMPLES`.
    convention : "rows" or "columns", optional
        By default that of the text.
    digits : int
    reduction : "mean" or "sum", optional

    Raises
    ------
    UnknownNameError
        There is no such example.

    Source: M. Mazur, "A step by step backpropagation example" (2015); course notes on neural
    networks, 000 to 004.

    Example
    -------
    >>> from chainrule.glass.trace.examples import example
    >>> f"{example('mazur').loss_before:.9f}"
    '0.298371109'
    """
    if name not in EXAMPLES:
        raise UnknownNameError(
            f"there is no worked example {name!r}",
            expected="one of " + ", ".join(EXAMPLES),
            got=repr(name),
            do=suggest(name, EXAMPLES),
        )
    chosen = EXAMPLES[name]
    settings: dict[str, Any] = {"digits": digits, "reduction": reduction}
    settings["convention"] = convention or chosen.convention
    return trace(**chosen.make(), **settings, title=chosen.title)


def _numbers(name: str, *shape: int) -> np.ndarray:
    """Return numbers with one decimal, none of them 0, the same each time."""
    drawn = np.round(Stream(0, f"trace:example:{name}").normal(shape), 1)
    return np.where(drawn == 0.0, 0.5, drawn)


@_example("mazur", "Mazur's step by step example: 2-2-2, sigmoid, biases fixed")
def _mazur() -> dict[str, Any]:
    return {
        "model_or_network": nn.Sequential(nn.Dense(2, "sigmoid"), nn.Dense(2, "sigmoid")),
        "X": [[0.05, 0.10]],
        "y": [[0.01, 0.99]],
        "loss": SquaredError(scale=0.5),
        "optimizer": SGD(0.5),
        "groups": (Group("*.b", rate_factor=0.0),),
        "state": {
            "dense_1.W": [[0.15, 0.25], [0.20, 0.30]],
            "dense_1.b": [0.35, 0.35],
            "dense_2.W": [[0.40, 0.50], [0.45, 0.55]],
            "dense_2.b": [0.60, 0.60],
        },
    }


@_example("note-004-chain", "Note 004: one input, one hidden neuron, one output")
def _note_004_chain() -> dict[str, Any]:
    # The note gives outputs and weights; these biases make its outputs 0.5 and 0.6 true.
    return {
        "model_or_network": nn.Sequential(nn.Dense(1, "sigmoid"), nn.Dense(1, "sigmoid")),
        "X": [[1.0]],
        "y": [[0.9]],
        "loss": SquaredError(scale=0.5),
        "optimizer": SGD(0.1),
        "state": {
            "dense_1.W": [[0.6]],
            "dense_1.b": [-0.6],
            "dense_2.W": [[0.4]],
            "dense_2.b": [math.log(0.6 / 0.4) - 0.4 * 0.5],
        },
    }


@_example(
    "note-004-simple-nn",
    "Note 004: what the class SimpleNN computes on XOR (the gradient of cross-entropy)",
    "columns",
)
def _note_004_simple_nn() -> dict[str, Any]:
    return {
        "model_or_network": nn.Sequential(nn.Dense(4, "sigmoid"), nn.Dense(1)),
        "X": [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]],
        "y": [[0.0], [1.0], [1.0], [0.0]],
        "loss": "binary_cross_entropy",
        "optimizer": SGD(0.1),
        "state": {
            "dense_1.W": _numbers("simple W1", 2, 4),
            "dense_2.W": _numbers("simple W2", 4, 1),
        },
    }


@_example("note-003", "Note 003: two layers of sigmoids, samples in columns", "columns")
def _note_003() -> dict[str, Any]:
    return {
        "model_or_network": nn.Sequential(nn.Dense(4, "sigmoid"), nn.Dense(2)),
        "X": _numbers("003 X", 5, 3),
        "y": (_numbers("003 Y", 5, 2) > 0.0).astype(float),
        "loss": "binary_cross_entropy",
        "optimizer": SGD(0.3),
        "state": {
            "dense_1.W": _numbers("003 W1", 3, 4),
            "dense_1.b": _numbers("003 b1", 4),
            "dense_2.W": _numbers("003 W2", 4, 2),
            "dense_2.b": _numbers("003 b2", 2),
        },
    }


@_example("note-002-chain", "Note 002: the two-neuron chain under the mean squared error")
def _note_002_chain() -> dict[str, Any]:
    return {
        "model_or_network": nn.Sequential(nn.Dense(1, "sigmoid"), nn.Dense(1, "sigmoid")),
        "X": [[0.5], [-1.0], [2.0]],
        "y": [[1.0], [0.2], [0.7]],
        "loss": "squared_error",
        "optimizer": SGD(0.1),
        "state": {
            "dense_1.W": [[0.8]],
            "dense_1.b": [-0.3],
            "dense_2.W": [[-1.2]],
            "dense_2.b": [0.4],
        },
    }


def _homework(loss: str, y: Any) -> dict[str, Any]:
    return {
        "model_or_network": nn.Sequential(nn.Dense(5, "relu"), nn.Dense(3)),
        "X": _numbers("002 X", 6, 4),
        "y": y,
        "loss": loss,
        "optimizer": SGD(0.1),
        "state": {
            "dense_1.W": _numbers("002 W1", 4, 5),
            "dense_1.b": _numbers("002 b1", 5),
            "dense_2.W": _numbers("002 W2", 5, 3),
            "dense_2.b": _numbers("002 b2", 3),
        },
    }


@_example("note-002-relu-mse", "Note 002, homework: one hidden layer of ReLUs, squared error")
def _note_002_mse() -> dict[str, Any]:
    return _homework("squared_error", _numbers("002 Y", 6, 3))


@_example("note-002-relu-cross-entropy", "Note 002, homework: ReLUs, softmax and cross-entropy")
def _note_002_cross_entropy() -> dict[str, Any]:
    return _homework("softmax_cross_entropy", [0, 2, 1, 1, 0, 2])


@_example("note-000", "Note 000: a batch through tanh and sigmoid, half of the squared error")
def _note_000() -> dict[str, Any]:
    return {
        "model_or_network": nn.Sequential(nn.Dense(4, "tanh"), nn.Dense(2, "sigmoid")),
        "X": _numbers("000 X", 6, 3),
        "y": _numbers("000 Y", 6, 2),
        "loss": SquaredError(scale=0.5),
        "optimizer": SGD(0.1),
        "state": {
            "dense_1.W": _numbers("000 Wh", 3, 4),
            "dense_1.b": _numbers("000 bh", 4),
            "dense_2.W": _numbers("000 Wy", 4, 2),
            "dense_2.b": _numbers("000 by", 2),
        },
    }
