"""The reference engine: the objective is the weighted mean or sum that it says it is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from chainrule.engine import ReferenceEngine, Rows
from chainrule.glass.cases import NetworkCase
from chainrule.glass.point import network_point
from chainrule.streams import Stream
from tests.laws.networks import CASES, buffers_of, noise_of
from tests.laws.numerics import relative

NETWORKS = [pytest.param(case, id=case.name) for case in CASES]


@pytest.mark.parametrize("case", NETWORKS)
def test_a_prediction_depends_on_its_own_row(case: NetworkCase) -> None:
    plan, rows = case.plan(), case.rows()
    engine, buffers = ReferenceEngine(plan, "float64"), buffers_of(plan)
    together = engine.raw(buffers.weights, buffers.running, rows.X)
    for row in range(len(rows)):
        alone = engine.raw(buffers.weights, buffers.running, rows.X[row : row + 1])
        assert relative(alone[0], together[row], 1e-12) <= 1e-12


@pytest.mark.parametrize("case", NETWORKS)
def test_a_prediction_is_the_raw_output_of_an_evaluation(case: NetworkCase) -> None:
    plan, rows = case.plan(), case.rows()
    engine, buffers = ReferenceEngine(plan, "float64"), buffers_of(plan)
    evaluation = engine.evaluate(buffers, rows)
    raw = engine.raw(buffers.weights, buffers.running, rows.X)
    assert np.array_equal(evaluation.raw, raw)
    assert np.array_equal(evaluation.running, buffers.running)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("case", NETWORKS)
def test_the_sum_is_the_mean_times_the_mass(case: NetworkCase, training: bool) -> None:
    weights = np.linspace(0.5, 2.0, 5)
    for rows, mass in ((case.rows(), 5.0), (replace(case.rows(), weights=weights), weights.sum())):
        found = []
        for reduction in ("mean", "sum"):
            plan = replace(case, reduction=reduction).plan()
            engine = ReferenceEngine(plan, "float64")
            found.append(engine.evaluate(buffers_of(plan), rows, training, noise_of(plan, rows)))
        mean, total = found
        assert float(total.objective) == pytest.approx(float(mean.objective) * mass, rel=1e-12)
        assert relative(total.gradient, mean.gradient * mass) <= 1e-12


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("case", NETWORKS)
def test_a_weight_is_a_number_of_repetitions(case: NetworkCase, reduction: str) -> None:
    """In prediction mode; in training a batch norm and a mask rightly tell rows apart."""
    rows, counts = case.rows(), np.array([2, 1, 3, 0, 1])
    plan = replace(case, reduction=reduction).plan()
    engine, buffers = ReferenceEngine(plan, "float64"), buffers_of(plan)
    weighted = engine.evaluate(buffers, replace(rows, weights=counts.astype(float)))
    repeated = engine.evaluate(buffers, rows.take(np.repeat(np.arange(5), counts)))
    assert float(weighted.objective) == pytest.approx(float(repeated.objective), rel=1e-12)
    assert relative(weighted.gradient, repeated.gradient) <= 1e-12


@pytest.mark.parametrize("case", NETWORKS)
def test_weights_of_zero_give_a_gradient_of_zero(case: NetworkCase) -> None:
    plan = case.plan()
    rows = replace(case.rows(), weights=np.zeros(5))
    evaluation = ReferenceEngine(plan, "float64").evaluate(buffers_of(plan), rows)
    assert float(evaluation.objective) == 0.0
    assert not np.any(evaluation.gradient)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("case", NETWORKS)
def test_what_is_differentiated_is_what_is_reported(case: NetworkCase, training: bool) -> None:
    point = network_point(case.plan(), case.rows(), training, seed=0)
    checked = point.value(point.tensors)
    assert np.asarray(checked).tobytes() == np.asarray(point.evaluation.objective).tobytes()
    assert point.probe(point.tensors).value == float(checked)


@pytest.mark.parametrize("case", NETWORKS)
def test_an_evaluation_changes_nothing(case: NetworkCase) -> None:
    plan, rows = case.plan(), case.rows()
    engine, buffers = ReferenceEngine(plan, "float64"), buffers_of(plan)
    before = (buffers.weights.tobytes(), buffers.running.tobytes(), rows.X.tobytes())
    first = engine.evaluate(buffers, rows, True, noise_of(plan, rows))
    again = engine.evaluate(buffers, rows, True, noise_of(plan, rows))
    assert first.gradient.tobytes() == again.gradient.tobytes()
    assert before == (buffers.weights.tobytes(), buffers.running.tobytes(), rows.X.tobytes())


@pytest.mark.parametrize("case", NETWORKS)
def test_a_small_step_against_the_gradient_lowers_the_objective(case: NetworkCase) -> None:
    plan, rows = case.plan(), case.rows()
    engine, buffers, noise = ReferenceEngine(plan, "float64"), buffers_of(plan), {}
    noise = noise_of(plan, rows)
    start = engine.evaluate(buffers, rows, True, noise)
    norm = float(np.linalg.norm(start.gradient))
    assert norm > 0.0
    moved = buffers.copy()
    moved.weights = buffers.weights - 1e-6 * start.gradient / norm
    lower = engine.evaluate(moved, rows, True, noise)
    fall = float(start.objective) - float(lower.objective)
    assert fall == pytest.approx(1e-6 * norm, rel=1e-2)


def test_rows_that_are_not_taken_do_not_count() -> None:
    case = CASES[0]
    plan, rows = case.plan(), case.rows()
    engine, buffers = ReferenceEngine(plan, "float64"), buffers_of(plan)
    spoiled = rows.X.copy()
    spoiled[3:] = Stream(0, "other").normal(spoiled[3:].shape)
    taken = np.arange(3)
    ours = engine.evaluate(buffers, rows.take(taken))
    theirs = engine.evaluate(buffers, Rows(spoiled, rows.Y).take(taken))
    assert ours.gradient.tobytes() == theirs.gradient.tobytes()
