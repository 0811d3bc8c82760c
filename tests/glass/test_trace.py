"""The trace of a step: complete, proved, in both conventions, and the engine's own numbers."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.engine.reference import ReferenceEngine
from chainrule.glass.trace import ROLES, Trace, trace_step, variable
from chainrule.glass.trace.pen import WRITERS
from chainrule.glass.trace.random_steps import check_random, random_step
from chainrule.glass.trace.write_activate import LEARNED
from chainrule.glass.trace.write_loss import LOSS_TEXTS
from chainrule.glass.trace.write_optimizer import OPTIMIZER_TEXTS
from chainrule.glass.trace.write_penalty import CLIPPING_TEXTS, PENALTY_TEXTS
from chainrule.maths.activation import ACTIVATIONS
from chainrule.maths.clipping import CLIPPINGS
from chainrule.maths.loss import LOSSES
from chainrule.maths.optimizer import OPTIMIZERS
from chainrule.maths.penalty import PENALTIES
from chainrule.ops.op import OPS
from tests.glass.trace_cases import ALL, Case, flat, traces


def names(registry: object) -> set[str]:
    return {member.name for member in registry}  # type: ignore[attr-defined]


# Complete.


def test_every_member_of_the_registries_has_written_formulas() -> None:
    assert {op.name for op in WRITERS} == names(OPS)
    assert {loss.name for loss in LOSS_TEXTS} == names(LOSSES)
    assert {penalty.name for penalty in PENALTY_TEXTS} == names(PENALTIES)
    assert {clipping.name for clipping in CLIPPING_TEXTS} == names(CLIPPINGS)
    assert {optimizer.name for optimizer in OPTIMIZER_TEXTS} == names(OPTIMIZERS)
    learned = {(each.name, one.name) for each in ACTIVATIONS for one in each.learned}
    assert set(LEARNED) == learned


def test_the_cases_meet_every_member() -> None:
    plans = [plan for _, plan, *_ in ALL]
    ops = {node.op.name for plan in plans for node in plan.graph.nodes}
    functions = {
        node.op.function.name  # type: ignore[attr-defined]
        for plan in plans
        for node in plan.graph.nodes
        if node.op.name == "activate"
    }
    assert ops == names(OPS)
    assert functions == names(ACTIVATIONS)
    assert {plan.loss.name for plan in plans} == names(LOSSES)
    assert {plan.optimizer.name for plan in plans} == names(OPTIMIZERS)
    assert {each.name for plan in plans for each in plan.penalties} == names(PENALTIES)
    assert {each.name for plan in plans for each in plan.clippings} == names(CLIPPINGS)
    assert any(flat(plan) for plan in plans)


# Proved.


@pytest.mark.parametrize("number", range(len(ALL)), ids=[name for name, *_ in ALL])
def test_every_formula_gives_its_value_and_every_gradient_is_a_derivative(number: int) -> None:
    step = traces()[number]
    proof = step.check()
    assert proof.passed, str(proof)
    assert proof.formulas > 10
    assert proof.gradients >= len(ALL[number][1].parameters.names())
    parameters = step.of_role("parameter")
    assert all(step[f"{record.name}.after"].code for record in parameters)
    for record in step:
        assert record.role in ROLES
        assert record.value.dtype == np.float64
        assert not record.value.flags.writeable
        assert record.shape == record.value.shape
        assert all(step.places[parent] < step.places[record.name] for parent in record.parents)
        assert record.symbolic.count(" x ") + bool(record.symbolic) == len(record.shape), (
            record.name
        )


@pytest.mark.parametrize("case", ALL, ids=[name for name, *_ in ALL])
def test_the_values_are_the_engines(case: Case) -> None:
    """Every gradient and every new weight, against the engine run on its own."""
    _, plan, rows, buffers, clock = case
    engine = ReferenceEngine(plan, "float64")
    step = traces()[ALL.index(case)]
    found = engine.evaluate(buffers, rows, True, engine.noise(clock, len(rows), buffers.step))
    assert step.loss_before == float(found.objective)
    columns = step.settings.convention == "columns"

    def turned(value: np.ndarray) -> np.ndarray:
        return (
            value.reshape(-1, 1) if value.ndim == 1 and columns else value.T if columns else value
        )

    for name, gradient in plan.parameters.views(np.asarray(found.gradient)).items():
        owner, _, local = name.rpartition(".")
        assert np.array_equal(step[f"{owner}.d{local}"].value, turned(gradient)), name
    if plan.optimizer.stepwise:
        after = buffers.copy()
        assert engine.step(after, rows, clock).finite
        for name, weight in plan.parameters.views(after.weights).items():
            assert np.array_equal(step[f"{name}.after"].value, turned(weight)), name


def test_random_networks_have_no_mismatch() -> None:
    report = check_random(6, seed=5)
    assert not report.mismatches
    assert report.worst.proof.worst <= 1e-12
    assert report.formulas > 300
    assert random_step(5, 0)[0] == report.rows[0].name


def test_a_wrong_formula_is_found() -> None:
    """The proof can fail: a sign, a transpose of a square matrix, a rate."""
    step = cr.trace(
        nn.Sequential(nn.Dense(2, "tanh"), nn.Dense(2)),
        np.eye(2) + 0.3,
        np.eye(2),
        loss="squared_error",
        optimizer="sgd",
    )
    wrong = {
        "dense_2.dW": "tanh_1_H @ dense_2_dZ",
        "dense_2.dZ": "-loss_slope * loss_factors[:, None]",
        "dense_1.W.after": "dense_1_W - 0.1 * dense_1_dW",
        "dense_1.db": "dense_1_dZ[0]",
        "tanh_1.slope": "1 - tanh_1_H",
    }
    for name, code in wrong.items():
        records = tuple(
            dataclasses.replace(record, code=code) if record.name == name else record
            for record in step
        )
        proof = dataclasses.replace(step, records=records, whole=records).check()
        assert not proof
        assert not proof.passed
        assert proof.mismatches == (name,)
        assert str(proof).startswith(f"trace does not hold: {name};")


def test_a_wrong_gradient_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    from chainrule.maths.activations import Tanh

    monkeypatch.setattr(Tanh, "slope", lambda self, Z, H: 1.0 - H)
    with np.errstate(all="ignore"):
        step = cr.trace(nn.Dense(2, "tanh"), np.eye(2), np.eye(2), loss="squared_error")
    proof = step.check()
    assert "dense_1.dW" in proof.failed_gradients
    assert "tanh_1.slope" in proof.mismatches


# What it says.


def chain(**words: object) -> Trace:
    network = nn.Sequential(nn.Dense(3, "relu"), nn.Dense(2))
    X = np.array([[0.5, -1.0], [1.5, 0.3], [-0.7, 0.9], [0.2, 0.4]])
    return cr.trace(network, X, [0, 1, 1, 0], loss="softmax_cross_entropy", **words)  # type: ignore[arg-type]


def test_products_state_their_dimensions_in_symbols_and_numbers() -> None:
    rows, columns = chain(), chain(convention="columns")
    assert (
        rows["dense_1.dW"].dimension
        == "(d_0 x N)(N x d_1) -> (d_0 x d_1) : (2 x 4)(4 x 3) -> (2 x 3)"
    )
    assert columns["dense_1.dW"].code == "dense_1_dZ @ X.T"
    assert columns["dense_1.dW"].dimension.endswith(": (3 x 4)(4 x 2) -> (3 x 2)")
    assert rows["relu_1.dH"].code == "dense_2_dZ @ dense_2_W.T"
    assert columns["relu_1.dH"].code == "dense_2_W.T @ dense_2_dZ"
    assert "transposed" in rows["dense_1.dW"].note
    assert "sum over the samples" in rows["dense_1.db"].note


def test_the_conventions_are_each_others_transposes() -> None:
    rows, columns = chain(), chain(convention="columns")
    assert rows.names == columns.names
    for one, two in zip(rows, columns, strict=True):
        if two.value.ndim < 2 or one.name == "loss.jacobian":
            np.testing.assert_allclose(one.value, two.value, rtol=1e-12, atol=1e-15)
        elif one.value.ndim == 1:
            np.testing.assert_allclose(one.value[:, None], two.value, rtol=1e-12, atol=1e-15)
        else:
            np.testing.assert_allclose(one.value.T, two.value, rtol=1e-12, atol=1e-15)


def test_the_fused_gradient_and_the_long_way_round_are_equal() -> None:
    for convention in ("rows", "columns"):
        step = chain(convention=convention)
        assert step["loss.slope"].code == "loss_P - Y"
        assert step["loss.slope.long_hand"].flags == ("long-hand",)
        assert "jacobian" in step["loss.slope.long_hand"].code
        assert step["loss.jacobian"].shape == (4, 2, 2)
        assert np.array_equal(step["loss.slope"].value, step["loss.slope.long_hand"].value)
    binary = cr.trace(nn.Dense(1), [[1.0], [2.0]], [0.0, 1.0], loss="binary_cross_entropy")
    assert binary["loss.slope.long_hand"].code == "loss_dP * loss_link_slope"
    assert bool(binary.check())


def test_logits_too_large_for_the_plain_form_get_one_that_holds() -> None:
    state = {"dense_1.W": [[900.0, -900.0]]}
    step = cr.trace(nn.Dense(2), [[1.0], [-1.0]], [0, 0], loss="softmax_cross_entropy", state=state)
    assert "stable form" in step["loss.P"].flags
    assert "max" in step["loss.P"].code
    assert "loss.slope.long_hand" not in step  # it would divide by a probability of 0
    assert step.check()
    sigmoid = cr.trace(
        nn.Dense(1, "silu"), [[-800.0]], [1.0], loss="mse", state={"dense_1.W": [[1.0]]}
    )
    assert "stable form" in sigmoid["silu_1.slope"].flags
    assert sigmoid.check()


def test_kinks_and_masks_are_flagged() -> None:
    state = {"dense_1.W": [[1.0, 2.0], [1.0, 1.0]]}
    network = nn.Sequential(nn.Dense(2, "relu"), nn.Dropout(0.5), nn.Dense(1))
    step = cr.trace(network, [[1.0, -1.0]], [1.0], loss="squared_error", state=state)
    assert "kink" in step["relu_1.H"].flags
    assert "kink" in step["relu_1.slope"].flags
    assert "slope is 0" in step["relu_1.slope"].note
    assert step["dropout_1.M"].flags == ("dropout mask",)
    assert not step["dropout_1.M"].code
    smooth = chain()
    assert not any("kink" in record.flags for record in smooth)
    lasso = cr.trace(
        nn.Dense(1),
        [[1.0, 2.0]],
        [1.0],
        loss="squared_error",
        penalties=cr.L1(0.1),
        state={"dense_1.W": [[0.0], [1.0]]},
    )
    assert "kink" in lasso["dense_1.dW.l1"].flags


def test_paths_that_meet_add_their_gradients() -> None:
    step = cr.trace(nn.Residual(nn.Dense(2)), [[1.0, -1.0]], [[1.0, 2.0]], loss="squared_error")
    assert step["dX"].code == "dX_via_residual_1_X0 + dX_via_dense_1_X"
    assert np.array_equal(
        step["dX"].value, step["dX.via_residual_1_X0"].value + step["dX.via_dense_1_X"].value
    )


def test_the_penalty_is_part_of_the_objective_and_of_the_gradient() -> None:
    step = chain(penalties=[cr.L2(0.1), cr.L1(0.01)], clip=0.01, optimizer=cr.Adam(0.1))
    assert step["objective"].parents[0] == "loss.J"
    assert set(step["dense_1.dW"].parents) == {"dense_1.dW.data", "dense_1.dW.l2", "dense_1.dW.l1"}
    assert float(step["clip_1.factor"].value) < 1.0
    assert "dense_1.dW.clipped" in step["dense_1.W.mean"].parents
    assert float(step["optimizer.mean_correction"].value) == pytest.approx(0.1)
    assert step.loss_after == float(step["objective.after"].value)


def test_a_step_in_the_middle_of_a_run_starts_from_its_state() -> None:
    state = {"dense_1.b.mean.before": [0.5, 0.0, -0.5], "step": 9, "total_steps": 20}
    step = chain(state=state, optimizer=cr.Adam(0.1), schedule="cosine")
    assert float(step["optimizer.step"].value) == 10.0
    assert step["dense_1.b.mean.before"].value.tolist() == [0.5, 0.0, -0.5]
    assert 0.0 < float(step["optimizer.rate"].value) < 0.1


def test_the_document_holds_everything() -> None:
    step = chain(penalties="l2", title="A step")
    document = json.loads(step.to_json())
    assert [record["name"] for record in document["records"]] == list(step.names)
    values = {record["variable"]: np.array(record["value"]) for record in document["records"]}
    for record in step:
        assert np.array_equal(values[variable(record.name)], record.value)
    assert document["proof"]["passed"]
    assert document["settings"] == {
        "convention": "rows",
        "reduction": "mean",
        "digits": 6,
        "seed": 0,
    }
    assert document["network"]["record"] == "layer/sequential"
    assert (document["title"], document["loss_before"]) == ("A step", step.loss_before)


def test_chosen_records_are_shown_and_the_rest_stays_known() -> None:
    whole = chain()
    step = whole.only("dense_1.d*", "loss")
    assert step.names[0] == "loss.factors"
    assert "X" not in step.names
    assert "X" in step
    assert step.check().formulas == whole.check().formulas
    assert len(step.explain("dense_1.dW[0, 1]").terms) == 4
    assert step.jacobian("dense_1.Z", "dense_1.b").shape == (4, 3, 3)
    views = (step.to_html(), step.to_markdown(), step.to_latex(), step.to_text(), step.to_svg())
    assert all(views)
    assert step.to_worksheet()
    assert json.loads(step.to_json())["records"][0]["name"] == "loss.factors"


def test_a_model_and_a_run_are_traced_from_their_own_weights() -> None:
    X, y = np.linspace(-1, 1, 12).reshape(6, 2), ["no", "yes", "no", "yes", "yes", "no"]
    run = cr.train(
        nn.Dense(1),
        X,
        y,
        loss="binary_cross_entropy",
        optimizer="sgd",
        epochs=2,
        penalties="l2",
        metrics=(),
    )
    for source in (run, run.model):
        step = cr.trace(source, X[:2], y[:2])
        assert step["Y"].value.tolist() == [[0.0], [1.0]]
        weights = run.model.weights.astype(np.float64)
        assert step["dense_1.W"].value.reshape(-1).tolist() == weights[:2].tolist()
        assert "dense_1.W.l2" in step
        assert step["optimizer.step"].value == 1.0
    assert "dense_1.W.l2" not in cr.trace(run, X[:2], y[:2], penalties=())


def test_nothing_that_is_given_is_written_to() -> None:
    _, plan, rows, buffers, clock = ALL[0]
    before = buffers.copy()
    X = rows.X.copy()
    trace_step(plan, rows, buffers, clock)
    assert np.array_equal(buffers.weights, before.weights)
    assert np.array_equal(rows.X, X)
    assert buffers.step == before.step


def test_a_page_is_written_and_a_notebook_shows_the_trace(tmp_path: Path) -> None:
    step = chain()
    path = tmp_path / "step.html"
    assert step.to_html(path) == path.read_text(encoding="utf-8")
    assert "dense_1.dW" in step._repr_html_()
    assert "dense_1.dW" in str(step)
    assert repr(step).startswith("<Trace of ")
