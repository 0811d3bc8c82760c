"""Tracing chosen steps of a run: the run ends in the same bits as one that nobody looked at."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.engine.native import reason_for_reference
from chainrule.engine.select import engine_for
from chainrule.errors import InvalidParameterError, UsageError
from chainrule.maths.activation import Activation
from chainrule.streams import Stream
from chainrule.training.events import EpochEnded

NETWORK = nn.Sequential(nn.Dense(5, "relu"), nn.BatchNorm(), nn.Dropout(0.2), nn.Dense(1))
X = Stream(0, "trace:X").normal((50, 3))
Y = Stream(0, "trace:Y").normal((50,))


def train(**words: Any) -> cr.Run:
    settings: dict[str, Any] = {
        "loss": "squared_error",
        "epochs": 3,
        "batch_size": 8,
        "schedule": "cosine",
        "penalties": "l2",
        "clip": 1.0,
        "optimizer": cr.Adam(0.01),
    }
    return cr.train(NETWORK, X, Y, **{**settings, **words})


def bits(run: cr.Run) -> Any:
    rows = [{key: cell for key, cell in row.items() if key != "seconds"} for row in run.history]
    return run.model.weights.tobytes(), run.model.state.tobytes(), repr(rows)


@pytest.mark.parametrize("engine", ["native", "reference"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_traced_run_ends_in_the_same_bits(
    engine: str, dtype: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHAINRULE_ENGINE", engine)
    plain = train(dtype=dtype)
    if engine == "native" and reason_for_reference(plain.model.plan):
        pytest.fail("the compiled engine is not there")
    traced = train(dtype=dtype, trace_steps=[1, 3, 7, 8, 20])
    assert engine_for(plain.model.plan).name == engine
    assert bits(traced) == bits(plain)
    assert list(traced.traces) == [1, 3, 7, 8, 20]
    for number, step in traced.traces.items():
        assert float(step["optimizer.step"].value) == number
        assert step.check()


def test_the_step_that_is_traced_is_the_step_of_the_run() -> None:
    """In float64 on the reference operations: the last step's weights are those of the model."""
    traced = train(dtype="float64", trace_steps=[20, 21], restore_best=False)
    last = traced.traces[21]
    names = traced.model.plan.parameters.names()
    after = np.concatenate([last[f"{name}.after"].value.reshape(-1) for name in names])
    np.testing.assert_allclose(after, traced.model.weights, rtol=1e-11, atol=1e-14)
    first = traced.traces[20]
    for name in names:
        before, after = last[name].value, first[f"{name}.after"].value
        np.testing.assert_allclose(before, after, rtol=1e-11, atol=1e-14)
    assert last["X"].shape == (2, 3)  # the short last batch
    assert np.any(last["dropout_1.M"].value != first["dropout_1.M"].value[:2])


def test_recording_and_tracing_go_together() -> None:
    both = train(record=True, trace_steps=[2])
    assert bits(both)[:2] == bits(train())[:2]
    assert both.recording is not None
    assert 2 in both.traces


def test_a_run_that_is_resumed_is_traced_where_it_goes_on(tmp_path: Any) -> None:
    path = tmp_path / "run.ckpt"

    def stop(event: Any) -> None:
        if isinstance(event, EpochEnded):
            raise InterruptedError

    with pytest.raises(InterruptedError):
        train(checkpoint=path, on_event=stop)
    again = train(resume=path, trace_steps=[3, 10])
    whole = train(trace_steps=[10])
    assert list(again.traces) == [10]  # the third step was done before
    assert bits(again) == bits(whole)
    for one, two in zip(again.traces[10], whole.traces[10], strict=True):
        assert np.array_equal(one.value, two.value), one.name


def test_steps_that_a_run_does_not_have_are_refused() -> None:
    for steps in ([0], [1.5], [], "all", [True]):
        with pytest.raises(InvalidParameterError, match="steps"):
            train(trace_steps=steps)
    with pytest.raises(InvalidParameterError, match="ends before"):
        train(trace_steps=[22])
    with pytest.raises(UsageError, match="no single updates"):
        train(trace_steps=[1], optimizer="lbfgs", clip=None, schedule=None)


def test_a_step_that_diverges_does_not_end_the_run_in_another_way() -> None:
    words: dict[str, Any] = {"optimizer": cr.SGD(1e30), "clip": None, "schedule": None}
    with pytest.raises(cr.errors.DivergenceError) as plain:
        train(**words)
    with pytest.raises(cr.errors.DivergenceError) as traced:
        train(**words, trace_steps=[1, 2, 3, 4, 5])
    assert str(traced.value) == str(plain.value)


def test_formulas_that_nobody_wrote_are_missed_before_the_run() -> None:
    @dataclasses.dataclass(frozen=True)
    class Quartic(Activation):
        name = "quartic"

        def value(self, Z: np.ndarray, **learned: np.ndarray) -> np.ndarray:
            raise AssertionError("the run has begun")

    network = nn.Sequential(nn.Dense(2), nn.Activation(Quartic()), nn.Dense(1))
    with pytest.raises(UsageError, match="quartic"):
        cr.train(network, X, Y, loss="mse", trace_steps=[1])
