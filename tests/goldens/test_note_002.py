"""Note 002, class summary: the two-neuron chain by hand, mini-batches, and the homework."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.maths.activation import ACTIVATIONS
from chainrule.maths.losses_regression import SquaredError
from chainrule.maths.optimizers import SGD
from chainrule.plan import Plan, make_plan
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

# x -> sigma(w0 x + b0) -> sigma(w1 x' + b1) -> yhat, with L = 1/N sum (y - yhat)^2.
CHAIN = {"w0": 0.8, "b0": -0.3, "w1": -1.2, "b1": 0.4}
SAMPLES = [(0.5, 1.0), (-1.0, 0.2), (2.0, 0.7)]


def chain_by_hand() -> dict[str, float]:
    """Return the loss and its four derivatives, one scalar at a time."""
    w0, b0, w1, b1 = CHAIN.values()
    total = dict.fromkeys(("L", *CHAIN), 0.0)
    for x, y in SAMPLES:
        inner = 1 / (1 + math.exp(-(w0 * x + b0)))
        yhat = 1 / (1 + math.exp(-(w1 * inner + b1)))
        outer_delta = 2 / len(SAMPLES) * (yhat - y) * yhat * (1 - yhat)
        inner_delta = outer_delta * w1 * inner * (1 - inner)
        total["L"] += (y - yhat) ** 2 / len(SAMPLES)
        total["w1"] += outer_delta * inner
        total["b1"] += outer_delta
        total["w0"] += inner_delta * x
        total["b0"] += inner_delta
    return total


def test_the_two_neuron_chain_by_hand() -> None:
    network = nn.Sequential(nn.Dense(1, "sigmoid"), nn.Dense(1, "sigmoid"))
    plan = make_plan(network, (1,), "squared_error", 1)
    names = {"w0": "dense_1.W", "b0": "dense_1.b", "w1": "dense_2.W", "b1": "dense_2.b"}
    weights = {name: [CHAIN[key]] for key, name in names.items()}
    X, Y = (np.array(SAMPLES)[:, [column]] for column in (0, 1))
    evaluation = evaluate(plan, weights, X, Y)
    by_hand = chain_by_hand()
    assert float(evaluation.objective) == pytest.approx(by_hand["L"], rel=1e-14)
    for key, name in names.items():
        layer, _, local = name.partition(".")
        gradient = evaluation.tensors[f"{layer}.d{local}"].reshape(-1)[0]
        assert gradient == pytest.approx(by_hand[key], rel=1e-13)


def test_a_weight_with_several_paths_gets_the_sum_over_the_paths() -> None:
    """w -> h -> both neurons above -> yhat: two products of the chain rule, added."""
    network = nn.Sequential(nn.Dense(1, "tanh"), nn.Dense(2, "tanh"), nn.Dense(1))
    plan = make_plan(network, (1,), SquaredError(scale=0.5), 1)
    weights, x, y = random_weights(plan), 0.7, 0.1
    evaluation = evaluate(plan, weights, [[x]], [[y]])
    h, u = evaluation.tensors["tanh_1.H"][0, 0], evaluation.tensors["tanh_2.H"][0]
    error = evaluation.raw[0, 0] - y
    up, out = weights["dense_2.W"][0], weights["dense_3.W"][:, 0]
    paths = [error * out[j] * (1 - u[j] ** 2) * up[j] * (1 - h**2) * x for j in range(2)]
    assert evaluation.tensors["dense_1.dW"][0, 0] == pytest.approx(sum(paths), rel=1e-13)


@pytest.mark.parametrize("bias", [False, True])
def test_without_activations_the_layers_collapse_to_one(bias: bool) -> None:
    network = nn.Sequential(*[nn.Dense(width, bias=bias) for width in (5, 4, 2)])
    plan = make_plan(network, (3,), "squared_error", 2)
    weights, X = random_weights(plan), numbers(6, 3)
    W1, W2, W3 = (weights[f"dense_{layer}.W"] for layer in (1, 2, 3))
    shift = np.zeros(2)
    if bias:
        b1, b2, b3 = (weights[f"dense_{layer}.b"] for layer in (1, 2, 3))
        shift = b1 @ W2 @ W3 + b2 @ W3 + b3
    same(predict(plan, weights, X), X @ (W1 @ W2 @ W3) + shift)


def test_with_an_activation_they_do_not() -> None:
    """A linear map has f(x) + f(-x) = 2 f(0); a ReLU network has not."""
    network = nn.Sequential(nn.Dense(5, "relu"), nn.Dense(2))
    plan = make_plan(network, (3,), "squared_error", 2)
    weights, X = random_weights(plan), numbers(6, 3)
    both = predict(plan, weights, X) + predict(plan, weights, -X)
    assert np.abs(both - 2 * predict(plan, weights, 0 * X)).max() > 0.1


def test_the_bias_lets_a_neuron_answer_to_a_zero_input() -> None:
    plan = make_plan(nn.Dense(1, "sigmoid"), (3,), "squared_error", 1)
    weights = {"dense_1.W": numbers(3, 1), "dense_1.b": [2.0]}
    same(predict(plan, weights, np.zeros((1, 3))), np.array([[1 / (1 + math.exp(-2.0))]]))


# Mini-batches.


def regression(optimizer: SGD | str = "sgd") -> Plan:
    return make_plan(nn.Sequential(nn.Dense(4, "tanh"), nn.Dense(1)), (2,), "mse", 1, optimizer)


@pytest.mark.parametrize("make_engine", ENGINES)
def test_a_mini_batch_update_uses_the_average_of_the_gradients(make_engine: MakeEngine) -> None:
    plan = regression(SGD(0.1))
    weights, X, Y = random_weights(plan), numbers(8, 2), numbers(8, 1)
    each = [evaluate(plan, weights, X[i : i + 1], Y[i : i + 1]).gradient for i in range(8)]
    same(evaluate(plan, weights, X, Y).gradient, sum(each) / 8)
    after = plan.parameters.pack(train(plan, weights, X, Y, 1, make_engine), np.float64)
    same(after, plan.parameters.pack(weights, np.float64) - 0.1 / 8 * sum(each))


def test_averaging_over_b_samples_divides_the_variance_of_the_gradient_by_b() -> None:
    plan = regression()
    weights, X, Y = random_weights(plan), numbers(1024, 2), numbers(1024, 1)

    def spread(b: int) -> float:
        starts = range(0, 1024, b)
        batches = [evaluate(plan, weights, X[i : i + b], Y[i : i + b]).gradient for i in starts]
        return float(np.var(batches, axis=0).sum())

    assert spread(4) / spread(64) == pytest.approx(64 / 4, rel=0.5)


@pytest.mark.parametrize("b", [16, 32, 64, 128, 256])
def test_an_epoch_has_n_over_b_steps(b: int) -> None:
    """Rounded up: a short last batch is used, not dropped."""
    run = cr.train(
        nn.Dense(1),
        *(numbers(500, 2), numbers(500)),
        loss="squared_error",
        batch_size=b,
        epochs=2,
        metrics=(),
    )
    assert [row["step"] for row in run.history] == [math.ceil(500 / b), 2 * math.ceil(500 / b)]


def test_batches_are_formed_anew_in_every_epoch() -> None:
    orders = [Stream(0, "shuffle", epoch).permutation(100) for epoch in range(3)]
    assert all(sorted(order) == list(range(100)) for order in orders)
    assert len({tuple(order) for order in orders}) == 3
    weights = []
    for shuffle in (True, False):
        run = cr.train(
            nn.Dense(1),
            *(numbers(100, 2), numbers(100)),
            loss="squared_error",
            shuffle=shuffle,
            epochs=2,
            metrics=(),
        )
        weights.append(run.model.weights)
    assert not np.array_equal(*weights)


# Homework 1: the gradients of one hidden layer with ReLU, as closed forms.


@pytest.mark.parametrize("loss", ["mse", "cross-entropy"])
def test_homework_1_closed_forms(loss: str) -> None:
    N, K = 6, 3
    X, network = numbers(N, 4), nn.Sequential(nn.Dense(5, "relu"), nn.Dense(K))
    name = "squared_error" if loss == "mse" else "softmax_cross_entropy"
    plan = make_plan(network, (4,), name, K)
    Y = numbers(N, K) if loss == "mse" else np.eye(K)[[0, 2, 1, 1, 0, 2]]
    weights = random_weights(plan)
    tensors = evaluate(plan, weights, X, Y).tensors
    Z1 = X @ weights["dense_1.W"] + weights["dense_1.b"]
    H = np.maximum(Z1, 0.0)
    Z2 = H @ weights["dense_2.W"] + weights["dense_2.b"]
    P = np.exp(Z2) / np.exp(Z2).sum(axis=1, keepdims=True)
    delta = 2 / N * (Z2 - Y) if loss == "mse" else (P - Y) / N
    passed = (delta @ weights["dense_2.W"].T) * (Z1 > 0)
    same(tensors["dense_2.dW"], H.T @ delta, rtol=1e-11)
    same(tensors["dense_2.db"], delta.sum(axis=0), rtol=1e-11)
    same(tensors["dense_1.dW"], X.T @ passed, rtol=1e-11)
    same(tensors["dense_1.db"], passed.sum(axis=0), rtol=1e-11)


# Homework 2 to 4 are experiments; these are small ones whose outcome is certain.


def rings() -> tuple[np.ndarray, np.ndarray]:
    """Return points of two classes, one within the other: no line tells them apart."""
    angle, radius = 2 * np.pi * Stream(0, "angle").uniform(512), np.repeat([1.0, 2.0], 256)
    X = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    return X + 0.1 * numbers(512, 2), np.repeat([0, 1], 256)


def curve(batch_size: int = 32, epochs: int = 3, hidden: str = "relu", **choices: Any) -> cr.Run:
    network = nn.Sequential(nn.Dense(16, hidden), nn.Dense(1))
    X, y = rings()
    choices |= {"loss": "binary_cross_entropy", "batch_size": batch_size, "epochs": epochs}
    return cr.train(network, X, y, **choices)


def test_homework_2_the_sweep_over_batch_sizes_and_learning_rates() -> None:
    ends = {}
    for b in (16, 32, 64, 128, 256):
        for rate in (1e-4, 1e-3, 1e-2, 1e-1):
            history = curve(b, optimizer=cr.SGD(rate), metrics=()).history
            assert history[-1]["step"] == 3 * (512 // b)
            ends[b, rate] = float(history[-1]["train_loss"])
    for b in (16, 32, 64, 128, 256):  # a larger rate gets further in the same number of steps
        by_rate = [ends[b, rate] for rate in (1e-4, 1e-3, 1e-2, 1e-1)]
        assert by_rate == sorted(by_rate, reverse=True)
    by_batch = [ends[b, 1e-1] for b in (16, 32, 64, 128, 256)]  # more steps an epoch do, too
    assert by_batch == sorted(by_batch)


def test_homework_3_the_four_activations_on_one_task() -> None:
    for name in ("sigmoid", "tanh", "relu", "gelu"):
        run = curve(epochs=80, hidden=name, optimizer=cr.Adam(0.02))
        losses = run.history.column("train_loss")
        assert losses[-1] < 0.5 * losses[0], name
        assert run.history[-1]["train_accuracy"] > 0.95, name


def test_homework_3_saturation_and_sparsity() -> None:
    """Far from 0 the bounded ones pass nothing on; a ReLU is exactly 0 for half of the inputs."""
    Z = np.linspace(-8.0, 8.0, 1001)
    zeros, far = {}, {}
    for name in ("sigmoid", "tanh", "relu", "gelu"):
        record = ACTIVATIONS.make(name)
        H = record.value(Z)
        zeros[name] = float(np.mean(H == 0.0))
        far[name] = float(record.slope(Z, H)[-1])
    assert zeros["relu"] == pytest.approx(0.5, abs=0.01)
    assert zeros["sigmoid"] == 0.0
    assert max(far["sigmoid"], far["tanh"]) < 1e-3
    assert min(far["relu"], far["gelu"]) > 0.999


def test_homework_4_a_warm_up_for_a_large_batch_and_a_large_rate() -> None:
    """Without it the first steps overshoot to a loss far above where the network started."""
    plain = curve(256, epochs=60, optimizer=cr.SGD(5.0))
    warm = curve(256, epochs=60, optimizer=cr.SGD(5.0), schedule=cr.Warmup(20))
    rates = warm.history.column("learning_rate")
    same(rates[:10], 5.0 * np.arange(2, 21, 2) / 20)  # two updates an epoch, 20 of warm-up
    assert np.all(rates[10:] == 5.0)
    losses, gentle = (run.history.column("train_loss") for run in (plain, warm))
    assert losses.max() > 1.5
    assert gentle.max() < 1.0
    assert max(losses[-1], gentle[-1]) < 0.02
