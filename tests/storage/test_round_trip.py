"""What is written is read back to the same bits, whatever the network is made of."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load as load_plainly

from chainrule import nn
from chainrule.errors import (
    DataError,
    DivergenceError,
    InvalidParameterError,
    OutputExistsError,
    ShapeError,
)
from chainrule.maths.loss import LOSSES
from chainrule.maths.optimizer import OPTIMIZERS
from chainrule.maths.penalty import PENALTIES
from chainrule.maths.schedule import SCHEDULES
from chainrule.nn import Layer
from chainrule.plan import Group, make_plan
from chainrule.storage import Model
from tests.storage.models import example_networks, small_model

X = np.array([[0.5, -1.0], [2.0, 3.0], [1e-3, 0.0]])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_predictions_keep_their_bits(tmp_path: Path, dtype: str) -> None:
    model = small_model(dtype)
    model.save(tmp_path / "m.safetensors")
    back = Model.load(tmp_path / "m.safetensors")
    assert back.dtype == dtype
    assert back.weights.tobytes() == model.weights.tobytes()
    assert back.state.tobytes() == model.state.tobytes()
    assert back.predict(X).tobytes() == model.predict(X).tobytes()


def test_a_second_trip_gives_the_same_file() -> None:
    content = small_model(record={"seed": 3, "rows": [1, 2]}).to_bytes()
    assert Model.from_bytes(content).to_bytes() == content


@pytest.mark.parametrize(
    ("network", "shape"),
    example_networks(),
    ids=lambda value: value.name if isinstance(value, Layer) else None,
)
def test_every_layer_is_stored(network: Layer, shape: tuple[int, ...]) -> None:
    whole = nn.Sequential(network, nn.Flatten(), nn.Dense(2))
    plan = make_plan(whole, shape, "squared_error", 2)
    model = Model(plan, plan.initial_weights(0), plan.initial_running())
    back = Model.from_bytes(model.to_bytes())
    assert back.network == whole
    assert back.plan == plan


@pytest.mark.parametrize("record", [e for m in LOSSES for e in m.examples()], ids=str)
def test_every_loss_is_stored(record: object) -> None:
    width = record.raw_width(2)  # type: ignore[attr-defined]
    plan = make_plan(nn.Dense(width), (3,), record, 2)  # type: ignore[arg-type]
    back = Model.from_bytes(Model(plan, plan.initial_weights(0)).to_bytes())
    assert back.loss == record


def test_the_whole_plan_is_stored() -> None:
    for optimizer in OPTIMIZERS:
        plan = make_plan(nn.Dense(1), (2,), "squared_error", 1, optimizer=optimizer.examples()[0])
        assert Model.from_bytes(Model(plan, np.zeros(3)).to_bytes()).plan == plan
    plan = make_plan(
        nn.Dense(1),
        (2,),
        "squared_error",
        1,
        schedule=next(iter(SCHEDULES)).examples()[0],
        penalties=[member.examples()[0] for member in PENALTIES],
        clip=0.5,
        reduction="sum",
        groups=[Group("*.b", 0.5)],
    )
    assert Model.from_bytes(Model(plan, np.zeros(3)).to_bytes()).plan == plan


def test_the_standard_library_reads_the_file() -> None:
    model = small_model()
    tensors = load_plainly(model.to_bytes())
    views = model.plan.parameters.views(model.weights)
    assert all(np.array_equal(tensors[name], views[name]) for name in views)


def test_copies_predict_the_same() -> None:
    model = small_model(record={"seed": 3}, encoder={"width": 2})
    for twin in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert twin.predict(X).tobytes() == model.predict(X).tobytes()
        assert twin.to_bytes() == model.to_bytes()


def test_classes_and_record_come_back() -> None:
    plan = make_plan(nn.Dense(3), (2,), "softmax_cross_entropy", 3)
    record = {"score": np.float32(0.5), "loss": float("nan"), "epochs": 3}
    model = Model(plan, np.arange(9.0), classes=["a", "b", "ü"], record=record)
    back = Model.from_bytes(model.to_bytes())
    assert back.classes == ["a", "b", "ü"]
    assert back.record == {"score": 0.5, "loss": None, "epochs": 3}
    assert back.predict(X).tolist() == model.predict(X).tolist()
    assert set(back.predict(X)) <= {"a", "b", "ü"}
    np.testing.assert_allclose(back.predict_proba(X).sum(axis=1), 1.0, rtol=1e-6)


def test_one_output_for_two_classes_gives_both_columns() -> None:
    plan = make_plan(nn.Dense(1), (2,), "binary_cross_entropy", 1)
    model = Model(plan, np.array([1.0, -1.0, 0.0]), classes=[False, True])
    assert model.predict_proba(X).shape == (3, 2)
    assert model.predict(X).tolist() == [True, False, True]


def test_independent_outputs_are_each_0_or_1() -> None:
    plan = make_plan(nn.Dense(2), (2,), "binary_cross_entropy", 2)
    model = Model(plan, np.array([1.0, -1.0, 0.0, 0.0, 0.5, -0.5]))
    assert model.predict(X).tolist() == [[1, 0], [1, 0], [1, 0]]


def test_an_existing_file_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    path.write_text("precious")
    with pytest.raises(OutputExistsError):
        small_model().save(path)
    assert path.read_text() == "precious"
    small_model().save(path, overwrite=True)
    Model.load(path)


def test_not_finite_weights_are_not_saved(tmp_path: Path) -> None:
    plan = make_plan(nn.Dense(1), (1,), "squared_error", 1)
    with pytest.raises(DivergenceError, match=r"dense_1\.W"):
        Model(plan, [np.nan, 0.0]).save(tmp_path / "m.safetensors")
    assert list(tmp_path.iterdir()) == []


def test_outputs_beyond_all_numbers_are_refused_without_a_warning() -> None:
    plan = make_plan(nn.Dense(3), (2,), "softmax_cross_entropy", 3)
    model = Model(plan, [3e38] * 4 + [-3e38] * 5)
    with pytest.raises(DataError, match="output is not a finite number"):
        model.predict(np.full((1, 2), 3e38, np.float32))


def test_weights_of_another_length_are_refused() -> None:
    plan = make_plan(nn.Dense(1), (1,), "squared_error", 1)
    with pytest.raises(InvalidParameterError, match="2 numbers"):
        Model(plan, [1.0, 2.0, 3.0])


@pytest.mark.parametrize(
    ("inputs", "error", "message"),
    [
        ([[1.0, 2.0, 3.0]], ShapeError, r"\(N, 2\)"),
        ([1.0, 2.0], ShapeError, r"\(2,\)"),
        ([[1.0, np.nan]], DataError, "row 0, column 1"),
        ([[1.0, 1e300]], DataError, "row 0, column 1"),
        ([["a", "b"]], DataError, "not numbers"),
    ],
)
def test_bad_inputs_are_named(inputs: object, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        small_model().predict(inputs)  # type: ignore[arg-type]
