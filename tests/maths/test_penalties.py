"""Penalties: values by hand, gradients against differences, singular values against LAPACK."""

from __future__ import annotations

import math

import numpy as np
import pytest

from chainrule.errors import InvalidParameterError
from chainrule.maths.penalties import L1, L2, MaxNorm, Spectral, WeightDecay
from chainrule.maths.penalty import PENALTIES, Penalty
from chainrule.maths.power_iteration import top_singular
from chainrule.maths.schedules import Plateau, Polynomial, Warmup
from chainrule.streams import Stream

MEMBERS = [example for cls in PENALTIES for example in cls.examples()]
W0 = np.array([[1.0, -2.0], [0.5, 3.0]])


def matrix(rows: int, columns: int, seed: int = 0) -> np.ndarray:
    return Stream(seed, f"test:{rows}x{columns}").normal((rows, columns))


def with_singular_values(values: list[float], rows: int, seed: int = 0) -> np.ndarray:
    columns = len(values)
    U, _ = np.linalg.qr(matrix(rows, columns, seed))
    V, _ = np.linalg.qr(matrix(columns, columns, seed + 1))
    return (U * values) @ V.T


def differences(penalty: Penalty, W: np.ndarray, h: float) -> np.ndarray:
    """Return the derivative by central differences of fourth order."""
    result = np.empty_like(W)
    for index in np.ndindex(W.shape):
        total = 0.0
        for shift, weight in ((1, 8.0), (-1, -8.0), (2, -1.0), (-2, 1.0)):
            moved = W.copy()
            moved[index] += shift * h
            total += weight * float(penalty.value(moved))
        result[index] = total / (12.0 * h)
    return result


def test_values_by_hand() -> None:
    assert float(L1(2.0).value(W0)) == 13.0
    assert float(L2(2.0).value(W0)) == 14.25
    assert float(L2(2.0, half=False).value(W0)) == 28.5
    assert float(Spectral(2.0).value(np.diag([3.0, -5.0]))) == pytest.approx(10.0, rel=1e-15)


def test_gradients_by_hand() -> None:
    assert L1(2.0).gradient(np.array([[0.0, -3.0, 4.0]])).tolist() == [[0.0, -2.0, 2.0]]
    assert np.array_equal(L2(2.0).gradient(W0), 2.0 * W0)
    assert np.array_equal(L2(2.0, half=False).gradient(W0), 4.0 * W0)


def test_the_two_scales_of_l2_are_one_penalty() -> None:
    """Notes 000 and 001 write lambda/2, note 004 lambda: twice the strength is the same."""
    assert float(L2(0.2).value(W0)) == float(L2(0.1, half=False).value(W0))
    assert np.array_equal(L2(0.2).gradient(W0), L2(0.1, half=False).gradient(W0))


@pytest.mark.parametrize("member", [m for m in MEMBERS if m.analytic], ids=repr)
def test_the_gradient_is_the_derivative_by_complex_step(member: Penalty) -> None:
    W = matrix(4, 3)
    for index in np.ndindex(W.shape):
        moved = W.astype(complex)
        moved[index] += 1e-200j
        slope = float(np.imag(member.value(moved))) / 1e-200
        assert slope == pytest.approx(float(member.gradient(W)[index]), rel=1e-14, abs=1e-300)


@pytest.mark.parametrize(
    "W",
    [
        np.array([[0.3]]),
        np.array([[-2.0]]),
        matrix(1, 6),
        matrix(6, 1),
        np.array([[1.0, -1.0]]),
        matrix(12, 4),
        matrix(4, 12),
        matrix(9, 9),
        1e6 * matrix(5, 3),
        with_singular_values([1.0, 0.99, 0.5], 5),
        with_singular_values([1.0, 0.999, 0.998, 0.1], 4),
        with_singular_values([1.0, 0.3, 0.0], 6),
    ],
    ids=lambda W: "x".join(map(str, W.shape)),
)
def test_spectral_gradient_is_the_derivative(W: np.ndarray) -> None:
    penalty = Spectral(0.7)
    scale = float(np.max(np.abs(W)))
    numeric = differences(penalty, W, h=3e-5 * scale)
    np.testing.assert_allclose(penalty.gradient(W), numeric, rtol=0, atol=1e-7)


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (20, 7), (7, 20), (60, 60), (150, 90)])
def test_top_singular_against_lapack(shape: tuple[int, int]) -> None:
    W = matrix(*shape)
    U, S, Vt = np.linalg.svd(W)
    sigma, u, v = top_singular(W)
    assert sigma == pytest.approx(S[0], rel=1e-14)
    np.testing.assert_allclose(np.outer(u, v), np.outer(U[:, 0], Vt[0]), atol=1e-12)


@pytest.mark.parametrize("gap", [1e-2, 1e-4, 1e-6, 1e-8])
def test_close_singular_values_are_told_apart(gap: float) -> None:
    W = with_singular_values([1.0, 1.0 - gap, 0.4, 0.3], 7)
    U, S, Vt = np.linalg.svd(W)
    sigma, u, v = top_singular(W)
    assert sigma == pytest.approx(S[0], rel=1e-14)
    np.testing.assert_allclose(np.outer(u, v), np.outer(U[:, 0], Vt[0]), atol=3e-15 / gap)


@pytest.mark.parametrize("size", [1e-300, 1e-30, 1e30, 1e300])
def test_weights_of_any_size(size: float) -> None:
    W = matrix(5, 4)
    expected = size * np.linalg.norm(W, 2)
    assert top_singular(size * W)[0] == pytest.approx(expected, rel=1e-13)
    assert Spectral(1.0).gradient(size * W) == pytest.approx(Spectral(1.0).gradient(W), rel=1e-10)


def test_tied_singular_values_give_a_subgradient() -> None:
    G = Spectral(1.0).gradient(np.eye(4))
    assert float(Spectral(1.0).value(np.eye(4))) == pytest.approx(1.0, rel=1e-14)
    assert np.trace(G) == pytest.approx(1.0, rel=1e-13)  # <G, W> = value
    assert np.linalg.norm(G, "nuc") == pytest.approx(1.0, rel=1e-13)
    assert np.array_equal(G, Spectral(1.0).gradient(np.eye(4)))


@pytest.mark.parametrize("member", MEMBERS, ids=repr)
def test_zero_weights(member: Penalty) -> None:
    W = np.zeros((3, 2))
    assert float(member.value(W)) == 0.0
    assert np.array_equal(member.gradient(W), W)
    assert np.array_equal(member.project(W), W)


def test_weights_that_are_not_finite() -> None:
    for bad in (math.nan, math.inf):
        W = np.array([[1.0, bad], [0.0, 1.0]])
        assert not math.isfinite(float(Spectral(1.0).value(W)))
        assert np.all(np.isnan(Spectral(1.0).gradient(W)))


def test_spectral_of_a_vector_and_of_a_stack() -> None:
    assert float(Spectral(1.0).value(np.array([3.0, 4.0]))) == pytest.approx(5.0, rel=1e-15)
    assert Spectral(1.0).gradient(np.array([3.0, 4.0])) == pytest.approx([0.6, 0.8], rel=1e-15)
    stack = matrix(6, 4).reshape(2, 3, 4)
    assert Spectral(1.0).gradient(stack).shape == (2, 3, 4)


@pytest.mark.parametrize("member", MEMBERS, ids=repr)
def test_pure_and_of_the_same_dtype(member: Penalty) -> None:
    W = matrix(5, 3).astype(np.float32)
    before = W.copy()
    W.flags.writeable = False
    assert member.value(W).dtype == np.float32
    assert member.gradient(W).dtype == np.float32
    assert member.project(W).dtype == np.float32
    assert np.array_equal(W, before)


def test_a_numpy_strength_does_not_promote() -> None:
    W = matrix(5, 3).astype(np.float32)
    for member in (L1(np.float64(0.1)), L2(np.float64(0.1)), Spectral(np.float64(0.1))):
        assert member.value(W).dtype == np.float32
        assert member.gradient(W).dtype == np.float32
    assert MaxNorm(np.float64(0.1)).project(W).dtype == np.float32


def test_weight_decay_is_l2_for_gradient_descent() -> None:
    rate, strength = 0.1, 0.5
    by_gradient = W0 - rate * L2(strength).gradient(W0)
    by_decay = W0 * (1.0 - rate * WeightDecay(strength).decay(0, 10))
    np.testing.assert_allclose(by_gradient, by_decay, rtol=1e-15)


def test_weight_decay_follows_its_schedule() -> None:
    penalty = WeightDecay(0.2, schedule="polynomial")
    assert [penalty.decay(step, 4) for step in (0, 2, 4)] == [0.2, 0.1, 0.0]
    assert penalty == WeightDecay(0.2, schedule=Polynomial())
    assert PENALTIES.make(PENALTIES.document(penalty)) == penalty


@pytest.mark.parametrize("schedule", [Plateau(), Warmup(3, then="plateau"), "plateau"])
def test_weight_decay_refuses_schedules_that_need_scores(schedule: object) -> None:
    with pytest.raises(InvalidParameterError, match="scores"):
        WeightDecay(0.1, schedule=schedule)  # pyright: ignore[reportArgumentType]


def test_max_norm_by_hand() -> None:
    W = np.array([[6.0, 0.3, 0.0], [8.0, 0.4, 0.0]])
    assert MaxNorm(5.0).project(W).tolist() == [[3.0, 0.3, 0.0], [4.0, 0.4, 0.0]]


@pytest.mark.parametrize("size", [1e-300, 1.0, 1e300])
def test_max_norm_holds_and_is_the_nearest_point(size: float) -> None:
    W = size * matrix(6, 5)
    limit = 2.0 * size
    P = MaxNorm(limit).project(W)
    norms = np.linalg.norm(P / size, axis=0) * size
    assert np.all(norms <= limit * (1 + 1e-14))
    kept = np.linalg.norm(W / size, axis=0) <= 2.0
    assert np.array_equal(P[:, kept], W[:, kept])
    assert MaxNorm(limit).project(P) == pytest.approx(P, rel=1e-15)
    cosines = np.sum((P / size) * (W / size), axis=0)
    lengths = np.linalg.norm(P / size, axis=0) * np.linalg.norm(W / size, axis=0)
    assert cosines == pytest.approx(lengths, rel=1e-14)


def test_max_norm_of_a_vector() -> None:
    assert MaxNorm(2.5).project(np.array([3.0, 4.0])).tolist() == [1.5, 2.0]
