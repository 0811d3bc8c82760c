"""Every operation: pure, true to its types, indifferent to how its arrays lie in memory."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from chainrule.glass.op_point import OpPoint, op_point, sample_inputs
from chainrule.ops.op import OPS, Op
from chainrule.ops.shapes import ROWS, Dim, sizes
from tests.laws.members import every
from tests.laws.numerics import relative

Change = Callable[[np.ndarray], np.ndarray]


def points(op: Op, training: bool) -> list[OpPoint]:
    """Return a point for the operation's own sample, and one for sequences if it takes them."""
    samples = [sample_inputs(op), sample_inputs(op, sequence=True)]
    return [op_point(op, inputs, training) for inputs in samples if inputs is not None]


def passed_through(point: OpPoint, change: Change) -> tuple[dict[str, np.ndarray], ...]:
    """Return the arrays that went in, what `forward` and what `backward` gave."""
    given = {name: change(array) for name, array in {**point.given, **point.tensors}.items()}
    forward = point.op.forward(given, point.training)
    local = {name: change(array) for name, array in {**given, **forward}.items()}
    backward = point.op.backward(local, change(point.weights), point.training)
    return {**given, **local}, forward, dict(backward)


def strided(array: np.ndarray) -> np.ndarray:
    """Return the same numbers, read-only, as a view that is contiguous in no direction."""
    wide = np.full(tuple(2 * size for size in array.shape), 7, array.dtype)
    view = wide[tuple(slice(None, None, 2) for _ in array.shape)]
    view[...] = array
    view.flags.writeable = False
    return view


def single(array: np.ndarray) -> np.ndarray:
    """Return the numbers in float32; whole numbers used as indices stay."""
    return array.astype(np.float32) if array.dtype.kind == "f" else array


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("op", every(OPS))
def test_nothing_that_goes_in_is_written_to(op: Op, training: bool) -> None:
    for point in points(op, training):
        given = {**point.given, **point.tensors}
        local = {**given, **op.forward(given, training)}
        arrays = [*local.values(), point.weights]
        before = [array.tobytes() for array in arrays]
        op.forward(given, training)
        op.backward(local, point.weights, training)
        assert [array.tobytes() for array in arrays] == before


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("op", every(OPS))
def test_read_only_views_with_gaps_give_the_same_numbers(op: Op, training: bool) -> None:
    for point in points(op, training):
        _, forward, backward = passed_through(point, lambda array: array)
        _, forward_of_views, backward_of_views = passed_through(point, strided)
        for ours, theirs in ((forward, forward_of_views), (backward, backward_of_views)):
            assert set(ours) == set(theirs)
            assert all(relative(ours[name], theirs[name], 1e-12) <= 1e-12 for name in ours)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("op", every(OPS))
def test_the_type_of_numbers_is_kept(op: Op, training: bool) -> None:
    for point in points(op, training):
        for change, dtype in ((lambda array: array, np.float64), (single, np.float32)):
            _, forward, backward = passed_through(point, change)
            numbers = [array for array in forward.values() if array.dtype.kind == "f"]
            assert {array.dtype for array in numbers} == {np.dtype(dtype)}
            assert {array.dtype for array in backward.values()} <= {np.dtype(dtype)}
            assert forward[op.output].dtype == dtype


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("op", every(OPS))
def test_single_precision_agrees_with_double(op: Op, training: bool) -> None:
    for point in points(op, training):
        _, forward, backward = passed_through(point, lambda array: array)
        _, coarse_forward, coarse_backward = passed_through(point, single)
        assert relative(coarse_forward[op.output], forward[op.output]) <= 1e-5
        # A gradient that is zero but for rounding has no digits to compare.
        size = float(np.linalg.norm(point.weights))
        assert all(
            relative(coarse_backward[name], backward[name], size) <= 1e-5 for name in backward
        )


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("op", every(OPS))
def test_shapes_are_as_inferred(op: Op, training: bool) -> None:
    for point in points(op, training):
        given = {**point.given, **point.tensors}
        symbolic = {
            name: (ROWS, *(Dim(f"d{size}", size) for size in given[name].shape[1:]))
            for name in op.inputs()
        }
        inputs, forward, backward = passed_through(point, lambda array: array)
        rows = len(given[op.inputs()[0]])
        output = op.infer(symbolic)
        assert forward[op.output].shape == sizes(output, rows)
        for name, shape in op.inner_shapes({**symbolic, op.output: output}).items():
            if name in inputs:
                assert inputs[name].shape == sizes(shape, rows)
        assert set(backward) == {*op.differentiable(), *op.trainable()}
        assert all(backward[name].shape == inputs[name].shape for name in backward)
        assert all(f"new_{name}" in forward for name in op.running if training)


@pytest.mark.parametrize("op", every(OPS))
def test_noise_at_rest_is_prediction(op: Op) -> None:
    for point in points(op, training=True):
        given = {**point.given, **point.tensors}
        for name in op.noise:
            given.update(op.rest(given[name].shape, point.weights))
        if op.noise:
            resting = op.forward(given, True)[op.output]
            assert np.array_equal(resting, op.forward(given, False)[op.output])


@pytest.mark.parametrize("op", every(OPS))
def test_cost_and_formulas_are_stated(op: Op) -> None:
    for point in points(op, training=True):
        shapes = {name: array.shape for name, array in {**point.given, **point.tensors}.items()}
        shapes[op.output] = point.weights.shape
        assert all(isinstance(count, int) and count >= 0 for count in op.flops(shapes))
    assert set(op.backward_latex) & {*op.inputs(), *op.trainable()}
