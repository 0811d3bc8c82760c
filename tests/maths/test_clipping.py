"""Clipping: the formula, the direction, gradients of any size, nothing written in place."""

from __future__ import annotations

import math

import numpy as np
import pytest

from chainrule.maths.clipping import CLIPPINGS, ClipNorm, Clipping, ClipValue
from chainrule.maths.norms import column_norm_parts, norm, norm_parts

MEMBERS = [example for cls in CLIPPINGS for example in cls.examples()]


def test_clip_norm_by_hand() -> None:
    clipped, kept = ClipNorm(6.5).clip(np.array([3.0, -4.0, 12.0]))
    assert clipped == pytest.approx([1.5, -2.0, 6.0], rel=1e-15)
    assert kept == pytest.approx(0.5)


def test_clip_value_by_hand() -> None:
    clipped, kept = ClipValue(2.0).clip(np.array([3.0, -4.0, 1.0, -2.0]))
    assert clipped.tolist() == [2.0, -2.0, 1.0, -2.0]
    assert kept == 0.5


@pytest.mark.parametrize("member", [ClipNorm(5.0), ClipValue(4.0)], ids=repr)
def test_a_gradient_within_the_limit_is_returned_untouched(member: Clipping) -> None:
    gradient = np.array([3.0, -4.0])
    clipped, kept = member.clip(gradient)
    assert clipped is gradient
    assert kept == 1.0


@pytest.mark.parametrize("size", [1e-320, 1e-200, 1.0, 1e200, 1e308])
def test_clip_norm_at_any_size(size: float) -> None:
    limit = size / 4
    clipped, kept = ClipNorm(limit).clip(np.array([size, size, -size, size]))
    assert clipped == pytest.approx(limit / 2 * np.array([1.0, 1.0, -1.0, 1.0]), rel=1e-2)
    assert kept == pytest.approx(0.125, rel=1e-2)


def test_clip_norm_where_the_norm_itself_overflows() -> None:
    clipped, kept = ClipNorm(1.0).clip(np.full(16, 1.7e308))
    assert clipped == pytest.approx(np.full(16, 0.25), rel=1e-15)
    assert 0.0 <= kept < 1e-307


@pytest.mark.parametrize("member", MEMBERS, ids=repr)
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_divergence_is_not_hidden(member: Clipping, bad: float) -> None:
    gradient = np.array([1.0, bad, 1e6])
    clipped, kept = member.clip(gradient)
    assert np.array_equal(clipped, gradient, equal_nan=True)
    assert kept == 1.0


@pytest.mark.parametrize("member", MEMBERS, ids=repr)
@pytest.mark.parametrize("gradient", [np.zeros(3), np.zeros(0)], ids=["zeros", "empty"])
def test_nothing_to_clip(member: Clipping, gradient: np.ndarray) -> None:
    clipped, kept = member.clip(gradient)
    assert np.array_equal(clipped, gradient)
    assert kept == 1.0


@pytest.mark.parametrize("member", MEMBERS, ids=repr)
def test_pure_and_of_the_same_dtype(member: Clipping) -> None:
    gradient = np.array([1e20, -3.0, 0.25], dtype=np.float32)
    before = gradient.copy()
    gradient.flags.writeable = False
    clipped, kept = member.clip(gradient)
    assert clipped.dtype == np.float32
    assert np.array_equal(gradient, before)
    assert 0.0 <= kept < 1.0


@pytest.mark.parametrize("member", [ClipNorm(np.float64(0.5)), ClipValue(np.float64(0.5))])
def test_a_numpy_limit_does_not_promote(member: Clipping) -> None:
    assert member.clip(np.ones(3, np.float32))[0].dtype == np.float32


def test_clipping_caps_explosion_only() -> None:
    """Course note 004 claims that it prevents vanishing too; a tiny gradient stays as it is."""
    tiny = np.array([1e-12, -1e-12])
    assert ClipNorm(1.0).clip(tiny)[0] is tiny


def test_norms() -> None:
    assert norm(np.array([[3.0], [4.0]])) == 5.0
    assert norm(np.zeros((2, 0))) == 0.0
    assert norm_parts(np.array([0.0, -2.0])) == (2.0, 1.0)
    assert math.isinf(norm(np.array([1.0, -math.inf])))
    assert math.isnan(norm(np.array([1.0, math.nan])))
    largest, relative = column_norm_parts(np.array([[3.0, 0.0], [-4.0, 0.0]]))
    assert (largest * relative).tolist() == [[5.0, 0.0]]
