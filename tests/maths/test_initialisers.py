"""Initialisers: stated variances, published numbers, orthonormal frames, the same bits always."""

from __future__ import annotations

import hashlib
import math

import numpy as np
import pytest

from chainrule.errors import InvalidParameterError
from chainrule.maths.initialiser import INITIALISERS, Initialiser
from chainrule.maths.initialisers import (
    Constant,
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
    LeCunNormal,
    LeCunUniform,
    Normal,
    Orthogonal,
    Uniform,
    Zeros,
)
from chainrule.maths.orthonormal import orthonormal_rows
from chainrule.streams import Stream

MEMBERS = [example for cls in INITIALISERS for example in cls.examples()]
STREAM = Stream(7, "init:dense_1.W")


def draw(initialiser: Initialiser, shape: tuple[int, ...], gain: float = 1.0) -> np.ndarray:
    fan_in, fan_out = (shape[0], shape[-1]) if len(shape) > 1 else (shape[0], 1)
    return initialiser.sample(STREAM, shape, fan_in, fan_out, gain)


@pytest.mark.parametrize("gain", [1.0, math.sqrt(2.0)])
@pytest.mark.parametrize("member", MEMBERS, ids=repr)
def test_the_sample_has_the_stated_moments(member: Initialiser, gain: float) -> None:
    W = draw(member, (300, 200), gain)
    stated = member.variance(300, 200, gain)
    assert W.dtype == np.float64
    assert W.shape == (300, 200)
    assert np.var(W) == pytest.approx(stated, rel=0.05, abs=1e-30)
    assert np.mean(W) == pytest.approx(member.mean(), abs=5 * math.sqrt(stated / W.size) + 1e-15)


@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (5, 1), (4,), (2, 3, 4), (0, 3), (3, 0)])
@pytest.mark.parametrize("member", MEMBERS, ids=repr)
def test_any_shape(member: Initialiser, shape: tuple[int, ...]) -> None:
    W = member.sample(STREAM, shape, 3, 4, 1.0)
    assert W.shape == shape
    assert W.flags.c_contiguous
    assert np.all(np.isfinite(W))


@pytest.mark.parametrize("member", MEMBERS, ids=repr)
def test_the_same_stream_gives_the_same_bits(member: Initialiser) -> None:
    assert draw(member, (7, 5)).tobytes() == draw(member, (7, 5)).tobytes()


def test_published_variances() -> None:
    for glorot in (GlorotUniform(), GlorotNormal()):
        assert glorot.variance(30, 10, 1.0) == 0.05
    for lecun in (LeCunUniform(), LeCunNormal()):
        assert lecun.variance(50, 10, 1.0) == 0.02
    for he in (HeUniform(), HeNormal()):
        assert he.variance(50, 10, 1.0) == 0.04


def test_scale_is_a_factor_on_the_standard_deviation() -> None:
    assert HeNormal(scale=3.0).variance(50, 10, 1.0) == pytest.approx(9 * 0.04)
    assert np.array_equal(draw(HeNormal(2.0), (6, 4)), 2.0 * draw(HeNormal(), (6, 4)))


@pytest.mark.parametrize("member", [m for m in MEMBERS if m.name != "orthogonal"], ids=repr)
def test_only_orthogonal_reads_the_gain(member: Initialiser) -> None:
    assert np.array_equal(draw(member, (6, 4), 1.0), draw(member, (6, 4), 5.0))
    assert member.variance(6, 4, 1.0) == member.variance(6, 4, 5.0)


def test_the_uniform_ones_fill_their_interval() -> None:
    limit = math.sqrt(6.0 / (300 + 200))
    W = draw(GlorotUniform(), (300, 200))
    assert -limit <= W.min() < -0.99 * limit
    assert 0.99 * limit < W.max() < limit


@pytest.mark.parametrize("shape", [(6, 6), (9, 4), (4, 9), (1, 5), (5, 1), (1, 1)])
def test_orthogonal_is_orthonormal_times_gain(shape: tuple[int, int]) -> None:
    W = draw(Orthogonal(scale=0.5), shape, gain=4.0)
    product = W.T @ W if shape[0] >= shape[1] else W @ W.T
    np.testing.assert_allclose(product, 4.0 * np.eye(min(shape)), atol=1e-13)
    mean_square = float(np.mean(W**2))
    assert mean_square == pytest.approx(Orthogonal(0.5).variance(*shape, gain=4.0), rel=1e-12)


def test_orthogonal_vector_and_stack() -> None:
    assert np.linalg.norm(draw(Orthogonal(), (8,), gain=3.0)) == pytest.approx(3.0)
    W = draw(Orthogonal(), (2, 3, 4)).reshape(6, 4)
    np.testing.assert_allclose(W.T @ W, np.eye(4), atol=1e-14)


def test_orthogonal_is_uniform_over_rotations() -> None:
    """Both determinants occur, and no entry has a preferred sign."""
    frames = [Orthogonal().sample(Stream(seed, "init:W"), (3, 3), 3, 3, 1.0) for seed in range(400)]
    determinants = np.array([np.linalg.det(frame) for frame in frames])
    assert abs(np.mean(determinants > 0) - 0.5) < 0.1
    assert np.max(np.abs(np.mean(frames, axis=0))) < 0.12
    assert np.mean(np.square(frames), axis=0) == pytest.approx(np.full((3, 3), 1 / 3), abs=0.06)


def test_orthonormal_rows_by_hand() -> None:
    rows = orthonormal_rows(np.array([[2.0, 0.0, 0.0], [5.0, 3.0, 0.0], [1.0, 1.0, -7.0]]))
    assert np.array_equal(rows, np.diag([1.0, 1.0, -1.0]))


def test_orthonormal_rows_survive_a_bad_condition() -> None:
    base = np.array([[1.0, 1.0, 1.0], [1.0, 1.0 + 1e-9, 1.0], [1.0, 1.0, 1.0 + 1e-9]])
    rows = orthonormal_rows(base)
    np.testing.assert_allclose(rows @ rows.T, np.eye(3), atol=1e-14)


def test_orthonormal_rows_are_qr_with_a_positive_diagonal() -> None:
    draw = Stream(3, "frame").normal((20, 50))
    Q, R = np.linalg.qr(draw.T)
    np.testing.assert_allclose(orthonormal_rows(draw), (Q * np.sign(np.diag(R))).T, atol=1e-13)


def test_the_argument_is_not_written_to() -> None:
    draw = Stream(3, "frame").normal((4, 6))
    before = hashlib.sha256(draw.tobytes()).digest()
    orthonormal_rows(draw)
    assert hashlib.sha256(draw.tobytes()).digest() == before


def test_plain_ones() -> None:
    assert np.array_equal(draw(Zeros(), (2, 2)), np.zeros((2, 2)))
    assert np.array_equal(draw(Constant(0.25), (2,)), [0.25, 0.25])
    assert Constant(0.25).mean() == 0.25
    assert np.array_equal(draw(Normal(0.0, centre=2.0), (3,)), [2.0, 2.0, 2.0])
    assert np.array_equal(draw(Uniform(1.0, 1.0), (3,)), [1.0, 1.0, 1.0])


def test_uniform_wants_its_ends_in_order() -> None:
    with pytest.raises(InvalidParameterError, match="low <= high"):
        Uniform(1.0, 0.0)


def test_names_of_other_libraries() -> None:
    assert INITIALISERS["xavier_uniform"] is GlorotUniform
    assert INITIALISERS["xavier_normal"] is GlorotNormal
    assert INITIALISERS["kaiming_uniform"] is HeUniform
    assert INITIALISERS["kaiming_normal"] is HeNormal
