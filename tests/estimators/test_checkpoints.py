"""A fit that was stopped goes on from its checkpoint to the bits of one that was not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import MLPClassifier, MLPRegressor
from chainrule.errors import CheckpointError, FileFormatError, OutputExistsError, UsageError
from chainrule.training import EpochEnded, Event, StepsDone
from tests.estimators import data
from tests.estimators.test_continuing import same

pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning", "ignore:Training interrupted"
)
WAYS: dict[str, dict[str, Any]] = {
    "defaults": {},
    "early stopping": {"early_stopping": True, "n_iter_no_change": 3, "max_iter": 60},
    "adaptive": {"solver": "sgd", "learning_rate": "adaptive", "tol": 0.1, "n_iter_no_change": 1},
    "invscaling": {"solver": "sgd", "learning_rate": "invscaling"},
    "noise": {"normalization": "batch", "dropout": 0.2, "optimizer": "amsgrad"},
    "schedule": {"schedule": "cosine"},
}


def made(**parameters: Any) -> MLPClassifier:
    """Return a small classifier."""
    common: dict[str, Any] = {"hidden_layer_sizes": 6, "random_state": 1, "batch_size": 32}
    return MLPClassifier(**{**common, "max_iter": 12, **parameters})


def stopping_at(epoch: int) -> Any:
    """Return a listener that breaks the run off after an epoch."""

    def listen(event: Event) -> None:
        if isinstance(event, EpochEnded) and event.row["epoch"] == epoch:
            raise RuntimeError("stop")

    return listen


def stopped(path: Path, epoch: int, **parameters: Any) -> None:
    """Leave the checkpoint of a run that was broken off."""
    X, y = data.classes(3, rows=150)
    with pytest.raises(RuntimeError, match="stop"):
        made(checkpoint=path, on_event=stopping_at(epoch), **parameters).fit(X, y)


@pytest.mark.parametrize("every", [1, 4])
@pytest.mark.parametrize("way", WAYS)
def test_it_goes_on_to_the_same_bits(way: str, every: int, tmp_path: Path) -> None:
    X, y = data.classes(3, rows=150)
    whole = made(**WAYS[way]).fit(X, y)
    path = tmp_path / "run"
    stopped(path, 7, checkpoint_every=every, **WAYS[way])
    assert [entry.name for entry in tmp_path.iterdir()] == ["run"]
    told: list[Event] = []
    model = made(resume=path, on_event=told.append, **WAYS[way]).fit(X, y)
    same(whole, model)
    assert model.n_iter_ == whole.n_iter_
    assert np.array_equal(model.predict_proba(X), whole.predict_proba(X))
    rows = [event.row["epoch"] for event in told if isinstance(event, EpochEnded)]
    assert rows == list(range(8, whole.n_iter_ + 1))
    ended = made(resume=path, **WAYS[way]).fit(X, y)  # a finished run gives its model at once
    same(whole, ended)
    assert ended.stop_reason_ == whole.stop_reason_


def test_more_epochs_may_be_asked_for(tmp_path: Path) -> None:
    X, y = data.classes(3, rows=150)
    path = tmp_path / "run"
    made(checkpoint=path).fit(X, y)
    same(made(max_iter=20).fit(X, y), made(max_iter=20, resume=path).fit(X, y))
    with pytest.raises(CheckpointError, match="further than"):
        made(max_iter=5, resume=path).fit(X, y)


def test_a_stretched_schedule_may_not_change(tmp_path: Path) -> None:
    X, y = data.classes(3, rows=150)
    stopped(tmp_path / "run", 3, schedule="cosine")
    with pytest.raises(CheckpointError, match="stretched"):
        made(max_iter=20, schedule="cosine", resume=tmp_path / "run").fit(X, y)


def test_an_epoch_that_was_cut_off_is_done_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from chainrule.engine import native_call
    from chainrule.estimators import loop

    monkeypatch.setattr(loop, "_EVENT_SECONDS", 0.0)
    monkeypatch.setattr(native_call, "PULSE_SECONDS", 0.0)
    X, y = data.classes(3, rows=150)
    whole = made().fit(X, y)

    def listen(event: Event) -> None:
        if isinstance(event, StepsDone) and (event.epoch, event.step) == (5, 2):
            raise KeyboardInterrupt

    path = tmp_path / "run"
    made(checkpoint=path, checkpoint_every=100, on_event=listen).fit(X, y)
    assert path.exists()
    same(whole, made(resume=path).fit(X, y))


@pytest.mark.parametrize("engine", ["auto", "reference"])
def test_time_that_ends_within_an_epoch(
    engine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The epoch that was cut off counts in the model, and not in the checkpoint."""
    from chainrule.engine import native_call

    monkeypatch.setenv("CHAINRULE_ENGINE", engine)
    monkeypatch.setattr(native_call, "PULSE_SECONDS", 0.0)
    X, y = data.classes(3, rows=150)
    path = tmp_path / "run"
    times = iter([0.0] * 20)
    monkeypatch.setattr("chainrule.estimators.loop.time.perf_counter", lambda: next(times, 9.0))
    partial = made(checkpoint=path, checkpoint_every=100, max_time=5.0).fit(X, y)
    monkeypatch.undo()
    monkeypatch.setenv("CHAINRULE_ENGINE", engine)
    assert partial.stop_reason_ == "max_seconds"
    assert 1 <= partial.n_iter_ < 12
    same(made().fit(X, y), made(resume=path).fit(X, y))


def test_the_generator_of_the_user_goes_on_too(tmp_path: Path) -> None:
    X, y = data.numbers()
    whole, part = np.random.RandomState(4), np.random.RandomState(4)
    path = tmp_path / "run"
    expected = MLPRegressor(max_iter=6, random_state=whole).fit(X, y)
    with pytest.raises(RuntimeError, match="stop"):
        MLPRegressor(max_iter=6, random_state=part, checkpoint=path, on_event=stopping_at(2)).fit(
            X, y
        )
    part.uniform(size=100)
    model = MLPRegressor(max_iter=6, random_state=part, resume=path).fit(X, y)
    same(expected, model)
    assert whole.uniform() == part.uniform()


def test_validation_rows_of_the_user(tmp_path: Path) -> None:
    X, y = data.classes(3, rows=150)
    held = {"X_val": X[:30], "y_val": y[:30]}
    whole = made().fit(X, y, **held)
    path = tmp_path / "run"
    with pytest.raises(RuntimeError, match="stop"):
        made(checkpoint=path, on_event=stopping_at(4)).fit(X, y, **held)
    model = made(resume=path).fit(X, y, **held)
    same(whole, model)
    assert model.validation_scores_ == whole.validation_scores_
    with pytest.raises(CheckpointError, match="validation"):
        made(resume=path).fit(X, y, X_val=X[:20], y_val=y[:20])


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"alpha": 0.1}, "parameter alpha differs"),
        ({"hidden_layer_sizes": 7}, "parameter hidden_layer_sizes differs"),
        ({"solver": "sgd"}, "parameter solver differs"),
        ({"random_state": 2, "shuffle": False}, "random_state and parameter shuffle differ"),
    ],
)
def test_another_run_is_refused(parameters: dict[str, Any], message: str, tmp_path: Path) -> None:
    X, y = data.classes(3, rows=150)
    path = tmp_path / "run"
    stopped(path, 3)
    before = path.read_bytes()
    with pytest.raises(CheckpointError, match=message.replace("random_state", ".*random_state")):
        made(resume=path, **parameters).fit(X, y)
    with pytest.raises(CheckpointError, match="data differ"):
        made(resume=path).fit(X[:-1], y[:-1])
    assert path.read_bytes() == before


def test_what_has_no_checkpoints(tmp_path: Path) -> None:
    X, y = data.classes(3)
    with pytest.raises(UsageError, match="no epochs"):
        made(solver="lbfgs", checkpoint=tmp_path / "run").fit(X, y)
    with pytest.raises(UsageError, match="partial_fit"):
        made(checkpoint=tmp_path / "run").partial_fit(X, y, classes=[0, 1, 2])
    with pytest.raises(CheckpointError, match="no such checkpoint"):
        made(resume=tmp_path / "run").fit(X, y)
    (tmp_path / "run").write_text("precious")
    with pytest.raises(OutputExistsError, match="resume="):
        made(checkpoint=tmp_path / "run").fit(X, y)
    with pytest.raises(FileFormatError, match="not a checkpoint"):
        made(resume=tmp_path / "run").fit(X, y)
    assert (tmp_path / "run").read_text() == "precious"


def test_it_is_no_model_and_no_checkpoint_of_train(tmp_path: Path) -> None:
    X, y = data.numbers()
    path = tmp_path / "run"
    MLPRegressor(max_iter=1, checkpoint=path).fit(X, y)
    with pytest.raises(FileFormatError, match="checkpoint of a run, not a model"):
        cr.load(path)
    other = tmp_path / "other"
    cr.train(cr.nn.Dense(1), X, y, loss="squared_error", epochs=1, checkpoint=other)
    with pytest.raises(FileFormatError, match="that this library can read"):
        MLPRegressor(max_iter=1, resume=other).fit(X, y)


def test_damage_is_found(tmp_path: Path) -> None:
    X, y = data.classes(3, rows=150)
    path = tmp_path / "run"
    stopped(path, 3)
    content = path.read_bytes()
    for place in np.linspace(0, len(content) - 1, 60, dtype=int):
        damaged = bytearray(content)
        damaged[place] ^= 0x10
        path.write_bytes(bytes(damaged))
        with pytest.raises((CheckpointError, FileFormatError)):
            made(resume=path).fit(X, y)


def test_a_document_of_other_hands(tmp_path: Path) -> None:
    from safetensors import safe_open
    from safetensors.numpy import save_file

    from chainrule.training.document import seal

    X, y = data.classes(3, rows=150)
    path = tmp_path / "run"
    stopped(path, 3)
    with safe_open(path, framework="np") as file:
        document = json.loads(file.metadata()["chainrule"])
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    for field in document:
        if field == "library":  # told, and not read
            continue
        for value in (None, "x", [], {}, -1, 1.5, 10**30, [1]):
            number = field in ("best_loss", "best_score") and type(value) in (int, float)
            if value == document[field] or number:
                continue
            text = json.dumps({**document, field: value})
            sealed = {"chainrule": text, "digest": seal(text, tensors)}
            save_file(tensors, path, metadata=sealed)
            try:
                made(resume=path).fit(X, y)
            except (CheckpointError, FileFormatError):
                continue
            raise AssertionError(f"{field} may be {value!r}")


def test_a_generator_of_another_size(tmp_path: Path) -> None:
    from safetensors import safe_open
    from safetensors.numpy import save_file

    from chainrule.training.document import seal

    X, y = data.classes(3, rows=150)
    path = tmp_path / "run"
    stopped(path, 3)
    with safe_open(path, framework="np") as file:
        text = file.metadata()["chainrule"]
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    for size in (0, 1, 3, 623, 625):
        tensors["random"] = np.zeros(size, np.uint32)
        save_file(tensors, path, {"chainrule": text, "digest": seal(text, tensors)})
        with pytest.raises((CheckpointError, FileFormatError)):
            made(resume=path).fit(X, y)
