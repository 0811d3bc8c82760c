"""Where the course notes disagree or err: one test for each section of `docs/errata.md`."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.engine.walk import draw_noise
from chainrule.maths.activation import ACTIVATIONS
from chainrule.maths.clipping import ClipNorm
from chainrule.maths.initialisers import GlorotNormal, LeCunNormal
from chainrule.maths.loss import Reduction
from chainrule.maths.losses_classification import BinaryCrossEntropy, SoftmaxCrossEntropy
from chainrule.maths.losses_regression import SquaredError
from chainrule.maths.optimizers import SGD
from chainrule.ops.dropout import Dropout
from chainrule.plan import Group, make_plan, plan_cost
from tests.goldens.chain import INPUT, START, TARGET, chain_plan
from tests.goldens.networks import evaluate, numbers, predict, random_weights, same, train
from tests.goldens.simple_nn import NETWORK, as_columns, printed_step


def derivative(loss: SquaredError | BinaryCrossEntropy, z: float, y: float) -> float:
    """Return the slope of a loss of sigmoid(z), by a complex step: no formula of ours is used."""
    a = 1.0 / (1.0 + np.exp(-np.array([[z + 1e-30j]])))
    return float(np.imag(loss.prediction_value(a, np.array([[y]]))[0]) / 1e-30)


def test_simple_nn_descends_another_loss_than_it_prints() -> None:
    """Section 1. `a2 - y` belongs to cross-entropy; MSE has the factor 2 a (1 - a)."""
    for z, y in itertools.product((-4.0, -0.5, 0.3, 3.0), (0.0, 1.0)):
        a = 1.0 / (1.0 + np.exp(-z))
        assert derivative(BinaryCrossEntropy(), z, y) == pytest.approx(a - y, rel=1e-12)
        assert derivative(SquaredError(), z, y) == pytest.approx(2 * a * (1 - a) * (a - y))
    X, y = numbers(2, 8), (numbers(1, 8, seed=1) > 0).astype(float)
    plan = make_plan(NETWORK, (2,), "binary_cross_entropy", 1, SGD(0.1))
    weights = random_weights(plan)
    after, _ = printed_step(as_columns(weights), X, y, rate=0.1)
    same(as_columns(train(plan, weights, X.T, y.T)).W1, after.W1)
    honest = make_plan(nn.Sequential(NETWORK, nn.Sigmoid()), (2,), "squared_error", 1, SGD(0.1))
    moved = as_columns(train(honest, weights, X.T, y.T)).W1
    start = as_columns(weights).W1
    assert not np.allclose(moved - start, after.W1 - start, rtol=0.1)


TABLE = {2: 0.604, 5: 0.620, 20: 0.750, 50: 0.880}


def outputs(rate: float, fixed_biases: bool) -> dict[int, float]:
    """Return the output at the epochs of the note's table; epoch e comes after e - 1 updates."""
    plan = chain_plan(SGD(rate), fixed_biases)
    weights, done, found = START, 0, {}
    for epoch in TABLE:
        weights = train(plan, weights, INPUT, TARGET, epoch - 1 - done)
        done = epoch - 1
        found[epoch] = float(predict(plan, weights, INPUT)[0, 0])
    return found


@pytest.mark.parametrize("fixed_biases", [True, False])
def test_no_learning_rate_gives_the_table_of_progress(fixed_biases: bool) -> None:
    """Section 2. A larger rate gets further at every epoch, so each row asks for a rate of its own.

    Even with 0.005 to spare for "about", the rates that suit epoch 5 are too slow for epoch 20.
    """
    rates = np.geomspace(0.05, 10.0, 24)
    courses = [outputs(rate, fixed_biases) for rate in rates]
    suited = {}
    for epoch, output in TABLE.items():
        column = np.array([course[epoch] for course in courses])
        assert np.all(np.diff(column) > 0.0)
        suited[epoch] = np.interp([output - 0.005, output + 0.005], column, rates)
    assert suited[5][1] < 0.8 * suited[20][0]
    assert suited[20][1] < 0.8 * suited[50][0]


def test_the_three_conventions_of_dropout_are_one_network() -> None:
    """Section 3. Keep with p and scale at test, or drop 1 - p and divide by p."""
    p, rate, N = 0.8, 0.3, 6
    network = nn.Sequential(nn.Dense(5, "tanh"), nn.Dropout(1 - p), nn.Dense(2))
    # The note's output weights W are ours divided by p; a step of theirs is p * p steps of ours.
    groups = (Group("dense_2.W", rate_factor=p * p),)
    plan = make_plan(network, (3,), SquaredError(scale=0.5), 2, SGD(rate), groups=groups)
    ours, X, Y = random_weights(plan), numbers(N, 3), numbers(N, 2)
    theirs = {**ours, "dense_2.W": ours["dense_2.W"] / p}
    kept = draw_noise(plan, 0, 0, 0, N, (0, 1))["dropout_1.M"] > 0.0

    def hidden(weights: dict[str, np.ndarray]) -> np.ndarray:
        return np.tanh(X @ weights["dense_1.W"] + weights["dense_1.b"])

    H = hidden(theirs) * kept  # note 004 in training: a mask of 0 and 1
    delta = (H @ theirs["dense_2.W"] + theirs["dense_2.b"] - Y) / N
    dZ1 = (delta @ theirs["dense_2.W"].T) * kept * (1 - hidden(theirs) ** 2)
    steps = {"dense_1.W": X.T @ dZ1, "dense_1.b": dZ1.sum(axis=0)}
    steps |= {"dense_2.W": H.T @ delta, "dense_2.b": delta.sum(axis=0)}
    theirs = {name: value - rate * steps[name] for name, value in theirs.items()}
    ours = train(plan, ours, X, Y)
    # Note 004 at test time: every neuron is there, its output times p.
    tested = (p * hidden(theirs)) @ theirs["dense_2.W"] + theirs["dense_2.b"]
    same(predict(plan, ours, X), tested, rtol=1e-11)


def test_a_mask_without_scaling_changes_what_the_next_layer_expects() -> None:
    """Section 3. Over all 2^4 masks our mean is H itself; that of note 001's bare mask is p H."""
    p, H = 0.7, numbers(1, 4)
    mean_scaled, mean_bare = np.zeros((1, 4)), np.zeros((1, 4))
    for bits in itertools.product((0.0, 1.0), repeat=4):
        mask = np.array([bits])
        chance = np.prod(np.where(mask > 0.0, p, 1 - p))
        dropped = Dropout(1 - p).forward({"X": H, "M": mask / p}, training=True)["H"]
        mean_scaled += chance * dropped
        mean_bare += chance * (H * mask)
    same(mean_scaled, H)
    same(mean_bare, p * H)


@pytest.mark.parametrize("name", ["binary_cross_entropy", "softmax_cross_entropy"])
def test_a_summed_loss_has_a_summed_gradient(name: str) -> None:
    """Section 4. Each reduction passes the gradient check; mixing them is wrong by the factor N."""
    network, N = nn.Dense(3), 7
    X, Y = numbers(N, 2), np.eye(3)[[0, 1, 2, 0, 1, 2, 0]]
    found = {}
    reductions: tuple[Reduction, ...] = ("sum", "mean")
    for reduction in reductions:
        assert cr.gradcheck(network, X, Y, loss=name, reduction=reduction).passed
        plan = make_plan(network, (2,), name, 3, reduction=reduction)
        found[reduction] = evaluate(plan, random_weights(plan), X, Y)
    P = plan.loss.predict(found["sum"].raw)
    same(found["sum"].tensors["dense_1.dZ"], P - Y, rtol=1e-11)
    same(found["mean"].tensors["dense_1.dZ"], (P - Y) / N, rtol=1e-11)


def test_softmax_is_not_element_wise() -> None:
    """Section 5. Its Jacobian is diag(p) - p p^T; the diagonal alone does not give p - y."""
    raw, Y = numbers(1, 3), np.array([[0.0, 1.0, 0.0]])
    link, loss = ACTIVATIONS.make("softmax"), SoftmaxCrossEntropy()
    P = link.value(raw)
    jacobian = np.stack([link.backward(unit[None, :], raw, P)[0] for unit in np.eye(3)])
    same(jacobian, np.diag(P[0]) - np.outer(P[0], P[0]))
    assert np.all(jacobian != 0.0)
    dP = loss.prediction_gradient(P, Y)
    same((dP @ jacobian), P - Y, rtol=1e-11)
    same(loss.gradient(raw, Y), P - Y, rtol=1e-11)
    element_wise = dP * np.diag(jacobian)
    assert element_wise[0, 1] == pytest.approx(P[0, 1] - 1.0)
    assert element_wise[0, [0, 2]].tolist() == [0.0, 0.0]  # the other logits would learn nothing


def test_the_gradient_of_a_layer_depends_on_the_layers_above_it() -> None:
    """Section 6. The product above layer l is exact, the printed one below it is not."""
    depth, factors = 5, [0.5, -1.5, 2.0, 0.7, -0.9]
    layers = [nn.Dense(1, bias=False) for _ in range(depth)]  # slopes of 1: weights alone
    plan = make_plan(nn.Sequential(*layers), (1,), SquaredError(scale=0.5), 1)
    weights = {f"dense_{k + 1}.W": [[factor]] for k, factor in enumerate(factors)}
    tensors = evaluate(plan, weights, [[1.0]], [[0.0]]).tensors
    last = abs(tensors["dense_5.dZ"][0, 0])
    above = [last * np.prod(np.abs(factors[layer:])) for layer in range(1, depth + 1)]
    below = [last * np.prod(np.abs(factors[:layer])) for layer in range(1, depth + 1)]
    found = np.array([abs(tensors[f"dense_{layer}.dZ"][0, 0]) for layer in range(1, depth + 1)])
    same(found, np.array(above))
    assert not np.any(np.isclose(found, below))


def test_the_gradient_of_a_bias_is_summed_by_the_chain_rule() -> None:
    """Section 7. dL/db has b's shape; no single column of dL/dZ is the derivative by b."""
    plan = make_plan(nn.Dense(2), (3,), "binary_cross_entropy", 2)
    weights, X, Y = random_weights(plan), numbers(5, 3), np.eye(2)[[0, 1, 1, 0, 1]]
    tensors = evaluate(plan, weights, X, Y).tensors
    dZ, db = tensors["dense_1.dZ"].T, tensors["dense_1.db"]  # the note's h x n, and ours
    assert dZ.shape == (2, 5)
    assert db.shape == weights["dense_1.b"].shape == (2,)
    same(db, dZ @ np.ones(5))  # the chain rule's product with dZ/db, a row of ones
    h = 1e-6
    for unit, sides in enumerate(np.eye(2) * h):
        ends = [
            evaluate(plan, {**weights, "dense_1.b": weights["dense_1.b"] + shift}, X, Y).objective
            for shift in (sides, -sides)
        ]
        assert float(ends[0] - ends[1]) / (2 * h) == pytest.approx(db[unit], rel=1e-7)


def test_clipping_caps_an_explosion_and_leaves_a_vanished_gradient_alone() -> None:
    """Section 8. What is short already passes through unchanged."""
    layers = [nn.Dense(4, "sigmoid") for _ in range(12)]
    plan = make_plan(nn.Sequential(*layers), (4,), "squared_error", 4)
    evaluation = evaluate(plan, random_weights(plan), numbers(3, 4), np.zeros((3, 4)))
    clipped, kept = ClipNorm(10.0).clip(evaluation.gradient)
    assert np.abs(evaluation.tensors["dense_1.dW"]).max() < 1e-6
    assert kept == 1.0
    assert np.array_equal(clipped, evaluation.gradient)
    capped, _ = ClipNorm(10.0).clip(1e6 * evaluation.gradient)
    assert np.linalg.norm(capped) == pytest.approx(10.0)


def test_a_variance_of_one_over_d_in_is_lecuns() -> None:
    """Section 9. LeCun's is Xavier's only where a layer has as many outputs as inputs."""
    for d_in, d_out in ((400, 300), (100, 100), (20, 500)):
        lecun = LeCunNormal().variance(d_in, d_out, gain=1.0)
        xavier = GlorotNormal().variance(d_in, d_out, gain=1.0)
        assert lecun == pytest.approx(1 / d_in)
        assert xavier == pytest.approx(2 / (d_in + d_out))
        assert (lecun == pytest.approx(xavier)) is (d_in == d_out)


def test_the_three_scales_of_mse() -> None:
    """Section 10. 1/N, 1/(2N), 1/2: the same minimum, and gradients that differ by a number."""
    X, Y, N = numbers(6, 2), numbers(6, 1), 6
    cases: dict[str, tuple[float, Reduction, float]] = {
        "002": (1.0, "mean", 2 / N),
        "000": (0.5, "mean", 1 / N),
        "004": (0.5, "sum", 1.0),
    }
    after = {}
    for note, (scale, reduction, factor) in cases.items():
        loss = SquaredError(scale=scale)
        plan = make_plan(nn.Dense(1), (2,), loss, 1, SGD(0.06 / factor), reduction=reduction)
        weights = random_weights(plan)
        evaluation = evaluate(plan, weights, X, Y)
        error = evaluation.raw - Y
        same(evaluation.tensors["dense_1.dZ"], factor * error)
        same(float(evaluation.objective), factor / 2 * np.sum(error**2))
        after[note] = train(plan, weights, X, Y, 20)["dense_1.W"]
    same(after["002"], after["000"])  # rates chosen so that rate times factor agree
    same(after["002"], after["004"])


def test_the_memory_for_activations_grows_with_the_batch() -> None:
    """Section 11. O(sum of d_l) is one sample's share; the backward pass needs every sample's."""
    network = nn.Sequential(nn.Dense(64, "relu"), nn.Dense(32, "relu"), nn.Dense(1))
    plan = make_plan(network, (20,), "squared_error", 1)
    one = plan_cost(plan, rows=1).activation_bytes
    assert one == 4 * (2 * 64 + 2 * 32 + 1)
    assert plan_cost(plan, rows=256).activation_bytes == 256 * one
    assert plan_cost(plan, rows=256).parameters == plan_cost(plan, rows=1).parameters
