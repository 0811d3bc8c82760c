"""Targets: labels of any kind, matrices, and what cannot be learned."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.errors import ConstantTargetWarning, ShapeError, TargetError
from chainrule.maths.loss import LOSSES
from tests.training.runs import labels, numbers, regress, small

NAMES = {
    "words": np.array(["ant", "bee", "cat"]),
    "objects": np.array(["ant", "bee", "cat"], dtype=object),
    "whole numbers with gaps": np.array([-3, 7, 100]),
    "floats": np.array([1.0, 2.0, 5.0]),
    "bytes of numbers": np.array([1, 2, 200], np.uint8),
    "objects of numbers": np.array([1, 2, 5], dtype=object),
}


def classify(y: Any, loss: str = "softmax_cross_entropy", **changed: Any) -> cr.Run:
    X, _ = labels()
    outputs = changed.pop("outputs", 3 if loss == "softmax_cross_entropy" else 1)
    told = {"epochs": 40, "optimizer": cr.Adam(0.05), **changed}
    return cr.train(small(outputs), told.pop("X", X), y, loss=loss, **told)


@pytest.mark.parametrize("names", NAMES.values(), ids=NAMES.keys())
def test_labels_of_any_kind_come_back(names: np.ndarray) -> None:
    X, codes = labels()
    run = classify(names[codes])
    assert run.model.classes == names.tolist()
    assert np.mean(run.model.predict(X) == names[codes]) > 0.9
    assert run.model.weights.tobytes() == classify(codes).model.weights.tobytes()


def test_the_order_of_classes_is_sorted_not_of_occurrence() -> None:
    _, codes = labels()
    names = np.array(["z", "a", "m"])
    assert classify(names[codes]).model.classes == ["a", "m", "z"]


@pytest.mark.parametrize(
    "names", [["no", "yes"], [False, True], [0, 1], [1, 2], [-1.0, 1.0]], ids=str
)
def test_two_classes_fit_binary_cross_entropy(names: list[Any]) -> None:
    X, codes = labels(classes=2)
    run = classify([names[code] for code in codes], "binary_cross_entropy")
    assert run.model.classes == names
    assert type(run.model.classes[0]) is type(names[0])
    assert np.mean(run.model.predict(X) == np.array(names)[codes]) > 0.9
    assert run.model.predict_proba(X).shape == (40, 2)


def test_a_column_of_labels_is_labels() -> None:
    _, codes = labels()
    column = classify(codes[:, None])
    assert column.model.classes == [0, 1, 2]
    assert np.array_equal(column.model.weights, classify(codes).model.weights)


def test_matrices_keep_no_labels() -> None:
    X, codes = labels()
    one_hot = classify(np.eye(3)[codes])
    assert one_hot.model.classes is None
    assert np.array_equal(one_hot.model.weights, classify(codes).model.weights)
    soft = classify(np.full((40, 3), 1 / 3))
    assert np.allclose(soft.model.predict_proba(X), 1 / 3, atol=0.1)


def test_soft_yes_or_no_targets_and_several_labels_pass_through() -> None:
    X, _ = labels()
    soft = classify(np.where(X[:, 0] > 0, 0.9, 0.2), "binary_cross_entropy")
    assert soft.model.classes is None
    several = classify((X[:, :2] > 0).astype(int), "binary_cross_entropy", outputs=2)
    assert several.history[-1]["train_accuracy"] > 0.5


def test_validation_labels_use_the_training_classes() -> None:
    X, codes = labels()
    names = np.array(["a", "b", "c"])
    held = codes > 0  # one class is missing there
    run = classify(names[codes], validation=(X[held], names[codes][held]))
    assert run.history[-1]["validation_accuracy"] > 0.8


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (["a", "b", "d"], r"validation y, row 2"),
        ([0, 1, 2], "kind"),
        ([None, "a", "b"], "row 0"),
        (np.eye(3), "kind"),
    ],
    ids=str,
)
def test_other_labels_in_validation(y: Any, message: str) -> None:
    X, codes = labels()
    with pytest.raises(TargetError, match=message):
        classify(np.array(["a", "b", "c"])[codes], validation=(X[:3], y))


@pytest.mark.parametrize("loss", ["softmax_cross_entropy", "binary_cross_entropy"])
@pytest.mark.parametrize("label", ["only", 1, True, 0])
def test_one_class_is_nothing_to_learn(label: Any, loss: str) -> None:
    with pytest.raises(TargetError, match="constant: it has one class only") as caught:
        classify([label] * 40, loss)
    assert caught.value.got.endswith("in every row")


CONSTANTS = (np.full(40, 3.7), np.zeros(40, int), [2] * 40, np.full((40, 1), 1e-30))


@pytest.mark.parametrize("y", [*CONSTANTS, np.tile([1.0, -2.0], (40, 1))], ids=str)
def test_a_quantity_that_is_constant_is_learned_with_a_warning(y: Any) -> None:
    X, _ = labels()
    net = nn.Sequential(nn.Dense(np.size(y) // 40))
    with pytest.warns(ConstantTargetWarning, match="constant: .* in every row") as said:
        run = cr.train(net, X[:40], y, loss="squared_error", epochs=2)
    assert said[0].filename == __file__
    assert len(run.history) == 2


def test_what_is_not_constant_is_not_warned_of() -> None:
    X, _ = labels()
    net = nn.Sequential(nn.Dense(1))
    same = np.full(40, 3.7)
    for place in (0, 20, 39):
        y = same.copy()
        y[place] += 1e-9
        cr.train(net, X[:40], y, loss="squared_error", epochs=1)
    cr.train(net, X[:1], same[:1], loss="squared_error", epochs=1)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (None, "no target"),
        (3.0, "not an array"),
        ([[1, 2], [3]], "differ in length"),
        ([*[0, 1] * 19, 0, float("nan")], "row 39"),
        ([*["a", "b"] * 19, "a", None], "row 39"),
        ([*["a", "b"] * 19, "a", float("nan")], "row 39"),
        ([*["a", "b"] * 19, "a", 1], "different kinds"),
        ([*[True, False] * 19, "a", "b"], "different kinds"),
        (np.array([b"a", b"b"] * 20), "type"),
        (np.arange(40).astype("datetime64[s]"), "type"),
        (np.linspace(0, 1, 40), "whole number"),
        (np.full((40, 3), 0.5), "sum to 1"),
        (np.zeros((40, 3, 3)), "dimensions"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_is_no_class(y: Any, message: str) -> None:
    with pytest.raises(TargetError, match=message):
        classify(y)


def test_three_classes_do_not_fit_a_yes_or_no() -> None:
    with pytest.raises(TargetError, match="cannot tell 3 classes apart") as caught:
        classify(labels()[1], "binary_cross_entropy")
    assert "softmax_cross_entropy" in caught.value.do


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e300])
def test_a_target_that_is_not_finite_is_named(value: float) -> None:
    _, y = numbers()
    y[5] = value
    with pytest.raises(TargetError, match="row 5"):
        regress(y=y)


def test_words_are_no_numbers() -> None:
    with pytest.raises(TargetError, match="not an array of numbers"):
        regress(y=["a"] * 40)


@pytest.mark.parametrize("outputs", [1, 2, 4])
def test_another_width_than_classes_is_a_shape_error(outputs: int) -> None:
    with pytest.raises(ShapeError) as caught:
        classify(labels()[1], outputs=outputs)
    assert caught.value.expected == "(N, 3)"
    assert "Dense(3)" in caught.value.do


@pytest.mark.parametrize("loss", [example for cls in LOSSES for example in cls.examples()], ids=str)
def test_every_loss_trains(loss: Any) -> None:
    X, _ = numbers()
    uniform = np.random.default_rng(1).uniform(size=(40, 2))
    network = small(loss.raw_width(2))
    run = cr.train(network, X, loss.sample_targets(uniform), loss=loss, epochs=30, dtype="float64")
    losses = run.history.column("train_loss")
    assert losses[-1] < losses[0]
    assert all(f"train_{name}" in run.history.columns for name in loss.metrics)


def test_labels_for_a_bare_loss_are_pointed_at_what_takes_labels() -> None:
    with pytest.raises(TargetError) as caught:
        LOSSES.make("softmax_cross_entropy").encode(np.array(["a", "b"]))
    assert "train and MLPClassifier take labels" in caught.value.do


def test_the_plan_counts_in_good_english() -> None:
    from chainrule.plan import make_plan, plan_table

    one = plan_table(make_plan(nn.Dense(1), (2,), "squared_error", 1, optimizer="adam"))
    two = plan_table(make_plan(nn.Dense(2), (2,), "squared_error", 2))
    assert "1 target column\n" in one
    assert "2 target columns\n" in two
    assert "2 optimizer slots" in one
