"""Note 000, the mathematics of networks in the row convention: `Z = X W + b`, `X (N, d_in)`."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.engine.walk import draw_noise
from chainrule.maths.activation import ACTIVATIONS
from chainrule.maths.loss import Loss, Reduction
from chainrule.maths.losses_classification import BinaryCrossEntropy, SoftmaxCrossEntropy
from chainrule.maths.losses_regression import SquaredError
from chainrule.maths.optimizers import SGD
from chainrule.maths.penalties import L1, L2, WeightDecay
from chainrule.maths.penalty import Penalty
from chainrule.plan import Plan, make_plan
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

N, D_IN, D_H, D_OUT = 6, 3, 4, 2
X, Y = numbers(N, D_IN), numbers(N, D_OUT, seed=1)
ONE_HOT = np.eye(D_OUT)[[0, 1, 1, 0, 1, 0]]


HALF = SquaredError(scale=0.5)


def mlp(
    hidden: str = "tanh", output: str | None = None, loss: Loss | str = HALF, **choices: Any
) -> Plan:
    """Return the note's network with one hidden layer; MSE has its factor 1/2."""
    layers = [nn.Dense(D_H, hidden), nn.Dense(D_OUT, output)]
    return make_plan(nn.Sequential(*layers), (D_IN,), loss, D_OUT, **choices)


def test_a_neuron_is_a_linear_model_with_an_activation() -> None:
    w, b, x = numbers(D_IN), 0.3, numbers(D_IN, seed=2)
    plan = make_plan(nn.Dense(1, "sigmoid"), (D_IN,), "squared_error", 1)
    weights = {"dense_1.W": w[:, None], "dense_1.b": [b]}
    tensors = evaluate(plan, weights, x[None, :], [[0.0]]).tensors
    same(tensors["dense_1.Z"][0, 0], w @ x + b)
    same(tensors["sigmoid_1.H"][0, 0], 1 / (1 + np.exp(-(w @ x + b))))


@pytest.mark.parametrize("name", ["sigmoid", "tanh", "relu"])
def test_the_activations_and_their_derivatives(name: str) -> None:
    z = np.array([-2.0, -0.5, 0.0, 0.7, 3.0])
    sigmoid = 1 / (1 + np.exp(-z))
    tanh = (np.exp(z) - np.exp(-z)) / (np.exp(z) + np.exp(-z))
    value, slope = {
        "sigmoid": (sigmoid, sigmoid * (1 - sigmoid)),
        "tanh": (tanh, 1 - tanh**2),
        "relu": (np.maximum(0, z), np.where(z > 0, 1.0, 0.0)),
    }[name]
    record = ACTIVATIONS.make(name)
    same(record.value(z), value)
    same(record.slope(z, record.value(z)), slope)


def test_every_tensor_has_the_dimensions_of_the_note() -> None:
    plan = mlp("tanh", "sigmoid")
    tensors = evaluate(plan, random_weights(plan), X, Y).tensors
    shapes = {
        "dense_1.W": (D_IN, D_H),
        "dense_1.b": (D_H,),
        "dense_1.Z": (N, D_H),
        "tanh_1.H": (N, D_H),
        "dense_2.W": (D_H, D_OUT),
        "dense_2.b": (D_OUT,),
        "dense_2.Z": (N, D_OUT),
        "sigmoid_1.H": (N, D_OUT),
        "sigmoid_1.dH": (N, D_OUT),
        "dense_2.dZ": (N, D_OUT),
        "dense_2.dW": (D_H, D_OUT),
        "dense_2.db": (D_OUT,),
        "tanh_1.dH": (N, D_H),
        "dense_1.dZ": (N, D_H),
        "dense_1.dW": (D_IN, D_H),
        "dense_1.db": (D_H,),
    }
    assert {name: tensors[name].shape for name in shapes} == shapes


def test_the_plan_states_the_same_dimensions_as_symbols() -> None:
    shapes = mlp().graph.shapes()
    symbols = {
        name: tuple(dim.symbol for dim in shapes[name]) for name in ("X", "dense_1.W", "dense_2.Z")
    }
    assert symbols == {"X": ("N", "d_0"), "dense_1.W": ("d_0", "d_1"), "dense_2.Z": ("N", "d_2")}


def test_mse_and_its_gradient() -> None:
    plan = mlp()
    evaluation = evaluate(plan, random_weights(plan), X, Y)
    same(float(evaluation.objective), np.linalg.norm(Y - evaluation.raw) ** 2 / (2 * N))
    same(evaluation.tensors["dense_2.dZ"], (evaluation.raw - Y) / N)


def test_the_backward_pass_step_by_step() -> None:
    """Section 4 with f_y = sigmoid and f_h = tanh, from dJ/dYhat to the gradient of b_h."""
    plan = mlp("tanh", "sigmoid")
    weights = random_weights(plan)
    tensors = evaluate(plan, weights, X, Y).tensors
    H, Yhat = tensors["tanh_1.H"], tensors["sigmoid_1.H"]
    dYhat = (Yhat - Y) / N
    dZ_y = dYhat * (Yhat * (1 - Yhat))
    dH = dZ_y @ weights["dense_2.W"].T
    dZ_h = dH * (1 - H**2)
    expected = {
        "sigmoid_1.dH": dYhat,
        "dense_2.dZ": dZ_y,
        "dense_2.dW": H.T @ dZ_y,
        "dense_2.db": dZ_y.sum(axis=0),
        "tanh_1.dH": dH,
        "dense_1.dZ": dZ_h,
        "dense_1.dW": X.T @ dZ_h,
        "dense_1.db": dZ_h.sum(axis=0),
    }
    for name, value in expected.items():
        same(tensors[name], value)


def test_the_special_case_of_softmax_and_cce() -> None:
    plan = mlp(loss="softmax_cross_entropy")
    evaluation = evaluate(plan, random_weights(plan), X, ONE_HOT)
    powers = np.exp(evaluation.raw)
    Yhat = powers / powers.sum(axis=1, keepdims=True)
    same(evaluation.tensors["dense_2.dZ"], (Yhat - ONE_HOT) / N, rtol=1e-11)
    same(float(evaluation.objective), -np.sum(ONE_HOT * np.log(Yhat)) / N)


@pytest.mark.parametrize("name", ["binary_cross_entropy", "softmax_cross_entropy"])
def test_the_sum_is_n_times_the_mean_and_so_is_its_gradient(name: str) -> None:
    """The note sums the loss over N and divides the gradient by N; either is right, not both."""
    found = {}
    reductions: tuple[Reduction, ...] = ("sum", "mean")
    for reduction in reductions:
        plan = mlp(loss=name, reduction=reduction)
        found[reduction] = evaluate(plan, random_weights(plan), X, ONE_HOT)
    raw = found["sum"].raw
    loss = {record.name: record for record in (BinaryCrossEntropy(), SoftmaxCrossEntropy())}[name]
    same(found["sum"].tensors["dense_2.dZ"], loss.predict(raw) - ONE_HOT, rtol=1e-11)
    same(float(found["sum"].objective), N * float(found["mean"].objective))
    same(found["sum"].gradient, N * found["mean"].gradient)


@pytest.mark.parametrize("name", ["binary_cross_entropy", "softmax_cross_entropy"])
def test_cross_entropy_is_minus_the_log_likelihood(name: str) -> None:
    plan = mlp(loss=name, reduction="sum")
    evaluation = evaluate(plan, random_weights(plan), X, ONE_HOT)
    P = plan.loss.predict(evaluation.raw)
    chances = P**ONE_HOT * ((1 - P) ** (1 - ONE_HOT) if name.startswith("binary") else 1.0)
    same(float(evaluation.objective), -np.log(np.prod(chances)))


def penalised(penalty: Penalty) -> tuple[Plan, float]:
    """Return a plan with a penalty, and what it adds to the objective."""
    plan, plain = mlp(penalties=penalty), mlp()
    weights = random_weights(plan)
    with_it = float(evaluate(plan, weights, X, Y).objective)
    return plan, with_it - float(evaluate(plain, weights, X, Y).objective)


def test_the_l2_penalty_and_its_gradient() -> None:
    plan, added = penalised(L2(0.1))
    weights = random_weights(plan)
    squares = sum(np.sum(weights[name] ** 2) for name in ("dense_1.W", "dense_2.W"))
    assert added == pytest.approx(0.05 * squares, rel=1e-12)
    tensors, plain = (evaluate(p, weights, X, Y).tensors for p in (plan, mlp()))
    same(tensors["dense_1.dW"], plain["dense_1.dW"] + 0.1 * weights["dense_1.W"])
    same(tensors["dense_1.db"], plain["dense_1.db"])


def test_the_l1_penalty_and_its_gradient() -> None:
    plan, added = penalised(L1(0.1))
    weights = random_weights(plan)
    sizes = sum(np.sum(np.abs(weights[name])) for name in ("dense_1.W", "dense_2.W"))
    assert added == pytest.approx(0.1 * sizes, rel=1e-12)
    tensors, plain = (evaluate(p, weights, X, Y).tensors for p in (plan, mlp()))
    same(tensors["dense_2.dW"], plain["dense_2.dW"] + 0.1 * np.sign(weights["dense_2.W"]))


@pytest.mark.parametrize("make_engine", ENGINES)
@pytest.mark.parametrize("penalty", [L2(0.2), WeightDecay(0.2)], ids=["l2", "weight_decay"])
def test_both_forms_of_the_l2_update(make_engine: MakeEngine, penalty: Penalty) -> None:
    """w - a (g + l w) = (1 - a l) w - a g: with plain descent, penalty and decay are the same."""
    plan = mlp(optimizer=SGD(0.5), penalties=penalty)
    weights = random_weights(plan)
    gradients = evaluate(mlp(), weights, X, Y).tensors
    after = train(plan, weights, X, Y, 1, make_engine)
    for name in ("dense_1", "dense_2"):
        W, b = weights[f"{name}.W"], weights[f"{name}.b"]
        same(after[f"{name}.W"], (1 - 0.5 * 0.2) * W - 0.5 * gradients[f"{name}.dW"])
        same(after[f"{name}.b"], b - 0.5 * gradients[f"{name}.db"])


def test_l1_makes_weights_that_do_not_matter_nearly_zero_and_l2_does_not() -> None:
    """Only the first of three inputs tells about y; the other two weights show the difference."""
    inputs = numbers(200, 3)
    targets = 2.0 * inputs[:, :1]
    useless = {}
    for name, penalty in {"l1": L1(0.2), "l2": L2(0.2)}.items():
        plan = make_plan(nn.Dense(1), (3,), HALF, 1, SGD(0.01), penalties=penalty)
        start = {"dense_1.W": np.full((3, 1), 0.5), "dense_1.b": np.zeros(1)}
        W = train(plan, start, inputs, targets, 1500)["dense_1.W"]
        useless[name] = float(np.max(np.abs(W[1:])))
    assert useless["l1"] < 0.01 * 0.2 + 1e-9  # it rocks about 0 by at most rate times strength
    assert useless["l2"] > 5.0 * useless["l1"]


def test_dropout_drops_a_fraction_in_training_and_nothing_at_test_time() -> None:
    plan = make_plan(nn.Sequential(nn.Dropout(0.5), nn.Dense(1)), (1000,), "squared_error", 1)
    weights = random_weights(plan)
    inputs = np.ones((4, 1000))
    noise = draw_noise(plan, seed=0, epoch=0, first_row=0, rows=4, progress=(0, 1))
    H = evaluate(plan, weights, inputs, np.zeros((4, 1)), True, noise).tensors["dropout_1.H"]
    assert set(np.unique(H)) == {0.0, 2.0}
    assert np.mean(H == 0.0) == pytest.approx(0.5, abs=0.03)
    same(predict(plan, weights, inputs), inputs @ weights["dense_1.W"] + weights["dense_1.b"])


def test_early_stopping_returns_the_weights_that_were_best_on_unseen_rows() -> None:
    X_few, y_few = numbers(12, 2), numbers(12)
    X_unseen, y_unseen = numbers(60, 2, seed=3), numbers(60, seed=4)
    run = cr.train(
        nn.Sequential(nn.Dense(32, "tanh"), nn.Dense(1)),
        *(X_few, y_few),
        loss="squared_error",
        optimizer=cr.Adam(0.02),
        validation=(X_unseen, y_unseen),
        stopping=cr.Stopping(patience=5),
        epochs=500,
        dtype="float64",
    )
    curve = run.history.column("validation_loss")
    assert run.stop_reason == "patience"
    assert len(curve) == run.best_epoch + 5
    assert curve[run.best_epoch - 1] == curve.min()
    kept = float(np.mean((run.model.predict(X_unseen) - y_unseen) ** 2))
    assert kept == pytest.approx(curve.min(), rel=1e-9)
