"""Cold start of JAX: import, build, compile, one epoch in one `lax.scan`."""
# ruff: noqa: E402 - the clock starts before the imports

import time

START = time.perf_counter()

import json
import sys

import jax
import jax.numpy as jnp
import numpy as np
import optax

X, y = np.load(sys.argv[1] + "/X.npy"), np.load(sys.argv[1] + "/y.npy")
imported = time.perf_counter() - START
generator = np.random.default_rng(0)
weights = [
    (generator.standard_normal((a, b)).astype("f") * (2 / a) ** 0.5, np.zeros(b, "f"))
    for a, b in ((20, 64), (64, 32), (32, 1))
]
optimizer = optax.adam(1e-3)


def loss_of(weights, X, y):
    """Return the mean squared error of a batch."""
    for W, b in weights[:-1]:
        X = jax.nn.relu(X @ W + b)
    W, b = weights[-1]
    return jnp.mean(((X @ W + b)[:, 0] - y) ** 2)


@jax.jit
def epoch(weights, X, y, order):
    """Train one pass."""

    def step(state, index):
        weights, slots = state
        value, gradient = jax.value_and_grad(loss_of)(weights, X[index], y[index])
        updates, slots = optimizer.update(gradient, slots)
        return (optax.apply_updates(weights, updates), slots), value

    return jax.lax.scan(step, (weights, optimizer.init(weights)), order)


order = generator.permutation(len(X))[: len(X) // 32 * 32].reshape(-1, 32)  # one shape, one compile
_, losses = epoch(weights, X, y, order)
loss = float(losses.mean())
seconds = time.perf_counter() - START
print(json.dumps({"seconds": seconds, "import_seconds": imported, "loss": loss}))
