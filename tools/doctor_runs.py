"""Runs for the doctor's proof: sound settings, and one way to break them for each fault."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.random import Generator

import chainrule as cr
from chainrule import nn
from chainrule.errors import DivergenceError
from tools import doctor_data
from tools.doctor_data import Generators

__all__ = ["BREAKS", "Setup", "healthy", "learned", "run_of"]


@dataclass(frozen=True)
class Setup:
    """All that a run is made of."""

    X: np.ndarray
    y: np.ndarray
    task: str
    widths: tuple[int, ...]
    activation: str
    norm: str = ""
    dropout: float = 0.0
    residual: bool = False
    link: str = ""
    initialiser: Any = None
    bias: Any = "zeros"
    optimizer: Any = None
    seed: int = 0
    origin: str = ""
    held_out: bool = False
    options: dict[str, Any] = field(default_factory=dict)

    def outputs(self) -> int:
        """Return the number of outputs."""
        if self.y.ndim == 2:
            return self.y.shape[1]
        return len(np.unique(self.y)) if self.task == "classes" else 1

    def network(self) -> nn.Layer:
        """Return the network."""
        layers: list[nn.Layer] = []
        for place, width in enumerate(self.widths):
            dense = nn.Dense(width, initialiser=self.initialiser, bias_initialiser=self.bias)
            block: list[nn.Layer] = [dense, nn.Activation(self.activation)]
            if self.norm:
                block.insert(1, nn.BatchNorm() if self.norm == "batch" else nn.LayerNorm())
            layers += [nn.Residual(*block)] if self.residual and place else block
            if self.dropout:
                layers.append(nn.Dropout(self.dropout))
        symmetric = self.initialiser if self.origin == "symmetric_initialisation" else None
        layers.append(nn.Dense(self.outputs(), initialiser=symmetric))
        if self.link:
            layers.append(nn.Activation(self.link))
        return nn.Sequential(*layers)

    def options_changed(self, **changes: Any) -> Setup:
        """Return the setup with other arguments of `train`."""
        return replace(self, options={**self.options, **changes})


def run_of(setup: Setup) -> Any:
    """Train, and return what the doctor is shown: a run, or the error of one that diverged."""
    loss = "softmax_cross_entropy" if setup.task == "classes" else "squared_error"
    options = {"loss": loss, "optimizer": setup.optimizer, "seed": setup.seed, **setup.options}
    try:
        return cr.train(setup.network(), setup.X, setup.y, record=True, **options)
    except DivergenceError as error:
        return error


def learned(setup: Setup, run: Any) -> bool:
    """Say whether a run learned about what trees learn from the same rows.

    Sound settings are no warrant: a run that stops early by bad luck is not a healthy one. The
    judge is another method than those that the doctor asks, and sees none of its verdicts.
    """
    from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor

    classes = setup.task == "classes"
    column = "validation_accuracy" if classes else "validation_r2"
    if isinstance(run, DivergenceError) or not len(run.history):
        return False
    cut = 3 * len(setup.X) // 4
    order = np.random.default_rng(0).permutation(len(setup.X))
    fit, held = order[:cut], order[cut:]
    trees = (ExtraTreesClassifier if classes else ExtraTreesRegressor)(100, random_state=0)
    score = trees.fit(setup.X[fit], setup.y[fit]).score(setup.X[held], setup.y[held])
    best = float(np.nanmax(run.history.column(column)))
    return best > score - (0.05 if classes else 0.1)


def _optimizer(random: Generator, held_out: bool, task: str) -> Any:
    """Return an optimizer with a rate that suits it; squares need a smaller one than logits."""
    if held_out:
        kind = str(random.choice(["AdamW", "NAdam", "RMSProp", "Nesterov"]))
    else:
        kind = str(random.choice(["Adam", "Momentum", "SGD"]))
    low, high = {"RMSProp": (-2.8, -2.2), "SGD": (-1.1, -0.6)}.get(kind, (-2.6, -1.9))
    if kind in ("Momentum", "Nesterov"):
        low, high = -1.9, -1.3
    if kind in ("SGD", "Momentum", "Nesterov") and task == "number":
        low, high = low - 0.5, high - 0.7
    return getattr(cr, kind)(float(10 ** random.uniform(low, high)))


def healthy(random: Generator, held_out: bool, data: str | None = None) -> Setup:
    """Return a sound setup on data, with a network and an optimizer drawn for one of the parts."""
    generators: Generators = doctor_data.HELD_OUT if held_out else doctor_data.WRITING
    name = data or str(random.choice(sorted(generators)))
    X, y, task = generators[name](random)
    names = ("gelu", "elu", "silu", "leaky_relu") if held_out else ("relu", "tanh", "relu")
    depth = int(random.integers(2, 4)) if held_out else int(random.integers(1, 3))
    width = int(random.choice([24, 48, 96] if held_out else [16, 32, 64]))
    optimizer = _optimizer(random, held_out, task)
    batch = int(random.choice([24, 40] if held_out else [16, 32, 64]))
    if len(X) < 600:  # a small table wants a small network
        depth, width = 1, 12
    slow = type(optimizer).__name__ in ("SGD", "Momentum", "Nesterov")
    epochs = (60 + 30 * (batch > 32)) * (2 if slow else 1)
    clip = float(random.uniform(1.0, 3.0)) if random.random() < 0.15 else None
    norms = ("layer", "batch", "") if held_out else ("batch", "", "")
    return Setup(
        X,
        y,
        task,
        (width,) * depth,
        str(random.choice(names)),
        norm=str(random.choice(norms)),
        dropout=float(random.choice([0.0, 0.0, 0.1])) if width > 40 else 0.0,
        residual=held_out and bool(random.random() < 0.4),
        optimizer=optimizer,
        seed=int(random.integers(2**31)),
        origin=name,
        held_out=held_out,
        options={
            "batch_size": batch,
            "epochs": epochs,
            "clip": clip,
            "validation_share": 0.25,
            "stopping": cr.Stopping(patience=8),
        },
    )


Break = Callable[[Generator, Setup], Setup]
BREAKS: dict[str, Break] = {}


def breaks(fault: str) -> Callable[[Break], Break]:
    """Register a way to break a sound setup."""

    def enter(function: Break) -> Break:
        BREAKS[fault] = function
        return function

    return enter


def power(random: Generator, low: float, high: float) -> float:
    """Return ten to a power from an interval."""
    return float(10 ** random.uniform(low, high))


def plain(setup: Setup) -> Setup:
    """Return the setup without norms, dropout, skips and clipping, which would hide a fault."""
    bare = replace(setup, norm="", dropout=0.0, residual=False)
    return bare.options_changed(clip=None, stopping=None)


def numbers(random: Generator, held_out: bool) -> Setup:
    """Return a sound setup of a regression."""
    names = ("products", "impedance", "diabetes") if held_out else ("friedman", "waves", "linear")
    return healthy(random, held_out, str(random.choice(names)))


def curved(random: Generator, held_out: bool) -> Setup:
    """Return a sound setup on data that no straight line fits."""
    names = ("circles", "spirals", "quantiles", "products") if held_out else ("moons", "waves")
    return healthy(random, held_out, str(random.choice(names)))


def gained(gain: float) -> Any:
    """Return normal first weights whose gain does not depend on the width."""
    from chainrule.maths.initialiser import INITIALISERS

    return INITIALISERS.make("normal", standard_deviation=gain)
