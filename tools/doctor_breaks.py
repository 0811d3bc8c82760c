"""One way to break a sound run for each fault."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.random import Generator

import chainrule as cr
from chainrule.maths.initialiser import INITIALISERS
from tools.doctor_data import scaled
from tools.doctor_runs import (
    BREAKS,
    Setup,
    breaks,
    curved,
    gained,
    healthy,
    numbers,
    plain,
    power,
)

__all__ = ["BREAKS"]


@breaks("constant_target")
def constant_target(random: Generator, setup: Setup) -> Setup:
    if setup.task == "number":
        return replace(setup, y=np.full(len(setup.y), random.normal()))
    Y = np.zeros((len(setup.y), setup.outputs()))
    Y[:, int(random.integers(Y.shape[1]))] = 1.0
    return replace(setup, y=Y)


@breaks("not_finite")
def not_finite(random: Generator, setup: Setup) -> Setup:
    value, count = power(random, 20, 37), int(random.integers(1, 4))
    rows = random.integers(len(setup.X), size=count)
    if setup.task == "number" and random.random() < 0.4:
        y = setup.y.copy()
        y[rows] = value
        return replace(setup, y=y)
    X = setup.X.copy()
    X[rows, random.integers(X.shape[1], size=count)] = value
    return replace(setup, X=X)


@breaks("unscaled_inputs")
def unscaled_inputs(random: Generator, setup: Setup) -> Setup:
    X = setup.X.copy()
    kind = random.integers(3)
    if kind == 0:
        X = X * power(random, 2, 4)
    elif kind == 1:
        some = random.permutation(X.shape[1])[: max(X.shape[1] // 2, 1)]
        X[:, some] *= power(random, 2.3, 5)
    else:
        X = X + power(random, 2, 3.5)
    return replace(plain(setup), X=X)


@breaks("unscaled_target")
def unscaled_target(random: Generator, setup: Setup) -> Setup:
    setup = numbers(random, setup.held_out)
    kind = random.integers(3)
    if kind == 0:
        y = setup.y * power(random, 1.6, 5)
    elif kind == 1:
        y = setup.y * power(random, 0, 2) + power(random, 2, 4)
    else:
        y = setup.y * power(random, -4, -2.3)
    return replace(setup, y=y)


@breaks("random_labels")
def random_labels(random: Generator, setup: Setup) -> Setup:
    return replace(setup, y=setup.y[random.permutation(len(setup.y))])


@breaks("leaking_column")
def leaking_column(random: Generator, setup: Setup) -> Setup:
    X, y = setup.X, setup.y.astype(float)
    if setup.task == "number":
        y = scaled(y + random.uniform(0.5, 1.0) * random.normal(size=len(y)))
    else:  # some labels are wrong, and the leak knows them
        wrong = random.random(len(y)) < random.uniform(0.15, 0.25)
        y = np.where(wrong, random.integers(setup.outputs(), size=len(y)), y)
    leak = scaled(y) + random.uniform(0.01, 0.08) * random.normal(size=len(y))
    place = int(random.integers(X.shape[1] + 1))
    kept = y if setup.task == "number" else y.astype(int)
    return replace(setup, X=np.insert(X, place, leak, axis=1), y=kept)


@breaks("double_softmax")
def double_softmax(random: Generator, setup: Setup) -> Setup:
    names = ("circles", "digits", "wine") if setup.held_out else ("classification", "moons")
    setup = healthy(random, setup.held_out, str(random.choice(names)))
    return replace(setup, link=str(random.choice(["softmax", "sigmoid"])))


@breaks("symmetric_initialisation")
def symmetric(random: Generator, setup: Setup) -> Setup:
    value = 0.0 if random.random() < 0.4 else float(random.uniform(0.02, 0.5))
    start = INITIALISERS.make("constant", value=value)
    return replace(plain(setup), initialiser=start, origin="symmetric_initialisation")


@breaks("too_small_initialisation")
def too_small(random: Generator, setup: Setup) -> Setup:
    start = INITIALISERS.make("normal", standard_deviation=power(random, -4, -2.5))
    widths = setup.widths + (setup.widths[-1],) * (2 - min(len(setup.widths), 2))
    return replace(plain(setup), initialiser=start, widths=widths)


@breaks("too_large_initialisation")
def too_large(random: Generator, setup: Setup) -> Setup:
    smallest = min(setup.X.shape[1], *setup.widths)
    start = gained(float(random.uniform(6, 30)) / np.sqrt(smallest))
    return replace(plain(setup), initialiser=start)


@breaks("exploding_gradient")
def exploding(random: Generator, setup: Setup) -> Setup:
    width, depth = int(random.choice([24, 32, 48])), int(random.integers(10, 16))
    activation = "leaky_relu" if setup.held_out else "relu"
    start = gained(float(random.uniform(1.45, 1.9)) * np.sqrt(2 / width))
    return replace(plain(setup), widths=(width,) * depth, activation=activation, initialiser=start)


@breaks("vanishing_gradient")
def vanishing(random: Generator, setup: Setup) -> Setup:
    width, depth = int(random.choice([16, 24, 32])), int(random.integers(6, 13))
    return replace(plain(setup), widths=(width,) * depth, activation="sigmoid")


@breaks("learning_rate_too_high")
def too_high(random: Generator, setup: Setup) -> Setup:
    kind = type(setup.optimizer)
    adaptive = kind.__name__ in ("Adam", "AdamW", "NAdam", "RMSProp")
    rate = power(random, -0.3, 1.0) if adaptive else power(random, 1.0, 2.5)
    return replace(plain(setup), optimizer=kind(rate))


@breaks("learning_rate_too_low")
def too_low(random: Generator, setup: Setup) -> Setup:
    kind = type(setup.optimizer)
    adaptive = kind.__name__ in ("Adam", "AdamW", "NAdam", "RMSProp")
    rate = power(random, -7, -5) if adaptive else power(random, -6, -4.3)
    return replace(setup, optimizer=kind(rate)).options_changed(stopping=None, clip=None)


@breaks("clipping_always")
def clipping_always(random: Generator, setup: Setup) -> Setup:
    return setup.options_changed(clip=power(random, -6, -3))


@breaks("clipping_never")
def clipping_never(random: Generator, setup: Setup) -> Setup:
    return setup.options_changed(clip=power(random, 3.5, 6))


@breaks("dead_relu")
def dead_relu(random: Generator, setup: Setup) -> Setup:
    bias = INITIALISERS.make("constant", value=-float(random.uniform(5, 12)))
    return replace(plain(setup), activation="relu", bias=bias)


@breaks("saturated_units")
def saturated(random: Generator, setup: Setup) -> Setup:
    activation = str(random.choice(["tanh", "sigmoid"]))
    size = float(random.uniform(6, 12)) * (2 if activation == "sigmoid" else 1)
    bias = INITIALISERS.make("constant", value=size * float(random.choice([-1, 1])))
    return replace(plain(setup), activation=activation, bias=bias)


@breaks("batch_norm_batch")
def batch_norm_batch(random: Generator, setup: Setup) -> Setup:
    setup = replace(setup, norm="batch", X=setup.X[:500], y=setup.y[:500])
    return setup.options_changed(batch_size=int(random.integers(1, 5)), epochs=12)


@breaks("dropout_too_strong")
def dropout(random: Generator, setup: Setup) -> Setup:
    rate = float(random.uniform(0.8, 0.95))
    return replace(setup, dropout=rate, norm="", residual=False)


@breaks("class_imbalance")
def imbalance(random: Generator, setup: Setup) -> Setup:
    names = ("circles", "quantiles") if setup.held_out else ("classification", "moons")
    setup = healthy(random, setup.held_out, str(random.choice(names)))
    rare = np.flatnonzero(setup.y == 0)
    kept = random.permutation(rare)[: int(random.uniform(0.03, 0.07) * (setup.y != 0).sum())]
    rows = random.permutation(np.concatenate([kept, np.flatnonzero(setup.y != 0)]))
    X, y = setup.X[rows], np.minimum(setup.y[rows], 1)
    noise = random.uniform(0.9, 1.3)  # classes that overlap: the rare one is outvoted everywhere
    return replace(setup, X=scaled(X + noise * random.normal(size=X.shape)), y=y)


@breaks("overfitting")
def overfitting(random: Generator, setup: Setup) -> Setup:
    rows = int(random.integers(120, 240))
    X, y = setup.X[:rows], setup.y[:rows].astype(float)
    if setup.task == "number":
        y = scaled(y + random.uniform(0.4, 0.8) * random.normal(size=rows))
    else:
        wrong = random.random(rows) < random.uniform(0.1, 0.25)
        y = np.where(wrong, random.integers(setup.outputs(), size=rows), y).astype(int)
    optimizer = cr.AdamW(5e-3) if setup.held_out else cr.Adam(5e-3)
    setup = replace(plain(setup), X=X, y=y, widths=(128, 128), optimizer=optimizer)
    return setup.options_changed(epochs=200, batch_size=32)


@breaks("underfitting")
def underfitting(random: Generator, setup: Setup) -> Setup:
    kind = random.integers(3)
    if kind == 0:
        return replace(curved(random, setup.held_out), widths=())
    if kind == 1:
        return replace(plain(curved(random, setup.held_out)), widths=(1,))
    strength = power(random, 0.0, 1.0)
    return replace(setup, norm="").options_changed(penalties=(cr.L2(strength),), clip=None)
