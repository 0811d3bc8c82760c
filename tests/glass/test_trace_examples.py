"""The worked examples carry the numbers of the article and of the course notes."""

from __future__ import annotations

import math

import numpy as np
import pytest

from chainrule.errors import UnknownNameError, UsageError
from chainrule.glass.trace import Trace
from chainrule.glass.trace.examples import EXAMPLES, example
from tests.goldens import chain, test_note_002
from tests.goldens import test_mazur as golden

NAMES = tuple(EXAMPLES)


def rounded(values: np.ndarray, digits: int = 9) -> list[str]:
    return [f"{number:.{digits}f}" for number in values.reshape(-1)]


def close(found: np.ndarray, expected: np.ndarray) -> None:
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("convention", ["rows", "columns"])
def test_every_example_is_proved_in_both_conventions(name: str, convention: str) -> None:
    step = example(name, convention)
    proof = step.check()
    assert proof
    assert proof.worst <= 1e-14
    assert proof.gradients == 5
    assert step.title == EXAMPLES[name].title
    assert step.loss_after < step.loss_before


def test_an_unknown_example_is_named() -> None:
    with pytest.raises(UnknownNameError, match="mazur"):
        example("mazzur")


def test_mazur() -> None:
    step = example("mazur")
    assert float(step["dense_1.Z"].value[0, 0]) == pytest.approx(0.3775, rel=1e-15)
    assert rounded(step["sigmoid_1.H"].value) == ["0.593269992", "0.596884378"]
    assert rounded(step["dense_2.Z"].value)[0] == "1.105905967"
    assert rounded(step["sigmoid_2.H"].value) == ["0.751365070", "0.772928465"]
    assert f"{step.loss_before:.9f}" == "0.298371109"
    assert rounded(step["dense_2.dZ"].value)[0] == "0.138498562"
    assert rounded(step["dense_2.dW"].value)[0] == "0.082167041"
    assert rounded(step["dense_1.dW"].value)[0] == "0.000438568"
    after = ["0.149780716", "0.199561432", "0.249751144", "0.299502287"]
    assert rounded(step["dense_1.W.after"].value.T) == after
    after = ["0.358916480", "0.408666186", "0.511301270", "0.561370121"]
    assert rounded(step["dense_2.W.after"].value.T) == after
    assert f"{step.loss_after:.9f}" == "0.291027774"
    start = golden.START
    assert all(step[name].value.tolist() == values for name, values in start.items())
    assert step["dense_1.b.after"].value.tolist() == start["dense_1.b"]
    assert float(step["dense_1.b.rate"].value) == 0.0


def test_note_004_the_one_neuron_chain() -> None:
    step = example("note-004-chain")
    assert step["sigmoid_1.H"].value.item() == 0.5
    assert step["sigmoid_2.H"].value.item() == pytest.approx(0.6, rel=1e-15)
    assert step["dense_2.W.after"].value.item() == pytest.approx(0.4036, rel=1e-14)
    assert step["dense_1.W.after"].value.item() == pytest.approx(0.60072, rel=1e-14)
    factors = [
        step[name].value.item() for name in ("sigmoid_2.dH", "sigmoid_2.slope", "sigmoid_1.H")
    ]
    assert factors == pytest.approx([-0.3, 0.24, 0.5], rel=1e-14)
    assert step["dense_2.dW"].value.item() == pytest.approx(math.prod(factors), rel=1e-14)
    assert all(step[name].value.tolist() == values for name, values in chain.START.items())


def test_note_004_errors_and_blame() -> None:
    signals = example("note-004-chain").error_signals()
    assert signals.of("dense_2").item() == pytest.approx(0.072, rel=1e-14)
    assert signals.of("dense_1").item() == pytest.approx(0.0072, rel=1e-14)
    assert signals.changes["dense_2.W"].item() == pytest.approx(0.0036, rel=1e-13)
    assert signals.changes["dense_1.W"].item() == pytest.approx(0.00072, rel=1e-13)
    assert "0.6 * (1 - 0.6) * (0.9 - 0.6) = 0.072" in str(signals)
    assert "0.5 * (1 - 0.5) * (0.4 * 0.072) = 0.0072" in str(signals)


@pytest.mark.parametrize("convention", ["rows", "columns"])
def test_error_signals_are_minus_the_gradients_of_half_the_squared_error(convention: str) -> None:
    step = example("mazur", convention)
    signals = step.error_signals()
    for layer in ("dense_1", "dense_2"):
        dZ = step[f"{layer}.dZ"].value
        close(signals.of(layer), -(dZ.T if convention == "columns" else dZ))
        W, after = step[f"{layer}.W"].value, step[f"{layer}.W.after"].value
        change = (after - W).T if convention == "columns" else after - W
        np.testing.assert_allclose(signals.changes[f"{layer}.W"], change, rtol=1e-10)
    document = signals.to_document()
    assert len(document["signals"]) == 4


def test_other_networks_have_no_error_signals() -> None:
    with pytest.raises(UsageError, match="no error signals"):
        example("note-002-relu-mse").error_signals()


def test_note_004_simple_nn_steps_as_the_printed_class_does() -> None:
    step = example("note-004-simple-nn")
    W1, b1, W2, b2, X, y = (
        step[name].value for name in ("dense_1.W", "dense_1.b", "dense_2.W", "dense_2.b", "X", "Y")
    )
    a1 = 1 / (1 + np.exp(-(W1 @ X + b1)))
    a2 = 1 / (1 + np.exp(-(W2 @ a1 + b2)))
    dz2, m = a2 - y, X.shape[1]
    dz1 = (W2.T @ dz2) * a1 * (1 - a1)
    close(step["dense_2.dW"].value, dz2 @ a1.T / m)
    close(step["dense_1.dW"].value, dz1 @ X.T / m)
    close(step["dense_2.W.after"].value, W2 - 0.1 * dz2 @ a1.T / m)
    close(step["dense_1.b.after"].value, b1 - 0.1 * dz1.sum(axis=1, keepdims=True) / m)
    assert W1.shape == (4, 2)


def test_note_003_closed_forms() -> None:
    step = example("note-003")
    X, Y, W2 = (step[name].value for name in ("X", "Y", "dense_2.W"))
    A1, A2, n = step["sigmoid_1.H"].value, step["loss.P"].value, step["X"].value.shape[1]
    assert (A1.shape, A2.shape, n) == ((4, 5), (2, 5), 5)
    back = (W2.T @ (A2 - Y)) * (A1 * (1 - A1)) / n
    close(step["dense_2.dZ"].value, (A2 - Y) / n)
    close(step["dense_2.dW"].value, (A2 - Y) @ A1.T / n)
    close(step["dense_2.db"].value, np.sum(A2 - Y, axis=1, keepdims=True) / n)
    close(step["dense_1.dZ"].value, back)
    close(step["dense_1.dW"].value, back @ X.T)
    close(step["dense_1.db"].value, np.sum(back, axis=1, keepdims=True))
    close(step["loss.dP"].value, (A2 - Y) / (A2 * (1 - A2)))
    for layer in ("dense_1", "dense_2"):
        for local in ("W", "b"):
            moved = step[f"{layer}.{local}"].value - 0.3 * step[f"{layer}.d{local}"].value
            close(step[f"{layer}.{local}.after"].value, moved)


def test_note_002_the_two_neuron_chain_by_hand() -> None:
    step, by_hand = example("note-002-chain"), test_note_002.chain_by_hand()
    assert step.loss_before == pytest.approx(by_hand["L"], rel=1e-14)
    names = {"w0": "dense_1.dW", "b0": "dense_1.db", "w1": "dense_2.dW", "b1": "dense_2.db"}
    for key, name in names.items():
        assert step[name].value.item() == pytest.approx(by_hand[key], rel=1e-13)


def homework(step: Trace, delta: np.ndarray) -> None:
    X, Z1, H, W2 = (step[name].value for name in ("X", "dense_1.Z", "relu_1.H", "dense_2.W"))
    passed = (delta @ W2.T) * (Z1 > 0)
    close(step["dense_2.dW"].value, H.T @ delta)
    close(step["dense_2.db"].value, delta.sum(axis=0))
    close(step["dense_1.dW"].value, X.T @ passed)
    close(step["dense_1.db"].value, passed.sum(axis=0))


def test_note_002_the_homework_under_the_squared_error() -> None:
    step = example("note-002-relu-mse")
    Z, Y = step["dense_2.Z"].value, step["Y"].value
    homework(step, 2 / len(Z) * (Z - Y))


def test_note_002_the_homework_under_cross_entropy() -> None:
    step = example("note-002-relu-cross-entropy")
    Z, Y = step["dense_2.Z"].value, step["Y"].value
    P = np.exp(Z) / np.exp(Z).sum(axis=1, keepdims=True)
    homework(step, (P - Y) / len(Z))
    assert step.loss_before == pytest.approx(-np.sum(Y * np.log(P)) / len(Z), rel=1e-14)


def test_note_000_the_batch_step_by_step() -> None:
    step = example("note-000")
    X, Y, H, P = (step[name].value for name in ("X", "Y", "tanh_1.H", "sigmoid_1.H"))
    N, W = len(X), step["dense_2.W"].value
    close(step["sigmoid_1.dH"].value, (P - Y) / N)
    dZ = (P - Y) / N * P * (1 - P)
    close(step["dense_2.dZ"].value, dZ)
    close(step["dense_2.dW"].value, H.T @ dZ)
    close(step["dense_2.db"].value, dZ.sum(axis=0))
    close(step["tanh_1.dH"].value, dZ @ W.T)
    hidden = dZ @ W.T * (1 - H**2)
    close(step["dense_1.dW"].value, X.T @ hidden)
    assert step.loss_before == pytest.approx(np.linalg.norm(Y - P) ** 2 / (2 * N), rel=1e-14)
    line = "(d_1 x N)(N x d_2) -> (d_1 x d_2) : (4 x 6)(6 x 2) -> (4 x 2)"
    assert step["dense_2.dW"].dimension == line
