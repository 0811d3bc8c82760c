"""Note 004, classification by backpropagation: its formulas A to E, its example, its code."""

from __future__ import annotations

import math

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.maths.activation import ACTIVATIONS
from chainrule.maths.initialisers import GlorotNormal, LeCunNormal
from chainrule.maths.losses_classification import BinaryCrossEntropy, SoftmaxCrossEntropy
from chainrule.maths.losses_regression import SquaredError
from chainrule.maths.optimizer import OPTIMIZERS
from chainrule.maths.optimizers import SGD, Momentum
from chainrule.maths.penalties import L2
from chainrule.plan import make_plan
from tests.goldens.chain import INPUT, RATE, START, TARGET, chain_plan
from tests.goldens.networks import (
    ENGINES,
    MakeEngine,
    evaluate,
    numbers,
    random_weights,
    same,
    train,
)
from tests.goldens.simple_nn import NETWORK, Weights, as_columns, as_rows, forward, printed_step

XOR = np.array([[0.0, 0.0, 1.0, 1.0], [0.0, 1.0, 0.0, 1.0]])
LABELS = np.array([[0.0, 1.0, 1.0, 0.0]])


def weight(tensors: dict[str, np.ndarray], name: str) -> float:
    return float(tensors[name].reshape(-1)[0])


# The practical example, symbol by symbol. The note's Err is minus the library's dZ.


def test_the_network_is_in_the_state_that_the_example_assumes() -> None:
    tensors = evaluate(chain_plan(SGD(RATE)), START, INPUT, TARGET).tensors
    assert weight(tensors, "sigmoid_1.H") == 0.5
    assert weight(tensors, "sigmoid_2.H") == pytest.approx(0.6, rel=1e-15)


def test_step_1_the_error_of_the_output_is_0_072() -> None:
    tensors = evaluate(chain_plan(SGD(RATE)), START, INPUT, TARGET).tensors
    assert -weight(tensors, "dense_2.dZ") == pytest.approx(0.072, rel=1e-14)


@pytest.mark.parametrize("make_engine", ENGINES)
def test_step_2_the_output_weight_moves_by_0_0036_to_0_4036(make_engine: MakeEngine) -> None:
    after = train(chain_plan(SGD(RATE)), START, INPUT, TARGET, 1, make_engine)
    assert weight(after, "dense_2.W") - 0.4 == pytest.approx(0.0036, rel=1e-12)
    assert weight(after, "dense_2.W") == pytest.approx(0.4036, rel=1e-15)


def test_step_3_the_error_of_the_hidden_neuron_is_0_0072() -> None:
    tensors = evaluate(chain_plan(SGD(RATE)), START, INPUT, TARGET).tensors
    assert -weight(tensors, "dense_1.dZ") == pytest.approx(0.0072, rel=1e-14)


@pytest.mark.parametrize("make_engine", ENGINES)
def test_step_3_the_input_weight_moves_by_0_00072_to_0_60072(make_engine: MakeEngine) -> None:
    after = train(chain_plan(SGD(RATE)), START, INPUT, TARGET, 1, make_engine)
    assert weight(after, "dense_1.W") - 0.6 == pytest.approx(0.00072, rel=1e-11)
    assert weight(after, "dense_1.W") == pytest.approx(0.60072, rel=1e-15)


def test_the_three_factors_of_the_chain_rule_multiply_to_the_gradient() -> None:
    """dL/dw = dL/dyhat * dyhat/dz * dz/dw = -0.3 * 0.24 * 0.5."""
    tensors = evaluate(chain_plan(SGD(RATE)), START, INPUT, TARGET).tensors
    output = weight(tensors, "sigmoid_2.H")
    factors = (
        weight(tensors, "sigmoid_2.dH"),
        output * (1.0 - output),
        weight(tensors, "sigmoid_1.H"),
    )
    assert factors == pytest.approx((-0.3, 0.24, 0.5), rel=1e-14)
    assert weight(tensors, "dense_2.dW") == pytest.approx(math.prod(factors), rel=1e-14)


# Formulas B to E on a network where a hidden neuron has several neurons downstream.


def test_formulas_b_and_c_are_the_gradients_of_any_sigmoid_network() -> None:
    network = nn.Sequential(nn.Dense(3, "sigmoid"), nn.Dense(2, "sigmoid"))
    plan = make_plan(network, (2,), SquaredError(scale=0.5), 2)
    targets = np.array([[0.1, 0.8]])
    tensors = evaluate(plan, random_weights(plan), [[0.3, -0.7]], targets).tensors
    hidden, output = tensors["sigmoid_1.H"][0], tensors["sigmoid_2.H"][0]
    errors = [o * (1 - o) * (t - o) for o, t in zip(output, targets[0], strict=True)]
    same(-tensors["dense_2.dZ"][0], errors)
    downstream = tensors["dense_2.W"]
    blame = [
        hidden[j] * (1 - hidden[j]) * sum(downstream[j, k] * errors[k] for k in range(2))
        for j in range(3)
    ]
    same(-tensors["dense_1.dZ"][0], blame)
    same(-tensors["dense_1.dW"], np.outer(tensors["X"][0], blame))  # formula D


@pytest.mark.parametrize("make_engine", ENGINES)
def test_formula_e_is_momentum(make_engine: MakeEngine) -> None:
    """Each change is l * Err * O plus mu times the change before."""
    plan = chain_plan(Momentum(RATE, momentum=0.9))
    places, changes = [START], [0.0]
    for update in range(1, 4):
        before = evaluate(plan, places[-1], INPUT, TARGET).tensors
        push = RATE * -weight(before, "dense_2.dZ") * weight(before, "sigmoid_1.H")
        changes.append(push + 0.9 * changes[-1])
        places.append(train(plan, START, INPUT, TARGET, update, make_engine))
    found = [weight(places[update], "dense_2.W") for update in range(1, 4)]
    assert changes[1] == pytest.approx(0.0036, rel=1e-14)
    assert found == pytest.approx(list(0.4 + np.cumsum(changes)[1:]), rel=1e-14)


def test_the_three_losses_of_phase_2() -> None:
    raw = np.array([[0.7, -0.2, 1.1]])
    one = raw[:, :1]
    p = 1 / (1 + math.exp(-0.7))
    assert SquaredError(scale=0.5).value(one, np.array([[1.5]]))[0] == pytest.approx(0.5 * 0.8**2)
    for y in (0.0, 1.0):
        expected = -(y * math.log(p) + (1 - y) * math.log(1 - p))
        assert BinaryCrossEntropy().value(one, np.array([[y]]))[0] == pytest.approx(expected)
    powers = np.exp(raw[0])
    loss = SoftmaxCrossEntropy().value(raw, np.array([[0.0, 1.0, 0.0]]))[0]
    assert loss == pytest.approx(-math.log(powers[1] / powers.sum()))


@pytest.mark.parametrize(
    ("name", "low", "high", "steepest"),
    [
        ("sigmoid", 0.0, 1.0, 0.25),
        ("tanh", -1.0, 1.0, 1.0),
        ("relu", 0.0, np.inf, 1.0),
        ("leaky_relu", -np.inf, np.inf, 1.0),
    ],
)
def test_the_table_of_activations(name: str, low: float, high: float, steepest: float) -> None:
    """Ranges of section 2, and the largest slopes that section 6 multiplies."""
    record = ACTIVATIONS.make(name)
    Z = np.linspace(-6.0, 6.0, 1201)
    H = record.value(Z)
    slopes = record.slope(Z, H)
    assert low <= H.min()
    assert H.max() <= high
    assert slopes.max() == pytest.approx(steepest, rel=1e-12)
    vanishes = {"sigmoid": 0.01, "tanh": 1e-4}.get(name)
    if vanishes is not None:
        assert max(slopes[0], slopes[-1]) < vanishes
    assert (slopes[0] > 0) == (name != "relu")


def test_the_slope_of_the_sigmoid_vanishes_over_ten_layers() -> None:
    """0.25 * 0.25 * ...: even at its best a stack of ten sigmoids passes on a millionth."""
    layers = [layer for _ in range(10) for layer in (nn.Dense(1), nn.Sigmoid())]
    plan = make_plan(nn.Sequential(*layers), (1,), "squared_error", 1)
    start = {slot.name: np.ones(slot.shape) for slot in plan.parameters.slots}
    best = {name: -0.5 * value if name.endswith("b") else value for name, value in start.items()}
    tensors = evaluate(plan, best, [[0.5]], [[0.0]]).tensors
    assert weight(tensors, "sigmoid_10.H") == 0.5
    passed = weight(tensors, "dense_1.dZ") / weight(tensors, "sigmoid_10.dH")
    assert passed == pytest.approx(0.25**10, rel=1e-12)
    assert passed < 1e-6


def test_the_learning_rate_that_is_too_large_depends_on_the_curvature() -> None:
    """For J = w^2 a step of 0.5 is perfect and one above 1 diverges: 0.1 is no law."""
    network = nn.Dense(1, bias=False)

    def end(rate: float) -> float:
        plan = make_plan(network, (1,), "squared_error", 1, SGD(rate))
        return weight(train(plan, {"dense_1.W": [[1.0]]}, [[1.0]], [[0.0]], 20), "dense_1.W")

    assert end(0.5) == 0.0
    assert abs(end(1.01)) > 1.0
    assert end(0.00001) == pytest.approx(1.0, abs=1e-3)


def test_the_variants_of_gradient_descent_differ_in_updates_an_epoch() -> None:
    X, y = numbers(40, 2), numbers(40)
    counts = {}
    for name, batch_size in {"batch": None, "stochastic": 1, "mini-batch": 16}.items():
        run = cr.train(
            nn.Dense(1), X, y, loss="squared_error", batch_size=batch_size, epochs=1, metrics=()
        )
        counts[name] = run.history[-1]["step"]
    assert counts == {"batch": 1, "stochastic": 40, "mini-batch": 3}


def test_the_optimizers_of_the_table_are_there() -> None:
    assert all(name in OPTIMIZERS for name in ("momentum", "adagrad", "rmsprop", "adam"))


def test_l2_as_the_note_writes_it_has_no_half() -> None:
    W = numbers(3, 2)
    same(L2(0.01, half=False).value(W), 0.01 * np.sum(W**2))
    same(L2(0.01, half=False).gradient(W), 0.02 * W)


# SimpleNN: what the printed code really descends.


def library_step(loss: str, weights: Weights, rate: float) -> Weights:
    """One step of gradient descent on the mean of a loss; sigmoid at the output in both cases."""
    network = NETWORK if loss == "binary_cross_entropy" else nn.Sequential(NETWORK, nn.Sigmoid())
    plan = make_plan(network, (2,), loss, 1, SGD(rate))
    return as_columns(train(plan, as_rows(weights), XOR.T, LABELS.T))


def simple_start() -> Weights:
    return as_columns(random_weights(make_plan(NETWORK, (2,), "binary_cross_entropy", 1), seed=4))


def test_simple_nn_steps_exactly_as_binary_cross_entropy_does() -> None:
    ours = theirs = simple_start()
    for _ in range(50):
        theirs, _ = printed_step(theirs, XOR, LABELS, rate=0.5)
        ours = library_step("binary_cross_entropy", ours, rate=0.5)
    for name in Weights._fields:
        same(getattr(ours, name), getattr(theirs, name), rtol=1e-11)


def test_simple_nn_does_not_step_as_the_loss_that_it_prints() -> None:
    """MSE has the factor 2 a (1 - a) in each row, at most a half, nearly 0 where a saturates."""
    start = simple_start()
    printed, _ = printed_step(start, XOR, LABELS, rate=1.0)
    honest = library_step("squared_error", start, rate=1.0)
    assert np.abs((printed.b2 - start.b2) / (honest.b2 - start.b2)) > 1.5
    network = nn.Sequential(NETWORK, nn.Sigmoid())
    plan = make_plan(network, (2,), "squared_error", 1)
    tensors = evaluate(plan, as_rows(start), XOR.T, LABELS.T).tensors
    _, a2 = forward(start, XOR)
    same(tensors["dense_2.dZ"].T, (a2 - LABELS) / 4 * (2 * a2 * (1 - a2)))


def test_simple_nn_can_raise_the_number_that_it_prints() -> None:
    """One row saturated and wrong, one undecided: cross-entropy and MSE pull apart."""
    weights = Weights(*(np.full((1, 1), value) for value in (1.0, 0.0, -6.5, 7.0)))
    X, y = np.array([[-5.0, 5.0]]), np.array([[0.0, 1.0]])
    printed = []
    for _ in range(5):
        weights, loss = printed_step(weights, X, y, rate=0.1)
        printed.append(loss)
    assert np.all(np.diff(printed) > 0.0)


def test_simple_nn_initialises_as_lecun_did() -> None:
    """`randn * sqrt(1 / d_in)`: the note calls it Xavier, whose variance is 2 / (d_in + d_out)."""
    drawn = numbers(300, 400) * np.sqrt(1 / 400)
    assert drawn.var() == pytest.approx(LeCunNormal().variance(400, 300, gain=1.0), rel=0.02)
    assert drawn.var() != pytest.approx(GlorotNormal().variance(400, 300, gain=1.0), rel=0.1)


# "Tracking progress over epochs".


@pytest.mark.parametrize("make_engine", ENGINES)
def test_one_update_moves_the_output_by_half_a_thousandth(make_engine: MakeEngine) -> None:
    """The table claims 0.004. With the biases moving too, which the note leaves out, 0.002."""
    for fixed_biases, expected in ((True, 0.000449), (False, 0.002193)):
        plan = chain_plan(SGD(RATE), fixed_biases)
        after = train(plan, START, INPUT, TARGET, 1, make_engine)
        output = weight(evaluate(plan, after, INPUT, TARGET).tensors, "sigmoid_2.H")
        assert output - 0.6 == pytest.approx(expected, abs=5e-7)


def test_the_table_does_not_follow_its_own_formula_b() -> None:
    """Err = O (1 - O) (0.9 - O) holds in the first row only, whatever the network is."""
    table = {0.600: 0.072, 0.604: 0.068, 0.620: 0.055, 0.750: 0.020, 0.880: 0.003}
    errors = {output: output * (1 - output) * (0.9 - output) for output in table}
    assert [round(error, 4) for error in errors.values()] == [0.072, 0.0708, 0.066, 0.0281, 0.0021]
    wrong = [output for output, error in errors.items() if abs(error - table[output]) > 0.0005]
    assert wrong == [0.604, 0.620, 0.750, 0.880]
