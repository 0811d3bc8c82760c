"""Recording: it changes no bit, looks where it should, and survives the way to JSON and back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.engine.parts import joined, pass_objective, step_masses
from chainrule.engine.protocol import EpochResult
from chainrule.errors import DivergenceError, FileFormatError
from chainrule.training.recording import Recording
from chainrule.training.recording_run import FEWEST, MOST, Recorder, observation_steps

RANDOM = np.random.default_rng(3)
X = RANDOM.normal(size=(157, 6))
LABELS = (X[:, 0] * X[:, 1] > 0).astype(int) + (X[:, 2] > 1)
NUMBERS = X[:, 0] - X[:, 1] ** 2
NORMED = nn.Sequential(
    nn.Dense(12), nn.BatchNorm(), nn.ReLU(), nn.Dropout(0.2), nn.Dense(8, "tanh"), nn.Dense(3)
)
PLAIN = nn.Sequential(nn.Dense(9, "relu"), nn.Dense(1))

RUNS: dict[str, dict[str, Any]] = {
    "batch norm and dropout": {
        "network": NORMED,
        "y": LABELS,
        "loss": "softmax_cross_entropy",
        "schedule": cr.warmup_cosine(warmup=7),
        "clip": 0.5,
        "validation_share": 0.25,
    },
    "weights and penalties": {
        "network": PLAIN,
        "y": NUMBERS,
        "loss": "squared_error",
        "optimizer": cr.Momentum(0.01),
        "penalties": (cr.L2(0.01),),
        "sample_weight": np.linspace(0.0, 2.0, len(X)),
        "dtype": "float64",
    },
    "sums": {
        "network": PLAIN,
        "y": NUMBERS,
        "loss": "huber",
        "optimizer": cr.SGD(1e-3),
        "reduction": "sum",
        "shuffle": False,
    },
    "the whole data": {
        "network": PLAIN,
        "y": NUMBERS,
        "loss": "squared_error",
        "optimizer": "lbfgs",
        "epochs": 12,
    },
}


def trained(settings: Mapping[str, Any], record: bool) -> cr.Run:
    options: dict[str, Any] = {"batch_size": 16, "epochs": 6, "seed": 5, **settings}
    return cr.train(options.pop("network"), X, options.pop("y"), record=record, **options)


@pytest.mark.parametrize("engine", ["auto", "reference"])
@pytest.mark.parametrize("name", RUNS)
def test_a_recorded_run_ends_in_the_same_bits(
    name: str, engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHAINRULE_ENGINE", engine)
    plain, recorded = trained(RUNS[name], False), trained(RUNS[name], True)
    assert plain.model.weights.tobytes() == recorded.model.weights.tobytes()
    assert plain.model.state.tobytes() == recorded.model.state.tobytes()
    for before, after in zip(plain.history, recorded.history, strict=True):
        assert {**before, "seconds": 0} == {**after, "seconds": 0}
    assert plain.recording is None
    assert recorded.recording is not None
    assert len(recorded.recording.snapshots) >= 4


def test_every_step_may_be_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "chainrule.training.recording_run.observation_steps", lambda planned, _: range(planned)
    )
    settings = RUNS["batch norm and dropout"]
    plain, recorded = trained(settings, False), trained(settings, True)
    assert plain.model.weights.tobytes() == recorded.model.weights.tobytes()
    assert recorded.recording is not None
    steps = [snapshot.step for snapshot in recorded.recording.snapshots]
    assert steps == list(range(plain.model.record["updates"]))
    # What is observed of a whole batch is what the engine reports of that step.
    series = recorded.recording.series
    seen = [snapshot.loss for snapshot in recorded.recording.snapshots]
    assert seen == pytest.approx(series.loss.tolist(), rel=1e-4)


def test_a_recorded_run_diverges_as_another_does() -> None:
    settings = {**RUNS["sums"], "loss": "squared_error", "optimizer": cr.SGD(1e6)}
    errors = []
    for record in (False, True):
        with pytest.raises(DivergenceError) as caught:
            trained(settings, record)
        errors.append(caught.value)
    assert str(errors[0]) == str(errors[1])
    assert errors[0].recording is None
    assert isinstance(errors[1].recording, Recording)
    assert errors[1].recording.facts["stop_reason"] == "diverged"


def test_a_listener_sees_the_same_steps() -> None:
    counts: list[int] = []

    def listen(event: Any) -> None:
        counts.append(getattr(event, "step", 0))

    settings = {**RUNS["sums"], "on_event": listen, "stopping": cr.Stopping(max_seconds=1e6)}
    recorded = trained(settings, True)
    assert recorded.model.weights.tobytes() == trained(RUNS["sums"], False).model.weights.tobytes()
    assert all(count <= -(-len(X) // 16) for count in counts)


def test_an_observation_is_the_truth() -> None:
    settings = {**RUNS["sums"], "batch_size": 40, "shuffle": False}
    recording = trained(settings, True).recording
    assert recording is not None
    assert recording.sample is not None
    first = recording.snapshots[0]
    plan, weights = recording.plan, recording.plan.initial_weights(5).astype(np.float32)
    W, b = (plan.parameters.views(weights)[name] for name in ("dense_1.W", "dense_1.b"))
    Z = X[: first.rows].astype(np.float32) @ W + b
    assert first.step == 0
    assert first.nodes["dense_1"].output == pytest.approx(np.sqrt(np.mean(Z**2)), rel=1e-5)
    assert first.nodes["relu_1"].flat == pytest.approx(np.mean(Z <= 0))
    assert first.nodes["relu_1"].dead == pytest.approx(np.mean((Z <= 0).all(axis=0)))
    assert first.parameters["dense_1.W"].norm == pytest.approx(np.linalg.norm(W), rel=1e-5)
    spread = (W.max(axis=1) - W.min(axis=1)).max() / np.abs(W).max()
    assert first.parameters["dense_1.W"].spread == pytest.approx(spread)
    # Plain SGD moves the weights by rate times gradient; here the observed rows are all but 8.
    assert first.parameters["dense_1.W"].update > 0


def test_the_size_of_an_update_is_that_of_the_engine() -> None:
    settings = {**RUNS["sums"], "batch_size": 32}
    recording = trained(settings, True).recording
    assert recording is not None
    for snapshot in recording.snapshots[:-1]:  # the last batch is short
        for state in (snapshot.parameters[name] for name in ("dense_1.W", "dense_2.W")):
            assert state.update * state.norm == pytest.approx(1e-3 * state.gradient, rel=1e-3)


@pytest.mark.parametrize("planned", [1, 2, 7, 100, 12345])
@pytest.mark.parametrize("count", [FEWEST, MOST])
def test_steps_lie_in_the_run_and_more_of_them_at_its_start(planned: int, count: int) -> None:
    steps = observation_steps(planned, count)
    assert steps[0] == 0
    assert steps[-1] == planned - 1
    assert list(steps) == sorted(set(steps))
    assert len(steps) <= count + 1
    if planned > 1000:
        assert sum(step < planned / 2 for step in steps) > len(steps) / 2


def test_small_runs_are_not_looked_at_more_often_than_they_can_pay() -> None:
    from chainrule.engine.protocol import Rows
    from chainrule.plan import make_plan
    from chainrule.training.course import Course

    def looks(epochs: int, width: int) -> int:
        plan = make_plan(nn.Sequential(nn.Dense(width, "relu"), nn.Dense(1)), (6,), "huber", 1)
        rows = Rows(X.astype(np.float32), NUMBERS[:, None].astype(np.float32))
        return len(Recorder(Course(plan, rows, epochs=epochs)).wanted)

    assert looks(2, 8) <= FEWEST + 1
    assert looks(2, 8) <= looks(20_000, 8) <= MOST + 1
    assert looks(20_000, 8) > 2 * FEWEST


def test_a_recording_survives_json() -> None:
    recording = trained(RUNS["batch norm and dropout"], True).recording
    assert recording is not None
    document = recording.to_document()
    again = Recording.from_document(
        json.loads(json.dumps(document, allow_nan=False)), recording.plan
    )
    assert again.to_document() == document
    assert len(json.dumps(document)) < 100_000
    assert again.sample is None


@pytest.mark.parametrize(
    "change",
    [{"series": {}}, {"snapshots": [{}]}, {"facts": None}, {"history": [1]}, {"findings": 3.5}],
)
def test_a_damaged_recording_is_refused(change: dict[str, Any]) -> None:
    recording = trained(RUNS["sums"], True).recording
    assert recording is not None
    document = {**recording.to_document(), **change}
    if change.get("findings"):
        del document["facts"]
    with pytest.raises(FileFormatError, match="recording"):
        Recording.from_document(document, recording.plan)


def test_the_model_file_keeps_the_recording_and_no_rows(tmp_path: Any) -> None:
    run = trained(RUNS["sums"], True)
    run.model.save(tmp_path / "m.safetensors")
    loaded = cr.load(tmp_path / "m.safetensors")
    assert run.recording is not None
    assert loaded.record["recording"] == json.loads(json.dumps(run.recording.to_document()))
    assert "recording" not in trained(RUNS["sums"], False).model.record


def test_parts_make_the_numbers_of_the_whole() -> None:
    objectives, data, norms = RANDOM.random((3, 7))
    masses = step_masses(None, np.arange(20), 3, 7)

    def part(low: int, high: int) -> EpochResult:
        return EpochResult(
            high - low,
            0.0,
            0.0,
            0.1,
            finite=True,
            complete=True,
            objectives=objectives[low:high],
            data=data[low:high],
            norms=norms[low:high],
        )

    whole = joined([part(0, 3), part(3, 4), part(4, 7)], masses, True)
    assert whole.objective == pass_objective(objectives, data, masses)
    assert whole.gradient_norm == float(np.mean(norms))
    assert whole.steps == 7
    failed = replace(part(3, 3), finite=False)
    assert joined([part(0, 3), failed], masses, True).complete is False
    assert joined([part(0, 3), failed], masses, True).steps == 3
    assert joined([failed], masses, True) is failed
