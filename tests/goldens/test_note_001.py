"""Note 001, backpropagation in delta notation, one column vector a sample: `z = W h + b`."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.maths.clipping import ClipNorm
from chainrule.maths.initialisers import GlorotNormal, HeNormal
from chainrule.maths.losses_regression import SquaredError
from chainrule.maths.optimizers import SGD
from chainrule.maths.penalties import L2
from chainrule.ops.attend import Attend
from chainrule.ops.dropout import Dropout
from chainrule.plan import Plan, make_plan, plan_cost
from chainrule.streams import Stream
from tests.goldens.networks import (
    ENGINES,
    MakeEngine,
    evaluate,
    numbers,
    predict,
    random_weights,
    same,
    train,
)

WIDTHS = (3, 5, 4, 2)
"""d_0 .. d_L of the note, with L = 3."""
B = 6
X = numbers(B, WIDTHS[0])
T = np.eye(2)[[0, 1, 1, 0, 1, 0]]


def mlp(optimizer: SGD | str = "sgd", **choices: Any) -> Plan:
    """Return an MLP of L layers; the loss adds the softmax."""
    hidden = [nn.Dense(width, "sigmoid") for width in WIDTHS[1:-1]]
    network = nn.Sequential(*hidden, nn.Dense(WIDTHS[-1]))
    loss = "softmax_cross_entropy"
    return make_plan(network, (WIDTHS[0],), loss, 2, optimizer, **choices)


def sigmoid(z: np.ndarray) -> np.ndarray:
    return 1.0 / (1.0 + np.exp(-z))


def softmax(z: np.ndarray) -> np.ndarray:
    powers = np.exp(z)
    return powers / powers.sum(axis=-1, keepdims=True)


def deltas(weights: dict[str, np.ndarray], x: np.ndarray, t: np.ndarray) -> list[np.ndarray]:
    """Follow the note's steps 1 to 3 for one sample: z, h, delta of each layer, last to first."""
    W = [weights[f"dense_{layer}.W"].T for layer in (1, 2, 3)]
    b = [weights[f"dense_{layer}.b"] for layer in (1, 2, 3)]
    h = [x]
    for layer in range(3):
        z = W[layer] @ h[-1] + b[layer]
        h.append(sigmoid(z) if layer < 2 else softmax(z))
    delta = [h[3] - t]
    for layer in (1, 0):
        slope = h[layer + 1] * (1.0 - h[layer + 1])
        delta.append(W[layer + 1].T @ delta[-1] * slope)
    return [*delta, *h]


def test_the_forward_pass_layer_by_layer() -> None:
    weights = random_weights(mlp())
    tensors = evaluate(mlp(), weights, X, T).tensors
    for row, (x, t) in enumerate(zip(X, T, strict=True)):
        *_, h1, h2, h3 = deltas(weights, x, t)
        same(tensors["sigmoid_1.H"][row], h1)
        same(tensors["sigmoid_2.H"][row], h2)
        same(softmax(tensors["dense_3.Z"][row]), h3)


def test_the_deltas_of_each_layer_are_the_librarys_dz() -> None:
    """`dZ` carries the factor 1/B of the mean; the delta of one sample does not."""
    weights = random_weights(mlp())
    tensors = evaluate(mlp(), weights, X, T).tensors
    for row, (x, t) in enumerate(zip(X, T, strict=True)):
        for layer, delta in zip((3, 2, 1), deltas(weights, x, t)[:3], strict=True):
            same(B * tensors[f"dense_{layer}.dZ"][row], delta, rtol=1e-11)


def test_the_gradients_are_means_of_outer_products() -> None:
    weights = random_weights(mlp())
    tensors = evaluate(mlp(), weights, X, T).tensors
    found = [deltas(weights, x, t) for x, t in zip(X, T, strict=True)]
    for layer in (1, 2, 3):
        outer = [np.outer(sample[3 - layer], sample[2 + layer]) for sample in found]
        same(tensors[f"dense_{layer}.dW"].T, sum(outer) / B, rtol=1e-11)
        same(tensors[f"dense_{layer}.db"], sum(s[3 - layer] for s in found) / B, rtol=1e-11)


@pytest.mark.parametrize("make_engine", ENGINES)
def test_the_parameter_updates(make_engine: MakeEngine) -> None:
    weights = random_weights(mlp())
    tensors = evaluate(mlp(), weights, X, T).tensors
    after = train(mlp(SGD(0.2)), weights, X, T, 1, make_engine)
    for name, value in weights.items():
        layer, _, local = name.partition(".")
        same(after[name], value - 0.2 * tensors[f"{layer}.d{local}"])


# Computational complexity.


def test_forward_and_backward_cost_the_sum_of_neighbouring_widths() -> None:
    """A product of matrices is 2 N d_l d_(l-1) operations; backward needs two of them a layer."""
    pairs = sum(below * above for below, above in itertools.pairwise(WIDTHS))
    units = sum(WIDTHS[1:])
    cost = plan_cost(mlp(), rows=B)
    dense = [node for node in cost.nodes if node.node.startswith("dense")]
    assert sum(node.forward_flops for node in dense) == B * (2 * pairs + units)
    assert sum(node.backward_flops for node in dense) == B * (4 * pairs + units)
    others = cost.forward_flops - B * (2 * pairs + units)
    assert others == B * sum(WIDTHS[1:-1])  # one operation for each hidden activation


def test_the_cost_of_wide_layers_grows_with_the_square_of_the_width() -> None:
    def flops(width: int) -> int:
        network = nn.Sequential(*[nn.Dense(width, "relu") for _ in range(4)])
        return plan_cost(make_plan(network, (width,), "squared_error", width)).forward_flops

    assert flops(2048) / flops(1024) == pytest.approx(4.0, rel=1e-3)


def test_the_memory_for_activations_is_the_sum_of_widths_times_the_batch() -> None:
    """The note gives O(sum of d_l); each sample of the batch needs that much."""
    kept = sum(2 * width for width in WIDTHS[1:-1]) + WIDTHS[-1]  # Z and H; the last has Z only
    for rows in (1, 32, 256):
        assert plan_cost(mlp(), rows, itemsize=8).activation_bytes == 8 * rows * kept
    tensors = evaluate(mlp(), random_weights(mlp()), X, T).tensors
    held = sum(tensors[name].nbytes for name in tensors if name.endswith((".Z", ".H")))
    assert held == plan_cost(mlp(), B, itemsize=8).activation_bytes


# Numerical stability.


def test_clipping_shortens_a_long_gradient_and_keeps_its_direction() -> None:
    gradient = numbers(50)
    norm = float(np.linalg.norm(gradient))
    clipped, kept = ClipNorm(0.5).clip(gradient)
    same(clipped, 0.5 / norm * gradient)
    assert kept == pytest.approx(0.5 / norm, rel=1e-14)
    untouched, kept = ClipNorm(2 * norm).clip(gradient)
    assert untouched is gradient
    assert kept == 1.0


@pytest.mark.parametrize("make_engine", ENGINES)
def test_a_clipped_update_has_the_length_rate_times_limit(make_engine: MakeEngine) -> None:
    plan = mlp(SGD(0.1), clip=0.01)
    weights = random_weights(plan)
    after = train(plan, weights, X, T, 1, make_engine)
    change = np.concatenate([np.ravel(after[name] - weights[name]) for name in weights])
    gradient = evaluate(plan, weights, X, T).gradient
    assert np.linalg.norm(change) == pytest.approx(0.1 * 0.01, rel=1e-9)
    same(change, -0.1 * 0.01 / np.linalg.norm(gradient) * gradient, rtol=1e-9)


def test_batch_normalisation() -> None:
    plan = make_plan(nn.BatchNorm(epsilon=1e-3), (4,), "squared_error", 4)
    gamma, beta, inputs = numbers(4, seed=1), numbers(4, seed=2), 3.0 + 2.0 * numbers(8, 4)
    weights = {"batch_norm_1.gamma": gamma, "batch_norm_1.beta": beta}
    tensors = evaluate(plan, weights, inputs, np.zeros((8, 4)), training=True).tensors
    mean = sum(inputs) / 8
    variance = sum((x - mean) ** 2 for x in inputs) / 8
    normalised = (inputs - mean) / np.sqrt(variance + 1e-3)
    same(tensors["batch_norm_1.mean"], mean)
    same(tensors["batch_norm_1.Xhat"], normalised)
    same(tensors["batch_norm_1.Y"], gamma * normalised + beta)


# Implementation considerations.


@pytest.mark.parametrize(
    ("record", "variance"),
    [(GlorotNormal(), 2 / (300 + 200)), (HeNormal(), 2 / 300)],
    ids=["glorot", "he"],
)
def test_initialisers_have_the_variance_of_the_note(
    record: GlorotNormal | HeNormal, variance: float
) -> None:
    assert record.variance(300, 200, gain=1.0) == pytest.approx(variance, rel=1e-15)
    drawn = record.sample(Stream(0, "init"), (300, 200), 300, 200, 1.0)
    assert drawn.mean() == pytest.approx(0.0, abs=3 * np.sqrt(variance / drawn.size))
    assert drawn.var() == pytest.approx(variance, rel=0.02)


def test_l2_regularisation() -> None:
    weights = random_weights(mlp())
    plain = float(evaluate(mlp(), weights, X, T).objective)
    total = float(evaluate(mlp(penalties=L2(0.01)), weights, X, T).objective)
    squares = sum(np.linalg.norm(weights[f"dense_{layer}.W"]) ** 2 for layer in (1, 2, 3))
    assert total - plain == pytest.approx(0.005 * squares, rel=1e-10)


def test_dropout_is_a_product_with_a_mask() -> None:
    """h = sigma(z) * m. The library's mask holds 0 and 1/(1 - rate), the note's 0 and 1."""
    h, m = sigmoid(numbers(4, 5)), (numbers(4, 5, seed=1) > 0).astype(float)
    op = Dropout(rate=0.5)
    same(op.forward({"X": h, "M": 2.0 * m}, training=True)["H"], 2.0 * (h * m))
    drawn = op.draw(Stream(0, "mask"), (1000, 50), 0, 1.0)["M"]
    assert set(np.unique(drawn)) == {0.0, 2.0}
    assert drawn.mean() == pytest.approx(1.0, abs=0.02)


@pytest.mark.parametrize(
    ("stopping", "reason"),
    [
        (cr.Stopping(loss_below=0.3), "loss_below"),
        (cr.Stopping(gradient_norm_below=0.05), "gradient_norm_below"),
        (cr.Stopping(patience=3), "patience"),
        (cr.Stopping(), "epochs"),
    ],
    ids=["loss threshold", "gradient norm", "validation performance", "maximum iterations"],
)
def test_the_four_convergence_criteria(stopping: cr.Stopping, reason: str) -> None:
    inputs = numbers(60, 2)
    targets = inputs @ np.array([1.0, -2.0])
    run = cr.train(
        nn.Dense(1),
        *(inputs, targets),
        loss="squared_error",
        optimizer=cr.SGD(0.1),
        validation=(inputs[:20], targets[:20] + 0.5),  # on purpose not what training fits
        stopping=stopping,
        epochs=3 if reason == "epochs" else 500,
        metrics=(),
    )
    assert run.stop_reason == reason


# Advanced topics.


def test_the_skip_connection_reaches_two_layers_back() -> None:
    """h(l) = sigma(W h(l-1) + b) + h(l-2): the skips overlap."""
    network = nn.SkipStack(*[nn.Dense(4, "sigmoid") for _ in range(4)])
    plan = make_plan(network, (4,), "squared_error", 4)
    weights, inputs = random_weights(plan), numbers(3, 4)
    h = [inputs]
    for layer in range(1, 5):
        value = sigmoid(h[-1] @ weights[f"dense_{layer}.W"] + weights[f"dense_{layer}.b"])
        h.append(value + h[layer - 2] if layer >= 2 else value)
    same(predict(plan, weights, inputs), h[4])


def test_attention() -> None:
    Q, K, V = (numbers(1, 3, 4, seed=seed) for seed in range(3))
    result = Attend(heads=1).forward({"Q": Q, "K": K, "V": V}, training=True)
    weights = softmax(Q[0] @ K[0].T / np.sqrt(4))
    same(result["A"][0, 0], weights)
    same(result["Z"][0], weights @ V[0])
    same(weights.sum(axis=1), np.ones(3))


def test_a_dense_connection_puts_the_input_beside_the_output() -> None:
    network = nn.DenseConnection(nn.Dense(2, "relu"))
    plan = make_plan(network, (3,), SquaredError(), 5)
    weights, inputs = random_weights(plan), numbers(4, 3)
    output = np.maximum(0.0, inputs @ weights["dense_1.W"] + weights["dense_1.b"])
    same(predict(plan, weights, inputs), np.concatenate([inputs, output], axis=1))


def test_the_modern_architectures_have_exact_gradients() -> None:
    networks = {
        "resnet": nn.Sequential(nn.Residual(nn.Dense(4, "tanh")), nn.Dense(1)),
        "densenet": nn.Sequential(nn.DenseConnection(nn.Dense(4, "tanh")), nn.Dense(1)),
        "transformer": nn.Sequential(nn.TransformerBlock(heads=2), nn.Flatten(), nn.Dense(1)),
    }
    for name, network in networks.items():
        inputs = numbers(5, 3, 4) if name == "transformer" else numbers(5, 4)
        assert cr.gradcheck(network, inputs, numbers(5), loss="squared_error").passed, name
