"""Note 003, neural networks in the column convention: `X (d, n)`, `Z = W X + b`.

The library keeps samples in rows, so each of its tensors is the transpose of the note's.
"""

from __future__ import annotations

import numpy as np
import pytest

from chainrule import nn
from chainrule.engine import Evaluation
from chainrule.maths.activation import ACTIVATIONS
from chainrule.maths.clipping import CLIPPINGS
from chainrule.maths.losses_classification import BinaryCrossEntropy
from chainrule.maths.optimizers import SGD
from chainrule.maths.penalty import PENALTIES
from chainrule.plan import Plan, make_plan, plan_cost
from tests.goldens.networks import ENGINES, MakeEngine, evaluate, numbers, random_weights, train
from tests.goldens.networks import same as close

D, H1, H2, N = 3, 4, 2, 5
X = numbers(D, N)
Y = (numbers(H2, N, seed=1) > 0.0).astype(float)


def two_layers(optimizer: SGD | str = "sgd") -> Plan:
    """Return the note's example; the loss adds the output's sigmoid."""
    network = nn.Sequential(nn.Dense(H1, "sigmoid"), nn.Dense(H2))
    return make_plan(network, (D,), "binary_cross_entropy", H2, optimizer)


def columns(tensor: np.ndarray) -> np.ndarray:
    """Turn a tensor into the note's convention; a bias becomes a column."""
    return tensor[:, None] if tensor.ndim == 1 else tensor.T


def library() -> tuple[Evaluation, dict[str, np.ndarray]]:
    """Return the library's tensors under the note's names, transposed."""
    plan = two_layers()
    evaluation = evaluate(plan, random_weights(plan), X.T, Y.T)
    tensors, loss = evaluation.tensors, BinaryCrossEntropy()
    A2 = loss.predict(evaluation.raw)
    dA2 = loss.prediction_gradient(A2, Y.T) * tensors["loss.factors"][:, None]
    names = {
        "W1": "dense_1.W",
        "b1": "dense_1.b",
        "W2": "dense_2.W",
        "b2": "dense_2.b",
        "Z1": "dense_1.Z",
        "A1": "sigmoid_1.H",
        "Z2": "dense_2.Z",
        "dZ2": "dense_2.dZ",
        "dW2": "dense_2.dW",
        "db2": "dense_2.db",
        "dA1": "sigmoid_1.dH",
        "dZ1": "dense_1.dZ",
        "dW1": "dense_1.dW",
        "db1": "dense_1.db",
    }
    found = {note: columns(tensors[name]) for note, name in names.items()}
    return evaluation, {**found, "A2": A2.T, "dA2": dA2.T}


def note() -> dict[str, np.ndarray]:
    """Return what the note's formulas give, in its own convention."""
    _, ours = library()
    W1, b1, W2, b2 = (ours[name] for name in ("W1", "b1", "W2", "b2"))
    A1 = 1.0 / (1.0 + np.exp(-(W1 @ X + b1)))
    A2 = 1.0 / (1.0 + np.exp(-(W2 @ A1 + b2)))
    return {
        "Z1": W1 @ X + b1,
        "A1": A1,
        "Z2": W2 @ A1 + b2,
        "A2": A2,
        "dA2": (A2 - Y) / (A2 * (1 - A2)) / N,
        "dZ2": (A2 - Y) / N,
        "dW2": (A2 - Y) @ A1.T / N,
        "db2": np.sum(A2 - Y, axis=1, keepdims=True) / N,
        "dA1": W2.T @ (A2 - Y) / N,
        "dZ1": W2.T @ (A2 - Y) * (A1 * (1 - A1)) / N,
        "dW1": (W2.T @ (A2 - Y) * (A1 * (1 - A1))) @ X.T / N,
        "db1": np.sum(W2.T @ (A2 - Y) * (A1 * (1 - A1)), axis=1, keepdims=True) / N,
    }


SHAPES = {
    "Z1": (H1, N),
    "A1": (H1, N),
    "Z2": (H2, N),
    "A2": (H2, N),
    "dA2": (H2, N),
    "dZ2": (H2, N),
    "dW2": (H2, H1),
    "db2": (H2, 1),
    "dA1": (H1, N),
    "dZ1": (H1, N),
    "dW1": (H1, D),
    "db1": (H1, 1),
}


@pytest.mark.parametrize("name", SHAPES)
def test_the_closed_form_is_the_librarys_tensor_transposed(name: str) -> None:
    _, ours = library()
    assert ours[name].shape == SHAPES[name]
    close(ours[name], note()[name])


def test_the_loss_is_the_mean_over_the_samples() -> None:
    evaluation, _ = library()
    A2 = note()["A2"]
    terms = Y * np.log(A2) + (1 - Y) * np.log(1 - A2)
    close(float(evaluation.objective), -np.sum(terms) / N)


def test_the_two_factors_of_dz2_cancel() -> None:
    """1/n (A2 - Y) / (A2 (1 - A2)) times A2 (1 - A2) is 1/n (A2 - Y)."""
    evaluation, ours = library()
    link = BinaryCrossEntropy.link
    back = link.backward(ours["dA2"].T, evaluation.raw, ours["A2"].T)
    close(back.T, ours["dZ2"])


def test_the_parameters_of_each_layer_are_counted() -> None:
    costs = {cost.node: cost.parameters for cost in plan_cost(two_layers()).nodes}
    assert costs["dense_1"] == H1 * (D + 1)
    assert costs["dense_2"] == H2 * (H1 + 1)
    assert two_layers().parameters.size == H1 * (D + 1) + H2 * (H1 + 1)


def test_the_gradient_of_a_bias_has_the_shape_of_the_bias() -> None:
    """The note writes 1/n (A2 - Y), h2 x n, and sums "over the second dimension" afterwards.

    The sum is the chain rule itself: b reaches the loss through every column. Moving b2 by a small
    amount in all columns at once changes the loss by the sum, not by any one column.
    """
    plan = two_layers()
    weights = random_weights(plan)
    evaluation = evaluate(plan, weights, X.T, Y.T)
    assert evaluation.tensors["dense_2.db"].shape == weights["dense_2.b"].shape == (H2,)
    step = 1e-6
    for unit in range(H2):
        sides = []
        for sign in (1.0, -1.0):
            bias = weights["dense_2.b"].copy()
            bias[unit] += sign * step
            moved = evaluate(plan, {**weights, "dense_2.b": bias}, X.T, Y.T)
            sides.append(float(moved.objective))
        slope = (sides[0] - sides[1]) / (2 * step)
        assert slope == pytest.approx(evaluation.tensors["dense_2.db"][unit], rel=1e-7)


@pytest.mark.parametrize("make_engine", ENGINES)
def test_the_four_update_rules(make_engine: MakeEngine) -> None:
    plan = two_layers(SGD(0.3))
    weights = random_weights(plan)
    after, gradients = train(plan, weights, X.T, Y.T, 1, make_engine), note()
    for note_name, name in (("1", "dense_1"), ("2", "dense_2")):
        for tensor in ("W", "b"):
            old = columns(weights[f"{name}.{tensor}"])
            new = columns(after[f"{name}.{tensor}"])
            close(new, old - 0.3 * gradients[f"d{tensor}{note_name}"])


# Vanishing and exploding gradients.


def deep(width: int, depth: int, scale: float) -> tuple[Plan, dict[str, np.ndarray]]:
    """Return a sigmoid network and weights of one size, biases 0."""
    layers = [nn.Dense(width, "sigmoid", bias=False) for _ in range(depth)]
    plan = make_plan(nn.Sequential(*layers), (width,), "squared_error", width)
    weights = {
        slot.name: scale * numbers(*slot.shape, seed=place)
        for place, slot in enumerate(plan.parameters.slots)
    }
    return plan, weights


def sizes(plan: Plan, weights: dict[str, np.ndarray], depth: int) -> tuple[list[float], ...]:
    """Return, layer by layer, the norms of dL/dZ, of W, and the largest slope of the sigmoid."""
    width = weights["dense_1.W"].shape[0]
    tensors = evaluate(plan, weights, numbers(1, width), np.zeros((1, width))).tensors
    gradients, matrices, slopes = [], [], []
    for layer in range(1, depth + 1):
        H = tensors[f"sigmoid_{layer}.H"]
        gradients.append(float(np.linalg.norm(tensors[f"dense_{layer}.dZ"])))
        matrices.append(float(np.linalg.norm(weights[f"dense_{layer}.W"], 2)))
        slopes.append(float(np.max(H * (1 - H))))
    return gradients, matrices, slopes


@pytest.mark.parametrize("scale", [0.5, 1.0, 30.0])
def test_in_a_chain_of_neurons_the_product_over_the_layers_above_is_exact(scale: float) -> None:
    """|dL/dZ^l| = |dL/dZ^L| * product over k = l+1 .. L of |W^k| |slope at Z^(k-1)|."""
    depth = 6
    gradients, matrices, slopes = sizes(*deep(1, depth, scale), depth)
    for layer in range(depth):
        product = np.prod([matrices[k] * slopes[k - 1] for k in range(layer + 1, depth)])
        assert gradients[layer] == pytest.approx(gradients[-1] * product, rel=1e-9)


@pytest.mark.parametrize("scale", [0.3, 1.0, 3.0])
def test_in_a_wide_network_the_product_over_the_layers_above_is_a_bound(scale: float) -> None:
    depth = 6
    gradients, matrices, slopes = sizes(*deep(4, depth, scale), depth)
    for layer in range(depth):
        product = np.prod([matrices[k] * slopes[k - 1] for k in range(layer + 1, depth)])
        assert gradients[layer] <= gradients[-1] * product * (1 + 1e-12)


def test_with_small_weights_the_first_layer_has_the_smallest_gradient() -> None:
    """A product over k = 1 .. l, as printed, would make the first layer's gradient the largest."""
    gradients, _, _ = sizes(*deep(4, 6, 0.3), 6)
    assert gradients == sorted(gradients)
    assert gradients[0] < 1e-3 * gradients[-1]


def test_with_large_weights_and_a_slope_of_one_the_gradient_explodes() -> None:
    layers = [nn.Dense(4, "relu", bias=False) for _ in range(8)]
    plan = make_plan(nn.Sequential(*layers), (4,), "squared_error", 4)
    weights = {slot.name: np.full(slot.shape, 1.0) for slot in plan.parameters.slots}
    tensors = evaluate(plan, weights, np.ones((1, 4)), np.zeros((1, 4))).tensors
    norms = [float(np.linalg.norm(tensors[f"dense_{k}.dZ"])) for k in range(1, 9)]
    close(np.array(norms), norms[-1] * 4.0 ** np.arange(7, -1, -1))


def test_a_skip_is_a_shorter_path_for_the_gradient() -> None:
    """The same ten sigmoid layers with and without skips: what arrives at the first one."""
    arrived = {}
    for name in ("plain", "residual"):
        blocks = [nn.Dense(4, "sigmoid") for _ in range(10)]
        layers = blocks if name == "plain" else [nn.Residual(block) for block in blocks]
        plan = make_plan(nn.Sequential(*layers), (4,), "squared_error", 4)
        tensors = evaluate(plan, random_weights(plan), numbers(3, 4), np.zeros((3, 4))).tensors
        ratio = np.linalg.norm(tensors["dense_1.dW"]) / np.linalg.norm(tensors["dense_10.dW"])
        arrived[name] = float(ratio)
    assert arrived["plain"] < 1e-4
    assert arrived["residual"] > 1e-1


def test_a_relu_can_die_and_its_relatives_cannot() -> None:
    """All pre-activations negative: no gradient at all reaches the weights of a ReLU."""
    for name, alive in (("relu", False), ("leaky_relu", True), ("prelu", True), ("elu", True)):
        plan = make_plan(nn.Sequential(nn.Dense(3, name), nn.Dense(1)), (2,), "squared_error", 1)
        weights = {**random_weights(plan), "dense_1.b": np.full(3, -20.0)}
        tensors = evaluate(plan, weights, numbers(4, 2), numbers(4, 1)).tensors
        assert np.all(tensors["dense_1.Z"] < 0.0)
        assert bool(np.any(tensors["dense_1.dW"])) is alive


def test_every_remedy_of_the_summary_table_is_there() -> None:
    assert all(name in ACTIVATIONS for name in ("relu", "leaky_relu", "prelu", "elu", "swish"))
    assert all(name in PENALTIES for name in ("l1", "l2", "spectral"))
    assert all(name in CLIPPINGS for name in ("clip_norm", "clip_value"))
    assert all(name in nn.LAYERS for name in ("residual", "batch_norm", "layer_norm"))
