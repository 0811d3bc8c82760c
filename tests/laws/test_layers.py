"""Every layer: the graph says the shapes that the arrays have, and float32 follows float64."""

from __future__ import annotations

import numpy as np
import pytest

from chainrule.engine import ReferenceEngine, Rows
from chainrule.engine.walk import Walk
from chainrule.errors import ShapeError
from chainrule.glass.cases import NetworkCase
from chainrule.nn import LAYERS, Layer, build_graph
from chainrule.ops.shapes import sizes
from tests.laws.members import every
from tests.laws.networks import CASES, buffers_of, noise_of
from tests.laws.numerics import relative

NETWORKS = [pytest.param(case, id=case.name) for case in CASES]


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("case", NETWORKS)
def test_arrays_have_the_shapes_of_the_graph(case: NetworkCase, training: bool) -> None:
    plan, rows = case.plan(), case.rows()
    buffers = buffers_of(plan)
    parameters = plan.parameters.views(buffers.weights)
    running = plan.running.views(buffers.running)
    walk = Walk(plan, parameters, running, noise_of(plan, rows), training)
    walk.forward(rows.X)
    walk.loss(rows.Y, None)
    walk.backward()
    for name, shape in plan.graph.shapes().items():
        assert walk.tensors[name].shape == sizes(shape, len(rows)), name
    for name, gradient in walk.tensors.items():
        owner, _, local = name.rpartition(".")
        value = f"{owner}.{local[1:]}" if owner else local[1:]
        if local.startswith("d") and value in plan.graph.shapes():
            assert gradient.shape == walk.tensors[value].shape, name


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("case", NETWORKS)
def test_single_precision_agrees_with_double(case: NetworkCase, training: bool) -> None:
    plan, rows = case.plan(), case.rows()
    found = {}
    for dtype in ("float32", "float64"):
        engine = ReferenceEngine(plan, dtype)
        typed = Rows(rows.X.astype(dtype), rows.Y.astype(dtype))
        noise = noise_of(plan, rows, dtype)
        found[dtype] = engine.evaluate(buffers_of(plan, dtype), typed, training, noise)
        assert found[dtype].gradient.dtype == dtype
        assert found[dtype].raw.dtype == dtype
        assert found[dtype].running.dtype == dtype
    single, double = found["float32"], found["float64"]
    assert relative(single.raw, double.raw) <= 1e-5
    assert relative(single.gradient, double.gradient) <= 1e-5
    assert relative(single.objective, double.objective, 0.1) <= 1e-5


@pytest.mark.parametrize("layer", every(LAYERS))
def test_building_twice_gives_the_same_graph(layer: Layer) -> None:
    shape = layer.sample_shape()
    assert build_graph(layer, shape) == build_graph(layer, shape)


@pytest.mark.parametrize("layer", every(LAYERS))
@pytest.mark.parametrize("shape", [(), (0,), (3, 0), (2, 3, 4)])
def test_impossible_samples_are_refused(layer: Layer, shape: tuple[int, ...]) -> None:
    with pytest.raises(ShapeError):
        build_graph(layer, shape)


@pytest.mark.parametrize("layer", every(LAYERS))
def test_samples_fit_their_shape(layer: Layer) -> None:
    shape = (7, *layer.sample_shape())
    X = layer.sample_inputs(np.full(shape, 0.999))
    assert X.shape == shape
    assert np.all(np.isfinite(X))
