"""A loss in Python, called back by the compiled engine: the numbers, the calls, whole runs."""

from __future__ import annotations

import copy
import pickle
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.engine import NativeEngine, ReferenceEngine, Rows, engine_for, info
from chainrule.errors import DivergenceError
from chainrule.maths.loss import LOSSES, Loss
from chainrule.maths.optimizers import Adam
from chainrule.plan import Plan, make_plan
from tests.native.calling import OwnSquaredError, epoch, squares, with_function
from tests.native.comparisons import TOLERANCES, apart, both, clock_of, idle, start, trained
from tests.native.networks import CLOCK, PLANS, first, rows_of, small_plan
from tests.native.own_losses import OWN, LogCosh
from tests.native.plans import Case
from tests.native.test_interrupt import bits
from tests.training.runs import interrupt_after


def plan_of(loss: Loss, **changed: Any) -> Plan:
    """Return a plan with all that a step can have around its loss."""
    network = nn.Sequential(
        nn.Dense(21),
        nn.BatchNorm(),
        nn.Dropout(0.3),
        nn.Residual(nn.LayerNorm(), nn.Dense(21, "tanh"), nn.Dropout(0.1)),
        nn.Dense(17, "gelu"),
        nn.Dense(loss.raw_width(3)),
    )
    told: dict[str, Any] = {
        "penalties": ("l1", "l2", "l2_shared", "weight_decay", "max_norm"),
        "clip": 0.5,
        "schedule": "cosine",
        **changed,
    }
    return make_plan(network, (9,), loss, 3, **told)


# ---- Numbers -----------------------------------------------------------------------------------


@pytest.mark.parametrize("weighted", [True, False], ids=["weighted", "plain"])
@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("name", OWN)
def test_the_numbers_are_the_reference_engines(name: str, reduction: str, weighted: bool) -> None:
    rate = 1e-3 if reduction == "mean" else 1e-5
    plan = plan_of(OWN[name], reduction=reduction, optimizer=Adam(rate))
    rows = rows_of(plan, 150, "float32", weighted)
    weights = rows.weights if rows.weights is None else rows.weights.astype(float)
    exact = Rows(rows.X.astype(float), rows.Y.astype(float), weights)
    case = Case(plan, exact, batch=32, seed=len(name))
    case = case.frozen(idle(case))
    truth = trained(case, ReferenceEngine(case.plan, "float64"))
    assert truth.result.complete
    for dtype in TOLERANCES:
        native = both(case, dtype)[1]
        found = trained(case, native)
        assert (found.result.steps, found.result.complete) == (truth.result.steps, True)
        for what, right in truth.tensors().items():
            assert apart(found.tensors()[what], right) <= TOLERANCES[dtype], (what, dtype)
        for training in (True, False):
            reference = ReferenceEngine(case.plan, "float64")
            moment = clock_of(case)
            right = reference.gradient(start(case, "float64"), exact, moment, training)
            ours = native.gradient(start(case, dtype), case.rows_as(dtype), moment, training)
            for what in ("gradient", "raw", "running", "objective", "data"):
                distance = apart(getattr(ours, what), getattr(right, what))
                assert distance <= TOLERANCES[dtype], (what, dtype)


def test_the_librarys_own_formula_has_the_same_bits_called_back() -> None:
    compiled = epoch(NativeEngine(small_plan(), "float64", 1))[0]
    called = epoch(NativeEngine(small_plan(loss=OwnSquaredError()), "float64", 3))[0]
    assert bits(called) == bits(compiled)


def test_numbers_of_another_type_do_not_change_the_runs() -> None:
    for loss in OWN.values():
        for engine in (ReferenceEngine, NativeEngine):
            plan = plan_of(loss)
            state, rows = first(plan, "float32"), rows_of(plan, 60, "float32")
            found = engine(plan, "float32").gradient(state, rows, CLOCK)
            assert {found.gradient.dtype, found.running.dtype} == {np.dtype("float32")}
            assert engine(plan, "float32").epoch(state, rows, np.arange(60), 20, CLOCK).finite
            vectors = (state.weights, state.running, *state.slots.values())
            assert {vector.dtype for vector in vectors} == {np.dtype("float32")}


def test_lbfgs_calls_back_too() -> None:
    X = np.random.default_rng(0).normal(size=(80, 3))
    job: dict[str, Any] = {"optimizer": "lbfgs", "epochs": 20, "dtype": "float64"}
    found = cr.train(nn.Dense(1), X, X @ [1.0, -2.0, 0.5], loss=LogCosh(), **job)
    assert found.model.engine.name == "native"
    assert found.history[-1]["train_loss"] == pytest.approx(np.log(2.0), abs=1e-9)


# ---- Calls -------------------------------------------------------------------------------------


def test_it_is_called_once_a_step_with_the_batch_by_the_calling_thread() -> None:
    seen: list[tuple[Any, ...]] = []

    def spy(raw: Any, Y: Any) -> Any:
        seen.append((threading.get_ident(), raw.shape, Y.shape, raw.dtype, raw.flags.writeable))
        return squares(raw, Y)

    plan = with_function(spy)
    epoch(NativeEngine(plan, "float32", 3), count=64)
    here, single = threading.get_ident(), np.dtype("float32")
    assert seen == [
        (here, (size, 2), (size, 2), single, True) for size in (10, 10, 10, 10, 10, 10, 4)
    ]


def test_it_may_keep_and_change_what_it_is_given() -> None:
    kept: list[Any] = []

    def spoil(raw: Any, Y: Any) -> Any:
        found = squares(raw, Y)
        kept.append((raw, Y, raw.copy()))
        Y[:] = np.nan
        return found

    buffers = epoch(NativeEngine(with_function(spoil), "float64", 2))[0]
    assert bits(buffers) == bits(epoch(NativeEngine(with_function(squares), "float64"))[0])
    assert len({id(raw) for raw, _, _ in kept}) == 6
    assert all(np.array_equal(raw, before) for raw, _, before in kept)


def test_it_may_return_lists_and_other_numbers() -> None:
    def plain(raw: Any, Y: Any) -> Any:
        values, slopes = squares(raw.astype(np.float64), Y)
        return [values.tolist(), slopes.tolist()]

    for engine in (ReferenceEngine, NativeEngine):
        ours, result = epoch(engine(with_function(plain), "float64"))
        assert result.complete
        assert apart(ours.weights, epoch(engine(with_function(squares), "float64"))[0].weights) == 0


def test_predictions_do_not_call_it() -> None:
    def never(raw: Any, Y: Any) -> Any:
        raise AssertionError("called")

    plan = with_function(never)
    state, X = first(plan, "float32"), rows_of(plan, 20, "float32").X
    found = NativeEngine(plan).raw(state.weights, state.running, X)
    right = NativeEngine(small_plan()).raw(state.weights, state.running, X)
    assert found.tobytes() == right.tobytes()


def test_it_may_use_the_same_engine_and_others() -> None:
    plan = with_function(lambda raw, Y: busy(raw, Y))
    engine, inner = NativeEngine(plan, "float64", 3), NativeEngine(PLANS["norms"], "float64", 3)
    state, X = first(plan, "float64"), rows_of(plan, 40, "float64").X
    expected = engine.raw(state.weights, state.running, X).tobytes()

    def busy(raw: Any, Y: Any) -> Any:
        assert engine.raw(state.weights, state.running, X).tobytes() == expected
        assert epoch(inner)[1].complete
        return squares(raw, Y)

    again = NativeEngine(with_function(squares), "float64")
    assert bits(epoch(engine)[0]) == bits(epoch(again)[0])


def test_warnings_of_numpy_are_silent_as_on_the_reference_engine() -> None:
    def overflow(raw: Any, Y: Any) -> Any:
        np.exp(np.full(3, 1e4, np.float32))
        return squares(raw, Y)

    assert epoch(NativeEngine(with_function(overflow)))[1].complete  # warnings are errors here


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda e: pickle.loads(pickle.dumps(e))])
def test_an_engine_can_be_copied(copied: Callable[[Any], Any]) -> None:
    engine = NativeEngine(with_function(squares), "float64", 2)
    assert bits(epoch(copied(engine))[0]) == bits(epoch(engine)[0])


# ---- What is said ------------------------------------------------------------------------------


def test_info_tells_what_is_called() -> None:
    plan = small_plan(loss=LogCosh())
    engine = engine_for(plan)  # a warning would be an error
    assert isinstance(engine, NativeEngine)
    found = info(plan)
    assert (found["engine"], found["reason"]) == ("native", "")
    assert found["called_back"] == "the loss users_log_cosh"
    assert found["threads"] >= 1
    assert info(small_plan())["called_back"] == info()["called_back"] == ""


# ---- Whole runs --------------------------------------------------------------------------------


def job(seed: int, **changed: Any) -> dict[str, Any]:
    """Return the arguments of a small training."""
    X = np.random.default_rng(seed).normal(size=(64, 3))
    network = nn.Sequential(nn.Dense(8, "tanh"), nn.Dropout(0.1), nn.Dense(1))
    told = {"loss": LogCosh(), "epochs": 6, "seed": seed, "batch_size": 8, **changed}
    return {"network": network, "X": X, "y": X @ [1.0, -2.0, 0.5], **told}


@pytest.mark.parametrize("workers", [1, 2, 6])
def test_networks_side_by_side(workers: int) -> None:
    jobs = [job(seed) for seed in range(6)]
    together = cr.train_many(jobs, workers=workers)
    for one, run in zip(jobs, together, strict=True):
        assert run.model.weights.tobytes() == cr.train(**one).model.weights.tobytes()


def test_threads_share_an_engine() -> None:
    plan = plan_of(OWN["together"])
    engine, expected = NativeEngine(plan, "float32", 2), epoch(NativeEngine(plan, "float32", 1))[0]
    found: list[bytes] = []

    def work() -> None:
        found.extend(bits(epoch(engine)[0]) for _ in range(5))

    threads = [threading.Thread(target=work) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
    assert found == [bits(expected)] * 25


def test_a_run_goes_on_from_its_checkpoint(tmp_path: Path) -> None:
    with LOSSES.temporary(LogCosh):
        whole = cr.train(**job(3))
        path = tmp_path / "run"

        part = cr.train(**job(3, checkpoint=path, on_event=interrupt_after(3)))
        assert (part.stop_reason, len(part.history)) == ("interrupted", 3)
        rest = cr.train(**job(3, resume=path))
        assert len(rest.history) == 6
        assert rest.model.weights.tobytes() == whole.model.weights.tobytes()


def test_a_run_whose_loss_is_not_a_number_says_so() -> None:
    class Never(LogCosh):
        def value(self, raw: Any, Y: Any) -> Any:
            return super().value(raw, Y) * np.nan

    with pytest.raises(DivergenceError, match="diverged") as caught:
        cr.train(**job(0, loss=Never()))
    assert caught.value.got == "a loss of nan"
