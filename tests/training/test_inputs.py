"""Inputs: what is accepted as it is, what is converted, what is refused and how."""

from __future__ import annotations

import os

import numpy as np
import pytest
from scipy import sparse

from chainrule import nn
from chainrule.errors import ChainruleError, DataError, InvalidParameterError, UsageError
from chainrule.maths.loss import LOSSES
from chainrule.nn.layer import MAX_NESTING
from chainrule.storage import Model
from chainrule.training.data import check_inputs, prepare
from tests.training.runs import numbers, regress

LOSS = LOSSES.make("squared_error")


class Frame:
    """What a data frame looks like to us: values by `__array__`, and names of columns."""

    def __init__(self, values: np.ndarray, columns: list[str]) -> None:
        self.values, self.columns = values, columns

    def __array__(self, dtype: object = None, copy: object = None) -> np.ndarray:
        return np.asarray(self.values, dtype)


def test_a_fitting_array_is_read_in_place() -> None:
    X = np.ones((6, 2), np.float32)
    assert np.shares_memory(prepare(X, np.arange(6), LOSS).rows.X, X)


@pytest.mark.parametrize(
    "X",
    [np.ones((6, 2)), np.asfortranarray(np.ones((6, 2), np.float32)), np.ones((6, 2), bool)],
    ids=["float64", "column by column", "truth values"],
)
def test_everything_else_is_copied_once(X: np.ndarray) -> None:
    converted = check_inputs(X)
    assert converted.dtype == np.float32
    assert converted.flags.c_contiguous
    assert not np.shares_memory(converted, X)


def test_lists_and_frames_are_arrays() -> None:
    X, y = numbers()
    as_array = regress(X=X, y=y).model.weights
    assert np.array_equal(regress(X=X.tolist(), y=y.tolist()).model.weights, as_array)
    frame = Frame(X, [*"abcde"])
    assert np.array_equal(regress(X=frame, y=y).model.weights, as_array)
    objects = Frame(X.astype(object), [*"abcde"])
    assert np.array_equal(regress(X=objects, y=y).model.weights, as_array)


def test_a_read_only_array_is_fine() -> None:
    X, _ = numbers()
    X.flags.writeable = False
    assert regress(X=X).stop_reason == "epochs"


def test_sequences_have_three_dimensions() -> None:
    X = np.random.default_rng(0).standard_normal((12, 3, 2))
    network = nn.Sequential(nn.Flatten(), nn.Dense(1))
    assert regress(X=X, y=X.sum((1, 2)), network=network).model.input_shape == (3, 2)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_the_first_bad_place_is_named(value: float) -> None:
    X, _ = numbers()
    X[7, 3] = X[9, 1] = value
    with pytest.raises(DataError, match="row 7, column 3"):
        regress(X=X)


def test_a_frame_names_its_column() -> None:
    X, _ = numbers()
    X[2, 1] = np.nan
    with pytest.raises(DataError, match=r"row 2, column 1 \('age'\)"):
        regress(X=Frame(X, ["id", "age", "x", "y", "z"]))


def test_a_bad_place_far_down_is_found() -> None:
    X = np.zeros((70_000, 1), np.float32)
    X[69_999] = np.nan
    with pytest.raises(DataError, match="row 69999, column 0"):
        check_inputs(X)


def test_a_bad_place_in_a_sequence() -> None:
    X = np.zeros((4, 3, 2))
    X[1, 2, 0] = np.inf
    with pytest.raises(DataError, match="row 1, step 2, column 0"):
        check_inputs(X)


def test_a_number_too_large_for_the_type_is_named() -> None:
    X, _ = numbers()
    X[0, 0] = 1e300
    with pytest.raises(DataError, match=r"1e\+300") as caught:
        regress(X=X)
    assert "float32" in caught.value.expected
    assert regress(X=X / 1e299, dtype="float64").stop_reason == "epochs"


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (np.zeros((0, 3)), "empty"),
        (np.zeros((3, 0)), "empty"),
        ([], "dimension"),
        (np.zeros(3), "dimension"),
        (np.zeros((2, 2, 2, 2)), "dimension"),
        (3.0, "dimension"),
        ([[1.0, 2.0], [3.0]], "differ in length"),
        ([["a", "b"]], "not made of numbers"),
        (np.zeros((2, 2), complex), "not made of numbers"),
        (np.zeros((2, 2), "datetime64[s]"), "not made of numbers"),
        (np.array([[1.0, "x"]], dtype=object), "row 0, column 1"),
        (np.array([[1.0, None]], dtype=object), "not finite"),
        (np.ma.masked_equal([[1.0, 2.0]], 2.0), "masked"),
    ],
    ids=str,
)
def test_what_is_no_input(X: object, message: str) -> None:
    with pytest.raises(DataError, match=message):
        check_inputs(X)


def test_sparse_inputs_are_refused_with_the_way_out() -> None:
    with pytest.raises(DataError, match="sparse") as caught:
        check_inputs(sparse.eye_array(3).tocsr())
    assert "toarray" in caught.value.do


@pytest.mark.parametrize("rows", [39, 41, 1])
def test_other_numbers_of_targets_than_rows(rows: int) -> None:
    with pytest.raises(DataError, match="different numbers of rows"):
        regress(y=np.zeros(rows))


def test_validation_is_checked_as_well() -> None:
    X, y = numbers()
    bad = X.copy()
    bad[3, 0] = np.nan
    with pytest.raises(DataError, match="validation X"):
        regress(validation=(bad, y))
    with pytest.raises(DataError, match="different numbers of rows"):
        regress(validation=(X, y[:-1]))
    with pytest.raises(DataError, match="not like the training rows"):
        regress(validation=(X[:, :2], y))
    with pytest.raises(DataError, match="validation y, row 0"):
        regress(validation=(X, np.full(40, np.nan)))


@pytest.mark.parametrize("validation", [3, (1,), (1, 2, 3, 4), "Xy"])
def test_validation_is_a_pair_or_three(validation: object) -> None:
    with pytest.raises(UsageError, match="validation"):
        regress(validation=validation)


@pytest.mark.parametrize(
    ("changed", "name"),
    [
        ({"epochs": 0}, "epochs"),
        ({"epochs": 1.5}, "epochs"),
        ({"batch_size": 0}, "batch_size"),
        ({"shuffle": 1}, "shuffle"),
        ({"seed": "one"}, "seed"),
        ({"dtype": "float16"}, "dtype"),
        ({"restore_best": None}, "restore_best"),
        ({"train_metrics": "yes"}, "train_metrics"),
        ({"stopping": {"patience": 3}}, "stopping"),
        ({"checkpoint_every": 0}, "checkpoint_every"),
        ({"on_event": "print"}, "on_event"),
        ({"reduction": "median"}, "reduction"),
        ({"metrics": ["accuracy"]}, "metrics"),
        ({"metrics": ["r2", "r2"]}, "metrics"),
        ({"validation_share": 1.0}, "validation_share"),
    ],
    ids=str,
)
def test_a_wrong_argument_is_named(changed: dict[str, object], name: str) -> None:
    with pytest.raises(InvalidParameterError) as caught:
        regress(**changed)
    assert name in str(caught.value)


class Breaks(float):
    """An object that breaks when it is asked for an array, a number, a path or an attribute."""

    def __array__(self, dtype: object = None, copy: object = None) -> np.ndarray:
        raise RuntimeError("no array")

    def __float__(self) -> float:
        raise RuntimeError("no number")

    def __fspath__(self) -> str:
        raise RuntimeError("no path")


class Mute:
    """An object that has not even attributes."""

    def __getattr__(self, name: str) -> object:
        raise RuntimeError(f"no {name}")


os.PathLike.register(Breaks)


@pytest.mark.parametrize("value", [Breaks(1.0), Mute()], ids=["breaks", "mute"])
@pytest.mark.parametrize(
    "name",
    ["X", "y", "sample_weight", "network", "clip", "validation_share", "checkpoint", "resume"],
)
def test_objects_that_break_are_refused(name: str, value: object) -> None:
    with pytest.raises(ChainruleError):
        regress(**{name: value})


@pytest.mark.parametrize(
    "arguments",
    [
        {"seed": 10**5000},
        {"seed": "three", "validation_share": 0.2},
        {"stopping": 10**5000},
        {"checkpoint": "half a pair \ud800"},
        {"network": nn.Sequential(nn.Dense(10**13), nn.Dense(1))},
    ],
    ids=["a huge seed", "a word", "a huge number of epochs", "no file name", "a huge network"],
)
def test_values_that_nothing_can_hold(arguments: dict[str, object]) -> None:
    with pytest.raises(InvalidParameterError):
        regress(**arguments)


def test_short_of_memory() -> None:
    def full(event: object) -> None:
        raise MemoryError("Unable to allocate 9 GiB")

    with pytest.raises(ChainruleError, match="not enough memory"):
        regress(on_event=full)


@pytest.mark.parametrize(
    "X",
    [
        np.ones((4, 5), complex),
        np.full((4, 5), np.datetime64("2020-01-01")),
        np.ma.masked_array(np.ones((4, 5)), mask=np.eye(4, 5, dtype=bool)),
        Breaks(1.0),
    ],
    ids=["complex", "dates", "masked", "breaks"],
)
def test_a_model_refuses_what_a_cast_would_change(X: np.ndarray) -> None:
    model = regress().model
    for predict in (model.predict, model.raw):
        with pytest.raises(DataError, match="not numbers"):
            predict(X)


def nested(layers: int) -> nn.Layer:
    """Return layers, each within the other."""
    layer: nn.Layer = nn.Dense(1, "tanh")
    for _ in range(layers - 1):
        layer = nn.Residual(layer)
    return layer


def test_nesting_that_no_file_could_hold_is_refused_before_training() -> None:
    run = regress(network=nested(MAX_NESTING))
    assert Model.from_bytes(run.model.to_bytes()).plan == run.model.plan
    for layers in (MAX_NESTING + 1, 900):
        with pytest.raises(InvalidParameterError, match="nested too deeply"):
            regress(network=nested(layers))
