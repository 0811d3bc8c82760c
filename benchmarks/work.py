"""The work that every side does: networks, rows, first weights and the order of the batches.

Decisions
---------
a) A piece of work is a small frozen record. It travels to each side's process as JSON, and each
   process makes the arrays from it: the same seeds, hence the same bits, and nothing to send.
b) A network is a nested tuple of layers in the plainest words (`("dense", 20, 64)`), which each
   side turns into its own; so no side can quietly leave a layer out.
c) There are 8192 rows: more than the second cache holds, as real tables are, and in memory.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

RATE = 1e-3
DECAY = 0.01
CLIP = 1.0
DROPOUT = 0.1

Layer = tuple[Any, ...]


@dataclass(frozen=True)
class Work:
    """One piece of work.

    Parameters
    ----------
    kind : str
        `train`, `many`, `table`, `fit`, `predict` or `product`.
    widths : tuple of int
        Inputs, hidden widths, outputs; for `product` the sizes m, k, n.
    batch : int
    variant : str
        `plain`, `dropout_norm`, `residual` or `adamw_clip`.
    rows : int
        Rows of the data, or rows predicted by one call.
    steps : int
        Updates of one turn, at most; epochs for `fit`, calls of one turn for `predict`.
    networks : int
        Networks trained side by side.
    threads : int
        0 for as many as there are cores.
    dropout : float
        Rate of the dropout layers; 0 where results are compared.
    """

    kind: str
    widths: tuple[int, ...]
    batch: int = 0
    variant: str = "plain"
    rows: int = 8192
    steps: int = 100
    networks: int = 1
    threads: int = 0
    dropout: float = DROPOUT

    def document(self) -> dict[str, Any]:
        """Return what travels to a side."""
        return asdict(self)

    @classmethod
    def of(cls, document: dict[str, Any]) -> Work:
        """Return the work that `document` describes."""
        return cls(**{**document, "widths": tuple(document["widths"])})

    def comparable(self) -> Work:
        """Return the same work without randomness of its own, and in turns of one step."""
        return replace(self, dropout=0.0, steps=1) if self.variant == "dropout_norm" else self

    @property
    def regression(self) -> bool:
        """Squared error on one output; softmax cross-entropy on several."""
        return self.widths[-1] == 1

    @property
    def check_steps(self) -> int:
        """Steps before the one whose losses are compared."""
        return 20 if self.flops < 1e10 else 4

    @property
    def flops(self) -> float:
        """Floating-point operations of the products of one step (or of one call of `predict`)."""
        products = [2.0 * a * b for a, b in zip(self.widths, self.widths[1:], strict=False)]
        if self.kind == "product":
            return 2.0 * math.prod(self.widths)
        if self.kind == "predict":
            return sum(products) * self.rows
        # Forward, dW and dX; nobody needs dX of the first layer.
        return (3 * sum(products) - products[0]) * self.batch


def layers_of(work: Work) -> tuple[Layer, ...]:
    """Return the network of a piece of work, layer by layer."""
    found: list[Layer] = []
    *hidden, last = work.widths[1:]
    width = work.widths[0]
    for units in hidden:
        found.extend(_hidden(work, width, units))
        width = units
    return (*found, ("dense", width, last))


def _hidden(work: Work, width: int, units: int) -> list[Layer]:
    dense: Layer = ("dense", width, units)
    relu: Layer = ("relu",)
    if work.variant == "dropout_norm":
        return [dense, ("batch_norm", units), relu, ("dropout", work.dropout)]
    if work.variant == "residual" and width == units:
        return [("residual", (("layer_norm", width), dense, relu))]
    if work.variant == "residual":
        return [dense, ("layer_norm", units), relu]
    return [dense, relu]


def flat(layers: tuple[Layer, ...]) -> Iterator[Layer]:
    """Yield the layers, those of residual blocks in place of the blocks."""
    for layer in layers:
        if layer[0] == "residual":
            yield from flat(layer[1])
        else:
            yield layer


def parameters_of(work: Work, seed: int = 0) -> list[np.ndarray]:
    """Return the first weights in the order of the layers: `W (d_in, d_out)`, b; gamma, beta."""
    generator = np.random.default_rng(1000 + seed)
    found: list[np.ndarray] = []
    for layer in flat(layers_of(work)):
        if layer[0] == "dense":
            _, d_in, d_out = layer
            W = generator.standard_normal((d_in, d_out), np.float32)
            found += [W * np.float32(math.sqrt(2 / d_in)), np.zeros(d_out, np.float32)]
        elif layer[0] in ("batch_norm", "layer_norm"):
            found += [np.ones(layer[1], np.float32), np.zeros(layer[1], np.float32)]
    return found


def data_of(work: Work) -> tuple[np.ndarray, np.ndarray]:
    """Return `X (N, d)` float32 and y: `(N,)` float32 for regression, int64 classes else."""
    generator = np.random.default_rng(7)
    X = generator.standard_normal((work.rows, work.widths[0]), np.float32)
    direction = generator.standard_normal((work.widths[0], work.widths[-1]), np.float32)
    scores = X @ (direction / np.float32(math.sqrt(work.widths[0])))
    if work.regression:
        noise = generator.standard_normal(work.rows, np.float32)
        return X, np.tanh(scores[:, 0]) + np.float32(0.1) * noise
    noise = generator.standard_normal(scores.shape, np.float32)
    return X, np.argmax(scores + noise, axis=1)


def order_of(work: Work, steps: int, seed: int = 0) -> np.ndarray:
    """Return the row numbers of so many batches, `(steps, batch)` int64: shuffled passes."""
    generator = np.random.default_rng(13 + seed)
    wanted = steps * work.batch
    passes = [generator.permutation(work.rows) for _ in range(-(-wanted // work.rows))]
    return np.concatenate(passes)[:wanted].reshape(steps, work.batch)


def exact_outputs(work: Work, X: np.ndarray) -> np.ndarray:
    """Return the outputs of the plain network in float64."""
    H = X.astype(np.float64)
    parameters = parameters_of(work)
    for position in range(0, len(parameters), 2):
        H = H @ parameters[position].astype(np.float64) + parameters[position + 1]
        if position + 2 < len(parameters):
            H = np.maximum(H, 0)
    return H
