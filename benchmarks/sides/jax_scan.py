"""JAX: many steps in one compiled `lax.scan`, with optax.

Decisions
---------
a) Data and state are arguments of the compiled function, and the state is donated: nothing is
   copied, and nothing is folded into the code as a constant.
b) Rows are gathered with "promise_in_bounds", as a careful user would.
c) `optax.flatten` joins all parameters to one vector; where that is faster, it is taken.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

os.environ.setdefault("JAX_PLATFORMS", "cpu")

import jax
import jax.numpy as jnp
import numpy as np
import optax

from benchmarks.functional import forward
from benchmarks.runner import Calls, Products, Runner, Side, fastest
from benchmarks.work import (
    CLIP,
    DECAY,
    RATE,
    Work,
    data_of,
    layers_of,
    order_of,
    parameters_of,
)

MOMENTUM = 0.1
_COMPILE_SECONDS: dict[tuple[Work, bool], float] = {}
FLATTEN_BELOW = 1_000_000


class Maths:
    """JAX's functions; dropout draws from a key that is split as it goes."""

    def __init__(self, key: Any = None) -> None:
        self.key = key

    @staticmethod
    def dense(X: Any, W: Any, b: Any) -> Any:
        """Return X W + b."""
        return X @ W + b

    relu = staticmethod(jax.nn.relu)

    @staticmethod
    def moments(X: Any, axis: int) -> tuple[Any, Any]:
        """Return mean and biased variance."""
        return jnp.mean(X, axis, keepdims=True), jnp.var(X, axis, keepdims=True)

    @staticmethod
    def scaled(X: Any, mean: Any, variance: Any, gamma: Any, beta: Any) -> Any:
        """Return the normalised X."""
        return (X - mean) * jax.lax.rsqrt(variance + 1e-5) * gamma + beta

    def dropout(self, X: Any, rate: float) -> Any:
        """Return X with entries dropped; 16 random bits each, which is faster than a uniform."""
        self.key, drawn = jax.random.split(self.key)
        kept = jax.random.bits(drawn, X.shape, jnp.uint16) >= round(rate * 65536)
        return jnp.where(kept, X / (1 - rate), 0)


def optimizer_of(work: Work, flat: bool) -> optax.GradientTransformation:
    """Return the optimizer."""
    if work.variant == "adamw_clip":
        decayed = optax.adamw(RATE, weight_decay=DECAY)
        found = optax.chain(optax.clip_by_global_norm(CLIP), decayed)
    else:
        found = optax.adam(RATE)
    return optax.flatten(found) if flat else found


def loss_of(work: Work, weights: Any, X: Any, y: Any, key: Any) -> Any:
    """Return the loss of a batch, and the batch's moments."""
    moments: list[Any] = []
    output = forward(layers_of(work), iter(weights), moments, X, Maths(key))
    if work.regression:
        return jnp.mean((output - y) ** 2), moments
    return optax.softmax_cross_entropy_with_integer_labels(output, y).mean(), moments


@lru_cache(maxsize=64)
def compiled_scan(work: Work, flat: bool) -> Callable[..., Any]:
    """Return the compiled function of some work, compiled once however often it is set up."""
    run = scan_of(work, flat)
    if work.networks > 1:
        run = jax.vmap(run, in_axes=(None, None, 0, 0))
    return jax.jit(run, donate_argnums=2)


def scan_of(work: Work, flat: bool) -> Callable[..., Any]:
    """Return the function of (X, y, state, order) that does one update for each row of `order`."""
    optimizer = optimizer_of(work, flat)

    def run(X: Any, y: Any, state: Any, order: Any) -> Any:
        def step(state: Any, index: Any) -> Any:
            weights, slots, running, key = state
            drawn = None
            if work.variant == "dropout_norm":
                key, drawn = jax.random.split(key)
            batch = X.at[index].get(mode="promise_in_bounds")
            targets = y.at[index].get(mode="promise_in_bounds")
            differentiate = jax.value_and_grad(partial(loss_of, work), has_aux=True)
            (value, moments), gradient = differentiate(weights, batch, targets, drawn)
            updates, slots = optimizer.update(gradient, slots, weights)
            weights = optax.apply_updates(weights, updates)
            pairs = zip(running, moments, strict=True)
            running = [old + MOMENTUM * (new - old) for old, new in pairs]
            return (weights, slots, running, key), value

        return jax.lax.scan(step, state, order)

    return run


def first_state(work: Work, flat: bool, seed: int = 0) -> Any:
    """Return first weights, slots, running moments and the key of the noise."""
    weights = [jnp.asarray(one) for one in parameters_of(work, seed)]
    widths = [layer[1] for layer in layers_of(work) if layer[0] == "batch_norm"]
    running = [first(width) for width in widths for first in (jnp.zeros, jnp.ones)]
    return weights, optimizer_of(work, flat).init(weights), running, jax.random.key(seed)


def tensors_of(work: Work) -> tuple[Any, Any]:
    """Return X and y on the device."""
    X, y = data_of(work)
    targets = y[:, None] if work.regression else y.astype(np.int32)
    return jnp.asarray(X), jnp.asarray(targets)


class Training(Runner):
    """One call for many steps; several networks are mapped over."""

    def __init__(self, work: Work, flat: bool) -> None:
        super().__init__()
        self.work = work
        self.data = tensors_of(work)
        states = [first_state(work, flat, seed) for seed in range(work.networks)]
        self.state = states[0]
        if work.networks > 1:
            self.state = jax.tree.map(lambda *parts: jnp.stack(parts), *states)
        self.run = compiled_scan(work, flat)
        self.order = self._order(work.steps)
        self.units = float(work.steps * work.networks)
        key = (work, flat)
        self.facts["compile_seconds"] = _COMPILE_SECONDS.setdefault(key, self._compiled())

    def _compiled(self) -> float:
        start = time.perf_counter()
        self.run.lower(*self.data, self.state, self.order).compile()
        return round(time.perf_counter() - start, 2)

    def _order(self, steps: int) -> Any:
        longest = max(steps, self.work.check_steps + 1)
        if self.work.networks > 1:
            seeds = range(self.work.networks)
            orders = np.stack([order_of(self.work, longest, seed)[:steps] for seed in seeds])
        else:
            orders = order_of(self.work, longest)[:steps]
        return jnp.asarray(orders.astype(np.int32))

    def turn(self) -> None:
        self.state, losses = self.run(*self.data, self.state, self.order)
        losses.block_until_ready()

    def check(self) -> dict[str, float]:
        """Return the loss of the step after `check_steps` steps."""
        order = self._order(self.work.check_steps + 1)
        self.state, losses = self.run(*self.data, self.state, order)
        return {"loss": float(np.mean(np.asarray(losses)[..., -1]))}


def training(work: Work) -> Runner:
    """Return the faster of the optimizer as it is and flattened."""
    forms = {"optax": lambda: Training(work, flat=False)}
    if sum(one.size for one in parameters_of(work)) < FLATTEN_BELOW:
        forms["optax.flatten"] = lambda: Training(work, flat=True)
    return fastest(forms)[0]


class Table(Runner):
    """One epoch from arrays to weights; the function is compiled once, before the timing."""

    def __init__(self, work: Work) -> None:
        super().__init__()
        self.work = work
        self.X, self.y = data_of(work)
        self.run = compiled_scan(work, flat=False)
        self.generator = np.random.default_rng(0)

    def trained(self) -> Any:
        """Train once and return the weights."""
        order = self.generator.permutation(self.work.rows).reshape(-1, self.work.batch)
        state = first_state(self.work, flat=False)
        y = jnp.asarray(self.y[:, None])
        state, _ = self.run(jnp.asarray(self.X), y, state, jnp.asarray(order.astype(np.int32)))
        return jax.block_until_ready(state[0])

    def turn(self) -> None:
        self.trained()

    def check(self) -> dict[str, float]:
        """Return the mean squared error afterwards."""
        found = forward(layers_of(self.work), iter(self.trained()), [], self.X, Maths())
        return {"epoch_loss": float(np.mean((np.asarray(found)[:, 0] - self.y) ** 2))}


def predictions(work: Work) -> Runner:
    """Return calls of a compiled function, from a NumPy array to a NumPy array."""
    weights = [jnp.asarray(one) for one in parameters_of(work)]
    compiled = jax.jit(lambda weights, X: forward(layers_of(work), iter(weights), [], X, Maths()))
    return Calls(work, lambda X: np.asarray(compiled(weights, X)))


def product(work: Work) -> Runner:
    """Return JAX's product."""
    m, k, n = work.widths
    A, B = jnp.ones((m, k)), jnp.ones((k, n))
    multiply = jax.jit(jnp.matmul)
    return Products(work, lambda: multiply(A, B).block_until_ready())


class JaxScan(Side):
    """JAX."""

    name = "jax"
    kinds = {
        "train": training,
        "many": training,
        "table": Table,
        "predict": predictions,
        "product": product,
    }

    def versions(self) -> dict[str, str]:
        """Return the versions of JAX and optax."""
        return {"jax": jax.__version__, "optax": optax.__version__}


SIDE = JaxScan
