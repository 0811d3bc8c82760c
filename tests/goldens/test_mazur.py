"""Mazur's step-by-step example: a 2-2-2 sigmoid network whose numbers learners compare with.

Source: M. Mazur, "A step by step backpropagation example" (2015). The biases stay fixed there: a
parameter group with rate factor 0.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from chainrule import nn
from chainrule.maths.losses_regression import SquaredError
from chainrule.maths.optimizers import SGD
from chainrule.plan import Group, Plan, make_plan
from tests.goldens.networks import ENGINES, MakeEngine, evaluate, predict, train

X, Y = [[0.05, 0.10]], [[0.01, 0.99]]
# w1 and w2 lead to the first hidden neuron: one column of W (d_in, d_out).
START: dict[str, Any] = {
    "dense_1.W": [[0.15, 0.25], [0.20, 0.30]],
    "dense_1.b": [0.35, 0.35],
    "dense_2.W": [[0.40, 0.50], [0.45, 0.55]],
    "dense_2.b": [0.60, 0.60],
}


def mazur_plan(*groups: Group) -> Plan:
    network = nn.Sequential(nn.Dense(2, "sigmoid"), nn.Dense(2, "sigmoid"))
    return make_plan(network, (2,), SquaredError(scale=0.5), 2, SGD(0.5), groups=groups)


FIXED = Group("*.b", rate_factor=0.0)


def error(weights: dict[str, Any]) -> float:
    return float(evaluate(mazur_plan(), weights, X, Y).objective)


def test_the_forward_pass() -> None:
    tensors = evaluate(mazur_plan(), START, X, Y).tensors
    assert tensors["dense_1.Z"][0, 0] == pytest.approx(0.3775, rel=1e-15)
    assert [f"{out:.9f}" for out in tensors["sigmoid_1.H"][0]] == ["0.593269992", "0.596884378"]
    assert f"{tensors['dense_2.Z'][0, 0]:.9f}" == "1.105905967"
    assert [f"{out:.9f}" for out in tensors["sigmoid_2.H"][0]] == ["0.751365070", "0.772928465"]


def test_the_error_before_training() -> None:
    assert f"{error(START):.9f}" == "0.298371109"


def test_the_gradients_that_the_article_derives() -> None:
    tensors = evaluate(mazur_plan(), START, X, Y).tensors
    assert f"{tensors['dense_2.dZ'][0, 0]:.9f}" == "0.138498562"
    assert f"{tensors['dense_2.dW'][0, 0]:.9f}" == "0.082167041"
    assert f"{tensors['dense_1.dW'][0, 0]:.9f}" == "0.000438568"


@pytest.mark.parametrize("make_engine", ENGINES)
def test_the_weights_after_one_step(make_engine: MakeEngine) -> None:
    after = train(mazur_plan(FIXED), START, X, Y, 1, make_engine)
    hidden, output = after["dense_1.W"].T, after["dense_2.W"].T
    w1_to_w4 = ["0.149780716", "0.199561432", "0.249751144", "0.299502287"]
    assert [f"{w:.9f}" for w in hidden.ravel()] == w1_to_w4
    w5_to_w8 = ["0.358916480", "0.408666186", "0.511301270", "0.561370121"]
    assert [f"{w:.9f}" for w in output.ravel()] == w5_to_w8
    assert after["dense_1.b"].tolist() == START["dense_1.b"]
    assert after["dense_2.b"].tolist() == START["dense_2.b"]


@pytest.mark.parametrize("make_engine", ENGINES)
def test_the_error_after_one_step(make_engine: MakeEngine) -> None:
    assert f"{error(train(mazur_plan(FIXED), START, X, Y, 1, make_engine)):.9f}" == "0.291027774"


@pytest.mark.parametrize("make_engine", ENGINES)
def test_the_error_after_ten_thousand_steps(make_engine: MakeEngine) -> None:
    after = train(mazur_plan(FIXED), START, X, Y, 10_000, make_engine)
    assert f"{error(after):.6e}" == "3.510188e-05"


def layer_by_layer(updates: int) -> dict[str, Any]:
    """Update the output layer first, then send the error back through its *new* weights."""
    inputs, targets = np.array(X), np.array(Y)
    W1, W2 = np.array(START["dense_1.W"]), np.array(START["dense_2.W"])
    for _ in range(updates):
        hidden = 1.0 / (1.0 + np.exp(-(inputs @ W1 + 0.35)))
        output = 1.0 / (1.0 + np.exp(-(hidden @ W2 + 0.60)))
        dZ2 = (output - targets) * output * (1.0 - output)
        W2 = W2 - 0.5 * hidden.T @ dZ2
        W1 = W1 - 0.5 * inputs.T @ (dZ2 @ W2.T * hidden * (1.0 - hidden))
    return {**START, "dense_1.W": W1, "dense_2.W": W2}


def test_where_the_results_come_from_that_the_article_prints() -> None:
    """It prints 0.291027924 after one step: the error of a program that updates layer by layer.

    The w1 that it prints, 0.149780716, is the one of the gradient. The two do not belong together.
    """
    after = layer_by_layer(1)
    assert f"{error(after):.9f}" == "0.291027924"
    assert f"{after['dense_1.W'][0, 0]:.9f}" != "0.149780716"
    outputs = predict(mazur_plan(), layer_by_layer(10_000), X)[0]
    assert [f"{output:.9f}" for output in outputs] == ["0.015912196", "0.984065734"]


def test_with_moving_biases_the_error_falls_faster() -> None:
    assert f"{error(train(mazur_plan(), START, X, Y)):.9f}" == "0.280471447"
